package console

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"faultline/pager"
	"faultline/vmo"
	"faultline/zx"
)

// diskHolder is how commands call the holder of the pager of the disk's files.
const diskHolder = "disk"

// knownPager is a pager and who has it.
type knownPager struct {
	*pager.Pager
	proxies []*pager.Proxy
	holders []string // as text
	names   []string // of the programs, or diskHolder
}

// pagers lists the pagers that a handle or a VMO leads to, oldest first.
func (c *Console) pagers() (list []*knownPager) {
	index := map[*pager.Pager]*knownPager{}
	add := func(p *pager.Pager) *knownPager {
		k := index[p]
		if k == nil {
			k = &knownPager{Pager: p, proxies: p.Proxies()}
			index[p] = k
			list = append(list, k)
		}
		return k
	}
	if p := c.filePager(); p != nil {
		k := add(p)
		k.holders, k.names = append(k.holders, "the kernel, for files"), append(k.names, diskHolder)
	}
	for _, h := range c.kernel.Handles() {
		if h.Pager != nil {
			k := add(h.Pager)
			k.holders = append(k.holders, fmt.Sprintf("process %d %s", h.Process, clean(h.ProcessName)))
			k.names = append(k.names, h.ProcessName)
		}
	}
	c.kernel.Store().ForEach(func(v *vmo.VMO) bool {
		if s := pager.ProxyOf(v); s != nil {
			add(s.Pager())
		}
		return true
	})
	slices.SortFunc(list, func(a, b *knownPager) int { return cmp.Compare(a.Koid(), b.Koid()) })
	return list
}

// held spells who has the pager.
func (k *knownPager) held() string {
	switch {
	case len(k.holders) > 0:
		return strings.Join(k.holders, ", ")
	case k.Closed():
		return "nobody: it is closed"
	}
	return "the kernel"
}

func (c *Console) pager(args []string) error {
	list := c.pagers()
	if len(args) > 0 {
		koid, err := strconv.ParseUint(args[0], 10, 64)
		found := false
		for _, k := range list {
			if err == nil && uint64(k.Koid()) == koid || err != nil && slices.Contains(k.names, args[0]) {
				c.pagerShow(k)
				found = true
			}
		}
		if !found {
			return fmt.Errorf("no pager has the koid or the holder %q; `pager` lists them", args[0])
		}
		return nil
	}
	if len(list) > 0 {
		c.printf("%6s %6s %6s %6s  %s\n", "PAGER", "VMOS", "READ", "DIRTY", "HELD BY")
	}
	for _, k := range list {
		var reads, dirties int
		for _, s := range k.proxies {
			i := s.Info()
			reads += i.Reads
			dirties += i.Dirties
		}
		c.printf("%6d %6d %6d %6d  %s\n", k.Koid(), len(k.proxies), reads, dirties, k.held())
	}
	c.printf("%d pagers; READ and DIRTY count outstanding requests\n", len(list))
	c.counters()
	c.filePagerStats()
	return nil
}

// counters prints the counters of pagers and evictor by Zircon's names.
func (c *Console) counters() {
	for _, k := range c.kernel.Counters() {
		c.printf("%-48s %d\n", k.Name, k.Value)
	}
}

// filePagerStats prints what the pager of the disk's files did.
func (c *Console) filePagerStats() {
	if c.volume == nil {
		return
	}
	open := c.volume.Files()
	if len(open) > 0 {
		c.printf("%8s %8s %18s %8s %8s %7s  %s\n", "READ", "DIRTY", "SUPPLIED (AHEAD)", "DIRTIED", "WRITTEN", "FAILED", "FILE")
	}
	for _, f := range open {
		s := c.stats(f)
		c.printf("%8d %8d %18s %8d %8d %7d  %s\n", s.Reads, s.Dirties, fmt.Sprintf("%d (%d)", s.PagesSupplied, s.PagesAhead),
			s.PagesDirtied, s.PagesWritten, s.PagesFailed, clean(f.Name()))
		if s.LastError != nil {
			c.printf("         last error: %v\n", s.LastError)
		}
		for _, x := range f.Failures() {
			c.printf("         %#x+%#x fails with %v\n", x.Offset, x.Length, x.Status)
		}
	}
	d := c.volume.DiskStats()
	c.printf("disk: %d reads (%d KiB), %d writes (%d KiB), %d flushes, %d errors; %s\n",
		d.Reads, d.ReadBytes>>10, d.Writes, d.WroteBytes>>10, d.Flushes, d.Errors, c.volume.Describe())
}

// pagerShow prints the VMOs of one pager by key, and what is asked of each.
func (c *Console) pagerShow(k *knownPager) {
	c.printf("pager %d, held by %s: %d VMOs\n", k.Koid(), k.held(), len(k.proxies))
	names, threads := c.vmoNames(), c.threadNames()
	slices.SortFunc(k.proxies, func(a, b *pager.Proxy) int {
		return cmp.Or(cmp.Compare(a.Key(), b.Key()), cmp.Compare(a.Info().VMO, b.Info().VMO))
	})
	for _, s := range k.proxies {
		i := s.Info()
		what := "its VMO is gone"
		if v := c.kernel.Store().ByKoid(i.VMO); v != nil {
			if pager.ProxyOf(v) == s {
				n := v.Info()
				what = fmt.Sprintf("VMO %d %s, %#x bytes, %d of %d pages committed, options %s",
					i.VMO, names[i.VMO], n.Size, n.Committed.Bytes>>zx.PageShift, n.Size>>zx.PageShift, optionNames(&n))
			}
			v.Release()
		}
		c.printf("  key %#x: %s\n    %s; %d READ, %d DIRTY outstanding\n", i.Key, what, sourceState(i), i.Reads, i.Dirties)
		list := s.Requests()
		for n := range list {
			c.printf("      %s\n", c.requestLine(&list[n], threads))
		}
	}
}

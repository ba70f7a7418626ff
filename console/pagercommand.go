package console

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"faultline/pager"
	"faultline/trace"
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
		if p, ok := h.Object.(*pager.Pager); ok {
			k := add(p)
			k.holders = append(k.holders, fmt.Sprintf("process %d %s", h.Process, h.ProcessName))
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
		found := false
		for _, k := range list {
			if means(args[0], k.Koid(), k.names...) {
				c.pagerShow(k)
				found = true
			}
		}
		if !found {
			return fmt.Errorf("no pager has the koid or the holder %q; `pager` lists them", args[0])
		}
		return nil
	}
	rows := []pagerRow{}
	for _, k := range list {
		row := pagerRow{Pager: k.Koid(), VMOs: len(k.proxies), HeldBy: k.held()}
		for _, s := range k.proxies {
			i := s.Info()
			row.Reads += i.Reads
			row.Dirties += i.Dirties
		}
		rows = append(rows, row)
	}
	c.table("pagers", rows)
	c.note("%d pagers; READ and DIRTY count outstanding requests", len(list))
	c.filePagerStats()
	return nil
}

// pagerRow is a pager.
type pagerRow struct {
	Pager   zx.Koid `t:"PAGER"`
	VMOs    int     `t:"VMOS"`
	Reads   int     `t:"READ"`
	Dirties int     `t:"DIRTY"`
	HeldBy  string  `t:"HELD BY"`
}

// fileRow is what the pager of the disk's files did for one.
type fileRow struct {
	Reads    uint64 `t:"READ"`
	Dirties  uint64 `t:"DIRTY"`
	Supplied uint64 `t:"SUPPLIED"`
	Ahead    uint64 `t:"AHEAD"`
	Dirtied  uint64 `t:"DIRTIED"`
	Written  uint64 `t:"WRITTEN"`
	Failed   uint64 `t:"FAILED"`
	File     string `t:"FILE"`
	Last     string `t:"+LAST ERROR"`
}

// filePagerStats shows what the pager of the disk's files did.
func (c *Console) filePagerStats() {
	if c.volume == nil {
		return
	}
	rows := []fileRow{}
	for _, f := range c.volume.Files() {
		s := c.stats(f)
		row := fileRow{s.Reads, s.Dirties, s.PagesSupplied, s.PagesAhead, s.PagesDirtied, s.PagesWritten, s.PagesFailed, f.Name(), ""}
		if s.LastError != nil {
			row.Last = "last error: " + s.LastError.Error()
		}
		for _, x := range f.Failures() {
			row.Last += fmt.Sprintf(" %#x+%#x fails with %v", x.Offset, x.Length, x.Status)
		}
		rows = append(rows, row)
	}
	c.table("files", rows)
	d := c.volume.DiskStats()
	c.note("disk: %d reads (%d KiB), %d writes (%d KiB), %d flushes, %d errors; %s",
		d.Reads, d.ReadBytes>>10, d.Writes, d.WroteBytes>>10, d.Flushes, d.Errors, c.volume.Describe())
	c.field("disk", map[string]uint64{"reads": d.Reads, "read_bytes": d.ReadBytes, "writes": d.Writes, "wrote_bytes": d.WroteBytes, "flushes": d.Flushes, "errors": d.Errors})
}

// sourceRow is what is asked of a pager for one VMO.
type sourceRow struct {
	Key       addr    `t:"KEY"`
	VMO       zx.Koid `t:"VMO"`
	Size      size    `t:"SIZE"`
	Committed uint64  `t:"PAGES"`
	Reads     int     `t:"READ"`
	Dirties   int     `t:"DIRTY"`
	Name      string  `t:"NAME"`
	Source    string  `t:"+SOURCE"`
}

// pagerShow shows the VMOs of one pager by key, and what is asked of each.
func (c *Console) pagerShow(k *knownPager) {
	c.note("pager %d, held by %s: %d VMOs", k.Koid(), k.held(), len(k.proxies))
	names, threads, rows, requests := c.vmoNames(), c.threadNames(), []sourceRow{}, []requestRow{}
	slices.SortFunc(k.proxies, func(a, b *pager.Proxy) int {
		return cmp.Or(cmp.Compare(a.Key(), b.Key()), cmp.Compare(a.Info().VMO, b.Info().VMO))
	})
	alive := map[zx.Koid]vmo.Info{}
	c.kernel.Store().ForEach(func(v *vmo.VMO) bool {
		if s := pager.ProxyOf(v); s != nil && s.Pager() == k.Pager {
			alive[v.Koid()] = v.Info()
		}
		return true
	})
	for _, s := range k.proxies {
		i := s.Info()
		row := sourceRow{addr(i.Key), i.VMO, 0, 0, i.Reads, i.Dirties, "(gone)", sourceState(i)}
		if n, ok := alive[i.VMO]; ok {
			row.Name, row.Size, row.Committed = names[i.VMO], size(n.Size), n.Committed.Bytes>>zx.PageShift
			row.Source += ", options " + optionNames(&n)
		}
		rows, requests = append(rows, row), append(requests, c.requests(s, threads)...)
	}
	c.table("sources", rows)
	c.table("requests", requests)
	c.latencies(func(m *trace.Measurer) *trace.Histograms { return m.OfPager(k.Koid()) })
}

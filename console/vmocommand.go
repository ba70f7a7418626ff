package console

import (
	"fmt"
	"strconv"
	"strings"

	"faultline/pager"
	"faultline/vmo"
	"faultline/zx"
)

const (
	rangesShown  = 16      // dirty ranges that `vmo ID` prints
	picturePages = 1 << 10 // a VMO of more pages is drawn by runs
	pictureRow   = 64      // pages in a row
	runsShown    = 256     // runs of a VMO drawn by runs
	runsWidth    = 80      // characters in a row of runs
)

// pictures is how each state of a page is drawn and called. Source: docs/pager.md
// 4.1.
var pictures = []struct {
	state vmo.State
	char  byte
	name  string
}{
	{vmo.Absent, '.', "absent"},
	{vmo.Marker, '0', "zero marker"},
	{vmo.Clean, 'c', "clean"},
	{vmo.Dirty, 'D', "dirty"},
	{vmo.AwaitingClean, 'w', "awaiting clean"},
	{vmo.Untracked, '#', "anonymous page"},
	{vmo.ZeroDirty, 'Z', "dirty zero interval"},
	{vmo.ZeroAwaiting, 'z', "zero interval awaiting clean"},
	{vmo.ZeroUntracked, '-', "zeros past the stream size"},
}

func (c *Console) vmo(args []string) error {
	if len(args) == 0 {
		return c.vmoList()
	}
	v, err := c.vmoOf(args[0])
	if err != nil {
		return err
	}
	defer v.Release()
	return c.vmoShow(v)
}

// vmoOf gives the VMO that an argument means, with a reference to it: all digits
// are its koid, anything else is the name it was given, or of a file.
func (c *Console) vmoOf(arg string) (*vmo.VMO, error) {
	if koid, err := strconv.ParseUint(arg, 10, 64); err == nil {
		if v := c.kernel.Store().ByKoid(zx.Koid(koid)); v != nil {
			return v, nil
		}
		return nil, fmt.Errorf("there is no VMO %d; `vmo` lists them, and a file of that name is /%s", koid, arg)
	}
	for koid, name := range c.vmoNames() {
		if name == arg {
			if v := c.kernel.Store().ByKoid(koid); v != nil {
				return v, nil
			}
		}
	}
	f, err := c.open(arg)
	if err != nil {
		return nil, err
	}
	f.VMO().Retain()
	return f.VMO(), nil
}

// pageCounts counts the pages of a VMO by state, keeps the first runs, and
// counts all.
func pageCounts(v *vmo.VMO, keep int) (counts [16]uint64, first []vmo.Run, runs int) {
	var buf [64]vmo.Run
	for at := uint64(0); ; {
		n, next := v.Runs(at, buf[:])
		for _, r := range buf[:n] {
			counts[r.State] += r.Length >> zx.PageShift
			if runs++; len(first) < keep {
				first = append(first, r)
			}
		}
		if n < len(buf) {
			return counts, first, runs
		}
		at = next
	}
}

// vmoList prints a line for each VMO.
func (c *Console) vmoList() error {
	names := c.vmoNames()
	n := 0
	c.kernel.Store().ForEach(func(v *vmo.VMO) bool {
		if n == 0 {
			c.printf("%5s %6s %4s %20s %9s %8s %8s %8s %5s  %s\n", "VMO", "PAGER", "KEY", "BYTES", "COMMITTED", "CLEAN", "DIRTY", "AWAITING", "MAPS", "NAME")
		}
		n++
		i := v.Info()
		koid, key := "-", "-"
		if s := pager.ProxyOf(v); s != nil {
			koid, key = fmt.Sprint(s.Pager().Koid()), fmt.Sprint(s.Key())
		}
		p, _, _ := pageCounts(v, 0)
		c.printf("%5d %6s %4s %20d %9d %8d %8d %8d %5d  %s\n", i.Koid, koid, key, i.Size, i.Committed.Bytes>>zx.PageShift,
			p[vmo.Clean], p[vmo.Dirty], p[vmo.AwaitingClean], i.Mappings, names[i.Koid])
		return true
	})
	c.printf("%d VMOs; committed, clean, dirty and awaiting clean count pages of %d bytes\n", n, zx.PageSize)
	return nil
}

// vmoShow prints all about one VMO.
func (c *Console) vmoShow(v *vmo.VMO) error {
	i, s := v.Info(), pager.ProxyOf(v)
	c.printf("VMO %d", i.Koid)
	if name := c.vmoNames()[i.Koid]; name != "" {
		c.printf(" %s", name)
	}
	if s != nil {
		c.printf(": pages come from pager %d, key %#x\n", s.Pager().Koid(), s.Key())
	} else {
		c.printf(": anonymous\n")
	}
	c.printf("  size        %#x (%d pages), stream size %#x\n", i.Size, i.Size>>zx.PageShift, i.StreamSize)
	c.printf("  options     %s\n", optionNames(&i))
	c.printf("  committed   %#x (%d pages), %d bytes of metadata, %d pages evicted so far\n",
		i.Committed.Bytes, i.Committed.Bytes>>zx.PageShift, i.MetadataBytes, i.ChangeEvents)
	c.printf("  modified    %v\n", i.Modified)
	c.printf("  references  %d, of which mappings %d", i.References-1, i.Mappings) // one is ours
	for _, h := range c.kernel.Handles() {
		if h.VMO == v {
			c.printf("; a handle of process %d %s", h.Process, clean(h.ProcessName))
		}
	}
	c.printf("\n")
	c.picture(v)
	if s != nil {
		c.dirtyRanges(v)
		c.printf("  source      %s\n", sourceState(s.Info()))
		c.requests(s)
	}
	c.mappings(v)
	return nil
}

// picture draws the pages: one character a page, or what runs there are.
func (c *Console) picture(v *vmo.VMO) {
	keep, pages := runsShown, v.Size()>>zx.PageShift
	if pages <= picturePages {
		keep = picturePages
	}
	counts, runs, all := pageCounts(v, keep)
	var legend []string
	chars := map[vmo.State]byte{}
	for _, p := range pictures {
		chars[p.state] = p.char
		if n := counts[p.state]; n > 0 {
			legend = append(legend, fmt.Sprintf("%d %s (%c)", n, p.name, p.char))
		}
	}
	if all == 0 {
		c.printf("  pages       none\n")
		return
	}
	c.printf("  pages       %s\n", strings.Join(legend, ", "))
	if pages <= picturePages {
		var row []byte
		for _, r := range runs {
			for n := r.Length >> zx.PageShift; n > 0; n-- {
				row = append(row, chars[r.State])
			}
		}
		for at := 0; at < len(row); at += pictureRow {
			c.printf("    %#08x  %s\n", at<<zx.PageShift, row[at:min(len(row), at+pictureRow)])
		}
		return
	}
	c.printf("    %d runs, each a state and how many pages it goes on:\n", all)
	line := ""
	for n, r := range runs {
		word := fmt.Sprintf(" %c%d", chars[r.State], r.Length>>zx.PageShift)
		if line == "" {
			line = fmt.Sprintf("    %#08x ", r.Offset)
		}
		line += word
		if len(line) >= runsWidth || n == len(runs)-1 {
			c.printf("%s\n", line)
			line = ""
		}
	}
	if all > len(runs) {
		c.printf("    and %d more runs\n", all-len(runs))
	}
}

// dirtyRanges prints what zx_pager_query_dirty_ranges would tell.
func (c *Console) dirtyRanges(v *vmo.VMO) {
	sink := pager.SliceSink{Ranges: make([]zx.DirtyRange, 0, rangesShown), Room: rangesShown}
	_, avail, st := v.EnumerateDirty(0, v.Size(), &sink, true, nil)
	if st != zx.OK {
		c.printf("  dirty       %v\n", st)
		return
	}
	for _, r := range sink.Ranges {
		kind := ""
		if r.Options&zx.VMODirtyRangeIsZero != 0 {
			kind = ", zero"
		}
		c.printf("  dirty [%#x, %#x)%s\n", r.Offset, r.Offset+r.Length, kind)
	}
	if more := avail - uint64(len(sink.Ranges)); more > 0 {
		c.printf("  and %d more dirty ranges\n", more)
	}
}

// requests prints the outstanding requests of a source.
func (c *Console) requests(s *pager.Proxy) {
	list := s.Requests()
	if len(list) == 0 {
		c.printf("  requests    none\n")
		return
	}
	threads := c.threadNames()
	c.printf("  requests    %d outstanding\n", len(list))
	for n := range list {
		c.printf("    %s\n", c.requestLine(&list[n], threads))
	}
}

// mappings prints where a VMO is mapped.
func (c *Console) mappings(v *vmo.VMO) {
	n := 0
	for _, m := range c.kernel.Mappings() {
		if m.VMO == v.Koid() {
			n++
			c.printf("  mapped      at %#x + %#x in process %d %s: %v, at most %v, from offset %#x\n",
				uint64(m.Base), m.Size, m.Process, clean(m.ProcessName), m.Prot, m.Max, m.Offset)
		}
	}
	if n == 0 {
		c.printf("  mapped      nowhere\n")
	}
}

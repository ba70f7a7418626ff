package console

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"faultline/files"
	"faultline/pager"
	"faultline/trace"
	"faultline/vmar"
	"faultline/vmo"
	"faultline/zx"
)

const (
	rangesShown  = 16      // dirty ranges that `vmo ID` prints
	picturePages = 1 << 10 // a VMO of more pages is drawn by runs
	pictureRow   = 64      // pages in a row
	runsShown    = 256     // runs of a VMO drawn by runs
	runsWidth    = 80      // characters in a row of runs,
	runLonger    = 9       // before one of which there is room for another, of usual length
)

// pictures is how each state of a page is drawn and called, and the letter that a line
// of Stream has for it. Source: docs/pager.md 4.1.
var pictures = [...]struct {
	char   byte
	name   string
	letter byte
}{
	vmo.Absent:        {'.', "absent", 'a'},
	vmo.Marker:        {'0', "zero marker", 'z'},
	vmo.Clean:         {'c', "clean", 'c'},
	vmo.Dirty:         {'D', "dirty", 'd'},
	vmo.AwaitingClean: {'w', "awaiting clean", 'w'},
	vmo.Untracked:     {'#', "anonymous page", 'u'},
	vmo.ZeroDirty:     {'Z', "dirty zero interval", 'd'},
	vmo.ZeroAwaiting:  {'z', "zero interval awaiting clean", 'w'},
	vmo.ZeroUntracked: {'-', "zeros past the stream size", 'z'},
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
// are its koid, anything else is the name of a file, or the one it was given.
func (c *Console) vmoOf(arg string) (*vmo.VMO, error) {
	if koid, err := strconv.ParseUint(arg, 10, 64); err == nil {
		if v := c.kernel.Store().ByKoid(zx.Koid(koid)); v != nil {
			return v, nil
		}
		return nil, fmt.Errorf("there is no VMO %d; `vmo` lists them, and a file of that name is /%s", koid, arg)
	}
	f, err := c.open(arg)
	if err == nil {
		f.VMO().Retain()
		return f.VMO(), nil
	}
	var found *vmo.VMO
	for koid, name := range c.vmoNames() {
		if clean(name) != arg {
			continue
		}
		v := c.kernel.Store().ByKoid(koid)
		if v != nil && found != nil {
			found.Release()
			v.Release()
			return nil, fmt.Errorf("more VMOs than one are called %q; say which by its koid", arg)
		}
		if v != nil {
			found = v
		}
	}
	if found == nil {
		return nil, err
	}
	return found, nil
}

// pageCounts counts the pages of a VMO by state, keeps the first runs, and
// counts all.
func pageCounts(v *vmo.VMO, keep int) (counts [len(pictures)]uint64, first []vmo.Run, runs int) {
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

// dirtyPages counts a file's pages that the disk does not have yet.
func dirtyPages(f *files.File) uint64 {
	counts, _, _ := pageCounts(f.VMO(), 0)
	return counts[vmo.Dirty] + counts[vmo.AwaitingClean]
}

// vmoRow is a VMO.
type vmoRow struct {
	VMO     zx.Koid `t:"VMO"`
	Pager   zx.Koid `t:"PAGER"`
	Key     addr    `t:"key"`
	Size    size    `t:"SIZE"`
	Stream  size    `t:"stream"`
	Options string  `t:"options"`
	Pages   uint64  `t:"PAGES"`
	Clean   uint64  `t:"CLEAN"`
	Dirty   uint64  `t:"DIRTY"`
	Writing uint64  `t:"WRITING"`
	Maps    int     `t:"MAPS"`
	Name    string  `t:"NAME"`
}

// vmoRow tells of v, of which there are so many pages in each state.
func (c *Console) vmoRow(v *vmo.VMO, i *vmo.Info, pages *[len(pictures)]uint64, name string) vmoRow {
	row := vmoRow{VMO: i.Koid, Size: size(i.Size), Stream: size(i.StreamSize), Options: optionNames(i), Pages: i.Committed.Bytes >> zx.PageShift,
		Clean: pages[vmo.Clean], Dirty: pages[vmo.Dirty], Writing: pages[vmo.AwaitingClean], Maps: i.Mappings, Name: name}
	if s := pager.ProxyOf(v); s != nil {
		row.Pager, row.Key = s.Pager().Koid(), addr(s.Key())
	}
	return row
}

// vmoList shows a line for each VMO.
func (c *Console) vmoList() error {
	names, rows := c.vmoNames(), []vmoRow{}
	c.kernel.Store().ForEach(func(v *vmo.VMO) bool {
		i := v.Info()
		p, _, _ := pageCounts(v, 0)
		rows = append(rows, c.vmoRow(v, &i, &p, names[i.Koid]))
		return true
	})
	slices.SortFunc(rows, func(a, b vmoRow) int { return cmp.Compare(a.VMO, b.VMO) })
	c.table("vmos", rows)
	c.note("%d VMOs; PAGES counts the committed ones of %d bytes, WRITING those that await clean", len(rows), zx.PageSize)
	return nil
}

// rangeRow is pages in a row.
type rangeRow struct {
	Offset addr   `t:"OFFSET"`
	Length addr   `t:"LENGTH"`
	State  string `t:"STATE"`
}

// placeRow is where a VMO is mapped, or who has a handle of it.
type placeRow struct {
	Process zx.Koid `t:"PROCESS"`
	Address addr    `t:"ADDRESS"`
	Size    size    `t:"SIZE"`
	Offset  addr    `t:"OFFSET"`
	Prot    string  `t:"PROT"`
	Name    string  `t:"NAME"`
}

// vmoShow shows all about one VMO.
func (c *Console) vmoShow(v *vmo.VMO) error {
	i, s := v.Info(), pager.ProxyOf(v)
	counts, _, _ := pageCounts(v, 0)
	row := c.vmoRow(v, &i, &counts, c.vmoNames()[i.Koid])
	from := ": anonymous"
	if s != nil {
		from = fmt.Sprintf(": pages come from pager %d, key %#x", row.Pager, s.Key())
	}
	c.note("VMO %d %s%s", i.Koid, row.Name, from)
	if c.json {
		c.table("vmos", []vmoRow{row})
	}
	c.tell("  size        ", "%#x (%d pages), stream size %#x", i.Size, i.Size>>zx.PageShift, i.StreamSize)
	c.tell("  options     ", "%s", row.Options)
	c.tell("  committed   ", "%#x (%d pages), %d bytes of metadata, %d pages evicted so far",
		i.Committed.Bytes, row.Pages, i.MetadataBytes, i.ChangeEvents)
	c.tell("  modified    ", "%v", i.Modified)
	c.tell("  references  ", "%d, of which mappings %d", i.References-1, i.Mappings) // one is ours
	places := []placeRow{}
	for _, h := range c.kernel.Handles() {
		if h.vmo() == v {
			c.tell("  handle      ", "%#x of process %d %s", uint32(h.Handle), h.Process, h.ProcessName)
		}
	}
	c.picture(v)
	if s != nil {
		c.tell("  source      ", "%s", sourceState(s.Info()))
		c.dirtyRanges(v)
		c.table("requests", c.requests(s, c.threadNames()))
	}
	for _, p := range c.kernel.Processes() {
		p.eachMapping(func(e vmar.Entry) {
			if e.VMO == v {
				places = append(places, placeRow{p.Koid, addr(e.Base), size(e.Size), addr(e.Offset), protection(e.Perms), p.Name})
			}
		})
	}
	c.table("mappings", places)
	c.latencies(func(m *trace.Measurer) *trace.Histograms { return m.VMO(i.Koid) })
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
	for state, p := range pictures {
		if n := counts[state]; n > 0 {
			legend = append(legend, fmt.Sprintf("%d %s (%c)", n, p.name, p.char))
		}
	}
	if c.json {
		rows := []rangeRow{}
		for _, r := range runs {
			rows = append(rows, rangeRow{addr(r.Offset), addr(r.Length), r.State.String()})
		}
		c.table("runs", rows)
		return
	}
	if all == 0 {
		legend = []string{"none"}
	}
	c.tell("  pages       ", "%s", strings.Join(legend, ", "))
	if pages <= picturePages {
		var row []byte
		for _, r := range runs {
			for n := r.Length >> zx.PageShift; n > 0; n-- {
				row = append(row, pictures[r.State].char)
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
		word := fmt.Sprintf(" %c%d", pictures[r.State].char, r.Length>>zx.PageShift)
		if line == "" {
			line = fmt.Sprintf("    %#08x ", r.Offset)
		}
		line += word
		if len(line) >= runsWidth-runLonger || n == len(runs)-1 {
			c.printf("%s\n", line)
			line = ""
		}
	}
	if all > len(runs) {
		c.printf("    and %d more runs\n", all-len(runs))
	}
}

// dirtyRanges shows what zx_pager_query_dirty_ranges would tell.
func (c *Console) dirtyRanges(v *vmo.VMO) {
	sink := pager.SliceSink{Ranges: make([]zx.DirtyRange, 0, rangesShown), Room: rangesShown}
	_, avail, st := v.EnumerateDirty(0, v.Size(), &sink, true, nil)
	if st != zx.OK {
		c.tell("  dirty       ", "%v", st)
		return
	}
	rows := []rangeRow{}
	for _, r := range sink.Ranges {
		state := "dirty"
		if r.Options&zx.VMODirtyRangeIsZero != 0 {
			state = "dirty, zero"
		}
		rows = append(rows, rangeRow{addr(r.Offset), addr(r.Length), state})
	}
	c.table("dirty", rows)
	if more := avail - uint64(len(rows)); more > 0 {
		c.note("and %d more dirty ranges", more)
	}
}

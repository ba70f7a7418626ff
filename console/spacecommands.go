package console

import (
	"fmt"
	"strings"

	"faultline/files"
	"faultline/mmu"
	"faultline/vmar"
	"faultline/zx"
)

// mapRow is a region or mapping of an address space.
type mapRow struct {
	Address  addr    `t:"ADDRESS"`
	Size     size    `t:"SIZE"`
	Depth    int     `t:"depth"`
	Prot     string  `t:"PROT"`
	Resident uint64  `t:"RESIDENT"`
	Dirty    uint64  `t:"DIRTY"`
	Writable uint64  `t:"WRITABLE"`
	VMO      zx.Koid `t:"VMO"`
	Offset   addr    `t:"OFFSET"`
	Name     string  `t:"NAME"`
}

func (c *Console) vmaps(p ProcessInfo) error {
	names, rows, entries, total := c.vmoNames(), []mapRow{}, 0, mapRow{}
	p.eachEntry(func(e vmar.Entry) {
		row := mapRow{Address: addr(e.Base), Size: size(e.Size), Depth: e.Depth, Prot: "vmar"}
		if e.Depth == 1 {
			row.Name = "root"
		}
		if e.VMO != nil {
			koid := e.VMO.Koid()
			row.Prot, row.VMO, row.Offset, row.Name = protection(e.Perms), koid, addr(e.Offset), strings.Repeat("  ", e.Depth-1)+names[koid]
			row.count(p.Space)
			total.Resident, total.Dirty, total.Writable = total.Resident+row.Resident, total.Dirty+row.Dirty, total.Writable+row.Writable
		}
		if entries++; entries <= mostRows {
			rows = append(rows, row)
		}
	})
	c.table("maps", rows)
	c.leftOut(entries - len(rows))
	c.note("process %d %s: the page table has %d pages of it, %d dirty, %d writable", p.Koid, p.Name, total.Resident, total.Dirty, total.Writable)
	return nil
}

// mostRows is how many rows are shown of what a program can make as many of as it
// likes: the text of all of them would fill a small machine's heap.
const mostRows = 8192

// leftOut says how many rows are not shown, if any.
func (c *Console) leftOut(n int) {
	if n > 0 {
		c.field("left_out", n)
		c.note("%d more are not shown", n)
	}
}

// count counts the pages of the range that the page table has, walking past what
// it has no tables for.
func (r *mapRow) count(space *vmar.AddressSpace) {
	for va, end := uint64(r.Address), uint64(r.Address)+uint64(r.Size); va < end; {
		chain, level := space.Chain(zx.VirtAddr(va))
		span := uint64(zx.PageSize) << (9 * (level - mmu.LevelPT))
		next := (va &^ (span - 1)) + span
		if e := chain[mmu.LevelPML4-level].PTE; e.Present() {
			n := (min(next, end) - va) / zx.PageSize
			r.Resident += n
			if e&mmu.PTE_RW != 0 {
				r.Writable += n
			}
			if e&mmu.PTE_D != 0 {
				r.Dirty += n
			}
		}
		va = next
	}
}

// protection spells options of zx_vmar_map.
func protection(perms uint32) string {
	text := []byte("---")
	for i, bit := range []uint32{zx.VMPermRead, zx.VMPermWrite, zx.VMPermExecute} {
		if perms&bit != 0 {
			text[i] = "rwx"[i]
		}
	}
	return string(text)
}

// handleRow is a handle of a process.
type handleRow struct {
	Handle addr    `t:"HANDLE"`
	Koid   zx.Koid `t:"KOID"`
	Type   string  `t:"TYPE"`
	Name   string  `t:"NAME"`
	Rights string  `t:"+RIGHTS"`
}

var typeNames = map[zx.ObjType]string{zx.ObjProcess: "process", zx.ObjThread: "thread", zx.ObjVMO: "vmo", zx.ObjChannel: "channel",
	zx.ObjEvent: "event", zx.ObjPort: "port", zx.ObjResource: "resource", zx.ObjEventPair: "eventpair", zx.ObjJob: "job", zx.ObjVMAR: "vmar",
	zx.ObjFIFO: "fifo", zx.ObjTimer: "timer", zx.ObjIOMMU: "iommu", zx.ObjBTI: "bti", zx.ObjPMT: "pmt", zx.ObjSuspendToken: "suspend token",
	zx.ObjPager: "pager", zx.ObjException: "exception", zx.ObjStream: "stream"}

// rightNames are the rights' names from bit 0 on.
var rightNames = strings.Fields("dup transfer read write exec map get-prop set-prop enumerate destroy set-policy get-policy " +
	"signal signal-peer wait inspect manage-job manage-process manage-thread apply-profile manage-socket op-children resize attach-vmo manage-vmo")

func (c *Console) handlesOf(p ProcessInfo) error {
	names, rows, handles := c.vmoNames(), []handleRow{}, 0
	for _, h := range c.kernel.Handles() {
		if h.Process != p.Koid {
			continue
		}
		if handles++; handles > mostRows {
			continue
		}
		b := h.Object.ObjectBase()
		row := handleRow{Handle: addr(h.Handle), Koid: b.Koid(), Type: typeNames[b.Type()]}
		if row.Type == "" {
			row.Type = fmt.Sprint(b.Type())
		}
		if v := h.vmo(); v != nil {
			row.Name = names[v.Koid()]
		} else if n, ok := h.Object.(interface{ Name() string }); ok {
			row.Name = n.Name()
		}
		for i, name := range rightNames {
			if h.Rights>>i&1 != 0 {
				row.Rights += " " + name
			}
		}
		row.Rights = strings.TrimPrefix(row.Rights, " ")
		rows = append(rows, row)
	}
	c.table("handles", rows)
	c.leftOut(handles - len(rows))
	c.note("process %d %s has %d handles", p.Koid, p.Name, handles)
	return nil
}

// entryRow is an entry of a page-table chain.
type entryRow struct {
	Entry string `t:"ENTRY"`
	Index uint64 `t:"INDEX"`
	At    addr   `t:"AT"`
	Value addr   `t:"VALUE"`
	Bits  string `t:"BITS"`
}

func (c *Console) pt(args []string) error {
	if p, err := c.process(args[0]); err == nil {
		va, err := number("ADDRESS", args[1])
		if err != nil {
			return err
		}
		chain, level := p.Space.Chain(zx.VirtAddr(va))
		c.note("%#x in process %d %s: %s", va, p.Koid, p.Name, leafText(chain, level))
		c.chain(chain, level)
		return nil
	}
	return onFile((*Console).ptOfFile)(c, args)
}

func (c *Console) ptOfFile(f *files.File, args []string) error {
	offset, err := at(f, args[0], 1)
	if err != nil {
		return err
	}
	t, err := c.toucher(f)
	if err != nil {
		return err
	}
	va := t.base + zx.VirtAddr(offset)
	chain, level := t.process.Chain(va)
	c.note("%s at %#x is address %#x of process %d; %s", f.Name(), offset, uint64(va), t.process.Koid(), leafText(chain, level))
	c.chain(chain, level)
	return nil
}

// chain shows a page-table chain.
func (c *Console) chain(chain [4]mmu.Entry, level int) {
	var rows []entryRow
	for _, e := range chain[:mmu.LevelPML4-level+1] {
		rows = append(rows, entryRow{e.Name(), e.Index, addr(uint64(e.Table.Addr()) + 8*e.Index), addr(e.PTE), e.PTE.String()})
	}
	c.table("chain", rows)
}

// leafText says of a leaf what matters to a pager.
func leafText(chain [4]mmu.Entry, level int) string {
	e := chain[mmu.LevelPML4-level].PTE
	switch {
	case !e.Present():
		return "not mapped: the next access faults"
	case e&mmu.PTE_RW == 0:
		return "W is clear: the next store is trapped"
	case e&mmu.PTE_D == 0:
		return "W is set: stores go through"
	}
	return "W is set, D is set: stored to"
}

// ownerRow is what a process has of memory.
type ownerRow struct {
	Process zx.Koid `t:"PROCESS"`
	Job     zx.Koid `t:"JOB"`
	Pages   int64   `t:"PAGES"`
	Account size    `t:"ACCOUNT"`
	VMOs    int     `t:"VMOS"`
	Handles int     `t:"HANDLES"`
	Mapped  size    `t:"MAPPED"`
	Name    string  `t:"NAME"`
}

// owners tells what each process has of memory.
func (c *Console) owners() (rows []ownerRow) {
	handles, vmos := map[zx.Koid]int{}, map[zx.Koid]map[zx.Koid]bool{}
	for _, h := range c.kernel.Handles() {
		handles[h.Process]++
		if v := h.vmo(); v != nil {
			if vmos[h.Process] == nil {
				vmos[h.Process] = map[zx.Koid]bool{}
			}
			vmos[h.Process][v.Koid()] = true
		}
	}
	for _, p := range c.kernel.Processes() {
		row := ownerRow{p.Koid, p.Job, p.Pages, size(p.Account), len(vmos[p.Koid]), handles[p.Koid], 0, p.Name}
		p.eachMapping(func(e vmar.Entry) { row.Mapped += size(e.Size) })
		rows = append(rows, row)
	}
	return rows
}

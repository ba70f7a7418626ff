package vmo

import (
	"faultline/mmu"
	"faultline/zx"
)

// Info is what the console and zx_object_get_info tell of a VMO.
type Info struct {
	Koid         zx.Koid
	Size         uint64 // bytes
	StreamSize   uint64
	Committed    Amount // real pages only
	ChangeEvents uint64 // pages the evictor took
	// MetadataBytes is that of nodes, intervals and frame records of the pages.
	MetadataBytes uint64
	Intervals     int
	Mappings      int
	References    int
	Options       uint32
	PagerBacked   bool // it, or an ancestor, was made by a pager
	TrapsDirty    bool
	Modified      bool
	Immutable     bool
	Contiguous    bool
	Physical      bool
	CachePolicy   uint32
	Parent        zx.Koid // KoidInvalid without one
	IsCowClone    bool
	IsSlice       bool
	Children      int
}

// Amount is memory that may be shared, in bytes. Source: docs/pager.md 1.5 as 11
// corrects it.
type Amount struct {
	Bytes      uint64 // all the VMO counts
	Private    uint64 // what nobody else sees
	Scaled     uint64 // each page divided by those who see it
	Fractional uint64 // what Scaled rounded off, of 2^63
}

// Info counts at this moment.
//
// Locks: takes the VMO's.
func (v *VMO) Info() Info {
	i, _ := v.InfoBy(&zx.Budget{})
	return i
}

// InfoBy is Info that looks up by b: what is counted then may be of several moments.
//
// Locks: none held; takes the VMO's. Errors: those of b.Look.
func (v *VMO) InfoBy(b *zx.Budget) (i Info, st zx.Status) {
	var a Amount
	for pos := uint64(0); ; {
		c := v.lock()
		if v.primary {
			pos = c.amount(&a, pos, b)
		}
		if !v.primary || pos >= c.size {
			i = v.info(c)
			if v.primary {
				i.Committed = a
				i.Committed.add(c.pages<<zx.PageShift, 1)
			}
			v.Unlock()
			return i, zx.OK
		}
		v.Unlock()
		if st = b.Look(); st != zx.OK {
			return i, st
		}
	}
}

// Mappings counts the mappings. Locks: takes the VMO's.
func (v *VMO) Mappings() int {
	v.Lock()
	defer v.Unlock()
	return int(v.mapped)
}

// info is Info but for what is committed. Locks: the family's held.
func (v *VMO) info(c *cowPages) Info {
	i := Info{
		Koid: v.koid, Size: v.SizeLocked(), StreamSize: c.stream, ChangeEvents: c.reclaimed,
		Mappings: int(v.mapped), References: int(v.refs.Load()), Options: v.options,
		PagerBacked: c.fam.root != nil, TrapsDirty: v.root && c.traps, Modified: c.modified,
		Contiguous: c.fam.contiguous, Physical: c.fam.physical, CachePolicy: c.cache,
		Immutable: v.immutable, IsSlice: v.isSlice, Children: v.kin.children,
	}
	if i.IsSlice {
		i.StreamSize = v.length
	}
	if p := v.kin.parent; p != nil {
		i.Parent, i.IsCowClone = p.koid, v.clone
	}
	if v.primary {
		i.MetadataBytes = uint64(c.tree.nodes)<<zx.PageShift + uint64(c.zeros.n)*intervalBytes + c.pages*mmu.MetaBytes
		i.Intervals = int(c.zeros.n)
	}
	return i
}

// CommittedIn counts the pages of [off, off+length), in bytes: what the VMO's node
// has itself, unless the range is all of the VMO, of which Info tells. b looks up
// from time to time.
//
// Locks: none held; takes the VMO's. Errors: those of b.Look.
func (v *VMO) CommittedIn(off, length uint64, b *zx.Budget) (a Amount, st zx.Status) {
	if off == 0 && length >= v.Size() {
		i, st := v.InfoBy(b)
		return i.Committed, st
	}
	const leaf = 512 << zx.PageShift // what one step looks through at most
	for at, end := off, addSaturating(off, length); at < end; {
		c := v.lock()
		end = min(end, v.SizeLocked())
		for n := 0; n < 64 && at < end; n++ {
			limit, state := end, c.state(v.off+at)
			if state.hasPage() {
				limit = min(end, at+leaf)
			}
			r := c.runAt(v.off+at, v.off+limit)
			if state.hasPage() {
				a.Bytes += r.Length
			}
			at += r.Length
		}
		v.Unlock()
		if st = b.Look(); st != zx.OK {
			return a, st
		}
	}
	a.Private, a.Scaled = a.Bytes, a.Bytes
	return a, zx.OK
}

// amount counts what c sees of hidden nodes from pos on, until b is spent, and gives
// where it got. Pages of an ancestor with windows are that one's.
func (c *cowPages) amount(a *Amount, pos uint64, b *zx.Budget) uint64 {
	if c.parent == nil || !c.parent.hidden() {
		return c.size
	}
	for pos < c.size && !b.Spend(2*c.fam.lookCost()) {
		w := c.look(pos, c.size)
		if w.c == nil || w.c == c || !w.c.hidden() {
			pos = w.end
			continue
		}
		for at := w.at; pos < w.end && !b.Spend(0); pos, at = pos+zx.PageSize, at+zx.PageSize {
			n, looked := w.c.sharers(at, nil, lookedAt)
			if b.Spend(3 + looked/2); w.c.tree.get(c.mem, pageIndex(at)).hasPage() {
				a.add(zx.PageSize, uint64(max(n, 1)))
			}
		}
	}
	return pos
}

// add counts bytes that n see.
func (a *Amount) add(bytes, n uint64) {
	const unit = uint64(1) << 63 // a byte, in Fractional
	a.Bytes += bytes
	if n == 1 {
		a.Private += bytes
	}
	a.Scaled += bytes / n
	if rest := bytes % n; rest != 0 {
		a.Fractional += unit / n * rest
		if a.Fractional >= unit {
			a.Fractional -= unit
			a.Scaled++
		}
	}
}

package pager

import (
	"fmt"

	"faultline/object"
	"faultline/spin"
	"faultline/trace"
	"faultline/vmo"
	"faultline/zx"
)

// Pager is a pager object: it makes VMOs and answers for their pages.
type Pager struct {
	object.Base
	sys *System

	mu      spin.Lock
	closed  bool
	proxies *Proxy // all whose COMPLETE was not delivered

	next, prev *Pager // of those that are not closed; guarded by sys.mu
}

// New makes a pager without VMOs. Source: docs/pager.md 3.1.
func New(sys *System) *Pager {
	p := &Pager{sys: sys}
	p.Base.Init(zx.ObjPager, 0)
	sys.adopt(p)
	return p
}

// OnZeroHandles closes the pager with its last handle.
func (p *Pager) OnZeroHandles() { p.Close() }

// Close ends the pager: every request of its VMOs is let go, nothing more is
// asked, and undelivered packets are withdrawn, COMPLETE included. No page is
// dropped. Again is allowed. Of many VMOs most end a moment later, as a chore.
//
// Locks: none held. Source: docs/pager.md 2.3.
func (p *Pager) Close() {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	p.closed = true
	p.mu.Unlock()
	object.Do(p.orphanSome)
}

// orphanSome ends VMOs of a closed pager, as many as b allows, and says whether
// there are more.
func (p *Pager) orphanSome(b *zx.Budget) (more bool) {
	for {
		p.mu.Lock()
		s := p.proxies
		if s == nil {
			p.mu.Unlock()
			p.sys.forget(p)
			return false
		}
		p.unlink(s)
		p.mu.Unlock()
		if s.orphan(); b.Spend(5) {
			return true
		}
	}
}

// adopt lists s. Errors: ErrBadState the pager is closed.
func (p *Pager) adopt(s *Proxy) zx.Status {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return zx.ErrBadState
	}
	s.next, s.listed = p.proxies, true
	if s.next != nil {
		s.next.prev = s
	}
	p.proxies = s
	p.mu.Unlock()
	return zx.OK
}

// forget unlists s: its last word is spoken.
func (p *Pager) forget(s *Proxy) {
	p.mu.Lock()
	p.unlink(s)
	p.mu.Unlock()
}

// unlink takes s off the list. Locks: p.mu held.
func (p *Pager) unlink(s *Proxy) {
	if !s.listed {
		return
	}
	if s.prev == nil {
		p.proxies = s.next
	} else {
		s.prev.next = s.next
	}
	if s.next != nil {
		s.next.prev = s.prev
	}
	s.next, s.prev, s.listed = nil, nil, false
	s.letGo()
}

// CreateVMO makes a VMO of size bytes whose pages are asked for on port, in
// packets that carry key. The caller gets the one reference.
//
// Pre: the caller has checked the handles of pager and port.
// Errors, in this order: ErrNoMemory | ErrBadState the pager is closed | those of
// vmo.Store.NewPaged.
// Source: docs/pager.md 3.2, from step 4 on.
func (p *Pager) CreateVMO(store *vmo.Store, options uint32, port *object.Port, key, size uint64) (*vmo.VMO, zx.Status) {
	s, st := newProxy(p, store.Account(), port, key, options&zx.VMOTrapDirty != 0)
	if st != zx.OK {
		return nil, st
	}
	if st := p.adopt(s); st != zx.OK {
		s.payer.Release(proxyBytes)
		return nil, st
	}
	v, st := store.NewPaged(size, options&^zx.VMOTrapDirty, &s.PageSource)
	if st != zx.OK {
		p.forget(s)
		s.letGo()
		return nil, st
	}
	s.named(v.Koid())
	return v, zx.OK
}

// ServeDirect has d answer for the pages of v when it can, before a request is
// sent to the port. Pre: p made v, and nobody has touched it yet.
func (p *Pager) ServeDirect(v *vmo.VMO, d vmo.Direct) {
	if !p.Owns(v) {
		panic(fmt.Sprintf("pager.ServeDirect: VMO %d is not of this pager", v.Koid()))
	}
	ProxyOf(v).SetDirect(d)
}

// Owns says whether p made v: the comparison of koids that every pager call
// starts with. Clones, slices and references are nobody's.
func (p *Pager) Owns(v *vmo.VMO) bool {
	s := ProxyOf(v)
	return s != nil && s.pager == p
}

// check is what pager calls begin with once the handles are known.
func (p *Pager) check(v *vmo.VMO) zx.Status {
	if !p.Owns(v) {
		return zx.ErrInvalidArgs
	}
	return zx.OK
}

// Detach ends the tie between p and v: requests are let go, clean pages dropped,
// COMPLETE sent. y, which may be nil, yields while it is long.
//
// Errors: ErrInvalidArgs v is not p's | those of vmo.VMO.Detach. Source: docs/pager.md 3.3.
func (p *Pager) Detach(v *vmo.VMO, y zx.Yielder) zx.Status {
	if st := p.check(v); st != zx.OK {
		return st
	}
	return v.Detach(y)
}

// SupplyPages moves the pages [auxOff, auxOff+length) of aux into the absent
// pages of v from off on. aux then reads as zero there, even when a check of
// the destination fails afterwards.
//
// r is for what aux shares with another VMO and must be copied first. A system
// call checks between the steps: alignment, handles of pager and VMO, Owns, handle
// of aux, and then calls Supply.
//
// Errors, in this order: ErrInvalidArgs unaligned, or v is not p's | those of
// vmo.VMO.TakePages | those of vmo.VMO.SupplyPages.
// Source: docs/pager.md 3.4.
func (p *Pager) SupplyPages(v *vmo.VMO, off, length uint64, aux *vmo.VMO, auxOff uint64, r *vmo.PageRequest) zx.Status {
	if (off|length|auxOff)&zx.PageMask != 0 {
		return zx.ErrInvalidArgs
	}
	if st := p.check(v); st != zx.OK {
		return st
	}
	return Supply(v, off, length, aux, auxOff, r)
}

// Supply is Pager.SupplyPages without the first two checks, for a caller that has
// made them.
//
//go:nosplit
func Supply(v *vmo.VMO, off, length uint64, aux *vmo.VMO, auxOff uint64, r *vmo.PageRequest) zx.Status {
	if trace.On() {
		traceRange(trace.Supply, 0, v, off, length)
	}
	return v.SupplyFrom(off, length, aux, auxOff, r)
}

// SupplyRun is SupplyPages from pages that a pager inside the kernel filled
// itself (vmo.Store.Append), without an aux VMO and without a copy. The run is
// used up, even on error.
func (p *Pager) SupplyRun(v *vmo.VMO, off uint64, run *vmo.PageRun) zx.Status {
	if (off|run.Length)&zx.PageMask != 0 || !p.Owns(v) {
		v.Store().Discard(run)
		return zx.ErrInvalidArgs
	}
	if trace.On() {
		traceRange(trace.Supply, 0, v, off, run.Length)
	}
	return v.SupplyPages(off, run)
}

// traceRange records what is done to a range of v.
func traceRange(kind trace.Kind, arg uint32, v *vmo.VMO, off, length uint64) {
	trace.Emit(kind, arg, uint64(v.Koid()), off, length)
}

// failCodes are the statuses OP_FAIL takes. Source: docs/pager.md 3.5.1.
func failCode(st zx.Status) bool {
	switch st {
	case zx.ErrIO, zx.ErrIODataIntegrity, zx.ErrBadState, zx.ErrNoSpace, zx.ErrBufferTooSmall:
		return true
	}
	return false
}

// Fail is OpRange of zx.PagerOpFail with the status as it is.
func (p *Pager) Fail(v *vmo.VMO, off, length uint64, st zx.Status) zx.Status {
	return p.OpRange(zx.PagerOpFail, v, off, length, uint64(int64(st)), nil)
}

// OpRange performs an operation of zx_pager_op_range on [off, off+length). y,
// which may be nil, yields while it is long.
//
// Errors, in this order: ErrInvalidArgs unaligned, or v is not p's |
// ErrNotSupported unknown op | ErrInvalidArgs data does not suit op | those of
// vmo.VMO.Fail, DirtyPages, WritebackBegin or WritebackEnd.
// Source: docs/pager.md 3.5.
func (p *Pager) OpRange(op zx.PagerOp, v *vmo.VMO, off, length, data uint64, y zx.Yielder) zx.Status {
	if (off|length)&zx.PageMask != 0 {
		return zx.ErrInvalidArgs
	}
	if st := p.check(v); st != zx.OK {
		return st
	}
	if trace.On() {
		traceRange(trace.Operation, uint32(op), v, off, length)
	}
	switch op {
	case zx.PagerOpFail:
		code := int64(data)
		if code != int64(int32(code)) || !failCode(zx.Status(code)) {
			return zx.ErrInvalidArgs
		}
		return v.Fail(off, length, zx.Status(code), y)
	case zx.PagerOpDirty:
		if data != 0 {
			return zx.ErrInvalidArgs
		}
		return v.DirtyPages(off, length, y)
	case zx.PagerOpWritebackBegin:
		if data != 0 && data != zx.VMODirtyRangeIsZero {
			return zx.ErrInvalidArgs
		}
		return v.WritebackBegin(off, length, data == zx.VMODirtyRangeIsZero, y)
	case zx.PagerOpWritebackEnd:
		if data != 0 {
			return zx.ErrInvalidArgs
		}
		return v.WritebackEnd(off, length, y)
	}
	return zx.ErrNotSupported
}

// QueryDirtyRanges gives the dirty ranges of [off, off+length) to sink; see
// vmo.VMO.EnumerateDirty. off and length need not be aligned.
//
// Errors, in this order: ErrInvalidArgs v is not p's | those of EnumerateDirty.
// Source: docs/pager.md 3.6.
func (p *Pager) QueryDirtyRanges(v *vmo.VMO, off, length uint64, sink vmo.DirtySink, countAll bool, y zx.Yielder) (actual, avail uint64, st zx.Status) {
	if st := p.check(v); st != zx.OK {
		return 0, 0, st
	}
	return v.EnumerateDirty(off, length, sink, countAll, y)
}

// QueryVMOStats gives zx_pager_vmo_stats_t.modified and, with
// zx.PagerResetVMOStats, clears it. bufferSize is the room of the caller's
// buffer in bytes.
//
// Errors, in this order: ErrInvalidArgs v is not p's | ErrBufferTooSmall |
// ErrInvalidArgs unknown option.
// Source: docs/pager.md 3.7.
func (p *Pager) QueryVMOStats(v *vmo.VMO, options uint32, bufferSize uint64) (modified uint32, st zx.Status) {
	switch {
	case !p.Owns(v):
		return 0, zx.ErrInvalidArgs
	case bufferSize < zx.PagerVMOStatsBytes:
		return 0, zx.ErrBufferTooSmall
	case options&^zx.PagerResetVMOStats != 0:
		return 0, zx.ErrInvalidArgs
	}
	if v.TakeModified(options&zx.PagerResetVMOStats != 0) {
		return zx.PagerVMOStatsModified, zx.OK
	}
	return 0, zx.OK
}

// DirtyRanges gives all dirty ranges of v in the order of their offsets.
//
// Errors: ErrInvalidArgs v is not p's.
func (p *Pager) DirtyRanges(v *vmo.VMO) ([]zx.DirtyRange, zx.Status) {
	var sink SliceSink
	_, _, st := p.QueryDirtyRanges(v, 0, v.Size(), &sink, false, nil)
	return sink.Ranges, st
}

// SliceSink collects dirty ranges in memory of the kernel: all of them, or the
// first Room.
type SliceSink struct {
	Ranges []zx.DirtyRange
	Room   int // 0: as many as there are; less: none
}

// Emit implements vmo.DirtySink.
func (k *SliceSink) Emit(r zx.DirtyRange) zx.Status {
	if k.Room != 0 && len(k.Ranges) >= k.Room {
		return zx.ErrBufferTooSmall
	}
	k.Ranges = append(k.Ranges, r)
	return zx.OK
}

// Resolve implements vmo.DirtySink; memory of the kernel is never missing.
func (k *SliceSink) Resolve() zx.Status { return zx.OK }

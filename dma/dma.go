// Package dma hands memory to devices: resources, which say that a program may,
// IOMMUs and BTIs (bus transaction initiators: a device as memory sees it), and
// PMTs (pinned memory tokens).
//
//	Resource (SYSTEM, base IOMMU) --NewIOMMU--> IOMMU --NewBTI--> BTI --Pin--> PMT
//
//	             Unpin
//	(PMT) ----------------------> gone, the pages are free to move
//	  |                              ^
//	  | last handle closed           | ReleaseQuarantine
//	  `---------> quarantined -------+
//
// A device may still write to pages whose token was lost: they stay pinned until
// the driver says that it is quiet, and for ever if the BTI goes before. There is no
// IOMMU behind the stub: addresses are physical ones, and nothing keeps a device from
// others. Who has the resource is trusted with the machine.
//
// Whoever makes an object pays for it until it is gone, a token in quarantine
// included; for pinned pages their VMO's payer does.
//
// Locks: nothing is taken under BTI.mu; VMO locks are taken with none held.
// Source: docs/pager.md 9.
package dma

import (
	"sync"

	"faultline/object"
	"faultline/vmo"
	"faultline/zx"
)

// What fresh handles carry.
const (
	RightsResource = zx.RightTransfer | zx.RightDuplicate | zx.RightWrite | zx.RightInspect
	RightsIOMMU    = zx.RightTransfer | zx.RightDuplicate | zx.RightInspect
	RightsBTI      = RightsIOMMU | zx.RightRead | zx.RightWrite | zx.RightMap | zx.RightGetProperty | zx.RightSetProperty
	RightsPMT      = zx.RightInspect
)

// Resource is the right to make objects that reach beyond the program: a kind
// and a range of numbers of that kind. Others are made of the root of its kind.
type Resource struct {
	object.Base
	kind       uint32
	base, size uint64
	root       bool
}

// NewRoot makes the resource for all of a kind.
func NewRoot(kind uint32) *Resource { return newResource(kind, 0, ^uint64(0), true) }

func newResource(kind uint32, base, size uint64, root bool) *Resource {
	r := &Resource{kind: kind, base: base, size: size, root: root}
	r.Init(zx.ObjResource, 0)
	return r
}

// Mint makes a resource for [base, base+size) of r.
//
// Errors: ErrInvalidArgs an unknown option or kind, size 0, or the range wraps |
// ErrAccessDenied r is no root, or one of another kind | ErrOutOfRange the range
// leaves r.
func (r *Resource) Mint(options uint32, base, size uint64) (*Resource, zx.Status) {
	kind := options &^ zx.ResourceFlagExclusive
	switch {
	case kind > zx.ResourceKindSystem || kind == 3 || size == 0 || base+size < base:
		return nil, zx.ErrInvalidArgs
	case !r.root || kind != r.kind:
		return nil, zx.ErrAccessDenied
	}
	return newResource(kind, base, size, false), r.Covers(kind, base, size)
}

// Covers says whether the resource is for kind, and holds [base, base+size).
//
// Errors: ErrWrongType another kind | ErrOutOfRange it does not.
func (r *Resource) Covers(kind uint32, base, size uint64) zx.Status {
	switch {
	case r.kind != kind:
		return zx.ErrWrongType
	case base < r.base || !zx.InRange(base-r.base, size, r.size):
		return zx.ErrOutOfRange
	}
	return zx.OK
}

// Is says whether the resource was minted for that one thing.
func (r *Resource) Is(kind uint32, base uint64) bool {
	return r.kind == kind && r.base == base && r.size == 1
}

// IOMMU is what translates the addresses of devices; here always the stub, which
// does not.
type IOMMU struct{ object.Base }

// NewIOMMU makes the stub. size is that of the descriptor the caller gave.
//
// Errors, in this order: ErrWrongType r is not the minted resource for IOMMUs |
// ErrInvalidArgs a descriptor of more than 4096 bytes, or for the stub of another
// size than 1 | ErrNotSupported another type.
func NewIOMMU(r *Resource, kind uint32, size uint64) (*IOMMU, zx.Status) {
	switch {
	case !r.Is(zx.ResourceKindSystem, zx.ResourceSystemIOMMU):
		return nil, zx.ErrWrongType
	case size > 4096, kind == zx.IOMMUTypeStub && size != 1:
		return nil, zx.ErrInvalidArgs
	case kind != zx.IOMMUTypeStub:
		return nil, zx.ErrNotSupported
	}
	i := &IOMMU{}
	i.Init(zx.ObjIOMMU, 0)
	return i, zx.OK
}

// BTI is a device as memory sees it: the owner of pinned memory.
type BTI struct {
	object.Base

	mu         sync.Mutex
	closed     bool   // no handle is left
	pmts       int    // tokens with pages still pinned, those in quarantine included
	quarantine []*PMT // each has a reference of it
}

// NewBTI makes a BTI behind the IOMMU, of which it needs nothing.
func NewBTI(*IOMMU) *BTI {
	b := &BTI{}
	b.Init(zx.ObjBTI, 0)
	return b
}

// OnZeroHandles ends the BTI: nothing more is pinned by it.
func (b *BTI) OnZeroHandles() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
}

// Info counts the tokens with pages still pinned, and those of them in quarantine.
func (b *BTI) Info() (pmts, quarantined int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.pmts, len(b.quarantine)
}

// PMT is memory that stays where it is until it is unpinned.
type PMT struct {
	object.Base
	bti          *BTI
	v            *vmo.VMO
	offset, size uint64
	pinned       bool // guarded by bti.mu
}

// Pin commits and pins [offset, offset+size) of v, and makes the token of it.
//
// Pre: page aligned, size not 0.
// Locks: none held; may wait for a pager on r.
// Errors: those of vmo.VMO.Pin | ErrBadState the BTI has no handles or something
// in quarantine; then nothing is pinned.
func (b *BTI) Pin(v *vmo.VMO, offset, size uint64, write bool, r *vmo.PageRequest) (*PMT, zx.Status) {
	if st := v.Pin(offset, size, write, r); st != zx.OK {
		return nil, st
	}
	v.Retain()
	b.Ref()
	p := &PMT{bti: b, v: v, offset: offset, size: size, pinned: true}
	p.Init(zx.ObjPMT, 0)
	b.mu.Lock()
	b.pmts++
	bad := b.closed || len(b.quarantine) > 0
	b.mu.Unlock()
	if bad {
		p.Unpin(r)
		object.Drop(p)
		return nil, zx.ErrBadState
	}
	return p, zx.OK
}

// Address is where the device finds the i-th page.
func (p *PMT) Address(i uint64) zx.PhysAddr {
	return p.v.PinnedAt(p.offset + i<<zx.PageShift).Addr()
}

// Unpin lets the pages go, yielding by r.
//
// Locks: none held; takes the VMO's. Errors: ErrBadState it was done already.
func (p *PMT) Unpin(r *vmo.PageRequest) zx.Status {
	p.bti.mu.Lock()
	pinned := p.pinned
	p.pinned = false
	if pinned {
		p.bti.pmts--
	}
	p.bti.mu.Unlock()
	if !pinned {
		return zx.ErrBadState
	}
	p.v.Unpin(p.offset, p.size, r)
	p.v.Release()
	return zx.OK
}

// OnZeroHandles puts pages that are still pinned in quarantine.
func (p *PMT) OnZeroHandles() {
	b := p.bti
	b.mu.Lock()
	if p.pinned {
		p.Ref()
		b.quarantine = append(b.quarantine, p)
	}
	b.mu.Unlock()
}

// OnLastRef lets go of the BTI.
func (p *PMT) OnLastRef() { object.Unref(p.bti) }

// ReleaseQuarantine unpins what is in quarantine, yielding by r: the device is quiet.
//
// Locks: none held; takes VMO locks.
func (b *BTI) ReleaseQuarantine(r *vmo.PageRequest) {
	b.mu.Lock()
	list := b.quarantine
	b.quarantine = nil
	b.mu.Unlock()
	for _, p := range list {
		p.Unpin(r)
		object.Unref(p)
	}
}

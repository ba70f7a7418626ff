package syscall

import (
	"sync/atomic"

	"faultline/object"
	"faultline/vmar"
	"faultline/vmo"
	"faultline/zx"
)

// VMO is the object that handles of a VMO name. There is one for each
// vmo.VMO that ever had a handle; it holds one reference to it.
type VMO struct {
	object.Base
	VMO *vmo.VMO
	// Pager is the koid of the pager that made the VMO, KoidInvalid for all
	// others: clones, slices and references included. Source: docs/pager.md 2.1.
	Pager zx.Koid

	// content is what ZX_PROP_VMO_CONTENT_SIZE was set to last, if that is beyond
	// the VMO: the stream ends with the VMO, the property need not.
	content atomic.Uint64
}

// NewVMO makes the object of v and takes over the caller's reference to it.
// pager is the koid of the pager that made v, or KoidInvalid.
func NewVMO(v *vmo.VMO, pager zx.Koid) *VMO {
	o := &VMO{VMO: v, Pager: pager}
	o.Base.InitKoid(v.Koid(), zx.ObjVMO, zx.SignalVMOZeroChildren)
	v.SetObserver(o)
	return o
}

// OnLastRef drops the reference to the VMO, which mappings may keep.
func (o *VMO) OnLastRef() {
	o.VMO.SetObserver(nil)
	o.VMO.Release()
}

// ZeroChildren implements vmo.ChildObserver.
func (o *VMO) ZeroChildren(none bool) {
	if none {
		o.UpdateSignals(0, zx.SignalVMOZeroChildren)
	} else {
		o.UpdateSignals(zx.SignalVMOZeroChildren, 0)
	}
}

// Name is the name the VMO was given by zx_object_set_property.
func (o *VMO) Name() string { return o.VMO.Name() }

// SetName gives the VMO a name, at most 31 bytes.
func (o *VMO) SetName(name string) { o.VMO.SetName(name) }

// ContentSize is the legacy name of the stream size.
func (o *VMO) ContentSize() uint64 {
	stream, beyond := o.VMO.StreamSize(), o.content.Load()
	if size := o.VMO.Size(); stream == size && beyond > size {
		return beyond
	}
	return stream
}

// SetContentSize sets the stream size, or makes all of the VMO content if n is
// beyond it. Errors as vmo.SetStreamSize, but for ErrOutOfRange.
// Source: docs/pager.md 3.18.
func (o *VMO) SetContentSize(n uint64, r *vmo.PageRequest) zx.Status {
	for {
		size := o.VMO.Size()
		st := o.VMO.SetStreamSize(min(n, size), r)
		if st == zx.ErrOutOfRange {
			continue // it has shrunk meanwhile
		}
		if st == zx.OK {
			o.content.Store(n)
		}
		return st
	}
}

// Rights gives what a fresh handle of the VMO carries.
func (o *VMO) Rights() zx.Rights {
	if o.VMO.Resizable() {
		return zx.RightsVMO | zx.RightResize
	}
	return zx.RightsVMO
}

// VMAR is the object that handles of a region name.
type VMAR struct {
	object.Base
	Region *vmar.VMAR
}

// NewVMAR makes the object of r.
func NewVMAR(r *vmar.VMAR) *VMAR {
	o := &VMAR{Region: r}
	o.Base.Init(zx.ObjVMAR, 0)
	return o
}

// vmo looks up a VMO handle; the caller gives the reference back by Unref.
func (c *Context) vmo(h zx.Handle, rights zx.Rights) (*VMO, zx.Status) {
	o, st := c.Handles.Get(h, zx.ObjVMO, rights)
	v, _ := o.(*VMO)
	return v, st
}

package syscall

import (
	"faultline/object"
	"faultline/pager"
	"faultline/zx"
)

// recent is the handles that a thread used last in the calls that a pager repeats,
// and what they name. As long as no handle has left the table since they were
// looked up, they are valid, with the rights they had: such a call does not look
// again. It keeps what they name from the collector at most; the thread's charge
// has that.
type recent struct {
	read, write knownPort
	managed     knownPair
	aux         knownVMO
}

// known is one such handle, looked up at version of the table.
type known struct {
	handle  zx.Handle
	from    zx.Handle // of a VMO of a pager: the pager's
	version uint64
}

// still says whether h is that handle, and valid.
func (k *known) still(h zx.Handle, t *object.HandleTable) bool {
	return k.handle == h && k.version == t.Version()
}

// knownPort is a port's handle with the right of its place in recent. The port
// needs no reference: nothing ends with the last of them but its charge.
type knownPort struct {
	known
	port *object.Port
}

// find looks h up and keeps it in k.
func (k *knownPort) find(t *object.HandleTable, h zx.Handle, rights zx.Rights) zx.Status {
	version := t.Version()
	o, st := t.Get(h, zx.ObjPort, rights)
	if st == zx.OK {
		k.handle, k.version, k.port = h, version, o.(*object.Port)
		object.Unref(o)
	}
	return st
}

// knownVMO is a handle of a VMO that may be read and written.
type knownVMO struct {
	known
	vmo *VMO
}

// knownPair is a pager's handle with MANAGE_VMO and that of a VMO of its own with
// WRITE.
type knownPair struct {
	known // the VMO's
	pager *pager.Pager
	vmo   *VMO
}

// managed is pair with MANAGE_VMO and WRITE.
func (c *Context) managed(pagerHandle, vmoHandle zx.Handle) (*pager.Pager, *VMO, zx.Status) {
	k := &c.recent.managed
	if k.from == pagerHandle && k.still(vmoHandle, c.Handles) && k.vmo.TryRef() {
		return k.pager, k.vmo, zx.OK
	}
	version := c.Handles.Version()
	p, o, st := c.pair(pagerHandle, zx.RightManageVMO, vmoHandle, zx.RightWrite)
	if st == zx.OK {
		*k = knownPair{known{vmoHandle, pagerHandle, version}, p, o}
	}
	return p, o, st
}

// supplier is managed that also looks up the VMO whose pages are to be supplied,
// with READ and WRITE, after the pair.
//
//go:nosplit
func (c *Context) supplier(pagerHandle, vmoHandle, aux zx.Handle) (*VMO, *VMO, zx.Status) {
	k, x := &c.recent.managed, &c.recent.aux
	if k.from == pagerHandle && k.handle == vmoHandle && x.handle == aux && k.version == x.version && k.version == c.Handles.Version() && k.vmo.TryRef() {
		if x.vmo.TryRef() {
			return k.vmo, x.vmo, zx.OK
		}
		k.vmo.Unref(k.vmo)
	}
	_, o, st := c.managed(pagerHandle, vmoHandle)
	if st != zx.OK {
		return nil, nil, st
	}
	a, st := c.vmo(aux, zx.RightRead|zx.RightWrite)
	if st != zx.OK {
		o.Unref(o)
		return nil, nil, st
	}
	*x = knownVMO{known{aux, 0, k.version}, a}
	return o, a, zx.OK
}

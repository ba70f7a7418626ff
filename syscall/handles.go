package syscall

import (
	"encoding/binary"

	"faultline/object"
	"faultline/zx"
)

func handleClose(c *Context, h zx.Handle) zx.Status {
	return c.Handles.Close(h)
}

// handleBytes is the size of a handle in user memory.
const handleBytes = 4

// closeManyLimit bounds the time one zx_handle_close_many takes.
const closeManyLimit = 1 << 20

// handleCloseMany is zx_handle_close_many. A process has no more handles than
// object.HandleLimit, but nothing forbids naming one twice.
func handleCloseMany(c *Context, handles userIn, count uint64) zx.Status {
	if count > closeManyLimit {
		return zx.ErrInvalidArgs
	}
	result := c.progress.st
	st := c.inPieces(uint64(handles), count*handleBytes, zx.BudgetUnits, func(at, n uint64) zx.Status {
		list := c.scratch[:n]
		if st := c.read(list, userIn(at)); st != zx.OK {
			return st
		}
		for ; len(list) > 0; list = list[handleBytes:] {
			if st := c.Handles.Close(zx.Handle(binary.LittleEndian.Uint32(list))); st != zx.OK {
				result = st
			}
		}
		return zx.OK
	})
	if st == zx.ErrInternalIntrRetry {
		c.progress.st = result
	}
	if st != zx.OK {
		return st
	}
	return result
}

func handleDuplicate(c *Context, h zx.Handle, rights zx.Rights, out userOut) zx.Status {
	d, st := c.Handles.Duplicate(h, rights)
	if st != zx.OK {
		return st
	}
	return c.report(d, out)
}

func handleReplace(c *Context, h zx.Handle, rights zx.Rights, out userOut) zx.Status {
	d, st := c.Handles.Replace(h, rights)
	if st != zx.OK {
		return st
	}
	return c.report(d, out)
}

func eventCreate(c *Context, options uint32, out userOut) zx.Status {
	if options != 0 {
		return zx.ErrInvalidArgs
	}
	if st := c.policy(zx.PolicyNewEvent); st != zx.OK {
		return st
	}
	return c.give(object.NewEvent(), object.RightsEvent, out)
}

// waitable says whether o has signals to wait for: those whose fresh handles carry
// WAIT do.
func waitable(o object.Object) bool {
	switch o.ObjectBase().Type() {
	case zx.ObjPort, zx.ObjVMAR, zx.ObjPager, zx.ObjSuspendToken, zx.ObjException:
		return false
	}
	return true
}

func objectSignal(c *Context, h zx.Handle, clearMask, setMask uint32) zx.Status {
	return with(c, h, zx.ObjNone, zx.RightSignal, func(o object.Object, _ zx.Rights) zx.Status {
		b, allowed := o.ObjectBase(), zx.SignalUserAll
		if b.Type() == zx.ObjEvent {
			allowed |= zx.SignalSignaled
		}
		switch {
		case !waitable(o):
			return zx.ErrNotSupported
		case zx.Signals(clearMask|setMask)&^allowed != 0:
			return zx.ErrInvalidArgs
		}
		b.UpdateSignals(zx.Signals(clearMask), zx.Signals(setMask))
		return zx.OK
	})
}

func objectWaitOne(c *Context, h zx.Handle, signals zx.Signals, deadline zx.Time, out userOut) zx.Status {
	o, st := c.Handles.Get(h, zx.ObjNone, zx.RightWait)
	if st != zx.OK {
		return st
	}
	if !waitable(o) {
		object.Unref(o)
		return zx.ErrNotSupported
	}
	if c.wait.one == nil {
		c.wait.one = new(object.Observer)
	}
	observed, st := o.ObjectBase().Watch(c.wait.one, c.Waiter, object.Source{Table: c.Handles, Handle: h}, signals)
	c.wait.object, c.wait.out = o, out
	if st == object.Waiting {
		return c.sleep(zx.ThreadBlockedWaitOne, deadline, waitOneWoken)
	}
	return c.observed(observed, st)
}

// waitOneWoken goes on with an objectWaitOne that slept.
func waitOneWoken(c *Context, woken zx.Status) zx.Status {
	observed, st := c.wait.one.Answer(woken)
	if st == object.Waiting {
		return st
	}
	return c.observed(observed, st)
}

// observed ends an objectWaitOne that saw these signals, with st.
func (c *Context) observed(signals zx.Signals, st zx.Status) zx.Status {
	object.Unref(c.wait.object)
	c.wait.object = nil
	if st == zx.ErrInternalIntrKilled || st == zx.ErrInternalIntrRetry || c.wait.out == 0 {
		return st
	}
	if st := c.write32(c.wait.out, uint32(signals)); st != zx.OK {
		return st
	}
	return st
}

func objectWaitAsync(c *Context, h, port zx.Handle, key uint64, signals zx.Signals, options uint32) zx.Status {
	if options&^(zx.WaitAsyncTimestamp|zx.WaitAsyncEdge) != 0 {
		return zx.ErrInvalidArgs
	}
	return with(c, port, zx.ObjPort, zx.RightWrite, func(to *object.Port, _ zx.Rights) zx.Status {
		return with(c, h, zx.ObjNone, zx.RightWait, func(o object.Object, _ zx.Rights) zx.Status {
			if !waitable(o) {
				return zx.ErrNotSupported
			}
			wait := object.AsyncWait{Port: to, Key: key, Signals: signals, Account: c.Account, Edge: options&zx.WaitAsyncEdge != 0}
			if options&zx.WaitAsyncTimestamp != 0 {
				wait.Now = c.System.Now
			}
			return o.ObjectBase().WaitAsync(object.Source{Table: c.Handles, Handle: h}, wait)
		})
	})
}

// waitItemBytes is the size of zx_wait_item_t: handle, waitfor, pending.
const waitItemBytes = 12

// manyWait is an objectWaitMany in progress.
type manyWait struct {
	items   userOut
	records []byte // as they came from ring 3, and go back with pending filled in
	waits   []object.WaitItem
	bill    int64
}

func objectWaitMany(c *Context, items userOut, count uint64, deadline zx.Time) zx.Status {
	if count > object.WaitManyMax {
		return zx.ErrOutOfRange
	}
	m := &manyWait{items: items, records: make([]byte, count*waitItemBytes)}
	if count > 0 {
		if st := c.read(m.records, userIn(items)); st != zx.OK {
			return st
		}
	}
	bill := int64(count) * object.WaitItemBytes
	if st := c.Account.Charge(bill); st != zx.OK {
		return st
	}
	le := binary.LittleEndian
	m.bill, m.waits = bill, make([]object.WaitItem, 0, count)
	for at := 0; at < len(m.records); at += waitItemBytes {
		h := zx.Handle(le.Uint32(m.records[at:]))
		o, st := c.Handles.Get(h, zx.ObjNone, zx.RightWait)
		if st == zx.OK {
			m.waits = append(m.waits, object.WaitItem{
				Object: o, Source: object.Source{Table: c.Handles, Handle: h}, Signals: zx.Signals(le.Uint32(m.records[at+4:])),
			})
			if !waitable(o) {
				st = zx.ErrNotSupported
			}
		}
		if st != zx.OK {
			m.letGo(c)
			return st
		}
	}
	st := object.WatchMany(c.Waiter, m.waits)
	if st == object.Waiting {
		c.wait.many = m
		return c.sleep(zx.ThreadBlockedWaitMany, deadline, waitManyWoken)
	}
	return c.observedMany(m, st)
}

// waitManyWoken goes on with an objectWaitMany that slept.
func waitManyWoken(c *Context, woken zx.Status) zx.Status {
	m := c.wait.many
	st := object.AnswerMany(m.waits, woken)
	if st == object.Waiting {
		return st
	}
	c.wait.many = nil
	return c.observedMany(m, st)
}

// observedMany ends an objectWaitMany with st.
func (c *Context) observedMany(m *manyWait, st zx.Status) zx.Status {
	m.letGo(c)
	if st == zx.ErrInternalIntrKilled || st == zx.ErrInternalIntrRetry || len(m.records) == 0 {
		return st
	}
	if st := c.write(m.items, m.records); st != zx.OK {
		return st
	}
	return st
}

// letGo notes what is pending and gives back the references, and what was charged.
func (m *manyWait) letGo(c *Context) {
	c.Account.Release(m.bill)
	for i := range m.waits {
		binary.LittleEndian.PutUint32(m.records[i*waitItemBytes+8:], uint32(m.waits[i].Pending))
		object.Unref(m.waits[i].Object)
	}
}

package object

import (
	"sync/atomic"

	"faultline/account"
	"faultline/spin"
	"faultline/zx"
)

// Layout of a handle value. The two low bits are always 1; then the slot; then
// the generation of the slot, so that a stale value seldom names a new object.
//
//	31        18 17          2 1 0
//	[generation][    slot    ][1 1]
//
// Source: docs/abi.md, Handles.
const (
	handleFixed     zx.Handle = 3
	handleSlotShift           = 2
	handleSlotBits            = 16
	handleSlotMask            = 1<<handleSlotBits - 1
	handleGenShift            = handleSlotShift + handleSlotBits
	handleGenMask             = 1<<(32-handleGenShift) - 1
)

// HandleLimit is how many handles one process can have.
const HandleLimit = 1 << handleSlotBits

// handlesAlive counts the handles in all tables.
var handlesAlive atomic.Int32

// HandleCount gives the number of handles in all tables.
func HandleCount() int { return int(handlesAlive.Load()) }

// slot is one place in a HandleTable. value is what a user must present to hit
// it; while the slot is free, a number that leads to another slot, so that one
// comparison tells all.
type slot struct {
	obj    Object
	base   *Base
	rights zx.Rights
	value  zx.Handle
	gen    uint32 // of the last handle made here
	next   uint32 // free list
}

// slotBlock is the slots that a table grows by. A block never moves, so a table
// asks the heap for no large pieces.
type slotBlock [blockSlots]slot

const blockSlots = 64

// blockBytes is what a block is charged for, its place in HandleTable.blocks
// included. Blocks stay until CloseAll.
var blockBytes = account.Bytes(blockSlots*40) + 16

// HandleTable is the handles of one process. The zero value is an empty table
// of the kernel's own.
type HandleTable struct {
	mu     spin.Lock
	blocks []*slotBlock
	// account pays for the blocks. Constant.
	account *account.Account
	// Free slots form a FIFO, so that a slot rests as long as possible
	// before its next generation. Both are slot numbers plus one; zero is
	// none.
	freeHead, freeTail uint32
	count              int
	closed             bool
	removed            atomic.Uint64 // handles, so far; written under mu
}

// NewHandleTable makes an empty table whose memory a pays for.
func NewHandleTable(a *account.Account) *HandleTable { return &HandleTable{account: a} }

// Version changes, from above 0, whenever a handle leaves the table. A handle that
// was looked up after it was had names the same while it stays.
func (t *HandleTable) Version() uint64 { return t.removed.Load() + 1 }

// slot gives slot i. Pre: there is one. Locks: mu held.
func (t *HandleTable) slot(i uint32) *slot { return &t.blocks[i/blockSlots][i%blockSlots] }

// Info is what a table tells of one handle.
type Info struct {
	Handle zx.Handle
	Rights zx.Rights
	Object Object
}

// Add makes a handle of o with rights.
//
// Locks: takes HandleTable.mu.
// Errors: ErrNoMemory HandleLimit handles exist here, or the account is spent |
// ErrBadState CloseAll has run.
// On error o is as before: the caller ends it with Drop if it is new.
func (t *HandleTable) Add(o Object, rights zx.Rights) (zx.Handle, zx.Status) {
	t.mu.Lock()
	h, st := t.add(o, rights)
	t.mu.Unlock()
	return h, st
}

// add is Add with mu held.
func (t *HandleTable) add(o Object, rights zx.Rights) (zx.Handle, zx.Status) {
	if t.closed {
		return zx.HandleInvalid, zx.ErrBadState
	}
	if t.freeHead == 0 {
		if st := t.grow(); st != zx.OK {
			return zx.HandleInvalid, st
		}
	}
	i := t.freeHead - 1
	s := t.slot(i)
	if t.freeHead = s.next; t.freeHead == 0 {
		t.freeTail = 0
	}
	handlesAlive.Add(1)
	b := o.ObjectBase()
	b.handles.Add(1)
	b.refs.Add(1)
	s.obj, s.base, s.rights = o, b, rights
	// Generation 0 is passed over, so that small numbers never are handles.
	if s.gen = (s.gen + 1) & handleGenMask; s.gen == 0 {
		s.gen = 1
	}
	s.value = zx.Handle(s.gen<<handleGenShift|i<<handleSlotShift) | handleFixed
	t.count++
	return s.value, zx.OK
}

// grow adds a block of free slots. Pre: no slot is free. Locks: mu held.
//
// Errors: ErrNoMemory.
func (t *HandleTable) grow() zx.Status {
	first := uint32(len(t.blocks) * blockSlots)
	if first >= HandleLimit {
		return zx.ErrNoMemory
	}
	if st := t.account.Charge(blockBytes); st != zx.OK {
		return st
	}
	block := new(slotBlock)
	for i := range block {
		block[i].value, block[i].next = freeValue(first+uint32(i)), first+uint32(i)+2
	}
	block[blockSlots-1].next = 0
	t.blocks = append(t.blocks, block)
	t.freeHead, t.freeTail = first+1, first+blockSlots
	return zx.OK
}

// find gives the slot of h, nil if h names nothing. Locks: mu held.
func (t *HandleTable) find(h zx.Handle) *slot {
	i := uint(h) >> handleSlotShift & handleSlotMask
	if i/blockSlots < uint(len(t.blocks)) {
		if s := &t.blocks[i/blockSlots][i%blockSlots]; s.value == h {
			return s
		}
	}
	return nil
}

// freeValue is the value of slot i while it is free.
func freeValue(i uint32) zx.Handle { return zx.Handle(^i) << handleSlotShift }

// Get looks h up and takes a reference, which the caller gives back by Unref.
// typ ObjNone accepts any type.
//
// Locks: takes HandleTable.mu.
// Errors, in this order: ErrBadHandle unknown value | ErrWrongType |
// ErrAccessDenied a right of rights is missing.
// Source: docs/abi.md, Handles.
func (t *HandleTable) Get(h zx.Handle, typ zx.ObjType, rights zx.Rights) (Object, zx.Status) {
	t.mu.Lock()
	i := uint(h) >> handleSlotShift & handleSlotMask
	if i/blockSlots < uint(len(t.blocks)) {
		s := &t.blocks[i/blockSlots][i%blockSlots]
		if s.value == h && s.base.typ == typ && rights&^s.rights == 0 {
			s.base.refs.Add(1)
			o := s.obj
			t.mu.Unlock()
			return o, zx.OK
		}
	}
	t.mu.Unlock()
	o, _, st := t.GetRights(h, typ, rights) // ObjNone, or which error
	return o, st
}

// GetRights is Get that also gives the rights the handle carries.
func (t *HandleTable) GetRights(h zx.Handle, typ zx.ObjType, rights zx.Rights) (Object, zx.Rights, zx.Status) {
	t.mu.Lock()
	s := t.find(h)
	if s == nil {
		t.mu.Unlock()
		return nil, 0, zx.ErrBadHandle
	}
	if typ != zx.ObjNone && s.base.typ != typ {
		t.mu.Unlock()
		return nil, 0, zx.ErrWrongType
	}
	if s.rights&rights != rights {
		t.mu.Unlock()
		return nil, 0, zx.ErrAccessDenied
	}
	s.base.refs.Add(1)
	o, r := s.obj, s.rights
	t.mu.Unlock()
	return o, r, zx.OK
}

// Duplicate makes a second handle of h's object. rights must be a subset of
// h's, or RightSame.
//
// Locks: takes HandleTable.mu.
// Errors, in this order: ErrBadHandle | ErrAccessDenied h lacks DUPLICATE |
// ErrInvalidArgs rights is not a subset | ErrNoMemory the table is full.
// Source: docs/pager.md 3.18.
func (t *HandleTable) Duplicate(h zx.Handle, rights zx.Rights) (zx.Handle, zx.Status) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.find(h)
	if s == nil {
		return zx.HandleInvalid, zx.ErrBadHandle
	}
	if s.rights&zx.RightDuplicate == 0 {
		return zx.HandleInvalid, zx.ErrAccessDenied
	}
	if rights == zx.RightSame {
		rights = s.rights
	} else if s.rights&rights != rights {
		return zx.HandleInvalid, zx.ErrInvalidArgs
	}
	return t.add(s.obj, rights)
}

// Replace makes a new handle of h's object with rights (a subset, or
// RightSame) and closes h, also when rights is refused. Waits made through h
// end as by Close.
//
// Locks: none held; takes HandleTable.mu.
// Errors, in this order: ErrBadHandle | ErrInvalidArgs rights is not a subset;
// h is closed.
// Source: docs/pager.md 3.18, Zircon handle_replace.
func (t *HandleTable) Replace(h zx.Handle, rights zx.Rights) (zx.Handle, zx.Status) {
	t.mu.Lock()
	s := t.find(h)
	if s == nil {
		t.mu.Unlock()
		return zx.HandleInvalid, zx.ErrBadHandle
	}
	if rights == zx.RightSame {
		rights = s.rights
	} else if s.rights&rights != rights {
		o := t.remove(s)
		t.mu.Unlock()
		t.finish(o, h)
		return zx.HandleInvalid, zx.ErrInvalidArgs
	}
	// The object's counts do not change: the new handle takes the old one's.
	o, base := s.obj, s.base
	t.remove(s)
	fresh, st := t.add(o, rights) // a slot is free, so only a closed table fails
	t.mu.Unlock()
	base.cancelHandle(Source{t, h})
	dropHandle(o)
	return fresh, st
}

// Close closes h. Closing HandleInvalid is a success.
//
// Locks: none held; takes HandleTable.mu, then runs the object's callbacks.
// Errors: ErrBadHandle.
// Source: docs/pager.md 3.18.
func (t *HandleTable) Close(h zx.Handle) zx.Status {
	if h == zx.HandleInvalid {
		return zx.OK
	}
	t.mu.Lock()
	s := t.find(h)
	if s == nil {
		t.mu.Unlock()
		return zx.ErrBadHandle
	}
	o := t.remove(s)
	t.mu.Unlock()
	t.finish(o, h)
	return zx.OK
}

// Take removes h from the table and gives its object and rights; the caller
// owns what the handle owned and gives it to another table by Give, or ends it
// by Discard. For handles that move through channels and start calls.
//
// Locks: takes HandleTable.mu.
// Errors, in this order: ErrBadHandle | ErrWrongType (typ not ObjNone) |
// ErrAccessDenied.
func (t *HandleTable) Take(h zx.Handle, typ zx.ObjType, rights zx.Rights) (Moving, zx.Status) {
	t.mu.Lock()
	s := t.find(h)
	switch {
	case s == nil:
		t.mu.Unlock()
		return Moving{}, zx.ErrBadHandle
	case typ != zx.ObjNone && s.base.typ != typ:
		t.mu.Unlock()
		return Moving{}, zx.ErrWrongType
	case s.rights&rights != rights:
		t.mu.Unlock()
		return Moving{}, zx.ErrAccessDenied
	}
	m := Moving{Object: s.obj, Rights: s.rights}
	t.remove(s)
	t.mu.Unlock()
	m.Object.ObjectBase().cancelHandle(Source{t, h})
	return m, zx.OK
}

// Moving is a handle between two tables. It counts as a handle of its object.
type Moving struct {
	Object Object
	Rights zx.Rights
}

// NewMoving makes a handle of o that is in no table yet.
func NewMoving(o Object, rights zx.Rights) Moving {
	b := o.ObjectBase()
	b.handles.Add(1)
	b.refs.Add(1)
	return Moving{Object: o, Rights: rights}
}

// Give puts m into the table.
//
// Locks: takes HandleTable.mu.
// Errors: as Add; m then still moves.
func (t *HandleTable) Give(m Moving) (zx.Handle, zx.Status) {
	t.mu.Lock()
	h, st := t.add(m.Object, m.Rights)
	t.mu.Unlock()
	if st == zx.OK {
		dropHandle(m.Object)
	}
	return h, st
}

// Discard closes a handle that moves. Locks: none held.
func (m Moving) Discard() { dropHandle(m.Object) }

// CloseAll closes every handle and refuses new ones: the end of a process. It
// yields by y, whose answer is ignored, as often as it must; y may be nil.
//
// Locks: none held.
func (t *HandleTable) CloseAll(y zx.Yielder) {
	b := zx.Budget{By: y}
	t.mu.Lock()
	t.closed = true
	for i := range uint32(len(t.blocks) * blockSlots) {
		if i%32 == 0 && b.Spend(1) {
			t.mu.Unlock()
			b.Look()
			t.mu.Lock()
		}
		s := t.slot(i)
		if s.obj == nil {
			continue
		}
		h, watched := s.value, s.base.watched.Load()
		o := t.remove(s)
		t.mu.Unlock()
		cost := 1
		if t.finish(o, h) || watched > 0 {
			cost = choresAtOnce // as much as it may have done at once
		}
		if b.Spend(cost) {
			b.Look()
		}
		t.mu.Lock()
	}
	t.account.Release(int64(len(t.blocks)) * blockBytes)
	t.blocks = nil
	t.mu.Unlock()
}

// Count gives the number of handles.
func (t *HandleTable) Count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.count
}

// ForEach calls f with each handle, in slot order, while f answers true. The
// handles are those of the moment of the call; f may use the table.
//
// Locks: none held.
func (t *HandleTable) ForEach(f func(Info) bool) {
	t.mu.Lock()
	list := make([]Info, 0, t.count)
	for i := range uint32(len(t.blocks) * blockSlots) {
		if s := t.slot(i); s.obj != nil {
			list = append(list, Info{s.value, s.rights, s.obj})
		}
	}
	t.mu.Unlock()
	for _, info := range list {
		if !f(info) {
			return
		}
	}
}

// Next gives the first handle in slot from or later whose object is of type typ,
// with a reference to it, and the slot after it.
func (t *HandleTable) Next(from uint32, typ zx.ObjType) (info Info, after uint32, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := from; i < uint32(len(t.blocks)*blockSlots); i++ {
		if s := t.slot(i); s.obj != nil && s.base.Type() == typ {
			s.base.Ref()
			return Info{s.value, s.rights, s.obj}, i + 1, true
		}
	}
	return Info{}, 0, false
}

// remove empties s and gives its object, whose counts are still to be dropped.
// Locks: mu held.
func (t *HandleTable) remove(s *slot) Object {
	o := s.obj
	i := uint32(s.value) >> handleSlotShift & handleSlotMask
	s.obj, s.base, s.rights, s.value, s.next = nil, nil, 0, freeValue(i), 0
	if t.freeTail == 0 {
		t.freeHead = i + 1
	} else {
		t.slot(t.freeTail - 1).next = i + 1
	}
	t.freeTail = i + 1
	t.count--
	t.removed.Add(1)
	handlesAlive.Add(-1)
	return o
}

// finish ends the waits made through the removed handle h of o and drops what
// h counted. It says whether that was the last handle. Locks: none held.
func (t *HandleTable) finish(o Object, h zx.Handle) (last bool) {
	o.ObjectBase().cancelHandle(Source{t, h})
	return dropHandle(o)
}

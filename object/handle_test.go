package object

import (
	"math/rand"
	"reflect"
	"sync"
	"testing"

	"faultline/account"
	"faultline/zx"
)

func TestHandleValues(t *testing.T) {
	var tab HandleTable
	o := newThing(zx.ObjEvent)
	h, st := tab.Add(o, zx.RightWait)
	if st != zx.OK || h < 1<<handleGenShift || h&3 != 3 {
		t.Fatalf("Add = %#x, %v", h, st)
	}
	for _, bad := range []zx.Handle{0, h &^ 1, h &^ 2, h &^ 3, h ^ 4, h ^ 1<<18, h ^ 1<<31, ^zx.Handle(0), 3, 7} {
		if bad == h {
			continue
		}
		if _, st := tab.Get(bad, zx.ObjNone, 0); st != zx.ErrBadHandle {
			t.Errorf("Get(%#x) with valid %#x = %v", bad, h, st)
		}
	}
	if st := tab.Close(0); st != zx.OK {
		t.Errorf("Close(0) = %v", st)
	}
	if st := tab.Close(h); st != zx.OK {
		t.Errorf("Close = %v", st)
	}
	if st := tab.Close(h); st != zx.ErrBadHandle {
		t.Errorf("second Close = %v", st)
	}
	seen := map[zx.Handle]bool{}
	for range handleGenMask {
		h, _ := tab.Add(newThing(zx.ObjEvent), 0)
		if seen[h] {
			t.Fatalf("handle %#x came back", h)
		}
		seen[h] = true
		tab.Close(h)
	}
}

func TestHandleCheckOrder(t *testing.T) {
	var tab HandleTable
	h, _ := tab.Add(newThing(zx.ObjVMO), zx.RightRead)
	for _, c := range []struct {
		name   string
		h      zx.Handle
		typ    zx.ObjType
		rights zx.Rights
		want   zx.Status
	}{
		{"unknown wins over all", h ^ 4, zx.ObjPort, zx.RightWrite, zx.ErrBadHandle},
		{"type wins over rights", h, zx.ObjPort, zx.RightWrite, zx.ErrWrongType},
		{"a missing right", h, zx.ObjVMO, zx.RightWrite, zx.ErrAccessDenied},
		{"one of two rights", h, zx.ObjVMO, zx.RightRead | zx.RightWrite, zx.ErrAccessDenied},
		{"any type, missing right", h, zx.ObjNone, zx.RightWrite, zx.ErrAccessDenied},
		{"good", h, zx.ObjVMO, zx.RightRead, zx.OK},
		{"good, no right asked", h, zx.ObjVMO, 0, zx.OK},
		{"good, any type", h, zx.ObjNone, 0, zx.OK},
	} {
		o, st := tab.Get(c.h, c.typ, c.rights)
		if st != c.want {
			t.Errorf("%s: %v, want %v", c.name, st, c.want)
		}
		if st == zx.OK {
			Unref(o)
		}
	}
}

func TestDuplicateAndReplaceErrors(t *testing.T) {
	var tab HandleTable
	o := newThing(zx.ObjVMO)
	h, _ := tab.Add(o, zx.RightRead|zx.RightDuplicate)
	if _, st := tab.Duplicate(h^4, 0); st != zx.ErrBadHandle {
		t.Errorf("Duplicate of nothing = %v", st)
	}
	if _, st := tab.Duplicate(h, zx.RightWrite); st != zx.ErrInvalidArgs {
		t.Errorf("Duplicate with more rights = %v", st)
	}
	weak, st := tab.Duplicate(h, zx.RightRead)
	if st != zx.OK {
		t.Fatalf("Duplicate = %v", st)
	}
	if _, st := tab.Duplicate(weak, zx.RightWrite); st != zx.ErrAccessDenied {
		t.Errorf("Duplicate without DUPLICATE = %v", st)
	}
	same, st := tab.Replace(weak, zx.RightSame)
	if st != zx.OK || same == weak {
		t.Fatalf("Replace = %#x, %v", same, st)
	}
	if _, st := tab.Get(weak, zx.ObjNone, 0); st != zx.ErrBadHandle {
		t.Errorf("replaced handle lives: %v", st)
	}
	if _, st := tab.Replace(same, zx.RightWrite); st != zx.ErrInvalidArgs {
		t.Errorf("Replace with more rights = %v", st)
	}
	if _, st := tab.Get(same, zx.ObjNone, 0); st != zx.ErrBadHandle {
		t.Errorf("a refused Replace must close: %v", st)
	}
	if z, l := o.ended(); z != 0 || l != 0 || o.Handles() != 1 {
		t.Errorf("object ended early: %d %d, %d handles", z, l, o.Handles())
	}
	tab.Close(h)
	if z, l := o.ended(); z != 1 || l != 1 {
		t.Errorf("object ended %d %d times", z, l)
	}
}

// An object in use outlives its last handle.
func TestObjectInUseSurvivesClose(t *testing.T) {
	var tab HandleTable
	o := newThing(zx.ObjVMO)
	h, _ := tab.Add(o, 0)
	got, _ := tab.Get(h, zx.ObjVMO, 0)
	tab.Close(h)
	if z, l := o.ended(); z != 1 || l != 0 {
		t.Fatalf("after Close: zero %d last %d", z, l)
	}
	Unref(got)
	if _, l := o.ended(); l != 1 {
		t.Fatalf("after Unref: last %d", l)
	}
}

func TestHandleLimitAndCloseAll(t *testing.T) {
	var tab HandleTable
	o := newThing(zx.ObjEvent)
	for i := range HandleLimit {
		if _, st := tab.Add(o, 0); st != zx.OK {
			t.Fatalf("Add %d = %v", i, st)
		}
	}
	if _, st := tab.Add(o, 0); st != zx.ErrNoMemory {
		t.Fatalf("Add past the limit = %v", st)
	}
	if o.Handles() != HandleLimit || tab.Count() != HandleLimit {
		t.Fatalf("%d handles, %d counted", o.Handles(), tab.Count())
	}
	tab.CloseAll(nil)
	if z, l := o.ended(); z != 1 || l != 1 || tab.Count() != 0 {
		t.Fatalf("after CloseAll: zero %d last %d count %d", z, l, tab.Count())
	}
	if _, st := tab.Add(o, 0); st != zx.ErrBadState {
		t.Fatalf("Add after CloseAll = %v", st)
	}
}

// handleModel runs a string of operations on a table and on a naive model.
func handleModel(t *testing.T, ops []byte) {
	type entry struct {
		obj    *thing
		rights zx.Rights
	}
	var a, b HandleTable
	model := map[zx.Handle]entry{}
	var order []zx.Handle // every handle ever made
	pick := func(n byte) zx.Handle {
		if len(order) == 0 {
			return zx.Handle(n)<<2 | 3
		}
		return order[int(n)%len(order)]
	}
	count := func(o *thing) (n int) {
		for _, e := range model {
			if e.obj == o {
				n++
			}
		}
		return n
	}
	check := func(o *thing) {
		want := count(o)
		if o.Handles() != want {
			t.Fatalf("object has %d handles, model %d", o.Handles(), want)
		}
		if _, l := o.ended(); (l == 1) != (want == 0) || l > 1 {
			t.Fatalf("object ended %d times with %d handles", l, want)
		}
	}
	for len(ops) >= 3 {
		op, n, r := ops[0], ops[1], zx.Rights(ops[2])
		ops = ops[3:]
		h := pick(n)
		e, valid := model[h]
		switch op % 6 {
		case 0:
			o := newThing(zx.ObjVMO)
			h, st := a.Add(o, r)
			if st != zx.OK {
				t.Fatalf("Add = %v", st)
			}
			if _, twice := model[h]; twice {
				t.Fatalf("Add gave a live handle %#x", h)
			}
			model[h] = entry{o, r}
			order = append(order, h)
			check(o)
		case 1:
			want := zx.OK
			if !valid {
				want = zx.ErrBadHandle
			}
			if st := a.Close(h); st != want {
				t.Fatalf("Close(%#x) = %v, want %v", h, st, want)
			}
			if valid {
				delete(model, h)
				check(e.obj)
			}
		case 2:
			want := zx.OK
			switch {
			case !valid:
				want = zx.ErrBadHandle
			case e.rights&zx.RightDuplicate == 0:
				want = zx.ErrAccessDenied
			case e.rights&r != r:
				want = zx.ErrInvalidArgs
			}
			d, st := a.Duplicate(h, r)
			if st != want {
				t.Fatalf("Duplicate = %v, want %v", st, want)
			}
			if st == zx.OK {
				model[d] = entry{e.obj, r}
				order = append(order, d)
				check(e.obj)
			}
		case 3:
			d, st := a.Replace(h, r)
			want := zx.OK
			switch {
			case !valid:
				want = zx.ErrBadHandle
			case e.rights&r != r:
				want = zx.ErrInvalidArgs
			}
			if st != want {
				t.Fatalf("Replace = %v, want %v", st, want)
			}
			delete(model, h)
			if st == zx.OK {
				model[d] = entry{e.obj, r}
				order = append(order, d)
			}
			if valid {
				check(e.obj)
			}
		case 4:
			want := zx.OK
			switch {
			case !valid:
				want = zx.ErrBadHandle
			case e.rights&r != r:
				want = zx.ErrAccessDenied
			}
			o, have, st := a.GetRights(h, zx.ObjVMO, r)
			if st != want {
				t.Fatalf("Get = %v, want %v", st, want)
			}
			if st == zx.OK {
				if o != Object(e.obj) || have != e.rights {
					t.Fatalf("Get gave another object or rights %#x, want %#x", have, e.rights)
				}
				Unref(o)
			}
		case 5: // through another table and back
			m, st := a.Take(h, zx.ObjNone, 0)
			if (st == zx.OK) != valid {
				t.Fatalf("Take = %v, valid %v", st, valid)
			}
			if st != zx.OK {
				break
			}
			delete(model, h)
			other, _ := b.Give(m)
			m, _ = b.Take(other, zx.ObjVMO, e.rights)
			h, st := a.Give(m)
			if st != zx.OK {
				t.Fatalf("Give = %v", st)
			}
			model[h] = e
			order = append(order, h)
			check(e.obj)
		}
		if a.Count() != len(model) || b.Count() != 0 {
			t.Fatalf("%d handles, model %d, other table %d", a.Count(), len(model), b.Count())
		}
	}
	n := 0
	a.ForEach(func(i Info) bool {
		e := model[i.Handle]
		if i.Object != Object(e.obj) || i.Rights != e.rights {
			t.Fatalf("ForEach tells %#x otherwise", i.Handle)
		}
		n++
		return true
	})
	if n != len(model) {
		t.Fatalf("ForEach told %d of %d", n, len(model))
	}
	a.CloseAll(nil)
	for _, e := range model {
		if _, l := e.obj.ended(); l != 1 {
			t.Fatalf("object ended %d times after CloseAll", l)
		}
	}
}

func TestHandleModel(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	for range 200 {
		ops := make([]byte, 3*(1+r.Intn(150)))
		r.Read(ops)
		handleModel(t, ops)
	}
}

func FuzzHandleTable(f *testing.F) {
	f.Add([]byte{0, 0, 255, 2, 0, 7, 3, 1, 3, 1, 0, 0, 5, 1, 1})
	f.Fuzz(func(t *testing.T, ops []byte) {
		if len(ops) > 900 {
			ops = ops[:900]
		}
		handleModel(t, ops)
	})
}

// Threads that race on one table keep the counts right.
func TestHandleRaces(t *testing.T) {
	var tab HandleTable
	o := newThing(zx.ObjVMO)
	keep, _ := tab.Add(o, zx.RightDuplicate)
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			r := rand.New(rand.NewSource(int64(i)))
			for range 500 {
				h, st := tab.Duplicate(keep, zx.RightSame)
				if st != zx.OK {
					t.Errorf("Duplicate = %v", st)
					return
				}
				if got, st := tab.Get(h+zx.Handle(r.Intn(2))<<2, zx.ObjVMO, 0); st == zx.OK {
					Unref(got)
				}
				tab.Close(h)
			}
		}()
	}
	wg.Wait()
	if o.Handles() != 1 || tab.Count() != 1 {
		t.Fatalf("%d handles, count %d", o.Handles(), tab.Count())
	}
	tab.CloseAll(nil)
	if z, l := o.ended(); z != 1 || l != 1 {
		t.Fatalf("ended %d %d", z, l)
	}
}

func TestHandlesArePaidFor(t *testing.T) {
	e := NewEvent()
	poor := account.NewRoot(10*blockBytes, 0, nil)
	tab := NewHandleTable(poor)
	made := 0
	for {
		h, st := tab.Add(e, 0)
		if st == zx.ErrNoMemory {
			break
		}
		made++
		if made%1000 == 999 {
			tab.Close(h)
			made--
		}
	}
	if made != 10*blockSlots || poor.Used() != 10*blockBytes {
		t.Errorf("%d handles, %d bytes charged", made, poor.Used())
	}
	// Replacing works when there is no room.
	h := zx.Handle(0)
	tab.ForEach(func(i Info) bool { h = i.Handle; return false })
	if _, st := tab.Replace(h, zx.RightSame); st != zx.OK {
		t.Errorf("replace at the limit: %v", st)
	}
	tab.CloseAll(nil)
	if poor.Used() != 0 {
		t.Errorf("%d bytes charged for a closed table", poor.Used())
	}
}

// TestBill: what an object is paid for lasts as long as it does.
func TestBill(t *testing.T) {
	a := account.NewRoot(1000, 0, nil)
	tab := new(HandleTable)
	e := NewEvent()
	if st := e.Bill(a, 1001); st != zx.ErrNoMemory || a.Used() != 0 {
		t.Errorf("too dear: %v, %d used", st, a.Used())
	}
	if st := e.Bill(a, 700); st != zx.OK || e.Bill(account.NewRoot(0, 0, nil), 700) != zx.OK {
		t.Errorf("bill: %v", st)
	}
	h, _ := tab.Add(e, RightsEvent)
	e.Ref()
	tab.Close(h)
	if a.Used() != 700 {
		t.Errorf("%d used while a reference lives", a.Used())
	}
	Unref(e)
	if a.Used() != 0 {
		t.Errorf("%d used at the end", a.Used())
	}
}

// TestSizes holds what is charged against what the types take.
func TestSizes(t *testing.T) {
	sum := func(all ...any) (bytes int64) {
		for _, v := range all {
			bytes += account.Bytes(reflect.TypeOf(v).Size())
		}
		return bytes
	}
	for name, c := range map[string]struct{ charged, takes int64 }{
		"block":    {blockBytes, sum(slotBlock{})},
		"packet":   {packetBytes, sum(PortPacket{})},
		"port":     {portBytes, sum(Port{}, PortWaiter{}) + spares*sum(PortPacket{})},
		"observer": {observerBytes, sum(registration{}, watch{})},
		"channel":  {channelBytes, sum(Channel{}, channelPair{})},
		"message":  {messageBytes, sum(Message{})},
	} {
		if c.charged < c.takes || c.charged > c.takes*3/2 {
			t.Errorf("%s: %d bytes charged, it takes %d", name, c.charged, c.takes)
		}
	}
}

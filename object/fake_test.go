package object

import (
	"sync"
	"time"

	"faultline/account"
	"faultline/zx"
)

// fakeWaiter sleeps on a channel. Kill and Suspend end a wait as the kernel
// would; a deadline at or below zero is past.
type fakeWaiter struct {
	token chan struct{}
	stop  chan zx.Status
	mu    sync.Mutex
	state zx.ThreadState
	waits int
	sleep bool // in Wait, and nothing has ended that yet
}

func newWaiter() *fakeWaiter {
	return &fakeWaiter{token: make(chan struct{}, 1), stop: make(chan zx.Status, 1)}
}

func (f *fakeWaiter) Wake() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	slept := f.sleep
	f.sleep = false
	select {
	case f.token <- struct{}{}:
	default:
	}
	return slept
}

func (f *fakeWaiter) set(s zx.ThreadState) {
	f.mu.Lock()
	f.state = s
	f.sleep = s != zx.ThreadRunning
	if f.sleep {
		f.waits++
	}
	f.mu.Unlock()
}

func (f *fakeWaiter) Wait(state zx.ThreadState, deadline zx.Time) zx.Status {
	f.set(state)
	defer f.set(zx.ThreadRunning)
	var after <-chan time.Time
	if deadline != zx.TimeInfinite {
		after = time.After(time.Duration(max(deadline, 0)))
	}
	select {
	case <-f.token:
		return zx.OK
	default:
	}
	select {
	case <-f.token:
		return zx.OK
	case st := <-f.stop:
		return st
	case <-after:
		return zx.ErrTimedOut
	}
}

// await sleeps until answer has one, as the kernel's threads do.
func (f *fakeWaiter) await(state zx.ThreadState, deadline zx.Time, answer func(woken zx.Status) zx.Status) zx.Status {
	for {
		if st := answer(f.Wait(state, deadline)); st != Waiting {
			return st
		}
	}
}

// waitOne is zx_object_wait_one of f.
func (f *fakeWaiter) waitOne(b *Base, source Source, signals zx.Signals, deadline zx.Time) (zx.Signals, zx.Status) {
	o := new(Observer)
	now, st := b.Watch(o, f, source, signals)
	if st == Waiting {
		st = f.await(zx.ThreadBlockedWaitOne, deadline, func(woken zx.Status) (st zx.Status) {
			now, st = o.Answer(woken)
			return st
		})
	}
	return now, st
}

// waitMany is zx_object_wait_many of f.
func (f *fakeWaiter) waitMany(items []WaitItem, deadline zx.Time) zx.Status {
	st := WatchMany(f, items)
	if st == Waiting {
		st = f.await(zx.ThreadBlockedWaitMany, deadline, func(woken zx.Status) zx.Status { return AnswerMany(items, woken) })
	}
	return st
}

// call waits for the reply to k.
func (f *fakeWaiter) call(k *Call, deadline zx.Time) zx.Status {
	return f.await(zx.ThreadBlockedChannel, deadline, k.Answer)
}

// untilAsleep returns once f has gone to sleep n times.
func (f *fakeWaiter) untilAsleep(n int) {
	for {
		f.mu.Lock()
		done := f.waits >= n && f.state != zx.ThreadRunning
		f.mu.Unlock()
		if done {
			return
		}
		time.Sleep(50 * time.Microsecond)
	}
}

// untilAwake returns once f's sleep has ended.
func (f *fakeWaiter) untilAwake() {
	for {
		f.mu.Lock()
		awake := !f.sleep
		f.mu.Unlock()
		if awake {
			return
		}
		time.Sleep(50 * time.Microsecond)
	}
}

// thing is an object that remembers its callbacks.
type thing struct {
	Base
	mu         sync.Mutex
	zero, last int
}

func newThing(typ zx.ObjType) *thing {
	o := new(thing)
	o.Base.Init(typ, 0)
	return o
}

func (o *thing) OnZeroHandles() { o.mu.Lock(); o.zero++; o.mu.Unlock() }
func (o *thing) OnLastRef()     { o.mu.Lock(); o.last++; o.mu.Unlock() }

func (o *thing) ended() (zero, last int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.zero, o.last
}

// payer pays for what the tests send.
var payer = account.NewRoot(1<<40, 0, nil)

// put writes a message; the handles stay the caller's on error.
func (c *Channel) put(bytes []byte, handles []Moving) zx.Status {
	m, st := NewMessage(payer, uint32(len(bytes)), uint32(len(handles)))
	if st != zx.OK {
		return st
	}
	copy(m.Bytes, bytes)
	m.Handles = append(m.Handles, handles...)
	if st = c.Write(m); st != zx.OK {
		m.Free()
	}
	return st
}

// get reads a message; of one that is too large the bytes say how large.
func (c *Channel) get(bytes, handles uint32) ([]byte, []Moving, zx.Status) {
	m, n, _, st := c.Read(bytes, handles)
	if st != zx.OK {
		return make([]byte, n), nil, st
	}
	m.Free()
	return m.Bytes, m.Handles, zx.OK
}

// begin and end are Begin and End of a call with such a message.
func (k *Call) begin(c *Channel, w Waiter, bytes []byte, handles []Moving) zx.Status {
	m, st := NewMessage(payer, uint32(len(bytes)), uint32(len(handles)))
	if st != zx.OK {
		return st
	}
	copy(m.Bytes, bytes)
	m.Handles = append(m.Handles, handles...)
	if st = k.Begin(c, w, m); st != zx.OK {
		m.Free()
	}
	return st
}

func (k *Call) end() ([]byte, []Moving) {
	m := k.End()
	if m == nil {
		return nil, nil
	}
	m.Free()
	return m.Bytes, m.Handles
}

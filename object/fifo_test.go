package object

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"faultline/zx"
)

// TestFIFO holds both directions of a fifo to two slices.
func TestFIFO(t *testing.T) {
	const count, size = 5, 3
	a, b, st := NewFIFO(count, size)
	if st != zx.OK {
		t.Fatal(st)
	}
	ends := [2]*FIFO{a, b}
	var model [2][]byte // what ends[i] has to read
	r := rand.New(rand.NewPCG(1, 2))
	for step := range 5000 {
		i := r.IntN(2)
		n := 1 + r.IntN(count+2)
		if r.IntN(2) == 0 {
			p := make([]byte, n*size)
			for k := range p {
				p[k] = byte(r.Uint32())
			}
			room := count*size - len(model[1-i])
			want := min(n, room/size)
			got, st := ends[i].Write(p)
			if got != want || (st == zx.OK) != (want > 0) || st != zx.OK && st != zx.ErrShouldWait {
				t.Fatalf("step %d: %d of %d elements written, %v; want %d", step, got, n, st, want)
			}
			model[1-i] = append(model[1-i], p[:want*size]...)
		} else {
			p := make([]byte, n*size)
			want := min(n, len(model[i])/size)
			got, st := ends[i].Read(p)
			if got != want || (st == zx.OK) != (want > 0) || !bytes.Equal(p[:got*size], model[i][:want*size]) {
				t.Fatalf("step %d: %d of %d elements read, %v; want %d", step, got, n, st, want)
			}
			model[i] = model[i][want*size:]
		}
		for j, e := range ends {
			var want zx.Signals
			if len(model[j]) > 0 {
				want |= zx.SignalReadable
			}
			if len(model[1-j]) < count*size {
				want |= zx.SignalWritable
			}
			if e.Signals() != want {
				t.Fatalf("step %d: end %d shows %#x, want %#x", step, j, e.Signals(), want)
			}
		}
	}
	b.OnZeroHandles()
	if _, st := a.Write(make([]byte, size)); st != zx.ErrPeerClosed {
		t.Errorf("write to a closed end: %v", st)
	}
	if st := a.SignalPeer(0, zx.SignalUserAll); st != zx.ErrPeerClosed {
		t.Errorf("signal of a closed end: %v", st)
	}
	a.OnZeroHandles()
	for _, bad := range [][2]uint64{{0, 1}, {1, 0}, {4097, 1}, {1 << 62, 4}, {65, 64}} {
		if _, _, st := NewFIFO(bad[0], bad[1]); st != zx.ErrOutOfRange {
			t.Errorf("NewFIFO%v: %v", bad, st)
		}
	}
}

// TestTimer sets, sets anew and cancels.
func TestTimer(t *testing.T) {
	var shift atomic.Int64
	start := time.Now()
	now := func() zx.Time { return zx.Time(int64(time.Since(start)) + shift.Load()) }
	timer := NewTimer(now)
	signaled := func() bool { return timer.Signals()&zx.SignalSignaled != 0 }
	timer.Set(now())
	if !signaled() {
		t.Error("a deadline that has come did not signal")
	}
	timer.Set(zx.TimeInfinite)
	if signaled() {
		t.Error("setting did not deassert")
	}
	timer.Set(-1 << 63)
	if !signaled() {
		t.Error("the infinite past did not signal")
	}
	deadline := now() + 20e6
	timer.Set(deadline)
	for end := time.Now().Add(10 * time.Second); !signaled(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the timer never came")
		}
	}
	if now() < deadline {
		t.Error("the timer came early")
	}
	timer.Set(now() + 10e6)
	timer.Cancel()
	time.Sleep(20 * time.Millisecond)
	if signaled() {
		t.Error("a cancelled timer came")
	}
	timer.OnZeroHandles()
}

// crowd counts the goroutines there are when it is woken.
type crowd struct{ most, woken atomic.Int64 }

func (c *crowd) Wake() bool {
	c.most.Store(max(c.most.Load(), int64(runtime.NumGoroutine())))
	c.woken.Add(1)
	return true
}

func (*crowd) Wait(zx.ThreadState, zx.Time) zx.Status { panic("never waits") }

// TestTimersAtOnce has thousands ring at one moment: none is missed, none takes a
// goroutine, with its stack, that nobody was charged for.
func TestTimersAtOnce(t *testing.T) {
	start := time.Now()
	now := func() zx.Time { return zx.Time(time.Since(start)) }
	const many = 2000
	var timers [many]*Timer
	var waits [many]Observer
	c, before := new(crowd), runtime.NumGoroutine()
	deadline := now() + 1e9
	for i := range timers {
		timers[i] = NewTimer(now)
		timers[i].Set(deadline)
		timers[i].Watch(&waits[i], c, Source{}, zx.SignalSignaled)
	}
	for i := 0; i < many; i += 2 { // neither taking one out nor another instant stops the rest
		timers[i].Set(deadline + zx.Time(i)*1000)
	}
	timers[1].Cancel()
	for end := time.Now().Add(20 * time.Second); c.woken.Load() < many-1; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d of %d rang", c.woken.Load(), many-1)
		}
	}
	if got := int(c.most.Load()); got > before+20 {
		t.Errorf("%d goroutines for %d timers", got-before, many)
	}
	if timers[1].Signals()&zx.SignalSignaled != 0 {
		t.Error("a cancelled timer rang")
	}
}

// TestEventPair signals across and sees the end.
func TestEventPair(t *testing.T) {
	a, b := NewEventPair()
	if st := a.SignalPeer(0, 1<<24); st != zx.OK || b.Signals() != 1<<24 || a.Signals() != 0 || a.RelatedKoid() != b.Koid() {
		t.Errorf("%v, signals %#x and %#x", st, a.Signals(), b.Signals())
	}
	b.OnZeroHandles()
	if st := a.SignalPeer(0, 1<<24); st != zx.ErrPeerClosed || a.Signals() != zx.SignalPeerClosed {
		t.Errorf("%v, signals %#x", st, a.Signals())
	}
}

package kernel

import (
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"faultline/zx"
)

func testClock() int64 { return int64(time.Since(testStart)) }

var testStart = time.Now()

func TestParkerTokens(t *testing.T) {
	p := parker{now: testClock}
	p.Wake()
	p.Wake() // tokens do not add up
	if st := p.wait(zx.TimeInfinite); st != zx.OK {
		t.Fatalf("wait with a token: %v", st)
	}
	if st := p.wait(0); st != zx.ErrTimedOut {
		t.Fatalf("second wait, deadline past: %v, want TIMED_OUT", st)
	}
	p.Wake()
	if st := p.wait(0); st != zx.OK {
		t.Fatalf("wait with a token, deadline past: %v, want OK", st)
	}
}

func TestParkerDeadline(t *testing.T) {
	p := parker{now: testClock}
	for range 3 {
		from := testClock()
		if st := p.wait(zx.Time(from + 5e6)); st != zx.ErrTimedOut {
			t.Fatalf("wait: %v, want TIMED_OUT", st)
		}
		if took := testClock() - from; took < 5e6 {
			t.Fatalf("timed out after %d ns of 5000000", took)
		}
	}
	go func() { time.Sleep(time.Millisecond); p.Wake() }()
	if st := p.wait(zx.Time(testClock() + 10e9)); st != zx.OK {
		t.Fatalf("woken before the deadline: %v", st)
	}
}

// TestParkerPast: a deadline in the past is a poll, however long past it is.
func TestParkerPast(t *testing.T) {
	p := parker{now: func() int64 { return 1 << 40 }}
	for _, deadline := range []zx.Time{-1 << 63, -1<<63 + 1e9, -1, 0, 1 << 40} {
		if st := p.wait(deadline); st != zx.ErrTimedOut {
			t.Errorf("deadline %d: %v, want TIMED_OUT", deadline, st)
		}
	}
}

// TestParkerLateTimer: the timer of a wait that is over ends the next one early,
// but does not pass for its deadline.
func TestParkerLateTimer(t *testing.T) {
	now := int64(0)
	p := parker{now: func() int64 { return now }}
	p.Wake() // as the late timer does
	if st := p.wait(5e9); st != zx.OK {
		t.Errorf("woken at 0 of 5e9: %v, want OK", st)
	}
}

// TestParkerPingPong hands a turn to and fro; a lost wake-up hangs it.
func TestParkerPingPong(t *testing.T) {
	const rounds = 2000 // the race detector polls: see park_race.go
	a, b := parker{now: testClock}, parker{now: testClock}
	var turns atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range rounds {
			b.wait(zx.TimeInfinite)
			turns.Add(1)
			a.Wake()
		}
	}()
	for i := range rounds {
		b.Wake()
		a.wait(zx.TimeInfinite)
		if got := turns.Load(); got != int64(i+1) {
			t.Fatalf("round %d: %d turns of the other side", i, got)
		}
	}
	<-done
}

// TestWakeToken: a wake that comes before the sleep ends it; a second one adds nothing.
func TestWakeToken(t *testing.T) {
	var th Thread
	if first, second := th.Wake(), th.Wake(); first || second {
		t.Error("a thread that runs was woken")
	}
	if !th.sleep(zx.ThreadBlockedPager) {
		t.Error("it sleeps, though it was woken before")
	}
	if th.runs(); th.sleep(zx.ThreadBlockedPager) || th.token.Load() != tokenAsleep {
		t.Errorf("it does not sleep, token %d", th.token.Load())
	}
}

// TestThreadSize: a thread and the allocator's header of 8 fit 1,792 bytes; one field
// more makes it 2,048, and a waiting thread passes 2 KiB.
func TestThreadSize(t *testing.T) {
	if n := reflect.TypeFor[Thread]().Size(); n > 1784 {
		t.Errorf("a Thread has %d bytes", n)
	}
}

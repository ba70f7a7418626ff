package pager

import (
	"fmt"
	"sync"
	"sync/atomic"

	"faultline/vmo"
	"faultline/zx"
)

// Defaults of the overtime parameters. Source: docs/pager.md 5.8.
const (
	DefaultOvertimeWait    zx.Time = 20e9
	DefaultOvertimeTimeout zx.Time = 300e9
)

// watchPeriod is how often waits are looked at: the resolution of their clocks.
const watchPeriod zx.Time = 1e9

// Config is what all pagers of a system share.
type Config struct {
	// Now reads the monotonic clock. Needed if one of the next two is not
	// zero.
	Now func() zx.Time
	// OvertimeWait is after how long a wait is reported, again and again;
	// OvertimeTimeout after how long it is given up with TIMED_OUT. Zero is
	// never. Both need somebody to run System.Watch, and are as exact as that.
	OvertimeWait, OvertimeTimeout zx.Time
	// Log takes a warning, perhaps of several lines; nil drops it.
	Log func(line string)
}

// System is the part all pagers share: parameters, counters, and the watchdog
// that looks at the waits, so that a wait itself needs neither clock nor timer.
type System struct {
	cfg Config

	mu     sync.Mutex
	pagers *Pager // not closed; guarded by mu

	tickMu  sync.Mutex
	scratch []*Proxy // guarded by tickMu, as is:
	lines   []string // for the log

	watcher vmo.Waiter // of Watch, set before requests.Unwatched: it sleeps until the next wait begins

	created, destroyed, timedOut, waited atomic.Uint64
	requests                             vmo.RequestStats
}

// NewSystem makes the shared part.
func NewSystem(cfg Config) *System {
	if cfg.Now == nil && (cfg.OvertimeWait != 0 || cfg.OvertimeTimeout != 0) {
		panic(fmt.Sprintf("pager.NewSystem: overtime of %d and %d ns without a clock", cfg.OvertimeWait, cfg.OvertimeTimeout))
	}
	return &System{cfg: cfg}
}

// Counter is a named count since boot.
type Counter struct {
	Name  string
	Value uint64
}

// Counters gives the counts under Zircon's names.
func (y *System) Counters() []Counter {
	return []Counter{
		{"dispatcher.pager.create", y.created.Load()},
		{"dispatcher.pager.destroy", y.destroyed.Load()},
		{"dispatcher.pager.total_requests", y.requests.Sent.Load()},
		{"dispatcher.pager.succeeded_requests", y.requests.Succeeded.Load()},
		{"dispatcher.pager.failed_requests", y.requests.Failed.Load()},
		{"dispatcher.pager.timed_out_requests", y.timedOut.Load()},
		{"dispatcher.pager.overtime_waits", y.waited.Load()},
	}
}

// adopt lists a new pager.
func (y *System) adopt(p *Pager) {
	y.mu.Lock()
	if p.next = y.pagers; p.next != nil {
		p.next.prev = p
	}
	y.pagers = p
	y.mu.Unlock()
	y.created.Add(1)
}

// forget unlists a pager that was closed.
func (y *System) forget(p *Pager) {
	y.mu.Lock()
	if p.prev == nil {
		y.pagers = p.next
	} else {
		p.prev.next = p.next
	}
	if p.next != nil {
		p.next.prev = p.prev
	}
	p.next, p.prev = nil, nil
	y.mu.Unlock()
	y.destroyed.Add(1)
}

// Watch warns of waits that take long and ends those that take too long, as
// Config says. It looks every watchPeriod while somebody waits and otherwise
// sleeps. It returns only if there is nothing to watch for, or when w says that
// its thread is to end; call it once, on a goroutine of its own.
//
// Locks: none held. Source: docs/pager.md 5.8.
func (y *System) Watch(w vmo.Waiter) {
	if y.cfg.OvertimeWait == 0 && y.cfg.OvertimeTimeout == 0 {
		return
	}
	y.watcher = w
	for {
		// Whoever begins to wait after this store wakes us; whoever did before
		// is seen by Tick.
		y.requests.Unwatched.Store(true)
		if !y.Tick(y.cfg.Now()) {
			if st := w.Wait(zx.ThreadBlockedSleeping, zx.TimeInfinite); st != zx.OK {
				return
			}
			y.Tick(y.cfg.Now())
		}
		// Under a stream of faults only one in each period wakes us.
		y.requests.Unwatched.Store(false)
		if st := w.Wait(zx.ThreadBlockedSleeping, y.cfg.Now()+watchPeriod); st != zx.OK && st != zx.ErrTimedOut {
			return
		}
	}
}

// rouse wakes Watch for a wait that begins.
func (y *System) rouse() {
	if y.requests.Unwatched.CompareAndSwap(true, false) {
		y.watcher.Wake()
	}
}

// Tick looks at every wait in progress once and says whether there is any. The
// clock of a wait starts with the first look at it.
//
// Locks: none held; Config.Log must not call Tick. Source: docs/pager.md 5.8.
func (y *System) Tick(now zx.Time) bool {
	y.tickMu.Lock()
	defer y.tickMu.Unlock()
	all := y.scratch[:0]
	y.mu.Lock()
	for p := y.pagers; p != nil; p = p.next {
		p.mu.Lock()
		for s := p.proxies; s != nil; s = s.next {
			all = append(all, s)
		}
		p.mu.Unlock()
	}
	y.mu.Unlock()
	waits := false
	for i, s := range all {
		waits = s.tick(now) || waits
		all[i] = nil
	}
	y.scratch = all[:0]
	for i, line := range y.lines {
		y.cfg.Log(line)
		y.lines[i] = ""
	}
	y.lines = y.lines[:0]
	return waits
}

// log keeps a line for the end of Tick, when no lock is held but tickMu.
func (y *System) log(line string) {
	if y.cfg.Log != nil {
		y.lines = append(y.lines, line)
	}
}

// tick is Tick for the requests of one source. However many wait too long, it
// says so once.
func (s *Proxy) tick(now zx.Time) bool {
	s.Lock()
	defer s.Unlock()
	y := s.sys
	waits := false
	var late zx.Time // the longest wait to be warned of
	ended, said := 0, ""
	s.Each(func(r *vmo.PageRequest) {
		if r.Woken.Load() || r.Since.Load() == 0 {
			return
		}
		took := now - since(r, now)
		if limit := y.cfg.OvertimeTimeout; limit > 0 && took >= limit {
			y.timedOut.Add(1)
			ended++
			if ended == 1 {
				said = s.timeout(r, took)
			}
			s.GiveUp(r, zx.ErrTimedOut)
			return
		}
		waits = true
		if period := y.cfg.OvertimeWait; period > 0 {
			if n := uint32(took / period); n > r.Warned {
				r.Warned = n
				y.waited.Add(1)
				late = max(late, took)
			}
		}
	})
	if late > 0 {
		y.log(s.overtime(now, late))
	}
	if ended > 1 {
		said += fmt.Sprintf(" So did %d more.", ended-1)
	}
	if ended > 0 {
		y.log(said)
	}
	return waits
}

// since gives when the wait of r was first looked at, which may be now. Locks:
// that of r's source held.
func since(r *vmo.PageRequest, now zx.Time) zx.Time {
	if t := r.Since.Load(); t != vmo.RequestUnseen {
		return zx.Time(t)
	}
	// It may be over already; then this is not its clock.
	if r.Since.CompareAndSwap(vmo.RequestUnseen, int64(now)) {
		r.Warned = 0
	}
	return now
}

package kernel

import (
	"math/bits"
	"runtime"
	"sync/atomic"

	"faultline/cpu"
	"faultline/mmu"
	"faultline/trace"
	"faultline/zx"
)

// # Shootdown
//
// A CPU in ring 0 never uses a translation of user space. So nobody else's has to be
// dropped at once: it is enough that a CPU does not run in ring 3 with an old one. Each CPU
// says where it is in a word of its own, user: 0 in ring 0, else the number of its
// stay in ring 3.
//
//	who weakens a translation             a CPU that goes to ring 3
//	1 writes the entry                    1 root = what it loads into CR3
//	2 for each CPU whose root this is:    2 user = number of the stay
//	3   stale = true                      3 if stale: stale = false, load CR3
//	4   if user != 0: kick,               4 ring 3
//	      wait until user is another      5 user = 0
//
// All these stores are locked instructions, so they are seen in this order. Either 2 on the left sees
// the root, or the CPU loads CR3 after the entry was written and caches nothing
// older. Either 4 on the left sees the stay, and waits for its end, or 3 on
// the right sees stale. When the wait is over no CPU has, or will use, the old translation:
// frames and tables may be freed. Nobody waits for a CPU in ring 0, so whoever waits may
// hold locks; a CPU in ring 3 holds none, and leaves at once when kicked.
// Source: Intel SDM 3A 4.10.4.1, 4.10.5.

// crossing is what other CPUs see of one that enters ring 3.
type crossing struct {
	_     [64]byte // of nobody else's cache line
	root  atomic.Uint64
	user  atomic.Uint64
	stale atomic.Bool
	stays uint64 // the CPU's own
	_     [64]byte
}

// enter says that the CPU, whose own it is, goes to ring 3, now: 2 and 3 on the right.
// stale says that CR3 is to be loaded again.
//
// Pre: root is loaded; nothing but Exec follows.
//
//go:nosplit
func (x *crossing) enter() (stale bool) {
	x.stays++
	x.user.Store(x.stays)
	if x.stale.Load() {
		x.stale.Store(false)
		return true
	}
	return false
}

// reload has the CPU forget what it must not know in ring 3.
//
//go:nosplit
func (c *percpu) reload() { c.writeCR3(c.root) }

// Invalidate drops the translations of the pages [start, end) under root, on all
// CPUs. A root that is not loaded has nothing cached: loading CR3 dropped it. Kernel
// pages are global and stay.
// Source: Intel SDM 3A 4.10.4.1.
func (k *Kernel) Invalidate(root zx.PhysAddr, start, end zx.VirtAddr) {
	if me := k.invalidateHere(root, start, end); len(k.cpus) > 1 {
		k.shootdown(root, me)
	}
}

// invalidateHere is Invalidate for the CPU that it gives. The goroutine may be on
// another afterwards.
//
//go:nosplit
func (k *Kernel) invalidateHere(root zx.PhysAddr, start, end zx.VirtAddr) *percpu {
	c := k.here()
	switch {
	case c.root != root:
	case end-start >= mmu.FlushAllPages*zx.PageSize:
		c.writeCR3(root)
	default:
		for va := start; va < end; va += zx.PageSize {
			cpu.InvalidatePage(uint64(va))
		}
	}
	return c
}

// shootdown makes all CPUs but me drop what they know of root, as drawn above.
func (k *Kernel) shootdown(root zx.PhysAddr, me *percpu) {
	told := uint32(0)
	for _, c := range k.cpus {
		x := &c.crossing
		if c == me || x.root.Load() != uint64(root) {
			continue
		}
		told++
		x.stale.Store(true)
		if stay := x.user.Load(); stay != 0 {
			k.machine.Kick(c.id)
			for x.user.Load() == stay {
				cpu.Pause()
			}
		}
	}
	if told > 0 && trace.On() {
		trace.Emit(trace.Shootdown, told, 0, 0, 0)
	}
}

// load makes root the page table of this CPU.
//
//go:nosplit
func (c *percpu) load(root zx.PhysAddr) {
	c.root = root
	c.crossing.root.Store(uint64(root))
	c.writeCR3(root)
}

// leave makes sure that no CPU uses the page table at root any more, whose threads
// have all ended: a CPU loads another before it does anything else for long.
func (k *Kernel) leave(root zx.PhysAddr) {
	for _, c := range k.cpus {
		for c.crossing.root.Load() == uint64(root) {
			if !k.leaveHere(root) {
				runtime.Gosched()
			}
		}
	}
}

//go:nosplit
func (k *Kernel) leaveHere(root zx.PhysAddr) bool {
	c := k.here()
	if c.root != root {
		return false
	}
	c.load(k.table.Root())
	return true
}

// # Who runs where
//
// A thread stays where it ran. A CPU that has nothing to do takes the first of
// the longest queue that may move, or sleeps with its bit set in Kernel.idle; whoever
// lets a thread wait while a bit is set rouses that CPU, which then looks again. A
// thread that got its page comes next where its pager runs, who mostly waits for the
// next request at once: it is given to another CPU only if the pager does not.

// steal takes a thread that is ready on another CPU, nil if there is none.
func (c *percpu) steal() *Thread {
	k := c.kernel
	for {
		var from *percpu
		most := int32(0)
		for _, o := range k.cpus {
			if n := o.queued.Load(); o != c && n > most {
				from, most = o, n
			}
		}
		if from == nil {
			return nil
		}
		from.mu.Lock()
		t := from.popMovable()
		from.mu.Unlock()
		if t != nil {
			return t
		}
		if from.queued.Load() == most {
			return nil // what is there cannot move
		}
	}
}

// popMovable takes out the first thread that no executor waits with. Locks: mu
// held.
func (c *percpu) popMovable() *Thread {
	var before *Thread
	for t := c.head; t != nil; before, t = t, t.next {
		if t.executor != nil {
			continue
		}
		if before == nil {
			c.head = t.next
		} else {
			before.next = t.next
		}
		if c.tail == t {
			c.tail = before
		}
		c.queued.Add(-1)
		return t
	}
	return nil
}

// invite rouses a CPU that has nothing to do, if there is one and c has threads
// that wait.
func (c *percpu) invite() {
	k := c.kernel
	for c.queued.Load() > 0 {
		idle := k.idle.Load()
		if idle == 0 {
			return
		}
		id := bits.TrailingZeros64(idle)
		if k.idle.CompareAndSwap(idle, idle&^(1<<id)) {
			k.cpus[id].rouse()
			return
		}
	}
}

// share gives the thread that is next here to another CPU, now that the one that woke
// it goes on.
func (c *percpu) share() {
	if t := c.direct; t != nil {
		c.direct = nil
		c.enqueue(t)
	}
}

// affinity is a bit for each CPU.
func (k *Kernel) affinity() uint64 { return 1<<len(k.cpus) - 1 }

// NumCPUs is how many CPUs run threads.
func (k *Kernel) NumCPUs() int { return len(k.cpus) }

// CPUInfo tells of one CPU, as far as can be seen from another.
type CPUInfo struct {
	Ready  int    // threads that wait for it
	Idle   bool   // it has nothing to do
	User   bool   // it is in ring 3
	Stays  uint64 // how often it has been there, with several CPUs
	Stolen uint64 // threads it took from others
}

// CPUs tells of each CPU.
func (k *Kernel) CPUs() (list []CPUInfo) {
	idle := k.idle.Load()
	for _, c := range k.cpus {
		list = append(list, CPUInfo{
			Ready: int(c.queued.Load()), Idle: idle>>c.id&1 != 0, User: c.crossing.user.Load() != 0,
			Stays: atomic.LoadUint64(&c.crossing.stays), Stolen: c.stolen.Load(),
		})
	}
	return list
}

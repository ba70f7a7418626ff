package kernel

import (
	"container/heap"
	"runtime"
	"sync/atomic"
	"time"

	"faultline/cpu"
	"faultline/object"
	"faultline/spin"
	"faultline/syscall"
	"faultline/trace"
	"faultline/zx"
)

// tickPeriod is the longest a thread keeps the CPU while another is ready, in
// nanoseconds.
const tickPeriod = 2_000_000

// spareExecutors is how many idle executors a CPU keeps.
const spareExecutors = 4

// percpu is what one CPU has of its own: the threads that are ready there, and
// what it must see to before it enters ring 3.
//
//	woken by the thread that runs --> direct --+  when that thread waits
//	woken by anybody else ---------> ready ----+--> executor --> ring 3
//	its time is over --------------> ready     |
//	its deadline has come <--------- deadlines |
//
// A thread takes over at once when the one that woke it waits: that is how a
// fault reaches its pager, and the page its thread. Both use up one slice of
// time, so that whoever is ready besides comes next when the slice is over.
type percpu struct {
	kernel  *Kernel
	id      int
	machine Board
	heed    *atomic.Uint32 // look at something before ring 3, see attend: machine.TickWord()

	// Only the executor that has the CPU touches these.
	executor *executor // that has the CPU
	turn     turn
	paying   bool           // a piece of what calls owe to Go's collector
	maker    *object.Maker  // of the process whose thread runs, unless turn says turnKernel
	chores   *object.Maker  // whose thread left some here, nil without heedChores
	direct   *Thread        // ready, and next: the one that the thread which runs has woken
	root     zx.PhysAddr    // in CR3
	slice    int64          // when the time of the threads that run is over
	traced   *Thread        // whom the trace says the CPU runs; the CPU's own
	ran      *atomic.Uint64 // whose time it is since; unused is nobody's
	since    uint64         // ticks, as all time that is tallied
	unused   atomic.Uint64
	debug    *cpu.DebugRegs // what the CPU has: see loadDebug
	stretch  stretch        // while records are left

	crossing crossing
	queued   atomic.Int32 // length of the list of ready threads
	stolen   atomic.Uint64

	mu         spin.Lock
	head, tail *Thread     // ready, in the order they became so, by Thread.next
	idler      *executor   // sleeps, for nothing is ready
	spare      *executor   // have no CPU, by executor.next
	spares     int         // how many
	deadlines  deadlines   // of the threads that sleep until one
	alarm      *time.Timer // rouses idler for the first of them
}

// turn is whose turn it is on a CPU.
type turn uint8

const (
	turnKernel turn = iota // a goroutine of the kernel runs: whom it wakes is queued
	turnThread             // a thread does: the first that it wakes is next
	turnHanded             // a thread that has woken one, or more: no other is next
)

// What a CPU must look at before it enters ring 3.
const (
	heedTick    uint32 = 1 << iota // no tick is to come; the board's
	heedSeveral                    // there are other CPUs: they are told of the entry
	heedYield                      // a goroutine of the kernel was made ready
	heedTrace                      // records are left
	heedShare                      // another CPU could run the next thread
	heedSoon                       // it could, if the one that runs does not wait with its next call
	heedLoad                       // what another thread needs may be loaded
	heedChores                     // calls have left work to do
	heedDebt                       // calls owe marking to Go's collector
)

// newCPU makes the part of CPU id, whose page table is root.
func newCPU(k *Kernel, id int, root zx.PhysAddr) *percpu {
	c := &percpu{kernel: k, id: id, machine: k.machine, heed: k.machine.TickWord(id), root: root}
	c.ran, c.since = &c.unused, cpu.ReadTSC()
	c.crossing.root.Store(uint64(root))
	c.alarm = time.AfterFunc(time.Hour, c.rouse)
	c.alarm.Stop()
	return c
}

// startExecutors lets each CPU have an executor.
func (k *Kernel) startExecutors() {
	for _, c := range k.cpus {
		if len(k.cpus) > 1 {
			c.heed.Or(heedSeveral)
		}
		go newExecutor(c).run()
	}
}

// enqueue makes t, which sleeps no more, ready to run, behind all others.
//
// Locks: takes c.mu. It never blocks.
func (c *percpu) enqueue(t *Thread) {
	c.mu.Lock()
	// A goroutine may be stopped where it calls something, and go on elsewhere: so it
	// takes direct out in the same breath as it finds that it is here.
	if c == c.kernel.here() && c.turn != turnKernel {
		c.pushDirect()
	}
	c.push(t)
	idler := c.idler
	c.idler = nil
	c.mu.Unlock()
	if idler != nil {
		idler.Wake()
	} else if c.several() {
		c.invite()
	}
}

// push puts t behind all that are ready. Locks: mu held.
func (c *percpu) push(t *Thread) {
	t.next = nil
	if c.head == nil {
		c.head = t
	} else {
		c.tail.next = t
	}
	c.tail = t
	c.queued.Add(1)
}

// pushDirect puts who would be next in line with the others: they are served in
// the order in which they were woken. Locks: mu held.
func (c *percpu) pushDirect() {
	if d := c.direct; d != nil {
		c.direct = nil
		c.push(d)
	}
}

// several says whether there are other CPUs.
func (c *percpu) several() bool { return c.heed.Load()&heedSeveral != 0 }

// tally counts the time until now for whom it was, and from now on for to.
func (c *percpu) tally(now uint64, to *atomic.Uint64) {
	c.ran.Add(now - c.since)
	c.ran, c.since = to, now
}

// rouse wakes the executor if it sleeps.
func (c *percpu) rouse() {
	c.mu.Lock()
	idler := c.idler
	c.idler = nil
	c.mu.Unlock()
	if idler != nil {
		idler.Wake()
	}
}

// attend sees to what cannot wait until ring 3 is left again: goroutines of the
// kernel that were made ready, and the timer, which must end the slice, and
// before it any thread's wait.
func (c *percpu) attend(t *Thread) {
	heed := c.heed.Load()
	if heed&heedYield != 0 {
		c.heed.And(^heedYield)
		c.yield(true)
	}
	switch {
	case heed&heedShare != 0:
		c.heed.And(^(heedShare | heedSoon))
		c.share()
	case heed&heedSoon != 0:
		c.heed.And(^heedSoon)
		c.heed.Or(heedShare)
	}
	if heed&heedTrace != 0 {
		c.traceEntry(t)
	}
	if heed&heedLoad != 0 {
		c.heed.And(^heedLoad)
		c.loadFor(t)
	}
	if c.heed.Load()&heedTick == 0 {
		return
	}
	now := c.kernel.now()
	if now >= c.slice {
		c.slice = now + tickPeriod
	}
	at := c.slice
	c.mu.Lock()
	if len(c.deadlines) > 0 {
		at = min(at, int64(c.deadlines[0].deadline))
	}
	c.mu.Unlock()
	c.machine.ArmTick(max(at-now, 0))
}

// yield lets the goroutines of the kernel run that are ready: at once, those that
// were woken on this CPU, in fewer instructions; the rest has every tick.
func (c *percpu) yield(atOnce bool) {
	turn := c.turn
	c.turn = turnKernel
	if atOnce && !c.several() { // with several CPUs another might take this executor
		goyield()
	} else {
		runtime.Gosched()
	}
	c.turn = turn
}

// loadFor loads the page table and the breakpoints of t, if others are loaded, and
// has chores that come up count as its process's.
func (c *percpu) loadFor(t *Thread) {
	if t.root != c.root {
		c.load(t.root)
		c.maker = &t.process.maker // who has the same page table has the same
	}
	if t.debug != c.debug {
		c.loadDebug(t)
	}
}

// tick takes the interrupt that made t leave ring 3: goroutines of the kernel
// run, waits end whose time has come. It says whether t goes on; if not, its
// slice is over, and it is ready, behind the others.
func (c *percpu) tick(t *Thread, v cpu.Vector) bool {
	if !c.machine.HandleInterrupt(v) {
		c.kernel.strayInterrupt(v)
	}
	c.tally(cpu.ReadTSC(), &t.ran)
	c.heed.And(^heedYield)
	c.yield(false)
	on := !c.over(t)
	if c.several() {
		c.share()
		c.invite()
	}
	return on
}

// over ends the waits whose time has come, and the slice of t if its time has
// come and another is ready: then t is ready, behind all others.
func (c *percpu) over(t *Thread) bool {
	now := c.kernel.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expire(now)
	if now < c.slice || c.direct == nil && c.head == nil {
		return false
	}
	c.pushDirect()
	c.push(t)
	return true
}

// expireAtOnce is how many waits end before the CPU looks at the world: ring 3 can
// have thousands end at one instant. The timer is set for the rest.
const expireAtOnce = 128

// expire ends waits whose deadline is not past now. Locks: mu held.
func (c *percpu) expire(now int64) {
	for n := 0; n < expireAtOnce && len(c.deadlines) > 0 && int64(c.deadlines[0].deadline) <= now; n++ {
		t := c.deadlines[0]
		heap.Pop(&c.deadlines)
		t.late = true
		if t.token.Swap(tokenWoken) == tokenAsleep {
			c.push(t)
		}
	}
}

// await has t woken at its deadline.
func (c *percpu) await(t *Thread) {
	c.mu.Lock()
	heap.Push(&c.deadlines, t)
	first := c.deadlines[0] == t
	c.mu.Unlock()
	if first {
		c.heed.Or(heedTick) // so that attend arms the timer for this one
	}
}

// forget is the end of await; t.late says whether the deadline came.
func (c *percpu) forget(t *Thread) {
	c.mu.Lock()
	if t.place > 0 {
		heap.Remove(&c.deadlines, t.place-1)
	}
	c.mu.Unlock()
}

// deadlines is the threads that sleep until a time, as a heap: the first comes
// first. Guarded by percpu.mu, as what it uses of a thread.
type deadlines []*Thread

func (d deadlines) Len() int           { return len(d) }
func (d deadlines) Less(i, j int) bool { return d[i].deadline < d[j].deadline }

func (d deadlines) Swap(i, j int) {
	d[i], d[j] = d[j], d[i]
	d[i].place, d[j].place = i+1, j+1
}

// Push implements heap.Interface.
func (d *deadlines) Push(t any) {
	*d = append(*d, t.(*Thread))
	t.(*Thread).place = len(*d)
}

// Pop implements heap.Interface.
func (d *deadlines) Pop() any {
	last := len(*d) - 1
	t := (*d)[last]
	(*d)[last] = nil
	*d = (*d)[:last]
	t.place = 0
	return t
}

// executor is a goroutine that runs the threads of a CPU. A CPU has one at a
// time. A call that must wait in the midst of Go code keeps its executor, for
// the stack is there; the CPU goes to another one meanwhile.
//
//	          takes a CPU             hands its CPU on
//	(spare) --------------> (running) ----------------> (waiting in a call)
//	   ^                     |  ^  ^                             |
//	   +---------------------+  |  +-----------------------------+
//	     hands its CPU to the   |          its thread is next
//	     executor of a thread   +--> (idle): nothing is ready
type executor struct {
	parker
	cpu  *percpu   // whose it is; constant
	next *executor // guarded by cpu.mu
}

func newExecutor(c *percpu) *executor { return &executor{cpu: c} }

// run is the life of an executor: take the next thread, go on with what it
// waited for, enter ring 3 and decide about what made it come back, again, until
// it waits, ends, or its slice is over.
func (e *executor) run() {
	c := e.cpu
	c.machine.Pin(c.id)
	c.executor = e
	for {
		t := c.direct
		if t != nil {
			c.direct, c.turn = nil, turnThread
		} else {
			t = e.pick()
		}
		if t.executor != nil {
			c.maker = &t.process.maker
			c.load(c.kernel.table.Root())
			if !e.handTo(t.executor) {
				return
			}
			continue
		}
		if t.cpu != c {
			t.cpu = c
			t.context.Space = t.process.space.Lane(c.id)
			t.lastCPU.Store(uint32(c.id))
		}
		c.tally(cpu.ReadTSC(), &t.ran)
		if t.root != c.root || t.debug != c.debug {
			c.loadFor(t)
		}
		for on := true; on; {
			if t.step != stepUser {
				switch t.step {
				case stepFault:
					on = t.faultWoken()
				case stepCall:
					on = t.callWoken()
				case stepAgain:
					on = t.callAgain()
				case stepHandle:
					on = t.handleWoken()
				case stepPause:
					on = t.pauseWoken()
				}
				continue
			}
		ring3:
			heed := c.heed.Load() | t.interrupted.Load()
			if heed == 0 {
				c.exec(t.regs)
			} else {
				if heed != heedSeveral {
					if heed&heedChores != 0 {
						c.heedChores(t)
						goto ring3
					}
					if heed&heedDebt != 0 && t.interrupted.Load() == 0 {
						t.yield(0)
						goto ring3
					}
					c.attend(t)
					if t.interrupted.Load() != 0 {
						on = t.heed()
						continue
					}
				}
				// Nothing from here to Exec may let a goroutine run: it could bring about
				// what was just seen to.
				if heed&heedSeveral != 0 && c.crossing.enter() {
					c.reload()
				}
				c.exec(t.regs)
				c.crossing.user.Store(0)
				if heed&heedTrace != 0 && trace.On() {
					t.traceTrap()
				}
			}
			switch v := t.regs.Vector(); {
			case v == cpu.VectorSyscall:
				// The call that does nothing pays for every instruction here.
				t.syscalls.Add(1)
				result := syscall.Dispatch(&t.context, (*syscall.Registers)(t.regs.General()))
				switch {
				case result >= 0:
					t.regs.RAX = uint64(result)
					goto ring3
				case result == syscall.Sleeps:
					on = t.callSleeps()
				default:
					on = t.called(result, zx.OK)
				}
			case v == cpu.VectorPageFault:
				on = t.pageFault()
			case v >= cpu.VectorFirstInterrupt:
				on = c.tick(t, v)
			default:
				on = t.raise(exceptionOf(v), zx.OK)
			}
		}
	}
}

// pick gives the thread to run next, sleeping while there is none.
func (e *executor) pick() *Thread {
	c := e.cpu
	for {
		// From here on whoever wakes a thread queues it: what became direct while
		// this one waited for the lock would be overwritten, or slept upon.
		c.turn = turnKernel
		if t := c.direct; t != nil {
			c.direct = nil
			c.turn = turnThread
			return t
		}
		c.mu.Lock()
		if t := c.head; t != nil {
			c.head = t.next
			c.queued.Add(-1)
			c.mu.Unlock()
			c.turn = turnThread
			if c.several() {
				c.invite() // for those behind it, whose time came or was over
			}
			return t
		}
		if c.heed.Load()&(heedYield|heedChores) != 0 {
			// A goroutine was made ready, and may make a thread ready: it runs
			// without the way into sleep and out of it.
			c.mu.Unlock()
			if c.heed.Load()&heedChores != 0 {
				c.heedChores(nil)
			}
			c.heed.And(^heedYield)
			c.yield(true)
			continue
		}
		if len(c.deadlines) > 0 {
			now := c.kernel.now()
			if c.expire(now); c.head != nil {
				c.mu.Unlock()
				continue
			}
			if len(c.deadlines) > 0 { // or the last one was woken by another CPU meanwhile
				c.alarm.Reset(time.Duration(int64(c.deadlines[0].deadline) - now))
			}
		}
		c.idler = e
		c.mu.Unlock()
		c.tally(cpu.ReadTSC(), &c.unused)
		if c.heed.Load()&heedTrace != 0 {
			c.traceSwitch(nil)
		}
		if c.several() {
			if root := c.kernel.table.Root(); root != c.root {
				c.load(root) // see leave, which cannot do it for another CPU
			}
			if t := c.sleepOrSteal(e); t != nil {
				return t
			}
		} else {
			e.take()
		}
		c.heed.And(^heedYield) // whoever was ready has run
	}
}

// sleepOrSteal lets e, the idler, sleep until there may be work, unless it finds
// a thread on another CPU, before or after.
func (c *percpu) sleepOrSteal(e *executor) *Thread {
	idle, bit := &c.kernel.idle, uint64(1)<<c.id
	idle.Or(bit)
	t := c.steal() // now that whoever lets a thread wait sees the bit
	if t == nil {
		e.take()
		t = c.steal()
	} else {
		c.mu.Lock()
		roused := c.idler == nil
		c.idler = nil
		c.mu.Unlock()
		if roused {
			e.take() // or the token would end another sleep
		}
	}
	idle.And(^bit)
	if t != nil {
		c.stolen.Add(1)
		c.turn = turnThread
	}
	return t
}

// handOn hands the CPU to a spare executor, and waits until the thread of this
// one, which waits in the midst of a call, is next.
func (e *executor) handOn() {
	c := e.cpu
	c.turn = turnKernel
	c.mu.Lock()
	s := c.spare
	if s != nil {
		c.spare = s.next
		c.spares--
	}
	c.mu.Unlock()
	if s != nil {
		s.Wake()
	} else {
		go newExecutor(c).run()
	}
	e.take()
	c.executor = e
	c.heed.Or(heedLoad)
}

// handTo hands the CPU to x, whose thread is next, and waits as a spare for
// another turn. It says whether there will be one.
func (e *executor) handTo(x *executor) bool {
	c := e.cpu
	c.mu.Lock()
	stay := c.spares < spareExecutors
	if stay {
		e.next, c.spare = c.spare, e
		c.spares++
	}
	c.mu.Unlock()
	x.Wake()
	if stay {
		e.take()
		c.executor = e
	}
	return stay
}

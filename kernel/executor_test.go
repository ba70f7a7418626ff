//go:build !tamago

package kernel

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/rand"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	host "syscall"
	"testing"
	"time"

	"faultline/account"
	"faultline/cpu"
	"faultline/mmu"
	"faultline/object"
	"faultline/pager"
	"faultline/syscall"
	"faultline/vmar"
	"faultline/vmo"
	"faultline/zx"
)

// These tests run the executors on a host, as goroutines on threads of their own, with
// ring 3 played by functions. Goroutines of the kernel run beside them, as if on one more
// CPU that has no executor.

// Numbers of calls. Source: docs/abi.md.
const (
	callPortWait    = 17
	callPortQueue   = 18
	callSupply      = 24
	callThreadStart = 47
	callThreadExit  = 48
	callDebugWrite  = 59
	callNanosleep   = 61
)

// program is what a thread does in ring 3 until it traps, with r as the trap before left
// it. It has no lock: only the CPU that has the thread calls it.
type program func(u *user, r *cpu.Regs)

// user is a thread and what it does in ring 3.
type user struct {
	*Thread
	run   program
	stays int         // by whoever runs it
	at    zx.VirtAddr // a buffer of its own
	fault zx.VirtAddr // the page it loads from, until it has it
	again int         // how often it had to fault again, for having been suspended
	busy  bool        // in ring 3 until a tick
}

// call traps with a system call.
func (u *user) call(r *cpu.Regs, number uint64, args ...uint64) {
	for i, to := range []*uint64{&r.RDI, &r.RSI, &r.RDX, &r.R10, &r.R8, &r.R9}[:len(args)] {
		*to = args[i]
	}
	r.RAX = number
	setTrap(r, cpu.VectorSyscall, 0, 0)
}

// load traps with a page fault at va.
func (u *user) load(r *cpu.Regs, va zx.VirtAddr) {
	u.fault = va
	setTrap(r, cpu.VectorPageFault, cpu.ErrorCode(mmu.PF_US), uint64(va))
}

// played is a machine whose CPUs are played; the last one is that of goroutines.
type played struct {
	t      testing.TB
	k      *Kernel
	p      *Process
	memory *vmo.VMO // a page for each user
	before int64    // bytes charged, without p
	ids    sync.Map // the host's threads: their CPU
	users  []*user  // by R15, from 1
	words  []atomic.Uint32
	kicked []atomic.Bool
	due    []int64 // the CPU's own
	still  bool    // no tick comes
	over   chan struct{}
	left   atomic.Int32 // users that are to exit by themselves
	broken atomic.Bool
}

func (m *played) StartCPUs(zx.PhysAddr) int { panic("played.StartCPUs") }
func (m *played) StopCPUs()                 {}
func (m *played) Exit(code int32)           { panic(fmt.Sprintf("played.Exit: %d", code)) }
func (m *played) WriteCR3(zx.PhysAddr)      {}
func (m *played) Kick(id int)               { m.kicked[id].Store(true) }
func (m *played) Idle(int64)                { runtime.Gosched() }
func (m *played) Lasted(ticks uint64) int64 { return int64(ticks) }

func (m *played) TickWord(id int) *atomic.Uint32 { return &m.words[id] }

func (m *played) Pin(id int) {
	runtime.LockOSThread()
	m.ids.Store(host.Gettid(), id)
}

func (m *played) ID() int {
	if id, ok := m.ids.Load(host.Gettid()); ok {
		return id.(int)
	}
	return len(m.words) - 1
}

func (m *played) ArmTick(ns int64) {
	id := m.ID()
	m.due[id] = testClock() + ns
	m.words[id].And(^heedTick)
}

func (m *played) HandleInterrupt(cpu.Vector) bool {
	m.words[m.ID()].Or(heedTick)
	return true
}

// fail says once what went wrong.
func (m *played) fail(format string, args ...any) {
	if !m.broken.Swap(true) {
		m.t.Errorf(format, args...)
	}
}

func (m *played) Exec(r *cpu.Regs) {
	id := m.ID()
	if r.R15 == 0 {
		r.R15 = r.RSI // its second argument
	}
	u := m.users[r.R15]
	u.stays++
	if u.State() != zx.ThreadRunning || u.token.Load() == tokenAsleep || u.cpu.id != id || u.context.Space != m.p.space.Lane(id) {
		m.fail("%v is in ring 3 of CPU %d: shows %d, token %d, CPU %d", u.Thread, id, u.State(), u.token.Load(), u.cpu.id)
	}
	for {
		if m.kicked[id].Swap(false) || testClock() >= m.due[id] && !m.still {
			setTrap(r, cpu.VectorFirstInterrupt, 0, 0)
			u.busy = false
			return
		}
		if !u.busy {
			break
		}
		runtime.Gosched()
	}
	if u.fault != 0 { // the instruction again
		if chain, level := m.p.space.Chain(u.fault); level != mmu.LevelPT || !chain[mmu.LevelPML4-level].PTE.Present() {
			u.again++
			setTrap(r, cpu.VectorPageFault, cpu.ErrorCode(mmu.PF_US), uint64(u.fault))
			return
		}
		u.fault = 0
	}
	u.run(u, r)
}

// play boots a machine of so many CPUs, with a process that has a page of memory for
// each of so many users.
func play(t testing.TB, cpus, users int) *played {
	m := &played{t: t, users: []*user{nil}, words: make([]atomic.Uint32, cpus+1), kicked: make([]atomic.Bool, cpus+1), due: make([]int64, cpus+1), over: make(chan struct{})}
	k := &Kernel{machine: m, now: testClock, console: io.Discard, Memory: mmu.NewSimulated(4000)}
	m.k = k
	k.initTrace()
	var err error
	if k.table, err = k.Memory.NewKernelTable([]mmu.KernelRange{{Start: 0x1000, End: 0x200000, Prot: mmu.Read}}, mmu.KernelFeatures{}); err != nil {
		t.Fatal(err)
	}
	k.account = account.NewRoot(64<<20, 4000, nil)
	k.rootJob = k.newRootJob()
	k.Memory.SetCPUs(cpus+1, m.ID)
	for id := range cpus + 1 {
		m.words[id].Store(heedTick | heedSeveral)
		k.cpus = append(k.cpus, newCPU(k, id, k.table.Root()))
	}
	k.Store = vmo.NewStore(k.Memory)
	k.Store.SetLater(object.Later)
	k.Pagers = pager.NewSystem(pager.Config{Now: k.Now})
	for _, c := range k.cpus[:cpus] {
		go newExecutor(c).run()
	}
	m.before = k.account.Info().Bytes.Used
	var st zx.Status
	if m.p, st = k.NewProcess(k.rootJob, "played", func([]byte) {}); st != zx.OK {
		t.Fatal(st)
	}
	if m.memory, st = m.p.store.New(uint64(users)*zx.PageSize, 0); st != zx.OK {
		t.Fatal(st)
	}
	m.show(m.memory, 0)
	m.memory.Release() // the mapping keeps it
	return m
}

// show maps v so many pages into the root region, and gives where.
func (m *played) show(v *vmo.VMO, page uint64) zx.VirtAddr {
	at, st := m.p.space.Root().Map(zx.VMSpecific|zx.VMPermRead|zx.VMPermWrite, page*zx.PageSize, v, 0, v.Size(), allRights, allRights, nil)
	if st != zx.OK {
		m.t.Fatal(st)
	}
	return at
}

// add makes a thread that is to run f; ends says that it exits by itself.
func (m *played) add(name string, ends bool, f program) *user {
	th, st := m.p.createThread(name)
	if st != zx.OK {
		m.t.Fatal(st)
	}
	u := &user{Thread: th, run: f, at: vmar.UserBase + zx.VirtAddr(len(m.users)-1)*zx.PageSize}
	var p [zx.PacketBytes]byte // it queues, with its number as the key
	binary.LittleEndian.PutUint64(p[:], uint64(len(m.users)))
	if st := m.memory.WriteBytes(p[:], uint64(u.at-vmar.UserBase), &u.request); st != zx.OK {
		m.t.Fatal(st)
	}
	m.users = append(m.users, u)
	if ends {
		m.left.Add(1)
	}
	return u
}

// handle gives the process a handle.
func (m *played) handle(o object.Object, rights zx.Rights) uint64 {
	h, st := m.p.handles.Add(o, rights)
	if st != zx.OK {
		m.t.Fatal(st)
	}
	return uint64(h)
}

// exit ends u, which has done what it was to do.
func (m *played) exit(u *user, r *cpu.Regs) {
	if m.left.Add(-1) == 0 {
		close(m.over)
	}
	u.call(r, callThreadExit)
}

// start runs all threads, begun by one of their own, until those that end by themselves
// have; then it kills the others, and the process is to end.
func (m *played) start() {
	m.t.Helper()
	var handles []uint64
	for _, u := range m.users[1:] {
		handles = append(handles, m.handle(u.Thread, zx.RightsThread))
	}
	next := 0
	first := m.add("first", true, func(u *user, r *cpu.Regs) {
		if next > 0 && r.RAX != 0 {
			m.fail("thread %d does not start: %d", next, int64(r.RAX))
		}
		if next == len(handles) {
			m.exit(u, r)
			return
		}
		next++
		u.call(r, callThreadStart, handles[next-1], uint64(vmar.UserBase), uint64(vmar.UserBase), 0, uint64(next))
	})
	if st := m.p.StartThread(first.Thread, vmar.UserBase, vmar.UserBase, object.Moving{}, uint64(len(m.users)-1)); st != zx.OK {
		m.t.Fatal(st)
	}
	m.wait(m.over, "those that end by themselves")
	for _, u := range m.users[1:] {
		u.Kill()
	}
	m.wait(m.p.ended, "the process")
}

// nothing sees that nothing is charged to the process, which has ended.
func (m *played) nothing() {
	if n := m.k.account.Info().Bytes.Used; n != m.before {
		m.fail("%d bytes are charged when the process has ended, %d were before it", n, m.before)
	}
}

// wait waits until done is closed, and says who is where if it is not.
func (m *played) wait(done <-chan struct{}, what string) {
	m.t.Helper()
	select {
	case <-done:
	case <-time.After(60 * time.Second):
		for _, u := range m.users[1:] {
			if u.State() != zx.ThreadDead {
				m.t.Logf("%v shows %d, token %d, interrupts %#x", u.Thread, u.State(), u.token.Load(), u.interrupted.Load())
			}
		}
		m.t.Fatalf("%s have not ended: %+v", what, m.k.CPUs())
	}
}

// packet gives the packet in u's buffer, through the CPU that runs u.
func (m *played) packet(u *user) (p [zx.PacketBytes]byte) {
	if n := m.p.space.Lane(m.ID()).TryCopyIn(p[:], u.at); n != len(p) {
		m.fail("%v: %d bytes of its packet", u.Thread, n)
	}
	return p
}

// TestExecutor: threads that wait at ports, in page faults, in the midst of calls and
// until a time, are woken, stolen, suspended, resumed and killed, all at once: each goes
// on where it was, on one CPU at a time, and none is lost.
func TestExecutor(t *testing.T) {
	for _, cpus := range []int{1, 2, 4} {
		t.Run(fmt.Sprint(cpus, " CPUs"), func(t *testing.T) {
			const clients, trips, faulters, rounds = 6, 400, 4, 40
			m := play(t, cpus, 32)
			// The pager, and who takes pages of its VMO, by faults or in calls.
			requests := object.NewPort()
			back := pager.New(m.k.Pagers)
			v, st := back.CreateVMO(m.p.store, 0, requests, 1, 2*faulters*rounds*zx.PageSize)
			if st != zx.OK {
				t.Fatal(st)
			}
			aux, st := m.p.store.New(zx.PageSize, 0)
			if st != zx.OK {
				t.Fatal(st)
			}
			pages := m.show(v, 1024)
			hRequests, hPager := m.handle(requests, zx.RightsPort), m.handle(back, zx.RightsPager)
			hVMO, hAux := m.handle(syscall.NewVMO(v, back.Koid()), zx.RightsVMO), m.handle(syscall.NewVMO(aux, zx.KoidInvalid), zx.RightsVMO)
			waits := false
			m.add("pager", false, func(u *user, r *cpu.Regs) {
				if waits = !waits; waits {
					u.call(r, callPortWait, hRequests, uint64(zx.TimeInfinite), uint64(u.at))
					return
				}
				p := m.packet(u)
				if cmd := binary.LittleEndian.Uint16(p[16:]); r.RAX != 0 || cmd != 0 {
					m.fail("the pager waits: %d, command %d", int64(r.RAX), cmd)
				}
				at, length := binary.LittleEndian.Uint64(p[24:]), binary.LittleEndian.Uint64(p[32:])
				u.call(r, callSupply, hPager, hVMO, at, length, hAux, 0)
			})
			for i := range 2 * faulters {
				n := 0
				m.add(fmt.Sprint("faulter ", i), true, func(u *user, r *cpu.Regs) {
					va := pages + zx.VirtAddr(i*rounds+n)*zx.PageSize
					if i%2 == 1 && n > 0 && r.RAX != 0 {
						m.fail("%v writes: %d", u.Thread, int64(r.RAX))
					}
					switch n++; {
					case n > rounds:
						m.exit(u, r)
					case i%2 == 0:
						u.load(r, va)
					default:
						u.call(r, callDebugWrite, uint64(va), 8)
					}
				})
			}
			// Clients of a server, whose port and theirs go to and fro.
			server := object.NewPort()
			hServer := m.handle(server, zx.RightsPort)
			replies := map[uint64]uint64{} // by the client's number
			asked := 0
			m.add("server", false, func(u *user, r *cpu.Regs) {
				if asked++; asked%2 == 1 {
					u.call(r, callPortWait, hServer, uint64(zx.TimeInfinite), uint64(u.at))
					return
				}
				p := m.packet(u)
				u.call(r, callPortQueue, replies[binary.LittleEndian.Uint64(p[:])], uint64(u.at))
			})
			for i := range clients {
				n := 0
				reply := m.handle(object.NewPort(), zx.RightsPort)
				replies[uint64(len(m.users))] = reply
				m.add(fmt.Sprint("client ", i), true, func(u *user, r *cpu.Regs) {
					if n > 0 && r.RAX != 0 {
						m.fail("%v: call %d: %d", u.Thread, n, int64(r.RAX))
					}
					switch n++; {
					case n > 2*trips:
						m.exit(u, r)
					case n%2 == 1:
						u.call(r, callPortQueue, hServer, uint64(u.at))
					default:
						u.call(r, callPortWait, reply, uint64(zx.TimeInfinite), uint64(u.at))
					}
				})
			}
			// One that sleeps, two that only spin.
			naps := 0
			m.add("sleeper", true, func(u *user, r *cpu.Regs) {
				if naps++; naps > rounds {
					m.exit(u, r)
					return
				}
				u.call(r, callNanosleep, uint64(testClock()+1e5))
			})
			for i := range 2 {
				ticks := 0
				m.add(fmt.Sprint("spinner ", i), true, func(u *user, r *cpu.Regs) {
					if ticks++; ticks > 10 {
						m.exit(u, r)
						return
					}
					u.busy = true
					setTrap(r, cpu.VectorFirstInterrupt+1, 0, 0)
				})
			}
			// And somebody who stops them, and looks at their registers meanwhile.
			all := slices.Clone(m.users[1:])
			suspends, stopped, done := 0, 0, make(chan struct{})
			go func() {
				defer close(done)
				buf := make([]byte, 8*stateRegs)
				for r := rand.New(rand.NewSource(1)); suspends < 10_000; {
					select {
					case <-m.over:
						return
					default:
					}
					token, st := all[r.Intn(len(all)/2)*2].Suspend() // the others would be woken if they were lost
					if st != zx.OK {
						continue
					}
					suspends++
					for range r.Intn(2000) { // it may be gone on just as it stops
						cpu.Pause()
					}
					if r.Intn(8) == 0 {
						time.Sleep(50 * time.Microsecond)
						if token.(*suspendToken).thread.ReadState(zx.StateGeneralRegs, buf) == zx.OK {
							stopped++
						}
					}
					token.(*suspendToken).OnZeroHandles()
					object.Unref(token.(*suspendToken).thread)
				}
			}()
			m.start()
			<-done
			m.nothing()
			stolen := uint64(0)
			for _, c := range m.k.CPUs() {
				stolen += c.Stolen
			}
			again := 0
			for _, u := range all {
				again += u.again
			}
			if again > suspends {
				t.Errorf("%d threads went on without their page; %d were suspended", again, suspends)
			}
			t.Logf("%d suspended, %d looks at them, %d threads stolen", suspends, stopped, stolen)
		})
	}
}

// TestExecutorOrder: with one CPU, those whom a thread wakes run in that order.
func TestExecutorOrder(t *testing.T) {
	const waiters, rounds = 8, 20
	m := play(t, 1, waiters+2)
	m.still = true // a loaded host has one anywhere
	var ports [waiters]uint64
	var order []int
	for i := range waiters {
		ports[i] = m.handle(object.NewPort(), zx.RightsPort)
		n := 0
		m.add(fmt.Sprint("waiter ", i), true, func(u *user, r *cpu.Regs) {
			if n++; n > 1 {
				order = append(order, i)
			}
			if n > rounds {
				m.exit(u, r)
				return
			}
			u.call(r, callPortWait, ports[i], uint64(zx.TimeInfinite), uint64(u.at))
		})
	}
	n := 0
	m.add("waker", true, func(u *user, r *cpu.Regs) {
		switch round := n / (waiters + 1); {
		case round == rounds:
			m.exit(u, r)
		case n%(waiters+1) == waiters:
			u.call(r, callNanosleep, 0) // others run
		default:
			u.call(r, callPortQueue, ports[n%(waiters+1)], uint64(u.at))
		}
		n++
	})
	m.start()
	m.nothing()
	for i, w := range order {
		if w != i%waiters {
			t.Fatalf("they ran in the order %v", order)
		}
	}
	if len(order) != waiters*rounds {
		t.Errorf("%d wakes of %d", len(order), waiters*rounds)
	}
}

// TestBuryUnstarted: threads that never started lose their last handles on one CPU while
// another buries the process. Each is told to have ended, once, and nothing stays charged.
func TestBuryUnstarted(t *testing.T) {
	for range 20 {
		m := play(t, 2, 1)
		var threads []*Thread
		for range 1500 {
			th, st := m.p.createThread("unstarted")
			if st != zx.OK {
				t.Fatal(st)
			}
			threads = append(threads, th)
		}
		go func() {
			m.p.bury(nil)
			m.p.gone()
		}()
		for _, th := range threads {
			th.OnZeroHandles()
		}
		m.wait(m.p.ended, "the process")
		for _, th := range threads {
			if th.Signals()&zx.SignalTaskTerminated == 0 {
				t.Fatalf("%v shows %d, signals %#x", th, th.State(), th.Signals())
			}
		}
		m.nothing()
	}
}

// TestExecutorWokenEarly: who is woken when he waits already, but does not sleep yet,
// goes on.
func TestExecutorWokenEarly(t *testing.T) {
	m := play(t, 1, 2)
	m.still = true
	port, waits, got := object.NewPort(), false, 0
	h := m.handle(port, zx.RightsPort)
	var waiter *user
	m.k.now = func() int64 {
		if waits && waiter.clock != nil { // it stands in line, and block looks at the clock for the deadline
			waits = false
			if st := port.QueueUser(m.k.account, &zx.Packet{Key: 1}); st != zx.OK {
				m.fail("queue: %v", st)
			}
		}
		return testClock()
	}
	waiter = m.add("waiter", true, func(u *user, r *cpu.Regs) {
		if got++; got > 1 {
			if key := m.packet(u)[0]; r.RAX != 0 || key != 1 {
				m.fail("waited: %d, key %d", int64(r.RAX), key)
			}
			m.exit(u, r)
			return
		}
		waits = true
		u.call(r, callPortWait, h, uint64(testClock()+1e15), uint64(u.at))
	})
	m.start()
	m.nothing()
}

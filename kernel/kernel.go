// Package kernel wires the rooms into a kernel: boot order, processes,
// threads and their run loop, exceptions, and the report of a kernel bug.
//
// # Threads and executors
//
// A ring-3 thread is data: registers, and what it waits for. A CPU is a
// goroutine, its executor, that takes the next ready thread, runs it with
// cpu.Exec, decides what the trap asks for, and goes on with it or the next.
//
//	       Start          an executor takes it         Exit, kill, exception
//	(NEW) ------> (ready) --------------------> (RUNNING) -----------------> (DEAD)
//	  |            ^   ^                         |     |                       ^
//	  |            |   +-------------------------+     | sleep                 |
//	  |            |      its slice is over            v                       |
//	  |            +---------------------- (BLOCKED_*, SUSPENDED)              |
//	  |      Wake, deadline, kill, suspend                                     |
//	  +------------------------------------------------------------------------+
//	    discard: its last handle is closed, or its process ends
//
// Who may touch a thread is told by its token, in wait.go: its executor while it runs,
// whoever wakes it while it sleeps. Two functions say that it sleeps and that it runs
// again: sleep, in which every wait ends, and runs, when an executor has it back; woke
// says why. One that is ready shows RUNNING, or still what it waited for. pause and offer
// show what comes a moment before they sleep, for who looks as soon as he is told.
//
// These are the places where a thread can wait. At the top nothing is left on a stack:
// the thread has a step, and executor.run calls what goes on with it.
//
//	what              waits in     step        goes on in
//	a page fault      pageFault    stepFault   faultWoken: decides again, from the start
//	a call            callSleeps   stepCall    callWoken: port_wait, object_wait_one,
//	                                           object_wait_many, futex_wait, channel_call,
//	                                           nanosleep, by syscall.Context.Resume
//	an exception      handle       stepHandle  handleWoken: sees what the handler decided
//	a suspend         pause        stepPause   pauseWoken: the step of before, or stepAgain
//	                                           if a call is to be issued again (callAgain)
//
// In the midst of Go code the stack waits with it, and the executor whose stack it
// is hands the CPU to a spare one:
//
//	memory a call copies     copyWaiter.Wait     user memory behind a pager
//	a VMO operation          Thread.Wait         a page of the VMO that is missing
//	a long call, a chore     Thread.Yield        others are ready
//
// Nowhere else: a lock is held for a moment, and so a shootdown waits for one.
//
// Goroutines of the kernel (console, file pager, evictor, timers) run when no
// thread is ready, when one of them was just woken through its Waiter, and at
// every tick.
//
// # One fault, from instruction to supplied page
//
//	ring 3     mov (%rdi), %al              page absent
//	cpu        entry stub, Exec returns     vector 14
//	kernel     Thread.pageFault
//	vmar       Lane.TryFault                mapping found, rights checked
//	vmo        RequirePage                  absent: should wait
//	pager      Proxy.Send                   the thread at the port has the packet, and is next
//	kernel     Thread.sleep                 no lock held, no stack kept
//	           ... the pager's thread supplies, Progress wakes ours, which is next ...
//	kernel     Thread.faultWoken            the answer is there
//	vmar       TryFault, from the top       the page is there: PTE written
//	cpu        Exec                         the same instruction again
//
// # Jobs: who may do what to whom
//
//	root job              the kernel's: no program has a handle of it
//	  +- job "tasks"      made by Spawn for a program that the operator starts
//	  |    +- process     zx_job_default() is the job it is in
//	  |    +- process     by zx_process_create, in that job
//	  |    `- job         by zx_job_create
//	  |         `- process
//	  `- job "sum"        another program: out of reach of the first
//	       `- process
//
// A program sees, stops and hears of what it has a handle to, and a handle comes
// from whoever has it. An exception goes up from the thread to its process, its
// job and the jobs above, and stops where a handler settles it.
//
// Each job and process has an account below that of the job it is in: what it
// makes the kernel keep is charged there (package account), tasks with what may
// come with them (heap.go).
//
// # Locks
//
// From the outside in; a thread that holds one may take those below it.
//
//	Job.mu                              kernel; one at a time
//	  Process.mu                        kernel
//	  handle table, Base, Observer      object
//	    address space                   vmar
//	      VMO                           vmo
//	        page source                 pager
//	          port                      object
//	          page table                mmu
//	            frame allocator         mmu
//	              percpu.mu             kernel: Wake may be called under any lock
//
// No lock is held across Exec, or while a thread waits.
//
// # Processors
//
// What one CPU has of its own is in percpu; its executors are pinned to it. smp.go
// draws how translations are dropped on all CPUs, and says who runs where.
//
// # Sources
//
// docs/pager.md 2, 3.18 and 6; Intel SDM 3A chapters 4 and 6.
package kernel

import (
	"crypto/rand"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"faultline/account"
	"faultline/cpu"
	"faultline/mmu"
	"faultline/object"
	"faultline/pager"
	"faultline/vmo"
	"faultline/zx"
)

// Board is what the run loop needs of the machine.
type Board interface {
	// StartCPUs lets all CPUs run Go, with the page table at root, and gives their
	// number. Pin keeps the goroutine that calls it on one, from now on.
	StartCPUs(root zx.PhysAddr) int
	Pin(cpu int)
	// Kick makes a CPU, if it is another, leave ring 3 or its halt.
	Kick(cpu int)
	// StopCPUs makes all others halt for good, wherever they are; see cpu.Stopped.
	StopCPUs()
	// ArmTick makes an interrupt arrive on this CPU ns nanoseconds from now.
	ArmTick(ns int64)
	// TickWord is where the board keeps whether no such interrupt is to come on this
	// CPU, as heedTick. The other bits are the run loop's: it looks at the word before
	// each entry into ring 3, so a call would be too much.
	TickWord(cpu int) *atomic.Uint32
	// Lasted is how many nanoseconds so many ticks of the time stamp counter take:
	// the same whenever it is asked.
	Lasted(ticks uint64) int64
	// HandleInterrupt acknowledges the interrupt with vector v; false if
	// nobody asked for it.
	HandleInterrupt(v cpu.Vector) bool
	// Idle takes the interrupts that wait, halting for them until the time
	// until if there are none.
	Idle(until int64)
	// Exit ends the machine; 0 says that all went well.
	Exit(code int32)
}

// Config is what Boot needs to know.
type Config struct {
	Board   Board
	CPU     *cpu.Features
	Now     func() int64 // monotonic clock, nanoseconds
	Console io.Writer    // takes reports
	Options Options

	Window     mmu.Range   // memory of the image, the Go heap and the boot stacks
	TrapStacks zx.PhysAddr // cpu.Config.TrapStacks, inside Window
	Usable     []mmu.Range // RAM for user frames, by address
	Devices    []mmu.Range // device registers the board needs, by address
	Kept       []mmu.Range // RAM the board keeps: what the loader brought, by address
}

// Kernel is the running kernel: one value, made by Boot.
type Kernel struct {
	Memory *mmu.Memory
	Store  *vmo.Store
	Pagers *pager.System
	// Programs gives the ELF file of a program that the image carries, nil if it
	// carries none of that name. Set before any program runs; may be nil.
	Programs func(name string) []byte

	machine   Board
	ram       []mmu.Range // the kernel's and that of programs
	now       func() int64
	console   io.Writer
	table     *mmu.PageTable   // kernel mappings only: what idle CPUs use
	cpus      []*percpu        // by number; the boot CPU is 0
	idle      atomic.Uint64    // a bit for each CPU that has nothing to do
	rootJob   *Job             // above all others
	account   *account.Account // of all that ring 3 makes us keep
	chores    vmo.Waiter       // does what calls have left and their threads do not; constant
	heapBytes uint64           // of the window, without the image
	trace     tracing
	stretches stretches

	logs   atomic.Pointer[io.Writer] // instead of console, see LogTo
	strays atomic.Uint64             // interrupts nobody asked for

	workersMu sync.Mutex
	workers   []*worker // guarded by workersMu
}

// Boot takes the machine over: frames, the W^X map of the kernel, the VMO
// store, the report of kernel bugs. Pre: cpu.Init done; called once.
//
// Errors: memory that makes no sense.
func Boot(c Config) (*Kernel, error) {
	k := &Kernel{machine: c.Board, now: c.Now, console: c.Console}
	k.initTrace()
	cpu.SetFatalHandler(k.fatal)
	k.ram = append([]mmu.Range{{End: 1 << 20}, c.Window}, c.Usable...) // and what firmware keeps low
	c.Usable = reachable(c.Usable)
	memory, err := mmu.NewMemory(mmu.Identity(), c.Usable)
	if err != nil {
		return nil, fmt.Errorf("kernel: memory: %w", err)
	}
	ranges, err := kernelMap(c)
	if err != nil {
		return nil, fmt.Errorf("kernel: map: %w", err)
	}
	table, err := memory.NewKernelTable(ranges, mmu.KernelFeatures{Pages1G: c.CPU.PDPE1GB, Global: c.CPU.PGE})
	if err != nil {
		return nil, fmt.Errorf("kernel: map: %w", err)
	}
	k.Memory, k.table = memory, table
	cpu.WriteCR3(uint64(table.Root()))
	if err := memory.Open(); err != nil { // its records may lie where only now something is mapped
		return nil, fmt.Errorf("kernel: memory: %w", err)
	}
	k.heapBytes = uint64(c.Window.End-c.Window.Start) - imageBytes
	k.account = account.NewRoot(k.accountBytes(), int64(memory.Stats().Free), k.heapFull)
	k.rootJob = k.newRootJob()
	cpus := c.Board.StartCPUs(table.Root())
	memory.SetCPUs(cpus, cpu.ID)
	for id := range cpus {
		k.cpus = append(k.cpus, newCPU(k, id, table.Root()))
	}
	k.startExecutors()
	k.Store = vmo.NewStore(memory)
	k.Store.SetLater(object.Later)
	k.Pagers = pager.NewSystem(pager.Config{
		Now:             k.Now,
		OvertimeWait:    c.Options.OvertimeWait,
		OvertimeTimeout: c.Options.OvertimeTimeout,
		Log:             func(line string) { fmt.Fprintln(k.log(), "kernel:", line) },
	})
	k.startEvictor()
	k.startChores()
	go k.Pagers.Watch(k.NewWaiter("pager watchdog"))
	return k, nil
}

// LogTo has warnings written to w from now on. A dying kernel writes to the console
// it was booted with.
func (k *Kernel) LogTo(w io.Writer) { k.logs.Store(&w) }

// log is where warnings go.
func (k *Kernel) log() io.Writer {
	if w := k.logs.Load(); w != nil {
		return *w
	}
	return k.console
}

// Now is the monotonic clock.
func (k *Kernel) Now() zx.Time { return zx.Time(k.now()) }

// Program gives the ELF file of a program of the image; nil if there is none.
func (k *Kernel) Program(name string) []byte {
	if k.Programs == nil {
		return nil
	}
	return k.Programs(name)
}

// NoRAM says that [base, base+size) holds no RAM and can be named by a frame.
func (k *Kernel) NoRAM(base zx.PhysAddr, size uint64) bool {
	const most = 1 << (32 + zx.PageShift)
	if uint64(base) >= most || size > most-uint64(base) {
		return false
	}
	for _, r := range k.ram {
		if base < r.End && r.Start < base+zx.PhysAddr(size) {
			return false
		}
	}
	return true
}

// Random fills p with random bytes.
func (k *Kernel) Random(p []byte) { rand.Read(p) }

// Exit ends the machine.
func (k *Kernel) Exit(code int32) { k.machine.Exit(code) }

// Table is the kernel's own page table, which every process shares.
func (k *Kernel) Table() *mmu.PageTable { return k.table }

// strayInterrupt counts an interrupt that is not one of the board's, and says so
// when it is the first. The board has acknowledged it.
func (k *Kernel) strayInterrupt(v cpu.Vector) {
	if k.strays.Add(1) == 1 {
		fmt.Fprintf(k.console, "kernel: an interrupt nobody asked for: vector %#x\n", uint64(v))
	}
}

//go:build tamago

package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"faultline/board/x86"
	"faultline/cpu"
	"faultline/dma"
	"faultline/kernel"
	"faultline/mmu"
	"faultline/object"
	"faultline/pager"
	"faultline/syscall"
	"faultline/trace"
	"faultline/user"
	"faultline/vmo"
	"faultline/zx"
)

// The kernel's side of `make bench`, behind the argument -bench: the rungs that
// ring 3 cannot build for itself. user/programs/bench.h tells the lines it
// prints; cmd/bench reads them.

// benchPages is how many operations a rung measures.
const benchPages = 4096

// bench runs what the argument behind -bench names and gives the exit code:
// @ladder, @scale, @entry with a loader's name, or one rung that a program measures. booted is the time stamp
// counter at the moment the console was ready.
func bench(k *kernel.Kernel, booted uint64) int {
	b := &bencher{kernel: k, ready: make(chan struct{})}
	if err := b.measure(os.Args[slices.Index(os.Args, "-bench")+1:], booted); err != nil {
		return fail(err)
	}
	return 0
}

// measure is bench, with what to measure.
func (b *bencher) measure(args []string, booted uint64) error {
	what := "@ladder"
	if len(args) > 0 {
		what = args[0]
	}
	switch {
	case what == "@ladder":
		fmt.Printf("bench boot 1 %d\n", booted)
		for _, rung := range []func() error{b.traps, b.goroutinePager, b.directPager, b.process} {
			if err := rung(); err != nil {
				return err
			}
		}
		if err := b.run("bench"); err != nil {
			return err
		}
		return b.traced()
	case what == "@traced":
		return b.traced()
	case what == "@entry" && len(args) > 1:
		// The clock begins where the loader jumps to, and counts instructions.
		fmt.Printf("bench boot_entry/%s 1 %d\n", args[1], x86.Nanotime())
		return nil
	case what == "@scale":
		return b.run("benchscale")
	case what == "@longest":
		return b.longest()
	case strings.HasPrefix(what, "longest_entry/"):
		return b.longest(strings.TrimPrefix(what, "longest_entry/"))
	case strings.Contains(what, "/"):
		return b.run("benchscale", what)
	}
	b.only = []string{what}
	switch {
	case strings.HasPrefix(what, "go_pager"):
		return b.goroutinePager()
	case strings.HasPrefix(what, "direct_pager"):
		return b.directPager()
	case strings.HasSuffix(what, "_process"):
		return b.process()
	}
	return b.run("bench", what)
}

// bencher is what the rungs share.
type bencher struct {
	kernel *kernel.Kernel
	before runtime.MemStats // at the last "mark begin"
	calm   uint64           // allocations of two marks alone
	heap   uint64           // bytes alive at "mark memory begin"
	only   []string         // the one rung to measure; empty for all
	prefix string           // of the names of rungs, and then nothing else is passed on
	ready  chan struct{}    // closed at "mark ready"
}

// memory answers "mark memory begin" and "mark memory RUNG THREADS": how much of the
// heap each of so many threads takes beside its registers.
func (b *bencher) memory(words []string) {
	runtime.GC()
	var now runtime.MemStats
	runtime.ReadMemStats(&now)
	if len(words) < 2 {
		b.heap = now.HeapAlloc
		return
	}
	if n, err := strconv.Atoi(words[1]); err == nil && n > 0 {
		each := float64(int64(now.HeapAlloc-b.heap)) / float64(n)
		fmt.Printf("bench %s %d %.1f\n", words[0], n, each-float64(cpu.RegsSize()))
	}
}

// output passes a program's lines on and answers its marks: what the kernel's
// heap did between "mark begin" and "mark end RUNG OPERATIONS".
func (b *bencher) output(line []byte) {
	words := strings.Fields(string(line))
	if b.prefix != "" {
		if len(words) > 2 && words[0] == "bench" {
			fmt.Printf("bench %s%s\n", b.prefix, strings.Join(words[1:], " "))
		}
		return
	}
	if len(words) < 2 || words[0] != "mark" {
		os.Stdout.Write(line)
		return
	}
	if words[1] == "longest" {
		if ticks, what := b.kernel.LongestStretch(); len(words) == 3 && words[2] != "-" {
			fmt.Printf("\nbench longest_entry/%s 1 %d\nnote longest_entry/%s: %s\n", words[2], ticks, words[2], what)
		}
		return
	}
	if words[1] == "begin" {
		runtime.ReadMemStats(&b.before)
		return
	}
	switch words[1] {
	case "ready":
		close(b.ready)
		return
	case "memory":
		b.memory(words[2:])
		return
	}
	var after runtime.MemStats
	runtime.ReadMemStats(&after)
	mallocs := after.Mallocs - b.before.Mallocs
	if len(words) != 4 {
		return
	}
	if words[2] == "nothing" {
		b.calm = mallocs
		return
	}
	n, err := strconv.Atoi(words[3])
	if err != nil || n == 0 {
		return
	}
	if mallocs -= min(mallocs, b.calm); mallocs > 0 {
		fmt.Printf("note %s: the kernel allocated %d times\n", words[2], mallocs)
	}
	fmt.Printf("bench allocations/%s %d %.4f\n", words[2], n, float64(mallocs)/float64(n))
}

// longest measures the stretches in ring 0 that calls with large arguments take.
func (b *bencher) longest(call ...string) error {
	b.kernel.StartTrace(trace.Filter{Kinds: []trace.Kind{trace.Switch}})
	defer b.kernel.StopTrace()
	if len(call) == 0 || call[0] == "far_ends" {
		if err := b.run("farends", "measure"); err != nil || len(call) > 0 {
			return err
		}
	}
	return b.run("benchlongest", call...)
}

// start spawns a program of the image, when what the one before has left is done.
func (b *bencher) start(name string, args []string, grants ...kernel.Grant) (*kernel.Process, error) {
	image, err := user.Program(name)
	if err != nil {
		return nil, err
	}
	time.Sleep(10 * time.Millisecond)
	return b.kernel.Spawn(name, image, append([]string{name}, args...), grants, b.output)
}

// end waits for a program's end.
func (b *bencher) end(p *kernel.Process) error {
	switch code, exception := p.Wait(); {
	case exception != nil:
		return fmt.Errorf("bench: %v: %s", p, exception.Text())
	case code != 0:
		return fmt.Errorf("bench: %v: exit code %d", p, code)
	}
	return nil
}

// run runs a program to its end.
// run runs a program, which gets a BTI to pin memory with.
func (b *bencher) run(name string, args ...string) error {
	resource, _ := dma.NewRoot(zx.ResourceKindSystem).Mint(zx.ResourceKindSystem, zx.ResourceSystemIOMMU, 1)
	iommu, _ := dma.NewIOMMU(resource, zx.IOMMUTypeStub, 1)
	p, err := b.start(name, args, kernel.Grant{Object: dma.NewBTI(iommu), Rights: dma.RightsBTI})
	if err != nil {
		return err
	}
	return b.end(p)
}

// traced measures what a record costs, one that is left and one that the filter
// keeps out, and three rungs again with everything recorded.
func (b *bencher) traced() error {
	samples := make([]uint32, benchPages)
	for _, rung := range []struct {
		name string
		kind trace.Kind
	}{{"trace_record", trace.Wake}, {"trace_record_filtered", trace.Evict}} {
		b.kernel.StartTrace(trace.Filter{Kinds: []trace.Kind{trace.Wake}})
		for i := range samples {
			begin := cpu.ReadTSC()
			trace.Emit(rung.kind, 0, uint64(i), 0, 0)
			between := cpu.ReadTSC()
			samples[i] = uint32(between - begin - (cpu.ReadTSC() - between))
		}
		b.kernel.StopTrace()
		slices.Sort(samples)
		fmt.Printf("bench %s %d", rung.name, benchPages)
		for _, q := range quantiles {
			fmt.Printf(" %d", samples[(benchPages-1)*q/1000])
		}
		fmt.Println()
	}
	b.prefix = "traced/"
	defer func() { b.prefix = "" }()
	for _, rung := range []string{"null_syscall", "missing_page", "write_trap"} {
		b.kernel.StartTrace(trace.Filter{})
		err := b.run("bench", rung)
		b.kernel.StopTrace()
		if err != nil {
			return err
		}
	}
	return nil
}

// quantiles are what of the samples is told, in thousandths.
var quantiles = []int{0, 10, 50, 100, 250, 500, 750, 900, 950, 990, 995, 999, 1000}

// pagedVMO makes a VMO of benchPages pages whose pager answers on a new port.
func (b *bencher) pagedVMO(options uint32) (*pager.Pager, *object.Port, *vmo.VMO, error) {
	p, port := pager.New(b.kernel.Pagers), object.NewPort()
	v, st := p.CreateVMO(b.kernel.Store, options, port, 1, benchPages*zx.PageSize)
	if st != zx.OK {
		return nil, nil, nil, st
	}
	return p, port, v, nil
}

// grantVMO makes the grant of a VMO. It keeps the caller's reference.
func grantVMO(v *vmo.VMO, pager zx.Koid) kernel.Grant {
	v.Retain()
	return kernel.Grant{Object: syscall.NewVMO(v, pager), Rights: zx.RightsVMO}
}

// goPager measures a pager inside the kernel: it supplies a fresh frame for each
// page, and copies nothing into it. It is a goroutine that waits at a port, or a
// function that is called.
func (b *bencher) goPager(direct bool) error {
	p, port, v, err := b.pagedVMO(zx.VMOTrapDirty)
	if err != nil {
		return err
	}
	failed := make(chan zx.Status, 1)
	how := "@go"
	if direct {
		how = "@direct"
		p.ServeDirect(v, blankPager{})
	} else {
		go b.serve(p, port, v, failed)
	}
	process, err := b.start("bench", append([]string{how}, b.only...), grantVMO(v, zx.KoidInvalid))
	if err != nil {
		return err
	}
	select {
	case <-process.Ended():
	case st := <-failed:
		return fmt.Errorf("bench: the Go pager: %w", st)
	}
	if err := b.end(process); err != nil {
		return err
	}
	info := v.Info()
	resident := info.Committed.Bytes / zx.PageSize
	if resident != benchPages {
		return fmt.Errorf("bench: %d pages are resident, want %d", resident, benchPages)
	}
	if direct {
		p.Close()
		v.Release()
		return nil
	}
	fmt.Printf("bench metadata_page %d %.1f\n", resident, float64(info.MetadataBytes)/float64(resident))
	p.Close()
	v.Release()
	return nil
}

// serve is the pager that is a goroutine.
func (b *bencher) serve(p *pager.Pager, port *object.Port, v *vmo.VMO, failed chan zx.Status) {
	w := b.kernel.NewWaiter("bench-pager")
	var packet zx.Packet
	var run vmo.PageRun
	for {
		st := port.Wait(w, zx.TimeInfinite, &packet)
		switch r := packet.PageRequest(); {
		case st != zx.OK:
		case r.Command == zx.PageRead:
			for n := r.Length; n > 0 && st == zx.OK; n -= zx.PageSize {
				_, st = b.kernel.Store.Append(&run)
			}
			if st == zx.OK {
				st = p.SupplyRun(v, r.Offset, &run)
			}
		case r.Command == zx.PageDirty:
			st = p.OpRange(zx.PagerOpDirty, v, r.Offset, r.Length, 0, nil)
		default:
			return
		}
		if st != zx.OK {
			failed <- st
			return
		}
	}
}

// blankPager is the pager that is a function.
type blankPager struct{}

func (blankPager) Fill(uint64, *[zx.PageSize]byte) zx.Status { return zx.OK }
func (blankPager) Dirty(uint64) zx.Status                    { return zx.OK }

func (b *bencher) goroutinePager() error { return b.goPager(false) }
func (b *bencher) directPager() error    { return b.goPager(true) }

// process measures a pager that is a ring-3 program in a process of its own.
func (b *bencher) process() error {
	p, port, v, err := b.pagedVMO(zx.VMOTrapDirty)
	if err != nil {
		return err
	}
	server, err := b.start("bench", []string{"@pager"},
		kernel.Grant{Object: p, Rights: zx.RightsPager}, kernel.Grant{Object: port, Rights: zx.RightsPort}, grantVMO(v, p.Koid()))
	if err != nil {
		return err
	}
	// Or the first fault takes as long as the pager takes to make its pages.
	select {
	case <-b.ready:
	case <-server.Ended():
		return b.end(server)
	}
	toucher, err := b.start("bench", append([]string{"@process"}, b.only...), grantVMO(v, p.Koid()))
	if err != nil {
		return err
	}
	select {
	case <-toucher.Ended():
	case <-server.Ended():
		return b.end(server)
	}
	if err := b.end(toucher); err != nil {
		return err
	}
	server.Exit(zx.TaskRetcodeSyscallKill)
	server.Wait()
	v.Release()
	return nil
}

// Where the program of traps lies.
const (
	trapCode = 0x80_0000_0000
	trapData = trapCode + 0x1000
	trapHole = 0x90_0000_0000 // nothing is mapped here
)

// trapProgram times benchPages times the two bytes at trapProbe and stores the
// differences at R15; R14 counts down, RDI is trapHole.
//
//	loop: rdtsc; mov r8d, eax; <probe>; rdtsc; sub eax, r8d; mov [r15], eax
//	      add r15, 4; dec r14; jnz loop; ud2
var trapProgram = []byte{
	0x0f, 0x31, 0x41, 0x89, 0xc0, 0x90, 0x90, 0x0f, 0x31, 0x44, 0x29, 0xc0, 0x41, 0x89, 0x07,
	0x49, 0x83, 0xc7, 0x04, 0x49, 0xff, 0xce, 0x75, 0xe8, 0x0f, 0x0b,
}

const trapProbe = 5

// traps measures the floor: Exec and what it returns for, with nothing decided.
// The handler steps over the instruction that faulted.
func (b *bencher) traps() error {
	nops, err := b.trapSamples([2]byte{0x90, 0x90}) // NOP; NOP
	if err != nil {
		return err
	}
	overhead := nops[benchPages/2] - 2
	for _, rung := range []struct {
		name  string
		probe [2]byte
	}{
		{"trap_empty", [2]byte{0x8a, 0x07}},    // MOV AL, [RDI]: page fault
		{"syscall_empty", [2]byte{0x0f, 0x05}}, // SYSCALL
	} {
		samples, err := b.trapSamples(rung.probe)
		if err != nil {
			return err
		}
		fmt.Printf("bench %s %d", rung.name, benchPages)
		for _, q := range quantiles {
			fmt.Printf(" %d", samples[(benchPages-1)*q/1000]-overhead)
		}
		fmt.Println()
	}
	return nil
}

// trapSamples runs trapProgram with that probe and gives its samples, sorted.
func (b *bencher) trapSamples(probe [2]byte) ([]uint32, error) {
	process, st := b.kernel.NewProcess(b.kernel.RootJob(), "traps", b.output)
	if st != zx.OK {
		return nil, st
	}
	defer process.Exit(0)
	space := process.Space()
	var request vmo.PageRequest // an anonymous VMO never waits
	const dataBytes = 4 * benchPages
	place := func(at zx.VirtAddr, bytes uint64, perms uint32) (*vmo.VMO, error) {
		v, st := b.kernel.Store.New(bytes, 0)
		if st != zx.OK {
			return nil, st
		}
		root, all := space.Root(), zx.RightsVMO|zx.RightExecute
		if _, st := root.Map(perms|zx.VMSpecific|zx.VMPermRead, uint64(at-root.Base()), v, 0, bytes, all, all, nil); st != zx.OK {
			v.Release()
			return nil, st
		}
		return v, nil
	}
	code, err := place(trapCode, zx.PageSize, zx.VMPermExecute)
	if err != nil {
		return nil, fmt.Errorf("bench: code: %w", err)
	}
	defer code.Release()
	data, err := place(trapData, dataBytes, zx.VMPermWrite)
	if err != nil {
		return nil, fmt.Errorf("bench: data: %w", err)
	}
	defer data.Release()
	program := slices.Clone(trapProgram)
	copy(program[trapProbe:], probe[:])
	if st := code.WriteBytes(program, 0, &request); st != zx.OK {
		return nil, st
	}
	regs := cpu.NewRegs()
	regs.SetRIP(trapCode)
	regs.R15, regs.R14, regs.RDI = trapData, benchPages, trapHole
	if err := b.trapLoop(regs, process, &request); err != nil {
		return nil, err
	}
	raw := make([]byte, dataBytes)
	if st := data.ReadBytes(raw, 0, &request); st != zx.OK {
		return nil, st
	}
	samples := make([]uint32, benchPages)
	for i := range samples {
		samples[i] = binary.LittleEndian.Uint32(raw[4*i:])
	}
	slices.Sort(samples)
	return samples, nil
}

// trapLoop is the smallest run loop there can be. It ends at the program's UD2.
func (b *bencher) trapLoop(regs *cpu.Regs, process *kernel.Process, request *vmo.PageRequest) error {
	before := cpu.ReadCR3()
	cpu.WriteCR3(uint64(process.Space().CR3()))
	defer cpu.WriteCR3(before)
	for {
		cpu.Exec(regs)
		switch v := regs.Vector(); {
		case v == cpu.VectorPageFault && regs.CR2() == trapHole:
			regs.SetRIP(regs.RIP() + 2)
		case v == cpu.VectorSyscall:
		case v == cpu.VectorPageFault:
			if st := process.Space().Lane(0).Fault(zx.VirtAddr(regs.CR2()), mmu.PageFaultError(regs.ErrorCode()).Need(), request); st != zx.OK {
				return fmt.Errorf("bench: fault at %#x: %w", regs.CR2(), st)
			}
		case v >= cpu.VectorFirstInterrupt:
			x86.HandleInterrupt(v)
		case v == cpu.VectorInvalidOpcode:
			return nil
		default:
			return fmt.Errorf("bench: vector %v at %#x", v, regs.RIP())
		}
	}
}

//go:build tamago

package kernel_test

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	_ "faultline/board/qemu"
	"faultline/board/x86"
	"faultline/cpu"
	"faultline/kernel"
	"faultline/mmu"
	"faultline/user"
	"faultline/zx"
)

// These tests run in the emulator, as an image of their own.

type board struct{ *x86.Machine }

// earliest is when a tick ends the stay of a thread in ring 3, in nanoseconds from its
// begin.
var earliest atomic.Int64

func (b board) ArmTick(ns int64) { b.Machine.ArmTick(max(ns, earliest.Load())) }

var (
	machine *x86.Machine
	k       *kernel.Kernel
)

func TestMain(m *testing.M) {
	var err error
	if machine, err = x86.Open(); err == nil {
		ranges := func(from []x86.Range) (list []mmu.Range) {
			for _, r := range from {
				list = append(list, mmu.Range(r))
			}
			return list
		}
		options, _ := kernel.ParseOptions("")
		k, err = kernel.Boot(kernel.Config{
			Options: options, Board: board{machine}, CPU: machine.CPU, Now: x86.Nanotime, Console: machine.Console,
			Window: mmu.Range(machine.Window), TrapStacks: x86.TrapStacks(),
			Usable: ranges(machine.UsableRAM()), Devices: ranges(machine.Devices),
		})
	}
	if err != nil {
		fmt.Println("kernel_test:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// TestKernelMap walks the page tables over the whole low 4 GiB and all RAM: no
// page is both writable and executable, none is open to ring 3, and what must be
// absent is.
func TestKernelMap(t *testing.T) {
	end := zx.PhysAddr(4 << 30)
	for _, r := range machine.UsableRAM() {
		end = max(end, r.End)
	}
	executable := uint64(0)
	for at := zx.PhysAddr(0); at < end; {
		chain, level := k.Table().Chain(zx.VirtAddr(at))
		e := chain[mmu.LevelPML4-level].PTE
		size := zx.PhysAddr(zx.PageSize) << (9 * (level - 1))
		switch {
		case !e.Present():
		case e&mmu.PTE_RW != 0 && e&mmu.PTE_XD == 0:
			t.Fatalf("page at %#x is writable and executable: %v", at, e)
		case e&mmu.PTE_US != 0:
			t.Fatalf("page at %#x is open to ring 3: %v", at, e)
		case e&mmu.PTE_XD == 0:
			executable += uint64(size)
		}
		at = (at + size) &^ (size - 1)
	}
	if executable == 0 || executable > 8<<20 {
		t.Errorf("%#x bytes are executable", executable)
	}
	absent := []zx.VirtAddr{0, 0xfff}
	for _, g := range cpu.TrapStackGuards(uintptr(x86.TrapStacks())) {
		absent = append(absent, zx.VirtAddr(g))
	}
	for _, va := range absent {
		if chain, level := k.Table().Chain(va); chain[mmu.LevelPML4-level].PTE.Present() {
			t.Errorf("%#x is mapped: %v", va, chain)
		}
	}
}

// spawn starts a program of the image and gives its output so far.
func spawn(t *testing.T, name string, args ...string) (*kernel.Process, *bytes.Buffer) {
	t.Helper()
	image, err := user.Program(name)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	p, err := k.Spawn(name, image, append([]string{name}, args...), nil, func(b []byte) { out.Write(b) })
	if err != nil {
		t.Fatal(err)
	}
	return p, &out
}

// TestSpawn runs a program many times: it says what it should, and nothing of it
// stays behind.
func TestSpawn(t *testing.T) {
	var free int
	for i := range 50 {
		p, out := spawn(t, "hello", "a b", "c")
		code, exception := p.Wait()
		if code != 0 || exception != nil || !strings.Contains(out.String(), "argument 1: a b\nargument 2: c\n") {
			t.Fatalf("run %d: code %d, exception %v, output %q", i, code, exception, out)
		}
		switch now := k.Memory.Stats().Free; {
		case i == 0:
			free = now
		case now != free:
			t.Fatalf("run %d: %d frames free, %d after the first", i, now, free)
		}
	}
	if n := len(k.Processes()); n != 0 {
		t.Errorf("%d processes left", n)
	}
}

// TestSpawnRefuses: a bad file leaves nothing behind.
func TestSpawnRefuses(t *testing.T) {
	image, err := user.Program("hello")
	if err != nil {
		t.Fatal(err)
	}
	free := k.Memory.Stats().Free
	for name, c := range map[string]struct {
		file []byte
		argv []string
	}{
		"text":      {[]byte("not a program"), nil},
		"truncated": {image[:len(image)/2], nil},
		"arguments": {image, []string{strings.Repeat("x", 1<<20)}},
	} {
		if p, err := k.Spawn(name, c.file, c.argv, nil, func([]byte) {}); err == nil {
			t.Errorf("%s: accepted as %v", name, p)
		}
	}
	now := 0
	for range 100 { // another CPU may be burying what was not born
		if now = k.Memory.Stats().Free; now == free {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("%d frames free, %d before", now, free)
}

// TestKillSpinner: a thread that never traps keeps nobody from running, and can
// be killed.
func TestKillSpinner(t *testing.T) {
	p, _ := spawn(t, "evil", "spin") // for 50 ms, with three threads that never trap
	started := time.Now()
	time.Sleep(20 * time.Millisecond)
	if took := time.Since(started); took > 2*time.Second {
		t.Errorf("a sleep of 20 ms took %v beside a spinning thread", took)
	}
	p.Exit(-7)
	select {
	case <-p.Ended():
	case <-time.After(10 * time.Second):
		t.Fatal("a spinning process survives its kill")
	}
	if code, _ := p.Wait(); code != -7 {
		t.Errorf("return code %d", code)
	}
}

// TestSuspendRaces: a thread that is woken just as it stops in the midst of a call goes
// on with the call, and a kill ends it.
func TestSuspendRaces(t *testing.T) {
	if k.NumCPUs() < 2 {
		t.Skip("on one CPU nobody comes between")
	}
	p, _ := spawn(t, "evil", "spinning") // the first thread sleeps without end
	first := p.Threads()[0]
	in := func(state zx.ThreadState) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); first.State() != state; runtime.Gosched() {
			if time.Now().After(end) {
				t.Fatalf("the thread is in state %#x, not %#x", first.State(), state)
			}
		}
	}
	in(zx.ThreadBlockedSleeping)
	var stop atomic.Bool
	defer stop.Store(true)
	go func() {
		for !stop.Load() {
			first.Wake()
			runtime.Gosched()
		}
	}()
	for range 1000 {
		token, st := first.Suspend()
		if st != zx.OK {
			t.Fatal(st)
		}
		in(zx.ThreadSuspended)
		token.OnZeroHandles()
		token.OnLastRef()
		in(zx.ThreadBlockedSleeping)
	}
	p.Exit(-7)
	select {
	case <-p.Ended():
	case <-time.After(20 * time.Second):
		t.Fatal("a thread that was suspended often survives its kill")
	}
}

// TestStopTheWorld: threads that spin in ring 3 on the other CPUs are kicked out of it
// when the collector stops the world. Ticks come so late meanwhile that a test that has
// to wait for them takes longer than it may.
func TestStopTheWorld(t *testing.T) {
	if k.NumCPUs() < 4 {
		t.Skip("wants four CPUs")
	}
	for range 16 {
		runtime.GC()
	}
	var quiet, stats debug.GCStats
	debug.ReadGCStats(&quiet)
	p, _ := spawn(t, "evil", "spinning")
	// spinning waits until three CPUs are in ring 3 and stay there.
	spinning := func() (now []kernel.CPUInfo) {
		for still := 0; still < 3; {
			before := now
			time.Sleep(time.Millisecond)
			now, still = k.CPUs(), 0
			for i, c := range now {
				if c.User && before != nil && c.Stays == before[i].Stays {
					still++
				}
			}
		}
		return now
	}
	earliest.Store(20e9)
	for range 16 {
		before := spinning()
		runtime.GC()
		for i, c := range k.CPUs() {
			if c.User && before[i].User && c.Stays == before[i].Stays {
				t.Errorf("CPU %d was in ring 3 while the world stood still", i)
			}
		}
	}
	earliest.Store(0)
	p.Exit(-7)
	p.Wait()
	debug.ReadGCStats(&stats)
	slices.Sort(stats.Pause[:16])
	slices.Sort(quiet.Pause[:16])
	t.Logf("the world stood still for %v, and with nobody in ring 3 for %v (medians of 16; least %v, %v)",
		stats.Pause[8], quiet.Pause[8], stats.Pause[0], quiet.Pause[0])
}

// TestException: what kills a process is told in full.
func TestException(t *testing.T) {
	p, _ := spawn(t, "evil", "read-kernel")
	code, e := p.Wait()
	if code != zx.TaskRetcodeExceptionKill || e == nil {
		t.Fatalf("code %d, exception %v", code, e)
	}
	if e.Type != zx.ExcpFatalPageFault || e.CR2 != 0x1001000 || e.Status() != zx.ErrNotFound || e.Vector != 14 {
		t.Errorf("report %+v", e.ExceptionReport)
	}
	if !strings.Contains(e.Instruction, "mov") || len(e.Registers) != 7 {
		t.Errorf("instruction %q, registers %q", e.Instruction, e.Registers)
	}
}

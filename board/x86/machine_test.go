//go:build tamago

package x86

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"faultline/cpu"
)

func machine(t *testing.T) *Machine {
	t.Helper()
	m, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMachine(t *testing.T) {
	m := machine(t)
	t.Logf("%s, %s, %d MiB of RAM, TSC %d Hz by %s, disk error %v", m.Name, m.CPU.Brand, m.Memory.RAM()>>20, clock.hz, clock.source, m.Drives)
	if m.Name != "microvm" && m.Name != "q35" && m.Name != "pc" {
		t.Errorf("machine %q", m.Name)
	}
	if again := machine(t); again != m {
		t.Error("Open gave another machine")
	}
}

func TestUsableRAM(t *testing.T) {
	m := machine(t)
	var usable uint64
	end := m.Memory[0].Start
	for _, r := range m.UsableRAM() {
		if r.Start < end || r.Start < 1<<20 || (r.Start|r.End)&4095 != 0 {
			t.Errorf("usable %v", r)
		}
		if r.Start < m.Window.End && m.Window.Start < r.End {
			t.Errorf("usable %v within the window %v", r, m.Window)
		}
		end = r.End
		usable += r.Bytes()
	}
	total := m.Memory.RAM()
	if total < 120<<20 || usable+m.Window.Bytes()+1<<20 < total-256<<10 {
		t.Errorf("%d bytes of RAM, %d usable, window %v", total, usable, m.Window)
	}
	if m.Window.Bytes() < 80<<20 || m.Window.Bytes() > 1<<30 || m.Window.Bytes() > total*3/4 {
		t.Errorf("window %v of %d bytes of RAM", m.Window, total)
	}
	if s := TrapStacks(); s <= m.Window.Start || s >= m.Window.End {
		t.Errorf("trap stacks at %#x, window %v", s, m.Window)
	}
}

func TestClock(t *testing.T) {
	last := Nanotime()
	if last <= 0 || last > 600e9 {
		t.Errorf("%d ns since boot", last)
	}
	for range 10000 {
		now := Nanotime()
		if now < last {
			t.Fatalf("%d after %d", now, last)
		}
		last = now
	}
	if n := testing.AllocsPerRun(100, func() { Nanotime() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if got := ticksOf(1e9); got != clock.hz {
		t.Errorf("a second is %d ticks of %d Hz", got, clock.hz)
	}
}

func TestWallClock(t *testing.T) {
	if !strings.Contains(runtime.Version(), "faultline") {
		t.Skip("the official toolchain's wall clock is the time since boot")
	}
	if y := time.Now().Year(); y < 2024 || y > 2099 {
		t.Errorf("wall clock %v", time.Now())
	}
}

// TestTimer compares the timer with the TSC. An emulator's host may delay it,
// but it must never come early.
func TestTimer(t *testing.T) {
	machine(t)
	tm := &timers[cpu.ID()]
	for _, ns := range []int64{1, 1000, 50_000, 1_000_000, 20_000_000} {
		best := int64(1 << 62)
		for range 5 {
			fired, start := tm.fired, Nanotime()
			tm.arm(ns)
			if !tm.armed() {
				t.Fatal("not armed")
			}
			for tm.fired == fired {
				cpu.WaitForInterrupt()
				for v, ok := cpu.TakeInterrupt(); ok; v, ok = cpu.TakeInterrupt() {
					if !HandleInterrupt(v) {
						t.Errorf("interrupt %v", v)
					}
				}
			}
			if tm.armed() {
				t.Error("armed after it fired")
			}
			best = min(best, Nanotime()-start)
		}
		if best < ns-ns/500 {
			t.Errorf("%d ns came after %d", ns, best)
		}
		if late := best - ns; late > 20_000_000 || countsInstructions() && late > 3000 {
			t.Errorf("%d ns came after %d", ns, best)
		}
	}
	// One that nobody asked for is acknowledged, and those below it still come.
	const stray, icr, icrSelf = 0xf1, 0x300, 1 << 18
	lapicWrite(icr, icrSelf|stray)
	fired := tm.fired
	tm.arm(1_000_000)
	for deadline := Nanotime() + 1e9; tm.fired == fired && Nanotime() < deadline; {
		cpu.WaitForInterrupt()
		for v, ok := cpu.TakeInterrupt(); ok; v, ok = cpu.TakeInterrupt() {
			if HandleInterrupt(v) == (v == stray) {
				t.Errorf("interrupt %v", v)
			}
		}
	}
	if tm.fired == fired {
		t.Fatal("the timer waits behind an interrupt that nobody asked for")
	}
	if HandleInterrupt(cpu.VectorPageFault) {
		t.Error("a page fault is no interrupt")
	}
	// Disarmed, it does not come.
	fired = tm.fired
	tm.arm(1_000_000)
	tm.disarm()
	Idle(Nanotime() + 3_000_000)
	if tm.armed() || tm.fired > fired+1 {
		t.Errorf("disarmed, the timer fired %d times", tm.fired-fired)
	}
}

// TestIdleHalts sleeps and sees that the CPU did not run meanwhile: a CPU that
// halts is woken a few times, one that spins looks at the clock all the time.
func TestIdleHalts(t *testing.T) {
	machine(t)
	tm := &timers[cpu.ID()]
	fired, start := tm.fired, time.Now()
	time.Sleep(100 * time.Millisecond)
	took, woken := time.Since(start), tm.fired-fired
	if woken < 1 || woken > 10 {
		t.Errorf("%d timer interrupts in a sleep of %v", woken, took)
	}
	if took < 100*time.Millisecond || countsInstructions() && took > 100*time.Millisecond+100*time.Microsecond {
		t.Errorf("slept %v", took)
	}
	// Longer than the timer can count at once.
	start = time.Now()
	if countsInstructions() {
		time.Sleep(10 * time.Second)
		if took := time.Since(start); took > 10*time.Second+100*time.Microsecond {
			t.Errorf("slept %v", took)
		}
	}
}

func TestInterruptsStayOff(t *testing.T) {
	// A timer that is due does not interrupt Go code.
	machine(t)
	tm := &timers[cpu.ID()]
	fired := tm.fired
	tm.arm(1)
	for end := Nanotime() + 1_000_000; Nanotime() < end; {
	}
	if tm.fired != fired || cpu.PendingInterrupts() {
		t.Error("an interrupt came outside of Idle")
	}
	Idle(Nanotime() + 1e9)
	if tm.fired != fired+1 {
		t.Errorf("%d interrupts, want 1", tm.fired-fired)
	}
}

func TestRandom(t *testing.T) {
	for _, hardware := range []bool{rng.hardware, false} {
		saved := rng.hardware
		rng.hardware = hardware
		a, b := make([]byte, 1021), make([]byte, 1021)
		getRandomData(a)
		getRandomData(b)
		rng.hardware = saved
		var ones int
		for i := range a {
			for x := a[i] ^ b[i]; x != 0; x &= x - 1 {
				ones++
			}
		}
		if half := len(a) * 4; ones < half*9/10 || ones > half*11/10 {
			t.Errorf("hardware %v: %d of %d bits differ", hardware, ones, len(a)*8)
		}
	}
}

// TestDisk writes to the disk, so only where the environment says it may.
func TestDisk(t *testing.T) {
	m := machine(t)
	if len(m.Drives) == 0 {
		t.Skip("no disk: run with DISK=scratch.img SNAPSHOT=1")
	}
	if err := m.Drives[0].Err; err != nil {
		t.Fatal(err)
	}
	d := m.Drives[0].Device.(*Disk)
	t.Logf("%d sectors, read-only %v", d.Sectors(), d.ReadOnly())
	if d.ReadOnly() || d.Sectors() < 4096 {
		t.Skip("the disk is read-only, or small")
	}
	const span = 1024 // sectors at the end
	base := d.Sectors() - span
	model := make([]byte, span*SectorBytes)
	if err := d.Read(base, model); err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 30 {
		at := rnd.IntN(span)
		n := 1 + rnd.IntN(span-at)
		p := make([]byte, n*SectorBytes)
		for i := range p {
			p[i] = byte(rnd.Uint32())
		}
		copy(model[at*SectorBytes:], p)
		if err := d.Write(base+uint64(at), p); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Flush(); err != nil {
		t.Fatal(err)
	}
	// At once: 64 requests in random order, in pieces of a page and more.
	got := make([]byte, len(model))
	var reqs []*Request
	const each = span * SectorBytes / 64
	for _, i := range rnd.Perm(64) {
		p := got[i*each:][:each]
		reqs = append(reqs, NewRequest(DiskRead, base+uint64(i*each/SectorBytes), p[:4096], p[4096:4608], p[4608:]))
	}
	if err := d.do(reqs...); err != nil || !bytes.Equal(got, model) {
		t.Errorf("read back: %v, or not what was written", err)
	}
	if err := d.Read(base+span, make([]byte, SectorBytes)); err == nil {
		t.Error("a sector beyond the end was read")
	}
	// A goroutine that waits for the disk leaves the CPU to others.
	turns, stop := 0, false
	go func() {
		for !stop {
			turns++
			runtime.Gosched()
		}
	}()
	for range 8 {
		if err := d.Read(base, got); err != nil {
			t.Fatal(err)
		}
	}
	stop = true
	if turns == 0 {
		t.Error("the disk kept the CPU")
	}
}

func TestConsole(t *testing.T) {
	if !uart.present {
		t.Skip("no serial port")
	}
	if !uart.interrupt {
		t.Error("the serial port has no interrupt")
	}
	if n, err := machine(t).Console.Read(make([]byte, 16)); n != 0 || err != nil {
		t.Skipf("somebody types: %d bytes, %v", n, err)
	}
	// The port's loopback is input from nowhere: it must wake a reader.
	woken := make(chan string)
	go func() {
		Console{}.Wait()
		p := make([]byte, 16)
		n, _ := Console{}.Read(p)
		woken <- string(p[:n])
	}()
	time.Sleep(time.Millisecond)
	drain()
	const loopback = 1 << 4
	uartOut(uartMCR, 0x0b|loopback)
	uartOut(uartData, '!')
	start := time.Now()
	got := <-woken
	uartOut(uartMCR, 0x0b)
	if got != "!" {
		t.Errorf("read %q", got)
	}
	t.Logf("woken after %v", time.Since(start))
}

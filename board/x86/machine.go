//go:build tamago

package x86

import (
	"cmp"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"

	"faultline/cpu"
	"faultline/zx"
)

// Machine is the machine that the kernel runs on, and its board.
type Machine struct {
	Name    string        // "microvm", "q35", "pc", or "unknown"
	CPU     *cpu.Features // of the boot CPU; the others are taken to be like it
	Boot    BootInfo      // what the loader said
	Options Options       // of the command line
	Memory  MemoryMap
	Window  Range   // memory of the kernel's image, Go heap and boot stacks
	Kept    []Range // memory of what the loader brought, which the tables must map too
	Devices []Range // device registers that the kernel's page tables must map, uncached
	Console Console
	Drives  []Drive // what the loader brought first
	Port    *Port   // a virtio console, if there is one
}

// TrapStacks is the memory of cpu's trap stacks: the end of the kernel window,
// above the boot stack.
func TrapStacks() zx.PhysAddr {
	return zx.PhysAddr(ramStart + ramSize - cpu.TrapStackBytes)
}

// init has the collector work when the heap is five times what is alive, since the
// window is there for nothing else, and harder before the window is full: the heap
// may outgrow the limit by a quarter, and what is allocated next may be large.
func init() {
	debug.SetGCPercent(400)
	debug.SetMemoryLimit(int64(ramSize) / 8 * 5)
}

// Open describes the machine and brings its disks into operation, the first
// time; later calls return the same value. It works while the boot page tables are
// in place; afterwards the kernel's must map Devices.
//
// Errors: the loader's information makes no sense.
var Open = sync.OnceValues(func() (*Machine, error) {
	m := &Machine{
		Name:   machineName(),
		CPU:    features,
		Window: Range{zx.PhysAddr(ramStart), zx.PhysAddr(ramStart + ramSize)},
	}
	boot, err := Boot()
	if err != nil {
		return nil, err
	}
	m.Boot, m.Memory = *boot, boot.Map
	m.Options = ParseOptions(boot.CommandLine + " " + MoreOptions)
	if most := m.Options.Memory; most != 0 {
		m.Memory = NewMemoryMap(append(m.Memory, MemoryRegion{Range{zx.PhysAddr(most), 1<<64 - 1}, MemoryReserved}))
	}
	for _, module := range boot.Modules {
		if module.Range.Bytes() > 0 {
			m.Kept = append(m.Kept, pages(module.Range))
		}
	}
	m.Kept = joinRanges(m.Kept)
	stage(stageTables)
	page := func(what string, addr zx.PhysAddr) bool {
		_, err := mapDevice(pages(Range{addr, addr + 1}))
		return believed(what, err)
	}
	page("local APIC", zx.PhysAddr(lapic.base))
	if !page("I/O APIC", Platform.IOAPIC) {
		Platform.IOAPIC = chipset
		page("I/O APIC", chipset)
	}
	if clock.source == hpetReference.name {
		page("HPET", hpetBase)
	}
	chooseConsole(&m.Options, boot.Screen)
	m.Drives, m.Port = findDevices(&m.Boot)
	stage(stageDisk)
	findCPUs(m.Memory, m.Boot.Reserved, cmp.Or(m.Options.CPUs, cpu.MaxCPUs))
	m.Devices = joinRanges(deviceRanges)
	return m, nil
})

// believed notes why something that was told cannot be so; true without a reason.
func believed(what string, err error) bool {
	if err != nil {
		Platform.Problems = append(Platform.Problems, fmt.Errorf("%s: %w", what, err))
	}
	return err == nil
}

// Boot reads what the loader passed. What cannot be so of memory and modules is left
// out and named in Platform.Problems.
//
// Errors: it makes no sense.
var Boot = sync.OnceValues(func() (*BootInfo, error) {
	boot, err := ParseBoot(loader, zx.PhysAddr(startInfo))
	if err != nil {
		return nil, err
	}
	if loader == LoaderUEFI { // PVH start info has no place for it
		boot.Screen = efiVideo
		boot.Screen.check()
	}
	window := Range{zx.PhysAddr(ramStart), zx.PhysAddr(ramStart + ramSize)}
	var problems []error
	boot.Map, problems = boot.Map.believe(window, features.PhysBits, keeps)
	Platform.Problems = append(Platform.Problems, problems...)
	boot.Modules = slices.DeleteFunc(boot.Modules, func(m Module) bool {
		r := m.Range
		var err error
		if r.Start < window.End && window.Start < r.End {
			err = fmt.Errorf("at %v, in the kernel's window", r)
		} else if boot.Map.RAMIn(r) != r.Bytes() {
			err = fmt.Errorf("at %v, where not all is RAM", r)
		}
		return !believed(fmt.Sprintf("boot: module %q", m.CommandLine), err)
	})
	return boot, nil
})

// MoreOptions is what a board adds to the loader's command line, before Open.
var MoreOptions string

// UsableRAM is the memory for user frames: RAM outside the kernel window, the
// low 1 MiB and what the loader left for us, in whole pages, by address.
func (m *Machine) UsableRAM() []Range {
	const lowMemory = 1 << 20
	reserved := slices.Concat([]Range{{0, lowMemory}, m.Window}, m.Boot.Reserved, m.Kept)
	return m.Memory.Usable(append(reserved, m.Devices...))
}

// SetAside takes size bytes of usable RAM, in whole pages in a row, as high as they lie
// below 4 GiB, where every device reaches them. Before the kernel counts its memory.
func (m *Machine) SetAside(size uint64) (r Range, ok bool) {
	size, ok = zx.RoundUp(size)
	for _, u := range slices.Backward(m.UsableRAM()) {
		end := min(u.End, zx.PhysAddr(bootMapped))
		if ok && size > 0 && u.Start < end && uint64(end-u.Start) >= size {
			r = Range{end - zx.PhysAddr(size), end}
			m.Kept = joinRanges(append(m.Kept, r))
			return r, true
		}
	}
	return Range{}, false
}

// ArmTick makes VectorTimer arrive once on the CPU that calls it, ns nanoseconds from now,
// or after 4 s if that is sooner. It replaces what was armed before.
func (*Machine) ArmTick(ns int64) { timers[cpu.ID()].arm(ns) }

// TickWord is where bit 0 says that CPU id's timer is not armed. A run loop that looks before
// it enters ring 3 each time keeps what else it looks at in the other bits.
func (*Machine) TickWord(id int) *atomic.Uint32 { return &timers[id].word }

// Lasted is the function of the same name, as Exit, HandleInterrupt and Idle are.
func (*Machine) Lasted(ticks uint64) int64 { return Lasted(ticks) }

// Exit ends the machine.
func (*Machine) Exit(code int32) { Exit(code) }

// HandleInterrupt acknowledges an interrupt.
func (*Machine) HandleInterrupt(v cpu.Vector) bool { return HandleInterrupt(v) }

// Idle halts the CPU.
func (*Machine) Idle(until int64) { Idle(until) }

// Package x86 is what every x86-64 machine has: entry from the loader, the hooks
// of package goos, serial port, local APIC, I/O APIC, clocks, PCI, virtio. The boards
// are built on it.
//
// Importing it makes an image bootable. The order of things:
//
//	cpuinit     32-bit entry from PVH, or another loader's: boot page tables, long
//	            mode, an IDT that can at least speak, the size of the Go heap window
//	Hwinit0     clock: the TSC is calibrated before the runtime reads it
//	schedinit   (the Go runtime)
//	Hwinit1     CPU check, cpu.Init, memory map, console, local APIC, clock on
//	            the wall; what the board adds (early)
//	Open        the rest: the disk; the other CPUs come in and wait
//	StartCPUs   they run Go
//
// # Memory
//
// VA equals PA. The boot tables map the low 4 GiB, page 0 left out, writable
// and executable; the kernel replaces them. The Go heap window, from RamStart to
// RamStart+RamSize, is sized from the loader's memory map; what lies outside is
// Machine.UsableRAM and is not touched here:
//
//	0x00000000  low 1 MiB: reserved (firmware, PVH start info, page 0 absent)
//	0x01000000  RamStart: ELF headers, text at 0x1001000, data, bss, heap
//	            ... heap ends where the boot stack (g0) begins
//	RamStart+RamSize-RamStackOffset   top of g0's stack
//	            cpu's fault stacks
//	RamStart+RamSize                  user frames, up to 4 GiB and above it
//
// # Interrupts
//
// IF is 0 in ring 0, always, except in Idle. These sources exist: the timer of
// the local APIC, other CPUs (VectorKick), serial port and keyboard through the I/O APIC
// (where there is one; they interrupt the boot CPU) and spurious ones. HandleInterrupt
// acknowledges them, whether they came in ring 3 (the kernel calls it with the vector that
// Exec returned) or in Idle.
//
// # Pure parts
//
// Parsers and ring arithmetic are untagged and tested on the host; whatever
// touches the machine needs GOOS=tamago.
package x86

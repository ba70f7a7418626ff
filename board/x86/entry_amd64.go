//go:build tamago

package x86

// cpuinit is the image's entry, reached in 32-bit protected mode with EBX
// naming the PVH start info: it builds the boot page tables, switches to
// long mode, chooses the size of the Go heap window and jumps to the runtime.
// It is never called from Go.
//
// Source: Xen "x86/HVM direct boot ABI"; Intel SDM 3A 10.8.5 (initializing
// IA-32e mode).
func cpuinit()

// Written by cpuinit before the runtime starts.
var (
	startInfo uint64 // physical address of hvm_start_info
	bootTSC   uint64 // time stamp counter at entry: the zero of Nanotime
	lowRAM    uint64 // bytes of RAM from RamStart to the end of its region; 0 if the map lacks it

	// pageZero is what page 0 held at entry; the page itself is no longer mapped.
	pageZero [4096]byte
)

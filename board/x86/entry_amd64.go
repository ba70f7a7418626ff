//go:build tamago

package x86

// The entries of the image, each for a way in which a loader may jump there; they
// are never called from Go. They build boot page tables, switch to long mode, choose
// the size of the Go heap window and jump to the runtime.
//
// Source: Xen "x86/HVM direct boot ABI"; Multiboot2 specification 3.3; Linux, "The
// Linux/x86 Boot Protocol"; UEFI 2.10, 2.3.4; Intel SDM 3A 10.8.5 (initializing IA-32e
// mode).
func cpuinit()
func multiboot2Entry()
func linuxEntry32()
func linuxEntry64()
func efiEntry()

// Written before the runtime starts. The two first ones have a value so that they
// lie in the data segment: start clears the rest when it moves the image.
var (
	loader    Loader = 1<<32 - 1
	startInfo uint64 = 1 // physical address of what the loader passed

	bootTSC uint64 // time stamp counter at entry: the zero of Nanotime

	// pageZero is what page 0 held at entry; the page itself is no longer mapped.
	pageZero [4096]byte
)

// What is said before there is a runtime; NUL ends it.
var (
	noLongMode = "faultline: this CPU has no 64-bit mode (CPUID LM)\r\n\x00"
	smallText  = "faultline: too little RAM at 16 MiB, or no map: 100 MiB at least\r\n\x00"
	trapText   = "faultline: early exception, vector, two words of its frame, CR2:\x00"
	lineEnd    = "\r\n\x00"
)

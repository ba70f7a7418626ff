//go:build tamago

package x86

import (
	"faultline/cpu"
	"faultline/zx"
)

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

	// pageZero is what page 0 held at entry, and the next one: page 0 itself is no longer
	// mapped.
	pageZero [2 * zx.PageSize / 8]uint64

	// bootIDT has a gate for each exception until cpu.Init.
	bootIDT [32]cpu.Gate
)

// noLongMode is said where there is no 64-bit mode, and not even Go; NUL ends it.
var noLongMode = "faultline: this CPU has no 64-bit mode (CPUID LM)\r\n\x00"

// earlyGates makes the gates of bootIDT, each to a CALL of five bytes in the table at
// entries.
//
//go:nosplit
func earlyGates(entries uint64) {
	for v := range bootIDT {
		bootIDT[v] = cpu.InterruptGate(entries+5*uint64(v), 0, false)
	}
}

// windowMost is the largest heap window, windowGrain what it is a multiple of.
const (
	windowMost  = 1 << 30
	windowGrain = 2 << 20
)

// prepare does what there is to do between 64-bit mode and the runtime: it sets the zero of
// the clock, keeps what is in page 0 (SeaBIOS has its memory map there) so that nil
// pointers can fault, and takes 3/8 of the RAM that begins at ramStart for the heap window.
//
// Pre: the boot page tables.
//
//go:nosplit
func prepare() {
	bootTSC = cpu.ReadTSC()
	for i := range pageZero {
		pageZero[i] = load[uint64](uint64(8 * i))
	}
	pageZeroAt = addressOf64(&pageZero[0])
	ram := findRAM()
	if ram == 0 {
		stage(stageNoRAM)
		earlySay("faultline: too little RAM at 16 MiB, or no map: 100 MiB at least\r\n")
		earlyEnd(exitUnfit)
	}
	ramSize = max(windowLeast, min(ram/8*3, windowMost)) &^ (windowGrain - 1)
	const firstTable = 0x2000 // from the root, as start lays them out
	root := cpu.ReadCR3()
	store[uint64](root+firstTable, 0)
	cpu.WriteCR3(root)
}

// earlyTrap tells of an exception that came before cpu.Init had a handler for it, and
// ends the machine. behind is how far its CALL in the table of entries ends behind the
// table's beginning; the words are the first two of its frame.
//
//go:nosplit
func earlyTrap(behind, word0, word1 uint64) {
	stage(stageTrap)
	earlySay("faultline: early exception, vector, two words of its frame, CR2:")
	for _, v := range [...]uint64{behind/5 - 1, word0, word1, cpu.ReadCR2()} {
		cpu.Out8(com1, ' ')
		for range 16 {
			digit := uint8(v >> 60)
			if digit > 9 {
				digit += 'a' - '9' - 1
			}
			cpu.Out8(com1, '0'+digit)
			v <<= 4
		}
	}
	earlySay("\r\n")
	earlyEnd(exitTrap)
}

//go:nosplit
func earlySay(text string) {
	for i := range len(text) {
		cpu.Out8(com1, text[i])
	}
}

//go:nosplit
func earlyEnd(value uint8) {
	cpu.Out8(ExitPort, value)
	cpu.Halt()
}

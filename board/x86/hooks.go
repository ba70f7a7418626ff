//go:build tamago

package x86

import (
	"runtime/goos"
	_ "unsafe" // for go:linkname

	"faultline/cpu"
)

// The hooks of package goos that are not with what they belong to (Nanotime in
// clock.go, Printk in console.go, InitRNG and GetRandomData in rng.go). A variable
// needs a value here to count as the definition.

//go:linkname ramStart runtime/goos.RamStart
var ramStart uint64 = imageBase

//go:linkname ramSize runtime/goos.RamSize
var ramSize uint64 = 80 << 20 // cpuinit puts the real one

//go:linkname ramStackOffset runtime/goos.RamStackOffset
var ramStackOffset uint64 = 256 << 10

// A hook that only this project's toolchain has; with the official one it is a
// variable that nobody reads.

//go:linkname wallOffset runtime.wallOffset
var wallOffset int64

// early is a board's own hook, called at the end of hwinit1, under the same conditions.
// A board that has one gives the variable a value, as with package goos.
//
//go:linkname early faultline/board.Early
var early func()

// timers has each CPU's, by its number.
var timers [cpu.MaxCPUs]timer

// features is what the boot CPU can do.
var features *cpu.Features

// findRAM is how much RAM there is from where the image lies; 0 if too little.
//
//go:nosplit
func findRAM() uint64 {
	n := min(ramFrom(imageBase, loader, startInfo), chipset-imageBase)
	if n < windowLeast || !keepsWord(imageBase+windowLeast-8) {
		return 0
	}
	return presentEnd(imageBase+windowLeast, imageBase+n, keepsWord) - imageBase
}

// hwinit0 runs before the scheduler exists: no allocation.
//
//go:linkname hwinit0 runtime/goos.Hwinit0
func hwinit0() {
	initUART(defaultBaud)
	calibrateClock()
	stage(stageClock)
}

// stage leaves a mark of how far the machine has come.
//
//go:nosplit
func stage(code uint8) { cpu.Out8(0x80, code) }

// hwinit1 runs on the boot stack when the scheduler exists and before any
// package is initialized: fmt and errors do not work yet.
//
//go:linkname hwinit1 runtime/goos.Hwinit1
func hwinit1() {
	goos.Exit = Exit
	features = cpu.Detect()
	if missing := features.Missing(); len(missing) > 0 {
		stage(stageUnfit)
		print("faultline: this CPU lacks")
		for _, what := range missing {
			print(" ", what, ";")
		}
		print(" cannot run\n")
		Exit(exitCodeUnfit)
	}
	stage(stageCPU)
	cpu.Init(features, cpu.Config{
		TrapStacks:  uintptr(TrapStacks()),
		Kernel:      cpu.Range{Start: uintptr(ramStart), End: uintptr(ramStart + ramSize)},
		ExitPort:    ExitPort,
		ExitValue:   exitTrap,
		ConsolePort: com1,
	})
	cpu.SetFatalHandler(reportTrap)
	timers[0].init(features)
	goos.Idle = Idle
	initInput()
	if since, ok := wallClock(); ok {
		wallOffset = int64(since) - Nanotime()
	}
	if early != nil {
		early()
	}
	stage(stageReady)
}

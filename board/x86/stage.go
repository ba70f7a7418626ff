package x86

// Marks of how far the machine has come, on the diagnostic port 0x80, where a PC's
// code display shows them; docs/bringup.md tells what is wrong when one is the last.
// entry_amd64.s uses them too.
const (
	stageEFI     = 0x10 // entered by firmware
	stageStart   = 0x20 // 32-bit mode
	stagePlaced  = 0x21 // the image is in its place
	stageLong    = 0x22 // 64-bit mode
	stageRuntime = 0x23 // RAM found; into the Go runtime
	stageClock   = 0x30 // serial port and clock set up
	stageCPU     = 0x31 // the CPU can do what is needed
	stageReady   = 0x32 // traps, interrupts, wall clock
	stageTables  = 0x40 // loader's and firmware's tables read
	stageDisk    = 0x41 // disk looked for

	stageFailed  = 0xdf // the kernel has ended in failure and stays as it is
	stageNoLong  = 0xe0 // no 64-bit mode
	stageOverlap = 0xe1 // the image lies across the place where it belongs
	stageNoRAM   = 0xe2 // too little RAM, or no memory map
	stageTrap    = 0xe3 // an exception before there was a handler
	stageUnfit   = 0xe4 // the CPU lacks something
)

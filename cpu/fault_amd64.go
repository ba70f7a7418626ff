package cpu

// haltOffset is where in WaitForInterrupt an interrupted HLT resumes: STI and
// HLT are a byte each.
const haltOffset = 2

// ring0Trap takes every trap that hit ring 0: an interrupt in WaitForInterrupt
// is noted, everything else is fatal.
func ring0Trap()

// fatalTrap records a trap, moves to the fatal stack and calls reportFatal. It
// is also the direct target of NMI, #DF and #MC.
func fatalTrap()

// fatalEnd ends the machine by the ports in block; the last line of defence.
func fatalEnd()

// Resume leaves a fatal handler: the trap is forgotten, and the code that it hit goes on
// at rip, with these registers and no other.
//
// Pre: one CPU; called by the handler.
// Context: trap stack. It does not return.
func Resume(rip, rsp, rax, rbx uint64)

// stackPointer is SP, roughly.
func stackPointer() uint64

// haltAddr is the address of WaitForInterrupt's machine code.
func haltAddr() uint64

// blockAddr is the address of this CPU's block, by GS.
func blockAddr() uint64

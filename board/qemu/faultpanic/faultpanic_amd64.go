//go:build tamago

package faultpanic

// pageFault, generalProtection and divideError are what the gates of #PF, #GP and
// #DE are bent to.
// What ring 3 did goes on to where it went before. A fault of ring 0 becomes a
// call of the runtime's faultPanic, on the stack that faulted.
//
// Context: exception; the frame is on the stack that faulted. No allocation.
func pageFault()
func generalProtection()
func divideError()

// tableRegister is SIDT: the address of the interrupt descriptor table.
func tableRegister() uint64

// entries are the addresses of the three.
func entries() (pf, gp, de uint64)

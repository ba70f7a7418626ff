package signal

import "syscall"

// Relay passes an interrupt on to whoever asked Notify for sig. It may be called
// from an interrupt handler: it changes one bit, and no registers but AX, BX, CX
// and DX.
func Relay(sig syscall.Signal)

// Waiting reports whether the goroutine that serves relayed signals is parked.
func Waiting() bool { return signalWaiting() }

func signalWaiting() bool

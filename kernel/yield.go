package kernel

import (
	"runtime"

	"faultline/zx"
)

// Yield implements zx.Yielder for a call of the thread: it takes the interrupts
// that wait, ring 0 having them off, and lets whoever is ready run.
func (t *Thread) Yield() zx.Status {
	t.process.kernel.breathe()
	return t.pending(interruptKill | interruptSuspend)
}

// Yield is Thread.Yield while the kernel copies memory of the thread: a suspend
// waits.
func (w *copyWaiter) Yield() zx.Status {
	w.process.kernel.breathe()
	return (*Thread)(w).pending(interruptKill)
}

// pending is the status that one of bits calls for, OK if none is raised.
func (t *Thread) pending(bits uint32) zx.Status {
	if t.interrupted.Load()&bits != 0 {
		return t.interruption(bits)
	}
	return zx.OK
}

// breathe takes pending interrupts and lets others run. A halt of a moment is
// how ring 0 takes interrupts.
func (k *Kernel) breathe() {
	const moment = 1000 // ns
	k.machine.Idle(k.now() + moment)
	runtime.Gosched()
}

// Yield lets others run. See zx.Yielder.
func (w *worker) Yield() zx.Status {
	w.kernel.breathe()
	return zx.OK
}

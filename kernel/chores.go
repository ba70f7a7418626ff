package kernel

import (
	"faultline/object"
	"faultline/zx"
)

// startChores has what calls leave to do seen to (package object): the thread whose call
// it was does it before it enters ring 3 again, as heedChores says; a goroutine sees to
// the rest.
func (k *Kernel) startChores() {
	w := k.NewWaiter("chores")
	object.OnChores(k.maker, func() {
		if c := k.here(); c.turn != turnKernel {
			c.heed.Or(heedChores)
		}
		w.Wake()
	})
	go func() {
		for {
			w.Wait(zx.ThreadBlocked, zx.TimeInfinite)
			object.Work(w)
		}
	}()
}

// maker is the process whose deed is done here, nil if a goroutine of the kernel runs.
func (k *Kernel) maker() *object.Maker {
	if c := k.here(); c.turn != turnKernel {
		return c.maker
	}
	return nil
}

// buryLater leaves p, which had no thread, to be buried.
func (p *Process) buryLater() {
	object.Later(func(b *zx.Budget) (more bool) {
		if b.By == nil {
			return true // it may be long: for who can yield
		}
		p.bury(b.By)
		p.gone()
		b.Spend(zx.BudgetUnits)
		return false
	})
}

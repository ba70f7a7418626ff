package kernel

import (
	"faultline/object"
	"faultline/spin"
	"faultline/zx"
)

// chores is what calls have left to do: those of package object, and processes to
// be buried that had no thread. The thread whose call it was does it before it enters
// ring 3 again, as heedChores says; a goroutine sees to the rest. No thread does what
// another program has left.
type chores struct {
	mu   spin.Lock
	dead *Process // by Process.nextDead
}

// startChores has left work seen to.
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
			k.doChores(w)
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

// doChores does what is left now, a thread what its process left, yielding by y.
func (k *Kernel) doChores(y zx.Yielder) {
	object.Work(y)
	c, m := &k.chores, k.maker()
	for {
		c.mu.Lock()
		p := c.dead
		if p == nil || m != nil && p.killer != m {
			c.mu.Unlock()
			return
		}
		c.dead = p.nextDead
		c.mu.Unlock()
		if p.bury(y) {
			p.gone()
		}
		y.Yield()
	}
}

// buryLater leaves p to be buried.
func (k *Kernel) buryLater(p *Process) {
	p.killer = k.maker()
	k.chores.mu.Lock()
	p.nextDead, k.chores.dead = k.chores.dead, p
	k.chores.mu.Unlock()
	object.Remind()
}

package kernel

import (
	"faultline/object"
	"faultline/spin"
	"faultline/zx"
)

// chores is what calls have left to do: those of package object, and processes to
// be buried that had no thread. The thread whose call it was does it before it enters
// ring 3 again, as heedChores says; a goroutine sees to the rest.
type chores struct {
	mu   spin.Lock
	dead *Process // by Process.nextDead
}

// startChores has left work seen to.
func (k *Kernel) startChores() {
	w := k.NewWaiter("chores")
	object.OnChores(func() {
		k.here().heed.Or(heedChores)
		w.Wake()
	})
	go func() {
		for {
			w.Wait(zx.ThreadBlocked, zx.TimeInfinite)
			k.doChores(w)
		}
	}()
}

// doChores does what is left now, yielding by y.
func (k *Kernel) doChores(y zx.Yielder) {
	object.Work(y)
	c := &k.chores
	for {
		c.mu.Lock()
		p := c.dead
		if p != nil {
			c.dead = p.nextDead
		}
		c.mu.Unlock()
		if p == nil {
			return
		}
		if p.bury(y) {
			p.gone()
		}
		y.Yield()
	}
}

// buryLater leaves p to be buried.
func (k *Kernel) buryLater(p *Process) {
	k.chores.mu.Lock()
	p.nextDead, k.chores.dead = k.chores.dead, p
	k.chores.mu.Unlock()
	object.Remind()
}

package kernel

import (
	"faultline/object"
	"faultline/zx"
)

// startChores has what calls leave to do seen to (package object): the thread whose call
// it was does it before it enters ring 3 again, as heedChores says. What is left when
// another thread of its CPU is there, or none, is a goroutine's, and what no thread has left.
func (k *Kernel) startChores() {
	w := k.NewWaiter("chores")
	k.chores = w
	assistHook = k.assist
	object.OnChores(k.maker, func(of *object.Maker) {
		if !k.leftTo(of) {
			w.Wake()
		}
	})
	go func() {
		for {
			w.Wait(zx.ThreadBlocked, zx.TimeInfinite)
			object.Work(nil, w)
		}
	}()
}

// leftTo has the thread whose turn it is here see to the chores of its process, if they are
// of's, and says whether it will.
//
//go:nosplit
func (k *Kernel) leftTo(of *object.Maker) bool {
	c := k.here()
	if of == nil || c.turn == turnKernel || c.maker != of || c.chores != nil && c.chores != of {
		return false
	}
	c.chores = of
	c.heed.Or(heedChores)
	return true
}

// maker is the process whose deed is done here, nil if a goroutine of the kernel runs. It
// takes a goroutine that runs because an executor waits for a lock for that one's thread.
//
//go:nosplit
func (k *Kernel) maker() *object.Maker {
	if c := k.here(); c.turn != turnKernel {
		return c.maker
	}
	return nil
}

// heedChores has t do what its process has left. If it was another's thread who left some
// on this CPU, or t is being killed, the goroutine does it. t is nil when no thread is next.
func (c *percpu) heedChores(t *Thread) {
	whose := c.chores
	c.chores = nil
	c.heed.And(^heedChores)
	if t == nil || !object.Work(&t.process.maker, (*copyWaiter)(t)) || whose != &t.process.maker {
		c.kernel.chores.Wake()
	}
}

// assist is assistHook: a call only says that it owes, and its thread pays by yield, in
// pieces, before it enters ring 3 again. Goroutines of the kernel pay at once.
func (k *Kernel) assist() (later, piece bool) {
	c := k.here()
	if piece = c.paying; piece || c.turn == turnKernel {
		c.paying = false
		return false, piece
	}
	c.heed.Or(heedDebt)
	return true, false
}

// coin is allocated by who pays.
var coin *[2]uintptr

// pay marks a piece of what calls owe, if they do, and says so.
func (c *percpu) pay() bool {
	if c.heed.Load()&heedDebt == 0 {
		return false
	}
	turn := c.turn
	c.turn, c.paying = turnKernel, true
	coin = new([2]uintptr)
	c.turn = turn
	if c.paying { // nothing is owed any more
		c.paying = false
		c.heed.And(^heedDebt)
		return false
	}
	return true
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

//go:build !tamago

package kernel

import (
	"sync/atomic"
	"testing"

	"faultline/object"
)

// TestLeftTo: a thread sees to what is its process's, if nothing of another's is left on its
// CPU; what is nobody's is never its.
func TestLeftTo(t *testing.T) {
	m := &played{words: make([]atomic.Uint32, 1)}
	var mine, other object.Maker
	c := &percpu{heed: m.TickWord(0), maker: &mine}
	k := &Kernel{machine: m, cpus: []*percpu{c}}
	for _, x := range []struct {
		turn     turn
		left, of *object.Maker
		want     bool
	}{
		{turnThread, nil, &mine, true}, {turnHanded, &mine, &mine, true}, {turnKernel, nil, &mine, false},
		{turnThread, nil, nil, false}, {turnThread, nil, &other, false}, {turnThread, &other, &mine, false},
	} {
		c.turn, c.chores = x.turn, x.left
		c.heed.Store(0)
		if got := k.leftTo(x.of); got != x.want || got != (c.heed.Load() == heedChores) || got && c.chores != x.of {
			t.Errorf("turn %d, %p left, of %p: %v, heeds %#x", x.turn, x.left, x.of, got, c.heed.Load())
		}
	}
}

// TestAssist: a call that owes the collector something pays later, a goroutine at once; who
// pays does so by one piece, and is done when nobody asked.
func TestAssist(t *testing.T) {
	m := &played{words: make([]atomic.Uint32, 1)}
	c := &percpu{heed: m.TickWord(0)}
	k := &Kernel{machine: m, cpus: []*percpu{c}}
	ask := func(turn turn, paying, later, piece bool) {
		t.Helper()
		c.turn, c.paying = turn, paying
		if l, p := k.assist(); l != later || p != piece || c.paying {
			t.Errorf("turn %d, paying %v: later %v, a piece %v", turn, paying, l, p)
		}
	}
	ask(turnKernel, false, false, false)
	if c.heed.Load() != 0 || c.pay() {
		t.Error("a goroutine's debt is a call's")
	}
	ask(turnKernel, true, false, true)
	ask(turnHanded, false, true, false)
	ask(turnThread, false, true, false)
	if c.heed.Load() != heedDebt {
		t.Errorf("the CPU heeds %#x", c.heed.Load())
	}
	if c.pay() || c.heed.Load() != 0 || c.turn != turnThread || c.paying { // nobody asks here
		t.Errorf("heeds %#x, turn %d, paying %v, with nothing owed", c.heed.Load(), c.turn, c.paying)
	}
}

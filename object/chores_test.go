package object

import (
	"sync/atomic"
	"testing"

	"faultline/zx"
)

// TestChoresWithoutEnd: who waits for what has come of his deed does not wait for
// somebody who makes chores for ever; the rest is done when he stops.
func TestChoresWithoutEnd(t *testing.T) {
	for WorkAll(nil) { // what others left
	}
	OnChores(func() {})
	defer OnChores(nil)
	var made, done atomic.Int32
	var endless func(*zx.Budget) bool
	endless = func(*zx.Budget) bool {
		if done.Add(1); made.Load() < 10*worksMost {
			made.Add(1)
			later(endless)
		}
		return false
	}
	made.Add(1)
	later(endless)
	if !WorkAll(nil) || done.Load() > 2*worksMost {
		t.Errorf("%d chores done of what never ends", done.Load())
	}
	for WorkAll(nil) {
	}
	if done.Load() != made.Load() {
		t.Errorf("%d chores done of %d", done.Load(), made.Load())
	}
}

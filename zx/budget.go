package zx

// BudgetUnits is how much work an operation does between two looks at the world.
// A unit is a page, a mapping, a handle, an entry of a list: whatever the loop
// counts by, at most about 900 instructions each, so that a look comes at
// least every 500,000.
const BudgetUnits = 512

// Yielder is the thread on whose behalf the kernel works, or a goroutine of the
// kernel's own.
type Yielder interface {
	// Yield lets others run whose turn it is, and says whether to go on.
	//
	// Locks: the caller holds none.
	// Errors: OK go on | ErrInternalIntrKilled the thread is being killed |
	// ErrInternalIntrRetry it is to be suspended.
	Yield() Status
}

// Budget bounds how long one entry into the kernel keeps a CPU: every loop whose
// length ring 3 chooses counts its work on one.
//
//	for more {
//		... one unit of work, under locks ...
//		if b.Spend(1) {
//			... drop the locks, at a place where nothing is half done ...
//			if st := b.Look(); st != OK {
//				return st
//			}
//			... take them again, and find the place again: all may have changed ...
//		}
//	}
//
// An operation that was stopped answers what Look answered; the thread's loop
// ends the thread, or suspends it and issues the call again with the same
// arguments. So a call that cannot be issued twice (one that consumed a handle)
// stops only before its first effect: after that it ignores ErrInternalIntrRetry,
// and is bounded by its own work.
//
// It belongs to one thread. The zero Budget never stops: Look does nothing.
type Budget struct {
	By    Yielder
	spent int
}

// Spend counts n units and says whether it is time to Look.
func (b *Budget) Spend(n int) bool {
	b.spent += n
	return b.spent >= BudgetUnits
}

// Spent is how many units were counted since the last look.
func (b *Budget) Spent() int { return b.spent }

// Look yields, and begins to count anew.
//
// Locks: none held. Errors: as Yielder.Yield.
func (b *Budget) Look() Status {
	b.spent = 0
	if b.By == nil {
		return OK
	}
	return b.By.Yield()
}

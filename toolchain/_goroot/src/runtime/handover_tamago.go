package runtime

// handovers counts calls of handover; racy with several Ms, which does no harm.
var handovers uint32

// handoverTurns is how often the scheduler looks at everything: every so many
// switches.
const handoverTurns = 32

// handover takes the first goroutine of pp's queue if nothing else has a claim
// to be looked at first: no stop of the world, no safe point, no garbage
// collection that marks, no trace. Pre: the queue is not empty.
func handover(mp *m, pp *p) *g {
	if handovers++; handovers%handoverTurns == 0 || mp.spinning || sched.gcwaiting.Load() || pp.runSafePointFn != 0 ||
		gcBlackenEnabled != 0 || traceEnabled() || sched.disable.user || pp.runnext != 0 {
		return nil
	}
	if first := pp.runq[pp.runqhead%uint32(len(pp.runq))].ptr(); first == nil || first.lockedm != 0 {
		return nil
	}
	gp, _ := runqget(pp)
	return gp
}

// Package trace records what the kernel does: faults, requests, packets,
// supplies, switches, page states. It is a leaf that every room may call.
//
// # A record's way
//
//	room       if trace.On() { trace.Emit(...) }   off: one load, one branch
//	ring       one for each CPU; a full one drops the oldest
//	Reader     takes records out, in each ring's order, and counts those it missed
//	Chrome     writes them as trace events, for Perfetto and chrome://tracing
//	Latencies  makes histograms of them
//
// Emit allocates nothing, takes no lock and calls nothing that may block, so it
// may be called under any lock, from a trap on.
//
// # Slots
//
// A slot of a ring is eight words, one cache line. Its first word says which
// record it holds:
//
//	          Emit begins            Emit ends
//	(older n) -----------> (0: torn) ---------> (n+1 of the ring's count)
//
// A reader copies the rest between two looks at it, and takes the copy only if
// both saw the number it wanted. Two writers of one slot would have to be a
// whole ring apart.
package trace

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
// record it holds; next is the ring's count of records that were begun:
//
//	next n -> n+1     Emit takes the slot of record n+1
//	...               writes its words
//	number = n+1      the slot holds it
//
// A reader copies the slot once number says so, and takes the copy only if next
// has not come round since. A ring has one writer, its CPU, and x86 keeps the
// order of its stores.
package trace

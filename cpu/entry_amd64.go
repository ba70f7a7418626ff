package cpu

// Entries from ring 3. None of them is called: the CPU jumps to them.

// trapFast and trapSlow are where every fixed-size entry of vectors_amd64.s
// that is not fatal by nature goes, from either ring.
func trapFast()
func trapSlow()

// syscallEntryFast and syscallEntrySlow are where IA32_LSTAR points.
func syscallEntryFast()
func syscallEntrySlow()

// toGoSlow is the shared end of the two slow entries.
func toGoSlow()

// syscallFast and syscallSlow are the addresses of the two.
func syscallFast() uint64
func syscallSlow() uint64

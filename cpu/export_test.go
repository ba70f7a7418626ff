package cpu

// SetRawCS breaks r, so that IRETQ faults in ring 0 with everything of the
// user's already loaded.
func (r *Regs) SetRawCS(cs Selector) { r.cs = uint64(cs) }

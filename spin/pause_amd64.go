package spin

// pause tells the CPU that this is a loop that waits; some 40 cycles.
// Source: Intel SDM 2B, PAUSE.
func pause()

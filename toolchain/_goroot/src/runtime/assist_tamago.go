package runtime

import _ "unsafe" // for go:linkname

// Who allocates while the collector marks owes it some marking, and pays at once, or
// with a few bytes more. A kernel that others wait for pays later: the debt stays
// with the goroutine, and whoever allocates next is asked again.

// assistHook says of the goroutine that calls it, which owes, whether it pays later,
// and if not, whether it pays a piece of at most gcOverAssistWork and then goes on
// whatever it still owes. A kernel's variable of that name sets it.
//
//go:linkname assistHook
var assistHook func() (later, piece bool)

// assistHow asks assistHook; without one all is paid.
func assistHow() (later, piece bool) {
	if assistHook == nil {
		return false, false
	}
	return assistHook()
}

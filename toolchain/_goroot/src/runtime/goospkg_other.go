//go:build !tamago

package runtime

// Zero where package runtime/goos does not set the sizes of the heap.
const (
	goosArenaBaseOffset     = 0
	goosHeapAddrBits        = 0
	goosLogHeapArenaBytes   = 0
	goosLogPallocChunkPages = 0
	goosMinPhysPageSize     = 0
	goosStackSystem         = 0
)

func idleBeforePark(int64) bool { return false }

func noteAwait(*note, int64) bool { panic("unreachable") }

func someIdle() bool { panic("unreachable") }

func wakeIdleProc() bool { panic("unreachable") }

func noticeStop(*m) {}

func startIdlePs() {}

func pinPut(*g) { panic("unreachable") }

func pinReady(*m) bool { panic("unreachable") }

func pinSort(*gQueue) { panic("unreachable") }

func pinGet(*m, bool) *g { panic("unreachable") }

func atOnce(*m, *p) *g { panic("unreachable") }

func assistHow() (later, piece bool) { return false, false }

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

func canStartThreads() bool { return true }

func noteAwait(*note, int64) bool { panic("unreachable") }

package runtime

import "runtime/goos"

// The heap's dimensions are the board's to choose, at compile time.
const (
	goosArenaBaseOffset     = goos.ArenaBaseOffset
	goosHeapAddrBits        = goos.HeapAddrBits
	goosLogHeapArenaBytes   = goos.LogHeapArenaBytes
	goosLogPallocChunkPages = goos.LogPallocChunkPages
	goosMinPhysPageSize     = goos.MinPhysPageSize
	goosStackSystem         = goos.StackSystem
)

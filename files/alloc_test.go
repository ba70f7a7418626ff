//go:build !race

package files

import (
	"testing"

	"faultline/zx"
)

// TestServingAllocatesNothing serves page after page without an allocation on
// the Go heap, but for what the disk allocates.
func TestServingAllocatesNothing(t *testing.T) {
	r := mount(t, scatterDisk{&memoryDisk{data: plainImage()}}, 1000)
	f := r.open("sub/Five.bin")
	r.Settle() // the serving goroutine sleeps: this one may act for it
	at := uint64(0)
	n := testing.AllocsPerRun(100, func() {
		f.serveRead(at, zx.PageSize)
		f.serveDirty(at, zx.PageSize)
		at += zx.PageSize
	})
	if n != 0 {
		t.Errorf("%v allocations for a READ and a DIRTY", n)
	}
}

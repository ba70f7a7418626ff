//go:build tamago

package qemu

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

func TestArguments(t *testing.T) {
	if len(os.Args) == 0 || !strings.HasSuffix(os.Args[0], ".test") && os.Args[0] != "faultline" {
		t.Errorf("arguments %q", os.Args)
	}
	if _, ok := FWConfig("opt/faultline/absent"); ok {
		t.Error("a file that is not there was found")
	}
	// A long file comes by DMA, a short one by the port; both ways must agree.
	for _, f := range firmware.files {
		if f.size == 0 || f.size > 1<<20 {
			continue
		}
		a, b := make([]byte, f.size), make([]byte, f.size)
		fwRead(f.key, a)
		if !firmware.dma {
			t.Skip("no DMA")
		}
		if err := fwReadDMA(f.key, b); err != nil || !bytes.Equal(a, b) {
			t.Errorf("%s: %v, or port and DMA differ", f.name, err)
		}
	}
}

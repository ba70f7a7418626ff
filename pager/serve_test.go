package pager

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"faultline/mmu"
	"faultline/vmo"
	"faultline/zx"
)

// ExampleServer backs a VMO with a Go function, reads it, stores to it, and
// writes back what was stored.
func ExampleServer() {
	store := vmo.NewStore(mmu.NewSimulated(256))
	server := NewServer(NewSystem(Config{}), store)
	go server.Serve(vmo.NewWaiter())
	defer server.Close()
	greeting, err := server.CreateVMO(2*zx.PageSize, zx.VMOTrapDirty, Handler{
		Read: func(page []byte, off uint64) error {
			clear(page)
			copy(page, fmt.Sprintf("the page at %#x", off))
			return nil
		},
	})
	if err != nil {
		panic(err)
	}
	defer greeting.Release()
	content := greeting.Bytes(vmo.NewWaiter())
	var p [18]byte
	content.ReadAt(p[:], zx.PageSize)
	fmt.Printf("%s\n", p)
	content.WriteAt([]byte("THE"), 0)
	result, err := server.Pager().WriteBack(vmo.NewWaiter(), greeting, make([]byte, zx.PageSize),
		func(p []byte, off uint64) error {
			fmt.Printf("%s is written to %#x\n", p[:15], off)
			return nil
		}, func() error { return nil })
	fmt.Println(result.Pages, "page,", err)
	// Output:
	// the page at 0x1000
	// THE page at 0x0 is written to 0x0
	// 1 page, <nil>
}

// served makes a server and a VMO of four pages of it.
func servedVMO(t *testing.T, options uint32, h Handler) (*Server, *vmo.VMO) {
	t.Helper()
	store := vmo.NewStore(mmu.NewSimulated(256))
	server := NewServer(NewSystem(Config{}), store)
	ended := make(chan struct{})
	go func() { server.Serve(vmo.NewWaiter()); close(ended) }()
	v, err := server.CreateVMO(4*zx.PageSize-1, options, h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close(); server.Close(); <-ended })
	return server, v
}

// TestServer reads and writes through handlers that refuse some pages.
func TestServer(t *testing.T) {
	gone := make(chan struct{})
	reads := 0
	_, v := servedVMO(t, zx.VMOTrapDirty, Handler{
		Read: func(page []byte, off uint64) error {
			reads++
			switch off {
			case zx.PageSize:
				return fmt.Errorf("the far end: %w", zx.ErrIODataIntegrity)
			case 2 * zx.PageSize:
				return errors.New("no status")
			}
			for i := range page {
				page[i] = byte(off >> zx.PageShift)
			}
			return nil
		},
		Dirty: func(off, length uint64) error {
			if off == 0 {
				return zx.ErrNoMemory
			}
			return nil
		},
		Complete: func() { close(gone) },
	})
	b := v.Bytes(vmo.NewWaiter())
	page := make([]byte, zx.PageSize)
	for _, c := range []struct {
		off  int64
		n    int
		err  error
		last byte
	}{
		{0, zx.PageSize, nil, 0}, {zx.PageSize, 0, zx.ErrIODataIntegrity, 0}, {2 * zx.PageSize, 0, zx.ErrIO, 0}, {3 * zx.PageSize, zx.PageSize, nil, 3},
		{3*zx.PageSize + 1, zx.PageSize - 1, io.EOF, 3}, {4 * zx.PageSize, 0, io.EOF, 3}, {-1, 0, zx.ErrOutOfRange, 3}, {1 << 62, 0, io.EOF, 3},
	} {
		n, err := b.ReadAt(page, c.off)
		if n != c.n || !errors.Is(err, c.err) || err == nil && page[n-1] != c.last {
			t.Errorf("read at %#x: %d, %v; want %d, %v", c.off, n, err, c.n, c.err)
		}
	}
	if _, err := b.WriteAt([]byte{9}, 0); !errors.Is(err, zx.ErrNoSpace) {
		t.Errorf("a refused store: %v", err)
	}
	if n, err := b.WriteAt(bytes.Repeat([]byte{9}, 5), 4*zx.PageSize-2); n != 2 || err != io.ErrShortWrite {
		t.Errorf("a store across the end: %d, %v", n, err)
	}
	v.Release()
	<-gone
}

// TestWriteBack fails at each step: nothing is lost, and the next one writes it.
func TestWriteBack(t *testing.T) {
	server, v := servedVMO(t, zx.VMOTrapDirty, Handler{Read: func(page []byte, off uint64) error { clear(page); return nil }})
	defer v.Release()
	w := vmo.NewWaiter()
	if _, err := v.Bytes(w).WriteAt([]byte("x"), 2*zx.PageSize); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	fail := map[string]bool{"write": true, "flush": true}
	step := func(name string) error {
		if fail[name] {
			delete(fail, name)
			return broken
		}
		return nil
	}
	writeBack := func() (WriteBackResult, error) {
		return server.Pager().WriteBack(w, v, make([]byte, 2*zx.PageSize), func(p []byte, off uint64) error {
			if len(p) != zx.PageSize || off != 2*zx.PageSize || p[0] != 'x' {
				t.Errorf("written: %d bytes at %#x", len(p), off)
			}
			return step("write")
		}, func() error { return step("flush") })
	}
	for range 2 {
		if _, err := writeBack(); !errors.Is(err, broken) {
			t.Errorf("the broken write-back: %v", err)
		}
		if ranges, st := server.Pager().DirtyRanges(v); len(ranges) != 1 || st != zx.OK {
			t.Errorf("dirty after it: %v, %v", ranges, st)
		}
	}
	if r, err := writeBack(); err != nil || r != (WriteBackResult{1, 1}) {
		t.Errorf("the whole one: %+v, %v", r, err)
	}
	if r, err := writeBack(); err != nil || r != (WriteBackResult{}) {
		t.Errorf("nothing is dirty: %+v, %v", r, err)
	}
	other, _ := servedVMO(t, 0, Handler{Read: func([]byte, uint64) error { return nil }})
	if _, err := other.Pager().WriteBack(w, v, make([]byte, zx.PageSize), nil, nil); !errors.Is(err, zx.ErrInvalidArgs) {
		t.Errorf("another pager's VMO: %v", err)
	}
	if _, err := other.CreateVMO(1, 0, Handler{}); !errors.Is(err, zx.ErrInvalidArgs) {
		t.Errorf("a handler that cannot read: %v", err)
	}
	if _, err := other.CreateVMO(1, zx.VMODiscardable, Handler{Read: func([]byte, uint64) error { return nil }}); !errors.Is(err, zx.ErrInvalidArgs) {
		t.Errorf("bad options: %v", err)
	}
}

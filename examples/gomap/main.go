//go:build tamago

// Command gomap is a unikernel whose memory comes from a Go map: each page of a
// VMO is a value, made when it is first touched, and stored back when it has
// changed.
package main

import (
	"fmt"
	"strings"

	_ "faultline/board/qemu"
	"faultline/pager"
	"faultline/unikernel"
	"faultline/zx"
)

// values are what the pages hold, by page number.
var values = map[uint64]string{0: "zero", 1: "one", 7: "seven"}

func main() { unikernel.Run(run) }

func run(s *unikernel.System) error {
	server := pager.NewServer(s.Pagers, s.Store)
	defer server.Close()
	go server.Serve(s.NewWaiter("map pager"))
	v, err := server.CreateVMO(8*zx.PageSize, zx.VMOTrapDirty, pager.Handler{
		Read: func(page []byte, off uint64) error {
			n := off / zx.PageSize
			fmt.Printf("page %d is asked for\n", n)
			clear(page)
			copy(page, values[n])
			return nil
		},
		Dirty: func(off, length uint64) error {
			fmt.Printf("page %d is about to change\n", off/zx.PageSize)
			return nil
		},
	})
	if err != nil {
		return err
	}
	defer v.Release()
	memory := v.Bytes(s.NewWaiter("main"))
	var word [8]byte
	for _, n := range []int64{1, 7, 1} {
		if _, err := memory.ReadAt(word[:], n*zx.PageSize); err != nil {
			return err
		}
		fmt.Printf("page %d holds %q\n", n, strings.TrimRight(string(word[:]), "\x00"))
	}
	if _, err := memory.WriteAt([]byte("ONE"), zx.PageSize); err != nil {
		return err
	}
	result, err := server.Pager().WriteBack(s.NewWaiter("write-back"), v, make([]byte, zx.PageSize),
		func(p []byte, off uint64) error {
			values[off/zx.PageSize] = strings.TrimRight(string(p), "\x00")
			return nil
		}, func() error { return nil })
	if err != nil {
		return err
	}
	fmt.Printf("%d page written back; the map holds %q\n", result.Pages, values[1])
	return nil
}

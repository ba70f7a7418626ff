//go:build tamago

// Command snapshot keeps a picture of memory while it goes on changing: a clone
// shares the pages until one side writes.
package main

import (
	"fmt"

	_ "faultline/board/qemu"
	"faultline/unikernel"
	"faultline/zx"
)

const pages = 64

func main() { unikernel.Run(run) }

func run(s *unikernel.System) error {
	parent, st := s.Store.New(pages*zx.PageSize, 0)
	if st != zx.OK {
		return st
	}
	defer parent.Release()
	w := s.NewWaiter("main")
	live := parent.Bytes(w)
	for n := range int64(pages) {
		if _, err := live.WriteAt(fmt.Appendf(nil, "version 1 of page %d", n), n*zx.PageSize); err != nil {
			return err
		}
	}
	free := s.Memory.Stats().Free
	frozen, st := parent.CreateChild(zx.VMOChildSnapshot|zx.VMOChildNoWrite, 0, pages*zx.PageSize)
	if st != zx.OK {
		return st
	}
	defer frozen.Release()
	for n := range int64(8) {
		if _, err := live.WriteAt([]byte("version 2"), n*zx.PageSize); err != nil {
			return err
		}
	}
	picture := frozen.Bytes(w)
	changed := 0
	for n := range int64(pages) {
		var now, then [9]byte
		if _, err := live.ReadAt(now[:], n*zx.PageSize); err != nil {
			return err
		}
		if _, err := picture.ReadAt(then[:], n*zx.PageSize); err != nil {
			return err
		}
		if string(then[:]) != "version 1" {
			return fmt.Errorf("page %d of the snapshot holds %q", n, then)
		}
		if now != then {
			changed++
		}
	}
	copied := int(free) - int(s.Memory.Stats().Free)
	fmt.Printf("%d of %d pages changed since the snapshot; it holds all of version 1\n", changed, pages)
	fmt.Printf("fewer than %d frames were spent on it: %v\n", pages/2, copied < pages/2)
	return nil
}

//go:build tamago

package unikernel_test

import (
	"fmt"
	"os"
	"testing"

	_ "faultline/board/qemu"
	"faultline/unikernel"
	"faultline/zx"
)

var system *unikernel.System

func TestMain(m *testing.M) {
	unikernel.SetAside("ring", 3*zx.PageSize-5)
	unikernel.SetAside("frames", 2<<20)
	var err error
	if system, err = unikernel.Boot(); err != nil {
		fmt.Println("unikernel_test:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// TestSetAside fills all memory there is while a pattern lies in what was set aside.
func TestSetAside(t *testing.T) {
	ring, frames := system.Aside["ring"], system.Aside["frames"]
	if len(ring.Memory) != 3*zx.PageSize || len(frames.Memory) != 2<<20 || uint64(frames.End-frames.Start) != 2<<20 {
		t.Fatalf("ring %v of %d bytes, frames %v of %d", ring.Range, len(ring.Memory), frames.Range, len(frames.Memory))
	}
	for _, a := range system.Aside {
		for _, u := range system.Machine.UsableRAM() {
			if a.Start < u.End && u.Start < a.End {
				t.Fatalf("%v is in the RAM %v of programs", a.Range, u)
			}
		}
		for i := range a.Memory {
			a.Memory[i] = byte(i ^ i>>8 ^ 0x5a)
		}
	}
	v, st := system.Store.New(64<<30, 0)
	if st != zx.OK {
		t.Fatal(st)
	}
	content, one := v.Bytes(system.NewWaiter("fill")), make([]byte, zx.PageSize)
	n := 0
	for ; ; n++ {
		if _, err := content.WriteAt(one, int64(n)*zx.PageSize); err != nil {
			break
		}
	}
	v.Release()
	if n < 10000 {
		t.Errorf("only %d pages could be filled", n)
	}
	for name, a := range system.Aside {
		for i, b := range a.Memory {
			if b != byte(i^i>>8^0x5a) {
				t.Fatalf("%s: byte %d changed", name, i)
			}
		}
	}
}

// ExampleRun is a whole program: its main boots machine and kernel.
func ExampleRun() {
	unikernel.SetAside("ring", 64<<10)
	unikernel.Run(func(s *unikernel.System) error {
		fmt.Println("running; the device reads at", s.Aside["ring"].Start)
		return nil
	})
}

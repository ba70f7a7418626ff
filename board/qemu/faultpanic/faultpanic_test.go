//go:build tamago

package faultpanic

import (
	"runtime/debug"
	"strings"
	"testing"
	"unsafe"
)

// caught runs f and returns what it panicked with, as text.
func caught(f func()) (text string) {
	defer func() {
		if err, ok := recover().(error); ok {
			text = err.Error()
		}
	}()
	f()
	return "no panic"
}

func TestFaultsAreRecovered(t *testing.T) {
	if faultPanicPC == 0 {
		t.Skip("the toolchain has no faultPanic")
	}
	var null *[64]int
	var call func()
	notCanonical := uintptr(1 << 63)
	sink := 0
	for range 3 { // nothing is left behind by the first
		for _, c := range []struct {
			name string
			f    func()
			want string
		}{
			{"read", func() { sink = null[1] }, "nil pointer dereference"},
			{"write", func() { null[1] = sink }, "nil pointer dereference"},
			{"call", func() { call() }, "nil pointer dereference"},
			{"deep", func() { deep(50, null) }, "nil pointer dereference"},
			{"not canonical", func() {
				defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
				sink = int(*(*byte)(unsafe.Add(nil, notCanonical)))
			}, "invalid memory address"},
		} {
			if got := caught(c.f); !strings.Contains(got, c.want) {
				t.Errorf("%s: %s, want %s", c.name, got, c.want)
			}
		}
	}
}

//go:noinline
func deep(n int, p *[64]int) int {
	var frame [100]int
	if n == 0 {
		return p[0]
	}
	frame[n] = deep(n-1, p)
	return frame[n] + frame[n/2]
}

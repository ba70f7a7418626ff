package main

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"faultline/board/x86"
	"faultline/cpu"
)

// cpus starts all CPUs and prints how many there are; on each, how many of its registers
// differ from the boot CPU's; and that goroutines stay where they are pinned.
func cpus() {
	m, err := x86.Open()
	if err != nil {
		panic(err)
	}
	n := m.StartCPUs(0)
	registers := func() (r [8]uint64) {
		r = [...]uint64{cpu.ReadCR0(), cpu.ReadCR4(), cpu.ReadMSR(cpu.IA32_EFER), cpu.ReadMSR(cpu.IA32_LSTAR), cpu.ReadMSR(cpu.IA32_FMASK),
			cpu.ReadMSR(0x277), cpu.ReadMSR(0x2ff), uint64(cpu.ReadMXCSR() &^ 0x3f)}
		return r
	}
	boot := registers()
	var wg sync.WaitGroup
	var strays, different atomic.Int64
	var meet sync.Mutex
	var keep atomic.Pointer[[64 << 10]byte]
	turns := 0
	// A list can be marked by one CPU only: who allocates meanwhile finds nothing to help
	// with, and sleeps until the end of the mark.
	type node struct{ next *node }
	var list *node
	for range 200_000 {
		list = &node{list}
	}
	for id := range n {
		for range 3 {
			wg.Go(func() {
				m.Pin(id)
				if registers() != boot {
					different.Add(1)
				}
				for range 200 {
					keep.Store(new([64 << 10]byte))
					if cpu.ID() != id {
						strays.Add(1)
					}
					meet.Lock()
					turns++
					runtime.Gosched()
					meet.Unlock()
					runtime.Gosched()
				}
			})
		}
	}
	for range 10 {
		runtime.GC()
	}
	wg.Wait()
	runtime.KeepAlive(list)
	fmt.Println(n, runtime.GOMAXPROCS(0), different.Load(), strays.Load(), turns)
}

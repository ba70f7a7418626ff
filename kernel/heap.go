package kernel

import (
	"runtime"
	"runtime/metrics"

	"faultline/account"
	"faultline/mmu"
)

// What the account charges for tasks, with what comes and goes with them, so that
// no thread in trouble finds the account spent: a thread's registers, its
// exception on the way to a handler, what it has used lately; a process's report of what killed it; the
// kernel's ends of exception channels. The stack of an executor that waits with a
// thread in the midst of a call is charged while it does.
var (
	threadBytes   = account.Bytes(2048) + account.Bytes(3072) + account.Bytes(1536) + account.Bytes(1024)
	executorBytes = account.Bytes(8192)
	processBytes  = account.Bytes(4096)
	jobBytes      = account.Bytes(1024)
)

// imageBytes is what the kernel's image and its own data may take of the window.
const imageBytes = 16 << 20

// accountBytes is how much of the window ring 3 may make the kernel keep. The
// rest is for the kernel's own, for garbage not collected yet, and for spans that
// are mostly empty.
func accountBytes(window mmu.Range) int64 { return heapBytes(window) / 16 * 7 }

func heapBytes(window mmu.Range) int64 { return int64(window.End-window.Start) - imageBytes }

// heapFull makes the function that says that the heap has no room in truth:
// what the last collection found alive, and what lies idle in spans that are in
// use, take three quarters. A program that makes many small things and keeps one
// in each span comes to that.
func (k *Kernel) heapFull(window mmu.Range) func() bool {
	most := uint64(heapBytes(window)) / 4 * 3
	return func() bool {
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		metrics.Read(live)
		return live[0].Value.Uint64()+s.HeapInuse-s.HeapAlloc > most
	}
}

// Account is what ring 3 makes the kernel keep, and how much it may.
func (k *Kernel) Account() account.Info { return k.account.Info() }

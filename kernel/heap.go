package kernel

import (
	"runtime/metrics"

	"faultline/account"
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
func (k *Kernel) accountBytes() int64 { return int64(k.heapBytes) / 16 * 7 }

// heapFull says that the heap has no room in truth: what the last collection found
// alive, and what lies idle in spans that are in use, take three quarters. A program
// that makes many small things and keeps one in each span comes to that. The first
// time takes 100,000 instructions.
func (k *Kernel) heapFull() bool {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/unused:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()+s[1].Value.Uint64() > k.heapBytes/4*3
}

// Account is what ring 3 makes the kernel keep, and how much it may.
func (k *Kernel) Account() account.Info { return k.account.Info() }

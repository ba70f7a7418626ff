//go:build tamago

package goos

// CPUInit is the first code to run: it maps the heap, sets the stack and
// jumps to _rt0_tamago_start. A program without memory for the heap ends.
func CPUInit()

// call makes a system call, on whatever stack.
//
//go:noescape
func call(number, a, b, c, d, e, f uintptr) int64

// enterThreadPC is the address of enterThread, where a processor's thread begins: it
// sets FS base, and so g, and calls the function of its entry in procs.
func enterThreadPC() uintptr

func enterThread()

// setTLS is runtime·settls of the first thread: it sets FS base to DI.
func setTLS()

// fsWord is the word that FS points at.
func fsWord() uintptr

// swap stores v in *p and gives what was there; add adds d and gives the sum.
// Both are atomic.
//
//go:noescape
func swap(p *uint32, v uint32) uint32

//go:noescape
func add(p *uint32, d uint32) uint32

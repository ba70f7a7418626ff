//go:build tamago

package zx

// syscall8 makes a system call.
//
//go:noescape
func syscall8(number, a0, a1, a2, a3, a4, a5, a6, a7 uintptr) uintptr

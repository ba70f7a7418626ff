// Package syscall is what ring 3 may ask for: the system calls of Zircon that
// this kernel has, decoded, checked and performed.
//
// Dispatch takes a number and eight register values and gives what RAX
// receives. It is one client of the Go interfaces of the rooms below, object,
// vmo, pager and vmar, and adds what a program needs on top: handles and their
// rights, the order of the checks, and copying to and from user memory. It sees
// no registers, no assembly, no processor; the process and the thread behind a
// call are the small interfaces Process and Thread, which kernel implements.
//
// The calls themselves are listed once, in cmd/gen/table.go. `go generate` makes of
// it Dispatch (calls.go), the C prototypes and stubs, and
// docs/abi.md; a test fails when one of them is not what the table says.
//
// # Rules
//
// Each call first decodes and checks, changing nothing, in the order the table
// documents; then it performs. A user pointer is an allegation (types userIn
// and userOut): it is looked at only by copying through the address space, when
// the call needs it. What a call takes from ring 3 is copied once. Nothing ring
// 3 passes can make a call panic.
//
// Handle-side objects that have no other home live here: VMO and VMAR.
//
// # Locks
//
// The package has none of its own. A call holds a reference to each object it
// looked up, never a lock, while it blocks or copies.
//
// Source: docs/pager.md 3.
package syscall

//go:generate go run ../cmd/gen ..

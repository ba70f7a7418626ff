// Package console is the command interpreter: what a person, or CMDS, tells the
// kernel to do.
//
// It owns the commands, their help and their errors, the demo, and the ring-3
// processes it starts for them. It touches no hardware and no page table: what
// it needs of the kernel is the interface Kernel, which package kernel
// implements and cmd/faultline wires in. Files come from package files.
//
// A command is one struct in a table (commands.go). A script is commands with
// ';' or newlines between them; all are run, and the script has succeeded when
// all have. At a terminal the same commands are typed at a prompt with line
// editing and history (golang.org/x/term).
//
// Memory of files is touched by ring 3. `sum` and `run` start a process and
// wait for its end. `poke`, `touch` and `pt` talk to a toucher: one long-lived
// process per file that keeps it mapped (toucher.go; the protocol is described
// in user/programs/toucher.c). `cat` reads through the VMO in the kernel, which
// asks the same pager.
//
// One goroutine runs a Console; nothing in it is safe for a second one, except
// what Kernel calls back (OnExit, Output), which may come from any goroutine.
package console

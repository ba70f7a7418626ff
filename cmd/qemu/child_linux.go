package main

import "syscall"

// childAttributes ends QEMU with the runner, however the runner ends, and keeps
// the terminal's signals to the runner.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

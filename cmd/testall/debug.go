package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// debugBoot is a person at make debug: breakpoints in the kernel and in a program,
// Ctrl-C, and what threads of ring 3 wait in that do not run.
func debugBoot() (output string, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") // a port that is free
	if err != nil {
		return "", err
	}
	port := fmt.Sprint(listener.Addr().(*net.TCPAddr).Port)
	listener.Close()
	cmd := exec.Command("make", "-s", "debug", "GDB="+port)
	cmd.Env = append(os.Environ(), "MACHINE=", "CPU=", "MEM=", "SMP=", "ACCEL=", "CMDS=", "PROGRAM=", "ARGS=", "TIMEOUT=")
	s, err := startCommand(cmd)
	if err != nil {
		return "", err
	}
	if err = s.debug(); err != nil { // end the guest, which is in no group of ours
		syscall.Kill(-cmd.Process.Pid, syscall.SIGINT)
		errors.Join(s.say("kill"), s.say("quit"))
		time.Sleep(5 * time.Second)
	}
	output, ended := s.end(err)
	if status := new(exec.ExitError); err == nil && errors.As(ended, &status) {
		ended = nil // make has heard Ctrl-C too, and says so at the end
	}
	return output, errors.Join(ended, noGuest(port))
}

// noGuest says whether nobody listens at the port any more.
func noGuest(port string) error {
	for range 50 {
		c, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err != nil {
			return nil
		}
		c.Close()
		time.Sleep(100 * time.Millisecond)
	}
	return errors.New("the guest outlives make debug")
}

// debug types commands of GDB and reads its answers.
func (s *session) debug() error {
	for _, step := range []struct {
		lines []string
		want  []string
	}{
		{[]string{"threads"}, []string{`the kernel has not booted yet`}},
		{[]string{"hbreak 'faultline/console.(*Console).storyFail'", "continue", "regs"}, []string{`RIP .*ring 0`}},
		{[]string{"threads"}, []string{`toucher .* initial-thread`}},
		{[]string{"vmo"}, []string{`paged, traps dirty`}},
		{[]string{"vmo $vmo", "pt 0x1001000", "help pt"}, []string{`PTE .* P`, `page-table chain`}},
		// QEMU has stopped at one breakpoint twice: it goes before the next is waited for.
		{[]string{"user hello", "delete", "hbreak main", "console run hello", "continue", "backtrace"},
			[]string{`add symbol table from file "user/bin/hello`, `Breakpoint \d+, .*main`, `#0 .*main`}},
		{[]string{"delete", "console start stall taken", "user stall"}, []string{`user/bin/stall`}},
	} {
		for _, line := range step.lines {
			if err := s.say(line); err != nil {
				return err
			}
		}
		for _, want := range step.want {
			if _, err := s.until(want); err != nil {
				return err
			}
		}
	}
	// The guest runs; Ctrl-C, which all of the terminal's group hears, stops it and
	// nobody else. On a slow host the program may not have come far yet.
	for round := range 10 {
		if err := s.say("continue"); err != nil {
			return err
		}
		if _, err := s.until(`Continuing`); err != nil {
			return err
		}
		time.Sleep(time.Duration(2+round) * time.Second)
		if err := syscall.Kill(-s.cmd.Process.Pid, syscall.SIGINT); err != nil {
			return err
		}
		if _, err := s.until(`received signal SIGINT`); err != nil {
			return err
		}
		if err := errors.Join(s.say("ubt"), s.say("echo ubt is over\\n")); err != nil {
			return err
		}
		m, err := s.until(`thread \d+ stall/toucher, BLOCKED_PAGER|ubt is over`)
		if err != nil {
			return err
		}
		if m[0] == "ubt is over" {
			continue
		}
		for _, want := range []string{`#0 .* toucher`, `ubt is over`} {
			if _, err := s.until(want); err != nil {
				return err
			}
		}
		// The other thread is in the stub of a call: its caller has a frame, it has none.
		if err := s.say("ubt"); err != nil {
			return err
		}
		for _, want := range []string{`thread \d+ stall/initial-thread, BLOCKED_PORT`, `#0 .* zx_port_wait`, `#1 .* main`} {
			if _, err := s.until(want); err != nil {
				return err
			}
		}
		return s.say("quit")
	}
	return errors.New("the program does not stall")
}

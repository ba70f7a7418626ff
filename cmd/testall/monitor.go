package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// monitorBoot types commands at the console and compares what `pt` prints of a
// page with what QEMU's own walk of the same tables says (info tlb): clean,
// stored to, written back.
func monitorBoot(image string) (output string, err error) {
	dir, err := os.MkdirTemp("", "faultline-monitor-") // a socket's path must be short
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	disk, socket := filepath.Join(dir, "disk.img"), filepath.Join(dir, "monitor")
	if err := copyFile(disk, image); err != nil {
		return "", err
	}
	s, err := startSession("DISK="+disk, "QEMUFLAGS=-monitor unix:"+socket+",server=on,wait=off")
	if err != nil {
		return "", err
	}
	return s.end(s.compare(socket))
}

// session is a console that is typed at.
type session struct {
	cmd    *exec.Cmd
	in     io.Writer
	lines  chan string
	output strings.Builder
}

// startSession boots with a console.
func startSession(env ...string) (*session, error) {
	cmd := exec.Command(runner(), kernelImage(), "-console")
	cmd.Env = append(append(os.Environ(), "MACHINE=", "LOADER=", "CPU=", "MEM=", "SMP=", "ACCEL=", "CMDS=", "PROGRAM=", "ARGS=", "TIMEOUT=300", "DISK="), env...)
	return startCommand(cmd)
}

// startCommand starts cmd in a process group of its own, to type at.
func startCommand(cmd *exec.Cmd) (*session, error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &session{cmd: cmd, in: stdin, lines: make(chan string, 1000)}
	go func() {
		defer close(s.lines)
		for r := bufio.NewScanner(stdout); r.Scan(); {
			s.lines <- r.Text()
		}
	}()
	return s, nil
}

// end waits for the machine's end, which it makes if there is an error already, and
// gives all that was printed.
func (s *session) end(err error) (string, error) {
	if err != nil {
		syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
	}
	for line := range s.lines {
		s.output.WriteString(line + "\n")
	}
	return s.output.String(), errors.Join(err, s.cmd.Wait())
}

// say types a line.
func (s *session) say(line string) error {
	_, err := io.WriteString(s.in, line+"\n")
	return err
}

// until reads lines up to one that matches and gives its submatches.
func (s *session) until(expr string) ([]string, error) {
	re := regexp.MustCompile(expr)
	late := time.After(3 * time.Minute)
	for {
		select {
		case line, open := <-s.lines:
			if !open {
				return nil, fmt.Errorf("the console ended before a line matched %q", expr)
			}
			s.output.WriteString(line + "\n")
			if m := re.FindStringSubmatch(line); m != nil {
				return m, nil
			}
		case <-late:
			return nil, fmt.Errorf("no line matched %q within three minutes", expr)
		}
	}
}

func (s *session) compare(socket string) error {
	if _, err := s.until("`help` lists the commands"); err != nil {
		return err
	}
	for _, stage := range []struct {
		command  string
		done     string
		writable bool
	}{
		{"touch PAGE.BIN 5 r", `read 0x`, false},
		{"touch PAGE.BIN 5 w", `wrote back 0x`, true},
		{"sync PAGE.BIN", `1 pages in 1 ranges written`, false},
	} {
		// A touch leaves the toucher's tables in CR3: idle changes nothing.
		if _, err := io.WriteString(s.in, stage.command+"\r"); err != nil {
			return err
		}
		if _, err := s.until(stage.done); err != nil {
			return err
		}
		if _, err := io.WriteString(s.in, "pt PAGE.BIN 5\r"); err != nil {
			return err
		}
		m, err := s.until(`is address 0x([0-9a-f]+) of process`)
		if err != nil {
			return err
		}
		va, _ := strconv.ParseUint(m[1], 16, 64)
		if m, err = s.until(`^ *PTE +\d+ +0x[0-9a-f]+ +0x([0-9a-f]+) `); err != nil {
			return err
		}
		pte, _ := strconv.ParseUint(m[1], 16, 64)
		if (pte&2 != 0) != stage.writable {
			return fmt.Errorf("after %s: pt prints PTE %#x, want writable = %v", stage.command, pte, stage.writable)
		}
		if err := s.infoTLB(socket, va&^0xfff, pte); err != nil {
			return fmt.Errorf("after %s: %w", stage.command, err)
		}
	}
	_, err := io.WriteString(s.in, "poweroff\r")
	return err
}

// infoTLB checks one page of `info tlb` against the entry that pt printed.
func (s *session) infoTLB(socket string, va, pte uint64) error {
	m, err := openMonitor(socket)
	if err != nil {
		return err
	}
	defer m.Close()
	text, err := m.ask("info tlb")
	if err != nil {
		return err
	}
	// A line is "VA: PA XGPDACTUW", a dash for each flag that is clear.
	re := regexp.MustCompile(fmt.Sprintf(`^0*%x: ([0-9a-f]{16}) ([-XGPDACTUW]{9})`, va))
	for line := range strings.Lines(text) {
		if m := re.FindStringSubmatch(line); m != nil {
			pa, _ := strconv.ParseUint(m[1], 16, 64)
			s.output.WriteString("info tlb: " + line)
			for _, bit := range []struct {
				letter string
				mask   uint64
			}{{"X", 1 << 63}, {"G", 1 << 8}, {"D", 1 << 6}, {"A", 1 << 5}, {"U", 1 << 2}, {"W", 1 << 1}} {
				if strings.Contains(m[2], bit.letter) != (pte&bit.mask != 0) {
					return fmt.Errorf("info tlb says %s, pt %#x: %s differs", m[2], pte, bit.letter)
				}
			}
			if want := pte & 0xffffffffff000; pa != want {
				return fmt.Errorf("info tlb says page %#x, pt %#x", pa, want)
			}
			return nil
		}
	}
	return fmt.Errorf("info tlb has no page %#x", va)
}

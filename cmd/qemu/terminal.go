package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"strings"
)

// A terminal is set by stty, which every Unix has.

// isTerminal says whether f is a terminal: stty can read its settings.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	_, err = stty(f, "-g")
	return err == nil
}

func stty(f *os.File, args ...string) (string, error) {
	cmd := exec.Command("stty", args...)
	cmd.Stdin = f
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}

// raw lets every key of the terminal pass as it is, and leaves output alone.
// Call restore before the end.
func raw(f *os.File) (restore func(), err error) {
	saved, err := stty(f, "-g")
	if err != nil {
		return nil, err
	}
	if _, err := stty(f, "-icanon", "-echo", "-isig", "-ixon", "-icrnl", "min", "1", "time", "0"); err != nil {
		return nil, err
	}
	return func() { stty(f, saved) }, nil
}

const (
	escape = 'A' - '@' // Ctrl-A
	quit   = 'x'       // after the escape
)

// keys copies what is typed to w until Ctrl-A x, when it calls stop. Ctrl-A twice
// sends one Ctrl-A; before any other key, it is sent too.
func keys(w io.Writer, r io.Reader, stop func()) {
	var buf [256]byte
	escaped := false
	for {
		n, err := r.Read(buf[:])
		var send bytes.Buffer
		for _, c := range buf[:n] {
			switch {
			case escaped && c == quit:
				w.Write(send.Bytes())
				stop()
				return
			case escaped && c != escape:
				send.Write([]byte{escape, c})
				escaped = false
			case escaped:
				send.WriteByte(escape)
				escaped = false
			case c == escape:
				escaped = true
			default:
				send.WriteByte(c)
			}
		}
		if _, err := w.Write(send.Bytes()); err != nil {
			return
		}
		if err != nil {
			return
		}
	}
}

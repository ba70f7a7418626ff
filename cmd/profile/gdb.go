package main

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// gdb speaks GDB's remote protocol to QEMU's stub, as much of it as breakpoints
// and the monitor need. Source: GDB manual, appendix E.
type gdb struct {
	conn net.Conn
	in   *bufio.Reader
}

// dial connects to the stub at addr, which may not listen yet.
func dial(addr string, limit time.Time) (*gdb, error) {
	for {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.SetDeadline(limit)
			return &gdb{conn, bufio.NewReader(conn)}, nil
		}
		if time.Now().After(limit) {
			return nil, err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// frame wraps a packet's content.
func frame(content string) string {
	var sum byte
	for i := range len(content) {
		sum += content[i]
	}
	return fmt.Sprintf("$%s#%02x", content, sum)
}

// send sends a packet.
func (g *gdb) send(content string) error {
	_, err := io.WriteString(g.conn, frame(content))
	return err
}

// receive gives the content of the next packet and acknowledges it.
func (g *gdb) receive() (string, error) {
	if _, err := g.in.ReadString('$'); err != nil { // over acknowledgements
		return "", err
	}
	content, err := g.in.ReadString('#')
	if err != nil {
		return "", err
	}
	var sum [2]byte
	if _, err := io.ReadFull(g.in, sum[:]); err != nil {
		return "", err
	}
	content = strings.TrimSuffix(content, "#")
	if want := frame(content); !strings.EqualFold(want[len(want)-2:], string(sum[:])) {
		return "", fmt.Errorf("packet %q has checksum %s", content, sum)
	}
	_, err = io.WriteString(g.conn, "+")
	return content, err
}

// command sends a packet and gives the answer.
func (g *gdb) command(content string) (string, error) {
	if err := g.send(content); err != nil {
		return "", err
	}
	return g.receive()
}

// breakAt sets a hardware breakpoint at a linear address of any page table.
func (g *gdb) breakAt(addr uint64) error {
	answer, err := g.command(fmt.Sprintf("Z1,%x,1", addr))
	if err == nil && answer != "OK" {
		err = fmt.Errorf("breakpoint at %#x: %q", addr, answer)
	}
	return err
}

// proceed runs from one breakpoint to the next. The instruction it stands on
// is stepped over first: running on would stop at it again.
func (g *gdb) proceed(step bool) error {
	commands := []string{"s", "c"}
	if !step {
		commands = commands[1:]
	}
	for _, c := range commands {
		answer, err := g.command(c)
		if err != nil {
			return err
		}
		if !strings.HasPrefix(answer, "T05") && !strings.HasPrefix(answer, "S05") {
			return fmt.Errorf("the guest stopped with %q", answer)
		}
	}
	return nil
}

// monitor has QEMU's monitor run a line.
func (g *gdb) monitor(line string) error {
	if err := g.send("qRcmd," + hex.EncodeToString([]byte(line))); err != nil {
		return err
	}
	for {
		answer, err := g.receive()
		switch {
		case err != nil:
			return err
		case answer == "OK":
			return nil
		case !strings.HasPrefix(answer, "O"):
			return fmt.Errorf("monitor %s: %q", line, answer)
		}
		if text, err := hex.DecodeString(answer[1:]); err == nil && len(text) > 0 {
			return fmt.Errorf("monitor %s: %s", line, text)
		}
	}
}

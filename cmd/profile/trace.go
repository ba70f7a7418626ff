package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"
)

// userBias is where the kernel loads a position-independent program.
const userBias = 0x80_0020_0000

// Functions of user/programs/bench.h: where the log is switched, and what lies
// around an operation.
const (
	markOn    = userPrefix + "profile_on"
	markOff   = userPrefix + "profile_off"
	markBegin = userPrefix + "profile_begin"
	markEnd   = userPrefix + "profile_end"
)

// profile measures one rung and prints it.
func profile(o options) error {
	program := o.program
	if program == "" {
		program = "user/bin/bench"
		if strings.Contains(o.rung, "/") {
			program = "user/bin/benchscale"
		}
	}
	var s symbols
	if err := s.load(o.image, 0, ""); err != nil {
		return err
	}
	if err := s.load(program, userBias, userPrefix); err != nil {
		return err
	}
	log, err := os.CreateTemp("", "faultline-profile-")
	if err != nil {
		return err
	}
	log.Close()
	defer os.Remove(log.Name())
	bulk, err := record(o, s, log.Name())
	if err != nil {
		return err
	}
	f, err := os.Open(log.Name())
	if err != nil {
		return err
	}
	defer f.Close()
	if o.order {
		return printOrder(os.Stdout, f, s)
	}
	c := newCounts(o.rung)
	if err := c.read(f, s); err != nil {
		return err
	}
	if c.ops == 0 {
		return fmt.Errorf("%s: the log holds no operation", o.rung)
	}
	if c.ops == 1 && bulk > 0 {
		c.ops = bulk
	}
	if err := c.writeStacks(o); err != nil {
		return err
	}
	if o.markdown {
		return c.printMarkdown(os.Stdout)
	}
	return c.print(os.Stdout, o.top)
}

// record boots the image and logs some operations of the rung. bulk is what the
// rung says it was many of, if it ended meanwhile.
func record(o options, s symbols, log string) (bulk int, err error) {
	port, err := freePort()
	if err != nil {
		return 0, err
	}
	cmd := exec.Command(o.runner, o.image, "-bench", o.rung)
	cmd.Env = append(os.Environ(), "ICOUNT=1", "MACHINE=microvm", "ACCEL=tcg", "SMP=1", "CPU="+o.cpu, "MEM="+o.memory,
		"DISK=", "CMDS=", "PROGRAM=", "TIMEOUT="+o.timeout.String(), "GDB="+strconv.Itoa(port),
		"QEMUFLAGS=-singlestep -D "+log)
	output := new(transcript)
	cmd.Stdout, cmd.Stderr = output, output
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	defer func() {
		cmd.Process.Signal(os.Interrupt)
		cmd.Wait()
		if err != nil {
			err = fmt.Errorf("%s: %w\n%s", o.rung, err, output.text())
		}
	}()
	limit := time.Now().Add(o.timeout)
	g, err := dial(fmt.Sprintf("127.0.0.1:%d", port), limit)
	if err != nil {
		return 0, err
	}
	defer g.conn.Close()
	for _, mark := range []string{markOn, markOff} {
		addr, err := s.find(mark)
		if err != nil {
			return 0, err
		}
		if err := g.breakAt(addr); err != nil {
			return 0, err
		}
	}
	if err := g.proceed(false); err != nil {
		return 0, err
	}
	if err := g.monitor("log exec,nochain"); err != nil {
		return 0, err
	}
	if err := g.proceed(true); err != nil {
		return 0, err
	}
	if err := g.monitor("log none"); err != nil {
		return 0, err
	}
	// A rung that is one operation ends now and says of how many.
	if err := g.send("s"); err != nil {
		return 0, err
	}
	if _, err := g.receive(); err != nil {
		return 0, err
	}
	if err := g.send("c"); err != nil {
		return 0, err
	}
	for patience := time.Now().Add(2 * time.Second); time.Now().Before(patience); time.Sleep(20 * time.Millisecond) {
		if n := output.operations(o.rung); n > 0 {
			return n, nil
		}
	}
	return 0, nil
}

// transcript collects what the guest prints.
type transcript struct {
	mu sync.Mutex
	b  bytes.Buffer // guarded by mu
}

func (t *transcript) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.Write(p)
}

func (t *transcript) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(t.b.String())
}

// operations finds the line "bench RUNG OPERATIONS ...", 0 if it is not there.
func (t *transcript) operations(rung string) (n int) {
	for line := range strings.Lines(t.text()) {
		words := strings.Fields(line)
		if len(words) > 3 && words[0] == "bench" && words[1] == rung {
			n, _ = strconv.Atoi(words[2])
		}
	}
	return n
}

// freePort gives a TCP port nobody listens on.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// instructions calls each for every instruction of a log, in order.
func instructions(r io.Reader, each func(pc uint64)) error {
	scanner := bufio.NewScanner(r)
	for scanner.Scan() {
		pc, ok := parseTrace(scanner.Bytes())
		if ok {
			each(pc)
		}
	}
	return scanner.Err()
}

// parseTrace reads a line as "Trace 0: 0x7f12 [0000000000000000/00000000002a1b40/0040c0b3/ff021201]":
// the second number in brackets is the program counter.
func parseTrace(line []byte) (pc uint64, ok bool) {
	if !bytes.HasPrefix(line, []byte("Trace ")) {
		return 0, false
	}
	_, rest, ok := bytes.Cut(line, []byte("["))
	if !ok {
		return 0, false
	}
	fields := bytes.SplitN(rest, []byte("/"), 3)
	if len(fields) < 3 {
		return 0, false
	}
	pc, err := strconv.ParseUint(string(fields[1]), 16, 64)
	return pc, err == nil
}

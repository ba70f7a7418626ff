package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	pprof "github.com/google/pprof/profile"
)

func TestParseTrace(t *testing.T) {
	pc, ok := parseTrace([]byte("Trace 0: 0x7f52b4000100 [0000000000000000/0000008000201b40/0040c0b3/ff021201] "))
	if !ok || pc != 0x8000201b40 {
		t.Errorf("parseTrace = %#x, %v", pc, ok)
	}
	for _, bad := range []string{"", "Trace 0", "Trace 0: 0x1 [", "Trace 0: 0x1 [0/zz/0]", "Stopped execution [0/1/2]", "Trace 0: 0x1 [0/1"} {
		if _, ok := parseTrace([]byte(bad)); ok {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestRoom(t *testing.T) {
	for name, want := range map[string]string{
		"faultline/vmo.(*VMO).find": "vmo", "faultline/board/x86.Nanotime": "board/x86", "runtime.mcall": "go runtime",
		"user:main": "ring 3", "faultline/cpu.Exec.abi0": "cpu", "sync.(*Mutex).Lock": "go runtime",
	} {
		if got := room(name); got != want {
			t.Errorf("room(%s) = %s, want %s", name, got, want)
		}
	}
}

// table is a made-up image.
var table = symbols{
	{"runtime.park", 0x100}, {"faultline/vmar.(*Lane).TryFault", 0x200}, {"faultline/vmo.(*VMO).RequirePage", 0x300},
	{"faultline/cpu.Exec.abi0", 0x400}, {markBegin, 0x1000}, {markEnd, 0x1010}, {"user:touch", 0x1020},
}

func TestSymbols(t *testing.T) {
	for _, c := range []struct {
		pc    uint64
		name  string
		entry bool
	}{{0x50, "?", false}, {0x100, "runtime.park", true}, {0x1ff, "runtime.park", false}, {0x5000, "user:touch", false}} {
		if name, entry := table.at(c.pc); name != c.name || entry != c.entry {
			t.Errorf("at(%#x) = %s, %v", c.pc, name, entry)
		}
	}
	if a, err := table.find("runtime.park"); a != 0x100 || err != nil {
		t.Error(a, err)
	}
	if _, err := table.find("nothing"); err == nil {
		t.Error("found nothing")
	}
}

func traceOf(pcs ...uint64) string {
	var b strings.Builder
	for _, pc := range pcs {
		fmt.Fprintf(&b, "Trace 0: 0x7f00 [0000000000000000/%016x/00000000/00000000] \n", pc)
	}
	return b.String()
}

// TestCounts counts two operations, with instructions between them that are
// nobody's.
func TestCounts(t *testing.T) {
	op := []uint64{0x1000, 0x1004, 0x1020, 0x200, 0x204, 0x300, 0x304, 0x308, 0x204, 0x400, 0x1021, 0x1010}
	log := traceOf(append(append([]uint64{0x100, 0x104}, op...), append([]uint64{0x100, 0x1020}, op...)...)...)
	c := newCounts("minor_fault")
	if err := c.read(strings.NewReader(log), table); err != nil {
		t.Fatal(err)
	}
	if c.ops != 2 || c.total != 18 {
		t.Fatalf("%d operations, %d instructions", c.ops, c.total)
	}
	f := c.symbol["faultline/vmar.(*Lane).TryFault"]
	if f == nil || f.instructions != 6 || f.calls != 2 {
		t.Errorf("Fault: %+v", f)
	}
	if c.symbol["runtime.park"] != nil || c.symbol[markEnd] != nil {
		t.Error("counted what lies between the operations")
	}
	if c.room["ring 3"] != 4 || c.room["vmo"] != 6 {
		t.Errorf("rooms %v", c.room)
	}
	var folded, page, packed strings.Builder
	if err := errors.Join(c.stacks.writeFolded(&folded), c.stacks.writeFlame(&page, "a<b", c.ops), c.stacks.writePprof(&packed, c.ops)); err != nil {
		t.Fatal(err)
	}
	if got := folded.String(); got != "user:touch 4\nuser:touch;vmar.(*Lane).TryFault 6\n"+
		"user:touch;vmar.(*Lane).TryFault;cpu.Exec.abi0 2\nuser:touch;vmar.(*Lane).TryFault;vmo.(*VMO).RequirePage 6\n" {
		t.Errorf("folded stacks:\n%s", got)
	}
	if s := page.String(); strings.Contains(s, "a<b") || strings.Count(s, "<rect") != 5 || !strings.Contains(s, "vmo.(*VMO).RequirePage: 3.0 instructions") {
		t.Errorf("flame graph:\n%s", s)
	}
	p, err := pprof.ParseData([]byte(packed.String()))
	if err != nil || p.CheckValid() != nil || len(p.Sample) != 4 {
		t.Errorf("pprof: %v, %+v", err, p)
	}
	var stages []string
	for _, s := range c.stage {
		stages = append(stages, fmt.Sprintf("%s %d", s.name, s.instructions))
	}
	if got := strings.Join(stages, ", "); got != "trap 2, fault decision 4, page looked up in the VMO 8, return to ring 3 4" {
		t.Errorf("stages: %s", got)
	}
	for _, print := range []func(io.Writer) error{c.printMarkdown, func(w io.Writer) error { return c.print(w, 3) }} {
		var b strings.Builder
		if err := print(&b); err != nil || !strings.Contains(b.String(), "vmo") {
			t.Errorf("%v\n%s", err, b.String())
		}
	}
	var b strings.Builder
	if err := printOrder(&b, strings.NewReader(log), table); err != nil || strings.Count(b.String(), "\n") != 6 {
		t.Errorf("order: %v\n%s", err, b.String())
	}
}

// TestStages checks that every stage can be reached.
func TestStages(t *testing.T) {
	for _, list := range [][]stage{ringThreePager, kernelFault} {
		current := firstStage
		for _, s := range list {
			if s.after != "" && s.after != current {
				known := s.after == firstStage
				for _, o := range list {
					known = known || o.name == s.after
				}
				if !known {
					t.Errorf("%s comes after %q, which is no stage", s.function, s.after)
				}
			}
			if s.after == "" || s.after == current {
				if got := nextStage(list, current, "faultline/"+s.function+".abi0"); got != s.name {
					t.Errorf("%s in %q begins %q, want %q", s.function, current, got, s.name)
				}
				current = s.name
			}
		}
	}
	if nextStage(ringThreePager, firstStage, "faultline/mmu.(*PageTable).Map") != "" {
		t.Error("Map begins a stage")
	}
}

// TestGDB talks to a stub of its own.
func TestGDB(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	answers := map[string][]string{
		"Z1,8000200000,1":        {"OK"},
		"Z1,1,1":                 {"E22"},
		"s":                      {"T05thread:01;"},
		"c":                      {"T05thread:01;"},
		"qRcmd,6c6f67206e6f6e65": {"OK"},
		"qRcmd,626164":           {"O" + "6f6f7073", "OK"},
	}
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		in := bufio.NewReader(conn)
		for {
			if _, err := in.ReadString('$'); err != nil {
				return
			}
			content, err := in.ReadString('#')
			if err != nil {
				return
			}
			io.ReadFull(in, make([]byte, 2))
			io.WriteString(conn, "+")
			for _, a := range answers[strings.TrimSuffix(content, "#")] {
				io.WriteString(conn, frame(a))
			}
		}
	}()
	g, err := dial(l.Addr().String(), time.Now().Add(5*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	defer g.conn.Close()
	if err := g.breakAt(0x8000200000); err != nil {
		t.Error(err)
	}
	if g.breakAt(1) == nil {
		t.Error("a refused breakpoint")
	}
	if err := g.proceed(true); err != nil {
		t.Error(err)
	}
	if err := g.monitor("log none"); err != nil {
		t.Error(err)
	}
	if err := g.monitor("bad"); err == nil || !strings.Contains(err.Error(), "oops") {
		t.Error(err)
	}
}

func TestTranscript(t *testing.T) {
	var b transcript
	fmt.Fprintf(&b, "bench a 16 1\nbench rung 4096 58.8\n")
	if n := b.operations("rung"); n != 4096 {
		t.Error(n)
	}
	if n := b.operations("other"); n != 0 {
		t.Error(n)
	}
}

func TestFrame(t *testing.T) {
	if got := frame("OK"); got != "$OK#9a" {
		t.Error(got)
	}
}

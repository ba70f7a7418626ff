package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"faultline/mmu"
	"faultline/object"
	"faultline/pager"
	"faultline/syscall"
	"faultline/trace"
	"faultline/vmar"
	"faultline/vmo"
	"faultline/zx"
)

// koidWaiter is a waiter with a name, as threads of the kernel are.
type koidWaiter struct {
	vmo.Waiter
	koid zx.Koid
}

func (w koidWaiter) Koid() zx.Koid { return w.koid }

// operatorRig is a rig whose kernel has a process 2000 with a pager and VMOs of
// every kind.
type operatorRig struct {
	*rig
	pager   *pager.Pager
	port    *object.Port
	handles object.HandleTable
	vmos    []*vmo.VMO
}

func newOperatorRig(t *testing.T) *operatorRig {
	t.Helper()
	r := &operatorRig{rig: newRig(t), port: object.NewPort()}
	r.pager = pager.New(r.kernel.system)
	r.hold(r.pager, zx.RightsPort)
	r.hold(r.port, zx.RightsPort)
	r.kernel.threads = []ThreadInfo{
		{Process: 2000, Thread: 2001, ProcessName: "tester", Name: "main", State: zx.ThreadBlockedPager, Faults: 3},
		{Process: 2000, Thread: 2002, ProcessName: "tester", Name: "second", State: zx.ThreadBlockedPager},
	}
	return r
}

// hold gives process 2000 a handle of o.
func (r *operatorRig) hold(o object.Object, rights zx.Rights) {
	r.t.Helper()
	_, st := r.handles.Add(o, rights)
	r.must(st)
	h := zx.Handle(len(r.kernel.handles)*4 + 0x1003)
	r.kernel.handles = append(r.kernel.handles, HandleInfo{Process: 2000, ProcessName: "tester", Handle: h, Rights: rights, Object: o})
}

// create makes a paged VMO.
func (r *operatorRig) create(options uint32, key, pages uint64) *vmo.VMO {
	r.t.Helper()
	v, st := r.pager.CreateVMO(r.kernel.store, options, r.port, key, pages*zx.PageSize)
	r.must(st)
	r.vmos = append(r.vmos, v)
	r.hold(syscall.NewVMO(v, r.pager.Koid()), zx.RightsVMO)
	return v
}

func (r *operatorRig) must(st zx.Status) {
	r.t.Helper()
	if st != zx.OK {
		r.t.Fatal(st)
	}
}

// supply gives pages of content, or of zeros.
func (r *operatorRig) supply(v *vmo.VMO, off, n uint64, content bool) {
	r.t.Helper()
	aux, st := r.kernel.store.New(n*zx.PageSize, 0)
	r.must(st)
	defer aux.Release()
	for i := uint64(0); content && i < n; i++ {
		r.must(aux.WriteBytes([]byte{1}, i*zx.PageSize, &vmo.PageRequest{}))
	}
	r.must(r.pager.SupplyPages(v, off*zx.PageSize, n*zx.PageSize, aux, 0, &vmo.PageRequest{}))
}

// ask leaves a request outstanding, and gives the end of its wait.
func (r *operatorRig) ask(v *vmo.VMO, koid zx.Koid, page uint64, write bool) (done chan zx.Status) {
	r.t.Helper()
	s := pager.ProxyOf(v)
	before := len(s.Requests())
	done = make(chan zx.Status, 1)
	request := &vmo.PageRequest{}
	request.Init(koidWaiter{newWaiter(""), koid})
	go func() {
		if write {
			done <- v.WriteBytes([]byte{1}, page*zx.PageSize, request)
		} else {
			done <- v.ReadBytes(make([]byte, 1), page*zx.PageSize, request)
		}
	}()
	for {
		if list := s.Requests(); len(list) > before && request.Since.Load() != 0 {
			return done
		}
		time.Sleep(time.Millisecond)
	}
}

// script runs a script that must succeed and gives its output, the koids of
// pagers and VMOs, which no test can know, called P1, V1, V2 and so on.
func (r *operatorRig) script(script string) string {
	r.t.Helper()
	out, err := r.run(script)
	if err != nil {
		r.t.Errorf("%s: %v\n%s", script, err, out)
	}
	return r.anonymous(out)
}

func (r *operatorRig) anonymous(out string) string {
	name := func(koid zx.Koid, name string) {
		out = regexp.MustCompile(fmt.Sprintf(` *\b%d\b`, koid)).ReplaceAllStringFunc(out, func(s string) string {
			if len(s) <= len(" 12345") {
				return " " + name // in a sentence
			}
			return fmt.Sprintf("%*s", len(s), name)
		})
	}
	name(r.pager.Koid(), "TEST")
	name(r.port.Koid(), "PORT")
	if p := r.filePager(); p != nil {
		name(p.Koid(), "DISK")
	}
	var koids []zx.Koid
	r.kernel.store.ForEach(func(v *vmo.VMO) bool { koids = append(koids, v.Koid()); return true })
	slices.Sort(koids)
	for i, koid := range koids {
		name(koid, fmt.Sprintf("V%d", i+1))
	}
	return out
}

// TestOperator compares what vmo, pager, threads, faults and mem tell of a
// busy machine.
func TestOperator(t *testing.T) {
	r := newOperatorRig(t)
	if _, err := r.run("poke DATA.BIN 0x3ffe de ad beef"); err != nil {
		t.Fatal(err)
	}
	const page = zx.PageSize
	// Every state a page of a paged VMO can have, over more than a row.
	v := r.create(zx.VMOTrapDirty|zx.VMOResizable, 5, 100)
	r.supply(v, 2, 8, true)
	r.supply(v, 12, 3, false)
	r.must(r.pager.OpRange(zx.PagerOpDirty, v, 4*page, 4*page, 0, nil))
	r.must(r.pager.OpRange(zx.PagerOpWritebackBegin, v, 4*page, 2*page, 0, nil))
	r.must(v.SetSize(120*page, &vmo.PageRequest{}))
	r.must(r.pager.OpRange(zx.PagerOpWritebackBegin, v, 100*page, 5*page, zx.VMODirtyRangeIsZero, nil))
	ends := []chan zx.Status{r.ask(v, 2001, 0, false), r.ask(v, 2002, 0, false), r.ask(v, 0, 9, true)}
	r.kernel.now += 1_234e6
	const at = 0x90_0000_0000
	region, _, st := r.kernel.space.Root().Allocate(zx.VMSpecific|zx.VMCanMapRead|zx.VMCanMapWrite|zx.VMCanMapSpecific, at-uint64(vmar.UserBase), 1<<30, zx.RightsVMAR|r.kernel.space.Root().Rights(), nil)
	r.must(st)
	_, st = region.Map(zx.VMPermRead|zx.VMPermWrite|zx.VMSpecific, 0x1000, v, 2*page, 6*page, zx.RightsVMO, zx.RightsVMAR|region.Rights(), nil)
	r.must(st)
	for va := zx.VirtAddr(at + 0x1000); va < at+0x3000; va += page {
		r.must(r.kernel.space.Lane(0).Fault(va, mmu.Read, &vmo.PageRequest{}))
	}
	r.must(r.kernel.space.Lane(0).Fault(at+0x5000, mmu.Read|mmu.Write, &vmo.PageRequest{}))
	// Drawn by runs: sparse, and without an end.
	sparse := r.create(0, 4, 5000)
	for at := uint64(0); at < 5000; at += 100 {
		r.supply(sparse, at, 1+at/100, true)
	}
	r.create(zx.VMOUnbounded|zx.VMOTrapDirty, 6, 3)
	gone := r.create(0, 3, 1)
	r.must(r.pager.Detach(gone, nil))
	anonymous, st := r.kernel.store.New(70*page, 0)
	r.must(st)
	r.must(anonymous.WriteBytes([]byte{1}, 68*page, &vmo.PageRequest{}))
	script := "vmo; vmo DATA.BIN"
	for _, v := range append(r.vmos, anonymous) {
		script += fmt.Sprintf("; vmo %d", v.Koid())
	}
	script += fmt.Sprintf("; pager; pager %d; pager disk; threads; mem; vmaps tester; handles 2000; pt tester %#x; pt 2000 0; counters; counters -d; cpus; top 0.1",
		r.pager.Koid(), at+0x1000)
	golden(t, "operator.txt", r.script(script))

	r.supply(v, 0, 1, true)
	r.must(r.pager.OpRange(zx.PagerOpFail, v, 9*page, page, statusData(zx.ErrIO), nil))
	for i, want := range []zx.Status{zx.OK, zx.OK, zx.ErrIO} {
		if st := <-ends[i]; st != want {
			t.Errorf("wait %d ended with %v, want %v", i, st, want)
		}
	}
}

// statusData is a status as OP_FAIL takes it.
func statusData(st zx.Status) uint64 { return uint64(int64(st)) }

// TestFaultTrace compares the fault trace.
func TestFaultTrace(t *testing.T) {
	r := newOperatorRig(t)
	out := r.script("faults; faults on")
	if !trace.On() {
		t.Error("faults on started no trace")
	}
	const ms = 1_000_000
	fault := func(at, took uint64, thread zx.Koid, address, rip uint64, code mmu.PageFaultError, st zx.Status, vmo, offset, how uint64) {
		r.kernel.records = append(r.kernel.records,
			trace.Record{Time: at, Kind: trace.Fault, Arg: uint32(code), Process: 91030, Thread: thread, Offset: address, Length: rip},
			trace.Record{Time: at + took, Kind: trace.FaultEnd, Arg: uint32(st), Process: 91030, Thread: thread, Object: vmo, Offset: offset, Length: how})
	}
	fault(1500*ms, 912, 91031, 0x80_0000_3004, 0x4000_0000_1234, mmu.PF_US, zx.OK, 91003, 0x3000, 0)
	fault(2000*ms, 2123*ms, 91031, 0x80_0000_5000, 0x4000_0000_1234, mmu.PF_US|mmu.PF_WR|mmu.PF_P, zx.ErrTimedOut, 91003, 0x5000, 0)
	fault(2001*ms, 800, 91032, 0x7fff_ffff_e000, 0x4000_0000_1238, mmu.PF_US, zx.OK, 91009, 0, trace.EndZero)
	fault(2002*ms, 99, 91041, 0, 0, mmu.PF_US, zx.ErrNotFound, 0, 0, 0)
	fault(2003*ms, 99, 91041, 0, 0, mmu.PF_US, zx.ErrInternalIntrKilled, 0, 0, 0)
	out += r.script("faults show; faults show 1; faults show 0; faults off; faults show 1 --json")
	if trace.On() {
		t.Error("faults off ended no trace")
	}
	golden(t, "faults.txt", out)
}

// TestTrace starts traces, prints one, and saves one to a file of the disk.
func TestTrace(t *testing.T) {
	r := newRig(t)
	t.Cleanup(trace.Stop)
	r.kernel.records = []trace.Record{
		{Time: 1000, Kind: trace.Fault, Process: 91030, Thread: 91031, Offset: 0x8000001000},
		{Time: 2000, Kind: trace.FaultEnd, Process: 91030, Thread: 91031, Object: 77},
	}
	out, err := r.run("trace on fault process=91030 vmo=3; trace print; trace; trace off; trace save DATA.BIN; cat DATA.BIN")
	if err != nil || trace.On() {
		t.Errorf("%v\n%s", err, out)
	}
	_, text, _ := strings.Cut(out, traceBegins+"\n")
	text, _, _ = strings.Cut(text, traceEnds)
	if !json.Valid([]byte(text)) || !strings.Contains(text, `"name":"toucher"`) || !strings.Contains(text, `"page fault"`) {
		t.Errorf("the trace is\n%s", text)
	}
	for _, want := range []string{"the trace is on; 2 records are held, 5 were overwritten", "the trace is off", " bytes of trace are in DATA.BIN"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not printed:\n%s", want, out)
		}
	}
	if saved, _ := r.run("sum DATA.BIN"); !strings.Contains(saved, "100001 bytes") {
		t.Errorf("the file's size has changed:\n%s", saved)
	}
	for script, want := range map[string]string{
		"trace on nothing": `"nothing" is no kind of record; there are fault, `, "trace on process=x": `"x" is not the koid of a process`,
		"trace on vmo=-1": `"-1" is not the koid of a VMO`, "trace save": `"save" is neither`, "trace maybe": `"maybe" is neither`,
		"trace off now": `"now" is one argument too many`, "trace save HELLO.TXT": "a file keeps its size",
	} {
		if out, err := r.run(script); err == nil || !strings.Contains(unwrapped(out), want) {
			t.Errorf("%s: %v\n%s", script, err, out)
		}
	}
}

// full is a writer that fails once it has had so many writes.
type full struct {
	bytes.Buffer
	left int
}

func (w *full) Write(p []byte) (int, error) {
	if w.left--; w.left < 0 {
		return 0, io.ErrClosedPipe
	}
	return w.Buffer.Write(p)
}

// TestStream reads what a second port is told: which VMOs there are, in what state their
// pages are, records.
func TestStream(t *testing.T) {
	r := newOperatorRig(t)
	t.Cleanup(trace.Stop)
	v := r.create(0, 1, 6)
	v.SetName("a \"name\"\x1b")
	r.supply(v, 1, 2, true)
	r.supply(v, 3, 1, false)
	w := &full{left: 3}
	if err := r.Stream(w); err != io.ErrClosedPipe {
		t.Error(err)
	}
	kinds := map[string]int{}
	for line := range strings.Lines(w.String()) {
		var m struct{ K, Name, Runs, R string }
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%v: %q", err, line)
		}
		kinds[m.K]++
		if m.K == "vmo" && m.Name != v.Name() || m.K == "pages" && m.Runs != "a1c2z1a2" {
			t.Errorf("%q", line)
		}
	}
	if kinds["vmo"] != 1 || kinds["pages"] != 1 || kinds["records"] < 2 {
		t.Errorf("%v in\n%s", kinds, w.String())
	}
}

// TestJobs runs programs in the background.
func TestJobs(t *testing.T) {
	r := newRig(t)
	out, err := r.run("wait; start spin; start hello 0 x; wait 0; kill 4711; kill spin; wait; wait 0.5; start hello 3; wait")
	if err == nil || !strings.Contains(err.Error(), "1 of 10 commands failed: `wait`") {
		t.Errorf("%v\n%s", err, out)
	}
	for _, want := range []string{"spin runs as process 4711\n", "hello [0 x]\n", "spin (process 4711) still runs\n",
		"hello (process 4711) ended with code 0\n", "spin (process 4711) was killed\n", "wait: process 4711: hello ended with code 3\n"} {
		if strings.Count(out, want) != 1 {
			t.Errorf("%q is not printed once:\n%s", want, out)
		}
	}
	r.kernel.programs["hello"] = func(p Program, s *fakeProcess) Exit { return s.died(fakeBase, false, zx.ErrTimedOut) }
	out, err = r.run("start hello; wait")
	if err == nil || !strings.Contains(out, "synth_code   ZX_ERR_TIMED_OUT (-21)") || !strings.Contains(unwrapped(out), "wait: process 4711: hello was killed: fatal page fault at 0x8000000000, ZX_ERR_TIMED_OUT") {
		t.Errorf("%v\n%s", err, out)
	}
	if n := len(r.jobs); n != 0 {
		t.Errorf("%d jobs left", n)
	}
	// What a program left behind is nobody's in the background.
	r.kernel.handles = make([]HandleInfo, 1)
	if out, err = r.run("kill 2000; kill tester"); err != nil || r.kernel.killed != 2 {
		t.Errorf("%d killed: %v\n%s", r.kernel.killed, err, out)
	}
}

// TestWidth runs every command on a screen of 80 columns, and one of 120, with
// names and numbers of every size: no line wraps.
func TestWidth(t *testing.T) {
	r := newOperatorRig(t)
	t.Cleanup(trace.Stop)
	long := strings.Repeat("long name ", 4)[:31]
	v := r.create(zx.VMOTrapDirty|zx.VMOResizable, 1<<63+12345, 3000)
	v.SetName(long)
	for at := uint64(0); at < 600; at += 2 {
		r.supply(v, at, 1, true)
		r.must(r.pager.OpRange(zx.PagerOpDirty, v, at*zx.PageSize, zx.PageSize, 0, nil))
	}
	_, st := r.kernel.space.Root().Map(zx.VMPermRead, 0, v, 0, 3000*zx.PageSize, zx.RightsVMO, zx.RightsVMAR|r.kernel.space.Root().Rights(), nil)
	r.must(st)
	const evil = "\x1b[2J\u202e\"'\u009b漢字漢字\xff\u0301e" // 31 bytes
	r.create(0, 3, 1).SetName(evil)
	r.kernel.threads = append(r.kernel.threads, ThreadInfo{Process: 2000, Thread: 2003, ProcessName: evil, Name: evil, State: zx.ThreadBlockedPager})
	r.kernel.threads = append(r.kernel.threads, ThreadInfo{Process: 1 << 40, Thread: 1<<40 + 1, ProcessName: long, Name: long,
		State: zx.ThreadBlockedWaitMany, Runtime: 1 << 55, Faults: 1 << 40, Syscalls: 1 << 40})
	done := r.ask(v, 2001, 1, false)
	r.kernel.records = []trace.Record{
		{Time: 1, Kind: trace.Fault, Arg: 0x8017, Process: 1 << 40, Thread: 1 << 40, Offset: 0x7fff_ffff_f000, Length: 0x7fff_ffff_f000},
		{Time: 1 << 50, Kind: trace.FaultEnd, Arg: 1<<32 - 21, Thread: 1 << 40, Object: 1 << 40, Offset: 1 << 46, Length: trace.EndRead},
	}
	for i := range r.kernel.records {
		r.kernel.measurer.Add(&r.kernel.records[i])
	}
	r.kernel.programs["hello"] = func(p Program, s *fakeProcess) Exit { return s.died(fakeBase, false, zx.ErrTimedOut) }
	scripts := []string{"help", "ls", "cat DATA.BIN", "sum DATA.BIN", "poke DATA.BIN 0 00", "sync", "snap DATA.BIN", "drop DATA.BIN@1", "touch DATA.BIN 0 w",
		"fail DATA.BIN 0 4096 ZX_ERR_IO_DATA_INTEGRITY", "pager", "fail DATA.BIN", "fail DATA.BIN 0 4096 off", "evict DATA.BIN", "vmo", "vmo DATA.BIN",
		fmt.Sprintf("vmo %d", v.Koid()), "pager tester", "pager disk", "threads", "top 0.05", "cpus", "vmaps 2000", "handles tester", "pt tester 0x7fffffffe000",
		"pt DATA.BIN 0", "mem", "counters", "counters -d", "faults", "trace on", "trace off", "trace", "run hello", "start hello", "wait", "kill 1", "demo", "version", "poweroff"}
	for i := range commands {
		scripts = append(scripts, "help "+commands[i].Name)
		if !slices.ContainsFunc(scripts, func(s string) bool { return strings.Fields(s)[0] == commands[i].Name }) {
			t.Errorf("%s is not tried", commands[i].Name)
		}
	}
	for _, width := range []int32{80, 120} {
		r.width.Store(width)
		warned := &bytes.Buffer{}
		fmt.Fprintln(warnings{r.Console, warned}, "kernel:", "WARNING "+strings.Repeat("a request waits and ", 9)+"\n  indented "+strings.Repeat("x", 200))
		r.fits("a warning", warned.String())
		for _, script := range scripts {
			out, _ := r.run(script)
			r.fits(script, out)
		}
		r.off = false
	}
	// The same as JSON, wherever usage says so.
	for _, script := range scripts {
		if k := find(strings.Fields(script)[0]); k != nil && strings.HasSuffix(k.Args, showsJSON) {
			out, err := r.run(script + " --json")
			_, text, _ := strings.Cut(out, "\n")
			text, _, _ = strings.Cut(text, "\n")
			var members map[string]any
			if json.Unmarshal([]byte(text), &members) != nil || err == nil && len(members) == 0 {
				t.Errorf("%s --json: %v\n%s", script, err, out)
			}
		}
	}
	r.supply(v, 1, 1, true)
	<-done
}

// TestManyVMOs looks at a pager with few VMOs and with many: all of them are gone through
// as often.
func TestManyVMOs(t *testing.T) {
	r := newOperatorRig(t)
	asked := func(script string) int {
		before := r.kernel.asked
		r.run(script)
		return r.kernel.asked - before
	}
	scripts := []string{"pager", "pager tester", "vmo", "vmo nothing", "threads"}
	few := map[string]int{}
	for _, s := range scripts {
		few[s] = asked(s)
	}
	for key := range uint64(30) {
		r.create(0, 100+key, 1)
	}
	for _, s := range scripts {
		if n := asked(s); n != few[s] {
			t.Errorf("%s asks %d times, with fewer VMOs %d times", s, n, few[s])
		}
	}
}

// fits checks that what a command printed has no line that wraps, and nothing that
// moves the cursor.
func (r *rig) fits(script, out string) {
	r.t.Helper()
	for line := range strings.Lines(out) {
		line = strings.TrimSuffix(line, "\n")
		if n := wide(line); n > r.columns() && !strings.HasPrefix(line, Prompt) {
			r.t.Errorf("%.99q: a line of %d columns at %d:\n%.200q", script, n, r.columns(), line)
		}
		if clean(line) != strings.ReplaceAll(line, string(utf8.RuneError), "?") {
			r.t.Errorf("%.99q prints %.200q", script, line)
		}
	}
}

// TestNonsense tries every command with words that are none: it answers, in lines that
// fit, and the next command runs.
func TestNonsense(t *testing.T) {
	r := newRig(t)
	t.Cleanup(trace.Stop)
	words := []string{"", "-1", "0", "7", "0x", "0x7fffffffffff", "99999999999999999999", "18446744073709551615", "1G", "nan", "-inf", "1e309", "\x1b[31m", "\x80\xff", "\u202eX",
		"\x00", strings.Repeat("A", 10000), strings.Repeat("漢", 1000), "--json", "--json=", "-d", "--file=", "--file=NOWHERE", "-privileged", "%s%n%d", "@1", "DATA.BIN", "data.bin@9", "HELLO.TXT", "/", "//", "..",
		"on", "off", "show", "save", "print", "drop", "r", "w", "fault", "process=", "vmo=99999999999999999999", "ZX_ERR_IO", "ff", "tester", "hello", "\n"}
	random := rand.New(rand.NewSource(5))
	for i := range commands {
		name := commands[i].Name
		for range 60 {
			line := name
			for range 1 + random.Intn(5) {
				word := words[random.Intn(len(words))]
				if name == "wait" || name == "top" {
					word = "0x" + word // some of them are long
				}
				line += ` '` + strings.ReplaceAll(word, "'", "") + `'`
			}
			out, _ := r.run(line + "; version")
			if r.off = false; !strings.Contains(out, "Faultline "+Version) && name != "poweroff" {
				t.Fatalf("after %.200q:\n%.1000q", line, out)
			}
			if name != "cat" && !strings.Contains(line, "--json") {
				r.fits(line, out)
			}
			trace.Stop()
		}
	}
}

// TestColumns has a terminal tell how wide it is, twice, among what is typed.
func TestColumns(t *testing.T) {
	var k keys
	var typed []byte
	for _, b := range []byte("a\x1b[24;132Rb\x1b[Ac\x1b[1;2;3Rd\x1b[12~\x1b[5;97R") {
		typed = k.listen(typed, b)
	}
	if string(typed) != "ab\x1b[Ac\x1b[1;2;3Rd\x1b[12~" || k.columns.Load() != 97 {
		t.Errorf("typed %q, %d columns", typed, k.columns.Load())
	}
}

// TestBackground has a program in the background write pieces of lines, two threads
// at once, and one that would move the cursor.
func TestBackground(t *testing.T) {
	var out bytes.Buffer
	l := lines{to: &out}
	for _, piece := range []string{"one", " line\n", "two\nthree\nfo", "ur \x1b[H\u202e\xff"} {
		l.Write([]byte(piece))
		if text := out.String(); text != "" && !strings.HasSuffix(text, "\n") {
			t.Errorf("after %q: %q", piece, text)
		}
	}
	l.flush()
	l.flush()
	if out.String() != "one line\ntwo\nthree\nfour \\x1b[H\\xe2\\x80\\xae\\xff\n" {
		t.Errorf("%q", out.String())
	}
	out.Reset()
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for range 1000 {
				l.Write([]byte("line\n"))
			}
		})
	}
	wg.Wait()
	if out.String() != strings.Repeat("line\n", 2000) {
		t.Error("lines of two threads are mixed")
	}
}

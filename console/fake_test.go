package console

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"faultline/files"
	"faultline/mmu"
	"faultline/object"
	"faultline/pager"
	"faultline/trace"
	"faultline/vmar"
	"faultline/vmo"
	"faultline/zx"
)

// Koids of all tests have five digits, so that what is printed is as wide.
func init() {
	for zx.NewKoid() < 20_000 {
	}
}

// testWaiter sleeps on a channel; a wait of many seconds is a hang.
type testWaiter struct{ token chan struct{} }

func newWaiter(string) vmo.Waiter { return &testWaiter{make(chan struct{}, 1)} }

func (w *testWaiter) Wait(state zx.ThreadState, deadline zx.Time) zx.Status {
	if deadline != zx.TimeInfinite {
		time.Sleep(10 * time.Millisecond) // as good as any
		select {
		case <-w.token:
			return zx.OK
		default:
			return zx.ErrTimedOut
		}
	}
	hang := time.NewTimer(20 * time.Second)
	defer hang.Stop()
	select {
	case <-w.token:
		return zx.OK
	case <-hang.C:
		return zx.ErrInternalIntrKilled
	}
}

func (*testWaiter) Yield() zx.Status { return zx.OK }
func (w *testWaiter) Wake() bool {
	select {
	case w.token <- struct{}{}:
	default:
	}
	return false
}

// image is a disk image in memory.
type image struct {
	mu       sync.Mutex
	data     []byte
	readOnly bool
	failing  bool // writes fail
}

// blocks is the image as a disk.
type blocks struct{ *image }

func (b blocks) Read(sector uint64, p []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	copy(p, b.data[sector*512:])
	return nil
}

func (b blocks) Write(sector uint64, p []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.failing {
		return errors.New("injected")
	}
	copy(b.data[sector*512:], p)
	return nil
}

func (b blocks) Flush() error    { return nil }
func (b blocks) Sectors() uint64 { return uint64(len(b.data) / 512) }
func (b blocks) BlockBytes() int { return 512 }
func (b blocks) ReadOnly() bool  { return b.readOnly }

func noise(seed, n int) []byte {
	p := make([]byte, n)
	rand.New(rand.NewSource(int64(seed))).Read(p)
	return p
}

var contents = map[string][]byte{
	"DATA.BIN":             noise(1, 100_001),
	"HELLO.TXT":            []byte("Hello,\r\ncaf\u00e9 \x1b[31mred\n"),
	"EMPTY":                {},
	"sub/Long Name 1.text": []byte("no end of line"),
}

// newDisk makes a FAT32 image that holds contents: clusters of 512 bytes, each
// file and folder in one piece, one FAT.
func newDisk(t *testing.T) *image {
	t.Helper()
	const clusters, reserved, fatSectors = 4062, 2, 32
	m := &image{data: make([]byte, (reserved+fatSectors+clusters)*512)}
	put16 := func(at, v int) { binary.LittleEndian.PutUint16(m.data[at:], uint16(v)) }
	put32 := func(at, v int) { binary.LittleEndian.PutUint32(m.data[at:], uint32(v)) }
	copy(m.data, "\xEB\x58\x90TESTDISK")
	put16(11, 512)
	m.data[13], m.data[16], m.data[21] = 1, 1, 0xF8
	put16(14, reserved)
	put32(32, len(m.data)/512)
	put32(36, fatSectors)
	put32(44, 2)
	m.data[510], m.data[511] = 0x55, 0xAA
	put32(reserved*512, 0x0FFFFFF8)
	put32(reserved*512+4, 0x0FFFFFFF)
	next := 2
	// store gives the first cluster of content.
	store := func(content []byte) int {
		first := next
		copy(m.data[(reserved+fatSectors+next-2)*512:], content)
		for left := len(content); left > 0; left -= 512 {
			next++
			put32(reserved*512+4*(next-1), next)
		}
		put32(reserved*512+4*(next-1), 0x0FFFFFFF)
		return first
	}
	// entry gives a short entry, modified at 2023-11-14 22:13:20.
	entry := func(name string, attr byte, first, size int) []byte {
		e := make([]byte, 32)
		copy(e, name)
		e[11] = attr
		if size == 0 && attr == 0x20 {
			first = 0
		}
		for at, v := range map[int]int{22: 22<<11 | 13<<5 | 10, 24: 43<<9 | 11<<5 | 14, 20: first >> 16, 26: first, 28: size, 30: size >> 16} {
			binary.LittleEndian.PutUint16(e[at:], uint16(v))
		}
		return e
	}
	// long gives one piece of a long name.
	long := func(number byte, short, text string) []byte {
		e := make([]byte, 32)
		for _, b := range []byte(short) {
			e[13] = e[13]<<7 | e[13]>>1
			e[13] += b
		}
		e[0], e[11] = number, 0x0F
		for i, at := range []int{1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30} {
			if i < len(text) {
				e[at] = text[i]
			} else if i > len(text) {
				e[at], e[at+1] = 0xFF, 0xFF
			}
		}
		return e
	}
	store(make([]byte, 512)) // the root
	file := func(short, name string) []byte {
		return entry(short, 0x20, store(contents[name]), len(contents[name]))
	}
	const one = "LONGNA~1TEX"
	sub := slices.Concat(entry(".", 0x10, 0, 0), entry("..", 0x10, 0, 0),
		long(2|0x40, one, "ext"), long(1, one, "Long Name 1.t"), file(one, "sub/Long Name 1.text"))
	copy(sub, ".          ")
	copy(sub[32:], "..         ")
	lower := entry("SUB        ", 0x10, store(sub), 0)
	lower[12] = 0x08
	copy(m.data[(reserved+fatSectors)*512:], slices.Concat(lower, file("DATA    BIN", "DATA.BIN"),
		file("HELLO   TXT", "HELLO.TXT"), file("EMPTY      ", "EMPTY")))
	return m
}

// fakeKernel runs Go functions where the kernel would run ring-3 programs.
type fakeKernel struct {
	spawned  []Program
	fail     error // of Spawn
	programs map[string]func(p Program, s *fakeProcess) Exit

	store    *vmo.Store
	asked    int // how often for the store
	system   *pager.System
	now      zx.Time
	handles  []HandleInfo
	records  []trace.Record
	threads  []ThreadInfo       // beside those there always are
	space    *vmar.AddressSpace // of process 2000
	measurer *trace.Measurer
	log      io.Writer
	killed   int // of process 2000
}

// noTLB is that of a machine without a CPU.
type noTLB struct{}

func (noTLB) Invalidate(zx.PhysAddr, zx.VirtAddr, zx.VirtAddr) {}

// newKernel makes a kernel without programs.
func newKernel() *fakeKernel {
	memory := mmu.NewSimulated(2000)
	table, err := memory.NewKernelTable([]mmu.KernelRange{{Start: 0x1000, End: 0x200000, Prot: mmu.Read}}, mmu.KernelFeatures{})
	if err != nil {
		panic(err)
	}
	k := &fakeKernel{store: vmo.NewStore(memory), now: 1000e9, measurer: trace.NewMeasurer(func(zx.Koid) zx.Koid { return 0 })}
	var st zx.Status
	if k.space, st = vmar.NewAddressSpace(memory, table, noTLB{}, nil); st != zx.OK {
		panic(st)
	}
	k.system = pager.NewSystem(pager.Config{Now: k.Now, OvertimeWait: 3600e9})
	return k
}

// fakeProcess is a process of fakeKernel. Its address space is one file at base.
type fakeProcess struct {
	koid   zx.Koid
	faults atomic.Uint64
	killed chan struct{}
	once   sync.Once
	file   *vmo.VMO
}

const fakeBase = 0x80_0000_0000

func (k *fakeKernel) Programs() []string { return []string{"hello", "spin", "sum", "toucher"} }

func (k *fakeKernel) Spawn(p Program) (Process, error) {
	k.spawned = append(k.spawned, p)
	if k.fail != nil {
		return nil, k.fail
	}
	run := k.programs[p.Name]
	if run == nil {
		return nil, fmt.Errorf("no program %q", p.Name)
	}
	s := &fakeProcess{koid: 4711, killed: make(chan struct{})}
	if len(p.Handles) > 0 {
		s.file = p.Handles[0].VMO
	}
	go func() {
		e := run(p, s)
		e.Faults = s.faults.Load()
		p.OnExit(e)
	}()
	return s, nil
}

func (k *fakeKernel) Threads() []ThreadInfo {
	return append([]ThreadInfo{
		{Name: "file pager", State: zx.ThreadBlockedPort},
		{Process: 91030, Thread: 91031, ProcessName: "toucher", Name: "main", State: zx.ThreadRunning, Faults: 7, Syscalls: 9},
	}, k.threads...)
}

func (k *fakeKernel) CPUs() []CPUInfo {
	return []CPUInfo{{Ready: 2, User: true, Stays: 5}, {Idle: true}}
}

func (k *fakeKernel) Memory() MemoryInfo {
	return MemoryInfo{RAM: 256 << 20, HeapUsed: 3 << 20, HeapLimit: 80 << 20,
		Frames: mmu.Stats{Total: 1000, Free: 900, Lowest: 800, Tables: 5, Blocks: [mmu.MaxOrder + 1]int{0: 4, 7: 7}}, Store: vmo.StoreStats{VMOs: 2, Listed: 30, Evicted: 4}}
}

func (k *fakeKernel) Now() zx.Time { return k.now }

// Store counts: who asks for each VMO goes through all of them each time.
func (k *fakeKernel) Store() *vmo.Store { k.asked++; return k.store }

func (k *fakeKernel) Handles() []HandleInfo            { return k.handles }
func (k *fakeKernel) LogTo(w io.Writer)                { k.log = w }
func (k *fakeKernel) Measured(f func(*trace.Measurer)) { f(k.measurer) }
func (k *fakeKernel) Processes() []ProcessInfo {
	if len(k.handles) == 0 {
		return nil
	}
	return []ProcessInfo{{Koid: 2000, Job: 1999, Name: "tester", Space: k.space, Account: 5000, Pages: 12, Kill: func() { k.killed++ }}}
}
func (k *fakeKernel) Counters() []pager.Counter { return k.system.Counters() }
func (k *fakeKernel) StartTrace(f trace.Filter) { trace.Start(1, f) }
func (k *fakeKernel) StopTrace()                { trace.Stop() }
func (k *fakeKernel) TraceTicks() float64       { return 1000 }
func (k *fakeKernel) TraceName(zx.Koid) string  { return "" }
func (k *fakeKernel) TraceRecords() ([]trace.Record, uint64, float64) {
	return slices.SortedStableFunc(slices.Values(k.records), func(a, b trace.Record) int { return cmp.Compare(a.Time, b.Time) }), 5, 1000
}
func (s *fakeProcess) Koid() zx.Koid  { return s.koid }
func (s *fakeProcess) Faults() uint64 { return s.faults.Load() }
func (s *fakeProcess) Kill()          { s.once.Do(func() { close(s.killed) }) }

// Chain shows a page of the file as a page table would once it was touched.
func (s *fakeProcess) Chain(va zx.VirtAddr) (chain [4]mmu.Entry, level int) {
	var state [1]vmo.State
	s.file.States(uint64(va-fakeBase)&^zx.PageMask, state[:])
	const user = mmu.PTE_P | mmu.PTE_RW | mmu.PTE_US | mmu.PTE_A
	leaf := mmu.PTE(0)
	switch state[0] {
	case vmo.Clean, vmo.AwaitingClean:
		leaf = 0x55000 | mmu.PTE_P | mmu.PTE_US | mmu.PTE_A | mmu.PTE_XD
	case vmo.Dirty:
		leaf = 0x55000 | user | mmu.PTE_D | mmu.PTE_XD
	}
	for i := range 4 {
		chain[i] = mmu.Entry{Level: mmu.LevelPML4 - i, Table: mmu.Frame(0x10 + i), Index: uint64(va) >> (39 - 9*i) & 511, PTE: mmu.PTE(0x11000+i*0x1000) | user}
	}
	chain[3].PTE = leaf
	return chain, mmu.LevelPML4 - 3
}

// died is the end of a process whose access at va met st.
func (s *fakeProcess) died(va uint64, write bool, st zx.Status) Exit {
	e := &Exception{Process: s.koid, Thread: s.koid + 1, RIP: 0x80_0040_1234, Instruction: "MOV AL, [RDI]",
		Registers: []string{"RAX 0x0  RBX 0x1"}}
	e.Report = zx.ExceptionReport{Type: zx.ExcpFatalPageFault, Vector: 14, ErrorCode: uint64(mmu.PF_US), CR2: va, SynthCode: uint32(st)}
	if write {
		e.Report.ErrorCode |= uint64(mmu.PF_WR)
	}
	return Exit{Code: zx.TaskRetcodeExceptionKill, Exception: e}
}

// fakeSum is the program sum.
func fakeSum(p Program, s *fakeProcess) Exit {
	size, _ := strconv.Atoi(p.Args[0])
	var r vmo.PageRequest
	r.Init(newWaiter(""))
	h := sha256.New()
	page := make([]byte, zx.PageSize)
	for at := 0; at < size; at += zx.PageSize {
		n := min(zx.PageSize, size-at)
		s.faults.Add(1)
		if st := s.file.ReadBytes(page[:n], uint64(at), &r); st != zx.OK {
			return s.died(fakeBase+uint64(at), false, st)
		}
		h.Write(page[:n])
	}
	fmt.Fprintf(p.Output, "%x\n", h.Sum(nil))
	return Exit{}
}

// fakeToucher is the program toucher.
func fakeToucher(p Program, s *fakeProcess) Exit {
	size, _ := strconv.ParseUint(p.Args[0], 10, 64)
	commands, answers := p.Handles[1].Port, p.Handles[2].Port
	w := newWaiter("")
	var r vmo.PageRequest
	r.Init(newWaiter(""))
	reply := func(key uint64, st zx.Status, where uint64, b []byte) {
		a := zx.Packet{Key: key}
		binary.LittleEndian.PutUint64(a.Payload[0:], uint64(int64(st)))
		binary.LittleEndian.PutUint64(a.Payload[8:], fakeBase+where)
		copy(a.Payload[16:], b)
		answers.QueueUser(nil, &a)
	}
	reply(0, zx.OK, 0, nil)
	for {
		var c zx.Packet
		if st := wait(commands, w, s.killed, &c); st != zx.OK {
			return Exit{Code: zx.TaskRetcodeSyscallKill}
		}
		op, where := binary.LittleEndian.Uint64(c.Payload[0:]), binary.LittleEndian.Uint64(c.Payload[8:])
		n := op >> 8
		if op <= touchWrite {
			n = 1
		}
		switch {
		case where >= size || n > size-where:
			reply(c.Key, zx.ErrOutOfRange, where, nil)
			continue
		}
		s.faults.Add(1)
		b := bytes.Clone(c.Payload[16:])
		write := op != touchRead
		if op&0xff != touchStore {
			if st := s.file.ReadBytes(b[:1], where, &r); st != zx.OK {
				return s.died(fakeBase+where, write, st)
			}
		}
		if write {
			if st := s.file.WriteBytes(b[:n], where, &r); st != zx.OK {
				return s.died(fakeBase+where, write, st)
			}
		}
		reply(c.Key, zx.OK, where, b)
	}
}

// wait takes a command unless the process is killed.
func wait(port *object.Port, w vmo.Waiter, killed chan struct{}, out *zx.Packet) zx.Status {
	for {
		select {
		case <-killed:
			return zx.ErrInternalIntrKilled
		default:
		}
		if st := port.Wait(pollWaiter{}, 0, out); st != zx.ErrTimedOut {
			return st
		}
		time.Sleep(100 * time.Microsecond)
	}
}

// pollWaiter never sleeps.
type pollWaiter struct{}

func (pollWaiter) Wait(zx.ThreadState, zx.Time) zx.Status { return zx.ErrTimedOut }
func (pollWaiter) Yield() zx.Status                       { return zx.OK }
func (pollWaiter) Wake() bool                             { return false }

// rig is a console over a fake kernel and a real volume.
type rig struct {
	*Console
	t      *testing.T
	kernel *fakeKernel
	disk   *image
	out    *screen
}

// screen is a buffer that programs in the background may write to as well.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func (s *screen) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.text.Reset()
}

func newRig(t *testing.T) *rig {
	t.Helper()
	m := newDisk(t)
	return rigOn(t, m)
}

func rigOn(t *testing.T, m *image) *rig {
	t.Helper()
	k := newKernel()
	v, err := files.Mount(files.Config{Disk: blocks{m}, Store: k.store, Pagers: k.system, NewWaiter: newWaiter})
	if err != nil {
		t.Fatal(err)
	}
	k.programs = map[string]func(Program, *fakeProcess) Exit{
		"sum": fakeSum, "toucher": fakeToucher,
		"spin": func(p Program, s *fakeProcess) Exit {
			<-s.killed
			return Exit{Code: zx.TaskRetcodeSyscallKill}
		},
		"hello": func(p Program, s *fakeProcess) Exit {
			fmt.Fprintf(p.Output, "hello %v\n", p.Args)
			code, _ := strconv.ParseInt(append(p.Args, "0")[0], 10, 64)
			return Exit{Code: code}
		},
	}
	out := &screen{}
	c := New(Config{Kernel: k, Volume: v, Waiter: newWaiter(""), Out: out})
	t.Cleanup(func() {
		for _, x := range c.touchers {
			x.process.Kill()
		}
		v.Shutdown()
	})
	return &rig{c, t, k, m, out}
}

// run runs a script and gives what it printed.
func (r *rig) run(script string) (string, error) {
	r.out.Reset()
	err := r.Script(script)
	return r.out.String(), err
}

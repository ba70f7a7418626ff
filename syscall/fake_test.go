package syscall

import (
	"encoding/binary"
	"sync"
	"testing"
	"time"

	"faultline/mmu"
	"faultline/object"
	"faultline/pager"
	"faultline/vmar"
	"faultline/vmo"
	"faultline/zx"
)

// machine is the kernel around the calls: memory, a clock, a source of random
// bytes.
type machine struct {
	t     testing.TB
	mem   *mmu.Memory
	store *vmo.Store
	pager *pager.System
	table *mmu.PageTable // the kernel's
	start time.Time
}

func (m *machine) Now() zx.Time { return zx.Time(time.Since(m.start)) + 1 }

func (m *machine) Program(name string) []byte {
	if name == "a program" {
		return []byte("its file")
	}
	return nil
}

func (m *machine) NoRAM(base zx.PhysAddr, size uint64) bool { return base >= 1<<40 }
func (m *machine) NumCPUs() int                             { return 3 }

func (m *machine) Random(p []byte) {
	for i := range p {
		p[i] = byte(i) | 1
	}
}

// noTLB is a TLB of a machine that never ran.
type noTLB struct{}

func (noTLB) Invalidate(zx.PhysAddr, zx.VirtAddr, zx.VirtAddr) {}

func newMachine(t testing.TB, pages int) *machine {
	m := &machine{t: t, mem: mmu.NewSimulated(pages), start: time.Now()}
	m.store = vmo.NewStore(m.mem)
	m.pager = pager.NewSystem(pager.Config{})
	table, st := m.mem.NewPageTable(nil)
	if st != zx.OK {
		t.Fatal(st)
	}
	m.table = table
	return m
}

// process is a fake process object.
type process struct {
	object.Base
	m       *machine
	handles object.HandleTable
	space   *vmar.AddressSpace

	exited  bool
	code    int64
	console []byte
	threads int
	info    ProcessInfo
	task
	child bool // made by zx_process_create
	job   *job
	rules zx.Policy

	futexes object.FutexTable
}

// task is what fakes of processes, threads and jobs share.
type task struct {
	mu      sync.Mutex
	name    string
	kills   int
	tokens  int // made
	channel *object.Channel
	rights  zx.Rights // of the exception channel
	options uint32
	refuse  zx.Status // of CreateExceptionChannel and Suspend
}

func (k *task) Name() string { k.mu.Lock(); defer k.mu.Unlock(); return k.name }

func (k *task) SetName(name string) { k.mu.Lock(); k.name = name; k.mu.Unlock() }

func (k *task) Kill() { k.mu.Lock(); k.kills++; k.mu.Unlock() }

func (k *task) CreateExceptionChannel(options uint32, rights zx.Rights) (*object.Channel, zx.Status) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.refuse != zx.OK {
		return nil, k.refuse
	}
	kernel, user := object.NewChannel()
	k.channel, k.rights, k.options = kernel, rights, options
	return user, zx.OK
}

// token is a fake suspend token.
type token struct{ object.Base }

func (k *task) Suspend() (object.Object, zx.Status) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.refuse != zx.OK {
		return nil, k.refuse
	}
	k.tokens++
	s := new(token)
	s.Base.Init(zx.ObjSuspendToken, 0)
	return s, zx.OK
}

// job is a fake job.
type job struct {
	object.Base
	task
	mu       sync.Mutex
	policy   zx.Policy // guarded by mu, as the rest
	absolute bool
	children []zx.Koid // jobs; processes are the same plus one
	made     *job
}

func newJob() *job {
	j := new(job)
	j.Base.Init(zx.ObjJob, 0)
	return j
}

func (j *job) CreateJob() (Job, zx.Status) {
	if j.refuse != zx.OK {
		return nil, j.refuse
	}
	made := newJob()
	j.mu.Lock()
	j.made = made
	j.mu.Unlock()
	return made, zx.OK
}

func (j *job) SetPolicy(rules []zx.PolicyRule, absolute bool) zx.Status {
	j.mu.Lock()
	defer j.mu.Unlock()
	p, st := j.policy.Add(rules, absolute)
	if st == zx.OK {
		j.policy, j.absolute = p, absolute
	}
	return st
}

func (j *job) Info() JobInfo { return JobInfo{ReturnCode: -7, Exited: true} }

func (j *job) NextJob(koid zx.Koid) (zx.Koid, bool) {
	for _, k := range j.children {
		if k > koid {
			return k, true
		}
	}
	return 0, false
}

func (j *job) NextProcess(koid zx.Koid) (zx.Koid, bool) {
	k, ok := j.NextJob(max(koid, 1) - 1)
	return k + 1, ok
}

// trouble is a fake exception.
type trouble struct {
	object.Base
	mu            sync.Mutex
	thread        *thread
	process       *process
	processRights zx.Rights
	state         uint32
	debugger      bool
	second        bool
}

func (x *trouble) ExceptionThread() (Thread, zx.Rights)   { return x.thread, zx.RightsThread }
func (x *trouble) ExceptionProcess() (Process, zx.Rights) { return x.process, x.processRights }
func (x *trouble) ExceptionState() uint32                 { x.mu.Lock(); defer x.mu.Unlock(); return x.state }

func (x *trouble) SetExceptionState(state uint32) zx.Status {
	if state > 2 {
		return zx.ErrInvalidArgs
	}
	x.mu.Lock()
	x.state = state
	x.mu.Unlock()
	return zx.OK
}

func (x *trouble) SecondChance() bool { x.mu.Lock(); defer x.mu.Unlock(); return x.second }

func (x *trouble) SetSecondChance(again bool) zx.Status {
	if !x.debugger {
		return zx.ErrBadState
	}
	x.mu.Lock()
	x.second = again
	x.mu.Unlock()
	return zx.OK
}

func (m *machine) newProcess() *process {
	p := &process{m: m}
	p.Base.Init(zx.ObjProcess, 0)
	space, st := vmar.NewAddressSpace(m.mem, m.table, noTLB{}, nil)
	if st != zx.OK {
		m.t.Fatal(st)
	}
	p.space = space
	return p
}

// end does what the kernel does at the end of a process.
func (p *process) end() {
	p.handles.CloseAll(nil)
	p.space.Destroy(nil)
}

func (p *process) CreateProcess(in Job, name string) (Process, *vmar.VMAR, zx.Status) {
	child := p.m.newProcess()
	child.name, child.child, child.job = name, true, in.(*job)
	return child, child.space.Root(), zx.OK
}

func (p *process) NextThread(koid zx.Koid) (zx.Koid, bool) {
	koid = max(koid+1, 21)
	return koid, koid <= 23
}

func (p *process) Space() *vmar.AddressSpace { return p.space }

func (p *process) Handles() *object.HandleTable { return &p.handles }

func (p *process) Policy() *zx.Policy { return &p.rules }

// OnZeroHandles ends a fake process that another one made.
func (p *process) OnZeroHandles() {
	if p.child {
		p.end()
	}
}

func (p *process) StartThread(t Thread, entry, stack zx.VirtAddr, arg1 object.Moving, arg2 uint64) zx.Status {
	h := zx.HandleInvalid
	if t.(*thread).owner != p {
		return zx.ErrAccessDenied
	}
	if t.(*thread).started != nil {
		return zx.ErrBadState
	}
	if arg1.Object != nil {
		h, _ = p.handles.Give(arg1)
	}
	return t.Start(entry, stack, uint64(h), arg2)
}

func (p *process) Info() ProcessInfo { return p.info }

func (p *process) CreateThread(name string) (Thread, zx.Status) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.exited {
		return nil, zx.ErrBadState
	}
	p.threads++
	t := newThread(name)
	t.owner = p
	return t, zx.OK
}

func (p *process) Exit(code int64) {
	p.mu.Lock()
	p.exited, p.code = true, code
	p.mu.Unlock()
}

func (p *process) DebugWrite(b []byte) {
	p.mu.Lock()
	p.console = append(p.console, b...)
	p.mu.Unlock()
}

// thread is a fake thread object and its Waiter.
type thread struct {
	object.Base
	task
	owner *process
	token chan struct{}
	stop  chan zx.Status

	policy  []zx.PolicyCondition
	regs    []byte // nil while the thread runs
	report  *zx.ExceptionReport
	fs, gs  uint64
	state   zx.ThreadState
	waits   int
	started []uint64
	exited  bool
}

func newThread(name string) *thread {
	t := &thread{task: task{name: name}, token: make(chan struct{}, 1), stop: make(chan zx.Status, 1)}
	t.Base.Init(zx.ObjThread, 0)
	return t
}

func (t *thread) Start(entry, stack zx.VirtAddr, arg1, arg2 uint64) zx.Status {
	t.mu.Lock()
	defer t.mu.Unlock()
	if entry >= vmar.UserEnd || stack > vmar.UserEnd {
		return zx.ErrInvalidArgs
	}
	if t.started != nil {
		return zx.ErrBadState
	}
	t.started = []uint64{uint64(entry), uint64(stack), arg1, arg2}
	return zx.OK
}

func (t *thread) RelatedKoid() zx.Koid {
	if t.owner == nil {
		return zx.KoidInvalid
	}
	return t.owner.Koid()
}

func (t *thread) ExceptionReport() (zx.ExceptionReport, zx.Status) {
	if t.report == nil {
		return zx.ExceptionReport{}, zx.ErrBadState
	}
	return *t.report, zx.OK
}

func (t *thread) ReadState(kind uint32, p []byte) zx.Status {
	if t.regs == nil {
		return zx.ErrBadState
	}
	copy(p, t.regs)
	return zx.OK
}

func (t *thread) WriteState(kind uint32, p []byte) zx.Status {
	if t.regs == nil {
		return zx.ErrBadState
	}
	copy(t.regs, p)
	return zx.OK
}

func (t *thread) FSBase() uint64 { return t.fs }
func (t *thread) GSBase() uint64 { return t.gs }

func (t *thread) SetFSBase(base uint64) zx.Status { return setBase(&t.fs, base) }
func (t *thread) SetGSBase(base uint64) zx.Status { return setBase(&t.gs, base) }

func setBase(to *uint64, base uint64) zx.Status {
	if int64(base<<16)>>16 != int64(base) {
		return zx.ErrInvalidArgs
	}
	*to = base
	return zx.OK
}

func (t *thread) RaisePolicy(c zx.PolicyCondition) {
	t.mu.Lock()
	t.policy = append(t.policy, c)
	t.mu.Unlock()
}

func (t *thread) Exit() { t.mu.Lock(); t.exited = true; t.mu.Unlock() }

func (t *thread) Info() ThreadInfo {
	t.mu.Lock()
	defer t.mu.Unlock()
	return ThreadInfo{State: t.state, WaitExceptionChannel: 7, Affinity: [8]uint64{1}, Runtime: 123456, LastCPU: 2}
}

func (*thread) Yield() zx.Status { return zx.OK }
func (t *thread) Wake() bool {
	select {
	case t.token <- struct{}{}:
	default:
	}
	return false
}

func (t *thread) set(s zx.ThreadState) {
	t.mu.Lock()
	t.state = s
	if s != zx.ThreadRunning {
		t.waits++
	}
	t.mu.Unlock()
}

// Wait takes the deadline as relative to now: the fake clock is real time.
func (t *thread) Wait(state zx.ThreadState, deadline zx.Time) zx.Status {
	t.set(state)
	defer t.set(zx.ThreadRunning)
	var after <-chan time.Time
	if deadline != zx.TimeInfinite {
		after = time.After(min(time.Duration(max(deadline, 0)), 50*time.Millisecond))
	}
	select {
	case <-t.token:
		return zx.OK
	default:
	}
	select {
	case <-t.token:
		return zx.OK
	case st := <-t.stop:
		return st
	case <-after:
		return zx.ErrTimedOut
	}
}

// untilBlocked returns once the thread sleeps in state.
func (t *thread) untilBlocked(state zx.ThreadState) {
	for {
		t.mu.Lock()
		s := t.state
		t.mu.Unlock()
		if s == state {
			return
		}
		time.Sleep(20 * time.Microsecond)
	}
}

// Addresses of a world's user memory, and what lies there.
const (
	pageSize = zx.PageSize
	ramPages = 16
)

// world is one process with one calling thread and some memory.
type world struct {
	*machine
	t    testing.TB
	proc *process
	thr  *thread
	ctx  *Context

	rootVMAR, self zx.Handle

	ram    zx.VirtAddr // ramPages pages, read and write; nothing after them
	ramVMO *vmo.VMO
	ro     zx.VirtAddr // one page, read only; nothing after it
	short  zx.VirtAddr // one page, read and write; the next lies past its VMO's end
	next   uint64      // bump allocator in ram
}

func (m *machine) newContext(p *process, t *thread) *Context {
	c := &Context{Process: p, Thread: t, System: m, Handles: &p.handles, Space: p.space.Lane(0), Store: m.store, Pagers: m.pager,
		Futexes: &p.futexes, Waiter: t, Request: new(vmo.PageRequest), CopyRequest: new(vmo.PageRequest)}
	c.Request.Init(t)
	c.CopyRequest.Init(t)
	c.Init()
	return c
}

// mapFresh maps a fresh VMO of size bytes over length bytes at a place of the
// region's choosing, with a hole after it.
func (w *world) mapFresh(size, length uint64, perm uint32) (zx.VirtAddr, *vmo.VMO) {
	w.t.Helper()
	v, st := w.store.New(size, 0)
	if st != zx.OK {
		w.t.Fatal(st)
	}
	// A region of its own, one page longer, keeps the hole free.
	all := zx.RightMap | zx.RightRead | zx.RightWrite
	sub, _, st := w.proc.space.Root().Allocate(zx.VMCanMapRead|zx.VMCanMapWrite|zx.VMCanMapSpecific, 0, length+pageSize, all, nil)
	if st != zx.OK {
		w.t.Fatal(st)
	}
	va, st := sub.Map(perm|zx.VMSpecific, 0, v, 0, length, all, all, nil)
	if st != zx.OK {
		w.t.Fatal(st)
	}
	v.Release() // the mapping holds it
	return va, v
}

func newWorld(t testing.TB, pages int) *world {
	w := &world{machine: newMachine(t, pages), t: t, thr: newThread("main")}
	w.proc = w.newProcess()
	w.ctx = w.newContext(w.proc, w.thr)
	w.ram, w.ramVMO = w.mapFresh(ramPages*pageSize, ramPages*pageSize, zx.VMPermRead|zx.VMPermWrite)
	w.ro, _ = w.mapFresh(pageSize, pageSize, zx.VMPermRead)
	w.short, _ = w.mapFresh(pageSize, 2*pageSize, zx.VMPermRead|zx.VMPermWrite)
	w.rootVMAR, _ = w.proc.handles.Add(NewVMAR(w.proc.space.Root()), zx.RightsVMAR|zx.RightRead|zx.RightWrite|zx.RightExecute)
	w.self, _ = w.proc.handles.Add(w.proc, zx.RightsProcess)
	w.proc.handles.Add(w.thr, zx.RightsThread)
	t.Cleanup(func() {
		w.proc.end()
		if n := w.store.Stats().VMOs; n != 0 {
			t.Errorf("%d VMOs left", n)
		}
		w.table.Destroy()
		if left := w.mem.Outstanding(); len(left) != 0 {
			t.Errorf("%d frames left, the first %#x: %+v", len(left), left[0], *w.mem.Meta(left[0]))
			for _, f := range left {
				t.Logf("frame %#x: %+v", f, *w.mem.Meta(f))
			}
		}
	})
	return w
}

// call makes a system call and gives RAX.
func (w *world) call(number uint64, args ...uint64) int64 {
	var a [8]uint64
	for i := range a {
		a[i] = 0xdeadbeefcafef00d // registers that a call does not use are wild
	}
	copy(a[:], args)
	return dispatch(w.ctx, number, &a)
}

// dispatch makes a system call and sleeps when it does, as the kernel's threads
// do.
func dispatch(c *Context, number uint64, a *[8]uint64) int64 {
	r := Registers{rax: number, rdi: a[0], rsi: a[1], rdx: a[2], r10: a[3], r8: a[4], r9: a[5], r12: a[6], r13: a[7]}
	result := Dispatch(c, &r)
	for result == Sleeps {
		result = c.Resume(c.Waiter.Wait(c.Sleep()))
	}
	return result
}

// status is call for a call that answers a status.
func (w *world) status(number uint64, args ...uint64) zx.Status {
	w.t.Helper()
	r := w.call(number, args...)
	if int64(int32(r)) != r {
		w.t.Fatalf("call %d: RAX %#x is no status", number, r)
	}
	return zx.Status(r)
}

// want fails the test unless the call answers st.
func (w *world) want(what string, st zx.Status, number uint64, args ...uint64) {
	w.t.Helper()
	if got := w.status(number, args...); got != st {
		w.t.Errorf("%s: %s = %v, want %v", what, Name(uint32(number)), got, st)
	}
}

// alloc gives n bytes of user memory, 16-byte aligned, zeroed.
func (w *world) alloc(n uint64) uint64 {
	w.t.Helper()
	at := w.next
	w.next = (w.next + n + 15) &^ 15
	if w.next > ramPages*pageSize {
		w.t.Fatal("out of user memory")
	}
	va := uint64(w.ram) + at
	w.poke(va, make([]byte, n))
	return va
}

func (w *world) poke(va uint64, p []byte) {
	w.t.Helper()
	if st := w.ramVMO.WriteBytes(p, va-uint64(w.ram), w.ctx.Request); st != zx.OK {
		w.t.Fatal(st)
	}
}

func (w *world) peek(va uint64, n int) []byte {
	w.t.Helper()
	p := make([]byte, n)
	if st := w.ramVMO.ReadBytes(p, va-uint64(w.ram), w.ctx.Request); st != zx.OK {
		w.t.Fatal(st)
	}
	return p
}

func (w *world) peek32(va uint64) uint32 { return binary.LittleEndian.Uint32(w.peek(va, 4)) }
func (w *world) peek64(va uint64) uint64 { return binary.LittleEndian.Uint64(w.peek(va, 8)) }

// make makes an object by a call whose last argument is the out pointer.
func (w *world) make(number uint64, args ...uint64) uint64 {
	w.t.Helper()
	mark := w.next
	out := w.alloc(4)
	w.next = mark
	if st := w.status(number, append(args, out)...); st != zx.OK {
		w.t.Fatalf("%s = %v", Name(uint32(number)), st)
	}
	return uint64(w.peek32(out))
}

func (w *world) vmo(size uint64) uint64 { return w.make(sysVMOCreate, size, 0) }

// with gives another handle of h's object with rights, whatever h carries.
func (w *world) with(h uint64, rights zx.Rights) uint64 {
	w.t.Helper()
	o, st := w.proc.handles.Get(zx.Handle(h), zx.ObjNone, 0)
	if st != zx.OK {
		w.t.Fatalf("with: %v", st)
	}
	d, st := w.proc.handles.Add(o, rights)
	object.Unref(o)
	if st != zx.OK {
		w.t.Fatalf("with: %v", st)
	}
	return uint64(d)
}

// rights gives what h carries.
func (w *world) rights(h uint64) zx.Rights {
	w.t.Helper()
	o, have, st := w.proc.handles.GetRights(zx.Handle(h), zx.ObjNone, 0)
	if st != zx.OK {
		w.t.Fatalf("rights: %v", st)
	}
	object.Unref(o)
	return have
}

func (w *world) close(handles ...uint64) {
	for _, h := range handles {
		w.proc.handles.Close(zx.Handle(h))
	}
}

// unwritable are pointers that no record of n bytes can be written to.
func (w *world) unwritable(n uint64) map[string]uint64 {
	return map[string]uint64{
		"null":                 0,
		"one":                  1,
		"kernel":               0x200000,
		"hole":                 uint64(w.ram) + ramPages*pageSize,
		"last byte in a hole":  uint64(w.ram) + ramPages*pageSize - n + 1,
		"read only":            uint64(w.ro),
		"past the VMO's end":   uint64(w.short) + pageSize,
		"across the VMO's end": uint64(w.short) + pageSize - n/2,
		"not canonical":        0x8000_0000_0000,
		"top of user space":    0x7fff_ffff_f000,
		"high half":            0xffff_8000_0000_0000,
		"all ones":             ^uint64(0),
		"wraps":                -n + 1,
	}
}

// unreadable are pointers that no record of n bytes can be read from.
func (w *world) unreadable(n uint64) map[string]uint64 {
	m := w.unwritable(n)
	delete(m, "read only")
	m["last byte after read only"] = uint64(w.ro) + pageSize - n + 1
	return m
}

// badOuts makes the call with each bad pointer as argument at and checks that
// it answers ErrInvalidArgs and leaves no handle behind. undo, if not nil, runs
// before each.
func (w *world) badOuts(n uint64, at int, undo func(), number uint64, args ...uint64) {
	w.t.Helper()
	for name, ptr := range w.unwritable(n) {
		if undo != nil {
			undo()
		}
		before := w.proc.handles.Count()
		a := append([]uint64(nil), args...)
		a[at] = ptr
		w.want("out "+name, zx.ErrInvalidArgs, number, a...)
		if after := w.proc.handles.Count(); after != before {
			w.t.Errorf("out %s: %s: %d handles, were %d", name, Name(uint32(number)), after, before)
		}
	}
}

// badIns is badOuts for a pointer that is read.
func (w *world) badIns(n uint64, at int, number uint64, args ...uint64) {
	w.t.Helper()
	for name, ptr := range w.unreadable(n) {
		a := append([]uint64(nil), args...)
		a[at] = ptr
		w.want("in "+name, zx.ErrInvalidArgs, number, a...)
	}
}

// bad are handle values that name nothing in the world.
func (w *world) bad(h uint64) []uint64 {
	return []uint64{0, 1, 3, h &^ 1, h &^ 2, h ^ 1<<31, h ^ 1<<20, 0xffffffff}
}

// ramObject gives an object for the VMO that user memory is made of.
func (w *world) ramObject() object.Object {
	w.ramVMO.Retain()
	return NewVMO(w.ramVMO, zx.KoidInvalid)
}

// mapHandle maps a whole VMO readable and writable through zx_vmar_map.
func (w *world) mapHandle(h, length uint64) uint64 {
	w.t.Helper()
	out := w.alloc(8)
	w.want("map", zx.OK, sysVMARMap, uint64(w.rootVMAR), uint64(zx.VMPermRead|zx.VMPermWrite), 0, h, 0, length, out)
	return w.peek64(out)
}

// eachMapping calls f with every mapping of a space, by address.
func eachMapping(space *vmar.AddressSpace, f func(vmar.Entry)) {
	for e, ok := space.After(vmar.Entry{}); ok; e, ok = space.After(e) {
		if e.VMO != nil {
			f(e)
			e.VMO.Release()
		}
	}
}

// mappings counts those of a space.
func mappings(space *vmar.AddressSpace) (n int) {
	eachMapping(space, func(vmar.Entry) { n++ })
	return n
}

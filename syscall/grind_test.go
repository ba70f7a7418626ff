package syscall

import (
	"flag"
	"fmt"
	"math/rand"
	"strings"
	"sync"
	"testing"

	"faultline/object"
	"faultline/pager"
	"faultline/vmar"
	"faultline/vmo"
	"faultline/zx"
)

// firstSeed starts the grinder elsewhere: go test -run Grind -seed 1000.
var firstSeed = flag.Int64("seed", 0, "first seed of the grinder")

// restless is a Waiter that never sleeps: time passes at once, and what has no
// deadline is interrupted.
type restless struct{ n uint32 }

func (*restless) Yield() zx.Status { return zx.OK }
func (r *restless) Wake() bool     { return false }

func (r *restless) Wait(_ zx.ThreadState, deadline zx.Time) zx.Status {
	r.n++
	switch {
	case r.n%7 == 0:
		return zx.OK // for nothing
	case deadline != zx.TimeInfinite:
		return zx.ErrTimedOut
	case r.n%2 == 0:
		return zx.ErrInternalIntrRetry
	}
	return zx.ErrInternalIntrKilled
}

// shapes says what the arguments of each call should look like for it to get
// far: a letter each, see grinder.arg. Calls without one get anything.
var shapes = map[uint64]string{
	sysHandleClose: "H", sysHandleDuplicate: "Hrp", sysHandleReplace: "Hrp",
	sysObjectGetInfo: "Htpnpp", sysObjectSignal: "Ess", sysObjectWaitOne: "Esdp", sysObjectWaitAsync: "ETksw",
	sysEventCreate: "0p", sysPortCreate: "0p", sysPortWait: "Tdp", sysPortQueue: "Tp", sysPortCancel: "TEk", sysPortCancelKey: "T0k",
	sysPagerCreate: "0p", sysPagerCreateVMO: "POTkap", sysPagerDetachVMO: "PV", sysPagerSupplyPages: "PVaaVa",
	sysPagerOpRange: "PqVaaf", sysPagerQueryDirtyRanges: "PVanpnpp", sysPagerQueryVMOStats: "PVwpn",
	sysVMOCreate: "nOp", sysVMORead: "Vpnn", sysVMOWrite: "Vpnn", sysVMOGetSize: "Vp", sysVMOSetSize: "Vn",
	sysVMOGetStreamSize: "Vp", sysVMOSetStreamSize: "Vn", sysVMOOpRange: "Vonn00",
	sysVMARAllocate: "Rc0app", sysVMARDestroy: "R", sysVMARMap: "Wm0Valp", sysVMARUnmap: "Wvl", sysVMARProtect: "Wmvl", sysVMAROpRange: "Wovl00",
	sysObjectGetProperty: "Hypn", sysObjectSetProperty: "Hypn",
	sysChannelCreate: "0pp", sysChannelRead: "Cwppnwpp", sysChannelWrite: "C0pnp0",
	sysProcessCreate: "Jpn0pp", sysTaskKill: "X", sysTaskSuspend: "Dp", sysTaskSuspendToken: "Dp", sysTaskCreateExceptionChannel: "Xwp",
	sysExceptionGetThread: "xp", sysExceptionGetProcess: "xp", sysFutexWake: "uw", sysFutexRequeue: "uw0uw0",
	sysThreadCreate: "Xpn0p", sysThreadStart: "Dpp00", sysDebugWrite: "pn", sysNanosleep: "d", sysCprngDraw: "pn", sysJobCreate: "J0p",
	sysEventpairCreate: "0pp", sysObjectSignalPeer: "Hss", sysFifoCreate: "ww0pp", sysTimerCreate: "w0p", sysStreamCreate: "wVap",
	sysProcessReadMemory: "Xvpnp", sysChannelReadEtc: "Cwppnwpp", sysChannelWriteEtc: "Cwpnp0",
}

// grinder makes random calls with arguments that are often almost right.
type grinder struct {
	w       *world
	r       *rand.Rand
	ctx     *Context
	byType  map[zx.ObjType][]uint64
	handles []uint64
	regions []uint64    // addresses of what was mapped
	pairs   [][2]uint64 // a pager and a VMO it made
	answers answers
}

func newGrinder(w *world, seed int64) *grinder {
	g := &grinder{w: w, r: rand.New(rand.NewSource(seed)), answers: answers{}}
	wait := new(restless)
	g.ctx = w.newContext(w.proc, newThread("grinder"))
	g.ctx.Waiter = wait
	g.ctx.Request, g.ctx.CopyRequest = new(vmo.PageRequest), new(vmo.PageRequest)
	g.ctx.Request.Init(wait)
	g.ctx.CopyRequest.Init(wait)
	return g
}

// refresh learns the handles there are, and closes some when there are many.
// The root region is not told: what is mapped in it lives long.
func (g *grinder) refresh() {
	g.byType, g.handles, g.regions = map[zx.ObjType][]uint64{}, g.handles[:0], g.regions[:0]
	g.pairs = g.pairs[:0]
	pagers := map[zx.Koid][]uint64{}
	g.w.proc.handles.ForEach(func(i object.Info) bool {
		if b := i.Object.ObjectBase(); b.Type() == zx.ObjPager {
			pagers[b.Koid()] = append(pagers[b.Koid()], uint64(i.Handle))
		}
		return true
	})
	total := g.w.proc.handles.Count()
	g.w.proc.handles.ForEach(func(i object.Info) bool {
		h := uint64(i.Handle)
		if total > 150 && g.r.Intn(3) == 0 && i.Handle != g.w.rootVMAR {
			g.w.proc.handles.Close(i.Handle)
			return true
		}
		if i.Handle != g.w.rootVMAR {
			typ := i.Object.ObjectBase().Type()
			g.byType[typ] = append(g.byType[typ], h)
			g.handles = append(g.handles, h)
			if v, ok := i.Object.(*VMO); ok && v.Pager != 0 {
				for _, p := range pagers[v.Pager] {
					g.pairs = append(g.pairs, [2]uint64{p, h})
				}
			}
		}
		return true
	})
	eachMapping(g.w.proc.space, func(m vmar.Entry) {
		if m.Base != g.w.ram && m.Base != g.w.ro && m.Base != g.w.short && len(g.regions) < 200 {
			g.regions = append(g.regions, uint64(m.Base))
		}
	})
	for _, typ := range []zx.ObjType{zx.ObjPager, zx.ObjPort, zx.ObjVMAR, zx.ObjProcess, zx.ObjJob, zx.ObjException, zx.ObjChannel} {
		if len(g.byType[typ]) == 0 {
			g.seed()
			g.refresh()
			return
		}
	}
}

// seed makes one of each object that others need.
func (g *grinder) seed() {
	g.w.proc.handles.Add(pager.New(g.w.pager), zx.RightsPager)
	g.w.proc.handles.Add(object.NewPort(), zx.RightsPort)
	g.w.proc.handles.Add(g.w.proc, zx.RightsProcess)
	j, x := newJob(), &trouble{thread: g.w.thr, process: g.w.proc, processRights: zx.RightsProcess}
	x.Base.Init(zx.ObjException, 0)
	g.w.proc.handles.Add(j, rightsChannelMaker|zx.RightEnumerate|zx.RightManageProcess|zx.RightManageJob|zx.RightSetPolicy)
	g.w.proc.handles.Add(x, zx.RightGetProperty|zx.RightSetProperty)
	a, b := object.NewChannel()
	g.w.proc.handles.Add(a, object.RightsChannel)
	g.w.proc.handles.Add(b, object.RightsChannel)
	rights := zx.RightsVMAR | zx.RightRead | zx.RightWrite
	sub, _, st := g.w.proc.space.Root().Allocate(zx.VMCanMapRead|zx.VMCanMapWrite|zx.VMCanMapSpecific, 0, 1<<30, rights, nil)
	if st == zx.OK {
		g.w.proc.handles.Add(NewVMAR(sub), rights)
	}
}

func (g *grinder) of(typ zx.ObjType) uint64 {
	if list := g.byType[typ]; len(list) > 0 {
		return list[g.r.Intn(len(list))]
	}
	return 0
}

// arg gives an argument of the shape c, or now and then anything.
func (g *grinder) arg(c byte) uint64 {
	if g.r.Intn(20) == 0 {
		return g.wild()
	}
	switch c {
	case 'H':
		return g.handles[g.r.Intn(len(g.handles))]
	case 'P':
		return g.of(zx.ObjPager)
	case 'T':
		return g.of(zx.ObjPort)
	case 'V':
		return g.of(zx.ObjVMO)
	case 'R':
		return g.of(zx.ObjVMAR)
	case 'W':
		if g.r.Intn(2) == 0 {
			return uint64(g.w.rootVMAR)
		}
		return g.of(zx.ObjVMAR)
	case 'X':
		return g.of(zx.ObjProcess)
	case 'E':
		return g.of(zx.ObjEvent)
	case 'D':
		return g.of(zx.ObjThread)
	case 'C':
		return g.of(zx.ObjChannel)
	case 'J':
		return g.of(zx.ObjJob)
	case 'x':
		return g.of(zx.ObjException)
	case 'y':
		return []uint64{propRegisterFS, propRegisterGS, propName, propName, propExceptionState, propVMOContentSize, propExceptionStrategy}[g.r.Intn(7)]
	case 'u':
		return uint64(g.w.ram) + uint64(g.r.Intn(ramPages*pageSize/4))*4
	case 'p':
		return uint64(g.w.ram) + uint64(g.r.Intn(ramPages*pageSize-100))
	case 'a':
		return uint64(g.r.Intn(1<<g.r.Intn(4))) * pageSize
	case 'l':
		return uint64(1+g.r.Intn(3)) * pageSize
	case 'n':
		return uint64(g.r.Intn(pageSize << g.r.Intn(4) / 2))
	case 'q':
		return uint64(g.r.Intn(6))
	case 'o':
		return uint64(g.r.Intn(16))
	case 'O':
		return []uint64{0, 2, 8, 10}[g.r.Intn(4)]
	case 'w':
		return uint64(g.r.Intn(2))
	case 'k':
		return uint64(g.r.Intn(4))
	case 'd':
		return uint64(g.r.Intn(1000))
	case 's':
		return 1 << (24 + g.r.Intn(3))
	case 'r':
		if g.r.Intn(2) == 0 {
			return uint64(zx.RightSame)
		}
		return uint64(g.r.Uint32() & 0x40d0ef)
	case 't':
		return []uint64{1, 2, 7, 10, 19, 0x20000017, 0x30000017}[g.r.Intn(7)]
	case 'f':
		return []uint64{0, 1, ^uint64(39), ^uint64(19)}[g.r.Intn(4)]
	case 'c':
		return uint64(zx.VMCanMapRead | zx.VMCanMapWrite | zx.VMCanMapSpecific)
	case 'm':
		return uint64(1 | g.r.Intn(2)<<1)
	case 'v':
		if len(g.regions) > 0 {
			return g.regions[g.r.Intn(len(g.regions))] + uint64(g.r.Intn(3))*pageSize
		}
	}
	return 0
}

func (g *grinder) wild() uint64 {
	switch g.r.Intn(8) {
	case 0:
		return g.handles[g.r.Intn(len(g.handles))]
	case 1:
		return uint64(g.w.ram) + uint64(g.r.Intn(ramPages*pageSize+16))
	case 2:
		return 1 << g.r.Intn(64)
	case 3:
		return -(uint64(1) << g.r.Intn(64))
	case 4:
		return []uint64{uint64(g.w.ro), uint64(g.w.short) + 4090, 0x200000, 0x8000_0000_0000, ^uint64(0)}[g.r.Intn(5)]
	case 5:
		return uint64(g.r.Intn(20))
	case 6:
		return g.r.Uint64()
	}
	return 0
}

// step makes one call; it says which if it panics.
func (g *grinder) step() {
	number := uint64(g.r.Intn(int(Count) + 1))
	if number == sysProcessExit && g.r.Intn(100) != 0 || number == sysHandleCloseMany && g.r.Intn(50) != 0 {
		return
	}
	if number == sysVMARDestroy && g.r.Intn(20) != 0 || number == sysPagerDetachVMO && g.r.Intn(5) != 0 {
		return
	}
	var a [8]uint64
	shape := shapes[number]
	for i := range a {
		if i < len(shape) {
			a[i] = g.arg(shape[i])
		} else {
			a[i] = g.wild()
		}
	}
	if number == sysChannelWrite {
		a[5] = 0 // a channel in itself would live for ever
	}
	if number == sysChannelCall {
		return // as above, in memory
	}
	if i := strings.IndexByte(shape, 'V'); len(g.pairs) > 0 && i > 0 && shape[0] == 'P' && g.r.Intn(5) != 0 {
		pair := g.pairs[g.r.Intn(len(g.pairs))]
		a[0], a[i] = pair[0], pair[1]
	}
	defer func() {
		if p := recover(); p != nil {
			panic(fmt.Sprintf("%s %#x: %v", Name(uint32(number)), a, p))
		}
	}()
	result := dispatch(g.ctx, number, &a)
	if number == sysClockGetMonotonic || number == sysSystemGetPageSize || number == sysSystemGetNumCpus {
		return
	}
	if result > 0 || result < -600 {
		panic(fmt.Sprintf("answers %#x", result))
	}
	if g.answers[number] == nil {
		g.answers[number] = map[int64]int{}
	}
	g.answers[number][result]++
}

// grind runs threads of random calls in one process and checks, by the world's
// own cleanup, that nothing is left of them.
func grind(t *testing.T, threads, calls int, seed int64) (all answers) {
	w := newWorld(t, 600)
	var wg sync.WaitGroup
	var mu sync.Mutex
	all = answers{}
	for i := range threads {
		wg.Add(1)
		go func() {
			defer wg.Done()
			g := newGrinder(w, seed+int64(i))
			g.seed()
			for n := range calls {
				if n%64 == 0 {
					g.refresh()
				}
				g.step()
			}
			mu.Lock()
			all.add(g.answers)
			mu.Unlock()
		}()
	}
	wg.Wait()
	w.proc.handles.CloseAll(nil)
	if n := w.proc.handles.Count(); n != 0 {
		t.Errorf("%d handles left", n)
	}
	return all
}

// answers counts what each call answered.
type answers map[uint64]map[int64]int

func (a answers) add(b answers) {
	for number, results := range b {
		if a[number] == nil {
			a[number] = map[int64]int{}
		}
		for r, n := range results {
			a[number][r] += n
		}
	}
}

// TestGrindOneThread also fails if a call with a shape never succeeded: the
// grinding would be of its argument checks alone.
func TestGrindOneThread(t *testing.T) {
	all := answers{}
	for seed := range int64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { all.add(grind(t, 1, 20000, *firstSeed+seed)) })
	}
	for number := range shapes {
		if all[number][0] == 0 && *firstSeed == 0 {
			t.Errorf("%s never succeeded: %v", Name(uint32(number)), all[number])
		}
	}
	for number := range uint64(Count) {
		t.Logf("%-28s %v", Name(uint32(number)), all[number])
	}
}

func TestGrindThreads(t *testing.T) {
	for seed := range int64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { grind(t, 4, 5000, *firstSeed+100+4*seed) })
	}
}

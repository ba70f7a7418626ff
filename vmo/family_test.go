package vmo

import (
	"flag"
	"fmt"
	"math/rand"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"faultline/account"
	"faultline/mmu"
	"faultline/zx"
)

var (
	familyTime = flag.Duration("family.time", 2*time.Second, "how long the family checker runs")
	familyOps  = flag.Int("family.ops", 0, "run the family checker for so many operations instead")
	familyMany = flag.Int("family.many", 200, "how many families come and go on one Store")
	familySeed = flag.Int64("family.seed", 1, "the first history of the family checker")
)

// famVMO is a handle.
type famVMO struct {
	v       *VMO
	n       *famNode
	off     int
	length  int // of a slice
	slice   bool
	primary bool
	rsz     bool
	parent  *famVMO
	m       *famMapping
}

func (h *famVMO) size() int {
	if h.slice {
		return h.length
	}
	return h.n.size
}

// famPin is what a token of pinned memory holds.
type famPin struct {
	h      *famVMO
	off    uint64
	frames []mmu.Frame
	mapped []bool // by h when it was pinned: it stays so
}

// famMapping has the whole VMO mapped.
type famMapping struct {
	place MappingPlace
	ptes  map[uint64]Page
}

func (m *famMapping) UnmapRange(off, length uint64) {
	for at := range m.ptes {
		if at >= off && at-off < length {
			delete(m.ptes, at)
		}
	}
}

func (m *famMapping) Accessed(off, length uint64) uint64 { return 0 }

func (m *famMapping) RemoveWriteRange(off, length uint64) {
	for at, p := range m.ptes {
		if at >= off && at-off < length {
			m.ptes[at] = Page{Frame: p.Frame}
		}
	}
}

// family world.
type famWorld struct {
	t        *testing.T
	mem      *mmu.Memory
	account  *account.Account // of a program, which pays for it all
	st       *Store
	src      *famSource
	root     *famNode // the pager's, or nil
	vmos     []*famVMO
	nodes    []*famNode              // that have windows, and the pager's root
	shared   bool                    // others use the Store, too
	left     []func(*zx.Budget) bool // what is to be done later, if it is not at once
	pins     []*famPin
	req      PageRequest
	detached bool
	next     byte
	log      []string
}

// famSource answers what is asked while the asker sleeps.
type famSource struct {
	PageSource
	w   *famWorld
	ask *PageRequest
}

func (s *famSource) Send(r *PageRequest)              { s.ask = r }
func (s *famSource) Clear(*PageRequest)               {}
func (s *famSource) Swap(r, heir *PageRequest)        {}
func (s *famSource) OnDetach()                        {}
func (*famSource) OnGone()                            {}
func (*famSource) Later(work func(b *zx.Budget) bool) { go finish(work) }
func (s *famSource) Awaited()                         {}
func (s *famSource) Wake() bool                       { return false }
func (s *famSource) Yield() zx.Status                 { return zx.OK }
func (s *famSource) Wait(zx.ThreadState, zx.Time) zx.Status {
	s.w.answer(s.ask)
	return zx.OK
}

func (w *famWorld) fail(f string, args ...any) {
	w.t.Helper()
	for _, l := range w.log {
		w.t.Log(l)
	}
	w.t.Fatalf(f, args...)
}

func (w *famWorld) byte() byte {
	w.next++
	if w.next == 0 {
		w.next = 1
	}
	return w.next
}

// answer does what the pager is asked: of READ, each page is new or a marker.
func (w *famWorld) answer(r *PageRequest) {
	first, end := int(r.Offset/pg), int(r.End()/pg)
	root := w.rootVMO()
	w.log = append(w.log, fmt.Sprintf("    asked %d [%d,%d)", r.Kind, first, end))
	if root == nil {
		// Nobody can name the root any more: let the asker see that.
		w.src.Fail(r.Offset, r.Length, zx.ErrIO)
		return
	}
	if r.Kind == RequestDirty {
		w.must(root.v.DirtyPages(r.Offset, r.Length, nil))
		for p := first; p < end; p++ {
			w.root.dirty(p)
		}
		return
	}
	var run PageRun
	for p := first; p < end; p++ {
		if w.root.e[p].kind != 'A' {
			w.fail("READ of page %d, which is %c", p, w.root.e[p].kind)
		}
		b := w.byte()
		if b%5 == 0 {
			w.root.e[p] = famEntry{kind: 'M'}
			run.Length += pg
			continue
		}
		w.root.e[p] = famEntry{'P', &famPage{data: [2]byte{b, b}, clean: true}}
		bytes, st := w.st.Append(&run)
		w.must(st)
		clear(bytes[:])
		bytes[0], bytes[halfPage] = b, b
	}
	w.must(root.v.SupplyPages(r.Offset, &run))
}

func (w *famWorld) rootVMO() *famVMO {
	for _, h := range w.vmos {
		if h.v.root {
			return h
		}
	}
	return nil
}

func (w *famWorld) must(st zx.Status) {
	w.t.Helper()
	if st != zx.OK {
		w.fail("status %v", st)
	}
}

func newFamily(t *testing.T, r *rand.Rand) *famWorld {
	a := account.NewRoot(1<<30, 600, nil).New()
	return newFamilyOn(t, r, NewStore(mmu.NewSimulated(600)).PaidBy(a))
}

func newFamilyOn(t *testing.T, r *rand.Rand, store *Store) *famWorld {
	w := &famWorld{t: t, mem: store.mem, account: store.account, st: store}
	w.src = &famSource{w: w}
	w.req.Init(w.src)
	n := &famNode{size: 1 + r.Intn(famPages-2), windows: 1}
	h := &famVMO{n: n, primary: true, rsz: r.Intn(2) == 0}
	options := uint32(0)
	if h.rsz {
		options = zx.VMOResizable
	}
	var st zx.Status
	kind := byte('-')
	if what := r.Intn(3); what == 0 {
		h.v, st = w.st.New(uint64(n.size)*pg, options)
	} else {
		w.src.Init(w.src, what == 1, &RequestStats{})
		h.v, st = w.st.NewPaged(uint64(n.size)*pg, options, &w.src.PageSource)
		n.pager, w.root, kind = true, n, 'A'
	}
	w.must(st)
	for i := range n.e {
		n.e[i].kind = '-'
		if i < n.size {
			n.e[i].kind = kind
		}
	}
	w.nodes = []*famNode{n}
	w.open(h)
	return w
}

func (w *famWorld) open(h *famVMO) {
	h.m = &famMapping{ptes: map[uint64]Page{}}
	h.v.AddMapping(&h.m.place, h.m, 0, famPages*pg)
	h.v.Retain()
	w.vmos = append(w.vmos, h)
}

func (w *famWorld) unpin(pin *famPin) {
	pin.h.v.Unpin(pin.off, uint64(len(pin.frames))*pg, nil)
	for i := range pin.frames {
		pin.h.n.e[pin.h.off+int(pin.off/pg)+i].page.pins--
	}
	w.pins = without(w.pins, pin)
}

func (w *famWorld) close(h *famVMO) {
	for _, pin := range append([]*famPin(nil), w.pins...) {
		if pin.h == h {
			w.unpin(pin)
		}
	}
	h.v.RemoveMapping(&h.m.place)
	h.v.Release()
	h.v.Release()
	w.vmos = without(w.vmos, h)
	for _, c := range w.vmos {
		if c.parent == h {
			c.parent = h.parent
		}
	}
	if h.n.windows--; h.n.windows == 0 {
		if h.n == w.root {
			w.reapRoot()
		} else {
			w.drop(h.n)
		}
	}
}

// step does one operation.
func (w *famWorld) step(r *rand.Rand) {
	h := w.vmos[r.Intn(len(w.vmos))]
	n, size := h.n, h.size()
	note := func(f string, args ...any) {
		id := -1
		for i, x := range w.vmos {
			if x == h {
				id = i
			}
		}
		w.log = append(w.log, fmt.Sprintf("%d: ", id)+fmt.Sprintf(f, args...))
	}
	a := 0
	if size > 0 {
		a = r.Intn(size + 1)
	}
	b := a + r.Intn(size-a+1)
	na, nb := h.off+a, h.off+b // in the node
	at, length := uint64(a)*pg, uint64(b-a)*pg
	want := func(got, st zx.Status) {
		w.t.Helper()
		if got != st {
			w.fail("answered %v, want %v", got, st)
		}
	}
	// refused says that the pager would have to be asked and cannot be.
	asks := func(n *famNode, a, b int) bool { return w.absent(n, a, b) && !w.alive() }
	switch op := r.Intn(32); op {
	case 0, 1: // read
		if asks(n, na, nb) {
			return
		}
		note("read [%d,%d)", a, b)
		w.must(h.v.ReadBytes(make([]byte, length), at, &w.req))
	case 2, 3, 4, 5: // write half a page
		if a == size || asks(n, na, na+1) {
			return
		}
		v, half := w.byte(), r.Intn(2)
		note("write page %d half %d: %d", a, half, v)
		if n.pager && w.detached && w.root.e[na].kind != 'P' && w.src.traps {
			return
		}
		if n.pager && w.src.traps && (w.detached || w.rootVMO() == nil) && (n.e[na].kind != 'P' || n.e[na].page.clean) {
			return
		}
		w.must(h.v.WriteBytes([]byte{v}, at+uint64(half)*halfPage, &w.req))
		if n.pager {
			n.dirty(na)
		}
		p := w.own(n, na)
		p.data[half], p.clean = v, false
	case 6, 7, 8, 9: // touch through the mapping
		if a == size || asks(n, na, na+1) {
			return
		}
		write := op >= 8
		if write && n.pager && w.src.traps && !w.alive() {
			return
		}
		note("touch page %d, write %v", a, write)
		w.touch(h, a, write)
	case 10: // ZERO
		if n.pinned(na, nb) && n.pager && w.src.traps && !w.alive() {
			return
		}
		note("ZERO [%d,%d)", a, b)
		w.must(h.v.Zero(at, length, &w.req))
		w.zero(n, na, nb)
	case 11: // COMMIT
		if asks(n, na, nb) || n.pager && w.src.traps && !w.alive() {
			return
		}
		note("COMMIT [%d,%d)", a, b)
		w.must(h.v.Commit(at, length, &w.req))
		for p := na; p < nb; p++ {
			switch {
			case n.pager && n.e[p].kind == 'M':
				n.e[p] = famEntry{'P', &famPage{clean: true}}
			case n.pager:
				n.dirtyZeros(p)
			default:
				w.own(n, p)
			}
		}
	case 12: // DECOMMIT
		st := zx.OK
		if b > a && (n.pager || h.v.cow.parent != nil) {
			st = zx.ErrNotSupported
			// Only what has a snapshot, or is one, shares.
			if !n.pager && n.parent == nil && !w.shares(n) && !w.born(n) {
				w.fail("refused, though alone")
			}
		}
		if st == zx.OK && n.pinned(na, nb) {
			st = zx.ErrBadState
		}
		note("DECOMMIT [%d,%d)", a, b)
		want(h.v.Decommit(at, length, nil), st)
		if st == zx.OK {
			for p := na; p < nb; p++ {
				n.e[p] = famEntry{kind: '-'}
			}
		}
	case 13: // PREFETCH
		if asks(n, na, nb) {
			return
		}
		note("PREFETCH [%d,%d)", a, b)
		w.must(h.v.Prefetch(at, length, &w.req))
		if w.absent(n, na, nb) {
			w.fail("something is still absent")
		}
	case 14: // hints
		if !w.alive() {
			return
		}
		note("ALWAYS_NEED and DONT_NEED [%d,%d)", a, b)
		w.must(h.v.AlwaysNeed(at, length, &w.req))
		w.must(h.v.DontNeed(at, length, nil))
	case 15: // set_size
		size := r.Intn(famPages + 1)
		note("set_size %d", size)
		st := zx.OK
		if !h.rsz {
			st = zx.ErrUnavailable
		} else if n.pinned(size, n.size) {
			st = zx.ErrBadState
		}
		want(h.v.SetSize(uint64(size)*pg, &w.req), st)
		if st == zx.OK {
			w.resize(n, size)
		}
	case 16: // the pages go to a pager, or to another VMO
		if n.pager || asks(n, na, nb) {
			return
		}
		note("take [%d,%d)", a, b)
		var run PageRun
		if n.pinned(na, nb) {
			want(h.v.TakePages(at, length, &run, &w.req), zx.ErrBadState)
			return
		}
		w.must(h.v.TakePages(at, length, &run, &w.req))
		var taken [famPages]famEntry
		for f, p := run.head, na; p < nb; p++ {
			_, _, e := n.at(p)
			if e.kind == 'P' {
				taken[p-na] = famEntry{'P', &famPage{data: e.page.data}}
				if f == 0 || int(w.mem.Meta(f).Index()) != p-na {
					w.fail("page %d was not taken", p)
				}
				if data := w.mem.Bytes(f); data[0] != e.page.data[0] || data[halfPage] != e.page.data[1] {
					w.fail("page %d was taken with other content", p)
				}
				f = w.mem.Meta(f).Next
			}
		}
		w.zero(n, na, nb)
		to := w.vmos[r.Intn(len(w.vmos))]
		if a == b || r.Intn(2) == 0 {
			w.st.Discard(&run)
			return
		}
		x := r.Intn(to.size() + 1)
		note("and give it to %p page %d", to, x)
		st := zx.OK
		switch nx := to.off + x; {
		case to.n.pager:
			st = zx.ErrNotSupported
		case x+b-a > to.size():
			st = zx.ErrOutOfRange
		case to.n.pinned(nx, nx+b-a):
			st = zx.ErrBadState
		default:
			w.zero(to.n, nx, nx+b-a)
			for i, e := range taken[:b-a] {
				if e.kind != 0 {
					to.n.e[nx+i] = e
				}
			}
		}
		want(to.v.TransferPages(uint64(x)*pg, &run), st)
	case 17: // evict
		if w.shared { // it would take the others' pages
			return
		}
		note("evict")
		for i := 0; i < 3; i++ {
			w.st.Evict(100, nil)
			w.st.evict(true, 100, nil, &zx.Budget{})
		}
		if w.root != nil {
			w.evicted()
		}
	case 18: // write back
		root := w.rootVMO()
		if root == nil {
			return
		}
		for p := 0; p < w.root.size; p++ {
			if w.root.e[p].kind == 'Z' {
				return
			}
		}
		note("write back")
		w.must(root.v.WritebackBegin(0, uint64(w.root.size)*pg, false, nil))
		w.must(root.v.WritebackEnd(0, uint64(w.root.size)*pg, nil))
		for p := 0; p < w.root.size; p++ {
			if e := w.root.e[p]; e.kind == 'P' && e.page.pins == 0 {
				e.page.clean = true
			}
		}
	case 19: // close
		if len(w.vmos) > 1 && r.Intn(2) == 0 {
			note("close")
			w.close(h)
		}
	case 20:
		if root := w.rootVMO(); root != nil && r.Intn(20) == 0 {
			note("detach")
			root.v.Detach(nil)
			w.detached = true
			for p := 0; p < w.root.size; p++ {
				if e := w.root.e[p]; e.kind == 'M' || e.kind == 'P' && e.page.clean && e.page.pins == 0 {
					w.root.e[p] = famEntry{kind: 'A'}
				}
			}
		}
	case 21, 22: // pin
		write := op == 22
		if a == b || asks(n, na, nb) || n.pager && w.src.traps && !w.alive() || len(w.pins) > 6 {
			return
		}
		note("pin [%d,%d), write %v", a, b, write)
		w.must(h.v.Pin(at, length, write, &w.req))
		pin := &famPin{h: h, off: at}
		for p := na; p < nb; p++ {
			switch {
			case !n.pager:
				w.own(n, p)
			case write:
				n.dirty(p)
			case n.e[p].kind == 'M':
				n.e[p] = famEntry{'P', &famPage{clean: true}}
			default:
				n.dirtyZeros(p)
			}
			n.e[p].page.pins++
			off := uint64(p-h.off) * pg
			_, mapped := h.m.ptes[off]
			pin.frames, pin.mapped = append(pin.frames, h.v.PinnedAt(off)), append(pin.mapped, mapped)
		}
		w.pins = append(w.pins, pin)
	case 23: // unpin
		if len(w.pins) > 0 {
			pin := w.pins[r.Intn(len(w.pins))]
			note("unpin %d pages at %d", len(pin.frames), pin.off/pg)
			w.unpin(pin)
		}
	default:
		if len(w.vmos) < famVMOs {
			w.child(r, h, a, r.Intn(famPages), note)
		}
	}
}

func (n *famNode) dirtyZeros(p int) {
	if n.e[p].kind == 'Z' {
		n.dirty(p)
	}
}

// shares says whether a page of n is another's too; born whether n came from an
// exact snapshot whose other side lives.
func (w *famWorld) shares(n *famNode) bool {
	for i := 0; i < n.size; i++ {
		if n.e[i].page != nil && w.holders(n.e[i].page) > 1 {
			return true
		}
	}
	return false
}

func (w *famWorld) born(n *famNode) bool { return len(w.nodes) > 1 }

// touch faults on page a of h until it is mapped.
func (w *famWorld) touch(h *famVMO, a int, write bool) {
	at := uint64(a) * pg
	for {
		h.v.Lock()
		p, st := h.v.RequirePage(&h.m.place, at, write, &w.req)
		if st == zx.OK {
			if old, ok := h.m.ptes[at]; ok && old.Frame == p.Frame {
				p.Writable = p.Writable || old.Writable
			}
			h.m.ptes[at] = p
		}
		h.v.Unlock()
		switch st {
		case zx.OK:
			if write {
				if h.n.pager {
					h.n.dirty(h.off + a)
				}
				page := w.own(h.n, h.off+a)
				page.clean = false
				if !p.Writable {
					w.fail("a write maps read-only")
				}
				page.data[1] = w.byte()
				w.mem.Bytes(p.Frame)[halfPage] = page.data[1]
			}
			return
		case zx.ErrShouldWait:
			w.must(w.req.Wait())
		default:
			w.fail("fault: %v", st)
		}
	}
}

// child makes a child of h of a random kind and compares it with the rules.
func (w *famWorld) child(r *rand.Rand, h *famVMO, a, n int, note func(string, ...any)) {
	kinds := []uint32{zx.VMOChildSnapshot, zx.VMOChildSnapshotAtLeastOnWrite, zx.VMOChildSnapshotModified, zx.VMOChildSnapshotModified, zx.VMOChildSlice, zx.VMOChildReference}
	kind := kinds[r.Intn(len(kinds))]
	options := kind
	if r.Intn(2) == 0 && kind != zx.VMOChildSlice && (kind != zx.VMOChildReference || h.rsz) {
		options |= zx.VMOChildResizable
	}
	if kind == zx.VMOChildReference {
		a, n = 0, 0
	}
	note("child %#x [%d,%d)", options, a, a+n)
	c, source := h.v.cow, h.n
	before := c.parent
	oneWay := w.root != nil && (kind == zx.VMOChildSnapshotAtLeastOnWrite && (before == nil || !before.hidden()) ||
		kind == zx.VMOChildSnapshotModified && before == nil)
	v, st := h.v.CreateChild(options, uint64(a)*pg, uint64(n)*pg)
	child := &famVMO{v: v, parent: h, rsz: options&zx.VMOChildResizable != 0}
	switch kind {
	case zx.VMOChildSlice:
		want := zx.OK
		if a+n > h.size() {
			want = zx.ErrInvalidArgs
		} else if h.rsz {
			want = zx.ErrNotSupported
		}
		if st != want {
			w.fail("slice: %v, want %v", st, want)
		}
		if st != zx.OK {
			return
		}
		child.n, child.slice, child.off, child.length = source, true, h.off+a, n
	case zx.VMOChildReference:
		if (st == zx.OK) == h.slice {
			w.fail("reference: %v", st)
		}
		if st != zx.OK {
			return
		}
		child.n, child.rsz = source, h.rsz
	default:
		if h.slice && a+n > h.size() {
			if st != zx.ErrOutOfRange {
				w.fail("snapshot past a slice: %v", st)
			}
			return
		}
		if kind == zx.VMOChildSnapshot && w.root != nil || h.slice && !oneWay {
			if st != zx.ErrNotSupported {
				w.fail("snapshot: %v, want NOT_SUPPORTED", st)
			}
			return
		}
		if !oneWay && source.pinned(0, source.size) {
			if st != zx.ErrBadState {
				w.fail("snapshot of a pinned page: %v", st)
			}
			return
		}
		if st != zx.OK {
			// Only shapes are refused.
			if st != zx.ErrNotSupported || w.root == nil || source.pager {
				w.fail("snapshot: %v", st)
			}
			return
		}
		fresh := &famNode{size: n, windows: 0}
		for i := range fresh.e {
			fresh.e[i].kind = '-'
		}
		a += h.off
		view := min(n, max(source.size-a, 0))
		if !oneWay {
			for p := 0; p < view; p++ {
				fresh.e[p] = source.e[a+p]
			}
			if source.parent != nil {
				fresh.parent, fresh.off = source.parent, source.off+a
				fresh.limit = max(min(view, source.limit-a), 0)
			}
		} else {
			// Anything from the source up that has nothing between is a
			// parent as good as the source: take the kernel's, and check it.
			fresh.parent, fresh.off, fresh.limit = source, a, view
			for up := c; up != v.cow.parent; up = up.parent {
				m := fresh.parent
				for p := 0; p < fresh.limit; p++ {
					if m.e[p+fresh.off].kind != '-' {
						w.fail("page %d of the source is not seen", p)
					}
				}
				if m.parent == nil {
					w.fail("hangs too high")
				}
				fresh.limit = max(min(fresh.limit, m.limit-fresh.off), 0)
				fresh.parent, fresh.off = m.parent, fresh.off+m.off
			}
		}
		w.nodes = append(w.nodes, fresh)
		child.n, child.primary = fresh, true
	}
	child.n.windows++
	w.open(child)
}

// familyHistory plays one history and says how many operations it had. In every second
// one what can be done later is, a little after each operation.
func familyHistory(t *testing.T, seed int64) (ops int) {
	r := rand.New(rand.NewSource(seed))
	w := newFamily(t, r)
	w.log = []string{fmt.Sprintf("-family.seed=%d, pager %v, %d pages", seed, w.root != nil, w.nodes[0].size)}
	if seed%2 == 0 {
		w.later()
	}
	verify := func() {
		if w.work(r.Intn(3), 16); len(w.left) > 0 && r.Intn(4) > 0 {
			return
		}
		w.work(1<<30, 16)
		w.verify()
	}
	n := 20 + r.Intn(120)
	for ; ops < n; ops++ {
		w.step(r)
		verify()
	}
	for len(w.vmos) > 0 {
		w.close(w.vmos[r.Intn(len(w.vmos))])
		if len(w.vmos) > 0 {
			verify()
		}
	}
	w.work(1<<30, 16)
	if left := w.mem.Outstanding(); len(left) != 0 {
		w.fail("%d frames leaked", len(left))
	}
	if s := w.st.Stats(); s.VMOs != 0 || s.Nodes != 0 || s.Listed != 0 || s.Needed != 0 {
		w.fail("left behind: %+v", s)
	}
	if b, p := w.account.Used(), w.account.UsedPages(); b != 0 || p != 0 {
		w.fail("%d bytes, %d pages are still paid for", b, p)
	}
	return ops
}

// TestManyFamilies has four threads make and close families of one Store at once:
// what each shows is right, and all that was taken is given back.
func TestManyFamilies(t *testing.T) {
	mem := mmu.NewSimulated(4000)
	a := account.NewRoot(1<<30, 4000, nil).New()
	st := NewStore(mem).PaidBy(a)
	var wg sync.WaitGroup
	var ops atomic.Int64
	for i := range 4 {
		wg.Go(func() {
			for k := range *familyMany / 4 {
				r := rand.New(rand.NewSource(*familySeed + int64(4*k+i)))
				w := newFamilyOn(t, r, st)
				w.shared = true
				for n := 5 + r.Intn(40); n > 0; n-- {
					w.step(r)
					w.verify()
					ops.Add(1)
				}
				for len(w.vmos) > 0 {
					w.close(w.vmos[r.Intn(len(w.vmos))])
				}
			}
		})
	}
	wg.Wait()
	if left, s := mem.Outstanding(), st.Stats(); len(left) != 0 || s.VMOs != 0 || s.Nodes != 0 || a.Used() != 0 || a.UsedPages() != 0 {
		t.Errorf("%d frames, %+v, %d bytes, %d pages left", len(left), s, a.Used(), a.UsedPages())
	}
	t.Logf("%d operations on %d families", ops.Load(), *familyMany)
}

func TestFamilies(t *testing.T) {
	stop := time.Now().Add(*familyTime)
	ops, seed := 0, *familySeed
	for *familyOps == 0 && time.Now().Before(stop) || ops < *familyOps {
		ops += familyHistory(t, seed)
		seed++
	}
	t.Logf("%d operations in %d histories", ops, seed-*familySeed)
}

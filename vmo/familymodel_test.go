package vmo

import (
	"math/rand"
	"testing"

	"faultline/zx"
)

// The model of a family, written from docs/pager.md 7 and 11: no hidden nodes,
// no sharing but of whole pages by whoever may see them.

const (
	famPages = 10 // most pages of a VMO
	famVMOs  = 9
	halfPage = zx.PageSize / 2
)

// famPage is a page: two bytes stand for its halves. Several nodes may hold one:
// they share it exactly.
type famPage struct {
	data  [2]byte
	clean bool // of the root
	pins  int
}

// famEntry is what a node itself has at a page: nothing ('-', and of a pager's
// root 'A'), zeros ('0', of the root 'M' or 'Z') or a page ('P').
type famEntry struct {
	kind byte
	page *famPage
}

// famNode is what a user sees as one VMO's content.
type famNode struct {
	pager   bool
	size    int
	e       [famPages]famEntry
	parent  *famNode
	off     int // in the parent, pages
	limit   int // pages visible there
	windows int
}

func (n *famNode) dirty(p int) {
	switch n.e[p].kind {
	case 'M', 'Z':
		n.e[p] = famEntry{'P', &famPage{}}
	case 'P':
		n.e[p].page.clean = false
	}
}

// at gives what n shows at page p: who has it, and what. A nil node: zeros.
func (n *famNode) at(p int) (*famNode, int, famEntry) {
	for {
		if e := n.e[p]; e.kind != '-' {
			return n, p, e
		}
		if n.parent == nil || p >= n.limit {
			return nil, 0, famEntry{kind: '0'}
		}
		p += n.off
		n = n.parent
		if p >= famPages || p >= n.size {
			// Beyond what is there; views are clipped, so this is a mistake.
			panic("view past the end")
		}
	}
}

func (w *famWorld) holders(p *famPage) (k int) {
	for _, n := range w.nodes {
		for i := 0; i < n.size; i++ {
			if n.e[i].page == p {
				k++
			}
		}
	}
	return k
}

// own gives n a page of its own at p, as a write does.
func (w *famWorld) own(n *famNode, p int) *famPage {
	_, _, e := n.at(p)
	if n.e[p].kind == 'P' && w.holders(n.e[p].page) == 1 {
		return n.e[p].page
	}
	fresh := &famPage{}
	if e.kind == 'P' {
		fresh.data = e.page.data
	}
	n.e[p] = famEntry{'P', fresh}
	return fresh
}

// ready has the pages [a, b) of n asked for, as far as they are absent.
func (w *famWorld) absent(n *famNode, a, b int) bool {
	for p := a; p < b; p++ {
		if _, _, e := n.at(p); e.kind == 'A' {
			return true
		}
	}
	return false
}

// alive says whether the pager can be asked.
func (w *famWorld) alive() bool { return !w.detached && (w.root == nil || w.rootVMO() != nil) }

// drop ends n: what its children see of it is theirs.
func (w *famWorld) drop(n *famNode) {
	for _, c := range w.nodes {
		if c.parent != n {
			continue
		}
		for p := 0; p < c.limit; p++ {
			if c.e[p].kind == '-' && n.e[p+c.off].kind != '-' {
				c.e[p] = n.e[p+c.off]
			}
		}
		limit := c.limit
		if n.parent == nil {
			limit = 0
		} else {
			limit = min(limit, max(n.limit-c.off, 0))
		}
		c.parent, c.off, c.limit = n.parent, c.off+n.off, limit
	}
	w.nodes = without(w.nodes, n)
	w.reapRoot()
}

// reapRoot ends the pager's root when nobody needs it.
func (w *famWorld) reapRoot() {
	if w.root == nil || w.root.windows > 0 {
		return
	}
	for _, c := range w.nodes {
		if c.parent == w.root {
			return
		}
	}
	w.nodes = without(w.nodes, w.root)
}

func without[T comparable](s []T, x T) []T {
	for i, y := range s {
		if y == x {
			return append(s[:i:i], s[i+1:]...)
		}
	}
	return s
}

// pinned says whether n itself has a pinned page in [a, b).
func (n *famNode) pinned(a, b int) bool {
	for p := a; p < b; p++ {
		if n.e[p].page != nil && n.e[p].page.pins > 0 {
			return true
		}
	}
	return false
}

func (w *famWorld) zero(n *famNode, a, b int) {
	for p := a; p < b; p++ {
		switch {
		case n.pinned(p, p+1):
			n.e[p].page.data, n.e[p].page.clean = [2]byte{}, false
		case n.pager && n.e[p].kind == 'M':
		case n.pager:
			n.e[p] = famEntry{kind: 'Z'}
		case n.parent != nil && p < n.limit:
			n.e[p] = famEntry{kind: '0'}
		default:
			n.e[p] = famEntry{kind: '-'}
		}
	}
}

func (w *famWorld) resize(n *famNode, size int) {
	for p := size; p < n.size; p++ {
		n.e[p] = famEntry{kind: '-'}
	}
	for p := n.size; p < size; p++ {
		n.e[p] = famEntry{kind: '-'}
		if n.pager {
			n.e[p].kind = 'Z'
		}
	}
	if size < n.size {
		n.limit = min(n.limit, size)
		for _, c := range w.nodes {
			if c.parent == n {
				c.limit = min(c.limit, max(size-c.off, 0))
			}
		}
	}
	n.size = size
}

func (w *famWorld) evicted() {
	for p := 0; p < w.root.size; p++ {
		if e := w.root.e[p]; e.kind == 'P' && e.page.clean && e.page.pins == 0 {
			w.root.e[p] = famEntry{kind: 'A'}
		}
	}
}

// verify compares all there is.
func (w *famWorld) verify() {
	held := map[*famPage]bool{}
	for _, n := range w.nodes {
		for i := 0; i < n.size; i++ {
			if n.e[i].page != nil {
				held[n.e[i].page] = true
			}
		}
	}
	var real uint64
	seen := map[*cowPages]bool{}
	for _, h := range w.vmos {
		for c := h.v.cow; c != nil && !seen[c]; c = c.parent {
			seen[c] = true
			real += c.pages
			w.sound(c)
		}
	}
	if real != uint64(len(held)) {
		w.fail("%d pages, want %d", real, len(held))
	}
	for _, pin := range w.pins {
		for i, f := range pin.frames {
			at := pin.off + uint64(i)*pg
			if pin.h.v.PinnedAt(at) != f {
				w.fail("pinned page %d moved", at/pg)
			}
			if _, ok := pin.h.m.ptes[at]; pin.mapped[i] && !ok {
				w.fail("pinned page %d was unmapped", at/pg)
			}
		}
	}
	for _, n := range w.nodes {
		want := uint64(0)
		for p := 0; p < n.size; p++ {
			if n.pinned(p, p+1) {
				want++
			}
		}
		for _, h := range w.vmos {
			if h.n == n && h.v.cow.pinned != want {
				w.fail("%d pages pinned, want %d", h.v.cow.pinned, want)
			}
		}
	}
	if got := w.st.Stats(); !w.shared && (got.Nodes != len(seen) || got.VMOs != len(w.vmos)) {
		w.fail("%+v, want %d nodes", got, len(seen))
	}
	for id, h := range w.vmos {
		i := h.v.Info()
		if i.Size != uint64(h.size())*pg {
			w.fail("VMO %d: size %d, want %d", id, i.Size/pg, h.size())
		}
		var bytes, private, scaled uint64
		for p := 0; p < h.size(); p++ {
			_, _, e := h.n.at(h.off + p)
			s := h.v.cow.see(uint64(h.off+p) * pg)
			var got [2]byte
			if s.s.hasPage() {
				b := w.mem.Bytes(s.s.frame())
				got = [2]byte{b[0], b[halfPage]}
			}
			var want [2]byte
			if e.page != nil {
				want = e.page.data
			}
			if got != want || s.ask != (e.kind == 'A') {
				w.fail("VMO %d page %d: %v (asks %v), want %v (%c)", id, p, got, s.ask, want, e.kind)
			}
			if e := h.n.e[h.off+p]; e.page != nil && h.primary {
				k := uint64(w.holders(e.page))
				bytes += pg
				scaled += pg / k
				if k == 1 {
					private += pg
				}
			}
			if pte, ok := h.m.ptes[uint64(p)*pg]; ok {
				b := w.mem.Bytes(pte.Frame)
				// A translation of the zero page may linger where zeros became
				// absent.
				if e.kind != 'A' && (b[0] != want[0] || b[halfPage] != want[1]) {
					w.fail("VMO %d page %d: mapped with %d %d, want %v", id, p, b[0], b[halfPage], want)
				}
				if mine := h.n.e[h.off+p].page; pte.Writable && (mine == nil || w.holders(mine) > 1 || mine.clean && h.n.pager) {
					w.fail("VMO %d page %d is writable and shared, or clean", id, p)
				}
			}
		}
		if i.Committed.Bytes != bytes || i.Committed.Private != private || i.Committed.Scaled < scaled || i.Committed.Scaled > scaled+pg {
			w.fail("VMO %d: committed %+v, want %d %d %d", id, i.Committed, bytes, private, scaled)
		}
		children := 0
		for _, c := range w.vmos {
			if c.parent == h {
				children++
			}
		}
		if i.Children != children || (i.Parent != zx.KoidInvalid) != (h.parent != nil) {
			w.fail("VMO %d: %d children, want %d; has a parent %v", id, i.Children, children, (i.Parent != zx.KoidInvalid))
		}
	}
}

// sound checks what must hold of every node.
func (w *famWorld) sound(c *cowPages) {
	kids := 0
	for n := c.children.First(); n != nil; n = n.Next() {
		b := n.Owner()
		kids++
		if b.parent != c || n.Key() != b.parentOff() || n.Weight() != b.parentOff()+b.parentLimit() || b.dead {
			w.fail("a child hangs wrongly")
		}
	}
	if c.dead || c.hidden() && kids < 2 {
		w.fail("hidden node with %d children, dead %v", kids, c.dead)
	}
	if c.hidden() {
		for pos := c.firstPage(0, c.size); pos < c.size; pos = c.firstPage(pos+pg, c.size) {
			if !c.seen(pos, nil) {
				w.fail("nobody sees page %d of a hidden node", pos/pg)
			}
		}
	}
}

// later has the Store leave what is to be done.
func (w *famWorld) later() {
	w.st.SetLater(func(work func(*zx.Budget) bool) { w.left = append(w.left, work) })
}

// work does up to n turns of it, each of units units of a budget.
func (w *famWorld) work(n, units int) {
	for ; n > 0 && len(w.left) > 0; n-- {
		b := &zx.Budget{}
		b.Spend(zx.BudgetUnits - units)
		if !w.left[0](b) {
			w.left = w.left[1:]
		}
	}
}

// bytesSource draws from a fuzzer's bytes, then from nothing.
type bytesSource struct{ data []byte }

func (s *bytesSource) Seed(int64) {}
func (s *bytesSource) Int63() int64 {
	if len(s.data) == 0 {
		return 0
	}
	b := s.data[0]
	s.data = s.data[1:]
	// Spread so that Intn, which uses the high bits, takes all of it.
	return int64(b) << 55
}

func FuzzFamilies(f *testing.F) {
	for seed := int64(1); seed < 9; seed++ {
		data := make([]byte, 400)
		rand.New(rand.NewSource(seed)).Read(data)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 2000 {
			return
		}
		s := &bytesSource{data}
		w := newFamily(t, rand.New(s))
		for len(s.data) > 0 {
			w.step(rand.New(s))
			w.verify()
		}
		for len(w.vmos) > 0 {
			w.close(w.vmos[len(w.vmos)-1])
		}
		if left := w.mem.Outstanding(); len(left) != 0 {
			w.fail("%d frames leaked", len(left))
		}
	})
}

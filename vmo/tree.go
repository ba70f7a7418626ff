package vmo

import (
	"fmt"

	"faultline/mmu"
	"faultline/zx"
)

// Geometry of a tree.
const (
	nodeBits  = zx.PageShift - 2 // slots are 4 bytes
	nodeSlots = 1 << nodeBits
	nodeMask  = nodeSlots - 1
	maxHeight = 6 // 52 bits of page index, 10 a level

	// ownerNode marks the frames of nodes in their Meta. VMO ids stay below.
	ownerNode = mmu.OwnerReserved - 1
)

// tree maps page indices to slots. Nodes are frames; in a leaf the 1024 entries
// are slots of pages, above they are frame numbers of nodes. A tree of height 0
// is the one slot of page 0, kept in root itself, so that a VMO of one page
// needs no node.
//
// The Meta of a node's frame counts its used entries (Live). A node may stay
// though it is empty (TakePages leaves them for the next filling); prune gives
// such nodes back.
//
// Guarded by the VMO's lock.
type tree struct {
	root   slot // height 0: the slot of page 0; else the root node's frame, 0 empty
	height uint8
	keep   bool // nodes that hold nothing stay: an OP_DIRTY is about to fill them

	// The leaf used last, so that neighbours need no walk: its number among
	// leaves plus one, its frame, the frame's record and its slots. hotKey is 0
	// for none, and becomes that whenever a node is freed.
	hotKey  uint64
	hotLeaf mmu.Frame
	nodes   int32 // frames the tree is made of
	hotMeta *mmu.Meta
	hot     *treeNode
}

// leafKey is the hotKey of the leaf that holds page idx.
func leafKey(idx uint64) uint64 { return idx>>nodeBits + 1 }

// near gives the slot of page idx if it lies in the hot leaf, else nil.
func (t *tree) near(idx uint64) *slot {
	if leafKey(idx) == t.hotKey {
		return &t.hot[idx&nodeMask]
	}
	return nil
}

// find gives the slot of page idx, or nil where the tree has no leaf. Where
// every instruction counts, callers try near themselves.
func (t *tree) find(m *mmu.Memory, idx uint64) *slot {
	if s := t.near(idx); s != nil {
		return s
	}
	return t.walk(m, idx)
}

// walk is find from the root down; it makes the leaf it finds hot.
//
//go:nosplit
func (t *tree) walk(m *mmu.Memory, idx uint64) *slot {
	if t.height == 0 {
		if idx == 0 {
			return &t.root
		}
		return nil
	}
	shift := uint(t.height) * nodeBits
	if idx>>(shift&63) != 0 {
		return nil
	}
	for n := t.root; n != 0; {
		node := asNode(m.Bytes(mmu.Frame(n)))
		if shift -= nodeBits; shift == 0 {
			t.warm(m, idx, mmu.Frame(n), node)
			return &node[idx&nodeMask]
		}
		n = node[idx>>(shift&63)&nodeMask]
	}
	return nil
}

// warm makes a leaf hot.
func (t *tree) warm(m *mmu.Memory, idx uint64, leaf mmu.Frame, n *treeNode) {
	t.hotKey, t.hotLeaf, t.hotMeta, t.hot = leafKey(idx), leaf, m.Meta(leaf), n
}

// count adds n to the used entries of the leaf that holds page idx, if the tree
// has leaves. Pre: the slot of idx was just looked up.
func (t *tree) count(idx uint64, n int) {
	if leafKey(idx) == t.hotKey {
		t.hotMeta.AddLive(n)
	}
}

// get gives the slot of page idx by value; Absent where there is none.
func (t *tree) get(m *mmu.Memory, idx uint64) slot {
	if s := t.find(m, idx); s != nil {
		return *s
	}
	return 0
}

// newNode makes an empty node.
func (t *tree) newNode(m *mmu.Memory) (mmu.Frame, zx.Status) {
	f, st := m.AllocZeroed()
	if st == zx.OK {
		if f > maxFrame {
			panic(fmt.Sprintf("vmo.newNode: frame %#x is beyond the window's last, %#x", f, uint32(maxFrame)))
		}
		m.Meta(f).Owner = ownerNode
		t.nodes++
	}
	return f, st
}

// leaf gives the node that holds the slot of page idx, making what is missing.
// It is 0 at height 0. On NO_MEMORY the tree holds no more than before.
func (t *tree) leaf(m *mmu.Memory, idx uint64) (mmu.Frame, zx.Status) {
	if leafKey(idx) == t.hotKey {
		return t.hotLeaf, zx.OK
	}
	if t.root == 0 {
		// An empty tree takes the height it needs at once.
		t.height = 0
		for idx>>(uint(t.height)*nodeBits) != 0 {
			t.height++
		}
	}
	for idx>>(uint(t.height)*nodeBits) != 0 {
		f, st := t.newNode(m)
		if st != zx.OK {
			t.trim(m)
			return 0, st
		}
		asNode(m.Bytes(f))[0] = t.root
		m.Meta(f).AddLive(1)
		t.root = slot(f)
		t.height++
	}
	if t.height == 0 {
		return 0, zx.OK
	}
	p, up := &t.root, mmu.Frame(0)
	for shift := uint(t.height-1) * nodeBits; ; shift -= nodeBits {
		if *p == 0 {
			f, st := t.newNode(m)
			if st != zx.OK {
				t.prune(m, idx)
				return 0, st
			}
			*p = slot(f)
			if up != 0 {
				m.Meta(up).AddLive(1)
			}
		}
		up = mmu.Frame(*p)
		node := asNode(m.Bytes(up))
		if shift == 0 {
			t.warm(m, idx, up, node)
			return up, zx.OK
		}
		p = &node[idx>>shift&nodeMask]
	}
}

// insert gives the slot of page idx, making the nodes it needs, and counts it
// as used if it is empty. Pre: the caller fills an empty slot.
func (t *tree) insert(m *mmu.Memory, idx uint64) (*slot, zx.Status) {
	f, st := t.leaf(m, idx)
	if st != zx.OK {
		return nil, st
	}
	if f == 0 {
		return &t.root, zx.OK
	}
	s := &t.hot[idx&nodeMask] // leaf left it hot
	if *s == 0 {
		m.Meta(f).AddLive(1)
	}
	return s, zx.OK
}

// run gives the slots of the pages from idx on that lie in one leaf and below
// limit, with the leaf's frame (0 at height 0). Where there is no leaf, slots is
// nil. n is how many pages the answer covers: at least 1. Pre: idx < limit.
func (t *tree) run(m *mmu.Memory, idx, limit uint64) (slots []slot, n uint64, leaf mmu.Frame) {
	if leafKey(idx) == t.hotKey {
		i := idx & nodeMask
		n = min(nodeSlots-i, limit-idx)
		return t.hot[i : i+n], n, t.hotLeaf
	}
	if t.height == 0 && idx == 0 {
		return t.solo(), 1, 0
	}
	if t.height == 0 || t.root == 0 {
		return nil, limit - idx, 0
	}
	shift := uint(t.height-1) * nodeBits
	if idx>>(shift+nodeBits) != 0 {
		return nil, limit - idx, 0
	}
	e := t.root
	for {
		node := asNode(m.Bytes(mmu.Frame(e)))
		i := idx >> shift & nodeMask
		if shift == 0 {
			n = min(nodeSlots-i, limit-idx)
			t.warm(m, idx, mmu.Frame(e), node)
			return node[i : i+n], n, mmu.Frame(e)
		}
		e = node[i]
		if e == 0 { // and its neighbours, perhaps
			end := (idx>>shift + 1) << shift
			for i++; i < nodeSlots && end < limit && node[i] == 0; i++ {
				end += 1 << shift
			}
			return nil, min(end, limit) - idx, 0
		}
		shift -= nodeBits
	}
}

// fill gives the slots of the pages from idx on that lie in one leaf and below
// limit, making the leaf. The caller adds what it fills to the leaf's count
// (added) and prunes the leaf if it fills nothing. Pre: idx < limit.
func (t *tree) fill(m *mmu.Memory, idx, limit uint64) (slots []slot, leaf mmu.Frame, st zx.Status) {
	leaf, st = t.leaf(m, idx)
	if st != zx.OK {
		return nil, 0, st
	}
	if leaf == 0 {
		return t.solo(), 0, zx.OK
	}
	i := idx & nodeMask
	return t.hot[i:min(nodeSlots, i+limit-idx)], leaf, zx.OK // leaf left it hot
}

// added counts n slots filled in leaf.
func (t *tree) added(m *mmu.Memory, leaf mmu.Frame, n int) {
	if leaf != 0 {
		m.Meta(leaf).AddLive(n)
	}
}

// allStates makes scan stop at every used slot.
const allStates = 1<<Marker | 1<<Clean | 1<<Dirty | 1<<AwaitingClean | 1<<Untracked

// scan gives the first page in [idx, limit) whose slot is in one of the states
// of mask, or limit. Absent cannot be looked for. Missing subtrees are skipped
// whole, so the cost is that of the nodes that exist.
func (t *tree) scan(m *mmu.Memory, idx, limit uint64, mask uint16) uint64 {
	for idx < limit {
		slots, n, leaf := t.run(m, idx, limit)
		if leaf != 0 && m.Meta(leaf).Live() == 0 {
			slots = nil
		}
		for i, s := range slots {
			if mask>>s.state()&1 != 0 {
				return idx + uint64(i)
			}
		}
		idx += n
	}
	return limit
}

// gone takes n used slots off the count of leaf and gives empty nodes on the
// path to idx back. Pre: leaf is where idx lies.
func (t *tree) gone(m *mmu.Memory, idx uint64, leaf mmu.Frame, n int) {
	if leaf == 0 || n == 0 {
		return
	}
	meta := m.Meta(leaf)
	meta.AddLive(-n)
	if meta.Live() == 0 {
		t.prune(m, idx)
	}
}

// prune frees the nodes on the path to idx that hold nothing.
func (t *tree) prune(m *mmu.Memory, idx uint64) {
	if t.keep || t.root == 0 || t.height == 0 || idx>>(uint(t.height)*nodeBits) != 0 {
		return
	}
	var path [maxHeight]*slot // entries that lead to the nodes, from the root down
	depth := 0
	p := &t.root
	for shift := uint(t.height) * nodeBits; shift > 0 && *p != 0; {
		path[depth] = p
		depth++
		shift -= nodeBits
		p = &asNode(m.Bytes(mmu.Frame(*p)))[idx>>shift&nodeMask]
	}
	for depth--; depth >= 0; depth-- {
		f := mmu.Frame(*path[depth])
		if m.Meta(f).Live() != 0 {
			return
		}
		t.hotKey = 0
		t.nodes--
		m.FreeZeroed(f)
		*path[depth] = 0
		if depth > 0 {
			m.Meta(mmu.Frame(*path[depth-1])).AddLive(-1)
		}
	}
	t.height = 0 // the root node went
}

// trim lowers a tree whose root leads only to page 0, undoing a growth that
// failed half way.
func (t *tree) trim(m *mmu.Memory) {
	for t.height > 0 {
		f := mmu.Frame(t.root)
		below := asNode(m.Bytes(f))[0]
		if m.Meta(f).Live() != 1 || below == 0 {
			return
		}
		t.hotKey = 0
		t.nodes--
		m.Free(f)
		t.root = below
		t.height--
	}
}

// destroy frees nodes, as many as b allows, and says whether those were all. Pre: no
// slot holds a page.
func (t *tree) destroy(m *mmu.Memory, b *zx.Budget) bool {
	t.hotKey = 0
	if t.height > 0 && t.root != 0 && !t.destroyNode(m, mmu.Frame(t.root), int(t.height)-1, b) {
		return false
	}
	*t = tree{}
	return true
}

// destroyNode frees the node in f and all below it, as far as b allows. Recursion is
// bounded by maxHeight.
func (t *tree) destroyNode(m *mmu.Memory, f mmu.Frame, below int, b *zx.Budget) bool {
	if b.Spend(1) {
		return false
	}
	if below > 0 {
		b.Spend(8) // to look through it
		node := asNode(m.Bytes(f))
		for i, e := range node {
			if e == 0 {
				continue
			}
			if !t.destroyNode(m, mmu.Frame(e), below-1, b) {
				return false
			}
			node[i] = 0
		}
	}
	m.Free(f)
	t.nodes--
	return true
}

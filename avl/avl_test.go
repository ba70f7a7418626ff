package avl

import (
	"math/bits"
	"math/rand"
	"slices"
	"testing"
)

type thing struct {
	node        Node[thing]
	key, weight uint64
}

// check compares the tree with the same things in a sorted slice: order, links,
// heights and greatest weights.
func check(t *testing.T, tree *Tree[thing], want []*thing) {
	t.Helper()
	var walk func(n, parent *Node[thing]) (height uint8, most uint64)
	count := 0
	walk = func(n, parent *Node[thing]) (uint8, uint64) {
		if n == nil {
			return 0, 0
		}
		lh, lm := walk(n.left, n)
		o := want[count]
		count++
		if n.parent != parent || n.owner != o || n.key != o.key || n.weight != o.weight {
			t.Fatalf("node %d is (%d, %d), want (%d, %d)", count-1, n.key, n.weight, o.key, o.weight)
		}
		rh, rm := walk(n.right, n)
		height, most := max(lh, rh)+1, max(lm, rm, n.weight)
		if n.height != height || n.most != most || lh > rh+1 || rh > lh+1 {
			t.Fatalf("node %d has height %d and most %d, want %d and %d, over %d and %d", n.key, n.height, n.most, height, most, lh, rh)
		}
		return height, most
	}
	height, _ := walk(tree.root, nil)
	if count != len(want) {
		t.Fatalf("%d nodes, want %d", count, len(want))
	}
	if n := len(want); n > 0 && int(height) > bits.Len(uint(n))*3/2+1 {
		t.Fatalf("%d nodes, height %d", n, height)
	}
}

// FuzzTree does what the bytes say on a tree and on a sorted slice.
func FuzzTree(f *testing.F) {
	rng := rand.New(rand.NewSource(1))
	for range 20 {
		b := make([]byte, 900)
		rng.Read(b)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var tree Tree[thing]
		var list []*thing
		owner := func(n *Node[thing]) *thing {
			if n == nil {
				return nil
			}
			return n.Owner()
		}
		find := func(ok func(*thing) bool) *thing {
			if i := slices.IndexFunc(list, ok); i >= 0 {
				return list[i]
			}
			return nil
		}
		for ; len(data) >= 3; data = data[3:] {
			op, a, b := data[0]%8, uint64(data[1]), uint64(data[2])
			switch {
			case op < 3:
				o := &thing{key: a, weight: b}
				i := 0
				for i < len(list) && list[i].key <= a {
					i++
				}
				list = slices.Insert(list, i, o)
				tree.Insert(&o.node, o, a, b)
			case len(list) == 0:
			case op < 5:
				i := int(a) % len(list)
				tree.Remove(&list[i].node)
				if list[i].node.In() {
					t.Fatal("removed and still in")
				}
				list = slices.Delete(list, i, i+1)
			case op == 5:
				o := list[int(a)%len(list)]
				o.weight = b
				tree.SetWeight(&o.node, b)
			}
			check(t, &tree, list)
			if got, want := owner(tree.Heavy(a, b)), find(func(o *thing) bool { return o.key >= a && o.weight >= b }); got != want {
				t.Fatalf("Heavy(%d, %d) = %v, want %v", a, b, got, want)
			}
			var floor *thing
			for _, o := range list {
				if o.key <= a {
					floor = o
				}
			}
			if got := owner(tree.Floor(a)); got != floor {
				t.Fatalf("Floor(%d) = %v, want %v", a, got, floor)
			}
			if len(list) == 0 {
				continue
			}
			i := int(a) % len(list)
			n := &list[i].node
			at := func(i int) *thing {
				if i < 0 || i >= len(list) {
					return nil
				}
				return list[i]
			}
			if owner(n.Next()) != at(i+1) || owner(tree.First()) != list[0] || owner(tree.Last()) != list[len(list)-1] {
				t.Fatalf("neighbours of %d are wrong", i)
			}
			var heavier *thing
			for _, o := range list[i+1:] {
				if o.weight >= b {
					heavier = o
					break
				}
			}
			if got := owner(n.Heavier(b)); got != heavier {
				t.Fatalf("Heavier(%d) = %v, want %v", b, got, heavier)
			}
		}
	})
}

// TestNoAllocation: a tree of things that exist needs no memory.
func TestNoAllocation(t *testing.T) {
	var tree Tree[thing]
	things := make([]thing, 1000)
	if n := testing.AllocsPerRun(1, func() {
		for i := range things {
			tree.Insert(&things[i].node, &things[i], uint64(i*7919%1000), 1)
		}
		for i := range things {
			tree.Remove(&things[i].node)
		}
	}); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

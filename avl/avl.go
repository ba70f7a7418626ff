// Package avl orders things by a number in a tree whose nodes lie in the things
// themselves, so that keeping them in order allocates nothing and every step
// takes O(log n).
//
// Each node has a key, by which the tree is ordered, and a weight. The tree
// knows the greatest weight below every node, so that it finds the next node
// that is heavy enough without looking at the light ones. What a weight means
// is the caller's: the free space before a mapping ("where does a page fit?"),
// or the end of a range that begins at the key ("which ranges reach into this
// one?": those with a key below its end and a weight above its start).
//
// Keys may repeat; equal ones stand in the order of their insertion. A tree is
// guarded by the lock of whoever owns it; the package has none.
//
// Source: G. M. Adelson-Velsky and E. M. Landis, 1962: the heights of two
// siblings differ by at most one.
package avl

// Node is a place in a tree. The zero Node is in none.
type Node[T any] struct {
	owner               *T
	left, right, parent *Node[T]
	key, weight         uint64
	most                uint64 // the greatest weight of the node and all below it
	height              uint8  // of the subtree: 1 for a leaf, 0 while in no tree
}

// Tree is an ordered set of nodes. The zero Tree is empty.
type Tree[T any] struct{ root *Node[T] }

// Owner is the thing the node lies in, as Insert was told.
func (n *Node[T]) Owner() *T { return n.owner }

// Key is what the node is ordered by.
func (n *Node[T]) Key() uint64 { return n.key }

// Weight is the weight of the node alone.
func (n *Node[T]) Weight() uint64 { return n.weight }

// In says whether the node is in a tree.
func (n *Node[T]) In() bool { return n.height != 0 }

// Empty says whether the tree has no node.
func (t *Tree[T]) Empty() bool { return t.root == nil }

// Single says whether the tree has one node.
func (t *Tree[T]) Single() bool { return t.root != nil && t.root.height == 1 }

// Insert puts n, which lies in owner, behind every node whose key is not
// greater. Pre: n is in no tree.
func (t *Tree[T]) Insert(n *Node[T], owner *T, key, weight uint64) {
	n.owner, n.key, n.weight, n.most, n.height = owner, key, weight, weight, 1 // the rest is zero
	at := &t.root
	for p := *at; p != nil; p = *at {
		n.parent = p
		if key < p.key {
			at = &p.left
		} else {
			at = &p.right
		}
	}
	*at = n
	t.mend(n.parent)
}

// Remove takes n out. Pre: n is in t.
func (t *Tree[T]) Remove(n *Node[T]) {
	from := n.parent // the lowest node whose subtree changes
	var moved *Node[T]
	switch {
	case n.left == nil:
		t.hang(n, n.right)
	case n.right == nil:
		t.hang(n, n.left)
	default:
		// The next node, which has no left child, takes the place of n.
		next := n.right
		for next.left != nil {
			next = next.left
		}
		if from = next; next != n.right {
			from = next.parent
			t.hang(next, next.right)
			next.right = n.right
			next.right.parent = next
		}
		t.hang(n, next)
		next.left = n.left
		next.left.parent = next
		next.height, next.most = n.height, n.most // what those above know
		moved = next
	}
	*n = Node[T]{}
	t.mend(from)
	t.mend(moved) // its weight is not that of n
}

// SetWeight changes the weight of n. Pre: n is in t.
func (t *Tree[T]) SetWeight(n *Node[T], weight uint64) {
	n.weight = weight
	for ; n != nil; n = n.parent {
		_, _, most := n.below()
		if most == n.most {
			break
		}
		n.most = most
	}
}

// First gives the node with the least key, or nil.
func (t *Tree[T]) First() *Node[T] {
	n := t.root
	for n != nil && n.left != nil {
		n = n.left
	}
	return n
}

// Last gives the node with the greatest key, or nil.
func (t *Tree[T]) Last() *Node[T] {
	n := t.root
	for n != nil && n.right != nil {
		n = n.right
	}
	return n
}

// Floor gives the last node whose key is not greater than key, or nil.
func (t *Tree[T]) Floor(key uint64) (found *Node[T]) {
	for n := t.root; n != nil; {
		if key < n.key {
			n = n.left
		} else {
			found, n = n, n.right
		}
	}
	return found
}

// Heavy gives the first node whose key is at least key and whose weight is at
// least weight, or nil; with a weight of 0, the first from key on.
func (t *Tree[T]) Heavy(key, weight uint64) *Node[T] {
	n := t.root
	var after *Node[T] // the nearest ancestor that comes after all of n's subtree
	for n != nil {
		if n.key >= key {
			after, n = n, n.left
		} else {
			n = n.right
		}
	}
	// after is the first node from key on.
	if after == nil || after.weight >= weight {
		return after
	}
	return after.Heavier(weight)
}

// Heavier gives the first node after n whose weight is at least weight, or nil.
// Pre: n is in a tree.
func (n *Node[T]) Heavier(weight uint64) *Node[T] {
	if r := n.right; r != nil && r.most >= weight {
		return r.first(weight)
	}
	for p := n.parent; p != nil; n, p = p, p.parent {
		if p.left != n {
			continue
		}
		if p.weight >= weight {
			return p
		}
		if r := p.right; r != nil && r.most >= weight {
			return r.first(weight)
		}
	}
	return nil
}

// first gives the first node of n's subtree whose weight is at least weight.
// Pre: there is one.
func (n *Node[T]) first(weight uint64) *Node[T] {
	for {
		switch {
		case n.left != nil && n.left.most >= weight:
			n = n.left
		case n.weight >= weight:
			return n
		default:
			n = n.right
		}
	}
}

// Next gives the node after n, or nil. Pre: n is in a tree.
func (n *Node[T]) Next() *Node[T] { return n.Heavier(0) }

// hang puts child, perhaps nil, in the place of n.
func (t *Tree[T]) hang(n, child *Node[T]) {
	p := n.parent
	switch {
	case p == nil:
		t.root = child
	case p.left == n:
		p.left = child
	default:
		p.right = child
	}
	if child != nil {
		child.parent = p
	}
}

// below gives the heights of n's children, perhaps nil, and what n.most should be.
func (n *Node[T]) below() (left, right uint8, most uint64) {
	most = n.weight
	if c := n.left; c != nil {
		left, most = c.height, max(most, c.most)
	}
	if c := n.right; c != nil {
		right, most = c.height, max(most, c.most)
	}
	return left, right, most
}

// tall is the height of a subtree, perhaps nil.
func (n *Node[T]) tall() uint8 {
	if n == nil {
		return 0
	}
	return n.height
}

// measure sets height and most of n from those of its children.
func (n *Node[T]) measure() {
	l, r, most := n.below()
	n.height, n.most = max(l, r)+1, most
}

// mend restores height, most and balance from n, perhaps nil, up to the root.
func (t *Tree[T]) mend(n *Node[T]) {
	for n != nil {
		switch l, r, most := n.below(); {
		case l > r+1:
			if c := n.left; c.left.tall() < c.right.tall() {
				t.turnLeft(c)
			}
			n = t.turnRight(n)
		case r > l+1:
			if c := n.right; c.right.tall() < c.left.tall() {
				t.turnRight(c)
			}
			n = t.turnLeft(n)
		default:
			height := max(l, r) + 1
			if n.height == height && n.most == most {
				return // nothing changes further up
			}
			n.height, n.most = height, most
		}
		n = n.parent
	}
}

// turnLeft lifts the right child of n into its place and gives it.
func (t *Tree[T]) turnLeft(n *Node[T]) *Node[T] {
	up := n.right
	t.hang(n, up)
	if n.right = up.left; n.right != nil {
		n.right.parent = n
	}
	up.left, n.parent = n, up
	n.measure()
	up.measure()
	return up
}

// turnRight lifts the left child of n into its place and gives it.
func (t *Tree[T]) turnRight(n *Node[T]) *Node[T] {
	up := n.left
	t.hang(n, up)
	if n.left = up.right; n.left != nil {
		n.left.parent = n
	}
	up.right, n.parent = n, up
	n.measure()
	up.measure()
	return up
}

package vmo

import (
	"unsafe"

	"faultline/mmu"
)

// treeNode is one level of a tree: a frame full of slots.
type treeNode [nodeSlots]slot

// nodeAt reaches the node kept in frame f.
func nodeAt(m *mmu.Memory, f mmu.Frame) *treeNode {
	return (*treeNode)(unsafe.Pointer(m.Bytes(f)))
}

// solo is the only slot of a tree of height 0, as a slice.
func (t *tree) solo() []slot { return unsafe.Slice(&t.root, 1) }

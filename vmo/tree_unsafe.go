package vmo

import (
	"unsafe"

	"faultline/zx"
)

// treeNode is one level of a tree: a frame full of slots.
type treeNode [nodeSlots]slot

// asNode is the node that a frame holds.
func asNode(frame *[zx.PageSize]byte) *treeNode { return (*treeNode)(unsafe.Pointer(frame)) }

// solo is the only slot of a tree of height 0, as a slice.
func (t *tree) solo() []slot { return unsafe.Slice(&t.root, 1) }

package syscall

import (
	"testing"

	"faultline/zx"
)

const (
	permR  = uint64(zx.VMPermRead)
	permRW = uint64(zx.VMPermRead | zx.VMPermWrite)
	permX  = uint64(zx.VMPermExecute)
)

func TestVMARMap(t *testing.T) {
	w := newWorld(t, 400)
	root, v := uint64(w.rootVMAR), w.vmo(4*pageSize)
	rights := func(base uint64, drop zx.Rights) uint64 {
		return w.with(base, w.rights(base)&^drop)
	}
	loose := w.make(sysVMOCreate, 4*pageSize, 2)
	out := w.alloc(8)
	used := w.make(sysVMOCreate, pageSize, 0)
	at := w.mapHandle(used, pageSize) - uint64(w.proc.space.Root().Base())

	for _, bad := range w.bad(root) {
		w.want("vmar", zx.ErrBadHandle, sysVMARMap, bad, ^uint64(0), 1, 0, 1, 0, out)
		w.want("vmo", zx.ErrBadHandle, sysVMARMap, root, ^uint64(0), 1, bad, 1, 0, out)
	}
	for _, c := range []struct {
		what              string
		vmar, options, at uint64
		vmo, off, len     uint64
		want              zx.Status
	}{
		{"vmar type wins over vmo", v, ^uint64(0), 1, 0, 1, 0, zx.ErrWrongType},
		{"vmo type", root, ^uint64(0), 1, root, 1, 0, zx.ErrWrongType},
		{"MAP wins over options", root, uint64(zx.VMPermWrite), 0, rights(v, zx.RightMap), 0, pageSize, zx.ErrAccessDenied},
		{"write without read", root, uint64(zx.VMPermWrite), 0, v, 0, pageSize, zx.ErrInvalidArgs},
		{"execute without read", root, permX, 0, v, 0, pageSize, zx.ErrInvalidArgs},
		{"map range and overwrite", root, permRW | uint64(zx.VMMapRange|zx.VMSpecificOverwrite), at, v, 0, pageSize, zx.ErrInvalidArgs},
		{"can map", root, permR | uint64(zx.VMCanMapRead), 0, v, 0, pageSize, zx.ErrInvalidArgs},
		{"can map wins over rights", root, permRW | permX | uint64(zx.VMCanMapWrite), 0, v, 0, pageSize, zx.ErrInvalidArgs},
		{"vmo lacks execute", root, permR | permX, 0, v, 0, pageSize, zx.ErrAccessDenied},
		{"vmo lacks write", root, permRW, 0, rights(v, zx.RightWrite), 0, pageSize, zx.ErrAccessDenied},
		{"vmar lacks write", rights(root, zx.RightWrite), permRW, 0, v, 0, pageSize, zx.ErrAccessDenied},
		{"vmar lacks read", rights(root, zx.RightRead), permR, 0, v, 0, pageSize, zx.ErrAccessDenied},
		{"resizable", root, permR | uint64(zx.VMRequireNonResizable), 0, loose, 0, pageSize, zx.ErrNotSupported},
		{"resizable wins over sizes", root, permR | uint64(zx.VMRequireNonResizable), 0, loose, 1, 0, zx.ErrNotSupported},
		{"vmo offset unaligned", root, permR, 0, v, 1, pageSize, zx.ErrInvalidArgs},
		{"length 0", root, permR, 0, v, 0, 0, zx.ErrInvalidArgs},
		{"length wraps", root, permR, 0, v, 0, ^uint64(0), zx.ErrOutOfRange},
		{"length rounds to 0", root, permR, 0, v, 0, ^uint64(4093), zx.ErrOutOfRange},
		{"beyond the stream", root, permR | uint64(zx.VMFaultBeyondStreamSize), 0, v, 0, pageSize, zx.ErrInvalidArgs},
		{"beyond the stream", root, permR | uint64(zx.VMFaultBeyondStreamSize|zx.VMAllowFaults), 0, v, 0, pageSize, zx.OK},
		{"vmo range wraps", root, permR, 0, v, ^uint64(4095), 2 * pageSize, zx.ErrOutOfRange},
		{"offset without specific", root, permR, pageSize, v, 0, pageSize, zx.ErrInvalidArgs},
		{"specific unaligned", root, permR | uint64(zx.VMSpecific), at + 1, v, 0, pageSize, zx.ErrInvalidArgs},
		{"specific taken", root, permR | uint64(zx.VMSpecific), at, v, 0, pageSize, zx.ErrAlreadyExists},
		{"specific past the region", root, permR | uint64(zx.VMSpecific), w.proc.space.Root().Size(), v, 0, pageSize, zx.ErrInvalidArgs},
		{"specific wraps", root, permR | uint64(zx.VMSpecific), ^uint64(4095), v, 0, 2 * pageSize, zx.ErrInvalidArgs},
		{"alignment", root, permR | 9<<24, 0, v, 0, pageSize, zx.ErrInvalidArgs},
		{"alignment", root, permR | 33<<24, 0, v, 0, pageSize, zx.ErrInvalidArgs},
		{"too big", root, permR, 0, v, 0, 1 << 47, zx.ErrNoResources},
		{"overwrite", root, permRW | uint64(zx.VMSpecificOverwrite), at, v, 0, pageSize, zx.OK},
		{"no permissions", root, 0, 0, v, 0, pageSize, zx.OK},
		{"past the VMO's end", root, permRW | uint64(zx.VMAllowFaults), 0, v, 1 << 40, pageSize, zx.OK},
		{"map range", root, permRW | uint64(zx.VMMapRange), 0, v, 0, 4 * pageSize, zx.OK},
		{"aligned", root, permR | 21<<24, 0, v, 0, 1, zx.OK},
		{"xom", root, uint64(zx.VMPermReadIfXOM), 0, v, 0, pageSize, zx.OK},
	} {
		w.want(c.what, c.want, sysVMARMap, c.vmar, c.options, c.at, c.vmo, c.off, c.len, out)
		if c.what == "aligned" && w.peek64(out)&(1<<21-1) != 0 {
			t.Errorf("aligned: at %#x", w.peek64(out))
		}
	}
	maps := mappings(w.proc.space)
	w.badOuts(8, 6, nil, sysVMARMap, root, permRW, 0, v, 0, 3*pageSize-1, 0)
	if n := mappings(w.proc.space); n != maps {
		t.Errorf("%d mappings, were %d", n, maps)
	}
	// Memory mapped by a call is memory for calls.
	va := w.mapHandle(v, 4*pageSize)
	w.want("use", zx.OK, sysVMOGetSize, v, va+2*pageSize-4)
	b := w.alloc(8)
	w.want("look", zx.OK, sysVMORead, v, b, 2*pageSize-4, 8)
	if w.peek64(b) != 4*pageSize {
		t.Errorf("size %#x", w.peek64(b))
	}
}

func TestVMARUnmapProtectOpRange(t *testing.T) {
	w := newWorld(t, 400)
	root, v := uint64(w.rootVMAR), w.vmo(4*pageSize)
	va := w.mapHandle(v, 4*pageSize)
	size := w.alloc(8)
	for _, bad := range w.bad(root) {
		w.want("bad", zx.ErrBadHandle, sysVMARUnmap, bad, va, pageSize)
		w.want("bad", zx.ErrBadHandle, sysVMARProtect, bad, permR, va, pageSize)
		w.want("bad", zx.ErrBadHandle, sysVMAROpRange, bad, 1, va, pageSize, 0, 0)
		w.want("bad", zx.ErrBadHandle, sysVMARDestroy, bad)
		w.want("bad", zx.ErrBadHandle, sysVMARAllocate, bad, 0, 0, pageSize, size, size)
	}
	for _, n := range []uint64{sysVMARUnmap, sysVMARProtect, sysVMAROpRange, sysVMARDestroy, sysVMARAllocate} {
		w.want("type", zx.ErrWrongType, n, v, 0, 0, 0, 0, 0)
	}
	outside := uint64(w.proc.space.Root().Base()) + w.proc.space.Root().Size()
	for _, c := range []struct {
		what                string
		addr, len           uint64
		unmap, protect, ops zx.Status
	}{
		{"unaligned", va + 1, pageSize, zx.ErrInvalidArgs, zx.ErrInvalidArgs, zx.ErrInvalidArgs},
		{"empty", va, 0, zx.ErrInvalidArgs, zx.ErrInvalidArgs, zx.ErrInvalidArgs},
		{"length wraps", va, ^uint64(0), zx.ErrInvalidArgs, zx.ErrInvalidArgs, zx.ErrInvalidArgs},
		{"end wraps", va, ^uint64(4095), zx.ErrInvalidArgs, zx.ErrInvalidArgs, zx.ErrOutOfRange},
		{"below", 0x200000, pageSize, zx.ErrInvalidArgs, zx.ErrInvalidArgs, zx.ErrOutOfRange},
		{"above", outside, pageSize, zx.ErrInvalidArgs, zx.ErrInvalidArgs, zx.ErrOutOfRange},
		{"hole", va + 3*pageSize, 2 * pageSize, zx.OK, zx.ErrNotFound, zx.ErrBadState},
	} {
		w.want(c.what, c.ops, sysVMAROpRange, root, uint64(zx.VMAROpCommit), c.addr, c.len, 0, 0)
		w.want(c.what, c.protect, sysVMARProtect, root, permRW, c.addr, c.len)
		w.want(c.what, c.unmap, sysVMARUnmap, root, c.addr, c.len)
	}
	w.want("gone", zx.ErrInvalidArgs, sysVMOGetSize, v, va+3*pageSize)
	w.want("stays", zx.OK, sysVMOGetSize, v, va)

	// zx_vmar_protect
	weak := w.with(root, zx.RightRead)
	w.want("right wins over sense", zx.ErrAccessDenied, sysVMARProtect, weak, uint64(zx.VMPermWrite), va, pageSize)
	w.want("sense", zx.ErrInvalidArgs, sysVMARProtect, root, uint64(zx.VMPermWrite), va, pageSize)
	w.want("other option", zx.ErrInvalidArgs, sysVMARProtect, root, permR|uint64(zx.VMSpecific), va, pageSize)
	w.want("more than it may get", zx.ErrAccessDenied, sysVMARProtect, root, permR|permX, va, pageSize)
	w.want("read only", zx.OK, sysVMARProtect, weak, permR, va, pageSize)
	w.want("is", zx.ErrInvalidArgs, sysVMOGetSize, v, va)
	w.want("writable again", zx.OK, sysVMARProtect, root, permRW, va, 1)
	w.want("is", zx.OK, sysVMOGetSize, v, va)

	// zx_vmar_op_range
	w.want("buffer", zx.ErrInvalidArgs, sysVMAROpRange, root, 1, va, pageSize, 1, 0)
	w.want("buffer size", zx.ErrInvalidArgs, sysVMAROpRange, root, 1, va, pageSize, 0, 1)
	w.want("op", zx.ErrInvalidArgs, sysVMAROpRange, root, 99, va, pageSize, 0, 0)
	w.want("right wins over buffer", zx.ErrAccessDenied, sysVMAROpRange, weak, uint64(zx.VMAROpZero), va, pageSize, 1, 0)
	w.want("right", zx.ErrAccessDenied, sysVMAROpRange, w.with(root, zx.RightWrite), uint64(zx.VMAROpMapRange), va, pageSize, 0, 0)
	for _, op := range []uint32{zx.VMAROpCommit, zx.VMAROpMapRange, zx.VMAROpDontNeed, zx.VMAROpAlwaysNeed, zx.VMAROpPrefetch, zx.VMAROpZero, zx.VMAROpDecommit} {
		w.want("op", zx.OK, sysVMAROpRange, root, uint64(op), va, 3*pageSize, 0, 0)
	}

	// zx_vmar_allocate, zx_vmar_destroy
	out, addr := w.alloc(4), w.alloc(8)
	can := uint64(zx.VMCanMapRead | zx.VMCanMapSpecific)
	w.want("right", zx.ErrAccessDenied, sysVMARAllocate, weak, uint64(zx.VMCanMapWrite), 0, pageSize, out, addr)
	w.want("permission", zx.ErrInvalidArgs, sysVMARAllocate, root, permR, 0, pageSize, out, addr)
	w.want("empty", zx.ErrInvalidArgs, sysVMARAllocate, root, can, 0, 0, out, addr)
	w.want("wraps", zx.ErrInvalidArgs, sysVMARAllocate, root, can, 0, ^uint64(0), out, addr)
	w.want("unaligned", zx.ErrInvalidArgs, sysVMARAllocate, root, can, 0, pageSize-1, out, addr)
	w.want("too big", zx.ErrInvalidArgs, sysVMARAllocate, root, can, 0, 1<<47, out, addr)
	w.want("no room", zx.ErrNoResources, sysVMARAllocate, root, can, 0, w.proc.space.Root().Size(), out, addr)
	w.badOuts(4, 4, nil, sysVMARAllocate, root, can, 0, pageSize, 0, addr)
	w.badOuts(8, 5, nil, sysVMARAllocate, root, can, 0, pageSize, out, 0)
	w.want("allocate", zx.OK, sysVMARAllocate, weak, can, 0, 4*pageSize, out, addr)
	sub := uint64(w.peek32(out))
	if have := w.rights(sub); have != zx.RightsVMAR|zx.RightRead {
		t.Errorf("rights %#x", have)
	}
	w.want("region forbids", zx.ErrAccessDenied, sysVMARMap, sub, permRW, 0, v, 0, pageSize, size)
	w.want("in the region", zx.OK, sysVMARMap, sub, permR|uint64(zx.VMSpecific), pageSize, v, 0, pageSize, size)
	if w.peek64(size) != w.peek64(addr)+pageSize {
		t.Errorf("mapped at %#x, region at %#x", w.peek64(size), w.peek64(addr))
	}
	w.want("destroy right", zx.ErrAccessDenied, sysVMARDestroy, w.with(sub, zx.RightRead))
	w.want("destroy root", zx.ErrNotSupported, sysVMARDestroy, root)
	w.want("destroy", zx.OK, sysVMARDestroy, sub)
	w.want("destroyed", zx.ErrBadState, sysVMARDestroy, sub)
	w.want("destroyed", zx.ErrBadState, sysVMARMap, sub, permR, 0, v, 0, pageSize, size)
	w.want("destroyed", zx.ErrBadState, sysVMARUnmap, sub, w.peek64(addr), pageSize)
}

package syscall

import (
	"testing"

	"faultline/zx"
)

// TestProcessInfo lists the maps and the VMOs of a process in every layout, into
// buffers of every length, and adds up its memory.
func TestProcessInfo(t *testing.T) {
	w := newWorld(t, 200)
	self, _ := w.proc.handles.Add(w.proc, zx.RightsProcess)
	other, _ := w.proc.handles.Add(w.thr, zx.RightsThread)
	v := w.vmo(4 * pageSize)
	name := w.alloc(8)
	w.poke(name, []byte("a name\x00"))
	w.want("name", zx.OK, sysObjectSetProperty, v, 3, name, 7)
	w.want("commit", zx.OK, sysVMOOpRange, v, 1, pageSize, 2*pageSize, 0, 0)
	region, at, buf, actual, avail := w.alloc(8), w.alloc(8), w.alloc(16384), w.alloc(8), w.alloc(8)
	root := uint64(w.rootVMAR)
	w.want("region", zx.OK, sysVMARAllocate, root, uint64(zx.VMCanMapRead|zx.VMCanMapSpecific), 0, 16*pageSize, region, at)
	inner := uint64(w.peek32(region))
	base := w.peek64(at)
	// Two mappings of it: at the very start of the region, and of the third page alone.
	w.want("map", zx.OK, sysVMARMap, inner, uint64(zx.VMPermRead|zx.VMSpecific), 0, v, 0, 4*pageSize, at)
	w.want("map", zx.OK, sysVMARMap, inner, uint64(zx.VMPermRead|zx.VMSpecific), 8*pageSize, v, 2*pageSize, pageSize, at)

	get := func(want zx.Status, h uint64, topic uint32, size uint64) (n, all uint64) {
		t.Helper()
		w.want("info", want, sysObjectGetInfo, h, uint64(topic), buf, size, actual, avail)
		return w.peek64(actual), w.peek64(avail)
	}
	get(zx.ErrWrongType, uint64(other), infoProcessMaps, 8192)
	get(zx.ErrAccessDenied, w.with(uint64(self), zx.RightRead), infoProcessMaps, 8192)

	for version, bytes := range topics[infoProcessMaps].bytes[:3] {
		topic := infoProcessMaps | uint32(version)<<infoVersion
		_, all := get(zx.OK, uint64(self), topic, 0)
		for n := uint64(0); n <= all+1; n++ {
			if got, total := get(zx.OK, uint64(self), topic, n*uint64(bytes)+7); got != min(n, all) || total != all {
				t.Fatalf("version %d, room for %d: %d of %d", version, n, got, total)
			}
		}
		record := func(i uint64) uint64 { return buf + i*uint64(bytes) }
		if w.peek32(record(0)+56) != 1 || w.peek64(record(1)+48) != 1 || w.peek32(record(1)+56) != 2 {
			t.Errorf("version %d begins with %x", version, w.peek(buf, 2*bytes))
		}
		seen := false
		for i := uint64(2); i < all; i++ {
			if w.peek64(record(i)+32) < w.peek64(record(i-1)+32) {
				t.Errorf("record %d lies before the one before it", i)
			}
			if w.peek64(record(i)+32) != base || w.peek32(record(i)+56) != 2 {
				continue
			}
			seen = true
			unit := uint64(1)
			if version < 2 {
				unit = pageSize
			}
			whole, third := record(i+1), record(i+2)
			if string(w.peek(whole, 7)) != "a name\x00" || w.peek64(whole+32) != base || w.peek64(whole+40) != 4*pageSize || w.peek64(whole+48) != 3 ||
				w.peek32(whole+56) != 3 || w.peek32(whole+64) != zx.VMPermRead || w.peek64(whole+88) != 2*pageSize/unit {
				t.Errorf("version %d, the whole: %x", version, w.peek(whole, bytes))
			}
			if w.peek64(third+32) != base+8*pageSize || w.peek64(third+80) != 2*pageSize || w.peek64(third+88) != pageSize/unit {
				t.Errorf("version %d, a page: %x", version, w.peek(third, bytes))
			}
		}
		if !seen {
			t.Errorf("version %d does not tell of the region", version)
		}
	}

	for version, bytes := range infoVMOBytes {
		_, all := get(zx.OK, uint64(self), infoProcessVMOs|uint32(version)<<infoVersion, 16384)
		var handles, mappings int
		for i := range all {
			r := buf + i*uint64(bytes)
			if string(w.peek(r+8, 7)) != "a name\x00" {
				continue
			}
			switch w.peek32(r+80) & (zx.InfoVMOViaHandle | zx.InfoVMOViaMapping) {
			case zx.InfoVMOViaHandle:
				handles++
			case zx.InfoVMOViaMapping:
				mappings++
			}
		}
		if handles != 1 || mappings != 2 {
			t.Errorf("version %d: %d times by handle, %d by mapping, of %d", version, handles, mappings, all)
		}
	}

	get(zx.OK, uint64(self), infoTaskStats|1<<infoVersion, 256)
	before := w.peek64(buf)
	private, shared, scaled := w.peek64(buf+8), w.peek64(buf+16), w.peek64(buf+24)
	// Two pages are mapped twice, once whole and one of them again.
	if shared != 3*pageSize || scaled != 3*pageSize/2 {
		t.Errorf("mapped %d, private %d, shared %d, scaled %d", before, private, shared, scaled)
	}
	w.want("unmap", zx.OK, sysVMARUnmap, inner, base, 4*pageSize)
	get(zx.OK, uint64(self), infoTaskStats, 32)
	if w.peek64(buf) != before-4*pageSize || w.peek64(buf+8) != private+pageSize || w.peek64(buf+16) != 0 {
		t.Errorf("unmapped: %x", w.peek(buf, 32))
	}
	get(zx.ErrBufferTooSmall, uint64(self), infoTaskStats, 31)

	get(zx.OK, uint64(other), infoThreadStats, 16)
	if w.peek64(buf) != 123456 || w.peek32(buf+8) != 2 {
		t.Errorf("thread stats: %x", w.peek(buf, 16))
	}
	w.proc.info.Exited = true
	get(zx.ErrBadState, uint64(self), infoTaskStats, 32)
}

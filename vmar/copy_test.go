package vmar

import (
	"bytes"
	"testing"

	"faultline/mmu"
	"faultline/vmo"
	"faultline/zx"
)

func TestCopy(t *testing.T) {
	w := newWorld(t)
	src := &fakeSource{traps: true}
	v, a := w.paged(4, src), w.anon(4)
	src.wait = func() zx.Status {
		last := src.asked[len(src.asked)-1]
		if last.kind == vmo.RequestDirty {
			return v.DirtyPages(last.off, last.n, nil)
		}
		w.supply(v, last.off/page, last.n/page, 40)
		return zx.OK
	}
	va := w.mapAt(512-2, prw, v, 0, 4) // over the edge of a page table
	ua := w.mapAt(1024, prw, a, 0, 4)
	text := bytes.Repeat([]byte("faultline "), 900) // two pages and a bit
	w.ok(w.as.Lane(0).CopyOut(va+page-7, text, &w.req))
	if want := []request{{0, 0, page}, {1, 0, page}, {0, page, page}, {1, page, page}, {0, 2 * page, page}, {1, 2 * page, page}, {0, 3 * page, page}, {1, 3 * page, page}}; len(src.asked) > len(want) {
		t.Fatalf("asked %v", src.asked)
	}
	got := make([]byte, len(text))
	w.ok(w.as.Lane(0).CopyIn(got, va+page-7, &w.req))
	if !bytes.Equal(got, text) {
		t.Fatal("reads something else than was written")
	}
	// VMO to VMO through two user buffers, the far side missing pages.
	c := &Copier{Space: w.as.Lane(0), Base: ua + 100, Request: new(vmo.PageRequest)}
	w.ok(v.Read(c, page-7, uint64(len(text)), &w.req))
	clear(got)
	w.ok(a.ReadBytes(got, 100, &w.req))
	if !bytes.Equal(got, text) {
		t.Fatal("vmo_read into user memory differs")
	}
	w.ok(v.Write(c, 0, 10, &w.req))
	w.ok(v.ReadBytes(got[:10], 0, &w.req))
	if !bytes.Equal(got[:10], text[:10]) {
		t.Fatal("vmo_write from user memory differs")
	}
	w.close(v, a)
}

func TestCopyRefuses(t *testing.T) {
	w := newWorld(t)
	v := w.anon(3)
	rw := w.mapAt(0, prw, v, 0, 2)
	ro := w.mapAt(4, pr, v, 0, 2)
	past := w.mapAt(8, prw, v, 2, 2)
	top, st := w.as.Root().Map(prw|zx.VMSpecific, userSize-page, v, 0, page, allRights, allRights, nil)
	w.ok(st)
	big := make([]byte, 3*page)
	for _, c := range []struct {
		name string
		va   zx.VirtAddr
		n    int
		out  zx.Status
		in   zx.Status
	}{
		{"null", 0, 1, zx.ErrNotFound, zx.ErrNotFound},
		{"kernel", 0x1000, 8, zx.ErrNotFound, zx.ErrNotFound},
		{"kernel half", 0xffff_8000_0000_0000, 8, zx.ErrNotFound, zx.ErrNotFound},
		{"wraps", ^zx.VirtAddr(0) - 3, 8, zx.ErrNotFound, zx.ErrNotFound},
		{"below user space", UserBase - 4, 8, zx.ErrNotFound, zx.ErrNotFound},
		{"past user space", UserEnd - 4, 8, zx.ErrNotFound, zx.ErrNotFound},
		{"non-canonical", 0x8000_0000_0000, 8, zx.ErrNotFound, zx.ErrNotFound},
		{"hole after two pages", rw, 3 * page, zx.ErrNotFound, zx.ErrNotFound},
		{"read-only", ro, 8, zx.ErrAccessDenied, zx.OK},
		{"past the VMO", past + page - 4, 8, zx.ErrOutOfRange, zx.ErrOutOfRange},
		{"nothing, nowhere", 0, 0, zx.OK, zx.OK},
		{"last byte of user space", top + page - 1, 1, zx.OK, zx.OK},
		{"last page", top, page, zx.OK, zx.OK},
	} {
		if got := w.as.Lane(0).CopyOut(c.va, big[:c.n], &w.req); got != c.out {
			t.Errorf("%s: CopyOut %v, want %v", c.name, got, c.out)
		}
		if got := w.as.Lane(0).CopyIn(big[:c.n], c.va, &w.req); got != c.in {
			t.Errorf("%s: CopyIn %v, want %v", c.name, got, c.in)
		}
	}
	for _, bad := range []zx.VirtAddr{0, 0x1000, UserBase - 1, UserEnd, 0x8000_0000_0000, ^zx.VirtAddr(0)} {
		if n := w.as.lanes[0].table.CopyOut(bad, big[:1]) + w.as.Lane(0).TryCopyIn(big[:1], bad); n != 0 {
			t.Errorf("%#x: copied %d bytes", bad, n)
		}
		w.want(w.as.Lane(0).Resolve(bad, 1, false, &w.req), zx.ErrNotFound)
	}
	w.want(w.as.Lane(0).Resolve(rw, ^uint64(0), false, &w.req), zx.ErrNotFound)
	// What a copy may do is what the program may do, at this moment.
	w.ok(w.as.Lane(0).CopyOut(rw, big[:8], &w.req))
	w.ok(w.as.Root().Protect(pr, rw, page, allRights, nil))
	w.want(w.as.Lane(0).CopyOut(rw, big[:8], &w.req), zx.ErrAccessDenied)
	w.ok(w.as.Root().Protect(0, rw, page, allRights, nil))
	w.want(w.as.Lane(0).CopyIn(big[:8], rw, &w.req), zx.ErrAccessDenied)
	w.close(v)
}

// TestCopyIntoItself reads a VMO into its own mapping: the VMO's lock is held
// while the far side is looked up.
func TestCopyIntoItself(t *testing.T) {
	w := newWorld(t)
	v := w.anon(4)
	w.ok(v.WriteBytes([]byte("itself"), 0, &w.req))
	va := w.mapAt(0, prw, v, 0, 4)
	c := &Copier{Space: w.as.Lane(0), Base: va + 3*page - 3, Request: new(vmo.PageRequest)}
	w.ok(v.Read(c, 0, 6, &w.req))
	var b [6]byte
	w.ok(w.as.Lane(0).CopyIn(b[:], c.Base, &w.req))
	if string(b[:]) != "itself" {
		t.Fatalf("reads %q", b)
	}
	w.close(v)
}

func TestCopyMarksPages(t *testing.T) {
	w := newWorld(t)
	v := w.anon(1)
	va := w.mapAt(0, prw, v, 0, 1)
	w.ok(w.as.Lane(0).CopyOut(va, []byte{1}, &w.req))
	if e := w.pte(va); e&(mmu.PTE_A|mmu.PTE_D) != mmu.PTE_A|mmu.PTE_D {
		t.Fatalf("after a store by the kernel: %v", e)
	}
	w.close(v)
}

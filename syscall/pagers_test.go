package syscall

import (
	"bytes"
	"encoding/binary"
	"testing"

	"faultline/zx"
)

// served is a pager, its port and one VMO of five pages that traps writes.
type served struct {
	*world
	pager, port, vmo uint64
	aux              uint64 // five pages, the first two committed
	other            uint64 // another pager
	pkt              uint64 // a packet's room in user memory
}

const servedPages = 5

func newServed(t testing.TB) *served {
	s := &served{world: newWorld(t, 400)}
	s.pager, s.other = s.make(sysPagerCreate, 0), s.make(sysPagerCreate, 0)
	s.port = s.make(sysPortCreate, 0)
	s.vmo = s.make(sysPagerCreateVMO, s.pager, uint64(zx.VMOTrapDirty), s.port, 77, servedPages*pageSize)
	s.aux = s.world.vmo(servedPages * pageSize)
	s.pkt = s.alloc(zx.PacketBytes)
	s.fillAux()
	return s
}

func (s *served) fillAux() {
	s.t.Helper()
	b := s.alloc(8)
	s.poke(b, []byte("contents"))
	s.want("fill", zx.OK, sysVMOWrite, s.aux, b, 0, 8)
	s.want("fill", zx.OK, sysVMOWrite, s.aux, b, pageSize, 8)
}

// expect takes a packet and compares it.
func (s *served) expect(cmd zx.PageCommand, off, length uint64) {
	s.t.Helper()
	s.want("packet", zx.OK, sysPortWait, s.port, uint64(zx.TimeInfinite), s.pkt)
	want := zx.PageRequestPacket(77, zx.PageRequest{Command: cmd, Offset: off, Length: length})
	if got, want := s.peek(s.pkt, zx.PacketBytes), want.Bytes()[:]; !bytes.Equal(got, want) {
		s.t.Fatalf("packet %x, want %x", got, want)
	}
}

func (s *served) quiet() {
	s.t.Helper()
	s.want("no packet", zx.ErrTimedOut, sysPortWait, s.port, 0, s.pkt)
}

// async makes a call on a thread of its own.
func (s *served) async(number uint64, args ...uint64) (thr *thread, done chan int64) {
	thr = newThread("async")
	c := s.newContext(s.proc, thr)
	done = make(chan int64, 1)
	var a [8]uint64
	copy(a[:], args)
	go func() { done <- dispatch(c, number, &a) }()
	return thr, done
}

func TestPagerCreateVMO(t *testing.T) {
	s := newServed(t)
	out := s.alloc(4)
	s.want("options", zx.ErrInvalidArgs, sysPagerCreate, 1, out)
	s.badOuts(4, 1, nil, sysPagerCreate, 0, 0)
	all := uint64(^uint32(0))
	for _, c := range []struct {
		what                 string
		pager, options, port uint64
		size                 uint64
		want                 zx.Status
	}{
		{"pager type wins over port", s.port, all, 0, 1, zx.ErrWrongType},
		{"pager right", s.with(s.pager, zx.RightManageVMO), all, 0, 1, zx.ErrAccessDenied},
		{"port", s.pager, all, s.port ^ 1<<20, 1, zx.ErrBadHandle},
		{"port type", s.pager, all, s.pager, 1, zx.ErrWrongType},
		{"port right", s.pager, all, s.with(s.port, zx.RightRead), 1, zx.ErrAccessDenied},
		{"all options", s.pager, all, s.port, 1, zx.ErrInvalidArgs},
		{"resizable and unbounded", s.pager, 2 | 16, s.port, ^uint64(0), zx.ErrInvalidArgs},
		{"size wraps", s.pager, 0, s.port, ^uint64(0), zx.ErrOutOfRange},
		{"size wraps, unknown bit", s.pager, 1, s.port, ^uint64(0), zx.ErrOutOfRange},
		{"unknown bit", s.pager, 1, s.port, 1, zx.ErrInvalidArgs},
		{"discardable", s.pager, 4, s.port, 1, zx.ErrInvalidArgs},
		{"discardable, too large", s.pager, 4, s.port, zx.VMOMaxSize + 1, zx.ErrInvalidArgs},
		{"too large", s.pager, 0, s.port, zx.VMOMaxSize + 1, zx.ErrOutOfRange},
		{"empty", s.pager, 0, s.port, 0, zx.OK},
		{"resizable trap", s.pager, 2 | 8, s.port, 5, zx.OK},
		{"unbounded", s.pager, 16 | 8, s.port, 5, zx.OK},
		{"only the needed rights", s.with(s.pager, zx.RightAttachVMO), 0, s.with(s.port, zx.RightWrite), 5, zx.OK},
	} {
		s.want(c.what, c.want, sysPagerCreateVMO, c.pager, c.options, c.port, 1, c.size, out)
	}
	for _, bad := range s.bad(s.pager) {
		s.want("bad pager", zx.ErrBadHandle, sysPagerCreateVMO, bad, all, 0, 1, 1, out)
	}
	s.badOuts(4, 5, nil, sysPagerCreateVMO, s.pager, 0, s.port, 88, pageSize, 0)
	// Each dropped VMO said goodbye.
	s.want("complete", zx.OK, sysPortWait, s.port, 0, s.pkt)
	if s.peek64(s.pkt) != 88 || binary.LittleEndian.Uint16(s.peek(s.pkt+16, 2)) != uint16(zx.PageComplete) {
		t.Errorf("packet %x", s.peek(s.pkt, 48))
	}
}

// pairErrors runs the checks every pager call with a VMO shares. at says where
// the two handles are in args.
func (s *served) pairErrors(pagerRight, vmoRight zx.Rights, pagerAt, vmoAt int, number uint64, args ...uint64) {
	s.t.Helper()
	row := func(what string, want zx.Status, pager, vmo uint64) {
		s.t.Helper()
		a := append([]uint64(nil), args...)
		a[pagerAt], a[vmoAt] = pager, vmo
		s.want(what, want, number, a...)
	}
	for _, bad := range s.bad(s.pager) {
		row("pager", zx.ErrBadHandle, bad, 0)
		row("vmo", zx.ErrBadHandle, s.pager, bad)
	}
	row("pager type wins over vmo", zx.ErrWrongType, s.port, 0)
	all := zx.RightsPager
	for right := zx.Rights(1); right != 0; right <<= 1 {
		if pagerRight&right != 0 {
			row("pager right wins over vmo", zx.ErrAccessDenied, s.with(s.pager, all&^right), 0)
		}
	}
	row("vmo type", zx.ErrWrongType, s.pager, s.port)
	row("vmo right wins over koid", zx.ErrAccessDenied, s.other, s.with(s.vmo, zx.RightsVMO&^vmoRight))
	row("foreign pager", zx.ErrInvalidArgs, s.other, s.vmo)
	row("plain vmo", zx.ErrInvalidArgs, s.pager, s.aux)
}

func TestPagerArguments(t *testing.T) {
	s := newServed(t)
	const size = servedPages * pageSize
	reader := s.with(s.aux, zx.RightRead)
	writer := s.with(s.aux, zx.RightWrite)

	// zx_pager_supply_pages
	s.pairErrors(zx.RightManageVMO, zx.RightWrite, 0, 1, sysPagerSupplyPages, 0, 0, 0, pageSize, s.aux^1<<20, 0)
	for i := range 3 {
		args := []uint64{0, 0, 0, 0, 0, 0}
		args[[]int{2, 3, 5}[i]] = 1
		s.want("misaligned wins over handles", zx.ErrInvalidArgs, sysPagerSupplyPages, args...)
	}
	for _, c := range []struct {
		what             string
		off, n, aux, aof uint64
		want             zx.Status
	}{
		{"aux", 0, pageSize, s.aux ^ 1<<20, 0, zx.ErrBadHandle},
		{"aux type", 0, pageSize, s.port, 0, zx.ErrWrongType},
		{"aux WRITE", 0, pageSize, reader, 0, zx.ErrAccessDenied},
		{"aux READ", 0, pageSize, writer, 0, zx.ErrAccessDenied},
		{"aux wraps", 0, pageSize, s.aux, ^uint64(0) - 4095, zx.OK}, // replaced below
		{"aux leaves", 0, pageSize, s.aux, size, zx.ErrOutOfRange},
		{"aux leaves by a page", 0, size, s.aux, pageSize, zx.ErrOutOfRange},
		{"aux is paged", 0, pageSize, s.vmo, pageSize, zx.ErrNotSupported},
		{"nothing, out of bounds", 1 << 40, 0, s.aux, 1 << 40, zx.OK},
		{"leaves", size, pageSize, s.aux, 2 * pageSize, zx.ErrOutOfRange},
		{"leaves by a page", pageSize, size, s.aux, 0, zx.ErrOutOfRange},
	} {
		if c.what == "aux wraps" {
			c.want = zx.ErrOutOfRange
		}
		s.want(c.what, c.want, sysPagerSupplyPages, s.pager, s.vmo, c.off, c.n, c.aux, c.aof)
	}

	// zx_pager_op_range
	s.pairErrors(zx.RightManageVMO, zx.RightWrite, 0, 2, sysPagerOpRange, 0, 99, 0, 0, 0, 99)
	s.want("misaligned wins over handles", zx.ErrInvalidArgs, sysPagerOpRange, 0, 1, 0, 1, 0, 0)
	s.want("misaligned wins over handles", zx.ErrInvalidArgs, sysPagerOpRange, 0, 1, 0, 0, 1, 0)
	sext := func(st zx.Status) uint64 { return uint64(int64(st)) }
	for _, c := range []struct {
		what             string
		op, off, n, data uint64
		want             zx.Status
	}{
		{"op 0", 0, 0, 0, 99, zx.ErrNotSupported},
		{"op 5", 5, ^uint64(4095), size, 99, zx.ErrNotSupported},
		{"FAIL with OK", 1, 0, size, 0, zx.ErrInvalidArgs},
		{"FAIL not extended", 1, 0, size, uint64(uint32(sext(zx.ErrIO))), zx.ErrInvalidArgs},
		{"FAIL NO_MEMORY", 1, 0, size, sext(zx.ErrNoMemory), zx.ErrInvalidArgs},
		{"FAIL data wins over range", 1, 1 << 40, size, 1, zx.ErrInvalidArgs},
		{"FAIL wraps", 1, ^uint64(4095), 2 * pageSize, sext(zx.ErrIO), zx.ErrOutOfRange},
		{"FAIL leaves", 1, pageSize, size, sext(zx.ErrIO), zx.ErrOutOfRange},
		{"FAIL IO", 1, 0, size, sext(zx.ErrIO), zx.OK},
		{"FAIL IO_DATA_INTEGRITY", 1, 0, size, sext(zx.ErrIODataIntegrity), zx.OK},
		{"FAIL BAD_STATE", 1, 0, size, sext(zx.ErrBadState), zx.OK},
		{"FAIL NO_SPACE", 1, 0, size, sext(zx.ErrNoSpace), zx.OK},
		{"FAIL BUFFER_TOO_SMALL", 1, size, 0, sext(zx.ErrBufferTooSmall), zx.OK},
		{"DIRTY data", 2, 1 << 40, size, 1, zx.ErrInvalidArgs},
		{"DIRTY wraps", 2, ^uint64(4095), 2 * pageSize, 0, zx.ErrOutOfRange},
		{"DIRTY past the end", 2, size + pageSize, 0, 0, zx.ErrOutOfRange},
		{"DIRTY leaves", 2, pageSize, size, 0, zx.ErrOutOfRange},
		{"DIRTY absent", 2, 0, pageSize, 0, zx.ErrNotFound},
		{"DIRTY nothing", 2, size, 0, 0, zx.OK},
		{"BEGIN data", 3, 1 << 40, size, 2, zx.ErrInvalidArgs},
		{"BEGIN wraps", 3, ^uint64(4095), 2 * pageSize, 0, zx.ErrOutOfRange},
		{"BEGIN leaves", 3, pageSize, size, 1, zx.ErrOutOfRange},
		{"BEGIN", 3, 0, size, 0, zx.OK},
		{"BEGIN zero", 3, 0, size, 1, zx.OK},
		{"END data", 4, 1 << 40, size, 1, zx.ErrInvalidArgs},
		{"END wraps", 4, ^uint64(4095), 2 * pageSize, 0, zx.ErrOutOfRange},
		{"END leaves", 4, pageSize, size, 0, zx.ErrOutOfRange},
		{"END", 4, 0, size, 0, zx.OK},
	} {
		s.want(c.what, c.want, sysPagerOpRange, s.pager, c.op, s.vmo, c.off, c.n, c.data)
	}
	plain := s.make(sysPagerCreateVMO, s.pager, 0, s.port, 1, size)
	s.want("DIRTY without trap", zx.ErrNotSupported, sysPagerOpRange, s.pager, 2, plain, size+pageSize, 0, 0)

	// zx_pager_query_dirty_ranges
	buf, actual, avail := s.alloc(256), s.alloc(8), s.alloc(8)
	s.pairErrors(zx.RightManageVMO, zx.RightRead, 0, 1, sysPagerQueryDirtyRanges, 0, 0, ^uint64(0), 5, 0, 0, 0, 0)
	for _, c := range []struct {
		what   string
		off, n uint64
		want   zx.Status
	}{
		{"wraps", ^uint64(0), 2, zx.ErrOutOfRange}, {"leaves", 1, size, zx.ErrOutOfRange}, {"past the end", size + 1, 0, zx.ErrOutOfRange},
		{"at the end", size, 0, zx.OK}, {"unaligned", 1, size - 1, zx.OK},
	} {
		s.want(c.what, c.want, sysPagerQueryDirtyRanges, s.pager, s.vmo, c.off, c.n, buf, 256, actual, avail)
	}
	s.want("nothing dirty, wild buffer", zx.OK, sysPagerQueryDirtyRanges, s.pager, s.vmo, 0, size, 1, 256, 0, 0)

	// zx_pager_query_vmo_stats
	s.pairErrors(zx.RightManageVMO, zx.RightRead, 0, 1, sysPagerQueryVMOStats, 0, 0, 99, 0, 0)
	s.want("small wins over options", zx.ErrBufferTooSmall, sysPagerQueryVMOStats, s.pager, s.vmo, 2, buf, 3)
	s.want("options win over pointer", zx.ErrInvalidArgs, sysPagerQueryVMOStats, s.pager, s.vmo, 2, buf, 4)
	s.badOuts(4, 3, nil, sysPagerQueryVMOStats, s.pager, s.vmo, 0, 0, 4)

	// zx_pager_detach_vmo
	s.pairErrors(zx.RightManageVMO|zx.RightAttachVMO, zx.RightWrite, 0, 1, sysPagerDetachVMO, 0, 0)
	s.quiet()
	s.want("detach", zx.OK, sysPagerDetachVMO, s.pager, s.vmo)
	s.expect(zx.PageComplete, 0, 0)
	s.want("again", zx.OK, sysPagerDetachVMO, s.pager, s.vmo)
	s.quiet()
	s.want("supply, detached", zx.ErrBadState, sysPagerSupplyPages, s.pager, s.vmo, 0, pageSize, s.aux, 0)
	s.want("supply nothing, detached", zx.OK, sysPagerSupplyPages, s.pager, s.vmo, 0, 0, s.aux, 0)
	s.want("fail, detached", zx.ErrBadState, sysPagerOpRange, s.pager, 1, s.vmo, 0, pageSize, sext(zx.ErrIO))
	s.want("dirty, detached", zx.ErrBadState, sysPagerOpRange, s.pager, 2, s.vmo, 0, pageSize, 0)
	s.want("begin, detached", zx.OK, sysPagerOpRange, s.pager, 3, s.vmo, 0, pageSize, 0)
	s.want("read, detached", zx.ErrBadState, sysVMORead, s.vmo, buf, 0, 1)
}

// A file's life: read, write, query, writeback, failure, by two threads.
func TestPagerServes(t *testing.T) {
	s := newServed(t)
	buf, actual, avail := s.alloc(2*pageSize), s.alloc(8), s.alloc(8)

	thr, done := s.async(sysVMORead, s.vmo, buf, 0, 2*pageSize)
	s.expect(zx.PageRead, 0, 2*pageSize)
	thr.untilBlocked(zx.ThreadBlockedPager)
	s.want("supply", zx.OK, sysPagerSupplyPages, s.pager, s.vmo, 0, 2*pageSize, s.aux, 0)
	if st := <-done; st != 0 || string(s.peek(buf+pageSize, 8)) != "contents" {
		t.Fatalf("read: %v %q", zx.Status(st), s.peek(buf+pageSize, 8))
	}

	_, done = s.async(sysVMOWrite, s.vmo, buf, pageSize-1, 2)
	s.expect(zx.PageDirty, 0, 2*pageSize)
	s.want("dirty", zx.OK, sysPagerOpRange, s.pager, 2, s.vmo, 0, 2*pageSize, 0)
	if st := <-done; st != 0 {
		t.Fatalf("write: %v", zx.Status(st))
	}
	stats := func(want uint32, reset uint64) {
		t.Helper()
		s.want("stats", zx.OK, sysPagerQueryVMOStats, s.pager, s.vmo, reset, buf, 4)
		if s.peek32(buf) != want {
			t.Errorf("modified %d", s.peek32(buf))
		}
	}
	stats(1, 1)
	stats(0, 0)

	query := func(size, wantActual, wantAvail uint64) {
		t.Helper()
		s.want("query", zx.OK, sysPagerQueryDirtyRanges, s.pager, s.vmo, 0, servedPages*pageSize, buf, size, actual, avail)
		if s.peek64(actual) != wantActual || s.peek64(avail) != wantAvail {
			t.Errorf("actual %d avail %d", s.peek64(actual), s.peek64(avail))
		}
	}
	query(24, 1, 1)
	if s.peek64(buf) != 0 || s.peek64(buf+8) != 2*pageSize || s.peek64(buf+16) != 0 {
		t.Errorf("range %x", s.peek(buf, 24))
	}
	s.want("zero", zx.OK, sysVMOOpRange, s.vmo, uint64(zx.VMOOpZero), 3*pageSize, pageSize, 0, 0)
	query(23, 0, 2)
	query(47, 1, 2)
	query(48, 2, 2)
	if s.peek64(buf+24) != 3*pageSize || s.peek64(buf+32) != pageSize || s.peek64(buf+40) != 1 {
		t.Errorf("range %x", s.peek(buf+24, 24))
	}
	s.want("no counts", zx.OK, sysPagerQueryDirtyRanges, s.pager, s.vmo, 0, servedPages*pageSize, buf, 24, 0, 0)
	s.want("no room, null", zx.OK, sysPagerQueryDirtyRanges, s.pager, s.vmo, 0, servedPages*pageSize, 0, 23, 0, 0)
	s.badOuts(24, 4, nil, sysPagerQueryDirtyRanges, s.pager, s.vmo, 0, servedPages*pageSize, 0, 24, 0, 0)
	for name, ptr := range s.unwritable(8) {
		if ptr != 0 {
			s.want("actual "+name, zx.ErrInvalidArgs, sysPagerQueryDirtyRanges, s.pager, s.vmo, 0, pageSize, buf, 24, ptr, avail)
			s.want("avail "+name, zx.ErrInvalidArgs, sysPagerQueryDirtyRanges, s.pager, s.vmo, 0, pageSize, buf, 24, actual, ptr)
		}
	}
	s.want("begin", zx.OK, sysPagerOpRange, s.pager, 3, s.vmo, 0, servedPages*pageSize, 0)
	query(48, 2, 2)
	s.want("end", zx.OK, sysPagerOpRange, s.pager, 4, s.vmo, 0, servedPages*pageSize, 0)
	query(48, 0, 0)

	thr, done = s.async(sysVMORead, s.vmo, buf, 2*pageSize, 1)
	s.expect(zx.PageRead, 2*pageSize, pageSize)
	thr.untilBlocked(zx.ThreadBlockedPager)
	integrity := int64(zx.ErrIODataIntegrity)
	s.want("fail", zx.OK, sysPagerOpRange, s.pager, 1, s.vmo, 2*pageSize, pageSize, uint64(integrity))
	if st := <-done; st != integrity {
		t.Fatalf("failed read: %v", zx.Status(st))
	}

	// Suspended and killed waiters leave; their packet was delivered, so a new
	// one is sent.
	for _, stop := range []zx.Status{zx.ErrInternalIntrRetry, zx.ErrInternalIntrKilled} {
		thr, done = s.async(sysVMOOpRange, s.vmo, uint64(zx.VMOOpCommit), 2*pageSize, pageSize, 0, 0)
		s.expect(zx.PageRead, 2*pageSize, pageSize)
		thr.stop <- stop
		if st := <-done; st != int64(stop) {
			t.Fatalf("stopped: %v", zx.Status(st))
		}
	}

	thr, done = s.async(sysVMORead, s.vmo, buf, 4*pageSize, 1)
	thr.untilBlocked(zx.ThreadBlockedPager)
	s.want("detach", zx.OK, sysPagerDetachVMO, s.pager, s.vmo)
	if st := <-done; st != int64(zx.ErrBadState) {
		t.Fatalf("detached read: %v", zx.Status(st))
	}
	s.expect(zx.PageComplete, 0, 0)
}

// User memory that a pager backs is paged in by the kernel's own copies.
func TestCopiesFaultThroughThePager(t *testing.T) {
	s := newServed(t)
	va := s.mapHandle(s.vmo, servedPages*pageSize)
	_, done := s.async(sysVMOGetSize, s.aux, va+pageSize-4)
	s.expect(zx.PageRead, 0, pageSize)
	s.want("supply", zx.OK, sysPagerSupplyPages, s.pager, s.vmo, 0, pageSize, s.aux, 0)
	s.expect(zx.PageDirty, 0, pageSize)
	s.want("dirty", zx.OK, sysPagerOpRange, s.pager, 2, s.vmo, 0, pageSize, 0)
	s.expect(zx.PageRead, pageSize, pageSize)
	s.want("supply", zx.OK, sysPagerSupplyPages, s.pager, s.vmo, pageSize, pageSize, s.aux, pageSize)
	s.expect(zx.PageDirty, pageSize, pageSize)
	s.want("dirty", zx.OK, sysPagerOpRange, s.pager, 2, s.vmo, pageSize, pageSize, 0)
	if st := <-done; st != 0 {
		t.Fatalf("get_size: %v", zx.Status(st))
	}
	// A failing page is an argument that cannot be written, not a fault.
	thr, done := s.async(sysHandleDuplicate, s.aux, uint64(zx.RightSame), va+3*pageSize)
	s.expect(zx.PageRead, 3*pageSize, pageSize)
	thr.untilBlocked(zx.ThreadBlockedPager)
	before := s.proc.handles.Count()
	io := int64(zx.ErrIO)
	s.want("fail", zx.OK, sysPagerOpRange, s.pager, 1, s.vmo, 3*pageSize, pageSize, uint64(io))
	if st := <-done; st != int64(zx.ErrInvalidArgs) {
		t.Fatalf("duplicate: %v", zx.Status(st))
	}
	if n := s.proc.handles.Count(); n != before-1 {
		t.Errorf("%d handles, were %d", n, before)
	}
	// zx_vmo_write keeps the pager's code.
	thr, done = s.async(sysVMOWrite, s.aux, va+3*pageSize, 0, 8)
	s.expect(zx.PageRead, 3*pageSize, pageSize)
	thr.untilBlocked(zx.ThreadBlockedPager)
	s.want("fail", zx.OK, sysPagerOpRange, s.pager, 1, s.vmo, 3*pageSize, pageSize, uint64(io))
	if st := <-done; st != io {
		t.Fatalf("write: %v", zx.Status(st))
	}
}

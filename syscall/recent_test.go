package syscall

import (
	"testing"

	"faultline/zx"
)

// What a thread remembers of handles that it used holds no longer than they do,
// and gives no right that another handle has.
func TestRecentHandles(t *testing.T) {
	s := newServed(t)
	in, supply, fail := s.alloc(zx.PacketBytes), uint64(sysPagerSupplyPages), uint64(zx.PagerOpFail)
	well := func(pager, vmo, aux uint64) {
		t.Helper()
		s.want("supply", zx.OK, supply, pager, vmo, 0, 0, aux, 0)
	}
	for range 2 { // the second time they are remembered
		well(s.pager, s.vmo, s.aux)
		s.want("queue", zx.OK, sysPortQueue, s.port, in)
		s.want("wait", zx.OK, sysPortWait, s.port, 0, s.pkt)
	}
	s.want("another pager", zx.ErrInvalidArgs, supply, s.other, s.vmo, 0, 0, s.aux, 0)
	s.want("pager right", zx.ErrAccessDenied, supply, s.with(s.pager, zx.RightAttachVMO), s.vmo, 0, 0, s.aux, 0)
	s.want("VMO right", zx.ErrAccessDenied, supply, s.pager, s.with(s.vmo, zx.RightRead), 0, 0, s.aux, 0)
	s.want("aux right", zx.ErrAccessDenied, supply, s.pager, s.vmo, 0, 0, s.with(s.aux, zx.RightRead), 0)
	s.want("op, VMO right", zx.ErrAccessDenied, sysPagerOpRange, s.pager, fail, s.with(s.vmo, zx.RightRead), 0, pageSize, 0)
	s.want("queue right", zx.ErrAccessDenied, sysPortQueue, s.with(s.port, zx.RightRead), in)
	s.want("wait right", zx.ErrAccessDenied, sysPortWait, s.with(s.port, zx.RightWrite), 0, s.pkt)

	// Each of them closed: by itself, replaced, and with the others there.
	same := func(h uint64) uint64 {
		return s.with(h, zx.RightManageVMO|zx.RightRead|zx.RightWrite)
	}
	pager, vmo, aux, port := same(s.pager), same(s.vmo), same(s.aux), same(s.port)
	for _, gone := range []*uint64{&pager, &vmo, &aux} {
		well(pager, vmo, aux)
		s.want("close", zx.OK, sysHandleClose, *gone)
		s.want("closed", zx.ErrBadHandle, supply, pager, vmo, 0, 0, aux, 0)
		*gone = map[*uint64]uint64{&pager: same(s.pager), &vmo: same(s.vmo), &aux: same(s.aux)}[gone]
	}
	s.want("queue", zx.OK, sysPortQueue, port, in)
	s.want("wait", zx.OK, sysPortWait, port, 0, s.pkt)
	fresh := s.make(sysHandleReplace, port, uint64(zx.RightRead))
	s.want("replaced", zx.ErrBadHandle, sysPortQueue, port, in)
	s.want("replaced", zx.ErrBadHandle, sysPortWait, port, 0, s.pkt)
	s.want("may not be queued to", zx.ErrAccessDenied, sysPortQueue, fresh, in)
	s.want("may be waited on", zx.ErrTimedOut, sysPortWait, fresh, 0, s.pkt)
}

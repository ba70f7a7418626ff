package syscall

import (
	"encoding/binary"
	"testing"

	"faultline/object"
	"faultline/zx"
)

func TestJobCreate(t *testing.T) {
	w := newWorld(t, 300)
	j, out := newJob(), w.alloc(8)
	h := w.add(j, zx.RightsJob)
	w.want("options", zx.ErrInvalidArgs, sysJobCreate, h, 1, out)
	for _, bad := range w.bad(h) {
		w.want("bad", zx.ErrBadHandle, sysJobCreate, bad, 0, out)
	}
	w.want("type", zx.ErrWrongType, sysJobCreate, uint64(w.self), 0, out)
	w.want("right", zx.ErrAccessDenied, sysJobCreate, w.with(h, ^zx.RightManageJob), 0, out)
	w.badOuts(4, 2, nil, sysJobCreate, h, 0, 0)
	j.refuse = zx.ErrOutOfRange
	w.want("refused", zx.ErrOutOfRange, sysJobCreate, h, 0, out)
	j.refuse = zx.OK
	child := w.make(sysJobCreate, h, 0)
	if r := w.rights(child); r != zx.RightsJob {
		t.Errorf("rights %#x", r)
	}
	o, _ := w.proc.handles.Get(zx.Handle(child), zx.ObjJob, 0)
	if o != object.Object(j.made) {
		t.Error("another job")
	}
	object.Unref(o)
}

func TestJobSetPolicy(t *testing.T) {
	w := newWorld(t, 300)
	j, buf := newJob(), w.alloc(256)
	h := w.add(j, zx.RightsJob)
	rules := func(words ...uint32) {
		var b []byte
		for _, word := range words {
			b = binary.LittleEndian.AppendUint32(b, word)
		}
		w.poke(buf, b)
	}
	rules(4, 1, 0)
	const set = sysJobSetPolicy
	w.want("options", zx.ErrInvalidArgs, set, h, 2, jobPolicyBasicV2, buf, 1)
	w.want("topic", zx.ErrInvalidArgs, set, h, 0, 1, buf, 1)
	w.want("null", zx.ErrInvalidArgs, set, h, 0, jobPolicyBasicV2, 0, 1)
	w.want("none", zx.ErrInvalidArgs, set, h, 0, jobPolicyBasicV2, buf, 0)
	w.want("too many", zx.ErrOutOfRange, set, h, 0, jobPolicyBasicV2, buf, 17)
	w.badIns(12, 3, set, h, 0, jobPolicyBasicV2, 0, 1)
	for _, bad := range w.bad(h) {
		w.want("bad", zx.ErrBadHandle, set, bad, 0, jobPolicyBasicV2, buf, 1)
	}
	w.want("type", zx.ErrWrongType, set, uint64(w.self), 0, jobPolicyBasicV2, buf, 1)
	w.want("right", zx.ErrAccessDenied, set, w.with(h, ^zx.RightSetPolicy), 0, jobPolicyBasicV2, buf, 1)
	for _, bad := range []struct {
		rule []uint32
		st   zx.Status
	}{{[]uint32{16, 1, 0}, zx.ErrInvalidArgs}, {[]uint32{4, 5, 0}, zx.ErrNotSupported}, {[]uint32{4, 256, 0}, zx.ErrNotSupported}, {[]uint32{4, 1, 2}, zx.ErrInvalidArgs}} {
		rules(bad.rule...)
		w.want("rule", bad.st, set, h, 0, jobPolicyBasicV2, buf, 1)
	}
	rules(4, 1, 0, 8, 4, 1)
	w.want("set", zx.OK, set, h, 0, jobPolicyBasicV2, buf, 2)
	if j.policy.Action(zx.PolicyNewVMO) != zx.PolicyDeny || j.policy.Action(zx.PolicyNewPort) != zx.PolicyKill || j.absolute {
		t.Errorf("policy %+v, absolute %v", j.policy, j.absolute)
	}
	rules(8, 0, 6, 3)
	w.want("final", zx.ErrAlreadyExists, set, h, 1, jobPolicyBasicV1, buf, 2)
	w.want("version 1", zx.OK, set, h, 1, jobPolicyBasicV1, buf+8, 1)
	rules(6, 0)
	w.want("version 1 is final", zx.ErrAlreadyExists, set, h, 1, jobPolicyBasicV1, buf, 1)
}

// TestPolicy: what a policy denies is denied, raised or fatal, and the call has
// no other effect.
func TestPolicy(t *testing.T) {
	w := newWorld(t, 400)
	out, at := w.alloc(16), w.alloc(8)
	pager, port, mem := w.make(sysPagerCreate, 0), w.make(sysPortCreate, 0), w.vmo(pageSize)
	root := w.add(NewVMAR(w.proc.space.Root()), zx.RightsVMAR|w.proc.space.Root().Rights())
	exec := w.make(sysVMOReplaceAsExecutable, mem, 0)
	job := w.add(newJob(), zx.RightsJob)
	name := w.alloc(8)
	wx := uint64(zx.VMPermRead | zx.VMPermWrite | zx.VMPermExecute)
	spare := w.vmo(pageSize)
	calls := []struct {
		condition zx.PolicyCondition
		call      []uint64
	}{
		{zx.PolicyNewVMO, []uint64{sysVMOCreate, pageSize, 0, out}},
		{zx.PolicyNewVMO, []uint64{sysPagerCreateVMO, pager, 0, port, 0, pageSize, out}},
		{zx.PolicyNewPager, []uint64{sysPagerCreate, 0, out}},
		{zx.PolicyNewPort, []uint64{sysPortCreate, 0, out}},
		{zx.PolicyNewEvent, []uint64{sysEventCreate, 0, out}},
		{zx.PolicyNewChannel, []uint64{sysChannelCreate, 0, out, out + 4}},
		{zx.PolicyNewProcess, []uint64{sysProcessCreate, job, name, 4, 0, out, out + 4}},
		{zx.PolicyVMARWX, []uint64{sysVMARMap, root, wx, 0, exec, 0, pageSize, at}},
		{zx.PolicyAmbientMarkVMOExec, []uint64{sysVMOReplaceAsExecutable, spare, 0, out}},
	}
	for _, c := range calls {
		for action, want := range map[zx.PolicyAction]zx.Status{
			zx.PolicyDeny: zx.ErrAccessDenied, zx.PolicyDenyException: zx.ErrAccessDenied, zx.PolicyKill: zx.ErrAccessDenied,
		} {
			w.proc.rules, _ = zx.Policy{}.Add([]zx.PolicyRule{{Condition: c.condition, Action: action}}, false)
			count := w.proc.handles.Count()
			w.thr.policy, w.proc.exited = nil, false
			w.want("denied", want, c.call[0], c.call[1:]...)
			if raised := len(w.thr.policy) == 1 && w.thr.policy[0] == c.condition; raised != (action == zx.PolicyDenyException) || w.proc.exited != (action == zx.PolicyKill) {
				t.Errorf("condition %d action %d: exceptions %v, exited %v", c.condition, action, w.thr.policy, w.proc.exited)
			}
			if n := w.proc.handles.Count(); n != count {
				t.Errorf("condition %d: %d handles more", c.condition, n-count)
			}
		}
		w.proc.rules, _ = zx.Policy{}.Add([]zx.PolicyRule{{Condition: c.condition, Action: zx.PolicyAllowException}}, false)
		w.thr.policy, w.proc.exited = nil, false
		w.want("allowed", zx.OK, c.call[0], c.call[1:]...)
		if len(w.thr.policy) != 1 {
			t.Errorf("condition %d: exceptions %v", c.condition, w.thr.policy)
		}
	}
	// Handles that are none, or of another type.
	w.proc.rules, _ = zx.Policy{}.Add([]zx.PolicyRule{{Condition: zx.PolicyBadHandle, Action: zx.PolicyAllowException}, {Condition: zx.PolicyWrongObject, Action: zx.PolicyDenyException}}, false)
	w.thr.policy = nil
	w.ctx.Misused(w.status(sysHandleClose, 4711))
	w.ctx.Misused(w.status(sysVMOGetSize, port, out))
	if len(w.thr.policy) != 2 || w.thr.policy[0] != zx.PolicyBadHandle || w.thr.policy[1] != zx.PolicyWrongObject {
		t.Errorf("exceptions %v", w.thr.policy)
	}
}

func TestJobInfo(t *testing.T) {
	w := newWorld(t, 300)
	j, buf := newJob(), w.alloc(64)
	j.children = []zx.Koid{101, 103, 105}
	h := w.add(j, zx.RightsJob)
	const info = sysObjectGetInfo
	w.want("job", zx.OK, info, h, uint64(infoJob), buf, 16, 0, 0)
	if code, exited := int64(w.peek64(buf)), w.peek32(buf+8); code != -7 || exited != 1 {
		t.Errorf("return code %d, exited %d", code, exited)
	}
	for topic, first := range map[uint32]uint64{infoJobChildren: 101, infoJobProcesses: 102, infoProcessThreads: 21} {
		on := h
		if topic == infoProcessThreads {
			on = uint64(w.self)
		}
		w.want("right", zx.ErrAccessDenied, info, w.with(on, ^zx.RightEnumerate), uint64(topic), buf, 24, 0, 0)
		w.want("type", zx.ErrWrongType, info, w.vmo(0), uint64(topic), buf, 24, 0, 0)
		w.want("all", zx.OK, info, on, uint64(topic), buf, 40, buf+40, buf+48)
		if got := w.peek64(buf); got != first || w.peek64(buf+40) != 3 || w.peek64(buf+48) != 3 {
			t.Errorf("topic %d: first %d, actual %d, avail %d", topic, got, w.peek64(buf+40), w.peek64(buf+48))
		}
		w.want("some", zx.OK, info, on, uint64(topic), buf, 23, buf+40, buf+48)
		if w.peek64(buf+40) != 2 || w.peek64(buf+48) != 3 {
			t.Errorf("topic %d: actual %d, avail %d", topic, w.peek64(buf+40), w.peek64(buf+48))
		}
		w.badOuts(8, 2, nil, info, on, uint64(topic), 0, 8, 0, 0)
	}
}

package syscall

import (
	"encoding/binary"

	"faultline/zx"
)

// policy is what the job of the calling process says to c. With an exception the
// thread takes it when Dispatch returns.
//
// Errors: ErrAccessDenied.
func (c *Context) policy(condition zx.PolicyCondition) zx.Status {
	action := c.Process.Policy().Action(condition)
	if action == zx.PolicyAllow {
		return zx.OK
	}
	return c.refuse(condition, action)
}

// refuse does what action says to condition.
func (c *Context) refuse(condition zx.PolicyCondition, action zx.PolicyAction) zx.Status {
	switch action {
	case zx.PolicyKill:
		c.Process.Exit(zx.TaskRetcodePolicyKill)
	case zx.PolicyAllowException, zx.PolicyDenyException:
		c.Thread.RaisePolicy(condition)
	}
	if action == zx.PolicyAllow || action == zx.PolicyAllowException {
		return zx.OK
	}
	return zx.ErrAccessDenied
}

// Misused applies the policy of bad handles to a call that answered st. The
// answer stays.
func (c *Context) Misused(st zx.Status) {
	condition := zx.PolicyBadHandle
	if st == zx.ErrWrongType {
		condition = zx.PolicyWrongObject
	}
	c.policy(condition)
}

func jobCreate(c *Context, parent zx.Handle, options uint32, out userOut) zx.Status {
	if options != 0 {
		return zx.ErrInvalidArgs
	}
	return with(c, parent, zx.ObjJob, zx.RightManageJob, func(above Job, _ zx.Rights) zx.Status {
		j, st := above.CreateJob()
		return c.made(j, st, zx.RightsJob, out)
	})
}

// Options and topics of zx_job_set_policy.
const (
	jobPolicyRelative = 0
	jobPolicyAbsolute = 1
	jobPolicyBasicV1  = 0
	jobPolicyBasicV2  = 0x01000000

	policyV1Bytes    = 8  // condition, action
	policyV2Bytes    = 12 // condition, action, flags
	policyFlagsFinal = 1  // ZX_POL_OVERRIDE_DENY
)

func jobSetPolicy(c *Context, h zx.Handle, options, topic uint32, policy userIn, count uint32) zx.Status {
	if options != jobPolicyRelative && options != jobPolicyAbsolute || policy == 0 || count == 0 {
		return zx.ErrInvalidArgs
	}
	size := policyV1Bytes
	switch topic {
	case jobPolicyBasicV1:
	case jobPolicyBasicV2:
		size = policyV2Bytes
	default:
		return zx.ErrInvalidArgs
	}
	if count > uint32(zx.PolicyConditions) {
		return zx.ErrOutOfRange
	}
	records := c.scratch[:size*int(count)]
	if st := c.read(records, policy); st != zx.OK {
		return st
	}
	var rules []zx.PolicyRule
	le := binary.LittleEndian
	for ; len(records) > 0; records = records[size:] {
		action, flags := le.Uint32(records[4:]), uint32(policyFlagsFinal)
		if topic == jobPolicyBasicV2 {
			flags = le.Uint32(records[8:])
		}
		if flags > policyFlagsFinal {
			return zx.ErrInvalidArgs
		}
		rules = append(rules, zx.PolicyRule{
			Condition: zx.PolicyCondition(le.Uint32(records)),
			Action:    zx.PolicyAction(min(action, uint32(zx.PolicyActions))),
			Final:     flags == policyFlagsFinal,
		})
	}
	return with(c, h, zx.ObjJob, zx.RightSetPolicy, func(j Job, _ zx.Rights) zx.Status {
		return j.SetPolicy(rules, options == jobPolicyAbsolute)
	})
}

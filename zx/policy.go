package zx

import "fmt"

// PolicyCondition is something a job's policy decides about, and the synth code
// of the policy exception that tells of it. Those from PolicyChannelFull on are
// no policy: their exception is always raised.
type PolicyCondition uint32

// Conditions. Source: docs/pager.md 1.4; Zircon job_set_policy and its
// exception.h.
const (
	PolicyBadHandle          PolicyCondition = 0
	PolicyWrongObject        PolicyCondition = 1
	PolicyVMARWX             PolicyCondition = 2
	PolicyNewAny             PolicyCondition = 3 // stands for all that follow, to NewPager
	PolicyNewVMO             PolicyCondition = 4
	PolicyNewChannel         PolicyCondition = 5
	PolicyNewEvent           PolicyCondition = 6
	PolicyNewEventPair       PolicyCondition = 7
	PolicyNewPort            PolicyCondition = 8
	PolicyNewFIFO            PolicyCondition = 10
	PolicyNewTimer           PolicyCondition = 11
	PolicyNewProcess         PolicyCondition = 12
	PolicyNewPager           PolicyCondition = 14
	PolicyAmbientMarkVMOExec PolicyCondition = 15
	PolicyConditions         PolicyCondition = 16 // how many a policy has

	PolicyChannelFull PolicyCondition = 16
	PolicyPortFull    PolicyCondition = 17
)

// PolicyAction is what a policy answers to a condition.
type PolicyAction uint8

// Actions. EXCEPTION raises a policy exception besides.
const (
	PolicyAllow          PolicyAction = 0
	PolicyDeny           PolicyAction = 1
	PolicyAllowException PolicyAction = 2
	PolicyDenyException  PolicyAction = 3
	PolicyKill           PolicyAction = 4
	PolicyActions        PolicyAction = 5 // how many there are
)

// PolicyRule is one condition of a policy with its answer.
type PolicyRule struct {
	Condition PolicyCondition
	Action    PolicyAction
	// Final says that the policies of jobs below may not answer otherwise:
	// ZX_POL_OVERRIDE_DENY.
	Final bool
}

// Policy is what a job lets its processes do: an answer to each condition. The
// zero Policy allows everything.
type Policy struct {
	actions [PolicyConditions]PolicyAction
	final   [PolicyConditions]bool
}

// Action gives the answer to condition c.
func (p *Policy) Action(c PolicyCondition) PolicyAction { return p.actions[c] }

// Add gives p with the rules on top of it, in order. A rule against a final
// answer of p is passed over, or refused if the rules are absolute.
//
// Errors: ErrInvalidArgs no such condition | ErrNotSupported no such action |
// ErrAlreadyExists.
func (p Policy) Add(rules []PolicyRule, absolute bool) (Policy, Status) {
	old := p
	for _, r := range rules {
		from, to := r.Condition, r.Condition
		switch {
		case r.Condition >= PolicyConditions:
			return Policy{}, ErrInvalidArgs
		case r.Action >= PolicyActions:
			return Policy{}, ErrNotSupported
		case r.Condition == PolicyNewAny:
			to = PolicyNewPager
		}
		for c := from; c <= to; c++ {
			if !old.final[c] {
				p.actions[c], p.final[c] = r.Action, r.Final
			} else if absolute && old.actions[c] != r.Action {
				return Policy{}, ErrAlreadyExists
			}
		}
	}
	return p, OK
}

var policyTexts = map[PolicyCondition]string{
	PolicyBadHandle:          "a bad handle was used",
	PolicyWrongObject:        "a handle of the wrong type was used",
	PolicyVMARWX:             "memory was mapped writable and executable",
	PolicyNewVMO:             "a VMO was made",
	PolicyNewChannel:         "a channel was made",
	PolicyNewEvent:           "an event was made",
	PolicyNewPort:            "a port was made",
	PolicyNewProcess:         "a process was made",
	PolicyNewPager:           "a pager was made",
	PolicyAmbientMarkVMOExec: "a VMO was made executable without a resource",
	PolicyChannelFull:        "too many messages wait in a channel",
	PolicyPortFull:           "too many packets wait in a port",
}

// Text says in words what a policy exception is for.
func (c PolicyCondition) Text() string {
	if text := policyTexts[c]; text != "" {
		return text
	}
	return fmt.Sprintf("policy code %d", uint32(c))
}

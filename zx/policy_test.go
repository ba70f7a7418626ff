package zx

import "testing"

func TestPolicyAdd(t *testing.T) {
	add := func(p Policy, absolute bool, st Status, rules ...PolicyRule) Policy {
		t.Helper()
		q, got := p.Add(rules, absolute)
		if got != st {
			t.Fatalf("%v, want %v", got, st)
		}
		return q
	}
	var none Policy
	one := add(none, false, OK, PolicyRule{PolicyNewAny, PolicyDeny, false}, PolicyRule{PolicyNewVMO, PolicyKill, true})
	for c, want := range map[PolicyCondition]PolicyAction{
		PolicyVMARWX: PolicyAllow, PolicyNewAny: PolicyDeny, PolicyNewVMO: PolicyKill, PolicyNewPort: PolicyDeny,
		PolicyNewPager: PolicyDeny, PolicyAmbientMarkVMOExec: PolicyAllow,
	} {
		if got := one.Action(c); got != want {
			t.Errorf("condition %d: action %d, want %d", c, got, want)
		}
	}
	// Below: what is final stays, what is not does not.
	two := add(one, false, OK, PolicyRule{PolicyNewVMO, PolicyAllow, false}, PolicyRule{PolicyNewPort, PolicyAllow, false})
	if two.Action(PolicyNewVMO) != PolicyKill || two.Action(PolicyNewPort) != PolicyAllow {
		t.Errorf("actions %d and %d, want %d and %d", two.Action(PolicyNewVMO), two.Action(PolicyNewPort), PolicyKill, PolicyAllow)
	}
	add(one, true, ErrAlreadyExists, PolicyRule{PolicyNewPort, PolicyAllow, false}, PolicyRule{PolicyNewVMO, PolicyAllow, false})
	add(one, true, OK, PolicyRule{PolicyNewVMO, PolicyKill, false})
	add(none, false, ErrInvalidArgs, PolicyRule{PolicyConditions, PolicyDeny, false})
	add(none, false, ErrNotSupported, PolicyRule{PolicyNewVMO, PolicyActions, false})
}

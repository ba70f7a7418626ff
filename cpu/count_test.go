//go:build tamago

package cpu_test

import (
	"testing"

	"faultline/cpu"
)

// Budgets, in guest instructions, for entering ring 3, one trapping
// instruction there, and coming back to Go: the whole of Exec as a Go caller
// sees it, with the call (four instructions) and a loop around it (seven).
// The stubs alone are 31 out, 37 in after a SYSCALL, 36 after a fault. Measured on a CPU with the fast stubs.
const (
	budgetSyscall = 84
	budgetFault   = 84
	budgetSwitch  = 100 // a syscall, another thread having run before
)

// TestInstructionCounts counts Exec. It needs a TSC that counts instructions
// (QEMU's -icount shift=0) and skips without.
func TestInstructionCounts(t *testing.T) {
	f := cpu.Detect()
	loop := newRing3(t, insSyscall, jumpTo(userCode+2, userCode))
	trap := newRing3(t, insUD2)
	other := newRing3(t, insSyscall, jumpTo(userCode+2, userCode))
	cpu.WriteCR3(loop.root) // one root: CR3 is not part of Exec

	cpu.Exec(loop.Regs) // from here on the same thread
	const n = 100
	empty := measure(func() {})
	same := measure(func() {
		for range n {
			cpu.Exec(loop.Regs)
		}
	})
	// Two more instructions a round: the jump back, which is not Exec's.
	if again := measure(func() {
		for range n {
			cpu.Exec(loop.Regs)
		}
	}); again != same || empty > 40 {
		t.Skipf("the TSC does not count instructions: %d, %d, %d", empty, same, again)
	}
	cpu.WriteCR3(trap.root)
	cpu.Exec(trap.Regs)
	fault := measure(func() {
		for range n {
			cpu.Exec(trap.Regs)
		}
	})
	cpu.WriteCR3(loop.root)
	other.SetRIP(userCode)
	cpu.Exec(other.Regs)
	turns := measure(func() {
		for range n {
			cpu.Exec(loop.Regs)
			cpu.Exec(other.Regs)
		}
	})
	// The jump in ring 3 is not Exec's; the three or four instructions of the
	// loop and the argument stay in.
	perSyscall := float64(same)/n - 1
	perFault := float64(fault) / n
	perSwitch := float64(turns)/n/2 - 1
	t.Logf("guest instructions: syscall %.1f, fault %.1f, syscall of another thread %.1f (fast stubs: %v)",
		perSyscall, perFault, perSwitch, f.FSGSBASE && f.XSAVEOPT && f.SMAP)
	if f.FSGSBASE && f.XSAVEOPT && f.SMAP {
		if perSyscall > budgetSyscall || perFault > budgetFault || perSwitch > budgetSwitch {
			t.Errorf("over budget: %v, %v, %v", budgetSyscall, budgetFault, budgetSwitch)
		}
	}
}

func measure(f func()) uint64 {
	start := cpu.ReadTSC()
	f()
	return cpu.ReadTSC() - start
}

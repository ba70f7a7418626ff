package console

import (
	"errors"
	"fmt"

	"faultline/mmu"
	"faultline/zx"
)

// cause is an exception in a few words.
func cause(x *Exception) string {
	r := &x.Report
	if r.Type == zx.ExcpFatalPageFault {
		return fmt.Sprintf("fatal page fault at %#x, %v", r.CR2, zx.Status(int32(r.SynthCode)))
	}
	if r.Type == zx.ExcpPolicyError {
		return fmt.Sprintf("%v, %s", r.Type, zx.PolicyCondition(r.SynthCode).Text())
	}
	return fmt.Sprintf("%v, vector %d", r.Type, r.Vector)
}

// reportDeath prints all about the exception that killed a program, if err is that.
func (c *Console) reportDeath(err error) {
	var d *death
	if !errors.As(err, &d) {
		return
	}
	x, r := d.x, &d.x.Report
	c.note("%s (process %d, thread %d) was killed by an exception:", d.name, x.Process, x.Thread)
	c.printf("  type         %v (%#x), vector %d\n", r.Type, uint32(r.Type), r.Vector)
	if r.Type == zx.ExcpFatalPageFault {
		access := "read"
		switch e := mmu.PageFaultError(r.ErrorCode); {
		case e&mmu.PF_ID != 0:
			access = "instruction fetch"
		case e&mmu.PF_WR != 0:
			access = "write"
		}
		c.printf("  address      %#x (%s)\n", r.CR2, access)
		c.printf("  synth_code   %v (%d)\n", zx.Status(int32(r.SynthCode)), int32(r.SynthCode))
		c.printf("  error code   %#x (%v)\n", r.ErrorCode, mmu.PageFaultError(r.ErrorCode))
	} else {
		c.printf("  error code   %#x\n", r.ErrorCode)
		if r.SynthCode != 0 {
			c.printf("  synth_code   %d (%s)\n", r.SynthCode, zx.PolicyCondition(r.SynthCode).Text())
		}
	}
	c.tell("  instruction  ", "%s at %#x", x.Instruction, uint64(x.RIP))
	for _, line := range append(x.Where, x.Registers...) {
		c.note("  %s", line)
	}
}

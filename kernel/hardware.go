//go:build tamago

package kernel

import (
	"faultline/cpu"
	"faultline/zx"
)

// What the run loop has the CPU itself do. On a host a test plays the CPUs: see
// hardware_host.go.

// here is the part of the CPU that calls it; see cpu.ID.
//
//go:nosplit
func (k *Kernel) here() *percpu { return k.cpus[cpu.ID()] }

// exec is cpu.Exec.
func (c *percpu) exec(r *cpu.Regs) { cpu.Exec(r) }

// writeCR3 is cpu.WriteCR3.
//
//go:nosplit
func (c *percpu) writeCR3(root zx.PhysAddr) { cpu.WriteCR3(uint64(root)) }

//go:build !tamago

package kernel

import (
	"faultline/cpu"
	"faultline/zx"
)

// playsCPUs is a Board whose CPUs are played, too.
type playsCPUs interface {
	Board
	ID() int
	Exec(r *cpu.Regs)
	WriteCR3(root zx.PhysAddr)
}

func (k *Kernel) here() *percpu { return k.cpus[k.machine.(playsCPUs).ID()] }

func (c *percpu) exec(r *cpu.Regs) { c.machine.(playsCPUs).Exec(r) }

func (c *percpu) writeCR3(root zx.PhysAddr) { c.machine.(playsCPUs).WriteCR3(root) }

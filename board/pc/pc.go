//go:build tamago

package pc

import (
	"errors"

	"faultline/board/x86"
)

// Open reads the firmware's tables and opens the machine with what they say; later
// calls return the same value.
//
// Errors: those of x86.Open.
func Open() (*x86.Machine, error) {
	boot, err := x86.Boot()
	if err != nil {
		return nil, err
	}
	rsdp := boot.RSDP
	if rsdp == 0 {
		rsdp = FindRSDP(x86.ReadPhysical)
	}
	if rsdp == 0 {
		x86.Platform.Problems = append(x86.Platform.Problems, errors.New("acpi: no root pointer"))
		return x86.Open()
	}
	t, err := Parse(rsdp, x86.ReadPhysical)
	if err != nil {
		x86.Platform.Problems = append(x86.Platform.Problems, err)
		return x86.Open()
	}
	p := &x86.Platform
	p.HostBridges = t.Bridges
	p.Name, p.Power, p.Serial, p.Problems = t.Maker, t.Power, t.Serial, append(p.Problems, t.Problems...)
	if len(t.IOAPICs) > 0 {
		p.IOAPIC, p.GSIBase = t.IOAPICs[0].Address, t.IOAPICs[0].GSIBase
	}
	for isa := range p.GSI {
		p.GSI[isa] = t.GSI(uint8(isa))
	}
	if len(t.CPUs) > 0 {
		p.CPUs = t.CPUs
	}
	return x86.Open()
}

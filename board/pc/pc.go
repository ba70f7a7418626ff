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
	err = errors.New("acpi: no root pointer")
	if rsdp != 0 {
		err = Parse(&x86.Platform, rsdp, x86.ReadPhysical)
	}
	if err != nil {
		x86.Platform.Problems = append(x86.Platform.Problems, err)
	}
	return x86.Open()
}

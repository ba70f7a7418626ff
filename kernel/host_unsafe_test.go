//go:build !tamago

package kernel

import (
	"reflect"
	"unsafe"

	"faultline/cpu"
)

// setTrap writes into r what a trap would.
func setTrap(r *cpu.Regs, v cpu.Vector, code cpu.ErrorCode, cr2 uint64) {
	at := func(name string) unsafe.Pointer {
		f, _ := reflect.TypeFor[cpu.Regs]().FieldByName(name)
		return unsafe.Add(unsafe.Pointer(r), f.Offset)
	}
	*(*cpu.Vector)(at("vector")), *(*cpu.ErrorCode)(at("errc")), *(*uint64)(at("cr2")) = v, code, cr2
}

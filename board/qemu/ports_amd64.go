//go:build tamago

package qemu

func in8(port uint16) uint8
func out8(port uint16, v uint8)
func rdtsc() uint64

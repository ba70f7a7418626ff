//go:build tamago

package x86

// efiCall calls the firmware's function whose address is at *(table+offset), with
// the calling convention of UEFI, and returns its EFI_STATUS.
//
// Source: UEFI 2.10, 2.3.4.2.
//
//go:noescape
func efiCall(table, offset, a, b, c, d, e uint64) uint64

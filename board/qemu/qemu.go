//go:build tamago

package qemu

import (
	"encoding/binary"
	"os"
	"strings"
	_ "unsafe" // for go:linkname

	"faultline/board/x86"
)

// Hooks that only this project's toolchain has; with the official one they are
// variables that nobody reads.

//go:linkname bootArgs runtime.bootArgs
var bootArgs []string

//go:linkname bootEnv runtime.bootEnv
var bootEnv []string

//go:linkname early faultline/board.Early
var early = readParameters

// readParameters takes arguments and environment from the firmware configuration.
//
// Context: as Hwinit1: no package is initialized yet.
func readParameters() {
	initFirmware()
	if b, ok := FWConfig(FileArgs); ok {
		bootArgs = SplitNUL(b)
	}
	if b, ok := FWConfig(FileEnv); ok {
		bootEnv = SplitNUL(b)
	}
	if b, ok := FWConfig(FileOptions); ok {
		x86.MoreOptions = string(b)
	}
}

// processors lists the local APICs: QEMU numbers them as the CPUs, with its default
// topology. Source: QEMU docs/specs/fw_cfg, FW_CFG_NB_CPUS.
func processors() []uint32 {
	const fwCPUs = 5
	var b [2]byte
	fwRead(fwCPUs, b[:])
	list := make([]uint32, binary.LittleEndian.Uint16(b[:]))
	for i := range list {
		list[i] = uint32(i)
	}
	return list
}

// init makes arguments and environment available where the toolchain does not.
func init() {
	x86.Platform.CPUs = processors()
	if len(bootArgs) > 0 {
		os.Args = bootArgs
	}
	if len(os.Args) == 0 {
		os.Args = []string{"faultline"}
	}
	for _, kv := range bootEnv {
		if k, v, ok := strings.Cut(kv, "="); ok {
			os.Setenv(k, v)
		}
	}
}

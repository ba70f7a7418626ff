//go:build tamago

package qemu

import (
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

// init makes arguments and environment available where the toolchain does not.
func init() {
	if b, ok := FWConfig(FileArgs); ok && len(b) > 0 {
		os.Args = SplitNUL(b)
	}
	if len(os.Args) == 0 {
		os.Args = []string{"faultline"}
	}
	if b, ok := FWConfig(FileEnv); ok {
		for _, kv := range SplitNUL(b) {
			if k, v, ok := strings.Cut(kv, "="); ok {
				os.Setenv(k, v)
			}
		}
	}
}

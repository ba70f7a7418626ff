package qemu

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
)

// Files that the host runner (cmd/qemu) passes by firmware configuration. QEMU
// wants names of users' files to begin with opt/.
const (
	FileArgs     = "opt/faultline/args"     // arguments after the program name, NUL after each
	FileEnv      = "opt/faultline/env"      // NAME=value, NUL after each
	FileCommands = "opt/faultline/cmds"     // console commands
	FileProgram  = "opt/faultline/program"  // a ring-3 ELF image
	FileOptions  = "opt/faultline/options"  // words behind the loader's command line
	FileProgArgs = "opt/faultline/progargs" // its arguments, NUL after each

	FilePrivileged = "opt/faultline/privileged" // there if the image gets the root resources
)

// fw_cfg's file directory. Source: QEMU docs/specs/fw_cfg.
const (
	fwFileBytes = 64
	fwNameBytes = 56
	fwMaxFiles  = 4096
	fwMaxBytes  = 256 << 20 // of one file
)

// fwFile is one entry of the directory.
type fwFile struct {
	name string
	size uint32
	key  uint16 // to select it with
}

// parseFWDirectory reads the directory after its count.
func parseFWDirectory(b []byte) ([]fwFile, error) {
	if len(b)%fwFileBytes != 0 {
		return nil, fmt.Errorf("qemu: fw_cfg directory of %d bytes", len(b))
	}
	var files []fwFile
	for ; len(b) > 0; b = b[fwFileBytes:] {
		name, _, _ := bytes.Cut(b[8:8+fwNameBytes], []byte{0})
		files = append(files, fwFile{
			name: string(name),
			size: binary.BigEndian.Uint32(b),
			key:  binary.BigEndian.Uint16(b[4:]),
		})
	}
	return files, nil
}

// SplitNUL splits a list whose elements each end in NUL; a missing last NUL is
// forgiven.
func SplitNUL(b []byte) []string {
	if len(b) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(b), "\x00"), "\x00")
}

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// What the runner and the image agree on: the exit device and the names of
// files in QEMU's firmware configuration. Packages board/x86 and board/qemu have
// the other copy; a test compares them.
const (
	exitPort = 0xf4

	fileArgs     = "opt/faultline/args"
	fileEnv      = "opt/faultline/env"
	fileCommands = "opt/faultline/cmds"
	fileProgram  = "opt/faultline/program"
	fileProgArgs = "opt/faultline/progargs"
)

// machines are QEMU's names with the options that make each quick to boot.
var machines = map[string]struct {
	options string
	disk    string // device model
}{
	"microvm": {"microvm,isa-serial=on,rtc=on", "virtio-blk-device"},
	"q35":     {"q35", "virtio-blk-pci"},
	"pc":      {"pc", "virtio-blk-pci"},
}

// knobs are the settings of one run.
type knobs struct {
	qemu     string
	machine  string
	cpu      string
	mem      string
	smp      string
	accel    string
	disk     string
	readOnly bool
	snapshot bool
	cmds     string
	program  string
	progArgs string
	env      []string
	append   string
	icount   string
	gdb      string
	extra    string
}

// blob is a file of the firmware configuration.
type blob struct {
	name    string
	content []byte
}

// blobs are the files that the image finds.
func (k *knobs) blobs(image string, args []string) ([]blob, error) {
	list := []blob{{fileArgs, joinNUL(append([]string{filepath.Base(image)}, args...))}}
	if len(k.env) > 0 {
		list = append(list, blob{fileEnv, joinNUL(k.env)})
	}
	if k.cmds != "" {
		list = append(list, blob{fileCommands, []byte(k.cmds)})
	}
	if k.program != "" {
		elf, err := os.ReadFile(k.program)
		if err != nil {
			return nil, err
		}
		argv := append([]string{filepath.Base(k.program)}, strings.Fields(k.progArgs)...)
		list = append(list, blob{fileProgram, elf}, blob{fileProgArgs, joinNUL(argv)})
	}
	return list, nil
}

// joinNUL ends each element with NUL.
func joinNUL(list []string) []byte {
	return []byte(strings.Join(list, "\x00") + "\x00")
}

// argv is QEMU's command line for image; files maps the blobs' names to files
// on the host.
func (k *knobs) argv(image string, files []blobFile) ([]string, error) {
	m, ok := machines[k.machine]
	if !ok {
		return nil, fmt.Errorf("MACHINE=%s is not one of microvm, q35, pc", k.machine)
	}
	argv := []string{
		"-M", m.options, "-accel", k.accel, "-cpu", k.cpu, "-m", k.mem, "-smp", k.smp,
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-chardev", "stdio,id=com1,signal=off", "-serial", "chardev:com1",
		"-device", fmt.Sprintf("isa-debug-exit,iobase=%#x,iosize=4", exitPort),
		"-kernel", image,
	}
	if k.machine == "microvm" {
		argv = append(argv, "-global", "virtio-mmio.force-legacy=false")
	}
	if k.append != "" {
		argv = append(argv, "-append", k.append)
	}
	for _, f := range files {
		argv = append(argv, "-fw_cfg", "name="+f.name+",file="+escapeComma(f.path))
	}
	if k.disk != "" {
		drive := "if=none,id=disk0,format=raw,file=" + escapeComma(k.disk)
		if k.readOnly {
			drive += ",readonly=on"
		}
		argv = append(argv, "-drive", drive, "-device", m.disk+",drive=disk0")
		if k.snapshot {
			argv = append(argv, "-snapshot")
		}
	}
	switch k.icount {
	case "", "0", "no", "off":
	case "1", "yes", "on":
		// The clock of the virtual machine is its instruction count; so
		// must be everything else that a run could depend on.
		argv = append(argv, "-icount", "shift=0,sleep=off", "-seed", "1", "-rtc", "base=2024-01-01,clock=vm")
	default:
		argv = append(argv, "-icount", k.icount, "-seed", "1", "-rtc", "base=2024-01-01,clock=vm")
	}
	switch k.gdb {
	case "", "0", "no", "off":
	case "1", "yes", "on":
		argv = append(argv, "-gdb", "tcp:127.0.0.1:1234", "-S")
	default:
		argv = append(argv, "-gdb", "tcp:127.0.0.1:"+k.gdb, "-S")
	}
	return append(argv, strings.Fields(k.extra)...), nil
}

// blobFile is a blob that has been written to the host's disk.
type blobFile struct{ name, path string }

// escapeComma writes a file name as QEMU's option syntax wants it.
func escapeComma(name string) string { return strings.ReplaceAll(name, ",", ",,") }

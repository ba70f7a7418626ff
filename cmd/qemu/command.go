package main

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
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
	fileOptions  = "opt/faultline/options"

	filePrivileged = "opt/faultline/privileged"
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

// loaders are the ways into the image: the end of the name of the file beside the
// ELF file that is used, and what QEMU makes of it.
var loaders = map[string]struct {
	suffix  string
	drive   string // device that holds the file; "" passes it by -kernel
	uefi    bool
	microvm bool // works there
}{
	"pvh":        {microvm: true},
	"linux":      {suffix: ".efi", microvm: true},
	"uefi":       {suffix: ".efi", uefi: true},
	"multiboot2": {suffix: ".iso", drive: "ide-hd"}, // GRUB from the boot sector of a disk
	"iso-bios":   {suffix: ".iso", drive: "ide-cd"},
	"iso-uefi":   {suffix: ".iso", drive: "ide-cd", uefi: true},
	"usb":        {suffix: "-usb.img", drive: "usb-storage", uefi: true},
}

// firmware is UEFI's, where Debian's package ovmf has it.
const firmware = "/usr/share/ovmf/OVMF.fd"

// loadImage is the part of QEMU's command line that gets the image booted.
func (k *knobs) loadImage(image string) ([]string, error) {
	l, ok := loaders[k.loader]
	switch {
	case !ok:
		return nil, fmt.Errorf("LOADER=%s is not one of pvh, multiboot2, linux, uefi, iso-bios, iso-uefi, usb", k.loader)
	case k.machine == "microvm" && !l.microvm:
		return nil, fmt.Errorf("LOADER=%s needs MACHINE=q35 or pc", k.loader)
	case k.diskIf == "ram" && l.drive != "" && k.disk != "":
		return nil, fmt.Errorf("LOADER=%s brings its own RAM disk: leave DISK empty", k.loader)
	}
	if l.suffix != "" {
		image = strings.TrimSuffix(image, ".elf") + l.suffix
		if _, err := os.Stat(image); err != nil {
			return nil, fmt.Errorf("%w (make image)", err)
		}
	}
	var argv []string
	if l.uefi {
		argv = append(argv, "-bios", firmware)
	}
	if l.drive == "" {
		argv = append(argv, "-kernel", image)
		if k.append != "" {
			argv = append(argv, "-append", k.append)
		}
		if k.diskIf == "ram" && k.disk != "" {
			argv = append(argv, "-initrd", k.disk)
		}
		return argv, nil
	}
	drive := "if=none,id=boot,format=raw,file=" + escapeComma(image)
	if l.drive == "ide-cd" {
		drive += ",media=cdrom,readonly=on"
	} else {
		drive += ",snapshot=on"
	}
	if l.drive == "usb-storage" {
		argv = append(argv, "-device", "qemu-xhci")
	}
	return append(argv, "-drive", drive, "-device", l.drive+",drive=boot,bootindex=0"), nil
}

// diskModel is the device model behind DISKIF; "" where it needs none.
func (k *knobs) diskModel() (string, error) {
	switch k.diskIf {
	case "virtio":
		return machines[k.machine].disk, nil
	case "nvme":
		if k.machine == "microvm" {
			return "", errors.New("DISKIF=nvme needs MACHINE=q35 or pc")
		}
		return "nvme,serial=faultline", nil
	case "ram":
		return "", nil
	}
	return "", fmt.Errorf("DISKIF=%s is not one of virtio, nvme, ram", k.diskIf)
}

// knobs are the settings of one run.
type knobs struct {
	qemu     string
	machine  string
	loader   string
	cpu      string
	mem      string
	smp      string
	accel    string
	disk     string
	diskIf   string
	readOnly bool
	snapshot bool
	cmds     string
	program  string
	progArgs string
	env      []string
	append   string
	icount   string
	gdb      string
	watch    string
	extra    string

	privileged bool // the program gets the root resources
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
	// A loader that reads a file of its own gets no command line of ours.
	options := ""
	if l := loaders[k.loader]; l.drive != "" {
		options = k.append
		if k.disk != "" {
			options += " disk=" + k.diskIf // before the one it brings
		}
	}
	if options != "" {
		list = append(list, blob{fileOptions, []byte(options)})
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
		if k.privileged {
			list = append(list, blob{filePrivileged, []byte("1")})
		}
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
	if n, err := strconv.ParseUint(k.smp, 10, 8); err != nil || n == 0 {
		return nil, fmt.Errorf("SMP=%s is no number of CPUs, 1 to 255", k.smp)
	}
	if n, err := mebibytes(k.mem); err != nil || !(n >= leastMemory) {
		return nil, fmt.Errorf("MEM=%s is no size, as 512M or 4G, of %d MiB or more", k.mem, leastMemory)
	}
	argv := []string{
		"-M", m.options, "-accel", k.accel, "-cpu", k.cpu, "-m", k.mem, "-smp", k.smp,
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-chardev", "stdio,id=com1,signal=off", "-serial", "chardev:com1",
		"-device", fmt.Sprintf("isa-debug-exit,iobase=%#x,iosize=4", exitPort),
	}
	load, err := k.loadImage(image)
	if err != nil {
		return nil, err
	}
	argv = append(argv, load...)
	model, err := k.diskModel()
	if err != nil {
		return nil, err
	}
	if k.machine == "microvm" {
		argv = append(argv, "-global", "virtio-mmio.force-legacy=false")
	}
	for _, f := range files {
		argv = append(argv, "-fw_cfg", "name="+f.name+",file="+escapeComma(f.path))
	}
	if k.disk != "" && model != "" {
		drive := "if=none,id=disk0,format=raw,file=" + escapeComma(k.disk)
		if k.readOnly {
			drive += ",readonly=on"
		}
		argv = append(argv, "-drive", drive, "-device", model+",drive=disk0")
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
	if k.watch != "" {
		bus := "virtio-serial-pci"
		if k.machine == "microvm" {
			bus = "virtio-serial-device"
		}
		argv = append(argv, "-chardev", "socket,id=watch,path="+escapeComma(k.watch), "-device", bus+",max_ports=1", "-device", "virtconsole,chardev=watch")
	}
	return append(argv, strings.Fields(k.extra)...), nil
}

// leastMemory is what the image needs to say that it has too little, in MiB.
const leastMemory = 32

// mebibytes reads a size as QEMU's -m has it: MiB where no unit is named.
func mebibytes(size string) (float64, error) {
	units := 1.0
	for i, unit := range []string{"k", "m", "g", "t"} {
		if number, ok := strings.CutSuffix(strings.ToLower(size), unit); ok {
			units, size = math.Pow(1024, float64(i-1)), number
			break
		}
	}
	n, err := strconv.ParseFloat(size, 64)
	return n * units, err
}

// blobFile is a blob that has been written to the host's disk.
type blobFile struct{ name, path string }

// escapeComma writes a file name as QEMU's option syntax wants it.
func escapeComma(name string) string { return strings.ReplaceAll(name, ",", ",,") }

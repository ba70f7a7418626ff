package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// kernelPackage is Debian's name for its newest kernel for virtual machines;
// the package of that name only names the real one.
const kernelPackage = "linux-image-cloud-amd64"

// best is the command line with which Linux is at its best.
const best = "mitigations=off init_on_alloc=0"

// always is what every command line has.
const always = "console=ttyS0 reboot=t panic=-1 quiet norandmaps "

// setups are the ways Linux is measured: the release's kernel at its best and
// as shipped, and the newest of the backports at its best.
var setups = []struct {
	name      string // of the results
	backports bool
	cpu       string // "" is the CPU Faultline is measured on
	append    string
}{
	{"linux-best", false, "", best},
	{"linux-default", false, "max", ""},
	{"linux-new", true, "", best},
}

// peer measures userfaultfd on Linux in the same QEMU with the same -icount.
func peer(o options) error {
	dir := filepath.Join(o.build, "peer")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	initramfs, err := buildInitramfs(dir, "init")
	if err != nil {
		return err
	}
	for _, s := range setups {
		kernel, release, err := fetchKernel(dir, s.backports)
		if err != nil && s.backports {
			fmt.Fprintf(os.Stderr, "%s is not measured: %v\n", s.name, err)
			continue
		} else if err != nil {
			return err
		}
		cpu := s.cpu
		if cpu == "" {
			cpu = o.cpu
		}
		line := strings.TrimSpace(always + s.append)
		res := &results{Setup: fmt.Sprintf("Debian %s, -cpu %s, %s", release, cpu, strings.TrimSpace("command line: "+s.append))}
		if s.append == "" {
			res.Setup = fmt.Sprintf("Debian %s, -cpu %s, as shipped", release, cpu)
		}
		cmd, err := linux("microvm,isa-serial=on,rtc=on", kernel, initramfs, line, cpu, "-smp", "1", "-icount", "shift=0,sleep=off", "-seed", "1", "-rtc", "base=2024-01-01,clock=vm")
		if err != nil {
			return err
		}
		done, err := collect(cmd, res, s.name, o.timeout)
		if err == nil && !done {
			err = errors.New("the benchmark did not come to its end")
		}
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		if err := res.save(o, s.name); err != nil {
			return err
		}
	}
	return nil
}

// linux is the QEMU that boots a kernel on the machine of the peer.
func linux(machine, kernel, initramfs, line, cpu string, more ...string) (*exec.Cmd, error) {
	qemu, err := exec.LookPath("qemu-system-x86_64")
	if err != nil {
		return nil, err
	}
	return exec.Command(qemu, append(more, "-M", machine, "-display", "none", "-nodefaults", "-no-user-config",
		"-serial", "stdio", "-no-reboot", "-accel", "tcg", "-cpu", cpu, "-m", "1G",
		"-kernel", kernel, "-initrd", initramfs, "-append", line)...), nil
}

// smpPeer measures on Linux at its best, with $SMP CPUs, 2 if that is not set, what
// several do at once, and leaves the rows in bench-smp-peer.json.
func smpPeer(o options) error {
	dir := filepath.Join(o.build, "peer")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	initramfs, err := buildInitramfs(dir, "smp")
	if err != nil {
		return err
	}
	kernel, _, err := fetchKernel(dir, false)
	if err != nil {
		return err
	}
	// Without -icount it finds no clock on microvm.
	cmd, err := linux("q35", kernel, initramfs, always+best, "max", "-smp", cmp.Or(os.Getenv("SMP"), "2"))
	if err != nil {
		return err
	}
	stop := time.AfterFunc(o.timeout, func() { cmd.Process.Kill() })
	defer stop.Stop()
	out, err := cmd.Output()
	var rows []string
	for line := range strings.Lines(string(out)) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "{") {
			rows = append(rows, line)
		} else if strings.HasPrefix(line, "fail") {
			err = errors.Join(err, errors.New(line))
		}
	}
	if err == nil && len(rows) == 0 {
		err = fmt.Errorf("no row was measured:\n%s", out)
	}
	if err != nil {
		return err
	}
	text := "[\n" + strings.Join(rows, ",\n") + "\n]\n"
	fmt.Print(text)
	return os.WriteFile(filepath.Join(o.build, "bench-smp-peer.json"), []byte(text), 0o644)
}

// fetchKernel downloads a kernel package of Debian's, once, and extracts the
// kernel from it: an ELF file that QEMU boots through PVH. Nothing is installed.
// Backports are looked up in a package list of dir's own.
func fetchKernel(dir string, backports bool) (elf, release string, err error) {
	apt := aptOptions(nil)
	if backports {
		dir = filepath.Join(dir, "backports")
		if err := os.MkdirAll(filepath.Join(dir, "lists", "partial"), 0o755); err != nil {
			return "", "", err
		}
		if apt, err = backportsOptions(dir); err != nil {
			return "", "", err
		}
	}
	if elf, release = cachedKernel(dir); elf != "" {
		return elf, release, nil
	}
	name, err := apt.realPackage()
	if err != nil {
		return "", "", err
	}
	fmt.Fprintf(os.Stderr, "downloading %s (not installing it)\n", name)
	if out, err := command(dir, "apt-get", append(apt, "download", name)...); err != nil {
		return "", "", fmt.Errorf("apt-get download %s: %w\n%s", name, err, out)
	}
	debs, _ := filepath.Glob(filepath.Join(dir, name+"_*.deb"))
	if len(debs) == 0 {
		return "", "", fmt.Errorf("apt-get download %s left no file", name)
	}
	if out, err := command("", "dpkg-deb", "-x", debs[0], filepath.Join(dir, "root")); err != nil {
		return "", "", fmt.Errorf("dpkg-deb: %w\n%s", err, out)
	}
	images, _ := filepath.Glob(filepath.Join(dir, "root", "boot", "vmlinuz-*"))
	if len(images) == 0 {
		return "", "", fmt.Errorf("%s holds no boot/vmlinuz-*", name)
	}
	image, err := os.ReadFile(images[0])
	if err != nil {
		return "", "", err
	}
	kernel, err := extractKernel(image)
	if err != nil {
		return "", "", fmt.Errorf("%s: %w", images[0], err)
	}
	release = strings.TrimPrefix(filepath.Base(images[0]), "vmlinuz-")
	elf = filepath.Join(dir, "vmlinux-"+release)
	err = os.WriteFile(elf, kernel, 0o644)
	os.RemoveAll(filepath.Join(dir, "root"))
	return elf, release, err
}

// cachedKernel gives the kernel of an earlier run, "" without one.
func cachedKernel(dir string) (elf, release string) {
	list, _ := filepath.Glob(filepath.Join(dir, "vmlinux-*"))
	if len(list) == 0 {
		return "", ""
	}
	return list[len(list)-1], strings.TrimPrefix(filepath.Base(list[len(list)-1]), "vmlinux-")
}

// aptOptions are what apt-get and apt-cache are told.
type aptOptions []string

// backportsOptions have apt use a package list below dir, of the backports of
// the release whose packages this machine installs.
func backportsOptions(dir string) (aptOptions, error) {
	out, err := command("", "apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Identifier: Packages")
	if err != nil {
		return nil, fmt.Errorf("apt-get indextargets: %w\n%s", err, out)
	}
	words := strings.Fields(out)
	if len(words) < 2 {
		return nil, errors.New("apt names no source of packages")
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	list := filepath.Join(abs, "sources.list")
	text := fmt.Sprintf("deb %s %s-backports main\n", words[0], words[1])
	return aptOptions{
		"-o", "Dir::Etc::sourcelist=" + list, "-o", "Dir::Etc::sourceparts=-",
		"-o", "Dir::State::lists=" + filepath.Join(abs, "lists"), "-o", "Dir::Cache=" + abs,
	}, os.WriteFile(list, []byte(text), 0o644)
}

// realPackage gives the package that kernelPackage stands for.
func (apt aptOptions) realPackage() (string, error) {
	for try := range 2 {
		out, err := command("", "apt-cache", append(apt, "depends", "--important", kernelPackage)...)
		if err == nil {
			for line := range strings.Lines(out) {
				if name, ok := strings.CutPrefix(strings.TrimSpace(line), "Depends: linux-image-"); ok {
					return "linux-image-" + name, nil
				}
			}
		}
		if try == 0 {
			fmt.Fprintln(os.Stderr, "running: apt-get update")
			if out, err := command("", "apt-get", append(apt, "update")...); err != nil {
				return "", fmt.Errorf("apt-get update: %w\n%s", err, out)
			}
		}
	}
	return "", fmt.Errorf("apt knows no %s; the peer is measured on Debian's kernel, on a machine with Debian's packages", kernelPackage)
}

// command runs a host command in dir and gives all it printed.
func command(dir, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// buildInitramfs compiles a program of bench/peer and packs it as /init.
func buildInitramfs(dir, name string) (string, error) {
	program := filepath.Join(dir, name)
	out, err := command("", "gcc", "-static", "-O2", "-Wall", "-Wextra", "-Werror", "-Iuser/programs",
		"-o", program, "bench/peer/"+name+".c", "-lpthread")
	if err != nil {
		return "", fmt.Errorf("gcc: %w\n%s", err, out)
	}
	content, err := os.ReadFile(program)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	writeCPIO(&b, []entry{
		{name: "dev", mode: 0o040755},
		{name: "dev/console", mode: 0o020600, major: 5, minor: 1},
		{name: "init", mode: 0o100755, content: content},
	})
	path := program + ".initramfs"
	return path, os.WriteFile(path, b.Bytes(), 0o644)
}

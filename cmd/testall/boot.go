package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

// boot is one boot of the kernel image and what must come of it.
type boot struct {
	name     string
	image    string // the kernel's ELF file if not the usual one
	machine  string // "" is the runner's default, as for the next two
	loader   string //
	diskIf   string //
	smp      string //
	cpu      string //
	mem      string //
	disk     string // image to boot with, "" for none; never written itself
	commands string // console commands
	program  string // a ring-3 program instead: an ELF file
	args     string // its arguments
	append   string // the kernel command line
	icount   string // "1": instructions are the clock
	timeout  string // seconds the runner allows; "" is 90
	// flags are options of QEMU in place of the runner's own disk; DISK in them is
	// the copy that the boot runs on.
	flags   string
	damaged bool     // the image: fsck.fat is not asked
	fails   bool     // the run must end with a failure
	want    []string // expressions the output must match, in this order
	refuse  []string // expressions it must not match
	check   func(output string) error
	// effect checks what became of the disk: before is the pristine image,
	// after the copy the boot ran on. nil: the disk must be unchanged.
	effect func(before, after string) error
	// ours is a hook that only our toolchain's runtime has, if the boot needs one
	// beside those for several CPUs.
	ours string
	// special runs instead of all that.
	special func() (output string, err error)
}

// Where make puts things.
const buildDir = "build"

func kernelImage() string { return filepath.Join(buildDir, "faultline.elf") }

// runner is the program that starts QEMU, as an absolute path: go test -exec
// runs it from the package's directory.
func runner() string {
	path, err := filepath.Abs(filepath.Join(buildDir, "bin", "qemu"))
	if err != nil {
		panic(fmt.Sprintf("testall.runner: %v", err))
	}
	return path
}

// bootLimit is the time one boot may take before it is killed, if it does not ask
// for more; the runner's own limit, which gives the better message, is shorter.
const bootLimit = 4 * time.Minute

// bootTests runs the table of boots, as many at a time as there are CPUs.
func bootTests(r *report) {
	disks, ok := bootParts(r)
	if !ok {
		return
	}
	table, err := diskBoots(disks)
	if err != nil {
		r.fail("odd disks", err.Error())
		return
	}
	table = append(table, boots(disks)...)
	table = append(table, exampleBoots()...)
	table = append(table, loaderBoots(disks, false)...)
	table = append(table, liarBoots()...)
	const bootServicesData, runtimeServicesData = 4, 6
	held := boot{machine: "q35", mem: "512M", disk: disks.test, timeout: "150", commands: "demo; sum PAGE.BIN", want: []string{`\.{40}`, "loaded by UEFI", "go on ", disks.sums["PAGE.BIN"]}}
	table = append(table, boot{name: "the firmware has the kernel's place until it ends", special: func() (string, error) { return heldBoot(bootServicesData, held) }})
	kept := boot{machine: "q35", mem: "512M", fails: true, timeout: "150", want: []string{`\.{40}`, "firmware keeps memory between 16 and 96 MiB for itself"}}
	table = append(table, boot{name: "the firmware keeps the kernel's place", special: func() (string, error) { return heldBoot(runtimeServicesData, kept) }})
	for _, loader := range []string{"iso-uefi", "uefi"} {
		table = append(table, boot{name: "the screen, " + loader, special: func() (string, error) { return screenBoot(disks.demo, loader) }})
	}
	table = append(table, boot{name: "pt agrees with QEMU's info tlb", special: func() (string, error) { return monitorBoot(disks.test) }})
	table = append(table, boot{name: "built elsewhere, the same image", special: reproducible})
	table = append(table, boot{name: "Go in ring 3, with C", ours: goOnly, special: ring3Boot})
	table = append(table, elfBoots(r)...)
	if _, err := exec.LookPath("gdb"); err == nil {
		table = append(table, boot{name: "make debug", special: debugBoot})
	} else {
		r.skip("boot make debug", "no gdb")
	}
	runBoots(r, table)
}

// bootParts makes what boots need: images, runner, disks.
func bootParts(r *report) (d disks, ok bool) {
	targets := append(images(), kernelImage(), filepath.Join(buildDir, "bin", "qemu"), filepath.Join(buildDir, "bin", "mkdisk"), "firmware")
	if !build(r, targets...) {
		return d, false
	}
	d, err := makeDisks()
	if err != nil {
		r.fail("test disk", err.Error())
	}
	return d, err == nil
}

// runBoots runs a table of boots, as many at a time as there are CPUs.
func runBoots(r *report, table []boot) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, max(1, runtime.NumCPU()))
	for _, b := range table {
		if only != nil && !only.MatchString(b.name) {
			continue
		}
		wg.Add(1)
		slots <- struct{}{}
		go func() {
			defer wg.Done()
			defer func() { <-slots }()
			b.report(r)
		}()
	}
	wg.Wait()
}

// report runs the boot and says how it went.
func (b boot) report(r *report) {
	started := time.Now()
	if b.smp != "" {
		b.ours = "its runtime cannot pin a goroutine to a CPU"
	}
	if b.ours != "" && oursOnly(r, "boot "+b.name, b.ours) {
		return
	}
	if output, err := b.run(); err != nil {
		r.fail("boot "+b.name, output+"\n"+err.Error()+"\nagain: "+b.again())
	} else {
		r.pass("boot "+b.name, time.Since(started))
	}
}

// again is the make command that repeats the boot.
func (b *boot) again() string {
	if b.special != nil {
		return "go run ./cmd/testall -only boot -run '^" + regexp.QuoteMeta(b.name) + "$'"
	}
	line := "make run"
	for _, k := range []struct{ knob, value string }{
		{"MACHINE", b.machine}, {"LOADER", b.loader}, {"DISKIF", b.diskIf}, {"SMP", b.smp}, {"CPU", b.cpu}, {"MEM", b.mem}, {"DISK", b.disk},
		{"CMDS", b.commands}, {"PROGRAM", b.program}, {"ARGS", b.args}, {"APPEND", b.append}, {"TIMEOUT", b.timeout}, {"QEMUFLAGS", b.flags}, {"ICOUNT", b.icount},
	} {
		if k.value != "" {
			line += " " + k.knob + "='" + k.value + "'"
		}
	}
	return line
}

// run boots once and gives what was printed and the first thing wrong.
func (b *boot) run() (output string, err error) {
	if b.special != nil {
		return b.special()
	}
	timeout := b.timeout
	if timeout == "" {
		timeout = "90"
	}
	env := []string{"MACHINE=" + b.machine, "CPU=" + b.cpu, "MEM=" + b.mem, "CMDS=" + b.commands,
		"ARGS=" + b.args, "APPEND=" + b.append, "TIMEOUT=" + timeout, "ICOUNT=" + b.icount, "SMP=" + b.smp, "ACCEL=", "LOADER=" + b.loader, "DISKIF=" + b.diskIf}
	disk := ""
	if b.disk != "" {
		dir, err := os.MkdirTemp(buildDir, "boot-")
		if err != nil {
			return "", err
		}
		defer os.RemoveAll(dir)
		disk = filepath.Join(dir, "disk.img")
		if err := copyFile(disk, b.disk); err != nil {
			return "", err
		}
	}
	if b.flags != "" {
		env = append(env, "DISK=", "QEMUFLAGS="+strings.ReplaceAll(b.flags, "DISK", disk), "PROGRAM="+b.program)
	} else {
		env = append(env, "DISK="+disk, "PROGRAM="+b.program)
	}
	output, err = command{args: []string{runner(), cmp.Or(b.image, kernelImage())}, env: env, limit: b.limit()}.run()
	var exit *exec.ExitError
	switch {
	case err != nil && !errors.As(err, &exit):
		return output, err
	case err == nil && b.fails:
		return output, errors.New("status 0, want a failure")
	case err != nil && !b.fails:
		return output, fmt.Errorf("%w, want success", err)
	}
	if err := b.matches(output); err != nil {
		return output, err
	}
	if b.check != nil {
		if err := b.check(output); err != nil {
			return output, err
		}
	}
	if b.disk == "" {
		return output, nil
	}
	effect := b.effect
	if effect == nil {
		effect = unchanged
	}
	if err := effect(b.disk, disk); err != nil {
		return output, fmt.Errorf("the disk: %w", err)
	}
	if b.damaged {
		return output, nil
	}
	return output, fsck(disk)
}

// limit is when the boot is killed.
func (b *boot) limit() time.Duration {
	seconds, _ := strconv.Atoi(b.timeout)
	return max(bootLimit, time.Duration(seconds+20)*time.Second)
}

// unwrapped lets a blank of an expression be where the console ended a line of 80
// columns.
var unwrapped = strings.NewReplacer(" +", `\s+`, " *", `\s*`, " ", `\s+`)

// matches checks the output against want and refuse.
func (b *boot) matches(output string) error {
	// A kernel that dies says so; no test expects it to.
	for _, expr := range append([]string{`(?i)panic`, `fatal report`}, b.refuse...) {
		if m := regexp.MustCompile(expr).FindString(output); m != "" {
			return fmt.Errorf("the output holds %q, which it must not", m)
		}
	}
	rest := output
	for _, expr := range b.want {
		at := regexp.MustCompile(unwrapped.Replace(expr)).FindStringIndex(rest)
		if at == nil {
			return fmt.Errorf("the output does not match %q (after what matched before)", expr)
		}
		rest = rest[at[1]:]
	}
	return nil
}

// makeDisks makes the test image, once per build directory.
func makeDisks() (disks, error) {
	d := disks{test: filepath.Join(buildDir, "test.img"), corrupt: filepath.Join(buildDir, "corrupt.img"), demo: filepath.Join(buildDir, "demo.img")}
	if err := makeDisk("test"); err != nil {
		return d, err
	}
	// A megabyte of noise: no boot sector, no FAT.
	if err := os.WriteFile(d.corrupt, bytes.Repeat([]byte("not a disk\n"), 1<<20/11), 0o644); err != nil {
		return d, err
	}
	if err := makeDisk("demo"); err != nil {
		return d, err
	}
	var err error
	if d.sums, err = readSums(d.test); err == nil {
		d.demoSums, err = readSums(d.demo)
	}
	return d, err
}

// makeDisk has mkdisk make an image of one of its sets, once per build directory.
func makeDisk(set string) error {
	image := filepath.Join(buildDir, set+".img")
	if _, err := os.Stat(image); err == nil {
		return nil
	}
	args := []string{filepath.Join(buildDir, "bin", "mkdisk"), "-set", set, image}
	if output, err := (command{args: args, limit: 2 * time.Minute}).run(); err != nil {
		return fmt.Errorf("%s%w", output, err)
	}
	return nil
}

// readSums gives the SHA-256 of each file of an image, by path.
func readSums(image string) (map[string]string, error) {
	text, err := os.ReadFile(image + ".sums")
	if err != nil {
		return nil, err
	}
	sums := map[string]string{}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		sum, path, ok := strings.Cut(line, "  ")
		if !ok && line != "" {
			return nil, fmt.Errorf("%s.sums: strange line %q", image, line)
		}
		sums[path] = sum
	}
	return sums, nil
}

// copyFile copies an image; what is zero becomes a hole.
func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer out.Close()
	p, zero := make([]byte, 64<<10), make([]byte, 64<<10)
	for at := int64(0); ; at += int64(len(p)) {
		n, err := io.ReadFull(in, p)
		if n > 0 && !bytes.Equal(p[:n], zero[:n]) {
			if _, err := out.WriteAt(p[:n], at); err != nil {
				return err
			}
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return errors.Join(out.Truncate(at+int64(n)), out.Close())
		}
		if err != nil {
			return err
		}
	}
}

// change is one byte that differs between two images.
type change struct {
	at        int64
	was, isIt byte
}

// changes compares two images; it gives up after many.
func changes(before, after string) ([]change, error) {
	a, err := os.Open(before)
	if err != nil {
		return nil, err
	}
	defer a.Close()
	b, err := os.Open(after)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	var list []change
	x, y := make([]byte, 1<<20), make([]byte, 1<<20)
	for at := int64(0); ; at += int64(len(x)) {
		n, errA := io.ReadFull(a, x)
		m, errB := io.ReadFull(b, y)
		if n != m {
			return nil, errors.New("the images differ in length")
		}
		if !bytes.Equal(x[:n], y[:n]) {
			for i := range x[:n] {
				if x[i] != y[i] {
					list = append(list, change{at + int64(i), x[i], y[i]})
				}
				if len(list) > 64 {
					return list, nil
				}
			}
		}
		if errA != nil || errB != nil {
			if errA == io.EOF || errA == io.ErrUnexpectedEOF {
				return list, nil
			}
			return nil, errors.Join(errA, errB)
		}
	}
}

// unchanged is the effect of a boot that may not write.
func unchanged(before, after string) error {
	list, err := changes(before, after)
	if err == nil && len(list) > 0 {
		err = fmt.Errorf("%d or more bytes changed, the first at %#x, want none", len(list), list[0].at)
	}
	return err
}

// wrote gives the effect of storing bytes in a file at an offset: the file holds
// them there, and no other byte of the image changed.
func wrote(path string, offset int, stored ...byte) func(before, after string) error {
	return func(before, after string) error {
		was, err := extract(before, path)
		if err != nil {
			return err
		}
		is, err := extract(after, path)
		if err != nil {
			return err
		}
		differ := 0
		for i, b := range stored {
			if was[offset+i] != b {
				differ++
			}
		}
		copy(was[offset:], stored)
		if !bytes.Equal(was, is) {
			return fmt.Errorf("%s is not the old file with % x at %#x", path, stored, offset)
		}
		list, err := changes(before, after)
		if err == nil && len(list) != differ {
			err = fmt.Errorf("%d bytes of the image changed, want exactly %d", len(list), differ)
		}
		return err
	}
}

// extract reads a file out of an image with mtools, which share no code with us.
func extract(image, path string) ([]byte, error) {
	cmd := exec.Command("mcopy", "-i", image, "::"+path, "-")
	cmd.Env = append(os.Environ(), "MTOOLS_SKIP_CHECK=1")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	data, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("mcopy %s: %w: %s", path, err, stderr.String())
	}
	return data, nil
}

// fsck fails unless the image is a clean FAT32 file system; an image that never
// was one is let through.
func fsck(image string) error {
	head := make([]byte, 512)
	f, err := os.Open(image)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := io.ReadFull(f, head); err != nil || string(head[82:87]) != "FAT32" {
		return err
	}
	path, err := exec.LookPath("fsck.fat")
	if err != nil {
		path = "/usr/sbin/fsck.fat"
	}
	if output, err := (command{args: []string{path, "-n", image}, limit: time.Minute}).run(); err != nil {
		return fmt.Errorf("fsck.fat -n: %w\n%s", err, output)
	}
	return nil
}

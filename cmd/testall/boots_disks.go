package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Options of QEMU that attach the copy of a boot's disk.
const (
	fileDrive = "-drive if=none,id=disk0,format=raw,file=DISK "
	onMicrovm = "-device virtio-blk-device,drive=disk0"
	onPC      = "-device virtio-blk-pci,drive=disk0"
	onNVMe    = "-device nvme,serial=0,drive=disk0"
	big       = ",logical_block_size=4096,physical_block_size=4096"
)

// diskBoots are boots on disks that are odd, large, slow or broken.
func diskBoots(d disks) ([]boot, error) {
	image := map[string]string{}
	sums := map[string]map[string]string{}
	for _, set := range []string{"4kn", "odd", "crowd", "pieces", "whole"} {
		if err := makeDisk(set); err != nil {
			return nil, err
		}
		image[set] = filepath.Join(buildDir, set+".img")
		var err error
		if sums[set], err = readSums(image[set]); err != nil {
			return nil, err
		}
	}
	var list []boot
	for _, name := range []string{"whole", "pieces"} {
		list = append(list, boot{name: "file of 512-byte clusters, " + name, disk: image[name], mem: "256M", timeout: "1200",
			commands: "ls; poke A.BIN 1234567890 aa bb; sync; evict A.BIN; touch A.BIN 1234567890 r; poke A.BIN 1234567890 00 00; sync; sum A.BIN; mem",
			want:     []string{`A\.BIN`, `stored 2 bytes`, `1 pages in 1 ranges written`, `read 0xaa`, sums[name]["A.BIN"], `kernel heap`},
			effect:   unchanged})
	}
	small := "sum EMPTY.BIN; sum ONE.BIN; sum PAGE.BIN; sum " + five
	smallSums := []string{sums["4kn"]["EMPTY.BIN"], sums["4kn"]["ONE.BIN"], sums["4kn"]["PAGE.BIN"], sums["4kn"][five]}
	for _, c := range []struct{ name, machine, device, platform string }{
		{"microvm", "microvm", onMicrovm, ",iommu_platform=on"},
		{"q35", "q35", onPC, ",iommu_platform=on,disable-legacy=on"},
		{"NVMe", "q35", onNVMe, ""},
	} {
		machine, device := c.machine, c.device
		list = append(list,
			boot{name: "blocks of 4096 bytes, " + c.name, machine: machine, disk: image["4kn"], flags: fileDrive + device + big,
				commands: small + "; poke " + five + " 4094 de ad be ef; sync",
				want:     smallSums, effect: wrote(five, 4094, 0xde, 0xad, 0xbe, 0xef)},
			boot{name: "512-byte sectors in blocks of 4096, " + c.name, machine: machine, disk: d.test, flags: fileDrive + device + big,
				commands: small + "; poke " + five + " 4094 de ad be ef; poke ONE.BIN 0 00; sync; poke ONE.BIN 0 31; sync",
				want:     smallSums, effect: func(before, after string) error {
					if err := wrote("ONE.BIN", 0, 0x31)(before, after); err == nil {
						return errors.New("only ONE.BIN changed")
					}
					return wroteAll(before, after, map[string]stored{five: {4094, []byte{0xde, 0xad, 0xbe, 0xef}}, "ONE.BIN": {0, []byte{0x31}}})
				}})
		if c.platform != "" {
			list = append(list, boot{name: "iommu_platform, " + c.name, machine: machine, disk: d.test, flags: fileDrive + device + c.platform,
				commands: "sum PAGE.BIN; poke PAGE.BIN 9 77; sync", want: []string{d.sums["PAGE.BIN"]}, effect: wrote("PAGE.BIN", 9, 0x77)})
		}
	}
	// The first controller has noise; the second is found, and can be asked for.
	for name, options := range map[string]string{"found": "", "asked for": "disk=nvme1"} {
		list = append(list, boot{name: "two NVMe controllers, the second is " + name, machine: "q35", disk: d.test, append: options,
			flags:    "-drive if=none,id=noise,format=raw,readonly=on,file=" + d.corrupt + " -device nvme,serial=1,drive=noise " + fileDrive + onNVMe,
			commands: "sum PAGE.BIN; poke PAGE.BIN 9 77; sync", want: []string{d.sums["PAGE.BIN"]}, effect: wrote("PAGE.BIN", 9, 0x77)})
	}
	list = append(list, boot{name: "two NVMe controllers, the first is asked for", machine: "q35", disk: d.test, append: "disk=nvme0", fails: true,
		flags:    "-drive if=none,id=noise,format=raw,readonly=on,file=" + d.corrupt + " -device nvme,serial=1,drive=noise " + fileDrive + onNVMe,
		commands: "ls", want: []string{`(?i)FAT`}})
	list = append(list, boot{name: "NVMe behind a second host bridge", machine: "q35", disk: d.test,
		flags:    fileDrive + "-device pxb-pcie,id=px,bus_nr=0x40,bus=pcie.0 -device pcie-root-port,id=rp,bus=px,slot=1 " + onNVMe + ",bus=rp",
		commands: "sum PAGE.BIN; poke PAGE.BIN 9 77; sync", want: []string{d.sums["PAGE.BIN"]}, effect: wrote("PAGE.BIN", 9, 0x77)})
	// Names that are not believed, chains that are not followed.
	list = append(list, boot{name: "odd entries", disk: image["odd"], damaged: true, fails: true,
		commands: "ls; cat \U0001F436.txt; cat DOG~1.TXT; poke CAT~1.TXT 0 43 41 54; sync; cat DOG~1.TXT; cat SHORT.TXT; cat long_name_test.txt; " +
			"sum CIRCLE.BIN; poke CROSSED.BIN 0 00; poke OTHER.BIN 0 00; sum BEYOND.BIN; sync; cat FINE.TXT",
		want: []string{`9  \S+ \S+ +` + "\U0001F431" + `\.txt`, "\U0001F436" + `\.txt`, ` SHORT\.TXT`, `dog file`, `dog file`, `stored 3 bytes`, `dog file`, `short`,
			`"long_name_test.txt": no such file`, `"CIRCLE.BIN": corrupt`, `"CROSSED.BIN": corrupt`, `"OTHER.BIN": corrupt`, `"BEYOND.BIN": corrupt`, `fine`},
		effect: wrote("CAT~1.TXT", 0, 'C', 'A', 'T')})
	// What a folder may have at most, listed and looked into again and again.
	look := strings.Repeat("sum F0065535.TXT; ", 5)
	list = append(list, boot{name: "a folder of 65,536 entries", disk: image["crowd"], damaged: true, mem: "128M", timeout: "300", // fsck.fat takes a minute
		commands: look + "ls; " + look + "ls --json; " + look + "run hello",
		want:     []string{`F0065535\.TXT`, `65536 entries`, `"name":"F0065535.TXT"`, `hello from ring 3`}})
	broken, err := brokenBoots(d)
	if err != nil {
		return nil, err
	}
	list = append(list, broken...)
	for _, c := range []struct {
		name, doubt string
		at          func(reserved, fat int64) int64 // the byte that is spoilt
	}{
		{"dirty flag", `dirty flag is set`, func(reserved, fat int64) int64 { return reserved + 7 }},
		{"second FAT", `copies of its FAT differ at cluster 100`, func(reserved, fat int64) int64 { return reserved + fat + 400 }},
	} {
		list = append(list, boot{name: "read-only for its " + c.name, special: func() (string, error) { return doubtfulBoot(d, c.doubt, c.at) }})
	}
	// OVMF puts the disk's registers where it is told, past what the kernel maps 1:1.
	list = append(list, boot{name: "registers above 512 GiB", loader: "uefi", machine: "q35", mem: "4G", disk: d.test, timeout: "150",
		flags:    fileDrive + onPC + " -fw_cfg name=opt/ovmf/X-PciMmio64Mb,string=524288",
		commands: "sum PAGE.BIN; poke PAGE.BIN 9 77; sync", want: []string{d.sums["PAGE.BIN"]}, effect: wrote("PAGE.BIN", 9, 0x77)})
	for _, c := range []struct{ name, machine, device string }{{"", "", onMicrovm}, {", NVMe", "q35", onNVMe}} {
		list = append(list, boot{name: "paused in a sync" + c.name, special: func() (string, error) { return pausedBoot(d.test, c.machine, c.device) }},
			boot{name: "power cuts" + c.name, special: func() (string, error) { return powerCuts(50, c.machine, c.device) }})
	}
	return list, nil
}

// brokenBoots have QEMU's blkdebug fail one operation: it is reported, nothing is
// lost, and the next try succeeds.
func brokenBoots(d disks) ([]boot, error) {
	content, err := extract(d.test, "PAGE.BIN")
	if err != nil {
		return nil, err
	}
	at, err := find(d.test, content)
	if err != nil {
		return nil, err
	}
	sector := ",inject-error.0.sector=" + strconv.FormatInt(at/512+3, 10)
	effect := wrote("PAGE.BIN", 5, 0x77, 0x78)
	var list []boot
	for _, c := range []struct{ name, machine, device string }{{"", "", onMicrovm}, {", NVMe", "q35", onNVMe}} {
		flags := func(event string) string {
			return "-blockdev driver=file,filename=DISK,node-name=file0 -blockdev driver=blkdebug,image=file0,node-name=debug0," +
				"inject-error.0.event=" + event + ",inject-error.0.errno=5,inject-error.0.once=on -blockdev driver=raw,file=debug0,node-name=disk0 " + c.device
		}
		list = append(list,
			boot{name: "a read fails" + c.name, machine: c.machine, disk: d.test, fails: true, flags: flags("read_aio" + sector),
				commands: "sum PAGE.BIN; sum PAGE.BIN", want: []string{`ZX_ERR_IO\b`, d.sums["PAGE.BIN"]}},
			boot{name: "a write fails" + c.name, machine: c.machine, disk: d.test, fails: true, flags: flags("write_aio" + sector),
				commands: "poke PAGE.BIN 5 77 78; sync; sync; sync PAGE.BIN",
				want:     []string{`sync: "PAGE.BIN": at 0x0: disk write of 8 sectors at sector \d+ failed: [^>]* stay dirty`, `1 pages in 1 ranges written`, `nothing is dirty`}, effect: effect},
			boot{name: "a flush fails" + c.name, machine: c.machine, disk: d.test, fails: true, flags: flags("flush_to_disk"),
				commands: "poke PAGE.BIN 5 77 78; sync; sync; sync PAGE.BIN",
				want:     []string{`disk flush failed: [^>]* stay dirty`, `1 pages in 1 ranges written`, `nothing is dirty`}, effect: effect})
	}
	return list, nil
}

// doubtfulBoot spoils a byte of the test disk, behind which nothing may be written.
func doubtfulBoot(d disks, doubt string, at func(reserved, fat int64) int64) (output string, err error) {
	dir, err := os.MkdirTemp(buildDir, "boot-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	disk := filepath.Join(dir, "disk.img")
	if err := copyFile(disk, d.test); err != nil {
		return "", err
	}
	f, err := os.OpenFile(disk, os.O_RDWR, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	head, b := make([]byte, 512), make([]byte, 1)
	if _, err := f.ReadAt(head, 0); err != nil {
		return "", err
	}
	place := at(int64(binary.LittleEndian.Uint16(head[14:]))*512, int64(binary.LittleEndian.Uint32(head[36:]))*512)
	if _, err := f.ReadAt(b, place); err != nil {
		return "", err
	}
	b[0] ^= 0x08
	if _, err := f.WriteAt(b, place); err != nil {
		return "", err
	}
	read := boot{disk: disk, damaged: true, fails: true, commands: "ls; sum PAGE.BIN; poke PAGE.BIN 0 00; sync",
		want: []string{`the disk is read-only: .*` + doubt + `.*; repair it with fsck\.fat`, `PAGE\.BIN`, d.sums["PAGE.BIN"], `poke: the disk is read-only because [^>]*` + strings.ReplaceAll(doubt, " ", `\s+`)}}
	return read.run()
}

// find gives the offset of content in an image.
func find(image string, content []byte) (int64, error) {
	f, err := os.Open(image)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	p := make([]byte, 1<<20)
	for at := int64(0); ; at += int64(len(p) - len(content)) {
		n, err := f.ReadAt(p, at)
		if i := bytes.Index(p[:n], content); i >= 0 {
			return at + int64(i), nil
		}
		if err != nil {
			return 0, fmt.Errorf("%s does not hold the %d bytes: %w", image, len(content), err)
		}
	}
}

// stored is what a boot put into a file.
type stored struct {
	at    int
	bytes []byte
}

// wroteAll is wrote for several files.
func wroteAll(before, after string, files map[string]stored) error {
	differ := 0
	for path, s := range files {
		was, err := extract(before, path)
		if err != nil {
			return err
		}
		is, err := extract(after, path)
		if err != nil {
			return err
		}
		for i, b := range s.bytes {
			if was[s.at+i] != b {
				differ++
			}
		}
		copy(was[s.at:], s.bytes)
		if !bytes.Equal(was, is) {
			return fmt.Errorf("%s is not the old file with % x at %#x", path, s.bytes, s.at)
		}
	}
	list, err := changes(before, after)
	if err == nil && len(list) != differ {
		err = fmt.Errorf("%d bytes of the image changed, want exactly %d", len(list), differ)
	}
	return err
}

// pauseFor is how long the machine stands still in pausedBoot.
const pauseFor = 60 * time.Second

// pausedBoot stops QEMU in the midst of a sync to a disk of two requests a second:
// the machine's clock goes on, and the disk must not be given up.
func pausedBoot(image, machine, device string) (output string, err error) {
	dir, err := os.MkdirTemp(buildDir, "boot-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	disk, pid := filepath.Join(dir, "disk.img"), filepath.Join(dir, "pid")
	if err := copyFile(disk, image); err != nil {
		return "", err
	}
	commands, files := "", map[string]stored{five: {0, nil}}
	for i := range 5 {
		commands += fmt.Sprintf("poke %s %d aa; ", five, i*9000)
	}
	want, err := extract(image, five)
	if err != nil {
		return "", err
	}
	for i := range 5 {
		want[i*9000] = 0xaa
	}
	files[five] = stored{0, want}
	paused := make(chan error, 1)
	seen := false
	output, err = command{
		args: []string{runner(), kernelImage()},
		env: []string{"MACHINE=" + machine, "CPU=", "MEM=", "SMP=", "ACCEL=", "PROGRAM=", "ARGS=", "APPEND=", "DISK=", "TIMEOUT=220", "CMDS=" + commands + "sync; sync " + five,
			"QEMUFLAGS=-pidfile " + pid + " -drive if=none,id=disk0,format=raw,file=" + disk + ",throttling.iops-total=2 " + device},
		limit: bootLimit,
		lines: func(line string) {
			if seen || !strings.HasSuffix(line, "faultline> sync") {
				return
			}
			seen = true
			go func() { paused <- pause(pid) }()
		},
	}.run()
	if !seen {
		return output, errors.Join(err, errors.New("no sync was seen"))
	}
	if err := errors.Join(err, <-paused); err != nil {
		return output, err
	}
	b := boot{want: []string{`pages in \d+ ranges written`, `nothing is dirty`}}
	if err := b.matches(output); err != nil {
		return output, err
	}
	return output, errors.Join(wroteAll(image, disk, files), fsck(disk))
}

// pause stops the process whose number is in a file for pauseFor.
func pause(pidfile string) error {
	time.Sleep(1200 * time.Millisecond)
	text, err := os.ReadFile(pidfile)
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return err
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		return err
	}
	time.Sleep(pauseFor)
	return syscall.Kill(pid, syscall.SIGCONT)
}

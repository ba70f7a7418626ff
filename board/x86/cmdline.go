package x86

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"faultline/zx"
)

// Options is what the command line says. Words are split at spaces, but not within
// quotes: cmds="ls; sum POEM.TXT".
type Options struct {
	Commands string   // cmds=: console commands to run before the power goes off
	Program  string   // program=: a program of the image to run instead
	Consoles []string // console=: ttyS0 to ttyS3 and fb, joined by +
	Baud     int      // console=ttyS0,115200; 0 leaves the port as it is set
	Disk     string   // disk=: the name of a disk, or its beginning
	CPUs     int      // smp=: the most CPUs to use; 0 says nothing
	Memory   uint64   // mem=: the most RAM to use, bytes; 0 says nothing
	Kernel   string   // the words kernel.…= as they are, for the kernel
	Ignored  []string // what was not understood, with the reason
}

// ParseOptions reads a command line.
func ParseOptions(line string) (o Options) {
	for _, word := range splitWords(line) {
		name, value, _ := strings.Cut(word, "=")
		var err error
		switch name {
		case "cmds":
			o.Commands = value
		case "program":
			o.Program = value
		case "console":
			err = o.console(value)
		case "disk":
			o.Disk = value
		case "smp":
			if n, bad := strconv.ParseUint(value, 10, 16); bad == nil && n > 0 {
				o.CPUs = int(n)
			} else {
				err = errors.New("no number of CPUs")
			}
		case "mem":
			if n, bad := parseBytes(value); bad == nil {
				o.Memory = n
			} else {
				err = errors.New("no size")
			}
		case "BOOT_IMAGE", "initrd", "virtio_mmio.device": // for others
		default:
			if strings.HasPrefix(name, "kernel.") {
				o.Kernel = strings.TrimSpace(o.Kernel + " " + word)
				continue
			}
			err = errors.New("unknown")
		}
		if err != nil {
			o.Ignored = append(o.Ignored, fmt.Sprintf("%q: %v", word, err))
		}
	}
	return o
}

// console reads ttyS0,115200+fb.
func (o *Options) console(value string) error {
	var list []string
	baud := 0
	for _, c := range strings.Split(value, "+") {
		device, speed, ok := strings.Cut(c, ",")
		if device != "fb" && (len(device) != 5 || device < "ttyS0" || device > "ttyS3") {
			return fmt.Errorf("no such device: %q", device)
		}
		if ok {
			n, err := strconv.Atoi(strings.TrimRight(speed, "n8"))
			if err != nil || n < 300 || n > 115200 || 115200%n != 0 {
				return fmt.Errorf("no such speed: %q", speed)
			}
			baud = n
		}
		list = append(list, device)
	}
	o.Consoles, o.Baud = list, baud
	return nil
}

// parseBytes reads a number of bytes with a suffix K, M or G.
func parseBytes(s string) (uint64, error) {
	shift := 0
	if n := len(s); n > 0 {
		if i := strings.IndexByte("KMG", s[n-1]&^0x20); i >= 0 {
			s, shift = s[:n-1], 10*(i+1)
		}
	}
	v, err := strconv.ParseUint(s, 0, 63)
	if err == nil && v<<shift>>shift != v {
		err = strconv.ErrRange
	}
	return v << shift, err
}

// splitWords splits a command line at blanks outside of double quotes, which go.
func splitWords(line string) (words []string) {
	var word strings.Builder
	quoted, any := false, false
	for _, c := range line {
		switch {
		case c == '"':
			quoted, any = !quoted, true
		case (c == ' ' || c == '\t' || c == '\n') && !quoted:
			if any {
				words = append(words, word.String())
			}
			word.Reset()
			any = false
		default:
			word.WriteRune(c)
			any = true
		}
	}
	if any {
		words = append(words, word.String())
	}
	return words
}

// mmioSlots reads the virtio devices that a loader appended to the command
// line: virtio_mmio.device=<size>[K|M|G]@<address>:<irq>[:<id>]. What it cannot
// read it skips. Source: Linux admin-guide, kernel parameters.
func mmioSlots(cmdline string) (slots []Range) {
	for _, word := range strings.Fields(cmdline) {
		v, ok := strings.CutPrefix(word, "virtio_mmio.device=")
		if !ok {
			continue
		}
		sizeText, rest, ok := strings.Cut(v, "@")
		if !ok {
			continue
		}
		addrText, _, _ := strings.Cut(rest, ":")
		size, err1 := parseBytes(sizeText)
		addr, err2 := strconv.ParseUint(addrText, 0, 64)
		const least = 0x110 // registers and a block device's configuration
		if err1 != nil || err2 != nil || size < least || size > 1<<32 || addr%4 != 0 || addr == 0 || addr+size < addr {
			continue
		}
		slots = append(slots, Range{zx.PhysAddr(addr), zx.PhysAddr(addr + size)})
	}
	return slots
}

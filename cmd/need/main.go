// Command need makes sure that host tools are there, and files that are used as such.
//
//	need qemu-system-x86_64 mkfs.fat mcopy /usr/share/ovmf/OVMF.fd
//
// Each missing tool is named together with the one command that installs all
// of them; run as root on a system with apt, need runs that command itself,
// quietly, and says so. Its status is 0 when every tool is there in the end.
package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"time"
)

// packages says which Debian packages bring a tool.
var packages = map[string][]string{
	"qemu-system-x86_64": {"qemu-system-x86"},
	"mkfs.fat":           {"dosfstools"},
	"fsck.fat":           {"dosfstools"},
	"mcopy":              {"mtools"},
	"mmd":                {"mtools"},
	"mlabel":             {"mtools"},
	"gcc":                {"gcc", "libc6-dev"},
	"ld":                 {"binutils"},
	"gdb":                {"gdb"},
	"make":               {"make"},
	"sfdisk":             {"fdisk"},
	"gzip":               {"gzip"},
	"xorriso":            {"xorriso"},
	"bochs":              {"bochs"},
	"grub-mkrescue":      {"grub-common"},

	// Files, by their path.
	"/usr/share/bochs/BIOS-bochs-latest":  {"bochsbios"},
	"/usr/share/vgabios/vgabios.bin":      {"vgabios"},
	"/usr/share/ovmf/OVMF.fd":             {"ovmf"},
	"/usr/lib/grub/i386-pc/moddep.lst":    {"grub-pc-bin"},
	"/usr/lib/grub/x86_64-efi/moddep.lst": {"grub-efi-amd64-bin"},
}

// sbin holds mkfs.fat and fsck.fat, and is not on everybody's path.
const sbin = "/usr/sbin:/sbin"

func main() {
	if err := os.Setenv("PATH", os.Getenv("PATH")+":"+sbin); err != nil {
		fatal("%v", err)
	}
	missing, wanted := lookup(os.Args[1:])
	if len(missing) == 0 {
		return
	}
	install := "apt-get install -y --no-install-recommends " + strings.Join(wanted, " ")
	apt, err := exec.LookPath("apt-get")
	if err != nil || os.Geteuid() != 0 {
		fatal("missing: %s\ninstall with: sudo sh -c 'apt-get update && %s'", strings.Join(missing, ", "), install)
	}
	fmt.Fprintf(os.Stderr, "missing: %s; running: %s\n", strings.Join(missing, ", "), install)
	started := time.Now()
	args := append([]string{"install", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120"}, wanted...)
	if _, err := run(apt, args...); err != nil {
		// A machine that never asked its mirror knows no package: ask, try again.
		fmt.Fprintln(os.Stderr, "running: apt-get update")
		if text, err := run(apt, "update"); err != nil {
			fatal("apt-get update: %v\n%s", err, text)
		}
		if text, err := run(apt, args...); err != nil {
			fatal("%s: %v\n%s", install, err, text)
		}
	}
	if missing, _ := lookup(os.Args[1:]); len(missing) > 0 {
		fatal("installed %s, but still missing: %s", strings.Join(wanted, " "), strings.Join(missing, ", "))
	}
	fmt.Fprintf(os.Stderr, "installed in %v\n", time.Since(started).Round(time.Second))
}

// lookup gives the tools that are not on the path and the packages that bring
// them, each once.
func lookup(tools []string) (missing, wanted []string) {
	seen := map[string]bool{}
	for _, tool := range tools {
		find := exec.LookPath
		if filepath.IsAbs(tool) {
			find = func(name string) (string, error) { _, err := os.Stat(name); return name, err }
		}
		if _, err := find(tool); err == nil {
			continue
		}
		missing = append(missing, tool)
		from, known := packages[tool]
		if !known {
			fatal("missing: %s, and no package known that brings it", tool)
		}
		for _, p := range from {
			if !seen[p] {
				seen[p] = true
				wanted = append(wanted, p)
			}
		}
	}
	sort.Strings(wanted)
	return missing, wanted
}

// run runs a command with its output kept, a dot every few seconds meanwhile.
func run(name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	var text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &text, &text
	if err := cmd.Start(); err != nil {
		return "", err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	dots := false
	for {
		select {
		case err := <-done:
			if dots {
				fmt.Fprintln(os.Stderr)
			}
			return text.String(), err
		case <-tick.C:
			fmt.Fprint(os.Stderr, ".")
			dots = true
		}
	}
}

func fatal(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(1)
}

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// bochsModels are the CPUs that Bochs is asked to be: one with all we use, one old one
// (no RDRAND, FSGSBASE, SMEP, SMAP or 1 GiB pages).
var bochsModels = []string{"corei7_skylake_x", "core2_penryn_t9600"}

// bochsBoots boot the CD in Bochs, which shares no code with QEMU and forgives less.
func bochsBoots() (list []boot) {
	for _, model := range bochsModels {
		list = append(list, boot{name: "Bochs, " + model, special: func() (string, error) { return bochsBoot(model) }})
	}
	return list
}

// bochsBoot boots once and runs the demo from the RAM disk. Nobody can type there: the
// machine is stopped once the demo is over.
func bochsBoot(model string) (output string, err error) {
	dir, err := os.MkdirTemp("", "bochs-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	iso, err := filepath.Abs(filepath.Join(buildDir, "faultline.iso"))
	if err != nil {
		return "", err
	}
	serial, config := filepath.Join(dir, "com1"), filepath.Join(dir, "bochsrc")
	text := fmt.Sprintf(`megs: 512
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/vgabios/vgabios.bin
cpu: model=%s, count=1, ips=100000000
clock: sync=none
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path=%s, status=inserted
boot: cdrom
display_library: rfb, options="timeout=0"
com1: enabled=1, mode=file, dev=%s
speaker: enabled=0
sound: waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy
log: %s
`, model, iso, serial, filepath.Join(dir, "log"))
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		return "", err
	}
	// Its debugger wants to be told to go on; then it runs until it is stopped.
	c := command{args: []string{"sh", "-c", fmt.Sprintf("echo c | bochs -q -f %s & while ! grep -q '^.help. lists' %s 2>/dev/null && kill -0 $! ; do sleep 1; done; kill -9 $!", config, serial)}, limit: 25 * time.Minute}
	said, err := c.run()
	out, _ := os.ReadFile(serial)
	output = string(out)
	if err := (&boot{want: []string{"loaded by Multiboot2", "map ", "verify ", "go on ", "poweroff"}}).matches(strings.ReplaceAll(output, "PANIC", "")); err != nil {
		return output + said, err
	}
	return output, nil
}

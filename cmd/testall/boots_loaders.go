package main

import (
	"fmt"
	"path/filepath"
)

// The matrix of loaders: what docs/bringup.md promises of a PC.
var (
	loaders  = []string{"pvh", "multiboot2", "linux", "uefi", "iso-bios", "iso-uefi", "usb"}
	diskIfs  = []string{"virtio", "nvme", "ram"}
	memories = []string{"256M", "4G", "8G"}
)

// images are what the loaders take besides the ELF file.
func images() []string {
	return []string{filepath.Join(buildDir, "faultline.efi"), filepath.Join(buildDir, "faultline.iso"), filepath.Join(buildDir, "faultline-usb.img")}
}

// loaderBoots boots by every loader: all of the matrix, or a sample in which each
// loader, disk, machine and memory comes.
func loaderBoots(d disks, all bool) []boot {
	var list []boot
	n := 0
	for i, loader := range loaders {
		for j, diskIf := range diskIfs {
			for k, machine := range []string{"q35", "pc"} {
				for l, smp := range []string{"1", "4"} {
					if n++; !all && (j != i%len(diskIfs) || k != i%2 || l != i/2%2) {
						continue
					}
					list = append(list, loaderBoot(d, loader, diskIf, machine, smp, memories[n%len(memories)]))
				}
			}
		}
	}
	return list
}

// loaderBoot is one boot of the matrix: the demo, a sum, and a store that reaches the
// disk, or the RAM that stands for it.
func loaderBoot(d disks, loader, diskIf, machine, smp, memory string) boot {
	words := map[string]string{"pvh": "PVH", "linux": "the Linux boot protocol", "uefi": "UEFI", "usb": "UEFI"}
	by := words[loader]
	if by == "" {
		by = "Multiboot2 \\(GRUB"
	}
	if loader == "iso-uefi" && memory == "256M" {
		memory = "512M" // there GRUB has a quarter of it: too little for the RAM disk
	}
	b := boot{
		name:   fmt.Sprintf("%s, %s, %s, %s CPUs, %s", loader, machine, diskIf, smp, memory),
		loader: loader, diskIf: diskIf, machine: machine, smp: smp, mem: memory, disk: d.demo, timeout: "240",
		commands: "demo; sum PAGE.BIN; poke PAGE.BIN 100 de ad; sync PAGE.BIN; cat PAGE.BIN 99 4",
		want:     []string{"loaded by " + by, "go on ", d.demoSums["PAGE.BIN"], "stored 2 bytes at 0x64", "1 pages? in 1 ranges? written"},
		effect:   wrote("PAGE.BIN", 100, 0xde, 0xad),
	}
	if diskIf == "ram" {
		b.effect = unchanged
		if loader != "pvh" && loader != "linux" && loader != "uefi" {
			b.disk = "" // it brings its own
		}
	}
	return b
}

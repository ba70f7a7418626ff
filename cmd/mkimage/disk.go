package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed grub.cfg
var grubConfig []byte

// makeISO makes a CD, or a disk, that boots by BIOS and by UEFI with GRUB; data is the
// RAM disk.
func makeISO(elf, efi, data, out string) error {
	dir, err := os.MkdirTemp("", "mkimage-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	boot := filepath.Join(dir, "boot")
	if err := os.MkdirAll(filepath.Join(boot, "grub"), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(boot, "grub", "grub.cfg"), grubConfig, 0o644); err != nil {
		return err
	}
	for _, f := range []struct {
		name, from string
		change     func([]byte) ([]byte, error)
	}{
		// GRUB unpacks what it loads as kernel and module for Multiboot2.
		{"faultline.elf.gz", elf, compress},
		{"faultline-text.elf.gz", elf, func(b []byte) ([]byte, error) { return compress(withoutFramebuffer(b)) }},
		{"faultline.efi", efi, nil},
		{"disk.img.gz", data, compress},
	} {
		content, err := os.ReadFile(f.from)
		if err != nil {
			return err
		}
		if f.change != nil {
			if content, err = f.change(content); err != nil {
				return err
			}
		}
		if err := os.WriteFile(filepath.Join(boot, f.name), content, 0o644); err != nil {
			return err
		}
	}
	return tool("", "grub-mkrescue", "-o", out, dir)
}

// compress packs a file with gzip: GRUB refuses some of what Go's own package writes,
// which gzip itself takes ("failed in building a Huffman code table").
func compress(content []byte) ([]byte, error) {
	cmd := exec.Command("gzip", "-6nc")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(content), os.Stderr
	return cmd.Output()
}

// Layout of a stick, in mebibytes: a GPT, the EFI system partition, the data.
const (
	mebibyte = 1 << 20
	espAt    = 1
	espSize  = 48
	dataAt   = espAt + espSize

	// ramdiskLabel is what board/x86 looks for.
	ramdiskLabel = "FAULTLINE"
)

// makeUSB makes a stick: efi as the application that firmware starts, and a partition
// with the FAT32 file system of data.
func makeUSB(efi, data, out string) error {
	content, err := os.ReadFile(data)
	if err != nil {
		return err
	}
	part := out + ".part" // mkfs.fat wants to create it
	os.Remove(part)
	defer os.Remove(part)
	err = tool("", "mkfs.fat", "-F", "32", "-n", "EFI", "-C", part, fmt.Sprint(espSize<<10))
	if err == nil {
		err = tool("", "mmd", "-i", part, "::EFI", "::EFI/BOOT")
	}
	if err == nil {
		err = tool("", "mcopy", "-i", part, efi, "::EFI/BOOT/BOOTX64.EFI")
	}
	if err != nil {
		return err
	}
	esp, err := os.ReadFile(part)
	if err != nil {
		return err
	}
	dataSize := (len(content) + mebibyte - 1) / mebibyte
	stick := make([]byte, (dataAt+dataSize+1)*mebibyte) // the second GPT is in the last one
	copy(stick[espAt*mebibyte:], esp)
	copy(stick[dataAt*mebibyte:], content)
	if err := write(out, stick); err != nil {
		return err
	}
	const system, basic = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B", "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7"
	script := fmt.Sprintf("label: gpt\nstart=%dMiB, size=%dMiB, type=%s, name=EFI\nstart=%dMiB, size=%dMiB, type=%s, name=%s\n",
		espAt, espSize, system, dataAt, dataSize, basic, ramdiskLabel)
	err = tool(script, "sfdisk", "--quiet", out)
	if err == nil {
		err = tool("", "mlabel", "-i", fmt.Sprintf("%s@@%dM", out, dataAt), "::"+ramdiskLabel)
	}
	return err
}

// tool runs a tool with input; what it says appears only when it fails.
func tool(input, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Stdin = strings.NewReader(input)
	cmd.Env = append(os.Environ(), "MTOOLS_SKIP_CHECK=1")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, text)
	}
	return nil
}

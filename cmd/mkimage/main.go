// Command mkimage makes bootable images of the kernel's ELF file.
//
//	mkimage elf IN OUT          with a Multiboot2 header and room for the heap: for PVH and Multiboot2
//	mkimage efi SETUP IN OUT    a UEFI application that loaders of Linux take too;
//	                            SETUP is setup.S in binary
//	mkimage iso ELF EFI DATA OUT  a CD with GRUB, for BIOS and UEFI; DATA is a FAT32
//	                            image, the RAM disk
//	mkimage usb EFI DATA OUT    a stick for UEFI; DATA is its second partition
//
// OUT is written whole or not at all.
package main

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"strings"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "mkimage:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("usage: mkimage elf IN OUT | efi SETUP IN OUT | iso ELF EFI DATA OUT | usb EFI DATA OUT")

func run(args []string) error {
	if len(args) < 3 {
		return errUsage
	}
	out := args[len(args)-1]
	switch what, args := args[0], args[1:len(args)-1]; {
	case what == "elf" && len(args) == 1:
		k, err := readKernel(args[0])
		if err != nil {
			return err
		}
		if err := errors.Join(k.addMultiboot2(), k.reserveHeap()); err != nil {
			return err
		}
		return write(out, k.file)
	case what == "efi" && len(args) == 2:
		setup, err := os.ReadFile(args[0])
		if err != nil {
			return err
		}
		k, err := readKernel(args[1])
		if err != nil {
			return err
		}
		image, err := k.efi(setup)
		if err != nil {
			return err
		}
		return write(out, image)
	case what == "iso" && len(args) == 3:
		return makeISO(args[0], args[1], args[2], out)
	case what == "usb" && len(args) == 2:
		return makeUSB(args[0], args[1], out)
	}
	return errUsage
}

// write writes a file that takes its name when it is complete.
func write(name string, content []byte) error {
	if err := os.WriteFile(name+".new", content, 0o755); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

// kernel is the ELF file and what the headers need of it.
type kernel struct {
	file    []byte
	base    uint64            // physical address where it belongs
	flat    []byte            // memory from base on, without what is only zeros
	bytes   uint64            // of memory from base on
	symbols map[string]uint64 // the entries, by name
}

// Entries of board/x86.
const (
	entryMultiboot2 = "multiboot2Entry"
	entryLinux32    = "linuxEntry32"
	entryLinux64    = "linuxEntry64"
	entryEFI        = "efiEntry"
)

// readKernel reads the ELF file and lays its segments out.
func readKernel(name string) (*kernel, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	f, err := elf.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	k := &kernel{file: data, symbols: map[string]uint64{}}
	for _, p := range f.Progs {
		if p.Type != elf.PT_LOAD {
			continue
		}
		if k.flat == nil {
			k.base = p.Paddr
		}
		if p.Paddr < k.base+uint64(len(k.flat)) || p.Off+p.Filesz > uint64(len(data)) {
			return nil, fmt.Errorf("%s: segment at %#x is out of order or cut short", name, p.Paddr)
		}
		k.flat = append(k.flat, make([]byte, p.Paddr-k.base-uint64(len(k.flat)))...)
		k.flat = append(k.flat, data[p.Off:p.Off+p.Filesz]...)
		k.bytes = p.Paddr + p.Memsz - k.base
	}
	symbols, err := f.Symbols()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for _, s := range symbols {
		if entry, ok := strings.CutPrefix(s.Name, "faultline/board/x86."); ok {
			k.symbols[strings.TrimSuffix(entry, ".abi0")] = s.Value
		}
	}
	for _, e := range []string{entryMultiboot2, entryLinux32, entryLinux64, entryEFI} {
		if k.symbols[e] == 0 {
			return nil, fmt.Errorf("%s has no %s: is it an image of board/x86?", name, e)
		}
	}
	return k, nil
}

//go:build tamago

// Command hashfile has ring-3 processes hash a file of the disk at the same time:
// each maps the same pages, which are read from the disk once.
package main

import (
	"bytes"
	"fmt"
	"strconv"
	"sync"

	_ "faultline/board/qemu"
	"faultline/kernel"
	"faultline/syscall"
	"faultline/unikernel"
	"faultline/user"
	"faultline/zx"
)

const hashers = 4

func main() { unikernel.Run(run) }

func run(s *unikernel.System) error {
	volume, err := s.Mount()
	if err != nil {
		return err
	}
	f, err := volume.Open("DEMO.BIN")
	if err != nil {
		return err
	}
	program, err := user.Program("sum")
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	var sums [hashers]bytes.Buffer
	for i := range hashers {
		f.VMO().Retain() // the handle's
		file := kernel.Grant{Object: syscall.NewVMO(f.VMO(), zx.KoidInvalid), Rights: zx.RightsVMO}
		argv := []string{"sum", strconv.FormatInt(f.Size(), 10)}
		process, err := s.Spawn("sum", program, argv, []kernel.Grant{file}, func(b []byte) { sums[i].Write(b) })
		if err != nil {
			return err
		}
		wg.Go(func() { process.Wait() })
	}
	wg.Wait()
	want, err := f.DiskSHA256()
	if err != nil {
		return err
	}
	for i := range sums {
		if got := string(bytes.TrimSpace(sums[i].Bytes())); got != fmt.Sprintf("%x", want) {
			return fmt.Errorf("process %d says %q, the disk has %x", i, got, want)
		}
	}
	stats := f.Stats()
	fmt.Printf("%d processes agree on %x\n", hashers, want)
	fmt.Printf("%d bytes, %d pages, each read from the disk once: %v\n", f.Size(), stats.PagesSupplied, stats.PagesSupplied == uint64(f.Size()+zx.PageMask)/zx.PageSize)
	return nil
}

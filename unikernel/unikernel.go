//go:build tamago

package unikernel

import (
	"cmp"
	"fmt"
	"os"
	"strings"

	"faultline/board/pc"
	"faultline/board/x86"
	"faultline/files"
	"faultline/kernel"
	"faultline/mmu"
)

// System is a machine with the kernel running on it.
type System struct {
	*kernel.Kernel
	Machine *x86.Machine
	// Aside is the RAM that SetAside kept, by name.
	Aside map[string]Aside
}

// Aside is RAM that kernel and programs leave alone. Its address is physical: what a
// device is told.
type Aside struct {
	x86.Range
	Memory []byte
}

// aside is the sizes that SetAside asked for, by name.
var aside = map[string]uint64{}

// SetAside keeps size bytes of RAM, in whole pages in a row below 4 GiB, for devices of
// the program's own. Before Boot or Run; name is what System.Aside has it under.
func SetAside(name string, size uint64) { aside[name] = size }

// Boot takes the machine over and gives the kernel. Called once, from main.
//
// Errors: the machine lacks something | no RAM to set aside | those of kernel.Boot.
func Boot() (*System, error) {
	m, err := pc.Open()
	if err != nil {
		return nil, err
	}
	kept := map[string]Aside{}
	for name, size := range aside {
		r, ok := m.SetAside(size)
		if !ok {
			return nil, fmt.Errorf("no %d bytes of RAM in a row below 4 GiB to set aside for %s", size, name)
		}
		memory, err := x86.ReadPhysical(r.Start, int(r.End-r.Start))
		if err != nil {
			return nil, err
		}
		kept[name] = Aside{r, memory}
	}
	k, err := kernel.Boot(kernelConfig(m))
	if err != nil {
		return nil, err
	}
	return &System{k, m, kept}, nil
}

// Run boots, runs main, and ends the machine: with success if main gave no
// error, else with a line that tells it.
func Run(main func(*System) error) {
	s, err := Boot()
	if err == nil {
		err = main(s)
	}
	if err != nil {
		fmt.Println("unikernel:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// kernelConfig restates what the board knows in the kernel's words.
func kernelConfig(m *x86.Machine) kernel.Config {
	ranges := func(from []x86.Range) (list []mmu.Range) {
		for _, r := range from {
			list = append(list, mmu.Range(r))
		}
		return list
	}
	options, ignored := kernel.ParseOptions(m.Options.Kernel)
	m.Options.Ignored = append(m.Options.Ignored, ignored...)
	return kernel.Config{
		Board:      m,
		CPU:        m.CPU,
		Now:        x86.Nanotime,
		Console:    m.Console,
		Options:    options,
		Window:     mmu.Range(m.Window),
		TrapStacks: x86.TrapStacks(),
		Usable:     ranges(m.UsableRAM()),
		Devices:    ranges(m.Devices),
		Kept:       ranges(m.Kept),
	}
}

// Mount mounts the first FAT32 volume found, or that of the disk the command line
// asks for.
//
// Errors: files.ErrNoDisk; else why the first disk that was looked at has none.
func (s *System) Mount() (v *files.Volume, err error) {
	m := s.Machine
	for _, d := range m.Drives {
		if !strings.HasPrefix(d.Name, m.Options.Disk) {
			continue
		}
		e := d.Err
		if e == nil {
			v, e = files.Mount(files.Config{Disk: d.Device, Store: s.Store, Pagers: s.Pagers, NewWaiter: s.NewWaiter})
		}
		if e == nil {
			return v, nil
		}
		if err == nil {
			err = e
		}
	}
	if err == nil && m.Options.Disk != "" && len(m.Drives) > 0 {
		var names []string
		for _, d := range m.Drives {
			names = append(names, d.Name)
		}
		err = fmt.Errorf("no disk is called %s; there are: %s", m.Options.Disk, strings.Join(names, " "))
	}
	return nil, cmp.Or(err, files.ErrNoDisk)
}

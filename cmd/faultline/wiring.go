//go:build tamago

package main

import (
	"runtime"

	"faultline/console"
	"faultline/kernel"
	"faultline/mmu"
	"faultline/object"
	"faultline/pager"
	"faultline/syscall"
	"faultline/unikernel"
	"faultline/user"
	"faultline/vmo"
	"faultline/zx"
)

// program gives the ELF file of a program of this image, nil if there is none.
func program(name string) []byte {
	file, _ := user.Program(name) // no error says more than nil
	return file
}

// consoleKernel is the kernel as the console sees it.
type consoleKernel struct{ *unikernel.System }

// Programs lists the programs of this image.
func (k consoleKernel) Programs() []string { return user.Names() }

// Spawn starts a program of this image, or the one that comes with p.
func (k consoleKernel) Spawn(p console.Program) (console.Process, error) {
	image := p.Image
	if image == nil {
		var err error
		if image, err = user.Program(p.Name); err != nil {
			return nil, err
		}
	}
	var grants []kernel.Grant
	for _, h := range p.Handles {
		g := kernel.Grant{Object: h.Port, Rights: h.Rights}
		if h.VMO != nil {
			h.VMO.Retain()
			g.Object = syscall.NewVMO(h.VMO, zx.KoidInvalid)
		}
		grants = append(grants, g)
	}
	if p.Privileged {
		grants = append(grants, kernel.Privileges()...)
	}
	out := p.Output
	if out == nil {
		out = k.Machine.Console
	}
	process, err := k.Kernel.Spawn(p.Name, image, append([]string{p.Name}, p.Args...), grants, func(b []byte) { out.Write(b) })
	if err != nil {
		return nil, err
	}
	if p.OnExit != nil {
		go func() {
			code, exception := process.Wait()
			p.OnExit(console.Exit{Code: code, Faults: process.Faults(), Exception: report(exception)})
		}()
	}
	return consoleProcess{process}, nil
}

// report restates an exception for the console.
func report(e *kernel.Exception) *console.Exception {
	if e == nil {
		return nil
	}
	return &console.Exception{
		Process: e.Process.Koid(), Thread: e.Thread.Koid(),
		Report: e.ExceptionReport, RIP: e.RIP, Instruction: e.Instruction, Where: e.Where(), Registers: e.Registers,
	}
}

// consoleProcess is a process as the console sees it.
type consoleProcess struct{ *kernel.Process }

func (p consoleProcess) Chain(va zx.VirtAddr) ([4]mmu.Entry, int) { return p.Space().Chain(va) }
func (p consoleProcess) Kill()                                    { p.Job().Kill() }

// Processes lists the processes that live.
func (k consoleKernel) Processes() (list []console.ProcessInfo) {
	for _, p := range k.Kernel.Processes() {
		list = append(list, console.ProcessInfo{Koid: p.Koid(), Job: p.Job().Koid(), Name: p.Name(), Space: p.Space(),
			Account: p.Account().Used(), Pages: p.Account().UsedPages(), Kill: consoleProcess{p}.Kill})
	}
	return list
}

// Threads lists the ring-3 threads, then the kernel's own that wait.
func (k consoleKernel) Threads() (list []console.ThreadInfo) {
	for _, p := range k.Kernel.Processes() {
		for _, t := range p.Threads() {
			list = append(list, console.ThreadInfo{
				Process: p.Koid(), Thread: t.Koid(), ProcessName: p.Name(), Name: t.Name(),
				State: t.State(), Runtime: t.Info().Runtime, Faults: t.Faults(), Syscalls: t.Syscalls(),
			})
		}
	}
	for _, w := range k.Workers() {
		list = append(list, console.ThreadInfo{ProcessName: "kernel", Name: w.Name, State: w.State})
	}
	return list
}

// CPUs tells of each CPU.
func (k consoleKernel) CPUs() (list []console.CPUInfo) {
	for _, i := range k.Kernel.CPUs() {
		list = append(list, console.CPUInfo(i))
	}
	return list
}

// Memory counts memory at this moment.
func (k consoleKernel) Memory() console.MemoryInfo {
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return console.MemoryInfo{
		RAM:       k.Machine.Memory.RAM(),
		HeapUsed:  s.HeapAlloc,
		HeapLimit: k.Machine.Window.Bytes(),
		Frames:    k.Kernel.Memory.Stats(),
		Store:     k.Kernel.Store.Stats(),
		Handles:   object.HandleCount(),
		Account:   k.Kernel.Account(),

		Collections: s.NumGC,
	}
}

// Store has every VMO.
func (k consoleKernel) Store() *vmo.Store { return k.Kernel.Store }

// Handles lists every handle of every process.
func (k consoleKernel) Handles() []console.HandleInfo {
	list := make([]console.HandleInfo, 0, object.HandleCount()) // growing by copies would take several times that
	for _, p := range k.Kernel.Processes() {
		p.Handles().ForEach(func(h object.Info) bool {
			list = append(list, console.HandleInfo{Process: p.Koid(), ProcessName: p.Name(), Handle: h.Handle, Rights: h.Rights, Object: h.Object})
			return true
		})
	}
	return list
}

// Counters gives the counts of pagers and the evictor, by Zircon's names.
func (k consoleKernel) Counters() []pager.Counter {
	a := k.Kernel.Account()
	return append(k.Kernel.Pagers.Counters(),
		pager.Counter{Name: "vm.reclamation.pages_evicted_pager_backed.total", Value: k.Kernel.Store.Stats().Evicted},
		pager.Counter{Name: "kernel.account.bytes", Value: uint64(a.Bytes.Used)},
		pager.Counter{Name: "kernel.account.bytes_refused", Value: a.Bytes.Refused},
		pager.Counter{Name: "kernel.account.pages", Value: uint64(a.Pages.Used)},
		pager.Counter{Name: "kernel.account.pages_refused", Value: a.Pages.Refused})
}

var _ console.Kernel = consoleKernel{}

//go:build tamago

package cpu_test

import (
	"flag"
	"os"
	"runtime"
	"testing"

	_ "faultline/board/qemu"
	"faultline/board/x86"
	"faultline/cpu"
)

// One fatal trap a boot: the driver on the host, TestFatal of
// emulator_test.go, boots this binary again and again with another -fatal.
var fatalKind = flag.String("fatal", "", "raise this fatal trap instead of testing")

// Exit codes of the report.
const (
	reported = 41
	survived = 42
)

func TestMain(m *testing.M) {
	flag.Parse()
	if *fatalKind != "" {
		if *fatalKind == "early" {
			cpu.SetFatalHandler(nil)
		} else {
			cpu.SetFatalHandler(report)
		}
		outer(*fatalKind)
		println("survived")
		os.Exit(survived)
	}
	os.Exit(m.Run())
}

//go:noinline
func outer(kind string) { inner(kind); runtime.KeepAlive(kind) }

//go:noinline
func inner(kind string) { raise(kind); runtime.KeepAlive(kind) }

// raise does what kind says, in ring 0.
func raise(kind string) {
	var t testing.B
	switch kind {
	case "nil", "nested", "returned", "early":
		var p *page
		p[8] = 1
	case "regs":
		r := *cpu.NewRegs()
		cpu.Exec(&r)
	case "iretq":
		u := newRing3(&t, insSyscall)
		u.SetFSBase(userData)
		u.SetGSBase(userData)
		u.SetRawCS(0x18 | 3)
		u.run()
	case "xrstor":
		r := cpu.NewRegs()
		r.FP()[512+8] = 1 // XCOMP_BV: compacted, which it is not
		cpu.Exec(r)
	case "xcr0":
		cpu.WriteXCR0(0) // without x87
	case "user":
		u := newRing3(&t)
		cpu.WriteCR3(u.root)
		sink[0] = peek(userData)
	case "fetch":
		call(nil)
	case "int3":
		call([]byte{0xcc, 0xc3})
	case "interrupt":
		call([]byte{0xcd, 0x40, 0xc3}) // INT 0x40
	case "sti":
		sendSelf(0x44)
		call([]byte{0xfb, 0x90, 0x90, 0xfa, 0xc3}) // STI; NOP; NOP; CLI
	case "double":
		call([]byte{0x48, 0x31, 0xe4, 0x50}) // XOR RSP, RSP; PUSH RAX
	case "smep":
		u := newRing3(&t, []byte{0xc3})
		cpu.WriteCR3(u.root)
		callAt(userCode)
	case "nmi0":
		sendNMI()
		for range 1000 {
			cpu.Pause()
		}
	case "nmi3":
		u := newRing3(&t, insJMPSelf)
		u.SetFSBase(userData)
		u.SetGSBase(userData)
		enterAndNMI(u)
	}
}

// enterAndNMI makes an NMI arrive in ring 3: it asks for an interrupt there
// first, then sends the NMI with the thread's state loaded last.
func enterAndNMI(u *ring3) {
	poke32(apicSVR, 1<<8|uint32(cpu.VectorSpurious))
	poke32(apicDivide, 0xb)
	poke32(apicLVT, 4<<8)         // the timer as an NMI
	poke32(apicCount, 50_000_000) // 50 ms
	u.run()
}

func sendNMI() {
	poke32(apicSVR, 1<<8|uint32(cpu.VectorSpurious))
	poke32(apicICR+0x10, peek32(apic+0x20)) // to ourselves
	poke32(apicICR, 4<<8)
}

// report prints what a kernel would, with the runtime's print only.
func report(t *cpu.KernelTrap) {
	if *fatalKind == "returned" {
		return
	}
	print("FATAL ", t.Reason(), ", ring ", t.CS&3, "\n")
	print("rip ", hex(t.RIP), " rsp ", hex(t.RSP), " cr3 ", hex(t.CR3), " code")
	for _, b := range t.Code() {
		print(" ", hex(uint64(b)))
	}
	print("\nin ", name(uintptr(t.RIP)), "\n")
	for _, pc := range t.Callers() {
		print("called by ", name(pc-1), "\n") // the call, not what follows
	}
	if *fatalKind == "nested" {
		var p *page
		p[9] = 1
	}
	x86.Exit(reported)
}

func name(pc uintptr) string {
	if f := runtime.FuncForPC(pc); f != nil {
		return f.Name()
	}
	return "nowhere"
}

func hex(v uint64) string {
	const digits = "0123456789abcdef"
	var b [16]byte
	i := len(b)
	for {
		i--
		b[i] = digits[v&15]
		if v >>= 4; v == 0 {
			return string(b[i:])
		}
	}
}

package cpu

// Register bits in the manuals' spelling, so that a search in either place
// finds the other. Always masks, never positions.

// CR0 bits. Source: Intel SDM 3A 2.5.
const (
	CR0_PE uint64 = 1 << 0
	CR0_MP uint64 = 1 << 1
	CR0_EM uint64 = 1 << 2
	CR0_TS uint64 = 1 << 3
	CR0_NE uint64 = 1 << 5
	CR0_WP uint64 = 1 << 16
	CR0_AM uint64 = 1 << 18
	CR0_NW uint64 = 1 << 29
	CR0_CD uint64 = 1 << 30
	CR0_PG uint64 = 1 << 31
)

// CR4 bits. Source: Intel SDM 3A 2.5.
const (
	CR4_VME        uint64 = 1 << 0
	CR4_TSD        uint64 = 1 << 2
	CR4_DE         uint64 = 1 << 3
	CR4_PAE        uint64 = 1 << 5
	CR4_MCE        uint64 = 1 << 6
	CR4_PGE        uint64 = 1 << 7
	CR4_PCE        uint64 = 1 << 8
	CR4_OSFXSR     uint64 = 1 << 9
	CR4_OSXMMEXCPT uint64 = 1 << 10
	CR4_UMIP       uint64 = 1 << 11
	CR4_LA57       uint64 = 1 << 12
	CR4_FSGSBASE   uint64 = 1 << 16
	CR4_PCIDE      uint64 = 1 << 17
	CR4_OSXSAVE    uint64 = 1 << 18
	CR4_SMEP       uint64 = 1 << 20
	CR4_SMAP       uint64 = 1 << 21
)

// XCR0 bits: the state components XSAVE manages. Source: Intel SDM 1 13.3.
const (
	XCR0_X87       uint64 = 1 << 0
	XCR0_SSE       uint64 = 1 << 1
	XCR0_AVX       uint64 = 1 << 2
	XCR0_OPMASK    uint64 = 1 << 5
	XCR0_ZMM_HI256 uint64 = 1 << 6
	XCR0_HI16_ZMM  uint64 = 1 << 7
	XCR0_AVX512    uint64 = XCR0_OPMASK | XCR0_ZMM_HI256 | XCR0_HI16_ZMM
)

// RFLAGS bits. Source: Intel SDM 1 3.4.3.
const (
	RFLAGS_CF   uint64 = 1 << 0
	RFLAGS_ONE  uint64 = 1 << 1 // reads as one, always
	RFLAGS_PF   uint64 = 1 << 2
	RFLAGS_AF   uint64 = 1 << 4
	RFLAGS_ZF   uint64 = 1 << 6
	RFLAGS_SF   uint64 = 1 << 7
	RFLAGS_TF   uint64 = 1 << 8
	RFLAGS_IF   uint64 = 1 << 9
	RFLAGS_DF   uint64 = 1 << 10
	RFLAGS_OF   uint64 = 1 << 11
	RFLAGS_IOPL uint64 = 3 << 12
	RFLAGS_NT   uint64 = 1 << 14
	RFLAGS_RF   uint64 = 1 << 16
	RFLAGS_VM   uint64 = 1 << 17
	RFLAGS_AC   uint64 = 1 << 18
	RFLAGS_VIF  uint64 = 1 << 19
	RFLAGS_VIP  uint64 = 1 << 20
	RFLAGS_ID   uint64 = 1 << 21
)

// EFER bits. Source: AMD APM 2 3.1.7.
const (
	EFER_SCE uint64 = 1 << 0
	EFER_LME uint64 = 1 << 8
	EFER_LMA uint64 = 1 << 10
	EFER_NXE uint64 = 1 << 11
)

// MSR is the index of a model-specific register.
type MSR uint32

// Model-specific registers. Source: Intel SDM 4 chapter 2.
const (
	IA32_APIC_BASE      MSR = 0x0000001b
	IA32_SYSENTER_CS    MSR = 0x00000174
	IA32_SYSENTER_ESP   MSR = 0x00000175
	IA32_SYSENTER_EIP   MSR = 0x00000176
	IA32_PAT            MSR = 0x00000277
	IA32_TSC_DEADLINE   MSR = 0x000006e0
	IA32_EFER           MSR = 0xc0000080
	IA32_STAR           MSR = 0xc0000081
	IA32_LSTAR          MSR = 0xc0000082
	IA32_CSTAR          MSR = 0xc0000083
	IA32_FMASK          MSR = 0xc0000084
	IA32_FS_BASE        MSR = 0xc0000100
	IA32_GS_BASE        MSR = 0xc0000101
	IA32_KERNEL_GS_BASE MSR = 0xc0000102
	IA32_TSC_AUX        MSR = 0xc0000103
)

// ErrorCode is the error code the CPU pushes with some exceptions.
type ErrorCode uint64

// Error code of a page fault. Source: Intel SDM 3A 4.7.
const (
	PF_P    ErrorCode = 1 << 0 // the page was present: a protection violation
	PF_WR   ErrorCode = 1 << 1 // a write
	PF_US   ErrorCode = 1 << 2 // from ring 3
	PF_RSVD ErrorCode = 1 << 3 // a reserved bit in a paging entry
	PF_ID   ErrorCode = 1 << 4 // an instruction fetch
	PF_PK   ErrorCode = 1 << 5 // a protection key
)

// Vector is the number of an interrupt or exception, or VectorSyscall.
type Vector uint64

// Exceptions. Source: Intel SDM 3A 6.3.1, AMD APM 2 8.2.
const (
	VectorDivideError        Vector = 0  // #DE
	VectorDebug              Vector = 1  // #DB
	VectorNMI                Vector = 2  // NMI
	VectorBreakpoint         Vector = 3  // #BP
	VectorOverflow           Vector = 4  // #OF
	VectorBoundRange         Vector = 5  // #BR
	VectorInvalidOpcode      Vector = 6  // #UD
	VectorDeviceNotAvailable Vector = 7  // #NM
	VectorDoubleFault        Vector = 8  // #DF
	VectorInvalidTSS         Vector = 10 // #TS
	VectorSegmentNotPresent  Vector = 11 // #NP
	VectorStackFault         Vector = 12 // #SS
	VectorGeneralProtection  Vector = 13 // #GP
	VectorPageFault          Vector = 14 // #PF
	VectorX87                Vector = 16 // #MF
	VectorAlignmentCheck     Vector = 17 // #AC
	VectorMachineCheck       Vector = 18 // #MC
	VectorSIMD               Vector = 19 // #XM
	VectorVirtualization     Vector = 20 // #VE
	VectorControlProtection  Vector = 21 // #CP
	VectorHypervisor         Vector = 28 // #HV
	VectorVMMCommunication   Vector = 29 // #VC
	VectorSecurity           Vector = 30 // #SX
)

const (
	// VectorFirstInterrupt is the first vector that is not an exception.
	VectorFirstInterrupt Vector = 32
	// VectorSpurious is where the board must point the local APIC's spurious
	// interrupt. It gets no EOI.
	VectorSpurious Vector = 255
	// VectorCount is the number of entries of the IDT.
	VectorCount = 256
	// VectorSyscall is the pseudo-vector of the SYSCALL instruction.
	VectorSyscall Vector = 256
	// VectorStart is what a Regs holds before its first Exec, and what
	// Regs.RestoreAll puts there: no trap.
	VectorStart Vector = 257
)

var vectorNames = [VectorFirstInterrupt]string{
	"#DE divide error", "#DB debug", "NMI", "#BP breakpoint", "#OF overflow",
	"#BR bound range", "#UD invalid opcode", "#NM device not available",
	"#DF double fault", "vector 9", "#TS invalid TSS", "#NP segment not present",
	"#SS stack fault", "#GP general protection", "#PF page fault", "vector 15",
	"#MF x87", "#AC alignment check", "#MC machine check", "#XM SIMD",
	"#VE virtualization", "#CP control protection", "vector 22", "vector 23",
	"vector 24", "vector 25", "vector 26", "vector 27", "#HV hypervisor",
	"#VC VMM communication", "#SX security", "vector 31",
}

// String names v as the manuals do. It does not allocate.
func (v Vector) String() string {
	switch {
	case v < VectorFirstInterrupt:
		return vectorNames[v]
	case v == VectorSpurious:
		return "spurious interrupt"
	case v < VectorCount:
		return "interrupt"
	case v == VectorSyscall:
		return "SYSCALL"
	case v == VectorStart:
		return "start"
	}
	return "unknown vector"
}

// vectorsWithErrorCode lists the exceptions that push an error code; the
// fixed-size entries of vectors_amd64.s are checked against it at Init.
// Source: Intel SDM 3A table 6-1, AMD APM 2 table 8-1.
var vectorsWithErrorCode = [...]Vector{8, 10, 11, 12, 13, 14, 17, 21, 29, 30}

// HasErrorCode says whether the CPU pushes an error code with v.
func (v Vector) HasErrorCode() bool {
	for _, e := range vectorsWithErrorCode {
		if e == v {
			return true
		}
	}
	return false
}

// patValue is IA32_PAT as at reset (WB, WT, UC-, UC in entries 0 to 3), but for
// entry 4, which is WC. Package mmu's entries count on it.
// Source: Intel SDM 3A 12.12.2 to 12.12.4.
const patValue = 0x00070401_00070406

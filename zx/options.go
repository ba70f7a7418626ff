package zx

import "fmt"

// VMO creation options, docs/pager.md 1.4.
const (
	VMOResizable   uint32 = 1 << 1
	VMODiscardable uint32 = 1 << 2
	VMOTrapDirty   uint32 = 1 << 3
	VMOUnbounded   uint32 = 1 << 4
)

// VMOMaxSize is the largest size of a VMO in bytes, docs/pager.md 1.6.
const VMOMaxSize uint64 = 0xFFFFFFFFFFFE0000

// VMO child options, docs/pager.md 1.4.
const (
	VMOChildSnapshot               uint32 = 1 << 0
	VMOChildResizable              uint32 = 1 << 2
	VMOChildSlice                  uint32 = 1 << 3
	VMOChildSnapshotAtLeastOnWrite uint32 = 1 << 4
	VMOChildNoWrite                uint32 = 1 << 5
	VMOChildReference              uint32 = 1 << 6
	VMOChildSnapshotModified       uint32 = 1 << 7
)

// Operations of zx_vmo_op_range.
const (
	VMOOpCommit               uint32 = 1
	VMOOpDecommit             uint32 = 2
	VMOOpLock                 uint32 = 3
	VMOOpUnlock               uint32 = 4
	VMOOpCacheSync            uint32 = 6
	VMOOpCacheInvalidate      uint32 = 7
	VMOOpCacheClean           uint32 = 8
	VMOOpCacheCleanInvalidate uint32 = 9
	VMOOpZero                 uint32 = 10
	VMOOpTryLock              uint32 = 11
	VMOOpDontNeed             uint32 = 12
	VMOOpAlwaysNeed           uint32 = 13
	VMOOpPrefetch             uint32 = 14
)

// Operations of zx_vmar_op_range.
const (
	VMAROpCommit     uint32 = 1
	VMAROpDecommit   uint32 = 2
	VMAROpMapRange   uint32 = 3
	VMAROpZero       uint32 = 10
	VMAROpDontNeed   uint32 = 12
	VMAROpAlwaysNeed uint32 = 13
	VMAROpPrefetch   uint32 = 14
)

// PagerOp is an operation of zx_pager_op_range.
type PagerOp uint32

// Operations of zx_pager_op_range.
const (
	PagerOpFail           PagerOp = 1
	PagerOpDirty          PagerOp = 2
	PagerOpWritebackBegin PagerOp = 3
	PagerOpWritebackEnd   PagerOp = 4
)

// Options of the pager queries.
const (
	VMODirtyRangeIsZero   uint64 = 1
	PagerResetVMOStats    uint32 = 1
	PagerVMOStatsModified uint32 = 1
)

// Mapping options of zx_vmar_map, docs/pager.md 1.4.
const (
	VMPermRead              uint32 = 1 << 0
	VMPermWrite             uint32 = 1 << 1
	VMPermExecute           uint32 = 1 << 2
	VMCompact               uint32 = 1 << 3
	VMSpecific              uint32 = 1 << 4
	VMSpecificOverwrite     uint32 = 1 << 5
	VMCanMapSpecific        uint32 = 1 << 6
	VMCanMapRead            uint32 = 1 << 7
	VMCanMapWrite           uint32 = 1 << 8
	VMCanMapExecute         uint32 = 1 << 9
	VMMapRange              uint32 = 1 << 10
	VMRequireNonResizable   uint32 = 1 << 11
	VMAllowFaults           uint32 = 1 << 12
	VMOffsetIsUpperLimit    uint32 = 1 << 13
	VMFaultBeyondStreamSize uint32 = 1 << 15
	VMPermReadIfXOM         uint32 = 1 << 14
	VMAlignShift                   = 24 // log2 of the alignment, 10 to 32, in bits 24 and up
)

// PacketType says what a port packet carries (zx_port_packet_t.type).
type PacketType uint32

// Port packet types.
const (
	PacketUser        PacketType = 0
	PacketSignalOne   PacketType = 1
	PacketPageRequest PacketType = 9
)

// PageCommand is the command of a page-request packet.
type PageCommand uint16

// Page-request commands.
const (
	PageRead     PageCommand = 0
	PageComplete PageCommand = 1
	PageDirty    PageCommand = 2
)

// Options of zx_object_wait_async.
const (
	WaitAsyncTimestamp uint32 = 1
	WaitAsyncEdge      uint32 = 2
)

// Info topics of zx_object_get_info.
const (
	InfoHandleBasic           uint32 = 2
	InfoThread                uint32 = 10
	InfoThreadExceptionReport uint32 = 0x1000000B
	InfoVMOv2                 uint32 = 0x20000017
)

// Flags of zx_info_vmo_t.
const (
	InfoVMOTypePaged   uint32 = 1 << 0
	InfoVMOResizable   uint32 = 1 << 1
	InfoVMOIsCOWClone  uint32 = 1 << 2
	InfoVMOViaHandle   uint32 = 1 << 3
	InfoVMOViaMapping  uint32 = 1 << 4
	InfoVMOPagerBacked uint32 = 1 << 5
	InfoVMOContiguous  uint32 = 1 << 6
	InfoVMODiscardable uint32 = 1 << 7
	InfoVMOImmutable   uint32 = 1 << 8
)

// ExceptionType is zx_exception_report_t.header.type.
type ExceptionType uint32

// Exception types, docs/pager.md 1.4.
const (
	ExcpGeneral              ExceptionType = 0x008
	ExcpFatalPageFault       ExceptionType = 0x108
	ExcpUndefinedInstruction ExceptionType = 0x208
	ExcpSWBreakpoint         ExceptionType = 0x308
	ExcpHWBreakpoint         ExceptionType = 0x408
	ExcpUnalignedAccess      ExceptionType = 0x508
	ExcpThreadStarting       ExceptionType = 0x8008
	ExcpThreadExiting        ExceptionType = 0x8108
	ExcpPolicyError          ExceptionType = 0x8208
	ExcpProcessStarting      ExceptionType = 0x8308
)

// exceptionNames spells exception types as Zircon does.
var exceptionNames = map[ExceptionType]string{
	ExcpGeneral:              "ZX_EXCP_GENERAL",
	ExcpFatalPageFault:       "ZX_EXCP_FATAL_PAGE_FAULT",
	ExcpUndefinedInstruction: "ZX_EXCP_UNDEFINED_INSTRUCTION",
	ExcpSWBreakpoint:         "ZX_EXCP_SW_BREAKPOINT",
	ExcpHWBreakpoint:         "ZX_EXCP_HW_BREAKPOINT",
	ExcpUnalignedAccess:      "ZX_EXCP_UNALIGNED_ACCESS",
	ExcpThreadStarting:       "ZX_EXCP_THREAD_STARTING",
	ExcpThreadExiting:        "ZX_EXCP_THREAD_EXITING",
	ExcpPolicyError:          "ZX_EXCP_POLICY_ERROR",
	ExcpProcessStarting:      "ZX_EXCP_PROCESS_STARTING",
}

// String gives the type under Zircon's name; an unknown one gives its number.
func (t ExceptionType) String() string {
	if name := exceptionNames[t]; name != "" {
		return name
	}
	return fmt.Sprintf("exception type %#x", uint32(t))
}

// Task return codes, docs/pager.md 1.4.
const (
	TaskRetcodeSyscallKill   int64 = -1024
	TaskRetcodePolicyKill    int64 = -1026
	TaskRetcodeExceptionKill int64 = -1028
)

// Cache policies of a VMO (zx_vmo_set_cache_policy).
const (
	CachePolicyCached         uint32 = 0
	CachePolicyUncached       uint32 = 1
	CachePolicyUncachedDevice uint32 = 2
	CachePolicyWriteCombining uint32 = 3
)

// Kinds of resources (zx_rsrc_kind_t), the flag of zx_resource_create, and the
// system resource that stands for IOMMUs.
const (
	ResourceKindMMIO      uint32 = 0
	ResourceKindSystem    uint32 = 5
	ResourceFlagExclusive uint32 = 1 << 16
	ResourceSystemVMEX    uint64 = 1
	ResourceSystemIOMMU   uint64 = 8
)

// IOMMUTypeStub is the IOMMU that does nothing.
const IOMMUTypeStub uint32 = 0

// Options of zx_bti_pin.
const (
	BTIPermRead    uint32 = 1 << 0
	BTIPermWrite   uint32 = 1 << 1
	BTIPermExecute uint32 = 1 << 2
	BTICompress    uint32 = 1 << 3
	BTIContiguous  uint32 = 1 << 4
)

// Kinds of registers: zx_thread_read_state.
const (
	StateGeneralRegs uint32 = 0
	StateFPRegs      uint32 = 1
	StateVectorRegs  uint32 = 2
	StateDebugRegs   uint32 = 4
	StateSingleStep  uint32 = 5
)

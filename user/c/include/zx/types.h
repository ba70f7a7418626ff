// zx/types.h: the vocabulary of the system calls, under Zircon's names and
// values: integer types, status codes, rights, options, operations, structs.
// Every size and offset that crosses the boundary is asserted at the end.
#ifndef ZX_TYPES_H_
#define ZX_TYPES_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <zx/dma.h>
#include <zx/policy.h>

typedef int32_t zx_status_t;
typedef uint32_t zx_handle_t;
typedef uint32_t zx_rights_t;
typedef uint32_t zx_signals_t;
typedef uint32_t zx_obj_type_t;
typedef uint64_t zx_koid_t;
typedef uint64_t zx_off_t;
typedef uintptr_t zx_vaddr_t;
typedef uint64_t zx_paddr_t;
typedef int64_t zx_time_t;
typedef int64_t zx_duration_t;
typedef int64_t zx_instant_mono_t;
typedef int64_t zx_duration_mono_t;
typedef int64_t zx_instant_boot_t;
typedef int64_t zx_duration_boot_t;
typedef int64_t zx_ticks_t;
typedef uint32_t zx_clock_t;
typedef uint32_t zx_txid_t;
typedef uint32_t zx_object_info_topic_t;
typedef uint32_t zx_thread_state_t;
typedef uint32_t zx_exception_channel_type_t;
typedef uint32_t zx_handle_op_t;
typedef uint32_t zx_stream_seek_origin_t;
typedef uint32_t zx_info_maps_type_t;
typedef uint32_t zx_info_process_flags_t;
typedef uint32_t zx_vm_option_t;
typedef uint32_t zx_packet_type_t;
typedef uint32_t zx_excp_type_t;
typedef int32_t zx_futex_t;

#define ZX_HANDLE_INVALID ((zx_handle_t)0)
#define ZX_HANDLE_FIXED_BITS_MASK ((zx_handle_t)0x3)
#define ZX_KOID_INVALID ((zx_koid_t)0)
#define ZX_PAGE_SIZE 4096u
#define ZX_PAGE_SHIFT 12u
#define ZX_PAGE_MASK 4095u
#define ZX_MAX_NAME_LEN 32u

#define ZX_TIME_INFINITE INT64_MAX
#define ZX_TIME_INFINITE_PAST INT64_MIN
#define ZX_NSEC(n) ((zx_duration_t)(n))
#define ZX_USEC(n) ((zx_duration_t)(1000ll * (n)))
#define ZX_MSEC(n) ((zx_duration_t)(1000000ll * (n)))
#define ZX_SEC(n) ((zx_duration_t)(1000000000ll * (n)))

// Status codes.
#define ZX_OK 0
#define ZX_ERR_INTERNAL (-1)
#define ZX_ERR_NOT_SUPPORTED (-2)
#define ZX_ERR_NO_RESOURCES (-3)
#define ZX_ERR_NO_MEMORY (-4)
#define ZX_ERR_INTERNAL_INTR_RETRY (-6)
#define ZX_ERR_INVALID_ARGS (-10)
#define ZX_ERR_BAD_HANDLE (-11)
#define ZX_ERR_WRONG_TYPE (-12)
#define ZX_ERR_BAD_SYSCALL (-13)
#define ZX_ERR_OUT_OF_RANGE (-14)
#define ZX_ERR_BUFFER_TOO_SMALL (-15)
#define ZX_ERR_BAD_STATE (-20)
#define ZX_ERR_TIMED_OUT (-21)
#define ZX_ERR_SHOULD_WAIT (-22)
#define ZX_ERR_CANCELED (-23)
#define ZX_ERR_PEER_CLOSED (-24)
#define ZX_ERR_NOT_FOUND (-25)
#define ZX_ERR_ALREADY_EXISTS (-26)
#define ZX_ERR_ALREADY_BOUND (-27)
#define ZX_ERR_UNAVAILABLE (-28)
#define ZX_ERR_ACCESS_DENIED (-30)
#define ZX_ERR_IO (-40)
#define ZX_ERR_IO_REFUSED (-41)
#define ZX_ERR_IO_DATA_INTEGRITY (-42)
#define ZX_ERR_IO_DATA_LOSS (-43)
#define ZX_ERR_IO_NOT_PRESENT (-44)
#define ZX_ERR_IO_OVERRUN (-45)
#define ZX_ERR_IO_MISSED_DEADLINE (-46)
#define ZX_ERR_IO_INVALID (-47)
#define ZX_ERR_BAD_PATH (-50)
#define ZX_ERR_NOT_DIR (-51)
#define ZX_ERR_NOT_FILE (-52)
#define ZX_ERR_FILE_BIG (-53)
#define ZX_ERR_NO_SPACE (-54)
#define ZX_ERR_NOT_EMPTY (-55)
#define ZX_ERR_STOP (-60)
#define ZX_ERR_NEXT (-61)
#define ZX_ERR_ASYNC (-62)

// Object types.
#define ZX_OBJ_TYPE_NONE ((zx_obj_type_t)0)
#define ZX_OBJ_TYPE_PROCESS ((zx_obj_type_t)1)
#define ZX_OBJ_TYPE_THREAD ((zx_obj_type_t)2)
#define ZX_OBJ_TYPE_VMO ((zx_obj_type_t)3)
#define ZX_OBJ_TYPE_CHANNEL ((zx_obj_type_t)4)
#define ZX_OBJ_TYPE_EVENT ((zx_obj_type_t)5)
#define ZX_OBJ_TYPE_PORT ((zx_obj_type_t)6)
#define ZX_OBJ_TYPE_INTERRUPT ((zx_obj_type_t)9)
#define ZX_OBJ_TYPE_PCI_DEVICE ((zx_obj_type_t)11)
#define ZX_OBJ_TYPE_DEBUGLOG ((zx_obj_type_t)12)
#define ZX_OBJ_TYPE_SOCKET ((zx_obj_type_t)14)
#define ZX_OBJ_TYPE_RESOURCE ((zx_obj_type_t)15)
#define ZX_OBJ_TYPE_EVENTPAIR ((zx_obj_type_t)16)
#define ZX_OBJ_TYPE_JOB ((zx_obj_type_t)17)
#define ZX_OBJ_TYPE_VMAR ((zx_obj_type_t)18)
#define ZX_OBJ_TYPE_FIFO ((zx_obj_type_t)19)
#define ZX_OBJ_TYPE_GUEST ((zx_obj_type_t)20)
#define ZX_OBJ_TYPE_VCPU ((zx_obj_type_t)21)
#define ZX_OBJ_TYPE_TIMER ((zx_obj_type_t)22)
#define ZX_OBJ_TYPE_IOMMU ((zx_obj_type_t)23)
#define ZX_OBJ_TYPE_BTI ((zx_obj_type_t)24)
#define ZX_OBJ_TYPE_PROFILE ((zx_obj_type_t)25)
#define ZX_OBJ_TYPE_PMT ((zx_obj_type_t)26)
#define ZX_OBJ_TYPE_SUSPEND_TOKEN ((zx_obj_type_t)27)
#define ZX_OBJ_TYPE_PAGER ((zx_obj_type_t)28)
#define ZX_OBJ_TYPE_EXCEPTION ((zx_obj_type_t)29)
#define ZX_OBJ_TYPE_CLOCK ((zx_obj_type_t)30)
#define ZX_OBJ_TYPE_STREAM ((zx_obj_type_t)31)
#define ZX_OBJ_TYPE_MSI ((zx_obj_type_t)32)
#define ZX_OBJ_TYPE_IOB ((zx_obj_type_t)33)
#define ZX_OBJ_TYPE_COUNTER ((zx_obj_type_t)34)
#define ZX_OBJ_TYPE_UPPER_BOUND ((zx_obj_type_t)64)

// Rights.
#define ZX_RIGHT_NONE ((zx_rights_t)0u)
#define ZX_RIGHT_DUPLICATE ((zx_rights_t)1u << 0)
#define ZX_RIGHT_TRANSFER ((zx_rights_t)1u << 1)
#define ZX_RIGHT_READ ((zx_rights_t)1u << 2)
#define ZX_RIGHT_WRITE ((zx_rights_t)1u << 3)
#define ZX_RIGHT_EXECUTE ((zx_rights_t)1u << 4)
#define ZX_RIGHT_MAP ((zx_rights_t)1u << 5)
#define ZX_RIGHT_GET_PROPERTY ((zx_rights_t)1u << 6)
#define ZX_RIGHT_SET_PROPERTY ((zx_rights_t)1u << 7)
#define ZX_RIGHT_ENUMERATE ((zx_rights_t)1u << 8)
#define ZX_RIGHT_DESTROY ((zx_rights_t)1u << 9)
#define ZX_RIGHT_SET_POLICY ((zx_rights_t)1u << 10)
#define ZX_RIGHT_GET_POLICY ((zx_rights_t)1u << 11)
#define ZX_RIGHT_SIGNAL ((zx_rights_t)1u << 12)
#define ZX_RIGHT_SIGNAL_PEER ((zx_rights_t)1u << 13)
#define ZX_RIGHT_WAIT ((zx_rights_t)1u << 14)
#define ZX_RIGHT_INSPECT ((zx_rights_t)1u << 15)
#define ZX_RIGHT_MANAGE_JOB ((zx_rights_t)1u << 16)
#define ZX_RIGHT_MANAGE_PROCESS ((zx_rights_t)1u << 17)
#define ZX_RIGHT_MANAGE_THREAD ((zx_rights_t)1u << 18)
#define ZX_RIGHT_APPLY_PROFILE ((zx_rights_t)1u << 19)
#define ZX_RIGHT_MANAGE_SOCKET ((zx_rights_t)1u << 20)
#define ZX_RIGHT_OP_CHILDREN ((zx_rights_t)1u << 21)
#define ZX_RIGHT_RESIZE ((zx_rights_t)1u << 22)
#define ZX_RIGHT_ATTACH_VMO ((zx_rights_t)1u << 23)
#define ZX_RIGHT_MANAGE_VMO ((zx_rights_t)1u << 24)
#define ZX_RIGHT_SAME_RIGHTS ((zx_rights_t)1u << 31)
#define ZX_RIGHTS_BASIC (ZX_RIGHT_TRANSFER | ZX_RIGHT_DUPLICATE | ZX_RIGHT_WAIT | ZX_RIGHT_INSPECT)
#define ZX_RIGHTS_IO (ZX_RIGHT_READ | ZX_RIGHT_WRITE)
#define ZX_RIGHTS_PROPERTY (ZX_RIGHT_GET_PROPERTY | ZX_RIGHT_SET_PROPERTY)
#define ZX_RIGHTS_POLICY (ZX_RIGHT_GET_POLICY | ZX_RIGHT_SET_POLICY)

// What a fresh handle carries.
#define ZX_DEFAULT_CHANNEL_RIGHTS \
  ((ZX_RIGHTS_BASIC & ~ZX_RIGHT_DUPLICATE) | ZX_RIGHTS_IO | ZX_RIGHT_SIGNAL | ZX_RIGHT_SIGNAL_PEER)
#define ZX_DEFAULT_EVENT_RIGHTS (ZX_RIGHTS_BASIC | ZX_RIGHT_SIGNAL)
#define ZX_DEFAULT_EVENTPAIR_RIGHTS (ZX_DEFAULT_EVENT_RIGHTS | ZX_RIGHT_SIGNAL_PEER)
#define ZX_DEFAULT_EXCEPTION_RIGHTS (ZX_RIGHT_TRANSFER | ZX_RIGHTS_PROPERTY | ZX_RIGHT_INSPECT)
#define ZX_DEFAULT_FIFO_RIGHTS (ZX_DEFAULT_EVENTPAIR_RIGHTS | ZX_RIGHTS_IO)
#define ZX_DEFAULT_JOB_RIGHTS                                                                      \
  (ZX_RIGHTS_BASIC | ZX_RIGHTS_IO | ZX_RIGHTS_PROPERTY | ZX_RIGHTS_POLICY | ZX_RIGHT_ENUMERATE |   \
   ZX_RIGHT_DESTROY | ZX_RIGHT_SIGNAL | ZX_RIGHT_MANAGE_JOB | ZX_RIGHT_MANAGE_PROCESS |            \
   ZX_RIGHT_MANAGE_THREAD)
#define ZX_DEFAULT_PAGER_RIGHTS \
  (ZX_RIGHT_INSPECT | ZX_RIGHT_TRANSFER | ZX_RIGHT_ATTACH_VMO | ZX_RIGHT_MANAGE_VMO)
#define ZX_DEFAULT_PORT_RIGHTS ((ZX_RIGHTS_BASIC & ~ZX_RIGHT_WAIT) | ZX_RIGHTS_IO)
#define ZX_DEFAULT_PROCESS_RIGHTS \
  (ZX_DEFAULT_THREAD_RIGHTS | ZX_RIGHT_ENUMERATE | ZX_RIGHT_MANAGE_PROCESS)
#define ZX_DEFAULT_STREAM_RIGHTS (ZX_RIGHTS_BASIC | ZX_RIGHTS_PROPERTY | ZX_RIGHT_SIGNAL)
#define ZX_DEFAULT_SUSPEND_TOKEN_RIGHTS (ZX_RIGHT_TRANSFER | ZX_RIGHT_INSPECT)
#define ZX_DEFAULT_THREAD_RIGHTS                                                                   \
  (ZX_RIGHTS_BASIC | ZX_RIGHTS_IO | ZX_RIGHTS_PROPERTY | ZX_RIGHT_DESTROY | ZX_RIGHT_SIGNAL |      \
   ZX_RIGHT_MANAGE_THREAD)
#define ZX_DEFAULT_TIMER_RIGHTS (ZX_RIGHTS_BASIC | ZX_RIGHT_WRITE | ZX_RIGHT_SIGNAL)
#define ZX_DEFAULT_VMAR_RIGHTS ((ZX_RIGHTS_BASIC & ~ZX_RIGHT_WAIT) | ZX_RIGHT_OP_CHILDREN)
#define ZX_DEFAULT_VMO_RIGHTS \
  (ZX_RIGHTS_BASIC | ZX_RIGHTS_IO | ZX_RIGHTS_PROPERTY | ZX_RIGHT_MAP | ZX_RIGHT_SIGNAL)

// Signals.
#define ZX_SIGNAL_NONE ((zx_signals_t)0u)
#define ZX_CHANNEL_READABLE ((zx_signals_t)1u << 0)
#define ZX_CHANNEL_WRITABLE ((zx_signals_t)1u << 1)
#define ZX_CHANNEL_PEER_CLOSED ((zx_signals_t)1u << 2)
#define ZX_EVENT_SIGNALED ((zx_signals_t)1u << 3)
#define ZX_EVENTPAIR_SIGNALED ((zx_signals_t)1u << 3)
#define ZX_EVENTPAIR_PEER_CLOSED ((zx_signals_t)1u << 2)
#define ZX_FIFO_READABLE ((zx_signals_t)1u << 0)
#define ZX_FIFO_WRITABLE ((zx_signals_t)1u << 1)
#define ZX_FIFO_PEER_CLOSED ((zx_signals_t)1u << 2)
#define ZX_TIMER_SIGNALED ((zx_signals_t)1u << 3)
#define ZX_JOB_TERMINATED ((zx_signals_t)1u << 3)
#define ZX_JOB_NO_JOBS ((zx_signals_t)1u << 4)
#define ZX_JOB_NO_PROCESSES ((zx_signals_t)1u << 5)
#define ZX_VMO_ZERO_CHILDREN ((zx_signals_t)1u << 3)
#define ZX_TASK_TERMINATED ((zx_signals_t)1u << 3)
#define ZX_PROCESS_TERMINATED ZX_TASK_TERMINATED
#define ZX_THREAD_TERMINATED ZX_TASK_TERMINATED
#define ZX_THREAD_RUNNING ((zx_signals_t)1u << 4)
#define ZX_JOB_NO_CHILDREN ((zx_signals_t)1u << 6)
#define ZX_THREAD_SUSPENDED ((zx_signals_t)1u << 5)
#define ZX_SIGNAL_HANDLE_CLOSED ((zx_signals_t)1u << 23)
#define ZX_USER_SIGNAL_0 ((zx_signals_t)1u << 24)
#define ZX_USER_SIGNAL_1 ((zx_signals_t)1u << 25)
#define ZX_USER_SIGNAL_2 ((zx_signals_t)1u << 26)
#define ZX_USER_SIGNAL_3 ((zx_signals_t)1u << 27)
#define ZX_USER_SIGNAL_4 ((zx_signals_t)1u << 28)
#define ZX_USER_SIGNAL_5 ((zx_signals_t)1u << 29)
#define ZX_USER_SIGNAL_6 ((zx_signals_t)1u << 30)
#define ZX_USER_SIGNAL_7 ((zx_signals_t)1u << 31)
#define ZX_USER_SIGNAL_ALL ((zx_signals_t)0xff000000u)

// Options of zx_vmo_create and zx_pager_create_vmo.
#define ZX_VMO_RESIZABLE ((uint32_t)1u << 1)
#define ZX_VMO_DISCARDABLE ((uint32_t)1u << 2)
#define ZX_VMO_TRAP_DIRTY ((uint32_t)1u << 3)
#define ZX_VMO_UNBOUNDED ((uint32_t)1u << 4)

// Options of zx_vmo_create_child.
#define ZX_VMO_CHILD_SNAPSHOT ((uint32_t)1u << 0)
#define ZX_VMO_CHILD_RESIZABLE ((uint32_t)1u << 2)
#define ZX_VMO_CHILD_SLICE ((uint32_t)1u << 3)
#define ZX_VMO_CHILD_SNAPSHOT_AT_LEAST_ON_WRITE ((uint32_t)1u << 4)
#define ZX_VMO_CHILD_NO_WRITE ((uint32_t)1u << 5)
#define ZX_VMO_CHILD_REFERENCE ((uint32_t)1u << 6)
#define ZX_VMO_CHILD_SNAPSHOT_MODIFIED ((uint32_t)1u << 7)

// Operations of zx_vmo_op_range.
#define ZX_VMO_OP_COMMIT 1u
#define ZX_VMO_OP_DECOMMIT 2u
#define ZX_VMO_OP_LOCK 3u
#define ZX_VMO_OP_UNLOCK 4u
#define ZX_VMO_OP_CACHE_SYNC 6u
#define ZX_VMO_OP_CACHE_INVALIDATE 7u
#define ZX_VMO_OP_CACHE_CLEAN 8u
#define ZX_VMO_OP_CACHE_CLEAN_INVALIDATE 9u
#define ZX_VMO_OP_ZERO 10u
#define ZX_VMO_OP_TRY_LOCK 11u
#define ZX_VMO_OP_DONT_NEED 12u
#define ZX_VMO_OP_ALWAYS_NEED 13u
#define ZX_VMO_OP_PREFETCH 14u

// Operations of zx_vmar_op_range.
#define ZX_VMAR_OP_COMMIT 1u
#define ZX_VMAR_OP_DECOMMIT 2u
#define ZX_VMAR_OP_MAP_RANGE 3u
#define ZX_VMAR_OP_ZERO 10u
#define ZX_VMAR_OP_DONT_NEED 12u
#define ZX_VMAR_OP_ALWAYS_NEED 13u
#define ZX_VMAR_OP_PREFETCH 14u

// Operations of zx_pager_op_range, and the options of the pager queries.
#define ZX_PAGER_OP_FAIL 1u
#define ZX_PAGER_OP_DIRTY 2u
#define ZX_PAGER_OP_WRITEBACK_BEGIN 3u
#define ZX_PAGER_OP_WRITEBACK_END 4u
#define ZX_VMO_DIRTY_RANGE_IS_ZERO ((uint64_t)1u)
#define ZX_PAGER_RESET_VMO_STATS ((uint32_t)1u)
#define ZX_PAGER_VMO_STATS_MODIFIED ((uint32_t)1u)

// Options of zx_vmar_map, zx_vmar_protect and zx_vmar_allocate.
#define ZX_VM_PERM_READ ((zx_vm_option_t)1u << 0)
#define ZX_VM_PERM_WRITE ((zx_vm_option_t)1u << 1)
#define ZX_VM_PERM_EXECUTE ((zx_vm_option_t)1u << 2)
#define ZX_VM_COMPACT ((zx_vm_option_t)1u << 3)
#define ZX_VM_SPECIFIC ((zx_vm_option_t)1u << 4)
#define ZX_VM_SPECIFIC_OVERWRITE ((zx_vm_option_t)1u << 5)
#define ZX_VM_CAN_MAP_SPECIFIC ((zx_vm_option_t)1u << 6)
#define ZX_VM_CAN_MAP_READ ((zx_vm_option_t)1u << 7)
#define ZX_VM_CAN_MAP_WRITE ((zx_vm_option_t)1u << 8)
#define ZX_VM_CAN_MAP_EXECUTE ((zx_vm_option_t)1u << 9)
#define ZX_VM_MAP_RANGE ((zx_vm_option_t)1u << 10)
#define ZX_VM_REQUIRE_NON_RESIZABLE ((zx_vm_option_t)1u << 11)
#define ZX_VM_ALLOW_FAULTS ((zx_vm_option_t)1u << 12)
#define ZX_VM_OFFSET_IS_UPPER_LIMIT ((zx_vm_option_t)1u << 13)
#define ZX_VM_PERM_READ_IF_XOM_UNSUPPORTED ((zx_vm_option_t)1u << 14)
#define ZX_VM_FAULT_BEYOND_STREAM_SIZE ((zx_vm_option_t)1u << 15)
#define ZX_VM_ALIGN_BASE 24
#define ZX_VM_ALIGN_1KB ((zx_vm_option_t)10u << ZX_VM_ALIGN_BASE)
#define ZX_VM_ALIGN_2KB ((zx_vm_option_t)11u << ZX_VM_ALIGN_BASE)
#define ZX_VM_ALIGN_4KB ((zx_vm_option_t)12u << ZX_VM_ALIGN_BASE)
#define ZX_VM_ALIGN_8KB ((zx_vm_option_t)13u << ZX_VM_ALIGN_BASE)
#define ZX_VM_ALIGN_16KB ((zx_vm_option_t)14u << ZX_VM_ALIGN_BASE)
#define ZX_VM_ALIGN_32KB ((zx_vm_option_t)15u << ZX_VM_ALIGN_BASE)
#define ZX_VM_ALIGN_64KB ((zx_vm_option_t)16u << ZX_VM_ALIGN_BASE)
#define ZX_VM_ALIGN_128KB ((zx_vm_option_t)17u << ZX_VM_ALIGN_BASE)
#define ZX_VM_ALIGN_256KB ((zx_vm_option_t)18u << ZX_VM_ALIGN_BASE)
#define ZX_VM_ALIGN_512KB ((zx_vm_option_t)19u << ZX_VM_ALIGN_BASE)
#define ZX_VM_ALIGN_1MB ((zx_vm_option_t)20u << ZX_VM_ALIGN_BASE)
#define ZX_VM_ALIGN_2MB ((zx_vm_option_t)21u << ZX_VM_ALIGN_BASE)
#define ZX_VM_ALIGN_4MB ((zx_vm_option_t)22u << ZX_VM_ALIGN_BASE)
#define ZX_VM_ALIGN_8MB ((zx_vm_option_t)23u << ZX_VM_ALIGN_BASE)
#define ZX_VM_ALIGN_16MB ((zx_vm_option_t)24u << ZX_VM_ALIGN_BASE)
#define ZX_VM_ALIGN_32MB ((zx_vm_option_t)25u << ZX_VM_ALIGN_BASE)
#define ZX_VM_ALIGN_64MB ((zx_vm_option_t)26u << ZX_VM_ALIGN_BASE)
#define ZX_VM_ALIGN_128MB ((zx_vm_option_t)27u << ZX_VM_ALIGN_BASE)
#define ZX_VM_ALIGN_256MB ((zx_vm_option_t)28u << ZX_VM_ALIGN_BASE)
#define ZX_VM_ALIGN_512MB ((zx_vm_option_t)29u << ZX_VM_ALIGN_BASE)
#define ZX_VM_ALIGN_1GB ((zx_vm_option_t)30u << ZX_VM_ALIGN_BASE)
#define ZX_VM_ALIGN_2GB ((zx_vm_option_t)31u << ZX_VM_ALIGN_BASE)
#define ZX_VM_ALIGN_4GB ((zx_vm_option_t)32u << ZX_VM_ALIGN_BASE)

// What zx_cache_flush does.
#define ZX_CACHE_FLUSH_INSN (1u << 0)
#define ZX_CACHE_FLUSH_DATA (1u << 1)
#define ZX_CACHE_FLUSH_INVALIDATE (1u << 2)

// What the machine has: zx_system_get_features.
#define ZX_FEATURE_KIND_CPU 0u
#define ZX_FEATURE_KIND_HW_BREAKPOINT_COUNT 1u
#define ZX_FEATURE_KIND_HW_WATCHPOINT_COUNT 2u
#define ZX_FEATURE_KIND_ADDRESS_TAGGING 3u
#define ZX_FEATURE_KIND_VM 4u
#define ZX_HAS_CPU_FEATURES (1u << 0)
#define ZX_VM_FEATURE_CAN_MAP_XOM (1u << 0)

// Clocks and timers.
#define ZX_CLOCK_MONOTONIC ((zx_clock_t)0)
#define ZX_CLOCK_BOOT ((zx_clock_t)1)
#define ZX_TIMER_SLACK_CENTER 0u
#define ZX_TIMER_SLACK_EARLY 1u
#define ZX_TIMER_SLACK_LATE 2u

// Fifos and streams.
#define ZX_FIFO_MAX_SIZE_BYTES 4096u
#define ZX_STREAM_MODE_READ (1u << 0)
#define ZX_STREAM_MODE_WRITE (1u << 1)
#define ZX_STREAM_MODE_APPEND (1u << 2)
#define ZX_STREAM_APPEND (1u << 0)
#define ZX_STREAM_SEEK_ORIGIN_START ((zx_stream_seek_origin_t)0)
#define ZX_STREAM_SEEK_ORIGIN_CURRENT ((zx_stream_seek_origin_t)1)
#define ZX_STREAM_SEEK_ORIGIN_END ((zx_stream_seek_origin_t)2)

typedef struct zx_iovec {
  void* buffer;
  size_t capacity;
} zx_iovec_t;

// Ports.
#define ZX_PKT_TYPE_USER ((zx_packet_type_t)0u)
#define ZX_PKT_TYPE_SIGNAL_ONE ((zx_packet_type_t)1u)
#define ZX_PKT_TYPE_PAGE_REQUEST ((zx_packet_type_t)9u)
#define ZX_PAGER_VMO_READ ((uint16_t)0)
#define ZX_PAGER_VMO_COMPLETE ((uint16_t)1)
#define ZX_PAGER_VMO_DIRTY ((uint16_t)2)
#define ZX_PORT_BIND_TO_INTERRUPT ((uint32_t)1u)
#define ZX_WAIT_ASYNC_TIMESTAMP ((uint32_t)1u)
#define ZX_WAIT_ASYNC_EDGE ((uint32_t)2u)

typedef struct zx_packet_signal {
  zx_signals_t trigger;
  zx_signals_t observed;
  uint64_t count;
  zx_time_t timestamp;
  uint64_t reserved1;
} zx_packet_signal_t;

typedef struct zx_packet_page_request {
  uint16_t command;
  uint16_t flags;
  uint32_t reserved0;
  uint64_t offset;
  uint64_t length;
  uint64_t reserved1;
} zx_packet_page_request_t;

typedef union zx_packet_user {
  uint64_t u64[4];
  uint32_t u32[8];
  uint16_t u16[16];
  uint8_t c8[32];
} zx_packet_user_t;

typedef struct zx_port_packet {
  uint64_t key;
  zx_packet_type_t type;
  zx_status_t status;
  union {
    zx_packet_user_t user;
    zx_packet_signal_t signal;
    zx_packet_page_request_t page_request;
  };
} zx_port_packet_t;

// Pager queries.
typedef struct zx_vmo_dirty_range {
  uint64_t offset;
  uint64_t length;
  uint64_t options;
} zx_vmo_dirty_range_t;

typedef struct zx_pager_vmo_stats {
  uint32_t modified;
} zx_pager_vmo_stats_t;

typedef struct zx_vmo_lock_state {
  uint64_t offset;
  uint64_t size;
  uint64_t discarded_offset;
  uint64_t discarded_size;
} zx_vmo_lock_state_t;

// Waits.
typedef struct zx_wait_item {
  zx_handle_t handle;
  zx_signals_t waitfor;
  zx_signals_t pending;
} zx_wait_item_t;

#define ZX_WAIT_MANY_MAX_ITEMS ((size_t)64)

// Thread states: the basic state in the low byte, the reason of a wait above.
#define ZX_THREAD_STATE_NEW 0x0000u
#define ZX_THREAD_STATE_RUNNING 0x0001u
#define ZX_THREAD_STATE_SUSPENDED 0x0002u
#define ZX_THREAD_STATE_BLOCKED 0x0003u
#define ZX_THREAD_STATE_DYING 0x0004u
#define ZX_THREAD_STATE_DEAD 0x0005u
#define ZX_THREAD_STATE_BLOCKED_EXCEPTION 0x0103u
#define ZX_THREAD_STATE_BLOCKED_SLEEPING 0x0203u
#define ZX_THREAD_STATE_BLOCKED_FUTEX 0x0303u
#define ZX_THREAD_STATE_BLOCKED_PORT 0x0403u
#define ZX_THREAD_STATE_BLOCKED_CHANNEL 0x0503u
#define ZX_THREAD_STATE_BLOCKED_WAIT_ONE 0x0603u
#define ZX_THREAD_STATE_BLOCKED_WAIT_MANY 0x0703u
#define ZX_THREAD_STATE_BLOCKED_INTERRUPT 0x0803u
#define ZX_THREAD_STATE_BLOCKED_PAGER 0x0903u
#define ZX_THREAD_STATE_BASIC(state) ((state) & 0xffu)

// Exceptions.
#define ZX_EXCP_SYNTH 0x8000u
#define ZX_EXCP_GENERAL 0x008u
#define ZX_EXCP_FATAL_PAGE_FAULT 0x108u
#define ZX_EXCP_UNDEFINED_INSTRUCTION 0x208u
#define ZX_EXCP_SW_BREAKPOINT 0x308u
#define ZX_EXCP_HW_BREAKPOINT 0x408u
#define ZX_EXCP_UNALIGNED_ACCESS 0x508u
#define ZX_EXCP_THREAD_STARTING 0x8008u
#define ZX_EXCP_THREAD_EXITING 0x8108u
#define ZX_EXCP_POLICY_ERROR 0x8208u
#define ZX_EXCP_PROCESS_STARTING 0x8308u

// Synth codes of ZX_EXCP_POLICY_ERROR.
#define ZX_EXCP_POLICY_CODE_CHANNEL_FULL_WRITE 16u
#define ZX_EXCP_POLICY_CODE_PORT_TOO_MANY_PACKETS 17u

#define ZX_EXCEPTION_CHANNEL_DEBUGGER ((uint32_t)1u)
#define ZX_EXCEPTION_CHANNEL_TYPE_NONE 0u
#define ZX_EXCEPTION_CHANNEL_TYPE_DEBUGGER 1u
#define ZX_EXCEPTION_CHANNEL_TYPE_THREAD 2u
#define ZX_EXCEPTION_CHANNEL_TYPE_PROCESS 3u
#define ZX_EXCEPTION_CHANNEL_TYPE_JOB 4u
#define ZX_EXCEPTION_CHANNEL_TYPE_JOB_DEBUGGER 5u

#define ZX_PROP_REGISTER_GS 2u
#define ZX_PROP_NAME 3u
#define ZX_PROP_REGISTER_FS 4u
#define ZX_PROP_EXCEPTION_STATE 16u
#define ZX_PROP_VMO_CONTENT_SIZE 17u
#define ZX_PROP_EXCEPTION_STRATEGY 18u
#define ZX_EXCEPTION_STRATEGY_FIRST_CHANCE 0u
#define ZX_EXCEPTION_STRATEGY_SECOND_CHANCE 1u
#define ZX_EXCEPTION_STATE_TRY_NEXT 0u
#define ZX_EXCEPTION_STATE_HANDLED 1u
#define ZX_EXCEPTION_STATE_THREAD_EXIT 2u

typedef struct zx_exception_info {
  zx_koid_t pid;
  zx_koid_t tid;
  zx_excp_type_t type;
  uint8_t padding1[4];
} zx_exception_info_t;

typedef struct zx_x86_64_exc_data {
  uint64_t vector;
  uint64_t err_code;
  uint64_t cr2;
} zx_x86_64_exc_data_t;

typedef struct zx_exception_context {
  struct {
    union {
      zx_x86_64_exc_data_t x86_64;
    } u;
  } arch;
  uint32_t synth_code;
  uint32_t synth_data;
} zx_exception_context_t;

typedef struct zx_exception_header {
  uint32_t size;
  zx_excp_type_t type;
} zx_exception_header_t;

typedef struct zx_exception_report {
  zx_exception_header_t header;
  zx_exception_context_t context;
} zx_exception_report_t;

// Return codes of tasks the system killed.
#define ZX_TASK_RETCODE_SYSCALL_KILL ((int64_t)-1024)
#define ZX_TASK_RETCODE_OOM_KILL ((int64_t)-1025)
#define ZX_TASK_RETCODE_POLICY_KILL ((int64_t)-1026)
#define ZX_TASK_RETCODE_VDSO_KILL ((int64_t)-1027)
#define ZX_TASK_RETCODE_EXCEPTION_KILL ((int64_t)-1028)

// Registers of a stopped thread.
#define ZX_THREAD_STATE_GENERAL_REGS 0u
#define ZX_THREAD_STATE_FP_REGS 1u
#define ZX_THREAD_STATE_VECTOR_REGS 2u
#define ZX_THREAD_STATE_DEBUG_REGS 4u
#define ZX_THREAD_STATE_SINGLE_STEP 5u

typedef struct zx_thread_state_general_regs {
  uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp;
  uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
  uint64_t rip, rflags, fs_base, gs_base;
} zx_thread_state_general_regs_t;

// x87 and MMX.
typedef struct zx_thread_state_fp_regs {
  uint16_t fcw, fsw;
  uint8_t ftw, reserved;
  uint16_t fop;
  uint64_t fip, fdp;
  struct {
    uint64_t low, high;
  } st[8] __attribute__((__aligned__(16)));
} zx_thread_state_fp_regs_t;

// SSE and AVX: YMM in the low four words, XMM in the low two; zmm[16] and above,
// and opmask, are of AVX-512.
typedef struct zx_thread_state_vector_regs {
  struct {
    uint64_t v[8];
  } zmm[32];
  uint64_t opmask[8];
  uint32_t mxcsr;
} zx_thread_state_vector_regs_t;

typedef struct zx_thread_state_debug_regs {
  uint64_t dr[4], dr6, dr7;
} zx_thread_state_debug_regs_t;

typedef uint32_t zx_thread_state_single_step_t;

// Channels.
#define ZX_CHANNEL_MAX_MSG_BYTES ((uint32_t)65536u)
#define ZX_CHANNEL_MAX_MSG_HANDLES ((uint32_t)64u)
#define ZX_CHANNEL_MAX_MSG_IOVECS ((uint32_t)8192u)
#define ZX_CHANNEL_READ_MAY_DISCARD ((uint32_t)1u)
#define ZX_CHANNEL_WRITE_USE_IOVEC ((uint32_t)2u)

typedef struct zx_channel_call_args {
  const void* wr_bytes;
  const zx_handle_t* wr_handles;
  void* rd_bytes;
  zx_handle_t* rd_handles;
  uint32_t wr_num_bytes;
  uint32_t wr_num_handles;
  uint32_t rd_num_bytes;
  uint32_t rd_num_handles;
} zx_channel_call_args_t;

// What zx_channel_read_etc tells of a handle, and zx_channel_write_etc does with
// one.
#define ZX_HANDLE_OP_MOVE ((zx_handle_op_t)0)
#define ZX_HANDLE_OP_DUPLICATE ((zx_handle_op_t)1)

typedef struct zx_handle_info {
  zx_handle_t handle;
  zx_obj_type_t type;
  zx_rights_t rights;
  uint32_t unused;
} zx_handle_info_t;

typedef struct zx_handle_disposition {
  zx_handle_op_t operation;
  zx_handle_t handle;
  zx_obj_type_t type;
  zx_rights_t rights;
  zx_status_t result;
} zx_handle_disposition_t;

typedef struct zx_channel_call_etc_args {
  const void* wr_bytes;
  zx_handle_disposition_t* wr_handles;
  void* rd_bytes;
  zx_handle_info_t* rd_handles;
  uint32_t wr_num_bytes;
  uint32_t wr_num_handles;
  uint32_t rd_num_bytes;
  uint32_t rd_num_handles;
} zx_channel_call_etc_args_t;

typedef struct zx_channel_iovec {
  const void* buffer;
  uint32_t capacity;
  uint32_t reserved;
} zx_channel_iovec_t;

// The layouts, as the kernel has them.
#ifdef __cplusplus
#define ZX_STATIC_ASSERT static_assert
#else
#define ZX_STATIC_ASSERT _Static_assert
#endif
#define ZX_ASSERT_SIZE(type, bytes) ZX_STATIC_ASSERT(sizeof(type) == (bytes), "size of " #type)
#define ZX_ASSERT_AT(type, field, at) \
  ZX_STATIC_ASSERT(offsetof(type, field) == (at), "offset of " #type "." #field)

ZX_ASSERT_SIZE(zx_packet_user_t, 32);
ZX_ASSERT_SIZE(zx_packet_signal_t, 32);
ZX_ASSERT_AT(zx_packet_signal_t, trigger, 0);
ZX_ASSERT_AT(zx_packet_signal_t, observed, 4);
ZX_ASSERT_AT(zx_packet_signal_t, count, 8);
ZX_ASSERT_AT(zx_packet_signal_t, timestamp, 16);
ZX_ASSERT_AT(zx_packet_signal_t, reserved1, 24);
ZX_ASSERT_SIZE(zx_packet_page_request_t, 32);
ZX_ASSERT_AT(zx_packet_page_request_t, command, 0);
ZX_ASSERT_AT(zx_packet_page_request_t, flags, 2);
ZX_ASSERT_AT(zx_packet_page_request_t, reserved0, 4);
ZX_ASSERT_AT(zx_packet_page_request_t, offset, 8);
ZX_ASSERT_AT(zx_packet_page_request_t, length, 16);
ZX_ASSERT_AT(zx_packet_page_request_t, reserved1, 24);
ZX_ASSERT_SIZE(zx_port_packet_t, 48);
ZX_ASSERT_AT(zx_port_packet_t, key, 0);
ZX_ASSERT_AT(zx_port_packet_t, type, 8);
ZX_ASSERT_AT(zx_port_packet_t, status, 12);
ZX_ASSERT_AT(zx_port_packet_t, user, 16);
ZX_ASSERT_AT(zx_port_packet_t, signal, 16);
ZX_ASSERT_AT(zx_port_packet_t, page_request, 16);
ZX_ASSERT_SIZE(zx_vmo_dirty_range_t, 24);
ZX_ASSERT_AT(zx_vmo_dirty_range_t, offset, 0);
ZX_ASSERT_AT(zx_vmo_dirty_range_t, length, 8);
ZX_ASSERT_AT(zx_vmo_dirty_range_t, options, 16);
ZX_ASSERT_SIZE(zx_pager_vmo_stats_t, 4);
ZX_ASSERT_AT(zx_pager_vmo_stats_t, modified, 0);
ZX_ASSERT_SIZE(zx_vmo_lock_state_t, 32);
ZX_ASSERT_SIZE(zx_wait_item_t, 12);
ZX_ASSERT_SIZE(zx_exception_report_t, 40);
ZX_ASSERT_AT(zx_exception_report_t, header.size, 0);
ZX_ASSERT_AT(zx_exception_report_t, header.type, 4);
ZX_ASSERT_AT(zx_exception_report_t, context.arch.u.x86_64.vector, 8);
ZX_ASSERT_AT(zx_exception_report_t, context.arch.u.x86_64.err_code, 16);
ZX_ASSERT_AT(zx_exception_report_t, context.arch.u.x86_64.cr2, 24);
ZX_ASSERT_AT(zx_exception_report_t, context.synth_code, 32);
ZX_ASSERT_AT(zx_exception_report_t, context.synth_data, 36);
ZX_ASSERT_SIZE(zx_exception_info_t, 24);
ZX_ASSERT_AT(zx_exception_info_t, pid, 0);
ZX_ASSERT_AT(zx_exception_info_t, tid, 8);
ZX_ASSERT_AT(zx_exception_info_t, type, 16);
ZX_ASSERT_SIZE(zx_thread_state_general_regs_t, 160);
ZX_ASSERT_SIZE(zx_channel_call_args_t, 48);
ZX_ASSERT_SIZE(zx_channel_call_etc_args_t, 48);
ZX_ASSERT_SIZE(zx_handle_info_t, 16);
ZX_ASSERT_SIZE(zx_handle_disposition_t, 20);
ZX_ASSERT_SIZE(zx_channel_iovec_t, 16);
ZX_ASSERT_SIZE(zx_iovec_t, 16);
ZX_ASSERT_SIZE(zx_info_bti_t, 32);
ZX_ASSERT_SIZE(zx_thread_state_fp_regs_t, 160);
ZX_ASSERT_SIZE(zx_thread_state_vector_regs_t, 2120);
ZX_ASSERT_SIZE(zx_thread_state_debug_regs_t, 48);

#include <zx/info.h>

#endif  // ZX_TYPES_H_

// zx/info.h: what zx_object_get_info tells. A part of zx/types.h.
#ifndef ZX_INFO_H_
#define ZX_INFO_H_

#include <zx/types.h>

// Topics of zx_object_get_info.
#define ZX_INFO_HANDLE_VALID ((uint32_t)1u)
#define ZX_INFO_HANDLE_BASIC ((uint32_t)2u)
#define ZX_INFO_PROCESS ((uint32_t)(3u | (1u << 28)))
#define ZX_INFO_PROCESS_THREADS ((uint32_t)4u)
#define ZX_INFO_VMAR ((uint32_t)7u)
#define ZX_INFO_JOB_CHILDREN ((uint32_t)8u)
#define ZX_INFO_JOB_PROCESSES ((uint32_t)9u)
#define ZX_INFO_THREAD ((uint32_t)10u)
#define ZX_INFO_THREAD_EXCEPTION_REPORT ((uint32_t)(11u | (1u << 28)))
#define ZX_INFO_TASK_STATS_V1 ((uint32_t)12u)
#define ZX_INFO_TASK_STATS ((uint32_t)(12u | (1u << 28)))
#define ZX_INFO_PROCESS_MAPS_V1 ((uint32_t)13u)
#define ZX_INFO_PROCESS_MAPS_V2 ((uint32_t)(13u | (1u << 28)))
#define ZX_INFO_PROCESS_MAPS ((uint32_t)(13u | (2u << 28)))
#define ZX_INFO_PROCESS_VMOS_V1 ((uint32_t)14u)
#define ZX_INFO_PROCESS_VMOS_V2 ((uint32_t)(14u | (1u << 28)))
#define ZX_INFO_PROCESS_VMOS_V3 ((uint32_t)(14u | (2u << 28)))
#define ZX_INFO_PROCESS_VMOS ((uint32_t)(14u | (3u << 28)))
#define ZX_INFO_THREAD_STATS ((uint32_t)15u)
#define ZX_INFO_HANDLE_COUNT ((uint32_t)19u)
#define ZX_INFO_VMO_V1 ((uint32_t)23u)
#define ZX_INFO_VMO_V2 ((uint32_t)(23u | (1u << 28)))
#define ZX_INFO_VMO_V3 ((uint32_t)(23u | (2u << 28)))
#define ZX_INFO_VMO ((uint32_t)(23u | (3u << 28)))
#define ZX_INFO_JOB ((uint32_t)24u)

typedef struct zx_info_handle_basic {
  zx_koid_t koid;
  zx_rights_t rights;
  zx_obj_type_t type;
  zx_koid_t related_koid;
  uint32_t reserved;
  uint8_t padding1[4];
} zx_info_handle_basic_t;

typedef struct zx_info_handle_count {
  uint32_t handle_count;
} zx_info_handle_count_t;

#define ZX_INFO_PROCESS_FLAG_STARTED ((uint32_t)1u << 0)
#define ZX_INFO_PROCESS_FLAG_EXITED ((uint32_t)1u << 1)
#define ZX_INFO_PROCESS_FLAG_DEBUGGER_ATTACHED ((uint32_t)1u << 2)

typedef struct zx_info_process {
  int64_t return_code;
  zx_time_t start_time;
  uint32_t flags;
  uint8_t padding1[4];
} zx_info_process_t;

typedef struct zx_info_job {
  int64_t return_code;
  bool exited;
  bool kill_on_oom;
  bool debugger_attached;
  uint8_t padding1[5];
} zx_info_job_t;

typedef struct zx_info_vmar {
  uintptr_t base;
  size_t len;
} zx_info_vmar_t;

#define ZX_CPU_SET_MAX_CPUS 512
#define ZX_CPU_SET_BITS_PER_WORD 64

typedef struct zx_cpu_set {
  uint64_t mask[ZX_CPU_SET_MAX_CPUS / ZX_CPU_SET_BITS_PER_WORD];
} zx_cpu_set_t;

typedef struct zx_info_thread {
  uint32_t state;
  uint32_t wait_exception_channel_type;
  zx_cpu_set_t cpu_affinity_mask;
} zx_info_thread_t;

#define ZX_INFO_INVALID_CPU 0xffffffffu

typedef struct zx_info_thread_stats {
  zx_duration_mono_t total_runtime;
  uint32_t last_scheduled_cpu;
  uint8_t padding1[4];
} zx_info_thread_stats_t;

// The memory of a process; older layouts are the start of this one.
typedef struct zx_info_task_stats {
  size_t mem_mapped_bytes;
  size_t mem_private_bytes;
  size_t mem_shared_bytes;
  size_t mem_scaled_shared_bytes;
  uint64_t mem_fractional_scaled_shared_bytes;
} zx_info_task_stats_t;

typedef struct zx_info_task_stats_v1 {
  size_t mem_mapped_bytes;
  size_t mem_private_bytes;
  size_t mem_shared_bytes;
  size_t mem_scaled_shared_bytes;
} zx_info_task_stats_v1_t;

// An address space: itself, its regions, their mappings, by address.
#define ZX_INFO_MAPS_TYPE_NONE ((zx_info_maps_type_t)0u)
#define ZX_INFO_MAPS_TYPE_ASPACE ((zx_info_maps_type_t)1u)
#define ZX_INFO_MAPS_TYPE_VMAR ((zx_info_maps_type_t)2u)
#define ZX_INFO_MAPS_TYPE_MAPPING ((zx_info_maps_type_t)3u)

typedef struct zx_info_maps_mapping {
  zx_vm_option_t mmu_flags;
  uint8_t padding1[4];
  zx_koid_t vmo_koid;
  uint64_t vmo_offset;
  uint64_t committed_bytes;
  uint64_t populated_bytes;
  uint64_t committed_private_bytes;
  uint64_t populated_private_bytes;
  uint64_t committed_scaled_bytes;
  uint64_t populated_scaled_bytes;
  uint64_t committed_fractional_scaled_bytes;
  uint64_t populated_fractional_scaled_bytes;
} zx_info_maps_mapping_t;

typedef struct zx_info_maps_mapping_v1 {
  zx_vm_option_t mmu_flags;
  uint8_t padding1[4];
  zx_koid_t vmo_koid;
  uint64_t vmo_offset;
  size_t committed_pages;
} zx_info_maps_mapping_v1_t;

typedef struct zx_info_maps_mapping_v2 {
  zx_vm_option_t mmu_flags;
  uint8_t padding1[4];
  zx_koid_t vmo_koid;
  uint64_t vmo_offset;
  size_t committed_pages;
  size_t populated_pages;
} zx_info_maps_mapping_v2_t;

#define ZX_INFO_MAPS_FIELDS(mapping_type) \
  char name[ZX_MAX_NAME_LEN];             \
  zx_vaddr_t base;                        \
  size_t size;                            \
  size_t depth;                           \
  zx_info_maps_type_t type;               \
  uint8_t padding1[4];                    \
  union {                                 \
    mapping_type mapping;                 \
  } u;

typedef struct zx_info_maps {
  ZX_INFO_MAPS_FIELDS(zx_info_maps_mapping_t)
} zx_info_maps_t;

typedef struct zx_info_maps_v1 {
  ZX_INFO_MAPS_FIELDS(zx_info_maps_mapping_v1_t)
} zx_info_maps_v1_t;

typedef struct zx_info_maps_v2 {
  ZX_INFO_MAPS_FIELDS(zx_info_maps_mapping_v2_t)
} zx_info_maps_v2_t;

#define ZX_INFO_VMO_TYPE_PAGED ((uint32_t)1u << 0)
#define ZX_INFO_VMO_RESIZABLE ((uint32_t)1u << 1)
#define ZX_INFO_VMO_IS_COW_CLONE ((uint32_t)1u << 2)
#define ZX_INFO_VMO_VIA_HANDLE ((uint32_t)1u << 3)
#define ZX_INFO_VMO_VIA_MAPPING ((uint32_t)1u << 4)
#define ZX_INFO_VMO_PAGER_BACKED ((uint32_t)1u << 5)
#define ZX_INFO_VMO_CONTIGUOUS ((uint32_t)1u << 6)
#define ZX_INFO_VMO_DISCARDABLE ((uint32_t)1u << 7)
#define ZX_INFO_VMO_IMMUTABLE ((uint32_t)1u << 8)
#define ZX_INFO_VMO_VIA_IOB_HANDLE ((uint32_t)1u << 9)

#define ZX_INFO_VMO_FIELDS    \
  zx_koid_t koid;             \
  char name[ZX_MAX_NAME_LEN]; \
  uint64_t size_bytes;        \
  zx_koid_t parent_koid;      \
  size_t num_children;        \
  size_t num_mappings;        \
  size_t share_count;         \
  uint32_t flags;             \
  uint8_t padding1[4];        \
  uint64_t committed_bytes;   \
  zx_rights_t handle_rights;  \
  uint32_t cache_policy;

// Each layout is the start of the next.
typedef struct zx_info_vmo_v1 {
  ZX_INFO_VMO_FIELDS
} zx_info_vmo_v1_t;

typedef struct zx_info_vmo_v2 {
  ZX_INFO_VMO_FIELDS
  uint64_t metadata_bytes;
  uint64_t committed_change_events;
} zx_info_vmo_v2_t;

typedef struct zx_info_vmo_v3 {
  ZX_INFO_VMO_FIELDS
  uint64_t metadata_bytes;
  uint64_t committed_change_events;
  uint64_t populated_bytes;
} zx_info_vmo_v3_t;

typedef struct zx_info_vmo {
  ZX_INFO_VMO_FIELDS
  uint64_t metadata_bytes;
  uint64_t committed_change_events;
  uint64_t populated_bytes;
  uint64_t committed_private_bytes;
  uint64_t populated_private_bytes;
  uint64_t committed_scaled_bytes;
  uint64_t populated_scaled_bytes;
  uint64_t committed_fractional_scaled_bytes;
  uint64_t populated_fractional_scaled_bytes;
} zx_info_vmo_t;

ZX_ASSERT_SIZE(zx_info_handle_basic_t, 32);
ZX_ASSERT_SIZE(zx_info_process_t, 24);
ZX_ASSERT_SIZE(zx_info_vmar_t, 16);
ZX_ASSERT_SIZE(zx_info_thread_t, 72);
ZX_ASSERT_AT(zx_info_thread_t, state, 0);
ZX_ASSERT_AT(zx_info_thread_t, wait_exception_channel_type, 4);
ZX_ASSERT_AT(zx_info_thread_t, cpu_affinity_mask, 8);
ZX_ASSERT_SIZE(zx_info_thread_stats_t, 16);
ZX_ASSERT_SIZE(zx_info_task_stats_t, 40);
ZX_ASSERT_SIZE(zx_info_task_stats_v1_t, 32);
ZX_ASSERT_SIZE(zx_info_maps_t, 152);
ZX_ASSERT_SIZE(zx_info_maps_v1_t, 96);
ZX_ASSERT_SIZE(zx_info_maps_v2_t, 104);
ZX_ASSERT_AT(zx_info_maps_t, depth, 48);
ZX_ASSERT_AT(zx_info_maps_t, u, 64);
ZX_ASSERT_SIZE(zx_info_vmo_v1_t, 104);
ZX_ASSERT_SIZE(zx_info_vmo_v2_t, 120);
ZX_ASSERT_SIZE(zx_info_vmo_v3_t, 128);
ZX_ASSERT_SIZE(zx_info_vmo_t, 176);
ZX_ASSERT_AT(zx_info_vmo_t, koid, 0);
ZX_ASSERT_AT(zx_info_vmo_t, name, 8);
ZX_ASSERT_AT(zx_info_vmo_t, size_bytes, 40);
ZX_ASSERT_AT(zx_info_vmo_t, parent_koid, 48);
ZX_ASSERT_AT(zx_info_vmo_t, num_children, 56);
ZX_ASSERT_AT(zx_info_vmo_t, num_mappings, 64);
ZX_ASSERT_AT(zx_info_vmo_t, share_count, 72);
ZX_ASSERT_AT(zx_info_vmo_t, flags, 80);
ZX_ASSERT_AT(zx_info_vmo_t, committed_bytes, 88);
ZX_ASSERT_AT(zx_info_vmo_t, handle_rights, 96);
ZX_ASSERT_AT(zx_info_vmo_t, cache_policy, 100);
ZX_ASSERT_AT(zx_info_vmo_t, metadata_bytes, 104);
ZX_ASSERT_AT(zx_info_vmo_t, committed_change_events, 112);
ZX_ASSERT_AT(zx_info_vmo_t, populated_bytes, 120);
ZX_ASSERT_AT(zx_info_vmo_t, committed_private_bytes, 128);

#endif  // ZX_INFO_H_

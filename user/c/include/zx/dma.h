// zx/dma.h: resources, IOMMUs, pinned memory, cache policies.
#ifndef ZX_DMA_H_
#define ZX_DMA_H_

#include <stdint.h>

// Cache policies of zx_vmo_set_cache_policy.
#define ZX_CACHE_POLICY_CACHED 0u
#define ZX_CACHE_POLICY_UNCACHED 1u
#define ZX_CACHE_POLICY_UNCACHED_DEVICE 2u
#define ZX_CACHE_POLICY_WRITE_COMBINING 3u
#define ZX_CACHE_POLICY_MASK 3u

// Resources, IOMMUs, pins.
#define ZX_RSRC_KIND_MMIO 0u
#define ZX_RSRC_KIND_IRQ 1u
#define ZX_RSRC_KIND_IOPORT 2u
#define ZX_RSRC_KIND_SMC 4u
#define ZX_RSRC_KIND_SYSTEM 5u
#define ZX_RSRC_FLAG_EXCLUSIVE 0x10000u
#define ZX_RSRC_SYSTEM_IOMMU_BASE ((uint64_t)8u)
#define ZX_IOMMU_TYPE_STUB 0u
#define ZX_IOMMU_TYPE_INTEL 1u
#define ZX_BTI_PERM_READ (1u << 0)
#define ZX_BTI_PERM_WRITE (1u << 1)
#define ZX_BTI_PERM_EXECUTE (1u << 2)
#define ZX_BTI_COMPRESS (1u << 3)
#define ZX_BTI_CONTIGUOUS (1u << 4)


#define ZX_INFO_BTI ((uint32_t)20u)

typedef struct zx_info_bti {
  uint64_t minimum_contiguity;
  uint64_t aspace_size;
  uint64_t pmo_count;
  uint64_t quarantine_count;
} zx_info_bti_t;

#endif  // ZX_DMA_H_

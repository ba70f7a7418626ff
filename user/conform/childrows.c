// childrows.c: the lists of zx_vmo_create_child, 3.15 and 7.1, row by row: which
// parent gives which child, in which order it is refused, what the child is.
#include "conform.h"

#define MAX_SIZE 0xfffffffffffe0000ul
#define TOP (~0ul & ~(PAGE - 1))

enum {
  SNAP = ZX_VMO_CHILD_SNAPSHOT,
  ALOW = ZX_VMO_CHILD_SNAPSHOT_AT_LEAST_ON_WRITE,
  MODIFIED = ZX_VMO_CHILD_SNAPSHOT_MODIFIED,
  SLICE_OF = ZX_VMO_CHILD_SLICE,
  REFER = ZX_VMO_CHILD_REFERENCE,
  RESIZES = ZX_VMO_CHILD_RESIZABLE,
  NO_WRITE = ZX_VMO_CHILD_NO_WRITE,
};

// The parents, of four pages; a slice is of pages 1 and 2.
typedef enum {
  ROOT, ROOT_RESIZABLE, ROOT_PINNED, ROOT_SLICE, ROOT_REFERENCE, FAR_CLONE,
  COPY, COPY_PINNED, COPY_SLICE, COPY_OF_COPY, COPY_WITH_COPY, COPY_WITH_SLICE, TWIN, TWIN_SLICE, BESIDE,
  ANON, ANON_RESIZABLE, ANON_PINNED, ANON_PINNED_SLICE, ANON_SLICE, ANON_REFERENCE, DISCARDABLE, UNCACHED,
  CONTIGUOUS, CONTIGUOUS_UNCACHED, CONTIGUOUS_SLICE, PHYSICAL_VMO,
} parent_t;

static zx_handle_t bti;

static zx_handle_t of(zx_handle_t parent, uint32_t options, uint64_t offset, uint64_t size) {
  zx_handle_t child;
  status_is(HERE, "a parent of the rows", ZX_OK, zx_vmo_create_child(parent, options, offset, size, &child));
  return child;
}

// copy is a clone of all of parent that has a page of its own.
static zx_handle_t copy(zx_handle_t parent) {
  zx_handle_t child = of(parent, ALOW, 0, 4 * PAGE);
  OK(zx_vmo_write(child, "x", PAGE, 1));
  return child;
}

static zx_handle_t held;  // the pin of the parent made last

// holds is v with its last page pinned.
static zx_handle_t holds(zx_handle_t v) {
  held = PIN(v, ZX_BTI_PERM_READ, 3, 1);
  return v;
}

static zx_handle_t fresh(uint32_t options) {
  zx_handle_t v;
  OK(zx_vmo_create(4 * PAGE, options, &v));
  return v;
}

static zx_handle_t root(pager_t* p, uint32_t options) {
  vmo_t* v = UNMAPPED_VMO(p, 4, options);
  SUPPLY(v, 0, 4);
  return v->handle;
}

static zx_handle_t parent_of(parent_t kind, pager_t* p) {
  zx_handle_t v, other;
  switch (kind) {
    case ROOT: return root(p, 0);
    case ROOT_RESIZABLE: return root(p, ZX_VMO_RESIZABLE);
    case ROOT_PINNED: return holds(root(p, 0));
    case ROOT_SLICE: return of(root(p, 0), SLICE_OF, PAGE, 2 * PAGE);
    case ROOT_REFERENCE: return of(root(p, 0), REFER, 0, 0);
    case FAR_CLONE: return of(root(p, 0), ALOW | RESIZES, 0xffffffffffff0000, 8 * PAGE);
    case COPY: return copy(root(p, 0));
    case COPY_PINNED: return holds(copy(root(p, 0)));
    case COPY_SLICE: return of(copy(root(p, 0)), SLICE_OF, PAGE, 2 * PAGE);
    case COPY_OF_COPY: return copy(copy(root(p, 0)));
    case COPY_WITH_COPY: copy(v = copy(root(p, 0))); return v;
    case COPY_WITH_SLICE: of(v = copy(root(p, 0)), SLICE_OF, 0, PAGE); return v;
    case TWIN: of(v = copy(root(p, 0)), MODIFIED, 0, 4 * PAGE); return v;
    case TWIN_SLICE: of(v = copy(root(p, 0)), MODIFIED, 0, 4 * PAGE); return of(v, SLICE_OF, PAGE, 2 * PAGE);
    case BESIDE: copy(other = root(p, 0)); return copy(other);
    case ANON: return fresh(0);
    case ANON_RESIZABLE: return fresh(ZX_VMO_RESIZABLE);
    case ANON_PINNED: return holds(fresh(0));
    case ANON_PINNED_SLICE: return of(holds(fresh(0)), SLICE_OF, PAGE, 2 * PAGE);
    case ANON_SLICE: return of(fresh(0), SLICE_OF, PAGE, 2 * PAGE);
    case ANON_REFERENCE: return of(fresh(0), REFER, 0, 0);
    case DISCARDABLE: return fresh(ZX_VMO_DISCARDABLE);
    case UNCACHED: OK(zx_vmo_set_cache_policy(v = fresh(0), ZX_CACHE_POLICY_UNCACHED)); return v;
    case CONTIGUOUS: OK(zx_vmo_create_contiguous(bti, 4 * PAGE, 0, &v)); return v;
    case CONTIGUOUS_UNCACHED:
      OK(zx_vmo_create_contiguous(bti, 4 * PAGE, 0, &v));
      OK(zx_vmo_set_cache_policy(v, ZX_CACHE_POLICY_UNCACHED));
      return v;
    case CONTIGUOUS_SLICE: OK(zx_vmo_create_contiguous(bti, 4 * PAGE, 0, &v)); return of(v, SLICE_OF, PAGE, 2 * PAGE);
    case PHYSICAL_VMO:
      other = zx_take_startup_handle(PA_HND(PA_MMIO_RESOURCE, 0));
      OK(zx_vmo_create_physical(other, 0xfed00000, 4 * PAGE, &v));
      return v;
  }
  return ZX_HANDLE_INVALID;
}

typedef struct {
  parent_t parent;
  uint32_t options;
  uint64_t offset, size;
  zx_status_t want;
  zx_rights_t lacks;
} row_t;

#define ARGS ZX_ERR_INVALID_ARGS
#define RANGE ZX_ERR_OUT_OF_RANGE
#define UNSUPPORTED ZX_ERR_NOT_SUPPORTED
#define STATE ZX_ERR_BAD_STATE
#define DENIED ZX_ERR_ACCESS_DENIED

static const row_t rows[] = {
    // 3.15: discardable before the kind is looked at, after the rights.
    {DISCARDABLE, SNAP, 0, PAGE, UNSUPPORTED, 0}, {DISCARDABLE, ALOW, 0, PAGE, UNSUPPORTED, 0},
    {DISCARDABLE, SLICE_OF, 0, PAGE, UNSUPPORTED, 0}, {DISCARDABLE, REFER, 0, 0, UNSUPPORTED, 0},
    {DISCARDABLE, 0, 0, PAGE, UNSUPPORTED, 0}, {DISCARDABLE, 0, 0, PAGE, DENIED, ZX_RIGHT_READ},
    // The first kind of a list is meant, and the others are left over.
    {ANON, SLICE_OF | REFER, 0, 0, ARGS, 0}, {ANON, REFER | SNAP, 0, 0, ARGS, 0}, {ANON, SNAP | ALOW, 0, PAGE, ARGS, 0},
    {ANON, ALOW | MODIFIED, 0, PAGE, ARGS, 0}, {ANON, NO_WRITE, 0, PAGE, ARGS, 0}, {ANON, RESIZES, 0, PAGE, ARGS, 0},
    {ANON, SNAP | 2, 0, PAGE, ARGS, 0}, {ANON, SNAP | 1u << 8, 0, PAGE, ARGS, 0}, {ANON, SLICE_OF | RESIZES, 0, PAGE, ARGS, 0},
    {ANON, REFER | RESIZES, 0, 0, DENIED, 0},  // it has no RESIZE
    {ANON_RESIZABLE, REFER | RESIZES, 0, 0, ZX_OK, 0}, {ANON_RESIZABLE, REFER | RESIZES, 0, 0, DENIED, ZX_RIGHT_RESIZE},
    {ANON_RESIZABLE, REFER, 0, 0, ZX_OK, ZX_RIGHT_RESIZE}, {ANON, SNAP, 0, PAGE, DENIED, ZX_RIGHT_DUPLICATE},

    // 7.1, snapshots: of which memory, then offset, size, end.
    {CONTIGUOUS, SNAP, 0, PAGE, ARGS, 0}, {CONTIGUOUS, ALOW, 0, TOP, ARGS, 0}, {CONTIGUOUS, MODIFIED, 0, PAGE, ARGS, 0},
    {CONTIGUOUS_SLICE, SNAP, 0, 8 * PAGE, ARGS, 0}, {CONTIGUOUS_UNCACHED, SNAP, 0, PAGE, ARGS, 0},
    {PHYSICAL_VMO, SNAP, 1, PAGE, UNSUPPORTED, 0}, {PHYSICAL_VMO, ALOW, 0, TOP, UNSUPPORTED, 0},
    {PHYSICAL_VMO, MODIFIED, 0, PAGE, UNSUPPORTED, 0},
    {ANON, SNAP, 1, TOP, ARGS, 0}, {ANON, SNAP, 0, MAX_SIZE + 1, RANGE, 0}, {ANON, SNAP, 0, MAX_SIZE, ZX_OK, 0},
    {ANON, SNAP, PAGE, MAX_SIZE, ZX_OK, 0}, {ANON, SNAP, TOP, 2 * PAGE, RANGE, 0}, {ANON, SNAP, TOP, 0, ZX_OK, 0},
    {ANON, SNAP, 8 * PAGE, PAGE, ZX_OK, 0}, {ANON, SNAP, 0, 0, ZX_OK, 0}, {ANON, SNAP, 0, 1, ZX_OK, 0},
    {ROOT_SLICE, ALOW, PAGE, 2 * PAGE, RANGE, 0}, {ANON_SLICE, SNAP, PAGE, 2 * PAGE, RANGE, 0},
    {ANON_SLICE, SNAP, 1, 8 * PAGE, ARGS, 0}, {COPY_SLICE, MODIFIED, 3 * PAGE, 0, RANGE, 0},
    // Then the cache policy, a pager above, and where it lies in the root.
    {UNCACHED, SNAP, 0, PAGE, STATE, 0}, {UNCACHED, ALOW, 0, PAGE, STATE, 0}, {UNCACHED, SNAP, TOP, 2 * PAGE, RANGE, 0},
    {UNCACHED, SNAP, 1, PAGE, ARGS, 0},
    {ROOT, SNAP, 0, PAGE, UNSUPPORTED, 0}, {COPY, SNAP, 0, PAGE, UNSUPPORTED, 0}, {ROOT_SLICE, SNAP, 0, PAGE, UNSUPPORTED, 0},
    {ROOT_REFERENCE, SNAP, 0, PAGE, UNSUPPORTED, 0}, {TWIN, SNAP, 0, PAGE, UNSUPPORTED, 0},
    {ROOT, SNAP, TOP, 2 * PAGE, RANGE, 0}, {FAR_CLONE, SNAP, 8 * PAGE, 9 * PAGE, UNSUPPORTED, 0},
    {FAR_CLONE, ALOW, 8 * PAGE, 9 * PAGE, ARGS, 0}, {FAR_CLONE, ALOW, 8 * PAGE, 7 * PAGE, ZX_OK, 0},
    // One way: below the root of a pager, and below a clone that was not split.
    {ROOT, ALOW, 0, 4 * PAGE, ZX_OK, 0}, {ROOT, MODIFIED, 0, 4 * PAGE, ZX_OK, 0}, {ROOT_RESIZABLE, ALOW, 0, 8 * PAGE, ZX_OK, 0},
    {ROOT_PINNED, ALOW, 0, 4 * PAGE, ZX_OK, 0}, {ROOT_PINNED, MODIFIED, 0, 4 * PAGE, ZX_OK, 0},
    {ROOT_SLICE, ALOW, 0, 2 * PAGE, ZX_OK, 0}, {ROOT_SLICE, MODIFIED, 0, 2 * PAGE, ZX_OK, 0},
    {ROOT_REFERENCE, ALOW, 0, 4 * PAGE, ZX_OK, 0}, {ROOT_REFERENCE, MODIFIED, 0, 4 * PAGE, ZX_OK, 0},
    {COPY, ALOW, 0, 4 * PAGE, ZX_OK, 0}, {COPY_PINNED, ALOW, 0, 4 * PAGE, ZX_OK, 0}, {COPY_SLICE, ALOW, 0, 2 * PAGE, ZX_OK, 0},
    {COPY_OF_COPY, ALOW, 0, 4 * PAGE, ZX_OK, 0}, {COPY_WITH_COPY, ALOW, 0, 4 * PAGE, ZX_OK, 0},
    // Else exact: not of a slice, not with a pinned page, and the shape must fit.
    {ANON_SLICE, SNAP, 0, PAGE, UNSUPPORTED, 0}, {ANON_SLICE, ALOW, 0, PAGE, UNSUPPORTED, 0},
    {ANON_SLICE, MODIFIED, 0, PAGE, UNSUPPORTED, 0}, {COPY_SLICE, MODIFIED, 0, PAGE, UNSUPPORTED, 0},
    {TWIN_SLICE, ALOW, 0, PAGE, UNSUPPORTED, 0}, {TWIN_SLICE, MODIFIED, 0, PAGE, UNSUPPORTED, 0},
    {ANON_PINNED, SNAP, 0, PAGE, STATE, 0}, {ANON_PINNED, ALOW, 0, PAGE, STATE, 0}, {ANON_PINNED, MODIFIED, 0, PAGE, STATE, 0},
    {ANON_PINNED_SLICE, SNAP, 0, PAGE, UNSUPPORTED, 0}, {COPY_PINNED, MODIFIED, 0, PAGE, STATE, 0},
    {ANON, SNAP, 0, 4 * PAGE, ZX_OK, 0}, {ANON, ALOW, 0, 4 * PAGE, ZX_OK, 0}, {ANON, MODIFIED, 0, 4 * PAGE, ZX_OK, 0},
    {ANON_REFERENCE, SNAP, 0, 4 * PAGE, ZX_OK, 0}, {ANON_RESIZABLE, SNAP | RESIZES, 0, 9 * PAGE, ZX_OK, 0},
    {COPY, MODIFIED, 0, 4 * PAGE, ZX_OK, 0}, {COPY_WITH_SLICE, MODIFIED, 0, 4 * PAGE, ZX_OK, 0},
    {BESIDE, MODIFIED, 0, 4 * PAGE, ZX_OK, 0}, {TWIN, MODIFIED, 0, 4 * PAGE, ZX_OK, 0}, {TWIN, ALOW, 0, 4 * PAGE, ZX_OK, 0},
    {COPY_OF_COPY, MODIFIED, 0, 4 * PAGE, UNSUPPORTED, 0}, {COPY_WITH_COPY, MODIFIED, 0, 4 * PAGE, UNSUPPORTED, 0},

    // 7.1, slices.
    {ANON, SLICE_OF, 1, TOP, ARGS, 0}, {ANON, SLICE_OF, 0, MAX_SIZE + 1, RANGE, 0}, {ANON, SLICE_OF, 0, MAX_SIZE, ARGS, 0},
    {ANON, SLICE_OF, 3 * PAGE, 2 * PAGE, ARGS, 0}, {ANON, SLICE_OF, TOP, 2 * PAGE, ARGS, 0}, {ANON, SLICE_OF, 3 * PAGE, 1, ZX_OK, 0},
    {ANON, SLICE_OF, 4 * PAGE, 0, ZX_OK, 0}, {ANON, SLICE_OF, 5 * PAGE, 0, ARGS, 0}, {ANON, SLICE_OF | NO_WRITE, 0, PAGE, ZX_OK, 0},
    {ANON_RESIZABLE, SLICE_OF, 0, 5 * PAGE, ARGS, 0}, {ANON_RESIZABLE, SLICE_OF, 0, PAGE, UNSUPPORTED, 0},
    {ROOT_RESIZABLE, SLICE_OF, 0, PAGE, UNSUPPORTED, 0}, {FAR_CLONE, SLICE_OF, 0, PAGE, UNSUPPORTED, 0},
    {UNCACHED, SLICE_OF, 0, 5 * PAGE, ARGS, 0}, {UNCACHED, SLICE_OF, 0, PAGE, STATE, 0},
    {CONTIGUOUS, SLICE_OF, 0, PAGE, ZX_OK, 0}, {CONTIGUOUS_UNCACHED, SLICE_OF, 0, PAGE, ZX_OK, 0},
    {CONTIGUOUS_SLICE, SLICE_OF, PAGE, PAGE, ZX_OK, 0}, {CONTIGUOUS_SLICE, SLICE_OF, PAGE, 2 * PAGE, ARGS, 0},
    {PHYSICAL_VMO, SLICE_OF, PAGE, PAGE, ZX_OK, 0}, {ROOT_SLICE, SLICE_OF, PAGE, PAGE, ZX_OK, 0},
    {ROOT_SLICE, SLICE_OF, PAGE, 2 * PAGE, ARGS, 0}, {COPY, SLICE_OF, 0, 4 * PAGE, ZX_OK, 0}, {TWIN, SLICE_OF, 0, PAGE, ZX_OK, 0},
    {ROOT_PINNED, SLICE_OF, 3 * PAGE, PAGE, ZX_OK, 0},

    // 7.1, references.
    {ANON, REFER, PAGE, 0, ARGS, 0}, {ANON, REFER, 0, 4 * PAGE, ARGS, 0}, {ROOT_SLICE, REFER, 0, PAGE, ARGS, 0},
    {ROOT_SLICE, REFER, 0, 0, UNSUPPORTED, 0}, {ANON_SLICE, REFER, 0, 0, UNSUPPORTED, 0}, {CONTIGUOUS, REFER, 0, 0, UNSUPPORTED, 0},
    {CONTIGUOUS_UNCACHED, REFER, 0, 0, UNSUPPORTED, 0}, {PHYSICAL_VMO, REFER, 0, 0, UNSUPPORTED, 0},
    {UNCACHED, REFER, 0, 0, STATE, 0}, {ROOT, REFER, 0, 0, ZX_OK, 0}, {ROOT, REFER | NO_WRITE, 0, 0, ZX_OK, 0},
    {COPY, REFER, 0, 0, ZX_OK, 0}, {TWIN, REFER, 0, 0, ZX_OK, 0}, {ROOT_REFERENCE, REFER, 0, 0, ZX_OK, 0},
    {ROOT_PINNED, REFER, 0, 0, ZX_OK, 0}, {ROOT_RESIZABLE, REFER | RESIZES, 0, 0, ZX_OK, 0},
};

static void e_rows(variant_t how) {
  (void)how;
  bti = device(HERE);
  pager_t* p = PAGER();
  zx_handle_t physical = ZX_HANDLE_INVALID;
  for (size_t i = 0; i < COUNT(rows); i++) {
    const row_t* r = &rows[i];
    zx_handle_t parent = physical, child = ZX_HANDLE_INVALID;
    if (r->parent != PHYSICAL_VMO || physical == ZX_HANDLE_INVALID) {
      parent = parent_of(r->parent, p);
    }
    if (r->parent == PHYSICAL_VMO) {
      physical = parent;  // the resource can be taken once
    }
    zx_info_vmo_t before = vmo_info(HERE, parent);
    zx_handle_t by = r->lacks != 0 ? fewer(parent, r->lacks) : parent;
    zx_status_t got = zx_vmo_create_child(by, r->options, r->offset, r->size, &child);
    if (got != r->want) {
      differs(HERE, "row %zu: parent %d options %#x [%#lx, +%#lx): expected %s, got %s", i, r->parent, r->options, r->offset, r->size,
              zx_status_get_string(r->want), zx_status_get_string(got));
    }
    // What is refused leaves nothing.
    EQUAL(before.num_children + (got == ZX_OK), vmo_info(HERE, parent).num_children);
    CHECK((child != ZX_HANDLE_INVALID) == (got == ZX_OK));
    if (got == ZX_OK) {
      EQUAL(before.koid, vmo_info(HERE, child).parent_koid);
      OK(zx_handle_close(child));
    }
    EQUAL(before.num_children, vmo_info(HERE, parent).num_children);
    if (held != ZX_HANDLE_INVALID) {
      OK(zx_pmt_unpin(held));
      held = ZX_HANDLE_INVALID;
    }
  }
}

// made is a child of parent, its rights and nothing else.
static zx_rights_t rights_of(zx_handle_t parent, uint32_t options) {
  zx_handle_t child = of(parent, options, 0, (options & REFER) != 0 ? 0 : PAGE);
  zx_info_handle_basic_t info;
  OK(zx_object_get_info(child, ZX_INFO_HANDLE_BASIC, &info, sizeof info, NULL, NULL));
  OK(zx_handle_close(child));
  return info.rights;
}

static void e_made(variant_t how) {
  (void)how;
  enum { X = ZX_RIGHT_EXECUTE, W = ZX_RIGHT_WRITE, RESIZE_RIGHT = ZX_RIGHT_RESIZE, PLAIN_RIGHTS = 0xd0ef };
  zx_handle_t v = fresh(ZX_VMO_RESIZABLE);
  const uint32_t kinds[] = {SNAP, ALOW, MODIFIED};
  for (size_t i = 0; i < COUNT(kinds); i++) {
    EQUAL(PLAIN_RIGHTS, rights_of(v, kinds[i]));
    EQUAL(PLAIN_RIGHTS | RESIZE_RIGHT, rights_of(v, kinds[i] | RESIZES));
    EQUAL(PLAIN_RIGHTS & ~W, rights_of(v, kinds[i] | NO_WRITE));
    EQUAL(PLAIN_RIGHTS, rights_of(fewer(v, W), kinds[i]));
    EQUAL(PLAIN_RIGHTS, rights_of(fewer(v, ZX_RIGHT_GET_PROPERTY | ZX_RIGHT_SET_PROPERTY), kinds[i]));
    EQUAL(PLAIN_RIGHTS & ~(uint64_t)ZX_RIGHT_MAP, rights_of(fewer(v, ZX_RIGHT_MAP), kinds[i]));
  }
  EQUAL(PLAIN_RIGHTS, rights_of(v, REFER));
  EQUAL(PLAIN_RIGHTS | RESIZE_RIGHT, rights_of(v, REFER | RESIZES));
  EQUAL(PLAIN_RIGHTS & ~W, rights_of(v, REFER | NO_WRITE));
  EQUAL(PLAIN_RIGHTS & ~W, rights_of(fewer(v, W), REFER));
  zx_handle_t code;
  OK(zx_vmo_replace_as_executable(fresh(0), ZX_HANDLE_INVALID, &code));
  EQUAL(PLAIN_RIGHTS, rights_of(code, SNAP));
  EQUAL((PLAIN_RIGHTS | X) & ~W, rights_of(code, SNAP | NO_WRITE));
  EQUAL(PLAIN_RIGHTS | X, rights_of(code, SLICE_OF));
  EQUAL((PLAIN_RIGHTS | X) & ~W, rights_of(code, SLICE_OF | NO_WRITE));
  EQUAL(PLAIN_RIGHTS | X, rights_of(code, REFER));

  // Name, sizes, flags.
  OK(zx_object_set_property(v, ZX_PROP_NAME, "mine", 4));
  zx_handle_t child = of(v, SNAP | NO_WRITE, PAGE, PAGE + 5);
  zx_info_vmo_t info = vmo_info(HERE, child);
  CHECK(strcmp(info.name, "mine") == 0);
  CHECK((info.flags & (ZX_INFO_VMO_IS_COW_CLONE | ZX_INFO_VMO_IMMUTABLE)) == (ZX_INFO_VMO_IS_COW_CLONE | ZX_INFO_VMO_IMMUTABLE));
  uint64_t size;
  OK(zx_vmo_get_stream_size(child, &size));
  EQUAL(PAGE + 5, size);
  EQUAL(2 * PAGE, info.size_bytes);
  info = vmo_info(HERE, of(fewer(v, ZX_RIGHT_GET_PROPERTY), SNAP, 0, PAGE));
  CHECK(strcmp(info.name, "mine") != 0);
  CHECK((info.flags & ZX_INFO_VMO_IMMUTABLE) == 0);

  // A reference resizes what it refers to, with the right alone; the stream size is shared.
  zx_handle_t weak = of(v, REFER, 0, 0), strong = of(v, REFER | RESIZES, 0, 0);
  STATUS(ZX_ERR_ACCESS_DENIED, zx_vmo_set_size(weak, PAGE));
  OK(zx_vmo_set_size(strong, 6 * PAGE));
  EQUAL(6 * PAGE, vmo_info(HERE, v).size_bytes);
  OK(zx_vmo_set_stream_size(weak, 77));
  OK(zx_vmo_get_stream_size(v, &size));
  EQUAL(77, size);

  // A clone may not grow to where it would wrap in the root.
  zx_handle_t far = parent_of(FAR_CLONE, PAGER());
  STATUS(ZX_ERR_INVALID_ARGS, zx_vmo_set_size(far, 17 * PAGE));
  OK(zx_vmo_set_size(far, 15 * PAGE));
}

// e_kin: who is whose child, while those between go.
static void e_kin(variant_t how) {
  (void)how;
  bti = device(HERE);
  zx_signals_t seen;
  zx_handle_t a = fresh(0), b = of(a, SNAP, 0, 2 * PAGE), c = of(b, REFER, 0, 0), d = of(c, SNAP, 0, PAGE), e = of(b, SLICE_OF, 0, PAGE);
  zx_koid_t koid_a = vmo_info(HERE, a).koid, koid_b = vmo_info(HERE, b).koid, koid_c = vmo_info(HERE, c).koid;
  EQUAL(koid_c, vmo_info(HERE, d).parent_koid);
  EQUAL(koid_b, vmo_info(HERE, c).parent_koid);
  EQUAL(koid_b, vmo_info(HERE, e).parent_koid);
  EQUAL(1, vmo_info(HERE, a).num_children);
  EQUAL(2, vmo_info(HERE, b).num_children);
  STATUS(ZX_ERR_TIMED_OUT, zx_object_wait_one(b, ZX_VMO_ZERO_CHILDREN, ZX_TIME_INFINITE_PAST, &seen));
  OK(zx_handle_close(c));
  EQUAL(koid_b, vmo_info(HERE, d).parent_koid);
  // A mapping and a pin each keep b.
  zx_handle_t pmt = PIN(b, ZX_BTI_PERM_READ, 1, 1);
  uint8_t* base = (uint8_t*)MAP_VMO(b, ZX_VM_PERM_READ, 0, 2);
  OK(zx_handle_close(b));
  EQUAL(koid_b, vmo_info(HERE, e).parent_koid);
  UNMAP(base);
  EQUAL(koid_b, vmo_info(HERE, e).parent_koid);
  OK(zx_pmt_unpin(pmt));
  EQUAL(koid_a, vmo_info(HERE, e).parent_koid);
  EQUAL(koid_a, vmo_info(HERE, d).parent_koid);
  EQUAL(2, vmo_info(HERE, a).num_children);
  STATUS(ZX_ERR_TIMED_OUT, zx_object_wait_one(a, ZX_VMO_ZERO_CHILDREN, ZX_TIME_INFINITE_PAST, &seen));
  OK(zx_handle_close(e));
  zx_handle_t f = of(d, SNAP, 0, PAGE);
  OK(zx_handle_close(d));
  EQUAL(koid_a, vmo_info(HERE, f).parent_koid);
  OK(zx_handle_close(a));
  EQUAL(0, vmo_info(HERE, f).parent_koid);
  CHECK((vmo_info(HERE, f).flags & ZX_INFO_VMO_IS_COW_CLONE) == 0);
  OK(zx_object_wait_one(f, ZX_VMO_ZERO_CHILDREN, ZX_TIME_INFINITE_PAST, &seen));
  // A pin alone keeps a child counted.
  zx_handle_t g = of(f, SNAP, 0, PAGE);
  pmt = PIN(g, ZX_BTI_PERM_READ, 0, 1);
  OK(zx_handle_close(g));
  EQUAL(1, vmo_info(HERE, f).num_children);
  OK(zx_pmt_unpin(pmt));
  EQUAL(0, vmo_info(HERE, f).num_children);
}

static const test_t tests[] = {ONE("E-create_child-rows", e_rows), ONE("E-create_child-made", e_made), ONE("E-create_child-kin", e_kin)};

const table_t child_row_tests = {tests, COUNT(tests)};

// Pagers and their VMOs.
#include "conform.h"

static pager_t pagers[16];
static size_t pager_count;
static vmo_t vmos[64];

pager_t* new_pager(where_t at) {
  if (pager_count == COUNT(pagers)) {
    differs(at, "more than %zu pagers", COUNT(pagers));
  }
  pager_t* p = &pagers[pager_count++];
  status_is(at, "zx_pager_create", ZX_OK, zx_pager_create(0, &p->pager));
  status_is(at, "zx_port_create", ZX_OK, zx_port_create(0, &p->port));
  p->next_key = 2;
  return p;
}

void close_pager(pager_t* p) {
  OK(zx_handle_close(p->pager));
  p->pager = ZX_HANDLE_INVALID;
}

void close_port(pager_t* p) {
  OK(zx_handle_close(p->port));
  p->port = ZX_HANDLE_INVALID;
}

static void map_whole(where_t at, vmo_t* v) {
  if (v->base != NULL) {
    unmap(at, v->base);
  }
  v->base = map_vmo(at, v->handle, ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, v->pages);
  v->mapped = v->pages;
}

vmo_t* free_vmo(where_t at) {
  for (vmo_t* v = vmos; v < vmos + COUNT(vmos); v++) {
    if (v->handle == ZX_HANDLE_INVALID) {
      return v;
    }
  }
  differs(at, "more than %zu VMOs", COUNT(vmos));
}

vmo_t* new_vmo(where_t at, pager_t* p, uint64_t n, uint32_t options, bool mapped) {
  vmo_t* v = free_vmo(at);
  *v = (vmo_t){.pager = p, .key = p->next_key, .traps = (options & ZX_VMO_TRAP_DIRTY) != 0};
  p->next_key += n * PAGE / sizeof(uint64_t) + 1;
  status_is(at, "zx_pager_create_vmo", ZX_OK,
            zx_pager_create_vmo(p->pager, options, p->port, v->key, n * PAGE, &v->handle));
  if ((options & ZX_VMO_UNBOUNDED) == 0) {
    v->pages = n;
  }
  if (mapped && v->pages > 0) {
    map_whole(at, v);
  }
  return v;
}

void drop_vmo(vmo_t* v) {
  if (v->base != NULL) {
    UNMAP(v->base);
  }
  if (v->want != NULL) {
    UNMAP(v->want);
  }
  OK(zx_handle_close(v->handle));
  *v = (vmo_t){0};
}

void resize(where_t at, vmo_t* v, uint64_t n) {
  status_is(at, "zx_vmo_set_size", ZX_OK, zx_vmo_set_size(v->handle, n * PAGE));
  bool grows = n > v->pages;
  if (grows) {
    want_fill(v, v->pages, n - v->pages, 0);
  }
  v->pages = n;
  if (grows) {
    map_whole(at, v);
  }
}

void fill_tags(where_t at, const vmo_t* v, uint64_t o, uint64_t n, zx_handle_t to, uint64_t s) {
  uint64_t words[PAGE / sizeof(uint64_t)];
  for (uint64_t page = 0; page < n; page++) {
    for (uint64_t i = 0; i < COUNT(words); i++) {
      words[i] = v->key + (o + page) * COUNT(words) + i;
    }
    status_is(at, "zx_vmo_write", ZX_OK, zx_vmo_write(to, words, (s + page) * PAGE, PAGE));
  }
}

zx_status_t supply_from(vmo_t* v, uint64_t o, uint64_t n, zx_handle_t aux, uint64_t s) {
  return zx_pager_supply_pages(v->pager->pager, v->handle, o * PAGE, n * PAGE, aux, s * PAGE);
}

zx_status_t supply(where_t at, vmo_t* v, uint64_t o, uint64_t n, uint64_t s) {
  zx_handle_t aux;
  status_is(at, "zx_vmo_create", ZX_OK, zx_vmo_create((n + s) * PAGE, 0, &aux));
  fill_tags(at, v, o, n, aux, s);
  zx_status_t status = supply_from(v, o, n, aux, s);
  zx_handle_close(aux);
  return status;
}

zx_status_t mark(where_t at, vmo_t* v, uint64_t o, uint64_t n) {
  zx_handle_t aux;
  status_is(at, "zx_vmo_create", ZX_OK, zx_vmo_create(n * PAGE, 0, &aux));
  want_fill(v, o, n, 0);
  zx_status_t status = supply_from(v, o, n, aux, 0);
  zx_handle_close(aux);
  return status;
}

zx_status_t pager_op(vmo_t* v, uint32_t op, uint64_t o, uint64_t n, uint64_t data) {
  return zx_pager_op_range(v->pager->pager, op, v->handle, o * PAGE, n * PAGE, data);
}

zx_status_t detach(vmo_t* v) { return zx_pager_detach_vmo(v->pager->pager, v->handle); }

zx_info_vmo_t vmo_info(where_t at, zx_handle_t vmo) {
  zx_info_vmo_t info;
  status_is(at, "zx_object_get_info", ZX_OK, zx_object_get_info(vmo, ZX_INFO_VMO, &info, sizeof(info), NULL, NULL));
  return info;
}

// modified asks once, and clears the flag.
static bool modified(vmo_t* v) {
  zx_pager_vmo_stats_t stats = {.modified = 0xdead};
  zx_status_t status = zx_pager_query_vmo_stats(v->pager->pager, v->handle, ZX_PAGER_RESET_VMO_STATS, &stats, sizeof(stats));
  return status == ZX_OK && stats.modified == ZX_PAGER_VMO_STATS_MODIFIED;
}

void modified_is(where_t at, vmo_t* v, bool want) {
  equal(at, "modified", want, modified(v));
  if (want) {
    equal(at, "modified, asked again", false, modified(v));
  }
}

// --- Dirty ranges

enum { BATCH = 2 };

// walk lists the dirty ranges of v through a buffer of BATCH entries and
// compares them with want.
static void walk(where_t at, vmo_t* v, const range_t* want, size_t count, zx_vmo_dirty_range_t* entries, size_t* actual) {
  uint64_t start = 0, end = v->pages * PAGE;
  size_t seen = 0, avail = 0;
  while (seen < count) {
    status_is(at, "zx_pager_query_dirty_ranges", ZX_OK,
              zx_pager_query_dirty_ranges(v->pager->pager, v->handle, start, end - start, entries,
                                          BATCH * sizeof(*entries), actual, &avail));
    if (avail < *actual) {
      differs(at, "dirty ranges from %#lx: %zu given, %zu there", start, *actual, avail);
    }
    if (*actual == 0) {
      break;
    }
    if (*actual < avail && *actual != BATCH) {
      differs(at, "dirty ranges from %#lx: %zu of %zu given, %d fit", start, *actual, avail, BATCH);
    }
    for (size_t i = 0; i < *actual; i++, seen++) {
      const zx_vmo_dirty_range_t* got = &entries[i];
      if (seen == count) {
        differs(at, "dirty range %zu: expected none, got %#lx+%#lx options %lu", seen, got->offset, got->length, got->options);
      }
      const range_t* w = &want[seen];
      if (got->offset != w->o * PAGE || got->length != w->n * PAGE || got->options != w->options) {
        differs(at, "dirty range %zu: expected %#lx+%#lx options %lu, got %#lx+%#lx options %lu", seen, w->o * PAGE,
                w->n * PAGE, w->options, got->offset, got->length, got->options);
      }
      start = got->offset + got->length;
    }
    if (*actual == avail) {
      break;
    }
  }
  if (seen != count) {
    differs(at, "dirty ranges: expected %zu, got %zu", count, seen);
  }
}

void ranges_are(where_t at, vmo_t* v, const range_t* want, size_t count) {
  line_is(at);
  size_t avail = ~(size_t)0, actual;
  status_is(at, "zx_pager_query_dirty_ranges", ZX_OK,
            zx_pager_query_dirty_ranges(v->pager->pager, v->handle, 0, v->pages * PAGE, NULL, 0, NULL, &avail));
  zx_vmo_dirty_range_t entries[BATCH];
  walk(at, v, want, count, entries, &actual);
  equal(at, "number of dirty ranges", count, avail);
  // Again into memory the kernel must fault in: entry 0 ends at the end of
  // a page nobody touched, entry 1 begins the next, and actual is on a third.
  uint8_t* fresh = buffer(at, 3 * PAGE);
  walk(at, v, want, count, (zx_vmo_dirty_range_t*)(fresh + PAGE) - 1, (size_t*)(fresh + 2 * PAGE));
  unmap(at, fresh);
}

void take_down_pagers(void) {
  for (size_t i = 0; i < COUNT(vmos); i++) {
    if (vmos[i].handle != ZX_HANDLE_INVALID) {
      drop_vmo(&vmos[i]);
    }
  }
  for (size_t i = 0; i < pager_count; i++) {
    OK(zx_handle_close(pagers[i].pager));
    OK(zx_handle_close(pagers[i].port));
  }
}

void show_packets(void) {
  for (size_t i = 0; i < pager_count; i++) {
    pager_t* p = &pagers[i];
    zx_port_packet_t packet;
    while (p->port != ZX_HANDLE_INVALID && p->stashed < STASH && zx_port_wait(p->port, 0, &packet) == ZX_OK) {
      p->stash[p->stashed++] = packet;
    }
    for (size_t k = 0; k < p->stashed; k++) {
      const zx_packet_page_request_t* r = &p->stash[k].page_request;
      const char* const commands[] = {"READ", "COMPLETE", "DIRTY"};
      printf("  unanswered: key %lu type %u status %d: %s %#lx+%#lx flags %u reserved %u %lu\n", p->stash[k].key,
             p->stash[k].type, p->stash[k].status, r->command < COUNT(commands) ? commands[r->command] : "?", r->offset,
             r->length, r->flags, r->reserved0, r->reserved1);
    }
  }
}

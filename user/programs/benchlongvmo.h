// The cases of benchlongest that make what a VMO or a pager has long: requests,
// mappings, snapshots, depth. Included by it, after its helpers.
#pragma once

// pages_threads has each thread wait for a page of its own, or for leave to write it, and ends that in each way.
static void pages_threads(void) {
  zx_handle_t g, p = port(), v, aux = vmo(BUFFER, 0);
  must("pager", zx_pager_create(0, &g));
  for (int way = 0; way < 7; way++) {
    must("paged", zx_pager_create_vmo(g, way == 4 ? ZX_VMO_RESIZABLE | ZX_VMO_TRAP_DIRTY : ZX_VMO_TRAP_DIRTY, p, 1, BUFFER, &v));
    must("map", zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, v, 0, BUFFER, &page));
    gate = v;
    if (way == 5 || way == 6) zx_pager_supply_pages(g, v, 0, BUFFER, aux, 0);
    uint64_t n = wait_threads(way == 1 || way == 4 ? 6 : 5, 20000);
    if (way == 0) zx_pager_supply_pages(g, v, 0, BUFFER, aux, 0);
    if (way == 2) zx_vmo_op_range(v, ZX_VMO_OP_ZERO, 0, BUFFER, NULL, 0);
    if (way == 3) zx_vmo_set_stream_size(v, 0);
    if (way == 5) zx_pager_op_range(g, ZX_PAGER_OP_DIRTY, v, 0, BUFFER + PAGE, 0);
    if (way == 6) zx_pager_op_range(g, ZX_PAGER_OP_DIRTY, v, 0, BUFFER, 0);
    if (way == 1) zx_pager_op_range(g, ZX_PAGER_OP_FAIL, v, 0, BUFFER, (uint64_t)(int64_t)ZX_ERR_IO);
    if (way == 4) zx_pager_detach_vmo(g, v);
    zx_pager_supply_pages(g, v, 0, BUFFER, aux, 0);
    zx_pager_op_range(g, ZX_PAGER_OP_DIRTY, v, 0, BUFFER, 0);
    zx_nanosleep(zx_deadline_after(ZX_MSEC(50)));
    zx_pager_op_range(g, ZX_PAGER_OP_DIRTY, v, 0, BUFFER, 0);
    until_ended(n);
    zx_vmar_unmap(zx_vmar_root_self(), page, BUFFER);
    zx_handle_close(v);
  }
  zx_handle_close_many((zx_handle_t[]){g, p, aux}, 3);
}

// supply_mapped supplies pages where many mappings may show zeros.
static void supply_mapped(void) {
  zx_vaddr_t base;
  zx_handle_t r = region(&base), g, p = port(), v, aux = vmo(16 * PAGE, 0);
  must("pager", zx_pager_create(0, &g));
  must("paged", zx_pager_create_vmo(g, ZX_VMO_TRAP_DIRTY, p, 1, 16 * PAGE, &v));
  zx_pager_supply_pages(g, v, 0, PAGE, aux, 0);
  mapped(r, v, 16 * PAGE, 16 * PAGE);
  commit(aux, 16 * PAGE);
  zx_pager_supply_pages(g, v, PAGE, PAGE, aux, 0);
  zx_pager_supply_pages(g, v, 0, 16 * PAGE, aux, 0);
  zx_pager_op_range(g, ZX_PAGER_OP_DIRTY, v, 0, PAGE, 0);
  zx_pager_op_range(g, ZX_PAGER_OP_DIRTY, v, 0, 16 * PAGE, 0);
  zx_vmar_destroy(r);
  r = region(&base);
  commit(aux, 16 * PAGE);  // and takes them where many mappings show them
  mapped(r, aux, 16 * PAGE, 16 * PAGE);
  zx_pager_op_range(g, ZX_PAGER_OP_WRITEBACK_END, v, 0, 16 * PAGE, 0);
  zx_pager_supply_pages(g, v, 0, PAGE, aux, 0);
  zx_vmar_destroy(r);
  zx_handle_close_many((zx_handle_t[]){r, g, p, v, aux}, 5);
}

// pager_hints are for pages that are there.
static void pager_hints(void) {
  zx_handle_t g, p = port(), v, aux = vmo(BUFFER, 0);
  must("pager", zx_pager_create(0, &g));
  must("paged", zx_pager_create_vmo(g, 0, p, 1, BUFFER, &v));
  commit(aux, BUFFER);
  zx_pager_supply_pages(g, v, 0, BUFFER, aux, 0);
  zx_vmo_op_range(v, ZX_VMO_OP_DONT_NEED, 0, BUFFER, NULL, 0);
  zx_vmo_op_range(v, ZX_VMO_OP_ALWAYS_NEED, 0, BUFFER, NULL, 0);
  zx_vmo_op_range(v, ZX_VMO_OP_PREFETCH, 0, BUFFER, NULL, 0);
  zx_pager_detach_vmo(g, v);
  commit(aux, BUFFER);
  zx_pager_supply_pages(g, v, 0, BUFFER, aux, 0);  // refused, with what was taken
  zx_handle_close_many((zx_handle_t[]){g, p, v, aux}, 4);
}

// discard_mapped has memory run out beside a discardable VMO that many mappings show.
static void discard_mapped(void) {
  zx_vaddr_t base;
  zx_handle_t r = region(&base), v = vmo(BUFFER, ZX_VMO_DISCARDABLE), w = vmo(1ul << 40, 0);
  uint64_t state[4];
  must("lock", zx_vmo_op_range(v, ZX_VMO_OP_LOCK, 0, BUFFER, state, sizeof(state)));
  commit(v, BUFFER);
  mapped(r, v, 2 * PAGE, PAGE);
  must("unlock", zx_vmo_op_range(v, ZX_VMO_OP_UNLOCK, 0, BUFFER, NULL, 0));
  zx_vmo_op_range(w, ZX_VMO_OP_COMMIT, 0, 1ul << 40, NULL, 0);
  zx_handle_close(w);
  zx_vmo_op_range(v, ZX_VMO_OP_LOCK, 0, BUFFER, state, sizeof(state));
  zx_vmar_destroy(r);
  zx_handle_close_many((zx_handle_t[]){r, v}, 2);
}

// close_snapshots ends sides of snapshots of 64 MiB: one with nothing of its own, one
// with half of the pages, and the one between two.
static void close_snapshots(void) {
  enum { SIZE = 64 << 20 };
  for (int way = 0; way < 4; way++) {
    zx_handle_t v = vmo(SIZE, 0), w, x;
    uint64_t info[32], n;
    commit(v, SIZE);
    must("snapshot", zx_vmo_create_child(v, ZX_VMO_CHILD_SNAPSHOT, 0, SIZE, &w));
    for (uint64_t i = 0; i < SIZE && way > 0; i += 2 * PAGE) zx_vmo_op_range(way == 1 ? v : w, ZX_VMO_OP_COMMIT, i, PAGE, NULL, 0);
    must("snapshot", zx_vmo_create_child(w, ZX_VMO_CHILD_SNAPSHOT, 0, SIZE, &x));
    zx_object_get_info(x, ZX_INFO_VMO, info, sizeof(info), &n, &n);
    zx_handle_close(w);
    if (way == 3) zx_vmo_op_range(v, ZX_VMO_OP_ZERO, 0, SIZE, NULL, 0);
    zx_handle_close(v);
    zx_object_get_info(x, ZX_INFO_VMO, info, sizeof(info), &n, &n);
    zx_handle_close(x);
  }
}

// vmo_deep makes snapshots of snapshots that have a page each, and works on the last.
static void vmo_deep(void) {
  enum { SIZE = 64 * PAGE };
  zx_handle_t v = vmo(SIZE, 0), h;
  zx_vaddr_t at;
  uint64_t info[32], n;
  commit(v, SIZE);
  keep(ZX_OK, v);
  while (helds < 2000 && keep(zx_vmo_create_child(v, ZX_VMO_CHILD_SNAPSHOT, 0, SIZE, &h), h)) {
    v = h;
    zx_vmo_write(v, buffer, (helds & 1) * PAGE, 1);
  }
  zx_vmo_read(v, buffer, 0, SIZE);
  must("map", zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE | ZX_VM_MAP_RANGE, 0, v, 0, SIZE, &at));
  zx_object_get_info(v, ZX_INFO_VMO, info, sizeof(info), &n, &n);
  for (int i = 0; i < 64; i++) *(volatile uint8_t*)(at + PAGE * i) = 1;
  zx_vmar_unmap(zx_vmar_root_self(), at, SIZE);
  zx_vmo_op_range(v, ZX_VMO_OP_ZERO, 0, SIZE, NULL, 0);
  drop();
}

// vmo_clones makes clones of a pager's VMO that have a page each, which then shrinks.
static void vmo_clones(void) {
  zx_handle_t g, p = port(), v, h, aux = vmo(4 * PAGE, 0), copy;
  uint64_t info[32], n;
  must("pager", zx_pager_create(0, &g));
  must("paged", zx_pager_create_vmo(g, ZX_VMO_RESIZABLE, p, 1, 4 * PAGE, &v));
  commit(aux, 4 * PAGE);
  zx_pager_supply_pages(g, v, 0, 4 * PAGE, aux, 0);
  must("clone", zx_vmo_create_child(v, ZX_VMO_CHILD_SNAPSHOT_AT_LEAST_ON_WRITE, 0, 4 * PAGE, &copy));
  zx_vmo_write(copy, buffer, 0, PAGE);
  while (helds < 8000 && keep(zx_vmo_create_child(copy, ZX_VMO_CHILD_SNAPSHOT_AT_LEAST_ON_WRITE, 0, 4 * PAGE, &h), h)) zx_vmo_write(h, buffer, 0, PAGE);
  zx_object_get_info(h, ZX_INFO_VMO, info, sizeof(info), &n, &n);
  zx_vmo_write(h, buffer, PAGE, PAGE);
  zx_handle_close(copy);
  zx_object_get_info(held[0], ZX_INFO_VMO, info, sizeof(info), &n, &n);
  zx_vmo_op_range(held[0], ZX_VMO_OP_ZERO, 0, 4 * PAGE, NULL, 0);
  zx_vmo_set_size(v, PAGE);
  zx_vmo_set_size(v, 0);
  zx_handle_close(v);
  drop();
  zx_handle_close_many((zx_handle_t[]){g, p, aux}, 3);
}

// close_parent ends a VMO with many children.
static void close_parent(void) {
  zx_handle_t v = vmo(PAGE, 0), w, h;
  must("slice", zx_vmo_create_child(v, ZX_VMO_CHILD_SLICE, 0, PAGE, &w));
  while (keep(zx_vmo_create_child(w, ZX_VMO_CHILD_SLICE, 0, PAGE, &h), h)) {
  }
  zx_handle_close(w);
  zx_handle_close(v);
  drop();
}

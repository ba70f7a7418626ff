// Threads that do what may block.
#include "conform.h"

enum { STACK = 32768 };

static worker_t workers[320];
static size_t worker_count;

static const char* state_name(uint32_t state) {
  switch (state) {
    case ZX_THREAD_STATE_NEW: return "new";
    case ZX_THREAD_STATE_RUNNING: return "running";
    case ZX_THREAD_STATE_SUSPENDED: return "suspended";
    case ZX_THREAD_STATE_DYING: return "dying";
    case ZX_THREAD_STATE_DEAD: return "dead";
    case ZX_THREAD_STATE_BLOCKED_EXCEPTION: return "in an exception";
    case ZX_THREAD_STATE_BLOCKED_PAGER: return "blocked on the pager";
    case ZX_THREAD_STATE_BLOCKED_WAIT_ONE: return "blocked in object_wait_one";
    case ZX_THREAD_STATE_BLOCKED_PORT: return "blocked on a port";
    default: return "in another state";
  }
}

static uint32_t state_of(const worker_t* w) {
  zx_info_thread_t info;
  OK(zx_object_get_info(w->thread, ZX_INFO_THREAD, &info, sizeof(info), NULL, NULL));
  return info.state;
}

// --- What workers do

static bool verify(worker_t* w) { return same(w->v, w->at / PAGE, w->count / PAGE, w->how); }

static bool read_bytes(worker_t* w) {
  w->status = zx_vmo_read(w->v->handle, w->data, w->at, w->count);
  return w->status == ZX_OK;
}

static bool write_bytes(worker_t* w) {
  w->status = zx_vmo_write(w->v->handle, w->data != NULL ? w->data : &w->byte, w->at, w->count);
  return w->status == ZX_OK;
}

static bool load(worker_t* w) {
  for (size_t i = 0; i < w->stored; i++) {
    w->byte = *w->stores[i];
  }
  return true;
}

static bool store(worker_t* w) {
  for (size_t i = 0; i < w->stored; i++) {
    *w->stores[i] = w->byte;
  }
  return true;
}

static bool vmo_op(worker_t* w) {
  w->status = zx_vmo_op_range(w->handle, w->op, w->at, w->count, NULL, 0);
  return w->status == ZX_OK;
}

static bool vmar_op(worker_t* w) {
  w->status = zx_vmar_op_range(w->handle, w->op, w->at, w->count, NULL, 0);
  return w->status == ZX_OK;
}

// --- Their start

static void begin(worker_t* w) {
  zx_object_wait_one(w->go, ZX_USER_SIGNAL_0, ZX_TIME_INFINITE, NULL);
  w->fine = w->act(w);
  zx_thread_exit();
}

worker_t* start_act(where_t at, const worker_t* what) {
  line_is(at);
  if (worker_count == COUNT(workers)) {
    differs(at, "more than %zu workers", COUNT(workers));
  }
  worker_t* w = &workers[worker_count++];
  *w = *what;
  w->status = ZX_ERR_ASYNC;  // no call has returned yet
  zx_handle_t stack;
  zx_vaddr_t base;
  OK(zx_vmo_create(STACK, 0, &stack));
  OK(zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, stack, 0, STACK, &base));
  OK(zx_handle_close(stack));
  w->stack = (uint8_t*)base;
  OK(zx_event_create(0, &w->go));
  OK(zx_thread_create(zx_process_self(), w->name, strlen(w->name), 0, &w->thread));
  OK(zx_thread_start(w->thread, (zx_vaddr_t)begin, base + STACK - 8, (uintptr_t)w, 0));
  OK(zx_task_create_exception_channel(w->thread, 0, &w->exceptions));
  OK(zx_object_signal(w->go, 0, ZX_USER_SIGNAL_0));
  return w;
}

worker_t* start_verify(where_t at, vmo_t* v, uint64_t o, uint64_t n, variant_t how) {
  return start_act(at, &(worker_t){.act = verify, .name = "verify", .v = v, .at = o * PAGE, .count = n * PAGE, .how = how});
}

worker_t* start_read(where_t at, vmo_t* v, uint64_t offset, uint8_t* data, uint64_t count) {
  return start_act(at, &(worker_t){.act = read_bytes, .name = "vmo_read", .v = v, .at = offset, .count = count, .data = data});
}

worker_t* start_write(where_t at, vmo_t* v, uint64_t offset, const void* data, uint64_t count) {
  return start_act(at, &(worker_t){.act = write_bytes, .name = "vmo_write", .v = v, .at = offset, .count = count, .data = (uint8_t*)data});
}

worker_t* start_write_byte(where_t at, vmo_t* v, uint64_t page, uint8_t byte) {
  return start_act(at, &(worker_t){.act = write_bytes, .name = "vmo_write", .v = v, .at = page * PAGE, .count = 1, .byte = byte});
}

worker_t* start_write_pages(where_t at, vmo_t* v, uint64_t o, uint64_t n, uint8_t byte) {
  uint8_t* data = buffer(at, n * PAGE);
  memset(data, byte, n * PAGE);
  return start_write(at, v, o * PAGE, data, n * PAGE);
}

worker_t* start_touch(where_t at, bool stores, uint8_t byte, volatile void* const* list, size_t count) {
  worker_t w = {.act = stores ? store : load, .name = stores ? "store" : "load", .byte = byte, .stored = count};
  if (count > MAX_STORES) {
    differs(at, "more than %d addresses", MAX_STORES);
  }
  for (size_t i = 0; i < count; i++) {
    w.stores[i] = list[i];
  }
  return start_act(at, &w);
}

worker_t* start_vmo_op(where_t at, zx_handle_t vmo, uint32_t op, uint64_t offset, uint64_t count) {
  return start_act(at, &(worker_t){.act = vmo_op, .name = "vmo_op_range", .handle = vmo, .op = op, .at = offset, .count = count});
}

worker_t* start_vmar_op(where_t at, zx_handle_t vmar, uint32_t op, const void* address, uint64_t count) {
  return start_act(at, &(worker_t){.act = vmar_op, .name = "vmar_op_range", .handle = vmar, .op = op, .at = (uint64_t)address, .count = count});
}

// --- Their end

void wrote_byte(where_t at, vmo_t* v, uint64_t page, uint8_t byte) {
  worker_t* w = start_write_byte(at, v, page, byte);
  if (v->traps) {
    want_request(at, v, ZX_PAGER_VMO_DIRTY, page, 1);
    status_is(at, "OPD", ZX_OK, pager_op(v, ZX_PAGER_OP_DIRTY, page, 1, 0));
  }
  ends(at, w, true);
  want_byte(v, page, byte);
}

void wrote_pages(where_t at, vmo_t* v, uint64_t o, uint64_t n, uint8_t byte) {
  worker_t* w = start_write_pages(at, v, o, n, byte);
  if (v->traps) {
    want_request(at, v, ZX_PAGER_VMO_DIRTY, o, n);
    status_is(at, "OPD", ZX_OK, pager_op(v, ZX_PAGER_OP_DIRTY, o, n, 0));
  }
  ends(at, w, true);
  want_fill(v, o, n, byte);
}

void stored(where_t at, vmo_t* v, uint8_t* base, uint64_t page, uint8_t byte) {
  worker_t* w = start_touch(at, true, byte, (volatile void*[]){base + page * PAGE}, 1);
  if (v->traps) {
    want_request(at, v, ZX_PAGER_VMO_DIRTY, page, 1);
    status_is(at, "OPD", ZX_OK, pager_op(v, ZX_PAGER_OP_DIRTY, page, 1, 0));
  }
  ends(at, w, true);
  want_byte(v, page, byte);
}

void now_byte(where_t at, vmo_t* v, uint64_t page, uint8_t byte) {
  status_is(at, "zx_vmo_write", ZX_OK, zx_vmo_write(v->handle, &byte, page * PAGE, 1));
  want_byte(v, page, byte);
}

// release gives back what an ended worker had.
static void release(worker_t* w) {
  w->joined = true;
  OK(zx_handle_close(w->thread));
  OK(zx_handle_close(w->exceptions));
  OK(zx_handle_close(w->go));
  OK(zx_vmar_unmap(zx_vmar_root_self(), (zx_vaddr_t)w->stack, STACK));
}

// await waits for the end or an exception of w; true when it is an exception.
// The channel closes when the thread ends.
static bool await(where_t at, worker_t* w) {
  line_is(at);
  zx_signals_t seen = 0;
  if (zx_object_wait_one(w->exceptions, ZX_CHANNEL_READABLE | ZX_CHANNEL_PEER_CLOSED, later(), &seen) != ZX_OK) {
    differs(at, "%s(%#lx, %#lx) does not end: it is %s", w->name, w->at, w->count, state_name(state_of(w)));
  }
  if ((seen & ZX_CHANNEL_READABLE) != 0) {
    return true;
  }
  status_is(at, "wait for ZX_THREAD_TERMINATED", ZX_OK, zx_object_wait_one(w->thread, ZX_THREAD_TERMINATED, later(), NULL));
  return false;
}

static zx_exception_report_t report_of(where_t at, const worker_t* w) {
  zx_exception_report_t report;
  status_is(at, "exception report", ZX_OK,
            zx_object_get_info(w->thread, ZX_INFO_THREAD_EXCEPTION_REPORT, &report, sizeof(report), NULL, NULL));
  return report;
}

// finish waits for a worker that may have no exception.
static void finish(where_t at, worker_t* w) {
  if (await(at, w)) {
    zx_exception_report_t r = report_of(at, w);
    differs(at, "%s(%#lx, %#lx): exception %#x at %#lx with %s", w->name, w->at, w->count, r.header.type,
            r.context.arch.u.x86_64.cr2, zx_status_get_string((zx_status_t)r.context.synth_code));
  }
  release(w);
}

void ends(where_t at, worker_t* w, bool fine) {
  finish(at, w);
  if (w->fine != fine) {
    differs(at, "%s(%#lx, %#lx) %s; its call returned %s", w->name, w->at, w->count, fine ? "failed" : "did not fail",
            w->status == ZX_ERR_ASYNC ? "nothing" : zx_status_get_string(w->status));
  }
}

void ends_with(where_t at, worker_t* w, zx_status_t want) {
  finish(at, w);
  status_is(at, w->name, want, w->status);
}

// put_down ends the thread of a pending exception.
static void put_down(where_t at, worker_t* w, zx_handle_t exception) {
  zx_thread_state_general_regs_t regs;
  status_is(at, "zx_thread_read_state", ZX_OK, zx_thread_read_state(w->thread, ZX_THREAD_STATE_GENERAL_REGS, &regs, sizeof(regs)));
  regs.rip = (uint64_t)zx_thread_exit;
  status_is(at, "zx_thread_write_state", ZX_OK, zx_thread_write_state(w->thread, ZX_THREAD_STATE_GENERAL_REGS, &regs, sizeof(regs)));
  uint32_t handled = ZX_EXCEPTION_STATE_HANDLED;
  status_is(at, "ZX_PROP_EXCEPTION_STATE", ZX_OK,
            zx_object_set_property(exception, ZX_PROP_EXCEPTION_STATE, &handled, sizeof(handled)));
  status_is(at, "close of the exception", ZX_OK, zx_handle_close(exception));
}

void crashes(where_t at, worker_t* w, const volatile void* address, zx_status_t status) {
  if (!await(at, w)) {
    differs(at, "%s(%#lx, %#lx) ended without an exception", w->name, w->at, w->count);
  }
  zx_exception_info_t info;
  zx_handle_t exception;
  uint32_t bytes, handles;
  status_is(at, "read of the exception channel", ZX_OK,
            zx_channel_read(w->exceptions, 0, &info, &exception, sizeof(info), 1, &bytes, &handles));
  equal(at, "bytes of the message", sizeof(info), bytes);
  equal(at, "handles of the message", 1, handles);
  zx_exception_report_t r = report_of(at, w);
  put_down(at, w, exception);
  equal(at, "type in the message", ZX_EXCP_FATAL_PAGE_FAULT, info.type);
  equal(at, "exception type", ZX_EXCP_FATAL_PAGE_FAULT, r.header.type);
  equal(at, "fault address", (uint64_t)address, r.context.arch.u.x86_64.cr2);
  status_is(at, "synth_code", status, (zx_status_t)r.context.synth_code);
  finish(at, w);
}

zx_status_t probe(where_t at, volatile void* address, bool stores) {
  worker_t* w = start_touch(at, stores, 0, (volatile void*[]){address}, 1);
  zx_status_t status = ZX_OK;
  if (await(at, w)) {
    zx_exception_info_t info;
    zx_handle_t exception;
    status_is(at, "read of the exception channel", ZX_OK,
              zx_channel_read(w->exceptions, 0, &info, &exception, sizeof(info), 1, NULL, NULL));
    status = (zx_status_t)report_of(at, w).context.synth_code;
    put_down(at, w, exception);
  }
  finish(at, w);
  return status;
}

void blocked(where_t at, worker_t* w) {
  line_is(at);
  zx_time_t deadline = later();
  for (uint32_t state; (state = state_of(w)) != ZX_THREAD_STATE_BLOCKED_PAGER;) {
    if (state == ZX_THREAD_STATE_DEAD || zx_clock_get_monotonic() > deadline) {
      differs(at, "%s(%#lx, %#lx): expected to be blocked on the pager, it is %s", w->name, w->at, w->count, state_name(state));
    }
    pause_for(ZX_USEC(100));
  }
}

zx_handle_t suspend(where_t at, worker_t* w) {
  zx_handle_t token;
  status_is(at, "zx_task_suspend_token", ZX_OK, zx_task_suspend_token(w->thread, &token));
  return token;
}

void suspended(where_t at, worker_t* w) {
  status_is(at, "wait for ZX_THREAD_SUSPENDED", ZX_OK, zx_object_wait_one(w->thread, ZX_THREAD_SUSPENDED, later(), NULL));
}

void show_workers(void) {
  for (size_t i = 0; i < worker_count; i++) {
    worker_t* w = &workers[i];
    if (!w->joined && w->thread != ZX_HANDLE_INVALID) {
      printf("  worker %zu: %s(%#lx, %#lx) is %s\n", i, w->name, w->at, w->count, state_name(state_of(w)));
    }
  }
}

void take_down_workers(where_t at) {
  for (size_t i = 0; i < worker_count; i++) {
    if (!workers[i].joined) {
      finish(at, &workers[i]);
    }
  }
}

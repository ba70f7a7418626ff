// Waiting for packets, and the thread that answers them in the background.
#include "conform.h"

// wanted describes a packet.
typedef struct {
  uint64_t key;
  uint16_t command;
  bool any;  // whatever its range
  uint64_t offset, length;
} wanted_t;

static bool matches(const wanted_t* w, const zx_port_packet_t* packet) {
  if (packet->key != w->key || packet->type != ZX_PKT_TYPE_PAGE_REQUEST) {
    return false;
  }
  if (w->any) {
    return packet->page_request.command == w->command;
  }
  zx_packet_page_request_t whole;
  memset(&whole, 0, sizeof(whole));
  whole.command = w->command;
  whole.offset = w->offset;
  whole.length = w->length;
  return memcmp(&whole, &packet->page_request, sizeof(whole)) == 0;
}

// take takes the packet from the stash or the port; false when the deadline
// passes first. What is not wanted goes to the stash. v, if not NULL, is the VMO
// that is waited for: none of its pages may have been reclaimed.
static bool take(where_t at, pager_t* p, const vmo_t* v, const wanted_t* w, zx_time_t deadline, zx_port_packet_t* got) {
  line_is(at);
  for (size_t i = p->stashed; i-- > 0;) {
    if (matches(w, &p->stash[i])) {
      *got = p->stash[i];
      memmove(&p->stash[i], &p->stash[i + 1], (--p->stashed - i) * sizeof(p->stash[0]));
      return true;
    }
  }
  for (;;) {
    zx_status_t status = zx_port_wait(p->port, deadline, got);
    if (status == ZX_ERR_TIMED_OUT) {
      return false;
    }
    status_is(at, "zx_port_wait", ZX_OK, status);
    if (matches(w, got)) {
      return true;
    }
    if (v != NULL) {
      equal(at, "committed_change_events", 0, vmo_info(at, v->handle).committed_change_events);
    }
    if (p->stashed == STASH) {
      differs(at, "more than %d packets nobody wants", STASH);
    }
    p->stash[p->stashed++] = *got;
  }
}

static const char* const commands[] = {"READ", "COMPLETE", "DIRTY"};

void want_request(where_t at, vmo_t* v, uint16_t command, uint64_t o, uint64_t n) {
  wanted_t w = {.key = v->key, .command = command, .offset = o * PAGE, .length = n * PAGE};
  zx_port_packet_t got;
  if (!take(at, v->pager, v, &w, later(), &got)) {
    differs(at, "%s(%lu, %lu) of key %lu did not come", commands[command], o, n, v->key);
  }
}

void any_request(where_t at, vmo_t* v, uint16_t command, uint64_t* o, uint64_t* n) {
  wanted_t w = {.key = v->key, .command = command, .any = true};
  zx_port_packet_t got;
  if (!take(at, v->pager, v, &w, later(), &got)) {
    differs(at, "no %s of key %lu came", commands[command], v->key);
  }
  *o = got.page_request.offset / PAGE;
  *n = got.page_request.length / PAGE;
}

void want_complete(where_t at, pager_t* p, uint64_t key) {
  wanted_t w = {.key = key, .command = ZX_PAGER_VMO_COMPLETE};
  zx_port_packet_t got;
  if (!take(at, p, NULL, &w, later(), &got)) {
    differs(at, "COMPLETE of key %lu did not come", key);
  }
}

void no_request(where_t at, vmo_t* v, uint16_t command) {
  wanted_t w = {.key = v->key, .command = command, .any = true};
  zx_port_packet_t got;
  if (take(at, v->pager, v, &w, 0, &got)) {
    differs(at, "expected no %s of key %lu, got %s(%lu, %lu)", commands[command], v->key, commands[command],
            got.page_request.offset / PAGE, got.page_request.length / PAGE);
  }
}

void no_request_of(where_t at, vmo_t* v, uint16_t command, uint64_t o, uint64_t n) {
  wanted_t w = {.key = v->key, .command = command, .offset = o * PAGE, .length = n * PAGE};
  zx_port_packet_t got;
  if (take(at, v->pager, v, &w, 0, &got)) {
    differs(at, "expected no %s(%lu, %lu) of key %lu, got it", commands[command], o, n, v->key);
  }
}

// --- The autopager

enum { STOP_KEY = 1 };

static bool autopager_main(worker_t* w) {
  pager_t* p = w->v->pager;
  for (;;) {
    zx_port_packet_t packet;
    OK(zx_port_wait(p->port, ZX_TIME_INFINITE, &packet));
    if (packet.key == STOP_KEY) {
      return true;
    }
    if (packet.type != ZX_PKT_TYPE_PAGE_REQUEST || packet.page_request.command != ZX_PAGER_VMO_READ) {
      continue;
    }
    uint64_t o = packet.page_request.offset / PAGE, n = packet.page_request.length / PAGE;
    uint64_t limit = __atomic_load_n(&p->supply_limit, __ATOMIC_ACQUIRE);
    if (packet.key == w->v->key && o < limit) {
      SUPPLY(w->v, o, MIN(n, limit - o));
    }
  }
}

void start_autopager(where_t at, pager_t* p, uint64_t limit, vmo_t* v) {
  p->supply_limit = limit;
  status_is(at, "zx_event_create", ZX_OK, zx_event_create(0, &p->stop));
  status_is(at, "zx_object_wait_async", ZX_OK, zx_object_wait_async(p->stop, p->port, STOP_KEY, ZX_USER_SIGNAL_0, 0));
  p->autopager = start_act(at, &(worker_t){.act = autopager_main, .name = "autopager", .v = v});
}

void stop_autopager(where_t at, pager_t* p) {
  status_is(at, "zx_object_signal", ZX_OK, zx_object_signal(p->stop, 0, ZX_USER_SIGNAL_0));
  ends(at, p->autopager, true);
  p->autopager = NULL;
  status_is(at, "zx_handle_close", ZX_OK, zx_handle_close(p->stop));
  p->stop = ZX_HANDLE_INVALID;
}

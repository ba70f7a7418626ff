// history [SEED [OPERATIONS]]: plays random histories of all operations on a pager
// VMO and compares everything that can be seen with the model of historymodel.h:
// each status, each packet, each byte, the dirty ranges, the sizes, the committed
// pages, the modified flag. 100,000 operations unless told. A difference is shown
// with the seed and the step, and the operations before it; exit code 1.
//
// The main thread is the pager. A second thread makes the calls that may wait; when
// one asks for pages the main thread answers in full, in part, with a failure or not
// at all for a while, and does other things to the VMO meanwhile. Each VMO lives
// for up to 165 operations and then is closed, or detached or its pager closed
// before.
#include "file.h"
#include "historymodel.h"

enum { VMO_KEY = 2, DONE_KEY = 3, FAULT_KEY = 4, STACK = 64 << 10, NOTES = 48, NOTE = 96 };

#define PAGE ((uint64_t)ZX_PAGE_SIZE)
#define SPAN ((uint64_t)MOST * PAGE)
#define PATIENCE ZX_SEC(10)

static uint64_t seed, dice, step, asked, histories;
static char notes[NOTES][NOTE];
static uint64_t noted;

static zx_handle_t pager, port, vmo, aux, commands;
static uint8_t* mapped;
static uint8_t* pattern;  // what is written
static uint8_t* seen;     // what was read
static bool completed;    // the COMPLETE packet has come

static uint64_t draw(uint64_t n) {
  dice ^= dice >> 12;
  dice ^= dice << 25;
  dice ^= dice >> 27;
  return (dice * 0x2545f4914f6cdd1dull >> 33) % n;
}

#define note(...) snprintf(notes[noted++ % NOTES], NOTE, __VA_ARGS__)

// differs shows how the history came here, and ends it.
#define differs(...)       \
  do {                     \
    printf(__VA_ARGS__);   \
    show(__LINE__);        \
  } while (0)

static _Noreturn void show(int line) {
  printf("\n  (history.c:%d)\nhistory: DIFFERS: seed %lu, step %lu, %s%s; %d pages:", line, seed, step,
         m.trap ? "TRAP_DIRTY" : "no trap", m.detached ? ", detached" : "", m.size);
  for (int p = 0; p < m.size; p++) {
    printf(" %c", state(p));
  }
  printf("\n");
  for (uint64_t i = noted > NOTES ? noted - NOTES : 0; i < noted; i++) {
    printf("  %s\n", notes[i % NOTES]);
  }
  exit(1);
}

static void same_status(const char* what, zx_status_t want, zx_status_t got) {
  if (want != got) {
    differs("%s gave %s, not %s", what, zx_status_get_string(got), zx_status_get_string(want));
  }
}

#define OK(call) same_status(#call, ZX_OK, call)

// --- The thread that may wait

static op_t op;              // what it does
static zx_status_t answer;   // what came of it
static zx_handle_t actor, exceptions;
static uint8_t stack[STACK] __attribute__((aligned(16)));

// Loads and stores that fail end in touch_failed, whose result says so.
uint64_t touch_load(const volatile uint8_t* at);
uint64_t touch_store(volatile uint8_t* at, uint8_t byte);
void touch_failed(void);
__asm__(
    ".text\n"
    "touch_load: movzbl (%rdi), %eax; ret\n"
    "touch_store: movb %sil, (%rdi); xorl %eax, %eax; ret\n"
    "touch_failed: movq $-1, %rax; ret\n");

static zx_status_t perform(void) {
  uint64_t at = (uint64_t)op.a * HALF, count = (uint64_t)(op.b - op.a) * HALF, got;
  switch (op.kind) {
    case OP_READ: return zx_vmo_read(vmo, seen, at, count);
    case OP_WRITE: return zx_vmo_write(vmo, pattern, at, count);
    case OP_ZERO: return zx_vmo_op_range(vmo, ZX_VMO_OP_ZERO, at, count, NULL, 0);
    case OP_COMMIT: return zx_vmo_op_range(vmo, ZX_VMO_OP_COMMIT, 2 * at, 2 * count, NULL, 0);
    case OP_PREFETCH: return zx_vmo_op_range(vmo, ZX_VMO_OP_PREFETCH, 2 * at, 2 * count, NULL, 0);
    case OP_NEED: return zx_vmo_op_range(vmo, ZX_VMO_OP_ALWAYS_NEED, 2 * at, 2 * count, NULL, 0);
    case OP_SIZE: return zx_vmo_set_size(vmo, at);
    case OP_STREAM: return zx_vmo_set_stream_size(vmo, at);
    case OP_LOAD:
      got = touch_load(mapped + at);
      seen[0] = (uint8_t)got;
      return got == ~0ul ? ZX_ERR_ASYNC : ZX_OK;
    case OP_STORE: return touch_store(mapped + at, op.byte) == ~0ul ? ZX_ERR_ASYNC : ZX_OK;
  }
  return ZX_ERR_INTERNAL;
}

static void act(uintptr_t unused1, uintptr_t unused2) {
  (void)unused1;
  (void)unused2;
  for (;;) {
    zx_port_packet_t packet;
    OK(zx_port_wait(commands, ZX_TIME_INFINITE, &packet));
    zx_status_t st = perform();
    if (st != ZX_ERR_ASYNC) {
      answer = st;  // else the fault's status is there already
    }
    memset(&packet, 0, sizeof(packet));
    packet.key = DONE_KEY;
    OK(zx_port_queue(port, &packet));
  }
}

static void listen_for_faults(void) {
  OK(zx_object_wait_async(exceptions, port, FAULT_KEY, ZX_CHANNEL_READABLE, 0));
}

// fault takes the actor out of a load or store that cannot be.
static void fault(void) {
  zx_exception_info_t info;
  zx_handle_t exception;
  zx_exception_report_t report;
  zx_thread_state_general_regs_t regs;
  uint32_t handled = ZX_EXCEPTION_STATE_HANDLED;
  OK(zx_channel_read(exceptions, 0, &info, &exception, sizeof(info), 1, NULL, NULL));
  OK(zx_object_get_info(actor, ZX_INFO_THREAD_EXCEPTION_REPORT, &report, sizeof(report), NULL, NULL));
  if ((op.kind != OP_LOAD && op.kind != OP_STORE) || report.header.type != ZX_EXCP_FATAL_PAGE_FAULT ||
      report.context.arch.u.x86_64.cr2 != (uint64_t)mapped + (uint64_t)op.a * HALF) {
    differs("exception %#x at %#lx, status %d", report.header.type, report.context.arch.u.x86_64.cr2,
            (int)report.context.synth_code);
  }
  answer = (zx_status_t)report.context.synth_code;
  OK(zx_thread_read_state(actor, ZX_THREAD_STATE_GENERAL_REGS, &regs, sizeof(regs)));
  regs.rip = (uint64_t)touch_failed;
  OK(zx_thread_write_state(actor, ZX_THREAD_STATE_GENERAL_REGS, &regs, sizeof(regs)));
  OK(zx_object_set_property(exception, ZX_PROP_EXCEPTION_STATE, &handled, sizeof(handled)));
  OK(zx_handle_close(exception));
  listen_for_faults();
}

// --- What comes to the port

// next takes what comes: a request, or DONE_KEY as asks 'E'. 0 when nothing does.
static outcome_t next(zx_time_t deadline) {
  for (;;) {
    zx_port_packet_t packet;
    zx_status_t st = zx_port_wait(port, deadline, &packet);
    if (st == ZX_ERR_TIMED_OUT) {
      return (outcome_t){.asks = 0};
    }
    OK(st);
    if (packet.key == FAULT_KEY) {
      fault();
      continue;
    }
    if (packet.key == DONE_KEY) {
      return (outcome_t){.asks = 'E', .status = answer};
    }
    const zx_packet_page_request_t* r = &packet.page_request;
    if (packet.key != VMO_KEY || packet.type != ZX_PKT_TYPE_PAGE_REQUEST || packet.status != 0 || r->flags != 0 ||
        r->reserved0 != 0 || r->reserved1 != 0) {
      differs("strange packet: key %lu type %u", packet.key, packet.type);
    }
    if (r->command == ZX_PAGER_VMO_COMPLETE) {
      if (completed || !m.detached || r->offset != 0 || r->length != 0) {
        differs("COMPLETE at [%#lx, +%#lx) when there should be none", r->offset, r->length);
      }
      completed = true;
      continue;
    }
    return (outcome_t){.asks = r->command == ZX_PAGER_VMO_READ ? 'R' : 'D', .a = (int)(r->offset / PAGE), .b = (int)((r->offset + r->length) / PAGE)};
  }
}

static void quiet(void) {
  outcome_t o = next(0);
  if (o.asks != 0) {
    differs("%c [%d, %d) came when the thread should wait", o.asks, o.a, o.b);
  }
}

// --- What the pager does

static void some_pages(int* a, int* b) {
  *a = (int)draw((uint64_t)MIN(m.size + 2, MOST));
  *b = MIN(*a + (int)draw(9), MOST);
}

static zx_status_t pager_op(uint32_t code, int a, int b, uint64_t data) {
  step++;
  return zx_pager_op_range(pager, code, vmo, (uint64_t)a * PAGE, (uint64_t)(b - a) * PAGE, data);
}

static void do_supply(int a, int b, bool* goes_on) {
  static uint8_t page[ZX_PAGE_SIZE];
  bool real[MOST];
  uint8_t bytes[MOST];
  uint64_t which = draw(3) == 0 ? draw(1 << 16) << 8 | draw(256) : ~0ul;
  for (int p = a; p < b; p++) {
    real[p] = (which >> p & 1) != 0;
    bytes[p] = (uint8_t)(1 + draw(255));
    if (real[p]) {
      memset(page, bytes[p], sizeof(page));
      OK(zx_vmo_write(aux, page, (uint64_t)(p - a) * PAGE, sizeof(page)));
    }
  }
  step++;
  note("supply [%d, %d) pages %#lx", a, b, which & 0xffffff);
  zx_status_t want = model_supply(a, b, real, bytes, goes_on);
  same_status("zx_pager_supply_pages", want,
              zx_pager_supply_pages(pager, vmo, (uint64_t)a * PAGE, (uint64_t)(b - a) * PAGE, aux, 0));
}

static void do_dirty(int a, int b, bool* goes_on) {
  note("OP_DIRTY [%d, %d)", a, b);
  zx_status_t want = model_dirty(a, b, goes_on);
  same_status("OP_DIRTY", want, pager_op(ZX_PAGER_OP_DIRTY, a, b, 0));
}

static void do_fail(int a, int b, bool* goes_on) {
  static const zx_status_t codes[] = {ZX_ERR_IO, ZX_ERR_IO_DATA_INTEGRITY, ZX_ERR_BAD_STATE, ZX_ERR_NO_SPACE, ZX_ERR_BUFFER_TOO_SMALL};
  zx_status_t code = codes[draw(5)];
  note("FAIL [%d, %d) %s", a, b, zx_status_get_string(code));
  zx_status_t want = model_fail(a, b, code, goes_on);
  same_status("FAIL", want, pager_op(ZX_PAGER_OP_FAIL, a, b, (uint64_t)(int64_t)code));
}

static void do_writeback(int a, int b) {
  bool zero = draw(2) != 0;
  if (draw(2) != 0) {
    note("WRITEBACK_BEGIN [%d, %d)%s", a, b, zero ? " IS_ZERO" : "");
    zx_status_t want = model_begin(a, b, zero);
    same_status("WRITEBACK_BEGIN", want, pager_op(ZX_PAGER_OP_WRITEBACK_BEGIN, a, b, zero ? ZX_VMO_DIRTY_RANGE_IS_ZERO : 0));
  } else {
    note("WRITEBACK_END [%d, %d)", a, b);
    zx_status_t want = model_end(a, b);
    same_status("WRITEBACK_END", want, pager_op(ZX_PAGER_OP_WRITEBACK_END, a, b, 0));
  }
}

static void do_detach(bool* goes_on) {
  step++;
  model_detach(true, goes_on);
  note("detach");
  OK(zx_pager_detach_vmo(pager, vmo));
}

// --- Looking at it

static void look(void) {
  zx_vmo_dirty_range_t want[MOST], got[MOST];
  size_t count = 0, actual = 0, avail = 0;
  uint64_t committed = 0;
  for (int p = 0; p < m.size; p++) {
    char s = state(p);
    committed += (s == 'C' || s == 'D' || s == 'W') ? PAGE : 0;
    uint64_t options = s == 'Z' ? ZX_VMO_DIRTY_RANGE_IS_ZERO : 0;
    if (s != 'D' && s != 'W' && s != 'Z') {
      continue;
    }
    zx_vmo_dirty_range_t* last = &want[count - 1];
    if (count > 0 && last->options == options && last->offset + last->length == (uint64_t)p * PAGE) {
      last->length += PAGE;
    } else {
      want[count++] = (zx_vmo_dirty_range_t){(uint64_t)p * PAGE, PAGE, options};
    }
  }
  OK(zx_pager_query_dirty_ranges(pager, vmo, 0, (uint64_t)m.size * PAGE, got, sizeof(got), &actual, &avail));
  if (actual != count || avail != count || memcmp(want, got, count * sizeof(got[0])) != 0) {
    printf("dirty ranges:");
    for (size_t i = 0; i < actual; i++) {
      printf(" [%#lx, +%#lx) %lu", got[i].offset, got[i].length, got[i].options);
    }
    differs("; %zu of %zu, not %zu", actual, avail, count);
  }
  zx_info_vmo_t info;
  OK(zx_object_get_info(vmo, ZX_INFO_VMO, &info, sizeof(info), NULL, NULL));
  uint64_t stream;
  OK(zx_vmo_get_stream_size(vmo, &stream));
  if (info.committed_bytes != committed || info.size_bytes != (uint64_t)m.size * PAGE || stream != (uint64_t)m.stream2 * HALF) {
    differs("committed %#lx, size %#lx, stream size %#lx; not %#lx, %#lx, %#lx", info.committed_bytes, info.size_bytes,
            stream, committed, (uint64_t)m.size * PAGE, (uint64_t)m.stream2 * HALF);
  }
  if (draw(4) == 0) {
    zx_pager_vmo_stats_t stats = {9};
    uint32_t reset = draw(2) != 0 ? ZX_PAGER_RESET_VMO_STATS : 0;
    step++;
    note("query stats%s", reset ? ", reset" : "");
    OK(zx_pager_query_vmo_stats(pager, vmo, reset, &stats, sizeof(stats)));
    if (m.modified != PERHAPS && stats.modified != (uint32_t)m.modified) {
      differs("modified is %u, not %u", stats.modified, m.modified);
    }
    m.modified = reset ? NO : (truth_t)stats.modified;
  }
}

// holds compares half a page with what the model has there.
static void holds(int half, const uint8_t* bytes) {
  int p = half / 2;
  uint8_t first = reads_zero(p) ? 0 : m.page[p].first[half % 2], rest = reads_zero(p) ? 0 : m.page[p].rest[half % 2];
  const uint64_t* words = (const uint64_t*)bytes;
  uint64_t all = rest * 0x0101010101010101ul;
  if (words[0] != ((all & ~0xfful) | first)) {
    differs("half page %d begins with %#lx, not %#x and %#x", half, words[0], first, rest);
  }
  for (size_t i = 1; i < HALF / sizeof(uint64_t); i++) {
    if (words[i] != all) {
      differs("half page %d holds %#lx at %zu, not %#x", half, words[i], i * 8, rest);
    }
  }
}

// --- One operation of the thread

static const char* const names[] = {"read", "write", "COMMIT", "PREFETCH", "ALWAYS_NEED", "ZERO", "set_size", "set_stream_size", "load", "store"};

static void choose(void) {
  static const op_kind_t often[] = {OP_READ, OP_READ,  OP_WRITE, OP_WRITE, OP_WRITE,  OP_COMMIT, OP_PREFETCH, OP_NEED, OP_ZERO,
                                    OP_ZERO, OP_STORE, OP_STORE, OP_STORE, OP_STREAM, OP_LOAD,   OP_LOAD,     OP_SIZE};
  op = (op_t){.kind = often[draw(sizeof(often) / sizeof(often[0]))], .byte = (uint8_t)(1 + draw(255))};
  int halves = 2 * MIN(m.size + 1, MOST);
  switch (op.kind) {
    case OP_READ:
    case OP_WRITE:
    case OP_ZERO:
      op.a = (int)draw((uint64_t)halves);
      op.b = MIN(op.a + (int)draw(draw(8) == 0 ? 2 * MOST : 12), 2 * MOST);
      break;
    case OP_COMMIT:
    case OP_PREFETCH:
    case OP_NEED:
      some_pages(&op.a, &op.b);
      break;
    case OP_SIZE:
    case OP_STREAM:
      op.a = op.b = (int)draw(2 * MOST + 1);
      break;
    default:
      op.a = op.b = (int)draw((uint64_t)halves);
      break;
  }
  op.at = op.a;
  if (op.kind == OP_WRITE) {
    memset(pattern, op.byte, (uint64_t)(op.b - op.a) * HALF);
  }
}

// meddle does something while the thread waits, mostly an answer.
static void meddle(bool* goes_on) {
  request_t* r = &m.request;
  bool reading = op.kind == OP_READ;
  // What an early-woken reader has taken already is not to change, and what a zeroing
  // has done before it waited is not told: these get answers only.
  bool answers_only = reading || op.kind == OP_ZERO || op.kind == OP_SIZE || op.kind == OP_STREAM;
  int a, b;
  some_pages(&a, &b);
  b = MIN(b, m.size);
  a = MIN(a, b);
  switch (draw(16)) {
    case 0:
    case 1:
      if (!(reading && r->partly)) {
        do_fail(draw(2) != 0 ? 0 : r->a, MIN(r->b + (int)draw(3), m.size), goes_on);
        return;
      }
      break;
    case 2:
      if (!reading) {
        do_fail(a, b, goes_on);
        return;
      }
      break;
    case 3:
    case 4:
      do_supply(a, b, goes_on);
      return;
    case 5:
      if (m.trap && a < b) {
        do_dirty(a, b, goes_on);
        return;
      }
      break;
    case 6:
    case 7:
      if (!answers_only) {
        do_writeback(a, b);
        return;
      }
      break;
    case 8:
      if (!answers_only) {
        step++;
        note("ZERO pages [%d, %d)", a, b);
        zero_pages(a, b, goes_on);
        OK(zx_vmo_op_range(vmo, ZX_VMO_OP_ZERO, (uint64_t)a * PAGE, (uint64_t)(b - a) * PAGE, NULL, 0));
        return;
      }
      break;
    case 9:
      if (!answers_only) {
        int size = (int)draw(MOST + 1);
        step++;
        note("set_size %d pages", size);
        resize(2 * size, goes_on);
        OK(zx_vmo_set_size(vmo, (uint64_t)size * PAGE));
        return;
      }
      break;
    case 10:
      if (draw(8) == 0 && !(reading && r->partly)) {
        do_detach(goes_on);
        return;
      }
      break;
    default:
      break;
  }
  // The answer: in full, a little more, or page by page from the front.
  int from = r->a, to = r->b;
  switch (draw(4)) {
    case 0:
      from = reading ? r->wake : r->a + (int)draw((uint64_t)(r->b - r->a));
      to = from + 1;
      break;
    case 1:
      from = (int)draw((uint64_t)from + 1);
      to = MIN(to + (int)draw(3), m.size);
      break;
    default:
      break;
  }
  to = MIN(to, m.size);
  from = MIN(from, to);
  if (r->kind == 'R') {
    do_supply(from, to, goes_on);
  } else {
    do_dirty(from, to, goes_on);
  }
}

static void one_operation(void) {
  choose();
  step++;
  note("%s %d %d byte %#x", names[op.kind], op.a, op.b, op.byte);
  outcome_t want;
  op_t model = op;  // the model's copy; the thread reads op
  zx_port_packet_t packet;
  memset(&packet, 0, sizeof(packet));
  m.request.out = false;
  want = go(&model, ZX_OK);
  OK(zx_port_queue(commands, &packet));
  for (;;) {
    outcome_t got = next(zx_deadline_after(PATIENCE));
    if (got.asks == 0) {
      differs("%s does nothing; expected %s %c [%d, %d)", names[op.kind], zx_status_get_string(want.status), want.asks, want.a, want.b);
    }
    if (got.asks == 'E') {
      if ((want.asks != 0 || want.status == ZX_ERR_BAD_STATE) && model.lingers && got.status == ZX_OK) {
        m.request.out = false;  // it was a page of zeros that is mapped still
        if (seen[0] != 0) {
          differs("a mapped page of zeros reads %#x", seen[0]);
        }
        return;
      }
      if (want.asks != 0) {
        differs("%s ended with %s; expected %c [%d, %d)", names[op.kind], zx_status_get_string(got.status), want.asks, want.a, want.b);
      }
      same_status(names[op.kind], want.status, got.status);
      break;
    }
    asked++;
    if (got.asks != want.asks || got.a != want.a || got.b != want.b) {
      differs("%s asked for %c [%d, %d), not %c [%d, %d) or %s", names[op.kind], got.asks, got.a, got.b, want.asks, want.a,
              want.b, zx_status_get_string(want.status));
    }
    note("  %c [%d, %d)", got.asks, got.a, got.b);
    for (bool goes_on = false;;) {
      meddle(&goes_on);
      if (goes_on) {
        break;
      }
      quiet();
      if (draw(4) == 0) {
        look();
      }
    }
    model.lingers = false;
    want = go(&model, m.request.status);
  }
  if (want.status != ZX_OK) {
    return;
  }
  if (op.kind == OP_READ) {
    for (int h = op.a; h < op.b; h++) {
      holds(h, seen + (uint64_t)(h - op.a) * HALF);
    }
  } else if (op.kind == OP_LOAD) {
    uint8_t is = reads_zero(op.a / 2) ? 0 : m.page[op.a / 2].first[op.a % 2];
    if (seen[0] != is) {
      differs("load of half page %d gave %#x, not %#x", op.a, seen[0], is);
    }
  }
}

// --- One history

static void meanwhile(void) {
  bool ignored = false;
  int a, b;
  some_pages(&a, &b);
  if (draw(3) == 0) {
    a = 0;
    b = m.size;
  }
  switch (draw(12)) {
    case 0:
      do_supply(a, MIN(b, a + 3), &ignored);
      break;
    case 1:
    case 2:
      if (a < b) {
        do_dirty(a, b, &ignored);
      }
      break;
    case 3:
      do_fail(a, b, &ignored);
      break;
    case 4:
      step++;
      note("DONT_NEED [%d, %d)", a, b);
      same_status("DONT_NEED", a < b && b > m.size ? ZX_ERR_OUT_OF_RANGE : ZX_OK,
                  zx_vmo_op_range(vmo, ZX_VMO_OP_DONT_NEED, (uint64_t)a * PAGE, (uint64_t)(b - a) * PAGE, NULL, 0));
      break;
    default:
      do_writeback(a, b);
      do_writeback(a, b);
      break;
  }
}

// survivors: a closed pager drops nothing; everything that is there reads as before,
// what is not cannot be had.
static void survivors(void) {
  for (int p = 0; p < m.size; p++) {
    zx_status_t st = zx_vmo_read(vmo, seen, (uint64_t)p * PAGE, PAGE);
    same_status("zx_vmo_read after the pager was closed", state(p) == 'A' ? ZX_ERR_BAD_STATE : ZX_OK, st);
    if (st == ZX_OK) {
      holds(2 * p, seen);
      holds(2 * p + 1, seen + HALF);
    }
    step++;
  }
}

static void history(uint64_t length) {
  memset(&m, 0, sizeof(m));
  m.trap = draw(2) != 0;
  m.size = (int)draw(MOST + 1);
  m.stream2 = 2 * m.size;
  for (int p = 0; p < MOST; p++) {
    m.page[p].state = 'A';
  }
  completed = false;
  noted = 0;
  OK(zx_pager_create(0, &pager));
  OK(zx_pager_create_vmo(pager, ZX_VMO_RESIZABLE | (m.trap ? ZX_VMO_TRAP_DIRTY : 0), port, VMO_KEY, (uint64_t)m.size * PAGE, &vmo));
  zx_vaddr_t at = 0;
  OK(zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, vmo, 0, SPAN, &at));
  mapped = (uint8_t*)at;
  for (uint64_t end = step + length; step < end;) {
    if (draw(3) == 0) {
      meanwhile();
    } else {
      one_operation();
    }
    quiet();
    look();
    if (draw(400) == 0) {
      bool ignored = false;
      do_detach(&ignored);
    }
    if (m.detached && draw(8) == 0) {
      break;
    }
  }
  bool pager_first = draw(2) != 0;
  if (pager_first) {
    note("close of the pager");
    quiet();
    OK(zx_handle_close(pager));
    survivors();
  }
  OK(zx_vmar_unmap(zx_vmar_root_self(), at, SPAN));
  OK(zx_handle_close(vmo));
  if (!pager_first) {
    m.detached = true;  // COMPLETE may come, and must
    quiet();
    if (!completed) {
      differs("no COMPLETE has come");
    }
    OK(zx_handle_close(pager));
  }
  histories++;
}

static uint8_t* memory(uint64_t size) {
  zx_handle_t v;
  zx_vaddr_t at = 0;
  OK(zx_vmo_create(size, 0, &v));
  OK(zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, v, 0, size, &at));
  OK(zx_handle_close(v));
  return (uint8_t*)at;
}

int main(int argc, char** argv) {
  if (argc > 3) {
    fail("usage: history [SEED [OPERATIONS]]");
  }
  seed = argc > 1 ? number("SEED", argv[1]) : 1;
  uint64_t operations = argc > 2 ? number("OPERATIONS", argv[2]) : 100000;
  dice = seed * 0x9e3779b97f4a7c15ull + 1;
  pattern = memory(SPAN);
  seen = memory(SPAN);
  OK(zx_port_create(0, &port));
  OK(zx_port_create(0, &commands));
  OK(zx_vmo_create(SPAN, 0, &aux));
  OK(zx_thread_create(zx_process_self(), "actor", 5, 0, &actor));
  OK(zx_thread_start(actor, (zx_vaddr_t)act, (zx_vaddr_t)stack + STACK - 8, 0, 0));
  OK(zx_task_create_exception_channel(actor, 0, &exceptions));
  listen_for_faults();
  zx_time_t started = zx_clock_get_monotonic();
  while (step < operations) {
    history(MIN(15 + draw(150), operations - step));
  }
  printf("history: seed %lu: %lu operations in %lu histories, %lu requests, no difference, %ld ms\n", seed, step, histories,
         asked, (zx_clock_get_monotonic() - started) / 1000000);
  return 0;
}

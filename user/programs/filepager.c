// filepager [PAGES [DAMAGED]]: a pager for another process.
//
// It keeps a file of PAGES pages with a checksum for each, page DAMAGED of which
// is broken. It makes a VMO of the file, starts a client process and gives it
// the VMO through a channel, then serves it: a page is supplied when its
// checksum is right, and failed with ZX_ERR_IO_DATA_INTEGRITY when it is not.
// The client maps the VMO, looks at every page, finds the damage, writes some
// pages and asks for them to be written back. Both check each other.
#include <sha256.h>
#include <stdbool.h>

#include "child.h"

enum { MOST = 4096, KEY_PAGES = 1, KEY_CLIENT = 2, KEY_END = 3 };

#define PAGE ((uint64_t)ZX_PAGE_SIZE)
#define SOON zx_deadline_after(ZX_SEC(30))

#define MUST(call)                                                                         \
  do {                                                                                     \
    zx_status_t st_ = (call);                                                              \
    if (st_ != ZX_OK) {                                                                    \
      printf("filepager: line %d: %s: %s\n", __LINE__, #call, zx_status_get_string(st_)); \
      exit(1);                                                                             \
    }                                                                                      \
  } while (0)

// hello_t goes to the client with the VMO.
typedef struct hello {
  uint64_t pages, damaged;
} hello_t;

// What the client asks for, in a message of zx_channel_call.
typedef struct request {
  uint32_t txid;
  zx_status_t status;  // of the answer
  uint64_t dirty;      // of the answer: pages written back
} request_t;

// value is byte i of a page as the file has it; wrote says that the client has
// written that page.
static uint8_t value(uint64_t page, uint64_t i, bool wrote) { return (uint8_t)(page * 7 + i * 13 + (wrote ? 91 : 5)); }

// writes says which pages the client writes.
static bool writes(const hello_t* h, uint64_t page) { return page % 5 == 2 && page != h->damaged; }

// --- The client

static uint64_t mistakes;

static void look(const uint8_t* at, uint64_t page, bool wrote) {
  for (uint64_t i = 0; i < PAGE; i++) {
    if (at[i] != value(page, i, wrote)) {
      printf("client: byte %lu of page %lu is 0x%x\n", i, page, at[i]);
      mistakes++;
      return;
    }
  }
}

static void touch(uintptr_t at, uintptr_t unused) {
  (void)unused;
  *(volatile uint8_t*)at;
  zx_thread_exit();
}

// damage checks that who touches the broken page through a mapping gets an
// exception that says why.
static void damage(zx_vaddr_t at) {
  static uint8_t stack[8192] __attribute__((aligned(16)));
  zx_handle_t thread, channel, x;
  zx_exception_info_t info;
  zx_exception_report_t report;
  MUST(zx_thread_create(zx_process_self(), "toucher", 7, 0, &thread));
  MUST(zx_task_create_exception_channel(thread, 0, &channel));
  MUST(zx_thread_start(thread, (zx_vaddr_t)touch, (zx_vaddr_t)(stack + sizeof(stack)) - 8, at, 0));
  MUST(zx_object_wait_one(channel, ZX_CHANNEL_READABLE, SOON, NULL));
  MUST(zx_channel_read(channel, 0, &info, &x, sizeof(info), 1, NULL, NULL));
  MUST(zx_object_get_info(thread, ZX_INFO_THREAD_EXCEPTION_REPORT, &report, sizeof(report), NULL, NULL));
  printf("client: touching 0x%lx: fatal page fault at 0x%lx, %s\n", at, report.context.arch.u.x86_64.cr2,
         zx_status_get_string((zx_status_t)report.context.synth_code));
  if (info.type != ZX_EXCP_FATAL_PAGE_FAULT || report.context.arch.u.x86_64.cr2 != at ||
      (zx_status_t)report.context.synth_code != ZX_ERR_IO_DATA_INTEGRITY) {
    mistakes++;
  }
  uint32_t state = ZX_EXCEPTION_STATE_THREAD_EXIT;
  MUST(zx_object_set_property(x, ZX_PROP_EXCEPTION_STATE, &state, sizeof(state)));
  MUST(zx_handle_close(x));
  MUST(zx_object_wait_one(thread, ZX_THREAD_TERMINATED, SOON, NULL));
  zx_handle_close_many((zx_handle_t[]){thread, channel}, 2);
}

static int client(void) {
  zx_handle_t channel = zx_start_handle(PA_HND(PA_USER0, 0)), vmo;
  hello_t h;
  uint32_t bytes, handles;
  MUST(zx_object_wait_one(channel, ZX_CHANNEL_READABLE, SOON, NULL));
  MUST(zx_channel_read(channel, 0, &h, &vmo, sizeof(h), 1, NULL, NULL));
  zx_vaddr_t base;
  MUST(zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, vmo, 0, h.pages * PAGE, &base));
  for (uint64_t page = 0; page < h.pages; page++) {
    if (page != h.damaged) {
      look((const uint8_t*)base + page * PAGE, page, false);
    }
  }
  printf("client: %lu pages read through the mapping\n", h.pages - (h.damaged < h.pages));
  if (h.damaged < h.pages) {
    uint8_t byte;
    zx_status_t st = zx_vmo_read(vmo, &byte, h.damaged * PAGE + 17, 1);
    printf("client: reading page %lu: %s\n", h.damaged, zx_status_get_string(st));
    mistakes += st != ZX_ERR_IO_DATA_INTEGRITY;
    damage(base + h.damaged * PAGE + 17);
  }
  uint64_t written = 0;
  for (uint64_t page = 0; page < h.pages; page++) {
    for (uint64_t i = 0; writes(&h, page) && i < PAGE; i++) {
      ((uint8_t*)base)[page * PAGE + i] = value(page, i, true);
      written += i == 0;
    }
  }
  // Twice: the second time nothing is dirty.
  for (int i = 0; i < 2; i++) {
    request_t r = {0};
    zx_channel_call_args_t args = {
        .wr_bytes = &r, .wr_num_bytes = sizeof(r), .rd_bytes = &r, .rd_num_bytes = sizeof(r)};
    MUST(zx_channel_call(channel, 0, SOON, &args, &bytes, &handles));
    MUST(r.status);
    printf("client: %lu dirty pages written back\n", r.dirty);
    mistakes += r.dirty != (i == 0 ? written : 0);
  }
  for (uint64_t page = 0; page < h.pages; page++) {
    if (page != h.damaged) {
      look((const uint8_t*)base + page * PAGE, page, writes(&h, page));
    }
  }
  return mistakes == 0 ? 0 : 1;
}

// --- The pager

static uint8_t* file;  // a mapping, which a client process has no copy of
static uint8_t sums[MOST][SHA256_BYTES];
static hello_t it;
static zx_handle_t pager, port, vmo, aux;
static uint64_t supplied, failed, saved;

static void checksum(uint64_t page, uint8_t sum[SHA256_BYTES]) {
  sha256_t state;
  sha256_init(&state);
  sha256_update(&state, file + page * PAGE, PAGE);
  sha256_final(&state, sum);
}

// make_file makes the file, with its checksums, and then breaks it.
static void make_file(void) {
  zx_handle_t memory;
  zx_vaddr_t at;
  MUST(zx_vmo_create(it.pages * PAGE, 0, &memory));
  MUST(zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, memory, 0, it.pages * PAGE, &at));
  MUST(zx_handle_close(memory));
  file = (uint8_t*)at;
  for (uint64_t page = 0; page < it.pages; page++) {
    for (uint64_t i = 0; i < PAGE; i++) {
      file[page * PAGE + i] = value(page, i, false);
    }
    checksum(page, sums[page]);
  }
  if (it.damaged < it.pages) {
    file[it.damaged * PAGE + 99] ^= 0x10;
  }
}

// read answers a READ request: each page by itself, for each has its checksum.
static void read(uint64_t offset, uint64_t length) {
  for (uint64_t at = offset; at < offset + length; at += PAGE) {
    uint8_t sum[SHA256_BYTES];
    checksum(at / PAGE, sum);
    if (memcmp(sum, sums[at / PAGE], sizeof(sum)) != 0) {
      MUST(zx_pager_op_range(pager, ZX_PAGER_OP_FAIL, vmo, at, PAGE, (uint64_t)(int64_t)ZX_ERR_IO_DATA_INTEGRITY));
      failed++;
      continue;
    }
    MUST(zx_vmo_write(aux, file + at, 0, PAGE));
    MUST(zx_pager_supply_pages(pager, vmo, at, PAGE, aux, 0));
    supplied++;
  }
}

// write_back puts what is dirty into the file, with fresh checksums.
static uint64_t write_back(void) {
  zx_vmo_dirty_range_t ranges[16];
  uint64_t pages = 0;
  for (;;) {
    uint64_t count = 0, left = 0;
    MUST(zx_pager_query_dirty_ranges(pager, vmo, 0, it.pages * PAGE, ranges, sizeof(ranges), &count, &left));
    if (count == 0) {
      return pages;
    }
    for (uint64_t i = 0; i < count; i++) {
      zx_vmo_dirty_range_t* r = &ranges[i];
      MUST(zx_pager_op_range(pager, ZX_PAGER_OP_WRITEBACK_BEGIN, vmo, r->offset, r->length, 0));
      MUST(zx_vmo_read(vmo, file + r->offset, r->offset, r->length));
      for (uint64_t at = r->offset; at < r->offset + r->length; at += PAGE) {
        checksum(at / PAGE, sums[at / PAGE]);
        pages++;
      }
      MUST(zx_pager_op_range(pager, ZX_PAGER_OP_WRITEBACK_END, vmo, r->offset, r->length, 0));
    }
  }
}

// answer serves one message of the client.
static void answer(zx_handle_t channel) {
  request_t r;
  zx_status_t st = zx_channel_read(channel, 0, &r, NULL, sizeof(r), 0, NULL, NULL);
  if (st == ZX_ERR_PEER_CLOSED) {
    return;
  }
  MUST(st);
  r.status = ZX_OK;
  r.dirty = write_back();
  saved += r.dirty;
  MUST(zx_channel_write(channel, 0, &r, sizeof(r), NULL, 0));
  MUST(zx_object_wait_async(channel, port, KEY_CLIENT, ZX_CHANNEL_READABLE | ZX_CHANNEL_PEER_CLOSED, 0));
}

int main(int argc, char** argv) {
  if (argc > 1 && strcmp(argv[0], "child") == 0) {
    return client();
  }
  it.pages = argc > 1 ? strtoull(argv[1], NULL, 0) : 100;
  it.damaged = argc > 2 ? strtoull(argv[2], NULL, 0) : it.pages / 3;
  if (it.pages == 0 || it.pages > MOST) {
    printf("filepager: PAGES is 1 to %d\n", MOST);
    return 2;
  }
  make_file();
  child_t c;
  MUST(child_start("client", &c));
  MUST(zx_pager_create(0, &pager));
  MUST(zx_port_create(0, &port));
  MUST(zx_pager_create_vmo(pager, ZX_VMO_TRAP_DIRTY, port, KEY_PAGES, it.pages * PAGE, &vmo));
  MUST(zx_vmo_create(PAGE, 0, &aux));
  zx_handle_t theirs;
  MUST(zx_handle_duplicate(vmo, ZX_RIGHT_SAME_RIGHTS, &theirs));
  MUST(zx_channel_write(c.channel, 0, &it, sizeof(it), &theirs, 1));
  MUST(zx_object_wait_async(c.channel, port, KEY_CLIENT, ZX_CHANNEL_READABLE | ZX_CHANNEL_PEER_CLOSED, 0));
  MUST(zx_object_wait_async(c.process, port, KEY_END, ZX_TASK_TERMINATED, 0));
  for (bool ended = false; !ended;) {
    zx_port_packet_t p;
    MUST(zx_port_wait(port, SOON, &p));
    if (p.key == KEY_CLIENT) {
      answer(c.channel);
    } else if (p.key == KEY_END) {
      ended = true;
    } else if (p.page_request.command == ZX_PAGER_VMO_READ) {
      read(p.page_request.offset, p.page_request.length);
    } else if (p.page_request.command == ZX_PAGER_VMO_DIRTY) {
      MUST(zx_pager_op_range(pager, ZX_PAGER_OP_DIRTY, vmo, p.page_request.offset, p.page_request.length, 0));
    }
  }
  int64_t code = 0;
  MUST(child_wait(&c, SOON, &code));
  // The file must have what the client wrote, and nothing else.
  uint64_t wrong = 0;
  for (uint64_t page = 0; page < it.pages; page++) {
    for (uint64_t i = 0; i < PAGE; i++) {
      bool broken = page == it.damaged && i == 99;
      wrong += file[page * PAGE + i] != (value(page, i, writes(&it, page)) ^ (broken ? 0x10 : 0));
    }
  }
  printf("filepager: %lu pages supplied, %lu failed, %lu written back, %lu bytes of the file wrong; the client ended with %ld\n",
         supplied, failed, saved, wrong, code);
  child_close(&c);
  return wrong == 0 && code == 0 ? 0 : 1;
}

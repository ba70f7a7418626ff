// pairing: pagers in one language, clients in another. Its start handle
// PA_HND(PA_USER0, 0) is the file of user/go/gopager, which it starts twice: as the
// pager of a VMO that it reads and writes, and as the client of one that it pages.
#include <zx.h>

static int wrong;

#define CHECK(condition)                             \
  do {                                               \
    if (!(condition)) {                              \
      printf("line %d: %s\n", __LINE__, #condition); \
      wrong = 1;                                     \
    }                                                \
  } while (0)

#define OK(call) CHECK((call) == ZX_OK)

enum { PAGE = 4096, SERVED = 64 };

// word is what the first bytes of a page hold: gopager knows it too.
static uint64_t word(uint64_t n) { return n * 0x9e3779b97f4a7c15ull + 7; }

static zx_handle_t start(const char* mode, zx_handle_t handle) {
  const char* argv[] = {"gopager", mode, NULL};
  zx_start_handle_t handles[] = {{PA_HND(PA_USER0, 0), handle}};
  zx_program_t what = {.argv = argv, .handles = handles, .handle_count = 1};
  zx_handle_t process = ZX_HANDLE_INVALID;
  zx_status_t status = zx_program_start(&what, zx_start_handle(PA_HND(PA_USER0, 0)), &process);
  if (status != ZX_OK) {
    printf("gopager cannot be started: %s\n", zx_status_get_string(status));
    exit(1);
  }
  return process;
}

static int64_t ended(zx_handle_t process) {
  zx_info_process_t info = {0};
  OK(zx_object_wait_one(process, ZX_PROCESS_TERMINATED, ZX_TIME_INFINITE, NULL));
  OK(zx_object_get_info(process, ZX_INFO_PROCESS, &info, sizeof(info), NULL, NULL));
  zx_handle_close(process);
  return info.return_code;
}

// Go pages, C reads and writes.
static void go_pager(void) {
  zx_handle_t mine, theirs, vmo = ZX_HANDLE_INVALID;
  OK(zx_channel_create(0, &mine, &theirs));
  zx_handle_t process = start("serve", theirs);
  char text[8];
  uint32_t n, handles;
  OK(zx_object_wait_one(mine, ZX_CHANNEL_READABLE | ZX_CHANNEL_PEER_CLOSED, ZX_TIME_INFINITE, NULL));
  OK(zx_channel_read(mine, 0, text, &vmo, sizeof(text), 1, &n, &handles));
  CHECK(handles == 1);
  zx_vaddr_t at;
  OK(zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, vmo, 0, SERVED * PAGE, &at));
  for (uint64_t i = 0; i < SERVED && !wrong; i++) {
    volatile uint64_t* page = (volatile uint64_t*)(at + i * PAGE);
    CHECK(page[0] == word(i));
    if (i % 4 == 1) page[1] = i;
  }
  OK(zx_channel_write(mine, 0, "dirty?", 6, NULL, 0));
  OK(zx_object_wait_one(mine, ZX_CHANNEL_READABLE | ZX_CHANNEL_PEER_CLOSED, ZX_TIME_INFINITE, NULL));
  uint32_t dirty = 0;
  OK(zx_channel_read(mine, 0, &dirty, NULL, sizeof(dirty), 0, &n, NULL));
  CHECK(dirty == SERVED / 4);
  OK(zx_vmar_unmap(zx_vmar_root_self(), at, SERVED * PAGE));
  zx_handle_close(vmo);
  zx_handle_close(mine);
  CHECK(ended(process) == 0);
}

enum { KEY_PAGES = 1, KEY_ENDED = 2 };

// C pages, Go reads and writes.
static void c_pager(void) {
  zx_handle_t pager, port, aux, vmo, theirs;
  OK(zx_pager_create(0, &pager));
  OK(zx_port_create(0, &port));
  OK(zx_vmo_create(SERVED * PAGE, 0, &aux));
  OK(zx_pager_create_vmo(pager, ZX_VMO_TRAP_DIRTY, port, KEY_PAGES, SERVED * PAGE, &vmo));
  OK(zx_handle_duplicate(vmo, ZX_RIGHT_SAME_RIGHTS, &theirs));
  zx_handle_t process = start("client", theirs);
  OK(zx_object_wait_async(process, port, KEY_ENDED, ZX_PROCESS_TERMINATED, 0));
  int reads = 0, writes = 0;
  for (;;) {
    zx_port_packet_t p;
    OK(zx_port_wait(port, ZX_TIME_INFINITE, &p));
    if (wrong || p.key == KEY_ENDED) break;
    const zx_packet_page_request_t* r = &p.page_request;
    if (r->command == ZX_PAGER_VMO_READ) {
      for (uint64_t o = 0; o < r->length; o += PAGE) {
        uint64_t value = word((r->offset + o) / PAGE);
        OK(zx_vmo_write(aux, &value, o, sizeof(value)));
      }
      OK(zx_pager_supply_pages(pager, vmo, r->offset, r->length, aux, 0));
      reads++;
    } else if (r->command == ZX_PAGER_VMO_DIRTY) {
      OK(zx_pager_op_range(pager, ZX_PAGER_OP_DIRTY, vmo, r->offset, r->length, 0));
      writes++;
    }
  }
  CHECK(ended(process) == 0 && reads > 0 && writes > 0);
  zx_handle_close(vmo);
  zx_handle_close(aux);
  zx_handle_close(pager);
  zx_handle_close(port);
}

int main(void) {
  if (zx_start_handle(PA_HND(PA_USER0, 0)) == ZX_HANDLE_INVALID) {
    printf("usage: run pairing --file=GOPAGER\n");
    return 1;
  }
  go_pager();
  c_pager();
  printf("pairs of pager and client %s\n", wrong ? "differ" : "hold");
  return wrong;
}

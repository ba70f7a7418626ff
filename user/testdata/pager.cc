// A pager in C++: the owning handles. Prints what is wrong and exits 1 then.
#include <lib/zx/vmo.h>
#include <array>
#include <cstdio>
#include <span>
#include <threads.h>
#include <zx/objects.h>

static int wrong;

#define CHECK(condition)                                  \
  do {                                                    \
    if (!(condition)) {                                   \
      std::printf("line %d: %s\n", __LINE__, #condition); \
      wrong = 1;                                          \
    }                                                     \
  } while (0)

namespace {

struct server {
  zx::pager pager;
  zx::port port;
  zx::vmo vmo, aux;
  std::array<uint64_t, 512> words{};

  // serve supplies pages until somebody queues a packet.
  void serve() {
    zx_port_packet_t packet;
    while (port.wait(ZX_TIME_INFINITE, &packet) == ZX_OK && packet.type == ZX_PKT_TYPE_PAGE_REQUEST) {
      uint64_t at = packet.page_request.offset;
      for (uint64_t& word : std::span(words)) word = at + 1;
      CHECK(aux.write(words.data(), 0, ZX_PAGE_SIZE) == ZX_OK);
      for (uint64_t o = 0; o < packet.page_request.length; o += ZX_PAGE_SIZE) {
        CHECK(pager.supply_pages(vmo, at + o, ZX_PAGE_SIZE, aux, 0) == ZX_OK);
        CHECK(aux.write(words.data(), 0, ZX_PAGE_SIZE) == ZX_OK);
      }
    }
  }
};

thread_local server* mine;

}  // namespace

int main() {
  server s;
  CHECK(zx::pager::create(0, &s.pager) == ZX_OK && zx::port::create(0, &s.port) == ZX_OK);
  CHECK(s.pager.create_vmo(0, s.port, 1, 4 * ZX_PAGE_SIZE, &s.vmo) == ZX_OK);
  CHECK(zx::vmo::create(ZX_PAGE_SIZE, 0, &s.aux) == ZX_OK);
  thrd_t thread;
  CHECK(thrd_create(&thread, [](void* p) -> int {
    mine = static_cast<server*>(p);
    mine->serve();
    return 0;
  }, &s) == thrd_success);
  zx_vaddr_t at = 0;
  CHECK(zx::vmar::root_self()->map(ZX_VM_PERM_READ, 0, s.vmo, 0, 4 * ZX_PAGE_SIZE, &at) == ZX_OK);
  for (uint64_t n : {2, 0, 3}) CHECK(*reinterpret_cast<volatile uint64_t*>(at + n * ZX_PAGE_SIZE) == n * ZX_PAGE_SIZE + 1);
  zx::vmo moved = std::move(s.vmo), copy;
  CHECK(!s.vmo && moved.duplicate(ZX_RIGHT_SAME_RIGHTS, &copy) == ZX_OK && copy.get() != moved.get());
  s.vmo = std::move(moved);
  zx_port_packet_t stop{};
  CHECK(s.port.queue(&stop) == ZX_OK && thrd_join(thread, nullptr) == thrd_success);
  zx_handle_t closed = copy.get();
  copy.reset();
  CHECK(zx_handle_check_valid(closed) == ZX_ERR_BAD_HANDLE && mine == nullptr);
  std::printf("owning handles %s\n", wrong ? "differ" : "hold");
  return wrong;
}

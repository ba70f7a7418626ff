// toucher SIZE: keeps a file mapped and touches it when told to.
//
// The console starts one for each file that is poked, touched or looked at, so
// that page-table entries outlive a command: `poke; pt; sync; pt` looks at one
// mapping. When a touch kills it, the console starts another.
//
// Start handles: PA_USER0 the file's VMO, PA_USER1 the port commands come on,
// PA_USER2 the port answers go to. All packets are USER packets; their key and
// payload, little-endian:
//
//	key       offset 0         8              16
//	command   operation u64    offset u64     bytes u8[16]
//	answer    status i64       address u64    bytes u8[16]
//
// The key of a command is copied to its answer. One answer with key 0 comes
// unasked, first: its address is where byte 0 of the file is mapped. A command
// that kills the program has no answer.
//
//	READ   1         loads the byte at offset; bytes[0] is what it holds
//	WRITE  2         stores to the byte at offset the value it has, by one locked
//	                 instruction: a write fault, and no change; bytes[0] as READ
//	STORE  3 + n<<8  stores n (1 to 16) bytes at offset, one at a time
//
// Anything else is answered with ZX_ERR_INVALID_ARGS, an offset past SIZE with
// ZX_ERR_OUT_OF_RANGE.
#include "file.h"

enum { READ = 1, WRITE = 2, STORE = 3, MOST = 16 };

static zx_handle_t answers;

// payload is the 32 bytes of a command or an answer.
typedef struct {
  uint64_t word;  // operation or status
  uint64_t where;
  uint8_t bytes[MOST];
} payload_t;

static void answer(uint64_t key, int64_t status, uint64_t address, const uint8_t* bytes) {
  payload_t body = {.word = (uint64_t)status, .where = address};
  if (bytes != NULL) {
    memcpy(body.bytes, bytes, MOST);
  }
  zx_port_packet_t packet;
  memset(&packet, 0, sizeof(packet));
  packet.key = key;
  memcpy(&packet.user, &body, sizeof(body));
  zx_status_t st = zx_port_queue(answers, &packet);
  if (st != ZX_OK) {
    fail("toucher: cannot answer: %s", zx_status_get_string(st));
  }
}

// perform does one command on the file mapped at base.
static int64_t perform(uint8_t* base, uint64_t size, payload_t* body) {
  uint64_t operation = body->word & 0xff, count = body->word >> 8;
  if (operation == READ || operation == WRITE) {
    count = 1;
  } else if (operation != STORE || count < 1 || count > MOST) {
    return ZX_ERR_INVALID_ARGS;
  }
  if (body->where >= size || count > size - body->where) {
    return ZX_ERR_OUT_OF_RANGE;
  }
  volatile uint8_t* at = base + body->where;
  if (operation == READ) {
    body->bytes[0] = *at;
  } else if (operation == WRITE) {
    uint8_t value = 0;
    __asm__ volatile("lock xaddb %0, %1" : "+q"(value), "+m"(*at) : : "memory");
    body->bytes[0] = value;
  } else {
    for (uint64_t i = 0; i < count; i++) {
      at[i] = body->bytes[i];
    }
  }
  return ZX_OK;
}

int main(int argc, char** argv) {
  if (argc != 2) {
    fail("usage: toucher SIZE");
  }
  uint64_t size = number("size", argv[1]);
  zx_handle_t commands = zx_start_handle(PA_HND(PA_USER0, 1));
  answers = zx_start_handle(PA_HND(PA_USER0, 2));
  uint8_t* base = NULL;
  if (size > 0) {
    base = map_file(0, size, ZX_VM_PERM_READ | ZX_VM_PERM_WRITE);
  }
  answer(0, ZX_OK, (uintptr_t)base, NULL);
  for (;;) {
    zx_port_packet_t packet;
    zx_status_t st = zx_port_wait(commands, ZX_TIME_INFINITE, &packet);
    if (st != ZX_OK) {
      fail("toucher: cannot wait for a command: %s", zx_status_get_string(st));
    }
    payload_t body;
    memcpy(&body, &packet.user, sizeof(body));
    st = (zx_status_t)perform(base, size, &body);
    answer(packet.key, st, (uintptr_t)base + body.where, body.bytes);
  }
}

// conform.h: what the conformance tests are written in.
//
// A test is a function run in a process of its own; it ends well by
// returning. Checks are macros in capitals: one that does not hold prints
//
//	differs: user/conform/commit.c:12: READ(0, 1): no such packet in 10 s
//
// and ends the process with code 1, so nothing is unwound. Code 77 and a line
// "not-yet: what is lacking" say that the kernel lacks something the test needs.
// After a test that passed everything it made is taken down again, and each
// of its threads must have ended.
//
// Offsets and counts are in pages unless bytes are named; (o, n) is the pages
// o to o+n-1. No wait is longer than PATIENCE, and a test that stops on its own
// main thread is ended by a watchdog.
#ifndef CONFORM_H_
#define CONFORM_H_

#include <stdbool.h>
#include <zx.h>

#define PAGE ((uint64_t)ZX_PAGE_SIZE)
#define PATIENCE ZX_SEC(10)

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

// The ways to run one test. Most have one; a two-way test looks at data
// through a mapping or by zx_vmo_read, or has a VMO that traps dirty or not.
// WITH_CHILD, PINNED and PHYSICAL are the parts of a scenario that need such a VMO.
typedef enum {
  SINGLE, MAPPING, VMO_READ, TRAP_DIRTY, NO_TRAP_DIRTY, VMAR, VMO, WITH_CHILD, PINNED, PHYSICAL,
} variant_t;

typedef struct {
  const char* id;
  variant_t variant;
  void (*run)(variant_t);
  const void* row;  // of the table that run looks at; NULL for none
} test_t;

// running is the test that runs.
extern const test_t* running;

static inline uint32_t trap_if(variant_t how) { return how == TRAP_DIRTY ? ZX_VMO_TRAP_DIRTY : 0; }

// Rows of a table of tests.
#define CASE(id, variant, fn) {id, variant, fn, NULL}
#define ONE(id, fn) CASE(id, SINGLE, fn)
#define BOTH(id, fn) CASE(id, MAPPING, fn), CASE(id, VMO_READ, fn)
#define TRAPS(id, fn) CASE(id, TRAP_DIRTY, fn), CASE(id, NO_TRAP_DIRTY, fn)
#define WAYS(id, fn) CASE(id, VMAR, fn), CASE(id, VMO, fn)
#define CHILDREN_TOO(id, fn) CASE(id, WITH_CHILD, fn)

typedef struct {
  const test_t* tests;
  size_t count;
} table_t;

// --- Checks (check.c)

// where_t is the line of a check.
typedef struct {
  const char* file;
  int line;
} where_t;

#define HERE ((where_t){__FILE__, __LINE__})

// differs says what differed and ends the test.
_Noreturn void differs(where_t at, const char* format, ...) __attribute__((format(printf, 2, 3)));

// not_yet ends the test for lack of a feature.
_Noreturn void not_yet(const char* feature);

#define CHECK(condition) ((condition) ? (void)0 : differs(HERE, "%s does not hold", #condition))

// EQUAL compares numbers, STATUS statuses.
#define EQUAL(want, got) equal(HERE, #got, (uint64_t)(want), (uint64_t)(got))
#define STATUS(want, got) status_is(HERE, #got, (want), (got))
#define OK(call) status_is(HERE, #call, ZX_OK, (call))
// REFUSED is any status but ZX_OK.
#define REFUSED(call) refused(HERE, #call, (call))

void equal(where_t at, const char* what, uint64_t want, uint64_t got);
void status_is(where_t at, const char* what, zx_status_t want, zx_status_t got);
void refused(where_t at, const char* what, zx_status_t got);

// fewer gives a handle to the same object that lacks rights.
zx_handle_t fewer(zx_handle_t handle, zx_rights_t rights);

// line_is notes the line the test has come to, for the watchdog.
void line_is(where_t at);

// buffer gives zeroed memory that holds no page until touched.
#define BUFFER(bytes) buffer(HERE, bytes)
uint8_t* buffer(where_t at, uint64_t bytes);

// map_vmo maps pages (o, n) of a VMO somewhere in the root VMAR. What it and
// BUFFER mapped is unmapped when the test ends, or by unmap.
#define MAP_VMO(vmo, options, o, n) map_vmo(HERE, vmo, options, o, n)
#define UNMAP(address) unmap(HERE, address)
uint8_t* map_vmo(where_t at, zx_handle_t vmo, zx_vm_option_t options, uint64_t o, uint64_t n);
void unmap(where_t at, const void* address);

// plain makes an anonymous VMO of n pages; it is closed when the test ends.
#define PLAIN(n) plain(HERE, n)
zx_handle_t plain(where_t at, uint64_t n);

// later is the deadline of a wait that begins now.
zx_time_t later(void);

// pause sleeps.
void pause_for(zx_duration_t time);

// chance is true once in n. The seed is shown by a test that fails.
bool chance(unsigned n);

void start_watchdog(void);
void take_down_memory(void);

// --- Pagers and their VMOs (pager.c, packets.c, ranges.c)

enum { STASH = 512 };

typedef struct pager {
  zx_handle_t pager, port;
  uint64_t next_key;
  zx_port_packet_t stash[STASH];  // received, wanted by nobody so far
  size_t stashed;
  struct worker* autopager;
  zx_handle_t stop;      // event that ends the autopager
  uint64_t supply_limit; // pages of each VMO the autopager may supply
} pager_t;

// vmo_t is a pager VMO, mapped whole while it has a size.
typedef struct vmo {
  pager_t* pager;
  zx_handle_t handle;
  uint64_t key;    // packet key; word i of the content is key + i
  uint64_t pages;  // the size
  uint8_t* base;   // the mapping; NULL for none
  uint64_t mapped; // its pages
  bool traps;      // made with ZX_VMO_TRAP_DIRTY
  uint8_t* want;   // expected content once it is not all tags; see want_*
} vmo_t;

pager_t* new_pager(where_t at);
void close_pager(pager_t* p);
void close_port(pager_t* p);
#define PAGER() new_pager(HERE)

// NEW_VMO makes a pager VMO of n pages. options: ZX_VMO_RESIZABLE and so on.
// UNBOUNDED_VMO has a stream size of n pages and no mapping.
#define NEW_VMO(p, n, options) new_vmo(HERE, p, n, options, true)
#define UNMAPPED_VMO(p, n, options) new_vmo(HERE, p, n, options, false)
#define UNBOUNDED_VMO(p, n, options) new_vmo(HERE, p, n, (options) | ZX_VMO_UNBOUNDED, false)
vmo_t* new_vmo(where_t at, pager_t* p, uint64_t n, uint32_t options, bool mapped);
vmo_t* free_vmo(where_t at);  // a slot for one
void drop_vmo(vmo_t* v);

// RESIZABLE is NEW_VMO of a resizable one that traps if the variant says so.
// RESIZE sets the size and, when growing, maps the VMO anew.
#define RESIZABLE(p, n, how) new_vmo(HERE, p, n, ZX_VMO_RESIZABLE | trap_if(how), true)
#define RESIZE(v, n) resize(HERE, v, n)
void resize(where_t at, vmo_t* v, uint64_t n);

// fill_tags writes the tag words of pages (o, n) of v to pages (s, n) of a VMO.
void fill_tags(where_t at, const vmo_t* v, uint64_t o, uint64_t n, zx_handle_t to, uint64_t s);

// Pager calls; those in capitals must succeed.
zx_status_t supply_from(vmo_t* v, uint64_t o, uint64_t n, zx_handle_t aux, uint64_t s);
zx_status_t supply(where_t at, vmo_t* v, uint64_t o, uint64_t n, uint64_t s);
zx_status_t mark(where_t at, vmo_t* v, uint64_t o, uint64_t n);
zx_status_t pager_op(vmo_t* v, uint32_t op, uint64_t o, uint64_t n, uint64_t data);
zx_status_t detach(vmo_t* v);

#define SUPPLY(v, o, n) status_is(HERE, "SUPPLY(" #o ", " #n ")", ZX_OK, supply(HERE, v, o, n, 0))
#define SUPPLY_AT(v, o, n, s) status_is(HERE, "SUPPLY(" #o ", " #n ")", ZX_OK, supply(HERE, v, o, n, s))
// MARK supplies pages that are not there, which become zero markers.
#define MARK(v, o, n) status_is(HERE, "MARK(" #o ", " #n ")", ZX_OK, mark(HERE, v, o, n))
#define OP(v, op, o, n, data) status_is(HERE, #op "(" #o ", " #n ")", ZX_OK, pager_op(v, op, o, n, data))
#define OPD(v, o, n) OP(v, ZX_PAGER_OP_DIRTY, o, n, 0)
#define FAIL(v, o, n) FAIL_WITH(v, o, n, ZX_ERR_IO)
#define FAIL_WITH(v, o, n, status) OP(v, ZX_PAGER_OP_FAIL, o, n, (uint64_t)(int64_t)(status))
#define WB(v, o, n) OP(v, ZX_PAGER_OP_WRITEBACK_BEGIN, o, n, 0)
#define WB0(v, o, n) OP(v, ZX_PAGER_OP_WRITEBACK_BEGIN, o, n, ZX_VMO_DIRTY_RANGE_IS_ZERO)
#define END(v, o, n) OP(v, ZX_PAGER_OP_WRITEBACK_END, o, n, 0)
#define DETACH(v) status_is(HERE, "zx_pager_detach_vmo", ZX_OK, detach(v))

// Packets. READ and DIRTY wait for the request of exactly these pages.
#define READ(v, o, n) want_request(HERE, v, ZX_PAGER_VMO_READ, o, n)
#define DIRTY(v, o, n) want_request(HERE, v, ZX_PAGER_VMO_DIRTY, o, n)
#define COMPLETE(p, key) want_complete(HERE, p, key)
// ANY_READ waits for some READ.
#define ANY_READ(v, o, n) any_request(HERE, v, ZX_PAGER_VMO_READ, o, n)
// NO_*: no such packet is there now. QUIET: neither READ nor DIRTY.
#define NO_READ(v) no_request(HERE, v, ZX_PAGER_VMO_READ)
#define NO_DIRTY(v) no_request(HERE, v, ZX_PAGER_VMO_DIRTY)
#define NO_READ_OF(v, o, n) no_request_of(HERE, v, ZX_PAGER_VMO_READ, o, n)
#define QUIET(v) (NO_DIRTY(v), NO_READ(v))
// READ_SUPPLY and DIRTY_OPD answer what they waited for.
#define READ_SUPPLY(v, o, n) (READ(v, o, n), SUPPLY(v, o, n))
#define DIRTY_OPD(v, o, n) (DIRTY(v, o, n), OPD(v, o, n))

void want_request(where_t at, vmo_t* v, uint16_t command, uint64_t o, uint64_t n);
void any_request(where_t at, vmo_t* v, uint16_t command, uint64_t* o, uint64_t* n);
void want_complete(where_t at, pager_t* p, uint64_t key);
void no_request(where_t at, vmo_t* v, uint16_t command);
void no_request_of(where_t at, vmo_t* v, uint16_t command, uint64_t o, uint64_t n);
void show_packets(void);

// The autopager is a thread that answers every READ of v within the limit. No
// VMO may come or go while it runs.
enum { UNLIMITED = -1 };
void start_autopager(where_t at, pager_t* p, uint64_t limit, vmo_t* v);
void stop_autopager(where_t at, pager_t* p);
#define AUTOPAGER(v, limit) start_autopager(HERE, (v)->pager, limit, v)
#define STOP_AUTOPAGER(v) stop_autopager(HERE, (v)->pager)
#define SUPPLY_LIMIT(v, n) __atomic_store_n(&(v)->pager->supply_limit, (n), __ATOMIC_RELEASE)

void take_down_pagers(void);

// Dirty ranges: RANGES(v, D(1, 2), Z(3, 1)), in order; NO_RANGES(v).
typedef struct {
  uint64_t o, n, options;
} range_t;

#define D(o, n) ((range_t){o, n, 0})
#define Z(o, n) ((range_t){o, n, ZX_VMO_DIRTY_RANGE_IS_ZERO})
#define RANGES(v, ...) \
  ranges_are(HERE, v, (range_t[]){__VA_ARGS__}, COUNT(((range_t[]){__VA_ARGS__})))
#define NO_RANGES(v) ranges_are(HERE, v, NULL, 0)
void ranges_are(where_t at, vmo_t* v, const range_t* want, size_t count);

// MODIFIED asks twice: modified, then not. The question clears the flag.
#define MODIFIED(v) modified_is(HERE, v, true)
#define NOT_MODIFIED(v) modified_is(HERE, v, false)
void modified_is(where_t at, vmo_t* v, bool want);

zx_info_vmo_t vmo_info(where_t at, zx_handle_t vmo);
#define COMMITTED(v, n) equal(HERE, "committed bytes", (n) * PAGE, vmo_info(HERE, (v)->handle).committed_bytes)

// --- Children (children.c)

// CHILD makes a child of pages (o, n) with a mapping of its own; its tags are
// the parent's. Requests for it carry its root's key and offsets. A kernel
// without that kind of child ends the test with not-yet.
#define CHILD(v, options, o, n) child(HERE, v, options, (o) * PAGE, (n) * PAGE)
#define CHILD_BYTES(v, options, at, count) child(HERE, v, options, at, count)
#define CLONE(v) CHILD(v, ZX_VMO_CHILD_SNAPSHOT_AT_LEAST_ON_WRITE | ZX_VMO_CHILD_RESIZABLE, 0, (v)->pages)
#define SNAPSHOT(v) CHILD(v, ZX_VMO_CHILD_SNAPSHOT_MODIFIED, 0, (v)->pages)
#define SLICE(v, o, n) CHILD(v, ZX_VMO_CHILD_SLICE, o, n)
vmo_t* child(where_t at, vmo_t* parent, uint32_t options, uint64_t offset, uint64_t bytes);

// NO_CHILD wants the creation refused.
#define NO_CHILD(v, options, o, n) no_child(HERE, v, options, o, n)
void no_child(where_t at, vmo_t* parent, uint32_t options, uint64_t o, uint64_t n);

// CHILDREN and POPULATED wait until ZX_INFO_VMO counts n children, n pages. Of a
// page that several share each counts its part (populated_scaled_bytes).
#define CHILDREN(v, n) info_becomes(HERE, v, "num_children", offsetof(zx_info_vmo_t, num_children), n)
#define POPULATED(v, n) info_becomes(HERE, v, "populated_scaled_bytes", 152, (uint64_t)((n) * PAGE))
void info_becomes(where_t at, vmo_t* v, const char* what, size_t field, uint64_t want);

// WORD is the first word of a page through the mapping.
#define WORD(v, page) (*(volatile uint64_t*)((v)->base + (page) * PAGE))

// PUT and GET are that word by zx_vmo_write and zx_vmo_read.
#define PUT(v, page, word) put_word(HERE, v, page, word)
#define GET(v, page) get_word(HERE, v, page)
void put_word(where_t at, vmo_t* v, uint64_t page, uint64_t word);
uint64_t get_word(where_t at, vmo_t* v, uint64_t page);

// --- Devices (pin.c)

// device makes a BTI out of the resource that run -privileged gives. PIN pins pages
// (o, n) by it and gives the token.
zx_handle_t device(where_t at);
#define PIN(vmo, options, o, n) pin(HERE, vmo, options, o, n)
zx_handle_t pin(where_t at, zx_handle_t vmo, uint32_t options, uint64_t o, uint64_t n);

// --- Content (content.c)

// The content a VMO should have: tags, but for what these said. Growing by
// RESIZE adds zeros.
void want_tag(vmo_t* v, uint64_t o, uint64_t n);
void want_fill(vmo_t* v, uint64_t o, uint64_t n, uint8_t byte);
void want_bytes(vmo_t* v, uint64_t at, const void* bytes, uint64_t count);
void want_byte(vmo_t* v, uint64_t page, uint8_t byte);  // the first of the page

// CONTENT compares (o, n) through the mapping, CONTENT_READ by zx_vmo_read.
#define CONTENT(v, o, n) content_is(HERE, v, o, n, MAPPING)
#define CONTENT_READ(v, o, n) content_is(HERE, v, o, n, VMO_READ)
#define CONTENT_BY(v, o, n, how) content_is(HERE, v, o, n, how)
void content_is(where_t at, vmo_t* v, uint64_t o, uint64_t n, variant_t how);

// same compares (o, n) with what is wanted; false when they differ or cannot
// be read. It may block, or end in a page fault when how is MAPPING.
bool same(const vmo_t* v, uint64_t o, uint64_t n, variant_t how);

// same_bytes compares memory with pages (o, n) wanted of v.
bool same_bytes(const vmo_t* v, uint64_t o, uint64_t n, const volatile uint8_t* bytes);

// BECOMES waits until memory shows pages (o, n) of v.
#define BECOMES(v, o, n, bytes) becomes(HERE, v, o, n, bytes)
void becomes(where_t at, const vmo_t* v, uint64_t o, uint64_t n, const volatile uint8_t* bytes);

// ALL_ZERO reads pages (o, n) by zx_vmo_read and wants zeros.
#define ALL_ZERO(vmo, o, n) all_zero(HERE, vmo, o, n)
void all_zero(where_t at, zx_handle_t vmo, uint64_t o, uint64_t n);

// --- Workers (worker.c)

enum { MAX_STORES = 16 };

// worker_t is a thread that does one thing which may block.
typedef struct worker {
  bool (*act)(struct worker*);
  vmo_t* v;
  zx_handle_t handle;  // VMO, VMAR or whatever act wants
  uint64_t at, count;  // bytes
  uint8_t* data;
  uint8_t byte;
  uint32_t op;
  variant_t how;
  volatile uint8_t* stores[MAX_STORES];
  size_t stored;

  zx_status_t status;  // of the call it made
  bool fine;           // what act returned

  const char* name;  // what it does, for messages
  zx_handle_t thread, exceptions, go;
  uint8_t* stack;
  bool joined;
} worker_t;

// VERIFY compares pages (o, n) of v with what is wanted.
#define VERIFY(v, o, n, how) start_verify(HERE, v, o, n, how)
// READ_BYTES is one zx_vmo_read into data, WRITE_BYTES one zx_vmo_write.
#define READ_BYTES(v, at, data, count) start_read(HERE, v, at, data, count)
#define WRITE_BYTES(v, at, data, count) start_write(HERE, v, at, data, count)
// WRITE_BYTE writes the first byte of a page, WRITE_PAGES fills pages.
#define WRITE_BYTE(v, page, byte) start_write_byte(HERE, v, page, byte)
#define WRITE_PAGES(v, o, n, byte) start_write_pages(HERE, v, o, n, byte)
// LOAD and STORE touch addresses.
#define LOAD(...) start_touch(HERE, false, 0, (volatile void*[]){__VA_ARGS__}, COUNT(((volatile void*[]){__VA_ARGS__})))
#define STORE(byte, ...) start_touch(HERE, true, byte, (volatile void*[]){__VA_ARGS__}, COUNT(((volatile void*[]){__VA_ARGS__})))
// VMO_OP is zx_vmo_op_range, in pages; VMO_OP_BYTES in bytes. VMAR_OP is zx_vmar_op_range.
#define VMO_OP(v, op, o, n) start_vmo_op(HERE, (v)->handle, op, (o) * PAGE, (n) * PAGE)
#define VMO_OP_BYTES(v, op, at, count) start_vmo_op(HERE, (v)->handle, op, at, count)
#define VMAR_OP(vmar, op, address, n) start_vmar_op(HERE, vmar, op, address, (n) * PAGE)
#define ZERO(v, o, n) VMO_OP(v, ZX_VMO_OP_ZERO, o, n)
#define COMMIT(v, o, n) VMO_OP(v, ZX_VMO_OP_COMMIT, o, n)
// ACT runs a function on a worker with the fields given.
#define ACT(fn, ...) start_act(HERE, &(worker_t){.act = fn, .name = #fn, __VA_ARGS__})

worker_t* start_act(where_t at, const worker_t* what);
worker_t* start_verify(where_t at, vmo_t* v, uint64_t o, uint64_t n, variant_t how);
worker_t* start_read(where_t at, vmo_t* v, uint64_t offset, uint8_t* data, uint64_t count);
worker_t* start_write(where_t at, vmo_t* v, uint64_t offset, const void* data, uint64_t count);
worker_t* start_write_byte(where_t at, vmo_t* v, uint64_t page, uint8_t byte);
worker_t* start_write_pages(where_t at, vmo_t* v, uint64_t o, uint64_t n, uint8_t byte);
worker_t* start_touch(where_t at, bool store, uint8_t byte, volatile void* const* list, size_t count);
worker_t* start_vmo_op(where_t at, zx_handle_t vmo, uint32_t op, uint64_t offset, uint64_t count);
worker_t* start_vmar_op(where_t at, zx_handle_t vmar, uint32_t op, const void* address, uint64_t count);

// WROTE_BYTE and WROTE_PAGES do the same to the end: on a worker, granting the one
// DIRTY that a VMO which traps must ask for; then that content is wanted.
#define WROTE_BYTE(v, page, byte) wrote_byte(HERE, v, page, byte)
#define WROTE_PAGES(v, o, n, byte) wrote_pages(HERE, v, o, n, byte)
// STORED stores the first byte of a page through a mapping of the whole VMO.
#define STORED(v, base, page, byte) stored(HERE, v, base, page, byte)
// NOW_BYTE writes on the main thread, so it must not block.
#define NOW_BYTE(v, page, byte) now_byte(HERE, v, page, byte)
void wrote_byte(where_t at, vmo_t* v, uint64_t page, uint8_t byte);
void wrote_pages(where_t at, vmo_t* v, uint64_t o, uint64_t n, uint8_t byte);
void stored(where_t at, vmo_t* v, uint8_t* base, uint64_t page, uint8_t byte);
void now_byte(where_t at, vmo_t* v, uint64_t page, uint8_t byte);

// How it must end. DONE: it ended and was content; FAILS: it ended and was
// not. Neither allows an exception.
#define DONE(w) ends(HERE, w, true)
#define FAILS(w) ends(HERE, w, false)
#define ENDS_WITH(w, want) ends_with(HERE, w, want)
#define CRASHES(w, address, status) crashes(HERE, w, address, status)
#define BLOCKED(w) blocked(HERE, w)

void ends(where_t at, worker_t* w, bool fine);
void ends_with(where_t at, worker_t* w, zx_status_t want);
void crashes(where_t at, worker_t* w, const volatile void* address, zx_status_t status);
void blocked(where_t at, worker_t* w);

// PROBE touches an address on a worker and gives the status of its fault, or ZX_OK.
#define PROBE(address, store) probe(HERE, address, store)
zx_status_t probe(where_t at, volatile void* address, bool store);

// SUSPEND gives the token; SUSPENDED waits until the thread stands.
#define SUSPEND(w) suspend(HERE, w)
#define SUSPENDED(w) suspended(HERE, w)
#define RESUME(token) OK(zx_handle_close(token))
zx_handle_t suspend(where_t at, worker_t* w);
void suspended(where_t at, worker_t* w);

void show_workers(void);
void take_down_workers(where_t at);

// --- The tables of tests

extern const table_t basic_tests, commit_tests, failure_tests, suspend_tests, hint_tests, argument_tests;
extern const table_t clone_tests, family_tests, snapshot_tests, vmo_snapshot_tests, clone_writeback_tests;
extern const table_t dirty_tests, writeback_tests, interval_tests, zero_tests, stats_tests, stream_tests;
extern const table_t scenario_tests, scenario_dirty_tests, scenario_check_tests;
extern const table_t call_tests, call_pager_tests, call_vmo_tests, pin_tests, child_row_tests, missing_tests, missing_writeback_tests;

#endif  // CONFORM_H_

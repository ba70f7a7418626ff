// calls.h: what the tests of single calls are written in. A test is a row: a
// call, what it is given, the status it must give. Its id is E-CALL-STEP with the
// step of the call's list of checks that decides; "4before5" has both wrong.
#ifndef CALLS_H_
#define CALLS_H_

#include "conform.h"

// which_t is a handle given to a call.
typedef enum {
  GOOD,
  NIL,      // ZX_HANDLE_INVALID
  STALE,    // closed
  OTHER,    // of an event, which also lacks READ, WRITE and what pagers have
  FOREIGN,  // a VMO of another pager
  ANON,     // an anonymous VMO of 4 pages, full
} which_t;

// memory_t is a pointer given to a call.
typedef enum {
  FINE,
  NULL_POINTER,
  KERNEL_SPACE,
  HOLE,       // nothing is mapped there
  READ_ONLY,  // mapped without PERM_WRITE
  PAST_END,   // mapped, past the end of the VMO
} memory_t;

// What the VMO, of 4 pages, is before the call; else it is fixed in size, does not
// trap, and all pages are clean.
enum {
  RESIZES = 1,
  TRAPS_WRITES = 2,
  ABSENT_PAGES = 4,  // none is there
  CUT_OFF = 8,       // detached
  DIRTY_PAGES = 16,  // pages 0 and 2
  FLAGGED = 32,      // modified
  SMALL_STREAM = 64, // stream size 1 page
};

typedef struct row {
  zx_status_t (*call)(const struct row*);
  zx_status_t want;
  which_t pager, vmo, third;  // third is a port or the source of a supply
  zx_rights_t pager_lacks, vmo_lacks, third_lacks;
  uint32_t op, options, state;
  uint64_t offset, length, third_offset, data, size;
  memory_t buffer, actual, avail;
  uint64_t room;                     // bytes of buffer
  void (*after)(const struct row*);  // looks at what the call did
} row_t;

// CALL is a row: the id's step, the call, the wanted status, what else is given.
#define CALL(id, fn, status, ...) \
  {id, SINGLE, run_row, &(const row_t){.call = (fn), .want = (status), __VA_ARGS__}}
void run_row(variant_t);

// What the row gets.
zx_handle_t row_pager(const row_t* r);
zx_handle_t row_vmo(const row_t* r);
zx_handle_t row_source(const row_t* r);
zx_handle_t row_port(const row_t* r);
void* row_memory(memory_t kind, uint64_t bytes);

// row_scene is what there is besides.
typedef struct {
  vmo_t *v, *foreign;
  zx_handle_t anon, event;
  zx_handle_t made;       // what the call made
  zx_rights_t made_rights;
  void* fine;             // the FINE buffer
  size_t actual, avail;   // after a query
} scene_t;
extern scene_t scene;

// lesser copies a handle without some rights; the copy is closed when the row
// ends. deprive takes them from the handle itself.
zx_handle_t lesser(zx_handle_t handle, zx_rights_t without);
void deprive(zx_handle_t* handle, zx_rights_t without);

// TOP + PAGE wraps.
#define TOP (0 - PAGE)
// MAX_SIZE is the largest size a VMO can have.
#define MAX_SIZE 0xFFFFFFFFFFFE0000ul

#endif  // CALLS_H_

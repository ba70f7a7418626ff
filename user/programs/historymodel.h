// historymodel.h: what one pager VMO must be and answer, as simply as it can be
// said: a letter for each page, a list of zero intervals, the one request that is
// outstanding. Written from the tables of the contract (states and transitions,
// zero intervals, sizes of requests, progress, failure), sharing nothing with the
// kernel. All ranges are pages [a, b) unless they are halves: contents are kept by
// half pages, each a first byte and the byte of all the rest.
#ifndef PROGRAMS_HISTORYMODEL_H_
#define PROGRAMS_HISTORYMODEL_H_

#include <stdbool.h>
#include <zx.h>

enum { MOST = 24, HALF = ZX_PAGE_SIZE / 2, LONGEST_WRITE = 16 };

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

// page_t: A absent, M marker, C clean, D dirty, W awaiting clean, '-' in an interval.
typedef struct {
  char state;
  bool mapped;  // an entry of the page table may be there
  uint8_t first[2], rest[2];
} page_t;

// interval_t is zeros: kind 'Z' dirty, 'U' untracked. acl counts from a.
typedef struct {
  int a, b;
  char kind;
  int acl;
} interval_t;

typedef enum { NO = 0, YES = 1, PERHAPS = 2 } truth_t;

// request_t is what the one blocked operation waits for.
typedef struct {
  bool out, partly;  // outstanding; answered in part
  char kind;         // R or D
  int a, b, pending, wake;
  bool early;
  zx_status_t status;
} request_t;

static struct {
  bool trap, detached;
  int size;     // pages
  int stream2;  // halves
  page_t page[MOST];
  interval_t list[MOST];
  int intervals;
  truth_t modified;
  request_t request;
} m;

// --- Zero intervals

static interval_t* interval_of(int p) {
  for (int i = 0; i < m.intervals; i++) {
    if (m.list[i].a <= p && p < m.list[i].b) {
      return &m.list[i];
    }
  }
  return NULL;
}

static void drop_interval(interval_t* v) {
  for (interval_t* last = &m.list[--m.intervals]; v < last; v++) {
    v[0] = v[1];
  }
}

static interval_t* new_interval(interval_t v) {
  int at = m.intervals++;
  for (; at > 0 && m.list[at - 1].a > v.a; at--) {
    m.list[at] = m.list[at - 1];
  }
  m.list[at] = v;
  return &m.list[at];
}

static char state(int p) {
  interval_t* v = interval_of(p);
  return v == NULL ? m.page[p].state : v->kind;
}

static bool reads_zero(int p) { return state(p) == 'M' || state(p) == 'Z' || state(p) == 'U'; }

// leave takes a page out of its interval.
static void leave(int p) {
  interval_t* v = interval_of(p);
  if (v == NULL) {
    return;
  }
  interval_t right = {p + 1, v->b, v->kind, v->a == p ? MAX(v->acl - 1, 0) : 0};
  v->b = p;
  if (v->a == v->b) {
    drop_interval(v);
  }
  if (right.a < right.b) {
    new_interval(right);
  }
}

static void set_state(int p, char to) {
  leave(p);
  m.page[p].state = to;
}

static void fill(int p, int half, uint8_t byte) { m.page[p].first[half] = m.page[p].rest[half] = byte; }

static void make_real(int p, char to) {
  set_state(p, to);
  fill(p, 0, 0);
  fill(p, 1, 0);
}

// make_zero puts a page in an interval of that kind, joined with its neighbours.
static void make_zero(int p, char kind) {
  if (state(p) == kind) {
    return;
  }
  set_state(p, '-');
  m.page[p].mapped = false;
  interval_t* left = p > 0 ? interval_of(p - 1) : NULL;
  if (left != NULL && left->kind == kind) {
    left->b = p + 1;
  } else {
    left = new_interval((interval_t){p, p + 1, kind, 0});
  }
  interval_t* right = p + 1 < m.size ? interval_of(p + 1) : NULL;
  if (right != NULL && right->kind == kind) {
    left->b = right->b;
    drop_interval(right);
  }
}

// --- Requests

// progress: n of the pages waited for are there now, or given up; true when the
// waiter goes on.
static bool progress(char kind, int a, int b) {
  request_t* r = &m.request;
  int from = MAX(a, r->a), n = MIN(b, r->b) - from;
  if (!r->out || r->kind != kind || n <= 0) {
    return false;
  }
  if (n >= r->pending) {
    r->out = false;
    return true;
  }
  r->pending -= n;
  r->partly = true;
  if (r->early && from == r->wake) {
    // The reader takes what is there and waits at the first page that is not.
    for (r->wake = from + n; r->wake < r->b && state(r->wake) != 'A';) {
      r->wake++;
    }
  }
  return false;
}

// --- What the pager does; true when the waiter goes on

static zx_status_t model_supply(int a, int b, const bool* real, const uint8_t* bytes, bool* goes_on) {
  if (a == b) {
    return ZX_OK;
  }
  if (b > m.size) {
    return ZX_ERR_OUT_OF_RANGE;
  }
  if (m.detached) {
    return ZX_ERR_BAD_STATE;
  }
  bool added[MOST] = {false};
  for (int p = a; p < b; p++) {
    if (state(p) == 'A') {
      added[p] = true;
      set_state(p, real[p] ? 'C' : 'M');
      m.page[p].mapped = false;
      fill(p, 0, real[p] ? bytes[p] : 0);
      fill(p, 1, real[p] ? bytes[p] : 0);
    }
  }
  for (int p = a, end; p < b; p = end) {
    for (end = p; end < b && added[end]; end++) {
    }
    *goes_on = progress('R', p, end) || *goes_on;
    end += end == p;
  }
  return ZX_OK;
}

static zx_status_t model_dirty(int a, int b, bool* goes_on) {
  if (!m.trap) {
    return ZX_ERR_NOT_SUPPORTED;
  }
  if (a > m.size) {
    return ZX_ERR_OUT_OF_RANGE;
  }
  zx_status_t st = b > m.size ? ZX_ERR_OUT_OF_RANGE : m.detached ? ZX_ERR_BAD_STATE : ZX_OK;
  for (int p = a; st == ZX_OK && p < b; p++) {
    st = state(p) == 'A' ? ZX_ERR_NOT_FOUND : ZX_OK;
  }
  if (st != ZX_OK) {
    request_t* r = &m.request;
    if (r->out && r->kind == 'D' && MAX(a, r->a) < MIN(MIN(b, m.size), r->b)) {
      r->out = false;
      *goes_on = true;
    }
    return st;
  }
  bool changed[MOST] = {false};
  for (int p = a; p < b; p++) {
    char was = state(p);
    changed[p] = was != 'D';
    if (was == 'C' || was == 'W') {
      set_state(p, 'D');
    } else if (was != 'D') {
      make_real(p, 'D');
    }
  }
  for (int p = a, end; p < b; p = end) {
    for (end = p; end < b && changed[end]; end++) {
    }
    *goes_on = progress('D', p, end) || *goes_on;
    end += end == p;
  }
  return ZX_OK;
}

static zx_status_t model_fail(int a, int b, zx_status_t code, bool* goes_on) {
  if (b > m.size) {
    return ZX_ERR_OUT_OF_RANGE;
  }
  if (m.detached) {
    return ZX_ERR_BAD_STATE;
  }
  request_t* r = &m.request;
  int from = MAX(a, r->a);
  if (r->out && from < MIN(b, r->b)) {
    if (from == r->a || from == r->wake) {
      r->status = code;
    }
    *goes_on = progress(r->kind, a, b);
  }
  return ZX_OK;
}

static zx_status_t model_begin(int a, int b, bool zero) {
  if (b > m.size) {
    return ZX_ERR_OUT_OF_RANGE;
  }
  for (int p = a; p < b && !zero; p++) {
    if (state(p) == 'D') {
      m.page[p].state = 'W';
    }
  }
  for (int i = 0; i < m.intervals; i++) {
    interval_t* v = &m.list[i];
    if (v->kind == 'Z' && a <= v->a && v->a < b) {
      v->acl = MAX(v->acl, MIN(v->b, b) - v->a);
    }
  }
  return ZX_OK;
}

static zx_status_t model_end(int a, int b) {
  if (b > m.size) {
    return ZX_ERR_OUT_OF_RANGE;
  }
  for (int p = a; p < b; p++) {
    if (state(p) == 'W') {
      m.page[p].state = 'C';
    }
  }
  int mark = a;
  for (int i = 0; i < m.intervals; i++) {
    interval_t* v = &m.list[i];
    if (v->kind != 'Z' || v->a < a || v->a >= b) {
      continue;
    }
    mark = MAX(mark, v->a + v->acl);
    int clip = MIN(MIN(mark, v->b), v->b <= b ? v->b : b) - v->a;
    for (int p = v->a; p < v->a + clip; p++) {
      m.page[p].state = 'A';
    }
    v->a += clip;
    v->acl = MAX(v->acl - clip, 0);
    if (v->a >= v->b) {
      drop_interval(v);
      i--;
    }
  }
  return ZX_OK;
}

static void model_detach(bool drops, bool* goes_on) {
  m.detached = true;
  *goes_on = m.request.out;
  m.request.out = false;
  for (int p = 0; p < m.size && drops; p++) {
    m.page[p].mapped = false;
    if (state(p) == 'C' || state(p) == 'M') {
      m.page[p].state = 'A';
    }
  }
}

// zero_pages zeroes whole pages: no request, ever.
static void zero_pages(int a, int b, bool* goes_on) {
  if (a >= b) {
    return;
  }
  m.modified = YES;
  interval_t* v = interval_of(a);
  if (v != NULL && v->kind == 'U' && v->a < a && v->b > b) {
    return;  // strictly inside what is untracked
  }
  for (int p = a; p < b; p++) {
    char was = state(p);
    m.page[p].mapped = false;
    if (was != 'M') {
      make_zero(p, 'Z');
    }
    if (was == 'A') {
      *goes_on = progress('R', p, p + 1) || *goes_on;
    }
  }
}

// resize is set_size but for the zeroing of part of a page.
static void resize(int halves, bool* goes_on) {
  int size = (halves + 1) / 2, old = m.size;
  for (int p = size; p < old; p++) {
    char was = state(p);
    *goes_on = (was == 'A' ? progress(m.request.kind, p, p + 1) : was != 'D' && progress('D', p, p + 1)) || *goes_on;
  }
  for (int i = m.intervals - 1; i >= 0; i--) {
    interval_t* v = &m.list[i];
    v->b = MIN(v->b, size);
    if (v->a >= v->b) {
      drop_interval(v);
    }
  }
  m.size = size;
  for (int p = MIN(size, old); p < MOST; p++) {
    m.page[p] = (page_t){.state = 'A'};
  }
  for (int p = old; p < size; p++) {
    make_zero(p, 'Z');
  }
  m.stream2 = halves;
  m.modified = YES;
}

// --- What the thread does

typedef enum { OP_READ, OP_WRITE, OP_COMMIT, OP_PREFETCH, OP_NEED, OP_ZERO, OP_SIZE, OP_STREAM, OP_LOAD, OP_STORE } op_kind_t;

// op_t is an operation under way. a and b are halves for read, write, zero; pages
// for commit, prefetch, need; a is a half for load, store and the sizes.
typedef struct {
  op_kind_t kind;
  int a, b;
  uint8_t byte;
  int at;       // how far it has come
  bool begun;   // the sizes, zero, commits: what needs nobody is done; a store: it has faulted
  bool lingers; // a load may find a page of zeros still mapped
} op_t;

// outcome_t is an end, or a request for pages [a, b).
typedef struct {
  char asks;  // R, D, 0
  int a, b;
  zx_status_t status;
} outcome_t;

static outcome_t ends(zx_status_t st) { return (outcome_t){.status = st}; }

static outcome_t asks(char kind, int a, int limit, bool early) {
  if (m.detached) {
    return ends(ZX_ERR_BAD_STATE);
  }
  int b = a;
  for (; b < limit && (kind == 'R' ? state(b) == 'A' : state(b) != 'A' && state(b) != 'D'); b++) {
  }
  m.request = (request_t){.out = true, .kind = kind, .a = a, .b = b, .pending = b - a, .wake = a, .early = early};
  return (outcome_t){.asks = kind, .a = a, .b = b};
}

// writable makes a page dirty; true when it is, else *o says what comes of it.
static bool writable(int p, int limit, outcome_t* o) {
  char s = state(p);
  if (s == 'D') {
    return true;
  }
  if (s == 'A' || m.trap) {
    *o = asks(s == 'A' ? 'R' : 'D', p, limit, false);
    return false;
  }
  if (s == 'C' || s == 'W') {
    set_state(p, 'D');
  } else {
    make_real(p, 'D');
  }
  return true;
}

// zero_half zeroes half a page, if that takes anything.
static bool zero_half(int half, outcome_t* o) {
  int p = half / 2;
  if (reads_zero(p)) {
    return true;
  }
  if (!writable(p, p + 1, o)) {
    return false;
  }
  fill(p, half % 2, 0);
  m.modified = YES;
  return true;
}

// go runs an operation until it ends or asks. failed is the status of the request
// it has waited for.
static outcome_t go(op_t* op, zx_status_t failed) {
  outcome_t o;
  bool ignored = false;
  if (failed != ZX_OK && op->kind == OP_NEED) {
    op->at++;  // passed over
  } else if (failed != ZX_OK) {
    return ends(op->kind == OP_SIZE ? ZX_OK : failed);
  }
  switch (op->kind) {
    case OP_READ:
    case OP_WRITE:
      if (op->b > 2 * m.size) {
        return ends(ZX_ERR_OUT_OF_RANGE);
      }
      for (; op->at < op->b; op->at++) {
        int p = op->at / 2, limit = (op->b + 1) / 2;
        if (op->kind == OP_READ) {
          if (state(p) == 'A') {
            return asks('R', p, limit, true);
          }
          continue;
        }
        if (!writable(p, MIN(limit, p + LONGEST_WRITE), &o)) {
          return o;
        }
        fill(p, op->at % 2, op->byte);
        m.modified = YES;
      }
      return ends(ZX_OK);
    case OP_COMMIT:
    case OP_PREFETCH:
    case OP_NEED:
      if (!op->begun && op->b > m.size) {
        return ends(ZX_ERR_OUT_OF_RANGE);
      }
      op->begun = true;
      op->b = MIN(op->b, m.size);
      for (; op->at < op->b; op->at++) {
        char s = state(op->at);
        if (s == 'A' && !(op->kind == OP_NEED && m.detached)) {
          return asks('R', op->at, op->b, false);
        }
        if (op->kind == OP_COMMIT && (s == 'Z' || s == 'U') && m.trap) {
          return asks('D', op->at, op->b, false);
        }
        if (op->kind == OP_COMMIT && (s == 'Z' || s == 'U' || s == 'M')) {
          make_real(op->at, s == 'M' ? 'C' : 'D');
        }
      }
      return ends(ZX_OK);
    case OP_ZERO:
      // From left to right: each piece is checked when its turn comes.
      if (!op->begun && op->a % 2 != 0 && op->a < op->b) {
        if (op->a + 1 > 2 * m.size) {
          return ends(ZX_ERR_OUT_OF_RANGE);
        }
        if (!zero_half(op->a, &o)) {
          return o;
        }
      }
      if (!op->begun) {
        op->begun = true;
        if (op->b / 2 > m.size || (op->a + 1) / 2 > m.size) {
          return ends(ZX_ERR_OUT_OF_RANGE);
        }
        zero_pages((op->a + 1) / 2, op->b / 2, &ignored);
      }
      if (op->b % 2 != 0 && op->b > op->a + op->a % 2) {
        if (op->b > 2 * m.size) {
          return ends(ZX_ERR_OUT_OF_RANGE);
        }
        if (!zero_half(op->b - 1, &o)) {
          return o;
        }
      }
      return ends(ZX_OK);
    case OP_SIZE:
      if (!op->begun) {
        op->begun = true;
        resize(op->a, &ignored);
      }
      if (op->a % 2 != 0 && !zero_half(op->a, &o) && o.asks != 0) {
        return o;
      }
      return ends(ZX_OK);
    case OP_STREAM:
      if (op->a == m.stream2) {
        return ends(ZX_OK);
      }
      if (op->a > 2 * m.size) {
        return ends(ZX_ERR_OUT_OF_RANGE);
      }
      if (MIN(op->a, m.stream2) % 2 != 0 && !zero_half(MIN(op->a, m.stream2), &o)) {
        return o;
      }
      zero_pages((MIN(op->a, m.stream2) + 1) / 2, (op->a + 1) / 2, &ignored);
      for (int p = MIN(op->a, m.stream2) / 2; p < m.size; p++) {
        m.page[p].mapped = false;
      }
      for (int p = (op->a + 1) / 2; p < m.size; p++) {
        if (state(p) != 'U') {
          m.modified = YES;
        }
        make_zero(p, 'U');
      }
      m.stream2 = op->a;
      return ends(ZX_OK);
    case OP_LOAD:
    case OP_STORE: {
      int p = op->a / 2;
      if (p >= m.size) {
        return ends(ZX_ERR_OUT_OF_RANGE);
      }
      if (op->kind == OP_LOAD) {
        op->lingers = state(p) == 'A' && m.page[p].mapped;
        if (state(p) == 'A') {
          return asks('R', p, p + 1, false);
        }
      } else {
        bool dirty = state(p) == 'D';
        if (!writable(p, p + 1, &o)) {
          op->begun = true;  // it has faulted
          return o;
        }
        if (!dirty || !m.page[p].mapped || op->begun) {
          m.modified = YES;
        } else if (m.modified == NO) {
          m.modified = PERHAPS;
        }
        m.page[p].first[op->a % 2] = op->byte;
      }
      // The pages around may have been mapped along with it.
      for (int q = MAX(p - 16, 0); q < MIN(p + 16, m.size); q++) {
        m.page[q].mapped = m.page[q].mapped || state(q) != 'A';
      }
      return ends(ZX_OK);
    }
  }
  return ends(ZX_ERR_INTERNAL);
}

#endif  // PROGRAMS_HISTORYMODEL_H_

// families [SEED [FAMILIES [THREADS]]]: plays random histories of whole VMO families
// and compares all that can be seen with a model written from docs/pager.md 7 and
// 11: children of every kind made of every member, written by calls and through
// mappings, zeroed, resized, committed, decommitted, moved, pinned (where the
// operator gave the resource), written back, detached, and closed in any order. A
// family lives for up to 30 operations. 400 families in one thread unless told. A
// difference is shown with its seed, which plays it again; exit code 1.
//
// The model knows no hidden nodes: a page that several nodes share exactly is one
// object with a count. Of a clone that follows its parent only as long as it has
// nothing there, none is made where the rules leave open which parent that is.
#include <stdbool.h>
#include <threads.h>
#include <zx.h>

#define PAGE ((uint64_t)ZX_PAGE_SIZE)

enum {
  MOST = 8, VMOS = 8, NODES = 40, PAGES = NODES * MOST, PINS = 4, NOTES = 40, MAX_THREADS = 8,
  ALOW = ZX_VMO_CHILD_SNAPSHOT_AT_LEAST_ON_WRITE, MODIFIED = ZX_VMO_CHILD_SNAPSHOT_MODIFIED,
};

typedef struct {
  uint64_t word;
  int holders, pins;
} page_t;

// An entry is what a node itself has: nothing ('-'), zeros ('0', of the pager's root
// too), or a page.
typedef struct {
  char kind;
  page_t* page;
} entry_t;

typedef struct node {
  bool used, pager, split;  // split: part of an exact snapshot once
  int size, off, limit, windows;
  struct node* parent;
  entry_t e[MOST];
} node_t;

typedef struct vmo {
  zx_handle_t handle;
  node_t* node;
  int off, length;  // of a slice
  bool slice, primary, resizable;
  bool resizes;  // its handle has the right
  struct vmo* parent;
  uint64_t* base;  // MOST pages are mapped, whatever the size
} vmo_t;

typedef struct {
  zx_handle_t token;
  vmo_t* vmo;
  int a, n;  // in the node
} pinned_t;

// A world is what one thread plays in.
typedef struct {
  uint64_t dice, seed, next, operations, families;
  zx_handle_t pager, port;
  node_t nodes[NODES], *root;
  vmo_t vmos[VMOS];
  page_t pages[PAGES];
  pinned_t pins[PINS];
  bool detached;
  char notes[NOTES][80];
  uint64_t noted;
  thrd_t thread;
} world_t;

static world_t worlds[MAX_THREADS];
static zx_handle_t bti;
static uint64_t families_each;

static uint64_t draw(world_t* w, uint64_t n) {
  w->dice ^= w->dice >> 12;
  w->dice ^= w->dice << 25;
  w->dice ^= w->dice >> 27;
  return (w->dice * 0x2545f4914f6cdd1dull >> 33) % n;
}

#define note(w, ...) snprintf((w)->notes[(w)->noted++ % NOTES], sizeof (w)->notes[0], __VA_ARGS__)

#define differs(w, ...) (printf(__VA_ARGS__), show(w, __LINE__))

static _Noreturn void show(world_t* w, int line) {
  static int ending;
  while (__atomic_exchange_n(&ending, 1, __ATOMIC_ACQ_REL) != 0) {
    zx_nanosleep(ZX_TIME_INFINITE);
  }
  printf("\n  (families.c:%d)\nfamilies: DIFFERS: run families %lu 1\n", line, w->seed);
  for (uint64_t i = w->noted > NOTES ? w->noted - NOTES : 0; i < w->noted; i++) {
    printf("  %s\n", w->notes[i % NOTES]);
  }
  exit(1);
}

#define is(w, want, call) same(w, __LINE__, #call, want, call)

static void same(world_t* w, int line, const char* what, zx_status_t want, zx_status_t got) {
  if (want != got) {
    printf("%s: %s, not %s", what, zx_status_get_string(got), zx_status_get_string(want));
    show(w, line);
  }
}

// --- The model

static int size_of(const vmo_t* v) { return v->slice ? v->length : v->node->size; }

static page_t* new_page(world_t* w, uint64_t word) {
  for (page_t* p = w->pages; p < w->pages + PAGES; p++) {
    if (p->holders == 0) {
      *p = (page_t){word, 1, 0};
      return p;
    }
  }
  differs(w, "the model has no page left");
}

static void clear_entry(entry_t* e, char kind) {
  if (e->page != NULL) {
    e->page->holders--;
  }
  *e = (entry_t){kind, NULL};
}

static void hold(entry_t* e, page_t* p) {
  clear_entry(e, 'P');
  e->page = p;
}

// look gives what n shows at p.
static entry_t look(const node_t* n, int p) {
  for (;; n = n->parent) {
    if (n->e[p].kind != '-') {
      return n->e[p];
    }
    if (n->parent == NULL || p >= n->limit) {
      return (entry_t){'0', NULL};
    }
    p += n->off;
  }
}

static uint64_t word_at(const node_t* n, int p) {
  entry_t e = look(n, p);
  return e.page != NULL ? e.page->word : 0;
}

// own gives n a page of its own at p, as a write does.
static page_t* own(world_t* w, node_t* n, int p) {
  if (n->e[p].page == NULL || n->e[p].page->holders > 1) {
    page_t* fresh = new_page(w, word_at(n, p));
    hold(&n->e[p], fresh);
  }
  return n->e[p].page;
}

static bool pinned(const node_t* n, int a, int b) {
  for (; a < b; a++) {
    if (n->e[a].page != NULL && n->e[a].page->pins > 0) {
      return true;
    }
  }
  return false;
}

static void zero(node_t* n, int a, int b) {
  for (; a < b; a++) {
    if (pinned(n, a, a + 1)) {
      n->e[a].page->word = 0;
    } else {
      clear_entry(&n->e[a], n->pager || (n->parent != NULL && a < n->limit) ? '0' : '-');
    }
  }
}

static int min(int a, int b) { return a < b ? a : b; }
static int max(int a, int b) { return a > b ? a : b; }

static void resize(world_t* w, node_t* n, int size) {
  for (int p = min(size, n->size); p < max(size, n->size); p++) {
    clear_entry(&n->e[p], size > n->size && n->pager ? '0' : '-');
  }
  if (size < n->size) {
    n->limit = min(n->limit, size);
    for (node_t* c = w->nodes; c < w->nodes + NODES; c++) {
      if (c->used && c->parent == n) {
        c->limit = min(c->limit, max(size - c->off, 0));
      }
    }
  }
  n->size = size;
}

static void end_node(node_t* n) {
  for (int p = 0; p < MOST; p++) {
    clear_entry(&n->e[p], '-');
  }
  *n = (node_t){0};
}

static node_t* new_node(world_t* w, int size) {
  for (node_t* n = w->nodes; n < w->nodes + NODES; n++) {
    if (!n->used) {
      *n = (node_t){.used = true, .size = size};
      for (int p = 0; p < MOST; p++) {
        n->e[p].kind = '-';
      }
      return n;
    }
  }
  differs(w, "the model has no node left");
}

// drop takes a window off n: what the children see of the last one's node is theirs.
static void drop(world_t* w, node_t* n) {
  if (--n->windows > 0) {
    return;
  }
  bool needed = false;
  for (node_t* c = w->nodes; c < w->nodes + NODES; c++) {
    if (!c->used || c->parent != n) {
      continue;
    }
    needed = true;
    if (n->pager) {
      continue;
    }
    for (int p = 0; p < c->limit; p++) {
      const entry_t* from = &n->e[p + c->off];
      if (c->e[p].kind == '-' && from->kind != '-') {
        if (from->page != NULL) {
          from->page->holders++;
        }
        c->e[p] = *from;
      }
    }
    c->limit = n->parent == NULL ? 0 : min(c->limit, max(n->limit - c->off, 0));
    c->parent = n->parent;
    c->off += n->off;
  }
  if (!n->pager || !needed) {
    if (n == w->root) {
      w->root = NULL;
    }
    node_t* up = n->parent;
    end_node(n);
    if (up != NULL && up->pager && up->windows == 0) {
      up->windows = 1;
      drop(w, up);
    }
  }
}

// --- The kernel beside it

static vmo_t* a_vmo(world_t* w) {
  int n = 0;
  for (int i = 0; i < VMOS; i++) {
    n += w->vmos[i].handle != ZX_HANDLE_INVALID;
  }
  n = (int)draw(w, (uint64_t)n);
  for (vmo_t* v = w->vmos;; v++) {
    if (v->handle != ZX_HANDLE_INVALID && n-- == 0) {
      return v;
    }
  }
}

static vmo_t* room(world_t* w) {
  for (vmo_t* v = w->vmos; v < w->vmos + VMOS; v++) {
    if (v->handle == ZX_HANDLE_INVALID) {
      return v;
    }
  }
  return NULL;
}

static void open_vmo(world_t* w, vmo_t* v) {
  zx_vaddr_t at;
  v->node->windows++;
  is(w, ZX_OK, zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ | ZX_VM_PERM_WRITE, 0, v->handle, 0, MOST * PAGE, &at));
  v->base = (uint64_t*)at;
}

static void unpin(world_t* w, pinned_t* pin) {
  is(w, ZX_OK, zx_pmt_unpin(pin->token));
  for (int p = pin->a; p < pin->a + pin->n; p++) {
    pin->vmo->node->e[p].page->pins--;
  }
  *pin = (pinned_t){0};
}

static void close_vmo(world_t* w, vmo_t* v) {
  note(w, "%ld: close", v - w->vmos);
  for (pinned_t* p = w->pins; p < w->pins + PINS; p++) {
    if (p->vmo == v) {
      unpin(w, p);
    }
  }
  if (draw(w, 2) == 0) {
    is(w, ZX_OK, zx_handle_close(v->handle));
    is(w, ZX_OK, zx_vmar_unmap(zx_vmar_root_self(), (zx_vaddr_t)v->base, MOST * PAGE));
  } else {
    is(w, ZX_OK, zx_vmar_unmap(zx_vmar_root_self(), (zx_vaddr_t)v->base, MOST * PAGE));
    is(w, ZX_OK, zx_handle_close(v->handle));
  }
  for (vmo_t* c = w->vmos; c < w->vmos + VMOS; c++) {
    if (c->parent == v) {
      c->parent = v->parent;
    }
  }
  node_t* n = v->node;
  *v = (vmo_t){0};
  drop(w, n);
}

static void supply(world_t* w, zx_handle_t root, int pages) {
  zx_handle_t aux;
  is(w, ZX_OK, zx_vmo_create(MOST * PAGE, 0, &aux));
  for (int p = 0; p < pages; p++) {
    entry_t* e = &w->root->e[p];
    uint64_t word = ++w->next;
    if (e->kind == '-') {
      is(w, ZX_OK, zx_vmo_write(aux, &word, (uint64_t)p * PAGE, 8));
      hold(e, new_page(w, word));
    }
  }
  is(w, ZX_OK, zx_pager_supply_pages(w->pager, root, 0, (uint64_t)pages * PAGE, aux, 0));
  is(w, ZX_OK, zx_handle_close(aux));
}

static void begin(world_t* w) {
  bool paged = draw(w, 3) != 0;
  vmo_t* v = &w->vmos[0];
  *v = (vmo_t){.primary = true, .resizable = draw(w, 2) == 0};
  v->resizes = v->resizable;
  v->node = new_node(w, 1 + (int)draw(w, MOST));
  uint32_t options = v->resizable ? ZX_VMO_RESIZABLE : 0;
  uint64_t size = (uint64_t)v->node->size * PAGE;
  w->detached = false;
  if (paged) {
    w->root = v->node;
    v->node->pager = true;
    is(w, ZX_OK, zx_pager_create_vmo(w->pager, options, w->port, w->families, size, &v->handle));
    supply(w, v->handle, v->node->size);
  } else {
    is(w, ZX_OK, zx_vmo_create(size, options, &v->handle));
  }
  open_vmo(w, v);
}

// verify compares a VMO, through its mapping or by a call.
static void verify(world_t* w, const vmo_t* v, bool by_call) {
  for (int p = 0; p < size_of(v); p++) {
    uint64_t got = 0, want = word_at(v->node, v->off + p);
    if (by_call) {
      is(w, ZX_OK, zx_vmo_read(v->handle, &got, (uint64_t)p * PAGE, 8));
    } else {
      got = *(volatile uint64_t*)(v->base + (uint64_t)p * PAGE / 8);
    }
    if (got != want) {
      differs(w, "VMO %ld page %d holds %lu, not %lu", v - w->vmos, p, got, want);
    }
  }
}

static void counts(world_t* w, const vmo_t* v) {
  zx_info_vmo_t info;
  is(w, ZX_OK, zx_object_get_info(v->handle, ZX_INFO_VMO, &info, sizeof info, NULL, NULL));
  uint64_t pages = 0, children = 0;
  for (int p = 0; v->primary && p < v->node->size; p++) {
    pages += v->node->e[p].page != NULL;
  }
  for (int i = 0; i < VMOS; i++) {
    children += w->vmos[i].parent == v;
  }
  if (info.committed_bytes != pages * PAGE || info.num_children != children || info.size_bytes != (uint64_t)size_of(v) * PAGE ||
      (info.parent_koid != 0) != (v->parent != NULL)) {
    differs(w, "VMO %ld: %lu bytes, %lu children, %lu long; not %lu pages, %lu, %d", v - w->vmos, info.committed_bytes, info.num_children,
            info.size_bytes, pages, children, size_of(v));
  }
}

// make makes a child of h of any kind that the rules allow, or wants it refused.
static void make(world_t* w, vmo_t* h) {
  static const uint32_t kinds[] = {ZX_VMO_CHILD_SNAPSHOT, ALOW, ALOW, MODIFIED, MODIFIED, ZX_VMO_CHILD_SLICE, ZX_VMO_CHILD_REFERENCE};
  vmo_t* v = room(w);
  if (v == NULL) {
    return;
  }
  uint32_t kind = kinds[draw(w, 7)], options = kind;
  node_t* n = h->node;
  int a = (int)draw(w, (uint64_t)size_of(h) + 1), length = (int)draw(w, MOST + 1);
  bool exact = w->root == NULL || (kind == MODIFIED && !n->pager), maybe = false;
  zx_status_t want = ZX_OK;
  *v = (vmo_t){0};
  if (kind != ZX_VMO_CHILD_SLICE && draw(w, 2) == 0 && (kind != ZX_VMO_CHILD_REFERENCE || h->resizes)) {
    options |= ZX_VMO_CHILD_RESIZABLE;
    v->resizable = v->resizes = true;
  }
  switch (kind) {
    case ZX_VMO_CHILD_SLICE:
      want = a + length > size_of(h) ? ZX_ERR_INVALID_ARGS : h->resizable ? ZX_ERR_NOT_SUPPORTED : ZX_OK;
      break;
    case ZX_VMO_CHILD_REFERENCE:
      a = length = 0;
      want = h->slice ? ZX_ERR_NOT_SUPPORTED : ZX_OK;
      break;
    default:
      if (h->slice && a + length > h->length) {
        want = ZX_ERR_OUT_OF_RANGE;
      } else if ((kind == ZX_VMO_CHILD_SNAPSHOT && w->root != NULL) || (h->slice && exact)) {
        want = ZX_ERR_NOT_SUPPORTED;
      } else if (exact && pinned(n, 0, n->size)) {
        want = ZX_ERR_BAD_STATE;
      } else {
        maybe = exact && w->root != NULL;  // the shape may not fit
      }
  }
  int view = max(min(length, n->size - h->off - a), 0);
  if (kind == ALOW && want == ZX_OK && w->root != NULL && !n->pager) {
    bool owns = false;
    for (int p = 0; p < view; p++) {
      owns |= n->e[h->off + a + p].kind == 'P';
    }
    if (n->split || !owns) {
      *v = (vmo_t){0};
      return;  // the rules leave open what it would follow
    }
  }
  note(w, "%ld: child %#x [%d,+%d) is %ld", h - w->vmos, options, a, length, v - w->vmos);
  zx_handle_t handle;
  zx_status_t got = zx_vmo_create_child(h->handle, options, (uint64_t)a * PAGE, (uint64_t)length * PAGE, &handle);
  if (got != want && !(maybe && got == ZX_ERR_NOT_SUPPORTED)) {
    differs(w, "create_child: %s, not %s", zx_status_get_string(got), zx_status_get_string(want));
  }
  if (got != ZX_OK) {
    *v = (vmo_t){0};
    return;
  }
  v->handle = handle;
  v->parent = h;
  v->node = n;
  if (kind == ZX_VMO_CHILD_REFERENCE) {
    v->resizable = h->resizable;
  } else if (kind == ZX_VMO_CHILD_SLICE) {
    v->slice = true;
    v->off = h->off + a;
    v->length = length;
  } else {
    node_t* fresh = new_node(w, length);
    a += h->off;
    if (exact) {
      for (int p = 0; p < view; p++) {
        fresh->e[p] = n->e[a + p];
        if (fresh->e[p].page != NULL) {
          fresh->e[p].page->holders++;
        }
      }
      n->split = fresh->split = true;
      if (n->parent != NULL) {
        fresh->parent = n->parent;
        fresh->off = n->off + a;
        fresh->limit = max(min(view, n->limit - a), 0);
      }
    } else {
      fresh->parent = n;
      fresh->off = a;
      fresh->limit = view;
    }
    v->node = fresh;
    v->primary = true;
  }
  open_vmo(w, v);
}

static void transfer(world_t* w, vmo_t* v, int a, int b) {
  vmo_t* to = a_vmo(w);
  int x = (int)draw(w, (uint64_t)size_of(to) + 1), na = v->off + a, n = b - a, nx = to->off + x;
  if (v == to && x == a) {
    return;
  }
  note(w, "%ld: move [%d,%d) to %ld page %d", v - w->vmos, a, b, to - w->vmos, x);
  zx_status_t want = ZX_OK;
  uint64_t words[MOST];
  bool is_page[MOST];
  if (v->node->pager) {
    want = n == 0 && !to->node->pager ? ZX_OK : ZX_ERR_NOT_SUPPORTED;
  } else if (pinned(v->node, na, na + n)) {
    want = ZX_ERR_BAD_STATE;
  } else {
    for (int i = 0; i < n; i++) {
      entry_t e = look(v->node, na + i);
      is_page[i] = e.page != NULL;
      words[i] = is_page[i] ? e.page->word : 0;
    }
    zero(v->node, na, na + n);
    if (to->node->pager) {
      want = ZX_ERR_NOT_SUPPORTED;
    } else if (x + n > size_of(to)) {
      want = ZX_ERR_OUT_OF_RANGE;
    } else if (pinned(to->node, nx, nx + n)) {
      want = ZX_ERR_BAD_STATE;
    } else {
      zero(to->node, nx, nx + n);
      for (int i = 0; i < n; i++) {
        if (is_page[i]) {
          hold(&to->node->e[nx + i], new_page(w, words[i]));
        }
      }
    }
  }
  zx_status_t got = zx_vmo_transfer_data(to->handle, 0, (uint64_t)x * PAGE, (uint64_t)n * PAGE, v->handle, (uint64_t)a * PAGE);
  if (n > 0 || (!v->node->pager && !to->node->pager)) {
    same(w, __LINE__, "zx_vmo_transfer_data", want, got);
  }
}

static void step(world_t* w) {
  vmo_t* v = a_vmo(w);
  node_t* n = v->node;
  int size = size_of(v), a = (int)draw(w, (uint64_t)size + 1), b = a + (int)draw(w, (uint64_t)(size - a) + 1), na = v->off + a, nb = v->off + b;
  uint64_t at = (uint64_t)a * PAGE, length = (uint64_t)(b - a) * PAGE, word = ++w->next;
  long id = v - w->vmos;
  zx_status_t want = ZX_OK;
  switch (draw(w, 20)) {
    case 0: case 1: case 2:
      if (a < size) {
        note(w, "%ld: write page %d: %lu", id, a, word);
        is(w, ZX_OK, zx_vmo_write(v->handle, &word, at, 8));
        own(w, n, na)->word = word;
      }
      break;
    case 3: case 4: case 5:
      if (a < size) {
        note(w, "%ld: store to page %d: %lu", id, a, word);
        *(volatile uint64_t*)(v->base + at / 8) = word;
        own(w, n, na)->word = word;
      }
      break;
    case 6: case 7:
      note(w, "%ld: ZERO [%d,%d)", id, a, b);
      is(w, ZX_OK, zx_vmo_op_range(v->handle, ZX_VMO_OP_ZERO, at, length, NULL, 0));
      zero(n, na, nb);
      break;
    case 8:
      note(w, "%ld: COMMIT [%d,%d)", id, a, b);
      is(w, ZX_OK, zx_vmo_op_range(v->handle, ZX_VMO_OP_COMMIT, at, length, NULL, 0));
      for (int p = na; p < nb; p++) {
        own(w, n, p);
      }
      break;
    case 9: {
      note(w, "%ld: DECOMMIT [%d,%d)", id, a, b);
      zx_status_t got = zx_vmo_op_range(v->handle, ZX_VMO_OP_DECOMMIT, at, length, NULL, 0);
      if (a == b) {
        is(w, ZX_OK, got);
      } else if (w->root != NULL) {
        is(w, ZX_ERR_NOT_SUPPORTED, got);
      } else if (!n->split || got == ZX_OK || got == ZX_ERR_BAD_STATE) {  // a split one that is alone again may, too
        is(w, pinned(n, na, nb) ? ZX_ERR_BAD_STATE : ZX_OK, got);
        for (int p = na; p < nb && got == ZX_OK; p++) {
          clear_entry(&n->e[p], '-');
        }
      } else {
        is(w, ZX_ERR_NOT_SUPPORTED, got);
      }
      break;
    }
    case 10: case 11: {
      int to = (int)draw(w, MOST + 1);
      note(w, "%ld: set_size %d", id, to);
      zx_status_t got = zx_vmo_set_size(v->handle, (uint64_t)to * PAGE);
      if (!v->resizable || !v->resizes) {
        want = v->resizable ? ZX_ERR_ACCESS_DENIED : ZX_ERR_UNAVAILABLE;
      } else if (pinned(n, to, n->size)) {
        want = ZX_ERR_BAD_STATE;
      }
      is(w, want, got);
      if (want == ZX_OK) {
        resize(w, n, to);
      }
      break;
    }
    case 12:
      transfer(w, v, a, b);
      break;
    case 13: {
      pinned_t* pin = &w->pins[draw(w, PINS)];
      if (pin->token != ZX_HANDLE_INVALID) {
        note(w, "unpin [%d,+%d)", pin->a, pin->n);
        unpin(w, pin);
      } else if (bti != ZX_HANDLE_INVALID && a < b) {
        uint32_t perm = ZX_BTI_PERM_READ | (draw(w, 2) != 0 ? ZX_BTI_PERM_WRITE : 0);
        zx_paddr_t paddrs[MOST];
        note(w, "%ld: pin [%d,%d)", id, a, b);
        is(w, ZX_OK, zx_bti_pin(bti, perm, v->handle, at, length, paddrs, (uint64_t)(b - a), &pin->token));
        pin->vmo = v;
        pin->a = na;
        pin->n = b - a;
        for (int p = na; p < nb; p++) {
          own(w, n, p)->pins++;
        }
      }
      break;
    }
    case 14:
      // What is written back of zeros is absent then: supply it anew.
      for (vmo_t* r = w->vmos; r < w->vmos + VMOS && !w->detached; r++) {
        if (r->handle != ZX_HANDLE_INVALID && r->primary && r->node == w->root && w->root != NULL && r->parent == NULL) {
          uint64_t all = (uint64_t)w->root->size * PAGE;
          note(w, "%ld: write back", r - w->vmos);
          is(w, ZX_OK, zx_pager_op_range(w->pager, ZX_PAGER_OP_WRITEBACK_BEGIN, r->handle, 0, all, 0));
          is(w, ZX_OK, zx_pager_op_range(w->pager, ZX_PAGER_OP_WRITEBACK_END, r->handle, 0, all, 0));
          for (int p = 0; p < w->root->size; p++) {
            if (w->root->e[p].kind == '0') {
              clear_entry(&w->root->e[p], '-');
            }
          }
          supply(w, r->handle, w->root->size);
        }
      }
      break;
    case 15: {
      int others = 0;
      for (int i = 0; i < VMOS; i++) {
        others += w->vmos[i].handle != ZX_HANDLE_INVALID && &w->vmos[i] != v;
      }
      if (others > 0) {
        close_vmo(w, v);
      }
      break;
    }
    default:
      make(w, v);
  }
  w->operations++;
}

static void family(world_t* w) {
  begin(w);
  for (uint64_t i = 0, n = 5 + draw(w, 26); i < n; i++) {
    step(w);
    for (vmo_t* v = w->vmos; v < w->vmos + VMOS; v++) {
      if (v->handle != ZX_HANDLE_INVALID) {
        verify(w, v, false);
      }
    }
    vmo_t* one = a_vmo(w);
    verify(w, one, true);
    counts(w, one);
  }
  for (int left = 1; left > 0;) {
    close_vmo(w, a_vmo(w));
    left = 0;
    for (vmo_t* v = w->vmos; v < w->vmos + VMOS; v++) {
      if (v->handle != ZX_HANDLE_INVALID) {
        verify(w, v, false);
        left++;
      }
    }
  }
  for (int i = 0; i < NODES; i++) {
    if (w->nodes[i].used) {
      differs(w, "the model has a node left");
    }
  }
  zx_port_packet_t packet;
  while (zx_port_wait(w->port, 0, &packet) == ZX_OK) {
  }
  w->families++;
}

static int play(void* arg) {
  world_t* w = arg;
  is(w, ZX_OK, zx_pager_create(0, &w->pager));
  is(w, ZX_OK, zx_port_create(0, &w->port));
  while (w->families < families_each) {
    w->noted = 0;
    w->dice = w->seed * 0x9e3779b97f4a7c15ull | 1;
    note(w, "family %lu", w->families);
    family(w);
    w->seed += MAX_THREADS;
  }
  is(w, ZX_OK, zx_handle_close(w->pager));
  is(w, ZX_OK, zx_handle_close(w->port));
  return 0;
}

// device makes a BTI if the operator has given the resource.
static zx_handle_t device(void) {
  zx_handle_t root = zx_take_startup_handle(PA_HND(PA_SYSTEM_RESOURCE, 0)), resource, iommu, made;
  uint8_t desc = 0;
  if (root == ZX_HANDLE_INVALID || zx_resource_create(root, ZX_RSRC_KIND_SYSTEM, ZX_RSRC_SYSTEM_IOMMU_BASE, 1, "", 0, &resource) != ZX_OK ||
      zx_iommu_create(resource, ZX_IOMMU_TYPE_STUB, &desc, 1, &iommu) != ZX_OK || zx_bti_create(iommu, 0, 0, &made) != ZX_OK) {
    return ZX_HANDLE_INVALID;
  }
  zx_handle_close(root);
  zx_handle_close(resource);
  zx_handle_close(iommu);
  return made;
}

int main(int argc, char** argv) {
  uint64_t seed = argc > 1 ? strtoul(argv[1], NULL, 0) : 1, families = argc > 2 ? strtoul(argv[2], NULL, 0) : 400;
  int threads = argc > 3 ? atoi(argv[3]) : 1;
  if (threads < 1 || threads > MAX_THREADS) {
    fprintf(stderr, "usage: families [SEED [FAMILIES [THREADS]]], at most %d threads\n", MAX_THREADS);
    return 2;
  }
  bti = device();
  families_each = families / (uint64_t)threads;
  for (int i = 0; i < threads; i++) {
    worlds[i].seed = seed + (uint64_t)i;
    if (thrd_create(&worlds[i].thread, play, &worlds[i]) != thrd_success) {
      fprintf(stderr, "families: no thread\n");
      return 1;
    }
  }
  uint64_t operations = 0, played = 0;
  for (int i = 0; i < threads; i++) {
    int result;
    thrd_join(worlds[i].thread, &result);
    operations += worlds[i].operations;
    played += worlds[i].families;
  }
  printf("families: %lu operations on %lu families in %d threads, %s, no difference\n", operations, played, threads,
         bti != ZX_HANDLE_INVALID ? "pages pinned" : "no pins");
  return 0;
}

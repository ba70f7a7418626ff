// conform: one conformance test, in a process of its own.
//
//	conform              lists the tests, "ID VARIANT" a line
//	conform ID VARIANT   runs one: 0 it passed, 1 it did not (the line
//	                     "differs: ..." says why), 77 not yet ("not-yet: ...")
//	conform ID           runs the test's only variant
//
// The tests are the entries of two catalogues of observable behaviour: P of a
// user pager, S of snapshots of its VMOs, W of its write-back, each written from
// the catalogue's words; the scenarios of the acceptance checklist, C; and the rows
// of the calls' checks, E. cmd/conform has the list of all entries and runs them.
#include "conform.h"

static const table_t* const tables[] = {
    // Pagers.
    &basic_tests, &commit_tests, &failure_tests, &suspend_tests, &hint_tests, &argument_tests,
    // Their clones.
    &clone_tests, &family_tests, &snapshot_tests, &vmo_snapshot_tests,
    // Write-back.
    &dirty_tests, &writeback_tests, &interval_tests, &zero_tests, &stats_tests, &stream_tests, &clone_writeback_tests,
    &scenario_tests, &scenario_dirty_tests, &scenario_check_tests,
    &call_tests, &call_pager_tests, &call_vmo_tests, &pin_tests, &child_row_tests, &missing_tests, &missing_writeback_tests,
};

const test_t* running;

static const char* const variants[] = {
    [SINGLE] = "single",       [MAPPING] = "mapping",           [VMO_READ] = "vmo_read",
    [TRAP_DIRTY] = "TrapDirty", [NO_TRAP_DIRTY] = "NoTrapDirty", [VMAR] = "Vmar",
    [VMO] = "Vmo",                 [WITH_CHILD] = "child",
    [PINNED] = "pinned",           [PHYSICAL] = "physical",
};

static void list(void) {
  for (size_t i = 0; i < COUNT(tables); i++) {
    for (size_t k = 0; k < tables[i]->count; k++) {
      const test_t* t = &tables[i]->tests[k];
      printf("%s %s\n", t->id, variants[t->variant]);
    }
  }
}

static const test_t* find(const char* id, const char* variant) {
  for (size_t i = 0; i < COUNT(tables); i++) {
    for (size_t k = 0; k < tables[i]->count; k++) {
      const test_t* t = &tables[i]->tests[k];
      if (strcmp(t->id, id) == 0 && strcmp(variants[t->variant], variant) == 0) {
        return t;
      }
    }
  }
  return NULL;
}

int main(int argc, char** argv) {
  if (argc == 1) {
    list();
    return 0;
  }
  const char* variant = argc > 2 ? argv[2] : "single";
  const test_t* t = find(argv[1], variant);
  if (t == NULL || argc > 3) {
    printf("no test \"%s %s\"; conform without an argument lists them\n", argv[1], variant);
    return 2;
  }
  start_watchdog();
  running = t;
  t->run(t->variant);
  take_down_workers(HERE);
  take_down_pagers();
  take_down_memory();
  return 0;
}

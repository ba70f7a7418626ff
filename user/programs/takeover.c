// takeover: tries to get at a program beside it: `start hoard innocent` first. It
// binds its job's exception channel, takes all memory so that the other program
// faults, and waits for a handle of it; then it tries every handle value it might
// have, and what its own handles may do to others. It ends with 0 when it got
// nothing of anybody's.
#include <stdbool.h>

#include "child.h"

static bool good = true;

static void want(const char* what, zx_status_t got, zx_status_t wanted) {
  printf("takeover: %s: %s\n", what, zx_status_get_string(got));
  zx_flush_out();
  good = good && got == wanted;
}

// related is the koid that a handle's object tells of another.
static zx_koid_t related(zx_handle_t h) {
  zx_info_handle_basic_t info = {0};
  zx_object_get_info(h, ZX_INFO_HANDLE_BASIC, &info, sizeof(info), NULL, NULL);
  return info.related_koid;
}

int main(void) {
  zx_handle_t ours, channel, vmo, x;
  zx_exception_info_t info;
  zx_koid_t koids[16];
  size_t actual = 0, avail = 0;
  zx_info_handle_basic_t self = {0};
  zx_object_get_info(zx_process_self(), ZX_INFO_HANDLE_BASIC, &self, sizeof(self), NULL, NULL);
  want("exception channel of its own job", zx_task_create_exception_channel(zx_job_default(), 0, &channel), ZX_OK);
  want("all memory", (zx_vmo_create(1ul << 40, 0, &vmo), zx_vmo_op_range(vmo, ZX_VMO_OP_COMMIT, 0, 1ul << 40, NULL, 0)), ZX_ERR_NO_MEMORY);
  want("an exception of somebody's", zx_object_wait_one(channel, ZX_CHANNEL_READABLE, zx_deadline_after(ZX_SEC(4)), NULL), ZX_ERR_TIMED_OUT);
  want("a handle of the victim", zx_channel_read(channel, 0, &info, &x, sizeof(info), 1, NULL, NULL), ZX_ERR_SHOULD_WAIT);
  want("decommit", zx_vmo_op_range(vmo, ZX_VMO_OP_DECOMMIT, 0, 1ul << 40, NULL, 0), ZX_OK);
  want("processes of its job", zx_object_get_info(zx_job_default(), ZX_INFO_JOB_PROCESSES, koids, sizeof(koids), &actual, &avail), ZX_OK);
  want("which are itself", avail == 1 && koids[0] == self.koid ? ZX_OK : ZX_ERR_ALREADY_EXISTS, ZX_OK);
  want("no job above to be named", related(zx_job_default()) == ZX_KOID_INVALID ? ZX_OK : ZX_ERR_ALREADY_EXISTS, ZX_OK);
  // A handle that may do nothing does nothing to anybody.
  want("a weak handle", zx_handle_duplicate(zx_job_default(), ZX_RIGHT_NONE, &ours), ZX_OK);
  want("kill by it", zx_task_kill(ours), ZX_ERR_ACCESS_DENIED);
  want("a process by it", zx_process_create(ours, "x", 1, 0, &x, &vmo), ZX_ERR_ACCESS_DENIED);
  want("its exception channel", zx_task_create_exception_channel(ours, 0, &x), ZX_ERR_ACCESS_DENIED);
  // Every value a handle may have, the generations of a young table.
  uint64_t found = 0;
  for (uint32_t slot = 0; slot < 65536; slot++) {
    for (uint32_t generation = 1; generation < 8; generation++) {
      zx_info_handle_basic_t i = {0};
      zx_handle_t h = generation << 18 | slot << 2 | 3;
      if (zx_object_get_info(h, ZX_INFO_HANDLE_BASIC, &i, sizeof(i), NULL, NULL) == ZX_OK &&
          ((i.type == ZX_OBJ_TYPE_PROCESS && i.koid != self.koid) || (i.type == ZX_OBJ_TYPE_THREAD && i.related_koid != self.koid) ||
           (i.type == ZX_OBJ_TYPE_JOB && i.related_koid != ZX_KOID_INVALID) || i.type == ZX_OBJ_TYPE_RESOURCE)) {
        printf("takeover: handle 0x%x is of type %u, koid %lu\n", h, i.type, i.koid);
        found++;
      }
    }
  }
  want("handles of others among all values", found == 0 ? ZX_OK : ZX_ERR_ALREADY_EXISTS, ZX_OK);
  printf("takeover: %s\n", good ? "got nothing" : "GOT SOMETHING");
  return good ? 0 : 1;
}

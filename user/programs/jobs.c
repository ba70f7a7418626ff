// jobs: checks the tree of jobs from ring 3: policies, exceptions that climb,
// kills that go down. Exit code 0 says that all held.
#include "checks.h"

static void jobs(void) {
  zx_handle_t own = zx_start_handle(PA_HND(PA_JOB_DEFAULT, 0)), job, below, channel, x, h;
  zx_info_job_t info;
  zx_info_handle_basic_t basic;
  zx_koid_t koids[4];
  size_t actual = 0, avail = 0;
  zx_signals_t seen;
  int64_t code = 1;
  child_t c, d;
  // What is above it a program does not see.
  CHECK(zx_object_get_info(own, ZX_INFO_HANDLE_BASIC, &basic, sizeof(basic), NULL, NULL), ZX_OK);
  CHECK(basic.related_koid, 0);
  CHECK(zx_job_create(own, 0, &job), ZX_OK);
  CHECK(zx_object_get_info(job, ZX_INFO_HANDLE_BASIC, &basic, sizeof(basic), NULL, NULL), ZX_OK);
  CHECK(basic.related_koid, koid_of(own));
  CHECK(zx_object_wait_one(job, ZX_JOB_NO_CHILDREN, 0, &seen), ZX_OK);
  CHECK(seen, ZX_JOB_NO_JOBS | ZX_JOB_NO_PROCESSES | ZX_JOB_NO_CHILDREN);

  // A policy goes down; what it made final stays.
  zx_policy_basic_v2_t rules[2] = {{ZX_POL_NEW_PAGER, ZX_POL_ACTION_DENY, ZX_POL_OVERRIDE_DENY},
                                   {ZX_POL_NEW_EVENT, ZX_POL_ACTION_DENY_EXCEPTION, ZX_POL_OVERRIDE_ALLOW}};
  CHECK(zx_job_set_policy(job, ZX_JOB_POL_ABSOLUTE, ZX_JOB_POL_BASIC_V2, rules, 2), ZX_OK);
  CHECK(zx_job_create(job, 0, &below), ZX_OK);
  CHECK(zx_job_set_policy(job, ZX_JOB_POL_RELATIVE, ZX_JOB_POL_BASIC_V2, rules, 2), ZX_ERR_BAD_STATE);
  rules[0].action = ZX_POL_ACTION_ALLOW;
  CHECK(zx_job_set_policy(below, ZX_JOB_POL_ABSOLUTE, ZX_JOB_POL_BASIC_V2, rules, 2), ZX_ERR_ALREADY_EXISTS);
  CHECK(zx_job_set_policy(below, ZX_JOB_POL_RELATIVE, ZX_JOB_POL_BASIC_V2, rules, 2), ZX_OK);

  // An exception that nobody settles below comes up here.
  CHECK(zx_task_create_exception_channel(job, 0, &channel), ZX_OK);
  child_job = below;
  CHECK(child_start("policy", &c), ZX_OK);
  zx_exception_info_t excp;
  zx_exception_report_t report;
  x = take(channel, &excp);
  CHECK(excp.pid, koid_of(c.process));
  CHECK(excp.type, ZX_EXCP_POLICY_ERROR);
  CHECK(zx_exception_get_thread(x, &h), ZX_OK);
  CHECK(thread_info(h).wait_exception_channel_type, ZX_EXCEPTION_CHANNEL_TYPE_JOB);
  CHECK(zx_object_get_info(h, ZX_INFO_THREAD_EXCEPTION_REPORT, &report, sizeof(report), NULL, NULL), ZX_OK);
  CHECK(report.context.synth_code, ZX_POL_NEW_EVENT);
  CHECK(zx_handle_close(h), ZX_OK);
  decide(x, ZX_EXCEPTION_STATE_HANDLED);
  CHECK(child_wait(&c, SOON, &code), ZX_OK);
  CHECK(code, 42);
  child_close(&c);

  // The end of a job is the end of all in it and below, and of nothing else.
  CHECK(child_start("wait", &c), ZX_OK);
  child_job = job;
  CHECK(child_start("wait", &d), ZX_OK);
  child_job = 0;
  CHECK(zx_object_get_info(job, ZX_INFO_JOB_CHILDREN, koids, sizeof(koids), &actual, &avail), ZX_OK);
  CHECK(actual, 1);
  CHECK(koids[0], koid_of(below));
  CHECK(zx_object_get_info(below, ZX_INFO_JOB_PROCESSES, koids, 4, &actual, &avail), ZX_OK);
  CHECK(actual, 0);
  CHECK(avail, 1);
  CHECK(zx_object_get_info(job, ZX_INFO_JOB_PROCESSES, koids, sizeof(koids), &actual, NULL), ZX_OK);
  CHECK(koids[0], koid_of(d.process));
  CHECK(zx_object_get_info(d.process, ZX_INFO_PROCESS_THREADS, koids, sizeof(koids), &actual, NULL), ZX_OK);
  CHECK(koids[0], koid_of(d.thread));
  CHECK(zx_task_kill(job), ZX_OK);
  CHECK(zx_object_wait_one(job, ZX_JOB_TERMINATED, SOON, NULL), ZX_OK);
  CHECK(zx_object_wait_one(below, ZX_JOB_TERMINATED, SOON, NULL), ZX_OK);
  CHECK(child_wait(&c, 0, &code), ZX_OK);
  CHECK(code, ZX_TASK_RETCODE_SYSCALL_KILL);
  CHECK(child_wait(&d, 0, &code), ZX_OK);
  CHECK(zx_object_get_info(job, ZX_INFO_JOB, &info, sizeof(info), NULL, NULL), ZX_OK);
  CHECK(info.exited, true);
  CHECK(info.return_code, ZX_TASK_RETCODE_SYSCALL_KILL);
  CHECK(zx_job_create(job, 0, &h), ZX_ERR_BAD_STATE);
  zx_handle_t vmar;
  CHECK(zx_process_create(job, "late", 4, 0, &h, &vmar), ZX_ERR_BAD_STATE);
  child_close(&c);
  child_close(&d);
  zx_handle_close_many((zx_handle_t[]){job, below, channel}, 3);

  // As deep as it goes; a job nobody can reach is gone.
  zx_handle_t deep[40];
  int n = 0;
  for (h = own; n < 40 && zx_job_create(h, 0, &deep[n]) == ZX_OK; n++) {
    h = deep[n];
  }
  CHECK(n, 31);
  CHECK(zx_job_create(h, 0, &x), ZX_ERR_OUT_OF_RANGE);
  zx_handle_close_many(deep, n);
  CHECK(zx_object_get_info(own, ZX_INFO_JOB_CHILDREN, NULL, 0, &actual, &avail), ZX_OK);
  CHECK(avail, 0);
}

// play is main of a child.
static int play(const char* role) {
  if (strcmp(role, "policy") == 0) {
    zx_handle_t h;
    zx_status_t pager = zx_pager_create(0, &h), event = zx_event_create(0, &h);
    return pager == ZX_ERR_ACCESS_DENIED && event == ZX_ERR_ACCESS_DENIED && zx_port_create(0, &h) == ZX_OK ? 42 : 1;
  }
  zx_nanosleep(ZX_TIME_INFINITE);
  return 3;
}

int main(int argc, char** argv) {
  if (argc > 1 && strcmp(argv[0], "child") == 0) {
    return play(argv[1]);
  }
  running = "jobs";
  jobs();
  printf("jobs: %s\n", failures == 0 ? "all holds" : "FAILS");
  return failures == 0 ? 0 : 1;
}

// parent: programs start programs. Without arguments it starts itself, and hello,
// and looks at what they get; with the start handle PA_HND(PA_USER0, 0) it starts
// the ELF file in that VMO with its arguments. Exits with the code of the child.
#include <zx.h>

static int wrong;

#define CHECK(condition)                             \
  do {                                               \
    if (!(condition)) {                              \
      printf("line %d: %s\n", __LINE__, #condition); \
      wrong = 1;                                     \
    }                                                \
  } while (0)

// ended waits for a process and gives its return code.
static int64_t ended(zx_handle_t process) {
  zx_info_process_t info = {0};
  CHECK(zx_object_wait_one(process, ZX_PROCESS_TERMINATED, ZX_TIME_INFINITE, NULL) == ZX_OK);
  CHECK(zx_object_get_info(process, ZX_INFO_PROCESS, &info, sizeof(info), NULL, NULL) == ZX_OK);
  zx_handle_close(process);
  return info.return_code;
}

// child checks what it was given and answers through its channel.
static int child(int argc, char** argv) {
  zx_handle_t channel = zx_take_startup_handle(PA_HND(PA_USER0, 7));
  CHECK(argc == 3 && strcmp(argv[0], "the child") == 0 && strcmp(argv[2], "") == 0 && argv[3] == NULL);
  CHECK(getenv("COLOUR") != NULL && strcmp(getenv("COLOUR"), "green=blue") == 0 && strcmp(getenv("EMPTY"), "") == 0 && getenv("COL") == NULL);
  CHECK(zx_handle_check_valid(zx_process_self()) == ZX_OK && zx_handle_check_valid(zx_thread_self()) == ZX_OK);
  CHECK(zx_handle_check_valid(zx_job_default()) == ZX_OK && malloc(300000) != NULL);
  CHECK(zx_channel_write(channel, 0, "here", 4, NULL, 0) == ZX_OK);
  return wrong ? 1 : 42;
}

static void start_child(void) {
  zx_handle_t mine, theirs, process;
  CHECK(zx_channel_create(0, &mine, &theirs) == ZX_OK);
  zx_start_handle_t handles[] = {{PA_HND(PA_USER0, 7), theirs}};
  const char* argv[] = {"the child", "child", "", NULL};
  const char* envp[] = {"COLOUR=green=blue", "EMPTY=", NULL};
  zx_program_t what = {.argv = argv, .envp = envp, .handles = handles, .handle_count = 1};
  CHECK(zx_program_start_named(&what, "parent", &process) == ZX_OK);
  CHECK(ended(process) == 42);
  char text[8];
  uint32_t n;
  CHECK(zx_channel_read(mine, 0, text, NULL, sizeof(text), 0, &n, NULL) == ZX_OK && n == 4 && memcmp(text, "here", 4) == 0);
  CHECK(zx_channel_read(mine, 0, text, NULL, sizeof(text), 0, &n, NULL) == ZX_ERR_PEER_CLOSED);
  zx_handle_close(mine);
}

static void refused(void) {
  zx_handle_t process, vmo, event;
  zx_program_t what = {.name = "nothing"};
  CHECK(zx_program_start_named(&what, "no-such-program", &process) == ZX_ERR_NOT_FOUND);
  CHECK(zx_vmo_create(4096, 0, &vmo) == ZX_OK && zx_event_create(0, &event) == ZX_OK);
  zx_start_handle_t handles[] = {{PA_HND(PA_USER0, 0), event}};
  what.handles = handles, what.handle_count = 1;
  CHECK(zx_program_start(&what, vmo, &process) == ZX_ERR_NOT_SUPPORTED && zx_handle_check_valid(event) == ZX_ERR_BAD_HANDLE);
  handles[0].handle = event;
  CHECK(zx_program_start(&what, ZX_HANDLE_INVALID, &process) == ZX_ERR_BAD_HANDLE);
  zx_handle_close(vmo);
}

int main(int argc, char** argv) {
  if (argc > 1 && strcmp(argv[1], "child") == 0) return child(argc, argv);
  zx_handle_t process, file = zx_start_handle(PA_HND(PA_USER0, 0));
  if (file != ZX_HANDLE_INVALID) {
    zx_program_t what = {.name = "child", .argv = (const char* const*)argv};
    zx_status_t status = zx_program_start(&what, file, &process);
    if (status != ZX_OK) {
      printf("the file cannot be started: %s\n", zx_status_get_string(status));
      return 1;
    }
    return (int)ended(process);
  }
  start_child();
  refused();
  const char* const hello[] = {"hello", "5", NULL};
  zx_program_t what = {.argv = hello};
  CHECK(zx_program_start_named(&what, "hello", &process) == ZX_OK && ended(process) == 5);
  printf("programs %s\n", wrong ? "differ" : "start");
  return wrong;
}

// objects: event pairs, fifos, timers, streams, messages with dispositions, and
// the memory of processes. Prints what is wrong and exits 1 then.
#include <zx.h>

static int wrong;

#define CHECK(condition)                             \
  do {                                               \
    if (!(condition)) {                              \
      printf("line %d: %s\n", __LINE__, #condition); \
      wrong = 1;                                     \
    }                                                \
  } while (0)

#define OK(call) CHECK((call) == ZX_OK)

static zx_signals_t signals(zx_handle_t h) {
  zx_signals_t seen = 0;
  zx_object_wait_one(h, 0, 0, &seen);
  return seen;
}

static zx_info_handle_basic_t basic(zx_handle_t h) {
  zx_info_handle_basic_t info = {0};
  OK(zx_object_get_info(h, ZX_INFO_HANDLE_BASIC, &info, sizeof(info), NULL, NULL));
  return info;
}

static void pairs(void) {
  zx_handle_t a, b;
  OK(zx_eventpair_create(0, &a, &b));
  CHECK(basic(a).related_koid == basic(b).koid && basic(a).rights == ZX_DEFAULT_EVENTPAIR_RIGHTS && basic(a).type == ZX_OBJ_TYPE_EVENTPAIR);
  OK(zx_object_signal_peer(a, 0, ZX_USER_SIGNAL_3 | ZX_EVENTPAIR_SIGNALED));
  CHECK(signals(b) == (ZX_USER_SIGNAL_3 | ZX_EVENTPAIR_SIGNALED) && signals(a) == 0);
  CHECK(zx_object_signal_peer(a, 0, ZX_EVENTPAIR_PEER_CLOSED) == ZX_ERR_INVALID_ARGS);
  OK(zx_handle_close(b));
  CHECK(signals(a) == ZX_EVENTPAIR_PEER_CLOSED && zx_object_signal_peer(a, 0, ZX_USER_SIGNAL_0) == ZX_ERR_PEER_CLOSED);
  OK(zx_handle_close(a));
  CHECK(zx_eventpair_create(1, &a, &b) == ZX_ERR_INVALID_ARGS);
  OK(zx_event_create(0, &a));
  CHECK(zx_object_signal_peer(a, 0, ZX_USER_SIGNAL_0) == ZX_ERR_ACCESS_DENIED);
  OK(zx_handle_close(a));
}

static void fifos(void) {
  zx_handle_t a, b;
  CHECK(zx_fifo_create(0, 8, 0, &a, &b) == ZX_ERR_OUT_OF_RANGE && zx_fifo_create(513, 8, 0, &a, &b) == ZX_ERR_OUT_OF_RANGE);
  CHECK(zx_fifo_create(SIZE_MAX / 4, 8, 0, &a, &b) == ZX_ERR_OUT_OF_RANGE && zx_fifo_create(4, 8, 1, &a, &b) == ZX_ERR_INVALID_ARGS);
  OK(zx_fifo_create(4, 8, 0, &a, &b));
  uint64_t in[8] = {1, 2, 3, 4, 5, 6, 7, 8}, out[8] = {0};
  size_t n;
  CHECK(signals(a) == ZX_FIFO_WRITABLE && zx_fifo_read(b, 8, out, 1, &n) == ZX_ERR_SHOULD_WAIT);
  CHECK(zx_fifo_write(a, 4, in, 1, &n) == ZX_ERR_OUT_OF_RANGE && zx_fifo_write(a, 8, in, 0, &n) == ZX_ERR_OUT_OF_RANGE);
  OK(zx_fifo_write(a, 8, in, 3, &n));
  CHECK(n == 3 && signals(b) == (ZX_FIFO_READABLE | ZX_FIFO_WRITABLE));
  OK(zx_fifo_read(b, 8, out, 2, &n));
  CHECK(n == 2 && out[0] == 1 && out[1] == 2);
  OK(zx_fifo_write(a, 8, in + 3, 5, &n));
  CHECK(n == 3 && signals(a) == 0 && zx_fifo_write(a, 8, in, 1, NULL) == ZX_ERR_SHOULD_WAIT);
  OK(zx_fifo_read(b, 8, out, 8, &n));
  CHECK(n == 4 && out[0] == 3 && out[3] == 6 && signals(a) == ZX_FIFO_WRITABLE);
  OK(zx_fifo_write(a, 8, in, 1, NULL));
  OK(zx_handle_close(a));
  CHECK(signals(b) == (ZX_FIFO_READABLE | ZX_FIFO_PEER_CLOSED) && zx_fifo_write(b, 8, in, 1, &n) == ZX_ERR_PEER_CLOSED);
  OK(zx_fifo_read(b, 8, out, 1, NULL));
  CHECK(zx_fifo_read(b, 8, out, 1, &n) == ZX_ERR_PEER_CLOSED);
  OK(zx_handle_close(b));
}

static void timers(void) {
  zx_handle_t t;
  CHECK(zx_timer_create(3, ZX_CLOCK_MONOTONIC, &t) == ZX_ERR_INVALID_ARGS && zx_timer_create(0, 2, &t) == ZX_ERR_INVALID_ARGS);
  OK(zx_timer_create(ZX_TIMER_SLACK_LATE, ZX_CLOCK_BOOT, &t));
  CHECK(zx_timer_set(t, 0, -1) == ZX_ERR_OUT_OF_RANGE && signals(t) == 0);
  OK(zx_timer_set(t, zx_deadline_after(ZX_SEC(1000)), 0));
  CHECK(zx_object_wait_one(t, ZX_TIMER_SIGNALED, zx_deadline_after(ZX_MSEC(1)), NULL) == ZX_ERR_TIMED_OUT);
  zx_time_t deadline = zx_deadline_after(ZX_MSEC(5));
  OK(zx_timer_set(t, deadline, 0));
  OK(zx_object_wait_one(t, ZX_TIMER_SIGNALED, ZX_TIME_INFINITE, NULL));
  CHECK(zx_clock_get_monotonic() >= deadline);
  OK(zx_timer_set(t, ZX_TIME_INFINITE, 0));
  CHECK(signals(t) == 0);
  OK(zx_timer_set(t, ZX_TIME_INFINITE_PAST, ZX_SEC(1)));
  CHECK(signals(t) == ZX_TIMER_SIGNALED);
  OK(zx_timer_set(t, zx_deadline_after(ZX_MSEC(1)), 0));
  OK(zx_timer_cancel(t));  // in time or not: it stays silent
  zx_nanosleep(zx_deadline_after(ZX_MSEC(2)));
  CHECK(signals(t) == 0);
  OK(zx_timer_set(t, zx_deadline_after(ZX_SEC(1000)), 0));
  OK(zx_handle_close(t));
}

static zx_status_t writev(zx_handle_t s, uint32_t options, const char* text, size_t* n) {
  zx_iovec_t v[2] = {{(void*)text, strlen(text) / 2}, {(void*)(text + strlen(text) / 2), strlen(text) - strlen(text) / 2}};
  return zx_stream_writev(s, options, v, 2, n);
}

static void streams(void) {
  zx_handle_t vmo, s, reader;
  OK(zx_vmo_create(0, ZX_VMO_RESIZABLE, &vmo));
  CHECK(zx_stream_create(8, vmo, 0, &s) == ZX_ERR_INVALID_ARGS);
  OK(zx_stream_create(ZX_STREAM_MODE_READ | ZX_STREAM_MODE_WRITE, vmo, 0, &s));
  CHECK(basic(s).rights == (ZX_DEFAULT_STREAM_RIGHTS | ZX_RIGHTS_IO) && basic(s).type == ZX_OBJ_TYPE_STREAM && basic(s).related_koid == basic(vmo).koid);
  size_t n;
  uint64_t size;
  OK(writev(s, 0, "hello, world", &n));
  OK(zx_vmo_get_stream_size(vmo, &size));
  CHECK(n == 12 && size == 12);
  zx_off_t at;
  OK(zx_stream_seek(s, ZX_STREAM_SEEK_ORIGIN_START, 7, &at));
  CHECK(at == 7);
  char text[64] = {0};
  zx_iovec_t one = {text, sizeof(text)};
  OK(zx_stream_readv(s, 0, &one, 1, &n));
  CHECK(n == 5 && memcmp(text, "world", 5) == 0);
  OK(zx_stream_readv(s, 0, &one, 1, &n));
  CHECK(n == 0);
  OK(zx_stream_seek(s, ZX_STREAM_SEEK_ORIGIN_END, -12, NULL));
  OK(writev(s, ZX_STREAM_APPEND, "!!", &n));
  OK(zx_stream_seek(s, ZX_STREAM_SEEK_ORIGIN_CURRENT, 0, &at));
  CHECK(n == 2 && at == 14);
  one.capacity = 3;
  OK(zx_stream_writev_at(s, 0, 8190, &one, 1, &n));
  OK(zx_vmo_get_size(vmo, &size));
  CHECK(n == 3 && size == 12288);
  OK(zx_stream_readv_at(s, 0, 8189, &one, 1, &n));
  CHECK(n == 3 && text[0] == 0);
  CHECK(zx_stream_seek(s, 0, -1, NULL) == ZX_ERR_INVALID_ARGS && zx_stream_seek(s, 3, 0, NULL) == ZX_ERR_INVALID_ARGS);
  CHECK(zx_stream_writev_at(s, 0, UINT64_MAX, &one, 1, &n) == ZX_ERR_FILE_BIG);
  OK(zx_stream_create(ZX_STREAM_MODE_READ, vmo, 0, &reader));
  CHECK(writev(reader, 0, "x", &n) == ZX_ERR_ACCESS_DENIED && zx_stream_readv(reader, 0, (void*)8, 1, &n) == ZX_ERR_INVALID_ARGS);
  one.buffer = (void*)8;
  CHECK(zx_stream_readv(reader, 0, &one, 1, &n) != ZX_OK && zx_stream_readv(reader, 0, &one, 1025, &n) == ZX_ERR_INVALID_ARGS);
  OK(zx_handle_close(reader));
  OK(zx_handle_close(s));
  OK(zx_handle_close(vmo));
  OK(zx_vmo_create(4096, 0, &vmo));
  OK(zx_stream_create(ZX_STREAM_MODE_WRITE, vmo, 4090, &s));
  OK(writev(s, 0, "0123456789", &n));
  CHECK(n == 6 && writev(s, 0, "x", &n) == ZX_ERR_NO_SPACE);
  OK(zx_handle_close(s));
  OK(zx_handle_close(vmo));
}

static void messages(void) {
  zx_handle_t a, b, event;
  OK(zx_channel_create(0, &a, &b));
  OK(zx_event_create(0, &event));
  char one[] = "one", two[] = "two";
  zx_channel_iovec_t v[3] = {{one, 3, 0}, {NULL, 0, 0}, {two, 3, 0}};
  zx_handle_disposition_t d[2] = {
      {ZX_HANDLE_OP_DUPLICATE, event, ZX_OBJ_TYPE_EVENT, ZX_RIGHT_WAIT, 7},
      {ZX_HANDLE_OP_MOVE, event, ZX_OBJ_TYPE_NONE, ZX_RIGHT_SAME_RIGHTS, 7},
  };
  OK(zx_channel_write_etc(a, ZX_CHANNEL_WRITE_USE_IOVEC, v, 3, d, 2));
  CHECK(zx_handle_check_valid(event) == ZX_ERR_BAD_HANDLE);
  char text[16] = {0};
  zx_handle_info_t got[2];
  uint32_t bytes, handles;
  OK(zx_channel_read_etc(b, 0, text, got, sizeof(text), 2, &bytes, &handles));
  CHECK(bytes == 6 && memcmp(text, "onetwo", 6) == 0 && handles == 2);
  CHECK(got[0].type == ZX_OBJ_TYPE_EVENT && got[0].rights == ZX_RIGHT_WAIT && basic(got[0].handle).rights == ZX_RIGHT_WAIT);
  CHECK(got[1].rights == ZX_DEFAULT_EVENT_RIGHTS && got[1].unused == 0 && basic(got[1].handle).koid == basic(got[0].handle).koid);
  // What fails is told, what is to be moved goes, what is to be duplicated stays.
  zx_handle_disposition_t bad[4] = {
      {ZX_HANDLE_OP_DUPLICATE, got[1].handle, ZX_OBJ_TYPE_VMO, ZX_RIGHT_SAME_RIGHTS, 7},
      {ZX_HANDLE_OP_DUPLICATE, got[1].handle, ZX_OBJ_TYPE_EVENT, ZX_RIGHT_READ, 7},
      {2, got[1].handle, ZX_OBJ_TYPE_NONE, ZX_RIGHT_SAME_RIGHTS, 7},
      {ZX_HANDLE_OP_MOVE, got[0].handle, ZX_OBJ_TYPE_NONE, ZX_RIGHT_SAME_RIGHTS, 7},
  };
  CHECK(zx_channel_write_etc(a, 0, one, 3, bad, 4) == ZX_ERR_WRONG_TYPE);
  CHECK(bad[0].result == ZX_ERR_WRONG_TYPE && bad[1].result == ZX_ERR_INVALID_ARGS && bad[2].result == ZX_ERR_INVALID_ARGS && bad[3].result == ZX_ERR_ACCESS_DENIED);
  CHECK(zx_handle_check_valid(got[1].handle) == ZX_OK && zx_handle_check_valid(got[0].handle) == ZX_ERR_BAD_HANDLE);
  v[0].reserved = 1;
  CHECK(zx_channel_write(a, ZX_CHANNEL_WRITE_USE_IOVEC, v, 3, NULL, 0) == ZX_ERR_INVALID_ARGS);
  v[0].reserved = 0, v[0].capacity = 65534;
  CHECK(zx_channel_write(a, ZX_CHANNEL_WRITE_USE_IOVEC, v, 3, NULL, 0) == ZX_ERR_OUT_OF_RANGE);
  CHECK(zx_channel_write(a, ZX_CHANNEL_WRITE_USE_IOVEC, v, 8193, NULL, 0) == ZX_ERR_OUT_OF_RANGE);
  CHECK(zx_channel_write(a, 4, v, 1, NULL, 0) == ZX_ERR_INVALID_ARGS);
  OK(zx_object_signal_peer(a, 0, ZX_USER_SIGNAL_1));
  CHECK(signals(b) == (ZX_CHANNEL_WRITABLE | ZX_USER_SIGNAL_1));
  OK(zx_handle_close(got[1].handle));
  OK(zx_handle_close(a));
  OK(zx_handle_close(b));
}

static const char constant[] = "in a page that may not be written";

static void memory(void) {
  char text[64] = "before", copy[64];
  size_t n;
  OK(zx_process_read_memory(zx_process_self(), (zx_vaddr_t)text, copy, 7, &n));
  CHECK(n == 7 && strcmp(copy, "before") == 0);
  OK(zx_process_write_memory(zx_process_self(), (zx_vaddr_t)text, "after", 6, &n));
  CHECK(n == 6 && strcmp(text, "after") == 0);
  const char* volatile written = constant;  // or the compiler knows what is in it
  OK(zx_process_write_memory(zx_process_self(), (zx_vaddr_t)constant, "IN", 2, &n));
  CHECK(written[0] == 'I');
  CHECK(zx_process_read_memory(zx_process_self(), 8, copy, 1, &n) == ZX_ERR_NO_MEMORY);
  CHECK(zx_process_read_memory(zx_process_self(), (zx_vaddr_t)text, copy, 0, &n) == ZX_ERR_INVALID_ARGS);
  CHECK(zx_process_read_memory(zx_process_self(), (zx_vaddr_t)text, copy, (64 << 20) + 1, &n) == ZX_ERR_INVALID_ARGS);
  // A mapping of a VMO that may only be read is not a way to write it.
  zx_handle_t vmo, read_only;
  zx_vaddr_t at;
  OK(zx_vmo_create(4096, 0, &vmo));
  OK(zx_handle_duplicate(vmo, ZX_RIGHT_READ | ZX_RIGHT_MAP, &read_only));
  OK(zx_vmar_map(zx_vmar_root_self(), ZX_VM_PERM_READ, 0, read_only, 0, 8192, &at));
  OK(zx_process_read_memory(zx_process_self(), at + 4090, copy, 64, &n));
  CHECK(n == 6 && zx_process_read_memory(zx_process_self(), at + 4096, copy, 1, &n) == ZX_ERR_OUT_OF_RANGE);
  CHECK(zx_process_write_memory(zx_process_self(), at, "x", 1, &n) == ZX_ERR_ACCESS_DENIED);
  OK(zx_vmar_unmap(zx_vmar_root_self(), at, 8192));
  OK(zx_handle_close(read_only));
  OK(zx_handle_close(vmo));
}

int main(void) {
  pairs();
  fifos();
  timers();
  streams();
  messages();
  memory();
  printf("objects %s\n", wrong ? "differ" : "hold");
  return wrong;
}

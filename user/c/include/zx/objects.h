// zx/objects.h: handles that own, for C++. An object closes its handle when it
// goes; it moves and is not copied. Every call answers a zx_status_t, as in C.
// unowned<T> lends a handle for a while.
#ifndef ZX_OBJECTS_H_
#define ZX_OBJECTS_H_

#include <utility>

#include <zx.h>

namespace zx {

using status_t = zx_status_t;
using time = zx_time_t;

// object is a handle of any type.
class object {
 public:
  constexpr object() = default;
  explicit constexpr object(zx_handle_t handle) : handle_(handle) {}
  object(object&& other) noexcept : handle_(other.release()) {}
  object& operator=(object&& other) noexcept {
    reset(other.release());
    return *this;
  }
  object(const object&) = delete;
  object& operator=(const object&) = delete;
  ~object() { reset(); }

  zx_handle_t get() const { return handle_; }
  bool is_valid() const { return handle_ != ZX_HANDLE_INVALID; }
  explicit operator bool() const { return is_valid(); }
  // release gives the handle away.
  [[nodiscard]] zx_handle_t release() { return std::exchange(handle_, ZX_HANDLE_INVALID); }
  void reset(zx_handle_t handle = ZX_HANDLE_INVALID) {
    if (handle_ != ZX_HANDLE_INVALID) zx_handle_close(handle_);
    handle_ = handle;
  }
  // reset_and_get_address is for a call that stores a handle.
  zx_handle_t* reset_and_get_address() {
    reset();
    return &handle_;
  }

  template <typename T>
  status_t duplicate(zx_rights_t rights, T* out) const {
    return zx_handle_duplicate(handle_, rights, out->reset_and_get_address());
  }
  template <typename T>
  status_t replace(zx_rights_t rights, T* out) {
    zx_handle_t fresh = ZX_HANDLE_INVALID;
    status_t status = zx_handle_replace(release(), rights, &fresh);
    out->reset(fresh);
    return status;
  }
  status_t signal(uint32_t clear, uint32_t set) const { return zx_object_signal(handle_, clear, set); }
  status_t signal_peer(uint32_t clear, uint32_t set) const { return zx_object_signal_peer(handle_, clear, set); }
  status_t wait_one(zx_signals_t signals, time deadline, zx_signals_t* observed = nullptr) const {
    return zx_object_wait_one(handle_, signals, deadline, observed);
  }
  status_t wait_async(const object& port, uint64_t key, zx_signals_t signals, uint32_t options) const {
    return zx_object_wait_async(handle_, port.get(), key, signals, options);
  }
  status_t get_info(uint32_t topic, void* buffer, size_t size, size_t* actual = nullptr, size_t* avail = nullptr) const {
    return zx_object_get_info(handle_, topic, buffer, size, actual, avail);
  }
  status_t get_property(uint32_t property, void* value, size_t size) const {
    return zx_object_get_property(handle_, property, value, size);
  }
  status_t set_property(uint32_t property, const void* value, size_t size) const {
    return zx_object_set_property(handle_, property, value, size);
  }

 private:
  zx_handle_t handle_ = ZX_HANDLE_INVALID;
};

using handle = object;

// unowned is a T that does not close its handle.
template <typename T>
class unowned {
 public:
  explicit unowned(zx_handle_t handle) : object_(handle) {}
  unowned(const T& object) : unowned(object.get()) {}
  unowned(const unowned& other) : unowned(other.object_.get()) {}
  unowned& operator=(const unowned&) = delete;
  ~unowned() { static_cast<void>(object_.release()); }
  const T& operator*() const { return object_; }
  const T* operator->() const { return &object_; }

 private:
  T object_;
};

class event : public object {
 public:
  using object::object;
  static status_t create(uint32_t options, event* out) { return zx_event_create(options, out->reset_and_get_address()); }
};

class eventpair : public object {
 public:
  using object::object;
  static status_t create(uint32_t options, eventpair* a, eventpair* b) {
    return zx_eventpair_create(options, a->reset_and_get_address(), b->reset_and_get_address());
  }
};

class port : public object {
 public:
  using object::object;
  static status_t create(uint32_t options, port* out) { return zx_port_create(options, out->reset_and_get_address()); }
  status_t wait(time deadline, zx_port_packet_t* packet) const { return zx_port_wait(get(), deadline, packet); }
  status_t queue(const zx_port_packet_t* packet) const { return zx_port_queue(get(), packet); }
  status_t cancel(const object& source, uint64_t key) const { return zx_port_cancel(get(), source.get(), key); }
  status_t cancel_key(uint32_t options, uint64_t key) const { return zx_port_cancel_key(get(), options, key); }
};

class channel : public object {
 public:
  using object::object;
  static status_t create(uint32_t options, channel* a, channel* b) {
    return zx_channel_create(options, a->reset_and_get_address(), b->reset_and_get_address());
  }
  status_t read(uint32_t options, void* bytes, zx_handle_t* handles, uint32_t num_bytes, uint32_t num_handles,
                uint32_t* actual_bytes, uint32_t* actual_handles) const {
    return zx_channel_read(get(), options, bytes, handles, num_bytes, num_handles, actual_bytes, actual_handles);
  }
  status_t write(uint32_t options, const void* bytes, uint32_t num_bytes, const zx_handle_t* handles, uint32_t num_handles) const {
    return zx_channel_write(get(), options, bytes, num_bytes, handles, num_handles);
  }
  status_t call(uint32_t options, time deadline, const zx_channel_call_args_t* args, uint32_t* actual_bytes,
                uint32_t* actual_handles) const {
    return zx_channel_call(get(), options, deadline, args, actual_bytes, actual_handles);
  }
};

class fifo : public object {
 public:
  using object::object;
  static status_t create(size_t count, size_t size, uint32_t options, fifo* a, fifo* b) {
    return zx_fifo_create(count, size, options, a->reset_and_get_address(), b->reset_and_get_address());
  }
  status_t read(size_t size, void* data, size_t count, size_t* actual) const { return zx_fifo_read(get(), size, data, count, actual); }
  status_t write(size_t size, const void* data, size_t count, size_t* actual) const {
    return zx_fifo_write(get(), size, data, count, actual);
  }
};

class timer : public object {
 public:
  using object::object;
  static status_t create(uint32_t options, zx_clock_t clock, timer* out) {
    return zx_timer_create(options, clock, out->reset_and_get_address());
  }
  status_t set(time deadline, zx_duration_t slack) const { return zx_timer_set(get(), deadline, slack); }
  status_t cancel() const { return zx_timer_cancel(get()); }
};

class vmo : public object {
 public:
  using object::object;
  static status_t create(uint64_t size, uint32_t options, vmo* out) { return zx_vmo_create(size, options, out->reset_and_get_address()); }
  status_t read(void* data, uint64_t offset, size_t size) const { return zx_vmo_read(get(), data, offset, size); }
  status_t write(const void* data, uint64_t offset, size_t size) const { return zx_vmo_write(get(), data, offset, size); }
  status_t get_size(uint64_t* size) const { return zx_vmo_get_size(get(), size); }
  status_t set_size(uint64_t size) const { return zx_vmo_set_size(get(), size); }
  status_t get_stream_size(uint64_t* size) const { return zx_vmo_get_stream_size(get(), size); }
  status_t set_stream_size(uint64_t size) const { return zx_vmo_set_stream_size(get(), size); }
  status_t op_range(uint32_t op, uint64_t offset, uint64_t size, void* buffer = nullptr, size_t buffer_size = 0) const {
    return zx_vmo_op_range(get(), op, offset, size, buffer, buffer_size);
  }
  status_t create_child(uint32_t options, uint64_t offset, uint64_t size, vmo* out) const {
    return zx_vmo_create_child(get(), options, offset, size, out->reset_and_get_address());
  }
};

class stream : public object {
 public:
  using object::object;
  static status_t create(uint32_t options, const vmo& vmo, zx_off_t seek, stream* out) {
    return zx_stream_create(options, vmo.get(), seek, out->reset_and_get_address());
  }
  status_t readv(uint32_t options, const zx_iovec_t* vectors, size_t count, size_t* actual) const {
    return zx_stream_readv(get(), options, vectors, count, actual);
  }
  status_t writev(uint32_t options, const zx_iovec_t* vectors, size_t count, size_t* actual) const {
    return zx_stream_writev(get(), options, vectors, count, actual);
  }
  status_t seek(zx_stream_seek_origin_t whence, int64_t offset, zx_off_t* out) const { return zx_stream_seek(get(), whence, offset, out); }
};

class pager : public object {
 public:
  using object::object;
  static status_t create(uint32_t options, pager* out) { return zx_pager_create(options, out->reset_and_get_address()); }
  status_t create_vmo(uint32_t options, const port& port, uint64_t key, uint64_t size, vmo* out) const {
    return zx_pager_create_vmo(get(), options, port.get(), key, size, out->reset_and_get_address());
  }
  status_t detach_vmo(const vmo& vmo) const { return zx_pager_detach_vmo(get(), vmo.get()); }
  status_t supply_pages(const vmo& to, uint64_t offset, uint64_t size, const vmo& from, uint64_t from_offset) const {
    return zx_pager_supply_pages(get(), to.get(), offset, size, from.get(), from_offset);
  }
  status_t op_range(uint32_t op, const vmo& vmo, uint64_t offset, uint64_t size, uint64_t data) const {
    return zx_pager_op_range(get(), op, vmo.get(), offset, size, data);
  }
  status_t query_dirty_ranges(const vmo& vmo, uint64_t offset, uint64_t size, void* buffer, size_t buffer_size, size_t* actual,
                              size_t* avail) const {
    return zx_pager_query_dirty_ranges(get(), vmo.get(), offset, size, buffer, buffer_size, actual, avail);
  }
  status_t query_vmo_stats(const vmo& vmo, uint32_t options, void* buffer, size_t size) const {
    return zx_pager_query_vmo_stats(get(), vmo.get(), options, buffer, size);
  }
};

class vmar : public object {
 public:
  using object::object;
  static unowned<vmar> root_self() { return unowned<vmar>(zx_vmar_root_self()); }
  status_t map(zx_vm_option_t options, size_t offset, const vmo& vmo, uint64_t vmo_offset, size_t size, zx_vaddr_t* at) const {
    return zx_vmar_map(get(), options, offset, vmo.get(), vmo_offset, size, at);
  }
  status_t unmap(zx_vaddr_t at, size_t size) const { return zx_vmar_unmap(get(), at, size); }
  status_t protect(zx_vm_option_t options, zx_vaddr_t at, size_t size) const { return zx_vmar_protect(get(), options, at, size); }
  status_t op_range(uint32_t op, zx_vaddr_t at, size_t size, void* buffer = nullptr, size_t buffer_size = 0) const {
    return zx_vmar_op_range(get(), op, at, size, buffer, buffer_size);
  }
  status_t allocate(zx_vm_option_t options, size_t offset, size_t size, vmar* child, zx_vaddr_t* at) const {
    return zx_vmar_allocate(get(), options, offset, size, child->reset_and_get_address(), at);
  }
  status_t destroy() const { return zx_vmar_destroy(get()); }
};

class suspend_token : public object {
 public:
  using object::object;
};

// task is a job, process or thread.
class task : public object {
 public:
  using object::object;
  status_t kill() const { return zx_task_kill(get()); }
  status_t suspend(suspend_token* out) const { return zx_task_suspend(get(), out->reset_and_get_address()); }
  status_t create_exception_channel(uint32_t options, channel* out) const {
    return zx_task_create_exception_channel(get(), options, out->reset_and_get_address());
  }
};

class job : public task {
 public:
  using task::task;
  static unowned<job> default_job() { return unowned<job>(zx_job_default()); }
  static status_t create(const job& parent, uint32_t options, job* out) {
    return zx_job_create(parent.get(), options, out->reset_and_get_address());
  }
};

class thread;

class process : public task {
 public:
  using task::task;
  static unowned<process> self() { return unowned<process>(zx_process_self()); }
  static status_t create(const job& job, const char* name, size_t name_size, uint32_t options, process* out, vmar* root) {
    return zx_process_create(job.get(), name, name_size, options, out->reset_and_get_address(), root->reset_and_get_address());
  }
  inline status_t start(const thread& thread, uintptr_t entry, uintptr_t stack, object arg1, uintptr_t arg2) const;
  status_t read_memory(zx_vaddr_t at, void* buffer, size_t size, size_t* actual) const {
    return zx_process_read_memory(get(), at, buffer, size, actual);
  }
  status_t write_memory(zx_vaddr_t at, const void* buffer, size_t size, size_t* actual) const {
    return zx_process_write_memory(get(), at, buffer, size, actual);
  }
};

class thread : public task {
 public:
  using task::task;
  static unowned<thread> self() { return unowned<thread>(zx_thread_self()); }
  static status_t create(const process& process, const char* name, size_t name_size, uint32_t options, thread* out) {
    return zx_thread_create(process.get(), name, name_size, options, out->reset_and_get_address());
  }
  status_t start(uintptr_t entry, uintptr_t stack, uintptr_t arg1, uintptr_t arg2) const {
    return zx_thread_start(get(), entry, stack, arg1, arg2);
  }
  status_t read_state(uint32_t kind, void* buffer, size_t size) const { return zx_thread_read_state(get(), kind, buffer, size); }
  status_t write_state(uint32_t kind, const void* buffer, size_t size) const { return zx_thread_write_state(get(), kind, buffer, size); }
};

status_t process::start(const thread& thread, uintptr_t entry, uintptr_t stack, object arg1, uintptr_t arg2) const {
  return zx_process_start(get(), thread.get(), entry, stack, arg1.release(), arg2);
}

class exception : public object {
 public:
  using object::object;
  status_t get_thread(thread* out) const { return zx_exception_get_thread(get(), out->reset_and_get_address()); }
  status_t get_process(process* out) const { return zx_exception_get_process(get(), out->reset_and_get_address()); }
};

using unowned_vmo = unowned<vmo>;
using unowned_vmar = unowned<vmar>;
using unowned_process = unowned<process>;
using unowned_thread = unowned<thread>;
using unowned_job = unowned<job>;
using unowned_port = unowned<port>;
using unowned_channel = unowned<channel>;

}  // namespace zx

#endif  // ZX_OBJECTS_H_

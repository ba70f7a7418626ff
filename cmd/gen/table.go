package main

// Call describes one system call: the row from which `go generate` makes the
// dispatch (syscall/calls.go), the C prototypes (user/c/include/zx/syscalls.h), the
// stubs (user/c/syscalls.S) and the reference (docs/abi.md).
type Call struct {
	Number int
	Name   string // without the zx_ prefix
	Result string // C type; "" is void
	Args   string // C parameters, Zircon's exact signature
	Rights string // in words, "" for none
	Doc    string // one or two sentences
	Errors []Err  // in the order of the checks
	Flags  Flag
}

// Err is one way to fail.
type Err struct {
	Status string // without the ZX_ERR_ prefix
	When   string
}

// Flag says how a call is special.
type Flag uint8

// Flags.
const (
	// NoReturn calls do not come back.
	NoReturn Flag = 1 << iota
	// TrapOnError calls are void in C: the stub executes UD2 when the kernel
	// answers a failure, which only a wild pointer can cause.
	TrapOnError
)

// Groups of rows that many calls share.
var (
	badHandle = Err{"BAD_HANDLE", "handle is not valid"}
	badOut    = Err{"INVALID_ARGS", "an out pointer cannot be written; nothing is created"}
	tableFull = Err{"NO_MEMORY", "out of memory, or the process has 65,536 handles"}
)

func typed(object, right string) []Err {
	e := []Err{{"BAD_HANDLE", "handle is not valid"}, {"WRONG_TYPE", "handle is not a " + object}}
	if right != "" {
		e = append(e, Err{"ACCESS_DENIED", "handle lacks " + right})
	}
	return e
}

func errs(groups ...[]Err) (all []Err) {
	for _, g := range groups {
		all = append(all, g...)
	}
	return all
}

// pagerPair is the common start of the pager calls that take a VMO.
func pagerPair(pagerRight, vmoRight string) []Err {
	return []Err{
		{"BAD_HANDLE", "pager is not valid"}, {"WRONG_TYPE", "pager is not a pager"}, {"ACCESS_DENIED", "pager lacks " + pagerRight},
		{"BAD_HANDLE", "pager_vmo is not valid"}, {"WRONG_TYPE", "pager_vmo is not a VMO"}, {"ACCESS_DENIED", "pager_vmo lacks " + vmoRight},
		{"INVALID_ARGS", "pager_vmo was not made by this pager (plain VMOs, clones, slices and references never are)"},
	}
}

// Table lists every call. Numbers are part of the ABI: rows are added at the
// end and never change their number.
var Table = []Call{
	{0, "handle_close", st, "zx_handle_t handle", "", "Closes a handle. Closing ZX_HANDLE_INVALID succeeds. A call of another thread that uses the handle goes on undisturbed.",
		[]Err{badHandle}, 0},
	{1, "handle_close_many", st, "const zx_handle_t* handles, size_t num_handles", "", "Closes num_handles handles, all that are valid; ZX_HANDLE_INVALID entries are passed over.",
		[]Err{{"INVALID_ARGS", "num_handles is above 1,048,576"}, {"INVALID_ARGS", "handles cannot be read"}, {"BAD_HANDLE", "an entry is not valid; the others are closed nevertheless"}}, 0},
	{2, "handle_duplicate", st, "zx_handle_t handle, zx_rights_t rights, zx_handle_t* out", "DUPLICATE", "Makes a second handle of the same object. rights is a subset of the handle's or ZX_RIGHT_SAME_RIGHTS.",
		[]Err{badHandle, {"ACCESS_DENIED", "handle lacks DUPLICATE (pager handles do)"}, {"INVALID_ARGS", "rights is not a subset"}, tableFull, badOut}, 0},
	{3, "handle_replace", st, "zx_handle_t handle, zx_rights_t rights, zx_handle_t* out", "", "Makes a new handle of the same object and closes handle. rights is a subset of the handle's or ZX_RIGHT_SAME_RIGHTS.",
		[]Err{badHandle, {"INVALID_ARGS", "rights is not a subset; handle is closed"}, {"INVALID_ARGS", "out cannot be written; both handles are closed"}}, 0},

	{4, "object_get_info", st, "zx_handle_t handle, uint32_t topic, void* buffer, size_t buffer_size, size_t* actual, size_t* avail", "ENUMERATE for JOB_CHILDREN, JOB_PROCESSES and PROCESS_THREADS; INSPECT for all others but HANDLE_VALID, HANDLE_BASIC and VMO",
		"Reads one record about the object: ZX_INFO_HANDLE_VALID, HANDLE_BASIC, HANDLE_COUNT, JOB, PROCESS, THREAD, THREAD_EXCEPTION_REPORT, THREAD_STATS, TASK_STATS, VMAR, VMO, BTI. JOB_CHILDREN, JOB_PROCESSES, PROCESS_THREADS: the koids; PROCESS_MAPS, PROCESS_VMOS: records; of each as many as fit. TASK_STATS, PROCESS_MAPS, VMO and PROCESS_VMOS in every layout. actual and avail may be null.",
		[]Err{{"NOT_SUPPORTED", "unknown topic"}, badHandle, {"WRONG_TYPE", "the topic is not of this object's type"}, {"ACCESS_DENIED", "handle lacks the right of the topic"}, {"BAD_STATE", "THREAD_EXCEPTION_REPORT: the thread is in no exception; TASK_STATS, PROCESS_MAPS, PROCESS_VMOS: the process has ended"},
			{"INVALID_ARGS", "buffer, actual or avail cannot be written"}, {"BUFFER_TOO_SMALL", "the one record does not fit; actual is 0, avail is 1"}}, 0},
	{5, "object_get_property", st, "zx_handle_t handle, uint32_t property, void* value, size_t value_size", "GET_PROPERTY",
		"Reads ZX_PROP_NAME (32 bytes; processes, threads, VMOs), EXCEPTION_STATE and EXCEPTION_STRATEGY (u32; exceptions), REGISTER_FS and REGISTER_GS (u64; the calling thread), VMO_CONTENT_SIZE (u64; VMOs: the stream size).",
		errs([]Err{{"INVALID_ARGS", "value is null"}, badHandle, {"ACCESS_DENIED", "handle lacks GET_PROPERTY"}, {"NOT_SUPPORTED", "unknown property"}, {"BUFFER_TOO_SMALL", "value_size is below the property's size"}},
			[]Err{{"WRONG_TYPE", "the object has no such property"}, {"ACCESS_DENIED", "REGISTER_*: another thread than the caller"}, {"INVALID_ARGS", "value cannot be written"}}), 0},
	{6, "object_set_property", st, "zx_handle_t handle, uint32_t property, const void* value, size_t value_size", "SET_PROPERTY",
		"Writes a property that zx_object_get_property reads. A name is cut at 31 bytes.",
		errs([]Err{{"INVALID_ARGS", "value is null"}, badHandle, {"ACCESS_DENIED", "handle lacks SET_PROPERTY"}, {"NOT_SUPPORTED", "unknown property"}, {"BUFFER_TOO_SMALL", "value_size is below the property's size (not NAME)"}},
			[]Err{{"WRONG_TYPE", "the object has no such property"}, {"ACCESS_DENIED", "REGISTER_*: another thread than the caller; VMO_CONTENT_SIZE: handle lacks WRITE"}, {"INVALID_ARGS", "value cannot be read"},
				{"BAD_STATE", "EXCEPTION_STRATEGY of an exception that came on no debugger's channel"}, {"INVALID_ARGS", "no such state or strategy, or no canonical address"}}), 0},
	{7, "object_signal", st, "zx_handle_t handle, uint32_t clear_mask, uint32_t set_mask", "SIGNAL", "Deasserts, then asserts user signals of the object (ZX_USER_SIGNAL_0 to 7; ZX_EVENT_SIGNALED too on an event).",
		[]Err{badHandle, {"ACCESS_DENIED", "handle lacks SIGNAL"}, {"NOT_SUPPORTED", "the object has no signals"}, {"INVALID_ARGS", "a signal that the user may not set"}}, 0},
	{8, "object_wait_one", st, "zx_handle_t handle, zx_signals_t signals, zx_instant_mono_t deadline, zx_signals_t* observed", "WAIT", "Waits until one of signals is asserted. observed (may be null) receives the signals seen last, on success, time-out and cancel.",
		[]Err{badHandle, {"ACCESS_DENIED", "handle lacks WAIT"}, {"NOT_SUPPORTED", "the object cannot be waited on"}, {"INVALID_ARGS", "observed cannot be written"},
			{"CANCELED", "handle was closed meanwhile; observed includes ZX_SIGNAL_HANDLE_CLOSED"}, {"TIMED_OUT", "deadline passed"}}, 0},
	{9, "object_wait_many", st, "zx_wait_item_t* items, size_t num_items, zx_instant_mono_t deadline", "WAIT on each handle",
		"Waits until one of up to 64 objects has one of its item's signals asserted. pending of each item receives the signals seen last, on success, time-out and cancel.",
		[]Err{{"OUT_OF_RANGE", "num_items is above 64"}, {"INVALID_ARGS", "items cannot be read"}, {"BAD_HANDLE", "a handle is not valid"}, {"ACCESS_DENIED", "a handle lacks WAIT"}, {"NOT_SUPPORTED", "an object cannot be waited on"},
			{"INVALID_ARGS", "items cannot be written"}, {"CANCELED", "a handle was closed meanwhile; its pending includes ZX_SIGNAL_HANDLE_CLOSED"}, {"TIMED_OUT", "deadline passed"}}, 0},
	{10, "object_wait_async", st, "zx_handle_t handle, zx_handle_t port, uint64_t key, zx_signals_t signals, uint32_t options", "WAIT on handle, WRITE on port",
		"Queues one packet of type ZX_PKT_TYPE_SIGNAL_ONE when one of signals is asserted: at once if it is, unless ZX_WAIT_ASYNC_EDGE. Closing handle ends it.",
		[]Err{{"INVALID_ARGS", "options has other bits than TIMESTAMP and EDGE"}, {"BAD_HANDLE", "port is not valid"}, {"WRONG_TYPE", "port is not a port"}, {"ACCESS_DENIED", "port lacks WRITE"},
			badHandle, {"ACCESS_DENIED", "handle lacks WAIT"}, {"NOT_SUPPORTED", "the object cannot be waited on"}, {"NO_MEMORY", "out of memory"}}, 0},

	{11, "event_create", st, "uint32_t options, zx_handle_t* out", "", "Makes an event: an object that is its signals.",
		[]Err{{"INVALID_ARGS", "options is not 0"}, tableFull, badOut}, 0},
	{12, "channel_create", st, "uint32_t options, zx_handle_t* out0, zx_handle_t* out1", "", "Makes a channel: two ends, each reading what the other writes.",
		[]Err{{"INVALID_ARGS", "options is not 0"}, tableFull, badOut}, 0},
	{13, "channel_read", st, "zx_handle_t handle, uint32_t options, void* bytes, zx_handle_t* handles, uint32_t num_bytes, uint32_t num_handles, uint32_t* actual_bytes, uint32_t* actual_handles", "READ",
		"Takes the oldest message if it fits. actual_bytes and actual_handles (may be null) receive its sizes, also when it does not; it then stays, unless ZX_CHANNEL_READ_MAY_DISCARD. A message that cannot be copied out is lost and its handles are closed.",
		errs(typed("channel", "READ"), []Err{{"NOT_SUPPORTED", "options has other bits than MAY_DISCARD"}, {"SHOULD_WAIT", "there is no message"}, {"PEER_CLOSED", "there is none, and the other end is closed"},
			{"INVALID_ARGS", "actual_bytes or actual_handles cannot be written"}, {"BUFFER_TOO_SMALL", "the message is larger than num_bytes and num_handles"}, {"INVALID_ARGS", "bytes or handles cannot be written"}, {"NO_MEMORY", "the process has 65,536 handles"}}), 0},
	{14, "channel_write", st, "zx_handle_t handle, uint32_t options, const void* bytes, uint32_t num_bytes, const zx_handle_t* handles, uint32_t num_handles", "WRITE on handle, TRANSFER on each of handles",
		"Sends up to 65,536 bytes and 64 handles to the other end. The handles leave the caller in every case. With ZX_CHANNEL_WRITE_USE_IOVEC bytes is num_bytes, at most 8,192, records zx_channel_iovec_t.",
		errs([]Err{{"INVALID_ARGS", "options has other bits than USE_IOVEC"}}, typed("channel", "WRITE"), channelMessage), 0},
	{15, "channel_call", st, "zx_handle_t handle, uint32_t options, zx_instant_mono_t deadline, const zx_channel_call_args_t* args, uint32_t* actual_bytes, uint32_t* actual_handles", "READ and WRITE on handle, TRANSFER on each of args->wr_handles",
		"Sends a message as zx_channel_write does, with a number of the kernel's in its first four bytes, and waits for the message that begins with the same number.",
		errs([]Err{{"INVALID_ARGS", "args cannot be read"}, {"INVALID_ARGS", "options has other bits than USE_IOVEC"}}, typed("channel", "READ or WRITE"), []Err{{"INVALID_ARGS", "args->wr_num_bytes is below 4"}}, channelMessage,
			[]Err{{"TIMED_OUT", "no reply by deadline"}, {"CANCELED", "handle's end was closed meanwhile"}, {"BUFFER_TOO_SMALL", "the reply is larger than args says; it is lost"}, {"INVALID_ARGS", "an out pointer cannot be written; the reply is lost"}}), 0},

	{16, "port_create", st, "uint32_t options, zx_handle_t* out", "", "Makes a port. ZX_PORT_BIND_TO_INTERRUPT is accepted; there are no interrupt objects.",
		[]Err{{"INVALID_ARGS", "options is neither 0 nor ZX_PORT_BIND_TO_INTERRUPT"}, tableFull, badOut}, 0},
	{17, "port_wait", st, "zx_handle_t handle, zx_instant_mono_t deadline, zx_port_packet_t* packet", "READ", "Takes the oldest packet, waiting for one. A queued packet is returned even when deadline is past. Closing the port does not end the wait.",
		errs(typed("port", "READ"), []Err{{"TIMED_OUT", "no packet by deadline"}, {"INVALID_ARGS", "packet cannot be written; the packet taken is lost"}}), 0},
	{18, "port_queue", st, "zx_handle_t handle, const zx_port_packet_t* packet", "WRITE", "Queues a copy of packet with its type set to ZX_PKT_TYPE_USER.",
		errs(typed("port", "WRITE"), []Err{{"INVALID_ARGS", "packet cannot be read"}, {"SHOULD_WAIT", "4,096 user packets are queued; the thread takes a policy exception (synth code 17)"}}), 0},
	{19, "port_cancel", st, "zx_handle_t handle, zx_handle_t source, uint64_t key", "WRITE on handle, WAIT on source", "Removes the wait_async registrations and their queued packets that source made with key. Page requests are never touched.",
		errs(typed("port", "WRITE"), []Err{{"BAD_HANDLE", "source is not valid"}, {"ACCESS_DENIED", "source lacks WAIT"}, {"NOT_SUPPORTED", "source cannot be waited on"}, {"NOT_FOUND", "there was none"}}), 0},
	{20, "port_cancel_key", st, "zx_handle_t handle, uint32_t options, uint64_t key", "WRITE", "Removes every queued packet and every wait_async registration with key. A page request removed so counts as delivered: its VMO goes on sending.",
		errs([]Err{{"INVALID_ARGS", "options is not 0"}}, typed("port", "WRITE"), []Err{{"NOT_FOUND", "there was none"}}), 0},

	{21, "pager_create", st, "uint32_t options, zx_handle_t* out", "", "Makes a pager.",
		[]Err{{"INVALID_ARGS", "options is not 0"}, tableFull, badOut}, 0},
	{22, "pager_create_vmo", st, "zx_handle_t pager, uint32_t options, zx_handle_t port, uint64_t key, uint64_t size, zx_handle_t* out", "ATTACH_VMO on pager, WRITE on port",
		"Makes a VMO whose pages the pager supplies; requests arrive on port with key. Options: ZX_VMO_RESIZABLE, ZX_VMO_TRAP_DIRTY, ZX_VMO_UNBOUNDED (not with RESIZABLE).",
		[]Err{{"BAD_HANDLE", "pager is not valid"}, {"WRONG_TYPE", "pager is not a pager"}, {"ACCESS_DENIED", "pager lacks ATTACH_VMO"},
			{"BAD_HANDLE", "port is not valid"}, {"WRONG_TYPE", "port is not a port"}, {"ACCESS_DENIED", "port lacks WRITE"},
			{"BAD_STATE", "the pager's last handle was closed meanwhile"}, {"INVALID_ARGS", "RESIZABLE and UNBOUNDED"},
			{"OUT_OF_RANGE", "size wraps when rounded up to a page (not UNBOUNDED)"}, {"INVALID_ARGS", "another option bit, DISCARDABLE included"},
			{"OUT_OF_RANGE", "size is above the largest VMO size"}, tableFull, badOut}, 0},
	{23, "pager_detach_vmo", st, "zx_handle_t pager, zx_handle_t pager_vmo", "ATTACH_VMO and MANAGE_VMO on pager, WRITE on pager_vmo",
		"Cuts the VMO off its pager: waiters fail with BAD_STATE, clean pages go, dirty ones stay, ZX_PAGER_VMO_COMPLETE is queued.",
		pagerPair("ATTACH_VMO or MANAGE_VMO", "WRITE"), 0},
	{24, "pager_supply_pages", st, "zx_handle_t pager, zx_handle_t pager_vmo, uint64_t offset, uint64_t length, zx_handle_t aux_vmo, uint64_t aux_offset", "MANAGE_VMO on pager, WRITE on pager_vmo, READ and WRITE on aux_vmo",
		"Moves pages from aux_vmo into absent pages of pager_vmo. Pages already present are kept. The aux range reads as zero afterwards, also when the destination is refused.",
		errs([]Err{{"INVALID_ARGS", "offset, length or aux_offset is not page aligned"}}, pagerPair("MANAGE_VMO", "WRITE"),
			[]Err{{"BAD_HANDLE", "aux_vmo is not valid"}, {"WRONG_TYPE", "aux_vmo is not a VMO"}, {"ACCESS_DENIED", "aux_vmo lacks READ or WRITE"},
				{"NOT_SUPPORTED", "aux_vmo is contiguous or physical"}, {"OUT_OF_RANGE", "the aux range wraps or leaves the VMO"}, {"NOT_SUPPORTED", "aux_vmo is a pager's VMO"}, {"BAD_STATE", "an aux page is pinned"},
				{"OUT_OF_RANGE", "the destination range wraps or leaves the VMO"}, {"BAD_STATE", "pager_vmo is detached"}, {"NO_MEMORY", "out of memory; earlier pages stay supplied"}}), 0},
	{25, "pager_op_range", st, "zx_handle_t pager, uint32_t op, zx_handle_t pager_vmo, uint64_t offset, uint64_t length, uint64_t data", "MANAGE_VMO on pager, WRITE on pager_vmo",
		"ZX_PAGER_OP_FAIL fails outstanding requests with the status in data (sign-extended); OP_DIRTY acknowledges writes; OP_WRITEBACK_BEGIN (data 0 or ZX_VMO_DIRTY_RANGE_IS_ZERO) and OP_WRITEBACK_END clean pages.",
		errs([]Err{{"INVALID_ARGS", "offset or length is not page aligned"}}, pagerPair("MANAGE_VMO", "WRITE"),
			[]Err{{"NOT_SUPPORTED", "unknown op"},
				{"INVALID_ARGS", "data: FAIL takes IO, IO_DATA_INTEGRITY, BAD_STATE, NO_SPACE, BUFFER_TOO_SMALL; DIRTY and END take 0; BEGIN takes 0 or IS_ZERO"},
				{"OUT_OF_RANGE", "the range wraps (all ops) or leaves the VMO (not DIRTY)"}, {"NOT_SUPPORTED", "DIRTY on a VMO without TRAP_DIRTY"},
				{"OUT_OF_RANGE", "DIRTY leaves the VMO; waiters inside it are released"}, {"BAD_STATE", "FAIL and DIRTY: the VMO is detached"}, {"NOT_FOUND", "DIRTY over an absent page"}, {"NO_MEMORY", "DIRTY: out of memory, nothing changed"}}), 0},
	{26, "pager_query_dirty_ranges", st, "zx_handle_t pager, zx_handle_t pager_vmo, uint64_t offset, uint64_t length, void* buffer, size_t buffer_size, size_t* actual, size_t* avail", "MANAGE_VMO on pager, READ on pager_vmo",
		"Lists the dirty ranges as zx_vmo_dirty_range_t, as many as fit; actual (may be null) receives their number, avail (may be null) the number there is.",
		errs(pagerPair("MANAGE_VMO", "READ"), []Err{{"OUT_OF_RANGE", "the range wraps or leaves the VMO"}, {"INVALID_ARGS", "buffer, actual or avail cannot be written"}}), 0},
	{27, "pager_query_vmo_stats", st, "zx_handle_t pager, zx_handle_t pager_vmo, uint32_t options, void* buffer, size_t buffer_size", "MANAGE_VMO on pager, READ on pager_vmo",
		"Reads zx_pager_vmo_stats_t; ZX_PAGER_RESET_VMO_STATS clears the modified flag, before the copy.",
		errs(pagerPair("MANAGE_VMO", "READ"), []Err{{"BUFFER_TOO_SMALL", "buffer_size is below 4"}, {"INVALID_ARGS", "options has other bits than RESET"}, {"INVALID_ARGS", "buffer cannot be written"}}), 0},

	{28, "vmo_create", st, "uint64_t size, uint32_t options, zx_handle_t* out", "", "Makes an anonymous VMO, all zeros. Options: ZX_VMO_RESIZABLE, ZX_VMO_DISCARDABLE, ZX_VMO_UNBOUNDED (not with RESIZABLE).",
		[]Err{{"INVALID_ARGS", "RESIZABLE and UNBOUNDED"}, {"OUT_OF_RANGE", "size wraps when rounded up to a page"}, {"INVALID_ARGS", "another option bit, TRAP_DIRTY included"},
			{"OUT_OF_RANGE", "size is above the largest VMO size"}, tableFull, badOut}, 0},
	{29, "vmo_read", st, "zx_handle_t handle, void* buffer, uint64_t offset, size_t buffer_size", "READ", "Copies out of the VMO; waits for the pager where pages are absent.",
		errs(typed("VMO", "READ"), vmoCopy), 0},
	{30, "vmo_write", st, "zx_handle_t handle, const void* buffer, uint64_t offset, size_t buffer_size", "WRITE", "Copies into the VMO; waits for the pager where pages are absent or writes are trapped.",
		errs(typed("VMO", "WRITE"), vmoCopy), 0},
	{31, "vmo_get_size", st, "zx_handle_t handle, uint64_t* size", "", "Reads the VMO's size in bytes, a multiple of the page size.",
		errs(typed("VMO", ""), []Err{{"INVALID_ARGS", "size cannot be written"}}), 0},
	{32, "vmo_set_size", st, "zx_handle_t handle, uint64_t size", "WRITE, and RESIZE on a resizable VMO", "Resizes the VMO and sets its stream size to size.",
		errs(typed("VMO", "WRITE"), []Err{{"ACCESS_DENIED", "the VMO is resizable and handle lacks RESIZE"}, {"OUT_OF_RANGE", "size wraps when rounded up to a page"},
			{"UNAVAILABLE", "the VMO is not resizable"}, {"OUT_OF_RANGE", "size is above the largest VMO size"}, {"BAD_STATE", "a page to be cut off is pinned"}}), 0},
	{33, "vmo_get_stream_size", st, "zx_handle_t handle, uint64_t* size", "", "Reads the VMO's stream size in bytes.",
		errs(typed("VMO", ""), []Err{{"INVALID_ARGS", "size cannot be written"}}), 0},
	{34, "vmo_set_stream_size", st, "zx_handle_t handle, uint64_t size", "WRITE", "Sets the stream size; what lies between the lower of the two sizes and the end of the VMO becomes zero.",
		errs(typed("VMO", "WRITE"), []Err{{"OUT_OF_RANGE", "size is above the VMO's size"}, {"BAD_STATE", "a page to be zeroed is pinned"}}), 0},
	{35, "vmo_op_range", st, "zx_handle_t handle, uint32_t op, uint64_t offset, uint64_t size, void* buffer, size_t buffer_size", "by op: WRITE for COMMIT, DECOMMIT, ZERO; READ for PREFETCH and CACHE_*; READ or WRITE for LOCK, TRY_LOCK, UNLOCK; none for hints",
		"ZX_VMO_OP_COMMIT, DECOMMIT, ZERO, PREFETCH, ALWAYS_NEED, DONT_NEED, LOCK, TRY_LOCK, UNLOCK, CACHE_SYNC, CACHE_CLEAN, CACHE_CLEAN_INVALIDATE. LOCK writes zx_vmo_lock_state_t to buffer; no other op looks at it.",
		errs(typed("VMO", ""), []Err{{"INVALID_ARGS", "unknown op"}, {"ACCESS_DENIED", "handle lacks the right of the op"},
			{"NOT_SUPPORTED", "a physical VMO, but for the hints and PREFETCH; DECOMMIT of a pager's or contiguous VMO or a clone, LOCK, TRY_LOCK, UNLOCK of a VMO that is not discardable, CACHE_INVALIDATE"}, {"OUT_OF_RANGE", "the range wraps or leaves the VMO; LOCK, TRY_LOCK, UNLOCK: it is not the whole VMO"},
			{"INVALID_ARGS", "DECOMMIT unaligned; CACHE_* of size 0; LOCK: buffer_size below 32, or buffer cannot be written"},
			{"UNAVAILABLE", "TRY_LOCK of a VMO that was discarded"}, {"BAD_STATE", "UNLOCK without a lock; DECOMMIT of a pinned page; the VMO is detached"}, {"NOT_FOUND", "COMMIT of a VMO that was discarded"},
			{"IO, ...", "what the pager answered"}, {"NO_MEMORY", "out of memory"}}), 0},
	{36, "vmo_create_child", st, "zx_handle_t handle, uint32_t options, uint64_t offset, uint64_t size, zx_handle_t* out", "DUPLICATE and READ; RESIZE for a resizable REFERENCE",
		"Makes a child. ZX_VMO_CHILD_SLICE and REFERENCE show the very pages of the VMO, SNAPSHOT, SNAPSHOT_MODIFIED and SNAPSHOT_AT_LEAST_ON_WRITE show them until a page is written. Options: RESIZABLE (not of a slice), NO_WRITE.",
		errs([]Err{{"OUT_OF_RANGE", "size wraps when rounded up to a page"}, {"INVALID_ARGS", "NO_WRITE with RESIZABLE"}}, typed("VMO", "DUPLICATE or READ, or RESIZE for a resizable REFERENCE"),
			[]Err{{"NOT_SUPPORTED", "a discardable VMO"}, {"INVALID_ARGS", "no kind, an option the kind does not allow, offset unaligned, a slice that leaves the VMO, a reference of a range"},
				{"OUT_OF_RANGE", "size is above the largest VMO size; the range of a snapshot wraps or leaves the slice it is taken of"},
				{"NOT_SUPPORTED", "a slice of a resizable VMO, a reference of a slice, of contiguous or of physical memory, SNAPSHOT below a pager's VMO, a snapshot that the family's shape does not allow"},
				{"BAD_STATE", "an exact snapshot where a page is pinned"}, tableFull, badOut}), 0},

	{37, "vmar_allocate", st, "zx_handle_t parent_vmar, zx_vm_option_t options, uint64_t offset, uint64_t size, zx_handle_t* child_vmar, zx_vaddr_t* child_addr", "READ, WRITE, EXECUTE as the CAN_MAP options ask",
		"Makes a region inside a region, without SPECIFIC at the lowest free address that fits; nothing around it is kept free.",
		errs(typed("VMAR", "a right of a CAN_MAP option"), []Err{{"INVALID_ARGS", "an option or alignment that does not apply, size 0, unaligned or larger than the parent"}, {"BAD_STATE", "the region was destroyed"}, {"NO_RESOURCES", "no space"}, {"NO_MEMORY", "64 regions lie in one another"}, tableFull, badOut}), 0},
	{38, "vmar_destroy", st, "zx_handle_t handle", "OP_CHILDREN", "Unmaps everything in the region and below, and ends it.",
		errs(typed("VMAR", "OP_CHILDREN"), []Err{{"NOT_SUPPORTED", "the root region"}, {"BAD_STATE", "it was destroyed already"}}), 0},
	{39, "vmar_map", st, "zx_handle_t handle, zx_vm_option_t options, uint64_t vmar_offset, zx_handle_t vmo, uint64_t vmo_offset, uint64_t len, zx_vaddr_t* mapped_addr", "MAP on vmo; READ, WRITE, EXECUTE on both as the PERM options ask",
		"Maps [vmo_offset, vmo_offset+len) of the VMO. Without SPECIFIC they go to the lowest free address that fits. Mapping past the VMO's end is allowed; touching it faults; with FAULT_BEYOND_STREAM_SIZE so does what lies past the last page of the stream.",
		errs(typed("VMAR", ""), []Err{{"BAD_HANDLE", "vmo is not valid"}, {"WRONG_TYPE", "vmo is not a VMO"}, {"ACCESS_DENIED", "vmo lacks MAP"}, {"INVALID_ARGS", "WRITE or EXECUTE without READ"},
			{"INVALID_ARGS", "MAP_RANGE with SPECIFIC_OVERWRITE"}, {"INVALID_ARGS", "a CAN_MAP option"}, {"ACCESS_DENIED", "a permission that vmo or handle lacks"}, {"INVALID_ARGS", "FAULT_BEYOND_STREAM_SIZE without ALLOW_FAULTS"}, {"NOT_SUPPORTED", "REQUIRE_NON_RESIZABLE and the VMO is resizable, or a discardable VMO without ALLOW_FAULTS"},
			{"INVALID_ARGS", "an unknown option or alignment, vmo_offset unaligned, len 0"}, {"OUT_OF_RANGE", "vmo_offset + len wraps, or len rounded up to pages"}, {"INVALID_ARGS", "vmar_offset unaligned or out of the region"}, {"ALREADY_EXISTS", "SPECIFIC and the range is taken"}, {"NO_RESOURCES", "no space"}, {"BAD_STATE", "the region was destroyed"}, {"NO_MEMORY", "out of memory"},
			{"INVALID_ARGS", "mapped_addr cannot be written; nothing is mapped"}}), 0},
	{40, "vmar_unmap", st, "zx_handle_t handle, zx_vaddr_t addr, uint64_t len", "OP_CHILDREN to unmap what lies in sub-regions", "Unmaps [addr, addr+len), len rounded up to pages; nothing mapped there is no error. A thread that waits for a page there stays waiting and then faults.",
		errs(typed("VMAR", ""), []Err{{"INVALID_ARGS", "addr unaligned, len 0, or out of the region"}, {"BAD_STATE", "the region was destroyed"}}), 0},
	{41, "vmar_protect", st, "zx_handle_t handle, zx_vm_option_t options, zx_vaddr_t addr, uint64_t len", "READ, WRITE, EXECUTE as the options ask", "Changes the permissions of what is mapped at [addr, addr+len). Adding WRITE makes no page writable: the next store still traps.",
		errs(typed("VMAR", "a permission's right"), []Err{{"INVALID_ARGS", "WRITE or EXECUTE without READ, another option, addr unaligned, len 0, out of the region"}, {"NOT_FOUND", "a hole in the range"}, {"ACCESS_DENIED", "more than the mapping may get"}, {"BAD_STATE", "the region was destroyed"}}), 0},
	{42, "vmar_op_range", st, "zx_handle_t handle, uint32_t op, zx_vaddr_t address, uint64_t size, void* buffer, size_t buffer_size", "",
		"ZX_VMAR_OP_COMMIT, DECOMMIT, MAP_RANGE, ZERO, DONT_NEED, ALWAYS_NEED, PREFETCH on the mappings of the range.",
		errs(typed("VMAR", ""), []Err{{"INVALID_ARGS", "unknown op"}, {"ACCESS_DENIED", "COMMIT, DECOMMIT, ZERO without WRITE, PREFETCH, MAP_RANGE without READ"}, {"INVALID_ARGS", "buffer not null or buffer_size not 0, address unaligned, size 0"}, {"OUT_OF_RANGE", "out of the region, or past the stream of a mapping that faults there"}, {"BAD_STATE", "a gap in the range, or the region was destroyed"}, {"INVALID_ARGS", "a mapping in a region inside, without OP_CHILDREN or by COMMIT, DECOMMIT, PREFETCH"}, {"ACCESS_DENIED", "COMMIT, DECOMMIT, ZERO of a mapping that may not become writable"}, {"IO, ...", "what the VMO's operation answered"}}), 0},

	{43, "process_create", st, "zx_handle_t job, const char* name, size_t name_size, uint32_t options, zx_handle_t* proc_handle, zx_handle_t* vmar_handle", "MANAGE_PROCESS",
		"Makes a process with an empty address space, and gives its root region. name is cut at 31 bytes. A process that never starts ends with its last handle.",
		[]Err{{"INVALID_ARGS", "options is not 0"}, {"INVALID_ARGS", "name cannot be read"}, {"BAD_HANDLE", "job is not valid"}, {"WRONG_TYPE", "job is not a job"}, {"ACCESS_DENIED", "job lacks MANAGE_PROCESS"}, {"BAD_STATE", "job was killed"}, tableFull, badOut}, 0},
	{44, "process_start", st, "zx_handle_t handle, zx_handle_t thread, zx_vaddr_t entry, zx_vaddr_t stack, zx_handle_t arg1, uintptr_t arg2", "WRITE on handle and thread, TRANSFER on arg1",
		"Starts the first thread of a process as zx_thread_start does; arg1 moves to the process, where RDI is its new value. arg1 may be ZX_HANDLE_INVALID and leaves the caller in every case.",
		errs(typed("process", "WRITE"), []Err{{"BAD_HANDLE", "thread is not valid"}, {"WRONG_TYPE", "thread is not a thread"}, {"ACCESS_DENIED", "thread lacks WRITE"}, {"BAD_HANDLE", "arg1 is not valid"}, {"ACCESS_DENIED", "arg1 lacks TRANSFER"},
			{"ACCESS_DENIED", "thread is not of this process"}, {"INVALID_ARGS", "entry or stack is not a user address"}, {"BAD_STATE", "the process or thread was started before, or is ending"}, {"NO_MEMORY", "out of memory"}}), 0},
	{45, "process_exit", "", "int64_t retcode", "", "Ends the calling process with retcode.", nil, NoReturn},
	{46, "thread_create", st, "zx_handle_t process, const char* name, size_t name_size, uint32_t options, zx_handle_t* out", "MANAGE_THREAD", "Makes a thread in process; it starts by zx_thread_start. name is cut at 31 bytes.",
		[]Err{{"INVALID_ARGS", "options is not 0"}, {"INVALID_ARGS", "name cannot be read"}, {"BAD_HANDLE", "process is not valid"}, {"WRONG_TYPE", "process is not a process"}, {"ACCESS_DENIED", "process lacks MANAGE_THREAD"},
			{"BAD_STATE", "the process is ending"}, tableFull, badOut}, 0},
	{47, "thread_start", st, "zx_handle_t handle, zx_vaddr_t thread_entry, zx_vaddr_t stack, uintptr_t arg1, uintptr_t arg2", "MANAGE_THREAD", "Starts a thread at thread_entry with RSP = stack, RDI = arg1, RSI = arg2 and all other registers zero.",
		errs(typed("thread", "MANAGE_THREAD"), []Err{{"INVALID_ARGS", "thread_entry or stack is not a user address"}, {"BAD_STATE", "the thread was started before, or its process is ending"}, {"NO_MEMORY", "out of memory"}}), 0},
	{48, "thread_exit", "", "void", "", "Ends the calling thread.", nil, NoReturn},
	{49, "thread_read_state", st, "zx_handle_t handle, uint32_t kind, void* buffer, size_t buffer_size", "READ",
		"Reads registers of a thread that is suspended or in an exception: ZX_THREAD_STATE_GENERAL_REGS, FP_REGS, VECTOR_REGS, DEBUG_REGS, SINGLE_STEP.",
		errs(typed("thread", "READ"), registerErrors, []Err{{"BAD_STATE", "the thread is neither suspended nor in an exception"}, {"INVALID_ARGS", "buffer cannot be written"}}), 0},
	{50, "thread_write_state", st, "zx_handle_t handle, uint32_t kind, const void* buffer, size_t buffer_size", "WRITE",
		"Writes registers of a thread that is suspended or in an exception. Flags that ring 3 may not set keep their values. In a thread suspended inside a call rax reads INTERNAL_INTR_RETRY (-6); another value is what the call then returns.",
		errs(typed("thread", "WRITE"), registerErrors, []Err{{"INVALID_ARGS", "buffer cannot be read"}, {"BAD_STATE", "the thread is neither suspended nor in an exception"}, {"INVALID_ARGS", "rip or a dr is no user address, fs_base or gs_base no canonical one, mxcsr has a reserved bit, dr7 a breakpoint of I/O, or SINGLE_STEP is neither 0 nor 1; nothing is changed"}}), 0},
	{51, "task_kill", st, "zx_handle_t handle", "DESTROY", "Ends a process, with return code ZX_TASK_RETCODE_SYSCALL_KILL, or a thread, at its next chance; the call does not wait for it. A job: all processes in it and below, and nothing new can be made there. One that has ended stays as it is.",
		typed("process, thread or job", "DESTROY"), 0},
	{52, "task_suspend", st, "zx_handle_t handle, zx_handle_t* token", "WRITE", "Suspends a thread, or all of a process, until token is closed; what has not started starts suspended. ZX_THREAD_SUSPENDED tells when it stands still. Tokens add up.",
		errs(typed("process or thread", "WRITE"), []Err{{"NOT_SUPPORTED", "the caller itself, or its process"}, {"BAD_STATE", "the task is ending"}, tableFull, badOut}), 0},
	{53, "task_suspend_token", st, "zx_handle_t handle, zx_handle_t* token", "WRITE", "The same as zx_task_suspend.",
		errs(typed("process or thread", "WRITE"), []Err{{"NOT_SUPPORTED", "the caller itself, or its process"}, {"BAD_STATE", "the task is ending"}, tableFull, badOut}), 0},
	{54, "task_create_exception_channel", st, "zx_handle_t handle, uint32_t options, zx_handle_t* out", "INSPECT, DUPLICATE, TRANSFER, MANAGE_THREAD, and ENUMERATE on a process or job",
		"Makes the channel on which exceptions of the task arrive, each a zx_exception_info_t and an exception handle. ZX_EXCEPTION_CHANNEL_DEBUGGER, for a process: before the channels of the threads. The end of the task closes the channel.",
		errs(typed("process, thread or job", "one of the rights"), []Err{{"INVALID_ARGS", "options is neither 0 nor DEBUGGER, or DEBUGGER for a thread"}, {"NOT_SUPPORTED", "DEBUGGER for a job"}, {"ALREADY_BOUND", "the task has such a channel whose end is open"},
			{"BAD_STATE", "the task is ending"}, tableFull, badOut}), 0},
	{55, "exception_get_thread", st, "zx_handle_t handle, zx_handle_t* out", "", "Gives the thread of an exception; the handle has the rights of that which made the channel.",
		errs(typed("exception", ""), []Err{tableFull, badOut}), 0},
	{56, "exception_get_process", st, "zx_handle_t handle, zx_handle_t* out", "", "Gives the process of an exception; the handle has the rights of that which made the channel.",
		errs(typed("exception", ""), []Err{{"ACCESS_DENIED", "the exception came on a thread's channel"}, tableFull, badOut}), 0},
	{57, "futex_wait", st, "const zx_futex_t* value_ptr, zx_futex_t current_value, zx_handle_t new_futex_owner, zx_instant_mono_t deadline", "",
		"Waits at value_ptr until woken, unless *value_ptr is not current_value. new_futex_owner is checked and changes nothing: threads have no priorities.",
		[]Err{{"INVALID_ARGS", "value_ptr is no user address, unaligned, or cannot be read"}, {"BAD_STATE", "*value_ptr is not current_value"}, {"BAD_HANDLE", "new_futex_owner is not valid"}, {"WRONG_TYPE", "new_futex_owner is not a thread"}, {"INVALID_ARGS", "new_futex_owner is the caller, or has not started"}, {"TIMED_OUT", "deadline passed"}}, 0},
	{58, "futex_wake", st, "const zx_futex_t* value_ptr, uint32_t wake_count", "", "Wakes up to wake_count threads that wait at value_ptr, the oldest first.",
		[]Err{{"INVALID_ARGS", "value_ptr is no user address, or unaligned"}}, 0},

	{59, "debug_write", st, "const char* buffer, size_t buffer_size", "", "Writes bytes to the console.",
		[]Err{{"INVALID_ARGS", "buffer_size is above 65,536"}, {"INVALID_ARGS", "buffer cannot be read; bytes before the fault may have been written"}}, 0},
	{60, "clock_get_monotonic", "zx_instant_mono_t", "void", "", "Gives the nanoseconds since boot.", nil, 0},
	{61, "nanosleep", st, "zx_instant_mono_t deadline", "", "Sleeps until deadline; a deadline in the past yields.", nil, 0},
	{62, "system_get_page_size", "uint32_t", "void", "", "Gives the page size, 4096.", nil, 0},
	{63, "cprng_draw", "", "void* buffer, size_t buffer_size", "", "Fills buffer with random bytes. A buffer that cannot be written ends the program with an undefined instruction.", nil, TrapOnError},
	{64, "futex_requeue", st, "const zx_futex_t* value_ptr, uint32_t wake_count, zx_futex_t current_value, const zx_futex_t* requeue_ptr, uint32_t requeue_count, zx_handle_t new_requeue_owner", "",
		"Wakes up to wake_count threads that wait at value_ptr and makes up to requeue_count of the others wait at requeue_ptr, unless *value_ptr is not current_value.",
		[]Err{{"INVALID_ARGS", "value_ptr or requeue_ptr is no user address or unaligned, both are the same, or value_ptr cannot be read"}, {"BAD_STATE", "*value_ptr is not current_value"}, {"BAD_HANDLE", "new_requeue_owner is not valid"}, {"WRONG_TYPE", "new_requeue_owner is not a thread"}, {"INVALID_ARGS", "new_requeue_owner is the caller, or has not started"}}, 0},
	{65, "vmo_replace_as_executable", st, "zx_handle_t handle, zx_handle_t vmex, zx_handle_t* out", "", "Makes a new handle of a VMO, with handle's rights and EXECUTE, and closes handle. vmex is the resource SYSTEM, base VMEX, or ZX_HANDLE_INVALID, which a job policy may refuse.",
		[]Err{{"BAD_HANDLE", "vmex is neither valid nor ZX_HANDLE_INVALID"}, {"WRONG_TYPE", "vmex is no such resource"}, badHandle, {"WRONG_TYPE", "handle is not a VMO"}, {"INVALID_ARGS", "out cannot be written; both handles are closed"}}, 0},

	{66, "job_create", st, "zx_handle_t parent_job, uint32_t options, zx_handle_t* out", "MANAGE_JOB", "Makes a job in parent_job, whose policy it has.",
		errs([]Err{{"INVALID_ARGS", "options is not 0"}}, typed("job", "MANAGE_JOB"), []Err{{"OUT_OF_RANGE", "32 jobs lie above one another already"}, {"BAD_STATE", "parent_job was killed"}, tableFull, badOut}), 0},
	{67, "job_set_policy", st, "zx_handle_t handle, uint32_t options, uint32_t topic, const void* policy, uint32_t policy_size", "SET_POLICY",
		"Settles what processes of the job, and of jobs below, may do. policy is policy_size records: zx_policy_basic_v1_t (topic ZX_JOB_POL_BASIC_V1) or _v2_t (BASIC_V2). A rule against one that a job above made final is passed over (options ZX_JOB_POL_RELATIVE) or refused (ABSOLUTE). A denied call answers ACCESS_DENIED.",
		errs([]Err{{"INVALID_ARGS", "options or topic is unknown, policy is null or policy_size is 0"}, {"OUT_OF_RANGE", "policy_size is above 16"}, {"INVALID_ARGS", "policy cannot be read, or a record has unknown flags"}},
			typed("job", "SET_POLICY"), []Err{{"BAD_STATE", "the job has a process or job"}, {"INVALID_ARGS", "no such condition"}, {"NOT_SUPPORTED", "no such action"}, {"ALREADY_EXISTS", "ABSOLUTE, and a job above has settled it otherwise"}}), 0},

	{68, "channel_read_etc", st, "zx_handle_t handle, uint32_t options, void* bytes, zx_handle_info_t* handles, uint32_t num_bytes, uint32_t num_handles, uint32_t* actual_bytes, uint32_t* actual_handles", "READ",
		"zx_channel_read that tells type and rights of each handle too.",
		errs(typed("channel", "READ"), []Err{{"NOT_SUPPORTED, ...", "as zx_channel_read"}}), 0},
	{69, "channel_write_etc", st, "zx_handle_t handle, uint32_t options, const void* bytes, uint32_t num_bytes, zx_handle_disposition_t* handles, uint32_t num_handles", "WRITE on handle, TRANSFER on each of handles, DUPLICATE on those to be duplicated",
		"zx_channel_write that can duplicate handles (ZX_HANDLE_OP_DUPLICATE), check their type and take rights from them. If one fails, result of each says how.",
		errs([]Err{{"INVALID_ARGS", "options has other bits than USE_IOVEC"}}, typed("channel", "WRITE"), channelMessage, []Err{{"WRONG_TYPE", "a handle is of another type"}, {"INVALID_ARGS", "an unknown operation, or rights that a handle has not"}}), 0},
	{70, "channel_call_etc", st, "zx_handle_t handle, uint32_t options, zx_instant_mono_t deadline, zx_channel_call_etc_args_t* args, uint32_t* actual_bytes, uint32_t* actual_handles", "READ and WRITE on handle",
		"zx_channel_call with the handles of zx_channel_write_etc and zx_channel_read_etc.",
		errs([]Err{{"INVALID_ARGS", "args cannot be read"}, {"INVALID_ARGS", "options has other bits than USE_IOVEC"}}, typed("channel", "READ or WRITE"), []Err{{"INVALID_ARGS, ...", "as zx_channel_write_etc and zx_channel_call"}}), 0},
	{71, "object_signal_peer", st, "zx_handle_t handle, uint32_t clear_mask, uint32_t set_mask", "SIGNAL_PEER", "Deasserts, then asserts user signals of the other end of a channel, fifo or event pair (of an event pair ZX_EVENTPAIR_SIGNALED too).",
		[]Err{badHandle, {"ACCESS_DENIED", "handle lacks SIGNAL_PEER"}, {"NOT_SUPPORTED", "the object has no peer"}, {"INVALID_ARGS", "a signal that the user may not set"}, {"PEER_CLOSED", "the other end is closed"}}, 0},
	{72, "eventpair_create", st, "uint32_t options, zx_handle_t* out0, zx_handle_t* out1", "", "Makes two events, each of which sees the end of the other.",
		[]Err{{"INVALID_ARGS", "options is not 0"}, tableFull, badOut}, 0},
	{73, "fifo_create", st, "size_t elem_count, size_t elem_size, uint32_t options, zx_handle_t* out0, zx_handle_t* out1", "", "Makes a fifo: two ends, each a ring of elem_count elements of elem_size bytes that the other writes.",
		[]Err{{"INVALID_ARGS", "options is not 0"}, {"OUT_OF_RANGE", "elem_count or elem_size is 0, or their product above 4,096"}, tableFull, badOut}, 0},
	{74, "fifo_read", st, "zx_handle_t handle, size_t elem_size, void* data, size_t count, size_t* actual_count", "READ", "Takes up to count elements, the oldest first. actual_count (may be null) receives their number. Elements that cannot be copied out are lost.",
		errs(typed("fifo", "READ"), []Err{{"OUT_OF_RANGE", "elem_size is not the fifo's, or count is 0"}, {"SHOULD_WAIT", "the fifo is empty"}, {"PEER_CLOSED", "it is empty, and the other end is closed"}, {"INVALID_ARGS", "data or actual_count cannot be written"}}), 0},
	{75, "fifo_write", st, "zx_handle_t handle, size_t elem_size, const void* data, size_t count, size_t* actual_count", "WRITE", "Sends up to count elements, as many as there is room for. actual_count (may be null) receives their number.",
		errs(typed("fifo", "WRITE"), []Err{{"OUT_OF_RANGE", "elem_size is not the fifo's, or count is 0"}, {"INVALID_ARGS", "data cannot be read"}, {"PEER_CLOSED", "the other end is closed"}, {"SHOULD_WAIT", "there is no room"}, {"INVALID_ARGS", "actual_count cannot be written"}}), 0},
	{76, "timer_create", st, "uint32_t options, zx_clock_t clock_id, zx_handle_t* out", "", "Makes a timer. options (ZX_TIMER_SLACK_*) is checked and changes nothing; both clocks are the same.",
		[]Err{{"INVALID_ARGS", "options or clock_id is unknown"}, tableFull, badOut}, 0},
	{77, "timer_set", st, "zx_handle_t handle, zx_instant_mono_t deadline, zx_duration_mono_t slack", "WRITE", "Deasserts ZX_TIMER_SIGNALED and asserts it at deadline, at once if that is past. An earlier deadline counts no more.",
		errs([]Err{{"OUT_OF_RANGE", "slack is negative"}}, typed("timer", "WRITE")), 0},
	{78, "timer_cancel", st, "zx_handle_t handle", "WRITE", "Forgets the deadline and deasserts ZX_TIMER_SIGNALED.",
		errs(typed("timer", "WRITE")), 0},
	{79, "stream_create", st, "uint32_t options, zx_handle_t vmo, zx_off_t seek, zx_handle_t* out", "READ and WRITE on vmo as ZX_STREAM_MODE_* ask", "Makes a stream over a VMO: a position from which zx_stream_readv and zx_stream_writev go on. It ends at the VMO's stream size.",
		[]Err{{"INVALID_ARGS", "options has other bits than READ, WRITE and APPEND"}, {"BAD_HANDLE", "vmo is not valid"}, {"WRONG_TYPE", "vmo is not a VMO"}, {"ACCESS_DENIED", "vmo lacks a right"}, tableFull, badOut}, 0},
	{80, "stream_readv", st, "zx_handle_t handle, uint32_t options, const zx_iovec_t* vectors, size_t num_vectors, size_t* actual", "READ", "Reads at the position into up to 1,024 buffers, to the end of the stream at most, and moves the position. actual (may be null) receives the bytes. A failure after the first buffer is a short read.",
		errs([]Err{{"INVALID_ARGS", "options is not 0"}}, typed("stream", "READ"), streamCopy, vmoCopy[1:]), 0},
	{81, "stream_readv_at", st, "zx_handle_t handle, uint32_t options, zx_off_t offset, const zx_iovec_t* vectors, size_t num_vectors, size_t* actual", "READ", "Reads at offset, and leaves the position.",
		errs([]Err{{"INVALID_ARGS", "options is not 0"}}, typed("stream", "READ"), streamCopy, vmoCopy[1:]), 0},
	{82, "stream_writev", st, "zx_handle_t handle, uint32_t options, const zx_iovec_t* vectors, size_t num_vectors, size_t* actual", "WRITE", "Writes at the position, or at the stream's end with ZX_STREAM_APPEND or a stream of mode APPEND, and moves the position behind. The stream grows, and so does a VMO that is resizable and whose handle had RESIZE; in any other the write ends with the VMO.",
		errs([]Err{{"INVALID_ARGS", "options has other bits than APPEND"}}, typed("stream", "WRITE"), streamCopy, []Err{{"FILE_BIG", "the end wraps"}, {"NO_SPACE", "there is no room for any of it"}}, vmoCopy[1:]), 0},
	{83, "stream_writev_at", st, "zx_handle_t handle, uint32_t options, zx_off_t offset, const zx_iovec_t* vectors, size_t num_vectors, size_t* actual", "WRITE", "Writes at offset, and leaves the position.",
		errs([]Err{{"INVALID_ARGS", "options is not 0"}}, typed("stream", "WRITE"), streamCopy, []Err{{"FILE_BIG", "the end wraps"}, {"NO_SPACE", "there is no room for any of it"}}, vmoCopy[1:]), 0},
	{84, "stream_seek", st, "zx_handle_t handle, zx_stream_seek_origin_t whence, int64_t offset, zx_off_t* out_seek", "READ or WRITE", "Moves the position to offset from the start (0), the position (1) or the end (2). out_seek (may be null) receives it.",
		errs(typed("stream", "READ and WRITE"), []Err{{"INVALID_ARGS", "whence is unknown, the position would wrap, or out_seek cannot be written"}}), 0},
	{85, "process_read_memory", st, "zx_handle_t handle, zx_vaddr_t vaddr, void* buffer, size_t buffer_size, size_t* actual", "READ", "Copies what the process has mapped at vaddr, to the end of that mapping at most, whatever its protection. actual (may be null) receives the bytes.",
		errs([]Err{{"INVALID_ARGS", "buffer is null, or buffer_size 0 or above 64 MiB"}}, typed("process", "READ"), []Err{{"BAD_STATE", "the process has ended"}, {"NO_MEMORY", "nothing is mapped at vaddr"}, {"OUT_OF_RANGE", "vaddr lies past the end of the VMO"}}, vmoCopy[1:]), 0},
	{86, "process_write_memory", st, "zx_handle_t handle, zx_vaddr_t vaddr, const void* buffer, size_t buffer_size, size_t* actual", "WRITE", "Writes to what the process has mapped at vaddr, whatever its protection. Otherwise as zx_process_read_memory.",
		errs([]Err{{"INVALID_ARGS", "buffer is null, or buffer_size 0 or above 64 MiB"}}, typed("process", "WRITE"), []Err{{"BAD_STATE", "the process has ended"}, {"NO_MEMORY", "nothing is mapped at vaddr"}, {"ACCESS_DENIED", "the mapping can never be writable"}, {"OUT_OF_RANGE", "vaddr lies past the end of the VMO"}}, vmoCopy[1:]), 0},
	{87, "system_get_program", st, "const char* name, size_t name_size, zx_handle_t* out", "", "Gives the ELF file of a program of the kernel image, in a VMO that can be read and mapped. Faultline's own: Zircon has a loader service.",
		[]Err{{"INVALID_ARGS", "name cannot be read"}, {"NOT_FOUND", "the image has no such program"}, tableFull, badOut}, 0},
	{88, "resource_create", st, "zx_handle_t parent_rsrc, uint32_t options, uint64_t base, size_t size, const char* name, size_t name_size, zx_handle_t* out", "WRITE",
		"Makes a resource for [base, base+size) of a kind (ZX_RSRC_KIND_*) out of the root resource of that kind. Only a program that the operator starts with run -privileged has those: start handles PA_SYSTEM_RESOURCE and PA_MMIO_RESOURCE.",
		errs(typed("resource", "WRITE"), []Err{{"INVALID_ARGS", "name cannot be read"}, {"INVALID_ARGS", "unknown kind or option, size 0, or the range wraps"}, {"ACCESS_DENIED", "not a root resource, or one of another kind"}, {"OUT_OF_RANGE", "the range leaves the parent"}, tableFull, badOut}), 0},
	{89, "iommu_create", st, "zx_handle_t resource, uint32_t type, const void* desc, size_t desc_size, zx_handle_t* out", "", "Makes an IOMMU from the SYSTEM resource of base ZX_RSRC_SYSTEM_IOMMU_BASE and size 1. The one there is, ZX_IOMMU_TYPE_STUB with a descriptor of 1 byte, translates nothing.",
		[]Err{badHandle, {"WRONG_TYPE", "handle is not that resource"}, {"INVALID_ARGS", "desc_size is above 4,096, or not 1 for the stub"}, {"NOT_SUPPORTED", "another type"}, {"INVALID_ARGS", "desc cannot be read"}, tableFull, badOut}, 0},
	{90, "bti_create", st, "zx_handle_t iommu, uint32_t options, uint64_t bti_id, zx_handle_t* out", "", "Makes a bus transaction initiator, through which memory is pinned for a device.",
		errs([]Err{{"INVALID_ARGS", "options is not 0"}}, typed("IOMMU", ""), []Err{tableFull, badOut}), 0},
	{91, "bti_pin", st, "zx_handle_t handle, uint32_t options, zx_handle_t vmo, uint64_t offset, uint64_t size, zx_paddr_t* addrs, size_t num_addrs, zx_handle_t* pmt", "MAP on handle; MAP, READ and WRITE on vmo as ZX_BTI_PERM_* ask",
		"Commits [offset, offset+size) of the VMO, holds its pages where they are, and gives the physical address of each, of the first alone with ZX_BTI_CONTIGUOUS. Without an IOMMU a device can reach all of memory.",
		errs(typed("BTI", "MAP"), []Err{{"INVALID_ARGS", "offset or size unaligned, or more than 32,768 addresses"}, {"BAD_HANDLE", "vmo is not valid"}, {"WRONG_TYPE", "vmo is not a VMO"}, {"ACCESS_DENIED", "vmo lacks a right"},
			{"INVALID_ARGS", "COMPRESS with CONTIGUOUS, CONTIGUOUS of a VMO that is not, another option, size 0"}, {"OUT_OF_RANGE", "the range leaves the VMO"}, {"UNAVAILABLE", "a page is pinned 31 times"}, {"IO, ...", "what the pager answered"},
			{"BAD_STATE", "memory of the BTI is in quarantine"}, {"INVALID_ARGS", "no PERM option, num_addrs is not the number of addresses, addrs or pmt cannot be written; nothing is pinned"}, tableFull}), 0},
	{92, "pmt_unpin", st, "zx_handle_t handle", "", "Lets the pages go. The handle is closed, whatever it was. One closed without this leaves its pages pinned, in quarantine.",
		errs(typed("PMT", "")), 0},
	{93, "bti_release_quarantine", st, "zx_handle_t handle", "WRITE", "Unpins what is in quarantine.", errs(typed("BTI", "WRITE")), 0},
	{94, "vmo_create_contiguous", st, "zx_handle_t bti, size_t size, uint32_t alignment_log2, zx_handle_t* out", "MAP", "Makes a VMO of zeros whose pages lie in a row in physical memory and stay there.",
		errs([]Err{{"INVALID_ARGS", "size 0 or unaligned, alignment_log2 neither 0 nor 12 to 63"}}, typed("BTI", "MAP"), []Err{{"OUT_OF_RANGE", "size above the maximum"}, {"NO_MEMORY", "no such run of memory"}, tableFull, badOut}), 0},
	{95, "vmo_create_physical", st, "zx_handle_t resource, zx_paddr_t paddr, size_t size, zx_handle_t* out", "", "Makes a VMO that shows registers of devices at physical address paddr, uncached. It can be mapped and pinned, not read or written by calls.",
		errs([]Err{{"INVALID_ARGS", "size 0 or unaligned"}}, typed("resource", ""), []Err{{"WRONG_TYPE", "not a resource of kind MMIO"}, {"OUT_OF_RANGE", "the range leaves the resource"}, {"INVALID_ARGS", "paddr unaligned, or the range wraps"}, {"ACCESS_DENIED", "there is RAM"}, tableFull, badOut}), 0},
	{96, "vmo_set_cache_policy", st, "zx_handle_t handle, uint32_t cache_policy", "MAP", "Says how mappings of the VMO are cached: ZX_CACHE_POLICY_*.",
		errs([]Err{{"INVALID_ARGS", "cache_policy above 3"}}, typed("VMO", "MAP"), []Err{{"BAD_STATE", "mapped, pinned, has children or is a child; a pager's or discardable, but for CACHED"}}), 0},
	{97, "vmo_transfer_data", st, "zx_handle_t dst_vmo, uint32_t options, uint64_t offset, uint64_t length, zx_handle_t src_vmo, uint64_t src_offset", "WRITE on dst_vmo, READ and WRITE on src_vmo", "Moves pages from src_vmo to dst_vmo, over what was there; the source then reads as zero.",
		errs([]Err{{"INVALID_ARGS", "options is not 0, or an offset or length is unaligned"}}, typed("VMO", "a right"), []Err{{"NOT_SUPPORTED", "a VMO is contiguous or physical"}, {"OUT_OF_RANGE", "a range leaves its VMO"}, {"NOT_SUPPORTED", "a VMO is a pager's"}, {"BAD_STATE", "a page is pinned"}, {"NO_MEMORY", "out of memory"}}), 0},
	{98, "system_get_num_cpus", "uint32_t", "void", "", "Gives the number of CPUs that run threads.", nil, 0},
}

// streamCopy is how the vectors of a stream call can be refused.
var streamCopy = []Err{{"INVALID_ARGS", "vectors is null, there are more than 1,024, their lengths wrap, or they or actual cannot be reached"}}

// channelMessage is how a message can be refused.
var channelMessage = []Err{
	{"OUT_OF_RANGE", "more than 65,536 bytes or 64 handles"}, {"NO_MEMORY", "out of memory"}, {"INVALID_ARGS", "the bytes or the handles cannot be read"},
	{"BAD_HANDLE", "a handle is not valid, or is there twice"}, {"NOT_SUPPORTED", "a handle is of this very channel end"}, {"ACCESS_DENIED", "a handle lacks TRANSFER"},
	{"PEER_CLOSED", "the other end is closed"},
	{"SHOULD_WAIT", "3,500 messages wait there; the thread takes a policy exception (synth code 16)"},
}

// registerErrors is how the calls on registers judge their arguments.
var registerErrors = []Err{{"INVALID_ARGS", "unknown kind"}, {"NOT_SUPPORTED", "another kind than GENERAL_REGS"}, {"BUFFER_TOO_SMALL", "buffer_size is below the size of the registers"}}

// st is the usual result type.
const st = "zx_status_t"

// vmoCopy is how zx_vmo_read and zx_vmo_write fail past the handle.
var vmoCopy = []Err{
	{"OUT_OF_RANGE", "offset + buffer_size wraps or is above the VMO's size"},
	{"NOT_FOUND", "buffer is not mapped"}, {"ACCESS_DENIED", "buffer's mapping forbids the access"}, {"OUT_OF_RANGE", "buffer lies past the end of the VMO mapped there"},
	{"BAD_STATE", "the VMO is detached, or its pager closed"}, {"NOT_FOUND", "the VMO was discarded"}, {"IO, ...", "what the pager answered"}, {"NO_MEMORY", "out of memory"},
}

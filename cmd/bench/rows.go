package main

import (
	"fmt"
	"slices"
	"strings"
)

// row is one line of the report: a rung of Faultline's and the nearest one of
// Linux's.
type row struct {
	name   string // in build/bench.json
	text   string // what is done, for people
	ours   string // Faultline's rung; "" is name
	linux  string // Linux's rungs, of which the best counts; "" if it has none
	unit   string // "" is guest instructions
	target float64
	floor  float64 // the same in an assembly kernel that decides nothing
	how    string  // how the two differ
}

// group is a table of the report.
type group struct {
	title string
	about string
	rows  []row
}

// Floors are figures of a kernel of assembly alone, measured once in the same
// QEMU: it does what hardware demands and decides nothing.
const (
	floorPager   = 86 // page fault to a ring-3 pager and back
	floorTrap    = 85
	floorSyscall = 9
	floorMinor   = 26
)

var groups = []group{
	{"The ladder", "From an empty trap to a pager in another process; what each adds is the difference to the line above.", []row{
		{name: "trap_empty", text: "page fault, Exec returns, nothing is decided"},
		{name: "minor_fault", text: "+ the Go handler: resident page, its translation is missing", linux: "zero_read_fault", target: 330, floor: floorMinor,
			how: "Linux's smallest fault: an anonymous read, which maps its zero page"},
		{name: "minor_fault_shared", ours: "minor_fault", text: "the same, beside a resident page of a shared memory file", linux: "resident_write"},
		{name: "zero_read_fault", text: "read of a page never touched: maps the zero page", linux: "zero_read_fault"},
		{name: "zero_write_fault", text: "write of a page never touched: a fresh zeroed page", linux: "zero_write_fault"},
		{name: "go_pager", text: "missing page, the pager is a goroutine of the kernel"},
		{name: "direct_pager", text: "missing page, the pager is a function of the kernel", target: 800},
		{name: "missing_page", text: "missing page, ring-3 pager thread", linux: "missing_page missing_page_move", target: 1900, floor: floorPager,
			how: "Faultline moves a page frame; UFFDIO_COPY copies the page (512 instructions), UFFDIO_MOVE (Linux 6.8) moves it"},
		{name: "missing_page_move", ours: "missing_page", text: "the same, beside UFFDIO_MOVE", linux: "missing_page_move"},
		{name: "missing_page_nocopy", ours: "missing_page", text: "the same, beside Linux's path without a copy", linux: "minor_continue", how: "UFFDIO_CONTINUE maps a page of the page cache"},
		{name: "missing_page_poll", ours: "missing_page", text: "the same, beside a handler that polls first", linux: "missing_page_poll"},
		{name: "missing_page_sigbus", ours: "missing_page", text: "the same, beside a SIGBUS handler in the faulting thread", linux: "missing_page_sigbus"},
		{name: "missing_page_process", target: 1950, text: "missing page, ring-3 pager in another process", linux: "missing_page_process"},
		{name: "missing_write", text: "write to a missing page (here: READ, then DIRTY)", linux: "missing_write"},
	}},
	{"Write traps and write-back", "", []row{
		{name: "write_trap", text: "write trap, acknowledged by a ring-3 pager thread", linux: "write_protect", target: 1800, floor: floorTrap},
		{name: "write_trap_process", text: "the same, pager in another process", linux: "write_protect_process"},
		{name: "write_trap_sigsegv", ours: "write_trap", text: "the same, beside mprotect and SIGSEGV", linux: "mprotect_sigsegv"},
		{name: "go_pager_write_trap", text: "write trap, the pager is a goroutine of the kernel"},
		{name: "direct_pager_write_trap", text: "write trap, the pager is a function of the kernel"},
		{name: "writeback_begin_page", text: "WRITEBACK_BEGIN over 4,096 dirty pages, per page", linux: "protect_page", target: 65, how: "Linux: UFFDIO_WRITEPROTECT"},
		{name: "writeback_end_page", text: "WRITEBACK_END, per page", linux: "unprotect_page", how: "Linux: taking the protection off again"},
	}},
	{"Pages in bulk, per page of 4,096", "", []row{
		{name: "populate_page", text: "supply and map", linux: "continue_page", target: 250, how: "Linux: UFFDIO_CONTINUE, no copy either"},
		{name: "populate_page_copy", ours: "populate_page", text: "the same, beside UFFDIO_COPY", linux: "copy_page"},
		{name: "populate_page_move", ours: "populate_page", text: "the same, beside UFFDIO_MOVE", linux: "move_page"},
		{name: "supply_page", text: "supply alone"},
		{name: "supply_zero_page", text: "supply zeros (here without mapping)", linux: "zeropage_page"},
		{name: "supply_one", text: "supply one page, a call each (here without mapping)", linux: "copy_one"},
		{name: "map_range_page", text: "map resident pages", linux: "populate_resident_page", how: "Linux: MADV_POPULATE_READ on a memory file"},
		{name: "resident_scan_page", text: "read resident pages in order, fault-around included", linux: "resident_scan_page"},
		{name: "unmap_page", text: "unmap", linux: "unmap_page"},
		{name: "commit_page", text: "make fresh zeroed pages", linux: "populate_anonymous_page"},
		{name: "decommit_page", text: "give pages back", linux: "dontneed_page"},
	}},
	{"Families", "Children of a VMO of 4,096 resident pages.", []row{
		{name: "slice_create_close", text: "make a slice and close it"},
		{name: "reference_create_close", text: "make a reference and close it"},
		{name: "clone_create_close", text: "make a clone and close it"},
		{name: "slice_map", text: "map a slice and unmap it"},
		{name: "reference_map", text: "map a reference and unmap it"},
		{name: "slice_fault", text: "fault on a resident page through a slice", linux: "resident_write"},
		{name: "clone_read_fault", text: "read through a clone: a page of the root"},
		{name: "clone_write_fault", text: "write to a clone: the page is copied", linux: "fork_write_fault", target: 1730, how: "Linux: the first store after fork, the page copied too"},
		{name: "snapshot_write_fault", text: "write to an exact snapshot of an anonymous VMO: the page is copied", linux: "fork_write_fault"},
		{name: "pin_one", text: "pin a page and unpin it"},
		{name: "pin_page", text: "pin 4,096 pages and unpin them, per page"},
	}},
	{"Calls", "", []row{
		{name: "syscall_empty", text: "SYSCALL, Exec returns, nothing is decided", floor: floorSyscall},
		{name: "null_syscall", text: "system call that does nothing", linux: "null_syscall", target: 150, floor: floorSyscall, how: "Linux: getppid"},
		{name: "handle_duplicate_close", text: "duplicate a handle and close it", linux: "dup_close"},
		{name: "port_queue_wait", text: "queue a packet and take it", linux: "eventfd_write_read"},
		{name: "port_ping_pong", target: 1600, text: "ping-pong of two threads: two switches, four calls", linux: "eventfd_ping_pong"},
		{name: "futex_wake", text: "wake a futex nobody waits on", linux: "futex_wake"},
	}},
	{"Tracing", "Off, the ladder above pays for it; on, as here, each record costs what `trace_record` says.", []row{
		{name: "trace_record", text: "leave one record", target: 40},
		{name: "trace_record_filtered", text: "one that the filter keeps out"},
		{name: "traced/null_syscall", text: "`null_syscall` with everything recorded"},
		{name: "traced/missing_page", text: "`missing_page` with everything recorded"},
		{name: "traced/write_trap", text: "`write_trap` with everything recorded"},
	}},
	{"What must not grow", "", nil}, // filled by scaleRows
	{"The longest entries", "The longest a call keeps a CPU before it looks whether others want it, with the largest arguments and as much behind them as a program can make.", nil}, // filled by longestRows
	{"Memory and boot", "", []row{
		{name: "allocations_per_fault", ours: "allocations/missing_page", text: "heap allocations of the kernel per missing page", unit: "allocations", target: 0.01},
		{name: "allocations_per_write_trap", ours: "allocations/write_trap", text: "heap allocations of the kernel per write trap", unit: "allocations", target: 0.01},
		{name: "metadata_page", text: "metadata per resident page: frame records and tree nodes", unit: "bytes", target: 32},
		{name: "waiting_thread", text: "heap of a thread that waits for a page, beside its registers and floating-point area", unit: "bytes", target: 2048},
		{name: "boot", text: "reset to the console's prompt, no disk", linux: "boot", target: 1_100_000, how: "Linux: to the first line of /init"},
	}},
	{"Boot by each loader", "By make bench-boot: from the kernel's first instruction to the prompt, on q35 with 1 GiB and no disk.", nil}, // filled by bootLoaders
}

// bootLoaders are those whose boot is measured from the kernel's entry on: what firmware
// and loader do before it is theirs.
var bootLoaders = []string{"pvh", "multiboot2", "linux", "uefi", "iso-bios", "iso-uefi", "usb"}

// scale are families of rungs measured at several sizes.
var scale = []struct {
	rung, text, axis string
	sizes            []int
	linux            string
}{
	{"fault_vmo_near", "missing page, neighbours in the middle of the VMO, by its pages", "pages of the VMO", []int{1 << 10, 1 << 12, 1 << 14, 1 << 16, 1 << 18, 1 << 20}, "fault_vmo_near"},
	{"fault_vmo_spread", "missing page, spread over all of the VMO, by its pages", "pages of the VMO", []int{1 << 10, 1 << 12, 1 << 14, 1 << 16, 1 << 18, 1 << 20}, "fault_vmo_spread"},
	{"minor_fault_vmo", "fault on a resident page, by the resident pages of the VMO", "pages of the VMO", []int{1 << 10, 1 << 12, 1 << 14, 1 << 16, 1 << 18, 1 << 20}, ""},
	{"outstanding", "missing page, by the requests outstanding", "outstanding requests", []int{1, 8, 64, 512, 1024, 4096}, "outstanding"},
	{"outstanding_release", "supply that ends many requests, per waiting thread, by their number", "outstanding requests", []int{8, 64, 512, 1024, 4096}, "outstanding_release"},
	{"query_dirty_range", "query_dirty_ranges, per range, by the dirty ranges", "dirty ranges", []int{1, 1000, 100000}, ""},
	{"sparse_create", "create a sparse paged VMO, by MiB", "MiB", []int{1, 1 << 10, 1 << 20}, ""},
	{"sparse_map", "map it, by MiB", "MiB", []int{1, 1 << 10, 1 << 20}, "sparse_map"},
	{"clone_create", "clone a sparse paged VMO, by its pages", "pages", []int{1, 1 << 18, 1 << 28}, ""},
	{"clone_chain", "read fault through snapshots of snapshots, by their number", "snapshots", []int{1, 16, 256}, ""},
	{"sparse_unmap_close", "unmap and close it, by MiB", "MiB", []int{1, 1 << 10, 1 << 20}, "sparse_unmap"},
}

func init() {
	for i := range groups {
		switch groups[i].title {
		case "What must not grow":
			groups[i].rows = scaleRows()
		case "Boot by each loader":
			for _, loader := range bootLoaders {
				groups[i].rows = append(groups[i].rows, row{name: "boot_entry/" + loader, text: "loaded by LOADER=" + loader})
			}
		case "The longest entries":
			groups[i].rows = longestRows()
		}
	}
}

// longest are the cases of user/programs/benchlongest.c: a call, and what of it.
const longest = `
	object_signal object_signal_others object_signal_threads object_signal_peer object_wait_many port_cancel
	port_cancel_key handle_close_watched handle_close_awaited handle_close_port handle_close_channel
	handle_close_vmo handle_close_pager handle_close_unborn handle_close_many process_end_handles
	process_end_cycles task_kill_threads task_kill_job object_get_info_jobs futex_wake vmar_unmap vmar_protect
	vmar_op_range vmar_map vmar_allocate vmar_large vmo_read vmo_write vmo_op_range vmo_op_range_islands
	vmo_op_range_mapped vmo_set_size vmo_create_child_snapshot vmo_create_child_slice vmo_create_child_chain
	vmo_transfer_data vmo_set_cache_policy pager_calls pager_intervals channel_write stream_writev
	process_read_memory system_get_program timer_set nanosleep handle_close_channel_calls
	pager_supply_threads pager_threads pager_supply_mapped pager_hints vmo_discard_mapped handle_close_snapshot
	handle_close_parent vmo_deep vmo_clones channel_stream vmar_empty fifo_write cprng_draw debug_write far_ends`

// longestTarget is the most instructions between two looks.
const longestTarget = 500_000

// longestRows makes the rows of longest.
func longestRows() (rows []row) {
	for _, name := range strings.Fields(longest) {
		rows = append(rows, row{name: "longest_entry/" + name, text: strings.ReplaceAll(name, "_", " "), target: longestTarget})
	}
	return rows
}

// scaleTargets are the targets of rows of scale.
var scaleTargets = map[string]float64{"outstanding/4096": 4000, "outstanding_release/4096": 2500, "minor_fault_vmo/1048576": 600}

// scaleRows makes the rows of scale.
func scaleRows() (rows []row) {
	for _, s := range scale {
		for _, n := range s.sizes {
			r := row{name: fmt.Sprintf("%s/%d", s.rung, n), text: fmt.Sprintf("%s: %s", s.text, thousands(float64(n)))}
			r.target = scaleTargets[r.name]
			if s.linux != "" {
				r.linux = fmt.Sprintf("%s/%d", s.linux, n)
			}
			rows = append(rows, r)
		}
	}
	return rows
}

// oneRung is an error that lists the rungs unless there is one of that name.
func oneRung(args []string) error {
	var list []string
	for _, g := range groups {
		for i := range g.rows {
			list = append(list, g.rows[i].rung())
		}
	}
	slices.Sort(list)
	if len(args) == 1 && slices.Contains(list, args[0]) {
		return nil
	}
	return fmt.Errorf("no rung %s; there are:\n%s", strings.Join(args, " "), strings.Join(slices.Compact(list), "\n"))
}

// rung is the name under which Faultline measures the row.
func (r *row) rung() string {
	if r.ours != "" {
		return r.ours
	}
	return r.name
}

func (r *row) unitName() string {
	if r.unit != "" {
		return r.unit
	}
	return "instructions"
}

// thousands writes a count with separators, and a decimal where it matters.
func thousands(v float64) string {
	if v < 100 && v != float64(int(v)) {
		if v < 1 {
			return fmt.Sprintf("%.4f", v)
		}
		return fmt.Sprintf("%.1f", v)
	}
	s := fmt.Sprintf("%.0f", v)
	var b strings.Builder
	for i, d := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

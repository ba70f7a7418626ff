package main

import "strings"

// stage is a part of an operation. It begins when a function is entered, which
// may have to happen in a certain stage. The functions are those with which one
// room calls another, so the tables outlive changes inside a room.
type stage struct {
	function string // its name behind "faultline/"
	name     string
	after    string // stage in which it must happen; "" is any
}

// firstStage is what comes before the first stage that a table names.
const firstStage = "trap"

const (
	decision  = "fault decision"
	which     = "page looked up in the VMO"
	request   = "page request made"
	packet    = "packet put on the port, pager woken"
	away      = "thread sleeps, switch to the pager"
	delivered = "packet copied to ring 3, system call returns"
	calling   = "pager calls supply or op_range: entry, handles"
	moving    = "page moved, or its state changed"
	waking    = "request found, thread woken"
	returning = "system call returns to the pager"
	again     = "pager waits on its port, switch to the thread"
	entered   = "page looked up again, page-table entry written"
	leaving   = "return to ring 3"
)

// ringThreePager are the stages of a request that a ring-3 pager answers.
var ringThreePager = []stage{
	{"vmar.(*Lane).TryFault", decision, firstStage},
	{"vmo.(*VMO).RequirePage", which, decision},
	{"vmo.(*PageSource).Request", request, which},
	{"object.(*Port).Queue", packet, request},
	{"cpu.ReadTSC", away, packet},
	{"syscall.portWoken", delivered, away},
	{"cpu.syscallEntry", calling, delivered},
	{"pager.Supply", moving, calling},
	{"pager.(*Pager).OpRange", moving, calling},
	{"vmo.(*PageSource).Progress", waking, moving},
	{"cpu.Exec", returning, waking},
	{"cpu.syscallEntry", again, returning},
	{"kernel.(*Thread).faultWoken", entered, again},
	{"cpu.Exec", leaving, entered},
}

// kernelFault are the stages of a fault that needs nobody's help.
var kernelFault = []stage{
	{"vmar.(*Lane).TryFault", decision, firstStage},
	{"vmo.(*VMO).RequirePage", which, decision},
	{"mmu.(*Lane).Map", "page-table entry written", which},
	{"cpu.Exec", leaving, ""},
}

// stagesOf gives the stages of a rung; none for a rung nobody has cut up.
func stagesOf(rung string) []stage {
	name, _, _ := strings.Cut(rung, "/")
	switch name {
	case "missing_page", "write_trap", "missing_page_process", "write_trap_process", "outstanding", "fault_vmo_near", "fault_vmo_spread":
		return ringThreePager
	case "minor_fault", "minor_fault_read", "minor_fault_vmo", "zero_read_fault", "zero_write_fault":
		return kernelFault
	}
	return nil
}

// nextStage names the stage that begins when the function is entered in the
// current stage, "" if none does.
func nextStage(list []stage, current, function string) string {
	for _, s := range list {
		if (s.after == "" || s.after == current) && strings.HasPrefix(plain(function), s.function) {
			return s.name
		}
	}
	return ""
}

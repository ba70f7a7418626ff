package kernel

import (
	"encoding/binary"
	"sync"
	"sync/atomic"

	"faultline/cpu"
	"faultline/object"
	"faultline/syscall"
	"faultline/zx"
)

// Exception is a thread in trouble: the report Zircon defines, and what a
// person wants to see beside it.
type Exception struct {
	zx.ExceptionReport
	Process     *Process
	Thread      *Thread
	RIP         zx.VirtAddr
	Instruction string   // at RIP, disassembled
	Registers   []string // lines, ready to print

	callers  []zx.VirtAddr // return addresses, by the frame pointers
	overflow bool          // the fault is one of a full stack
}

// Status is the status of a fatal page fault.
func (e *Exception) Status() zx.Status { return zx.Status(e.SynthCode) }

// channelKind is zx_info_thread_t.wait_exception_channel_type.
type channelKind uint32

// Kinds of exception channels. Source: docs/pager.md 1.4.
const (
	channelDebugger channelKind = 1
	channelThread   channelKind = 2
	channelProcess  channelKind = 3
	channelJob      channelKind = 4
)

// What the handler of an exception wants done: ZX_PROP_EXCEPTION_STATE.
const (
	exceptionTryNext    uint32 = 0
	exceptionHandled    uint32 = 1
	exceptionThreadExit uint32 = 2
)

// exceptionDebugger is ZX_EXCEPTION_CHANNEL_DEBUGGER, the one option of
// zx_task_create_exception_channel.
const exceptionDebugger uint32 = 1

// exceptionRights is what the handle of an exception carries.
const exceptionRights = zx.RightTransfer | zx.RightGetProperty | zx.RightSetProperty | zx.RightInspect

// exceptionChannel is the kernel's end of an exception channel, if there is
// one, and what its reader may do with threads and processes. Its lock is that
// of the task it belongs to.
type exceptionChannel struct {
	end             *object.Channel
	thread, process zx.Rights
}

// create makes the channel and gives the other end. thread and process are the
// rights of the handles that come of its exceptions.
//
// Errors: ErrAlreadyBound one exists whose other end is open.
func (c *exceptionChannel) create(thread, process zx.Rights) (*object.Channel, zx.Status) {
	if c.open() {
		return nil, zx.ErrAlreadyBound
	}
	c.close()
	kernel, user := object.NewChannel()
	*c = exceptionChannel{kernel, thread, process}
	return user, zx.OK
}

// open says whether somebody reads the channel.
func (c *exceptionChannel) open() bool {
	return c.end != nil && c.end.Signals()&zx.SignalPeerClosed == 0
}

// close ends the channel with its task.
func (c *exceptionChannel) close() {
	if c.end != nil {
		c.end.Close()
		c.end = nil
	}
}

// CreateExceptionChannel makes the channel that the thread's exceptions are
// offered on.
//
// Errors: ErrInvalidArgs options not 0 | ErrAlreadyBound | ErrBadState the
// thread is ending. Source: docs/pager.md 3.18.
func (t *Thread) CreateExceptionChannel(options uint32, rights zx.Rights) (*object.Channel, zx.Status) {
	if options != 0 {
		return nil, zx.ErrInvalidArgs
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.killed() || t.State() == zx.ThreadDead {
		return nil, zx.ErrBadState
	}
	return t.exceptions.create(rights, 0)
}

// CreateExceptionChannel makes a channel that exceptions of the process's threads
// are offered on: before the threads' own if options is the debugger's, else
// after them. Errors as for a thread.
func (p *Process) CreateExceptionChannel(options uint32, rights zx.Rights) (*object.Channel, zx.Status) {
	if options&^exceptionDebugger != 0 {
		return nil, zx.ErrInvalidArgs
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state >= processDying {
		return nil, zx.ErrBadState
	}
	if options&exceptionDebugger != 0 {
		return p.debugger.create(rights, rights)
	}
	return p.exceptions.create(rights, rights)
}

// closeExceptions closes the exception channel of a thread that ends.
func (t *Thread) closeExceptions() {
	t.mu.Lock()
	t.exceptions.close()
	t.mu.Unlock()
}

// closeExceptions closes the exception channels of a process that ends.
func (p *Process) closeExceptions() {
	p.mu.Lock()
	p.exceptions.close()
	p.debugger.close()
	p.mu.Unlock()
}

// exception is one exception while a handler has it: the object its handle
// names. The thread sleeps until the last handle is closed.
//
//	           message written           last handle closed
//	(raised) -----------------> (offered) -----------------> (judged by state)
//	    ^                           |                          |  |  |
//	    |                           | thread killed   TRY_NEXT |  |  | HANDLED: goes on
//	    |                           v                          |  |
//	    |                        (dead) <----------------------|--+ THREAD_EXIT
//	    +------------------------------------------------------+
type exception struct {
	object.Base
	thread  *Thread
	kind    channelKind
	channel exceptionChannel // the rights of its reader
	what    *Exception
	state   atomic.Uint32
	second  atomic.Bool // a debugger wants it back after the others
	closed  atomic.Bool
}

var _ syscall.Exception = (*exception)(nil)

// OnZeroHandles lets the thread look at what its handler decided.
func (x *exception) OnZeroHandles() {
	x.closed.Store(true)
	x.thread.Wake()
}

// OnLastRef lets go of the thread.
func (x *exception) OnLastRef() { object.Unref(x.thread) }

// ExceptionState is what the handler wants done so far.
func (x *exception) ExceptionState() uint32 { return x.state.Load() }

// SetExceptionState is the handler's decision.
//
// Errors: ErrInvalidArgs no such state.
func (x *exception) SetExceptionState(state uint32) zx.Status {
	if state > exceptionThreadExit {
		return zx.ErrInvalidArgs
	}
	x.state.Store(state)
	return zx.OK
}

// SecondChance says whether a debugger wants to see the exception again.
func (x *exception) SecondChance() bool { return x.second.Load() }

// SetSecondChance is the debugger's wish.
//
// Errors: ErrBadState the handler is no debugger.
func (x *exception) SetSecondChance(again bool) zx.Status {
	if x.kind != channelDebugger {
		return zx.ErrBadState
	}
	x.second.Store(again)
	return zx.OK
}

// ExceptionThread is the thread that is in the exception.
func (x *exception) ExceptionThread() (syscall.Thread, zx.Rights) {
	return x.thread, x.channel.thread
}

// ExceptionProcess is the process of the thread, with no rights for who reads
// the channel of a thread.
func (x *exception) ExceptionProcess() (syscall.Process, zx.Rights) {
	return x.thread.process, x.channel.process
}

// raise makes an exception of what the thread has just done. It says whether the
// thread goes on, by its step.
func (t *Thread) raise(typ zx.ExceptionType, st zx.Status) bool {
	if typ == zx.ExcpHWBreakpoint {
		t.sawDebug()
	}
	return t.deal(t.report(typ, st))
}

// RaisePolicy makes the thread take a policy exception when its call returns:
// c says what it did.
func (t *Thread) RaisePolicy(c zx.PolicyCondition) {
	t.policy = uint32(c)
	t.interrupted.Or(interruptPolicy)
}

// raisePolicy is the exception RaisePolicy announced.
func (t *Thread) raisePolicy() bool {
	t.interrupted.And(^interruptPolicy)
	e := t.report(zx.ExcpPolicyError, zx.OK)
	// No trap of the CPU stands behind it.
	e.ExceptionReport = zx.ExceptionReport{Type: zx.ExcpPolicyError, SynthCode: t.policy}
	return t.deal(e)
}

// trouble is an exception on its way through those who may handle it.
type trouble struct {
	what  *Exception
	turn  int        // who is asked next, see nextHandler
	job   *Job       // the job asked next, once the others were
	again bool       // a debugger wants to be asked once more
	asked *exception // what a handler has now, nil if none
}

// deal offers an exception to whoever handles it: the process's debugger, the
// thread's channel, the process's, the debugger again if it wants, then the job's
// and those of the jobs above. If nobody does, the process is killed. It says
// whether the thread goes on, by its step.
// Source: docs/pager.md 6.1 step 7 and 6.3.
func (t *Thread) deal(e *Exception) bool {
	t.trouble = &trouble{what: e, job: t.process.job}
	return t.handle()
}

// handleWoken goes on with an exception that a handler had.
func (t *Thread) handleWoken() bool {
	t.token.Store(tokenRunning)
	return t.handle()
}

// handle goes on with the exception in progress until it is settled, or a
// handler has it. It says whether the thread goes on.
func (t *Thread) handle() bool {
	d, p := t.trouble, t.process
	for {
		if d.asked != nil {
			if !d.asked.closed.Load() && !t.killed() {
				t.step = stepHandle
				return t.block(zx.ThreadBlockedException, zx.TimeInfinite, interruptKill)
			}
			decision := d.asked.state.Load()
			d.again = d.again || d.asked.second.Load()
			t.takeBack()
			if decision == exceptionThreadExit {
				t.interrupted.Or(interruptKill)
			}
			if t.killed() {
				break
			}
			if decision == exceptionHandled {
				if cpu.IsCanonical(t.regs.RIP()) {
					break
				}
				// To go on where there is no address is to ask for the same fault
				// again: it is had here, for IRETQ would have it in ring 0.
				*d = trouble{what: t.report(zx.ExcpGeneral, zx.OK), job: p.job}
			}
		}
		kind, mu, channel := t.nextHandler()
		if channel == nil {
			t.interrupted.Or(interruptKill)
			p.end(zx.TaskRetcodeExceptionKill, d.what)
			break
		}
		// Looked up when its turn comes: the one before may have taken long, and
		// this one been bound meanwhile.
		mu.Lock()
		c := *channel
		mu.Unlock()
		d.asked = t.offer(kind, c, d.what)
	}
	t.trouble = nil
	t.step = stepUser
	return true
}

// nextHandler gives whose turn it is, and the lock of the channel; nil after the
// last one.
func (t *Thread) nextHandler() (channelKind, *sync.Mutex, *exceptionChannel) {
	d, p := t.trouble, t.process
	if d.turn == 3 && !d.again {
		d.turn++
	}
	d.turn++
	switch d.turn - 1 {
	case 0, 3: // 3 if it wants
		return channelDebugger, &p.mu, &p.debugger
	case 1:
		return channelThread, &t.mu, &t.exceptions
	case 2:
		return channelProcess, &p.mu, &p.exceptions
	}
	j := d.job
	if j == nil {
		return 0, nil, nil
	}
	d.job = j.parent
	return channelJob, &j.mu, &j.exceptions
}

// offer hands the exception to one handler and gives what it has; nil if nobody
// is there.
func (t *Thread) offer(kind channelKind, c exceptionChannel, e *Exception) *exception {
	if !c.open() {
		return nil
	}
	x := &exception{thread: t, kind: kind, channel: c, what: e}
	x.Init(zx.ObjException, 0)
	t.Ref()
	t.mu.Lock()
	t.exception = x
	t.mu.Unlock()
	x.Ref() // ours, beside the handle's

	m, _ := object.NewMessage(nil, zx.ExceptionInfoBytes, 1) // threadBytes has it
	info := m.Bytes
	binary.LittleEndian.PutUint64(info[0:], uint64(t.process.Koid()))
	binary.LittleEndian.PutUint64(info[8:], uint64(t.Koid()))
	binary.LittleEndian.PutUint32(info[16:], uint32(e.Type))
	m.Handles = append(m.Handles, object.NewMoving(x, exceptionRights))
	t.state.Store(uint32(zx.ThreadBlockedException)) // for who reads the message at once
	if c.end.Write(m) != zx.OK {
		m.Discard()
		x.state.Store(exceptionTryNext)
	}
	return x
}

// takeBack ends what offer began.
func (t *Thread) takeBack() {
	t.runs()
	t.mu.Lock() // and settle
	x := t.exception
	t.exception = nil
	t.mu.Unlock()
	t.trouble.asked = nil
	object.Unref(x)
}

// ExceptionReport is the report of the exception the thread is in.
//
// Errors: ErrBadState it is in none. Source: docs/pager.md 6.3.
func (t *Thread) ExceptionReport() (zx.ExceptionReport, zx.Status) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.exception == nil {
		return zx.ExceptionReport{}, zx.ErrBadState
	}
	return t.exception.what.ExceptionReport, zx.OK
}

// exceptionOf gives the exception a vector of the CPU becomes.
func exceptionOf(v cpu.Vector) zx.ExceptionType {
	switch v {
	case cpu.VectorInvalidOpcode:
		return zx.ExcpUndefinedInstruction
	case cpu.VectorBreakpoint:
		return zx.ExcpSWBreakpoint
	case cpu.VectorDebug:
		return zx.ExcpHWBreakpoint
	case cpu.VectorAlignmentCheck:
		return zx.ExcpUnalignedAccess
	}
	return zx.ExcpGeneral
}

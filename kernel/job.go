package kernel

import (
	"cmp"
	"faultline/avl"
	"slices"
	"sync"

	"faultline/account"
	"faultline/object"
	"faultline/syscall"
	"faultline/zx"
)

// maxJobHeight is how many jobs may lie below one another under the root.
// Source: Zircon job_create.
const maxJobHeight = 32

// Job is a group of processes, and of jobs below it. The tree, and what its
// processes may do, are drawn in the package comment.
//
//	         Kill                  last child gone
//	(ready) ------> (killed) ------------------------> (dead)
//	   |                                                  ^
//	   +--------------------------------------------------+
//	     last reference gone: no handle, no child
type Job struct {
	object.Base
	label
	kernel  *Kernel
	parent  *Job             // one reference; nil for the root
	node    avl.Node[Job]    // in parent.jobs; guarded by parent.mu
	height  int              // how many jobs may lie below
	account *account.Account // below that of parent; constant

	mu         sync.Mutex
	state      jobState
	policy     zx.Policy         // constant once there is a child
	jobs       avl.Tree[Job]     // by koid; guarded by mu
	processes  avl.Tree[Process] // that are not dead; guarded by mu
	exceptions exceptionChannel  // guarded by mu
}

type jobState uint8

const (
	jobReady jobState = iota
	jobKilled
	jobDead
)

var _ syscall.Job = (*Job)(nil)

// signalsJobEmpty is what a job without children asserts.
const signalsJobEmpty = zx.SignalJobNoJobs | zx.SignalJobNoProcesses | zx.SignalJobNoChildren

// newRootJob makes the job all others lie in. No program has a handle of it.
func (k *Kernel) newRootJob() *Job {
	j := &Job{kernel: k, height: maxJobHeight, account: k.account}
	j.SetName("root")
	j.Base.Init(zx.ObjJob, signalsJobEmpty)
	j.Ref() // for ever
	return j
}

// RootJob is the job above all others, for the kernel's clients.
func (k *Kernel) RootJob() *Job { return k.rootJob }

// newJob makes a job in j, with no reference: whoever gives up on it calls
// object.Drop.
//
// Errors: ErrOutOfRange j lies too deep | ErrNoMemory | ErrBadState j was killed.
func (j *Job) newJob(name string) (*Job, zx.Status) {
	if j.height == 0 {
		return nil, zx.ErrOutOfRange
	}
	child := &Job{kernel: j.kernel, parent: j, height: j.height - 1, account: j.account.New()}
	child.SetName(name)
	child.Base.Init(zx.ObjJob, signalsJobEmpty)
	if st := child.Bill(child.account, jobBytes); st != zx.OK {
		return nil, st
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.state != jobReady {
		child.state = jobDead
		object.Drop(child)
		return nil, zx.ErrBadState
	}
	child.policy = j.policy
	j.jobs.Insert(&child.node, child, uint64(child.Koid()), 0)
	j.Ref()
	j.UpdateSignals(zx.SignalJobNoJobs|zx.SignalJobNoChildren, 0)
	return child, zx.OK
}

// CreateJob implements syscall.Job.
func (j *Job) CreateJob() (syscall.Job, zx.Status) {
	child, st := j.newJob("")
	if st != zx.OK {
		return nil, st // not child: a nil *Job is no nil interface
	}
	return child, zx.OK
}

// add makes p a process of j, which gives it its policy.
//
// Errors: ErrBadState j was killed.
func (j *Job) add(p *Process) zx.Status {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.state != jobReady {
		return zx.ErrBadState
	}
	p.job, p.policy = j, j.policy
	j.processes.Insert(&p.node, p, uint64(p.Koid()), 0)
	j.Ref()
	j.UpdateSignals(zx.SignalJobNoProcesses|zx.SignalJobNoChildren, 0)
	return zx.OK
}

// remove takes the dead process p out of its job.
func (j *Job) remove(p *Process) { lose(j, &j.processes, &p.node) }

// lose takes a dead child of j out of its tree, which may be the end of j.
func lose[T any](j *Job, children *avl.Tree[T], child *avl.Node[T]) {
	j.mu.Lock()
	children.Remove(child)
	signals := zx.Signals(0)
	if j.jobs.Empty() {
		signals |= zx.SignalJobNoJobs
	}
	if j.processes.Empty() {
		signals |= zx.SignalJobNoProcesses
	}
	if j.childless() {
		signals |= zx.SignalJobNoChildren
	}
	j.UpdateSignals(0, signals)
	ended := j.state == jobKilled && j.childless()
	j.mu.Unlock()
	if ended {
		j.end()
	}
	object.Unref(j)
}

// childless says whether j has neither job nor process. Locks: mu held.
func (j *Job) childless() bool { return j.jobs.Empty() && j.processes.Empty() }

// OnLastRef ends a job that nobody can reach: it has no handle and no child.
func (j *Job) OnLastRef() { j.end() }

// end makes the childless job j dead, and takes it out of the one above.
func (j *Job) end() {
	j.mu.Lock()
	if j.state == jobDead {
		j.mu.Unlock()
		return
	}
	j.state = jobDead
	j.exceptions.close()
	j.UpdateSignals(0, zx.SignalTaskTerminated)
	j.mu.Unlock()
	lose(j.parent, &j.parent.jobs, &j.node) // no deeper than maxJobHeight
}

// Kill ends every process in j and in the jobs below, and lets no new one be
// made there. It does not wait for their ends.
func (j *Job) Kill() {
	j.mu.Lock()
	if j.state == jobReady {
		j.state = jobKilled
	}
	empty := j.childless()
	j.mu.Unlock()
	if empty {
		j.end()
		return
	}
	var p, child zx.Koid // the last ones seen to
	object.Do(func(b *zx.Budget) bool {
		for next := j.process(p); next != nil; next = j.process(p) {
			next.Kill()
			p = next.Koid()
			if object.Unref(next); b.Spend(8) {
				return true
			}
		}
		for next := j.child(child); next != nil; next = j.child(child) {
			next.Kill() // no deeper than maxJobHeight
			child = next.Koid()
			if object.Unref(next); b.Spend(8) {
				return true
			}
		}
		return false
	})
}

// process gives the process of j after the one with that koid, with a reference;
// nil if it was the last.
func (j *Job) process(koid zx.Koid) *Process {
	return refAfter(&j.mu, &j.processes, koid)
}

// child is process for jobs below.
func (j *Job) child(koid zx.Koid) *Job {
	return refAfter(&j.mu, &j.jobs, koid)
}

// collect appends the processes of j and of the jobs below to all.
func (j *Job) collect(all []*Process) []*Process {
	j.mu.Lock()
	for n := j.processes.First(); n != nil; n = n.Next() {
		all = append(all, n.Owner())
	}
	j.mu.Unlock()
	for child := j.child(0); child != nil; {
		all = child.collect(all)
		next := j.child(child.Koid())
		object.Unref(child)
		child = next
	}
	return all
}

// Processes lists the processes that live, oldest first.
func (k *Kernel) Processes() []*Process {
	all := k.rootJob.collect(nil)
	slices.SortFunc(all, func(a, b *Process) int { return cmp.Compare(a.Koid(), b.Koid()) })
	return all
}

// SetPolicy implements syscall.Job.
func (j *Job) SetPolicy(rules []zx.PolicyRule, absolute bool) zx.Status {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.childless() {
		return zx.ErrBadState
	}
	policy, st := j.policy.Add(rules, absolute)
	if st == zx.OK {
		j.policy = policy
	}
	return st
}

// Info implements syscall.Job.
func (j *Job) Info() syscall.JobInfo {
	j.mu.Lock()
	defer j.mu.Unlock()
	info := syscall.JobInfo{Exited: j.state == jobDead}
	if j.state != jobReady {
		info.ReturnCode = zx.TaskRetcodeSyscallKill
	}
	return info
}

// NextJob implements syscall.Job.
func (j *Job) NextJob(koid zx.Koid) (zx.Koid, bool) {
	return koidAfter(&j.mu, &j.jobs, koid)
}

// NextProcess implements syscall.Job.
func (j *Job) NextProcess(koid zx.Koid) (zx.Koid, bool) {
	return koidAfter(&j.mu, &j.processes, koid)
}

// RelatedKoid is the koid of the job above, KoidInvalid for one that the kernel
// made for a program: nobody has a handle of the root.
func (j *Job) RelatedKoid() zx.Koid {
	if j.parent == nil || j.parent.parent == nil {
		return zx.KoidInvalid
	}
	return j.parent.Koid()
}

// CreateExceptionChannel makes the channel that exceptions are offered on which
// no channel of a thread, a process or a job below settled.
//
// Errors: ErrNotSupported the debugger's channel | ErrAlreadyBound | ErrBadState
// the job is ending.
func (j *Job) CreateExceptionChannel(options uint32, rights zx.Rights) (*object.Channel, zx.Status) {
	if options != 0 {
		return nil, zx.ErrNotSupported
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.state != jobReady {
		return nil, zx.ErrBadState
	}
	return j.exceptions.create(rights, rights)
}

// Package account counts the memory that ring 3 makes the kernel keep, so that
// it can be refused before there is none left.
//
// What the kernel keeps for a program is bytes of the Go heap (objects, handles,
// messages, packets, registrations, tables) and page frames (of VMOs, of the
// trees that hold them, of page tables). Its maker charges an account first, and
// gives the charge back when the memory is let go. An account that has spent its
// share refuses; nothing has been changed then.
//
//	root            all that may be kept, sized at boot
//	  +- job        of a program that the operator started
//	  |    +- process
//	  |    `- job   of the program's own making
//	  |         `- process
//	  `- job
//	       `- process
//
// # Shares
//
// A charge counts in the account and in all above it. An account may hold at most
// Share times what is left of the one above, so whoever is greedy leaves
// something to those beside it, and they to others: four programs that take what
// they can leave a twentieth or more. One alone gets more than half. What nobody
// uses is nobody's, so there is nothing to set.
//
// # Real bytes
//
// Bytes says what a Go allocation really takes. What the sums do not know (spans
// that are mostly empty, garbage not collected yet) the root asks about, by the
// function it is given, each time a sixteenth of it has been charged anew.
//
// A nil *Account is the kernel's own: it may have everything.
package account

import (
	"sync/atomic"

	"faultline/zx"
)

// Share is how many times what is left above an account it may hold.
const Share = 2

// Account counts what one job or process makes the kernel keep. Its methods are
// safe for concurrent use; they take no lock.
type Account struct {
	parent *Account
	root   *root
	used   [resources]atomic.Int64
}

// What is counted, both in bytes.
const (
	bytes = iota
	pages
	resources
)

// root is what all accounts of a tree share.
type root struct {
	total   [resources]int64
	full    func() bool  // says that there is no room for bytes in truth; may be nil
	grown   atomic.Int64 // bytes charged since full was asked last
	refused [resources]atomic.Uint64
	near    int64 // see SetNear
	hook    func(*Account)
	peak    [resources]atomic.Int64
}

// NewRoot makes the account of all that may be kept. full, which may be nil, says
// that there is no room for bytes in truth, whatever the sums say.
func NewRoot(heapBytes, pageFrames int64, full func() bool) *Account {
	return &Account{root: &root{total: [resources]int64{heapBytes, pageFrames * zx.PageSize}, full: full}}
}

// New makes an account below a; below nil it is nil. It needs no end: an
// account is gone when nobody holds a charge in it.
func (a *Account) New() *Account {
	if a == nil {
		return nil
	}
	return &Account{parent: a, root: a.root}
}

// Bytes is what a Go allocation of n bytes takes: the next size class, the
// collector's bits and the share of a span's own record.
func Bytes(n uintptr) int64 { return int64(n+n/4+15) &^ 15 }

// Charge counts n bytes more, or refuses and counts nothing.
//
// Errors: ErrNoMemory the share is spent.
func (a *Account) Charge(n int64) zx.Status {
	if a == nil || n == 0 {
		return zx.OK
	}
	st := a.charge(bytes, n)
	if st == zx.OK && !a.root.room(n) {
		a.release(bytes, n)
		a.root.refused[bytes].Add(1)
		return zx.ErrNoMemory
	}
	return st
}

// Release gives n bytes back that were charged to a.
func (a *Account) Release(n int64) { a.release(bytes, n) }

// ChargePages counts n page frames more, or refuses and counts nothing.
//
// Errors: ErrNoMemory the share is spent.
func (a *Account) ChargePages(n int64) zx.Status { return a.ChargeFrames(n * zx.PageSize) }

// ChargeFrames is ChargePages of n bytes in frames that several have parts of.
func (a *Account) ChargeFrames(n int64) zx.Status {
	if a == nil {
		return zx.OK
	}
	st := a.charge(pages, n)
	if r := a.root; st == zx.OK && r.hook != nil && a.left(pages) < r.near {
		r.hook(a)
	}
	return st
}

// ReleaseFrames gives n bytes of frames back that were charged to a.
func (a *Account) ReleaseFrames(n int64) { a.release(pages, n) }

// SetNear has hook called with each account that is charged page frames and can
// then be charged fewer than near more. The caller may hold any lock, so hook must
// only leave a note. Pre: nothing is charged yet.
func (a *Account) SetNear(near int64, hook func(*Account)) {
	a.root.near, a.root.hook = near*zx.PageSize, hook
}

// LeftPages is how many page frames more a can be charged; below 0 it is in debt.
func (a *Account) LeftPages() int64 { return a.left(pages) / zx.PageSize }

// ReleasePages gives n page frames back that were charged to a.
func (a *Account) ReleasePages(n int64) { a.release(pages, n*zx.PageSize) }

// Overdraw counts n page frames more whatever the share is: for frames that change
// hands, and do not get more.
func (a *Account) Overdraw(n int64) { a.release(pages, -n*zx.PageSize) }

func (a *Account) charge(what int, n int64) zx.Status {
	for at := a; at != nil; at = at.parent {
		at.used[what].Add(n)
	}
	if a.left(what) >= 0 {
		return zx.OK
	}
	a.release(what, n)
	a.root.refused[what].Add(1)
	return zx.ErrNoMemory
}

func (a *Account) release(what int, n int64) {
	for ; a != nil; a = a.parent {
		a.used[what].Add(-n)
	}
}

// left is how much a may still take; below 0 it holds too much.
func (a *Account) left(what int) int64 {
	used := a.used[what].Load()
	if a.parent == nil {
		if peak := &a.root.peak[what]; used > peak.Load() {
			peak.Store(used)
		}
		return a.root.total[what] - used
	}
	above := a.parent.left(what)
	return min(above, Share*above-used)
}

// room says whether n bytes more fit in truth, as far as that was asked lately.
func (r *root) room(n int64) bool {
	if r.full == nil || r.grown.Add(n) < r.total[bytes]/16 {
		return true
	}
	if r.full() {
		return false
	}
	r.grown.Store(0)
	return true
}

// SameProgram says whether a and b are of one program, in one job below the root:
// what one of them lets go the other may get.
func (a *Account) SameProgram(b *Account) bool { return a.program() == b.program() }

func (a *Account) program() *Account {
	for a != nil && a.parent != nil && a.parent.parent != nil {
		a = a.parent
	}
	return a
}

// Spent says that a can be charged next to no bytes more.
func (a *Account) Spent() bool { return a != nil && a.left(bytes) < spent*1024 }

// SpentPages says that a can be charged next to no page frames more.
func (a *Account) SpentPages() bool { return a != nil && a.left(pages) < spent*zx.PageSize }

// spent is how many KiB or frames are as good as none.
const spent = 8

// Used is how many bytes are charged to a and to the accounts below.
func (a *Account) Used() int64 {
	if a == nil {
		return 0
	}
	return a.used[bytes].Load()
}

// UsedPages is how many page frames are.
func (a *Account) UsedPages() int64 {
	if a == nil {
		return 0
	}
	return a.used[pages].Load() / zx.PageSize
}

// Info tells of a tree of accounts as a whole.
type Info struct {
	Bytes, Pages Sum
}

// Sum is one kind of memory.
type Sum struct {
	Total, Used, Peak int64
	Refused           uint64 // charges
}

// Info tells of the tree that a is in.
func (a *Account) Info() Info {
	for a.parent != nil {
		a = a.parent
	}
	sum := func(what int, unit int64) Sum {
		return Sum{a.root.total[what] / unit, a.used[what].Load() / unit, a.root.peak[what].Load() / unit, a.root.refused[what].Load()}
	}
	return Info{sum(bytes, 1), sum(pages, zx.PageSize)}
}

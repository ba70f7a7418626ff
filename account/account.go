// Package account counts the kernel memory that ring 3 makes the kernel keep,
// so that it can be refused before there is none left.
//
// What the kernel keeps for a program lies in the Go heap: objects, handles,
// messages, packets, registrations, tables. Its maker charges an account first,
// and gives the charge back when the memory is let go. An account that has spent
// its share refuses; nothing has been changed then.
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

// Account counts the bytes that one job or process makes the kernel keep.
// Its methods are safe for concurrent use; they take no lock.
type Account struct {
	parent *Account
	root   *root
	used   atomic.Int64
}

// root is what all accounts of a tree share.
type root struct {
	total   int64
	full    func() bool  // says that there is no room left in truth; may be nil
	grown   atomic.Int64 // charged since full was asked last
	refused atomic.Uint64
	peak    atomic.Int64
}

// NewRoot makes the account of all that may be kept: total bytes. full, which may
// be nil, says that there is no room in truth, whatever the sums say.
func NewRoot(total int64, full func() bool) *Account {
	return &Account{root: &root{total: total, full: full}}
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
	for at := a; at != nil; at = at.parent {
		at.used.Add(n)
	}
	if a.left() >= 0 && a.root.room(n) {
		return zx.OK
	}
	a.Release(n)
	a.root.refused.Add(1)
	return zx.ErrNoMemory
}

// Release gives back n bytes that were charged to a.
func (a *Account) Release(n int64) {
	for ; a != nil; a = a.parent {
		a.used.Add(-n)
	}
}

// left is how many bytes a may still take; below 0 it holds too much.
func (a *Account) left() int64 {
	if a.parent == nil {
		left := a.root.total - a.used.Load()
		if used := a.used.Load(); used > a.root.peak.Load() {
			a.root.peak.Store(used)
		}
		return left
	}
	above := a.parent.left()
	return min(above, Share*above-a.used.Load())
}

// room says whether n bytes more fit in truth, as far as that was asked lately.
func (r *root) room(n int64) bool {
	if r.full == nil || r.grown.Add(n) < r.total/16 {
		return true
	}
	if r.full() {
		return false
	}
	r.grown.Store(0)
	return true
}

// Used is how many bytes are charged to a and to the accounts below.
func (a *Account) Used() int64 {
	if a == nil {
		return 0
	}
	return a.used.Load()
}

// Left is how many bytes more a can be charged.
func (a *Account) Left() int64 {
	if a == nil {
		return 1<<63 - 1
	}
	return max(a.left(), 0)
}

// Info tells of a tree of accounts as a whole.
type Info struct {
	Total, Used, Peak int64
	Refused           uint64 // charges
}

// Info tells of the tree that a is in.
func (a *Account) Info() Info {
	top := a
	for top.parent != nil {
		top = top.parent
	}
	r := top.root
	return Info{Total: r.total, Used: top.used.Load(), Peak: r.peak.Load(), Refused: r.refused.Load()}
}

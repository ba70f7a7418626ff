//go:build tamago

package main

import (
	"encoding/binary"
	"fmt"
	"unsafe"

	"faultline/user/go/zx"
	abi "faultline/zx"
)

// worker is a thread outside the Go runtime that verifies pages: of a mapping, or
// by zx_vmo_read. As no goroutine waits in it, there may be any number, and it may
// die of what its pager does.
type worker struct {
	thread     zx.Handle
	exceptions zx.Channel
	load       *load
	at         uint64 // the first page
	mapped     uintptr
	out        []byte
}

// verify starts a worker on n pages of v from page at on.
func (r *rig) verify(v zx.VMO, at, n uint64, mapping bool) *worker {
	w := &worker{at: at}
	if !mapping {
		w.out = make([]byte, n*page)
		w.load = &load{vmo: uint64(v.Handle), offset: at * page, size: n * page, pages: n}
		return r.start(w)
	}
	var err error
	w.mapped, err = zx.VMARRoot().Map(zx.PermRead, 0, v, at*page, n*page)
	r.ok("map", err)
	return r.verifyAt(w, w.mapped, n)
}

// verifyAt starts a worker on n pages that are mapped at address.
func (r *rig) verifyAt(w *worker, address uintptr, n uint64) *worker {
	w.out = make([]byte, n*8)
	w.load = &load{address: address, pages: n}
	return r.start(w)
}

func (r *rig) start(w *worker) *worker {
	w.load.out = uintptr(unsafe.Pointer(unsafe.SliceData(w.out)))
	name := []byte("load")
	if st := zx.SysThreadCreate(zx.ProcessSelf().Handle, zx.Pointer(name), uint64(len(name)), 0, &w.thread); st != abi.OK {
		r.check(false, "thread: %v", st)
		return w
	}
	if st := zx.SysTaskCreateExceptionChannel(w.thread, 0, &w.exceptions.Handle); st != abi.OK {
		r.check(false, "exceptions: %v", st)
	}
	arg := uintptr(unsafe.Pointer(w.load))
	if st := zx.SysThreadStart(w.thread, loadThreadPC(), arg, arg, 0); st != abi.OK {
		r.check(false, "start: %v", st)
	}
	return w
}

// end waits until the worker is no more, and puts away what it had.
func (r *rig) end(w *worker) {
	_, err := w.thread.WaitOne(abi.SignalTaskTerminated, zx.After(10e9))
	r.ok("end", err)
	w.thread.Close()
	w.exceptions.Close()
	if w.mapped != 0 {
		r.ok("unmap", zx.VMARRoot().Unmap(w.mapped, w.load.pages*page))
	}
}

// finished waits for a worker that has found what the pages must hold.
func (r *rig) finished(w *worker) {
	r.end(w)
	r.check(w.load.status == 0, "the worker failed: %v", abi.Status(w.load.status))
	step := len(w.out) / int(w.load.pages)
	for i := range w.load.pages {
		got := binary.LittleEndian.Uint64(w.out[int(i)*step:])
		r.check(got == word(w.at+i), "page %d holds %#x", w.at+i, got)
	}
}

// fails waits for a worker whose zx_vmo_read must fail.
func (r *rig) fails(w *worker) {
	r.end(w)
	r.check(w.load.status != 0, "the worker succeeded")
}

// crashes waits for a worker that must take a fatal page fault at its first page.
func (r *rig) crashes(w *worker, want abi.Status) {
	if _, err := w.exceptions.WaitOne(abi.SignalReadable, zx.After(10e9)); err != nil {
		r.check(false, "the worker takes no exception: %v", err)
		return
	}
	var info [24]byte
	var x [1]zx.Handle
	_, _, err := w.exceptions.Read(info[:], x[:])
	r.ok("exception", err)
	var report [abi.ExceptionReportBytes]byte
	st := zx.SysObjectGetInfo(w.thread, abi.InfoThreadExceptionReport, zx.Pointer(report[:]), uint64(len(report)), nil, nil)
	r.check(st == abi.OK, "report: %v", st)
	le := binary.LittleEndian
	at, status := le.Uint64(report[24:]), abi.Status(int32(le.Uint32(report[32:])))
	r.check(abi.ExceptionType(le.Uint32(report[4:])) == abi.ExcpFatalPageFault && uintptr(at) == w.load.address && status == want,
		"the worker died at %#x of %v, not at %#x of %v", at, status, w.load.address, want)
	exit := []byte{2, 0, 0, 0} // ZX_EXCEPTION_STATE_THREAD_EXIT
	st = zx.SysObjectSetProperty(x[0], 16, zx.Pointer(exit), 4)
	r.check(st == abi.OK, "decide: %v", st)
	x[0].Close()
	r.end(w)
}

// interrupted is the end of a worker whose pager went away: a crash in its mapping,
// an error of zx_vmo_read.
func (r *rig) interrupted(w *worker, mapping bool) {
	if mapping {
		r.crashes(w, abi.ErrBadState)
	} else {
		r.fails(w)
	}
}

// blocked sees that a worker waits for a page.
func (r *rig) blocked(w *worker) {
	var info [72]byte
	for end := zx.After(10e9); ; zx.SysNanosleep(zx.After(1e5)) {
		st := zx.SysObjectGetInfo(w.thread, abi.InfoThread, zx.Pointer(info[:]), uint64(len(info)), nil, nil)
		state := abi.ThreadState(binary.LittleEndian.Uint32(info[:]))
		if st == abi.OK && state == abi.ThreadBlockedPager {
			return
		}
		if st != abi.OK || state == abi.ThreadDead || zx.Now() > end {
			r.check(false, "the worker does not wait: %v, %v", st, state)
			return
		}
	}
}

// words reads the first word of n pages of v from page at on, which are there.
func words(v zx.VMO, at, n uint64) error {
	for i := at; i < at+n; i++ {
		var b [8]byte
		if _, err := v.ReadAt(b[:], int64(i*page)); err != nil {
			return err
		}
		if got := binary.LittleEndian.Uint64(b[:]); got != word(i) {
			return fmt.Errorf("page %d holds %#x", i, got)
		}
	}
	return nil
}

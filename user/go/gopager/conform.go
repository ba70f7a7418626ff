//go:build tamago

package main

import (
	"encoding/binary"
	"errors"
	"fmt"

	"faultline/user/go/zx"
	abi "faultline/zx"
)

// The basic entries of the conformance list, by their ids in cmd/conform. A
// program in Go cannot survive a fault, so of those that end in one only the form
// with zx_vmo_read is here; and a waiting call keeps one of its eight threads, so
// there are fewer workers.

// rig is one entry's pager.
type rig struct {
	source
	err error
}

// check notes what did not hold.
func (r *rig) check(ok bool, format string, args ...any) {
	if !ok && r.err == nil {
		r.err = fmt.Errorf(format, args...)
	}
}

func (r *rig) ok(what string, err error) { r.check(err == nil, "%s: %v", what, err) }

// vmo makes a pager's VMO of n pages; its key is its first page's.
func (r *rig) vmo(n uint64, options uint32) zx.VMO {
	v, err := r.pager.CreateVMO(options, r.port, 1, n*page)
	r.ok("create", err)
	return v
}

// worker is a goroutine that verifies pages.
type worker struct {
	done chan error
}

// verify reads n pages from page at, by a mapping or by zx_vmo_read.
func (r *rig) verify(v zx.VMO, at, n uint64, mapping bool) worker {
	w := worker{make(chan error, 1)}
	go func() { w.done <- verify(v, at, n, mapping) }()
	return w
}

func verify(v zx.VMO, at, n uint64, mapping bool) error {
	var mapped []byte
	if mapping {
		address, err := zx.VMARRoot().Map(zx.PermRead, 0, v, at*page, n*page)
		if err != nil {
			return err
		}
		mapped = zx.Bytes(address, n*page)
		defer zx.VMARRoot().Unmap(address, n*page)
	} else {
		mapped = make([]byte, n*page)
		if st := zx.SysVMORead(v.Handle, zx.Pointer(mapped), at*page, n*page); st != abi.OK {
			return st
		}
	}
	for i := range n {
		if got := binary.LittleEndian.Uint64(mapped[i*page:]); got != word(at+i) {
			return fmt.Errorf("page %d holds %#x", at+i, got)
		}
	}
	return nil
}

// finished waits for a worker that succeeds.
func (r *rig) finished(w worker) { r.ok("worker", <-w.done) }

// fails waits for a worker that does not.
func (r *rig) fails(w worker) { r.check(<-w.done != nil, "the worker succeeded") }

// blocked sees that a worker still waits.
func (r *rig) blocked(w worker) {
	zx.SysNanosleep(zx.After(20e6)) // on a busy host a worker takes its time to begin
	select {
	case err := <-w.done:
		r.check(false, "the worker does not wait: %v", err)
		w.done <- err
	default:
	}
}

// expect waits for the packet of a command.
func (r *rig) expect(command abi.PageCommand, at, n uint64) {
	p, err := r.port.Wait(zx.After(5e9))
	q := p.PageRequest()
	r.check(err == nil && p.Type == abi.PacketPageRequest && q.Command == command && q.Offset == at*page && q.Length == n*page,
		"want command %v of %d pages at %d, got %+v, %v", command, n, at, p, err)
}

func (r *rig) read(v zx.VMO, at, n uint64) { r.expect(abi.PageRead, at, n) }

func (r *rig) quiet() {
	p, err := r.port.Wait(0)
	r.check(errors.Is(err, abi.ErrTimedOut), "a packet: %+v, %v", p, err)
}

func (r *rig) fill(v zx.VMO, at, n uint64) { r.ok("supply", r.supply(v, at*page, n*page)) }

func (r *rig) readFill(v zx.VMO, at, n uint64) {
	r.read(v, at, n)
	r.fill(v, at, n)
}

// Both forms of an entry, or only that of zx_vmo_read.
const (
	both = iota
	readOnly
)

var entries = []struct {
	id    string
	forms int
	run   func(r *rig, mapping bool)
}{
	{"P001", both, func(r *rig, m bool) {
		v := r.vmo(1, 0)
		w := r.verify(v, 0, 1, m)
		r.readFill(v, 0, 1)
		r.finished(w)
	}},
	{"P003", both, func(r *rig, m bool) {
		v := r.vmo(1, 0)
		r.fill(v, 0, 1)
		r.finished(r.verify(v, 0, 1, m))
		r.quiet()
	}},
	{"P004", both, func(r *rig, m bool) {
		v := r.vmo(2, 0)
		first := r.verify(v, 0, 1, m)
		r.blocked(first)
		r.fill(v, 0, 1)
		r.finished(first)
		second := r.verify(v, 1, 1, m)
		r.blocked(second)
		r.readFill(v, 1, 1)
		r.finished(second)
		r.quiet()
	}},
	{"P005", both, func(r *rig, m bool) {
		const n = 32
		v := r.vmo(n, 0)
		w := r.verify(v, 0, n, m)
		if m {
			for i := range uint64(n) {
				r.readFill(v, i, 1)
			}
		} else {
			r.readFill(v, 0, n)
		}
		r.finished(w)
	}},
	{"P010", both, func(r *rig, m bool) {
		const chunks, length = 5, 4
		v := r.vmo(chunks*length, 0)
		var list [chunks]worker
		for i := range list {
			list[i] = r.verify(v, uint64(i)*length, length, m)
			r.blocked(list[i])
		}
		for i, w := range list {
			r.fill(v, uint64(i)*length, length)
			r.finished(w)
		}
		r.quiet()
	}},
	{"P011", both, func(r *rig, m bool) {
		v := r.vmo(2, 0)
		r.fill(v, 0, 1)
		var junk [8]byte
		_, err := r.aux.WriteAt(junk[:], 0)
		r.ok("aux", err)
		r.ok("supply again", r.pager.Supply(v, 0, page, r.aux, 0))
		r.fill(v, 1, 1)
		r.finished(r.verify(v, 0, 2, m))
		r.quiet()
	}},
	{"P012", both, func(r *rig, m bool) {
		const n = 6
		v := r.vmo(n, 0)
		var list [n]worker
		for i := range list {
			list[i] = r.verify(v, uint64(i), 1, m)
			r.blocked(list[i])
		}
		for i, w := range list {
			r.readFill(v, uint64(i), 1)
			r.finished(w)
		}
	}},
	{"P013", both, func(r *rig, m bool) {
		for range 64 {
			v := r.vmo(1, 0)
			w := r.verify(v, 0, 1, m)
			r.readFill(v, 0, 1)
			r.finished(w)
			r.ok("close", v.Close())
			r.expect(abi.PageComplete, 0, 0)
		}
	}},
	{"P014", both, func(r *rig, m bool) {
		var vmos [5]zx.VMO
		var list [5]worker
		for i := range vmos {
			vmos[i] = r.vmo(1, 0)
		}
		for i, v := range vmos {
			list[i] = r.verify(v, 0, 1, m)
			r.read(v, 0, 1)
		}
		for i, v := range vmos {
			r.fill(v, 0, 1)
			r.finished(list[i])
		}
	}},
	{"P021", readOnly, func(r *rig, _ bool) {
		v := r.vmo(1, 0)
		r.ok("detach", r.pager.Detach(v))
		r.expect(abi.PageComplete, 0, 0)
	}},
	{"P023", readOnly, func(r *rig, _ bool) {
		v := r.vmo(1, 0)
		r.ok("close", v.Close())
		r.expect(abi.PageComplete, 0, 0)
	}},
	{"P025", readOnly, func(r *rig, _ bool) {
		v := r.vmo(1, 0)
		w := r.verify(v, 0, 1, false)
		r.read(v, 0, 1)
		r.ok("close", r.pager.Close())
		r.fails(w)
	}},
	{"P027", readOnly, func(r *rig, _ bool) {
		v := r.vmo(1, 0)
		w := r.verify(v, 0, 1, false)
		r.blocked(w)
		r.ok("close", r.pager.Close())
		r.fails(w)
	}},
	{"P028", readOnly, func(r *rig, _ bool) {
		v := r.vmo(1, 0)
		w := r.verify(v, 0, 1, false)
		r.blocked(w)
		r.ok("detach", r.pager.Detach(v))
		r.fails(w)
		r.expect(abi.PageComplete, 0, 0)
	}},
	{"P029", readOnly, func(r *rig, _ bool) {
		v := r.vmo(2, 0)
		r.fill(v, 1, 1)
		w := r.verify(v, 0, 1, false)
		r.blocked(w)
		r.ok("close", r.pager.Close())
		r.fails(w)
		r.ok("what was there", verify(v, 1, 1, false))
	}},
	{"P096", readOnly, func(r *rig, _ bool) {
		const n, step, from = 128, 32, 2
		v := r.vmo(n+from, 0)
		w := r.verify(v, from, n, false)
		r.read(v, from, n)
		for i := uint64(0); i < n; i += step {
			r.blocked(w)
			r.fill(v, from+i, step)
		}
		r.finished(w)
	}},
	{"P099", readOnly, func(r *rig, _ bool) {
		v := r.vmo(16, abi.VMOResizable)
		w := r.verify(v, 0, 16, false)
		r.read(v, 0, 16)
		r.fill(v, 0, 1)
		r.blocked(w)
		r.ok("resize", v.SetSize(8*page))
		r.fill(v, 1, 7)
		r.fails(w)
	}},
}

// conform runs the entries, each on a pager of its own.
func conform() error {
	held, failed := 0, 0
	for _, e := range entries {
		for _, mapping := range []bool{true, false} {
			if mapping && e.forms == readOnly {
				continue
			}
			var r rig
			r.source, r.err = newSource()
			if r.err == nil {
				e.run(&r, mapping)
			}
			if r.err != nil {
				form := "vmo_read"
				if mapping {
					form = "mapping"
				}
				fmt.Printf("%s %s: %v\n", e.id, form, r.err)
				failed++
			} else {
				held++
			}
			r.pager.Close()
			r.port.Close()
			r.aux.Close()
		}
	}
	fmt.Printf("%d entries hold, %d do not\n", held, failed)
	if failed > 0 {
		return errors.New("the pager does not conform")
	}
	return nil
}

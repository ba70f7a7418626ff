//go:build tamago

package main

import (
	"errors"
	"fmt"
	"sync/atomic"

	"faultline/user/go/zx"
	abi "faultline/zx"
)

// The basic entries of the conformance list, by their ids in cmd/conform, as
// user/conform/basic.c has them for C: all of them, and in both forms where there
// are two.

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

// vmo makes a pager's VMO of n pages.
func (r *rig) vmo(n uint64, options uint32) zx.VMO {
	v, err := r.pager.CreateVMO(options, r.port, 1, n*page)
	r.ok("create", err)
	return v
}

// next waits for a packet of a page request.
func (r *rig) next() zx.PageRequest {
	p, err := r.port.Wait(zx.After(10e9))
	r.check(err == nil && p.Type == abi.PacketPageRequest, "want a request, got %+v, %v", p, err)
	return p.PageRequest()
}

// expect waits for the packet of a command.
func (r *rig) expect(command abi.PageCommand, at, n uint64) {
	q := r.next()
	r.check(q.Command == command && q.Offset == at*page && q.Length == n*page, "want command %v of %d pages at %d, got %+v", command, n, at, q)
}

func (r *rig) read(at, n uint64) { r.expect(abi.PageRead, at, n) }

func (r *rig) quiet() {
	p, err := r.port.Wait(0)
	r.check(errors.Is(err, abi.ErrTimedOut), "a packet: %+v, %v", p, err)
}

func (r *rig) fill(v zx.VMO, at, n uint64) { r.ok("supply", r.supply(v, at*page, n*page)) }

func (r *rig) readFill(v zx.VMO, at, n uint64) {
	r.read(at, n)
	r.fill(v, at, n)
}

func (r *rig) closePager() { r.ok("close", r.pager.Close()) }

// becomes waits until what a worker reads by zx_vmo_read has arrived up to page n.
func (r *rig) becomes(w *worker, n uint64) {
	last := (*atomic.Uint64)(zx.PointerTo(w.load.out + uintptr((n-1)*page)))
	for end := zx.After(10e9); last.Load() != word(w.at+n-1); zx.SysNanosleep(zx.After(1e5)) {
		if zx.Now() > end {
			r.check(false, "%d pages do not arrive", n)
			return
		}
	}
}

// Forms of an entry: with a mapping and with zx_vmo_read, or one.
const (
	both = iota
	one
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
		const chunks, length = 32, 4
		v := r.vmo(chunks*length, 0)
		var list [chunks]*worker
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
		const n = 257
		v := r.vmo(n, 0)
		var list [n]*worker
		for i := range list {
			list[i] = r.verify(v, uint64(i), 1, m)
			r.blocked(list[i])
		}
		for i, w := range list {
			r.readFill(v, uint64(i), 1)
			r.finished(w)
		}
	}},
	{"P013", one, func(r *rig, _ bool) {
		for range 64 {
			v := r.vmo(1, 0)
			w := r.verify(v, 0, 1, true)
			r.readFill(v, 0, 1)
			r.finished(w)
			r.ok("close", v.Close())
			r.expect(abi.PageComplete, 0, 0)
		}
	}},
	{"P014", one, func(r *rig, _ bool) {
		var vmos [8]zx.VMO
		var list [8]*worker
		for i := range vmos {
			vmos[i] = r.vmo(1, 0)
		}
		for i, v := range vmos {
			list[i] = r.verify(v, 0, 1, true)
			r.read(0, 1)
		}
		for i, v := range vmos {
			r.fill(v, 0, 1)
			r.finished(list[i])
		}
	}},
	{"P015", one, func(r *rig, _ bool) {
		v := r.vmo(1, 0)
		w := r.verify(v, 0, 1, true)
		r.blocked(w)
		r.ok("unmap", zx.VMARRoot().Unmap(w.mapped, page))
		w.mapped = 0
		r.fill(v, 0, 1)
		r.crashes(w, abi.ErrNotFound)
	}},
	{"P016", one, func(r *rig, _ bool) {
		const n = 8
		before, after := r.vmo(n, 0), r.vmo(n, 0)
		at, err := zx.VMARRoot().Map(zx.PermRead, 0, before, 0, n*page)
		r.ok("map", err)
		var list [n]*worker
		for i := range list {
			list[i] = r.verifyAt(&worker{at: uint64(i)}, at+uintptr(i)*page, 1)
		}
		for _, w := range list {
			r.blocked(w)
		}
		base, _, err := zx.VMARRoot().Info()
		r.ok("region", err)
		again, err := zx.VMARRoot().Map(zx.PermRead|zx.SpecificOverride, uint64(at-base), after, 0, n*page)
		r.ok("map over it", err)
		r.check(again == at, "mapped at %#x, not %#x", again, at)
		r.fill(before, 0, n)
		for _, w := range list {
			r.blocked(w)
		}
		for range n {
			q := r.next()
			i := q.Offset / page
			if q.Length != page || i >= n {
				r.check(false, "asked for %+v", q)
				return
			}
			r.fill(after, i, 1)
			r.finished(list[i])
		}
		r.ok("unmap", zx.VMARRoot().Unmap(at, n*page))
	}},
	{"P017", one, func(r *rig, _ bool) {
		v := r.vmo(2, 0)
		r.fill(v, 0, 1)
		at, err := zx.VMARRoot().Map(zx.PermRead|zx.MapRange, 0, v, 0, 2*page)
		r.ok("map", err)
		r.quiet()
		w := r.verifyAt(&worker{}, at, 2)
		r.readFill(v, 1, 1)
		r.finished(w)
		r.quiet()
		r.ok("unmap", zx.VMARRoot().Unmap(at, 2*page))
	}},
	{"P021", one, func(r *rig, _ bool) {
		v := r.vmo(1, 0)
		r.ok("detach", r.pager.Detach(v))
		r.expect(abi.PageComplete, 0, 0)
	}},
	{"P023", one, func(r *rig, _ bool) {
		v := r.vmo(1, 0)
		r.ok("close", v.Close())
		r.expect(abi.PageComplete, 0, 0)
	}},
	{"P025", both, func(r *rig, m bool) {
		v := r.vmo(1, 0)
		w := r.verify(v, 0, 1, m)
		r.read(0, 1)
		r.closePager()
		r.interrupted(w, m)
	}},
	{"P027", both, func(r *rig, m bool) {
		v := r.vmo(1, 0)
		w := r.verify(v, 0, 1, m)
		r.blocked(w)
		r.closePager()
		r.interrupted(w, m)
	}},
	{"P028", both, func(r *rig, m bool) {
		v := r.vmo(1, 0)
		w := r.verify(v, 0, 1, m)
		r.blocked(w)
		r.ok("detach", r.pager.Detach(v))
		r.interrupted(w, m)
		r.expect(abi.PageComplete, 0, 0)
	}},
	{"P029", one, func(r *rig, _ bool) {
		v := r.vmo(2, 0)
		r.fill(v, 1, 1)
		w := r.verify(v, 0, 1, true)
		r.blocked(w)
		r.closePager()
		r.crashes(w, abi.ErrBadState)
		r.ok("what was there", words(v, 1, 1))
	}},
	{"P090", one, func(r *rig, _ bool) {
		var latest atomic.Uint32
		var stop atomic.Bool
		next := func() {
			p, err := zx.NewPager()
			r.ok("pager", err)
			latest.Store(uint32(p.Handle))
		}
		next()
		done := make(chan bool)
		go func() { // makes VMOs of whatever pager there is at the moment, or was
			for !stop.Load() {
				if v, err := (zx.Pager{Handle: zx.Handle(latest.Load())}).CreateVMO(0, r.port, 0, page); err == nil {
					v.Close()
				}
			}
			done <- true
		}()
		for range 10000 {
			zx.Handle(latest.Load()).Close()
			next()
		}
		stop.Store(true)
		<-done
		zx.Handle(latest.Load()).Close()
	}},
	{"P096", one, func(r *rig, _ bool) {
		const n, step, from = 128, 32, 2
		v := r.vmo(n+from, 0)
		w := r.verify(v, from, n, false)
		r.read(from, n)
		for i := uint64(0); i < n; i += step {
			r.blocked(w)
			r.fill(v, from+i, step)
			r.becomes(w, i+step)
		}
		r.finished(w)
	}},
	{"P097", one, func(r *rig, _ bool) {
		const n = 128
		v := r.vmo(n, 0)
		w := r.verify(v, 0, n, false)
		r.read(0, n)
		r.fill(v, 16, 16)
		r.fill(v, 48, 16)
		r.fill(v, 0, 16)
		r.becomes(w, 32)
		r.fill(v, 32, 16)
		r.becomes(w, 64)
		r.fill(v, 64, 64)
		r.finished(w)
		r.quiet()
	}},
	{"P099", one, func(r *rig, _ bool) {
		v := r.vmo(16, abi.VMOResizable)
		w := r.verify(v, 0, 16, false)
		r.read(0, 16)
		r.fill(v, 0, 1)
		r.becomes(w, 1)
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
			if mapping && e.forms == one {
				continue
			}
			var r rig
			r.source, r.err = newSource()
			if r.err == nil {
				e.run(&r, mapping)
			}
			if r.err != nil {
				form := ""
				if e.forms == both {
					form = map[bool]string{true: " MAPPING", false: " VMO_READ"}[mapping]
				}
				fmt.Printf("%s%s: %v\n", e.id, form, r.err)
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

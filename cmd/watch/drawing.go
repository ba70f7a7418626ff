package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// drawing is a picture that changes, and the lines that tell the page so.
type drawing struct {
	vmos     map[uint64]*vmoStates
	changed  map[uint64]bool // since the last tick
	requests int             // outstanding
	faults   int
	took     []float64 // of faults since the last tick, microseconds
	cpus     []float64
	line     func(string)
	ends     []span // of write-back, see end
}

func newDrawing(line func(string)) drawing {
	return drawing{vmos: map[uint64]*vmoStates{}, changed: map[uint64]bool{}, line: line}
}

// pages is how many pages of the VMO are drawn.
func (d *drawing) pages(id uint64) int {
	if v := d.vmos[id]; v != nil {
		return len(v.states)
	}
	return 0
}

// resize makes a VMO of n pages, or gives one another size.
func (d *drawing) resize(id uint64, name string, n int) {
	v := d.vmos[id]
	if v == nil {
		v = &vmoStates{}
		d.vmos[id] = v
	} else if len(v.states) == n && v.name == name {
		return
	}
	n = min(max(n, 0), maxPages)
	old := v.states
	v.name, v.states = name, bytes.Repeat([]byte{'a'}, n)
	copy(v.states, old)
	d.line(marshal(message{Kind: "vmo", ID: id, Name: name, Pages: n}))
}

// change changes the pages of [offset, offset+length), bytes, as far as they are
// drawn.
func (d *drawing) change(id, offset, length uint64, to func(byte) byte) {
	v := d.vmos[id]
	if v == nil {
		return
	}
	end := uint64(len(v.states)) << 12
	if length < end-min(offset, end) {
		end = offset + length
	}
	for i := offset >> 12; i < end>>12; i++ {
		if s := to(v.states[i]); s != v.states[i] {
			v.states[i] = s
			d.changed[id] = true
		}
	}
}

// replace makes one state of several.
func replace(from string, to byte) func(byte) byte {
	return func(s byte) byte {
		if strings.IndexByte(from, s) >= 0 {
			return to
		}
		return s
	}
}

// span is a range of a VMO, bytes.
type span struct{ id, offset, length uint64 }

// end takes the end of a write-back. It is drawn with the next tick, so that what
// was written in no time is seen being written.
func (d *drawing) end(id, offset, length uint64) { d.ends = append(d.ends, span{id, offset, length}) }

// evict takes the eviction of clean pages.
func (d *drawing) evict(id, offset, length uint64) {
	d.applyEnds()
	d.change(id, offset, length, replace("c", 'a'))
}

func (d *drawing) applyEnds() {
	for _, e := range d.ends {
		d.change(e.id, e.offset, e.length, replace("w", 'c'))
	}
	d.ends = d.ends[:0]
}

// faulted counts a fault that took so many microseconds.
func (d *drawing) faulted(took float64) {
	d.faults++
	d.took = append(d.took, took)
}

// tick tells the page what has changed until the time at, nanoseconds.
func (d *drawing) tick(at int64) {
	m := message{Kind: "tick", Time: at, Requests: max(d.requests, 0), Faults: d.faults, CPUs: d.cpus, States: map[string][][2]any{}}
	for id := range d.changed {
		m.States[fmt.Sprint(id)] = [][2]any{{0, runsOf(d.vmos[id].states)}}
	}
	if slices.Sort(d.took); len(d.took) > 0 {
		m.Latency = []int64{int64(d.took[len(d.took)/2] * 1000), int64(d.took[len(d.took)*99/100] * 1000)}
	}
	clear(d.changed)
	d.took = d.took[:0]
	d.line(marshal(m))
	d.applyEnds()
}

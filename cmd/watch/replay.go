package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// recorded is an event of a trace, as much of it as a picture is made of.
type recorded struct {
	Phase    string  `json:"ph"`
	Name     string  `json:"name"`
	Time     float64 `json:"ts"` // microseconds
	Duration float64 `json:"dur"`
	ID       int     `json:"id"`
	Args     struct {
		VMO    string `json:"vmo"`
		Offset string `json:"offset"`
		Length string `json:"length"`
	} `json:"args"`
}

// tickTime is the time between two lines that replay makes, in microseconds.
const tickTime = 33_000

// replay makes lines of a trace of trace.Chrome's: page states are what its
// supplies, operations and evictions make them.
func replay(r io.Reader, line func(string)) error {
	var file struct{ TraceEvents []recorded }
	if err := json.NewDecoder(r).Decode(&file); err != nil {
		return err
	}
	if len(file.TraceEvents) == 0 {
		return errors.New("the trace is empty")
	}
	events := file.TraceEvents
	slices.SortStableFunc(events, func(a, b recorded) int {
		switch {
		case a.Time < b.Time:
			return -1
		case a.Time > b.Time:
			return 1
		}
		return 0
	})
	p := replayer{ids: map[string]uint64{}, picture: message{vmos: map[uint64]*vmoStates{}}, line: line}
	next := float64(tickTime)
	for i := range events {
		for events[i].Time >= next {
			p.tick(next)
			next += tickTime
		}
		p.event(&events[i])
	}
	p.tick(next)
	return nil
}

// replayer is a trace on its way to lines.
type replayer struct {
	ids      map[string]uint64 // by the VMO's name
	picture  message
	changed  map[uint64]bool // since the last tick
	requests int
	faults   int
	took     []float64 // of faults since the last tick, microseconds
	line     func(string)
}

// vmo finds the VMO of that name and lengthens it to n pages.
func (p *replayer) vmo(name string, n int) (uint64, *vmoStates) {
	id, ok := p.ids[name]
	if !ok {
		id = uint64(len(p.ids) + 1)
		p.ids[name] = id
		p.picture.vmos[id] = &vmoStates{name: name}
	}
	v := p.picture.vmos[id]
	if n = min(n, maxPages); n > len(v.states) {
		v.states = append(v.states, []byte(strings.Repeat("a", n-len(v.states)))...)
		p.line(marshal(message{Kind: "vmo", ID: id, Name: name, Pages: n}))
	}
	return id, v
}

// event takes one event.
func (p *replayer) event(e *recorded) {
	switch e.Phase {
	case "s":
		p.requests++
	case "f":
		p.requests--
	}
	if e.Phase != "X" {
		return
	}
	if e.Name == "page fault" {
		p.faults++
		p.took = append(p.took, e.Duration)
		return
	}
	offset, err1 := strconv.ParseUint(e.Args.Offset, 0, 64)
	length, err2 := strconv.ParseUint(e.Args.Length, 0, 64)
	if err1 != nil || err2 != nil || e.Args.VMO == "" || offset>>12+length>>12 > maxPages {
		return
	}
	first, end := int(offset>>12), int((offset+length)>>12)
	var change func(byte) byte
	switch e.Name {
	case "supply":
		change = replace("a", 'c')
	case "evict":
		change = replace("c", 'a')
	case "DIRTY":
		change = replace("czw", 'd')
	case "WRITEBACK_BEGIN":
		change = replace("d", 'w')
	case "WRITEBACK_END":
		change = replace("w", 'c')
	default:
		return
	}
	if e.Name == "WRITEBACK_BEGIN" || e.Name == "WRITEBACK_END" {
		end = min(end, len(p.picture.vmos[p.ids[e.Args.VMO]].of())) // they may reach far
	}
	id, v := p.vmo(e.Args.VMO, end)
	for i := first; i < end; i++ {
		if to := change(v.states[i]); to != v.states[i] {
			v.states[i] = to
			if p.changed == nil {
				p.changed = map[uint64]bool{}
			}
			p.changed[id] = true
		}
	}
}

// of gives the states of a VMO that may not be there.
func (v *vmoStates) of() []byte {
	if v == nil {
		return nil
	}
	return v.states
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

// tick ends a step of the picture.
func (p *replayer) tick(at float64) {
	m := message{Kind: "tick", Time: int64(at * 1000), Requests: max(p.requests, 0), Faults: p.faults, States: map[string][][2]any{}}
	for id := range p.changed {
		m.States[fmt.Sprint(id)] = [][2]any{{0, runsOf(p.picture.vmos[id].states)}}
	}
	if slices.Sort(p.took); len(p.took) > 0 {
		m.Latency = []int64{int64(p.took[len(p.took)/2] * 1000), int64(p.took[len(p.took)*99/100] * 1000)}
	}
	p.changed, p.took = nil, p.took[:0]
	p.line(marshal(m))
}

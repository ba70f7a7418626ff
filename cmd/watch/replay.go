package main

import (
	"encoding/json"
	"errors"
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
	Process  int     `json:"pid"`
	Thread   int     `json:"tid"`
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
	p := replayer{drawing: newDrawing(line), ids: map[string]uint64{}}
	next := float64(tickTime)
	for i := range events {
		for events[i].Time >= next {
			p.moment(next)
			next += tickTime
		}
		p.event(&events[i])
	}
	p.moment(next)
	p.moment(next + tickTime) // what was written in the last is clean
	return nil
}

// moment is a tick at the time at, microseconds: with it go the CPUs' shares.
func (p *replayer) moment(at float64) {
	var busy []float64
	rest := p.ran[:0]
	for _, e := range p.ran {
		for len(busy) <= e.Thread {
			busy = append(busy, 0)
		}
		busy[e.Thread] += max(min(e.Time+e.Duration, at)-max(e.Time, at-tickTime), 0)
		if e.Time+e.Duration > at {
			rest = append(rest, e)
		}
	}
	p.ran = rest
	for cpu, time := range busy {
		for len(p.cpus) <= cpu {
			p.cpus = append(p.cpus, 0)
		}
		p.cpus[cpu] = min(time/tickTime, 1)
	}
	p.tick(int64(at * 1000))
	clear(p.cpus)
}

// replayer is a trace on its way to lines.
type replayer struct {
	drawing
	ids map[string]uint64 // by the VMO's name
	ran []*recorded       // what CPUs ran and has not ended
}

// cpuTracks is the process of a trace under which the CPUs stand, cpusMost how many
// of them are drawn.
const (
	cpuTracks = 0
	cpusMost  = 64
)

// known gives the VMO of that name an id: its koid, if the name ends with it.
func (p *replayer) known(name string) (id uint64, label string) {
	label = name
	if at := strings.LastIndex(name, "VMO "); at >= 0 {
		if koid, err := strconv.ParseUint(strings.TrimSuffix(name[at+len("VMO "):], ")"), 10, 64); err == nil {
			if label = strings.TrimSuffix(name[:at], " ("); label == "" {
				label = "VMO"
			}
			return koid, label
		}
	}
	if p.ids[name] == 0 {
		p.ids[name] = uint64(len(p.ids) + 1)
	}
	return p.ids[name], label
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
	if e.Process == cpuTracks && e.Args.VMO == "" && e.Thread >= 0 && e.Thread < cpusMost {
		p.ran = append(p.ran, e)
		return
	}
	if e.Name == "page fault" {
		p.faulted(e.Duration)
		return
	}
	offset, err1 := strconv.ParseUint(e.Args.Offset, 0, 64)
	length, err2 := strconv.ParseUint(e.Args.Length, 0, 64)
	if err1 != nil || err2 != nil || e.Args.VMO == "" {
		return
	}
	id, label := p.known(e.Args.VMO)
	switch e.Name {
	case "supply": // what is supplied tells how large the VMO is
		if end := offset>>12 + length>>12; end <= maxPages {
			p.resize(id, label, max(int(end), p.pages(id)))
		}
		p.change(id, offset, length, replace("a", 'c'))
	case "evict":
		p.evict(id, offset, length)
	case "DIRTY":
		p.change(id, offset, length, replace("czw", 'd'))
	case "WRITEBACK_BEGIN":
		p.change(id, offset, length, replace("d", 'w'))
	case "WRITEBACK_END":
		p.end(id, offset, length)
	}
}

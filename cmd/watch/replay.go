package main

import (
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
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
	p := replayer{drawing: newDrawing(line), ids: map[string]uint64{}}
	next := float64(tickTime)
	for i := range events {
		for events[i].Time >= next {
			p.tick(int64(next * 1000))
			next += tickTime
		}
		p.event(&events[i])
	}
	p.tick(int64(next * 1000))
	return nil
}

// replayer is a trace on its way to lines.
type replayer struct {
	drawing
	ids map[string]uint64 // by the VMO's name
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
		p.faulted(e.Duration)
		return
	}
	offset, err1 := strconv.ParseUint(e.Args.Offset, 0, 64)
	length, err2 := strconv.ParseUint(e.Args.Length, 0, 64)
	if err1 != nil || err2 != nil || e.Args.VMO == "" {
		return
	}
	id, ok := p.ids[e.Args.VMO]
	if !ok {
		id = uint64(len(p.ids) + 1)
		p.ids[e.Args.VMO] = id
	}
	switch e.Name {
	case "supply": // what is supplied tells how large the VMO is
		if end := offset>>12 + length>>12; end <= maxPages {
			p.resize(id, e.Args.VMO, max(int(end), p.pages(id)))
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

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
)

// traceEvent is an event of a trace, as a reader of the format sees it. Source:
// "Trace Event Format".
type traceEvent struct {
	Phase    string  `json:"ph"`
	Name     string  `json:"name"`
	Time     float64 `json:"ts"`
	Duration float64 `json:"dur"`
	Process  uint64  `json:"pid"`
	Thread   uint64  `json:"tid"`
	ID       int     `json:"id"`
	Args     json.RawMessage
}

// end is when it ends; times have three digits.
func (e *traceEvent) end() float64 { return math.Round((e.Time+e.Duration)*1000) / 1000 }

// track is what is known of a track: where each of its slices ends that is open.
type track struct {
	ends []float64
}

// checkTrace takes the trace that a console printed and holds it to the rules: each
// flow starts, goes on and finishes in that order and time; no slice reaches out of
// the one it lies in; what a CPU runs does not overlap and comes in order of time.
// It has all of the names.
func checkTrace(output string, names ...string) error {
	_, text, begun := strings.Cut(output, "-- trace begins")
	text, _, ended := strings.Cut(text, "-- trace ends")
	var file struct{ TraceEvents []traceEvent }
	if err := json.Unmarshal([]byte(text), &file); err != nil || !begun || !ended {
		return fmt.Errorf("no trace is printed, or no JSON: %v", err)
	}
	var broken []error
	bad := func(format string, args ...any) { broken = append(broken, fmt.Errorf(format, args...)) }
	flows, tracks, seen := map[int][]traceEvent{}, map[[2]uint64]*track{}, map[string]bool{}
	events := slices.Clone(file.TraceEvents)
	slices.SortStableFunc(events, func(a, b traceEvent) int {
		switch {
		case a.Time < b.Time, a.Time == b.Time && a.Duration > b.Duration:
			return -1
		case a.Time > b.Time, a.Duration < b.Duration:
			return 1
		}
		return 0
	})
	for _, e := range events {
		seen[e.Name] = true
		switch e.Phase {
		case "s", "t", "f":
			flows[e.ID] = append(flows[e.ID], e)
		case "X":
			key := [2]uint64{e.Process, e.Thread}
			k := tracks[key]
			if k == nil {
				k = &track{}
				tracks[key] = k
			}
			if e.Time < 0 || e.Duration < 0 {
				bad("a time below zero: %+v", e)
			}
			for len(k.ends) > 0 && k.ends[len(k.ends)-1] <= e.Time {
				k.ends = k.ends[:len(k.ends)-1]
			}
			if len(k.ends) > 0 && e.end() > k.ends[len(k.ends)-1] {
				bad("on track %v %+v reaches out of the one around it", key, e)
			}
			k.ends = append(k.ends, e.end())
		}
	}
	for id, f := range flows {
		ok := len(f) >= 2 && f[0].Phase == "s" && f[len(f)-1].Phase == "f"
		for _, e := range f[1 : len(f)-1] {
			ok = ok && e.Phase == "t"
		}
		if !ok {
			bad("flow %d has not both ends: %+v", id, f)
		}
	}
	// In the file, what a CPU ran comes in order of time and one after another.
	const cpus = 0
	done := map[uint64]float64{}
	for _, e := range file.TraceEvents {
		if e.Phase == "X" && e.Process == cpus && len(e.Args) == 0 {
			if e.Time < done[e.Thread] {
				bad("CPU %d: %+v begins before the last has ended", e.Thread, e)
			}
			done[e.Thread] = e.end()
		}
	}
	for _, name := range names {
		if !seen[name] {
			bad("no event is called %q", name)
		}
	}
	if len(flows) == 0 {
		bad("there is no flow")
	}
	return errors.Join(broken...)
}

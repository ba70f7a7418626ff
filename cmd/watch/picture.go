package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// message is a line, whatever its kind.
type message struct {
	Kind     string                `json:"k"`
	ID       uint64                `json:"id,omitempty"`
	Name     string                `json:"name,omitempty"`
	Pages    int                   `json:"pages,omitempty"`
	Time     int64                 `json:"t,omitempty"`
	States   map[string][][2]any   `json:"s,omitempty"` // by VMO: first page, runs
	Requests int                   `json:"req,omitempty"`
	Faults   int                   `json:"faults,omitempty"`
	Latency  []int64               `json:"lat,omitempty"`
	CPUs     []float64             `json:"cpu,omitempty"`
	vmos     map[uint64]*vmoStates // of a picture
}

// vmoStates is a VMO as a picture has it: a letter for each page.
type vmoStates struct {
	name   string
	states []byte
}

// The largest VMO that is drawn; what lies beyond is left out.
const maxPages = 1 << 22

// apply takes one line into the picture m.
func (m *message) apply(line string) error {
	var x message
	if err := json.Unmarshal([]byte(line), &x); err != nil {
		return err
	}
	switch x.Kind {
	case "vmo":
		v := &vmoStates{x.Name, bytes.Repeat([]byte{'a'}, min(max(x.Pages, 0), maxPages))}
		if old := m.vmos[x.ID]; old != nil {
			copy(v.states, old.states)
		}
		m.vmos[x.ID] = v
	case "gone":
		delete(m.vmos, x.ID)
	case "tick":
		m.Time, m.Requests, m.Faults, m.Latency, m.CPUs = x.Time, x.Requests, x.Faults, x.Latency, x.CPUs
		for id, changes := range x.States {
			n, err := strconv.ParseUint(id, 10, 64)
			if err != nil {
				return err
			}
			for _, c := range changes {
				first, ok1 := c[0].(float64)
				runs, ok2 := c[1].(string)
				if v := m.vmos[n]; v != nil && ok1 && ok2 && first >= 0 {
					v.set(int(first), runs)
				}
			}
		}
	}
	return nil
}

// set writes runs from page at on.
func (v *vmoStates) set(at int, runs string) {
	for i := 0; i < len(runs) && at < len(v.states); {
		letter := runs[i]
		n := 0
		for i++; i < len(runs) && runs[i] >= '0' && runs[i] <= '9'; i++ {
			n = min(n*10+int(runs[i]-'0'), maxPages)
		}
		for end := min(at+max(n, 1), len(v.states)); at < end; at++ {
			v.states[at] = letter
		}
	}
}

// runsOf writes states as runs.
func runsOf(states []byte) string {
	var b []byte
	for i := 0; i < len(states); {
		n := 1
		for i+n < len(states) && states[i+n] == states[i] {
			n++
		}
		b = append(b, states[i])
		if n > 1 {
			b = strconv.AppendInt(b, int64(n), 10)
		}
		i += n
	}
	return string(b)
}

// lines are those that make the picture m anew.
func (m *message) lines() (list []string) {
	tick := message{Kind: "tick", Time: m.Time, Requests: m.Requests, Faults: m.Faults, Latency: m.Latency, CPUs: m.CPUs, States: map[string][][2]any{}}
	ids := make([]uint64, 0, len(m.vmos))
	for id := range m.vmos {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		v := m.vmos[id]
		list = append(list, marshal(message{Kind: "vmo", ID: id, Name: v.name, Pages: len(v.states)}))
		if len(v.states) > 0 {
			tick.States[fmt.Sprint(id)] = [][2]any{{0, runsOf(v.states)}}
		}
	}
	return append(list, marshal(tick))
}

func marshal(m message) string {
	text, err := json.Marshal(m)
	if err != nil {
		panic(fmt.Sprintf("watch.marshal: %v", err)) // no value of ours fails
	}
	return string(text)
}

// fold makes fewer lines that leave the same picture.
func fold(lines []string) []string {
	m := message{vmos: map[uint64]*vmoStates{}}
	for _, line := range lines {
		if m.apply(line) != nil {
			continue // not a line of ours: the page passes it over as well
		}
	}
	return m.lines()
}

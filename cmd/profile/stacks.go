package main

import (
	"fmt"
	"html/template"
	"io"
	"os"
	"sort"
	"strings"

	pprof "github.com/google/pprof/profile"
)

// stacks counts instructions by the functions that were open at each. The log
// has no frame pointers, only which function each instruction is in, so the
// stack is kept by rule: an instruction that is a function's first opens it; one
// in a function further down closes all above; one in a function that is not
// open belongs to another stack, a thread's or the run loop's, and starts one
// anew.
type stacks struct {
	open  []string
	count map[string]int // by the names, outermost first, with ";" between
}

// step counts one instruction.
func (s *stacks) step(name string, entry bool) {
	if entry {
		s.open = append(s.open, name)
	} else if n := len(s.open); n == 0 || s.open[n-1] != name {
		i := n - 1
		for i >= 0 && s.open[i] != name {
			i--
		}
		if i < 0 {
			s.open = append(s.open[:0], name)
		} else {
			s.open = s.open[:i+1]
		}
	}
	if s.count == nil {
		s.count = map[string]int{}
	}
	s.count[strings.Join(s.open, ";")]++
}

// restart forgets what is open: another operation begins.
func (s *stacks) restart() { s.open = s.open[:0] }

// sorted lists the stacks by name.
func (s *stacks) sorted() []string {
	list := make([]string, 0, len(s.count))
	for k := range s.count {
		list = append(list, k)
	}
	sort.Strings(list)
	return list
}

// writeFolded writes a line for each stack: its functions, outermost first,
// and its instructions, in the form that flame graph tools read.
func (s *stacks) writeFolded(w io.Writer) error {
	for _, k := range s.sorted() {
		var names []string
		for _, n := range strings.Split(k, ";") {
			names = append(names, plain(n))
		}
		if _, err := fmt.Fprintf(w, "%s %d\n", strings.Join(names, ";"), s.count[k]); err != nil {
			return err
		}
	}
	return nil
}

// writePprof writes the stacks for `go tool pprof`.
func (s *stacks) writePprof(w io.Writer, ops int) error {
	p := &pprof.Profile{
		SampleType: []*pprof.ValueType{{Type: "instructions", Unit: "count"}},
		PeriodType: &pprof.ValueType{Type: "instructions", Unit: "count"},
		Period:     1,
		Comments:   []string{fmt.Sprintf("guest instructions of %d operations", ops)},
	}
	at := map[string]*pprof.Location{}
	for _, k := range s.sorted() {
		sample := &pprof.Sample{Value: []int64{int64(s.count[k])}}
		names := strings.Split(k, ";")
		for i := len(names) - 1; i >= 0; i-- {
			l := at[names[i]]
			if l == nil {
				id := uint64(len(at) + 1)
				f := &pprof.Function{ID: id, Name: plain(names[i]), SystemName: names[i]}
				l = &pprof.Location{ID: id, Line: []pprof.Line{{Function: f}}}
				at[names[i]] = l
				p.Function, p.Location = append(p.Function, f), append(p.Location, l)
			}
			sample.Location = append(sample.Location, l)
		}
		p.Sample = append(p.Sample, sample)
	}
	return p.Write(w)
}

// flame is a rectangle of a flame graph: a function and those it called.
type flame struct {
	name     string
	total    int
	children map[string]*flame
}

// tree makes one flame of all stacks.
func (s *stacks) tree(root string) *flame {
	all := &flame{name: root, children: map[string]*flame{}}
	for _, k := range s.sorted() {
		n := s.count[k]
		at := all
		at.total += n
		for _, name := range strings.Split(k, ";") {
			next := at.children[name]
			if next == nil {
				next = &flame{name: name, children: map[string]*flame{}}
				at.children[name] = next
			}
			next.total += n
			at = next
		}
	}
	return all
}

// A flame graph's measures, in pixels.
const (
	flameWidth = 1200
	flameRow   = 18
)

// flameBox is what the page draws of a flame.
type flameBox struct {
	X, Y, Width  float64
	Color, Label string
	Title        string // shown when pointed at
}

// boxes lists f and what is below, from the left edge x on.
func (f *flame) boxes(list []flameBox, x float64, depth, ops int, all float64) []flameBox {
	width := float64(f.total) / all * flameWidth
	if width < 0.3 {
		return list
	}
	label := plain(f.name)
	if most := int(width / 7); len(label) > most {
		label = label[:most]
	}
	list = append(list, flameBox{x, float64(depth * flameRow), width, colorOf(f.name), label,
		fmt.Sprintf("%s: %.1f instructions an operation, %.1f %%", plain(f.name), float64(f.total)/float64(ops), 100*float64(f.total)/all)})
	for _, name := range sortedKeys(f.children, func(n string) int { return f.children[n].total }) {
		c := f.children[name]
		list = c.boxes(list, x, depth+1, ops, all)
		x += float64(c.total) / all * flameWidth
	}
	return list
}

// colorOf gives each room a colour of its own.
func colorOf(name string) string {
	hue := 0
	for _, r := range room(name) {
		hue = (hue*31 + int(r)) % 360
	}
	return fmt.Sprintf("hsl(%d, 60%%, 75%%)", hue)
}

// writeFlame writes a page with the flame graph; it needs nothing from elsewhere.
func (s *stacks) writeFlame(w io.Writer, rung string, ops int) error {
	root := s.tree(rung)
	boxes := root.boxes(nil, 0, 0, ops, float64(root.total))
	height := 0.0
	for _, b := range boxes {
		height = max(height, b.Y+flameRow)
	}
	return flamePage.Execute(w, map[string]any{
		"Rung": rung, "Boxes": boxes, "Width": flameWidth, "Height": height, "Row": flameRow - 1,
		"PerOperation": fmt.Sprintf("%.1f", float64(root.total)/float64(ops)),
	})
}

var flamePage = template.Must(template.New("flame").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{{.Rung}}: where the instructions go</title>
<style>body { font: 14px/1.4 system-ui, sans-serif; margin: 1rem } svg { width: 100%; height: auto; font: 11px ui-monospace, monospace }</style></head>
<body><h1>{{.Rung}}</h1><p>{{.PerOperation}} guest instructions an operation. A box is a function, as wide as the instructions spent in it and in what it
calls; callers are above. Point at a box for its name; boxes of a room have one colour.</p>
<svg viewBox="0 0 {{.Width}} {{.Height}}" xmlns="http://www.w3.org/2000/svg">{{$row := .Row}}
{{range .Boxes}}<g><title>{{.Title}}</title><rect x="{{.X}}" y="{{.Y}}" width="{{.Width}}" height="{{$row}}" fill="{{.Color}}" stroke="#fff" stroke-width=".5"/><text x="{{.X}}" y="{{.Y}}" dx="2" dy="12">{{.Label}}</text></g>
{{end}}</svg></body></html>
`))

// writeStacks writes the stacks in every form a file was named for.
func (c *counts) writeStacks(o options) error {
	for _, out := range []struct {
		path  string
		write func(io.Writer) error
	}{
		{o.folded, c.stacks.writeFolded},
		{o.pprof, func(w io.Writer) error { return c.stacks.writePprof(w, c.ops) }},
		{o.flame, func(w io.Writer) error { return c.stacks.writeFlame(w, c.rung, c.ops) }},
	} {
		if out.path == "" {
			continue
		}
		f, err := os.Create(out.path)
		if err != nil {
			return err
		}
		if err := out.write(f); err != nil {
			f.Close()
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return nil
}

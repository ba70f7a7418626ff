package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
)

// line is one row of build/bench.json. Figures are medians; where a side was
// not measured its figure is null.
type line struct {
	Name         string   `json:"name"`
	Faultline    *float64 `json:"faultline"`
	Linux        *float64 `json:"linux"`                  // at its best
	Kernel       string   `json:"linux_kernel,omitempty"` // which of the kernels that was, and which rung
	Unit         string   `json:"unit"`
	Ratio        *float64 `json:"ratio"` // linux / faultline: how many times as much Linux takes
	LinuxDefault *float64 `json:"linux_default"`
	Target       *float64 `json:"target,omitempty"` // Faultline must not exceed it
	Met          *bool    `json:"met,omitempty"`
	Floor        *float64 `json:"floor,omitempty"` // in assembly alone, deciding nothing

	What       string  `json:"what"`
	How        string  `json:"how,omitempty"`
	Missing    string  `json:"missing,omitempty"` // why Faultline's figure is null
	Operations int     `json:"operations,omitempty"`
	Detail     *detail `json:"detail,omitempty"` // where each operation was measured
	Group      string  `json:"group"`

	History []point `json:"-"` // what earlier reports had, oldest first

	ours, best *figure
}

// detail is the distribution of both sides.
type detail struct {
	Faultline distribution  `json:"faultline"`
	Linux     *distribution `json:"linux,omitempty"`
}

type distribution struct {
	Min    float64 `json:"min"`
	Median float64 `json:"median"`
	P99    float64 `json:"p99"`
	Max    float64 `json:"max"`
}

func distributionOf(f *figure) distribution {
	return distribution{f.at(0), f.at(500), f.at(990), f.at(1000)}
}

// sides are the runs; each may be missing. Linux's best is that of two kernels,
// row by row.
type sides struct{ ours, best, newest, standard *results }

// linux gives the smallest figure that Linux has for a row, whose rungs may be
// several, and says where it comes from.
func (s sides) linux(rungs string) (f *figure, from string) {
	for _, r := range []*results{s.best, s.newest} {
		for _, rung := range strings.Fields(rungs) {
			if c := r.find(rung); c != nil && (f == nil || c.median() < f.median()) {
				f, from = c, strings.TrimPrefix(r.System, "Linux ")+" "+rung
			}
		}
	}
	return f, from
}

// setup tells what it ran on.
func (r *results) setup() string {
	if r == nil {
		return "not measured; make bench-peer measures it"
	}
	return r.Setup
}

// readSides reads what was measured.
func readSides(o options) (s sides, err error) {
	for _, f := range []struct {
		to   **results
		name string
	}{{&s.ours, "faultline"}, {&s.best, "linux-best"}, {&s.newest, "linux-new"}, {&s.standard, "linux-default"}} {
		if *f.to, err = read(filepath.Join(o.build, "bench", f.name+".json")); err != nil {
			return s, err
		}
	}
	boots, err := read(filepath.Join(o.build, "bench", "boots.json"))
	if s.ours != nil && boots != nil {
		s.ours.Figures = append(s.ours.Figures, boots.Figures...)
	}
	return s, err
}

// report puts together what was measured and prints the table to w.
func report(o options, w io.Writer) error {
	s, err := readSides(o)
	if err != nil {
		return err
	}
	if s.ours == nil {
		return errors.New("nothing measured yet: run make bench")
	}
	lines := compare(s)
	if err := addHistory(lines, o.history); err != nil {
		return err
	}
	text, err := json.MarshalIndent(lines, "", " ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(o.build, "bench.json"), append(text, '\n'), 0o644); err != nil {
		return err
	}
	if err := writeHTML(filepath.Join(o.build, "bench.html"), s, lines); err != nil {
		return err
	}
	printTable(w, lines)
	if s.best == nil {
		fmt.Fprintln(w, "\nLinux was not measured yet: make bench-peer")
	}
	fmt.Fprintf(w, "\n%s and %s\n", filepath.Join(o.build, "bench.json"), filepath.Join(o.build, "bench.html"))
	return nil
}

// compare makes the rows.
func compare(s sides) (lines []line) {
	value := func(f *figure) *float64 {
		if f == nil {
			return nil
		}
		m := f.median()
		return &m
	}
	for _, g := range groups {
		for i := range g.rows {
			r := &g.rows[i]
			l := line{Name: r.name, Unit: r.unitName(), What: r.text, How: r.how, Group: g.title, ours: s.ours.find(r.rung())}
			l.best, l.Kernel = s.linux(r.linux)
			standard, _ := sides{best: s.standard}.linux(r.linux)
			l.Faultline, l.Linux, l.LinuxDefault = value(l.ours), value(l.best), value(standard)
			if l.Faultline != nil && l.Linux != nil && *l.Faultline > 0 {
				ratio := math.Round(*l.Linux / *l.Faultline * 100) / 100
				l.Ratio = &ratio
			}
			if r.target > 0 {
				l.Target = &r.target
				if l.Faultline != nil {
					met := *l.Faultline <= r.target
					l.Met = &met
				}
			}
			if r.floor > 0 {
				l.Floor = &r.floor
			}
			if l.ours == nil {
				l.Missing = s.ours.Skipped[r.rung()]
				if l.Missing == "" {
					l.Missing = "not measured"
				}
			} else {
				l.Operations = l.ours.Operations
				if len(l.ours.Quantiles) > 1 {
					l.Detail = &detail{Faultline: distributionOf(l.ours)}
					if l.best != nil && len(l.best.Quantiles) > 1 {
						d := distributionOf(l.best)
						l.Detail.Linux = &d
					}
				}
			}
			lines = append(lines, l)
		}
	}
	return lines
}

// show writes a figure that may be missing.
func show(v *float64) string {
	if v == nil {
		return "-"
	}
	return thousands(*v)
}

// verdict says whether a target was met.
func (l *line) verdict() string {
	switch {
	case l.Target == nil:
		return ""
	case l.Met == nil:
		return "?"
	case *l.Met:
		return "met"
	}
	return "MISSED"
}

// times writes the ratio.
func (l *line) times() string {
	if l.Ratio == nil {
		return "-"
	}
	return fmt.Sprintf("%.2fx", *l.Ratio)
}

// printTable writes the rows for a terminal.
func printTable(w io.Writer, lines []line) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	group := ""
	for i := range lines {
		l := &lines[i]
		if l.Group != group {
			group = l.Group
			t.Flush()
			fmt.Fprintf(w, "\n%s\n", group)
			fmt.Fprintf(t, "faultline\tlinux best\tdefault\tratio\ttarget\t\t  \n")
		}
		note := ""
		if l.Missing != "" {
			note = " (" + l.Missing + ")"
		}
		if l.Unit != "instructions" {
			note += " [" + l.Unit + "]"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t  %s%s\n", show(l.Faultline), show(l.Linux), show(l.LinuxDefault), l.times(), show(l.Target), l.verdict(),
			l.Name, note)
	}
	t.Flush()
}

package main

import (
	"fmt"
	"io"
	"sort"
	"strings"
)

// counts are the instructions of some operations.
type counts struct {
	rung   string
	ops    int
	total  int
	symbol map[string]*tally
	room   map[string]int
	stage  []stageCount // in the order in which they first come
	stages []stage
	stacks stacks
}

// tally is one symbol's.
type tally struct{ instructions, calls int }

// stageCount is one stage's.
type stageCount struct {
	name         string
	instructions int
	rooms        map[string]int
}

func newCounts(rung string) *counts {
	return &counts{rung: rung, symbol: map[string]*tally{}, room: map[string]int{}, stages: stagesOf(rung)}
}

// read adds a log.
func (c *counts) read(r io.Reader, s symbols) error {
	inside := false
	stage := firstStage
	return instructions(r, func(pc uint64) {
		name, entry := s.at(pc)
		switch {
		case name == markBegin:
			inside, stage = true, firstStage
			c.stacks.restart()
			if entry {
				c.ops++
			}
			return
		case name == markEnd:
			inside = false
		}
		if !inside {
			return
		}
		c.total++
		c.stacks.step(name, entry)
		t := c.symbol[name]
		if t == nil {
			t = new(tally)
			c.symbol[name] = t
		}
		t.instructions++
		if entry {
			t.calls++
		}
		c.room[room(name)]++
		if entry {
			if next := nextStage(c.stages, stage, name); next != "" {
				stage = next
			}
		}
		c.inStage(stage, room(name))
	})
}

// inStage counts an instruction of a stage.
func (c *counts) inStage(name, room string) {
	for i := range c.stage {
		if c.stage[i].name == name {
			c.stage[i].instructions++
			c.stage[i].rooms[room]++
			return
		}
	}
	c.stage = append(c.stage, stageCount{name, 1, map[string]int{room: 1}})
}

// per is a count per operation.
func (c *counts) per(n int) float64 { return float64(n) / float64(c.ops) }

// print writes the tables for a terminal.
func (c *counts) print(w io.Writer, top int) error {
	fmt.Fprintf(w, "%s: %.1f instructions an operation, %d operations\n\n", c.rung, c.per(c.total), c.ops)
	names := sortedKeys(c.symbol, func(n string) int { return c.symbol[n].instructions })
	fmt.Fprintf(w, "%12s %8s  %s\n", "INSTRUCTIONS", "CALLS", "SYMBOL")
	for i, n := range names {
		if i == top {
			fmt.Fprintf(w, "%21s  and %d more\n", "", len(names)-top)
			break
		}
		t := c.symbol[n]
		fmt.Fprintf(w, "%12.1f %8.2f  %s\n", c.per(t.instructions), c.per(t.calls), plain(n))
	}
	fmt.Fprintf(w, "\n%12s %8s  %s\n", "INSTRUCTIONS", "SHARE", "ROOM")
	for _, n := range sortedKeys(c.room, func(n string) int { return c.room[n] }) {
		fmt.Fprintf(w, "%12.1f %7.1f%%  %s\n", c.per(c.room[n]), 100*float64(c.room[n])/float64(c.total), n)
	}
	if len(c.stages) == 0 {
		return nil
	}
	fmt.Fprintf(w, "\n%12s %8s  %s\n", "INSTRUCTIONS", "SHARE", "STAGE")
	for _, s := range c.stage {
		fmt.Fprintf(w, "%12.1f %7.1f%%  %s (%s)\n", c.per(s.instructions), 100*float64(s.instructions)/float64(c.total), s.name, c.roomsOf(s))
	}
	return nil
}

// printMarkdown writes the stages and rooms as docs/performance.md has them.
func (c *counts) printMarkdown(w io.Writer) error {
	fmt.Fprintf(w, "| stage | instructions | of these |\n| --- | ---: | --- |\n")
	for _, s := range c.stage {
		fmt.Fprintf(w, "| %s | %.0f | %s |\n", s.name, c.per(s.instructions), c.roomsOf(s))
	}
	fmt.Fprintf(w, "| **all** | **%.0f** | |\n\n| room | instructions | share |\n| --- | ---: | ---: |\n", c.per(c.total))
	for _, n := range sortedKeys(c.room, func(n string) int { return c.room[n] }) {
		fmt.Fprintf(w, "| %s | %.0f | %.0f %% |\n", n, c.per(c.room[n]), 100*float64(c.room[n])/float64(c.total))
	}
	return nil
}

// roomsOf tells which rooms a stage's instructions belong to.
func (c *counts) roomsOf(s stageCount) string {
	var parts []string
	for _, r := range sortedKeys(s.rooms, func(n string) int { return s.rooms[n] }) {
		if c.per(s.rooms[r]) >= 0.5 {
			parts = append(parts, fmt.Sprintf("%s %.0f", r, c.per(s.rooms[r])))
		}
	}
	return strings.Join(parts, ", ")
}

// sortedKeys gives the keys of m, those with the most weight first.
func sortedKeys[V any](m map[string]V, weight func(string) int) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(i, j int) bool {
		if a, b := weight(keys[i]), weight(keys[j]); a != b {
			return a > b
		}
		return keys[i] < keys[j]
	})
	return keys
}

// printOrder lists the functions of one operation in the order in which they
// run. It is the log's second: before the first the machine stood still, and
// its clock made a jump.
func printOrder(w io.Writer, r io.Reader, s symbols) error {
	type run struct {
		name  string
		entry bool
		n     int
	}
	var runs []run
	operation, inside := 0, false
	err := instructions(r, func(pc uint64) {
		name, entry := s.at(pc)
		switch {
		case name == markBegin:
			if entry {
				operation++
			}
			inside = operation == 2
			return
		case name == markEnd:
			inside = false
		}
		if !inside {
			return
		}
		if n := len(runs); n > 0 && runs[n-1].name == name && !entry {
			runs[n-1].n++
			return
		}
		runs = append(runs, run{name, entry, 1})
	})
	if err != nil {
		return err
	}
	total := 0
	for _, x := range runs {
		total += x.n
		how := "  " // back in it
		if x.entry {
			how = "->"
		}
		fmt.Fprintf(w, "%7d %5d %s %s\n", total, x.n, how, plain(x.name))
	}
	return nil
}

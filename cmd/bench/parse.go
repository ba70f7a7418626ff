package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// quantilePoints are the quantiles a rung prints, in 1/1000. user/programs/bench.h
// has the other copy; a test compares them.
var quantilePoints = []int{0, 10, 50, 100, 250, 500, 750, 900, 950, 990, 995, 999, 1000}

// figure is what one rung measured.
type figure struct {
	Name       string    `json:"name"`
	Operations int       `json:"operations"`
	Quantiles  []float64 `json:"quantiles"` // one for each of quantilePoints, or a single value
}

// at gives the quantile q/1000; of a single value that value.
func (f *figure) at(q int) float64 {
	if len(f.Quantiles) == 1 {
		return f.Quantiles[0]
	}
	for i, p := range quantilePoints {
		if p >= q {
			return f.Quantiles[i]
		}
	}
	return f.Quantiles[len(f.Quantiles)-1]
}

func (f *figure) median() float64 { return f.at(500) }

// results is one run of one system.
type results struct {
	System  string            `json:"system"`
	Setup   string            `json:"setup"` // what it ran on, for the report
	Figures []figure          `json:"figures"`
	Skipped map[string]string `json:"skipped,omitempty"` // rungs that could not be measured, and why
	Notes   []string          `json:"notes,omitempty"`
}

// find gives the figure of that name, nil for none.
func (r *results) find(name string) *figure {
	if r == nil {
		return nil
	}
	for i := range r.Figures {
		if r.Figures[i].Name == name {
			return &r.Figures[i]
		}
	}
	return nil
}

// parse adds what the lines of r say. Lines of other kinds are let through to
// echo, which may be nil. done is true if one was "done".
func (res *results) parse(r io.Reader, echo io.Writer) (done bool, err error) {
	scanner := bufio.NewScanner(r)
	for scanner.Scan() {
		line := strings.TrimRight(scanner.Text(), "\r")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		switch words[0] {
		case "bench":
			f, bad := parseFigure(words)
			if bad != nil {
				return done, fmt.Errorf("%q: %w", line, bad)
			}
			if res.find(f.Name) != nil {
				return done, fmt.Errorf("%q: measured twice", line)
			}
			res.Figures = append(res.Figures, f)
			continue
		case "skip":
			if len(words) < 3 {
				return done, fmt.Errorf("%q: no reason", line)
			}
			if res.Skipped == nil {
				res.Skipped = map[string]string{}
			}
			res.Skipped[words[1]] = strings.Join(words[2:], " ")
		case "note":
			res.Notes = append(res.Notes, strings.Join(words[1:], " "))
		case "system":
			res.System = strings.Join(words[1:], " ")
			continue
		case "done":
			done = true
			continue
		case "mark":
			continue
		}
		if echo != nil {
			fmt.Fprintln(echo, line)
		}
	}
	return done, scanner.Err()
}

// parseFigure reads the words of a line "bench NAME OPERATIONS VALUE...".
func parseFigure(words []string) (f figure, err error) {
	if len(words) != 4 && len(words) != 3+len(quantilePoints) {
		return f, fmt.Errorf("%d words, want 4 or %d", len(words), 3+len(quantilePoints))
	}
	f.Name = words[1]
	if f.Operations, err = strconv.Atoi(words[2]); err != nil || f.Operations <= 0 {
		return f, fmt.Errorf("%q is no number of operations", words[2])
	}
	last := math.Inf(-1)
	for _, w := range words[3:] {
		v, err := strconv.ParseFloat(w, 64)
		if err != nil || v < 0 {
			return f, fmt.Errorf("%q is no count", w)
		}
		if v < last {
			return f, fmt.Errorf("quantiles go down at %q", w)
		}
		last = v
		f.Quantiles = append(f.Quantiles, v)
	}
	return f, nil
}

// save writes r below the scratch folder.
func (r *results) save(o options, name string) error {
	dir := filepath.Join(o.build, "bench")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name+".json"), append(text, '\n'), 0o644)
}

// read gives saved results; nil without an error if there are none.
func read(path string) (*results, error) {
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	r := new(results)
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

// check compares saved runs with the first of them.
func check(paths []string) error {
	if len(paths) < 2 {
		return fmt.Errorf("check wants two files or more")
	}
	var first *results
	worst, where, compared, same := 0.0, "", 0, 0
	for _, p := range paths {
		r, err := read(p)
		if err != nil || r == nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		if first == nil {
			first = r
			continue
		}
		for i := range first.Figures {
			a := &first.Figures[i]
			b := r.find(a.Name)
			if b == nil {
				return fmt.Errorf("%s: %s is missing", p, a.Name)
			}
			d := math.Abs(b.median()-a.median()) / math.Max(a.median(), 1)
			compared++
			if d == 0 {
				same++
			}
			if d > worst {
				worst, where = d, a.Name
			}
		}
	}
	fmt.Printf("%d of %d medians the same in %d runs; the largest difference is %.2f %% %s\n", same, compared, len(paths), 100*worst, where)
	if worst > 0.01 {
		return fmt.Errorf("%s differs by more than 1 %%", where)
	}
	return nil
}

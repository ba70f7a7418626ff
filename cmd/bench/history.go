package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// point is the figure a row had in an earlier report.
type point struct {
	label string // the name of the report's file
	value float64
}

// addHistory gives each row what the reports in dir had for it. They are taken
// in the order of their names, so that "0001-abc.json" precedes "0002-def.json".
// No dir, no history.
func addHistory(lines []line, dir string) error {
	if dir == "" {
		return nil
	}
	paths, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		return fmt.Errorf("%s holds no *.json", dir)
	}
	sort.Strings(paths)
	at := map[string]*line{}
	for i := range lines {
		at[lines[i].Name] = &lines[i]
	}
	for _, p := range paths {
		text, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		var rows []line
		if err := json.Unmarshal(text, &rows); err != nil {
			return fmt.Errorf("%s is no report: %w", p, err)
		}
		label := strings.TrimSuffix(filepath.Base(p), ".json")
		for _, r := range rows {
			if l := at[r.Name]; l != nil && r.Faultline != nil {
				l.History = append(l.History, point{label, *r.Faultline})
			}
		}
	}
	return nil
}

// Since tells how the row has changed since the report before this one.
func (l line) Since() string {
	if len(l.History) == 0 || l.Faultline == nil {
		return ""
	}
	before := l.History[len(l.History)-1].value
	if before == 0 {
		return ""
	}
	return fmt.Sprintf("%+.1f %%", 100*(*l.Faultline-before)/before)
}

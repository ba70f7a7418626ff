package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// variants is what the rows of the tables in C stand for.
var variants = map[string][]string{
	"ONE":   {"single"},
	"BOTH":  {"mapping", "vmo_read"},
	"TRAPS": {"TrapDirty", "NoTrapDirty"},
	"WAYS":  {"Vmar", "Vmo"},

	"CHILDREN_TOO": {"child"},
}

// TestCatalogue compares the list of entries with the tests there are: what
// lacks nothing has a test in all its variants, and no test is without an entry.
func TestCatalogue(t *testing.T) {
	all, err := parseCatalogue(scenariosText + catalogueText)
	if err != nil {
		t.Fatal(err)
	}
	sources, err := filepath.Glob("../../user/conform/*.c")
	if err != nil || len(sources) == 0 {
		t.Fatalf("no tests: %v", err)
	}
	row := regexp.MustCompile(`\b(ONE|BOTH|TRAPS|WAYS|CHILDREN_TOO|CASE)\("([A-Z]\d{2,3})", (?:([A-Z]+), )?([a-z]\d{2,3})\)`)
	has := map[string]bool{}
	for _, name := range sources {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range row.FindAllStringSubmatch(string(text), -1) {
			if strings.ToLower(m[2]) != m[4] {
				t.Errorf("%s: %s is the function %s", name, m[2], m[4])
			}
			of := variants[m[1]]
			if m[1] == "CASE" {
				of = []string{strings.ToLower(m[3])}
			}
			for _, v := range of {
				if has[m[2]+" "+v] {
					t.Errorf("%s: %s %s is there twice", name, m[2], v)
				}
				has[m[2]+" "+v] = true
			}
		}
	}
	before := ""
	count := map[byte]int{}
	for _, e := range all {
		if e.id != before {
			count[e.id[0]]++
		}
		if e.id < before {
			t.Errorf("%s comes behind %s", e.id, before)
		}
		before = e.id
		if e.lacks == "" && !has[e.key()] {
			t.Errorf("%s lacks nothing and has no test", e.key())
		}
		delete(has, e.key())
	}
	for key := range has {
		t.Errorf("%s has a test and is not in the catalogue", key)
	}
	if want := map[byte]int{'C': 47, 'P': 103, 'S': 37, 'W': 116}; !reflect.DeepEqual(count, want) {
		t.Errorf("entries by letter: %v, want %v", count, want)
	}
}

func TestParseCatalogue(t *testing.T) {
	list, err := parseCatalogue("P001 One single\nP002 Two a,b what is missing\n")
	want := []entry{{"P001", "One", "single", ""}, {"P002", "Two", "a", "what is missing"}, {"P002", "Two", "b", "what is missing"}}
	if err != nil || !reflect.DeepEqual(list, want) {
		t.Errorf("%v, %v; want %v", list, err, want)
	}
	for _, bad := range []string{"P001 One", "P001 One a\nP001 One b,a", ""} {
		if list, err := parseCatalogue(bad); err == nil {
			t.Errorf("parseCatalogue(%q) = %v, want an error", bad, list)
		}
	}
}

const (
	calm = `faultline> mem --json
{"memory":[{"memory":"account","used":0,"pages":0},{"memory":"account pages","used":0,"pages":0},{"memory":"free frames","used":333930496,"pages":81526},{"memory":"page tables","used":40960,"pages":10}],"vmos":0,"handles":3,"owners":[]}
faultline> threads --json
{"threads":[{"name":"console"}]}
`
	leaking = `faultline> mem --json
{"memory":[{"memory":"account","used":96,"pages":0},{"memory":"account pages","used":8192,"pages":2},{"memory":"free frames","used":333905920,"pages":81520},{"memory":"page tables","used":45056,"pages":11}],"vmos":1,"handles":5,"owners":[]}
faultline> threads --json
{"threads":[{"name":"console"},{"name":"left"}]}
`
	silent = `faultline> mem --json
page frames    326148 KiB in 81537 frames: 81526 free
faultline> threads --json
{"threads":[{"name":"console"}]}
`
)

// TestListener checks the verdicts made of a console's words.
func TestListener(t *testing.T) {
	list := []entry{{id: "P001", variant: "single"}, {id: "P002", variant: "mapping"}}
	one := "faultline> run -privileged conform P001 single\n"
	two := "faultline> run -privileged conform P002 mapping\n"
	for name, c := range map[string]struct {
		console string
		why     string
		want    []result
	}{
		"both pass": {calm + one + calm + two + calm + "faultline> poweroff\n", "", []result{
			{"P001", "single", pass, ""}, {"P002", "mapping", pass, ""}}},
		"differs, then not yet": {calm + one + "differs: a.c:1: expected 1, got 2\n  more\nrun: conform ended with code 1\n" + leaking +
			two + "not-yet: clones\nrun: conform ended with code 77\n" + leaking + "faultline> poweroff\n", "", []result{
			{"P001", "single", fail, "a.c:1: expected 1, got 2"}, {"P002", "mapping", notYet, "clones"}}},
		"leak": {calm + one + leaking + two + leaking + "faultline> poweroff\n", "", []result{
			{"P001", "single", fail, "leak: 81526 free frames before, 81520 after, 10 page tables before, 11 after, 0 VMOs before, 1 after, 3 handles before, 5 after, 0 bytes of the account before, 96 after, 0 pages of the account before, 2 after, 1 threads before, 2 after"},
			{"P002", "mapping", pass, ""}}},
		"unreadable": {calm + one + silent + "faultline> poweroff\n", "", []result{
			{"P001", "single", fail, `what is in use cannot be told: mem --json: "page frames    326148 KiB in 81537 frames: 81526 free": invalid character 'p' looking for beginning of value`}}},
		"killed": {calm + one + "conform: fatal page fault\nrun: conform was killed: fatal page fault at 0x10\n" + calm + "faultline> run", "the guest failed", []result{
			{"P001", "single", fail, "conform was killed: fatal page fault at 0x10"}}},
		"the boot dies in the second": {calm + one + calm + two + "panic: vmo\n\n", "the guest failed with code 3", []result{
			{"P001", "single", pass, ""}, {"P002", "mapping", fail, "the boot died: the guest failed with code 3; last words: panic: vmo"}}},
		"the boot dies behind the first": {calm + one + "faultline> mem --json\n", "timeout", []result{
			{"P001", "single", fail, "the boot died: timeout"}}},
		"the boot dies at once": {"panic\n", "reset", nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []result
			l := listener{list: list, each: func(r result) { got = append(got, r) }}
			for _, line := range strings.Split(strings.TrimSuffix(c.console, "\n"), "\n") {
				l.line(line)
			}
			l.end(c.why)
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("\n got %v\nwant %v", got, c.want)
			}
		})
	}
}

// fakeMachine gives as many verdicts in a boot as boots says.
type fakeMachine struct{ boots []int }

func (m *fakeMachine) boot(list []entry, each func(result)) error {
	if len(m.boots) == 0 {
		return errors.New("one boot too many")
	}
	n := m.boots[0]
	m.boots = m.boots[1:]
	for _, e := range list[:n] {
		each(result{e.id, e.variant, pass, ""})
	}
	return nil
}

// TestJudgeAll checks that boots go on behind one that died, that the order is
// kept, and what has no test.
func TestJudgeAll(t *testing.T) {
	wanted := []entry{{"A", "", "x", "wings"}, {"B", "", "x", ""}, {"B", "", "y", ""}, {"C", "", "x", ""}, {"D", "", "x", ""}}
	has := map[string]bool{"B x": true, "B y": true, "D x": true}
	m := &fakeMachine{boots: []int{1, 2}}
	var shown []result
	got, err := judgeAll(m, has, wanted, func(e entry, r result) { shown = append(shown, r) })
	want := []result{{"A", "x", notYet, "wings"}, {"B", "x", pass, ""}, {"B", "y", pass, ""}, {"C", "x", notYet, "no test"}, {"D", "x", pass, ""}}
	if err != nil || !reflect.DeepEqual(got, want) || !reflect.DeepEqual(shown, want) {
		t.Errorf("got %v, shown %v, %v; want %v", got, shown, err, want)
	}
	m = &fakeMachine{boots: []int{0, 0}}
	if _, err := judgeAll(m, map[string]bool{"B x": true}, wanted, func(entry, result) {}); err == nil {
		t.Error("a boot without a verdict went unnoticed")
	}
}

// TestRows checks that no row of the calls' checks is there twice, and how the
// runner finds them.
func TestRows(t *testing.T) {
	sources, err := filepath.Glob("../../user/conform/calls*.c")
	if err != nil || len(sources) == 0 {
		t.Fatalf("no rows: %v", err)
	}
	seen := map[string]bool{}
	for _, name := range sources {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`"E-([a-z_]+)-([^" ]+)"`).FindAllStringSubmatch(string(text), -1) {
			if seen[m[0]] {
				t.Errorf("%s: %s is there twice", name, m[0])
			}
			seen[m[0]] = true
		}
	}
	list := rows(map[string]bool{"E-vmo_read-2 single": true, "P001 mapping": true, "E-op_fail-9 single": true})
	want := []entry{{"E-op_fail-9", "", "single", ""}, {"E-vmo_read-2", "", "single", ""}}
	if !reflect.DeepEqual(list, want) {
		t.Errorf("rows %v, want %v", list, want)
	}
}

// TestUsage checks that bad use is refused before anything boots.
func TestUsage(t *testing.T) {
	for _, args := range [][]string{{}, {"x"}, {"-only", "(", "a", "b"}, {"-only", "Q", "a", "b"}, {"-nonsense"}, {"no-such-runner", "image"}} {
		if code, _ := run(args, new(bytes.Buffer)); code != 2 {
			t.Errorf("run(%q) = %d, want 2", args, code)
		}
	}
}

package main

import (
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// catalogueText is the list of all entries, in order, one a line:
//
//	ID NAME VARIANT[,VARIANT] [what the kernel lacks for it]
//
// The name is the one Zircon's own test of that behaviour has, or ours where the
// number is all that is known of that test (user/conform/missing.c).
//
//go:embed catalogue.txt
var catalogueText string

// scenariosText lists the scenarios of the acceptance checklist in the same form;
// a variant that lacks something says so itself when it runs.
//
//go:embed scenarios.txt
var scenariosText string

// rows are the entries of the checks of the calls, which only the program lists: an
// id, E-CALL-STEP, is name enough.
func rows(has map[string]bool) []entry {
	var list []entry
	for _, key := range slices.Sorted(maps.Keys(has)) {
		id, variant, _ := strings.Cut(key, " ")
		if strings.HasPrefix(id, "E-") {
			list = append(list, entry{id: id, variant: variant})
		}
	}
	return list
}

// entry is one entry of the catalogues, run in one variant.
type entry struct {
	id, name, variant string
	lacks             string // the feature without which there is no test
}

// key names the entry on the command line of the ring-3 program.
func (e entry) key() string { return e.id + " " + e.variant }

// parseCatalogue reads the list.
//
// Errors: a line that is none, or an entry twice.
func parseCatalogue(text string) ([]entry, error) {
	var list []entry
	seen := map[string]bool{}
	for n, line := range strings.Split(strings.TrimSpace(text), "\n") {
		f := strings.SplitN(line, " ", 4)
		if len(f) < 3 {
			return nil, fmt.Errorf("catalogue line %d: %q is not ID NAME VARIANTS", n+1, line)
		}
		lacks := strings.Join(f[3:], "")
		for _, variant := range strings.Split(f[2], ",") {
			e := entry{f[0], f[1], variant, lacks}
			if seen[e.key()] {
				return nil, fmt.Errorf("catalogue line %d: %s is there twice", n+1, e.key())
			}
			seen[e.key()] = true
			list = append(list, e)
		}
	}
	return list, nil
}

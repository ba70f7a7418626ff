// Command conform runs the ring-3 conformance tests on a kernel image and says
// which of the behaviours it should have it has.
//
//	conform [-only PATTERN] [-json FILE] QEMU-RUNNER IMAGE
//
// The tests are in the program `conform` inside the image, sources in
// user/conform; each runs in a process of its own, many in one boot, and free
// frames, page tables, VMOs, handles and threads must be the same before and after. A boot
// that dies fails the test that ran, and another boot goes on behind it.
//
// The table has one line for each entry of the two catalogues of behaviours and each
// of its variants: pass, fail with what differed, or not-yet with what is
// lacking. The scenarios of the acceptance checklist (C) follow, and the rows of the
// checks of each pager and VMO call (E), as many as the program has. The JSON file is a list of {"id","variant","verdict","reason"}. The
// whole console output is kept beside it, in FILE.log, and the verdicts as JUnit's
// XML and as TAP under the same name.
//
// Exit status: 0 when nothing failed, 1 when something did, 2 when it could not be
// tried. MACHINE, CPU, MEM and the rest reach the QEMU runner by the environment.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"time"

	"faultline/cmd/verdicts"
)

func main() {
	code, err := run(os.Args[1:], os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "conform:", err)
	}
	os.Exit(code)
}

// Verdicts.
const (
	pass   = "pass"
	fail   = "fail"
	notYet = "not-yet"
)

// result is a line of the table.
type result struct {
	ID      string `json:"id"`
	Variant string `json:"variant"`
	Verdict string `json:"verdict"`
	Reason  string `json:"reason"`
}

func run(args []string, out io.Writer) (int, error) {
	flags := flag.NewFlagSet("conform", flag.ContinueOnError)
	only := flags.String("only", "", "run only the tests whose \"ID VARIANT\" begins with a match of this pattern")
	file := flags.String("json", "", "write the verdicts here")
	patience := flags.Duration("patience", 2*time.Minute, "how long a boot may stand still")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0, nil
		}
		return 2, nil // it has said why
	}
	if flags.NArg() != 2 {
		return 2, errors.New("usage: conform [-only PATTERN] [-json FILE] QEMU-RUNNER IMAGE")
	}
	pattern, err := regexp.Compile("^(?:" + *only + ")")
	if err != nil {
		return 2, fmt.Errorf("-only: %w", err)
	}
	all, err := parseCatalogue(catalogueText + scenariosText)
	if err != nil {
		return 2, err
	}
	log := io.Discard
	if *file != "" {
		f, err := os.Create(*file + ".log")
		if err != nil {
			return 2, err
		}
		defer f.Close()
		log = f
	}
	m := machine{runner: flags.Arg(0), image: flags.Arg(1), patience: *patience, log: log}
	has, err := m.tests()
	if err != nil {
		return 2, err
	}
	all = append(all, rows(has)...)
	var wanted []entry
	for _, e := range all {
		if pattern.MatchString(e.key()) {
			wanted = append(wanted, e)
		}
	}
	if len(wanted) == 0 {
		return 2, fmt.Errorf("no test matches %q", *only)
	}

	results, err := judgeAll(&m, has, wanted, func(e entry, r result) {
		head := fmt.Sprintf("%-4s  %s", e.id, e.name)
		fmt.Fprintf(out, "%-54s %-11s  %-7s  %s\n", head, e.variant, r.Verdict, r.Reason)
	})
	if err != nil {
		return 2, err
	}
	count := map[string]int{}
	for _, r := range results {
		count[r.Verdict]++
	}
	fmt.Fprintf(out, "%d passed, %d failed, %d not-yet\n", count[pass], count[fail], count[notYet])
	if *file != "" {
		text, err := json.MarshalIndent(results, "", " ")
		if err == nil {
			err = os.WriteFile(*file, append(text, '\n'), 0o666)
		}
		if err == nil {
			err = verdicts.WriteFiles(strings.TrimSuffix(*file, ".json"), restate(results))
		}
		if err != nil {
			return 2, err
		}
	}
	if count[fail] > 0 {
		return 1, nil
	}
	return 0, nil
}

// restate gives the results in the words of other tools.
func restate(results []result) (list []verdicts.Verdict) {
	words := map[string]verdicts.Result{pass: verdicts.Passed, fail: verdicts.Failed, notYet: verdicts.Skipped}
	for _, r := range results {
		list = append(list, verdicts.Verdict{Suite: "conform", Name: r.ID + " " + r.Variant, Result: words[r.Verdict], Text: r.Reason})
	}
	return list
}

// booter runs tests on a machine.
type booter interface {
	// boot runs the tests in one boot, in order, giving each result as it
	// comes. It may stop behind any of them, after one at the least.
	boot(list []entry, each func(result)) error
}

// judgeAll gives every entry its verdict, in order, and shows it as it comes. has
// are the tests the program has, as "ID VARIANT".
//
// Errors: the machine does not run at all.
func judgeAll(m booter, has map[string]bool, wanted []entry, show func(entry, result)) ([]result, error) {
	var results []result
	done := func(r result) {
		show(wanted[len(results)], r)
		results = append(results, r)
	}
	// skip passes over entries that have no test.
	skip := func() {
		for len(results) < len(wanted) && !has[wanted[len(results)].key()] {
			e := wanted[len(results)]
			reason := e.lacks
			if reason == "" {
				reason = "no test"
			}
			done(result{e.id, e.variant, notYet, reason})
		}
	}
	for skip(); len(results) < len(wanted); skip() {
		var list []entry
		for _, e := range wanted[len(results):] {
			if has[e.key()] {
				list = append(list, e)
			}
		}
		before := len(results)
		if err := m.boot(list, func(r result) { skip(); done(r) }); err != nil {
			return nil, err
		}
		if len(results) == before {
			return nil, errors.New("a boot ended without a verdict")
		}
	}
	return results, nil
}

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// docsFile has blocks that are generated:
//
//	<!-- bench: GROUP -->     a table of the report
//	<!-- profile: RUNG -->    where its instructions go, by cmd/profile
//	<!-- setup -->            what was measured on what
//	...
//	<!-- end -->
const docsFile = "docs/performance.md"

var block = regexp.MustCompile(`(?s)(<!-- (bench|profile|setup)(?:: ([^\n]*?))? -->\n).*?(<!-- end -->)`)

// docs writes the blocks of docsFile anew.
func docs(o options) error {
	s, err := readSides(o)
	if err != nil {
		return err
	}
	if s.ours == nil || s.best == nil {
		return errors.New("run make bench bench-peer first")
	}
	text, err := os.ReadFile(docsFile)
	if err != nil {
		return err
	}
	out, err := fillBlocks(string(text), func(kind, what string) (string, error) {
		switch kind {
		case "setup":
			return fmt.Sprintf("Faultline: %s. Linux at its best: %s; or, row by row where it is better, %s. Linux as shipped: %s.\n",
				s.ours.Setup, s.best.Setup, s.newest.setup(), s.standard.setup()), nil
		case "bench":
			return markdown(what, compare(s))
		}
		fmt.Fprintf(os.Stderr, "profile %s\n", what)
		cmd := exec.Command(filepath.Join(o.build, "bin", "profile"), "-markdown", "-image", o.image, "-runner", o.runner, "-cpu", o.cpu, "-rung", what)
		cmd.Stderr = os.Stderr
		table, err := cmd.Output()
		return string(table), err
	})
	if err != nil {
		return err
	}
	return os.WriteFile(docsFile, []byte(out), 0o644)
}

// fillBlocks replaces what stands in each block by what fill makes; if that is nothing,
// it stays.
func fillBlocks(text string, fill func(kind, what string) (string, error)) (string, error) {
	var failed error
	out := block.ReplaceAllStringFunc(text, func(found string) string {
		m := block.FindStringSubmatch(found)
		content, err := fill(m[2], m[3])
		if failed = errors.Join(failed, err); content == "" {
			return found
		}
		return m[1] + "\n" + strings.TrimSpace(content) + "\n\n" + m[4]
	})
	return out, failed
}

// markdown writes the rows of a group as a table; nothing if none was measured.
func markdown(group string, lines []line) (string, error) {
	var b strings.Builder
	b.WriteString("| | Faultline | Linux best | as shipped | ratio | target | floor |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n")
	found, measured := false, false
	for i := range lines {
		l := &lines[i]
		if l.Group != group {
			continue
		}
		found, measured = true, measured || l.Faultline != nil
		target := ""
		if l.Target != nil {
			target = show(l.Target) + " " + strings.ToLower(l.verdict())
		}
		floor := ""
		if l.Floor != nil {
			floor = show(l.Floor)
		}
		unit := ""
		if l.Unit != "instructions" {
			unit = " " + l.Unit
		}
		missing := ""
		if l.Missing != "" {
			missing = " (" + l.Missing + ")"
		}
		fmt.Fprintf(&b, "| `%s`: %s%s | %s%s | %s | %s | %s | %s | %s |\n", l.Name, l.What, missing, show(l.Faultline), unit,
			show(l.Linux), show(l.LinuxDefault), l.times(), target, floor)
	}
	if !found {
		return "", fmt.Errorf("%s: no group %q", docsFile, group)
	}
	if !measured {
		return "", nil
	}
	return b.String(), nil
}

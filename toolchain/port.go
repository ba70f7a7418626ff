package main

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"go/build/constraint"
	"io/fs"
	"path"
	"strings"
)

// portFiles is the port: new files under src, hunks under edits/tools and
// edits/std, and the table of build constraints.
//
//go:embed all:_goroot
var portFiles embed.FS

const portRoot = "_goroot"

// port is everything that turns the stock tree into ours.
type port struct {
	hash     string            // of the Go version and of every port file
	toolHash string            // of what the tools are built from
	files    map[string][]byte // new files, by path in GOROOT
	tools    []fileEdit        // edits of what the tools are built from
	std      []fileEdit        // edits of the standard library
	rules    []rule            // the constraint table
}

// fileEdit is the list of hunks for one stock file.
type fileEdit struct {
	path  string
	hunks []hunk
}

// hunk replaces one run of lines, which must occur exactly once.
type hunk struct {
	find, replace string
	where         string // edit file and line, for messages
}

// rule says what becomes of one stock file's build constraint.
type rule struct {
	op   string // "+" serves tamago too, "-" does not, "copy" to another name
	path string
	to   string
}

func loadPort() (*port, error) {
	p := &port{files: map[string][]byte{}}
	all, tools := sha256.New(), sha256.New()
	fmt.Fprintln(all, goVersion)
	fmt.Fprintln(tools, goVersion)
	err := fs.WalkDir(portFiles, portRoot, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := portFiles.ReadFile(name)
		if err != nil {
			return err
		}
		rel := strings.TrimPrefix(name, portRoot+"/")
		fmt.Fprintf(all, "%s %d\n%s", rel, len(data), data)
		dir, base := path.Split(rel)
		switch {
		case strings.HasPrefix(rel, "src/"):
			p.files[rel] = data
		case dir == "edits/tools/":
			fmt.Fprintf(tools, "%s %d\n%s", rel, len(data), data)
			edits, err := parseEdits(rel, string(data))
			p.tools = append(p.tools, edits...)
			return err
		case dir == "edits/std/":
			edits, err := parseEdits(rel, string(data))
			p.std = append(p.std, edits...)
			return err
		case rel == "edits/constraints.txt":
			p.rules, err = parseRules(rel, string(data))
			return err
		default:
			return fmt.Errorf("%s: no place for %s in the port", name, base)
		}
		return nil
	})
	p.hash = hex.EncodeToString(all.Sum(nil))[:12]
	p.toolHash = hex.EncodeToString(tools.Sum(nil))[:8]
	return p, err
}

// parseEdits reads a hunk file: "@@ path" opens a file, and each hunk is
// "---", the lines to find, "+++", the lines to put, "===". Text outside
// hunks must be blank or a comment.
func parseEdits(name, text string) ([]fileEdit, error) {
	var edits []fileEdit
	var find, put []string
	state := ""
	opened := 0
	for i, line := range strings.Split(text, "\n") {
		at := func(format string, args ...any) error {
			return fmt.Errorf("%s:%d: %s", name, i+1, fmt.Sprintf(format, args...))
		}
		switch {
		case state == "" && strings.HasPrefix(line, "@@ "):
			edits = append(edits, fileEdit{path: strings.TrimSpace(line[3:])})
		case state == "" && line == "---":
			if len(edits) == 0 {
				return nil, at("hunk before any @@ line")
			}
			state, find, put, opened = "find", nil, nil, i+1
		case state == "" && (line == "" || strings.HasPrefix(line, "#")):
		case state == "":
			return nil, at("unexpected text %q", line)
		case state == "find" && line == "+++":
			state = "put"
		case state == "find":
			find = append(find, line)
		case state == "put" && line == "===":
			e := &edits[len(edits)-1]
			h := hunk{find: lines(find), replace: lines(put), where: fmt.Sprintf("%s:%d", name, opened)}
			if h.find == "" {
				return nil, at("hunk has nothing to find")
			}
			e.hunks = append(e.hunks, h)
			state = ""
		default:
			put = append(put, line)
		}
	}
	if state != "" {
		return nil, fmt.Errorf("%s:%d: hunk is not closed", name, opened)
	}
	return edits, nil
}

func lines(l []string) string {
	if len(l) == 0 {
		return ""
	}
	return strings.Join(l, "\n") + "\n"
}

// apply makes the edit's changes to the stock text.
func (e fileEdit) apply(text string) (string, error) {
	// The leading newline lets a hunk match at the start of the file and
	// anchors every hunk at the start of a line.
	text = "\n" + text
	for _, h := range e.hunks {
		switch n := strings.Count(text, "\n"+h.find); n {
		case 1:
			text = strings.Replace(text, "\n"+h.find, "\n"+h.replace, 1)
		default:
			return "", fmt.Errorf("%s: the hunk for %s matches %d times, want once", h.where, e.path, n)
		}
	}
	return text[1:], nil
}

// parseRules reads the constraint table: "+ path", "- path" or
// "copy path to".
func parseRules(name, text string) ([]rule, error) {
	var rules []rule
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		f := strings.Fields(line)
		switch {
		case len(f) == 0:
		case len(f) == 2 && (f[0] == "+" || f[0] == "-"):
			rules = append(rules, rule{op: f[0], path: f[1]})
		case len(f) == 3 && f[0] == "copy":
			rules = append(rules, rule{op: f[0], path: f[1], to: f[2]})
		default:
			return nil, fmt.Errorf("%s:%d: cannot read %q", name, i+1, line)
		}
	}
	return rules, nil
}

// constrain changes the //go:build line of a file's text: "+" lets tamago in
// by name, "-" keeps it out, "copy" drops the line.
func constrain(op, name, text string) (string, error) {
	out := strings.Split(text, "\n")
	at := -1
	for i, line := range out {
		if constraint.IsGoBuild(line) {
			at = i
			break
		}
		if strings.HasPrefix(line, "package ") || strings.HasPrefix(line, "TEXT ") {
			break
		}
	}
	if at < 0 {
		switch op {
		case "copy":
			return text, nil
		case "-":
			return "//go:build !tamago\n\n" + text, nil
		}
		return "", fmt.Errorf("%s: has no build constraint to add tamago to", name)
	}
	expr, err := constraint.Parse(out[at])
	if err != nil {
		return "", fmt.Errorf("%s: %w", name, err)
	}
	serves := expr.Eval(func(tag string) bool {
		return tag == "tamago" || tag == "amd64" || tag == "gc" || strings.HasPrefix(tag, "go1.")
	})
	tag := &constraint.TagExpr{Tag: "tamago"}
	switch op {
	case "copy":
		out[at] = ""
		return strings.Join(out, "\n"), nil
	case "+":
		if serves {
			return "", fmt.Errorf("%s: already serves tamago: %s", name, out[at])
		}
		expr = &constraint.OrExpr{X: expr, Y: tag}
	case "-":
		if !serves {
			return "", fmt.Errorf("%s: does not serve tamago: %s", name, out[at])
		}
		expr = &constraint.AndExpr{X: expr, Y: &constraint.NotExpr{X: tag}}
	}
	out[at] = "//go:build " + expr.String()
	return strings.Join(out, "\n"), nil
}

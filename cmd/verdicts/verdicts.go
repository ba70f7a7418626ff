// Package verdicts writes the results of tests in the two formats that other
// tools read: JUnit's XML, and TAP, the Test Anything Protocol.
package verdicts

import (
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode"
)

// Result says how a test ended.
type Result uint8

// How a test can end.
const (
	Passed  Result = iota // it did what it should
	Failed                // it did not
	Skipped               // it did not run, for the reason given
)

// Verdict is what one test came to.
type Verdict struct {
	Suite, Name string
	Result      Result
	Text        string // why it failed or was skipped
	Took        time.Duration
}

// WriteFiles writes base.xml and base.tap.
func WriteFiles(base string, list []Verdict) error {
	for suffix, write := range map[string]func(io.Writer, []Verdict) error{".xml": WriteJUnit, ".tap": WriteTAP} {
		f, err := os.Create(base + suffix)
		if err != nil {
			return err
		}
		if err := write(f, list); err != nil {
			f.Close()
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return nil
}

type (
	junitSuites struct {
		XMLName xml.Name      `xml:"testsuites"`
		Suites  []*junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Suite   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		Seconds string        `xml:"time,attr"`
		Failure *junitMessage `xml:"failure,omitempty"`
		Skipped *junitMessage `xml:"skipped,omitempty"`
	}
	junitMessage struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// WriteJUnit writes list as JUnit's XML, a suite after the other in the order
// in which they first come.
func WriteJUnit(w io.Writer, list []Verdict) error {
	var all junitSuites
	suites := map[string]*junitSuite{}
	for _, v := range list {
		s := suites[v.Suite]
		if s == nil {
			s = &junitSuite{Name: v.Suite}
			suites[v.Suite] = s
			all.Suites = append(all.Suites, s)
		}
		c := junitCase{Suite: v.Suite, Name: v.Name, Seconds: fmt.Sprintf("%.3f", v.Took.Seconds())}
		message := &junitMessage{Message: firstLine(v.Text), Text: v.Text}
		s.Tests++
		switch v.Result {
		case Failed:
			s.Failures++
			c.Failure = message
		case Skipped:
			s.Skipped++
			message.Text = ""
			c.Skipped = message
		}
		s.Cases = append(s.Cases, c)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", " ")
	if err := e.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// WriteTAP writes list in version 13 of the protocol.
func WriteTAP(w io.Writer, list []Verdict) error {
	if _, err := fmt.Fprintf(w, "TAP version 13\n1..%d\n", len(list)); err != nil {
		return err
	}
	for i, v := range list {
		// A # in a name would begin a directive.
		name := strings.ReplaceAll(printable(v.Suite+" "+v.Name), "#", "\\#")
		line := fmt.Sprintf("ok %d - %s", i+1, name)
		switch v.Result {
		case Failed:
			line = "not " + line
		case Skipped:
			line += " # SKIP " + printable(firstLine(v.Text))
		}
		if v.Result == Failed && v.Text != "" {
			line += "\n# " + strings.ReplaceAll(strings.TrimRight(v.Text, "\n"), "\n", "\n# ")
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}

// printable makes one line of s.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}

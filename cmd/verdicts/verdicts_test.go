package verdicts

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var list = []Verdict{
	{Suite: "boot", Name: "microvm <max>", Took: 1500 * time.Millisecond},
	{Suite: "conform", Name: "P001 #2", Result: Failed, Text: "differs: 1 & 2\nagain: make \x07"},
	{Suite: "boot", Name: "line\nbreak", Result: Skipped, Text: "no QEMU\nhere"},
}

func TestWriteFiles(t *testing.T) {
	base := filepath.Join(t.TempDir(), "test")
	if err := WriteFiles(base, list); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(base + ".tap")
	if err != nil {
		t.Fatal(err)
	}
	want := "TAP version 13\n1..3\nok 1 - boot microvm <max>\nnot ok 2 - conform P001 \\#2\n# differs: 1 & 2\n# again: make \x07\nok 3 - boot line break # SKIP no QEMU\n"
	if string(text) != want {
		t.Errorf("TAP is\n%s\nwant\n%s", text, want)
	}
	text, err = os.ReadFile(base + ".xml")
	if err != nil {
		t.Fatal(err)
	}
	var read junitSuites
	if err := xml.Unmarshal(text, &read); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if len(read.Suites) != 2 || read.Suites[0].Tests != 2 || read.Suites[0].Skipped != 1 || read.Suites[1].Failures != 1 {
		t.Errorf("JUnit is\n%s", text)
	}
	boot, conform := read.Suites[0], read.Suites[1]
	if boot.Cases[0].Name != "microvm <max>" || boot.Cases[0].Seconds != "1.500" || boot.Cases[1].Skipped.Message != "no QEMU" ||
		!strings.HasPrefix(conform.Cases[0].Failure.Text, "differs: 1 & 2\nagain") {
		t.Errorf("JUnit is\n%s", text)
	}
	if WriteFiles(filepath.Join(base, "none"), list) == nil {
		t.Error("a folder that is not there was written to")
	}
}

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestSummary checks the last line and the status.
func TestSummary(t *testing.T) {
	var out bytes.Buffer
	r := &report{out: &out}
	r.skip("not here", "no disk")
	r.skip("nor here", "no disk")
	r.pass("one", time.Second)
	if status := r.summary(0); status != 0 || !strings.HasSuffix(out.String(), "\n1 passed, 0 failed, 2 skipped\n") {
		t.Errorf("status %d, output %q", status, out.String())
	}
	r.fail("two", "why")
	if status := r.summary(0); status != 1 || !strings.HasSuffix(out.String(), "\n1 passed, 1 failed, 2 skipped\n") {
		t.Errorf("status %d, output %q", status, out.String())
	}
	r = &report{out: &out, tier: "boot"}
	if r.pass("boot a disk", 0); r.list[0].Name != "a disk" {
		t.Errorf("the verdict is %+v", r.list[0])
	}
	if status := (&report{out: &out}).summary(0); status != 1 {
		t.Error("nothing ran, yet the status is 0")
	}
}

// TestCounts feeds go test's JSON through goTest: subtests count, their parents
// do not, a broken build is one failure.
func TestCounts(t *testing.T) {
	for _, test := range []struct {
		name, json              string
		status                  string
		passed, failed, skipped int
		want                    string
	}{
		{"passes", `{"Action":"run","Package":"p","Test":"A"}
{"Action":"pass","Package":"p","Test":"A/x"}
{"Action":"pass","Package":"p","Test":"A/y"}
{"Action":"pass","Package":"p","Test":"A"}
{"Action":"output","Package":"p","Test":"B","Output":"    b_test.go:1: no gcc\n"}
{"Action":"skip","Package":"p","Test":"B"}
{"Action":"pass","Package":"p"}`, "0", 2, 0, 1, "b_test.go:1: no gcc"},
		{"a subtest fails", `{"Action":"output","Package":"p","Test":"A/x","Output":"bad\n"}
{"Action":"fail","Package":"p","Test":"A/x"}
{"Action":"fail","Package":"p","Test":"A"}
{"Action":"pass","Package":"p","Test":"B"}
{"Action":"fail","Package":"p"}`, "1", 1, 1, 0, "bad"},
		{"only the parent fails", `{"Action":"pass","Package":"p","Test":"A/x"}
{"Action":"fail","Package":"p","Test":"A"}
{"Action":"fail","Package":"p"}`, "1", 1, 1, 0, ""},
		{"no build", `{"ImportPath":"p","Action":"build-output","Output":"p.go:1: nonsense\n"}
{"ImportPath":"p","Action":"build-fail"}
{"Action":"fail","Package":"p","FailedBuild":"p"}`, "1", 0, 1, 0, "p.go:1: nonsense"},
		{"dies inside a test", `{"Action":"run","Package":"p","Test":"A"}
{"Action":"output","Package":"p","Test":"A","Output":"panic: dead\n"}
{"Action":"fail","Package":"p"}`, "1", 0, 1, 0, "panic: dead"},
		{"no JSON at all", `go: cannot find main module`, "1", 0, 1, 0, "cannot find main module"},
		{"silence", ``, "0", 0, 1, 0, "no package was tested"},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "json")
			if err := os.WriteFile(file, []byte(test.json+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			r := &report{out: &out}
			goTest(r, "", command{args: []string{"sh", "-c", "cat " + file + "; exit " + test.status}, limit: time.Minute})
			if r.count != [...]int{test.passed, test.failed, test.skipped} {
				t.Errorf("passed, failed, skipped: %v; want %d, %d, %d", r.count, test.passed, test.failed, test.skipped)
			}
			if !strings.Contains(out.String(), test.want) {
				t.Errorf("output %q does not hold %q", out.String(), test.want)
			}
		})
	}
}

// TestLimit checks that a command and what it started die when time is up.
func TestLimit(t *testing.T) {
	started := time.Now()
	output, err := command{args: []string{"sh", "-c", "echo begun; sleep 60 & wait"}, limit: 300 * time.Millisecond}.run()
	if err == nil || !strings.Contains(err.Error(), "time limit") || output != "begun\n" {
		t.Errorf("output %q, error %v", output, err)
	}
	if took := time.Since(started); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
}

// TestMatches checks the order of expressions and those refused.
func TestMatches(t *testing.T) {
	for _, test := range []struct {
		b    boot
		good bool
	}{
		{boot{want: []string{"one", "two"}}, true},
		{boot{want: []string{"two", "one"}}, false},
		{boot{want: []string{"three"}}, false},
		{boot{refuse: []string{"two"}}, false},
		{boot{}, true},
	} {
		if err := test.b.matches("one\ntwo\n"); (err == nil) != test.good {
			t.Errorf("%+v: %v", test.b, err)
		}
	}
	if err := (&boot{}).matches("panic: something"); err == nil {
		t.Error("a panic passed")
	}
}

// TestDiskEffects checks the comparison of images.
func TestDiskEffects(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	image := make([]byte, 3<<20+5)
	if err := os.WriteFile(a, image, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := copyFile(b, a); err != nil {
		t.Fatal(err)
	}
	if err := unchanged(a, b); err != nil {
		t.Error(err)
	}
	image[1<<20], image[3<<20+4] = 7, 9
	if err := os.WriteFile(b, image, 0o600); err != nil {
		t.Fatal(err)
	}
	list, err := changes(a, b)
	if err != nil || len(list) != 2 || list[0] != (change{1 << 20, 0, 7}) || list[1] != (change{3<<20 + 4, 0, 9}) {
		t.Errorf("changes: %v, %v", list, err)
	}
	if err := unchanged(a, b); err == nil {
		t.Error("a changed image passed as unchanged")
	}
	if err := os.Truncate(b, 100); err != nil {
		t.Fatal(err)
	}
	if _, err := changes(a, b); err == nil {
		t.Error("images of different lengths compared")
	}
}

// TestEvilWays checks that the table of evil.c is read whole.
func TestEvilWays(t *testing.T) {
	for _, w := range evilWays("../..") {
		for _, end := range strings.Split(w.end, " or ") {
			switch end {
			case "exit 0", "never", "GENERAL", "FATAL_PAGE_FAULT", "UNDEFINED_INSTRUCTION", "SW_BREAKPOINT", "HW_BREAKPOINT":
			default:
				t.Errorf("way %s: unknown end %q", w.name, end)
			}
		}
	}
}

// TestMutantsApply: what make mutants takes out is there, once each.
func TestMutantsApply(t *testing.T) {
	for _, m := range mutants {
		text, err := os.ReadFile("../../" + m.file)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(text), m.from); n != 1 {
			t.Errorf("%s: %s has %d times %q", m.name, m.file, n, m.from)
		}
	}
}

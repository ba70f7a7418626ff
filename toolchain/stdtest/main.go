// Command stdtest runs the standard library's own tests, compiled by the port's
// go for GOOS=tamago, and prints a table of what they said.
//
//	go run ./toolchain/stdtest
//	go run ./toolchain/stdtest -board faultline/board/qemu/faultpanic -exec 'RUNNER'
//
// Without a board the tests run as Linux processes; with one, each is a bootable
// image that the runner starts (make stdtest does that). What is skipped, and why, is in skips.go.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"
)

type options struct {
	goCommand string
	exec      string
	board     string
	goospkg   string
	ldflags   string
	packages  *regexp.Regexp
	run       string
	full      bool
	timeout   time.Duration
	verbose   bool
}

// result is what one package's tests said.
type result struct {
	pkg                   string
	passed, failed, skips int
	took                  time.Duration
	fails                 []string // names of failed tests
	broken                string   // why the package as a whole failed
	reasons               map[string]int
	output                []byte
}

func main() {
	var o options
	var packages string
	flag.StringVar(&o.goCommand, "go", "", "the port's go `command` (default: what go run ./toolchain prints)")
	flag.StringVar(&o.exec, "exec", "env", "`command` that runs a test binary, as for go test -exec")
	flag.StringVar(&o.board, "board", "", "import `path` of the board to boot on (default: a Linux process)")
	flag.StringVar(&o.goospkg, "goospkg", "github.com/usbarmory/tamago", "`module` with package goos, when there is a board")
	flag.StringVar(&o.ldflags, "ldflags", "-T 0x1001000 -R 0x1000", "linker flags, when there is a board")
	flag.StringVar(&packages, "packages", "", "only packages whose path matches this `regexp`")
	flag.StringVar(&o.run, "run", "", "only tests that match this `regexp`")
	flag.BoolVar(&o.full, "full", false, "run the long tests too")
	flag.DurationVar(&o.timeout, "timeout", 3*time.Minute, "limit for one package")
	flag.BoolVar(&o.verbose, "v", false, "print the output of packages that fail")
	flag.Parse()
	if flag.NArg() > 0 {
		fatal(fmt.Errorf("unexpected argument %q", flag.Arg(0)))
	}
	var err error
	if o.packages, err = regexp.Compile(packages); err != nil {
		fatal(fmt.Errorf("-packages: %w", err))
	}
	if o.goCommand == "" {
		if o.goCommand, err = portGo(); err != nil {
			fatal(err)
		}
	}
	if !run(&o) {
		os.Exit(1)
	}
}

func fatal(err error) {
	fmt.Fprintf(os.Stderr, "stdtest: %v\n", err)
	os.Exit(2)
}

// portGo builds the toolchain, or finds it built.
func portGo() (string, error) {
	cmd := exec.Command("go", "run", "faultline/toolchain")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("building the toolchain: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

func run(o *options) bool {
	fmt.Printf("%-28s %6s %6s %6s %8s\n", "package", "pass", "fail", "skip", "seconds")
	total := result{reasons: map[string]int{}}
	ran := 0
	for _, pkg := range tested {
		if !o.packages.MatchString(pkg) {
			continue
		}
		r := test(o, pkg)
		ran++
		note := r.broken
		if len(r.fails) > 0 {
			note = strings.Join(r.fails, " ")
		}
		fmt.Printf("%-28s %6d %6d %6d %8.1f  %s\n", r.pkg, r.passed, r.failed, r.skips, r.took.Seconds(), note)
		if o.verbose && r.failed > 0 {
			os.Stdout.Write(r.output)
		}
		total.passed += r.passed
		total.failed += r.failed
		total.skips += r.skips
		total.took += r.took
		for why, n := range r.reasons {
			total.reasons[why] += n
		}
	}
	if ran == 0 {
		fmt.Printf("no package matches %q\n", o.packages)
		return false
	}
	fmt.Printf("%-28s %6d %6d %6d %8.1f\n", fmt.Sprintf("total of %d packages", ran), total.passed, total.failed, total.skips, total.took.Seconds())
	if total.skips > 0 {
		fmt.Println("skipped:")
	}
	for _, why := range slices.Sorted(maps.Keys(total.reasons)) {
		fmt.Printf("%6d  %s\n", total.reasons[why], why)
	}
	fmt.Printf("%d passed, %d failed, %d skipped\n", total.passed, total.failed, total.skips)
	return total.failed == 0
}

// test runs one package's tests.
func test(o *options, pkg string) result {
	args := []string{"test", "-v", "-count=1", "-tags", "timetzdata", "-timeout", o.timeout.String(), "-exec", o.exec}
	if !o.full {
		args = append(args, "-short")
	}
	if o.run != "" {
		args = append(args, "-run", o.run)
	}
	var patterns []string
	reasons := map[string]int{}
	for _, s := range skips {
		if s.pkg == pkg && (!s.board || o.board != "") {
			patterns = append(patterns, anchored(s.test))
			reasons[s.why]++
		}
	}
	if len(patterns) > 0 {
		args = append(args, "-skip", strings.Join(patterns, "|"))
	}
	env := append(os.Environ(), "GOOS=tamago", "GOARCH=amd64", "GOOSPKG=", "GOOSBOARD=")
	if o.board != "" {
		args = append(args, "-ldflags", o.ldflags)
		env = append(env, "GOOSPKG="+o.goospkg, "GOOSBOARD="+o.board)
	}
	cmd := exec.Command(o.goCommand, append(args, pkg)...)
	cmd.Env = env
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	began := time.Now()
	err := cmd.Run()
	r := result{pkg: pkg, took: time.Since(began), output: out.Bytes(), reasons: reasons}
	// Skipped by name, so that the test binary does not mention them.
	r.skips = len(patterns)
	r.read(out.String())
	var exit *exec.ExitError
	switch {
	case err == nil && r.passed == 0 && o.run == "":
		r.failed, r.broken = r.failed+1, "no test ran"
	case err == nil:
	case errors.As(err, &exit):
		if r.failed == 0 {
			r.failed, r.broken = 1, lastLine(out.String())+", "+lastTest(out.String())
		}
	default:
		r.failed, r.broken = r.failed+1, err.Error()
	}
	return r
}

// anchored makes each element of a test name match only itself.
func anchored(name string) string {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = "^" + p + "$"
	}
	return strings.Join(parts, "/")
}

// logged is a line that a test logs, and with it the reason for skipping it.
var logged = regexp.MustCompile(`^ +\S+\.go:\d+: (.*)`)

// read counts the verdicts on top-level tests, and on examples.
func (r *result) read(out string) {
	why := ""
	for line := range strings.Lines(out) {
		if m := logged.FindStringSubmatch(line); m != nil {
			why = m[1]
		}
		if strings.HasPrefix(line, "=== RUN") {
			why = ""
		}
		verdict, rest, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ": ")
		if !ok {
			continue
		}
		switch verdict {
		case "--- PASS":
			r.passed++
		case "--- SKIP":
			r.skips++
			r.reasons[class(why)]++
		case "--- FAIL":
			r.failed++
			name, _, _ := strings.Cut(rest, " ")
			r.fails = append(r.fails, name)
		}
	}
}

// lastTest returns what a test binary that died ran last.
func lastTest(out string) string {
	i := strings.LastIndex(out, "=== RUN ")
	if i < 0 {
		return "before any test"
	}
	line, _, _ := strings.Cut(out[i+len("=== RUN "):], "\n")
	return "in " + strings.TrimSpace(line)
}

// lastLine returns the most telling line of a test binary that died.
func lastLine(out string) string {
	last := ""
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "fatal error:") || strings.HasPrefix(line, "panic:") {
			return line
		}
		if line != "" && !strings.HasPrefix(line, "FAIL") {
			last = line
		}
	}
	return last
}

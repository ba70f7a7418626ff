// Command testall runs every test there is, tier by tier, and ends with one
// line alone on its line: "N passed, N failed, N skipped". Its status is 0 only
// if nothing failed.
//
//	testall [-only lint,host,emulator,boot,conform] [-run REGEXP] [-fuzz DURATION] [-cuts N]
//
// Tiers (see docs/testing.md):
//
//	lint      go vet for both systems, the rules of the house
//	host      go test -race ./..., on this machine
//	emulator  the packages that only run on bare metal, each booted as an image
//	boot      the whole kernel, booted with console commands; disk effects checked
//	conform   ring-3 programs that compare the kernel with Zircon's behaviour
//
// make calls it with TAMAGO set to the go command that knows GOOS=tamago; the
// emulator and boot tiers need it. The verdicts are in build/test.xml (JUnit) and
// build/test.tap besides. A tier that cannot run is a failure, not a
// silent omission. -fuzz runs every fuzz target for the duration, instead; -cuts
// looks at so many moments of a power cut.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"faultline/cmd/verdicts"
)

// report keeps verdicts and prints them as they come.
type report struct {
	mu    sync.Mutex
	out   io.Writer
	tier  string // that runs
	list  []verdicts.Verdict
	count [verdicts.Skipped + 1]int
}

// add keeps a verdict; a name that begins with its tier's says that once. Locks: r.mu
// held.
func (r *report) add(name string, result verdicts.Result, text string, took time.Duration) {
	r.list = append(r.list, verdicts.Verdict{Suite: r.tier, Name: strings.TrimPrefix(name, r.tier+" "), Result: result, Text: text, Took: took})
	r.count[result]++
}

func (r *report) pass(name string, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.add(name, verdicts.Passed, "", took)
	fmt.Fprintf(r.out, "ok    %s (%.1fs)\n", name, took.Seconds())
}

func (r *report) skip(name, why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.add(name, verdicts.Skipped, why, 0)
	fmt.Fprintf(r.out, "skip  %s: %s\n", name, why)
}

// fail keeps a failure and prints everything known about it.
func (r *report) fail(name, output string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.add(name, verdicts.Failed, output, 0)
	fmt.Fprintf(r.out, "FAIL  %s\n", name)
	if output = strings.TrimRight(output, "\n"); output != "" {
		fmt.Fprintf(r.out, "      | %s\n", strings.ReplaceAll(output, "\n", "\n      | "))
	}
}

// summary prints the last lines and gives the exit status.
func (r *report) summary(took time.Duration) int {
	passed, failed, skipped := r.count[verdicts.Passed], r.count[verdicts.Failed], r.count[verdicts.Skipped]
	if failed > 0 {
		fmt.Fprintf(r.out, "\nfailed:\n")
		for _, v := range r.list {
			if v.Result == verdicts.Failed {
				fmt.Fprintf(r.out, "  %s\n", v.Name)
			}
		}
	}
	fmt.Fprintf(r.out, "\nin %v\n%d passed, %d failed, %d skipped\n", took.Round(time.Second), passed, failed, skipped)
	if failed > 0 || passed == 0 {
		return 1
	}
	return 0
}

// save writes the verdicts for other tools.
func (r *report) save() {
	if err := os.MkdirAll(buildDir, 0o755); err != nil {
		r.fail("verdicts", err.Error())
	} else if err := verdicts.WriteFiles(filepath.Join(buildDir, "test"), r.list); err != nil {
		r.fail("verdicts", err.Error())
	}
}

// tiers in the order they run. The cheap ones come first.
var tiers = []struct {
	name string
	run  func(*report)
}{
	{"lint", lint},
	{"host", hostTests},
	{"emulator", emulatorTests},
	{"boot", bootTests},
	{"conform", conformTests},
}

// only is the -run filter of the boot tier; nil lets everything through.
var only *regexp.Regexp

// tamago is the go command that knows GOOS=tamago: one or more words.
var tamago = strings.Fields(os.Getenv("TAMAGO"))

func main() {
	which := flag.String("only", "", "comma-separated tiers; all when empty")
	filter := flag.String("run", "", "only the boots whose name matches")
	fuzzFor := flag.Duration("fuzz", 0, "run each fuzz target this long, and nothing else")
	matrix := flag.Bool("matrix", false, "boot by every loader on every machine and disk, and nothing else")
	cuts := flag.Int("cuts", 0, "cut the power at so many moments, and nothing else")
	hostile := flag.Bool("hostile", false, "hoard every kind of thing in every way, make ten million random calls beside a bystander, and nothing else")
	mutated := flag.Int("mutants", 0, "take each step of a shootdown out, see a test fail so many times, and nothing else")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "testall: unexpected argument %q\n", flag.Arg(0))
		os.Exit(2)
	}
	flag.Visit(func(f *flag.Flag) {
		if v := f.Value.String(); slices.Contains([]string{"fuzz", "cuts", "mutants"}, f.Name) && (v[0] == '-' || v == "0" || v == "0s") {
			fmt.Fprintf(os.Stderr, "testall: -%s %s is not above 0\n", f.Name, v)
			os.Exit(2)
		}
	})
	if *filter != "" {
		var err error
		if only, err = regexp.Compile(*filter); err != nil {
			fmt.Fprintln(os.Stderr, "testall:", err)
			os.Exit(2)
		}
	}
	started := time.Now()
	r := &report{out: os.Stdout}
	if *fuzzFor > 0 {
		fuzz(r, *fuzzFor)
		os.Exit(r.summary(time.Since(started)))
	}
	if *mutated > 0 {
		killMutants(r, *mutated)
		os.Exit(r.summary(time.Since(started)))
	}
	if *matrix {
		if d, ok := bootParts(r); ok {
			runBoots(r, append(loaderBoots(d, true), bochsBoots()...))
		}
		os.Exit(r.summary(time.Since(started)))
	}
	if *hostile {
		if d, ok := bootParts(r); ok {
			runBoots(r, append(hoardBoots(d), hostileBoots("10000000", "4500")...))
		}
		os.Exit(r.summary(time.Since(started)))
	}
	if *cuts > 0 {
		if build(r, kernelImage(), filepath.Join(buildDir, "bin", "qemu"), filepath.Join(buildDir, "bin", "mkdisk")) {
			for _, c := range []struct{ name, machine, device string }{{"virtio", "", onMicrovm}, {"NVMe", "q35", onNVMe}} {
				boot{name: fmt.Sprintf("%d power cuts, %s", *cuts, c.name), special: func() (string, error) { return powerCuts(*cuts, c.machine, c.device) }}.report(r)
			}
		}
		os.Exit(r.summary(time.Since(started)))
	}
	wanted := map[string]bool{}
	for _, name := range strings.FieldsFunc(*which, func(c rune) bool { return c == ',' }) {
		wanted[name] = true
	}
	for _, t := range tiers {
		if len(wanted) == 0 || wanted[t.name] {
			fmt.Printf("== %s\n", t.name)
			r.tier = t.name
			t.run(r)
		}
		delete(wanted, t.name)
		if len(wanted) == 0 && *which != "" {
			break
		}
	}
	for name := range wanted {
		r.fail("tier "+name, "there is no such tier")
	}
	r.save()
	os.Exit(r.summary(time.Since(started)))
}

// command is a child process with a time limit: when the limit passes, the
// process and all it started are killed.
type command struct {
	args  []string
	env   []string // added to the environment
	limit time.Duration
	lines func(string) // called with each line of output, if set
}

// errLimit is the error of a command that took too long.
var errLimit = errors.New("time limit passed")

// run runs c and gives what it wrote to stdout and stderr together.
func (c command) run() (output string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), c.limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.args[0], c.args[1:]...)
	cmd.Env = append(os.Environ(), c.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	w := &lineWriter{each: c.lines}
	cmd.Stdout, cmd.Stderr = w, w
	err = cmd.Run()
	if ctx.Err() != nil {
		err = fmt.Errorf("%w: %v", errLimit, c.limit)
	}
	return w.text.String(), err
}

// lineWriter keeps everything written and passes on whole lines.
type lineWriter struct {
	text    strings.Builder
	partial string
	each    func(string)
}

func (w *lineWriter) Write(p []byte) (int, error) {
	w.text.Write(p)
	if w.each != nil {
		w.partial += string(p)
		for {
			line, rest, found := strings.Cut(w.partial, "\n")
			if !found {
				break
			}
			w.partial = rest
			w.each(line)
		}
	}
	return len(p), nil
}

// step runs one command as one verdict: it passes when its status is 0.
func step(r *report, name string, c command) bool {
	started := time.Now()
	output, err := c.run()
	if err != nil {
		r.fail(name, output+err.Error())
		return false
	}
	r.pass(name, time.Since(started))
	return true
}

// build has make build targets; a verdict is counted only when it fails.
func build(r *report, targets ...string) bool {
	fmt.Printf("building %s\n", strings.Join(targets, " "))
	c := command{args: append([]string{"make", "-s"}, targets...), limit: 10 * time.Minute}
	output, err := c.run()
	if err != nil {
		r.fail("make "+strings.Join(targets, " "), output+err.Error())
	}
	return err == nil
}

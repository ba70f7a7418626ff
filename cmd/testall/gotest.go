package main

import (
	"encoding/json"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"time"

	"faultline/cmd/verdicts"
)

// The module of the board support; GOOSPKG names it to the toolchain.
const boardModule = "github.com/usbarmory/tamago"

// imageFlags are the flags of every image, whatever the toolchain.
var imageFlags = []string{"-trimpath", "-ldflags", "-T 0x1001000 -R 0x1000"}

// imageEnv makes a go command build for the bare machine.
var imageEnv = []string{"GOOS=tamago", "GOARCH=amd64", "GOAMD64=v1", "GOOSPKG=" + boardModule}

// ring3Env makes a go command build for ring 3 of the kernel.
func ring3Env() []string {
	machine, err := filepath.Abs(filepath.Join("user", "go"))
	if err != nil {
		panic(fmt.Sprintf("testall.ring3Env: %v", err))
	}
	return []string{"GOOS=tamago", "GOARCH=amd64", "GOAMD64=v1", "GOOSPKG=" + machine}
}

// staticcheck is the checker and its version; nothing of ours links to it, so go.mod
// does not name it.
const staticcheck = "honnef.co/go/tools/cmd/staticcheck@v0.8.2"

// lint checks what needs no run: vet for the host and for the bare machine,
// and the rules of the house (rooms_test.go), which also check gofmt.
func lint(r *report) {
	if packages, ok := hostPackages(r); ok {
		step(r, "go vet", command{args: append([]string{"go", "vet"}, packages...), limit: 5 * time.Minute})
		// What assembly alone calls looks unused (U1000).
		step(r, "staticcheck", command{args: append([]string{"go", "run", staticcheck, "-checks=inherit,-U1000"}, packages...), limit: 10 * time.Minute})
	}
	step(r, "headers in C and C++", command{args: []string{"go", "test", "-count=1", "-run=Headers", "./user"}, limit: 10 * time.Minute})
	if len(tamago) > 0 {
		var bare, ring3 []string
		for _, p := range bareMetal() {
			if strings.HasPrefix(p, "./user/go/") {
				ring3 = append(ring3, p)
			} else {
				bare = append(bare, p)
			}
		}
		// Its tools that are not there yet, nm for one, build for the host.
		step(r, "the toolchain builds for the host", command{args: append(append([]string{}, tamago...), "build", "runtime"), limit: 5 * time.Minute})
		step(r, "go vet, GOOS=tamago", command{args: append(append([]string{}, tamago...), append([]string{"vet"}, bare...)...), env: imageEnv, limit: 5 * time.Minute})
		if !oursOnly(r, "go vet, ring 3", goOnly) {
			step(r, "go vet, ring 3", command{args: append(append([]string{}, tamago...), append([]string{"vet"}, ring3...)...), env: ring3Env(), limit: 5 * time.Minute})
		}
	}
	goTest(r, "", command{args: []string{"go", "test", "-count=1", "-json", "."}, limit: 5 * time.Minute})
}

// goOnly is why a Go program of ring 3 needs our toolchain.
const goOnly = "its runtime asks Linux for the thread's memory"

// notOurs is the version of a toolchain that is not ours, else "".
var notOurs = sync.OnceValue(func() string {
	version, err := exec.Command(tamago[0], append(tamago[1:], "env", "GOVERSION")...).Output()
	if err != nil || strings.Contains(string(version), "faultline") {
		return ""
	}
	return strings.TrimSpace(string(version))
})

// oursOnly skips a test that needs a hook which only our toolchain has, and says
// whether it did.
func oursOnly(r *report, name, hook string) bool {
	if len(tamago) == 0 || notOurs() == "" {
		return false
	}
	r.skip(name, notOurs()+" is not our toolchain: "+hook)
	return true
}

// hostTests runs everything that runs here, under the race detector.
func hostTests(r *report) {
	packages, ok := hostPackages(r)
	if !ok {
		return
	}
	// On a machine without a C compiler the race detector cannot link, and
	// the failure says so.
	args := append([]string{"go", "test", "-race", "-count=1", "-timeout=5m", "-json"}, packages...)
	goTest(r, "", command{args: args, env: []string{"CGO_ENABLED=1"}, limit: 10 * time.Minute})
}

// hostPackages lists the packages below the root that build on this machine.
func hostPackages(r *report) (packages []string, ok bool) {
	list, err := command{args: []string{"go", "list", "-e", "-f", "{{if .GoFiles}}{{.ImportPath}}{{end}}", "./..."}, limit: time.Minute}.run()
	if err != nil {
		r.fail("go list", list+err.Error())
		return nil, false
	}
	for _, p := range strings.Fields(list) {
		// The root package is lint's; build holds scratch.
		if _, room, below := strings.Cut(p, "/"); below && !strings.HasPrefix(room, "build/") {
			packages = append(packages, p)
		}
	}
	return packages, true
}

// bareMetal lists the packages with files for the bare machine only, as
// go command arguments.
func bareMetal() []string {
	found := map[string]bool{}
	walk(func(path string) {
		if tamagoOnly(path) {
			found["./"+filepath.Dir(path)] = true
		}
	})
	var list []string
	for p := range found {
		list = append(list, p)
	}
	sort.Strings(list)
	return list
}

// bareMetalTests lists those of bareMetal that have tests for the bare machine.
func bareMetalTests() []string {
	found := map[string]bool{}
	walk(func(path string) {
		if strings.HasSuffix(path, "_test.go") && tamagoOnly(path) {
			found["./"+filepath.Dir(path)] = true
		}
	})
	var list []string
	for p := range found {
		list = append(list, p)
	}
	sort.Strings(list)
	return list
}

// walk visits the module's Go files.
func walk(visit func(path string)) {
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != "." && (strings.HasPrefix(name, "_") || strings.HasPrefix(name, ".") || name == "build" || name == "testdata") {
			return filepath.SkipDir
		}
		if !d.IsDir() && filepath.Ext(name) == ".go" {
			visit(path)
		}
		return nil
	})
	if err != nil {
		panic(fmt.Sprintf("testall.walk: %v", err))
	}
}

// tamagoOnly says whether the file's build constraint asks for tamago.
func tamagoOnly(path string) bool {
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.PackageClauseOnly|parser.ParseComments)
	if err != nil {
		return false // the compiler will say it better
	}
	for _, group := range f.Comments {
		for _, c := range group.List {
			if rest, ok := strings.CutPrefix(c.Text, "//go:build "); ok {
				for _, word := range strings.FieldsFunc(rest, func(c rune) bool { return strings.ContainsRune(" ()&|", c) }) {
					if word == "tamago" {
						return true
					}
				}
			}
		}
	}
	return false
}

// emulatorTests boots the test binary of each bare-metal package in QEMU.
func emulatorTests(r *report) {
	if len(tamago) == 0 {
		r.fail("emulator tests", "TAMAGO is not set: run make test")
		return
	}
	if !build(r, filepath.Join(buildDir, "bin", "qemu"), filepath.Join(buildDir, "bin", "mkdisk")) {
		return
	}
	disks, err := makeDisks()
	if err != nil {
		r.fail("test disk", err.Error())
		return
	}
	disk, err := filepath.Abs(disks.test)
	if err != nil {
		r.fail("test disk", err.Error())
		return
	}
	// Once with the clock of the host, so that interrupts come anywhere, once with
	// the instruction count as the clock, so that counts are exact, and once with
	// several CPUs.
	for _, regime := range []struct{ name, icount, cpus string }{{"emulator ", "", ""}, {"emulator, counted: ", "1", ""}, {"emulator, 4 CPUs: ", "", "4"}} {
		env := append([]string{"DISK=" + disk, "SNAPSHOT=1", "ICOUNT=" + regime.icount, "SMP=" + regime.cpus,
			"MACHINE=", "CPU=", "MEM=", "ACCEL=", "CMDS=", "PROGRAM=", "TIMEOUT="}, imageEnv...)
		for _, p := range bareMetalTests() {
			args := append([]string{}, tamago...)
			args = append(args, "test", "-count=1", "-json", "-exec", runner())
			args = append(append(args, imageFlags...), p)
			goTest(r, regime.name, command{args: args, env: env, limit: 5 * time.Minute})
		}
	}
}

// event is a line of `go test -json`.
type event struct {
	Action      string
	Package     string
	ImportPath  string // of build-output
	Test        string
	Output      string
	Elapsed     float64
	FailedBuild string
}

// goTest runs `go test -json` and counts each test that has no subtests, and
// each subtest: a package that breaks outside a test counts as one failure.
func goTest(r *report, prefix string, c command) {
	type test struct{ pkg, name string }
	actions := map[test]string{} // how each test ended
	took := map[test]time.Duration{}
	failedIn := map[string]int{} // package -> failures reported
	output := map[test]*strings.Builder{}
	built := map[string]*strings.Builder{}
	var stray strings.Builder
	packages := 0

	keep := func(e event) {
		key := test{e.Package, e.Test}
		switch e.Action {
		case "build-output":
			if built[e.ImportPath] == nil {
				built[e.ImportPath] = new(strings.Builder)
			}
			built[e.ImportPath].WriteString(e.Output)
		case "output":
			if output[key] == nil {
				output[key] = new(strings.Builder)
			}
			output[key].WriteString(e.Output)
		}
	}
	// finish counts a package's tests when it ends.
	finish := func(e event) {
		packages++
		ran := 0
		var names []string
		parents := map[string]bool{}
		failedChild := map[string]bool{}
		for t := range actions {
			if t.pkg != e.Package {
				continue
			}
			names = append(names, t.name)
			for at, c := range t.name {
				if c == '/' {
					parents[t.name[:at]] = true
					failedChild[t.name[:at]] = failedChild[t.name[:at]] || actions[t] == "fail"
				}
			}
		}
		sort.Strings(names)
		for _, name := range names {
			t := test{e.Package, name}
			if parents[name] && (actions[t] != "fail" || failedChild[name]) {
				continue // its subtests are counted
			}
			ran++
			full := prefix + e.Package + " " + name
			text := ""
			if output[t] != nil {
				text = output[t].String()
			}
			r.mu.Lock()
			switch actions[t] {
			case "pass":
				r.add(full, verdicts.Passed, "", took[t])
			case "skip":
				r.add(full, verdicts.Skipped, reason(text), took[t])
				fmt.Fprintf(r.out, "skip  %s: %s\n", full, reason(text))
			}
			r.mu.Unlock()
			if actions[t] == "fail" {
				failedIn[e.Package]++
				r.fail(full, text)
			}
		}
		if e.Action == "fail" && failedIn[e.Package] == 0 {
			text := ""
			if b := built[e.FailedBuild]; b != nil {
				text = b.String()
			}
			if b := output[test{e.Package, ""}]; b != nil {
				text += b.String()
			}
			// A test that was still running has no verdict: its output tells.
			for t, b := range output {
				if t.pkg == e.Package && t.name != "" && actions[t] == "" {
					text += b.String()
				}
			}
			failedIn[e.Package]++
			r.fail(prefix+e.Package, text)
		}
		if ran > 0 && failedIn[e.Package] == 0 {
			r.mu.Lock()
			fmt.Fprintf(r.out, "ok    %s%s: %d tests (%.1fs)\n", prefix, e.Package, ran, e.Elapsed)
			r.mu.Unlock()
		}
	}
	c.lines = func(line string) {
		var e event
		if json.Unmarshal([]byte(line), &e) != nil || e.Action == "" {
			stray.WriteString(line + "\n")
			return
		}
		keep(e)
		switch e.Action {
		case "pass", "fail", "skip":
			if e.Test != "" {
				key := test{e.Package, e.Test}
				actions[key], took[key] = e.Action, time.Duration(e.Elapsed*float64(time.Second))
			} else {
				finish(e)
			}
		}
	}
	_, err := c.run()
	failures := 0
	for _, n := range failedIn {
		failures += n
	}
	if err != nil && failures == 0 {
		r.fail(prefix+strings.Join(c.args, " "), stray.String()+err.Error())
	} else if err == nil && packages == 0 {
		r.fail(prefix+strings.Join(c.args, " "), "no package was tested\n"+stray.String())
	}
}

// reason is what a skipped test gave as its reason.
func reason(output string) string {
	for _, line := range strings.Split(output, "\n") {
		if at := strings.Index(line, "_test.go:"); at >= 0 {
			return strings.TrimSpace(line)
		}
	}
	return "no reason given"
}

// fuzz runs every fuzz target for a while.
func fuzz(r *report, each time.Duration) {
	type target struct{ pkg, name string }
	var targets []target
	walk(func(path string) {
		if !strings.HasSuffix(path, "_test.go") || tamagoOnly(path) {
			return
		}
		data, err := os.ReadFile(path)
		if err != nil {
			r.fail(path, err.Error())
			return
		}
		for _, line := range strings.Split(string(data), "\n") {
			if rest, ok := strings.CutPrefix(line, "func Fuzz"); ok {
				name, _, _ := strings.Cut(rest, "(")
				targets = append(targets, target{"./" + filepath.Dir(path), "Fuzz" + name})
			}
		}
	})
	for _, t := range targets {
		args := []string{"go", "test", "-run=^$", "-fuzz=^" + t.name + "$", "-fuzztime=" + each.String(), t.pkg}
		step(r, fmt.Sprintf("fuzz %s %s", t.pkg, t.name), command{args: args, limit: each + 3*time.Minute})
	}
}

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// rebuilt are the commands that must know tamago; all others are taken from
// the stock distribution.
var rebuilt = []string{"compile", "asm", "link"}

// builder makes one port's toolchain.
type builder struct {
	port  *port
	cache string // this project's cache directory
	stock string // stock GOROOT, known once build begins
}

func newBuilder(p *port, userCache string) *builder {
	return &builder{port: p, cache: filepath.Join(userCache, "faultline")}
}

func (b *builder) root() string      { return filepath.Join(b.cache, "toolchain-"+b.port.hash) }
func (b *builder) goCommand() string { return filepath.Join(b.root(), "bin", "go") }
func (b *builder) lockPath() string  { return filepath.Join(b.cache, "toolchain.lock") }
func (b *builder) toolsRoot() string { return filepath.Join(b.cache, "tools-"+b.port.toolHash) }

// version is what the derived tools call themselves. It differs from stock so
// that the go build cache never confuses the two compilers' output.
func (b *builder) version() string { return goVersion + "-faultline." + b.port.toolHash }

// ready reports whether the toolchain is complete: the last thing a build does
// is to rename a finished tree into place.
func (b *builder) ready() bool {
	_, err := os.Stat(b.goCommand())
	return err == nil
}

func (b *builder) report() error {
	state := "not built"
	if b.ready() {
		state = "ready"
	}
	fmt.Fprintf(os.Stderr, "port %s on %s: %s\n%s\n", b.port.hash, goVersion, state, b.root())
	for _, o := range b.cached("toolchain-*") {
		if o.path != b.root() {
			fmt.Fprintf(os.Stderr, "other: %s, used %s\n", o.path, o.used.Format(time.DateTime))
		}
	}
	return nil
}

func (b *builder) build() error {
	step("building Go for GOOS=tamago (port %s)", b.port.hash)
	var err error
	if b.stock, err = stockRoot(); err != nil {
		return err
	}
	step("stock %s in %s", goVersion, b.stock)
	if err := os.MkdirAll(b.cache, 0o755); err != nil {
		return err
	}
	if err := b.buildTools(); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(b.cache, "tmp-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if err := b.populate(tmp); err != nil {
		return err
	}
	if err := os.RemoveAll(b.root()); err != nil {
		return err
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return err
	}
	if err := os.Rename(tmp, b.root()); err != nil {
		return err
	}
	step("ready: %s", b.root())
	b.prune()
	return nil
}

// stockRoot finds the GOROOT of exactly goVersion: the installed one, or the
// one that the installed go command fetches from the module proxy.
func stockRoot() (string, error) {
	for _, toolchain := range []string{"local", goVersion} {
		cmd := exec.Command("go", "env", "GOVERSION", "GOROOT")
		// An inherited GOROOT may belong to another go command. The user's own
		// settings (go env -w) say which proxy to ask.
		cmd.Env = append(hostEnv(), "GOENV="+os.Getenv("GOENV"), "GOTOOLCHAIN="+toolchain)
		cmd.Dir = os.TempDir() // outside any module, whose go line could ask for another version
		var stderr strings.Builder
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		version, root, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
		if err == nil && version == goVersion {
			return root, nil
		}
		if toolchain != "local" {
			if err == nil {
				err = fmt.Errorf("go env reports %q", version)
			}
			return "", fmt.Errorf("the port needs %s; asking the installed go for it with GOTOOLCHAIN=%s failed: %v\n%s", goVersion, goVersion, err, stderr.String())
		}
		step("installed go is %q; fetching %s from the module proxy", version, goVersion)
	}
	panic("unreachable")
}

// hostEnv is the environment for building programs that run here, whatever
// target the caller is building for.
func hostEnv() []string {
	drop := []string{"GOROOT", "GOOS", "GOARCH", "GOOSPKG", "GOOSBOARD", "GOFLAGS", "GOEXPERIMENT", "GOTOOLCHAIN", "GOTOOLDIR", "GOWORK", "GO111MODULE"}
	var env []string
next:
	for _, kv := range os.Environ() {
		for _, d := range drop {
			if strings.HasPrefix(kv, d+"=") {
				continue next
			}
		}
		env = append(env, kv)
	}
	return append(env, "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH, "GOENV=off", "GOWORK=off")
}

// buildTools compiles the go command, compiler, assembler and linker from
// the stock tree seen through an overlay of edited files. The result depends
// on the tool edits only, so it outlives changes of the standard library.
func (b *builder) buildTools() error {
	if touch(b.toolsRoot()) == nil {
		step("tools %s: cached", b.port.toolHash)
		return nil
	}
	tmp, err := os.MkdirTemp(b.cache, "tmp-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	overlay := map[string]string{}
	add := func(rel, text string) error {
		name := filepath.Join(tmp, fmt.Sprintf("%d.go", len(overlay)))
		overlay[filepath.Join(b.stock, filepath.FromSlash(rel))] = name
		return os.WriteFile(name, []byte(text), 0o644)
	}
	for _, e := range b.port.tools {
		text, err := b.edited(e)
		if err != nil {
			return err
		}
		if err := add(e.path, text); err != nil {
			return err
		}
	}
	// Version that the tools report, written by cmd/dist in a stock build.
	const boot = "src/internal/buildcfg/zbootstrap.go"
	text, err := b.edited(fileEdit{path: boot, hunks: []hunk{{
		find:    "const version = `" + goVersion + "`\n",
		replace: "const version = `" + b.version() + "`\n",
		where:   "build.go",
	}}})
	if err != nil {
		return err
	}
	if err := add(boot, text); err != nil {
		return err
	}
	list, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		return err
	}
	overlayFile := filepath.Join(tmp, "overlay.json")
	if err := os.WriteFile(overlayFile, list, 0o644); err != nil {
		return err
	}
	out := filepath.Join(tmp, "out")
	if err := os.Mkdir(out, 0o755); err != nil {
		return err
	}
	step("compiling go, %s (about a minute the first time)", strings.Join(rebuilt, ", "))
	args := []string{"build", "-trimpath", "-overlay", overlayFile, "-ldflags", "-s -w -X runtime.buildVersion=" + b.version(), "-o", out, "cmd/go"}
	for _, t := range rebuilt {
		args = append(args, "cmd/"+t)
	}
	cmd := exec.Command(filepath.Join(b.stock, "bin", "go"), args...)
	// The stock tree may be in the module cache, where an overlay may change
	// nothing: name another. What is compiled needs no module.
	cmd.Env = append(hostEnv(), "GOTOOLCHAIN=local", "CGO_ENABLED=0", "GOFLAGS=", "GOMODCACHE="+filepath.Join(tmp, "mod"))
	cmd.Dir = filepath.Join(b.stock, "src")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("compiling the tools: %w", err)
	}
	return os.Rename(out, b.toolsRoot())
}

// edited returns a stock file with its hunks applied.
func (b *builder) edited(e fileEdit) (string, error) {
	data, err := os.ReadFile(filepath.Join(b.stock, filepath.FromSlash(e.path)))
	if err != nil {
		return "", fmt.Errorf("editing a stock file: %w", err)
	}
	return e.apply(string(data))
}

// populate lays out the derived GOROOT in dir.
func (b *builder) populate(dir string) error {
	changed, err := b.changedFiles()
	if err != nil {
		return err
	}
	step("laying out GOROOT (%d changed files)", len(changed))
	for _, top := range []string{"src", "lib", "pkg", "go.env", "LICENSE", "PATENTS"} {
		if err := cloneTree(filepath.Join(b.stock, top), filepath.Join(dir, top), func(rel string) bool {
			_, skip := changed[filepath.ToSlash(filepath.Join(top, rel))]
			return skip
		}); err != nil {
			return err
		}
	}
	for rel, text := range changed {
		name := filepath.Join(dir, filepath.FromSlash(rel))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, "bin"), 0o755); err != nil {
		return err
	}
	tools := filepath.Join("pkg", "tool", runtime.GOOS+"_"+runtime.GOARCH)
	for _, t := range rebuilt {
		to := filepath.Join(dir, tools, t)
		if err := os.RemoveAll(to); err != nil { // a link to the stock tool
			return err
		}
		if err := copyFile(filepath.Join(b.toolsRoot(), t), to); err != nil {
			return err
		}
	}
	if err := copyFile(filepath.Join(b.toolsRoot(), "go"), filepath.Join(dir, "bin", "go")); err != nil {
		return err
	}
	return cloneTree(filepath.Join(b.stock, "bin", "gofmt"), filepath.Join(dir, "bin", "gofmt"), nil)
}

// changedFiles computes every file of the derived GOROOT that differs from
// stock or is new.
func (b *builder) changedFiles() (map[string]string, error) {
	changed := map[string]string{
		"VERSION": b.version() + "\n",
	}
	for _, e := range append(append([]fileEdit{}, b.port.tools...), b.port.std...) {
		if _, dup := changed[e.path]; dup {
			return nil, fmt.Errorf("%s is edited in two places", e.path)
		}
		text, err := b.edited(e)
		if err != nil {
			return nil, err
		}
		changed[e.path] = text
	}
	for _, r := range b.port.rules {
		text, ok := changed[r.path]
		if !ok || r.op == "copy" {
			data, err := os.ReadFile(filepath.Join(b.stock, filepath.FromSlash(r.path)))
			if err != nil {
				return nil, fmt.Errorf("constraint table: %w", err)
			}
			text = string(data)
		}
		text, err := constrain(r.op, r.path, text)
		if err != nil {
			return nil, err
		}
		to := r.path
		if r.op == "copy" {
			to = r.to
			if _, dup := changed[to]; dup {
				return nil, fmt.Errorf("constraint table: %s is made twice", to)
			}
		}
		changed[to] = text
	}
	for rel, data := range b.port.files {
		if _, err := os.Stat(filepath.Join(b.stock, filepath.FromSlash(rel))); err == nil {
			return nil, fmt.Errorf("new file %s exists in stock Go: use an edit", rel)
		}
		if _, dup := changed[rel]; dup {
			return nil, fmt.Errorf("new file %s is also made by a rule", rel)
		}
		changed[rel] = string(data)
	}
	// Never leave the derived tree by fetching another toolchain.
	data, err := os.ReadFile(filepath.Join(b.stock, "go.env"))
	if err != nil {
		return nil, err
	}
	changed["go.env"] = strings.Replace(string(data), "GOTOOLCHAIN=auto", "GOTOOLCHAIN=local", 1)
	return changed, nil
}

// cloneTree makes dst show what src holds, by hard link where the file system
// allows it (the files are only read) and by copy elsewhere.
func cloneTree(src, dst string, skip func(rel string) bool) error {
	return filepath.WalkDir(src, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(src, name)
		if err != nil {
			return err
		}
		to := filepath.Join(dst, rel)
		if d.IsDir() {
			return os.MkdirAll(to, 0o755)
		}
		if skip != nil && skip(rel) {
			return nil
		}
		if d.Type()&fs.ModeSymlink == 0 && os.Link(name, to) == nil {
			return nil
		}
		return copyFile(name, to)
	})
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, info.Mode().Perm()|0o200)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}

// lockFile waits for the only build at a time and returns how to let go.
func lockFile(name string) (func(), error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		step("waiting for another build (%s)", name)
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
			f.Close()
			return nil, fmt.Errorf("locking %s: %w", name, err)
		}
	}
	return func() { f.Close() }, nil
}

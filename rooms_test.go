package faultline

import (
	"encoding/json"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const module = "faultline"

// maxLines is the length a file written by hand stays under.
const maxLines = 800

// edges is the import rule of the house: each room, and all it may import.
// A name without a dot in its first element is a room of this module; the
// rest are modules. "a/*" stands for every package below a. The standard
// library is open to all. Test files are exempt.
//
// The rows go from the leaf up; a room may only name rooms above its own row.
var edges = []struct {
	room string
	may  []string
}{
	{"zx", nil},
	{"account", []string{"zx"}},
	{"trace", []string{"zx"}},
	{"avl", nil},
	{"spin", nil},
	{"cpu", []string{"zx"}},
	{"mmu", []string{"account", "zx", "spin"}},
	{"object", []string{"account", "avl", "zx", "spin"}},
	{"vmo", []string{"account", "avl", "trace", "mmu", "zx", "spin"}},
	{"vmar", []string{"account", "avl", "mmu", "vmo", "zx", "spin"}},
	{"pager", []string{"account", "avl", "trace", "vmo", "object", "zx", "spin"}},
	{"dma", []string{"vmo", "object", "zx"}},
	{"syscall", []string{"account", "dma", "pager", "vmar", "vmo", "object", "zx"}},
	{"files", []string{"vmo", "pager", "object", "zx", "spin"}},
	{"kernel", []string{"account", "avl", "dma", "trace", "zx", "cpu", "mmu", "object", "vmo", "vmar", "pager", "syscall", "golang.org/x/arch", tamago, "spin"}},
	{"console", []string{"account", "trace", "kernel", "files", "zx", "cpu", "mmu", "object", "vmo", "vmar", "pager", "syscall", "golang.org/x/term", "golang.org/x/text"}},
	{"board/*", []string{"cpu", "zx", tamago, "golang.org/x/image"}},
	{"user", []string{"zx"}},
	{"toolchain/soak", []string{"board/*"}},
	{"toolchain", nil},
	{"unikernel", []string{"board/*", "cpu", "files", "kernel", "mmu", "zx"}},
	{"examples/*", []string{"board/*", "kernel", "pager", "syscall", "unikernel", "user", "zx"}},
	{"cmd/faultline", []string{"trace", "board/*", "kernel", "console", "files", "unikernel", "user", "zx", tamago}},
	{"cmd/bench", []string{"gonum.org/v1/plot"}},
	{"cmd/profile", []string{"github.com/google/pprof"}},
	{"cmd/watch", []string{"trace", "zx"}},
	{"cmd/verdicts", nil},
	{"cmd/testall", []string{"cmd/verdicts", "golang.org/x/image"}},
	{"cmd/*", []string{"zx", "user", "syscall", "cmd/verdicts"}},
	{"", nil}, // the root package
}

const tamago = "github.com/usbarmory/tamago"

// source is one Go file of the module that a build could use, test files left out.
type source struct {
	room string // import path inside the module
	file string // path inside the module, slashes
}

// gopackage is the part of `go list -json` used here.
type gopackage struct {
	Dir            string
	ImportPath     string
	GoFiles        []string
	CgoFiles       []string
	IgnoredGoFiles []string
	TestGoFiles    []string
	XTestGoFiles   []string
	SFiles         []string
	IgnoredOther   []string `json:"IgnoredOtherFiles"`
}

// packages lists the module's packages. Files that the host's build
// constraints leave out (those of the kernel proper) are in IgnoredGoFiles.
func packages(t *testing.T) []gopackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json", "./...")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var list []gopackage
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p gopackage
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(p.room(), "build/") { // scratch
			list = append(list, p)
		}
	}
	if len(list) == 0 {
		t.Fatal("go list found no package")
	}
	return list
}

// room is the path of p inside the module, "" for the root.
func (p *gopackage) room() string {
	return strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
}

// sources lists every Go file of p a build could use, for any system.
func (p *gopackage) sources() []source {
	var list []source
	for _, names := range [][]string{p.GoFiles, p.CgoFiles, p.IgnoredGoFiles} {
		for _, name := range names {
			if !strings.HasSuffix(name, "_test.go") {
				list = append(list, source{p.room(), path.Join(p.room(), name)})
			}
		}
	}
	return list
}

// matches says whether a row's pattern covers the room or module path.
func matches(pattern, name string) bool {
	if below, ok := strings.CutSuffix(pattern, "/*"); ok {
		return strings.HasPrefix(name, below+"/")
	}
	if strings.Contains(pattern, ".") { // a module: any package of it
		return name == pattern || strings.HasPrefix(name, pattern+"/")
	}
	return name == pattern
}

// rowOf is what the room may import; ok is false for a room the table lacks.
func rowOf(room string) (may []string, ok bool) {
	for _, row := range edges {
		// A package below a room follows the room's row.
		if matches(row.room, room) || row.room != "" && strings.HasPrefix(room, row.room+"/") {
			return row.may, true
		}
	}
	return nil, false
}

// edgeAllowed says whether the room may import path.
func edgeAllowed(room, imported string) bool {
	name, ours := strings.CutPrefix(imported, module+"/")
	if !ours && !strings.Contains(strings.Split(imported, "/")[0], ".") {
		return true // standard library
	}
	// A room in several packages is one room.
	if first, _, _ := strings.Cut(room, "/"); ours && strings.HasPrefix(name, first+"/") && first != "cmd" {
		return true
	}
	may, _ := rowOf(room)
	for _, pattern := range may {
		if matches(pattern, name) {
			return true
		}
	}
	return false
}

// TestImportEdges fails on an import that the table of edges does not allow.
func TestImportEdges(t *testing.T) {
	for _, p := range packages(t) {
		if _, ok := rowOf(p.room()); !ok {
			t.Errorf("%s: a room without a row in the table of edges", p.room())
			continue
		}
		for _, s := range p.sources() {
			f, err := parser.ParseFile(token.NewFileSet(), s.file, nil, parser.ImportsOnly)
			if err != nil {
				t.Errorf("%s: %v", s.file, err)
				continue
			}
			for _, spec := range f.Imports {
				imported, err := strconv.Unquote(spec.Path.Value)
				if err != nil {
					t.Errorf("%s: %v", s.file, err)
				} else if !edgeAllowed(s.room, imported) {
					t.Errorf("%s: rule import edges: %q may not import %q", s.file, s.room, imported)
				}
			}
		}
	}
}

// TestEdgesPointDown checks the table itself: a row names only rooms of
// earlier rows, so the rooms cannot form a cycle.
func TestEdgesPointDown(t *testing.T) {
	seen := map[string]bool{"board/*": true} // named by programs only
	for _, row := range edges {
		for _, name := range row.may {
			if !strings.Contains(name, ".") && !seen[name] {
				t.Errorf("row %q names %q, which is not a row above it", row.room, name)
			}
		}
		seen[row.room] = true
	}
}

// TestUnsafeFiles fails on an import of unsafe in a file that does not say so
// in its name.
func TestUnsafeFiles(t *testing.T) {
	for _, p := range packages(t) {
		for _, s := range p.sources() {
			f, err := parser.ParseFile(token.NewFileSet(), s.file, nil, parser.ImportsOnly)
			if err != nil {
				t.Errorf("%s: %v", s.file, err)
				continue
			}
			for _, spec := range f.Imports {
				// The blank import only licenses go:linkname, how TamaGo's hooks are given.
				blank := spec.Name != nil && spec.Name.Name == "_"
				if spec.Path.Value == `"unsafe"` && !blank && !strings.HasSuffix(s.file, "_unsafe.go") {
					t.Errorf("%s: rule unsafe: package unsafe is imported only in files named *_unsafe.go", s.file)
				}
			}
		}
	}
}

// TestAssemblyFiles fails on an assembly file without the Go file of the same
// name that declares and documents it.
func TestAssemblyFiles(t *testing.T) {
	for _, p := range packages(t) {
		for _, name := range append(p.SFiles, p.IgnoredOther...) {
			if filepath.Ext(name) != ".s" {
				continue
			}
			file := path.Join(p.room(), name)
			if !strings.HasSuffix(name, "_amd64.s") {
				t.Errorf("%s: rule assembly: the name ends in _amd64.s", file)
			}
			beside := strings.TrimSuffix(file, ".s") + ".go"
			if _, err := os.Stat(beside); err != nil {
				t.Errorf("%s: rule assembly: no %s beside it", file, path.Base(beside))
			}
		}
	}
}

// tracked lists the files git tracks, or would track: new files count, so that
// a fault shows before the commit.
func tracked(t *testing.T) []string {
	t.Helper()
	out, err := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		t.Skipf("git ls-files: %v (not a git checkout)", err)
	}
	var files []string
	for _, f := range strings.Split(strings.TrimRight(string(out), "\x00"), "\x00") {
		if st, err := os.Stat(f); err == nil && st.Mode().IsRegular() {
			files = append(files, f)
		}
	}
	return files
}

// generated says whether the file declares itself generated.
func generated(text string) bool {
	head, _, _ := strings.Cut(text, "\n\n")
	return strings.Contains(head, "Code generated") && strings.Contains(head, "DO NOT EDIT")
}

// TestFileRules checks what holds for every file written by hand: gofmt, and
// a length that can be read.
func TestFileRules(t *testing.T) {
	for _, file := range tracked(t) {
		switch filepath.Ext(file) {
		case ".go", ".s", ".S", ".c", ".h":
		default:
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
			continue
		}
		if n := strings.Count(string(data), "\n"); n >= maxLines && !generated(string(data)) {
			t.Errorf("%s: rule length: %d lines, files stay under %d", file, n, maxLines)
		}
		if filepath.Ext(file) != ".go" {
			continue
		}
		want, err := format.Source(data)
		if err != nil {
			t.Errorf("%s: %v", file, err)
		} else if string(want) != string(data) {
			t.Errorf("%s: rule gofmt: run gofmt -w on it", file)
		}
	}
}

// TestNoMachineTraces fails when a tracked file names this machine: where the
// module or the user's home lies on it, or the host of a private registry.
func TestNoMachineTraces(t *testing.T) {
	traces := map[string]string{}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	traces[here+"/"] = "the path of this checkout"
	if home, err := os.UserHomeDir(); err == nil && home != "/" {
		traces[home+"/"] = "the home directory"
	}
	// A working tree lies below a directory of its own; a scratch clone does not.
	if first := strings.Split(here, "/")[1]; first != "tmp" && first != "usr" && first != "var" {
		traces["/"+first+"/"] = "the directory this checkout lies below"
	}
	for _, variable := range []string{"GOPROXY", "GOSUMDB"} {
		out, err := exec.Command("go", "env", variable).Output()
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range strings.FieldsFunc(strings.TrimSpace(string(out)), func(r rune) bool { return r == ',' || r == '|' || r == ' ' }) {
			u, err := url.Parse(entry)
			if err == nil && u.Host != "" && !strings.HasSuffix(u.Hostname(), "golang.org") {
				traces[u.Host] = "the host of " + variable
			}
		}
	}
	for _, file := range tracked(t) {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
			continue
		}
		for i, line := range strings.Split(string(data), "\n") {
			for trace, what := range traces {
				at := strings.Index(line, trace)
				// The same words inside a longer path are some other directory.
				if at < 0 || at > 0 && strings.HasPrefix(trace, "/") && wordByte(line[at-1]) {
					continue
				}
				t.Errorf("%s:%d: rule machine traces: holds %q, %s", file, i+1, trace, what)
			}
		}
	}
}

// wordByte says whether c can be the end of a path element or a variable.
func wordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("._-})$*~", c) >= 0
}

// TestDocComments fails on an exported identifier without a doc comment.
func TestDocComments(t *testing.T) {
	for _, p := range packages(t) {
		documented := false
		for _, s := range p.sources() {
			fset := token.NewFileSet()
			f, err := parser.ParseFile(fset, s.file, nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				t.Errorf("%s: %v", s.file, err)
				continue
			}
			documented = documented || f.Doc.Text() != ""
			for _, missing := range undocumented(f) {
				t.Errorf("%s:%d: rule doc comments: %s has none", s.file, fset.Position(missing.Pos()).Line, missing.Name)
			}
		}
		if len(p.sources()) > 0 && !documented {
			t.Errorf("%s: rule doc comments: no package comment", p.ImportPath)
		}
	}
}

// undocumented lists the exported identifiers of f without a doc comment. A
// comment on a group or at the end of a line counts; the methods everybody
// knows (String, Error, Unwrap) need none.
func undocumented(f *ast.File) []*ast.Ident {
	var list []*ast.Ident
	for _, decl := range f.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			wellKnown := d.Recv != nil && (d.Name.Name == "String" || d.Name.Name == "Error" || d.Name.Name == "Unwrap")
			if d.Doc.Text() == "" && d.Name.IsExported() && exportedReceiver(d) && !wellKnown {
				list = append(list, d.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					if s.Name.IsExported() && d.Doc.Text() == "" && s.Doc.Text() == "" && s.Comment.Text() == "" {
						list = append(list, s.Name)
					}
				case *ast.ValueSpec:
					for _, name := range s.Names {
						if name.IsExported() && d.Doc.Text() == "" && s.Doc.Text() == "" && s.Comment.Text() == "" {
							list = append(list, name)
						}
					}
				}
			}
		}
	}
	return list
}

// exportedReceiver is true for functions and for methods of exported types.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	expr := d.Recv.List[0].Type
	for {
		switch e := expr.(type) {
		case *ast.StarExpr:
			expr = e.X
		case *ast.IndexExpr:
			expr = e.X
		case *ast.IndexListExpr:
			expr = e.X
		case *ast.Ident:
			return e.IsExported()
		default:
			return true
		}
	}
}

// TestContract checks that what comments cite of docs/pager.md is there.
func TestContract(t *testing.T) {
	text, err := os.ReadFile("docs/pager.md")
	if err != nil {
		t.Fatal(err)
	}
	has := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^(?:#+ |\*\*)([0-9.]+[0-9]|[0-9])(?:, ([0-9.]+))?`).FindAllStringSubmatch(string(text), -1) {
		has[m[1]], has[m[2]] = true, true
	}
	cite := regexp.MustCompile(`docs/pager\.md(?:\n\s*//)? ((?:[0-9][0-9.]*(?:, | to | and )?)+)`)
	number := regexp.MustCompile(`[0-9]+(?:\.[0-9]+)*`)
	cites := 0
	for _, p := range packages(t) {
		for _, s := range p.sources() {
			code, err := os.ReadFile(s.file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range cite.FindAllStringSubmatch(string(code), -1) {
				for _, n := range number.FindAllString(m[1], -1) {
					if cites++; !has[n] {
						t.Errorf("%s cites docs/pager.md %s, which is not there", s.file, n)
					}
				}
			}
		}
	}
	if cites < 50 {
		t.Errorf("only %d cites found", cites)
	}
}

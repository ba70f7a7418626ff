package user

import (
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestProgramMissing checks the message of a program that is not there.
func TestProgramMissing(t *testing.T) {
	for _, name := range []string{"no-such-program", placeholder, "", "../user.go"} {
		image, err := Program(name)
		if err == nil || image != nil {
			t.Errorf("Program(%q) = %d bytes, %v; want an error", name, len(image), err)
		} else if !strings.Contains(err.Error(), "make") {
			t.Errorf("Program(%q): %v: does not say what to do", name, err)
		}
	}
}

// TestEmbeddedPrograms checks every program this image carries.
func TestEmbeddedPrograms(t *testing.T) {
	for _, name := range Names() {
		image, err := Program(name)
		if err != nil {
			t.Error(err)
			continue
		}
		checkImage(t, name, image)
	}
}

// TestCompiledPrograms compiles every program with the SDK and checks its
// segments.
func TestCompiledPrograms(t *testing.T) {
	sources, err := filepath.Glob("programs/*.c")
	if err != nil || len(sources) == 0 {
		t.Fatalf("no programs: %v", err)
	}
	for _, source := range sources {
		image, err := os.ReadFile(compile(t, source, false))
		if err != nil {
			t.Fatal(err)
		}
		checkImage(t, source, image)
	}
}

// checkImage checks what the loader relies on: a static PIE, segments on
// pages of their own, none writable and executable, no relocation
// but those start.c applies.
func checkImage(t *testing.T, name string, image []byte) {
	t.Helper()
	f, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	if f.Type != elf.ET_DYN || f.Machine != elf.EM_X86_64 || f.Class != elf.ELFCLASS64 {
		t.Errorf("%s: %v %v %v, want a static PIE for x86-64", name, f.Type, f.Machine, f.Class)
	}
	end, entry := uint64(0), false
	for _, p := range f.Progs {
		switch p.Type {
		case elf.PT_INTERP:
			t.Errorf("%s: wants an interpreter", name)
		case elf.PT_GNU_STACK:
			if p.Flags&elf.PF_X != 0 {
				t.Errorf("%s: wants an executable stack", name)
			}
		case elf.PT_LOAD:
			if p.Flags&(elf.PF_W|elf.PF_X) == elf.PF_W|elf.PF_X {
				t.Errorf("%s: segment at %#x is writable and executable", name, p.Vaddr)
			}
			if p.Vaddr%4096 != p.Off%4096 || p.Vaddr&^4095 < end || p.Filesz > p.Memsz {
				t.Errorf("%s: segment %+v: not on pages of its own", name, p.ProgHeader)
			}
			end = (p.Vaddr + p.Memsz + 4095) &^ 4095
			entry = entry || p.Flags&elf.PF_X != 0 && f.Entry >= p.Vaddr && f.Entry < p.Vaddr+p.Filesz
		}
	}
	if !entry {
		t.Errorf("%s: entry %#x is in no executable segment", name, f.Entry)
	}
	for _, s := range f.Sections {
		if s.Type != elf.SHT_RELA || s.Flags&elf.SHF_ALLOC == 0 {
			continue
		}
		data, err := s.Data()
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for ; len(data) >= 24; data = data[24:] {
			switch kind := elf.R_X86_64(f.ByteOrder.Uint32(data[8:])); kind {
			case elf.R_X86_64_RELATIVE, elf.R_X86_64_IRELATIVE, elf.R_X86_64_64, elf.R_X86_64_GLOB_DAT, elf.R_X86_64_JMP_SLOT,
				elf.R_X86_64_DTPMOD64, elf.R_X86_64_DTPOFF64, elf.R_X86_64_TPOFF64:
			default:
				t.Errorf("%s: relocation %v, which start.c does not know", name, kind)
			}
		}
	}
}

// cc runs the SDK's compiler driver.
func cc(t *testing.T, libzx string, args ...string) {
	t.Helper()
	ccBy(t, "gcc", libzx, args...)
}

// ccBy is cc with the compiler named.
func ccBy(t *testing.T, compiler, libzx string, args ...string) {
	t.Helper()
	cmd := exec.Command("sh", append([]string{"./cc"}, args...)...)
	cmd.Env = append(os.Environ(), "LIBZX="+libzx, "CC="+compiler)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cc %s: %v\n%s", strings.Join(args, " "), err, text)
	}
}

// library is the SDK's library without the system calls, compiled once.
var library string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "libzx")
	if err != nil {
		panic(err)
	}
	library = filepath.Join(dir, "libzx.a")
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// compile builds a program with the SDK; onLinux puts testdata/linux.c in the
// place of the system calls, so that it runs here.
func compile(t *testing.T, source string, onLinux bool) string {
	t.Helper()
	return compileBy(t, "gcc", source, onLinux)
}

// compileBy is compile with the compiler of the program named; the library is
// always gcc's.
func compileBy(t *testing.T, compiler, source string, onLinux bool) string {
	t.Helper()
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("no gcc")
	}
	if _, err := os.Stat(library); err != nil {
		sources, err := filepath.Glob("c/*.[cS]")
		if err != nil {
			t.Fatal(err)
		}
		objects := []string{"rcs", library}
		for _, s := range sources {
			if s == "c/syscalls.S" {
				continue
			}
			object := filepath.Join(filepath.Dir(library), filepath.Base(s)+".o")
			cc(t, "", "-Wextra", "-Werror", "-fno-tree-loop-distribute-patterns", "-c", "-o", object, s)
			objects = append(objects, object)
		}
		if text, err := exec.Command("ar", objects...).CombinedOutput(); err != nil {
			t.Fatalf("ar: %v\n%s", err, text)
		}
	}
	out := filepath.Join(t.TempDir(), "program")
	if onLinux {
		ccBy(t, compiler, library, "-Wextra", "-Werror", "-o", out, source, "testdata/linux.c", "-Wl,-e,linux_start")
	} else {
		ccBy(t, compiler, library, "-Wextra", "-Werror", "-o", out, source, "c/syscalls.S")
	}
	return out
}

// run runs a program compiled for Linux on a file of its own and gives what it
// printed, its exit code, and the file afterwards.
func run(t *testing.T, program string, file []byte, args ...string) (out string, code int, after []byte) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, file, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cmd := exec.Command(program, args...)
	cmd.ExtraFiles = []*os.File{f}
	text, err := cmd.Output()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		t.Fatal(err)
	}
	after, err = os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text), cmd.ProcessState.ExitCode(), after
}

// TestPrintf compares formatted output with the host's C library.
func TestPrintf(t *testing.T) {
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("no gcc")
	}
	dir := t.TempDir()
	args := []string{"-O1", "-w", "-o", filepath.Join(dir, "printf"), "testdata/printf.c"}
	for _, name := range []string{"format", "float"} {
		object := filepath.Join(dir, name+".o")
		cc(t, "", "-Dsnprintf=sdk_snprintf", "-Dvsnprintf=sdk_vsnprintf", "-c", "-o", object, "c/"+name+".c")
		args = append(args, object)
	}
	if text, err := exec.Command("gcc", append(args, "-lm")...).CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, text)
	}
	if text, err := exec.Command(filepath.Join(dir, "printf"), "100000").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}

// TestMath compares the functions of math.h with the host's.
func TestMath(t *testing.T) {
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("no gcc")
	}
	dir := t.TempDir()
	program, object := filepath.Join(dir, "math"), filepath.Join(dir, "math.o")
	cc(t, "", "-Wextra", "-Werror", "-fno-builtin", "-c", "-o", object, "c/math.c")
	if text, err := exec.Command("objcopy", "--prefix-symbols=sdk_", object).CombinedOutput(); err != nil {
		t.Fatalf("objcopy: %v\n%s", err, text)
	}
	if text, err := exec.Command("gcc", "-O1", "-w", "-fno-builtin", "-o", program, "testdata/math.c", object, "-lm").CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, text)
	}
	if text, err := exec.Command(program, "50000").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}

// TestStrtod compares numbers read with the host's C library.
func TestStrtod(t *testing.T) {
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("no gcc")
	}
	dir := t.TempDir()
	program, object := filepath.Join(dir, "strtod"), filepath.Join(dir, "strtod.o")
	cc(t, "", "-Wextra", "-Werror", "-Dstrtod=sdk_strtod", "-Dstrtof=sdk_strtof", "-Dstrtold=sdk_strtold", "-Datof=sdk_atof", "-c", "-o", object, "c/strtod.c")
	if text, err := exec.Command("gcc", "-O1", "-w", "-o", program, "testdata/strtod.c", object).CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, text)
	}
	if text, err := exec.Command(program, "100000").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}

// TestLibrary runs the checks of testdata/library.c.
func TestLibrary(t *testing.T) {
	out, code, _ := run(t, compile(t, "testdata/library.c", true), nil, "an argument")
	if want := strings.Repeat("w", 1199) + "\nno newline"; code != 0 || out != want {
		t.Errorf("exit code %d, output:\n%s", code, out)
	}
}

// compilers lists those that are here and compile C++ too: gcc, clang, and any of
// other versions.
func compilers(t *testing.T) (list []string) {
	names := []string{"gcc", "clang"}
	for _, pattern := range []string{"gcc-[0-9]*", "clang-[0-9]*"} {
		for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
			found, _ := filepath.Glob(filepath.Join(dir, pattern))
			names = append(names, found...)
		}
	}
	seen := map[string]bool{}
	for _, name := range names {
		if exec.Command(name, "-x", "c++", "-std=c++20", "-E", "-o", os.DevNull, "-include", "array", os.DevNull).Run() != nil {
			continue
		}
		version, err := exec.Command(name, "--version").Output()
		if first, _, _ := strings.Cut(string(version), "\n"); err == nil {
			// gcc and gcc-12 may be one.
			if first = strings.TrimPrefix(first, filepath.Base(name)); !seen[first] {
				seen[first] = true
				list = append(list, name)
			}
		}
	}
	if len(list) == 0 {
		t.Skip("no compiler of C++")
	}
	t.Logf("compilers: %v", list)
	return list
}

// TestCxx runs the checks of testdata/cxx.cc.
func TestCxx(t *testing.T) {
	for _, compiler := range compilers(t) {
		if out, code, _ := run(t, compileBy(t, compiler, "testdata/cxx.cc", true), nil); code != 0 || out != "" {
			t.Errorf("%s: exit code %d, output:\n%s", compiler, code, out)
		}
	}
}

// TestLinkers links a program by each linker that is here and checks its segments.
func TestLinkers(t *testing.T) {
	for _, linker := range []string{"bfd", "lld", "mold"} {
		if exec.Command("gcc", "-fuse-ld="+linker, "-Wl,--version", "-nostdlib").Run() != nil {
			continue
		}
		hello := compile(t, "programs/hello.c", false) // and the library
		out := filepath.Join(filepath.Dir(hello), linker)
		cc(t, library, "-fuse-ld="+linker, "-o", out, "programs/threads.c", "c/syscalls.S")
		image, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		checkImage(t, linker, image)
	}
}

// TestHeaders compiles each header alone, and twice, as C11 and C++20.
func TestHeaders(t *testing.T) {
	dir := t.TempDir()
	var names []string
	err := filepath.WalkDir("c/include", func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".h") {
			names = append(names, strings.TrimPrefix(path, "c/include/"))
		}
		return err
	})
	if err != nil || len(names) < 20 {
		t.Fatalf("%d headers, %v", len(names), err)
	}
	driver, err := filepath.Abs("cc")
	if err != nil {
		t.Fatal(err)
	}
	for _, compiler := range compilers(t) {
		for ext, std := range map[string]string{".c": "-std=c11", ".cc": "-std=c++20"} {
			args := []string{driver, std, "-Wextra", "-pedantic", "-Werror", "-c"}
			for i, name := range names {
				if ext == ".c" && (strings.HasPrefix(name, "lib/zx") || name == "zx/objects.h") {
					continue // C++ only
				}
				text := fmt.Sprintf("#include <%s>\n#include <%[1]s>\nextern int used;\n", name)
				source := filepath.Join(dir, fmt.Sprint("header", i, ext))
				if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				args = append(args, source)
			}
			cmd := exec.Command("sh", args...)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "CC="+compiler)
			if text, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%s %s: %v\n%s", compiler, std, err, text)
			}
		}
	}
}

// random gives n bytes, the same each time.
func random(n int) []byte {
	b := make([]byte, n)
	var seed [32]byte
	copy(seed[:], fmt.Sprint("faultline ", n))
	rand.NewChaCha8(seed).Read(b)
	return b
}

// TestSum compares the program's digest with crypto/sha256 at the lengths
// where the padding changes and across windows.
func TestSum(t *testing.T) {
	sum := compile(t, "programs/sum.c", true)
	for _, n := range []int{0, 1, 55, 56, 57, 63, 64, 65, 119, 120, 128, 4095, 4096, 4097, 4 << 20, 5_000_001} {
		file := random(n)
		out, code, after := run(t, sum, file, fmt.Sprint(n))
		if want := fmt.Sprintf("%x\n", sha256.Sum256(file)); out != want || code != 0 {
			t.Errorf("sum of %d bytes: exit %d, got %s want %s", n, code, out, want)
		}
		if !bytes.Equal(after, file) {
			t.Errorf("sum of %d bytes changed the file", n)
		}
	}
}

// TestSumArguments checks what the program says to arguments it cannot use.
func TestSumArguments(t *testing.T) {
	sum := compile(t, "programs/sum.c", true)
	for _, test := range []struct{ args, out string }{
		{"", "usage: sum SIZE\n"},
		{"1 2", "usage: sum SIZE\n"},
		{"many", "size: \"many\" is not a number\n"},
		{"-1", "size: \"-1\" is not a number\n"},
		{"1x", "size: \"1x\" is not a number\n"},
	} {
		out, code, _ := run(t, sum, nil, strings.Fields(test.args)...)
		if out != test.out || code != 1 {
			t.Errorf("sum %s: exit %d, printed %q; want exit 1, %q", test.args, code, out, test.out)
		}
	}
}

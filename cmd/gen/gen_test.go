package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestNoDrift fails when a generated file is not what the table says.
func TestNoDrift(t *testing.T) {
	files, err := Render(Table)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		have, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(f.Path)))
		if err != nil {
			t.Error(err)
		} else if !bytes.Equal(have, f.Text) {
			t.Errorf("%s is not what the table says: run go generate ./syscall", f.Path)
		}
	}
}

// TestStubsAssemble feeds the stubs and the header to the C compiler.
func TestStubsAssemble(t *testing.T) {
	cc, err := exec.LookPath("gcc")
	if err != nil {
		t.Skip("no gcc")
	}
	dir := t.TempDir()
	out, err := exec.Command(cc, "-c", "-o", filepath.Join(dir, "s.o"), "../../user/c/syscalls.S").CombinedOutput()
	if err != nil {
		t.Fatalf("stubs: %v\n%s", err, out)
	}
	src := filepath.Join(dir, "h.c")
	if err := os.WriteFile(src, []byte("#include <zx/syscalls.h>\nint main(void) { return 0; }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat("../../user/c/include/zx/types.h"); err != nil {
		t.Skip("no zx/types.h")
	}
	out, err = exec.Command(cc, "-std=c11", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-I../../user/c/include",
		"-c", "-o", filepath.Join(dir, "h.o"), src).CombinedOutput()
	if err != nil {
		t.Fatalf("header: %v\n%s", err, out)
	}
}

// TestTable checks what the table promises about itself.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for i := range Table {
		c := &Table[i]
		if seen[c.Name] {
			t.Errorf("zx_%s twice", c.Name)
		}
		seen[c.Name] = true
		if c.Doc == "" {
			t.Errorf("zx_%s has no doc line", c.Name)
		}
		if _, err := parse(c); err != nil {
			t.Error(err)
		}
	}
}

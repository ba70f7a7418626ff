package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// elfFile is a program as some compiler and linker make it, and what becomes of it
// in ring 3.
type elfFile struct {
	name  string   // on the disk, without .ELF
	tools []string // that it needs
	build string   // a shell command; $OUT is the file, $DIR a folder for others
	want  string   // what it prints, or why it is refused
}

const threeFiles = `three files: 10000 numbers from 0 to 999, 4963267 in all, 496\.33 on average`

// elfFiles are what people bring. Those that are refused come last.
var elfFiles = []elfFile{
	{"GCC", nil, "user/cc -Wextra -Werror -g -o $OUT user/testdata/three/*.c", threeFiles},
	{"CLANG", []string{"clang"}, "CC=clang user/cc -Wextra -Werror -g -o $OUT user/testdata/three/*.c", threeFiles},
	{"LLD", []string{"ld.lld"}, "user/cc -fuse-ld=lld -o $OUT user/testdata/three/*.c", threeFiles},
	{"MOLD", []string{"mold"}, "user/cc -fuse-ld=mold -o $OUT user/testdata/three/*.c", threeFiles},
	{"MAKE", nil, "make -s program SRC=\"$(echo user/testdata/three/*.c)\" OUT=$OUT CFLAGS=-O0", threeFiles},
	{"CXX", []string{"g++"}, "user/cc -Wextra -Werror -o $OUT user/testdata/cxx.cc", "run CXX.ELF"},
	{"CXXCLANG", []string{"clang++", "ld.lld"}, "CC=clang user/cc -fuse-ld=lld -o $OUT user/testdata/cxx.cc", "run CXXCLANG.ELF"},
	{"PAGERCXX", []string{"g++"}, "user/cc -Wextra -Werror -o $OUT user/testdata/pager.cc", "owning handles hold"},
	{"RUST", []string{"rustc"}, "rustc --edition 2021 -O -C panic=abort -C link-args='-nostartfiles -nostdlib -static-pie -Wl,--no-dynamic-linker -Wl,-z,norelro' " +
		"-o $OUT user/testdata/alone.rs", "Rust alone runs"},
	{"RUSTC", []string{"rustc"}, "rustc --edition 2021 -O -C panic=abort --crate-type staticlib -o $DIR/with.a user/testdata/withc.rs && user/cc -o $OUT $DIR/with.a",
		"Rust over the C library: 328350"},
	{"GO", nil, "make -s program SRC=./user/testdata/gohello OUT=$OUT TAMAGO=\"$TAMAGO\"", "Go in ring 3: 4950"},
	{"GOOUT", nil, "sed -n '/<!-- go -->/,/<!-- end -->/{/^    /s/^    //p}' docs/programs.md | sed \"s,/tmp/hello/hello.elf,$PWD/$OUT,;s,/tmp/hello,$PWD/$DIR/outside,g;s,/path/to/faultline,$PWD,;s,^make program,& TAMAGO='$TAMAGO',\" | sh -e",
		"hello from Go: true <nil>"},
	{"DYNAMIC", nil, "gcc -o $OUT $DIR/hello.c", "asks for an interpreter: link the program statically"},
	{"STATIC", nil, "gcc -static -o $OUT $DIR/hello.c", "the program is built for Linux: .{0,99}Build it with make program or user/cc"},
	{"GOLINUX", nil, "CGO_ENABLED=0 GOOS=linux go build -o $OUT $DIR/hello.go", `linked at 0x400000, but programs lie in .{0,99}: link it position-independent`},
	{"TEXT", nil, "cp README.md $OUT", "not a readable ELF file"},
}

// elfBoot builds the programs whose tools are here, and runs them all in one boot.
// What cannot run is refused with a sentence that names the reason.
func elfBoot(files []elfFile) (string, error) {
	dir, err := os.MkdirTemp(buildDir, "elf-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	for name, text := range map[string]string{
		"hello.c":  "#include <stdio.h>\nint main(void) { return puts(\"hello\") < 0; }\n",
		"hello.go": "package main\n\nfunc main() { println(\"hello\") }\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return "", err
		}
	}
	if err := makeDisk("demo"); err != nil {
		return "", err
	}
	b := boot{disk: filepath.Join(dir, "disk.img"), fails: true, timeout: "120"}
	if err := copyFile(b.disk, filepath.Join(buildDir, "demo.img")); err != nil {
		return "", err
	}
	for _, f := range files {
		out := filepath.Join(dir, f.name+".elf")
		c := command{args: []string{"sh", "-c", f.build}, env: []string{"OUT=" + out, "DIR=" + dir, "TAMAGO=" + strings.Join(tamago, " ")}, limit: 5 * time.Minute}
		if output, err := c.run(); err != nil {
			return output, fmt.Errorf("%s: %w", f.name, err)
		}
		if output, err := (command{args: []string{"mcopy", "-i", b.disk, out, "::" + f.name + ".ELF"}, limit: time.Minute}).run(); err != nil {
			return output, err
		}
		b.commands += "run " + f.name + ".ELF; "
		b.want = append(b.want, "(?s)"+strings.ReplaceAll(f.want, " ", `\s+`)) // the console breaks long lines
	}
	b.check = func(output string) error {
		for _, f := range files {
			refused := strings.Contains(output, "`run "+f.name+".ELF`") // in the summary of what failed
			switch runs := f.name != "DYNAMIC" && f.name != "STATIC" && f.name != "GOLINUX" && f.name != "TEXT"; {
			case runs && refused:
				return fmt.Errorf("%s fails", f.name)
			case !runs && !refused:
				return fmt.Errorf("%s is not refused", f.name)
			}
		}
		return nil
	}
	return b.run()
}

// elfBoots gives the boot of elfFiles, and says which of them lack their tools.
func elfBoots(r *report) (table []boot) {
	var files []elfFile
	for _, f := range elfFiles {
		if strings.HasPrefix(f.name, "GO") && f.name != "GOLINUX" && oursOnly(r, "boot ELF files: "+f.name, goOnly) {
			continue
		}
		lacks := ""
		for _, tool := range f.tools {
			if _, err := exec.LookPath(tool); err != nil {
				lacks = tool
			}
		}
		if lacks == "" {
			files = append(files, f)
		} else {
			r.skip("boot ELF files: "+f.name, "no "+lacks)
		}
	}
	return []boot{{name: "the program of docs/pager-calls.md", special: pageBoot}, {name: "ELF files of compilers and linkers", special: func() (string, error) { return elfBoot(files) }}}
}

// pageBoot runs the program that the blocks of docs/pager-calls.md are, and compares
// what it prints with the end of the page.
func pageBoot() (string, error) {
	text, err := os.ReadFile("docs/pager-calls.md")
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp(buildDir, "page-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	var source strings.Builder
	for _, block := range regexp.MustCompile("(?s)```c\n(.*?)```").FindAllSubmatch(text, -1) {
		source.Write(block[1])
		source.WriteString("\n")
	}
	_, prints, found := strings.Cut(string(text), "\nIt prints:\n")
	if !found {
		return "", errors.New("docs/pager-calls.md does not say what its program prints")
	}
	b := boot{program: filepath.Join(dir, "page.elf")}
	for line := range strings.Lines(prints) {
		if line, indented := strings.CutPrefix(strings.TrimRight(line, "\n"), "    "); indented {
			b.want = append(b.want, "(?m)^"+regexp.QuoteMeta(line)+`\r?$`)
		}
	}
	file := filepath.Join(dir, "page.c")
	if err := os.WriteFile(file, []byte(source.String()), 0o644); err != nil {
		return "", err
	}
	if output, err := (command{args: []string{"user/cc", "-Wextra", "-Werror", "-o", b.program, file}, limit: 5 * time.Minute}).run(); err != nil {
		return output, err
	}
	if len(b.want) < 8 {
		return "", fmt.Errorf("docs/pager-calls.md promises only %d lines", len(b.want))
	}
	return b.run()
}

// Gen writes the files that follow from the table of system calls: the numbers
// and the Go dispatch, the C prototypes and stubs, and docs/abi.md.
//
// It takes the module's root as its argument (default: the directory above
// the current one, as `go generate` runs it from faultline/syscall).
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	root := ".."
	if len(os.Args) > 1 {
		root = os.Args[1]
	}
	files, err := Render(Table)
	if err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
	for _, f := range files {
		name := filepath.Join(root, filepath.FromSlash(f.Path))
		if old, err := os.ReadFile(name); err == nil && bytes.Equal(old, f.Text) {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			fmt.Fprintln(os.Stderr, "gen:", err)
			os.Exit(1)
		}
		if err := os.WriteFile(name, f.Text, 0o644); err != nil {
			fmt.Fprintln(os.Stderr, "gen:", err)
			os.Exit(1)
		}
		fmt.Println("wrote", f.Path)
	}
}

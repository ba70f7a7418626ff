// Package user is the ring-3 side: the C SDK in user/c, the programs in
// user/programs, and this package, which carries the built programs inside the
// kernel image.
//
// Programs are static PIEs; the start of one is described in docs/abi.md. The
// Makefile compiles them into user/bin, which git ignores but for a README:
// a tree without a compiler still builds, and Program then says what to do.
package user

import (
	"embed"
	"fmt"
	"sort"
)

//go:embed bin
var bin embed.FS

// placeholder is the file of user/bin that is no program.
const placeholder = "README.md"

// Program gives the ELF image of the program of that name. Errors: the program
// was not built into this image.
func Program(name string) ([]byte, error) {
	image, err := bin.ReadFile("bin/" + name)
	if err != nil || name == placeholder {
		return nil, fmt.Errorf("no program %q in this image: run make, which compiles user/programs into user/bin", name)
	}
	return image, nil
}

// Names lists the programs of this image in alphabetical order.
func Names() []string {
	entries, err := bin.ReadDir("bin")
	if err != nil {
		panic(fmt.Sprintf("user.Names: embedded directory: %v", err))
	}
	var names []string
	for _, e := range entries {
		if e.Name() != placeholder {
			names = append(names, e.Name())
		}
	}
	sort.Strings(names)
	return names
}

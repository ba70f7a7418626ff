package main

import (
	"debug/elf"
	"fmt"
	"sort"
	"strings"
)

// symbol is a function.
type symbol struct {
	name  string
	start uint64
}

// symbols are functions by address.
type symbols []symbol

// load adds the functions of an ELF file, moved up by bias.
func (s *symbols) load(path string, bias uint64, prefix string) error {
	f, err := elf.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	list, err := f.Symbols()
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	seen := map[uint64]bool{}
	for _, e := range list {
		if elf.ST_TYPE(e.Info) != elf.STT_FUNC || e.Value == 0 || seen[e.Value] {
			continue
		}
		seen[e.Value] = true
		*s = append(*s, symbol{prefix + e.Name, e.Value + bias})
	}
	sort.Slice(*s, func(i, j int) bool { return (*s)[i].start < (*s)[j].start })
	return nil
}

// at gives the function that holds pc, and whether pc is its first instruction.
func (s symbols) at(pc uint64) (name string, entry bool) {
	i := sort.Search(len(s), func(i int) bool { return s[i].start > pc }) - 1
	if i < 0 {
		return "?", false
	}
	return s[i].name, s[i].start == pc
}

// find gives the address of a function.
func (s symbols) find(name string) (uint64, error) {
	for _, e := range s {
		if e.name == name {
			return e.start, nil
		}
	}
	return 0, fmt.Errorf("no function %s", name)
}

// room gives the room a function belongs to.
func room(name string) string {
	if strings.HasPrefix(name, userPrefix) {
		return "ring 3"
	}
	if rest, ours := strings.CutPrefix(name, "faultline/"); ours {
		r, _, _ := strings.Cut(rest, ".")
		return r
	}
	return "go runtime"
}

// userPrefix marks functions of the ring-3 program.
const userPrefix = "user:"

// plain drops what all names share.
func plain(name string) string { return strings.TrimPrefix(name, "faultline/") }

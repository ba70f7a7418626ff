package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestPrune(t *testing.T) {
	b := newBuilder(&port{hash: "current", toolHash: "new"}, t.TempDir())
	mkdir := func(name string, age time.Duration) {
		dir := filepath.Join(b.cache, name)
		if err := os.MkdirAll(filepath.Join(dir, "bin"), 0o755); err != nil {
			t.Fatal(err)
		}
		then := time.Now().Add(-age)
		if err := os.Chtimes(dir, then, then); err != nil {
			t.Fatal(err)
		}
	}
	mkdir("toolchain-current", 9*time.Hour)
	mkdir("toolchain-a", 2*time.Hour)
	mkdir("toolchain-b", 3*time.Hour)
	mkdir("toolchain-c", 4*time.Hour)
	mkdir("toolchain-inuse", 59*time.Minute)
	mkdir("tools-new", 0)
	mkdir("tools-old", 2*time.Hour)
	mkdir("tools-older", 3*time.Hour)
	mkdir("tmp-123", 0)
	mkdir("other", 99*time.Hour)
	b.prune()
	entries, err := os.ReadDir(b.cache)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	want := []string{"other", "toolchain-a", "toolchain-current", "toolchain-inuse", "tools-new", "tools-old"}
	if !slices.Equal(got, want) {
		t.Errorf("left %v, want %v", got, want)
	}
}

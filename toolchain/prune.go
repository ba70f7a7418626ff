package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// What a new build leaves of the old ones: the last few used, and whatever may be
// in use. A toolchain's time of modification is when its path was last asked for.
const (
	keepToolchains = 2
	inUse          = time.Hour
)

// touch notes that a cached directory is in use. It fails if there is none.
func touch(dir string) error {
	now := time.Now()
	return os.Chtimes(dir, now, now)
}

// prune removes old toolchains, old tools, and what builds that were killed left
// behind. Failing to is no reason to fail.
//
// Locks: the build lock; only its holder makes anything in the cache.
func (b *builder) prune() {
	b.removeLeftovers()
	for _, kind := range []struct{ pattern, current string }{
		{"toolchain-*", b.root()},
		{"tools-*", b.toolsRoot()},
	} {
		for _, dir := range stale(b.cached(kind.pattern), kind.current, time.Now()) {
			// Out of sight in one step, so that nobody takes half a
			// toolchain for a whole one.
			grave := filepath.Join(b.cache, "tmp-old-"+filepath.Base(dir))
			if os.Rename(dir, grave) == nil {
				step("removing old %s", filepath.Base(dir))
			}
		}
	}
	b.removeLeftovers()
}

func (b *builder) removeLeftovers() {
	for _, d := range b.cached("tmp-*") {
		if err := os.RemoveAll(d.path); err != nil {
			step("cannot remove %s: %v", d.path, err)
		}
	}
}

// cachedDir is a directory of the cache and when it was last used.
type cachedDir struct {
	path string
	used time.Time
}

// cached lists the cache's directories of a kind, the last used first.
func (b *builder) cached(pattern string) []cachedDir {
	names, err := filepath.Glob(filepath.Join(b.cache, pattern))
	if err != nil {
		panic(fmt.Sprintf("builder.cached: bad pattern %q", pattern))
	}
	var dirs []cachedDir
	for _, name := range names {
		if info, err := os.Stat(name); err == nil && info.IsDir() {
			dirs = append(dirs, cachedDir{name, info.ModTime()})
		}
	}
	slices.SortFunc(dirs, func(a, b cachedDir) int { return b.used.Compare(a.used) })
	return dirs
}

// stale picks what to remove of dirs, which are in order of last use: all but the
// first few, the current one, and those used in the last hour.
func stale(dirs []cachedDir, current string, now time.Time) (old []string) {
	for i, d := range dirs {
		if i >= keepToolchains && d.path != current && now.Sub(d.used) > inUse {
			old = append(old, d.path)
		}
	}
	return old
}

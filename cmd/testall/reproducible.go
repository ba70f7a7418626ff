package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// reproducible builds the image once more from a copy of the tree, under
// another path, with caches of its own and another GOAMD64, and compares it with the first.
//
// Pre: kernelImage is up to date.
func reproducible() (output string, err error) {
	dir, err := os.MkdirTemp("", "faultline-elsewhere-")
	if err != nil {
		return "", err
	}
	defer func() { // the module cache is read-only
		_, _ = command{args: []string{"chmod", "-R", "u+w", dir}, limit: time.Minute}.run()
		_ = os.RemoveAll(dir)
	}()
	list, err := command{args: []string{"git", "ls-files", "--cached", "--others", "--exclude-standard"}, limit: time.Minute}.run()
	if err != nil {
		return list, err
	}
	for name := range strings.Lines(list) {
		name = strings.TrimSuffix(name, "\n")
		info, err := os.Stat(name)
		if os.IsNotExist(err) { // removed, not yet committed
			continue
		}
		if err != nil {
			return "", err
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		to := filepath.Join(dir, "tree", name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(to, data, info.Mode().Perm()); err != nil {
			return "", err
		}
	}
	modules, err := command{args: []string{"go", "env", "GOMODCACHE"}, limit: time.Minute}.run()
	if err != nil {
		return modules, err
	}
	image := filepath.Join(buildDir, "faultline.elf")
	output, err = command{
		args: []string{"make", "-s", "-C", filepath.Join(dir, "tree"), image},
		env: []string{"GOAMD64=v2", "GOCACHE=" + filepath.Join(dir, "cache"), "GOMODCACHE=" + filepath.Join(dir, "modules"),
			"GOPROXY=file://" + filepath.Join(strings.TrimSpace(modules), "cache", "download"), "GONOSUMDB=*",
			"TAMAGO=env " + strings.TrimPrefix(strings.Join(tamago, " "), "env ")},
		limit: 20 * time.Minute,
	}.run()
	if err != nil {
		return output, err
	}
	first, err := os.ReadFile(image)
	if err != nil {
		return output, err
	}
	second, err := os.ReadFile(filepath.Join(dir, "tree", image))
	if err != nil {
		return output, err
	}
	if i := difference(first, second); i >= 0 {
		return output, fmt.Errorf("the images differ from byte %d of %d and %d", i, len(first), len(second))
	}
	return output, nil
}

// difference is where a and b first differ, or -1.
func difference(a, b []byte) int {
	if bytes.Equal(a, b) {
		return -1
	}
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

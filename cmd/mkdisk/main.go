// Command mkdisk makes a FAT32 disk image with known files in it.
//
//	mkdisk [-set demo|test|4kn|odd|crowd|pieces|whole] IMAGE
//
// demo and test hold files of many sizes; 4kn holds the small ones on sectors of 4096
// bytes; the others are laid out by hand, as no tool does (odd.go).
//
// The image is the same, byte for byte, each time. Beside it, IMAGE.sums lists
// the SHA-256 of every file as sha256sum does. It wraps mkfs.fat and mcopy.
package main

import (
	"bufio"
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// file is one file of a set: text from this source, or size random bytes.
type file struct {
	path string
	size int64
	text string
}

// set is the content of one image.
type set struct {
	mebibytes int64
	cluster   int // sectors; FAT32 needs 65,525 clusters
	sector    int // bytes, 512 if 0
	files     []file
}

const readme = `This disk was made by Faultline's mkdisk. Its files are read through a pager:
a ring-3 thread maps one and touches it, the kernel takes the page fault, and
the file pager supplies the page from the disk.
`

// poem is long enough for a page boundary to fall into it.
var poem = strings.Repeat(`A page was asked for, and nobody knew;
the pager was told of it, key and range too;
it read from the disk, and it gave what it found;
the thread that had waited went on, safe and sound.

`, 40)

var small = []file{
	{path: "README.TXT", text: readme},
	{path: "EMPTY.BIN"},
	{path: "ONE.BIN", size: 1},
	{path: "PAGE.BIN", size: 4096},
	{path: "POEM.TXT", text: poem},
	{path: "a-folder-with-a-long-name/another-one-below/five-million-and-one.bin", size: 5_000_001},
}

var sets = map[string]set{
	"demo": {mebibytes: 40, cluster: 1, files: append([]file{{path: "DEMO.BIN", size: 1_000_000}}, small...)},
	"test": {mebibytes: 320, cluster: 8, files: append([]file{
		{path: "big-files/two-hundred-million.bin", size: 200_000_000}}, small...)},
	"4kn": {mebibytes: 300, cluster: 1, sector: 4096, files: small},
}

// when is the time stamp of every file, so that images repeat.
var when = time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC)

func main() {
	name := flag.String("set", "demo", "which files")
	flag.Parse()
	set, known := sets[*name]
	_, byHand := odd[*name]
	if flag.NArg() != 1 || !known && !byHand {
		fmt.Fprintln(os.Stderr, "usage: mkdisk [-set demo|test|4kn|odd|crowd|pieces|whole] IMAGE")
		os.Exit(2)
	}
	var err error
	if byHand {
		err = buildOdd(flag.Arg(0), *name)
	} else {
		err = build(flag.Arg(0), set)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mkdisk:", err)
		os.Exit(1)
	}
}

// build makes the image under a temporary name and renames it at the end, so
// that an image that exists is whole.
func build(image string, s set) (err error) {
	tree, err := os.MkdirTemp(filepath.Dir(image), "mkdisk-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tree)
	sums, err := writeFiles(tree, s.files)
	if err != nil {
		return err
	}
	partial := image + ".partial"
	defer os.Remove(partial)
	if err := os.WriteFile(partial, nil, 0o644); err != nil {
		return err
	}
	if err := os.Truncate(partial, s.mebibytes<<20); err != nil {
		return err
	}
	err = run("mkfs.fat", "-F", "32", "-s", fmt.Sprint(s.cluster), "-S", fmt.Sprint(max(s.sector, 512)), "-n", "FAULTLINE", "--invariant", partial)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(tree)
	if err != nil {
		return err
	}
	args := []string{"-i", partial, "-s", "-p", "-m"}
	for _, e := range entries {
		args = append(args, filepath.Join(tree, e.Name()))
	}
	if err := run("mcopy", append(args, "::/")...); err != nil {
		return err
	}
	if err := os.WriteFile(image+".sums", []byte(sums), 0o644); err != nil {
		return err
	}
	return os.Rename(partial, image)
}

// writeFiles makes the tree on the host and gives its sums.
func writeFiles(tree string, files []file) (sums string, err error) {
	for _, f := range files {
		path := filepath.Join(tree, f.path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return "", err
		}
		sum, err := writeFile(path, f)
		if err != nil {
			return "", err
		}
		sums += fmt.Sprintf("%x  %s\n", sum, f.path)
	}
	return sums, filepath.Walk(tree, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		return os.Chtimes(path, when, when)
	})
}

func writeFile(path string, f file) ([]byte, error) {
	out, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	sum := sha256.New()
	w := bufio.NewWriterSize(io.MultiWriter(out, sum), 1<<20)
	var content io.Reader = strings.NewReader(f.text)
	if f.text == "" {
		// The stream depends on the path alone.
		content = io.LimitReader(rand.NewChaCha8(sha256.Sum256([]byte(f.path))), f.size)
	}
	if _, err := io.Copy(w, content); err != nil {
		return nil, err
	}
	if err := w.Flush(); err != nil {
		return nil, err
	}
	return sum.Sum(nil), out.Close()
}

// run runs a host tool, whose output matters only when it fails.
func run(name string, args ...string) error {
	path, err := exec.LookPath(name)
	if err != nil {
		path = filepath.Join("/usr/sbin", name) // mkfs.fat, for those without sbin on the path
	}
	cmd := exec.Command(path, args...)
	// mtools: no questions, and the time of new directories fixed too.
	cmd.Env = append(os.Environ(), "MTOOLS_SKIP_CHECK=1", "TZ=UTC", fmt.Sprintf("SOURCE_DATE_EPOCH=%d", when.Unix()))
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %v\n%s", name, err, text)
	}
	return nil
}

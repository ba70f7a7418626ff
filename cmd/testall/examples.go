package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// exampleWants is what each program of examples/ must print, in order.
var exampleWants = []struct {
	name string
	want []string
}{
	{"gomap", []string{`page 1 is asked for`, `page 1 holds "one"`, `page 7 is asked for`, `page 1 holds "one"`, `page 1 is about to change`,
		`1 page written back; the map holds "ONE"`}},
	{"hashfile", []string{`4 processes agree on [0-9a-f]{64}`, `245 pages, each read from the disk once: true`}},
	{"snapshot", []string{`8 of 64 pages changed since the snapshot`, `fewer than 32 frames were spent on it: true`}},
	{"journal", []string{`8 crashes: 4 times nothing was there, 5 times everything, never a part`}},
}

// exampleBoots boots each program of examples/, and one of them once more as a
// module outside this one, made as docs/embedding.md says.
func exampleBoots() (table []boot) {
	for _, e := range exampleWants {
		table = append(table, boot{name: "example " + e.name, special: func() (string, error) {
			image := filepath.Join(buildDir, "example-"+e.name+".elf")
			return exampleBoot(".", "./examples/"+e.name, image, e.want)
		}})
	}
	return append(table, boot{name: "a unikernel outside", ours: "it finds no package outside its own tree", special: func() (string, error) { return outsideBoot() }})
}

// exampleBoot builds the package in dir into image and boots it.
func exampleBoot(dir, pkg, image string, want []string) (string, error) {
	image, err := filepath.Abs(image)
	if err != nil {
		return "", err
	}
	args := append([]string{}, tamago...)
	args = append(append(args, "build", "-C", dir, "-o", image), imageFlags...)
	if output, err := (command{args: append(args, pkg), env: imageEnv, limit: 10 * time.Minute}).run(); err != nil {
		return output, err
	}
	if err := makeDisk("demo"); err != nil {
		return "", err
	}
	output, err := command{args: []string{runner(), image}, limit: bootLimit,
		env: []string{"DISK=" + filepath.Join(buildDir, "demo.img"), "SNAPSHOT=1", "TIMEOUT=60", "MACHINE=", "CPU=", "MEM=", "SMP=", "ACCEL=", "CMDS=", "PROGRAM="}}.run()
	if err != nil {
		return output, err
	}
	return output, (&boot{want: want}).matches(output)
}

// outsideBoot makes a module of its own by the commands of docs/embedding.md.
func outsideBoot() (string, error) {
	text, err := os.ReadFile("docs/embedding.md")
	if err != nil {
		return "", err
	}
	block := regexp.MustCompile(`(?s)<!-- module -->\n+(.*?)<!-- end -->`).FindSubmatch(text)
	if block == nil {
		return "", fmt.Errorf("docs/embedding.md has no module block")
	}
	dir, err := os.MkdirTemp("", "faultline-outside-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	source, err := os.ReadFile("examples/gomap/main.go")
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "main.go"), source, 0o644); err != nil {
		return "", err
	}
	here, err := filepath.Abs(".")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(block[1])) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "go ") {
			continue // the rest shows how to build and boot, which exampleBoot does
		}
		line = strings.ReplaceAll(line, "/path/to/faultline", here)
		c := command{args: []string{"sh", "-c", "cd '" + dir + "' && " + line}, limit: 3 * time.Minute}
		if output, err := c.run(); err != nil {
			return output, fmt.Errorf("%s: %w", line, err)
		}
	}
	return exampleBoot(dir, ".", filepath.Join(buildDir, "example-outside.elf"), exampleWants[0].want)
}

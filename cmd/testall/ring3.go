package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// ring3Boot has a pager and a client in Go serve those in C, and the other way
// round; and a pager and clients in Go by themselves. The Go program is a file of
// the disk.
func ring3Boot() (string, error) {
	if _, err := exec.LookPath("mcopy"); err != nil {
		return "", err
	}
	if len(tamago) == 0 {
		return "", errors.New("TAMAGO is not set: run make test")
	}
	dir, err := os.MkdirTemp(buildDir, "ring3-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	program, disk := filepath.Join(dir, "gopager.elf"), filepath.Join(dir, "disk.img")
	build := append(append([]string{}, tamago...), "build", "-trimpath", "-buildvcs=false", "-ldflags", "-T 0x8000201000 -R 0x1000", "-o", program, "./user/go/gopager")
	if output, err := (command{args: build, env: ring3Env(), limit: 5 * time.Minute}).run(); err != nil {
		return output, err
	}
	if err := makeDisk("demo"); err != nil {
		return "", err
	}
	if err := copyFile(disk, filepath.Join(buildDir, "demo.img")); err != nil {
		return "", err
	}
	if output, err := (command{args: []string{"mcopy", "-i", disk, program, "::GOPAGER.ELF"}, limit: time.Minute}).run(); err != nil {
		return output, err
	}
	b := boot{disk: disk, commands: "run GOPAGER.ELF; run pairing --file=GOPAGER.ELF; run parent --file=GOPAGER.ELF gopager",
		want: []string{`32 entries hold, 0 do not`, `pairs of pager and client hold`, `32 entries hold, 0 do not`}}
	return b.run()
}

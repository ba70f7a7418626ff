package main

import (
	"encoding/json"
	"fmt"
	"go/version"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// tamagoModule is the module of package goos. Its versions are numbered after
// the official toolchain they fit.
const tamagoModule = "github.com/usbarmory/tamago"

// use returns the words that call another go command that knows GOOS=tamago: the
// official one. Whatever go.mod says, it must not switch to a stock Go. One that is
// older than go.mod asks for gets a go.mod of its own, with the module of its own number.
//
// Errors: the command does not run, or the module of that number cannot be had.
func use(command string, cache string) (string, error) {
	words := strings.Fields(command)
	if len(words) == 0 {
		return "", fmt.Errorf("-use: no go command named")
	}
	if words[0] == "env" {
		return command, nil // our own answer, from a make above
	}
	out, err := output(append(words, "env", "GOVERSION")...)
	if err != nil {
		return "", err
	}
	have := strings.TrimSpace(out)
	if out, err = output("go", "mod", "edit", "-json"); err != nil {
		return "", err
	}
	var mod struct{ Go string }
	if err := json.Unmarshal([]byte(out), &mod); err != nil {
		return "", err
	}
	if strings.Contains(have, "faultline") {
		return command, nil
	}
	if version.Compare(have, "go"+mod.Go) >= 0 {
		return "env GOTOOLCHAIN=local " + command, nil
	}
	if !version.IsValid(have) {
		return "", fmt.Errorf("%s says that it is %q: not a version of Go", command, have)
	}
	file, err := olderModule(strings.TrimPrefix(have, "go"), cache)
	if err != nil {
		return "", err
	}
	return "env GOTOOLCHAIN=local GOFLAGS=-modfile=" + file + " " + command, nil
}

// olderModule writes a variant of go.mod for an older Go and returns its path.
func olderModule(goLine, cache string) (string, error) {
	file := filepath.Join(cache, "faultline", "official-"+goLine+".mod")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return "", err
	}
	for from, to := range map[string]string{"go.mod": file, "go.sum": strings.TrimSuffix(file, "mod") + "sum"} {
		data, err := os.ReadFile(from)
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(to, data, 0o644); err != nil {
			return "", err
		}
	}
	for _, args := range [][]string{
		{"go", "mod", "edit", "-go=" + goLine, "-toolchain=none", "-require=" + tamagoModule + "@v" + goLine, file},
		{"go", "mod", "tidy", "-e", "-modfile=" + file},
	} {
		if _, err := output(args...); err != nil {
			return "", err
		}
	}
	return file, nil
}

// output runs a host command and returns what it wrote to stdout.
func output(args ...string) (string, error) {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(hostEnv(), "GOTOOLCHAIN=local")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out), nil
}

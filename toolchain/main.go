// Command toolchain builds a Go toolchain that knows GOOS=tamago GOARCH=amd64
// out of the stock Go distribution, keeps it in the user's cache directory and
// prints the path of its go command, which is all that it writes to stdout.
package main

import (
	"flag"
	"fmt"
	"os"
	"time"
)

// goVersion is the one stock distribution that the edits fit.
const goVersion = "go1.26.8"

func main() {
	check := flag.Bool("check", false, "say what is cached, build nothing")
	force := flag.Bool("force", false, "build again even if cached")
	other := flag.String("use", "", "print how to call this other go command that knows tamago, build nothing")
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "usage: go run ./toolchain [-check | -force | -use COMMAND]\n\nBuilds Go for GOOS=tamago and prints the path of its go command.\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() > 0 {
		fatal(fmt.Errorf("unexpected argument %q", flag.Arg(0)))
	}
	if *other != "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			fatal(err)
		}
		words, err := use(*other, cache)
		if err != nil {
			fatal(err)
		}
		fmt.Println(words)
		return
	}
	if err := run(*check, *force); err != nil {
		fatal(err)
	}
}

func run(check, force bool) error {
	port, err := loadPort()
	if err != nil {
		return err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return fmt.Errorf("no cache directory: %w", err)
	}
	b := newBuilder(port, cache)
	if check {
		return b.report()
	}
	if !force && b.ready() {
		fmt.Println(b.goCommand())
		return nil
	}
	unlock, err := lockFile(b.lockPath())
	if err != nil {
		return err
	}
	defer unlock()
	// Another run may have finished while this one waited.
	if force || !b.ready() {
		if err := b.build(); err != nil {
			return err
		}
	}
	fmt.Println(b.goCommand())
	return nil
}

var start = time.Now()

// step reports progress on stderr; stdout carries only the answer.
func step(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "toolchain %5.1fs  %s\n", time.Since(start).Seconds(), fmt.Sprintf(format, args...))
}

func fatal(err error) {
	fmt.Fprintf(os.Stderr, "toolchain: %v\n", err)
	os.Exit(1)
}

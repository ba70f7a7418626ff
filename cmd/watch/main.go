// Command watch shows a running kernel as a picture: each VMO a strip of its
// pages by state, faults, requests, latencies and CPUs as they move.
//
//	watch [-listen 127.0.0.1:0] [-open FILE] QEMU-RUNNER IMAGE [ARGUMENT...]
//	watch [-listen 127.0.0.1:0] -trace t.json
//
// It boots the image with a second port, on which the kernel says what happens
// (console.Stream); or it reads a trace that `make trace` recorded. Either way it
// serves one page, on this machine only, that needs nothing from elsewhere. The
// console stays on the terminal.
//
// # The lines the page is told
//
//	{"k":"vmo","id":3,"name":"POEM.TXT","pages":5}      there is a VMO, or it has another size
//	{"k":"gone","id":3}                                 it is gone
//	{"k":"tick","t":NS,"s":{"3":[[0,"a2c3"]]},          the time; pages that changed, from a first on,
//	 "req":1,"faults":17,"lat":[P50,P99],"cpu":[SHARE]}  as runs of a letter and a count
//
// Letters: a absent, z zero, c clean, d dirty, w being written, u anonymous.
// req are requests outstanding, faults those since boot, lat nanoseconds, cpu how much
// of the time since the last tick each CPU ran a thread.
package main

import (
	"bufio"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

//go:embed page.html
var page []byte

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address of the page")
	trace := flag.String("trace", "", "show this recorded trace instead of a machine")
	flag.Parse()
	if err := run(*listen, *trace, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "watch:", err)
		os.Exit(1)
	}
}

func run(listen, trace string, args []string) error {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	defer l.Close()
	if a, ok := l.Addr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
		return fmt.Errorf("%s is not an address of this machine alone; use 127.0.0.1", listen)
	}
	f := newFeed()
	server := &http.Server{Handler: f.handler(), ReadHeaderTimeout: 5 * time.Second}
	go server.Serve(l)
	defer server.Close()
	fmt.Fprintf(os.Stderr, "watch: http://%s/\n", l.Addr())
	if trace != "" {
		file, err := os.Open(trace)
		if err != nil {
			return err
		}
		defer file.Close()
		if err := replay(file, f.add); err != nil {
			return fmt.Errorf("%s: %w", trace, err)
		}
		f.end()
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
		<-stop
		return nil
	}
	if len(args) < 2 {
		return errors.New("usage: watch [-listen ADDRESS] QEMU-RUNNER IMAGE [ARGUMENT...] | watch -trace FILE")
	}
	return boot(f, args, os.Stdin, os.Stdout)
}

// boot runs the machine and feeds what it says on its second port.
func boot(f *feed, args []string, stdin io.Reader, stdout io.Writer) error {
	dir, err := os.MkdirTemp("", "faultline-watch-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "port")
	l, err := net.Listen("unix", path)
	if err != nil {
		return err
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		l := newLive(f.add)
		read(conn, func(line string) {
			if err := l.take(line); err != nil {
				fmt.Fprintln(os.Stderr, "watch: the kernel says", line[:min(len(line), 80)], err)
			}
		})
	}()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "WATCH="+path)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, os.Stderr
	err = cmd.Run()
	f.end()
	return err
}

// keepLines is how many lines a page that comes late is told.
const keepLines = 30 * 180

// feed hands lines to every page that listens.
type feed struct {
	mu      sync.Mutex
	lines   []string // the last ones, and before them what pictures them; guarded by mu
	dropped int      // lines no longer kept; guarded by mu
	ended   bool     // guarded by mu
	more    *sync.Cond
}

func newFeed() *feed {
	f := new(feed)
	f.more = sync.NewCond(&f.mu)
	return f
}

// read gives each line of r to take, until it ends.
func read(r io.Reader, take func(string)) {
	s := bufio.NewScanner(r)
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		take(s.Text())
	}
}

// add feeds one line. The oldest are folded into the picture they make, so that
// a page that comes late is shown the same as one that was there.
func (f *feed) add(line string) {
	f.mu.Lock()
	f.lines = append(f.lines, line)
	if len(f.lines) > 2*keepLines {
		n := len(f.lines) - keepLines
		head := fold(f.lines[:n])
		f.dropped += n - len(head)
		f.lines = append(head, f.lines[n:]...)
	}
	f.mu.Unlock()
	f.more.Broadcast()
}

// end says that no more will come.
func (f *feed) end() {
	f.mu.Lock()
	f.ended = true
	f.mu.Unlock()
	f.more.Broadcast()
}

// from gives the lines after the first n ever, waiting for one; done when there
// are no more.
func (f *feed) from(n int, gone <-chan struct{}) (lines []string, next int, done bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for n >= f.dropped+len(f.lines) && !f.ended {
		select {
		case <-gone:
			return nil, n, true
		default:
		}
		f.more.Wait()
	}
	at := max(n-f.dropped, 0)
	lines = append(lines, f.lines[min(at, len(f.lines)):]...)
	return lines, f.dropped + len(f.lines), len(lines) == 0
}

// handler serves the page and the events.
func (f *feed) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'self' 'unsafe-inline' blob:")
		w.Write(page)
	})
	mux.HandleFunc("GET /events", f.events)
	return mux
}

// events is the stream of lines as server-sent events.
func (f *feed) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	gone := r.Context().Done()
	defer whenGone(gone, f.more.Broadcast)()
	flush := http.NewResponseController(w)
	for n := 0; ; {
		lines, next, done := f.from(n, gone)
		if done {
			break
		}
		n = next
		for _, line := range lines {
			if _, err := fmt.Fprintf(w, "data: %s\n\n", line); err != nil {
				return
			}
		}
		flush.Flush()
	}
	fmt.Fprint(w, "event: end\ndata:\n\n")
	flush.Flush()
}

// whenGone calls wake when gone closes; the function it gives ends that.
func whenGone(gone <-chan struct{}, wake func()) (stop func()) {
	over := make(chan struct{})
	go func() {
		select {
		case <-gone:
			wake()
		case <-over:
		}
	}()
	return func() { close(over) }
}

package console

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"
	"time"

	"faultline/zx"
)

// Programs in the background: `start` begins one, `wait` tells how they end,
// `kill` ends one, or what a program that has ended left behind.

// job is a program that runs while commands go on.
type job struct {
	name    string
	process Process
	killed  bool      // by `kill`
	ended   chan Exit // holds the end, once the console was roused
}

// rouse has the command that waits for jobs look again. Any goroutine may call it.
func (c *Console) rouse() {
	select {
	case c.roused <- struct{}{}:
	default: // it will look anyway
	}
}

func (c *Console) start(args []string) error {
	p, err := c.program(args)
	if err != nil {
		return err
	}
	j := &job{name: args[0], ended: make(chan Exit, 1)}
	out := &lines{to: p.Output}
	p.Output = out
	p.OnExit = func(e Exit) {
		out.flush()
		j.ended <- e
		c.rouse()
	}
	if j.process, err = c.kernel.Spawn(p); err != nil {
		return err
	}
	c.jobs = append(c.jobs, j)
	c.note("%s runs as process %d", j.name, j.process.Koid())
	return nil
}

// reap takes out the jobs that have ended, tells of each, and gives the errors of
// those that ended badly.
func (c *Console) reap() (failed []error) {
	c.jobs = slices.DeleteFunc(c.jobs, func(j *job) bool {
		select {
		case e := <-j.ended:
			err := judge(j.name, e)
			switch {
			case err == nil:
				c.note("%s (process %d) ended with code 0", j.name, j.process.Koid())
			case j.killed && e.Code == zx.TaskRetcodeSyscallKill:
				c.note("%s (process %d) was killed", j.name, j.process.Koid())
			default:
				c.reportDeath(err)
				failed = append(failed, fmt.Errorf("process %d: %v", j.process.Koid(), err))
			}
			return true
		default:
			return false
		}
	})
	return failed
}

func (c *Console) waitJobs(args []string) error {
	var late <-chan time.Time
	if len(args) > 0 {
		s, err := strconv.ParseFloat(args[0], 64)
		if err != nil || !(s >= 0 && s <= 1e6) {
			return fmt.Errorf("SECONDS %q is not a number from 0 to 1000000", args[0])
		}
		late = time.After(time.Duration(s * 1e9))
	}
	failed, over := c.reap(), false
	for len(c.jobs) > 0 && !over && !c.stop.Load() {
		select {
		case <-c.roused:
		case <-late:
			over = true
		}
		failed = append(failed, c.reap()...)
	}
	for _, j := range c.jobs {
		c.note("%s (process %d) still runs", j.name, j.process.Koid())
	}
	return errors.Join(failed...)
}

func (c *Console) kill(args []string) error {
	found := false
	for _, j := range c.jobs {
		if means(args[0], j.process.Koid(), j.name) {
			j.killed, found = true, true
			j.process.Kill()
		}
	}
	if found {
		return nil
	}
	// What a program made may run on when it has ended.
	for _, p := range c.kernel.Processes() {
		if means(args[0], p.Koid, p.Name) {
			p.Kill()
			c.note("killed what runs in job %d", p.Job)
			return nil
		}
	}
	return fmt.Errorf("%q is neither the koid nor the name of a program that runs; `threads` lists them", args[0])
}

// lines passes on whole lines, so that what a program in the background writes
// stands by itself, and nothing in them that moves the cursor. Threads of the program
// and of those it made may write at once.
type lines struct {
	mu   sync.Mutex
	to   io.Writer
	rest []byte // guarded by mu
}

// longestLine is how much of a line waits for its end.
const longestLine = 4096

// Write implements io.Writer.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, p...)
	if n := bytes.LastIndexByte(l.rest, '\n') + 1; n > 0 {
		io.WriteString(l.to, escape(l.rest[:n]))
		l.rest = append(l.rest[:0], l.rest[n:]...)
	}
	if len(l.rest) > longestLine {
		l.endLine()
	}
	return len(p), nil
}

// flush ends the line that has not ended.
func (l *lines) flush() {
	l.mu.Lock()
	l.endLine()
	l.mu.Unlock()
}

func (l *lines) endLine() {
	if len(l.rest) > 0 {
		io.WriteString(l.to, escape(l.rest)+"\n")
		l.rest = l.rest[:0]
	}
}

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

const (
	prompt  = "faultline> " // what the console echoes in front of each command
	program = "run -privileged conform"
	memory  = "mem --json"
	threads = "threads --json"
	notices = memory + "; " + threads // what must be the same after a test
)

// machine boots the image by the QEMU runner.
type machine struct {
	runner, image string
	patience      time.Duration
	log           io.Writer
}

// session runs a script in one boot and gives every line of the console to
// line, which says when it has heard enough. why is how the boot ended, in the
// runner's words; empty if it was ended or ended well.
func (m *machine) session(script string, line func(string) (enough bool)) (why string, err error) {
	cmd := exec.Command(m.runner, "-timeout", "0", "-cmds", script, m.image)
	complaints := new(bytes.Buffer)
	cmd.Stderr = complaints
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	// The runner ends QEMU with itself on a signal.
	still := time.AfterFunc(m.patience, func() { cmd.Process.Signal(syscall.SIGTERM) })
	defer still.Stop()
	scanner := bufio.NewScanner(out)
	scanner.Buffer(nil, 1<<20)
	enough, timedOut := false, false
	for scanner.Scan() {
		if !still.Stop() {
			timedOut = true
		} else {
			still.Reset(m.patience)
		}
		text := strings.TrimRight(scanner.Text(), "\r")
		fmt.Fprintln(m.log, text)
		if !enough && line(text) {
			enough = true
			still.Stop()
			cmd.Process.Signal(syscall.SIGTERM)
		}
	}
	timedOut = timedOut || !enough && !still.Stop()
	cmd.Wait()
	m.log.Write(complaints.Bytes())
	if enough {
		return "", nil
	}
	if timedOut {
		return fmt.Sprintf("the boot stood still for %v", m.patience), nil
	}
	said := strings.Split(strings.TrimSpace(complaints.String()), "\n")
	return strings.TrimPrefix(said[len(said)-1], "qemu: "), nil
}

// tests asks the program for its list.
func (m *machine) tests() (map[string]bool, error) {
	has := map[string]bool{}
	listing := false
	why, err := m.session(program+"; poweroff", func(line string) bool {
		if after, ok := strings.CutPrefix(line, prompt); ok {
			listing = after == program
			return after == "poweroff"
		}
		if listing && len(strings.Fields(line)) == 2 {
			has[line] = true
		}
		return false
	})
	if err == nil && len(has) == 0 {
		err = fmt.Errorf("the image does not list its tests: %s", why)
	}
	return has, err
}

// boot implements booter.
func (m *machine) boot(list []entry, each func(result)) error {
	script := notices
	for _, e := range list {
		script += fmt.Sprintf("; %s %s; %s", program, e.key(), notices)
	}
	l := listener{list: list, each: each}
	why, err := m.session(script+"; poweroff", l.line)
	if err != nil {
		return err
	}
	l.end(why)
	if l.next == 0 {
		return errors.New("the image does not boot: " + why)
	}
	return nil
}

// listener makes verdicts of what the console says.
type listener struct {
	list []entry
	each func(result)

	next    int      // how many have a verdict
	command string   // the one that is running
	output  []string // what it has said
	state   usage    // what the last notices said
	before  usage    // the one before the test
	unread  error    // why the last notices could not be read
	verdict *result  // of the test that ran last, until its notices are complete
}

// line takes one line of the console; true when no more can come.
func (l *listener) line(line string) bool {
	command, ok := strings.CutPrefix(line, prompt)
	if !ok {
		l.output = append(l.output, line)
		return false
	}
	l.finish()
	l.command, l.output = command, nil
	return command == "poweroff"
}

// finish looks at what the command that has ended said.
func (l *listener) finish() {
	switch command := strings.TrimSpace(l.command); {
	case command == memory:
		l.state = usage{}
		l.unread = l.state.readMem(last(l.output))
	case command == threads:
		l.unread = errors.Join(l.unread, l.state.readThreads(last(l.output)))
		if l.verdict != nil {
			leak := l.before.difference(l.state)
			if l.unread != nil {
				leak = "what is in use cannot be told: " + l.unread.Error()
			}
			if l.verdict.Verdict == pass && leak != "" {
				l.verdict.Verdict, l.verdict.Reason = fail, leak
			}
			l.give()
		}
		l.before = l.state
	case strings.HasPrefix(command, program+" "):
		e := l.list[l.next]
		verdict, reason := judge(l.output)
		l.verdict = &result{e.id, e.variant, verdict, reason}
	}
	l.command = ""
}

func (l *listener) give() {
	r := *l.verdict
	l.verdict = nil
	l.next++
	l.each(r)
}

// end takes the end of the boot. The test that ran then is to blame, or the one
// whose traces were being looked at.
func (l *listener) end(why string) {
	if l.verdict == nil && !strings.HasPrefix(l.command, program+" ") {
		return // no test is to blame
	}
	if why == "" {
		why = "it ended"
	}
	e := l.list[l.next]
	reason := "the boot died: " + why
	if said := last(l.output); said != "" {
		reason += "; last words: " + said
	}
	l.verdict = &result{e.id, e.variant, fail, reason}
	l.give()
}

// judge reads what one run of the program said.
func judge(output []string) (verdict, reason string) {
	const ended = "run: conform ended with code "
	for _, line := range output {
		switch {
		case strings.HasPrefix(line, "differs: "):
			reason = strings.TrimPrefix(line, "differs: ")
		case strings.HasPrefix(line, "not-yet: "):
			reason = strings.TrimPrefix(line, "not-yet: ")
		case line == ended+"77":
			return notYet, reason
		case strings.HasPrefix(line, "run: "):
			if reason == "" {
				reason = strings.TrimPrefix(line, "run: ")
			}
			return fail, reason
		}
	}
	return pass, ""
}

// last is the last line that says anything.
func last(output []string) string {
	for i := len(output) - 1; i >= 0; i-- {
		if line := strings.TrimSpace(output[i]); line != "" {
			return line
		}
	}
	return ""
}

// usage is what notices show.
type usage struct {
	free, tables, vmos, handles, account, pages, threads int
}

// readMem reads what memory says.
func (u *usage) readMem(text string) error {
	var said struct {
		Memory []struct {
			Memory      string
			Used, Pages int
		}
		VMOs, Handles *int
	}
	if err := json.Unmarshal([]byte(text), &said); err != nil {
		return fmt.Errorf("%s: %q: %w", memory, text, err)
	}
	used, pages := map[string]int{}, map[string]int{}
	for _, m := range said.Memory {
		used[m.Memory], pages[m.Memory] = m.Used, m.Pages
	}
	for _, name := range []string{"free frames", "page tables", "account", "account pages"} {
		if _, ok := pages[name]; !ok {
			return fmt.Errorf("%s: %q: no %s", memory, text, name)
		}
	}
	if said.VMOs == nil || said.Handles == nil {
		return fmt.Errorf("%s: %q: no VMOs or handles", memory, text)
	}
	u.free, u.tables, u.account, u.pages = pages["free frames"], pages["page tables"], used["account"], pages["account pages"]
	u.vmos, u.handles = *said.VMOs, *said.Handles
	return nil
}

// readThreads reads what threads says.
func (u *usage) readThreads(text string) error {
	var said struct{ Threads []json.RawMessage }
	if err := json.Unmarshal([]byte(text), &said); err != nil {
		return fmt.Errorf("%s: %q: %w", threads, text, err)
	}
	if len(said.Threads) == 0 {
		return fmt.Errorf("%s: %q: no threads", threads, text)
	}
	u.threads = len(said.Threads)
	return nil
}

// difference says what u has that after has not, or the reverse; empty when they
// are the same.
func (u usage) difference(after usage) string {
	var parts []string
	for _, p := range []struct {
		what         string
		before, then int
	}{
		{"free frames", u.free, after.free},
		{"page tables", u.tables, after.tables},
		{"VMOs", u.vmos, after.vmos},
		{"handles", u.handles, after.handles},
		{"bytes of the account", u.account, after.account},
		{"pages of the account", u.pages, after.pages},
		{"threads", u.threads, after.threads},
	} {
		if p.before != p.then {
			parts = append(parts, fmt.Sprintf("%d %s before, %d after", p.before, p.what, p.then))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "leak: " + strings.Join(parts, ", ")
}

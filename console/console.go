package console

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/term"

	"faultline/files"
	"faultline/object"
	"faultline/vmo"
	"faultline/zx"
)

// Config is what a Console is made of.
type Config struct {
	Kernel Kernel
	// Volume holds the files; nil when there are none, and then VolumeError
	// says why.
	Volume      *files.Volume
	VolumeError error
	// Waiter is the means to sleep of the goroutine that runs the console.
	Waiter vmo.Waiter
	// Out gets everything the commands print, lines ended by '\n'.
	Out io.Writer
}

// Console runs commands.
type Console struct {
	kernel      Kernel
	volume      *files.Volume
	volumeError error
	waiter      vmo.Waiter
	out         *whole

	handles  object.HandleTable // keeps the console's ports open
	touchers map[*files.File]*toucher
	jobs     []*job        // programs in the background
	roused   chan struct{} // one of them has ended, or control-C was typed
	off      bool          // poweroff was said

	json     bool              // the command in progress shows JSON
	body     [][]byte          // the JSON object it shows, so far
	keyboard *keys             // nil while there is none
	counted  map[string]uint64 // what counters showed last

	mu      sync.Mutex
	running Process // what a command waits for, nil for nothing; guarded by mu

	stop  atomic.Bool  // control-C was typed while the command in progress ran
	width atomic.Int32 // columns of the terminal
}

// screenWidth is how many columns a terminal has that does not tell.
const screenWidth = 80

// Prompt is what an interactive console asks with.
const Prompt = "faultline> "

// New makes a console.
func New(c Config) *Console {
	if c.Volume == nil && c.VolumeError == nil {
		c.VolumeError = files.ErrNoDisk
	}
	k := &Console{kernel: c.Kernel, volume: c.Volume, volumeError: c.VolumeError, waiter: c.Waiter, out: &whole{to: c.Out},
		touchers: map[*files.File]*toucher{}, roused: make(chan struct{}, 1), counted: map[string]uint64{}}
	k.width.Store(screenWidth)
	c.Kernel.LogTo(warnings{k, k.out})
	return k
}

// columns is how many a line may take.
func (c *Console) columns() int { return int(c.width.Load()) }

// warnings is where the kernel writes its own: whole lines, which are folded.
type warnings struct {
	*Console
	to io.Writer
}

// Write implements io.Writer. Any goroutine may call it.
func (w warnings) Write(p []byte) (int, error) {
	var b strings.Builder
	for line := range strings.Lines(string(p)) {
		text := strings.TrimLeft(line, " ")
		b.WriteString(w.fold(line[:len(line)-len(text)], clean(strings.TrimSuffix(text, "\n"))))
	}
	_, err := io.WriteString(w.to, b.String())
	return len(p), err
}

func (c *Console) printf(format string, args ...any) { fmt.Fprintf(c.out, format, args...) }

// whole lets one write at a time through: those of commands, of the kernel, and of
// programs in the background.
type whole struct {
	mu sync.Mutex
	to io.Writer
}

// Write implements io.Writer.
func (w *whole) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.to.Write(p)
}

// writeAll lets pieces through as one write.
func (w *whole) writeAll(pieces [][]byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range pieces {
		w.to.Write(p)
	}
}

// short leaves out the middle of a line that has no end: an error repeats what was
// typed.
func short(line string) string {
	const most = 600
	if len(line) <= most {
		return line
	}
	return line[:most/2] + "..." + line[len(line)-most/2:]
}

// Script runs every command of a script, up to a poweroff, echoing each behind
// the prompt. A command that fails says why, and the next one runs. At the end it
// says which pages were not synced.
//
// Errors: some failed; the text names them.
func (c *Console) Script(script string) error {
	var failed []string
	calls := split(script)
	for _, k := range calls {
		if c.off {
			break
		}
		c.printf("%s%s\n", Prompt, clean(k.text))
		if !c.call(k) {
			failed = append(failed, "`"+short(clean(k.text))+"`")
		}
	}
	if !c.off { // the machine stops all the same
		c.farewell()
	}
	if len(failed) > 0 {
		return fmt.Errorf("%d of %d commands failed: %s", len(failed), len(calls), strings.Join(failed, ", "))
	}
	return nil
}

// call runs one command and says whether it succeeded.
func (c *Console) call(k call) bool {
	err := k.err
	name := ""
	if err == nil {
		name = k.argv[0] + ": "
		err = c.perform(k.argv)
	}
	c.reportDeath(err)
	if err != nil {
		for _, line := range strings.Split(name+err.Error(), "\n") {
			c.note("%s", short(line))
		}
	}
	return err == nil
}

// perform finds and runs a command.
func (c *Console) perform(argv []string) error {
	k := find(argv[0])
	if k == nil {
		if guess := near(argv[0]); guess != "" {
			return fmt.Errorf("no such command; did you mean %q? `help` lists them", guess)
		}
		return errors.New("no such command; `help` lists them")
	}
	args := argv[1:]
	c.json, c.body = false, nil
	c.stop.Store(false)
	if strings.HasSuffix(k.Args, showsJSON) {
		args = slices.DeleteFunc(slices.Clone(args), func(a string) bool { return a == "--json" })
		c.json = len(args) < len(argv)-1
	}
	switch {
	case len(args) < k.min:
		return fmt.Errorf("%s is missing; usage: %s", missing(k, len(args)), k.usage())
	case k.max >= 0 && len(args) > k.max:
		return fmt.Errorf("%q is one argument too many; usage: %s", args[k.max], k.usage())
	}
	err := k.Fn(c, args)
	if c.json && err == nil {
		c.add("}\n")
		c.out.writeAll(c.body)
	}
	c.json, c.body = false, nil
	return err
}

// missing names the first argument that was not given.
func missing(k *Command, have int) string {
	words := strings.Fields(k.Args)
	if have < len(words) {
		return strings.Trim(words[have], "[].")
	}
	return "an argument"
}

// Interactive reads commands from a terminal until poweroff or the end of
// input. Control-C kills the program that runs, or else empties the line;
// control-D on an empty line powers off. It leaves a goroutine behind that waits
// for input.
//
// Errors: what reading gave, but for io.EOF.
func (c *Console) Interactive(rw io.ReadWriter) error {
	k := c.keys(rw)
	t := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{k, rw}, Prompt)
	t.AutoCompleteCallback = c.complete
	before := c.out
	// It turns \n into \r\n and keeps the line being typed whole, whoever writes.
	c.out, c.keyboard = &whole{to: t}, k
	c.kernel.LogTo(warnings{c, c.out})
	defer func() {
		c.out, c.keyboard = before, nil
		c.kernel.LogTo(warnings{c, before})
	}()
	for asked := false; !c.off; asked = true {
		if columns := int(k.columns.Load()); columns > 0 || !asked {
			io.WriteString(rw, askColumns) // it may have been resized
			if columns > 0 {
				c.width.Store(int32(max(columns, screenWidth/2)))
				t.SetSize(columns, 24)
			}
		}
		line, err := t.ReadLine()
		if errors.Is(err, term.ErrPasteIndicator) {
			err = nil
		}
		for _, k := range split(line) {
			if !c.off {
				c.call(k)
			}
		}
		if errors.Is(err, io.EOF) {
			if !c.off {
				c.poweroff(nil)
			}
		} else if err != nil {
			return err
		}
	}
	return nil
}

// askColumns sends the cursor far to the right, asks where it is, and puts it
// back. A terminal answers ESC [ row ; column R. Source: ECMA-48 8.3.14 CPR.
const askColumns = "\x1b7\x1b[999C\x1b[6n\x1b8"

// typedAhead is how many bytes that nobody has read yet are kept. More are lost, for
// whoever reads them must go on to hear control-C.
const typedAhead = 4096

// keys gives what is typed, read ahead by a goroutine so that control-C is heard
// while a program runs, however much is typed meanwhile.
type keys struct {
	columns atomic.Int32 // that the terminal told; 0 if it did not
	answer  []byte       // an answer of the terminal so far; the goroutine's own

	mu    sync.Mutex
	more  sync.Cond // typed or err has changed
	typed []byte
	err   error // why it ended
}

func (c *Console) keys(r io.Reader) *keys {
	const controlC, controlU = 3, 21
	k := new(keys)
	k.more.L = &k.mu
	go func() {
		p := make([]byte, 256)
		for err := error(nil); err == nil; {
			var n int
			n, err = r.Read(p)
			var kept []byte
			for _, b := range p[:n] {
				if b == controlC {
					if c.interrupt() { // what was typed before is meant no more
						kept = kept[:0]
						k.mu.Lock()
						k.typed = k.typed[:0]
						k.mu.Unlock()
						continue
					}
					// The line editor takes control-C for the end of
					// input; control-U empties the line.
					b = controlU
				}
				kept = k.listen(kept, b)
			}
			k.mu.Lock()
			k.typed = append(k.typed, kept[:min(len(kept), typedAhead-len(k.typed))]...)
			k.err = err
			k.mu.Unlock()
			k.more.Signal()
		}
	}()
	return k
}

// listen appends b to kept unless it is part of an answer to askColumns.
func (k *keys) listen(kept []byte, b byte) []byte {
	const escape = 0x1b
	n := len(k.answer)
	switch {
	case n == 0 && b == escape, n == 1 && b == '[', n > 1 && n < 16 && (b >= '0' && b <= '9' || b == ';'):
		k.answer = append(k.answer, b)
		return kept
	case n > 3 && b == 'R':
		var row, column int32
		if _, err := fmt.Sscanf(string(k.answer[2:])+"R", "%d;%dR", &row, &column); err == nil {
			k.columns.Store(column)
			k.answer = k.answer[:0]
			return kept
		}
	}
	kept = append(append(kept, k.answer...), b)
	k.answer = k.answer[:0]
	return kept
}

// pressed says whether something was typed, and takes it.
func (k *keys) pressed() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	some := len(k.typed) > 0 || k.err != nil
	k.typed = k.typed[:0]
	return some
}

// pause waits for so long, and says whether a key ended it.
func (c *Console) pause(t zx.Time) (pressed bool) {
	const look = zx.Time(50e6)
	for ; t > 0 && !pressed; t -= look {
		time.Sleep(time.Duration(min(t, look)))
		pressed = c.stop.Load() || c.keyboard != nil && !c.json && c.keyboard.pressed()
	}
	return pressed
}

// Read implements io.Reader.
func (k *keys) Read(p []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for len(k.typed) == 0 {
		if k.err != nil {
			return 0, k.err
		}
		k.more.Wait()
	}
	n := copy(p, k.typed)
	k.typed = append(k.typed[:0], k.typed[n:]...)
	return n, nil
}

// wait notes which process the console waits for.
func (c *Console) wait(p Process) {
	c.mu.Lock()
	c.running = p
	c.mu.Unlock()
}

// interrupt has the command in progress stop, where it looks at that, and kills the
// process the console waits for, if there is one. Any goroutine may call it.
func (c *Console) interrupt() bool {
	c.stop.Store(true)
	c.rouse()
	c.mu.Lock()
	p := c.running
	c.mu.Unlock()
	if p == nil {
		return false
	}
	p.Kill()
	return true
}

// complete finishes the word before the cursor on a tab, if one command or
// file name begins so.
func (c *Console) complete(line string, pos int, key rune) (string, int, bool) {
	if key != '\t' || pos != len(line) {
		return "", 0, false
	}
	at := strings.LastIndexAny(line, " ;") + 1
	word := line[at:]
	var names []string
	if strings.TrimSpace(line[:at]) == "" || strings.HasSuffix(strings.TrimRight(line[:at], " "), ";") {
		for i := range commands {
			names = append(names, commands[i].Name)
		}
	} else if c.volume != nil {
		folder := word[:strings.LastIndexByte(word, '/')+1]
		entries, err := c.volume.List("/" + folder)
		if err != nil {
			return "", 0, false
		}
		for _, e := range entries {
			name := folder + e.Name
			if e.Folder {
				name += "/"
			}
			if !strings.ContainsAny(name, ` "'\;#`) {
				names = append(names, name)
			}
		}
	}
	common, found := "", false
	for _, n := range names {
		if len(n) < len(word) || !strings.EqualFold(n[:len(word)], word) {
			continue
		}
		if !found {
			common, found = n, true
		}
		for !strings.HasPrefix(n, common) {
			common = common[:len(common)-1]
		}
	}
	if !found || len(common) < len(word) {
		return "", 0, false
	}
	line = line[:at] + common
	return line, len(line), true
}

// open gives the file of that name.
func (c *Console) open(name string) (*files.File, error) {
	if c.volume == nil {
		return nil, c.volumeError
	}
	return c.volume.Open(name)
}

// spawn starts a program and waits for its end.
func (c *Console) spawn(p Program) (Exit, error) {
	ended := make(chan Exit, 1)
	p.OnExit = func(e Exit) { ended <- e }
	process, err := c.kernel.Spawn(p)
	if err != nil {
		return Exit{}, err
	}
	c.wait(process)
	defer c.wait(nil)
	return <-ended, nil
}

// uninterrupted does what waits, however often the wait is interrupted.
func uninterrupted(do func() zx.Status) (st zx.Status) {
	for st = zx.ErrInternalIntrRetry; st == zx.ErrInternalIntrRetry; {
		st = do()
	}
	return st
}

// death is the error of a program that an exception killed.
type death struct {
	name string
	x    *Exception
}

// Error says what killed it in one line.
func (d *death) Error() string { return d.name + " was killed: " + cause(d.x) }

// judge makes an error of a program's bad end.
func judge(name string, e Exit) error {
	if e.Exception != nil {
		return &death{name, e.Exception}
	}
	switch e.Code {
	case 0:
	case zx.TaskRetcodeSyscallKill:
		return fmt.Errorf("%s was killed", name)
	default:
		return fmt.Errorf("%s ended with code %d", name, e.Code)
	}
	return nil
}

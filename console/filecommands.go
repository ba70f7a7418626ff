package console

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"faultline/files"
	"faultline/zx"
)

const (
	catChunk = 64 << 10 // bytes read at a time
	catHex   = 256      // bytes of a binary file printed unless asked for more
	catProbe = 512      // bytes looked at to tell text from binary
	sumName  = "sum"    // program
)

func (c *Console) ls(args []string) error {
	if c.volume == nil {
		return c.volumeError
	}
	folder := "/"
	if len(args) > 0 {
		folder = args[0]
	}
	entries, err := c.volume.List(folder)
	if err != nil {
		return err
	}
	rows, bytes := make([]entryOf, 0, len(entries)), int64(0)
	for _, e := range entries {
		row := entryOf{length(e.Size), "no date", e.Name}
		if e.Folder {
			row.Size = folderLength
		}
		if !e.Modified.IsZero() {
			row.Modified = e.Modified.Format("2006-01-02 15:04")
		}
		rows, bytes = append(rows, row), bytes+e.Size
	}
	c.table("entries", rows)
	c.note("%d entries, %d bytes", len(entries), bytes)
	return nil
}

// length is the size of an entry of a folder, in bytes, to the last one.
type length int64

const folderLength length = -1

// String is for people.
func (l length) String() string {
	if l == folderLength {
		return "folder"
	}
	return strconv.FormatInt(int64(l), 10)
}

// entryOf is an entry of a folder.
type entryOf struct {
	Size     length `t:"SIZE"`
	Modified string `t:"MODIFIED"`
	Name     string `t:"NAME"`
}

func (c *Console) cat(f *files.File, args []string) error {
	offset, length, asked := uint64(0), uint64(f.Size()), len(args) > 1
	if len(args) > 0 {
		var err error
		if offset, err = number("OFFSET", args[0]); err != nil {
			return err
		}
		if offset > uint64(f.Size()) {
			return pastEnd(f, offset, 0)
		}
		length -= offset
	}
	if asked {
		n, err := number("LENGTH", args[1])
		if err != nil {
			return err
		}
		length = min(length, n)
	}
	end := offset + length
	binary, decided := false, false
	buf := make([]byte, catChunk)
	for at := offset; at < end; {
		if c.stop.Load() {
			return errors.New("stopped")
		}
		n := min(uint64(len(buf)), end-at)
		if st := uninterrupted(func() zx.Status { return f.ReadAt(c.waiter, buf[:n], at) }); st != zx.OK {
			return fmt.Errorf("%q at %#x: %w", f.Name(), at, st)
		}
		if !decided {
			decided, binary = true, !isText(buf[:min(n, catProbe)])
			if binary && !asked {
				end = min(end, at+catHex)
				n = min(n, end-at)
			}
		}
		if binary {
			c.dump(buf[:n], at)
		} else {
			n = c.text(buf[:n], at+n == end)
		}
		at += n
	}
	if rest := offset + length - end; rest > 0 {
		c.note("%d more bytes; cat %s OFFSET LENGTH shows them", rest, quoted(f.Name()))
	}
	return nil
}

// isText says whether the front of a file is text: UTF-8 without control
// characters but those that lay it out.
func isText(p []byte) bool {
	for len(p) > 0 {
		r, n := utf8.DecodeRune(p)
		if r == utf8.RuneError && n == 1 && utf8.FullRune(p) {
			return false
		}
		if r < ' ' && r != '\n' && r != '\r' && r != '\t' && r != '\f' && r != 27 {
			return false
		}
		p = p[n:]
	}
	return true
}

// text prints text with control characters escaped, and gives how many bytes
// it took: a character cut in two at the end is left unless last is set.
func (c *Console) text(p []byte, last bool) uint64 {
	used := len(p)
	for cut := max(0, len(p)-utf8.UTFMax); !last && cut < len(p); cut++ {
		if utf8.RuneStart(p[cut]) && !utf8.FullRune(p[cut:]) {
			used = cut
			break
		}
	}
	text := escape(p[:used])
	if last && text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	c.printf("%s", text)
	return uint64(used)
}

// escape spells the bytes of text that a terminal would not show: all but lines and
// tabs.
func escape(text []byte) string {
	var b strings.Builder
	for rest := text; len(rest) > 0; {
		r, n := utf8.DecodeRune(rest)
		switch {
		case r == '\r' && n < len(rest) && rest[n] == '\n': // the end of a DOS line
		case r == '\n' || r == '\t' || unicode.IsPrint(r) && r != utf8.RuneError:
			b.WriteRune(r)
		default:
			for _, x := range rest[:n] {
				fmt.Fprintf(&b, `\x%02x`, x)
			}
		}
		rest = rest[n:]
	}
	return b.String()
}

// dump prints bytes in hex, sixteen a line.
func (c *Console) dump(p []byte, at uint64) {
	for line := range slices.Chunk(p, 16) {
		shown := bytes.Clone(line)
		for i, b := range shown {
			if b < ' ' || b > '~' {
				shown[i] = '.'
			}
		}
		c.printf("%08x  %-47s  %s\n", at, fmt.Sprintf("% x", line), shown)
		at += 16
	}
}

// stats gives the file's counts when the pager has done all it was asked.
func (c *Console) stats(f *files.File) files.Stats {
	c.volume.Settle()
	return f.Stats()
}

// digest has a ring-3 program sum the file and gives what it printed and how it
// ended.
func (c *Console) digest(f *files.File) (string, Exit, error) {
	var out bytes.Buffer
	e, err := c.spawn(Program{
		Name:    sumName,
		Args:    []string{strconv.FormatInt(f.Size(), 10)},
		Handles: []StartHandle{{VMO: f.VMO(), Rights: zx.RightsVMO}},
		Output:  &out,
	})
	text := strings.TrimSpace(out.String())
	if err != nil {
		return "", e, err
	}
	if e.Code != 0 || e.Exception != nil {
		if text != "" {
			c.printf("%s\n", text)
		}
		return "", e, judge(sumName, e)
	}
	if len(text) != 64 {
		return "", e, fmt.Errorf("program sum printed %q, not a SHA-256", text)
	}
	return text, e, nil
}

func (c *Console) sum(f *files.File, _ []string) error {
	before := c.stats(f)
	text, e, err := c.digest(f)
	if err != nil {
		return err
	}
	s := c.stats(f)
	c.note("%s  %s", text, f.Name())
	c.note("%d bytes, %d page faults, %d pages supplied (%d read ahead)", f.Size(), e.Faults,
		s.PagesSupplied-before.PagesSupplied, s.PagesAhead-before.PagesAhead)
	return nil
}

// pastEnd is the error of a range outside a file.
func pastEnd(f *files.File, offset, length uint64) error {
	if length == 0 {
		return fmt.Errorf("OFFSET %#x is past the end: %q has %d (%#x) bytes", offset, f.Name(), f.Size(), f.Size())
	}
	return fmt.Errorf("%d bytes at OFFSET %#x reach past the end: %q has %d (%#x) bytes", length, offset, f.Name(), f.Size(), f.Size())
}

// at reads an OFFSET and checks that length bytes there lie in the file.
func at(f *files.File, text string, length uint64) (uint64, error) {
	offset, err := number("OFFSET", text)
	if err == nil && !zx.InRange(offset, length, uint64(f.Size())) {
		err = pastEnd(f, offset, length)
	}
	return offset, err
}

func (c *Console) poke(f *files.File, args []string) error {
	data, err := hexBytes(args[1:])
	if err != nil {
		return err
	}
	offset, err := at(f, args[0], uint64(len(data)))
	if err != nil {
		return err
	}
	if c.volume.ReadOnly() && !f.View() {
		why := ""
		if doubts := c.volume.Doubts(); len(doubts) > 0 {
			why = " because " + doubts[0]
		}
		return fmt.Errorf("the disk is read-only%s: %q cannot be changed", why, f.Name())
	}
	if _, err := c.toucher(f); err != nil {
		return err
	}
	before, faults := c.stats(f), c.faults(f)
	if err := c.store(f, offset, data); err != nil {
		return err
	}
	s := c.stats(f)
	if f.View() {
		c.note("stored %d bytes at %#x: %d page faults; in this view alone", len(data), offset, c.faults(f)-faults)
		return nil
	}
	c.note("stored %d bytes at %#x: %d page faults, %d pages supplied, %d write traps, %d pages dirtied; sync writes them",
		len(data), offset, c.faults(f)-faults, s.PagesSupplied-before.PagesSupplied, s.Dirties-before.Dirties, s.PagesDirtied-before.PagesDirtied)
	return nil
}

func (c *Console) snap(f *files.File, args []string) error {
	if len(args) > 0 {
		if args[0] != "drop" || !f.View() {
			return fmt.Errorf("only a view, NAME@1, can be dropped")
		}
		if t := c.touchers[f]; t != nil {
			t.process.Kill()
			c.drop(t)
		}
		return f.Close()
	}
	view, err := f.Snap()
	if err != nil {
		return err
	}
	c.note("%s shows %s as it is now", view.Name(), f.Name())
	return nil
}

func (c *Console) sync(args []string) error {
	if c.volume == nil {
		return c.volumeError
	}
	open := c.volume.Files()
	if len(args) > 0 {
		f, err := c.open(args[0])
		if err != nil {
			return err
		}
		open = []*files.File{f}
	}
	var failure error
	for _, f := range open {
		r, err := f.Sync(c.waiter)
		switch {
		case err != nil:
			if failure != nil {
				c.note("%v", failure)
			}
			failure = err
		case r.Ranges > 0:
			c.note("%s: %d pages in %d ranges written, %d bytes", f.Name(), r.Pages, r.Ranges, r.Bytes)
		case len(args) > 0:
			c.note("%s: nothing is dirty", f.Name())
		}
	}
	if failure == nil && len(args) == 0 && len(open) == 0 {
		c.note("no file is open")
	}
	return failure
}

func (c *Console) touch(f *files.File, args []string) error {
	operation, verb := uint64(touchRead), "read"
	switch args[1] {
	case "r":
	case "w":
		operation, verb = touchWrite, "wrote back"
	default:
		return fmt.Errorf("%q is neither r nor w", args[1])
	}
	offset, err := at(f, args[0], 1)
	if err != nil {
		return err
	}
	if _, err := c.toucher(f); err != nil {
		return err
	}
	before, faults := c.stats(f), c.faults(f)
	value, err := c.command(f, operation, offset, nil)
	if err != nil {
		return err
	}
	s := c.stats(f)
	c.note("%s 0x%02x at %#x: %d page faults, %d pages supplied, %d write traps", verb, value[0], offset,
		c.faults(f)-faults, s.PagesSupplied-before.PagesSupplied, s.Dirties-before.Dirties)
	return nil
}

func (c *Console) fail(f *files.File, args []string) error {
	if len(args) == 0 {
		for _, x := range f.Failures() {
			c.note("%#x+%#x fails with %v", x.Offset, x.Length, x.Status)
		}
		c.note("%d failures set", len(f.Failures()))
		return nil
	}
	if len(args) < 3 {
		return fmt.Errorf("%s is missing; usage: %s", []string{"LENGTH", "STATUS or off"}[len(args)-1], find("fail").usage())
	}
	offset, err := number("OFFSET", args[0])
	if err != nil {
		return err
	}
	length, err := number("LENGTH", args[1])
	if err != nil {
		return err
	}
	if args[2] == "off" {
		c.note("%d failures lifted", f.LiftFailures(offset, length))
		return nil
	}
	st, ok := zx.ParseStatus(args[2])
	if !ok {
		return fmt.Errorf("STATUS %q is unknown: one of %v, or off", args[2], files.FailStatuses)
	}
	if err := f.InjectFailure(offset, length, st); err != nil {
		return err
	}
	c.note("pages of %#x+%#x now fail with %v", offset, length, st)
	if dirtyPages(f) > 0 {
		c.note("dirty pages stay in memory and do not ask the pager; sync and evict them to make them")
	}
	return nil
}

func (c *Console) evict(f *files.File, _ []string) error {
	n := f.Evict()
	c.note("%d clean pages dropped, %d dirty ones kept", n, dirtyPages(f))
	return nil
}

// quoted writes a name as a command would take it.
func quoted(name string) string {
	if strings.ContainsAny(name, " ;#'") {
		return `"` + name + `"`
	}
	return name
}

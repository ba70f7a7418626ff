package files

import (
	"bytes"
	"fmt"
	"math/rand"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"faultline/mmu"
	"faultline/zx"
)

// mtoolsOf runs a command of mtools on an image.
func mtoolsOf(t *testing.T, name, image string, args ...string) (out []byte, complaint string) {
	cmd := exec.Command(needTool(t, name), append([]string{"-i", image}, args...)...)
	cmd.Env = []string{"MTOOLSRC=/dev/null", "LC_ALL=C.UTF-8", "MTOOLS_SKIP_CHECK=1", "TZ=UTC"}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if complaint = stderr.String(); complaint == "" && err != nil {
		complaint = err.Error()
	}
	return stdout.Bytes(), complaint
}

// listed is one line of mdir.
type listed struct {
	base, ext string
	folder    bool
	size      int64
	when      string
	long      string
}

var mdirLine = regexp.MustCompile(`^(.{8}) (.{3}) (<DIR>   | *\d+) +(\d{4}-\d\d-\d\d) +(\d+:\d\d) (?: (.*))?$`)

// mdir lists a folder, without those of itself and its parent.
func mdir(t *testing.T, image, folder string) (list []listed, complaint string) {
	out, complaint := mtoolsOf(t, "mdir", image, "-a", "::/"+folder)
	_, text, found := strings.Cut(string(out), "\nDirectory for ")
	if !found {
		return nil, complaint
	}
	for _, line := range strings.Split(text, "\n")[2:] {
		if regexp.MustCompile(`^ +\d+ files? |^No files`).MatchString(line) {
			break
		}
		if strings.HasPrefix(line, "             ") { // a name that begins with a blank is not shown
			line = strings.Repeat("\ufffd", 8) + " " + strings.Repeat("\ufffd", 3) + line[12:]
		}
		p := mdirLine.FindStringSubmatch(line)
		if p == nil {
			t.Fatalf("mdir: line %q", line)
		}
		if e := strings.TrimSpace(p[1]); p[3] == "<DIR>   " && (e == "." || e == "..") && strings.TrimSpace(p[2]) == "" {
			continue
		}
		size, _ := strconv.ParseInt(strings.TrimSpace(p[3]), 10, 64)
		list = append(list, listed{p[1], p[2], p[3] == "<DIR>   ", size, p[4] + " " + p[5], p[6]})
	}
	return list, complaint
}

// asMtools spells a name as mtools does what it cannot show.
func asMtools(name string) string {
	var b strings.Builder
	for _, u := range utf16.Encode([]rune(name)) {
		r := rune(u)
		if utf16.IsSurrogate(r) || r == '?' {
			r = '_'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// unspeakable says that a name of mtools's cannot be what we list.
func unspeakable(name string) bool {
	return name == "." || name == ".." || strings.ContainsFunc(name, func(r rune) bool { return !nameRune(r) || r == '_' || r == 0xFFFE })
}

// TestAgainstMtools holds generated images against mtools: what it lists is listed,
// what is opened reads as it reads it or is refused by name, a name opens the entry
// it is listed for, and a store changes its file and nothing else.
func TestAgainstMtools(t *testing.T) {
	images := 300
	if testing.Short() {
		images = 60
	}
	var tally struct{ mounted, readOnly, entries, opened, compared, refused, poked int }
	for seed := range int64(images) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			m := newOddImage(t, seed)
			m.folder(0)
			if seed%2 == 1 {
				m.damage()
			}
			image := m.finish()
			t.Logf("sectors of %d, clusters of %d, %d FATs, root at %d, %v", m.sector, m.cluster, m.fats, m.root, m.what)
			dev := openOdd(t, m)
			config := configFor(dev, mmu.NewSimulated(1500))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			v, err := Mount(config)
			runtime.ReadMemStats(&after)
			if spent := after.TotalAlloc - before.TotalAlloc; spent > 4<<20 {
				t.Errorf("%d bytes were allocated to mount it", spent)
			}
			if err != nil {
				if m.boot == nil && !strings.Contains(fmt.Sprint(m.what), "folder") {
					t.Fatalf("not mounted: %v", err)
				}
				t.Log(err)
				return
			}
			defer v.Shutdown()
			tally.mounted++
			if v.ReadOnly() {
				tally.readOnly++
				t.Log(v.Doubts())
			}
			doubtful := m.second != 0 && m.fats > 1 || strings.Contains(fmt.Sprint(m.what), "dirty")
			if len(m.what) == 0 && v.ReadOnly() || doubtful && !v.ReadOnly() {
				t.Errorf("read-only: %v, %v", v.ReadOnly(), v.Doubts())
			}
			c := &oddCheck{t: t, v: v, m: m, dev: dev, image: image}
			c.folder("", "", 0)
			tally.entries, tally.opened, tally.compared = tally.entries+c.entries, tally.opened+len(c.files), tally.compared+c.compared
			tally.refused += c.refused
			tally.poked += c.poke()
		})
	}
	t.Logf("%+v", tally)
	if !t.Failed() && (tally.poked < images || tally.refused < images/10 || tally.compared < 2*images) {
		t.Errorf("too little was looked at: %+v", tally)
	}
}

// oddCheck is the comparison of one image.
type oddCheck struct {
	t     *testing.T
	v     *Volume
	m     *oddImage
	dev   *oddDisk
	image string
	lie   bool // what is damaged keeps nothing from being compared

	entries, refused, compared int
	files                      []oddFile
}

// oddFile is an opened file and how mtools knows it, "" if in no way of its own.
type oddFile struct {
	*File
	path    string
	content []byte
}

// folder compares one folder, under our name and mtools's.
func (c *oddCheck) folder(ours, theirs string, depth int) {
	t := c.t
	entries, err := c.v.List(ours)
	list, complaint := mdir(t, c.image, theirs)
	if err != nil {
		c.refused++
		if len(c.m.what) == 0 {
			t.Errorf("%q: %v", ours, err)
		}
		return
	}
	if complaint != "" && len(c.m.what) > 0 && !c.lie {
		return // mtools gives up somewhere in it
	}
	if len(entries) != len(list) {
		t.Errorf("%q: %d entries, mtools lists %d: %+v\n%+v", ours, len(entries), len(list), entries, list)
		return
	}
	for i, e := range entries {
		c.entries++
		c.entry(entries, list, i)
		open := strings.TrimPrefix(ours+"/"+e.Name, "/")
		path := c.path(list, i)
		if path != "" {
			path = strings.TrimPrefix(theirs+"/"+path, "/")
		}
		if e.Folder {
			if path != "" && (theirs != "" || ours == "") && depth < 4 {
				if _, found, _, err := c.find(open); err == nil && found.place == e.place {
					c.folder(open, path, depth+1)
				}
			}
			continue
		}
		twin := slices.ContainsFunc(entries, func(o Entry) bool { return o.Name == e.Name && o.short == e.short && o.place != e.place })
		c.file(open, path, e, twin)
	}
}

// find looks a name up as Open does.
func (c *oddCheck) find(name string) (string, Entry, error, error) {
	c.v.looking.Lock()
	defer c.v.looking.Unlock()
	return c.v.dir.find(cleanPath(name))
}

// entry compares one entry's words.
func (c *oddCheck) entry(entries []Entry, list []listed, i int) {
	e, l := entries[i], list[i]
	short := strings.TrimRight(l.base, " ")
	if x := strings.TrimRight(l.ext, " "); x != "" {
		short += "." + x
	}
	short = strings.Map(func(r rune) rune {
		if !nameRune(r) {
			return '?'
		}
		return r
	}, short)
	if short == "." || short == ".." {
		short = strings.Repeat("?", len(short))
	}
	if l.base[0] != 0xEF && e.short != short { // 0xEF: a name mdir does not show
		c.t.Errorf("short name %q, mtools %q", e.short, short)
	}
	if e.Folder != l.folder || e.Size != l.size {
		c.t.Errorf("%q: %+v, mtools %+v", e.Name, e, l)
	}
	if !e.Modified.IsZero() && e.Modified.Format("2006-01-02 15:04") != l.when && e.Modified.Format("2006-01-02 ")+strconv.Itoa(e.Modified.Hour())+e.Modified.Format(":04") != l.when {
		c.t.Errorf("%q: of %v, mtools %s", e.Name, e.Modified, l.when)
	}
	switch {
	case l.long == "" && e.Name == e.short:
	case asMtools(e.Name) == strings.ReplaceAll(l.long, "?", "_"):
	case e.Name == e.short && unspeakable(l.long):
	case e.Name == e.short && taken(entries, list, i):
	default:
		c.t.Errorf("listed as %q (short %q), by mtools as %q", e.Name, e.short, l.long)
	}
}

// taken says that another entry is listed by the name that mtools has for this one.
func taken(entries []Entry, list []listed, i int) bool {
	for k, e := range entries {
		if k != i && asMtools(e.Name) == strings.ReplaceAll(list[i].long, "?", "_") {
			return true
		}
	}
	return false
}

// path is a name by which mtools finds this entry and no other, "" if there is
// none: it takes the first that matches, a short name only up to a blank.
func (c *oddCheck) path(list []listed, i int) string {
	cut := func(s string) string { s, _, _ = strings.Cut(s, " "); return s }
	name := func(l listed) string {
		if x := cut(l.ext); x != "" {
			return cut(l.base) + "." + x
		}
		return cut(l.base)
	}
	mine := name(list[i])
	for _, r := range mine {
		if r > '~' || r <= ' ' || strings.ContainsRune(`*?[]\/^`, r) {
			return ""
		}
	}
	if mine == "" || mine[0] == '.' || mine[0] == '-' || strings.HasSuffix(mine, ".") {
		return ""
	}
	for k, l := range list {
		if k != i && (strings.EqualFold(name(l), mine) || strings.EqualFold(l.long, mine)) {
			return ""
		}
	}
	return mine
}

// file opens a file and compares what it reads as. A twin has the same names.
func (c *oddCheck) file(open, path string, e Entry, twin bool) {
	t := c.t
	f, err := c.v.Open(open)
	if err != nil {
		c.refused++
		named := strings.Contains(err.Error(), strconv.Quote(open)) || strings.Contains(err.Error(), strconv.Quote(strings.Split(open, "/")[0]))
		if !named {
			t.Errorf("refused without its name: %v", err)
		}
		if len(c.m.what) == 0 && !twin {
			t.Errorf("undamaged, and refused: %v", err)
		}
		return
	}
	if f.place != e.place {
		t.Errorf("%q opens the entry at %#x, and is listed for that at %#x", open, f.place, e.place)
		return
	}
	if f.size > 1<<20 && f.size > 8*int64(c.m.cluster) {
		t.Logf("%q: %d bytes are too many to read", open, f.size)
		return
	}
	got := make([]byte, f.size)
	if st := f.ReadAt(newWaiter(""), got, 0); st != zx.OK {
		t.Errorf("%q: %v, %v", open, st, f.Stats().LastError)
		return
	}
	if want, known := c.m.files[f.place]; known && !bytes.Equal(got, want) {
		t.Errorf("%q: wrong bytes", open)
	}
	for _, other := range c.files {
		if other.File == f {
			t.Errorf("%q and %q are one file", open, other.path)
		}
	}
	c.files = append(c.files, oddFile{f, path, got})
	c.same(&c.files[len(c.files)-1])
}

// same compares a file with what mtools reads.
func (c *oddCheck) same(f *oddFile) {
	if f.path == "" || c.lie && len(f.content) == 0 {
		return
	}
	theirs, complaint := mtoolsOf(c.t, "mtype", c.image, "::/"+f.path)
	if !bytes.Equal(theirs, f.content) {
		c.t.Errorf("%q: %d bytes, mtools reads %d others of %q; %s", f.Name(), len(f.content), len(theirs), f.path, complaint)
	}
	c.compared++
}

// poke stores a byte into each file and syncs: that byte of the image changes, and
// mtools reads all files as it should.
func (c *oddCheck) poke() (poked int) {
	for i := range c.files {
		f := &c.files[i]
		if f.size == 0 {
			continue
		}
		r := rand.New(rand.NewSource(f.place))
		off := []int64{0, f.size - 1, r.Int63n(f.size)}[r.Intn(3)]
		value := ^f.content[off]
		if st := write(f.File, []byte{value}, uint64(off)); c.v.ReadOnly() {
			if st != zx.ErrBadState {
				c.t.Errorf("%q: a store to a read-only volume: %v", f.Name(), st)
			}
			continue
		} else if st != zx.OK {
			c.t.Errorf("%q: %v", f.Name(), st)
			continue
		}
		if _, err := f.Sync(newWaiter("")); err != nil {
			c.t.Errorf("%q: %v", f.Name(), err)
		}
		f.content[off] = value
		changed := c.dev.changes()
		if chain := c.m.chains[f.place]; len(changed) != 1 ||
			c.m.files[f.place] != nil && changed[0] != c.m.place(chain[off/int64(c.m.cluster)])+off%int64(c.m.cluster) {
			c.t.Errorf("%q: the bytes at %v changed", f.Name(), changed)
		}
		poked++
	}
	if poked > 0 {
		for i := range c.files {
			c.same(&c.files[i])
		}
	}
	return poked
}

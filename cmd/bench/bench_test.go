package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestQuantilePoints compares the two copies of the quantiles.
func TestQuantilePoints(t *testing.T) {
	header, err := os.ReadFile("../../user/programs/bench.h")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`quantiles\[\] = \{([0-9, ]+)\}`).FindSubmatch(header)
	if m == nil {
		t.Fatal("bench.h lists no quantiles")
	}
	var list []int
	for _, w := range strings.Split(string(m[1]), ",") {
		n, err := strconv.Atoi(strings.TrimSpace(w))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, n)
	}
	if !slices.Equal(list, quantilePoints) {
		t.Errorf("bench.h prints %v, cmd/bench reads %v", list, quantilePoints)
	}
}

func TestParse(t *testing.T) {
	var res results
	var echo strings.Builder
	done, err := res.parse(strings.NewReader("hello\r\nsystem Linux 6.1\nmark begin\n"+
		"bench a 4096 1 2 3 4 5 6 7 8 9 10 11 12 13\r\nbench b/1024 4096 58.8\nskip c ZX_ERR_NOT_SUPPORTED yet\nnote d: odd\ndone\n"), &echo)
	if err != nil || !done {
		t.Fatalf("parse = %v, %v", done, err)
	}
	a, b := res.find("a"), res.find("b/1024")
	if a == nil || a.Operations != 4096 || a.at(0) != 1 || a.median() != 6 || a.at(990) != 10 || a.at(1000) != 13 {
		t.Errorf("a = %+v", a)
	}
	if b == nil || b.median() != 58.8 || b.at(1000) != 58.8 {
		t.Errorf("b = %+v", b)
	}
	if res.Skipped["c"] != "ZX_ERR_NOT_SUPPORTED yet" || len(res.Notes) != 1 || res.System != "Linux 6.1" || len(res.Figures) != 2 {
		t.Errorf("results = %+v", res)
	}
	if !strings.HasPrefix(echo.String(), "hello\n") {
		t.Errorf("other lines are %q", echo.String())
	}
	for _, bad := range []string{
		"bench a", "bench a 1 2 3", "bench a 0 5", "bench a x 5", "bench a 1 -5", "bench a 1 x", "skip a",
		"bench a 9 1 2 3 4 5 6 7 8 9 10 11 12 2", "bench a 1 5\nbench a 1 5",
	} {
		if _, err := new(results).parse(strings.NewReader(bad), nil); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

// TestRows checks that every row has a name of its own, and that every rung
// named is printed by one of the programs.
func TestRows(t *testing.T) {
	source := ""
	for _, name := range []string{"../../user/programs/bench.c", "../../user/programs/benchscale.c", "../../bench/peer/init.c", "../faultline/bench.go"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		source += string(b)
	}
	seen := map[string]bool{}
	for _, g := range groups {
		for i := range g.rows {
			r := &g.rows[i]
			if seen[r.name] {
				t.Errorf("two rows %s", r.name)
			}
			seen[r.name] = true
			for _, rung := range append(strings.Fields(r.linux), r.rung()) {
				family, _, _ := strings.Cut(rung, "/")
				family = strings.TrimSuffix(strings.TrimSuffix(family, "_near"), "_spread")
				if !strings.Contains(source, family) {
					t.Errorf("row %s: no program measures %q", r.name, rung)
				}
			}
		}
	}
	for _, name := range []string{"missing_page", "write_trap", "null_syscall", "writeback_begin_page", "populate_page", "minor_fault"} {
		if !seen[name] {
			t.Errorf("no row %s", name)
		}
	}
}

func fixed(name string, v float64) figure { return figure{name, 4096, []float64{v}} }

func spread(name string, median float64) figure {
	f := figure{Name: name, Operations: 4096}
	for i := range quantilePoints {
		f.Quantiles = append(f.Quantiles, median+float64(i-5))
	}
	return f
}

// TestReport runs the report on made-up results.
func TestReport(t *testing.T) {
	o := options{build: t.TempDir()}
	if err := report(o, io.Discard); err == nil {
		t.Error("a report without results")
	}
	ours := &results{Setup: "us", Figures: []figure{
		spread("missing_page", 3000), spread("write_trap", 4000), fixed("writeback_begin_page", 58.8),
		spread("fault_vmo_near/1024", 3000), spread("fault_vmo_near/4096", 3000),
	}, Skipped: map[string]string{"futex_wake": "not yet"}}
	best := &results{System: "Linux 6.1", Setup: "<them>", Figures: []figure{spread("missing_page", 12000), fixed("protect_page", 131), fixed("copy_page", 2000)}}
	newest := &results{System: "Linux 6.12", Figures: []figure{spread("missing_page", 15000), spread("missing_page_move", 12500), fixed("copy_page", 1000)}}
	o.history = filepath.Join(o.build, "history")
	earlier := `[{"name":"missing_page","faultline":6000},{"name":"gone","faultline":1},{"name":"write_trap","faultline":null}]`
	if err := errors.Join(ours.save(o, "faultline"), best.save(o, "linux-best"), newest.save(o, "linux-new"), os.Mkdir(o.history, 0o755),
		os.WriteFile(filepath.Join(o.history, "0001-abc.json"), []byte(earlier), 0o644)); err != nil {
		t.Fatal(err)
	}
	if err := report(o, io.Discard); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(o.build, "bench.json"))
	if err != nil {
		t.Fatal(err)
	}
	var rows []map[string]any
	if err := json.Unmarshal(text, &rows); err != nil {
		t.Fatal(err)
	}
	by := map[string]map[string]any{}
	for _, r := range rows {
		by[r["name"].(string)] = r
	}
	for _, c := range []struct {
		name, key string
		want      any
	}{
		{"missing_page", "faultline", 3000.0}, {"missing_page", "linux", 12000.0}, {"missing_page", "ratio", 4.0}, {"missing_page", "met", false}, {"writeback_begin_page", "met", true},
		{"missing_page", "unit", "instructions"}, {"missing_page", "linux_default", nil}, {"write_trap", "met", false}, {"write_trap", "linux", nil},
		{"write_trap", "ratio", nil}, {"writeback_begin_page", "ratio", 2.23}, {"futex_wake", "faultline", nil}, {"futex_wake", "missing", "not yet"},
		{"go_pager", "missing", "not measured"}, {"missing_page", "linux_kernel", "6.1 missing_page"}, {"populate_page_copy", "linux_kernel", "6.12 copy_page"},
		{"missing_page_move", "linux_kernel", "6.12 missing_page_move"},
	} {
		if got := by[c.name][c.key]; got != c.want {
			t.Errorf("%s: %s = %v, want %v", c.name, c.key, got, c.want)
		}
	}
	html, err := os.ReadFile(filepath.Join(o.build, "bench.html"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(html), "<them>") {
		t.Error("the page does not escape text")
	}
	if strings.Contains(string(html), "src=") || strings.Contains(string(html), "<link") || strings.Contains(string(html), "@import") {
		t.Error("the page refers to something outside")
	}
	if !strings.Contains(string(html), "-50.0 %") || !strings.Contains(string(html), "<h2>History</h2>") {
		t.Error("the page does not tell what changed since an earlier report")
	}
	plots := regexp.MustCompile(`(?s)<svg.*?</svg>`).FindAll(html, -1)
	if len(plots) != 9 { // missing_page in five rows, their history besides, write_trap in two, one growth
		t.Errorf("%d plots", len(plots))
	}
	for _, p := range plots {
		d := xml.NewDecoder(bytes.NewReader(p))
		for {
			if _, err := d.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Fatalf("a plot is no XML: %v", err)
			}
		}
	}
}

func TestCheck(t *testing.T) {
	o := options{build: t.TempDir()}
	path := func(name string, v float64) string {
		r := &results{Figures: []figure{fixed("a", v), fixed("b", 7)}}
		if err := r.save(o, name); err != nil {
			t.Fatal(err)
		}
		return filepath.Join(o.build, "bench", name+".json")
	}
	a, near, far := path("a", 1000), path("near", 1009), path("far", 1011)
	if err := check([]string{a, near}); err != nil {
		t.Error(err)
	}
	if check([]string{a, far}) == nil || check([]string{a}) == nil || check([]string{a, a + "x"}) == nil {
		t.Error("check passes what it should not")
	}
}

// TestCPIO reads an archive back by the format's rules.
func TestCPIO(t *testing.T) {
	want := []entry{
		{name: "dev", mode: 0o040755},
		{name: "dev/console", mode: 0o020600, major: 5, minor: 1},
		{name: "init", mode: 0o100755, content: []byte("12345")},
	}
	var b bytes.Buffer
	writeCPIO(&b, want)
	archive := b.Bytes()
	if len(archive)%4 != 0 {
		t.Errorf("%d bytes", len(archive))
	}
	at := 0
	take := func(n int) []byte { at += n; return archive[at-n : at] }
	for i := 0; ; i++ {
		if magic := string(take(6)); magic != "070701" {
			t.Fatalf("magic %q", magic)
		}
		var f [13]uint64
		for j := range f {
			v, err := strconv.ParseUint(string(take(8)), 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			f[j] = v
		}
		name := string(take(int(f[11])))
		at = (at + 3) &^ 3
		content := take(int(f[6]))
		at = (at + 3) &^ 3
		if name == "TRAILER!!!\x00" {
			if i != len(want) || at != len(archive) {
				t.Errorf("the trailer is entry %d, ends at %d of %d", i, at, len(archive))
			}
			break
		}
		w := want[i]
		if name != w.name+"\x00" || uint32(f[1]) != w.mode || uint32(f[9]) != w.major || uint32(f[10]) != w.minor || !bytes.Equal(content, w.content) {
			t.Errorf("entry %d is %q %o %d:%d %q", i, name, f[1], f[9], f[10], content)
		}
	}
}

// legacy wraps blocks as Linux's build does, with the unpacked size behind.
func legacy(blocks ...[]byte) []byte {
	frame := []byte(lz4Magic)
	for _, b := range blocks {
		frame = binary.LittleEndian.AppendUint32(frame, uint32(len(b)))
		frame = append(frame, b...)
	}
	return append(frame, 1, 2, 3, 4)
}

func TestUnpackLZ4(t *testing.T) {
	long := append([]byte{0xf0, 255, 5}, bytes.Repeat([]byte{'x'}, 15+255+5)...) // literals only
	for _, c := range []struct {
		name  string
		frame []byte
		want  string
	}{
		{"literals", legacy([]byte{0x30, 'a', 'b', 'c'}), "abc"},
		{"overlapping match", legacy([]byte{0x25, 'a', 'b', 2, 0, 0x10, 'z'}), "ababababababz"[:2+9] + "z"},
		{"two blocks", legacy([]byte{0x10, 'a'}, []byte{0x10, 'b'}), "ab"},
		{"long literals", legacy(long), strings.Repeat("x", 275)},
		{"long match", legacy([]byte{0x1f, 'a', 1, 0, 3, 0x10, 'b'}), strings.Repeat("a", 1+4+15+3) + "b"},
	} {
		got, err := unpack(c.frame)
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %q, %v; want %q", c.name, got, err, c.want)
		}
	}
	for _, bad := range [][]byte{
		{0x30, 'a'}, {0x14, 'a', 2, 0}, {0x14, 'a', 0, 0}, {0x14, 'a', 1}, {0xf0}, {0xf0, 255}, {0x1f, 'a', 1, 0, 255},
	} {
		if got, err := unpack(legacy(bad)); err == nil {
			t.Errorf("% x gives %q", bad, got)
		}
	}
	if _, err := unpack([]byte(lz4Magic + "\xff\xff\xff\x7fabcd")); err == nil {
		t.Error("a block longer than the file was accepted")
	}
}

// TestExtractKernel makes a bzImage round a small ELF header.
func TestExtractKernel(t *testing.T) {
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Skip(err)
	}
	elf := self[:4096]
	block := []byte{0xf0}
	for n := len(elf) - 15; ; n -= 255 {
		if n < 255 {
			block = append(block, byte(n))
			break
		}
		block = append(block, 255)
	}
	payload := legacy(append(block, elf...))
	image := make([]byte, 3*512)
	image[setupSects] = 1
	copy(image[setupMagic:], "HdrS")
	binary.LittleEndian.PutUint16(image[setupVersion:], 0x20f)
	binary.LittleEndian.PutUint32(image[payloadOffset:], 512)
	binary.LittleEndian.PutUint32(image[payloadLength:], uint32(len(payload)))
	image = append(image, payload...)
	// The cut-off ELF file lacks its section headers, which is what is said.
	if _, err := extractKernel(image); err == nil || !strings.Contains(err.Error(), "ELF") {
		t.Errorf("extractKernel: %v", err)
	}
	for _, n := range []int{0, 100, setupEnd, len(image) - 1} {
		if _, err := extractKernel(image[:n]); err == nil {
			t.Errorf("%d bytes were accepted", n)
		}
	}
}

func TestThousands(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 58.8: "58.8", 0.0005: "0.0005", 999: "999", 1000: "1,000", 1234567: "1,234,567", 100.4: "100"} {
		if got := thousands(v); got != want {
			t.Errorf("thousands(%v) = %s, want %s", v, got, want)
		}
	}
	if got := fmt.Sprint(show(nil)); got != "-" {
		t.Error(got)
	}
}

// TestDocs checks that every block of docs/performance.md can be written.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile("../../" + docsFile)
	if err != nil {
		t.Fatal(err)
	}
	lines := compare(sides{ours: &results{}})
	blocks := 0
	out, err := fillBlocks(string(text), func(kind, what string) (string, error) {
		blocks++
		if kind == "bench" {
			return markdown(what, lines)
		}
		return kind + " of " + what, nil
	})
	if err != nil {
		t.Error(err)
	}
	if n := strings.Count(string(text), "<!-- end -->"); blocks != n || n == 0 {
		t.Errorf("%d blocks, %d ends", blocks, n)
	}
	if strings.Count(out, "<!--") != strings.Count(string(text), "<!--") {
		t.Error("a marker was lost")
	}
	if row := "| `boot_entry/uefi`: "; !strings.Contains(out, row) {
		t.Errorf("what was not measured now has lost %q", row)
	}
	if _, err := markdown("no such group", lines); err == nil {
		t.Error("a table of a group that does not exist")
	}
}

package console

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"faultline/zx"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares text with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; got\n%s\nwant\n%s", name, got, want)
	}
}

// TestSplit reads scripts.
func TestSplit(t *testing.T) {
	for script, want := range map[string]string{
		"":                          "",
		" ;; \n ;":                  "",
		"ls":                        "[ls]",
		"ls; sum A.BIN\ncat b":      "[ls] [sum A.BIN] [cat b]",
		`cat "A B.txt" 'c;d'`:       "[cat A B.txt c;d]",
		`cat A\ B\;.txt;ls`:         "[cat A B;.txt] [ls]",
		`cat sub\FILE.TXT`:          `[cat sub\FILE.TXT]`,
		`cat "a\"b" 'c\"d'`:         `[cat a"b c\"d]`,
		`cat ""`:                    "[cat ]",
		"ls # all; of it\nls\t/sub": "[ls] [ls /sub]",
		"# nothing":                 "",
		"cat a#b":                   "[cat a#b]",
		"ls\r\nmem\r\n":             "[ls] [mem]",
		`cat "open`:                 "[cat open]!",
		"ls; cat 'open":             "[ls] [cat open]!",
		"cat ünï; ls":               "[cat ünï] [ls]",
	} {
		var got []string
		for _, k := range split(script) {
			text := fmt.Sprint(k.argv)
			if k.err != nil {
				text += "!"
			}
			got = append(got, text)
		}
		if g := strings.Join(got, " "); g != want {
			t.Errorf("%q is %s, want %s", script, g, want)
		}
	}
	calls := split(" ls  /sub ;\n# why\n poke A 0 ff # here\n")
	if len(calls) != 2 || calls[0].text != "ls  /sub" || calls[1].text != "poke A 0 ff" {
		t.Errorf("texts: %+v", calls)
	}
}

// FuzzSplit checks that no script panics or loses its own text.
func FuzzSplit(f *testing.F) {
	f.Add(`a "b c"; d\ e # f`)
	f.Add("\"\\")
	f.Add("\"\x9b\";") // a byte that is no UTF-8
	f.Add("\\\x9b;")
	f.Fuzz(func(t *testing.T, script string) {
		for _, k := range split(script) {
			if len(k.argv) == 0 && k.err == nil || !strings.Contains(script, k.text) {
				t.Errorf("%q gives %+v", script, k)
			}
		}
	})
}

// TestNumber reads numbers and names bad ones.
func TestNumber(t *testing.T) {
	for text, want := range map[string]uint64{
		"0": 0, "10": 10, "010": 10, "0x10": 16, "0XfF": 255, "4K": 4096, "4k": 4096, "0x10K": 16384,
		"3M": 3 << 20, "2G": 2 << 30, "18446744073709551615": 1<<64 - 1,
	} {
		if got, err := number("N", text); err != nil || got != want {
			t.Errorf("%s is %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "x", "0x", "-1", "1.5", "0xg", "K", "0xK", "1KK", "1_000", "18446744073709551616", "17179869184G", " 1"} {
		if got, err := number("N", text); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("N %q", text)) {
			t.Errorf("%q is %d, %v", text, got, err)
		}
	}
}

// TestErrors runs every command with what it must refuse: the error names the
// value, the next command runs, the disk stays as it is.
// unwrapped is text without the ends of its lines.
func unwrapped(text string) string { return strings.Join(strings.Fields(text), " ") }

func TestErrors(t *testing.T) {
	r := newRig(t)
	before := bytes.Clone(r.disk.data)
	for script, want := range map[string]string{
		"frobnicate":                          "frobnicate: no such command",
		"evcit DATA.BIN":                      `did you mean "evict"`,
		"LS":                                  `did you mean "ls"`,
		"help nothing":                        `"nothing"`,
		"help ls cat":                         `"cat" is one argument too many; usage: help [COMMAND]`,
		"ls nowhere":                          `"nowhere": no such file`,
		"ls DATA.BIN/x":                       `"DATA.BIN" is a file`,
		"cat":                                 "NAME is missing; usage: cat NAME",
		"cat nothing":                         `"nothing": no such file`,
		"cat sub":                             `"/sub" is a folder`,
		"cat sub/nothing":                     `"sub/nothing": no such file`,
		"cat DATA.BIN 0x18800":                "OFFSET 0x18800 is past the end",
		"cat DATA.BIN 1Q":                     `OFFSET "1Q"`,
		"cat DATA.BIN 1 zz":                   `LENGTH "zz"`,
		"sum":                                 "NAME is missing",
		"sum nothing":                         `"nothing"`,
		"poke":                                "NAME is missing",
		"poke DATA.BIN":                       "OFFSET is missing",
		"poke DATA.BIN 0":                     "BYTE is missing",
		"poke DATA.BIN 0 zz":                  `byte "zz" is not hex`,
		"poke DATA.BIN 0 d":                   `byte "d" is not hex`,
		"poke DATA.BIN 0 de ad 0xbe":          `byte "0xbe" is not hex`,
		`poke DATA.BIN 0 ""`:                  `byte "" is not hex`,
		"poke DATA.BIN -1 00":                 `OFFSET "-1"`,
		"poke DATA.BIN 100001 00":             "1 bytes at OFFSET 0x186a1 reach past the end: \"DATA.BIN\" has 100001",
		"poke DATA.BIN 100000 0000":           "reach past the end",
		"poke DATA.BIN 0xffffffffffffffff 00": "reach past the end",
		"poke EMPTY 0 00":                     "reach past the end",
		"poke nothing 0 00":                   `"nothing"`,
		"sync nothing":                        `"nothing"`,
		"sync DATA.BIN 2":                     `"2" is one argument too many`,
		"touch DATA.BIN 0":                    "r|w is missing",
		"touch DATA.BIN 0 x":                  `"x" is neither r nor w`,
		"touch DATA.BIN 1M r":                 "reach past the end",
		"touch nothing 0 r":                   `"nothing"`,
		"fail":                                "NAME is missing",
		"fail DATA.BIN 0":                     "LENGTH is missing",
		"fail DATA.BIN 0 1":                   "STATUS or off is missing",
		"fail DATA.BIN 0 1 ZX_ERR_NOPE":       `STATUS "ZX_ERR_NOPE" is unknown`,
		"fail DATA.BIN 0 1 ZX_ERR_NO_MEMORY":  "a pager may fail with",
		"fail DATA.BIN x 1 ZX_ERR_IO":         `OFFSET "x"`,
		"fail DATA.BIN 0 y off":               `LENGTH "y"`,
		"fail DATA.BIN 1M 1 ZX_ERR_IO":        "past the end",
		"fail nothing":                        `"nothing"`,
		"fail nothing 0 1 off":                `"nothing"`,
		"evict":                               "NAME is missing",
		"evict nothing":                       `"nothing"`,
		"vmo nothing":                         `"nothing"`,
		"pt DATA.BIN":                         "ADDRESS is missing",
		"pt DATA.BIN 100001":                  "past the end",
		"vmo 4711":                            "there is no VMO 4711",
		"vmo 0":                               "there is no VMO 0",
		"vmo 1 2":                             `"2" is one argument too many`,
		"pager 1":                             `no pager has the koid or the holder "1"`,
		"pager x":                             `no pager has the koid or the holder "x"`,
		"faults maybe":                        `"maybe" is neither on nor off nor show`,
		"faults show x":                       `"x" is not a number of page faults`,
		"faults on 3":                         `"3" is one argument too many`,
		"start":                               "PROGRAM is missing",
		"start nothing":                       `no program "nothing"`,
		"wait -1":                             `SECONDS "-1"`,
		"wait soon":                           `SECONDS "soon"`,
		"wait nan":                            `SECONDS "nan"`,
		"kill":                                "KOID|PROGRAM is missing",
		"kill 1":                              `"1" is neither`,
		"kill sum":                            `"sum" is neither`,
		"threads 1":                           "too many",
		"mem 1":                               "too many",
		"run":                                 "PROGRAM is missing",
		"run nothing":                         `no program "nothing"; there are: hello spin sum toucher`,
		"run /":                               "is a folder",
		"run hello 3":                         "hello ended with code 3",
		"demo nothing":                        `"nothing"`,
		"demo EMPTY":                          `"EMPTY" is empty`,
		"poweroff now":                        `"now" is one argument too many`,
	} {
		out, err := r.run(script + "; mem")
		if err == nil || !strings.Contains(err.Error(), "1 of 2 commands failed: `"+script+"`") {
			t.Errorf("%s: %v", script, err)
		}
		if !strings.Contains(unwrapped(out), want) {
			t.Errorf("%s prints\n%swant ...%s...", script, out, want)
		}
		if !strings.Contains(out, "free frames") {
			t.Errorf("%s: the next command did not run", script)
		}
	}
	if out, err := r.run(`mem; cat "x; mem`); err == nil || !strings.Contains(err.Error(), "1 of 2") || !strings.Contains(out, "the quote") {
		t.Errorf("open quote: %v\n%s", err, out)
	}
	if !bytes.Equal(before, r.disk.data) {
		t.Error("the disk changed")
	}
}

// TestNoVolume runs the file commands on a machine without a usable disk.
func TestNoVolume(t *testing.T) {
	out := &bytes.Buffer{}
	c := New(Config{Kernel: newKernel(), Waiter: newWaiter(""), Out: out})
	for _, k := range []string{"ls", "cat a", "sum a", "poke a 0 0", "sync", "touch a 0 r", "fail a", "evict a", "vmo a", "pt a 0", "demo"} {
		out.Reset()
		if err := c.Script(k); err == nil {
			t.Errorf("%s succeeded", k)
		}
		if k != "poke a 0 0" && !strings.Contains(out.String(), "no disk is attached") {
			t.Errorf("%s prints %s", k, out)
		}
	}
	c = New(Config{Kernel: newKernel(), VolumeError: errors.New("not FAT32: blue"), Waiter: newWaiter(""), Out: out})
	if err := c.Script("help; mem; threads; vmo; pager; poweroff; ls"); err != nil || !c.off {
		t.Errorf("%v, off %v", err, c.off)
	}
	if err := c.Demo(); err == nil || err.Error() != "not FAT32: blue" {
		t.Error(err)
	}
}

// TestFiles runs the file commands and looks at what they print and do.
func TestFiles(t *testing.T) {
	r := newRig(t)
	expect := func(script string, wants ...string) {
		t.Helper()
		out, err := r.run(script)
		if err != nil {
			t.Errorf("%s: %v\n%s", script, err, out)
		}
		for _, want := range wants {
			if !strings.Contains(out, want) && !strings.Contains(unwrapped(out), want) {
				t.Errorf("%s prints\n%swant ...%s...", script, out, want)
			}
		}
	}
	expect("ls", "\n100001  2023-11-14 22:13  DATA.BIN\n", "\nfolder  2023-11-14 22:13  sub\n", "4 entries")
	expect("ls /sub", "Long Name 1.text\n1 entries, 14 bytes")
	expect("ls data.bin", "DATA.BIN\n1 entries")
	expect("cat HELLO.TXT", "Hello,\ncafé \\x1b[31mred\n")
	expect(`cat "sub/long name 1.TEXT"`, "\nno end of line\n")
	expect("cat hello.txt 7 1", "\n")
	expect("cat EMPTY")
	expect("cat DATA.BIN", fmt.Sprintf("00000000  % x  ", contents["DATA.BIN"][:16]), "000000f0 ", "99745 more bytes; cat DATA.BIN OFFSET LENGTH")
	expect("cat DATA.BIN 0x18690 0x100", fmt.Sprintf("00018690  % x ", contents["DATA.BIN"][0x18690:0x186a0]), "000186a0  "+fmt.Sprintf("%02x", contents["DATA.BIN"][0x186a0]))
	expect("evict DATA.BIN", "20 clean pages dropped" /* read by cat */)
	digest := fmt.Sprintf("%x", sha256.Sum256(contents["DATA.BIN"]))
	expect("sum data.bin", digest+"  DATA.BIN\n", "100001 bytes, 25 page faults, 25 pages supplied")
	expect("sum DATA.BIN", digest, "25 page faults, 0 pages supplied")
	expect("sum EMPTY", fmt.Sprintf("%x  EMPTY\n0 bytes, 0 page faults, 0 pages", sha256.Sum256(nil)))

	before := bytes.Clone(r.disk.data)
	expect("poke DATA.BIN 0x3ffe de ad beef", "stored 4 bytes at 0x3ffe", "2 write traps, 2 pages dirtied")
	expect("vmo DATA.BIN", "\n0x3000  0x2000  dirty\n", "2 dirty")
	expect("vmo", "DATA.BIN\n")
	if !bytes.Equal(before, r.disk.data) {
		t.Error("the disk changed before sync")
	}
	expect("pt DATA.BIN 0x3ffe", "W is set", "\nPML4E      1 ", "\nPTE        3 ", "RW")
	expect("sync DATA.BIN", "DATA.BIN: 2 pages in 1 ranges written, 8192 bytes")
	expect("pt DATA.BIN 0x3ffe", "W is clear")
	at := bytes.Index(before, contents["DATA.BIN"][:512]) + 0x3ffe
	copy(before[at:], []byte{0xde, 0xad, 0xbe, 0xef})
	if !bytes.Equal(before, r.disk.data) {
		t.Error("the disk differs in other bytes than those poked")
	}
	expect("sync DATA.BIN", "nothing is dirty")
	expect("sync")
	expect("poke DATA.BIN 100000 01; poke DATA.BIN 1 0102030405060708090a0b0c0d0e0f101112131415; cat DATA.BIN 0 32",
		"stored 21 bytes at 0x1", " 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f")
	expect("sync", "2 pages in 2 ranges")
	expect("touch DATA.BIN 1 r", "read 0x01 at 0x1")
	expect("touch DATA.BIN 1 w", "wrote back 0x01 at 0x1", "1 write traps")
	r.disk.failing = true
	out, err := r.run("sync DATA.BIN")
	if err == nil || !strings.Contains(out, "disk write of") || !strings.Contains(out, "stay dirty") {
		t.Errorf("failing disk: %v\n%s", err, out)
	}
	expect("poweroff", "DATA.BIN: 1 dirty pages are lost")
	r.disk.failing = false
}

// TestFailAndTouch is the story of a refused page.
func TestFailAndTouch(t *testing.T) {
	r := newRig(t)
	out, err := r.run("sum DATA.BIN; fail DATA.BIN 0x3000 0x1000 ZX_ERR_IO_DATA_INTEGRITY; fail DATA.BIN; touch DATA.BIN 0x3004 r; touch DATA.BIN 0x5000 r; sum DATA.BIN; " +
		"cat DATA.BIN 0x3000 1; fail DATA.BIN 0x3000 1 off; touch DATA.BIN 0x3004 r; fail DATA.BIN")
	if err == nil || !strings.Contains(err.Error(), "3 of 10 commands failed: `touch DATA.BIN 0x3004 r`, `sum DATA.BIN`, `cat DATA.BIN 0x3000 1`") {
		t.Error(err)
	}
	golden(t, "fail.txt", out)
	if n := len(r.touchers); n != 1 {
		t.Errorf("%d touchers", n)
	}
}

// TestDeadToucher kills the toucher behind the console's back.
func TestDeadToucher(t *testing.T) {
	r := newRig(t)
	if _, err := r.run("touch DATA.BIN 0 r"); err != nil {
		t.Fatal(err)
	}
	for _, x := range r.touchers {
		x.process.Kill()
	}
	if out, err := r.run("touch DATA.BIN 0 r"); err == nil || !strings.Contains(out, "toucher was killed") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := r.run("touch DATA.BIN 0 r"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	r.kernel.fail = errors.New("no frames")
	if out, err := r.run("touch HELLO.TXT 0 r; sum HELLO.TXT; run hello"); err == nil || strings.Count(out, ": no frames\n") != 3 {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestToucherArguments checks what the toucher is started with.
func TestToucherArguments(t *testing.T) {
	r := newRig(t)
	if _, err := r.run("touch DATA.BIN 0 r; touch DATA.BIN 1 r"); err != nil {
		t.Fatal(err)
	}
	if len(r.kernel.spawned) != 1 {
		t.Fatalf("%d processes for two touches of a file", len(r.kernel.spawned))
	}
	p := r.kernel.spawned[0]
	f := r.volume.Files()[0]
	if p.Name != "toucher" || fmt.Sprint(p.Args) != "[100001]" || p.Handles[0].VMO != f.VMO() || p.Handles[0].Rights != zx.RightsVMO ||
		p.Handles[1].Port == nil || p.Handles[2].Port == nil || p.Handles[1].Port == p.Handles[2].Port {
		t.Errorf("%+v", p)
	}
}

// TestFileOption checks what --file hands to a program.
func TestFileOption(t *testing.T) {
	r := newRig(t)
	r.run("run hello one --file=DATA.BIN two")
	p := r.kernel.spawned[0]
	f := r.volume.Files()[0]
	if fmt.Sprint(p.Args) != "[one two]" || len(p.Handles) != 1 || p.Handles[0].VMO != f.VMO() || p.Handles[0].Rights != zx.RightsVMO {
		t.Errorf("%+v", p)
	}
	if out, err := r.run("run hello --file=NOWHERE"); err == nil {
		t.Errorf("a file that is not there: %s", out)
	}
}

// TestReadOnly pokes a read-only disk.
func TestReadOnly(t *testing.T) {
	m := newDisk(t)
	m.readOnly = true
	r := rigOn(t, m)
	if out, err := r.run("poke DATA.BIN 0 00"); err == nil || !strings.Contains(out, "read-only") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := r.run("demo"); err != nil || !strings.Contains(out, "Left out: the disk is read-only") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestSnap pokes a file and a frozen view of it: each keeps its own.
func TestSnap(t *testing.T) {
	r := newRig(t)
	sum := fmt.Sprintf("%x", sha256.Sum256(contents["DATA.BIN"]))
	out, err := r.run("snap data.bin; poke DATA.BIN 0 22 22; poke DATA.BIN@1 90000 33; cat DATA.BIN 0 2; sync; cat DATA.BIN@1 0 2; snap DATA.BIN; sum DATA.BIN@2; vmo")
	if err != nil || !strings.Contains(out, "DATA.BIN@1 shows DATA.BIN as it is now") || !strings.Contains(out, "in this view alone") ||
		!strings.Contains(out, "\"\"\n") || !strings.Contains(out, fmt.Sprintf("00000000  % x", contents["DATA.BIN"][:2])) || strings.Contains(out, sum) {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := r.run("snap data.bin@1 drop; vmo"); err != nil || strings.Contains(out, "DATA.BIN@1") || !strings.Contains(out, "DATA.BIN@2") || len(r.touchers) != 1 {
		t.Errorf("%v, %d touchers\n%s", err, len(r.touchers), out)
	}
	for _, line := range []string{"cat DATA.BIN@1", "snap DATA.BIN drop", "snap DATA.BIN@2 dropp"} {
		if out, err := r.run(line); err == nil {
			t.Errorf("%s\n%s", line, out)
		}
	}
	if out, err := r.run("snap DATA.BIN"); err != nil || !strings.Contains(out, "DATA.BIN@1 shows") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := r.run("sync DATA.BIN@1"); err == nil || !strings.Contains(out, "frozen view") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestDemo compares the demo's story, and that it leaves the disk as it was.
func TestDemo(t *testing.T) {
	r := newRig(t)
	before := bytes.Clone(r.disk.data)
	if err := r.Demo(); err != nil {
		t.Error(err)
	}
	golden(t, "demo.txt", regexp.MustCompile(`VMO \d+`).ReplaceAllString(r.out.String(), "VMO V1"))
	if !bytes.Equal(before, r.disk.data) {
		t.Error("the demo changed the disk")
	}
}

// TestDemoLies checks that the demo does not tell what did not happen.
func TestDemoLies(t *testing.T) {
	r := newRig(t)
	r.kernel.programs["sum"] = func(p Program, s *fakeProcess) Exit {
		fmt.Fprintf(p.Output, "%064x\n", 1)
		return Exit{}
	}
	if out, err := r.run("demo"); err == nil || !strings.Contains(unwrapped(out), "of the blocks on the disk") {
		t.Errorf("wrong digest: %v\n%s", err, out)
	}
	r.kernel.programs["sum"] = func(p Program, s *fakeProcess) Exit {
		fmt.Fprintf(p.Output, "cannot map\n")
		return Exit{Code: 1}
	}
	if out, err := r.run("demo"); err == nil || !strings.Contains(out, "cannot map\ndemo: sum ended with code 1") {
		t.Errorf("failing sum: %v\n%s", err, out)
	}
}

// TestSystemCommands compares what needs no file.
func TestSystemCommands(t *testing.T) {
	r := newRig(t)
	out, err := r.run("threads; mem; run hello 0 world; pager; vmo")
	if err != nil {
		t.Error(err)
	}
	golden(t, "system.txt", out)
}

// TestRunFromDisk runs files as programs: the kernel gets their bytes.
func TestRunFromDisk(t *testing.T) {
	r := newRig(t)
	var got Program
	r.kernel.programs["DATA.BIN"] = func(p Program, s *fakeProcess) Exit { got = p; return Exit{} }
	r.kernel.programs["EMPTY"] = r.kernel.programs["DATA.BIN"]
	for _, name := range []string{"DATA.BIN", "EMPTY"} {
		if out, err := r.run("run " + name + " a 'b c'"); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if got.Image == nil || !bytes.Equal(got.Image, contents[name]) || !slices.Equal(got.Args, []string{"a", "b c"}) {
			t.Errorf("%s: started with %d bytes, arguments %q", name, len(got.Image), got.Args)
		}
	}
	// The image's own programs come first.
	if out, err := r.run("run hello 0"); err != nil || r.kernel.spawned[2].Image != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestVersion: the version is that of the newest entry of CHANGELOG.md.
func TestVersion(t *testing.T) {
	out, err := newRig(t).run("version")
	if err != nil || !strings.Contains(out, "Faultline "+Version+", built with ") {
		t.Errorf("%v\n%s", err, out)
	}
	text, err := os.ReadFile("../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	if _, after, _ := strings.Cut(string(text), "\n## "); !strings.HasPrefix(after, Version+"\n") {
		t.Errorf("CHANGELOG.md begins with %.10q, the version is %s", after, Version)
	}
}

// TestHelp compares help, and checks that every command has all of it.
func TestHelp(t *testing.T) {
	out := &bytes.Buffer{}
	c := New(Config{Kernel: newKernel(), Waiter: newWaiter(""), Out: out})
	script := "help"
	for i := range commands {
		k := &commands[i]
		script += "; help " + k.Name
		if k.Help == "" || len(k.Long) < 20 || k.Fn == nil || strings.ToLower(k.Name) != k.Name {
			t.Errorf("command %+v lacks something", k)
		}
	}
	if err := c.Script(script); err != nil {
		t.Error(err)
	}
	golden(t, "help.txt", out.String())
	for _, name := range strings.Fields("help ls cat sum poke sync snap touch fail evict vmo pager threads pt mem poweroff run start wait kill faults") {
		if find(name) == nil {
			t.Errorf("no command %s", name)
		}
	}
	for _, line := range strings.Split(out.String(), "\n") {
		if len(line) > 100 && !strings.HasPrefix(line, Prompt) {
			t.Errorf("help line of %d characters: %s", len(line), line)
		}
	}
}

// TestPoweroffEndsScript leaves out what follows.
func TestPoweroffEndsScript(t *testing.T) {
	r := newRig(t)
	if out, err := r.run("mem; poweroff; nothing"); err != nil || strings.Contains(out, "nothing") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestInteractive types at the prompt.
func TestInteractive(t *testing.T) {
	r := newRig(t)
	screen := &bytes.Buffer{}
	type rw struct {
		io.Reader
		io.Writer
	}
	// A wrong command, one with control-C in it, completion, history (up), end.
	typed := "nope\rgarbage\x03mem\rcat HEL\t\r\x1b[A\r\x04"
	if err := r.Interactive(rw{strings.NewReader(typed), screen}); err != nil {
		t.Error(err)
	}
	text := screen.String()
	for want, count := range map[string]int{"nope: no such command": 1, "free frames": 1, "Hello,\r\n": 2, "garbage: ": 0} {
		if n := strings.Count(text, want); n != count {
			t.Errorf("%q is on the screen %d times, want %d:\n%q", want, n, count, text)
		}
	}
	if !r.off {
		t.Error("the end of input did not power off")
	}
	r.off = false
	screen.Reset()
	if err := r.Interactive(rw{strings.NewReader("ls; poweroff; mem\rls\r"), screen}); err != nil {
		t.Error(err)
	}
	if text := screen.String(); strings.Count(text, "4 entries") != 1 || strings.Contains(text, "free frames") {
		t.Errorf("%q", text)
	}
}

// TestInterrupt kills a program that runs for ever with control-C, whatever was
// typed before.
func TestInterrupt(t *testing.T) {
	r := newRig(t)
	screen := &bytes.Buffer{}
	in, type_ := io.Pipe()
	go func() {
		type_.Write([]byte("run spin\r"))
		for r.interruptible() == nil {
			time.Sleep(time.Millisecond)
		}
		for range typedAhead + 200 { // nobody reads them now
			type_.Write([]byte("x"))
		}
		type_.Write([]byte("\x03"))
		for r.interruptible() != nil {
			time.Sleep(time.Millisecond)
		}
		type_.Write([]byte("\x15mem\rpoweroff\r"))
	}()
	if err := r.Interactive(struct {
		io.Reader
		io.Writer
	}{in, screen}); err != nil {
		t.Error(err)
	}
	in.Close()
	if text := screen.String(); !strings.Contains(text, "run: spin was killed") || !strings.Contains(text, "free frames") {
		t.Errorf("%q", text)
	}
}

// TestInterruptWait ends a wait for programs in the background with control-C: they
// go on.
func TestInterruptWait(t *testing.T) {
	r := newRig(t)
	out := new(screen)
	shows := func(what string) bool { return strings.Contains(out.String(), what) }
	in, type_ := io.Pipe()
	go func() {
		type_.Write([]byte("start spin\rwait\r"))
		for !shows("spin (process 4711) still runs") {
			type_.Write([]byte("\x03"))
			time.Sleep(time.Millisecond)
		}
		type_.Write([]byte("kill spin\rwait\rpoweroff\r"))
	}()
	if err := r.Interactive(struct {
		io.Reader
		io.Writer
	}{in, out}); err != nil {
		t.Error(err)
	}
	in.Close()
	if !shows("spin (process 4711) was killed") || shows("wait: ") {
		t.Errorf("%q", out.String())
	}
}

func (r *rig) interruptible() Process {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.running
}

// TestComplete finishes command and file names.
func TestComplete(t *testing.T) {
	r := newRig(t)
	for line, want := range map[string]string{
		"ev": "evict", "p": "p", "po": "po", "ls; evi": "ls; evict", "cat DA": "cat DATA.BIN", "cat da": "cat DATA.BIN",
		"cat SU": "cat sub/", "zz": "", "cat zz": "", "cat nowhere/x": "", "": "",
	} {
		got, pos, ok := r.complete(line, len(line), '\t')
		if got != want && !(want == "" && !ok) || ok && pos != len(got) {
			t.Errorf("%q completes to %q (%v), want %q", line, got, ok, want)
		}
	}
	if _, _, ok := r.complete("evi", 3, 'c'); ok {
		t.Error("a letter completed")
	}
}

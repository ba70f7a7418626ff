package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	_ "image/png"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"bytes"

	"github.com/chromedp/chromedp"

	"faultline/trace"
)

// script is what a kernel could say: a file read in, stored to, written back.
var script = []string{
	`{"k":"vmo","id":3,"name":"POEM.TXT","pages":8}`,
	`{"k":"vmo","id":4,"name":"gone soon","pages":8}`,
	`{"k":"tick","t":33000000,"faults":4,"lat":[3000,9000],"cpu":[0.5],"s":{"3":[[0,"c4"]]}}`,
	`{"k":"gone","id":4}`,
	`{"k":"tick","t":66000000,"faults":5,"req":1,"s":{"3":[[1,"d"]]}}`,
	`{"k":"tick","t":99000000,"faults":5,"s":{"3":[[1,"w"]]}}`,
	`{"k":"tick","t":132000000,"faults":5,"s":{"3":[[1,"c"],[0,"a"]]}}`,
}

func TestFold(t *testing.T) {
	folded := fold(append([]string{"no line of ours", `{"k":"tick","s":{"x":[]}}`, `{"k":"tick","s":{"3":[[-1,"d"],[7,"d99999999999"]]}}`}, script...))
	want := []string{
		`{"k":"vmo","id":3,"name":"POEM.TXT","pages":8}`,
		`{"k":"tick","t":132000000,"s":{"3":[[0,"ac3a4"]]},"faults":5}`,
	}
	if strings.Join(folded, "\n") != strings.Join(want, "\n") {
		t.Errorf("folded:\n%s", strings.Join(folded, "\n"))
	}
	if again := fold(folded); strings.Join(again, "\n") != strings.Join(want, "\n") {
		t.Errorf("folded again:\n%s", strings.Join(again, "\n"))
	}
}

// TestFeed reads the stream as a page that comes early, and one that comes late
// to a feed that has dropped lines.
func TestFeed(t *testing.T) {
	f := newFeed()
	s := httptest.NewServer(f.handler())
	defer s.Close()
	for i := range 3 * keepLines {
		f.add(script[i%len(script)])
	}
	f.end()
	response, err := s.Client().Get(s.URL + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var lines []string
	ended := false
	for scan := bufio.NewScanner(response.Body); scan.Scan(); {
		if data, ok := strings.CutPrefix(scan.Text(), "data: "); ok {
			lines = append(lines, data)
		}
		ended = ended || scan.Text() == "event: end"
	}
	if len(lines) > 2*keepLines || len(lines) < keepLines || !ended || !strings.Contains(lines[0], `"k":"vmo"`) {
		t.Errorf("%d lines, ended %v, the first is %s", len(lines), ended, lines[0])
	}
	if response, err := s.Client().Get(s.URL + "/other"); err != nil || response.StatusCode != 404 {
		t.Errorf("/other: %v, %v", response.Status, err)
	}
}

// TestReplay makes lines of a trace.
func TestReplay(t *testing.T) {
	const events = `{"traceEvents":[
{"ph":"X","name":"somebody","ts":16500,"dur":33000,"pid":0,"tid":1,"args":{}},
{"ph":"X","name":"supply","ts":70003,"dur":1,"pid":3,"args":{"vmo":"A.TXT (VMO 1028)","offset":"0x0","length":"0x1000"}},
{"ph":"X","name":"page fault","ts":10,"dur":5,"pid":1,"tid":2,"args":{"address":"0x1"}},
{"ph":"s","name":"page","ts":11,"id":1},{"ph":"f","name":"page","ts":12,"id":1},
{"ph":"X","name":"supply","ts":12,"pid":3,"dur":1,"args":{"vmo":"A","offset":"0x0","length":"0x4000"}},
{"ph":"X","name":"DIRTY","ts":40000,"dur":1,"args":{"vmo":"A","offset":"0x1000","length":"0x1000"}},
{"ph":"X","name":"WRITEBACK_BEGIN","ts":70000,"dur":1,"args":{"vmo":"A","offset":"0x0","length":"0x100000000"}},
{"ph":"X","name":"evict","ts":70001,"dur":1,"args":{"vmo":"A","offset":"0x3000","length":"0x1000"}},
{"ph":"X","name":"supply","ts":70002,"dur":1,"args":{"vmo":"A","offset":"0xfffffffffffff000","length":"0x1000"}}]}`
	var lines []string
	if err := replay(strings.NewReader(events), func(s string) { lines = append(lines, s) }); err != nil {
		t.Fatal(err)
	}
	want := `{"k":"vmo","id":1,"name":"A","pages":4}
{"k":"tick","t":33000000,"s":{"1":[[0,"c4"]]},"faults":1,"lat":[5000,5000],"cpu":[0,0.5]}
{"k":"tick","t":66000000,"s":{"1":[[0,"cdc2"]]},"faults":1,"cpu":[0,0.5]}
{"k":"vmo","id":1028,"name":"A.TXT","pages":1}
{"k":"tick","t":99000000,"s":{"1":[[0,"cwca"]],"1028":[[0,"c"]]},"faults":1,"cpu":[0,0]}
{"k":"tick","t":132000000,"faults":1,"cpu":[0,0]}`
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("lines:\n%s", got)
	}
	for _, bad := range []string{"", "[]", "{}", `{"traceEvents":[]}`} {
		if replay(strings.NewReader(bad), func(string) {}) == nil {
			t.Errorf("%q is taken for a trace", bad)
		}
	}
}

// TestLive makes lines of what a kernel says.
func TestLive(t *testing.T) {
	var lines []string
	l := newLive(func(s string) { lines = append(lines, s) })
	records := func(list ...trace.Record) string {
		var b []byte
		for i := range list {
			b = list[i].Append(b)
		}
		return `{"k":"records","ticks":1000,"r":"` + base64.StdEncoding.EncodeToString(b) + `"}`
	}
	for _, line := range []string{
		`{"k":"vmo","id":3,"name":"A","pages":4,"paged":true}`,
		`{"k":"vmo","id":4,"pages":2}`,
		records(trace.Record{Time: 1000, Kind: trace.Switch, Thread: 8}, trace.Record{Time: 1000, Kind: trace.Fault, Thread: 8, Arg: faultWrite},
			trace.Record{Time: 1500, Kind: trace.Request, Object: 3, Offset: 0x1000, Length: 0x1000}),
		records(trace.Record{Time: 2000, Kind: trace.Supply, Object: 3, Length: 0x2000}, trace.Record{Time: 3000, Kind: trace.FaultEnd, Thread: 8, Object: 3, Offset: 0x1000},
			trace.Record{Time: 3000, Kind: trace.Switch}, trace.Record{Time: 4000, Kind: trace.Fault, Thread: 9, Arg: faultWrite}, trace.Record{Time: 5000, Kind: trace.FaultEnd, Thread: 9, Object: 4}),
		records(trace.Record{Time: 6000, Kind: trace.Operation, Object: 3, Arg: 3, Length: 1 << 40}, trace.Record{Time: 6000, Kind: trace.Evict, Object: 3, Length: 0x1000},
			trace.Record{Time: 6000, Kind: trace.Supply, Object: 99, Length: 1 << 62}),
		`{"k":"gone","id":4}`,
		records(trace.Record{Time: 7000, Kind: trace.Operation, Object: 3, Arg: 2, Length: 0x3000}, // written in no time: seen all the same
			trace.Record{Time: 7000, Kind: trace.Operation, Object: 3, Arg: 3, Length: 0x1000 << 2}, trace.Record{Time: 7000, Kind: trace.Operation, Object: 3, Arg: 4, Length: 0x4000}),
		`{"k":"pages","id":3,"runs":"z2d99999999999999999999c"}`, `{"k":"pages","id":99,"runs":"z"}`,
		records(trace.Record{Time: 8000, Kind: trace.Supply, Object: 99}),
	} {
		if err := l.take(line); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
	want := `{"k":"vmo","id":3,"name":"A","pages":4}
{"k":"vmo","id":4,"name":"VMO","pages":2}
{"k":"tick","t":1500,"req":1,"cpu":[0.3333333333333333]}
{"k":"tick","t":5000,"s":{"3":[[0,"cda2"]],"4":[[0,"ua"]]},"faults":2,"lat":[2000,2000],"cpu":[0.42857142857142855]}
{"k":"tick","t":6000,"s":{"3":[[0,"awa2"]]},"faults":2,"cpu":[0]}
{"k":"gone","id":4}
{"k":"tick","t":7000,"s":{"3":[[0,"awa2"]]},"faults":2,"cpu":[0]}
{"k":"tick","t":8000,"s":{"3":[[0,"z2d2"]]},"faults":2,"cpu":[0]}`
	if got := strings.Join(lines, "\n"); got != want {
		t.Errorf("lines:\n%s", got)
	}
	for _, bad := range []string{"", "{", `{"k":"records","ticks":0}`, `{"k":"records","ticks":1,"r":"AAAA"}`, `{"k":"records","ticks":1,"r":"?"}`} {
		if l.take(bad) == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// browser opens a page of a feed in Chromium, which must be there.
func browser(t *testing.T, f *feed) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("no Chromium here (Debian's package is called chromium)")
	}
	s := httptest.NewServer(f.handler())
	t.Cleanup(s.Close)
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.Flag("disable-quic", true), chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1200, 700))
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx, chromedp.Navigate(s.URL)); err != nil {
		t.Fatal(err)
	}
	ctx, cancel = context.WithTimeout(ctx, 90*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// TestPage drives the page: pages of a file turn clean, dirty, being written,
// clean; it pauses, steps back, goes on.
func TestPage(t *testing.T) {
	f := newFeed()
	ctx := browser(t, f)
	defer f.end()
	state := func(page int, want string) chromedp.Action[chromedp.Void] {
		expr := "pageState('POEM.TXT', " + string(rune('0'+page)) + ") === '" + want + "'"
		return chromedp.Poll[chromedp.Void](expr, chromedp.WithPollingTimeout(10*time.Second))
	}
	for i, line := range script {
		f.add(line)
		want := map[int]string{2: "c", 4: "d", 5: "w", 6: "c"}[i]
		if want == "" {
			continue
		}
		if err := chromedp.Do(ctx, state(1, want)); err != nil {
			t.Fatalf("after line %d page 1 is not %s: %v", i, want, err)
		}
	}
	if err := chromedp.Do(ctx, chromedp.Click("#pause"), chromedp.Click("#back"), state(1, "w"), state(0, "c"),
		chromedp.Click("#back"), state(1, "d"), chromedp.Sleep(300*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	shot, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	if at := os.Getenv("WATCH_SCREENSHOT"); at != "" {
		os.WriteFile(at, shot, 0o644)
	}
	picture, _, err := image.Decode(bytes.NewReader(shot))
	if err != nil {
		t.Fatal(err)
	}
	for name, color := range map[string][3]uint32{"dirty": {0xd1, 0x49, 0x5b}, "clean": {0x4c, 0x9f, 0x70}, "absent": {0xee, 0xf0, 0xf3}} {
		if !strip(picture, color) {
			t.Errorf("no strip of %s pages on the screen", name)
		}
	}
	if err := chromedp.Do(ctx, chromedp.Click("#pause"), state(1, "c"), state(0, "a")); err != nil {
		t.Fatal(err)
	}
}

// TestBoot boots the kernel that WATCH_IMAGE names with the runner WATCH_RUNNER, and
// sees pages of a file turn clean, dirty, being written, clean; it pauses, steps back
// to each, compares the colours on the screen, and saves.
func TestBoot(t *testing.T) {
	runner, kernel := os.Getenv("WATCH_RUNNER"), os.Getenv("WATCH_IMAGE")
	if runner == "" || kernel == "" {
		t.Skip("no WATCH_RUNNER and WATCH_IMAGE: make test-watch sets them")
	}
	f := newFeed()
	ctx := browser(t, f)
	keys, stdin := io.Pipe()
	var screen bytes.Buffer
	ended := make(chan error, 1)
	go func() { ended <- boot(f, []string{runner, kernel, "-console"}, keys, &screen) }()
	t.Cleanup(func() {
		io.WriteString(stdin, "poweroff\n")
		stdin.Close()
		if err := <-ended; err != nil || t.Failed() {
			t.Errorf("the machine: %v\n%s", err, screen.String())
		}
	})
	is := func(page int, want string) chromedp.Action[chromedp.Void] {
		return chromedp.Poll[chromedp.Void](fmt.Sprintf("pageState('POEM.TXT', %d) === '%s'", page, want), chromedp.WithPollingTimeout(60*time.Second))
	}
	// Another page first: else one update may tell of the file and of page 0 in it.
	for _, step := range []struct {
		command string
		page    int
		want    string
	}{{"cat POEM.TXT 4096 1", 1, "c"}, {"", 0, "a"}, {"cat POEM.TXT 0 1", 0, "c"}, {"poke POEM.TXT 5 41", 0, "d"}, {"sync POEM.TXT", 0, "c"}} {
		io.WriteString(stdin, step.command+"\n")
		if err := chromedp.Do(ctx, is(step.page, step.want)); err != nil {
			t.Fatalf("after %q page %d is not %s: %v", step.command, step.page, step.want, err)
		}
	}
	if err := chromedp.Do(ctx, chromedp.Click("#pause")); err != nil {
		t.Fatal(err)
	}
	// Back through time, as the state was before.
	for _, was := range []struct {
		state string
		color [3]uint32
	}{{"w", [3]uint32{0xf2, 0xb1, 0x34}}, {"d", [3]uint32{0xd1, 0x49, 0x5b}}, {"c", [3]uint32{0x4c, 0x9f, 0x70}}, {"a", [3]uint32{0xee, 0xf0, 0xf3}}} {
		back := fmt.Sprintf("(() => { for (let i = 0; i < 3000 && pageState('POEM.TXT', 0) !== '%s'; i++) document.getElementById('back').click(); return pageState('POEM.TXT', 0) })()", was.state)
		got, err := chromedp.Run(ctx, chromedp.Evaluate[string](back))
		if err != nil || got != was.state {
			t.Fatalf("stepping back to %s ends at %q: %v", was.state, got, err)
		}
		if err := chromedp.Do(ctx, chromedp.Sleep(300*time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		shot, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
		if err != nil {
			t.Fatal(err)
		}
		if at := os.Getenv("WATCH_SCREENSHOT"); at != "" {
			os.WriteFile(at+"-"+was.state+".png", shot, 0o644)
		}
		if picture, _, err := image.Decode(bytes.NewReader(shot)); err != nil || !strip(picture, was.color) {
			t.Errorf("no strip of %s pages on the screen: %v", was.state, err)
		}
	}
	const save = `URL.createObjectURL = b => { b.text().then(t => window.saved = t); return "#" }; document.getElementById("save").click()`
	if err := chromedp.Do(ctx, chromedp.Evaluate[chromedp.Void](save), chromedp.Poll[chromedp.Void]("window.saved !== undefined")); err != nil {
		t.Fatal(err)
	}
	saved, err := chromedp.Run(ctx, chromedp.Evaluate[string]("window.saved"))
	var file struct {
		TraceEvents []struct {
			Name string             `json:"name"`
			Args map[string]float64 `json:"args"`
		}
	}
	if err != nil || json.Unmarshal([]byte(saved), &file) != nil {
		t.Fatalf("%v in %.200s", err, saved)
	}
	dirty := false
	for _, e := range file.TraceEvents {
		dirty = dirty || e.Name == "POEM.TXT" && e.Args["dirty"] > 0
	}
	if !dirty {
		t.Errorf("%d events are saved, none of a dirty page", len(file.TraceEvents))
	}
}

// strip says whether a row of the picture has a run of 50 pixels of the colour
// behind the labels.
func strip(p image.Image, color [3]uint32) bool {
	b := p.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		run := 0
		for x := b.Min.X + 195; x < b.Max.X; x++ {
			r, g, bl, _ := p.At(x, y).RGBA()
			if [3]uint32{r >> 8, g >> 8, bl >> 8} != color {
				run = 0
			} else if run++; run == 50 {
				return true
			}
		}
	}
	return false
}

// TestMany shows 2,000 VMOs and a million pages, 4,096 of which change at every
// update: the page keeps up, and meanwhile scrolls, shows a VMO's history, pauses, steps
// back and goes on.
func TestMany(t *testing.T) {
	f := newFeed()
	ctx := browser(t, f)
	defer f.end()
	for id := uint64(1); id <= 2000; id++ {
		f.add(marshal(message{Kind: "vmo", ID: id, Name: "many", Pages: 512}))
	}
	const updates = 150
	uses := map[int]string{
		0:   `window.drawn = 0; (function f() { drawn++; requestAnimationFrame(f) })(); true`,
		30:  `$("scroll").scrollTop = 1e9; true`,
		60:  `$("strips").dispatchEvent(new MouseEvent("click", {clientY: $("strips").getBoundingClientRect().top + 5})); selected > 1900`,
		90:  `pause(true); step(-10); shown.tick === +$("slider").value && shown.tick >= 50`,
		120: `$("detail").className === "shown" && (pause(false), true)`,
	}
	start := time.Now()
	for i := range updates {
		m := message{Kind: "tick", Time: int64(i+1) * 33e6, States: map[string][][2]any{}}
		for j := range 8 {
			m.States[string('1'+rune(j))] = [][2]any{{0, strings.Repeat("cd", 128) + strings.Repeat("dc", 128)}, {i % 512, "w"}}
		}
		f.add(marshal(m))
		if use := uses[i]; use != "" {
			if ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](use)); err != nil || !ok {
				t.Errorf("at update %d: %v, %v: %s", i, ok, err, use)
			}
		}
		time.Sleep(time.Until(start.Add(time.Duration(i+1) * 33 * time.Millisecond)))
	}
	if err := chromedp.Do(ctx, chromedp.Poll[chromedp.Void]("shown.tick === 150 && shown.vmos.size === 2000", chromedp.WithPollingTimeout(2*time.Second))); err != nil {
		t.Errorf("the page lags behind: %v", err)
	}
	if drawn, err := chromedp.Run(ctx, chromedp.Evaluate[int]("drawn")); err != nil || drawn < updates/10 {
		t.Errorf("%d pictures drawn in %d updates: %v", drawn, updates, err)
	} else {
		t.Logf("%d pictures drawn in %d updates", drawn, updates)
	}
}

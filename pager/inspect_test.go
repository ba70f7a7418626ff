package pager

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"faultline/vmo"
	"faultline/zx"
)

// TestInspect looks at a source with every kind of request on it, and at what
// the log says when they are not answered.
func TestInspect(t *testing.T) {
	w := newWorld(t, 300, Config{OvertimeWait: 1 * second, OvertimeTimeout: 3 * second})
	f := w.create(16, zx.VMOTrapDirty)
	f.supply(8, 4)
	a := w.read(f, 0)
	w.advance(second / 2)
	b := w.read(f, 0) // hangs on a's
	c := w.start(func(th *thread) zx.Status { return f.v.WriteBytes([]byte{1}, 9*pg, &th.req) })
	s := ProxyOf(f.v)
	got := ""
	for _, r := range s.Requests() {
		got += fmt.Sprintf("%v since %d ms\n", &r, (r.Since-clockStart)/1e6)
	}
	want := `READ  [0x0, 0x1000) pending 0x1000 overlap 1 [sent, on the port] since 0 ms
READ  [0x0, 0x1000) pending 0x0 overlap 0 [overlap] since 500 ms
DIRTY [0x9000, 0xa000) pending 0x1000 overlap 0 [waits for the packet slot] since 500 ms
`
	if got != want {
		t.Errorf("requests:\n%swant\n%s", got, want)
	}
	if i := s.Info(); i.VMO != f.v.Koid() || i.Key != 7 || i.Reads != 1 || i.Dirties != 1 || !i.PacketQueued || !i.OnPort || i.Detached || i.GoodbyeDue {
		t.Errorf("info %+v", i)
	}
	if list := w.pager.Proxies(); len(list) != 1 || list[0] != s || w.pager.Closed() {
		t.Errorf("sources %v", list)
	}
	w.expect("R[0,1)", "D[9,1)")
	if r := s.Requests(); r[0].Packet != vmo.PacketDelivered || r[0].Sent() != "[sent, taken from the port]" {
		t.Errorf("%v", &r[0])
	}
	w.advance(second / 2)
	want = `WARNING Page source of VMO N, pager N, key 0x7 has been blocked for 1 seconds with no message waiting on port.
  closed false, packet busy false, complete pending false, 3 requests
  VMO N READ  [0x0, 0x1000) pending 0x1000 overlap 1 [sent, taken from the port], thread 0, 1 s
  VMO N READ  [0x0, 0x1000) pending 0x0 overlap 0 [overlap], thread 0, 0 s
  VMO N DIRTY [0x9000, 0xa000) pending 0x1000 overlap 0 [sent, taken from the port], thread 0, 0 s`
	if got := w.log(); got != want {
		t.Errorf("log:\n%s\nwant\n%s", got, want)
	}
	f.supply(0, 1)
	w.ended(a, zx.OK)
	w.ended(b, zx.OK)
	w.advance(5 * second / 2)
	w.ended(c, zx.ErrTimedOut)
	if got := w.log(); !strings.HasPrefix(got, "ERROR Page source of VMO N, pager N, key 0x7 has been blocked for 3 seconds. Page request timed out: DIRTY [0x9000, 0xa000), thread 0.") {
		t.Errorf("log:\n%s", got)
	}
	counts := map[string]uint64{}
	for _, c := range w.sys.Counters() {
		counts[c.Name] = c.Value
	}
	if want := map[string]uint64{
		"dispatcher.pager.create": 1, "dispatcher.pager.destroy": 0, "dispatcher.pager.total_requests": 2,
		"dispatcher.pager.succeeded_requests": 2, "dispatcher.pager.failed_requests": 0,
		"dispatcher.pager.timed_out_requests": 1, "dispatcher.pager.overtime_waits": 1,
	}; !reflect.DeepEqual(counts, want) {
		t.Errorf("counters %v, want %v", counts, want)
	}
	w.must(w.pager.Detach(f.v, nil))
	if i := s.Info(); !i.Detached || !i.GoodbyeDue || i.OnPort {
		t.Errorf("detached: %+v", i)
	}
	w.finish(f)
	w.pager.Close()
	if list := w.pager.Proxies(); len(list) != 0 || !w.pager.Closed() {
		t.Errorf("closed: sources %v", list)
	}
}

// read starts a thread that reads one byte of page.
func (w *world) read(f *file, page uint64) *thread {
	return w.start(func(th *thread) zx.Status { return f.v.ReadBytes(make([]byte, 1), page*pg, &th.req) })
}

// log gives the last warning, with koids, which no test can know, called N.
func (w *world) log() string {
	if len(w.logs) == 0 {
		return ""
	}
	return regexp.MustCompile(`(VMO|pager) \d+`).ReplaceAllString(w.logs[len(w.logs)-1], "$1 N")
}

// TestRunsOfPaged compares the runs of a paged VMO, all states in it, with its
// pages one by one.
func TestRunsOfPaged(t *testing.T) {
	w := newWorld(t, 300, Config{})
	f := w.create(40, zx.VMOTrapDirty|zx.VMOResizable)
	f.supply(2, 8)
	f.mark(12, 3)
	w.must(f.op(zx.PagerOpDirty, 4, 4, 0))
	w.must(f.op(zx.PagerOpWritebackBegin, 4, 2, 0))
	w.must(f.v.SetSize(60*pg, &w.self.req))
	w.must(f.op(zx.PagerOpWritebackBegin, 40, 5, zx.VMODirtyRangeIsZero))
	var runs [32]vmo.Run
	n, next := f.v.Runs(0, runs[:])
	got := ""
	for _, r := range runs[:n] {
		got += fmt.Sprintf("%v*%d ", r.State, r.Length/pg)
	}
	if want := "A*2 C*2 W*2 D*2 C*2 A*2 M*3 A*25 ZA*5 ZD*15 "; got != want || next != 60*pg {
		t.Errorf("runs %s to %#x, want %s", got, next, want)
	}
	var pages [60]vmo.State
	f.v.States(0, pages[:])
	for _, r := range runs[:n] {
		for at := r.Offset; at < r.Offset+r.Length; at += pg {
			if pages[at/pg] != r.State {
				t.Errorf("page %#x is %v, its run %v", at, pages[at/pg], r.State)
			}
		}
	}
	u := w.create(1, zx.VMOUnbounded)
	n, next = u.v.Runs(0, runs[:])
	if n != 2 || runs[0] != (vmo.Run{State: vmo.Absent, Length: pg}) || runs[1].State != vmo.ZeroUntracked || next != zx.VMOMaxSize {
		t.Errorf("unbounded: %+v to %#x", runs[:n], next)
	}
	w.finish(f, u)
}

package files

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"faultline/mmu"
	"faultline/pager"
	"faultline/vmo"
	"faultline/zx"
)

// testWaiter sleeps on a channel; a wait of many seconds is a hang.
type testWaiter struct{ token chan struct{} }

func newWaiter(string) vmo.Waiter { return &testWaiter{make(chan struct{}, 1)} }

func (w *testWaiter) Wait(state zx.ThreadState, deadline zx.Time) zx.Status {
	if deadline != zx.TimeInfinite {
		return zx.ErrTimedOut
	}
	hang := time.NewTimer(30 * time.Second)
	defer hang.Stop()
	select {
	case <-w.token:
		return zx.OK
	case <-hang.C:
		if state == zx.ThreadBlockedPort {
			return zx.ErrInternalIntrRetry // an idle server is no hang
		}
		panic(fmt.Sprintf("files test: a wait in state %#x never ends", uint32(state)))
	}
}

func (*testWaiter) Yield() zx.Status { return zx.OK }
func (w *testWaiter) Wake() bool {
	select {
	case w.token <- struct{}{}:
	default:
	}
	return false
}

// rig is a mounted volume over simulated memory.
type rig struct {
	*Volume
	t   *testing.T
	mem *mmu.Memory
}

// configFor is a machine of so many frames around a disk.
func configFor(dev BlockDevice, mem *mmu.Memory) Config {
	return Config{Disk: dev, Store: vmo.NewStore(mem), Pagers: pager.NewSystem(pager.Config{}), NewWaiter: newWaiter}
}

func mount(t *testing.T, dev BlockDevice, frames int) *rig {
	t.Helper()
	mem := mmu.NewSimulated(frames)
	v, err := Mount(configFor(dev, mem))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		v.Shutdown()
		if left := mem.Outstanding(); len(left) > 0 && !t.Failed() {
			t.Errorf("%d frames are still allocated after Shutdown", len(left))
		}
	})
	return &rig{v, t, mem}
}

func (r *rig) open(name string) *File {
	r.t.Helper()
	f, err := r.Open(name)
	if err != nil {
		r.t.Fatal(err)
	}
	return f
}

// write stores p through the VMO, as a system call would.
func write(f *File, p []byte, off uint64) zx.Status {
	var request vmo.PageRequest
	request.Init(newWaiter(""))
	return f.vmo.WriteBytes(p, off, &request)
}

// diff lists the offsets at which two images differ.
func diff(a, b []byte) (at []int) {
	for i := range a {
		if a[i] != b[i] {
			at = append(at, i)
		}
	}
	return at
}

// devices are the two kinds of disk over one image.
func devices(image []byte) map[string]BlockDevice {
	return map[string]BlockDevice{
		"plain":   &memoryDisk{data: bytes.Clone(image)},
		"scatter": scatterDisk{&memoryDisk{data: bytes.Clone(image)}},
	}
}

// TestReadThroughVMO reads every file whole, a byte a page, and past its end.
func TestReadThroughVMO(t *testing.T) {
	for kind, dev := range devices(standardImage(1, 2, 2, 0)) {
		t.Run(kind, func(t *testing.T) {
			r := mount(t, dev, 2000)
			w := newWaiter("")
			for name, want := range contents() {
				f := r.open(name)
				got := make([]byte, pageEnd(f.size))
				if st := f.ReadAt(w, got, 0); st != zx.OK {
					t.Errorf("%s: %v", name, st)
				}
				if !bytes.Equal(got[:len(want)], want) || !bytes.Equal(got[len(want):], make([]byte, len(got)-len(want))) {
					t.Errorf("%s: wrong bytes", name)
				}
				if s, pages := f.Stats(), pageEnd(f.size)/zx.PageSize; s.PagesSupplied != pages {
					t.Errorf("%s: %d pages supplied of %d", name, s.PagesSupplied, pages)
				}
				f.Evict()
				for at := uint64(0); at < uint64(len(want)); at += zx.PageSize {
					one := make([]byte, 1)
					if st := f.ReadAt(w, one, at); st != zx.OK || one[0] != want[at] {
						t.Fatalf("%s at %#x: %#x, %v", name, at, one, st)
					}
				}
				if digest, err := f.DiskSHA256(); err != nil || digest != sha256.Sum256(want) {
					t.Errorf("%s: SHA-256 of the disk %x, %v", name, digest, err)
				}
			}
			if f := r.open("SUB/five.bin"); f != r.open("sub/LONG~1.BIN") || f.Name() != "sub/Five.bin" {
				t.Errorf("one file under two names is opened twice, or as %q", f.Name())
			}
		})
	}
}

// TestReadersAtOnce has several threads read several files at random while
// clean pages are dropped and memory is short.
func TestReadersAtOnce(t *testing.T) {
	r := mount(t, scatterDisk{&memoryDisk{data: standardImage(1, 2, 2, 0)}}, 150)
	names := []string{"sub/Five.bin", "SCATTER.BIN", "PAGE.BIN"}
	var group sync.WaitGroup
	for i := range 4 {
		group.Add(1)
		go func() {
			defer group.Done()
			random := rand.New(rand.NewSource(int64(i)))
			w := newWaiter("")
			for range 60 {
				name := names[random.Intn(len(names))]
				want := contents()[name]
				f, err := r.Open(name)
				if err != nil {
					t.Error(err)
					return
				}
				at := random.Intn(len(want))
				p := make([]byte, min(1+random.Intn(40_000), len(want)-at))
				if st := f.ReadAt(w, p, uint64(at)); st != zx.OK || !bytes.Equal(p, want[at:at+len(p)]) {
					t.Errorf("%s [%#x, %#x): %v or wrong bytes", name, at, at+len(p), st)
					return
				}
				if random.Intn(20) == 0 {
					f.Evict()
				}
			}
		}()
	}
	group.Wait()
}

// TestReadAhead checks that a sequential reader asks seldom, a random one gets
// nothing it did not ask for, and the page asked for is read first.
func TestReadAhead(t *testing.T) {
	m := newImage(8, 2, 2, 1000, 0)
	content := noise(1, 3_000_000)
	chain := m.add("BIG.BIN", content, false)
	dev := &memoryDisk{data: m.finish()}
	r := mount(t, dev, 2000)
	f := r.open("BIG.BIN")
	w := newWaiter("")
	one := make([]byte, 1)
	pages := pageEnd(f.size) / zx.PageSize
	var lengths []int64
	dev.trace = func(op string, off, n int64) { lengths = append(lengths, n) }
	for i := range pages {
		if st := f.ReadAt(w, one, i*zx.PageSize); st != zx.OK {
			t.Fatal(st)
		}
	}
	dev.mu.Lock()
	s := f.Stats()
	if s.PagesSupplied != pages || s.Reads > pages/30 || s.PagesAhead != pages-s.Reads {
		t.Errorf("sequential: %d pages, %d requests, %d supplied, %d of them ahead", pages, s.Reads, s.PagesSupplied, s.PagesAhead)
	}
	if lengths[0] != zx.PageSize || s.Reads > 2 {
		t.Errorf("%d requests, the first read of %d bytes: want the page asked for, then read-ahead in time", s.Reads, lengths[0])
	}
	if longest := slices.Max(lengths); longest != lastWindow {
		t.Errorf("read-ahead is %v, never %d", lengths, lastWindow)
	}
	lengths = nil
	dev.mu.Unlock()

	f.Evict()
	before := f.Stats()
	random := rand.New(rand.NewSource(1))
	touched := map[int]bool{}
	for range 100 {
		page := 7 + 9*random.Intn(int(pages)/9)
		touched[page] = true
		if st := f.ReadAt(w, one, uint64(page)*zx.PageSize); st != zx.OK || one[0] != content[page*zx.PageSize] {
			t.Fatal(st)
		}
	}
	if s := f.Stats(); s.PagesSupplied-before.PagesSupplied > uint64(len(touched))+24 {
		t.Errorf("random: %d pages touched, %d supplied", len(touched), s.PagesSupplied-before.PagesSupplied)
	}

	// One long request is served in big block reads.
	f.Evict()
	dev.mu.Lock()
	lengths = nil
	dev.mu.Unlock()
	all := make([]byte, f.size)
	if st := f.ReadAt(w, all, 0); st != zx.OK || !bytes.Equal(all, content) {
		t.Errorf("whole file: %v", st)
	}
	dev.mu.Lock()
	if len(lengths) > len(chain)/32 {
		t.Errorf("whole file took %d block reads of %v bytes", len(lengths), lengths)
	}
	dev.trace = nil
	dev.mu.Unlock()
}

// TestHeldPage takes the page that read-ahead holds back: it is what the disk has,
// fails when it is to fail, and is not given once the disk has something else.
func TestHeldPage(t *testing.T) {
	m := newImage(8, 2, 2, 1000, 0)
	content := noise(1, 3_000_000)
	m.add("BIG.BIN", content, false)
	r := mount(t, &memoryDisk{data: m.finish()}, 2000)
	f := r.open("BIG.BIN")
	w := newWaiter("")
	one := make([]byte, 1)
	// hold reads the front and gives where the page held back is.
	hold := func() uint64 {
		f.Evict()
		if st := f.ReadAt(w, one, 0); st != zx.OK {
			t.Fatal(st)
		}
		r.Settle()
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, h := range f.held {
			if h.valid {
				return h.off
			}
		}
		t.Fatal("nothing is held")
		return 0
	}
	at := hold()
	before := f.Stats()
	if st := f.ReadAt(w, one, at); st != zx.OK || one[0] != content[at] {
		t.Errorf("%#x, %v", one, st)
	}
	r.Settle()
	if s := f.Stats(); s.Reads != before.Reads || s.PagesSupplied < before.PagesSupplied+2 {
		t.Errorf("%d requests for a held page, %d pages supplied after it", s.Reads-before.Reads, s.PagesSupplied-before.PagesSupplied)
	}
	at = hold()
	if err := f.InjectFailure(at, 1, zx.ErrIODataIntegrity); err != nil {
		t.Fatal(err)
	}
	if st := f.ReadAt(w, one, at); st != zx.ErrIODataIntegrity {
		t.Errorf("a held page that fails: %v", st)
	}
	f.LiftFailures(0, 1<<40)
	// Zeros get into the file without the page being read.
	at = hold()
	var request vmo.PageRequest
	request.Init(w)
	if st := f.vmo.Zero(at, zx.PageSize, &request); st != zx.OK {
		t.Fatal(st)
	}
	if _, err := f.Sync(w); err != nil {
		t.Fatal(err)
	}
	f.Evict()
	if st := f.ReadAt(w, one, at+5); st != zx.OK || one[0] != 0 {
		t.Errorf("what was held is given for what was written: %#x, %v", one, st)
	}
}

// TestSyncChangesExactly pokes bytes here and there and compares images.
func TestSyncChangesExactly(t *testing.T) {
	for _, perCluster := range []int{1, 8} {
		m := newImage(perCluster, 2, 2, 4000/perCluster, 0)
		content := noise(1, 300_001)
		chain := m.add("dir/F.BIN", content, true)
		image := m.finish()
		// Junk in the slack behind the end must survive.
		end := m.place(chain[len(chain)-1]) + int64(len(content)%m.clusterBytes())
		slack := image[end : m.place(chain[len(chain)-1])+int64(m.clusterBytes())]
		copy(slack, noise(2, len(slack)))
		before := bytes.Clone(image)
		where := func(off int) int {
			return int(m.place(chain[off/m.clusterBytes()])) + off%m.clusterBytes()
		}
		dev := &memoryDisk{data: image}
		r := mount(t, dev, 2000)
		f := r.open("DIR/F.BIN")
		var want []int
		for _, off := range []int{0, 4095, 4096, 5 * 4096, 5*4096 + 511, 123_456, 123_457, 123_458, 123_459, 300_000} {
			if st := write(f, []byte{^content[off]}, uint64(off)); st != zx.OK {
				t.Fatal(off, st)
			}
			want = append(want, where(off))
		}
		// A store past the end of the file, in its last page, is not the
		// file's and stays out of the disk.
		if st := write(f, []byte("beyond"), 300_010); st != zx.OK {
			t.Fatal(st)
		}
		if d := diff(before, image); len(d) != 0 {
			t.Fatalf("the disk changed without a sync, at %v", d)
		}
		s := f.Stats()
		if s.Dirties == 0 || s.PagesDirtied != 5 {
			t.Errorf("%d DIRTY requests, %d pages dirtied, want 5", s.Dirties, s.PagesDirtied)
		}
		result, err := f.Sync(newWaiter(""))
		if err != nil || result.Pages != 5 {
			t.Errorf("sync: %+v, %v", result, err)
		}
		got := diff(before, image)
		sortInts(want)
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("clusters of %d sectors: bytes changed at %v\nwant %v", perCluster, got, want)
		}
		if d := f.DirtyRanges(); len(d) != 0 {
			t.Errorf("dirty after sync: %v", d)
		}
		states := make([]vmo.State, pageEnd(f.size)/zx.PageSize)
		f.vmo.States(0, states)
		if slices.Contains(states, vmo.Dirty) || slices.Contains(states, vmo.AwaitingClean) || !slices.Contains(states, vmo.Clean) {
			t.Errorf("after sync: %v", states)
		}
		if again, err := f.Sync(newWaiter("")); err != nil || again.Ranges != 0 {
			t.Errorf("second sync: %+v, %v", again, err)
		}
		// Dropped and read again, the file is as the disk has it.
		f.Evict()
		p := make([]byte, 1)
		if st := f.ReadAt(newWaiter(""), p, 300_000); st != zx.OK || p[0] != ^content[300_000] {
			t.Errorf("after eviction: %#x, %v", p, st)
		}
	}
}

func sortInts(a []int) {
	for i := range a {
		for j := i; j > 0 && a[j] < a[j-1]; j-- {
			a[j], a[j-1] = a[j-1], a[j]
		}
	}
}

// TestSyncFailures fails every block operation of a sync in turn: everything
// stays dirty, nothing is lost, and the next sync brings all of it to the disk.
func TestSyncFailures(t *testing.T) {
	m := newImage(1, 2, 2, 4000, 0)
	content := noise(1, 200_001)
	m.add("F.BIN", content, true)
	image := m.finish()
	for at := 1; ; at++ {
		dev := &memoryDisk{data: bytes.Clone(image)}
		r := mount(t, dev, 500)
		f := r.open("F.BIN")
		want := bytes.Clone(content)
		for _, off := range []int{10, 50_000, 50_001, 200_000} {
			want[off] ^= 0xFF
			if st := write(f, want[off:off+1], uint64(off)); st != zx.OK {
				t.Fatal(st)
			}
		}
		ranges := fmt.Sprint(f.DirtyRanges())
		dev.mu.Lock()
		dev.failAt = dev.ops + at
		dev.mu.Unlock()
		_, err := f.Sync(newWaiter(""))
		if !dev.failed {
			if err != nil || at < 5 {
				t.Errorf("sync took %d operations, %v", at-1, err)
			}
			return
		}
		var disk *DiskError
		if !errors.As(err, &disk) || !strings.Contains(err.Error(), "stay dirty") {
			t.Errorf("operation %d failed: %v", at, err)
		}
		if now := fmt.Sprint(f.DirtyRanges()); now != ranges {
			t.Errorf("operation %d failed: dirty is %s, was %s", at, now, ranges)
		}
		f.Evict()
		got := make([]byte, f.size)
		if st := f.ReadAt(newWaiter(""), got, 0); st != zx.OK || !bytes.Equal(got, want) {
			t.Errorf("operation %d failed: the file reads wrong, %v", at, st)
		}
		if _, err := f.Sync(newWaiter("")); err != nil {
			t.Errorf("second sync: %v", err)
		}
		d := mustDirectory(t, dev.data)
		if got, err := readFile(d, "f.bin"); err != nil || !bytes.Equal(got, want) {
			t.Errorf("operation %d failed: the disk is wrong after the second sync, %v", at, err)
		}
	}
}

// TestInjectedFailures fails ranges of a file and lifts them again.
func TestInjectedFailures(t *testing.T) {
	r := mount(t, &memoryDisk{data: plainImage()}, 1000)
	f := r.open("sub/Five.bin")
	want := contents()["sub/Five.bin"]
	w := newWaiter("")
	read := func(off, n uint64) zx.Status {
		p := make([]byte, n)
		st := f.ReadAt(w, p, off)
		if st == zx.OK && !bytes.Equal(p, want[off:off+n]) {
			t.Errorf("[%#x, %#x) reads wrong", off, off+n)
		}
		return st
	}
	expect := func(what string, got, want zx.Status) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	expect("before", read(0x3004, 1), zx.OK)
	if err := f.InjectFailure(0x3000, 0x1000, zx.ErrIODataIntegrity); err != nil {
		t.Fatal(err)
	}
	expect("failed page", read(0x3004, 1), zx.ErrIODataIntegrity)
	expect("failed page again", read(0x3ffc, 4), zx.ErrIODataIntegrity)
	expect("page behind", read(0x5000, 1), zx.OK)
	expect("page before", read(0x2fff, 1), zx.OK)
	expect("across", read(0, 0x10000), zx.ErrIODataIntegrity)
	expect("behind", read(0x4000, 0x20000), zx.OK)
	// A few bytes fail their whole page; a newer failure hides an older one.
	if err := f.InjectFailure(0x30fff, 2, zx.ErrNoSpace); err != nil {
		t.Fatal(err)
	}
	expect("page of the first byte", read(0x30000, 1), zx.ErrNoSpace)
	expect("page of the last byte", read(0x31fff, 1), zx.ErrNoSpace)
	expect("page after", read(0x32000, 1), zx.OK)
	if err := f.InjectFailure(0x3000, 1, zx.ErrIO); err != nil {
		t.Fatal(err)
	}
	expect("newer", read(0x3004, 1), zx.ErrIO)
	if n := f.LiftFailures(0x3000, 0x1000); n != 2 || len(f.Failures()) != 1 {
		t.Errorf("%d lifted, left %v", n, f.Failures())
	}
	expect("lifted", read(0x3004, 1), zx.OK)
	f.LiftFailures(0, 1<<63)
	expect("all", read(0, uint64(len(want))), zx.OK)
	// A write to a clean page is refused, and the page stays clean.
	if err := f.InjectFailure(0x7000, 1, zx.ErrBadState); err != nil {
		t.Fatal(err)
	}
	f.LiftFailures(0x7000, 1)
	expect("fault in", read(0x7000, 0x2000), zx.OK)
	f.mu.Lock()
	f.failures = []Failure{{0x7000, 1, zx.ErrBadState}} // without dropping the page
	f.mu.Unlock()
	expect("refused store", write(f, []byte{1}, 0x7010), zx.ErrBadState)
	expect("store across", write(f, make([]byte, 0x2000), 0x6800), zx.ErrBadState)
	for _, d := range f.DirtyRanges() {
		if overlap(d.Offset, d.Length, 0x7000, 0x1000) {
			t.Errorf("refused page is dirty: %+v", d)
		}
	}
	// Errors name the value.
	for _, c := range []struct {
		off, length uint64
		st          zx.Status
		want        string
	}{
		{0, 1, zx.ErrNoMemory, "ZX_ERR_NO_MEMORY"}, {0, 0, zx.ErrIO, "length 0"},
		{1 << 20, 1, zx.ErrIO, "0x100000"}, {^uint64(0), 2, zx.ErrIO, "wraps"},
	} {
		if err := f.InjectFailure(c.off, c.length, c.st); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("InjectFailure(%#x, %#x, %v): %v", c.off, c.length, c.st, err)
		}
	}
}

// TestBadSector fails the disk under single sectors: only their pages fail,
// also inside long requests, and heal with the disk.
func TestBadSector(t *testing.T) {
	for kind, dev := range devices(plainImage()) {
		t.Run(kind, func(t *testing.T) {
			memory, ok := dev.(*memoryDisk)
			if !ok {
				memory = dev.(scatterDisk).memoryDisk
			}
			r := mount(t, dev, 1000)
			f := r.open("sub/Five.bin")
			want := contents()["sub/Five.bin"]
			bad := f.chain.fat.place(f.chain.runs[0].at) + 20*zx.PageSize + 512
			memory.fails = func(op string, off, n int64) bool { return off <= bad && bad < off+n }
			w := newWaiter("")
			p := make([]byte, len(want))
			if st := f.ReadAt(w, p, 0); st != zx.ErrIO {
				t.Errorf("whole file: %v", st)
			}
			if st := f.ReadAt(w, p[:20*zx.PageSize], 0); st != zx.OK || !bytes.Equal(p[:20*zx.PageSize], want[:20*zx.PageSize]) {
				t.Errorf("in front: %v", st)
			}
			if st := f.ReadAt(w, p, 0); st != zx.ErrIO {
				t.Errorf("again: %v", st)
			}
			if st := f.ReadAt(w, p[:1000], 21*zx.PageSize); st != zx.OK {
				t.Errorf("behind: %v", st)
			}
			s := f.Stats()
			if s.PagesFailed != 2 || s.LastError == nil || !strings.Contains(s.LastError.Error(), "disk read of 8 sectors at sector") {
				t.Errorf("%d pages failed, %v", s.PagesFailed, s.LastError)
			}
			memory.mu.Lock()
			memory.fails = nil
			memory.mu.Unlock()
			if st := f.ReadAt(w, p, 0); st != zx.OK || !bytes.Equal(p, want) {
				t.Errorf("healed: %v", st)
			}
		})
	}
}

// TestNoFrames reads and writes with hardly a frame to be had.
func TestNoFrames(t *testing.T) {
	r := mount(t, &memoryDisk{data: plainImage()}, 12)
	f := r.open("sub/Five.bin")
	w := newWaiter("")
	p := make([]byte, f.size)
	if st := f.ReadAt(w, p, 0); st != zx.OK || !bytes.Equal(p, contents()["sub/Five.bin"]) {
		t.Errorf("reading with 12 frames: %v", st)
	}
	// Dirty pages cannot be dropped: in the end a store fails, none hangs.
	last := zx.OK
	for off := uint64(0); off < uint64(f.size) && last == zx.OK; off += zx.PageSize {
		last = write(f, []byte{1}, off)
	}
	if last == zx.OK {
		t.Error("123 pages were dirtied in 12 frames")
	}
	if _, err := f.Sync(w); err != nil {
		t.Error(err)
	}
	if st := write(f, []byte{1}, uint64(f.size)-1); st != zx.OK {
		t.Errorf("after a sync made room: %v", st)
	}
}

// TestReadOnlyDisk refuses stores, not loads.
func TestReadOnlyDisk(t *testing.T) {
	r := mount(t, &memoryDisk{data: plainImage(), readOnly: true}, 100)
	f := r.open("PAGE.BIN")
	if st := f.ReadAt(newWaiter(""), make([]byte, 10), 0); st != zx.OK {
		t.Error(st)
	}
	if st := write(f, []byte{1}, 0); st != zx.ErrBadState {
		t.Errorf("store: %v", st)
	}
	if !r.ReadOnly() || !strings.Contains(r.Describe(), "read-only") {
		t.Error(r.Describe())
	}
}

// TestCloseAndShutdown ends files and volumes, with dirty pages and without.
func TestCloseAndShutdown(t *testing.T) {
	r := mount(t, &memoryDisk{data: plainImage()}, 1000)
	f := r.open("PAGE.BIN")
	if st := write(f, []byte{1, 2, 3}, 100); st != zx.OK {
		t.Fatal(st)
	}
	if err := f.Close(); err == nil || !strings.Contains(err.Error(), "1 dirty") {
		t.Errorf("closing a dirty file: %v", err)
	}
	if _, err := f.Sync(newWaiter("")); err != nil {
		t.Fatal(err)
	}
	f.VMO().Retain() // somebody else's reference
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if st := f.ReadAt(newWaiter(""), make([]byte, 1), 0); st != zx.ErrBadState {
		t.Errorf("reading a closed file: %v", st)
	}
	for range 1000 { // COMPLETE is on its way
		if len(r.Files()) == 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	f.VMO().Release()
	if n := len(r.Files()); n != 0 {
		t.Errorf("%d files after COMPLETE", n)
	}
	p := make([]byte, 3)
	if again := r.open("page.bin"); again == f || again.Key() == f.Key() {
		t.Error("a closed file was given out again")
	} else if st := again.ReadAt(newWaiter(""), p, 100); st != zx.OK || !bytes.Equal(p, []byte{1, 2, 3}) {
		t.Errorf("reopened: %v, %v", p, st)
	}
	r.Shutdown()
	r.Shutdown()
	if _, err := r.Open("PAGE.BIN"); !errors.Is(err, zx.ErrBadState) {
		t.Errorf("open after shutdown: %v", err)
	}
}

// TestMountErrors checks what Mount says of disks it cannot use.
func TestMountErrors(t *testing.T) {
	store := vmo.NewStore(mmu.NewSimulated(10))
	try := func(dev BlockDevice) error {
		v, err := Mount(Config{Disk: dev, Store: store, Pagers: pager.NewSystem(pager.Config{}), NewWaiter: newWaiter})
		if err == nil {
			v.Shutdown()
		}
		return err
	}
	if err := try(nil); !errors.Is(err, ErrNoDisk) {
		t.Error(err)
	}
	if err := try(&memoryDisk{data: make([]byte, 1<<20)}); err == nil || !strings.Contains(err.Error(), "not FAT32") {
		t.Error(err)
	}
	image := plainImage()
	for at := 1; ; at++ {
		dev := &memoryDisk{data: image, failAt: at}
		v, err := Mount(Config{Disk: dev, Store: store, Pagers: pager.NewSystem(pager.Config{}), NewWaiter: newWaiter})
		switch {
		case err == nil && dev.failed && !(v.ReadOnly() && strings.Contains(fmt.Sprint(v.Doubts()), errInjected.Error())):
			t.Errorf("operation %d failed: mounted for writing", at)
		case err != nil && !errors.Is(err, errInjected):
			t.Errorf("operation %d failed: %v", at, err)
		}
		if err == nil {
			v.Shutdown()
		}
		if !dev.failed {
			break
		}
	}
}

// TestRealImage pokes and syncs files of an image made by mkfs.fat and mcopy,
// and has fsck.fat look at it.
func TestRealImage(t *testing.T) {
	needTool(t, "fsck.fat")
	image, frag := realImage(t)
	path := filepath.Join(t.TempDir(), "disk.img")
	before := bytes.Clone(image)
	r := mount(t, &memoryDisk{data: image}, 3000)
	for name, want := range map[string][]byte{"frag.bin": frag, "sub/five.bin": contents()["sub/Five.bin"], "ONE.BIN": {0xA5}} {
		f := r.open(name)
		got := make([]byte, f.size)
		if st := f.ReadAt(newWaiter(""), got, 0); st != zx.OK || !bytes.Equal(got, want) {
			t.Errorf("%s: %v or wrong bytes", name, st)
		}
		if st := write(f, []byte{^want[len(want)-1]}, uint64(len(want)-1)); st != zx.OK {
			t.Error(st)
		}
		if _, err := f.Sync(newWaiter("")); err != nil {
			t.Error(err)
		}
	}
	if d := diff(before, image); len(d) != 3 {
		t.Errorf("%d bytes of the image changed, want 3: %v", len(d), d)
	}
	if err := os.WriteFile(path, image, 0o600); err != nil {
		t.Fatal(err)
	}
	tool(t, "fsck.fat", "-n", path)
	out := path + ".frag"
	tool(t, "mcopy", "-i", path, "::/FRAG.BIN", out)
	frag[len(frag)-1] ^= 0xFF
	if got, err := os.ReadFile(out); err != nil || !bytes.Equal(got, frag) {
		t.Errorf("mcopy gives other bytes back, %v", err)
	}
}

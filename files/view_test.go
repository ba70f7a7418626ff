package files

import (
	"bytes"
	"errors"
	"math/rand"
	"strings"
	"testing"

	"faultline/zx"
)

// TestSnap: a view keeps what its file held when it was made, whatever is stored
// to either, written back or evicted; the disk sees the file's stores alone.
func TestSnap(t *testing.T) {
	image := plainImage()
	r := mount(t, &memoryDisk{data: image}, 1500)
	f := r.open("sub/Five.bin")
	now := bytes.Clone(contents()["sub/Five.bin"])
	random := rand.New(rand.NewSource(1))
	change := func(f *File, content []byte) {
		off := random.Intn(len(content) - 5000)
		p := noise(random.Int(), 1+random.Intn(5000))
		if st := write(f, p, uint64(off)); st != zx.OK {
			t.Fatal(st)
		}
		copy(content[off:], p)
	}
	check := func(what string, f *File, want []byte) {
		t.Helper()
		got := make([]byte, len(want))
		if st := f.ReadAt(newWaiter(""), got, 0); st != zx.OK || !bytes.Equal(got, want) {
			t.Errorf("%s: %v, or it is not what it was", what, st)
		}
	}
	type frozen struct {
		*File
		content []byte
	}
	var views []frozen
	for round := range 6 {
		for range 4 { // some pages are dirty
			change(f, now)
		}
		if round == 3 {
			if _, err := f.Sync(newWaiter("")); err != nil {
				t.Fatal(err)
			}
		}
		view, err := f.Snap()
		if err != nil {
			t.Fatal(err)
		}
		views = append(views, frozen{view, bytes.Clone(now)})
		if again := r.open(strings.ToLower(view.Name())); again != view || !view.View() || f.View() {
			t.Errorf("%q opens %q", view.Name(), again.Name())
		}
		change(f, now)
		change(view, views[round].content)
		f.Evict()
		view.Evict()
	}
	if _, err := f.Sync(newWaiter("")); err != nil {
		t.Fatal(err)
	}
	f.Evict()
	for _, v := range views {
		check(v.Name(), v.File, v.content)
	}
	check("the file", f, now)
	if got, err := readFile(mustDirectory(t, image), "sub/Five.bin"); err != nil || !bytes.Equal(got, now) {
		t.Errorf("the disk: %v, or not the file", err)
	}
	if len(r.Files()) != 1 || len(r.Views()) != 6 {
		t.Errorf("%d files, %d views", len(r.Files()), len(r.Views()))
	}
	view := views[0]
	if _, err := view.Sync(newWaiter("")); !errors.Is(err, errView) {
		t.Errorf("sync of a view: %v", err)
	}
	if _, err := view.Snap(); !errors.Is(err, errView) {
		t.Errorf("view of a view: %v", err)
	}
	if err := view.InjectFailure(0, 1, zx.ErrIO); !errors.Is(err, errView) {
		t.Errorf("failure of a view: %v", err)
	}
	for i, v := range views {
		if err := v.Close(); err != nil || len(r.Views()) != len(views)-1-i {
			t.Errorf("close of a view: %v, %d left", err, len(r.Views()))
		}
		v.Close() // once more is nothing
	}
	change(f, now)
	if len(f.views) != 0 || f.vmo.Info().Children != 0 {
		t.Errorf("%d views, %d children left", len(f.views), f.vmo.Info().Children)
	}
}

// TestSnapNoFrames: where no frame can be had for a view, the store that needs it
// fails, and the view keeps what it has.
func TestSnapNoFrames(t *testing.T) {
	r := mount(t, &memoryDisk{data: plainImage()}, 40)
	f := r.open("sub/Five.bin")
	view, err := f.Snap()
	if err != nil {
		t.Fatal(err)
	}
	st := zx.OK
	for off := uint64(0); off < uint64(f.size) && st == zx.OK; off += zx.PageSize {
		if st = write(f, []byte{^contents()["sub/Five.bin"][off]}, off); st == zx.OK {
			if _, err := f.Sync(newWaiter("")); err != nil {
				t.Fatal(err)
			}
		}
	}
	if st == zx.OK {
		t.Error("122 pages were kept in 40 frames")
	}
	for off := uint64(0); off < uint64(f.size); off += zx.PageSize {
		p := make([]byte, 1)
		if st := view.ReadAt(newWaiter(""), p, off); st == zx.OK && p[0] != contents()["sub/Five.bin"][off] {
			t.Fatalf("the view changed at %#x", off)
		}
	}
}

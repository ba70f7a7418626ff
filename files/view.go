package files

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"faultline/vmo"
	"faultline/zx"
)

// errView is the error of what a frozen view does not do.
var errView = errors.New("it is a frozen view: it has no pager and no place on the disk")

// Snap makes a frozen view of the file: a copy-on-write clone of its VMO that
// keeps the bytes the file has now. Stores to it reach neither file nor disk.
// It is opened by its name, which no file of the disk has, until Close.
//
// A clone of pager-backed memory shows a page of its parent until it has one of
// its own. So it gets one before the file's changes: now, where the page is
// dirty, and else before the serving goroutine acknowledges the first store to it.
//
// Locks: takes Volume.looking.
// Errors: the file is a view | zx.Status: no memory.
func (f *File) Snap() (*File, error) {
	v := f.volume
	if f.of != nil {
		return nil, fmt.Errorf("%q: %w", f.name, errView)
	}
	v.looking.Lock()
	defer v.looking.Unlock()
	view := &File{volume: v, size: f.size, chain: f.chain, of: f}
	for n := 1; ; n++ {
		view.name = fmt.Sprintf("%s@%d", f.name, n)
		if _, _, _, err := v.dir.find(view.name); v.view(view.name) == nil && errors.Is(err, ErrNotFound) {
			break
		} else if err != nil && !errors.Is(err, ErrNotFound) && !errors.Is(err, ErrAmbiguous) {
			return nil, err
		}
	}
	// Pages that become dirty without the serving goroutine are so before the
	// clone is made, which takes the same lock, or never.
	f.snapped.Store(true)
	var st zx.Status
	if view.vmo, st = f.vmo.CreateChild(zx.VMOChildSnapshotAtLeastOnWrite, 0, uint64(f.size)); st != zx.OK {
		return nil, fmt.Errorf("%q: cannot make its clone: %w", f.name, st)
	}
	f.mu.Lock()
	f.views = append(f.views, view)
	f.mu.Unlock()
	v.mu.Lock()
	v.views = append(v.views, view)
	v.mu.Unlock()
	for _, r := range f.DirtyRanges() {
		if st := view.keep(r.Offset, r.Length); st != zx.OK {
			view.forsake() // what it shows is not what the file had
			return nil, fmt.Errorf("%q: cannot copy its dirty pages: %w", f.name, st)
		}
	}
	return view, nil
}

// forsake is Close of a view: its name is free, its pages go with the last mapping.
func (f *File) forsake() {
	if f.closing.Swap(true) {
		return
	}
	v := f.volume
	v.mu.Lock()
	v.views = without(v.views, f)
	v.mu.Unlock()
	f.of.mu.Lock()
	f.of.views = without(f.of.views, f)
	f.of.mu.Unlock()
	f.vmo.Release()
}

// without gives list less f, and leaves list as it is.
func without(list []*File, f *File) []*File {
	return slices.DeleteFunc(slices.Clone(list), func(x *File) bool { return x == f })
}

// View says whether the file is a frozen view of another one.
func (f *File) View() bool { return f.of != nil }

// Views gives the frozen views in the order in which they were made.
func (v *Volume) Views() []*File {
	v.mu.Lock()
	defer v.mu.Unlock()
	return append([]*File(nil), v.views...)
}

// view gives the view of that name, nil if there is none.
func (v *Volume) view(name string) *File {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, x := range v.views {
		if !x.closing.Load() && strings.EqualFold(x.name, name) {
			return x
		}
	}
	return nil
}

// freeze gives every view of f pages of its own for [off, off+length), which is
// about to change.
//
// Errors: ErrNoMemory.
func (f *File) freeze(off, length uint64) zx.Status {
	f.mu.Lock()
	views := f.views
	for _, view := range views {
		view.vmo.Retain() // it may be closed meanwhile
	}
	f.mu.Unlock()
	st := zx.OK
	for _, view := range views {
		if st == zx.OK {
			st = view.keep(off, length)
		}
		view.vmo.Release()
	}
	return st
}

// keep gives the view f pages of its own for [off, off+length). What is absent
// from the file needs none: it will be read, and its writer asks again.
//
// Errors: ErrNoMemory.
func (f *File) keep(off, length uint64) zx.Status {
	for at := off; at < off+length; at += zx.PageSize {
		st := zx.OK
		for {
			var r vmo.PageRequest
			f.vmo.Lock()
			if f.vmo.NextContent(at, at+zx.PageSize) == at {
				_, st = f.vmo.RequirePage(nil, at, true, &r)
			}
			f.vmo.Unlock()
			if st == vmo.ErrAgain {
				f.vmo.GoOn(st, nil, nil)
			} else if st != zx.ErrNoMemory || !f.volume.store.Reclaim(maxBlockRead/zx.PageSize, nil) {
				break
			}
		}
		if st != zx.OK {
			return st
		}
	}
	return zx.OK
}

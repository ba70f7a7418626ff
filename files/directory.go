package files

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"path"
	"strings"
	"time"

	"github.com/diskfs/go-diskfs/filesystem/fat12"
)

// Errors of names, to be told apart with errors.Is.
var (
	ErrNotFound = errors.New("no such file or folder")
	ErrIsFolder = errors.New("is a folder, not a file")
	ErrNotDir   = errors.New("is a file, not a folder")
)

// Entry is one name in a folder.
type Entry struct {
	Name     string // the long name where there is one
	Size     int64  // bytes; 0 for a folder
	Folder   bool
	Modified time.Time
	short    string // the 8.3 name
}

// matches follows the FAT's case rule: names differ by more than case, and a
// file answers to its long and its short name.
func (e *Entry) matches(name string) bool {
	return strings.EqualFold(e.Name, name) || strings.EqualFold(e.short, name)
}

// directory reads names and extents of a volume through the library. It is not
// safe for concurrent use: Volume.mu guards it.
type directory struct {
	disk    *disk
	geo     geometry
	table   *fatTable
	storage *storage
	fs      *fat12.FileSystem
}

func newDirectory(d *disk, g geometry) *directory {
	t := &fatTable{disk: d, geo: g}
	s := &storage{disk: d}
	fs := fat12.NewFileSystem(s, nil, t, uint32(g.data), int(g.clusterBytes), g.size, g.start,
		0, 0, // the root directory is a chain, as FAT32 has it
		uint64(g.fat), uint64(g.fat))
	return &directory{disk: d, geo: g, table: t, storage: s, fs: fs}
}

// guarded runs one call of the library. What the table and the storage noted
// meanwhile outranks the library's own word, and a panic of the library is an
// error about the disk: no image may stop the kernel.
func (d *directory) guarded(limit int64, exact bool, call func() error) (err error) {
	d.table.chains(limit, exact)
	d.storage.err = nil
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("corrupt FAT32: the directory reader gave up: %v", r)
		}
		if d.table.err != nil {
			err = d.table.err
		}
		if d.storage.err != nil {
			err = d.storage.err
		}
	}()
	return call()
}

// cleanPath gives a path without "." and "..", without slashes at either end;
// "" is the root folder. Both kinds of slash separate.
func cleanPath(name string) string {
	return strings.TrimPrefix(path.Clean("/"+strings.ReplaceAll(name, `\`, "/")), "/")
}

// list reads the folder whose clean path is given.
func (d *directory) list(folder string) ([]Entry, error) {
	if folder == "" {
		folder = "." // the library's name of the root
	}
	var found []iofs.DirEntry
	err := d.guarded(maxDirectoryBytes/d.geo.clusterBytes+1, false, func() (err error) {
		found, err = d.fs.ReadDir(folder)
		return err
	})
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, 0, len(found))
	for _, f := range found {
		e := Entry{Name: f.Name(), Folder: f.IsDir()}
		if info, err := f.Info(); err == nil {
			e.Modified = info.ModTime()
			if !e.Folder {
				e.Size = info.Size()
			}
			if fi, ok := info.(fat12.FileInfo); ok {
				e.short = fi.ShortName()
			}
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// find walks a clean path, folder by folder, so that an error can say which
// part is wrong. It also gives the path as the disk spells it. The entry of the
// root is a folder named "".
func (d *directory) find(name string) (canonical string, at Entry, err error) {
	at.Folder = true
	walked := ""
	for rest := name; rest != ""; {
		var part string
		part, rest, _ = strings.Cut(rest, "/")
		if !at.Folder {
			return "", Entry{}, fmt.Errorf("%q %w", walked, ErrNotDir)
		}
		entries, err := d.list(walked)
		if err != nil {
			return "", Entry{}, fmt.Errorf("folder %q: %w", "/"+walked, err)
		}
		found := false
		for _, e := range entries {
			if found = e.matches(part); found {
				at = e
				break
			}
		}
		walked = path.Join(walked, part)
		if !found {
			return "", Entry{}, fmt.Errorf("%q: %w", walked, ErrNotFound)
		}
		canonical = path.Join(canonical, at.Name)
	}
	return canonical, at, nil
}

// extents gives where the file e, found under the clean path name, lies.
func (d *directory) extents(name string, e Entry) (extents, error) {
	if e.Size == 0 {
		return nil, nil
	}
	need := (e.Size + d.geo.clusterBytes - 1) / d.geo.clusterBytes
	var ranges []fat12.DiskRange
	// Two calls, two bounds: the folders on the way, then the file's chain.
	var file *fat12.File
	err := d.guarded(maxDirectoryBytes/d.geo.clusterBytes+1, false, func() error {
		f, err := d.fs.OpenFile(name, os.O_RDONLY)
		if err != nil {
			return err
		}
		var ok bool
		if file, ok = f.(*fat12.File); !ok {
			return fmt.Errorf("files.directory.extents: library gave a %T", f)
		}
		info, err := file.Stat()
		if err == nil && (info.Size() != e.Size || info.IsDir()) {
			err = fmt.Errorf("corrupt FAT32: two entries answer to this name")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	err = d.guarded(need, true, func() (err error) {
		ranges, err = file.GetDiskRanges()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("corrupt FAT32: %w", err)
	}
	x := make(extents, 0, len(ranges))
	at := int64(0)
	for _, r := range ranges {
		x = append(x, extent{file: at, disk: d.geo.start + int64(r.Offset), length: int64(r.Length)})
		at += int64(r.Length)
	}
	if at < e.Size {
		return nil, fmt.Errorf("corrupt FAT32: the cluster chain ends after %d of the file's %d bytes", at, e.Size)
	}
	return x, nil
}

package files

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// Errors of names, to be told apart with errors.Is.
var (
	ErrNotFound  = errors.New("no such file or folder")
	ErrIsFolder  = errors.New("is a folder, not a file")
	ErrNotDir    = errors.New("is a file, not a folder")
	ErrAmbiguous = errors.New("is the name of more than one entry")
)

// Entry is one name in a folder. It is the only one of its folder that its Name,
// spelled so, opens.
type Entry struct {
	Name     string // the long name where there is one
	Size     int64  // bytes; 0 for a folder
	Folder   bool
	Modified time.Time // zero where the disk has no date
	short    string    // the 8.3 name
	first    cluster   // as the disk says
	place    int64     // of the entry itself on the disk, in bytes: the file's identity
}

// maxDirectoryBytes is the most a folder may have: 65,536 entries of 32
// bytes. Source: Microsoft FAT specification 1.03, "FAT Directory Structure".
const maxDirectoryBytes = 65536 * entryBytes

// directory reads the folders of a volume. It is not safe for concurrent use:
// Volume.looking guards it.
type directory struct {
	disk *disk
	geo  geometry
	fat  *fat
	buf  [4096]byte

	// What survey found.
	shared bitmap   // clusters that more than one thing leads to
	doubts []string // why nothing should be written
}

func newDirectory(d *disk, g geometry) *directory {
	return &directory{disk: d, geo: g, fat: &fat{disk: d, geo: g}}
}

// cleanPath gives a path without "." and "..", without slashes at either end;
// "" is the root folder. Both kinds of slash separate.
func cleanPath(name string) string {
	return strings.TrimPrefix(path.Clean("/"+strings.ReplaceAll(name, `\`, "/")), "/")
}

// walk calls each for the entries of the folder whose first cluster is given, the
// cluster they lie in and their place on the disk, up to the end mark or until
// each returns false. e is good until each returns.
//
// Errors: *DiskError | the folder's chain is corrupt or too long.
func (d *directory) walk(folder cluster, each func(e rawEntry, at cluster, place int64) bool) error {
	if !d.fat.valid(folder) {
		return fmt.Errorf("corrupt FAT32: the folder begins at cluster %d; clusters are [2, %d)", folder, d.geo.clusters+firstCluster)
	}
	read := int64(0)
	for c := folder; c != 0; {
		if read += d.geo.clusterBytes; read > max(maxDirectoryBytes, d.geo.clusterBytes) {
			return fmt.Errorf("corrupt FAT32: the folder at cluster %d has more than %d entries, or its chain turns in a circle", folder, maxDirectoryBytes/entryBytes)
		}
		for at := int64(0); at < d.geo.clusterBytes; at += int64(len(d.buf)) {
			part := d.buf[:min(int64(len(d.buf)), d.geo.clusterBytes-at)]
			place := d.fat.place(c) + at
			if err := d.disk.read(part, place); err != nil {
				return err
			}
			for i := 0; i < len(part); i += entryBytes {
				if part[i] == entryEnd || !each(part[i:i+entryBytes], c, place+int64(i)) {
					return nil
				}
			}
		}
		var err error
		if c, err = d.fat.next(c); err != nil {
			return err
		}
	}
	return nil
}

// list reads the folder whose first cluster is given. doubt says why nothing in
// it can be relied on, nil if all is well.
//
// Errors: those of walk.
func (d *directory) list(folder cluster) (entries []Entry, doubt, err error) {
	// A long folder is counted first: what grows by copies would take several times
	// its size of the heap.
	count := 0
	if err = d.walk(folder, func(e rawEntry, _ cluster, _ int64) bool {
		if !e.free() && !e.isLong() {
			count++
		}
		return true
	}); err != nil {
		return nil, nil, err
	}
	var long longName
	entries, longs := make([]Entry, 0, count), make([]string, 0, count)
	err = d.walk(folder, func(e rawEntry, at cluster, place int64) bool {
		if doubt == nil && d.shared.has(at) {
			doubt = fmt.Errorf("corrupt FAT32: the folder's cluster %d is shared, by a file, another folder or a circle; repair the disk with fsck.fat", at)
		}
		switch {
		case e.free():
			long.forget()
			return true
		case e.isLong():
			long.add(e)
			return true
		}
		name := long.take(e)
		if e.isLabel() || e.isDots() {
			return true
		}
		entry := Entry{Name: e.shortName(), Size: e.size(), Folder: e.isFolder(), Modified: e.modified(), first: e.first(), place: place}
		entry.short = entry.Name
		if entry.Folder {
			entry.Size = 0
		}
		entries, longs = append(entries, entry), append(longs, name)
		return true
	})
	if !slices.ContainsFunc(longs, func(name string) bool { return name != "" }) {
		return entries, doubt, err
	}
	// A long name that is another entry's already is not used.
	names := map[string]bool{}
	for i, name := range longs {
		if name == "" {
			names[entries[i].Name] = true
		}
	}
	for i, name := range longs {
		if name != "" && !names[name] {
			names[name] = true
			entries[i].Name = name
		}
	}
	return entries, doubt, err
}

// choose gives the entry that answers to a name: the one listed so; or else the
// one whose listed name differs in case alone; or else the one whose 8.3 name
// does. So it is never another one's listed name that opens an entry.
//
// Errors: ErrNotFound | ErrAmbiguous: several are as near; nothing is guessed.
func choose(entries []Entry, name string) (Entry, error) {
	for _, matches := range []func(e *Entry) bool{
		func(e *Entry) bool { return e.Name == name },
		func(e *Entry) bool { return strings.EqualFold(e.Name, name) },
		func(e *Entry) bool { return strings.EqualFold(e.short, name) },
	} {
		var found *Entry
		for i := range entries {
			if !matches(&entries[i]) {
				continue
			}
			if found != nil {
				return Entry{}, fmt.Errorf("%w in its folder", ErrAmbiguous)
			}
			found = &entries[i]
		}
		if found != nil {
			return *found, nil
		}
	}
	return Entry{}, ErrNotFound
}

// find walks a clean path, folder by folder, so that an error can say which
// part is wrong. It also gives the path as the disk spells it, and the doubt about
// a folder on the way. The entry of the root is a folder named "".
func (d *directory) find(name string) (canonical string, at Entry, doubt, err error) {
	at = Entry{Folder: true, first: d.geo.root}
	for rest := name; rest != ""; {
		var part string
		part, rest, _ = strings.Cut(rest, "/")
		if !at.Folder {
			return "", Entry{}, nil, fmt.Errorf("%q %w", canonical, ErrNotDir)
		}
		entries, unsure, err := d.list(at.first)
		if err != nil {
			return "", Entry{}, nil, fmt.Errorf("folder %q: %w", "/"+canonical, err)
		}
		if unsure != nil && doubt == nil {
			doubt = fmt.Errorf("folder %q: %w", "/"+canonical, unsure)
		}
		if at, err = choose(entries, part); err != nil {
			return "", Entry{}, nil, fmt.Errorf("%q: %w", path.Join(canonical, part), err)
		}
		canonical = path.Join(canonical, at.Name)
	}
	return canonical, at, doubt, nil
}

package files

import (
	"errors"
	"fmt"
)

// Bounds of a survey's memory.
const (
	maxSurveyed = 1 << 26  // clusters; three bits each while it lasts, 24 MiB
	maxWaiting  = 64 << 10 // folders kept in a list before they are kept as bits
)

// bitmap has one bit a cluster; nil has none set.
type bitmap []uint64

func newBitmap(clusters uint32) bitmap {
	return make(bitmap, (uint64(clusters)+firstCluster+63)/64)
}

func (b bitmap) has(c cluster) bool { return b != nil && b[c/64]>>(c%64)&1 != 0 }

// set sets the bit of c and says whether it was set.
func (b bitmap) set(c cluster) bool {
	was := b.has(c)
	b[c/64] |= 1 << (c % 64)
	return was
}

// survey is one look at the whole volume, taken when it is mounted. It finds the
// clusters that more than one thing leads to: an entry of the FAT, an entry of a
// folder, the boot sector's word for the root. A chain shares a cluster with
// another one, or turns in a circle, if and only if two things lead to a cluster
// of it. So a bit a cluster finds both, in one pass over the FAT and one over the
// folders, and no file's chain is followed.
type survey struct {
	directory *directory
	led       bitmap // something leads to the cluster
	shared    bitmap // more than one thing does; nil while there is none

	// Folders still to be read: a list, and bits for what does not fit.
	list   []cluster
	bits   bitmap
	inBits int
}

// survey finds the volume's shared clusters, and the doubts that forbid to write to
// it.
func (d *directory) survey() {
	doubt := func(format string, args ...any) { d.doubts = append(d.doubts, fmt.Sprintf(format, args...)) }
	if d.geo.dirty {
		doubt("it was not taken out of use properly (its boot sector says so)")
	}
	switch flags, err := d.fat.entry(1); {
	case err != nil:
		doubt("%v", err)
	case flags&fatCleanShutdown == 0:
		doubt("it was not taken out of use properly (the FAT's dirty flag is set)")
	case flags&fatNoErrors == 0:
		doubt("its last user met errors (the FAT's error flag is set)")
	}
	if d.geo.clusters > maxSurveyed {
		doubt("%d clusters are too many to look for shared ones", d.geo.clusters)
		return
	}
	s := &survey{directory: d, led: newBitmap(d.geo.clusters), bits: newBitmap(d.geo.clusters)}
	differ, err := d.fat.scan(func(to cluster) { s.leads(to) })
	if err != nil {
		doubt("%v", err)
	}
	if differ != 0 {
		doubt("the copies of its FAT differ at cluster %d", differ)
	}
	if err := s.folders(); err != nil {
		doubt("%v", err)
	}
	d.shared = s.shared
}

// leads notes that something leads to a cluster, and says whether something did
// before.
func (s *survey) leads(to cluster) bool {
	if !s.led.set(to) {
		return false
	}
	if s.shared == nil {
		s.shared = newBitmap(s.directory.geo.clusters)
	}
	s.shared.set(to)
	return true
}

// folders notes what the entries of all folders lead to. It reads those that one
// thing alone leads to: below a shared one no file is opened. So each cluster is
// read once at most, whatever the disk says. A corrupt folder is left where its
// chain ends.
//
// Errors: *DiskError.
func (s *survey) folders() error {
	d := s.directory
	s.leads(d.geo.root)
	s.list = append(s.list, d.geo.root)
	for s.fill(); len(s.list) > 0; s.fill() {
		folder := s.list[len(s.list)-1]
		s.list = s.list[:len(s.list)-1]
		err := d.walk(folder, func(e rawEntry, at cluster, _ int64) bool {
			if at != folder && s.shared.has(at) {
				return false
			}
			first := e.first()
			switch {
			case e.free() || e.isLong() || e.isLabel() || e.isDots():
				return true
			case !e.isFolder() && e.size() == 0: // it has no use for a cluster
				return true
			case !d.fat.valid(first) || s.leads(first) || !e.isFolder():
				return true
			}
			if len(s.list) < maxWaiting {
				s.list = append(s.list, first)
			} else {
				s.bits.set(first)
				s.inBits++
			}
			return true
		})
		if _, broken := errors.AsType[*DiskError](err); broken {
			return err
		}
	}
	return nil
}

// fill moves folders from the bits to the empty list.
func (s *survey) fill() {
	for c := cluster(0); s.inBits > 0 && len(s.list) < maxWaiting; c++ {
		if word := &s.bits[c/64]; *word == 0 {
			c |= 63
		} else if *word>>(c%64)&1 != 0 {
			*word &^= 1 << (c % 64)
			s.inBits--
			s.list = append(s.list, c)
		}
	}
}

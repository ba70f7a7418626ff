package files

import (
	"fmt"
	"sort"
)

// maxRuns is how many places of a file's chain are kept in memory, 8 bytes each.
const maxRuns = 16 << 10

// run is a place in a file's chain: its cluster number index is at.
type run struct {
	index uint32
	at    cluster
}

// chain says where a file's bytes lie on the disk. It keeps where each run of
// neighbouring clusters begins. Where there are too many runs for that, it keeps
// every so manieth cluster, and from there the FAT is followed.
type chain struct {
	fat    *fat
	count  uint32 // clusters that the file's bytes fill
	runs   []run  // ascending; the first has index 0
	sparse bool   // what lies between two of runs is in the FAT
	pieces int    // runs of the file, kept or not
}

// chain follows the clusters of a file and checks each: it exists, one thing
// alone leads to it, and all the file's bytes have one.
//
// Errors: *DiskError | what is wrong, with cluster and offset.
func (d *directory) chain(e Entry) (*chain, error) { return d.follow(e, 0) }

// follow makes a chain that keeps every so manieth cluster, or every run if that
// is 0 and they are not too many.
func (d *directory) follow(e Entry, every uint32) (*chain, error) {
	x := &chain{fat: d.fat, count: uint32((e.Size + d.geo.clusterBytes - 1) / d.geo.clusterBytes), sparse: every > 0}
	c, before := e.first, cluster(0)
	for at := range x.count {
		switch {
		case c == 0 && at > 0:
			return nil, fmt.Errorf("corrupt FAT32: the cluster chain ends after %d of the file's %d bytes", int64(at)*d.geo.clusterBytes, e.Size)
		case !d.fat.valid(c):
			return nil, fmt.Errorf("corrupt FAT32: the file begins at cluster %d; clusters are [2, %d)", c, d.geo.clusters+firstCluster)
		case d.shared.has(c):
			return nil, fmt.Errorf("corrupt FAT32: the file's cluster %d, at offset %#x, is also another file's or a folder's, or the chain turns in a circle; repair the disk with fsck.fat",
				c, int64(at)*d.geo.clusterBytes)
		}
		starts := c != before+1
		if starts {
			x.pieces++
		}
		if !x.sparse && starts || x.sparse && at%every == 0 {
			if len(x.runs) == maxRuns {
				return d.follow(e, (x.count+maxRuns-1)/maxRuns)
			}
			x.runs = append(x.runs, run{at, c})
		}
		var err error
		before = c
		if c, err = d.fat.next(c); err != nil {
			return nil, err
		}
	}
	return x, nil
}

// each calls do for the runs of the bytes [off, off+n) of the file, in order: n
// bytes are at that place on the disk. Pre: all of them lie in the chain's
// clusters.
//
// Errors: do's | where the FAT is read again, that it cannot be or has changed.
func (x *chain) each(off, n int64, do func(at, n int64) error) error {
	size := x.fat.geo.clusterBytes
	if n == 0 {
		return nil
	}
	if n < 0 || off < 0 || (off+n-1)/size >= int64(x.count) {
		panic(fmt.Sprintf("files.chain.each: bytes [%#x, %#x) of a file of %d clusters of %d bytes", off, off+n, x.count, size))
	}
	w, err := x.find(uint32(off / size))
	for into := off % size; err == nil && n > 0; into = 0 {
		var c cluster
		var count uint32
		if c, count, err = w.run(uint32((into + n + size - 1) / size)); err == nil {
			length := min(int64(count)*size-into, n)
			err = do(x.fat.place(c)+into, length)
			n -= length
		}
	}
	return err
}

// walk is a way along a chain.
type walk struct {
	*chain
	index uint32  // number of the cluster in the chain
	at    cluster // where it is
	after int     // the first of runs behind it
}

// find begins a walk at cluster number index of the file.
func (x *chain) find(index uint32) (walk, error) {
	after := sort.Search(len(x.runs), func(i int) bool { return x.runs[i].index > index })
	w := walk{x, x.runs[after-1].index, x.runs[after-1].at, after}
	if !x.sparse {
		w.at += cluster(index - w.index)
		w.index = index
	}
	var err error
	for ; w.index < index && err == nil; w.index++ {
		w.at, err = x.follows(w.at)
	}
	return w, err
}

// run gives the neighbouring clusters that begin here, most of them at most if
// they must be looked for, and goes behind them.
func (w *walk) run(most uint32) (first cluster, count uint32, err error) {
	first = w.at
	if !w.sparse {
		count = w.count - w.index
		if w.after < len(w.runs) {
			next := w.runs[w.after]
			count = next.index - w.index
			w.index, w.at = next.index, next.at
			w.after++
		}
		return first, count, nil
	}
	for count = 1; count < most; count++ {
		before := w.at
		if w.at, err = w.follows(before); err != nil || w.at != before+1 {
			break
		}
	}
	return first, count, err
}

// follows is fat.next of a cluster that is not the last one.
func (x *chain) follows(c cluster) (cluster, error) {
	next, err := x.fat.next(c)
	if err == nil && next == 0 {
		err = fmt.Errorf("corrupt FAT: the chain of an open file has changed at cluster %d", c)
	}
	return next, err
}

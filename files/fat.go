package files

import (
	"errors"
	"fmt"
	"math"

	"github.com/diskfs/go-diskfs/filesystem/fat12"
)

// Size of the cache of FAT blocks. Chains run mostly forward, so few are needed.
const (
	fatBlockBytes  = 4096
	fatCacheBlocks = 16
)

// maxDirectoryBytes is the most a directory may have: 65,536 entries of 32
// bytes. Source: Microsoft FAT specification 1.03, "FAT Directory Structure".
const maxDirectoryBytes = 65536 * 32

// badLink is what a chain's next cluster reads as when it must not be
// followed. It lies above every valid cluster, so the library refuses it.
const badLink = 0x0FFFFFF7

// fatTable is the FAT as the library sees it: entries are read from the disk
// as they are asked for, through a small cache. It bounds the chains that the
// library follows without a bound of its own.
//
// The library reads one chain at a time, front to back; the table notices the
// start of a new chain by an entry that is not where the last one pointed.
type fatTable struct {
	disk *disk
	geo  geometry

	tag   [fatCacheBlocks]int64 // block number + 1 of each cached block, 0 = empty
	cache [fatCacheBlocks][fatBlockBytes]byte
	check [fatCacheBlocks][fatBlockBytes]byte // the same blocks of the FAT's copy

	// limit is how many clusters a chain may have. With exact set the chain
	// ends there without an error: a file needs no more than its size.
	limit uint32
	exact bool
	last  uint32 // cluster whose entry was read last
	next  uint32 // what it pointed to
	steps uint32 // clusters of the current chain so far
	again bool   // its first cluster has been looked at a second time
	err   error  // first thing found wrong since the caller cleared it
}

var _ fat12.FATTable = (*fatTable)(nil)

// chains sets the bound for the chains that follow and clears err.
func (t *fatTable) chains(limit int64, exact bool) {
	t.limit, t.exact = uint32(min(limit, math.MaxUint32)), exact
	t.last, t.next, t.steps, t.again, t.err = 0, 0, 0, false, nil
}

// ClusterValue gives the entry of cluster n, or badLink with err set when it
// cannot be read or makes the chain too long.
func (t *fatTable) ClusterValue(n uint32) uint32 {
	if n < firstCluster || n > t.MaxCluster() {
		return 0 // the library refuses a chain that comes here
	}
	switch {
	case n == t.last && t.steps == 1 && !t.again: // the library looks at the first cluster twice
		t.again = true
	case n == t.next && t.steps > 0:
		t.steps++
	default:
		t.steps, t.again = 1, false
	}
	v := t.entry(n)
	t.last, t.next = n, v
	if t.steps >= t.limit && !t.IsEOC(v) && v != badLink {
		if t.exact {
			return t.EOCMarker()
		}
		t.note(fmt.Errorf("corrupt FAT: the directory chain at cluster %d is longer than %d clusters, or turns in a circle", n, t.limit))
		return badLink
	}
	return v
}

// entry reads one entry through the cache. Where the FAT has a copy the two must
// agree: a chain that only one of them knows would lead a sync to blocks of
// somebody else.
func (t *fatTable) entry(n uint32) uint32 {
	off := int64(n) * fatEntryBytes
	block := off / fatBlockBytes
	slot := block % fatCacheBlocks
	if t.tag[slot] != block+1 {
		t.tag[slot] = 0
		at := block * fatBlockBytes
		size := min(fatBlockBytes, t.geo.fatBytes-at)
		err := t.disk.read(t.cache[slot][:size], t.geo.start+t.geo.fat+at)
		if err == nil && t.geo.mirror != 0 {
			err = t.disk.read(t.check[slot][:size], t.geo.start+t.geo.mirror+at)
		}
		if err != nil {
			t.note(fmt.Errorf("cannot read the FAT: %w", err))
			return badLink
		}
		t.tag[slot] = block + 1
	}
	v := le32(t.cache[slot][:], int(off%fatBlockBytes)) & fatEntryMask
	if t.geo.mirror != 0 {
		if w := le32(t.check[slot][:], int(off%fatBlockBytes)) & fatEntryMask; v != w {
			t.note(fmt.Errorf("corrupt FAT: its copies differ at cluster %d: %#x and %#x; repair the disk with fsck.fat", n, v, w))
			return badLink
		}
	}
	return v
}

func (t *fatTable) note(err error) {
	if t.err == nil {
		t.err = err
	}
}

// SetCluster notes a fault: the library is never asked to change anything.
func (t *fatTable) SetCluster(n, val uint32) {
	t.note(errors.New("files.fatTable.SetCluster: the FAT is read-only"))
}

// IsEOC says whether an entry ends its chain.
func (t *fatTable) IsEOC(val uint32) bool { return val&fatEntryMask >= fatEndOfChain }

// EOCMarker gives an entry that ends a chain.
func (t *fatTable) EOCMarker() uint32 { return fatEntryMask }

// UnusedMarker gives the entry of a free cluster.
func (t *fatTable) UnusedMarker() uint32 { return 0 }

// MaxCluster gives the highest cluster number.
func (t *fatTable) MaxCluster() uint32 { return t.geo.clusters + firstCluster - 1 }

// FATID is not used for reading.
func (t *fatTable) FATID() uint32 { return 0 }

// RootDirCluster gives the root directory's first cluster.
func (t *fatTable) RootDirCluster() uint32 { return t.geo.root }

// Size gives the bytes of one FAT.
func (t *fatTable) Size() uint32 { return uint32(min(t.geo.fatBytes, math.MaxUint32)) }

// FromBytes is not used: entries are read one by one.
func (t *fatTable) FromBytes([]byte) {}

// Bytes is not used: the FAT is never written.
func (t *fatTable) Bytes() []byte { return nil }

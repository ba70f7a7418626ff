package files

import (
	"bytes"
	"fmt"
	"sync"
)

// cluster is the number of a cluster of the volume, as the FAT has it. 0 is none.
type cluster uint32

// Size of the cache of FAT blocks. Chains run mostly forward, so few are needed.
const (
	fatBlockBytes  = 4096
	fatCacheBlocks = 64
)

// fat reads the file allocation table in use, entry by entry, as they are asked
// for. Chains are followed by next; whoever follows one bounds it.
type fat struct {
	disk *disk
	geo  geometry

	mu    sync.Mutex
	tag   [fatCacheBlocks]int64 // block number + 1 of each cached block, 0 = empty; guarded by mu
	cache [fatCacheBlocks][fatBlockBytes]byte
}

// valid says whether c is the number of a cluster.
func (t *fat) valid(c cluster) bool {
	return c >= firstCluster && c-firstCluster < cluster(t.geo.clusters)
}

// place is where the bytes of a valid cluster lie on the disk.
func (t *fat) place(c cluster) int64 {
	return t.geo.start + t.geo.data + int64(c-firstCluster)*t.geo.clusterBytes
}

// next gives the cluster that follows c, 0 where the chain ends. Pre: c is valid.
//
// Locks: takes fat.mu.
// Errors: *DiskError | the chain goes on where no cluster can be.
func (t *fat) next(c cluster) (cluster, error) {
	v, err := t.entry(c)
	switch {
	case err != nil:
		return 0, err
	case v >= fatEndOfChain:
		return 0, nil
	case t.valid(cluster(v)):
		return cluster(v), nil
	case v == 0:
		return 0, fmt.Errorf("corrupt FAT: cluster %d is in use, and marked free", c)
	case v == fatBadCluster:
		return 0, fmt.Errorf("corrupt FAT: cluster %d is in use, and marked bad", c)
	}
	return 0, fmt.Errorf("corrupt FAT: cluster %d is followed by %d; clusters are [2, %d)", c, v, t.geo.clusters+firstCluster)
}

// entry reads the entry of c, without its reserved bits. c may be 0 or 1.
func (t *fat) entry(c cluster) (uint32, error) {
	off := int64(c) * fatEntryBytes
	block := off / fatBlockBytes
	slot := block % fatCacheBlocks
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.tag[slot] != block+1 {
		t.tag[slot] = 0
		at := block * fatBlockBytes
		if err := t.disk.read(t.cache[slot][:min(fatBlockBytes, t.geo.fatBytes-at)], t.geo.start+t.geo.fat+at); err != nil {
			return 0, fmt.Errorf("cannot read the FAT: %w", err)
		}
		t.tag[slot] = block + 1
	}
	return le32(t.cache[slot][:], int(off%fatBlockBytes)) & fatEntryMask, nil
}

// scan reads the whole table once, front to back, and calls link for every entry
// that leads to a cluster. Where the FAT has a copy, differ is the first entry at
// which the two are not the same, or 0 when all are.
//
// Errors: *DiskError.
func (t *fat) scan(link func(to cluster)) (differ cluster, err error) {
	const chunk = 64 << 10
	buf, copied := make([]byte, chunk), []byte(nil)
	if t.geo.mirror != 0 {
		copied = make([]byte, chunk)
	}
	end := int64(t.geo.clusters+firstCluster) * fatEntryBytes
	for at := int64(0); at < end; at += chunk {
		n, unlike := min(chunk, end-at), false
		if err := t.disk.read(buf[:n], t.geo.start+t.geo.fat+at); err != nil {
			return 0, fmt.Errorf("cannot read the FAT: %w", err)
		}
		if copied != nil && differ == 0 {
			if err := t.disk.read(copied[:n], t.geo.start+t.geo.mirror+at); err != nil {
				return 0, fmt.Errorf("cannot read the FAT's copy: %w", err)
			}
			unlike = !bytes.Equal(buf[:n], copied[:n])
		}
		for i := 0; i < int(n); i += fatEntryBytes {
			v := le32(buf, i)
			if v == 0 && !unlike {
				continue
			}
			c := cluster((at + int64(i)) / fatEntryBytes)
			if c < firstCluster {
				continue
			}
			if unlike && (v^le32(copied, i))&fatEntryMask != 0 {
				differ, unlike = c, false
			}
			if to := cluster(v & fatEntryMask); t.valid(to) {
				link(to)
			}
		}
	}
	return differ, nil
}

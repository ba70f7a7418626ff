package files

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// Fields of the boot sector of a FAT volume, byte offsets.
// Source: Microsoft FAT specification 1.03, "Boot Sector and BPB".
const (
	bpbBytsPerSec = 11
	bpbSecPerClus = 13
	bpbRsvdSecCnt = 14
	bpbNumFATs    = 16
	bpbRootEntCnt = 17
	bpbTotSec16   = 19
	bpbMedia      = 21
	bpbFATSz16    = 22
	bpbTotSec32   = 32
	bpbFATSz32    = 36
	bpbExtFlags   = 40
	bpbFSVer      = 42
	bpbRootClus   = 44
	bsReserved1   = 65 // bit 0: in use, as others write it
	bootSignature = 510
	bootBytes     = 512
)

// FAT entries. Source: Microsoft FAT specification 1.03, "FAT Data Structure".
const (
	firstCluster   = 2          // data clusters are numbered from here
	fatEntryMask   = 0x0FFFFFFF // the top four bits are reserved
	fatEndOfChain  = 0x0FFFFFF8 // and above
	fatBadCluster  = 0x0FFFFFF7
	maxFATClusters = 0x0FFFFFF5
	fatEntryBytes  = 4

	// Bits of entry 1.
	fatCleanShutdown = 0x08000000
	fatNoErrors      = 0x04000000
)

// Partition tables. Source: UEFI 2.10 sections 5.2.1, 5.3.
const (
	mbrEntries      = 446
	mbrEntryBytes   = 16
	mbrEntryCount   = 4
	mbrProtective   = 0xEE
	gptHeaderLBA    = 1
	gptMaxEntries   = 256
	gptMaxEntrySize = 4096
)

// geometry says where the parts of a FAT32 volume lie.
type geometry struct {
	start        int64  // bytes from the disk's start to the volume's
	size         int64  // bytes of the volume
	clusterBytes int64  // bytes of one cluster
	fat          int64  // bytes from the volume's start to the FAT in use
	mirror       int64  // the same of its copy, 0 where there is none
	fatBytes     int64  // bytes of one FAT
	data         int64  // bytes from the volume's start to cluster 2
	clusters     uint32 // data clusters; numbers [2, clusters+2)
	root         cluster
	dirty        bool // the boot sector says that the volume is in use
}

// probe finds the FAT32 volume: the whole disk, or the first one in its MBR or
// GPT partition table. An error says what was found instead.
func probe(d *disk) (geometry, error) {
	if d.size < bootBytes {
		return geometry{}, fmt.Errorf("not FAT32: the disk has %d bytes, less than one boot sector", d.size)
	}
	boot := make([]byte, bootBytes)
	if err := d.read(boot, 0); err != nil {
		return geometry{}, err
	}
	signed := boot[bootSignature] == 0x55 && boot[bootSignature+1] == 0xAA
	if looksLikeFAT(boot) {
		return parseBoot(boot, 0, d.size)
	}
	if name := otherFileSystem(d, boot); name != "" {
		return geometry{}, fmt.Errorf("not FAT32: the disk holds %s; make one with mkfs.fat -F 32", name)
	}
	if !signed {
		return geometry{}, fmt.Errorf("not FAT32: the boot sector ends in %#02x %#02x, not 0x55 0xaa; make one with mkfs.fat -F 32",
			boot[bootSignature], boot[bootSignature+1])
	}
	return probePartitions(d, boot)
}

// looksLikeFAT says whether a boot sector starts with a FAT BPB rather than
// with the code of a partition table.
func looksLikeFAT(boot []byte) bool {
	jump := boot[0] == 0xEB && boot[2] == 0x90 || boot[0] == 0xE9
	media := boot[bpbMedia] >= 0xF8 && le16(boot, bpbRsvdSecCnt) != 0 && boot[bpbSecPerClus] != 0
	return (jump || media) && validSectorSize(le16(boot, bpbBytsPerSec)) && boot[bpbNumFATs] != 0
}

func validSectorSize(n uint16) bool { return n == 512 || n == 1024 || n == 2048 || n == 4096 }

// otherFileSystem recognises what people take for FAT32.
func otherFileSystem(d *disk, boot []byte) string {
	switch {
	case bytes.Equal(boot[3:11], []byte("EXFAT   ")):
		return "exFAT"
	case bytes.Equal(boot[3:11], []byte("NTFS    ")):
		return "NTFS"
	case bytes.Equal(boot, make([]byte, bootBytes)):
		super := make([]byte, 512)
		if d.read(super, 1024) == nil && le16(super, 56) == 0xEF53 {
			return "an ext2/3/4 file system"
		}
		return "nothing (its boot sector is all zero)"
	}
	return ""
}

// probePartitions looks for FAT32 in the partition table whose first sector is mbr.
func probePartitions(d *disk, mbr []byte) (geometry, error) {
	seen := ""
	var failure error
	for i := range mbrEntryCount {
		e := mbr[mbrEntries+i*mbrEntryBytes:]
		kind, start, count := e[4], le32(e, 8), le32(e, 12)
		switch kind {
		case 0:
			continue
		case mbrProtective:
			return probeGPT(d)
		}
		seen += fmt.Sprintf(" %d:type %#02x", i+1, kind)
		g, err := probeAt(d, int64(start), int64(count))
		if err == nil {
			return g, nil
		}
		if fat := kind == 0x0B || kind == 0x0C || kind == 0x1B || kind == 0x1C; fat && failure == nil {
			failure = fmt.Errorf("partition %d: %w", i+1, err)
		}
	}
	if failure != nil {
		return geometry{}, failure
	}
	if seen == "" {
		return geometry{}, fmt.Errorf("not FAT32: neither a FAT boot sector nor a partition; make one with mkfs.fat -F 32")
	}
	return geometry{}, fmt.Errorf("not FAT32: no FAT32 among the disk's partitions:%s", seen)
}

// gptSystem is the type of an EFI system partition, which a machine boots from.
var gptSystem = []byte("\x28\x73\x2a\xc1\x1f\xf8\xd2\x11\xba\x4b\x00\xa0\xc9\x3e\xc9\x3b")

// probeGPT looks for FAT32 among the partitions of a GUID partition table; a system
// partition serves when there is no other.
func probeGPT(d *disk) (geometry, error) {
	header := make([]byte, 512)
	if err := d.read(header, gptHeaderLBA*d.block); err != nil {
		return geometry{}, err
	}
	if !bytes.Equal(header[:8], []byte("EFI PART")) {
		return geometry{}, fmt.Errorf("not FAT32: protective MBR without a GPT header (%q)", header[:8])
	}
	table, count, size := le64(header, 72), le32(header, 80), le32(header, 84)
	if size < 128 || size > gptMaxEntrySize || size%128 != 0 || count > gptMaxEntries || table > uint64(d.size/d.block) {
		return geometry{}, fmt.Errorf("corrupt GPT: %d entries of %d bytes at sector %d", count, size, table)
	}
	entries := make([]byte, int(count)*int(size))
	if err := d.read(entries, int64(table)*d.block); err != nil {
		return geometry{}, err
	}
	used := 0
	var system *geometry
	for i := range int(count) {
		e := entries[i*int(size):]
		first, last := le64(e, 32), le64(e, 40)
		if bytes.Equal(e[:16], make([]byte, 16)) || last < first || last > uint64(d.size/d.block) {
			continue
		}
		used++
		if g, err := probeAt(d, int64(first), int64(last-first+1)); err == nil {
			if !bytes.Equal(e[:16], gptSystem) {
				return g, nil
			}
			if system == nil {
				system = &g
			}
		}
	}
	if system != nil {
		return *system, nil
	}
	return geometry{}, fmt.Errorf("not FAT32: no FAT32 among the disk's %d GPT partitions", used)
}

// probeAt reads the boot sector of a partition; start and count are blocks of the
// disk, as partition tables have them.
func probeAt(d *disk, start, count int64) (geometry, error) {
	blocks := d.size / d.block
	if start <= 0 || count <= 0 || start >= blocks || count > blocks-start {
		return geometry{}, fmt.Errorf("corrupt partition table: blocks [%d, %d) of a disk of %d", start, start+count, blocks)
	}
	boot := make([]byte, bootBytes)
	if err := d.read(boot, start*d.block); err != nil {
		return geometry{}, err
	}
	if !looksLikeFAT(boot) {
		return geometry{}, fmt.Errorf("not FAT32: no FAT boot sector at block %d", start)
	}
	return parseBoot(boot, start*d.block, count*d.block)
}

// parseBoot checks a FAT boot sector so thoroughly that nothing computed from
// it later can wrap, leave the volume, or ask for memory beyond reason.
// start and room are bytes: where the volume begins, and how much there is.
func parseBoot(b []byte, start, room int64) (geometry, error) {
	fail := func(format string, args ...any) (geometry, error) {
		return geometry{}, fmt.Errorf("corrupt FAT boot sector: "+format, args...)
	}
	if b[bootSignature] != 0x55 || b[bootSignature+1] != 0xAA {
		return fail("it ends in %#02x %#02x, not 0x55 0xaa", b[bootSignature], b[bootSignature+1])
	}
	sector := int64(le16(b, bpbBytsPerSec))
	perCluster := int64(b[bpbSecPerClus])
	reserved := int64(le16(b, bpbRsvdSecCnt))
	fats := int64(b[bpbNumFATs])
	if perCluster == 0 || perCluster&(perCluster-1) != 0 {
		return fail("%d sectors per cluster", perCluster)
	}
	if reserved == 0 {
		return fail("no reserved sectors")
	}
	total := int64(le16(b, bpbTotSec16)) // where it is set others believe it
	if total == 0 {
		total = int64(le32(b, bpbTotSec32))
	}
	if rootEntries, perFAT := int64(le16(b, bpbRootEntCnt)), int64(le16(b, bpbFATSz16)); rootEntries != 0 || perFAT != 0 {
		// FAT12 and FAT16 differ by their number of clusters alone.
		rootSectors := (rootEntries*32 + sector - 1) / sector
		clusters := (total - reserved - fats*perFAT - rootSectors) / perCluster
		kind := "FAT16"
		if clusters < 4085 {
			kind = "FAT12"
		}
		return geometry{}, fmt.Errorf("not FAT32: the disk is %s (%d clusters); make one with mkfs.fat -F 32", kind, clusters)
	}
	perFAT := int64(le32(b, bpbFATSz32))
	switch {
	case le16(b, bpbFSVer) != 0:
		return fail("FAT32 version %#x", le16(b, bpbFSVer))
	case perFAT == 0:
		return fail("FATs of 0 sectors")
	case total == 0:
		return fail("volume of 0 sectors")
	case total*sector > room:
		return fail("it says the volume has %d bytes, but the disk has room for %d (a truncated image?)", total*sector, room)
	}
	dataSector := reserved + fats*perFAT
	if dataSector >= total {
		return fail("%d FATs of %d sectors leave no data sector among %d", fats, perFAT, total)
	}
	clusters := (total - dataSector) / perCluster
	switch root := int64(le32(b, bpbRootClus) & fatEntryMask); {
	case clusters == 0 || clusters > maxFATClusters:
		return fail("%d clusters", clusters)
	case perFAT*sector/fatEntryBytes < clusters+firstCluster:
		return fail("a FAT of %d sectors cannot describe %d clusters", perFAT, clusters)
	case root < firstCluster || root >= clusters+firstCluster:
		return fail("root directory at cluster %d, clusters are [2, %d)", root, clusters+firstCluster)
	}
	active, mirror := int64(0), int64(0)
	if fats > 1 {
		mirror = (reserved + perFAT) * sector
	}
	if flags := le16(b, bpbExtFlags); flags&0x80 != 0 { // mirroring is off: one FAT is in use
		if active = int64(flags & 0xF); active >= fats {
			return fail("FAT %d is in use, but there are %d", active, fats)
		}
		mirror = 0
	}
	return geometry{
		start:        start,
		size:         total * sector,
		clusterBytes: perCluster * sector,
		fat:          (reserved + active*perFAT) * sector,
		mirror:       mirror,
		fatBytes:     perFAT * sector,
		data:         dataSector * sector,
		clusters:     uint32(clusters),
		root:         cluster(le32(b, bpbRootClus) & fatEntryMask),
		dirty:        b[bsReserved1]&1 != 0,
	}, nil
}

func le16(b []byte, at int) uint16 { return binary.LittleEndian.Uint16(b[at:]) }
func le32(b []byte, at int) uint32 { return binary.LittleEndian.Uint32(b[at:]) }
func le64(b []byte, at int) uint64 { return binary.LittleEndian.Uint64(b[at:]) }

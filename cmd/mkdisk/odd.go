package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"unicode/utf16"
)

// odd are images that no tool makes: laid out by hand on an empty volume with
// clusters of 512 bytes, from the specification.
var odd = map[string]struct {
	mebibytes int64
	lay       func(v *volume)
}{
	// One file in as many pieces as it has clusters: every other one, then those between.
	"pieces": {2040, func(v *volume) {
		const n = 3_900_000
		v.large(n*512-100, func(i uint32) uint32 { return 3 + 2*(i%(n/2)) + i/(n/2) })
	}},
	// One file of 3.8 GB in one piece.
	"whole": {3900, func(v *volume) { v.large(3_800_000_000, func(i uint32) uint32 { return 3 + i }) }},
	// A root of as many entries as a folder may have, all of them files without bytes.
	"crowd": {64, func(v *volume) {
		const entries, clusters = 65536, 65536 * 32 / 512
		var all []byte
		for i := range entries {
			all = append(all, shortEntry(fmt.Sprintf("F%07dTXT", i), 0, 0)...)
		}
		chain := make([]uint32, clusters)
		for i := range chain {
			chain[i] = uint32(3 + i)
		}
		chain[clusters-1] = fatEnd
		v.link(2, chain...)
		v.write(all, v.place(2))
	}},
	"odd": {64, func(v *volume) {
		// Two names that differ in half a surrogate pair only.
		v.long("\U0001F431.txt", "CAT~1   TXT")
		v.file("CAT~1   TXT", 3, []byte("cat file\n"), fatEnd)
		v.long("\U0001F436.txt", "DOG~1   TXT")
		v.file("DOG~1   TXT", 4, []byte("dog file\n"), fatEnd)
		// A long name that is another entry's.
		v.long("long_name_test.txt", "LONG_N~1TXT")
		v.file("SHORT   TXT", 5, []byte("short\n"), fatEnd)
		// A chain that turns in a circle, one that goes on in another file.
		v.file("CIRCLE  BIN", 6, make([]byte, 2000), 6)
		v.file("CROSSED BIN", 7, make([]byte, 1000), 8)
		v.file("OTHER   BIN", 8, make([]byte, 512), fatEnd)
		v.file("BEYOND  BIN", 9, make([]byte, 1000), 0x0F000000)
		v.file("FINE    TXT", 10, []byte("fine\n"), fatEnd)
	}},
}

const fatEnd = 0x0FFFFFFF

// volume is an empty FAT32 volume as mkfs.fat made it, whose root folder is filled.
type volume struct {
	f       *os.File
	fat     [2]int64 // where its copies lie
	data    int64    // where cluster 2 lies
	entries int      // 32-byte entries of the root so far
	sums    string
	err     error
}

// buildOdd makes one of the odd images.
func buildOdd(image, name string) error {
	partial := image + ".partial"
	defer os.Remove(partial)
	f, err := os.Create(partial)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(odd[name].mebibytes << 20); err != nil {
		return err
	}
	if err := run("mkfs.fat", "-F", "32", "-s", "1", "--invariant", partial); err != nil {
		return err
	}
	boot := make([]byte, 512)
	if _, err := f.ReadAt(boot, 0); err != nil {
		return err
	}
	reserved := int64(binary.LittleEndian.Uint16(boot[14:])) * 512
	size := int64(binary.LittleEndian.Uint32(boot[36:])) * 512
	v := &volume{f: f, fat: [2]int64{reserved, reserved + size}, data: reserved + 2*size}
	v.write(bytes.Repeat([]byte{0xFF}, 8), 512+488) // FSInfo: how much is free is not known
	odd[name].lay(v)
	if v.err != nil {
		return v.err
	}
	if err := os.WriteFile(image+".sums", []byte(v.sums), 0o644); err != nil {
		return err
	}
	return os.Rename(partial, image)
}

func (v *volume) write(p []byte, at int64) {
	if _, err := v.f.WriteAt(p, at); v.err == nil {
		v.err = err
	}
}

// link writes FAT entries from the one of a cluster on.
func (v *volume) link(cluster uint32, entries ...uint32) {
	p := make([]byte, 0, 4*len(entries))
	for _, e := range entries {
		p = binary.LittleEndian.AppendUint32(p, e)
	}
	for _, fat := range v.fat {
		v.write(p, fat+4*int64(cluster))
	}
}

// place is where a cluster lies.
func (v *volume) place(cluster uint32) int64 { return v.data + int64(cluster-2)*512 }

// enter appends an entry to the root, which has one cluster.
func (v *volume) enter(e []byte) {
	if v.entries == 512/32 {
		next := uint32(500)
		v.link(2, next)
		v.link(next, fatEnd)
	}
	at := v.place(2) + int64(v.entries)*32
	if v.entries >= 512/32 {
		at = v.place(500) + int64(v.entries-512/32)*32
	}
	v.write(e, at)
	v.entries++
}

// shortEntry is the 8.3 entry of a file.
func shortEntry(name string, first uint32, size int64) []byte {
	e := make([]byte, 32)
	copy(e, name)
	e[11] = 0x20
	binary.LittleEndian.PutUint16(e[20:], uint16(first>>16))
	binary.LittleEndian.PutUint16(e[24:], 46<<9|1<<5|2)
	binary.LittleEndian.PutUint16(e[26:], uint16(first))
	binary.LittleEndian.PutUint32(e[28:], uint32(size))
	return e
}

// long appends the pieces of a long name, with the checksum of an 8.3 name.
func (v *volume) long(name, short string) {
	sum := byte(0)
	for i := range 11 {
		sum = sum<<7 | sum>>1
		sum += short[i]
	}
	units := append(utf16.Encode([]rune(name)), 0)
	for len(units)%13 != 0 {
		units = append(units, 0xFFFF)
	}
	count := len(units) / 13
	for n := count; n > 0; n-- {
		e := make([]byte, 32)
		if e[0], e[11], e[13] = byte(n), 0x0F, sum; n == count {
			e[0] |= 0x40
		}
		for i, at := range []int{1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30} {
			binary.LittleEndian.PutUint16(e[at:], units[(n-1)*13+i])
		}
		v.enter(e)
	}
}

// file appends a file of one cluster, whose FAT entry is next.
func (v *volume) file(name string, cluster uint32, content []byte, next uint32) {
	v.enter(shortEntry(name, cluster, int64(len(content))))
	v.write(content[:min(len(content), 512)], v.place(cluster))
	v.link(cluster, next)
}

// large makes A.BIN: cluster i of the file is at(i), and every 1009th says so.
func (v *volume) large(size int64, at func(i uint32) uint32) {
	n := uint32((size + 511) / 512)
	chain := make([]uint32, n+3)
	for i := range n {
		chain[at(i)] = fatEnd
		if i > 0 {
			chain[at(i-1)] = at(i)
		}
	}
	v.link(3, chain[3:]...)
	v.enter(shortEntry("A       BIN", at(0), size))
	sum := sha256.New()
	cluster, zero := make([]byte, 512), make([]byte, 512)
	for i := range n {
		content := zero
		if i%1009 == 0 || i == n-1 {
			copy(cluster, fmt.Sprintf("cluster %d of the file\n", i))
			content = cluster
			v.write(content, v.place(at(i)))
		}
		sum.Write(content[:min(512, size-int64(i)*512)])
	}
	v.sums += fmt.Sprintf("%x  A.BIN\n", sum.Sum(nil))
}

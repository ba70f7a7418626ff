package files

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

// oddImage lays out a FAT32 volume with whatever can stand in one, in a sparse
// file, so that clusters of every size have room. FAT32 begins at 65,525 clusters:
// with fewer, mtools takes it for something else.
type oddImage struct {
	t        *testing.T
	f        *os.File
	r        *rand.Rand
	sector   int
	cluster  int // bytes
	fats     int
	reserved int
	clusters int
	root     int

	table  []uint32 // the FAT
	second int      // cluster at which the second FAT is damaged, 0 for none
	boot   func(b []byte)
	used   map[int]bool
	free   int

	files   map[int64][]byte // content of what is not damaged, by the entry's place
	places  []int64          // of files with content
	chains  map[int64][]int
	folders []int // first clusters
	what    []string
}

func newOddImage(t *testing.T, seed int64) *oddImage {
	f, err := os.CreateTemp(t.TempDir(), "odd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	r := rand.New(rand.NewSource(seed))
	m := &oddImage{t: t, f: f, r: r, sector: 512 << r.Intn(4), fats: 1 + r.Intn(3), reserved: 8 + r.Intn(30),
		clusters: 65_600 + r.Intn(5000), used: map[int]bool{}, files: map[int64][]byte{}, chains: map[int64][]int{}, free: 2}
	if r.Intn(2) == 0 {
		m.sector, m.fats = 512, 2
	}
	for m.cluster = m.sector; m.cluster < 64<<10 && r.Intn(4) != 0; m.cluster *= 2 {
	}
	m.table = make([]uint32, m.clusters+2)
	m.table[0], m.table[1] = 0x0FFFFFF8, 0x0FFFFFFF
	m.root = 2
	if r.Intn(3) == 0 {
		m.root = 2 + r.Intn(m.clusters)
	}
	m.take(m.root)
	m.end(m.root)
	return m
}

func (m *oddImage) note(format string, args ...any) {
	m.what = append(m.what, fmt.Sprintf(format, args...))
}

func (m *oddImage) fatSectors() int   { return (4*len(m.table) + m.sector - 1) / m.sector }
func (m *oddImage) data() int64       { return int64(m.reserved+m.fats*m.fatSectors()) * int64(m.sector) }
func (m *oddImage) place(c int) int64 { return m.data() + int64(c-2)*int64(m.cluster) }
func (m *oddImage) take(c int)        { m.used[c] = true }
func (m *oddImage) end(c int)         { m.table[c] = 0x0FFFFFF8 | uint32(m.r.Intn(8)) }
func (m *oddImage) write(p []byte, at int64) {
	if _, err := m.f.WriteAt(p, at); err != nil {
		m.t.Fatal(err)
	}
}

// chain takes n clusters: in one piece, with gaps, backwards or anyhow.
func (m *oddImage) chain(n int) []int {
	var chain []int
	kind := m.r.Intn(4)
	for len(chain) < n {
		c := m.free
		if kind == 1 {
			c += m.r.Intn(3)
		}
		if kind == 3 {
			c = 2 + m.r.Intn(m.clusters)
		}
		if c >= m.clusters+2 {
			c = 2
		}
		for m.used[c] {
			if c++; c == m.clusters+2 {
				c = 2
			}
		}
		m.take(c)
		if kind != 3 {
			m.free = c + 1
		}
		chain = append(chain, c)
	}
	if kind == 2 {
		slices.Reverse(chain)
	}
	for i, c := range chain {
		if m.end(c); i+1 < n {
			m.table[c] = uint32(chain[i+1])
		}
	}
	return chain
}

// oddEntry is one 32-byte entry, and what it is of.
type oddEntry struct {
	raw     [32]byte
	content []byte
	chain   []int
}

func (m *oddImage) short(name string, attr byte, first, size int) oddEntry {
	var e oddEntry
	copy(e.raw[:11], name)
	e.raw[11] = attr
	binary.LittleEndian.PutUint16(e.raw[20:], uint16(first>>16))
	binary.LittleEndian.PutUint16(e.raw[22:], uint16(m.r.Intn(24)<<11|m.r.Intn(60)<<5|m.r.Intn(30)))
	binary.LittleEndian.PutUint16(e.raw[24:], uint16(m.r.Intn(100)<<9|(1+m.r.Intn(12))<<5|1+m.r.Intn(28)))
	binary.LittleEndian.PutUint16(e.raw[26:], uint16(first))
	binary.LittleEndian.PutUint32(e.raw[28:], uint32(size))
	return e
}

func sumOf(short string) byte {
	sum := byte(0)
	for i := range 11 {
		sum = sum<<7 | sum>>1
		sum += short[i]
	}
	return sum
}

// long gives the pieces of a long name, as they are stored: the last one first.
func (m *oddImage) long(units []uint16, sum byte) (list []oddEntry) {
	count := (len(units) + 12) / 13
	for n := count; n >= 1; n-- {
		var e oddEntry
		e.raw[0], e.raw[11], e.raw[13] = byte(n), 0x0F, sum
		if n == count {
			e.raw[0] |= 0x40
		}
		for i, at := range []int{1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30} {
			u := uint16(0xFFFF)
			if k := (n-1)*13 + i; k < len(units) {
				u = units[k]
			} else if k == len(units) {
				u = 0
			}
			binary.LittleEndian.PutUint16(e.raw[at:], u)
		}
		list = append(list, e)
	}
	return list
}

// letters of 8.3 names: such as they should be, and such as there are.
var oddLetters = []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-~!#$%&'()@^`{}")

func (m *oddImage) shortName(odd bool) string {
	letter := func() byte {
		if odd && m.r.Intn(3) == 0 {
			return byte(0x80 + m.r.Intn(0x80))
		}
		return oddLetters[m.r.Intn(len(oddLetters)-m.r.Intn(16))]
	}
	name := []byte("           ")
	for i := range 1 + m.r.Intn(8) {
		name[i] = letter()
	}
	for i := range m.r.Intn(4) {
		name[8+i] = letter()
	}
	if odd && m.r.Intn(6) == 0 {
		name[1] = ' ' // a blank within
	}
	if odd && m.r.Intn(10) == 0 {
		name[2] = []byte("/\\a\x01\x1b\x7f")[m.r.Intn(6)]
	}
	if name[0] == 0xE5 {
		name[0] = 0x05
	}
	return string(name)
}

func (m *oddImage) longName() []uint16 {
	alphabets := []string{"abcdefghij klmnop.QRST_+,;=[]", "äöüßéñçøåþ ĄćЖщδΩ字漢", "🐱🐶🎉ab", "a"}
	length := 1 + m.r.Intn(30)
	switch m.r.Intn(8) {
	case 0:
		length = 13 * (1 + m.r.Intn(3))
	case 1:
		length = 200 + m.r.Intn(56)
	}
	alphabet := []rune(alphabets[m.r.Intn(len(alphabets))])
	var name []rune
	for range length {
		name = append(name, alphabet[m.r.Intn(len(alphabet))])
	}
	units := utf16.Encode(name)
	units = units[:min(len(units), 255)]
	switch m.r.Intn(16) {
	case 0:
		units[m.r.Intn(len(units))] = 0xD83D // half a pair
	case 1:
		units[m.r.Intn(len(units))] = 0xDC36
	case 2:
		units[m.r.Intn(len(units))] = []uint16{'/', '\\', 1, 0x7F, 0x85, 0xFFFE}[m.r.Intn(6)]
	}
	if u := units[0]; u == ' ' {
		units[0] = 'x'
	}
	return units
}

// fill gives the entries of a folder.
func (m *oddImage) fill(depth int) []oddEntry {
	var list []oddEntry
	var names []string
	for range 2 + m.r.Intn(9) {
		name := m.shortName(m.r.Intn(3) == 0)
		if len(names) > 0 && m.r.Intn(12) == 0 {
			name = names[m.r.Intn(len(names))]
		}
		names = append(names, name)
		var e oddEntry
		if depth < 3 && m.r.Intn(5) == 0 {
			sub := m.folder(depth + 1)
			e = m.short(name, 0x10, sub, 0)
		} else {
			size := []int{0, 1, m.cluster - 1, m.cluster, m.cluster + 1, m.r.Intn(9000), m.r.Intn(4 * m.cluster), m.r.Intn(100)}[m.r.Intn(8)]
			content := make([]byte, size)
			m.r.Read(content)
			var first int
			var chain []int
			if size > 0 {
				chain = m.chain((size + m.cluster - 1) / m.cluster)
				first = chain[0]
				for i, c := range chain {
					m.write(content[i*m.cluster:min(size, (i+1)*m.cluster)], m.place(c))
				}
			}
			e = m.short(name, []byte{0x20, 0x00, 0x01, 0x26}[m.r.Intn(4)], first, size)
			e.content, e.chain = content, chain
		}
		e.raw[12] = []byte{0, 0, 0x08, 0x10, 0x18, 0xE7}[m.r.Intn(6)]
		if m.r.Intn(2) == 0 {
			list = append(list, m.oddLong(m.longName(), name, names)...)
		}
		list = append(list, e)
		switch m.r.Intn(12) {
		case 0: // a deleted file, with its long name or parts of it
			gone := append(m.long(m.longName(), sumOf(name)), m.short(name, 0x20, 0, 5))
			for i := m.r.Intn(len(gone)); i < len(gone); i++ {
				gone[i].raw[0] = 0xE5
			}
			list = append(list, gone...)
		case 1: // a label
			if m.r.Intn(2) == 0 {
				list = append(list, m.long(m.longName(), sumOf("A LABEL    "))...)
			}
			list = append(list, m.short("A LABEL    ", 0x08|byte(m.r.Intn(2)*0x20), 0, 0))
		case 2: // pieces of nobody
			orphan := m.long(m.longName(), byte(m.r.Intn(256)))
			list = append(list, orphan[m.r.Intn(len(orphan)):]...)
		}
	}
	return list
}

// oddLong gives the long name of an entry, right most times.
func (m *oddImage) oddLong(units []uint16, short string, others []string) []oddEntry {
	if m.r.Intn(10) == 0 { // another entry's name
		base, ext := strings.TrimRight(others[m.r.Intn(len(others))][:8], " "), ""
		units = utf16.Encode([]rune(strings.ToValidUTF8(base+ext, "")))
		if len(units) == 0 {
			units = []uint16{'x'}
		}
	}
	if m.r.Intn(12) == 0 {
		units = utf16.Encode([]rune("The Same Name.txt"))
	}
	list := m.long(units, sumOf(short))
	k := m.r.Intn(len(list))
	switch m.r.Intn(16) {
	case 0:
		list[k].raw[13]++ // wrong checksum
	case 1:
		list = slices.Delete(list, k, k+1)
	case 2:
		m.r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	case 3:
		list[k].raw[0] = 0xE5
	case 4:
		list[0].raw[0] &^= 0x40
	case 5:
		list = append(list, list[k])
	case 6:
		list = slices.Insert(list, k, m.short("BETWEEN    ", 0x20, 0, 0))
	case 7:
		list[k].raw[26] = 7 // a first cluster, which means nothing
	case 8: // the entry was deleted, and made again without a long name
		gone := m.short("\xE5"+short[1:], 0x20, 0, 0)
		list = append(list, gone)
	}
	return list
}

// folder lays out a folder and gives its first cluster.
func (m *oddImage) folder(depth int) int {
	var first int
	var list []oddEntry
	if depth == 0 {
		first = m.root
	} else {
		first = m.chain(1)[0]
		list = append(list, m.short(".          ", 0x10, first, 0), m.short("..         ", 0x10, 0, 0))
	}
	m.folders = append(m.folders, first)
	list = append(list, m.fill(depth)...)
	chain := []int{first}
	if more := (len(list)*32+m.cluster-1)/m.cluster - 1; more > 0 {
		chain = append(chain, m.chain(more)...)
		m.table[first] = uint32(chain[1])
	}
	for i, e := range list {
		at := m.place(chain[i*32/m.cluster]) + int64(i*32%m.cluster)
		m.write(e.raw[:], at)
		if e.raw[11]&0x18 == 0 && e.raw[0] != 0xE5 {
			m.files[at] = e.content
			if len(e.content) > 0 {
				m.places, m.chains[at] = append(m.places, at), e.chain
			}
		}
	}
	if end := len(list) * 32; end%m.cluster != 0 && m.r.Intn(2) == 0 {
		// What lies behind the end mark is no entry.
		at := m.place(chain[end/m.cluster]) + int64(end%m.cluster)
		if room := m.cluster - end%m.cluster; room >= 64 {
			ghost := m.short("GHOST   TXT", 0x20, 2, 100)
			m.write(ghost.raw[:], at+32)
		}
	}
	return first
}

// finish writes what is left and gives the image's name.
func (m *oddImage) finish() string {
	b := make([]byte, 512)
	copy(b, "\xEB\x58\x90ODDIMAGE")
	binary.LittleEndian.PutUint16(b[bpbBytsPerSec:], uint16(m.sector))
	b[bpbSecPerClus], b[bpbNumFATs], b[bpbMedia] = byte(m.cluster/m.sector), byte(m.fats), 0xF8
	binary.LittleEndian.PutUint16(b[bpbRsvdSecCnt:], uint16(m.reserved))
	binary.LittleEndian.PutUint16(b[24:], 63)
	binary.LittleEndian.PutUint16(b[26:], 255)
	total := m.place(m.clusters+2) + int64(m.r.Intn(m.cluster)) // a part of a cluster is left
	binary.LittleEndian.PutUint32(b[bpbTotSec32:], uint32(total/int64(m.sector)))
	binary.LittleEndian.PutUint32(b[bpbFATSz32:], uint32(m.fatSectors()))
	binary.LittleEndian.PutUint32(b[bpbRootClus:], uint32(m.root))
	binary.LittleEndian.PutUint16(b[48:], 1)
	binary.LittleEndian.PutUint16(b[50:], 6)
	b[64], b[66] = 0x80, 0x29
	copy(b[71:], "NO NAME    FAT32   ")
	b[510], b[511] = 0x55, 0xAA
	if m.boot != nil {
		m.boot(b)
	}
	m.write(b, 0)
	m.write(b, 6*int64(m.sector))
	fat := make([]byte, m.fatSectors()*m.sector)
	for i, v := range m.table {
		if m.r.Intn(8) == 0 {
			v |= uint32(m.r.Intn(16)) << 28
		}
		binary.LittleEndian.PutUint32(fat[4*i:], v)
	}
	for i := range m.fats {
		if i == 1 && m.second != 0 {
			fat[4*m.second+1] ^= 1
		}
		m.write(fat, int64(m.reserved+i*m.fatSectors())*int64(m.sector))
	}
	if m.r.Intn(2) == 0 { // so that the disk can have blocks of 4096 bytes
		total = (total + 4095) &^ 4095
	}
	if err := m.f.Truncate(total); err != nil {
		m.t.Fatal(err)
	}
	return m.f.Name()
}

// damage spoils one thing.
func (m *oddImage) damage() {
	if len(m.places) == 0 {
		return
	}
	place := m.places[m.r.Intn(len(m.places))]
	other := m.places[m.r.Intn(len(m.places))]
	chain, second := m.chains[place], m.chains[other]
	delete(m.files, place)
	c := chain[m.r.Intn(len(chain))]
	put := func(v int) {
		m.note("entry of cluster %d set to %#x", c, v)
		m.table[c] = uint32(v)
	}
	start := func(v int) {
		m.note("entry at %#x begins at cluster %#x", place, v)
		b := []byte{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24)}
		m.write(b[2:], place+20)
		m.write(b[:2], place+26)
	}
	kind := m.r.Intn(22)
	switch kind {
	case 0:
		put(0)
	case 1:
		put(1)
	case 2:
		put(0x0FFFFFF7)
	case 3:
		put(m.clusters + 2 + m.r.Intn(1000))
	case 4:
		put(0x0FFFFFFF)
	case 5:
		put(c)
	case 6:
		put(chain[0])
	case 7:
		delete(m.files, other)
		put(second[m.r.Intn(len(second))])
	case 8:
		put(m.folders[m.r.Intn(len(m.folders))])
	case 9:
		delete(m.files, other)
		start(second[m.r.Intn(len(second))])
	case 10:
		start([]int{0, 1, m.clusters + 2, m.root, 0x0FFFFFFF, 0x10000000 + chain[0], -1}[m.r.Intn(7)])
	case 11:
		v := uint32(m.r.Int63())
		if m.r.Intn(2) == 0 {
			v = uint32(len(chain)*m.cluster + 1 - m.r.Intn(3))
		}
		m.note("entry at %#x has %d bytes", place, v)
		m.write([]byte{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24)}, place+28)
	case 12:
		m.second = c
		if m.fats > 1 {
			m.note("second FAT differs at cluster %d", c)
		}
	case 13:
		m.table[1] &^= []uint32{0x08000000, 0x04000000, 0x0C000000}[m.r.Intn(3)]
		m.note("dirty: entry 1 is %#x", m.table[1])
	case 14: // fields of the boot sector that say nothing of where things are
		at := []int{0, 1, 2, 3, 10, 21, 24, 26, 28, 48, 50, 64, 65, 66, 71, 82, 100}[m.r.Intn(17)]
		v := byte(m.r.Intn(256))
		m.note("byte %d of the boot sector is %#x", at, v)
		m.boot = func(b []byte) { b[at] = v }
	case 15: // those that do
		at, v := 11+m.r.Intn(37), byte(m.r.Intn(256))
		m.note("byte %d of the boot sector is %#x", at, v)
		m.boot = func(b []byte) { b[at] = v }
		clear(m.files)
	case 16:
		f := m.folders[m.r.Intn(len(m.folders))]
		m.table[f] = uint32(f)
		m.note("folder at %d in a circle", f)
		clear(m.files)
	case 17: // a folder's entry leads to another folder
		at := m.place(m.folders[m.r.Intn(len(m.folders))]) + 32*int64(m.r.Intn(m.cluster/32))
		loop := m.short("LOOP       ", 0x10, m.folders[m.r.Intn(len(m.folders))], 0)
		m.write(loop.raw[:], at)
		m.note("entry at %#x is a folder's once more", at)
		clear(m.files)
	default:
		at := m.place(m.folders[m.r.Intn(len(m.folders))]) + int64(m.r.Intn(min(m.cluster, 800)))
		v := byte(m.r.Intn(256))
		if v == '\n' {
			v = 0
		}
		m.write([]byte{v}, at)
		m.note("byte at %#x in a folder is %#x", at, v)
		clear(m.files)
	}
}

// oddDisk is an image as a disk. It remembers which bytes were changed.
type oddDisk struct {
	f       *os.File
	size    int64
	block   int
	changed map[int64]bool
}

func (d *oddDisk) Read(sector uint64, p []byte) error {
	clear(p)
	_, err := d.f.ReadAt(p, int64(sector)*512)
	return err
}

func (d *oddDisk) Write(sector uint64, p []byte) error {
	was := make([]byte, len(p))
	if err := d.Read(sector, was); err != nil {
		return err
	}
	for i := range p {
		if p[i] != was[i] {
			d.changed[int64(sector)*512+int64(i)] = true
		}
	}
	_, err := d.f.WriteAt(p, int64(sector)*512)
	return err
}

func (d *oddDisk) Flush() error    { return nil }
func (d *oddDisk) Sectors() uint64 { return uint64(d.size / 512) }
func (d *oddDisk) BlockBytes() int { return d.block }
func (d *oddDisk) ReadOnly() bool  { return false }

// openOdd makes a device of a finished image.
func openOdd(t *testing.T, m *oddImage) *oddDisk {
	info, err := m.f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	d := &oddDisk{f: m.f, size: info.Size(), block: 512, changed: map[int64]bool{}}
	if d.size%4096 == 0 && m.r.Intn(2) == 0 { // a disk with larger blocks than the volume has
		d.block = 4096
	}
	return d
}

// changes are the bytes changed since the last call.
func (d *oddDisk) changes() []int64 {
	list := slices.Sorted(maps.Keys(d.changed))
	d.changed = map[int64]bool{}
	return list
}

package files

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"faultline/mmu"
)

// A lie is one thing a disk may say that is odd or wrong, alone in a volume that is
// else in order: the root has TRUE.TXT, which must be read whatever the lie is about,
// unless the volume is refused.
type lie struct {
	name    string
	entries func(m *oddImage) []oddEntry // more of the root
	boot    func(b []byte, m *oddImage)  // of the boot sector
	table   func(m *oddImage)            // of the FAT, last
	refused string                       // the volume is, with these words
	mtools  bool                         // is no judge: it gives up, or guesses
	listed  string                       // as what the second entry is, if mtools is no judge
	small   bool                         // is told of small clusters alone
	false   bool                         // no file can be read
}

const trueText = "what is true remains true"

// lying is a small volume with the lie in it.
func lying(t *testing.T, l lie, sector, perCluster int) *oddImage {
	m := newOddImage(t, 0)
	m.sector, m.cluster, m.fats, m.reserved, m.clusters, m.root, m.free = sector, sector*perCluster, 2, 32, 66000, 2, 3
	m.table = make([]uint32, m.clusters+2)
	m.table[0], m.table[1] = 0x0FFFFFF8, 0x0FFFFFFF
	m.used = map[int]bool{2: true}
	m.end(2)
	list := []oddEntry{m.file("TRUE    TXT", trueText)}
	if l.entries != nil {
		list = append(list, l.entries(m)...)
	}
	m.lay(m.root, list)
	if l.boot != nil {
		m.boot = func(b []byte) { l.boot(b, m) }
	}
	if l.table != nil {
		l.table(m)
	}
	m.note("%s", l.name)
	return m
}

// file makes a file and gives its entry.
func (m *oddImage) file(short, text string) oddEntry {
	chain := m.chain((len(text) + m.cluster - 1) / m.cluster)
	slices.Sort(chain)
	for i, c := range chain {
		if m.end(c); i+1 < len(chain) {
			m.table[c] = uint32(chain[i+1])
		}
		m.write([]byte(text)[i*m.cluster:min(len(text), (i+1)*m.cluster)], m.place(c))
	}
	first := 0
	if len(chain) > 0 {
		first = chain[0]
	}
	e := m.short(short, 0x20, first, len(text))
	e.content, e.chain = []byte(text), chain
	return e
}

// lay writes the entries of a folder.
func (m *oddImage) lay(first int, list []oddEntry) {
	m.folders = append(m.folders, first)
	chain := []int{first}
	if more := (len(list)*32+m.cluster-1)/m.cluster - 1; more > 0 {
		chain = append(chain, m.chain(more)...)
		m.table[first] = uint32(chain[1])
	}
	for i, e := range list {
		at := m.place(chain[i*32/m.cluster]) + int64(i*32%m.cluster)
		m.write(e.raw[:], at)
		if e.content != nil {
			m.files[at] = e.content
			m.places, m.chains[at] = append(m.places, at), e.chain
		}
	}
}

// named is a file with a long name, each piece changed by with.
func named(name, short string, with func(i int, raw *[32]byte)) func(m *oddImage) []oddEntry {
	return unitsNamed(utf16.Encode([]rune(name)), short, with)
}

func unitsNamed(units []uint16, short string, with func(i int, raw *[32]byte)) func(m *oddImage) []oddEntry {
	return func(m *oddImage) []oddEntry {
		list := m.long(units, sumOf(short))
		for i := range list {
			if with != nil {
				with(i, &list[i].raw)
			}
		}
		return append(list, m.file(short, "the text of "+short))
	}
}

func both(a, b func(m *oddImage) []oddEntry) func(m *oddImage) []oddEntry {
	return func(m *oddImage) []oddEntry { return append(a(m), b(m)...) }
}

// bare is an entry as it is, without content of its own.
func bare(short string, attr byte, first, size int) func(m *oddImage) []oddEntry {
	return func(m *oddImage) []oddEntry { return []oddEntry{m.short(short, attr, first, size)} }
}

func at8(at int, v byte) func([]byte, *oddImage) { return func(b []byte, _ *oddImage) { b[at] = v } }
func at16(at int, v uint16) func([]byte, *oddImage) {
	return func(b []byte, _ *oddImage) { binary.LittleEndian.PutUint16(b[at:], v) }
}
func at32(at int, v uint32) func([]byte, *oddImage) {
	return func(b []byte, _ *oddImage) { binary.LittleEndian.PutUint32(b[at:], v) }
}

func lies() (list []lie) {
	add := func(l lie) { list = append(list, l) }
	// The boot sector.
	for _, v := range []uint16{0, 1, 6, 0x8000, 0xFFFF} {
		add(lie{name: fmt.Sprintf("backup boot sector at %d", v), boot: at16(50, v)})
		add(lie{name: fmt.Sprintf("FSInfo at %d", v), boot: at16(48, v)})
	}
	for _, v := range []uint32{0, 1, 0xFFFFFFFF, 0x10000002, 0xF0000002, 66002, 0x0FFFFFF8} {
		l := lie{name: fmt.Sprintf("root at %#x", v), boot: at32(bpbRootClus, v), mtools: v>>28 != 0}
		if v&0x0FFFFFFF != 2 {
			l.refused = "root directory at cluster"
		}
		add(l)
	}
	for _, v := range []uint16{1, 100, 0xFFFF} {
		l := lie{name: fmt.Sprintf("16-bit sector count %d beside the other", v), boot: at16(bpbTotSec16, v), refused: "no data sector"}
		if v == 0xFFFF {
			l.refused, l.mtools = "", true
		}
		add(l)
	}
	add(lie{name: "2^32-1 sectors", boot: at32(bpbTotSec32, 0xFFFFFFFF), refused: "room for"})
	add(lie{name: "FATs of 2^32-1 sectors", boot: at32(bpbFATSz32, 0xFFFFFFFF), refused: "no data sector"})
	add(lie{name: "FAT too small by a sector", boot: func(b []byte, m *oddImage) { at32(bpbFATSz32, uint32(m.fatSectors()-3))(b, m) }, refused: "cannot describe"})
	add(lie{name: "255 FATs", boot: at8(bpbNumFATs, 255), small: true, refused: "no data sector"})
	add(lie{name: "0 FATs", boot: at8(bpbNumFATs, 0), refused: "FAT"})
	for _, v := range []byte{0, 3, 255} {
		add(lie{name: fmt.Sprintf("%d sectors a cluster", v), boot: at8(bpbSecPerClus, v), refused: "FAT"})
	}
	for _, v := range []uint16{0, 256, 513, 8192} {
		add(lie{name: fmt.Sprintf("sectors of %d", v), boot: at16(bpbBytsPerSec, v), refused: "FAT32"})
	}
	add(lie{name: "0 reserved sectors", boot: at16(bpbRsvdSecCnt, 0), refused: "reserved"})
	add(lie{name: "512 root entries", boot: at16(bpbRootEntCnt, 512), refused: "not FAT32"})
	add(lie{name: "0xFFFF root entries", boot: at16(bpbRootEntCnt, 0xFFFF), refused: "not FAT32"})
	add(lie{name: "16-bit FAT size beside the other", boot: at16(bpbFATSz16, 7), refused: "not FAT32"})
	add(lie{name: "no media", boot: at8(bpbMedia, 0), mtools: true})
	add(lie{name: "no jump", boot: func(b []byte, m *oddImage) { b[0], b[1], b[2] = 0, 0, 0 }})
	add(lie{name: "hidden sectors 2^32-1", boot: at32(28, 0xFFFFFFFF)})
	add(lie{name: "not called FAT32", boot: func(b []byte, m *oddImage) { copy(b[82:], "FAT16   ") }})
	add(lie{name: "second FAT alone in use", boot: at16(bpbExtFlags, 0x81)})
	add(lie{name: "FAT 15 in use", boot: at16(bpbExtFlags, 0x8F), refused: "FAT 15 is in use"})
	add(lie{name: "FAT 15 named, and all in use", boot: at16(bpbExtFlags, 0x0F)})
	add(lie{name: "version 0.1", boot: at16(bpbFSVer, 1), refused: "version"})
	// The FAT.
	add(lie{name: "entry 0 of another media", table: func(m *oddImage) { m.table[0] = 0x0FFFFF00 }})
	add(lie{name: "root in a circle", table: func(m *oddImage) { m.table[2] = 2 }, false: true})
	add(lie{name: "root goes on in a file", mtools: true, entries: func(m *oddImage) []oddEntry {
		e := m.file("VICTIM  TXT", "victim")
		m.table[2] = uint32(e.chain[0])
		e.content = nil
		return []oddEntry{e}
	}})
	for v := uint32(0x0FFFFFF0); v < 0x10000000; v++ {
		add(lie{name: fmt.Sprintf("chain of two followed by %#x", v), entries: func(m *oddImage) []oddEntry {
			e := m.file("TWO     TXT", strings.Repeat("two ", m.cluster/4+50))
			m.table[e.chain[1]] = v
			if v < 0x0FFFFFF8 {
				e.content = nil
			}
			return []oddEntry{e}
		}})
	}
	add(lie{name: "two files follow each other", entries: func(m *oddImage) []oddEntry {
		a, b := m.file("A       TXT", strings.Repeat("a", m.cluster+600)), m.file("B       TXT", strings.Repeat("b", m.cluster+600))
		m.table[a.chain[1]], m.table[b.chain[1]] = uint32(b.chain[0]), uint32(a.chain[0])
		a.content, b.content = nil, nil
		return []oddEntry{a, b}
	}})
	add(lie{name: "a chain longer than its file", entries: func(m *oddImage) []oddEntry {
		e := m.file("LONGER  TXT", strings.Repeat("x", 5*m.cluster))
		binary.LittleEndian.PutUint32(e.raw[28:], uint32(m.cluster+9))
		e.content, e.chain = e.content[:m.cluster+9], e.chain[:2]
		return []oddEntry{e}
	}})
	// Entries.
	add(lie{name: "no bytes, and a chain", entries: func(m *oddImage) []oddEntry {
		e := m.file("EMPTY   TXT", "not so empty")
		binary.LittleEndian.PutUint32(e.raw[28:], 0)
		e.content = nil
		return []oddEntry{e}
	}})
	add(lie{name: "bytes, and no chain", entries: bare("NOCHAIN TXT", 0x20, 0, 77)})
	add(lie{name: "4 GiB in one cluster", entries: func(m *oddImage) []oddEntry {
		e := m.file("BIG     BIN", "small")
		binary.LittleEndian.PutUint32(e.raw[28:], 0xFFFFFFFF)
		e.content = nil
		return []oddEntry{e}
	}})
	for _, c := range []int{0, 1, 2, 66002, 0x0FFFFFFF} {
		add(lie{name: fmt.Sprintf("folder at cluster %d", c), entries: bare("SUB        ", 0x10, c, 0), mtools: true, false: c == 2})
	}
	add(lie{name: "folder with a size", entries: func(m *oddImage) []oddEntry {
		c := m.chain(1)[0]
		m.lay(c, []oddEntry{m.short(".          ", 0x10, c, 0), m.short("..         ", 0x10, 0, 0), m.file("INNER   TXT", "inner")})
		return []oddEntry{m.short("SUB        ", 0x10, c, 123456)}
	}})
	add(lie{name: ".. leads to a file, . to nowhere", entries: func(m *oddImage) []oddEntry {
		c, e := m.chain(1)[0], m.file("VICTIM  TXT", "victim")
		m.lay(c, []oddEntry{m.short(".          ", 0x10, 0x0FFFFFF0, 9), m.short("..         ", 0x10, e.chain[0], 9), m.file("INNER   TXT", "inner")})
		return []oddEntry{m.short("SUB        ", 0x10, c, 0), e}
	}, mtools: true})
	for _, n := range []string{".          ", "..         ", "...        ", ". .        ", ".       TXT", "           ", "        TXT", " A      TXT", "A.      B C", "A          ", "AUX        ", "CON     TXT"} {
		for _, attr := range []byte{0x20, 0x10} {
			add(lie{name: fmt.Sprintf("name %q, attributes %#x", n, attr), entries: func(m *oddImage) []oddEntry {
				e := m.file(n, "dots and blanks")
				if e.raw[11] = attr; attr == 0x10 {
					c := m.chain(1)[0]
					m.lay(c, nil)
					e = m.short(n, attr, c, 0)
				}
				e.content = nil
				return []oddEntry{e}
			}})
		}
	}
	for _, attr := range []byte{0x40, 0x80, 0xE0, 0xFF, 0x0F, 0x4F, 0x8F, 0xCF, 0x3F, 0x1F, 0x2F, 0x18, 0x38, 0x28, 0xC8, 0x30, 0xD0} {
		add(lie{name: fmt.Sprintf("attributes %#x", attr), entries: func(m *oddImage) []oddEntry {
			e := m.file("ODDATTR TXT", "odd attributes")
			if e.raw[11] = attr; attr&0x18 != 0 {
				e.content = nil
			}
			return append([]oddEntry{e}, named("behind it.txt", "BEHIND  TXT", nil)(m)...)
		}})
		if attr&0x08 != 0 { // else the pieces are files
			add(lie{name: fmt.Sprintf("long-name attributes %#x", attr), entries: named("a long name.txt", "LONGNA~1TXT", func(_ int, raw *[32]byte) { raw[11] = attr })})
		}
	}
	for _, nt := range []byte{0x08, 0x10, 0x18, 0xE7, 0xFF} {
		add(lie{name: fmt.Sprintf("case bits %#x", nt), entries: func(m *oddImage) []oddEntry {
			e := m.file("CA\x8eS\x80\xe9  T\x9aT", "case")
			e.raw[12] = nt
			return []oddEntry{e}
		}})
	}
	for _, nt := range []byte{0, 0x18} {
		add(lie{name: fmt.Sprintf("every byte of the code page, case bits %#x", nt), entries: func(m *oddImage) (list []oddEntry) {
			for b := 0x80; b < 0x100; b += 4 {
				e := m.short(fmt.Sprintf("%02X%c%c%c%c%02X%c  ", b, b, b+1, b+2, b+3, b, b), 0x20, 0, 0)
				copy(e.raw[:], []byte{byte(b), byte(b + 1), byte(b + 2), byte(b + 3), 'X', 'A' + byte(b)>>4, 'A' + byte(b)&15, ' ', byte(b), 'x', byte(b)})
				if e.raw[0] == 0xE5 {
					e.raw[0] = 0x05
				}
				e.raw[12] = nt
				list = append(list, e)
			}
			return list
		}})
	}
	// Long names.
	for i, long := range []string{"one.piece", "two pieces.text"} {
		add(lie{name: fmt.Sprintf("every ordinal, %q", long), entries: func(m *oddImage) (list []oddEntry) {
			for n := range 256 {
				if byte(n) == entryEnd {
					continue
				}
				short := fmt.Sprintf("O%02X~%d   TXT", n, i)
				list = append(list, m.long(utf16.Encode([]rune(fmt.Sprintf("%02x%s", n, long))), sumOf(short))...)
				list[len(list)-1-i].raw[0] = byte(n)
				list = append(list, m.short(short, 0x20, 0, 0))
			}
			return list
		}})
	}
	long := func(n int, short string) string {
		if n > maxLongName {
			return short
		}
		return ""
	}
	for _, n := range []int{247, 248, 254, 255, 256, 257, 259, 260} {
		add(lie{name: fmt.Sprintf("name of %d units", n), entries: named(strings.Repeat("x", n-4)+".txt", "XXXXXX~1TXT", nil), mtools: n > maxLongName, listed: long(n, "XXXXXX~1.TXT")})
		units := make([]uint16, n)
		for i := range units {
			units[i] = 0xD83D + uint16(i%2)*(0xDC31-0xD83D)
		}
		add(lie{name: fmt.Sprintf("name of %d halves", n), entries: unitsNamed(units, "HALVES~1TXT", nil), mtools: n > maxLongName, listed: long(n, "HALVES~1.TXT")})
	}
	for i, n := range []string{"x.", "x..", "x ", "x. .", " x", "  ", " ", ".", "..", "...", ". ", ".x", "a/b", `a\b`, "../x", "a:b", "a*b?", "a\"b", "<a>|b", "\x01", "\x1b[2J", "\x7f", "\u0085", "\u202etxt.exe", "\u200b", "\ufeffa",
		"\u212a", "\u0130", "\u017f", "é", "e\u0301", "TRUE.TXT", "true.txt", "True.Txt ", "TRUE~1.TXT", "-n", "#", "a;b", "CON", "nul.txt"} {
		add(lie{name: fmt.Sprintf("long name %q", n), entries: named(n, fmt.Sprintf("ODD~%-4dTXT", i), nil)})
	}
	add(lie{name: "names that differ in case alone", entries: both(named("Read Me.txt", "README~1TXT", nil), named("READ me.TXT", "README~2TXT", nil))})
	add(lie{name: "names alike when folded", entries: both(named("\u212aelvin", "KELVIN~1   ", nil), named("kelvin", "KELVIN~2   ", nil))})
	add(lie{name: "a long name that is another's short name", entries: both(named("OTHER~2.TXT", "OTHER~1 TXT", nil), named("other.txt", "OTHER~2 TXT", nil))})
	add(lie{name: "two long names alike", entries: both(named("same name.txt", "SAMENA~1TXT", nil), named("same name.txt", "SAMENA~2TXT", nil))})
	add(lie{name: "two entries alike", entries: both(named("same name.txt", "SAMENA~1TXT", nil), named("same name.txt", "SAMENA~1TXT", nil))})
	add(lie{name: "an empty long name", entries: unitsNamed([]uint16{0, 'x', 'y'}, "EMPTY~1 TXT", nil)})
	add(lie{name: "0 in the midst of a name", entries: unitsNamed([]uint16{'a', 'b', 0, 'c', 0xD83D}, "MIDST~1 TXT", nil)})
	add(lie{name: "no end, padded with ones", entries: unitsNamed([]uint16{'a', 'b', 0xFFFF, 0xFFFF}, "ONES~1  TXT", nil)})
	add(lie{name: "0xFFFF before the end", entries: unitsNamed([]uint16{'a', 0xFFFF, 'b'}, "ONES~1  TXT", nil)})
	add(lie{name: "type of a long-name piece", entries: named("typed.text", "TYPED~1 TEX", func(_ int, raw *[32]byte) { raw[12] = 1 })})
	add(lie{name: "cluster of a long-name piece", entries: named("typed.text", "TYPED~1 TEX", func(_ int, raw *[32]byte) { raw[26], raw[27] = 2, 0 })})
	add(lie{name: "wrong checksum in the second piece", entries: named("a name in two pieces", "ANAMEI~1   ", func(i int, raw *[32]byte) { raw[13] += byte(i) })})
	add(lie{name: "wrong checksum in the first piece", entries: named("a name in two pieces", "ANAMEI~1   ", func(i int, raw *[32]byte) { raw[13] += byte(1 - i) })})
	add(lie{name: "a long name before a deleted file before its file", entries: func(m *oddImage) []oddEntry {
		list := named("a name.txt", "ANAME~1 TXT", nil)(m)
		return slices.Insert(list, len(list)-1, m.short("\xe5GONE   TXT", 0x20, 0, 0))
	}})
	add(lie{name: "a long name of a label, before its file", entries: func(m *oddImage) []oddEntry {
		list := named("a name.txt", "ANAME~1 TXT", nil)(m)
		return slices.Insert(list, len(list)-1, m.short("ANAME~1 TXT", 0x08, 0, 0))
	}})
	add(lie{name: "pieces in the order of the alphabet", entries: func(m *oddImage) []oddEntry {
		list := named(strings.Repeat("0123456789abc", 3), "012345~1   ", nil)(m)
		slices.Reverse(list[:3])
		return list
	}})
	add(lie{name: "what lies behind the end", entries: func(m *oddImage) []oddEntry {
		return append([]oddEntry{{}}, named("ghost.txt", "GHOST~1 TXT", nil)(m)...)
	}})
	add(lie{name: "2,000 entries, all deleted", entries: func(m *oddImage) (list []oddEntry) {
		for range 2000 {
			list = append(list, m.short("\xe5ONE    TXT", 0x20, 2, 9))
		}
		return append(list, m.file("LAST    TXT", "last"))
	}})
	return list
}

// TestLies tells the kernel one lie at a time, in volumes with small, ordinary and the
// largest clusters. It must list and read what mtools does, or refuse by name, and what
// is true beside the lie remains true.
func TestLies(t *testing.T) {
	for _, l := range lies() {
		for _, shape := range [][2]int{{512, 1}, {512, 8}, {4096, 32}, {4096, 128}} {
			if shape[0]*shape[1] > 512 && (l.small || l.boot == nil && !strings.Contains(l.name, "follow")) {
				continue // what it is about does not depend on clusters
			}
			t.Run(fmt.Sprintf("%s, %dx%d", l.name, shape[0], shape[1]), func(t *testing.T) {
				m := lying(t, l, shape[0], shape[1])
				image := m.finish()
				dev := openOdd(t, m)
				v, err := Mount(configFor(dev, mmu.NewSimulated(1500)))
				if l.refused != "" || err != nil {
					if err == nil {
						v.Shutdown()
					}
					if l.refused == "" || err == nil || !strings.Contains(err.Error(), l.refused) {
						t.Fatalf("mounted: %v", err)
					}
					return
				}
				defer v.Shutdown()
				c := &oddCheck{t: t, v: v, m: m, dev: dev, image: image, lie: true}
				if !l.mtools {
					c.folder("", "", 0)
				} else if list, err := v.List(""); l.listed != "" && (err != nil || len(list) != 2 || list[1].Name != l.listed) {
					t.Errorf("listed: %+v, %v", list, err)
				}
				if f, err := v.Open("TRUE.TXT"); l.false {
					if err == nil || !strings.Contains(err.Error(), "shared") {
						t.Errorf("opened: %v, %v", f, err)
					}
					return
				}
				if len(c.files) == 0 || string(c.files[0].content) != trueText {
					f, err := v.Open("TRUE.TXT")
					if err != nil {
						t.Fatal(err)
					}
					got := make([]byte, f.size)
					if f.ReadAt(newWaiter(""), got, 0); string(got) != trueText {
						t.Errorf("TRUE.TXT: %q", got)
					}
				}
				c.poke()
			})
		}
	}
}

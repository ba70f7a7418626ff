package files

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand"
	"path"
	"strings"
	"sync"
	"testing"
	"unicode/utf16"

	"faultline/zx"
)

// testImage lays a FAT32 volume out by hand, from the specification alone, so
// that some image always exists and every field can be set or spoilt.
type testImage struct {
	perCluster int   // sectors
	fats       int   // copies of the FAT
	root       int   // first cluster of the root directory
	clusters   int   // data clusters
	start      int64 // bytes before the volume

	data    []byte
	next    int             // next free cluster
	taken   map[int]bool    // clusters
	folders map[string]*dir // by clean path
	random  *rand.Rand
}

type dir struct {
	cluster int
	slots   []byte
	names   int
}

const testReserved = 32 // sectors

func newImage(perCluster, fats, root, clusters int, start int64) *testImage {
	m := &testImage{perCluster: perCluster, fats: fats, root: root, clusters: clusters, start: start,
		next: 2, taken: map[int]bool{}, folders: map[string]*dir{}, random: rand.New(rand.NewSource(1))}
	m.data = make([]byte, start+m.dataAt()+int64(clusters*perCluster*sectorBytes))
	m.folders[""] = &dir{cluster: root}
	m.link([]int{root})
	return m
}

func (m *testImage) fatSectors() int {
	return ((m.clusters+2)*4 + sectorBytes - 1) / sectorBytes
}
func (m *testImage) dataAt() int64 {
	return int64(testReserved+m.fats*m.fatSectors()) * sectorBytes
}
func (m *testImage) clusterBytes() int { return m.perCluster * sectorBytes }

// place gives where a cluster lies in the image, bytes.
func (m *testImage) place(cluster int) int64 {
	return m.start + m.dataAt() + int64((cluster-2)*m.clusterBytes())
}

// setFAT writes one entry of every copy of the FAT.
func (m *testImage) setFAT(cluster int, v uint32) {
	for i := range m.fats {
		at := m.start + int64((testReserved+i*m.fatSectors())*sectorBytes+cluster*4)
		binary.LittleEndian.PutUint32(m.data[at:], v)
	}
}

func (m *testImage) link(chain []int) {
	for i, c := range chain {
		m.taken[c] = true
		v := uint32(0x0FFFFFFF)
		if i+1 < len(chain) {
			v = uint32(chain[i+1])
		}
		m.setFAT(c, v)
	}
}

// allocate takes clusters for n bytes; scattered ones leave gaps and go back
// and forth.
func (m *testImage) allocate(n int, scattered bool) []int {
	var chain []int
	for need := (n + m.clusterBytes() - 1) / m.clusterBytes(); len(chain) < need; {
		c := m.next
		if scattered {
			c = m.next + m.random.Intn(4*need)
		}
		for m.taken[c] {
			c++
		}
		if c >= m.clusters+2 {
			panic("test image is full")
		}
		m.taken[c] = true
		chain = append(chain, c)
	}
	if !scattered && len(chain) > 0 {
		m.next = chain[len(chain)-1] + 1
	}
	m.link(chain)
	return chain
}

// add stores a file, making its folders, and gives its clusters.
func (m *testImage) add(name string, content []byte, scattered bool) []int {
	chain := m.allocate(len(content), scattered)
	first := 0
	for i, c := range chain {
		copy(m.data[m.place(c):][:m.clusterBytes()], content[i*m.clusterBytes():])
	}
	if len(chain) > 0 {
		first = chain[0]
	}
	m.folder(path.Dir("/" + name)[1:]).enter(path.Base(name), first, len(content), 0x20)
	return chain
}

func (m *testImage) folder(name string) *dir {
	if d := m.folders[name]; d != nil {
		return d
	}
	up := m.folder(strings.TrimPrefix(path.Dir("/"+name), "/"))
	c := m.allocate(1, false)[0]
	d := &dir{cluster: c}
	up.enter(path.Base(name), c, 0, 0x10)
	parent := up.cluster
	if up == m.folders[""] {
		parent = 0
	}
	d.slot(".          ", c, 0, 0x10, 0)
	d.slot("..         ", parent, 0, 0x10, 0)
	m.folders[name] = d
	return d
}

// slot appends one 32-byte entry.
func (d *dir) slot(short string, cluster, size int, attr, lower byte) {
	var e [32]byte
	copy(e[:11], short)
	e[11], e[12] = attr, lower
	binary.LittleEndian.PutUint16(e[20:], uint16(cluster>>16))
	binary.LittleEndian.PutUint16(e[26:], uint16(cluster))
	binary.LittleEndian.PutUint32(e[28:], uint32(size))
	d.slots = append(d.slots, e[:]...)
}

// enter appends a name: an 8.3 entry, behind long-name entries if it is no
// upper-case 8.3 name itself.
func (d *dir) enter(name string, cluster, size int, attr byte) {
	stem, ext, _ := strings.Cut(name, ".")
	if len(stem) >= 1 && len(stem) <= 8 && len(ext) <= 3 && name == strings.ToUpper(name) && !strings.Contains(name, " ") {
		d.slot(fmt.Sprintf("%-8s%-3s", stem, ext), cluster, size, attr, 0)
		return
	}
	d.names++
	short := fmt.Sprintf("%-8s%-3s", fmt.Sprintf("LONG~%d", d.names), "BIN")
	sum := byte(0)
	for i := range 11 {
		sum = sum>>1 | sum<<7
		sum += short[i]
	}
	units := utf16.Encode([]rune(name))
	count := (len(units) + 12) / 13
	for n := count; n >= 1; n-- {
		var e [32]byte
		e[0], e[11], e[13] = byte(n), 0x0F, sum
		if n == count {
			e[0] |= 0x40
		}
		for i := range 13 {
			u := uint16(0xFFFF)
			if k := (n-1)*13 + i; k < len(units) {
				u = units[k]
			} else if k == len(units) {
				u = 0
			}
			at := 1 + 2*i
			if i >= 5 {
				at = 14 + 2*(i-5)
			}
			if i >= 11 {
				at = 28 + 2*(i-11)
			}
			binary.LittleEndian.PutUint16(e[at:], u)
		}
		d.slots = append(d.slots, e[:]...)
	}
	d.slot(short, cluster, size, attr, 0)
}

// finish writes boot sector and folders and gives the image.
func (m *testImage) finish() []byte {
	for _, d := range m.folders {
		chain := []int{d.cluster}
		for len(chain)*m.clusterBytes() < len(d.slots) {
			chain = append(chain, m.allocate(1, false)[0])
		}
		m.link(chain)
		for i, c := range chain {
			if at := i * m.clusterBytes(); at < len(d.slots) {
				copy(m.data[m.place(c):][:m.clusterBytes()], d.slots[at:])
			}
		}
	}
	m.setFAT(0, 0x0FFFFFF8)
	m.setFAT(1, 0x0FFFFFFF)
	b := m.data[m.start:]
	copy(b, []byte{0xEB, 0x58, 0x90})
	copy(b[3:], "TESTIMG ")
	binary.LittleEndian.PutUint16(b[bpbBytsPerSec:], sectorBytes)
	b[bpbSecPerClus] = byte(m.perCluster)
	binary.LittleEndian.PutUint16(b[bpbRsvdSecCnt:], testReserved)
	b[bpbNumFATs] = byte(m.fats)
	b[21] = 0xF8
	binary.LittleEndian.PutUint32(b[bpbTotSec32:], uint32((m.dataAt()+int64(m.clusters*m.clusterBytes()))/sectorBytes))
	binary.LittleEndian.PutUint32(b[bpbFATSz32:], uint32(m.fatSectors()))
	binary.LittleEndian.PutUint32(b[bpbRootClus:], uint32(m.root))
	binary.LittleEndian.PutUint16(b[48:], 1)
	binary.LittleEndian.PutUint16(b[50:], 6)
	b[64], b[66] = 0x80, 0x29
	copy(b[71:], "NO NAME    FAT32   ")
	b[bootSignature], b[bootSignature+1] = 0x55, 0xAA
	info := b[sectorBytes:]
	copy(info, "RRaA")
	copy(info[484:], "rrAa")
	binary.LittleEndian.PutUint32(info[488:], 0xFFFFFFFF)
	binary.LittleEndian.PutUint32(info[492:], 0xFFFFFFFF)
	info[510], info[511] = 0x55, 0xAA
	copy(b[6*sectorBytes:], b[:2*sectorBytes])
	return m.data
}

// noise gives n bytes that repeat for a seed and are never all alike.
func noise(seed, n int) []byte {
	p := make([]byte, n)
	rand.New(rand.NewSource(int64(seed))).Read(p)
	return p
}

// memoryDisk is a BlockDevice in memory. Its failures are set per operation.
type memoryDisk struct {
	mu       sync.Mutex
	data     []byte
	readOnly bool
	block    int // bytes; 0 is 512
	ops      int // operations so far
	failAt   int // the operation that fails, counted from 1; 0 = none
	failed   bool
	fails    func(op string, off, n int64) bool // may be nil
	trace    func(op string, off, n int64)
}

var errInjected = fmt.Errorf("injected device failure")

// step counts an operation. Locks: mu held.
func (d *memoryDisk) step(op string, sector uint64, n int) error {
	d.ops++
	off := int64(sector) * sectorBytes
	if block := int64(d.BlockBytes()); off%block != 0 || int64(n)%block != 0 {
		panic(fmt.Sprintf("%s of %d bytes at %#x: blocks have %d", op, n, off, block))
	}
	if d.trace != nil {
		d.trace(op, off, int64(n))
	}
	if d.ops == d.failAt || d.fails != nil && d.fails(op, off, int64(n)) {
		d.failed = true
		return errInjected
	}
	return nil
}

func (d *memoryDisk) Read(sector uint64, p []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step("read", sector, len(p)); err != nil {
		return err
	}
	copy(p, d.data[sector*sectorBytes:])
	return nil
}

func (d *memoryDisk) Write(sector uint64, p []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step("write", sector, len(p)); err != nil {
		return err
	}
	copy(d.data[sector*sectorBytes:], p)
	return nil
}

func (d *memoryDisk) Flush() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.step("flush", 0, 0)
}

func (d *memoryDisk) Sectors() uint64 { return uint64(len(d.data)) / sectorBytes }
func (d *memoryDisk) ReadOnly() bool  { return d.readOnly }
func (d *memoryDisk) BlockBytes() int { return max(d.block, 512) }

// scatterDisk is a memoryDisk that reads into several buffers at once.
type scatterDisk struct{ *memoryDisk }

func (d scatterDisk) ReadScatter(sector uint64, bufs [][]byte) error {
	n := 0
	for _, p := range bufs {
		n += len(p)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step("read", sector, n); err != nil {
		return err
	}
	at := sector * sectorBytes
	for _, p := range bufs {
		at += uint64(copy(p, d.data[at:]))
	}
	return nil
}

// contents is what every test image holds.
var contents = sync.OnceValue(func() map[string][]byte {
	return map[string][]byte{
		"EMPTY.BIN":    {},
		"ONE.BIN":      {0xA5},
		"PAGE.BIN":     noise(2, 4096),
		"sub/Five.bin": noise(3, 500_001),
		"HELLO.TXT":    []byte("Hello from the disk.\n"),
		"SCATTER.BIN":  noise(4, 70_003),
		"sub/Deeper Folder/A Rather Long File Name, with blanks.data": noise(5, 12_345),
		"ünïcödé name.bin": noise(6, 777),
	}
})

// standardImage holds contents, SCATTER.BIN in pieces.
func standardImage(perCluster, fats, root int, start int64) []byte {
	m := newImage(perCluster, fats, root, 2_000_000/(perCluster*sectorBytes), start)
	for _, name := range []string{"EMPTY.BIN", "ONE.BIN", "PAGE.BIN", "sub/Five.bin", "HELLO.TXT",
		"sub/Deeper Folder/A Rather Long File Name, with blanks.data", "ünïcödé name.bin", "SCATTER.BIN"} {
		m.add(name, contents()[name], name == "SCATTER.BIN")
	}
	return m.finish()
}

// plainImage is a standardImage of 4 KiB clusters, a copy of its own.
func plainImage() []byte { return bytes.Clone(plainBase()) }

var plainBase = sync.OnceValue(func() []byte { return standardImage(8, 2, 2, 0) })

// mustDirectory mounts an image far enough to read names.
func mustDirectory(t *testing.T, image []byte) *directory {
	t.Helper()
	d, err := directoryOf(&memoryDisk{data: image})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// directoryOf does what Mount does, but for the pager.
func directoryOf(dev BlockDevice) (*directory, error) {
	d, err := newDisk(dev)
	if err != nil {
		return nil, err
	}
	g, err := probe(d)
	if err != nil {
		return nil, err
	}
	dir := newDirectory(d, g)
	if _, _, err := dir.list(g.root); err != nil {
		return nil, err
	}
	dir.survey()
	return dir, nil
}

// openFile finds a file and its chain.
func openFile(d *directory, name string) (*chain, Entry, error) {
	_, e, doubt, err := d.find(cleanPath(name))
	if err == nil {
		err = doubt
	}
	if err != nil {
		return nil, e, err
	}
	if e.Folder {
		return nil, e, ErrIsFolder
	}
	x, err := d.chain(e)
	return x, e, err
}

// readFile reads a whole file by its chain.
func readFile(d *directory, name string) ([]byte, error) {
	x, e, err := openFile(d, name)
	if err != nil {
		return nil, err
	}
	p := make([]byte, pageEnd(e.Size))
	r := newReader(d.disk)
	for off := int64(0); off < e.Size; off += maxBlockRead {
		var pages [][]byte
		for at := off; at < min(int64(len(p)), off+maxBlockRead); at += zx.PageSize {
			pages = append(pages, p[at:at+zx.PageSize])
		}
		if err := r.read(x, pages, off, e.Size); err != nil {
			return nil, err
		}
	}
	if !bytes.Equal(p[e.Size:], make([]byte, int64(len(p))-e.Size)) {
		return nil, fmt.Errorf("bytes past the end of %s are not zero", name)
	}
	return p[:e.Size], nil
}

package files

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"testing"

	"faultline/zx"
)

// TestReadByHand reads every file of hand-laid images of several geometries.
func TestReadByHand(t *testing.T) {
	for _, c := range []struct{ perCluster, fats, root int }{{1, 2, 2}, {8, 2, 2}, {8, 1, 9}, {64, 3, 5}, {128, 2, 2}} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			d := mustDirectory(t, standardImage(c.perCluster, c.fats, c.root, 0))
			for name, want := range contents() {
				got, err := readFile(d, name)
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s: %v; right bytes: %v", name, err, bytes.Equal(got, want))
				}
			}
			entries, _, err := d.list(d.geo.root)
			if err != nil {
				t.Fatal(err)
			}
			names := ""
			for _, e := range entries {
				names += fmt.Sprintf("%s:%d:%v ", e.Name, e.Size, e.Folder)
			}
			want := "EMPTY.BIN:0:false ONE.BIN:1:false PAGE.BIN:4096:false sub:0:true HELLO.TXT:21:false ünïcödé name.bin:777:false SCATTER.BIN:70003:false "
			if names != want {
				t.Errorf("root holds %s\nwant       %s", names, want)
			}
		})
	}
}

// TestNames checks case, slashes, short names, and the errors of names.
func TestNames(t *testing.T) {
	d := mustDirectory(t, plainImage())
	for _, name := range []string{"hello.txt", "/HELLO.TXT", "./HELLO.txt", "sub/../HELLO.TXT", `\hello.txt`} {
		if got, err := readFile(d, name); err != nil || string(got) != "Hello from the disk.\n" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for _, name := range []string{"SUB/FIVE.BIN", "sub//Five.bin/", `sub\five.bin`, "sub/LONG~1.BIN"} {
		if got, err := readFile(d, name); err != nil || len(got) != 500_001 {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
	for name, want := range map[string]error{
		"nothing": ErrNotFound, "sub/nothing": ErrNotFound, "nosub/Five.bin": ErrNotFound,
		"HELLO.TXT/x": ErrNotDir, "sub/Five.bin/y/z": ErrNotDir,
	} {
		if _, _, _, err := d.find(cleanPath(name)); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		} else if !strings.Contains(err.Error(), `"`) {
			t.Errorf("%s: %v does not name the value", name, err)
		}
	}
	m := newImage(8, 2, 2, 200, 0)
	m.add("HELLO/HELLO", []byte("within"), false)
	if got, err := readFile(mustDirectory(t, m.finish()), "hello/hello"); err != nil || string(got) != "within" {
		t.Errorf("a file named like its folder: %q, %v", got, err)
	}
	if _, e, _, err := d.find("sub"); err != nil || !e.Folder {
		t.Errorf("sub: %+v, %v", e, err)
	}
	if _, e, _, err := d.find(cleanPath("/")); err != nil || !e.Folder {
		t.Errorf("/: %+v, %v", e, err)
	}
}

// TestPartitions finds the volume behind an MBR and a GPT.
func TestPartitions(t *testing.T) {
	const start = 2048 * sectorBytes
	image := standardImage(8, 2, 2, start)
	sectors := uint32(len(image)/sectorBytes - 2048)
	mbr := func(kind byte) {
		e := image[mbrEntries+mbrEntryBytes:] // the second entry
		e[4] = kind
		binary.LittleEndian.PutUint32(e[8:], 2048)
		binary.LittleEndian.PutUint32(e[12:], sectors)
		image[510], image[511] = 0x55, 0xAA
	}
	check := func(what string) {
		t.Helper()
		if got, err := readFile(mustDirectory(t, image), "hello.txt"); err != nil || len(got) != 21 {
			t.Errorf("%s: %q, %v", what, got, err)
		}
	}
	mbr(0x0C)
	check("MBR")
	mbr(mbrProtective)
	header := image[sectorBytes:]
	copy(header, "EFI PART")
	binary.LittleEndian.PutUint64(header[72:], 2)
	binary.LittleEndian.PutUint32(header[80:], 128)
	binary.LittleEndian.PutUint32(header[84:], 128)
	entry := image[2*sectorBytes+3*128:] // the fourth
	copy(entry, "sixteen byte GUID")
	binary.LittleEndian.PutUint64(entry[32:], 2048)
	binary.LittleEndian.PutUint64(entry[40:], 2048+uint64(sectors)-1)
	check("GPT")
	clear(entry[:16])
	if _, err := directoryOf(&memoryDisk{data: image}); err == nil || !strings.Contains(err.Error(), "GPT") {
		t.Errorf("GPT without FAT32: %v", err)
	}
	// Tables of a disk with blocks of 4096 bytes count those.
	const large = 16 * 4096
	block := standardImage(8, 2, 2, large)
	block = append(block, make([]byte, -len(block)&4095)...)
	copy(block, image[:512])
	copy(block[4096:], header[:512])
	entries := block[2*4096+3*128:]
	copy(entries, "sixteen byte GUID")
	binary.LittleEndian.PutUint64(entries[32:], 16)
	binary.LittleEndian.PutUint64(entries[40:], uint64(len(block)/4096-1))
	if d, err := directoryOf(&memoryDisk{data: block, block: 4096}); err != nil {
		t.Errorf("GPT of large blocks: %v", err)
	} else if got, err := readFile(d, "hello.txt"); err != nil || len(got) != 21 {
		t.Errorf("GPT of large blocks: %q, %v", got, err)
	}
	mbr(0x83)
	clear(image[start : start+512])
	if _, err := directoryOf(&memoryDisk{data: image}); err == nil || !strings.Contains(err.Error(), "2:type 0x83") {
		t.Errorf("MBR without FAT32: %v", err)
	}
}

// TestNotFAT32 checks what is said of disks that hold something else.
func TestNotFAT32(t *testing.T) {
	good := func() []byte { return plainImage() }
	put16 := func(at int, v uint16) func([]byte) {
		return func(b []byte) { binary.LittleEndian.PutUint16(b[at:], v) }
	}
	put32 := func(at int, v uint32) func([]byte) {
		return func(b []byte) { binary.LittleEndian.PutUint32(b[at:], v) }
	}
	for _, c := range []struct {
		what, want string
		spoil      func([]byte)
	}{
		{"zeros", "all zero", func(b []byte) { clear(b) }},
		{"text", "ends in", func(b []byte) { copy(b, "just some text"); b[510] = 'x' }},
		{"NTFS", "NTFS", func(b []byte) { copy(b, "\xEB\x52\x90NTFS    "); clear(b[11:90]) }},
		{"exFAT", "exFAT", func(b []byte) { copy(b, "\xEB\x76\x90EXFAT   "); clear(b[11:90]) }},
		{"no partitions", "neither", func(b []byte) { clear(b[:510]); b[0] = 0xFA }},
		{"signature", "0x55 0xaa", func(b []byte) { b[510] = 0 }},
		{"cluster", "3 sectors per cluster", func(b []byte) { b[bpbSecPerClus] = 3 }},
		{"reserved", "reserved", put16(bpbRsvdSecCnt, 0)},
		{"total", "room for", put32(bpbTotSec32, 1<<31)},
		{"total 0", "0 sectors", put32(bpbTotSec32, 0)},
		{"FAT size", "no data sector", put32(bpbFATSz32, 1<<30)},
		{"FAT size 0", "FATs of 0", put32(bpbFATSz32, 0)},
		{"FAT too small", "cannot describe", put32(bpbFATSz32, 1)},
		{"root", "root directory at cluster 0", put32(bpbRootClus, 0)},
		{"root far", "root directory at cluster 99999", put32(bpbRootClus, 99999)},
		{"version", "version", put16(bpbFSVer, 7)},
		{"active FAT", "FAT 9 is in use", put16(bpbExtFlags, 0x89)},
		{"FAT12", "FAT12", put16(bpbRootEntCnt, 512)},
		{"FAT16", "FAT16", func(b []byte) { put16(bpbFATSz16, 20)(b); b[bpbSecPerClus] = 1; put32(bpbTotSec32, 60000)(b) }},
	} {
		image := good()
		c.spoil(image)
		if _, err := directoryOf(&memoryDisk{data: image}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want ...%s...", c.what, err, c.want)
		}
	}
	if _, err := directoryOf(&memoryDisk{data: make([]byte, 100)}); err == nil {
		t.Error("a disk of 100 bytes was mounted")
	}
}

// TestBadChains spoils single FAT entries under files and folders.
func TestBadChains(t *testing.T) {
	build := func(spoil func(m *testImage, file []int)) *directory {
		m := newImage(1, 2, 2, 4000, 0)
		chain := m.add("sub/F.BIN", noise(1, 5000), false)
		image := m.finish()
		spoil(m, chain)
		return mustDirectory(t, image)
	}
	for _, c := range []struct {
		what, want string
		spoil      func(m *testImage, file []int)
	}{
		{"file circle", "circle", func(m *testImage, f []int) { m.setFAT(f[4], uint32(f[0])) }},
		{"circle behind the end", "circle", func(m *testImage, f []int) { m.setFAT(f[9], uint32(f[9])) }},
		{"short chain", "ends after 1024 of the file's 5000", func(m *testImage, f []int) { m.setFAT(f[1], 0x0FFFFFFF) }},
		{"free cluster", "corrupt", func(m *testImage, f []int) { m.setFAT(f[2], 0) }},
		{"bad cluster", "corrupt", func(m *testImage, f []int) { m.setFAT(f[2], 0x0FFFFFF7) }},
		{"far cluster", "corrupt", func(m *testImage, f []int) { m.setFAT(f[2], 4002) }},
		{"cluster 1", "corrupt", func(m *testImage, f []int) { m.setFAT(f[2], 1) }},
		{"folder circle", "circle", func(m *testImage, f []int) { m.setFAT(m.folders["sub"].cluster, uint32(m.folders["sub"].cluster)) }},
		{"root circle", "circle", func(m *testImage, f []int) { m.setFAT(m.root, uint32(f[0])); m.setFAT(f[3], uint32(m.root)) }},
	} {
		if _, err := readFile(build(c.spoil), "sub/F.BIN"); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want ...%s...", c.what, err, c.want)
		}
	}
	// The reserved top bits of an entry mean nothing.
	d := build(func(m *testImage, f []int) { m.setFAT(f[0], 0xA0000000|uint32(f[1])) })
	if got, err := readFile(d, "sub/F.BIN"); err != nil || !bytes.Equal(got, noise(1, 5000)) {
		t.Errorf("reserved bits: %d bytes, %v", len(got), err)
	}
}

// TestShared has two things lead to one cluster in every way there is: what goes
// through it is refused, and nothing else.
func TestShared(t *testing.T) {
	first := func(m *testImage, folder string, entry, cluster int) {
		slot := m.folders[folder].slots[entry*32:]
		binary.LittleEndian.PutUint16(slot[20:], uint16(cluster>>16))
		binary.LittleEndian.PutUint16(slot[26:], uint16(cluster))
	}
	for what, c := range map[string]struct {
		spoil   func(m *testImage, a, b []int)
		refused string
	}{
		"nothing":             {func(m *testImage, a, b []int) {}, ""},
		"entry to a first":    {func(m *testImage, a, b []int) { first(m, "", 0, b[0]) }, "A B"},
		"entry to the midst":  {func(m *testImage, a, b []int) { first(m, "", 0, b[3]) }, "A B"},
		"entry to the last":   {func(m *testImage, a, b []int) { first(m, "sub", 2, a[9]) }, "A B"},
		"link to a first":     {func(m *testImage, a, b []int) { m.setFAT(a[4], uint32(b[0])) }, "A B"},
		"link to the midst":   {func(m *testImage, a, b []int) { m.setFAT(a[4], uint32(b[7])) }, "A B"},
		"link from behind A":  {func(m *testImage, a, b []int) { m.setFAT(a[9], uint32(b[7])) }, "B"},
		"lost chain":          {func(m *testImage, a, b []int) { m.setFAT(3000, uint32(b[7])) }, "B"},
		"entry to the root":   {func(m *testImage, a, b []int) { first(m, "", 0, m.root) }, "A B C D"},
		"entry to a folder":   {func(m *testImage, a, b []int) { first(m, "", 0, m.folders["sub"].cluster) }, "A B C"},
		"link to a folder":    {func(m *testImage, a, b []int) { m.setFAT(a[9], uint32(m.folders["sub"].cluster)) }, "B C"},
		"folder twice":        {func(m *testImage, a, b []int) { first(m, "sub", 4, m.folders["sub"].cluster) }, "B C"},
		"folder in a circle":  {func(m *testImage, a, b []int) { m.setFAT(m.folders["sub"].cluster, uint32(m.folders["sub"].cluster)) }, "B C"},
		"folder goes on in A": {func(m *testImage, a, b []int) { m.setFAT(m.folders["sub"].cluster, uint32(a[0])) }, "A"},
		"circle":              {func(m *testImage, a, b []int) { m.setFAT(a[9], uint32(a[2])) }, "A"},
		"circle of one":       {func(m *testImage, a, b []int) { m.setFAT(b[0], uint32(b[0])) }, "B"},
	} {
		m := newImage(1, 2, 2, 4000, 0)
		chains := map[string][]int{}
		for _, name := range []string{"A", "sub/B", "sub/deep/C", "D"} {
			chains[name] = m.add(name, noise(1, 5000), name == "sub/B")
		}
		m.setFAT(3000, 0)
		c.spoil(m, chains["A"], chains["sub/B"])
		spoilt := map[int]uint32{}
		for n := range 4000 { // finish links folders anew
			spoilt[n] = binary.LittleEndian.Uint32(m.data[testReserved*sectorBytes+4*n:])
		}
		m.finish()
		for n, v := range spoilt {
			if v != 0 {
				m.setFAT(n, v)
			}
		}
		d := mustDirectory(t, m.data)
		refused := ""
		for _, name := range []string{"A", "sub/B", "sub/deep/C", "D"} {
			got, err := readFile(d, name)
			if err != nil {
				refused += name[len(name)-1:] + " "
				if !strings.Contains(err.Error(), "corrupt") && !(what == "folder twice" && errors.Is(err, ErrNotFound)) {
					t.Errorf("%s: %s: %v", what, name, err)
				}
			} else if !bytes.Equal(got, noise(1, 5000)) {
				t.Errorf("%s: %s reads wrong", what, name)
			}
		}
		if strings.TrimSpace(refused) != c.refused {
			t.Errorf("%s: refused %q, want %q", what, refused, c.refused)
		}
	}
}

// TestManyPieces reads and writes a file in more pieces than are kept: memory is
// bounded, and every byte is where it should be.
func TestManyPieces(t *testing.T) {
	const n = 2*maxRuns + 1234
	m := newImage(1, 2, 2, n+100, 0)
	content := noise(1, n*512-77)
	var chain []int
	for i := range n { // every other cluster, with a run here and there, then those between
		c := 10 + 2*i
		if i >= n/2 {
			c = 11 + 2*(i-n/2)
		}
		chain = append(chain, min(c, n+50))
	}
	chain = chain[:n-1]
	chain = append(chain, n+60)
	m.link(chain)
	for i, c := range chain {
		copy(m.data[m.place(c):][:512], content[i*512:])
	}
	m.folder("").enter("A.BIN", chain[0], len(content), 0x20)
	image := m.finish()
	d := mustDirectory(t, image)
	x, e, err := openFile(d, "A.BIN")
	if err != nil || !x.sparse || len(x.runs) > maxRuns || x.pieces < n-2 {
		t.Fatalf("%v; %d pieces, %d kept", err, x.pieces, len(x.runs))
	}
	if got, err := readFile(d, "A.BIN"); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%v, or wrong bytes", err)
	}
	random := rand.New(rand.NewSource(1))
	r, page := newReader(d.disk), [][]byte{make([]byte, zx.PageSize)}
	for range 300 {
		off := int64(random.Intn(len(content))) &^ zx.PageMask
		p := noise(random.Int(), 1+random.Intn(9000))
		at := int64(random.Intn(len(content)))
		if err := x.write(d.disk, p, at, e.Size); err != nil {
			t.Fatal(err)
		}
		copy(content[at:], p)
		if err := r.read(x, page, off, e.Size); err != nil || !bytes.Equal(page[0][:min(zx.PageSize, len(content)-int(off))], content[off:min(off+zx.PageSize, e.Size)]) {
			t.Fatalf("at %#x: %v, or wrong bytes", off, err)
		}
	}
	before := bytes.Clone(image)
	for i, c := range chain {
		copy(before[m.place(c):], content[i*512:min((i+1)*512, len(content))])
	}
	if !bytes.Equal(before, image) {
		t.Error("bytes changed that are not the file's")
	}
	// A chain cut short is refused, and noticed when it was open before.
	m.setFAT(chain[n/2+1], 0x0FFFFFFF)
	if _, err := readFile(mustDirectory(t, image), "A.BIN"); err == nil {
		t.Error("a chain cut short was opened")
	}
	x.fat.tag = [fatCacheBlocks]int64{}
	if err := r.read(x, page, int64(n/2)*512&^zx.PageMask, e.Size); err == nil || !strings.Contains(err.Error(), "has changed") {
		t.Errorf("a chain that has changed: %v", err)
	}
}

// TestReadFailures fails each block operation of a walk in turn.
func TestReadFailures(t *testing.T) {
	image := plainImage()
	name := "sub/Deeper Folder/A Rather Long File Name, with blanks.data"
	for at := 1; ; at++ {
		dev := &memoryDisk{data: image, failAt: at}
		d, err := directoryOf(dev)
		if err == nil {
			_, err = readFile(d, name)
		}
		if err == nil && len(d.doubts) > 0 {
			// It can be read, and nothing is written to it.
			if !strings.Contains(d.doubts[0], errInjected.Error()) {
				t.Errorf("operation %d failed: %v", at, d.doubts)
			}
			continue
		}
		if !dev.failed {
			if err != nil || at < 5 {
				t.Fatalf("%d operations, %v", at-1, err)
			}
			return
		}
		var disk *DiskError
		if !errors.As(err, &disk) || !errors.Is(err, errInjected) {
			t.Errorf("operation %d failed: %v", at, err)
		}
	}
}

// walkAll reads everything on a volume that may be spoilt.
func walkAll(d *directory, folder string, depth int, budget *int) {
	_, e, _, err := d.find(folder)
	if err != nil || depth > 4 {
		return
	}
	entries, _, err := d.list(e.first)
	if err != nil {
		return
	}
	for _, e := range entries {
		if *budget--; *budget < 0 {
			return
		}
		name := cleanPath(folder + "/" + e.Name)
		if e.Folder {
			walkAll(d, name, depth+1, budget)
			continue
		}
		x, found, err := openFile(d, name)
		if err != nil || found.Size == 0 {
			continue
		}
		if found.place != e.place {
			panic(fmt.Sprintf("%q opens the entry at %#x, it is listed for that at %#x", name, found.place, e.place))
		}
		r, page := newReader(d.disk), [][]byte{make([]byte, 4096)}
		_ = r.read(x, page, 0, e.Size)
		_ = r.read(x, page, max(0, e.Size-1)&^4095, e.Size)
	}
}

// FuzzImage mounts and walks spoilt images: nothing may panic, run away or
// leave the disk.
func FuzzImage(f *testing.F) {
	base := standardImage(1, 2, 2, 0)
	f.Add([]byte{0, 11, 0xFF}, uint16(0))
	f.Add([]byte{0, 13, 0x40, 0, 36, 9}, uint16(3))
	f.Add([]byte{64, 8, 3, 64, 12, 4}, uint16(9))
	f.Fuzz(func(t *testing.T, edits []byte, window uint16) {
		fuzzImage(base, edits, window)
	})
}

// FuzzFolder lists a root folder of any bytes: every name is one that can be asked
// for, and opens the entry it is listed for, unless another has the same names.
func FuzzFolder(f *testing.F) {
	for seed := range 20 {
		m := newImage(1, 1, 2, 100, 0)
		for i, name := range []string{"A.BIN", "A rather long name.txt", "ünï 🐱.x", "a.bin"} {
			if seed>>i&1 == 1 {
				m.add(name, nil, false)
			}
		}
		slots := m.folders[""].slots
		if seed > 15 && len(slots) > 0 {
			slots[int(noise(seed, 1)[0])%len(slots)] ^= 4
		}
		f.Add(slots)
	}
	f.Fuzz(func(t *testing.T, slots []byte) {
		m := newImage(1, 1, 2, 100, 0)
		m.folders[""].slots = slots[:min(len(slots), 20*512)]
		d, err := directoryOf(&memoryDisk{data: m.finish()})
		if err != nil {
			t.Fatal(err)
		}
		entries, _, err := d.list(d.geo.root)
		if err != nil {
			t.Fatal(err)
		}
		for i, e := range entries {
			if e.Name != "" && cleanPath("x/"+e.Name) != "x/"+e.Name {
				t.Errorf("%q cannot be asked for", e.Name)
			}
			found, err := choose(entries, e.Name)
			if err == nil && found.place == e.place {
				continue
			}
			twin := false
			for k, o := range entries {
				twin = twin || k != i && o.Name == e.Name && o.short == e.short
			}
			if !twin || !errors.Is(err, ErrAmbiguous) {
				t.Errorf("%q opens %+v, %v; listed: %+v", e.Name, found, err, e)
			}
		}
	})
}

func fuzzImage(base, edits []byte, window uint16) {
	image := bytes.Clone(base)
	// Edits of three bytes: offset (two bytes, within a window that moves
	// over boot sector, FAT and folders) and value.
	for len(edits) >= 3 {
		at := int(window)*512 + int(edits[0])*256 + int(edits[1])
		image[at%(len(image)/4)] = edits[2]
		edits = edits[3:]
	}
	d, err := directoryOf(&memoryDisk{data: image})
	if err != nil {
		return
	}
	budget := 200
	walkAll(d, "", 0, &budget)
}

// TestSpoiltImages is a short, repeatable run of the fuzz target's idea.
func TestSpoiltImages(t *testing.T) {
	base := standardImage(1, 2, 2, 0)
	rounds := 100
	if testing.Short() {
		rounds = 50
	}
	for i := range rounds {
		r := noise(i, 64)
		fuzzImage(base, r[:3*(1+i%20)], binary.LittleEndian.Uint16(r[62:])%200)
	}
	for cut := 0; cut < len(base)/2; cut += len(base) / 50 { // truncated images
		if _, err := directoryOf(&memoryDisk{data: base[:cut]}); err == nil {
			t.Errorf("image cut to %d bytes was mounted", cut)
		}
	}
}

// tools runs a dosfstools or mtools command, or skips the test without it.
func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(needTool(t, name), args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

func needTool(t *testing.T, name string) string {
	t.Helper()
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/sbin", "/usr/sbin") {
		if p, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return p
		}
	}
	t.Skipf("%s is not installed (Debian packages dosfstools and mtools)", name)
	return ""
}

// realImage gives an image made with mkfs.fat and mcopy that holds contents and a
// fragmented file FRAG.BIN, a copy of its own, and what is in FRAG.BIN.
func realImage(t *testing.T) (image, frag []byte) {
	t.Helper()
	needTool(t, "mkfs.fat")
	needTool(t, "mcopy")
	realOnce.Do(func() { realBase, realFrag = makeRealImage(t) })
	if realBase == nil {
		t.Fatal("the image could not be made, see above")
	}
	return bytes.Clone(realBase), bytes.Clone(realFrag)
}

var (
	realOnce           sync.Once
	realBase, realFrag []byte
)

func makeRealImage(t *testing.T) (made, frag []byte) {
	dir := t.TempDir()
	image := filepath.Join(dir, "disk.img")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, 40<<20); err != nil {
		t.Fatal(err)
	}
	tool(t, "mkfs.fat", "-F", "32", "-s", "1", image)
	source := filepath.Join(dir, "source")
	mcopy := func(to string, content []byte) {
		if err := os.WriteFile(source, content, 0o600); err != nil {
			t.Fatal(err)
		}
		tool(t, "mcopy", "-i", image, source, "::/"+to)
	}
	tool(t, "mmd", "-i", image, "::/sub")
	tool(t, "mmd", "-i", image, "::/sub/Deeper Folder")
	names := make([]string, 0, 8)
	for name := range contents() {
		if !strings.Contains(name, "ü") { // mtools would ask about code pages
			names = append(names, name)
		}
	}
	sort.Strings(names)
	for _, name := range names {
		mcopy(name, contents()[name])
	}
	// Fill the disk with small files, delete every other one, and the next
	// file lies in the holes.
	for i := range 40 {
		mcopy(fmt.Sprintf("HOLE%d", i), noise(i, 100_000))
	}
	const left = 40<<20 - 2_100_000
	mcopy("BIG.BIN", make([]byte, left-40*100_000))
	for i := 0; i < 40; i += 2 {
		tool(t, "mdel", "-i", image, fmt.Sprintf("::/HOLE%d", i))
	}
	frag = noise(99, 1_900_001)
	mcopy("FRAG.BIN", frag)
	made, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	return made, frag
}

// TestReadRealImage reads images made by mkfs.fat and mcopy.
func TestReadRealImage(t *testing.T) {
	image, frag := realImage(t)
	d := mustDirectory(t, image)
	for name, want := range contents() {
		if strings.Contains(name, "ü") {
			continue
		}
		got, err := readFile(d, name)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %v; right bytes: %v", name, err, bytes.Equal(got, want))
		}
	}
	if got, err := readFile(d, "frag.bin"); err != nil || !bytes.Equal(got, frag) {
		t.Errorf("FRAG.BIN: %v", err)
	}
	if x, _, err := openFile(d, "FRAG.BIN"); err != nil || x.pieces < 10 {
		t.Errorf("FRAG.BIN has %d pieces, %v: not fragmented, so the test shows nothing", x.pieces, err)
	}
}

// TestRealFAT16 mounts what mkfs.fat makes of a small image without -F 32.
func TestRealFAT16(t *testing.T) {
	for megabytes, want := range map[int64]string{2: "FAT12", 30: "FAT16"} {
		image := filepath.Join(t.TempDir(), "small.img")
		if err := os.WriteFile(image, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(image, megabytes<<20); err != nil {
			t.Fatal(err)
		}
		tool(t, "mkfs.fat", image)
		data, err := os.ReadFile(image)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := directoryOf(&memoryDisk{data: data}); err == nil || !strings.Contains(err.Error(), "not FAT32: the disk is "+want) {
			t.Errorf("%d MiB: %v, want %s", megabytes, err, want)
		}
	}
}

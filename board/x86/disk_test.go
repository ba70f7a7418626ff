package x86

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// simDisk is a virtio block device in memory, on the other side of transport.
// Memory has made-up addresses, handed out by address.
type simDisk struct {
	t        *testing.T
	mu       sync.Mutex
	memory   map[uint64][]byte
	nextAddr uint64

	content  []byte
	features uint64
	sizeMax  uint32
	segMax   uint32
	block    uint32 // bytes of one block, if the feature is offered
	most     uint32 // queue size offered

	driver  uint64
	state   uint8
	gen     uint32
	wobble  int // configuration changes still to come
	n       int
	ring    ringMemory
	seen    uint16
	doneIdx uint16
	waiting []uint16

	rnd      *rand.Rand
	lazy     bool                  // finish some requests only at a later notification
	dead     bool                  // finish nothing
	badAt    uint64                // sector that cannot be read or written, if not 0
	spoil    func(e *usedElem) int // changes what is reported; returns how much to advance idx
	flushes  int
	unstable map[uint64]bool // sectors written since the last flush
}

func newSim(t *testing.T, sectors int) *simDisk {
	s := &simDisk{
		t: t, memory: map[uint64][]byte{}, nextAddr: 0x10000,
		content: make([]byte, sectors*SectorBytes), features: version1 | blkFlush | 1<<40,
		most: 64, rnd: rand.New(rand.NewPCG(1, 2)), unstable: map[uint64]bool{},
	}
	for i := range s.content {
		s.content[i] = byte(i/SectorBytes + i)
	}
	return s
}

func (s *simDisk) address(p []byte) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.nextAddr
	s.memory[a] = p
	s.nextAddr += uint64(len(p))&^15 + 32
	return a
}

func (s *simDisk) deviceFeatures() uint64     { return s.features }
func (s *simDisk) setDriverFeatures(f uint64) { s.driver = f }
func (s *simDisk) status() uint8              { return s.state }
func (s *simDisk) queueMax(uint16) uint32     { return s.most }
func (s *simDisk) generation() uint32         { return s.gen }

func (s *simDisk) setStatus(v uint8) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v&statusFeaturesOK != 0 && s.driver&^s.features != 0 {
		v &^= statusFeaturesOK
	}
	s.state = v
	if v == 0 {
		s.waiting, s.seen, s.doneIdx = nil, 0, 0
	}
}

func (s *simDisk) config64(int) uint64 { return uint64(len(s.content) / SectorBytes) }

func (s *simDisk) config32(off int) uint32 {
	if s.wobble > 0 {
		s.wobble--
		s.gen++
	}
	return map[int]uint32{8: s.sizeMax, 12: s.segMax, 20: s.block}[off]
}

func (s *simDisk) setQueue(queue, size uint16, desc, avail, used uint64) {
	s.ring, s.n = s.memory[desc], int(size)
	a, u, n := ringLayout(int(size))
	if s.ring == nil || avail != desc+uint64(a) || used != desc+uint64(u) || len(s.ring) != n {
		s.t.Errorf("queue of %d at %#x, %#x, %#x", size, desc, avail, used)
	}
}

// notify takes new chains and finishes some or all of those that wait, in any order.
func (s *simDisk) notify(uint16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, avail, slots, used, elems := s.ring.parts(s.n)
	for idx := uint16(avail.Load() >> 16); s.seen != idx; s.seen++ {
		s.waiting = append(s.waiting, slots[s.seen%uint16(s.n)])
	}
	if s.dead {
		return
	}
	s.rnd.Shuffle(len(s.waiting), func(i, j int) { s.waiting[i], s.waiting[j] = s.waiting[j], s.waiting[i] })
	finish := len(s.waiting)
	if s.lazy && finish > 1 {
		finish = 1 + s.rnd.IntN(finish)
	}
	for _, head := range s.waiting[:finish] {
		e := usedElem{id: uint32(head), length: s.perform(head)}
		step := 1
		if s.spoil != nil {
			step = s.spoil(&e)
		}
		elems[s.doneIdx%uint16(s.n)] = e
		s.doneIdx += uint16(step)
		used.Store(uint32(s.doneIdx) << 16)
	}
	s.waiting = slices.Clone(s.waiting[finish:])
	if len(s.waiting) > 0 { // it is a device: it goes on by itself
		go func() {
			time.Sleep(50 * time.Microsecond)
			s.notify(0)
		}()
	}
}

// perform does one request and returns the bytes written.
func (s *simDisk) perform(head uint16) uint32 {
	desc, _, _, _, _ := s.ring.parts(s.n)
	var parts []segment
	for i, n := head, 0; ; n++ {
		d := desc[i]
		parts = append(parts, segment{d.addr, d.length, d.flags&descWrite != 0})
		if len(s.memory[d.addr]) != int(d.length) {
			s.t.Errorf("descriptor of %d bytes at %#x, memory has %d", d.length, d.addr, len(s.memory[d.addr]))
		}
		if s.sizeMax != 0 && d.length > s.sizeMax && i != head {
			s.t.Errorf("descriptor of %d bytes, at most %d", d.length, s.sizeMax)
		}
		if d.flags&descNext == 0 {
			break
		}
		if n > s.n {
			s.t.Error("endless chain")
			return 0
		}
		i = d.next
	}
	header, data, status := s.memory[parts[0].addr], parts[1:len(parts)-1], s.memory[parts[len(parts)-1].addr]
	if s.segMax != 0 && len(data) > int(s.segMax) {
		s.t.Errorf("%d data descriptors, at most %d", len(data), s.segMax)
	}
	op, sector := DiskOp(binary.LittleEndian.Uint32(header)), binary.LittleEndian.Uint64(header[8:])
	at, wrote := sector*SectorBytes, uint32(1)
	status[0] = blkOK
	if op == DiskFlush {
		s.flushes++
		clear(s.unstable)
		return wrote
	}
	for _, d := range data {
		p := s.memory[d.addr]
		if at+uint64(len(p)) > uint64(len(s.content)) || s.badAt != 0 && at <= s.badAt*SectorBytes && s.badAt*SectorBytes < at+uint64(len(p)) {
			status[0] = blkIOErr
			return wrote
		}
		switch {
		case op == DiskRead && d.write:
			copy(p, s.content[at:])
			wrote += uint32(len(p))
		case op == DiskWrite && !d.write:
			copy(s.content[at:], p)
			s.unstable[sector] = true
		default:
			status[0] = blkUnsupported
			return wrote
		}
		at += uint64(len(p))
	}
	return wrote
}

func openSim(t *testing.T, s *simDisk) *Disk {
	t.Helper()
	d, err := newDisk(s, s.address)
	if err != nil {
		t.Fatal(err)
	}
	if s.state != statusAcknowledge|statusDriver|statusFeaturesOK|statusDriverOK {
		t.Fatalf("device status %#x", s.state)
	}
	return d
}

// whole says that nothing of the ring is in use and no descriptor is lost.
func (r *ring[T]) whole(t *testing.T) {
	t.Helper()
	n, seen := 0, make([]bool, r.size)
	for i := r.free; i != noDesc; i = r.next[i] {
		if seen[i] {
			t.Fatalf("descriptor %d is twice in the free list", i)
		}
		seen[i] = true
		n++
	}
	if n != int(r.size) || int(r.nfree) != n || r.inFlight != 0 {
		t.Errorf("ring of %d: %d on the free list, nfree %d, %d in flight", r.size, n, r.nfree, r.inFlight)
	}
}

func TestDiskModel(t *testing.T) {
	for _, c := range []struct {
		name            string
		most            uint32
		sizeMax, segMax uint32
		lazy            bool
	}{
		{name: "plain", most: 256},
		{name: "small queue", most: 4},
		{name: "lazy", most: 16, lazy: true},
		{name: "limits", most: 64, sizeMax: 1536, segMax: 3, lazy: true},
		{name: "huge queue", most: 32768},
	} {
		t.Run(c.name, func(t *testing.T) {
			const sectors = 512
			s := newSim(t, sectors)
			s.most, s.lazy = c.most, c.lazy
			if c.sizeMax != 0 {
				s.features |= blkSizeMax | blkSegMax
				s.sizeMax, s.segMax = c.sizeMax, c.segMax
			}
			d := openSim(t, s)
			if d.Sectors() != sectors || d.ReadOnly() {
				t.Fatalf("%d sectors, read-only %v", d.Sectors(), d.ReadOnly())
			}
			var wg sync.WaitGroup
			const workers = 4
			for w := range uint64(workers) {
				// Each has its own quarter of the disk.
				wg.Go(func() {
					const span = sectors / workers
					rnd := rand.New(rand.NewPCG(w, 7))
					model := bytes.Clone(s.content[w*span*SectorBytes:][:span*SectorBytes])
					for range 100 {
						at := rnd.IntN(span)
						n := 1 + rnd.IntN(span-at)
						p := make([]byte, n*SectorBytes)
						part := model[at*SectorBytes:][:len(p)]
						sector := w*span + uint64(at)
						if rnd.IntN(2) == 0 {
							for i := range p {
								p[i] = byte(rnd.Uint32())
							}
							copy(part, p)
							if err := d.Write(sector, p); err != nil {
								t.Error(err)
							}
						} else if err := d.Read(sector, p); err != nil || !bytes.Equal(p, part) {
							t.Errorf("read of %d sectors at %d: %v, or wrong content", n, sector, err)
						}
					}
				})
			}
			wg.Wait()
			if err := d.Flush(); err != nil || s.flushes != 1 || len(s.unstable) != 0 {
				t.Errorf("flush: %v, device saw %d", err, s.flushes)
			}
			d.queue.(*virtioQueue).ring.whole(t)
		})
	}
}

func TestDiskManyPieces(t *testing.T) {
	s := newSim(t, 64)
	d := openSim(t, s)
	a, b, c := make([]byte, 100), make([]byte, 412), make([]byte, 1024)
	r := NewRequest(DiskRead, 3, a, b, nil, c)
	if err := d.do(r); err != nil {
		t.Fatal(err)
	}
	if got := slices.Concat(a, b, c); !bytes.Equal(got, s.content[3*SectorBytes:6*SectorBytes]) {
		t.Error("wrong content")
	}
	// The same request again, and one beside it that fails.
	s.badAt = 20
	bad := NewRequest(DiskWrite, 19, make([]byte, 1024))
	err := d.do(r, bad)
	if !errors.Is(err, ErrDiskIO) || err.Error() != "disk: write of 1024 bytes at sector 19: input/output error (status 0x1)" {
		t.Errorf("got %v", err)
	}
	if r.Err != nil || bad.Err != err {
		t.Errorf("requests' errors: %v, %v", r.Err, bad.Err)
	}
	d.queue.(*virtioQueue).ring.whole(t)
}

func TestDiskVector(t *testing.T) {
	s := newSim(t, 4096)
	s.features |= blkSegMax
	s.segMax, s.lazy = 7, true
	d := openSim(t, s)
	for _, n := range []int{0, 1, 7, 8, 100} {
		var pieces [][]byte
		for i := range n {
			pieces = append(pieces, make([]byte, (i%5)*SectorBytes))
		}
		if err := d.ReadScatter(9, pieces); err != nil {
			t.Fatal(err)
		}
		got := slices.Concat(pieces...)
		if !bytes.Equal(got, s.content[9*SectorBytes:][:len(got)]) {
			t.Errorf("%d pieces: wrong content read", n)
		}
		for _, p := range pieces {
			for i := range p {
				p[i] += byte(n)
			}
		}
		want := slices.Concat(pieces...)
		if err := d.transfer(DiskWrite, 1000, pieces); err != nil || !bytes.Equal(want, s.content[1000*SectorBytes:][:len(want)]) {
			t.Errorf("%d pieces: %v, or wrong content written", n, err)
		}
	}
	if err := d.ReadScatter(0, [][]byte{make([]byte, 512), make([]byte, 100), make([]byte, 412)}); !errors.Is(err, ErrDiskShape) {
		t.Errorf("odd piece: %v", err)
	}
	if err := d.transfer(DiskWrite, 4090, [][]byte{make([]byte, 4096)}); !errors.Is(err, ErrDiskRange) {
		t.Errorf("beyond the end: %v", err)
	}
	d.queue.(*virtioQueue).ring.whole(t)
}

func TestDiskRefuses(t *testing.T) {
	s := newSim(t, 8)
	d := openSim(t, s)
	for _, c := range []struct {
		r    *Request
		want error
	}{
		{NewRequest(DiskRead, 8, make([]byte, 512)), ErrDiskRange},
		{NewRequest(DiskRead, 7, make([]byte, 1024)), ErrDiskRange},
		{NewRequest(DiskRead, 1<<64-1, make([]byte, 512)), ErrDiskRange},
		{NewRequest(DiskRead, 0, make([]byte, 511)), ErrDiskShape},
		{NewRequest(DiskRead, 0), ErrDiskShape},
		{NewRequest(DiskFlush, 1), ErrDiskShape},
		{NewRequest(DiskOp(9), 0, make([]byte, 512)), ErrDiskRefused},
	} {
		if err := d.do(c.r); !errors.Is(err, c.want) {
			t.Errorf("%v at %d: %v, want %v", c.r.Op, c.r.Sector, err, c.want)
		}
	}
	if s.seen != 0 {
		t.Errorf("the device saw %d requests", s.seen)
	}
	if err := d.Read(0, nil); err != nil {
		t.Errorf("nothing to read: %v", err)
	}

	s = newSim(t, 8)
	s.features |= blkRO
	s.features &^= blkFlush
	d = openSim(t, s)
	if err := d.Write(0, make([]byte, 512)); !errors.Is(err, ErrDiskReadOnly) || !d.ReadOnly() {
		t.Errorf("write to a read-only disk: %v", err)
	}
	if err := d.Flush(); err != nil || s.flushes != 0 {
		t.Errorf("flush without a cache: %v", err)
	}
}

// TestDiskDeviceLies: a device that breaks the protocol is reset and asked once
// more, then its request fails; once it behaves it is believed again.
func TestDiskDeviceLies(t *testing.T) {
	for name, spoil := range map[string]func(e *usedElem) int{
		"id out of range":  func(e *usedElem) int { e.id = 1 << 20; return 1 },
		"id not in flight": func(e *usedElem) int { e.id += 1; return 1 },
		"too long":         func(e *usedElem) int { e.length = 1 << 30; return 1 },
		"too many":         func(e *usedElem) int { return 40 },
		"backwards":        func(e *usedElem) int { return -1 },
	} {
		s := newSim(t, 8)
		d := openSim(t, s)
		s.spoil = spoil
		if err := d.Read(0, make([]byte, 512)); !errors.Is(err, ErrDiskBroken) || d.resets != 1+diskTries {
			t.Errorf("%s: %v after %d resets", name, err, d.resets-1)
		}
		lies := 0
		s.spoil = func(e *usedElem) int {
			if lies++; lies == 1 {
				return spoil(e)
			}
			return 1
		}
		if err := d.Write(0, make([]byte, 512)); err != nil || lies < 2 {
			t.Errorf("%s: a second try gave %v", name, err)
		}
		d.queue.(*virtioQueue).ring.whole(t)
	}
}

// TestDiskSilence: a device that does not answer is reset and asked once more,
// then its requests fail; when it answers again, it serves again.
func TestDiskSilence(t *testing.T) {
	s := newSim(t, 8)
	d := openSim(t, s)
	d.limit = 20 * time.Millisecond
	s.dead = true
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if err := d.Read(0, make([]byte, 512)); !errors.Is(err, ErrDiskTimeout) {
				t.Errorf("got %v", err)
			}
		})
	}
	wg.Wait()
	if len(s.waiting) != 0 {
		t.Errorf("the device still has %d requests: it could write to memory", len(s.waiting))
	}
	before := d.resets
	done := make(chan error)
	for range 3 {
		go func() { done <- d.Write(0, make([]byte, 512)) }()
	}
	for { // it comes back after the first reset
		d.mu.Lock()
		back := d.resets > before
		if back {
			s.mu.Lock()
			s.dead = false
			s.mu.Unlock()
		}
		d.mu.Unlock()
		if back {
			break
		}
		time.Sleep(100 * time.Microsecond)
	}
	s.notify(0)
	for range 3 {
		if err := <-done; err != nil {
			t.Errorf("a retry gave %v", err)
		}
	}
	d.queue.(*virtioQueue).ring.whole(t)
}

// TestDiskResetChanges: a disk that is another one after a reset is not used, and
// used again when it is itself.
func TestDiskResetChanges(t *testing.T) {
	s := newSim(t, 8)
	d := openSim(t, s)
	d.limit = time.Millisecond
	s.dead = true
	s.features |= blkRO
	if err := d.Read(0, make([]byte, 512)); !errors.Is(err, ErrDiskTimeout) || !errors.Is(err, ErrDiskBroken) || s.state != 0 {
		t.Errorf("%v, device status %#x", err, s.state)
	}
	s.dead = false
	s.features &^= blkRO
	if err := d.Read(0, make([]byte, 512)); err != nil {
		t.Error(err)
	}
}

// TestDiskClockJumps: a machine that stood still has not waited for its disk.
func TestDiskClockJumps(t *testing.T) {
	s := newSim(t, 8)
	d := openSim(t, s)
	var looks atomic.Int64
	d.now = func() time.Time { return time.Unix(60*looks.Add(1), 0) } // a minute from look to look
	s.dead = true
	done := make(chan error)
	go func() { done <- d.Write(0, make([]byte, 512)) }()
	for looks.Load() < 50 {
		time.Sleep(time.Millisecond)
	}
	s.mu.Lock()
	s.dead = false
	s.mu.Unlock()
	s.notify(0)
	if err := <-done; err != nil || d.resets != 1 {
		t.Errorf("%v after %d resets", err, d.resets-1)
	}
}

// TestDiskBlocks: a disk with blocks of 4096 bytes takes nothing smaller.
func TestDiskBlocks(t *testing.T) {
	s := newSim(t, 64)
	s.features |= blkSize
	s.block = 4096
	d := openSim(t, s)
	if d.BlockBytes() != 4096 || d.Sectors() != 64 {
		t.Fatalf("blocks of %d bytes, %d sectors", d.BlockBytes(), d.Sectors())
	}
	p := make([]byte, 8192)
	if err := d.Read(8, p); err != nil || !bytes.Equal(p, s.content[4096:][:8192]) {
		t.Errorf("%v, or wrong content", err)
	}
	for sector, n := range map[uint64]int{8: 512, 1: 4096, 9: 512} {
		if err := d.Write(sector, make([]byte, n)); !errors.Is(err, ErrDiskShape) {
			t.Errorf("%d bytes at sector %d: %v", n, sector, err)
		}
	}
}

func TestDiskOpenRefuses(t *testing.T) {
	for name, spoil := range map[string]func(s *simDisk){
		"legacy":      func(s *simDisk) { s.features &^= version1 },
		"no queue":    func(s *simDisk) { s.most = 0 },
		"odd queue":   func(s *simDisk) { s.most = 48 },
		"tiny queue":  func(s *simDisk) { s.most = 2 },
		"no bytes":    func(s *simDisk) { s.features |= blkSizeMax },
		"no segments": func(s *simDisk) { s.features |= blkSegMax },
		"odd blocks":  func(s *simDisk) { s.features |= blkSize; s.block = 1000 },
		"huge blocks": func(s *simDisk) { s.features |= blkSize; s.block = 1 << 16 },
		"never still": func(s *simDisk) { s.features |= blkSizeMax; s.sizeMax, s.wobble = 4096, 1e6 },
	} {
		s := newSim(t, 8)
		spoil(s)
		if _, err := newDisk(s, s.address); err == nil {
			t.Errorf("%s: accepted", name)
		} else if s.state&statusDriverOK != 0 {
			t.Errorf("%s: device status %#x", name, s.state)
		}
	}
	s := newSim(t, 8)
	s.features |= blkSizeMax
	s.sizeMax, s.wobble = 4096, 3
	openSim(t, s)
}

func TestRingLayout(t *testing.T) {
	for n := 4; n <= ringMaxSize; n *= 2 {
		avail, used, size := ringLayout(n)
		if avail != 16*n || used < avail+4+2*n || used%4 != 0 || size < used+4+8*n {
			t.Errorf("%d: %d, %d, %d", n, avail, used, size)
		}
		if m := newRingMemory(n); AddressOf(m)%16 != 0 || len(m) != size {
			t.Errorf("memory for %d: %d bytes at %#x", n, len(m), AddressOf(m))
		}
	}
}

// TestRingWraps runs a ring far past the 16 bits of its indices.
func TestRingWraps(t *testing.T) {
	r := newRing[int](8)
	_, avail, slots, used, elems := r.memory.parts(8)
	for i := range 200_000 {
		n := 1 + i%4
		if !r.push(make([]segment, n), i) || r.nfree != uint16(8-n) {
			t.Fatalf("push %d", i)
		}
		r.publish()
		at := uint16(avail.Load()>>16) - 1
		elems[at%8] = usedElem{id: uint32(slots[at%8])}
		used.Store(uint32(at+1) << 16)
		if owner, ok, err := r.pop(); owner != i || !ok || err != nil {
			t.Fatalf("pop %d: %d, %v, %v", i, owner, ok, err)
		}
	}
	r.whole(t)
	if r.push(make([]segment, 9), 0) || r.push(nil, 0) {
		t.Error("impossible chain accepted")
	}
}

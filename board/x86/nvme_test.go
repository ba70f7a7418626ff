//go:build !tamago

package x86

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// simNVMe is an NVMe controller in memory. Memory has made-up addresses, page aligned.
type simNVMe struct {
	t  *testing.T
	mu sync.Mutex

	memory   map[uint64][]byte // by page
	known    map[*byte]uint64
	nextPage uint64

	content    []byte
	shift      uint   // of a block
	stride     uint   // of a doorbell, as CAP.DSTRD
	mdts       byte   // as the controller says
	metadata   uint16 // of a block
	noReady    bool
	dead       bool   // takes commands and finishes none
	badBlock   uint64 // cannot be read or written, if not 0
	spoil      func(cqe []byte)
	longest    int // bytes of a command
	flushes    int
	resets     int
	regs       map[uint64]uint32
	sq, cq     [2]uint64 // addresses
	head, tail [2]int
	phase      [2]uint32
	at         [2]int // in the completion queue
}

func newSimNVMe(t *testing.T, blocks int, shift uint) *simNVMe {
	s := &simNVMe{t: t, memory: map[uint64][]byte{}, known: map[*byte]uint64{}, nextPage: 0x1000, shift: shift,
		content: make([]byte, blocks<<shift), regs: map[uint64]uint32{nvmeCAP: 63 | 20<<24, nvmeCAP + 4: 1 << 5}}
	for i := range s.content {
		s.content[i] = byte(i>>9 + i)
	}
	return s
}

// address gives memory an address whose offset in a page is that of its length's
// position: pieces cut from one slice stay together.
func (s *simNVMe) address(p []byte) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, ok := s.known[&p[0]]; ok {
		return at
	}
	base := s.nextPage
	s.nextPage += uint64(cap(p)+2*nvmePage-1) &^ (nvmePage - 1)
	whole := p[:cap(p)]
	for i := range whole {
		s.known[&whole[i]] = base + uint64(i)
	}
	for i := 0; i < len(whole); i += nvmePage {
		s.memory[base+uint64(i)] = whole[i:min(len(whole), i+nvmePage)]
	}
	return base
}

// bytes is the memory at an address, up to the end of its page.
func (s *simNVMe) bytes(at uint64) []byte {
	p := s.memory[at&^(nvmePage-1)]
	if offset := int(at & (nvmePage - 1)); offset <= len(p) {
		return p[offset:]
	}
	s.t.Errorf("no memory at %#x", at)
	return make([]byte, nvmePage)
}

func (s *simNVMe) read32(offset uint64) uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.regs[offset]
}

func (s *simNVMe) write32(offset uint64, v uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.regs[offset] = v
	switch {
	case offset == nvmeCC && v&1 == 0:
		s.regs[nvmeCSTS] = 0
		s.resets++
		s.head, s.tail, s.at, s.phase = [2]int{}, [2]int{}, [2]int{}, [2]uint32{1, 1}
	case offset == nvmeCC:
		if !s.noReady {
			s.regs[nvmeCSTS] = cstsReady
		}
		s.sq[0] = uint64(s.regs[nvmeASQ]) | uint64(s.regs[nvmeASQ+4])<<32
		s.cq[0] = uint64(s.regs[nvmeACQ]) | uint64(s.regs[nvmeACQ+4])<<32
	case offset >= nvmeBell+16<<s.stride || offset >= nvmeBell && (offset-nvmeBell)%(4<<s.stride) != 0:
		s.t.Errorf("doorbell at %#x", offset)
	case offset >= nvmeBell && (offset-nvmeBell)>>s.stride/4%2 == 0:
		s.ring(int(offset-nvmeBell)>>s.stride/8, int(v))
	}
}

// ring performs the commands of queue q up to tail, and answers.
func (s *simNVMe) ring(q, tail int) {
	le := binary.LittleEndian
	for ; s.head[q] != tail; s.head[q] = (s.head[q] + 1) % nvmeQueue {
		e := s.bytes(s.sq[q])[s.head[q]*nvmeSQE:][:nvmeSQE]
		if s.dead && q == 1 {
			continue
		}
		status := s.perform(q, e)
		c := s.bytes(s.cq[q])[s.at[q]*nvmeCQE:][:nvmeCQE]
		le.PutUint32(c[8:], uint32(s.head[q]))
		word := le.Uint32(e)>>16 | s.phase[q]<<16 | status<<17
		cqe := le.AppendUint32(nil, word)
		if s.spoil != nil && q == 1 {
			s.spoil(cqe)
		}
		lastWords(c, nvmeCQE, 1)[0].Store(le.Uint32(cqe))
		if s.at[q]++; s.at[q] == nvmeQueue {
			s.at[q], s.phase[q] = 0, s.phase[q]^1
		}
	}
}

func (s *simNVMe) perform(q int, e []byte) (status uint32) {
	le := binary.LittleEndian
	prp1, prp2 := le.Uint64(e[24:]), le.Uint64(e[32:])
	cdw10, cdw11, cdw12 := le.Uint32(e[40:]), le.Uint32(e[44:]), le.Uint32(e[48:])
	opcode := e[0]
	if q == 0 {
		switch opcode {
		case adminCreateCQ:
			s.cq[1] = prp1
		case adminCreateSQ:
			s.sq[1] = prp1
		case adminIdentify:
			p := s.bytes(prp1)
			clear(p[:nvmePage])
			switch cdw10 {
			case identifyController:
				p[77], p[525] = s.mdts, 1
			case identifyList:
				le.PutUint32(p, 7)
			case identifyNamespace:
				le.PutUint64(p, uint64(len(s.content)>>s.shift))
				p[26] = 1
				le.PutUint16(p[132:], s.metadata)
				p[134] = byte(s.shift)
			}
		}
		return 0
	}
	if opcode == nvmFlush {
		s.flushes++
		return 0
	}
	block, n := uint64(cdw10)|uint64(cdw11)<<32, (int(cdw12)+1)<<s.shift
	s.longest = max(s.longest, n)
	if s.badBlock != 0 && block <= s.badBlock && s.badBlock < block+uint64(n>>s.shift) {
		return 0x281 // unrecovered read error
	}
	disk := s.content[block<<s.shift:][:n]
	list := []byte(nil)
	if int(prp1&(nvmePage-1))+n > 2*nvmePage {
		list = s.bytes(prp2)
	}
	for at := prp1; len(disk) > 0; {
		memory := s.bytes(at)
		part := min(len(memory), len(disk))
		if opcode == nvmRead {
			copy(memory, disk[:part])
		} else {
			copy(disk[:part], memory)
		}
		disk = disk[part:]
		switch {
		case len(disk) == 0:
		case list == nil:
			at = prp2
		default:
			at, list = le.Uint64(list), list[8:]
		}
		if at&(nvmePage-1) != 0 && len(disk) > 0 {
			s.t.Errorf("PRP %#x does not begin a page", at)
		}
	}
	return 0
}

func openSimNVMe(t *testing.T, s *simNVMe) *Disk {
	t.Helper()
	d, err := newNVMe(s, s.address)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestNVMeModel(t *testing.T) {
	for _, shift := range []uint{9, 12} {
		for _, mdts := range []byte{0, 1, 3} {
			s := newSimNVMe(t, 2048, shift)
			s.mdts, s.stride = mdts, uint(5*mdts)
			s.regs[nvmeCAP+4] |= uint32(s.stride)
			if n := nvmeRegsBytes(s); n != nvmeBell+16<<s.stride {
				t.Errorf("registers of %#x bytes", n)
			}
			d := openSimNVMe(t, s)
			if d.Sectors() != uint64(len(s.content)/SectorBytes) || d.BlockBytes() != 1<<shift {
				t.Fatalf("%d sectors, blocks of %d", d.Sectors(), d.BlockBytes())
			}
			model := bytes.Clone(s.content)
			rnd := rand.New(rand.NewPCG(uint64(shift), uint64(mdts)))
			memory := make([]byte, 256<<10)
			for range 200 {
				// Pieces of one buffer: they follow one another, or not.
				var pieces [][]byte
				total := 0
				for at := rnd.IntN(16) << 9; len(pieces) < 1+rnd.IntN(40); {
					n := (1 + rnd.IntN(4)) << shift
					if rnd.IntN(3) == 0 {
						at = (at + nvmePage - 1) &^ (nvmePage - 1)
						n = nvmePage
					}
					if at+n > len(memory) {
						break
					}
					pieces = append(pieces, memory[at:at+n])
					at, total = at+n, total+n
				}
				block := rnd.IntN(len(model)>>shift - total>>shift)
				sector, part := uint64(block)<<(shift-9), model[block<<shift:][:total]
				switch rnd.IntN(2) {
				case 0:
					if err := d.ReadScatter(sector, pieces); err != nil || !bytes.Equal(bytes.Join(pieces, nil), part) {
						t.Fatalf("read of %d pieces: %v, or wrong content", len(pieces), err)
					}
				default:
					p := memory[:total]
					for i := range p {
						p[i] = byte(rnd.Uint32())
					}
					copy(part, p)
					if err := d.Write(sector, p); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := d.Flush(); err != nil || s.flushes != 1 || !bytes.Equal(model, s.content) {
				t.Errorf("flush: %v, %d seen, or the content differs", err, s.flushes)
			}
			if most := nvmePage << mdts; mdts != 0 && s.longest > most {
				t.Errorf("a command of %d bytes, at most %d", s.longest, most)
			}
		}
	}
}

func TestNVMeErrors(t *testing.T) {
	s := newSimNVMe(t, 64, 12)
	s.badBlock = 5
	d := openSimNVMe(t, s)
	p := make([]byte, 3*4096)
	for _, c := range []struct {
		sector uint64
		p      []byte
		want   error
	}{{8, p, nil}, {32, p, ErrDiskIO}, {8 * 62, p, ErrDiskRange}, {1 << 60, p, ErrDiskRange}, {4, p, ErrDiskShape}, {8, p[:512], ErrDiskShape}, {8, p[1 : 1+4096], ErrDiskShape}} {
		if err := d.Read(c.sector, c.p); !errors.Is(err, c.want) {
			t.Errorf("sector %d, %d bytes: %v, want %v", c.sector, len(c.p), err, c.want)
		}
	}
	for name, spoil := range map[string]func(c []byte){
		"command 31":    func(c []byte) { c[0] = 31 },
		"command 40000": func(c []byte) { c[1] = 0x9c },
	} {
		s.spoil = spoil
		if err := d.Read(8, p); !errors.Is(err, ErrDiskBroken) {
			t.Errorf("completion of %s: %v", name, err)
		}
		s.spoil = nil
		if err := d.Read(8, p); err != nil {
			t.Errorf("after %s: %v", name, err)
		}
	}
}

func TestNVMeSilence(t *testing.T) {
	s := newSimNVMe(t, 64, 9)
	d := openSimNVMe(t, s)
	var hours atomic.Int64
	d.now = func() time.Time { return time.Unix(0, hours.Add(int64(time.Hour))) } // stopped between any two looks
	d.limit = 5 * time.Second
	s.dead = true
	resets := s.resets
	if err := d.Write(0, make([]byte, 40*512)); !errors.Is(err, ErrDiskTimeout) || s.resets == resets {
		t.Errorf("a dead controller: %v, %d resets", err, s.resets-resets)
	}
	s.dead = false
	if err := d.Write(0, make([]byte, 512)); err != nil {
		t.Errorf("alive again: %v", err)
	}
	// One that comes to itself when it is reset gets what it has not answered again.
	s.dead = true
	resets = s.resets
	d.now = func() time.Time {
		if s.resets > resets {
			s.dead = false
		}
		return time.Unix(0, hours.Add(int64(time.Hour)))
	}
	p := bytes.Repeat([]byte{7}, 40*512)
	if err := d.Write(3, p); err != nil || !bytes.Equal(s.content[3*512:][:len(p)], p) {
		t.Errorf("a retry: %v", err)
	}
	for name, spoil := range map[string]func(*simNVMe){
		"never ready": func(s *simNVMe) { s.noReady = true; s.regs[nvmeCAP] = 63 },
		"fatal":       func(s *simNVMe) { s.noReady = true; s.regs[nvmeCSTS] = cstsFatal },
		"metadata":    func(s *simNVMe) { s.metadata = 8 },
		"huge block":  func(s *simNVMe) { s.shift = 16 },
		"small queue": func(s *simNVMe) { s.regs[nvmeCAP] = 7 },
		"gone":        func(s *simNVMe) { s.regs[nvmeCAP], s.regs[nvmeCAP+4] = 1<<32-1, 1<<32-1 },
	} {
		s := newSimNVMe(t, 64, 9)
		spoil(s)
		if _, err := (&nvme{regs: s, address: s.address, now: d.now}).start(); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

package x86

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"runtime"
	"sync/atomic"
	"time"
)

// An NVMe controller with one namespace in use: an admin queue pair and one for I/O,
// both polled. Source: NVM Express 1.4, 3.1 (registers), 4 (queues), 5 and 6 (commands).

// nvmeRegisters are the controller's registers; offsets are those of the manual.
type nvmeRegisters interface {
	read32(offset uint64) uint32
	write32(offset uint64, v uint32)
}

const (
	nvmeCAP   = 0x00 // 64 bits
	nvmeINTMS = 0x0c
	nvmeCC    = 0x14
	nvmeCSTS  = 0x1c
	nvmeAQA   = 0x24
	nvmeASQ   = 0x28 // 64 bits
	nvmeACQ   = 0x30 // 64 bits
	nvmeBell  = 0x1000

	ccEnable  = 1<<0 | 6<<16 | 4<<20 // entries of 64 and 16 bytes, pages of 4 KiB
	cstsReady = 1 << 0
	cstsFatal = 1 << 1

	adminCreateSQ = 0x01
	adminCreateCQ = 0x05
	adminIdentify = 0x06

	nvmFlush = 0x00
	nvmWrite = 0x01
	nvmRead  = 0x02

	identifyNamespace  = 0
	identifyController = 1
	identifyList       = 2

	nvmeQueue   = 32 // entries of a queue; one stays empty
	nvmePage    = 4096
	nvmeSQE     = 64
	nvmeCQE     = 16
	nvmeMaxTime = 10 * time.Second // to become ready, where CAP.TO asks for no more

	// nvmeMostPages bounds one command, so that its PRP list is one page.
	nvmeMostPages = 64
)

// nvmeQueuePair is a submission queue and its completion queue. Each slot has its own
// command identifier and its own page for a PRP list.
type nvmeQueuePair struct {
	id    uint32
	sq    []byte
	cq    []byte
	done  []*atomic.Uint32 // the last word of each completion, which has the phase
	lists [][]byte

	tail, head int
	phase      uint32
	owner      [nvmeQueue]*Request // nil where the slot is free
	inFlight   int
}

// nvme is the blockQueue of the first namespace of a controller.
type nvme struct {
	regs    nvmeRegisters
	address func([]byte) uint64
	now     func() time.Time // time.Now but in tests

	stride     uint64 // of doorbells
	namespace  uint32
	blockShift uint
	maxPages   int
	admin, io  *nvmeQueuePair
}

// newNVMe brings the controller behind regs into operation and takes its first
// namespace.
//
// Errors: it does not become ready, has no namespace or none of a kind that can be
// used, or does not answer.
func newNVMe(regs nvmeRegisters, address func([]byte) uint64) (*Disk, error) {
	return openDisk(&nvme{regs: regs, address: address, now: time.Now})
}

// nvmeStride is how many bytes lie between two doorbells.
func nvmeStride(regs nvmeRegisters) uint64 { return 4 << (regs.read32(nvmeCAP+4) & 15) }

// nvmeRegsBytes is how far the registers reach that are used: two doorbells a queue pair.
func nvmeRegsBytes(regs nvmeRegisters) uint64 { return nvmeBell + 4*nvmeStride(regs) }

func (q *nvme) read64(at uint64) uint64 {
	return uint64(q.regs.read32(at)) | uint64(q.regs.read32(at+4))<<32
}

func (q *nvme) write64(at, v uint64) {
	q.regs.write32(at, uint32(v))
	q.regs.write32(at+4, uint32(v>>32))
}

func (q *nvme) start() (c diskConfig, err error) {
	capability := q.read64(nvmeCAP)
	if capability == 1<<64-1 || capability>>48&15 != 0 || capability&0xffff < nvmeQueue-1 {
		return c, fmt.Errorf("nvme: capabilities %#x", capability)
	}
	q.stride = nvmeStride(q.regs)
	patience := max(nvmeMaxTime, time.Duration(capability>>24&0xff)*500*time.Millisecond)
	if err := q.ready(0, patience); err != nil {
		return c, err
	}
	q.admin = newQueuePair(0)
	q.regs.write32(nvmeINTMS, 1<<32-1)
	q.regs.write32(nvmeAQA, (nvmeQueue-1)<<16|(nvmeQueue-1))
	q.write64(nvmeASQ, q.address(q.admin.sq))
	q.write64(nvmeACQ, q.address(q.admin.cq))
	if err := q.ready(ccEnable, patience); err != nil {
		return c, err
	}
	io := newQueuePair(1)
	for _, m := range []struct {
		opcode, flags uint32
		memory        []byte
	}{{adminCreateCQ, 1, io.cq}, {adminCreateSQ, 1 | io.id<<16, io.sq}} {
		if err := q.command(m.opcode, 0, q.address(m.memory), io.id|(nvmeQueue-1)<<16, m.flags); err != nil {
			return c, err
		}
	}
	q.io = io
	return q.identify()
}

func (q *nvme) stop() { q.regs.write32(nvmeCC, 0) }

// ready sets CC and waits until the controller is ready, or stopped if it was
// disabled.
func (q *nvme) ready(cc uint32, patience time.Duration) error {
	q.regs.write32(nvmeCC, cc)
	for start := q.now(); ; runtime.Gosched() {
		switch s := q.regs.read32(nvmeCSTS); {
		case cc != 0 && s&cstsFatal != 0, s == 1<<32-1:
			return fmt.Errorf("nvme: controller status %#x", s)
		case s&cstsReady == cc&cstsReady:
			return nil
		case q.now().Sub(start) > patience:
			return fmt.Errorf("nvme: controller status %#x after %v, CC %#x", s, patience, cc)
		}
	}
}

func newQueuePair(id uint32) *nvmeQueuePair {
	p := &nvmeQueuePair{id: id, phase: 1, sq: alignedPage(), cq: alignedPage()}
	p.done = lastWords(p.cq, nvmeCQE, nvmeQueue)
	p.lists = make([][]byte, nvmeQueue)
	return p
}

// identify asks what the controller and its first namespace are.
func (q *nvme) identify() (c diskConfig, err error) {
	le := binary.LittleEndian
	p := alignedPage()
	ask := func(namespace, what uint32) error { return q.command(adminIdentify, namespace, q.address(p), what, 0) }
	if err := ask(0, identifyController); err != nil {
		return c, err
	}
	q.maxPages = nvmeMostPages
	if mdts := p[77]; mdts > 0 && mdts < 16 {
		q.maxPages = min(nvmeMostPages, 1<<mdts)
	}
	c.canFlush = p[525]&1 != 0 // it has a cache that forgets
	if err := ask(0, identifyList); err != nil {
		return c, err
	}
	if q.namespace = le.Uint32(p); q.namespace == 0 {
		return c, errors.New("nvme: no namespace")
	}
	if err := ask(q.namespace, identifyNamespace); err != nil {
		return c, err
	}
	blocks := le.Uint64(p)
	format := p[128+4*int(p[26]&15):]
	q.blockShift = uint(format[2])
	if metadata := le.Uint16(format); metadata != 0 || q.blockShift < 9 || q.blockShift > 12 || blocks == 0 || bits.LeadingZeros64(blocks) < int(q.blockShift)+1 {
		return c, fmt.Errorf("nvme: namespace %d of %d blocks of 2^%d bytes, %d of metadata", q.namespace, blocks, q.blockShift, metadata)
	}
	c.sectors, c.blockBytes, c.pieces = blocks<<(q.blockShift-9), 1<<q.blockShift, q.maxPages
	return c, nil
}

// command performs one admin command.
func (q *nvme) command(opcode, namespace uint32, prp uint64, cdw10, cdw11 uint32) error {
	r := &Request{}
	q.submit(q.admin, r, opcode, namespace, prp, 0, cdw10, cdw11, 0)
	q.ring(q.admin)
	for start := q.now(); ; runtime.Gosched() {
		if _, err := q.take(q.admin); err != nil {
			return err
		}
		switch {
		case r.Err != nil:
			return fmt.Errorf("nvme: admin command %#x: %w", opcode, r.Err)
		case r.state == requestDone:
			return nil
		case q.now().Sub(start) > DiskTimeout:
			return fmt.Errorf("nvme: admin command %#x: %w", opcode, ErrDiskTimeout)
		}
	}
}

// submit puts a command into p, which has room.
func (q *nvme) submit(p *nvmeQueuePair, r *Request, opcode, namespace uint32, prp1, prp2 uint64, cdw10, cdw11, cdw12 uint32) {
	le := binary.LittleEndian
	e := p.sq[p.tail*nvmeSQE:][:nvmeSQE]
	clear(e)
	le.PutUint32(e, opcode|uint32(p.tail)<<16)
	le.PutUint32(e[4:], namespace)
	le.PutUint64(e[24:], prp1)
	le.PutUint64(e[32:], prp2)
	le.PutUint32(e[40:], cdw10)
	le.PutUint32(e[44:], cdw11)
	le.PutUint32(e[48:], cdw12)
	p.owner[p.tail] = r
	p.tail = (p.tail + 1) % nvmeQueue
	p.inFlight++
}

// ring tells the controller what was submitted to p.
func (q *nvme) ring(p *nvmeQueuePair) {
	q.regs.write32(nvmeBell+uint64(2*p.id)*q.stride, uint32(p.tail))
}

func (q *nvme) publish() { q.ring(q.io) }

// take takes completions of p and counts them.
//
// Errors: one is of no command in flight.
func (q *nvme) take(p *nvmeQueuePair) (done int, err error) {
	for p.inFlight > 0 {
		word := p.done[p.head].Load()
		if word>>16&1 != p.phase {
			break
		}
		id := word & 0xffff
		if id >= nvmeQueue || p.owner[id] == nil {
			return done, fmt.Errorf("%w: completion of command %d, which is not in flight", ErrDiskBroken, id)
		}
		r := p.owner[id]
		p.owner[id] = nil
		p.inFlight--
		r.state = requestDone
		if status := word >> 17; status != 0 {
			r.fail(blkIOErr, fmt.Errorf("%w: NVMe status %#x", ErrDiskIO, status))
		}
		if p.head++; p.head == nvmeQueue {
			p.head, p.phase = 0, p.phase^1
		}
		done++
	}
	if done > 0 {
		q.regs.write32(nvmeBell+uint64(2*p.id+1)*q.stride, uint32(p.head))
	}
	return done, nil
}

func (q *nvme) reap() (done int, err error) { return q.take(q.io) }

// fits takes pieces that follow one another in whole pages, which is what a PRP list can
// say.
func (q *nvme) fits(data [][]byte, p []byte) int {
	at, room := q.address(p), (q.maxPages-1)*nvmePage
	if len(data) > 0 {
		last := data[len(data)-1]
		if end := q.address(last) + uint64(len(last)); end%nvmePage != 0 || at%nvmePage != 0 {
			return 0
		}
		for _, d := range data {
			room -= len(d)
		}
	}
	if at%4 != 0 {
		return 0
	}
	return min(len(p), max(room, 0)&^(1<<q.blockShift-1))
}

func (q *nvme) push(r *Request) bool {
	p := q.io
	if p.inFlight == nvmeQueue-1 || p.owner[p.tail] != nil {
		return false
	}
	if r.Op == DiskFlush {
		q.submit(p, r, nvmFlush, q.namespace, 0, 0, 0, 0, 0)
		return true
	}
	var list []byte
	if list = p.lists[p.tail]; list == nil {
		list = alignedPage()
		p.lists[p.tail] = list
	}
	prp1, n := uint64(0), 0
	for _, d := range r.Data {
		for at, end := q.address(d), q.address(d)+uint64(len(d)); at < end; at = at&^(nvmePage-1) + nvmePage {
			if n == 0 {
				prp1 = at
			} else {
				binary.LittleEndian.PutUint64(list[8*(n-1):], at)
			}
			n++
		}
	}
	prp2 := uint64(0)
	if n == 2 {
		prp2 = binary.LittleEndian.Uint64(list)
	} else if n > 2 {
		prp2 = q.address(list)
	}
	opcode := uint32(nvmRead)
	if r.Op == DiskWrite {
		opcode = nvmWrite
	}
	block := r.Sector >> (q.blockShift - 9)
	q.submit(p, r, opcode, q.namespace, prp1, prp2, uint32(block), uint32(block>>32), uint32(r.bytes()>>q.blockShift-1))
	return true
}

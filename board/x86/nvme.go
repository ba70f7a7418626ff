package x86

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"runtime"
	"sync"
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
	inFlight   int
	owner      [nvmeQueue]*Request
	live       [nvmeQueue]bool
}

// NVMe is a namespace of an NVMe controller.
//
// Requests of one call are in flight together; calls take turns. Completion is polled,
// as with Disk.
type NVMe struct {
	regs    nvmeRegisters
	address func([]byte) uint64
	stride  uint64 // of doorbells

	namespace  uint32
	blocks     uint64
	blockShift uint
	maxPages   int
	cached     bool // a volatile write cache: Flush matters

	mu     sync.Mutex
	admin  *nvmeQueuePair // guarded by mu, as io
	io     *nvmeQueuePair
	broken error            // guarded by mu; why io is nil
	limit  time.Duration    // without a completion, DiskTimeout but in tests
	now    func() time.Time // time.Now but in tests
	busy   bool             // as in Disk
}

// newNVMe brings the controller behind regs into operation and takes its first
// namespace.
//
// Errors: it does not become ready, has no namespace or none of a kind that can be
// used, or does not answer.
func newNVMe(regs nvmeRegisters, address func([]byte) uint64, busy bool) (*NVMe, error) {
	d := &NVMe{regs: regs, address: address, limit: DiskTimeout, now: time.Now, busy: busy}
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.start(); err != nil {
		return nil, err
	}
	if err := d.identify(); err != nil {
		regs.write32(nvmeCC, 0)
		return nil, err
	}
	return d, nil
}

func (d *NVMe) read64(at uint64) uint64 {
	return uint64(d.regs.read32(at)) | uint64(d.regs.read32(at+4))<<32
}

func (d *NVMe) write64(at, v uint64) {
	d.regs.write32(at, uint32(v))
	d.regs.write32(at+4, uint32(v>>32))
}

// start resets the controller and makes its queues. Locks: mu held.
func (d *NVMe) start() error {
	capability := d.read64(nvmeCAP)
	if capability == 1<<64-1 || capability>>48&15 != 0 || capability&0xffff < nvmeQueue-1 {
		return fmt.Errorf("nvme: capabilities %#x", capability)
	}
	d.stride = 4 << (capability >> 32 & 15)
	patience := max(nvmeMaxTime, time.Duration(capability>>24&0xff)*500*time.Millisecond)
	if err := d.ready(0, patience); err != nil {
		return err
	}
	d.admin = d.newQueuePair(0)
	d.regs.write32(nvmeINTMS, 1<<32-1)
	d.regs.write32(nvmeAQA, (nvmeQueue-1)<<16|(nvmeQueue-1))
	d.write64(nvmeASQ, d.address(d.admin.sq))
	d.write64(nvmeACQ, d.address(d.admin.cq))
	if err := d.ready(ccEnable, patience); err != nil {
		return err
	}
	q := d.newQueuePair(1)
	for _, c := range []struct {
		opcode, flags uint32
		memory        []byte
	}{{adminCreateCQ, 1, q.cq}, {adminCreateSQ, 1 | q.id<<16, q.sq}} {
		if err := d.command(c.opcode, 0, d.address(c.memory), q.id|(nvmeQueue-1)<<16, c.flags); err != nil {
			return err
		}
	}
	d.io, d.broken = q, nil
	return nil
}

// ready sets CC and waits until the controller is ready, or stopped if it was
// disabled.
func (d *NVMe) ready(cc uint32, patience time.Duration) error {
	d.regs.write32(nvmeCC, cc)
	for start := d.now(); ; d.pause(0) {
		switch s := d.regs.read32(nvmeCSTS); {
		case cc != 0 && s&cstsFatal != 0, s == 1<<32-1:
			return fmt.Errorf("nvme: controller status %#x", s)
		case s&cstsReady == cc&cstsReady:
			return nil
		case d.now().Sub(start) > patience:
			return fmt.Errorf("nvme: controller status %#x after %v, CC %#x", s, patience, cc)
		}
	}
}

func (d *NVMe) newQueuePair(id uint32) *nvmeQueuePair {
	q := &nvmeQueuePair{id: id, phase: 1, sq: alignedPages(1), cq: alignedPages(1)}
	q.done = lastWords(q.cq, nvmeCQE, nvmeQueue)
	q.lists = make([][]byte, nvmeQueue)
	return q
}

// identify asks what the controller and its first namespace are. Locks: mu held.
func (d *NVMe) identify() error {
	le := binary.LittleEndian
	p := alignedPages(1)
	ask := func(namespace, what uint32) error { return d.command(adminIdentify, namespace, d.address(p), what, 0) }
	if err := ask(0, identifyController); err != nil {
		return err
	}
	d.maxPages = nvmeMostPages
	if mdts := p[77]; mdts > 0 && mdts < 16 {
		d.maxPages = min(nvmeMostPages, 1<<mdts)
	}
	d.cached = p[525]&1 != 0
	if err := ask(0, identifyList); err != nil {
		return err
	}
	if d.namespace = le.Uint32(p); d.namespace == 0 {
		return errors.New("nvme: no namespace")
	}
	if err := ask(d.namespace, identifyNamespace); err != nil {
		return err
	}
	d.blocks = le.Uint64(p)
	format := p[128+4*int(p[26]&15):]
	d.blockShift = uint(format[2])
	if metadata := le.Uint16(format); metadata != 0 || d.blockShift < 9 || d.blockShift > 12 || d.blocks == 0 || bits.LeadingZeros64(d.blocks) < int(d.blockShift)+1 {
		return fmt.Errorf("nvme: namespace %d of %d blocks of 2^%d bytes, %d of metadata", d.namespace, d.blocks, d.blockShift, metadata)
	}
	return nil
}

// command performs one admin command. Locks: mu held.
func (d *NVMe) command(opcode, namespace uint32, prp uint64, cdw10, cdw11 uint32) error {
	r := &Request{}
	d.submit(d.admin, r, opcode, namespace, prp, 0, cdw10, cdw11, 0)
	if d.drain(d.admin); r.Err != nil {
		return fmt.Errorf("nvme: admin command %#x: %w", opcode, r.Err)
	}
	return nil
}

// submit puts a command into q, which has room, and tells the controller.
func (d *NVMe) submit(q *nvmeQueuePair, r *Request, opcode, namespace uint32, prp1, prp2 uint64, cdw10, cdw11, cdw12 uint32) {
	le := binary.LittleEndian
	e := q.sq[q.tail*nvmeSQE:][:nvmeSQE]
	clear(e)
	le.PutUint32(e, opcode|uint32(q.tail)<<16)
	le.PutUint32(e[4:], namespace)
	le.PutUint64(e[24:], prp1)
	le.PutUint64(e[32:], prp2)
	le.PutUint32(e[40:], cdw10)
	le.PutUint32(e[44:], cdw11)
	le.PutUint32(e[48:], cdw12)
	q.owner[q.tail], q.live[q.tail] = r, true
	r.state = requestQueued
	q.tail = (q.tail + 1) % nvmeQueue
	q.inFlight++
	d.regs.write32(nvmeBell+uint64(2*q.id)*d.stride, uint32(q.tail))
}

// reap takes completions and says whether there was any.
//
// Errors: one is of no command in flight.
func (d *NVMe) reap(q *nvmeQueuePair) (any bool, err error) {
	for q.inFlight > 0 {
		word := q.done[q.head].Load()
		if word>>16&1 != q.phase {
			break
		}
		id := word & 0xffff
		if id >= nvmeQueue || !q.live[id] {
			return any, fmt.Errorf("%w: completion of command %d, which is not in flight", ErrDiskBroken, id)
		}
		r := q.owner[id]
		q.owner[id], q.live[id] = nil, false
		q.inFlight--
		r.state = requestDone
		if status := word >> 17; status != 0 {
			r.fail(blkIOErr, fmt.Errorf("%w: NVMe status %#x", ErrDiskIO, status))
		}
		if q.head++; q.head == nvmeQueue {
			q.head, q.phase = 0, q.phase^1
		}
		any = true
	}
	if any {
		d.regs.write32(nvmeBell+uint64(2*q.id+1)*d.stride, uint32(q.head))
	}
	return any, nil
}

// drain waits until nothing is in flight in q. If the controller falls silent or
// breaks the protocol, all that is in flight fails, and the controller is stopped:
// it touches memory no more. Locks: mu held.
func (d *NVMe) drain(q *nvmeQueuePair) {
	silent, looked := time.Duration(0), d.now()
	for polls := 0; q.inFlight > 0; polls++ {
		any, err := d.reap(q)
		if now := d.now(); any {
			silent, looked, polls = 0, now, 0
		} else { // a machine that was stopped meanwhile is no silent device
			silent, looked = silent+min(now.Sub(looked), time.Second), now
		}
		if err == nil && silent > d.limit {
			err = fmt.Errorf("%w for %v", ErrDiskTimeout, d.limit)
		}
		if err != nil {
			d.io, d.broken = nil, err
			d.regs.write32(nvmeCC, 0)
			for id, live := range q.live {
				if live {
					q.owner[id].fail(blkPending, err)
				}
			}
			q.inFlight, q.live = 0, [nvmeQueue]bool{}
			return
		}
		if q.inFlight > 0 {
			d.pause(polls)
		}
	}
}

// pause lets others run after the nth poll in vain.
func (d *NVMe) pause(n int) {
	if n < 256 || d.busy {
		runtime.Gosched()
		return
	}
	time.Sleep(min(time.Duration(n-255)*10*time.Microsecond, time.Millisecond))
}

// Sectors is the capacity, in sectors of SectorBytes.
func (d *NVMe) Sectors() uint64 { return d.blocks << (d.blockShift - 9) }

// BlockBytes is the size of what can be read or written at once: 512 to 4096.
func (d *NVMe) BlockBytes() int { return 1 << d.blockShift }

// ReadOnly says whether writes are refused.
func (d *NVMe) ReadOnly() bool { return false }

// Read fills p from the disk, beginning at a sector.
//
// Errors: *DiskError: ErrDiskRange, ErrDiskShape (p is no whole number of blocks, or
// the sector none's first), ErrDiskIO, ErrDiskTimeout, ErrDiskBroken.
func (d *NVMe) Read(sector uint64, p []byte) error { return d.ReadScatter(sector, [][]byte{p}) }

// Write writes p to the disk, beginning at a sector. It is durable after Flush.
//
// Errors: those of Read.
func (d *NVMe) Write(sector uint64, p []byte) error {
	return d.transfer(DiskWrite, sector, [][]byte{p})
}

// ReadScatter is Read into pieces of memory, such as page frames, one after the other.
// Each piece is a whole number of blocks.
//
// Errors: those of Read.
func (d *NVMe) ReadScatter(sector uint64, pieces [][]byte) error {
	return d.transfer(DiskRead, sector, pieces)
}

// Flush makes all finished writes durable.
//
// Errors: *DiskError: ErrDiskIO, ErrDiskTimeout, ErrDiskBroken.
func (d *NVMe) Flush() error {
	if !d.cached {
		return nil
	}
	return d.do([]*Request{NewRequest(DiskFlush, 0)})
}

// transfer cuts a transfer into commands: each takes pieces that follow one another
// in whole pages, which is what a PRP list can say.
func (d *NVMe) transfer(op DiskOp, sector uint64, pieces [][]byte) error {
	whole := NewRequest(op, sector, pieces...)
	n := uint64(whole.bytes())
	perBlock := uint64(1) << (d.blockShift - 9)
	var shape error
	for _, p := range pieces {
		// PRPs count in doublewords.
		if len(p)&(1<<d.blockShift-1) != 0 || len(p) > 0 && d.address(p)%4 != 0 {
			shape = ErrDiskShape
		}
	}
	switch {
	case shape != nil || sector%perBlock != 0:
		whole.fail(blkPending, ErrDiskShape)
		return whole.Err
	case sector > d.Sectors() || n/SectorBytes > d.Sectors()-sector:
		whole.fail(blkPending, ErrDiskRange)
		return whole.Err
	}
	var reqs []*Request
	var current *Request
	end := uint64(0) // address behind current's last byte
	most := (d.maxPages - 1) * nvmePage
	for _, p := range pieces {
		for len(p) > 0 {
			at := d.address(p)
			if current == nil || end%nvmePage != 0 || at%nvmePage != 0 || current.bytes() >= most {
				current = NewRequest(op, sector)
				reqs = append(reqs, current)
			}
			part := p[:min(len(p), most-current.bytes())]
			current.Data = append(current.Data, part)
			sector += uint64(len(part) / SectorBytes)
			end = at + uint64(len(part))
			p = p[len(part):]
		}
	}
	return d.do(reqs)
}

// do performs requests, as many at a time as the queue holds. What a controller that
// had to be stopped has not answered is asked once more. The result is the error of
// the first failed one.
func (d *NVMe) do(reqs []*Request) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for range diskTries {
		if d.io == nil { // it was stopped
			if err := d.start(); err != nil {
				d.broken = err
			}
		}
		for _, r := range reqs {
			if e := (*DiskError)(nil); r.state == requestDone && !(errors.As(r.Err, &e) && e.Status == blkPending) {
				continue
			}
			r.Err, r.state = nil, requestIdle
			for d.io != nil && d.io.inFlight == nvmeQueue-1 {
				d.drain(d.io)
			}
			if d.io == nil {
				r.fail(blkPending, d.broken)
				continue
			}
			d.begin(r)
		}
		if d.io != nil {
			d.drain(d.io)
		}
		if d.io != nil { // it has answered all
			break
		}
	}
	for _, r := range reqs {
		if r.Err != nil {
			return r.Err
		}
	}
	return nil
}

// begin submits one request. Locks: mu held; the queue has room.
func (d *NVMe) begin(r *Request) {
	q := d.io
	if r.Op == DiskFlush {
		d.submit(q, r, nvmFlush, d.namespace, 0, 0, 0, 0, 0)
		return
	}
	var list []byte
	if list = q.lists[q.tail]; list == nil {
		list = alignedPages(1)
		q.lists[q.tail] = list
	}
	prp1, n := uint64(0), 0
	for _, p := range r.Data {
		for at, end := d.address(p), d.address(p)+uint64(len(p)); at < end; at = at&^(nvmePage-1) + nvmePage {
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
		prp2 = d.address(list)
	}
	opcode := uint32(nvmRead)
	if r.Op == DiskWrite {
		opcode = nvmWrite
	}
	block := r.Sector >> (d.blockShift - 9)
	d.submit(q, r, opcode, d.namespace, prp1, prp2, uint32(block), uint32(block>>32), uint32(r.bytes()>>d.blockShift-1))
}

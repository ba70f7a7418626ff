package x86

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"
)

// SectorBytes is the unit of disk addresses, whatever the disk's own block size.
const SectorBytes = 512

// DiskOp is what a Request asks for; the values are those of virtio-blk.
type DiskOp uint32

const (
	DiskRead  DiskOp = 0 // from the disk into memory
	DiskWrite DiskOp = 1 // from memory to the disk
	DiskFlush DiskOp = 4 // make finished writes durable
)

func (op DiskOp) String() string {
	switch op {
	case DiskRead:
		return "read"
	case DiskWrite:
		return "write"
	case DiskFlush:
		return "flush"
	}
	return fmt.Sprintf("op %d", uint32(op))
}

// Status byte of a virtio-blk request. Source: virtio 1.2, 5.2.6.
const (
	blkOK          = 0
	blkIOErr       = 1
	blkUnsupported = 2
	blkPending     = 0xff // ours: the device has not written it
)

// Features. Source: virtio 1.2, 5.2.3.
const (
	blkSizeMax = 1 << 1
	blkSegMax  = 1 << 2
	blkRO      = 1 << 5
	blkSize    = 1 << 6
	blkFlush   = 1 << 9
)

const (
	blkHeaderBytes = 16
	blkMaxSegment  = 1 << 20 // bytes of one descriptor, unless the device wants less
	blkMaxSegments = 64      // data descriptors of one request, unless the device wants fewer
	diskMaxBlock   = 4096    // bytes of one block of the disk

	// DiskTimeout is how long the machine runs without the disk finishing
	// anything before the device is reset and asked again.
	DiskTimeout = 30 * time.Second
	// diskTries is how often a request is given to the device before it fails.
	diskTries = 2
	// diskGap is the most that the time between two looks counts: a machine
	// that was stopped meanwhile, by a debugger or its host, has not waited.
	diskGap = 100 * time.Millisecond
)

// Why a disk refuses without asking the device.
var (
	ErrDiskRange    = errors.New("beyond the end of the disk")
	ErrDiskReadOnly = errors.New("disk is read-only")
	ErrDiskShape    = errors.New("data is not whole blocks of the disk, or in too many pieces")
	ErrDiskIO       = errors.New("input/output error")
	ErrDiskRefused  = errors.New("device does not support the request")
	ErrDiskTimeout  = errors.New("device does not answer")
	ErrDiskBroken   = errors.New("device broke the protocol")
)

// DiskError tells which request failed. It unwraps to one of the errors above.
type DiskError struct {
	Op     DiskOp
	Sector uint64
	Bytes  int
	Status uint8 // the device's status byte; 0xff if it gave none
	Err    error
}

func (e *DiskError) Error() string {
	return fmt.Sprintf("disk: %s of %d bytes at sector %d: %v (status %#x)", e.Op, e.Bytes, e.Sector, e.Err, e.Status)
}

func (e *DiskError) Unwrap() error { return e.Err }

// Request is one transfer. It can be used again once Do has returned.
//
// Data lies in memory whose virtual address is its physical address (on the
// machine: all of it, Go heap and frames alike) and belongs to the device until
// the request is done. It must not be on a goroutine's stack; Do makes
// whatever it is given escape.
type Request struct {
	Op     DiskOp
	Sector uint64
	Data   [][]byte // pieces of the transfer in order; their sum is a multiple of SectorBytes
	Err    error    // set when done: nil or *DiskError

	state  requestState
	tries  int    // how often the device had it in vain
	wire   []byte // header, then status byte
	header []byte
	status []byte
}

type requestState uint8

const (
	requestIdle   requestState = iota // the device does not have it
	requestQueued                     // the device has it
	requestDone
)

// NewRequest makes a request.
func NewRequest(op DiskOp, sector uint64, data ...[]byte) *Request {
	return &Request{Op: op, Sector: sector, Data: data}
}

func (r *Request) bytes() (n int) {
	for _, p := range r.Data {
		n += len(p)
	}
	return n
}

func (r *Request) fail(status uint8, err error) {
	r.Err = &DiskError{Op: r.Op, Sector: r.Sector, Bytes: r.bytes(), Status: status, Err: err}
	r.state = requestDone
}

// Disk is a virtio block device.
//
// Completion is polled by whoever waits, between calls of the scheduler and,
// after a while, short sleeps, so that other goroutines run and an idle CPU halts.
//
// A device that falls silent or breaks the protocol is reset, which takes memory
// out of its hands, and gets what it has not finished once more; what it fails to
// do again fails. It stays in use: the next request finds it reset.
type Disk struct {
	diskConfig

	address func([]byte) uint64 // of memory, as the device sees it

	mu     sync.Mutex
	dev    transport        // guarded by mu
	queue  *ring[*Request]  // guarded by mu; nil after a reset that failed
	down   error            // guarded by mu; why queue is nil
	resets uint             // guarded by mu; counts queues
	segs   []segment        // scratch, guarded by mu
	looked time.Time        // guarded by mu; when reap last ran
	silent time.Duration    // guarded by mu; since the device finished something
	limit  time.Duration    // of silent, DiskTimeout but in tests
	now    func() time.Time // time.Now but in tests

	// busy keeps a waiter from sleeping: where time passes only while
	// instructions run, or jumps ahead when none can (-icount), a sleeper would see the
	// limit go by before the host has done anything.
	busy bool
}

// diskConfig is what the device says of itself. A reset must not change it.
type diskConfig struct {
	sectors    uint64
	blockBytes int
	readOnly   bool
	canFlush   bool
	sizeMax    uint32
	segMax     int
}

// newDisk brings the block device behind t into operation.
func newDisk(t transport, address func([]byte) uint64) (*Disk, error) {
	d := &Disk{dev: t, address: address, limit: DiskTimeout, now: time.Now}
	c, err := d.start()
	if err != nil {
		t.setStatus(statusFailed)
		return nil, err
	}
	d.diskConfig = c
	return d, nil
}

// start resets the device and gives it an empty queue.
//
// Locks: mu held, once others know d.
func (d *Disk) start() (diskConfig, error) {
	t := d.dev
	d.queue = nil
	features, err := negotiate(t, blkSizeMax|blkSegMax|blkRO|blkSize|blkFlush)
	if err != nil {
		return diskConfig{}, err
	}
	c := diskConfig{
		blockBytes: SectorBytes,
		readOnly:   features&blkRO != 0,
		canFlush:   features&blkFlush != 0,
		sizeMax:    blkMaxSegment,
		segMax:     blkMaxSegments,
	}
	err = readConfig(t, func() {
		c.sectors = t.config64(0)
		if features&blkSizeMax != 0 {
			c.sizeMax = min(blkMaxSegment, t.config32(8))
		}
		if features&blkSegMax != 0 {
			c.segMax = int(min(blkMaxSegments, t.config32(12)))
		}
		if features&blkSize != 0 {
			c.blockBytes = int(t.config32(20))
		}
	})
	if err != nil {
		return c, err
	}
	if c.sizeMax < SectorBytes || c.segMax < 1 || c.sectors > 1<<63/SectorBytes {
		return c, fmt.Errorf("virtio: disk of %d sectors, %d segments of %d bytes", c.sectors, c.segMax, c.sizeMax)
	}
	if b := c.blockBytes; b < SectorBytes || b > diskMaxBlock || b&(b-1) != 0 {
		return c, fmt.Errorf("virtio: disk with blocks of %d bytes", b)
	}
	size, err := ringSize(t.queueMax(0))
	if err != nil {
		return c, err
	}
	if size < 4 {
		return c, fmt.Errorf("virtio: queue of %d descriptors cannot hold a request", size)
	}
	c.segMax = min(c.segMax, int(size)-2)
	d.queue = newRing[*Request](size)
	d.resets++
	base := d.address(d.queue.memory)
	avail, used, _ := ringLayout(int(size))
	t.setQueue(0, size, base, base+uint64(avail), base+uint64(used))
	t.setStatus(t.status() | statusDriverOK)
	return c, nil
}

// Sectors is the capacity, in sectors of SectorBytes.
func (d *Disk) Sectors() uint64 { return d.sectors }

// BlockBytes is the size of the disk's own blocks, 512 to 4096: every transfer begins and ends
// at a multiple of it.
func (d *Disk) BlockBytes() int { return d.blockBytes }

// ReadOnly says whether writes are refused.
func (d *Disk) ReadOnly() bool { return d.readOnly }

// Read fills p from the disk, beginning at a sector.
//
// Errors: *DiskError: ErrDiskRange, ErrDiskShape (p is not whole blocks of the
// disk), ErrDiskIO, ErrDiskTimeout, ErrDiskBroken.
func (d *Disk) Read(sector uint64, p []byte) error { return d.transfer(DiskRead, sector, p) }

// Write writes p to the disk, beginning at a sector. It is durable after Flush.
//
// Errors: those of Read, and ErrDiskReadOnly.
func (d *Disk) Write(sector uint64, p []byte) error { return d.transfer(DiskWrite, sector, p) }

// ReadScatter is Read into pieces of memory, such as page frames, one after the other.
// Each piece is whole blocks of the disk; there may be any number of them.
//
// Errors: those of Read.
func (d *Disk) ReadScatter(sector uint64, pieces [][]byte) error {
	return d.vector(DiskRead, sector, pieces)
}

// WriteGather is Write out of pieces of memory, as ReadScatter reads into them.
//
// Errors: those of Write.
func (d *Disk) WriteGather(sector uint64, pieces [][]byte) error {
	return d.vector(DiskWrite, sector, pieces)
}

func (d *Disk) vector(op DiskOp, sector uint64, pieces [][]byte) error {
	var reqs []*Request
	for len(pieces) > 0 {
		n, segments, bytes := 0, 0, 0
		for ; n < len(pieces); n++ {
			p := pieces[n]
			more := d.segmentsOf(p)
			if n > 0 && segments+more > d.segMax {
				break
			}
			if len(p)%d.blockBytes != 0 {
				r := NewRequest(op, sector, pieces...)
				r.fail(blkPending, ErrDiskShape)
				return r.Err
			}
			segments += more
			bytes += len(p)
		}
		if bytes > 0 {
			reqs = append(reqs, NewRequest(op, sector, pieces[:n]...))
		}
		sector += uint64(bytes / SectorBytes)
		pieces = pieces[n:]
	}
	return d.Do(reqs...)
}

// segmentsOf is how many descriptors p takes.
func (d *Disk) segmentsOf(p []byte) int { return (len(p) + int(d.sizeMax) - 1) / int(d.sizeMax) }

// Flush makes all finished writes durable. A disk without a write cache has nothing
// to do.
//
// Errors: *DiskError: ErrDiskIO, ErrDiskTimeout, ErrDiskBroken.
func (d *Disk) Flush() error {
	if !d.canFlush {
		return nil
	}
	return d.Do(NewRequest(DiskFlush, 0))
}

func (d *Disk) transfer(op DiskOp, sector uint64, p []byte) error {
	if len(p) == 0 {
		return nil
	}
	most := int(d.sizeMax) * d.segMax &^ (d.blockBytes - 1)
	var reqs []*Request
	for len(p) > 0 {
		n := min(len(p), most)
		reqs = append(reqs, NewRequest(op, sector, p[:n]))
		sector += uint64(n / SectorBytes)
		p = p[n:]
	}
	return d.Do(reqs...)
}

// Do performs requests, all in flight at once as far as the queue has room, in
// no particular order, and returns when all are done. The result is the error of
// the first failed one in the list; each request has its own in Err.
//
// Locks: takes the disk's own; other goroutines may use the disk meanwhile.
func (d *Disk) Do(reqs ...*Request) error {
	for _, r := range reqs {
		r.prepare()
		if err := d.check(r); err != nil {
			r.fail(blkPending, err)
		}
	}
	next, polls, resets := 0, 0, uint(0)
	d.mu.Lock()
	for {
		if d.queue == nil {
			d.restart()
		}
		if resets != d.resets { // the device lost what it had
			resets, next = d.resets, 0
		}
		pushed := false
		for ; next < len(reqs); next++ {
			r := reqs[next]
			if r.state != requestIdle {
				continue
			}
			if d.queue == nil {
				r.fail(blkPending, d.down)
				continue
			}
			r.status[0] = blkPending
			d.segs = d.segments(d.segs[:0], r)
			if d.queue.inFlight == 0 {
				d.looked, d.silent = d.now(), 0
			}
			if !d.queue.push(d.segs, r) {
				break
			}
			r.state = requestQueued
			pushed = true
		}
		if pushed {
			d.queue.publish()
			d.dev.notify(0)
			polls = 0
			// Even a device that answers at once must not let one
			// goroutine keep the CPU.
			d.mu.Unlock()
			runtime.Gosched()
			d.mu.Lock()
		}
		if d.reap() {
			polls = 0
		}
		if next == len(reqs) && allDone(reqs) {
			break
		}
		d.mu.Unlock()
		d.pause(polls)
		polls++
		d.mu.Lock()
	}
	d.mu.Unlock()
	for _, r := range reqs {
		if r.Err != nil {
			return r.Err
		}
	}
	return nil
}

// pause lets others run after the nth poll in vain.
func (d *Disk) pause(n int) {
	const spins = 256
	if n < spins || d.busy {
		runtime.Gosched()
		return
	}
	time.Sleep(min(time.Duration(n-spins+1)*10*time.Microsecond, time.Millisecond))
}

func allDone(reqs []*Request) bool {
	for _, r := range reqs {
		if r.state != requestDone {
			return false
		}
	}
	return true
}

// prepare writes the parts of the request that the device sees.
func (r *Request) prepare() {
	r.Err, r.state, r.tries = nil, requestIdle, 0
	if r.wire == nil {
		r.wire = make([]byte, blkHeaderBytes+1)
		r.header, r.status = r.wire[:blkHeaderBytes], r.wire[blkHeaderBytes:]
	}
	binary.LittleEndian.PutUint32(r.header, uint32(r.Op))
	binary.LittleEndian.PutUint32(r.header[4:], 0)
	binary.LittleEndian.PutUint64(r.header[8:], r.Sector)
	r.status[0] = blkPending
}

// check refuses what need not be asked.
func (d *Disk) check(r *Request) error {
	if r.Op == DiskFlush {
		if len(r.Data) != 0 || r.Sector != 0 {
			return ErrDiskShape
		}
		return nil
	}
	if r.Op != DiskRead && r.Op != DiskWrite {
		return ErrDiskRefused
	}
	if r.Op == DiskWrite && d.readOnly {
		return ErrDiskReadOnly
	}
	n, pieces := 0, 0
	for _, p := range r.Data {
		n += len(p)
		pieces += d.segmentsOf(p)
	}
	if n == 0 || n%d.blockBytes != 0 || r.Sector%uint64(d.blockBytes/SectorBytes) != 0 || pieces > d.segMax {
		return ErrDiskShape
	}
	if count := uint64(n / SectorBytes); r.Sector > d.sectors || count > d.sectors-r.Sector {
		return ErrDiskRange
	}
	return nil
}

// segments appends r's memory in the order of virtio 1.2, 5.2.6: header, data,
// status.
func (d *Disk) segments(segs []segment, r *Request) []segment {
	segs = append(segs, segment{addr: d.address(r.header), length: blkHeaderBytes})
	for _, p := range r.Data {
		for len(p) > 0 {
			n := min(len(p), int(d.sizeMax))
			segs = append(segs, segment{addr: d.address(p[:n]), length: uint32(n), write: r.Op == DiskRead})
			p = p[n:]
		}
	}
	return append(segs, segment{addr: d.address(r.status), length: 1, write: true})
}

// reap finishes what the device has finished and says whether there was any.
//
// Locks: mu held.
func (d *Disk) reap() bool {
	if d.queue == nil {
		return false
	}
	any := false
	for {
		r, _, ok, err := d.queue.pop()
		if err != nil {
			d.abandon(fmt.Errorf("%w: %w", ErrDiskBroken, err))
			return true
		}
		if !ok {
			break
		}
		any = true
		switch s := r.status[0]; s {
		case blkOK:
			r.state = requestDone
		case blkIOErr:
			r.fail(s, ErrDiskIO)
		case blkUnsupported:
			r.fail(s, ErrDiskRefused)
		default:
			r.fail(s, ErrDiskBroken)
		}
	}
	now := d.now()
	d.silent += min(now.Sub(d.looked), diskGap)
	d.looked = now
	if any {
		d.silent = 0
	} else if d.queue.inFlight > 0 && d.silent > d.limit {
		d.abandon(fmt.Errorf("%w for %v", ErrDiskTimeout, d.limit))
		return true
	}
	return any
}

// abandon takes everything in flight away from the device for err and resets it: a
// request goes back to its owner to be given again, unless it has been often
// enough.
//
// Locks: mu held.
func (d *Disk) abandon(err error) {
	d.dev.setStatus(0)
	for i := range d.queue.chains {
		c := &d.queue.chains[i]
		if !c.live {
			continue
		}
		if c.owner.tries++; c.owner.tries < diskTries {
			c.owner.state = requestIdle
		} else {
			c.owner.fail(blkPending, err)
		}
	}
	d.restart()
}

// restart brings the device into operation again; d.queue stays nil, and d.down
// says why, if that fails.
//
// Locks: mu held.
func (d *Disk) restart() {
	c, err := d.start()
	if err == nil && c != d.diskConfig {
		err = fmt.Errorf("%w: after a reset the disk is another one: %+v, was %+v", ErrDiskBroken, c, d.diskConfig)
	}
	if err != nil {
		d.dev.setStatus(0)
		d.queue, d.down = nil, fmt.Errorf("%w: %w", ErrDiskTimeout, err)
	}
}

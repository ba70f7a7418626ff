package x86

import (
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
	if name := map[DiskOp]string{DiskRead: "read", DiskWrite: "write", DiskFlush: "flush"}[op]; name != "" {
		return name
	}
	return fmt.Sprintf("op %d", uint32(op))
}

// blkPending is the status of a request whose device has given none.
const blkPending = 0xff

const (
	diskMaxBlock = 4096 // bytes of one block of the disk

	// DiskTimeout is how long the machine runs without the disk finishing
	// anything before the device is reset and asked again.
	DiskTimeout = 30 * time.Second
	// diskTries is how often a request is given to the device before it fails.
	diskTries = 2
	// diskGap is the most that the time between two looks counts: a machine
	// that was stopped meanwhile, by a debugger or its host, has not waited.
	diskGap = 100 * time.Millisecond
)

// Why a request fails; its error says more and unwraps to one of these. The first three are
// found without asking the device.
var (
	ErrDiskRange    = errors.New("beyond the end of the disk")
	ErrDiskReadOnly = errors.New("disk is read-only")
	ErrDiskShape    = errors.New("data is not whole blocks of the disk, or in too many pieces")
	ErrDiskIO       = errors.New("input/output error")
	ErrDiskRefused  = errors.New("device does not support the request")
	ErrDiskTimeout  = errors.New("device does not answer")
	ErrDiskBroken   = errors.New("device broke the protocol")
)

// Request is one transfer. It can be used again once do has returned.
//
// Data lies in memory whose virtual address is its physical address (on the
// machine: all of it, Go heap and frames alike) and belongs to the device until
// the request is done. It must not be on a goroutine's stack; do makes
// whatever it is given escape.
type Request struct {
	Op     DiskOp
	Sector uint64
	Data   [][]byte // pieces of the transfer in order; their sum is a multiple of SectorBytes
	Err    error    // set when done

	state requestState
	tries int    // how often the device had it in vain
	wire  []byte // what the device sees besides Data; virtio's
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

// fail ends r. status is the device's status byte, blkPending if it gave none.
func (r *Request) fail(status uint8, err error) {
	r.Err = fmt.Errorf("disk: %v of %d bytes at sector %d: %w (status %#x)", r.Op, r.bytes(), r.Sector, err, status)
	r.state = requestDone
}

// blockQueue is how a kind of device is given requests: virtio's or NVMe's.
//
// Locks: the disk's, once others know it.
type blockQueue interface {
	// start resets the device and gives it an empty queue.
	start() (diskConfig, error)
	// stop resets the device: it touches memory no more.
	stop()
	// fits is how many bytes of p can be the next of a request for data; 0 if none.
	fits(data [][]byte, p []byte) int
	// push puts a request into the queue, false if that is full; publish shows all
	// that were to the device.
	push(r *Request) bool
	publish()
	// reap finishes what the device has finished, and counts it.
	// Errors: the device broke the protocol.
	reap() (done int, err error)
}

// Disk is a block device behind a queue of requests.
//
// Completion is polled by whoever waits, between calls of the scheduler and,
// after a while, short sleeps, so that other goroutines run and an idle CPU halts.
//
// A device that falls silent or breaks the protocol is reset, which takes memory
// out of its hands, and gets what it has not finished once more; what it fails to
// do again fails. It stays in use: the next request finds it reset.
type Disk struct {
	diskConfig

	mu     sync.Mutex
	queue  blockQueue       // guarded by mu, as all below
	flying int              // requests that the device has
	down   error            // why the device could not be started again
	resets uint             // counts starts
	lost   error            // why the last one was: what flew then did so in vain
	looked time.Time        // when reap last ran
	silent time.Duration    // since the device finished something
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
	pieces     int // of one request's data, at most
}

// openDisk brings the device behind q into operation.
//
// Errors: those of its start.
func openDisk(q blockQueue) (*Disk, error) {
	c, err := q.start()
	if err != nil {
		q.stop()
		return nil, err
	}
	return &Disk{diskConfig: c, queue: q, resets: 1, limit: DiskTimeout, now: time.Now}, nil
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
// Errors: ErrDiskRange, ErrDiskShape (p is not whole blocks of the
// disk), ErrDiskIO, ErrDiskTimeout, ErrDiskBroken.
func (d *Disk) Read(sector uint64, p []byte) error {
	return d.transfer(DiskRead, sector, [][]byte{p})
}

// Write writes p to the disk, beginning at a sector. It is durable after Flush.
//
// Errors: those of Read, and ErrDiskReadOnly.
func (d *Disk) Write(sector uint64, p []byte) error {
	return d.transfer(DiskWrite, sector, [][]byte{p})
}

// ReadScatter is Read into pieces of memory, such as page frames, one after the other.
// Each piece is whole blocks of the disk; there may be any number of them.
//
// Errors: those of Read.
func (d *Disk) ReadScatter(sector uint64, pieces [][]byte) error {
	return d.transfer(DiskRead, sector, pieces)
}

// Flush makes all finished writes durable. A disk without a write cache has nothing
// to do.
//
// Errors: ErrDiskIO, ErrDiskTimeout, ErrDiskBroken.
func (d *Disk) Flush() error {
	if !d.canFlush {
		return nil
	}
	return d.do(NewRequest(DiskFlush, 0))
}

func (d *Disk) transfer(op DiskOp, sector uint64, pieces [][]byte) error {
	reqs, err := d.cut(op, sector, pieces)
	if err != nil {
		return err
	}
	return d.do(reqs...)
}

// cut cuts a transfer into requests as the queue wants them.
//
// Locks: takes mu: a reset may be asking the device what it wants. Errors: ErrDiskShape.
func (d *Disk) cut(op DiskOp, sector uint64, pieces [][]byte) (reqs []*Request, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	whole := NewRequest(op, sector, pieces...)
	var r *Request
	for _, p := range pieces {
		n := len(p)
		for ; len(p) > 0 && n > 0; p = p[n:] {
			n = 0
			if r != nil {
				n = d.queue.fits(r.Data, p)
			}
			if n == 0 {
				r = NewRequest(op, sector)
				reqs = append(reqs, r)
				n = d.queue.fits(nil, p)
			}
			r.Data = append(r.Data, p[:n])
			sector += uint64(n / SectorBytes)
		}
		if len(p) > 0 || n%d.blockBytes != 0 {
			whole.fail(blkPending, ErrDiskShape)
			return nil, whole.Err
		}
	}
	return reqs, nil
}

// do performs requests, all in flight at once as far as the queue has room, in
// no particular order, and returns when all are done. The result is the error of
// the first failed one in the list; each request has its own in Err.
//
// Locks: takes the disk's own; other goroutines may use the disk meanwhile.
func (d *Disk) do(reqs ...*Request) error {
	for _, r := range reqs {
		r.Err, r.state, r.tries = nil, requestIdle, 0
		if err := d.check(r); err != nil {
			r.fail(blkPending, err)
		}
	}
	next, polls, resets := 0, 0, uint(0)
	d.mu.Lock()
	for {
		if d.down != nil {
			d.restart()
		}
		if resets != d.resets {
			resets, next = d.resets, 0
			d.recover(reqs)
		}
		pushed := false
		for ; next < len(reqs); next++ {
			r := reqs[next]
			if r.state != requestIdle {
				continue
			}
			if d.down != nil {
				r.fail(blkPending, d.down)
				continue
			}
			if d.flying == 0 {
				d.looked, d.silent = d.now(), 0
			}
			if !d.queue.push(r) {
				break
			}
			r.state = requestQueued
			d.flying++
			pushed = true
		}
		if pushed {
			d.queue.publish()
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
	n := r.bytes()
	if n == 0 || n%d.blockBytes != 0 || r.Sector%uint64(d.blockBytes/SectorBytes) != 0 || len(r.Data) > d.pieces {
		return ErrDiskShape
	}
	if count := uint64(n / SectorBytes); r.Sector > d.sectors || count > d.sectors-r.Sector {
		return ErrDiskRange
	}
	return nil
}

// reap finishes what the device has finished and says whether there was any.
//
// Locks: mu held.
func (d *Disk) reap() bool {
	if d.down != nil {
		return false
	}
	done, err := d.queue.reap()
	d.flying -= done
	now := d.now()
	d.silent += min(now.Sub(d.looked), diskGap)
	d.looked = now
	if done > 0 {
		d.silent = 0
	} else if err == nil && d.silent > d.limit && d.flying > 0 {
		err = fmt.Errorf("%w for %v", ErrDiskTimeout, d.limit)
	}
	if err != nil {
		d.queue.stop()
		d.flying, d.lost = 0, err
		d.restart()
	}
	return done > 0 || err != nil
}

// recover has those of reqs that a reset took from the device given again, unless they
// have been often enough.
//
// Locks: mu held.
func (d *Disk) recover(reqs []*Request) {
	for _, r := range reqs {
		if r.state != requestQueued {
			continue
		}
		if r.tries++; r.tries < diskTries {
			r.state = requestIdle
		} else {
			r.fail(blkPending, d.lost)
		}
	}
}

// restart brings the device into operation again, or says in d.down why that fails.
//
// Locks: mu held.
func (d *Disk) restart() {
	d.resets++
	c, err := d.queue.start()
	if err == nil && c != d.diskConfig {
		err = fmt.Errorf("%w: after a reset the disk is another one: %+v, was %+v", ErrDiskBroken, c, d.diskConfig)
	}
	if d.down = nil; err != nil {
		d.queue.stop()
		d.down = fmt.Errorf("%w: %w", ErrDiskTimeout, err)
	}
}

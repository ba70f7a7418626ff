package x86

import (
	"encoding/binary"
	"fmt"
)

// Status byte of a virtio-blk request. Source: virtio 1.2, 5.2.6.
const (
	blkOK          = 0
	blkIOErr       = 1
	blkUnsupported = 2
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
)

// virtioQueue is the blockQueue of a virtio block device.
type virtioQueue struct {
	dev     transport
	address func([]byte) uint64 // of memory, as the device sees it
	ring    *ring[*Request]
	segs    []segment // scratch

	sizeMax, segMax, block int // bytes of a segment, segments of a request, bytes of a block
}

// newDisk brings the block device behind t into operation.
func newDisk(t transport, address func([]byte) uint64) (*Disk, error) {
	return openDisk(&virtioQueue{dev: t, address: address})
}

func (q *virtioQueue) start() (diskConfig, error) {
	t := q.dev
	features, err := negotiate(t, blkSizeMax|blkSegMax|blkRO|blkSize|blkFlush)
	if err != nil {
		return diskConfig{}, err
	}
	c := diskConfig{readOnly: features&blkRO != 0, canFlush: features&blkFlush != 0}
	err = readConfig(t, func() {
		c.sectors, q.sizeMax, q.segMax, q.block = t.config64(0), blkMaxSegment, blkMaxSegments, SectorBytes
		if features&blkSizeMax != 0 {
			q.sizeMax = int(min(blkMaxSegment, t.config32(8)))
		}
		if features&blkSegMax != 0 {
			q.segMax = int(min(blkMaxSegments, t.config32(12)))
		}
		if features&blkSize != 0 {
			q.block = int(t.config32(20))
		}
	})
	if err != nil {
		return c, err
	}
	if q.sizeMax < SectorBytes || q.segMax < 1 || c.sectors > 1<<63/SectorBytes {
		return c, fmt.Errorf("virtio: disk of %d sectors, %d segments of %d bytes", c.sectors, q.segMax, q.sizeMax)
	}
	if b := q.block; b < SectorBytes || b > diskMaxBlock || b&(b-1) != 0 {
		return c, fmt.Errorf("virtio: disk with blocks of %d bytes", b)
	}
	if q.ring, err = openRing[*Request](t, 0, 4, q.address); err != nil {
		return c, err
	}
	q.segMax = min(q.segMax, int(q.ring.size)-2)
	c.pieces, c.blockBytes = q.segMax, q.block
	return c, nil
}

func (q *virtioQueue) stop() { q.dev.setStatus(0) }

func (q *virtioQueue) fits(data [][]byte, p []byte) int {
	room := q.segMax
	for _, d := range data {
		room -= (len(d) + q.sizeMax - 1) / q.sizeMax
	}
	return min(len(p), max(room, 0)*q.sizeMax&^(q.block-1))
}

// push adds r as virtio 1.2, 5.2.6 wants it: header, data, status.
func (q *virtioQueue) push(r *Request) bool {
	if r.wire == nil {
		r.wire = make([]byte, blkHeaderBytes+1)
	}
	binary.LittleEndian.PutUint32(r.wire, uint32(r.Op))
	binary.LittleEndian.PutUint64(r.wire[8:], r.Sector)
	r.wire[blkHeaderBytes] = blkPending
	q.segs = append(q.segs[:0], segment{addr: q.address(r.wire[:blkHeaderBytes]), length: blkHeaderBytes})
	for _, p := range r.Data {
		for len(p) > 0 {
			n := min(len(p), q.sizeMax)
			q.segs = append(q.segs, segment{addr: q.address(p[:n]), length: uint32(n), write: r.Op == DiskRead})
			p = p[n:]
		}
	}
	q.segs = append(q.segs, segment{addr: q.address(r.wire[blkHeaderBytes:]), length: 1, write: true})
	return q.ring.push(q.segs, r)
}

func (q *virtioQueue) publish() {
	q.ring.publish()
	q.dev.notify(0)
}

func (q *virtioQueue) reap() (done int, err error) {
	for {
		r, ok, err := q.ring.pop()
		if err != nil {
			return done, fmt.Errorf("%w: %w", ErrDiskBroken, err)
		}
		if !ok {
			return done, nil
		}
		done++
		switch s := r.wire[blkHeaderBytes]; s {
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
}

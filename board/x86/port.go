package x86

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// Queues of a console device without VIRTIO_CONSOLE_F_MULTIPORT. Source: virtio
// 1.2, 5.3.2.
const portTransmit = 1

// portTimeout is how long the host may take to accept a Write, portPoll how often that
// is looked at.
const (
	portTimeout = 5 * time.Second
	portPoll    = time.Millisecond
)

var errPortSilent = errors.New("virtio console: the host takes nothing")

// Port is a virtio console, of which only the way to the host is used: bytes in
// bulk, for less than a serial port costs.
type Port struct {
	address func([]byte) uint64
	mu      sync.Mutex
	dev     transport       // guarded by mu
	queue   *ring[struct{}] // guarded by mu
	wire    []byte          // guarded by mu; what the host is given
	err     error           // guarded by mu; why it is not used any more
}

// newPort brings the console device behind t into operation.
func newPort(t transport, address func([]byte) uint64) (*Port, error) {
	if _, err := negotiate(t, 0); err != nil {
		return nil, err
	}
	queue, err := openRing[struct{}](t, portTransmit, 1, address)
	if err != nil {
		t.setStatus(statusFailed)
		return nil, fmt.Errorf("virtio console: %w", err)
	}
	return &Port{address: address, dev: t, queue: queue}, nil
}

// Write gives b to the host, and returns when the host has it.
//
// Errors: the host takes nothing for a while, or the device broke the protocol;
// the port stays unusable.
func (p *Port) Write(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return 0, p.err
	}
	p.wire = append(p.wire[:0], b...) // b may lie on a stack, which moves
	p.queue.push([]segment{{addr: p.address(p.wire), length: uint32(len(b))}}, struct{}{})
	p.queue.publish()
	p.dev.notify(portTransmit)
	for start := time.Now(); ; time.Sleep(portPoll) {
		_, done, err := p.queue.pop()
		if err == nil && !done && time.Since(start) > portTimeout {
			err = errPortSilent
		}
		if err != nil {
			p.err = err
			p.dev.setStatus(0) // the device lets go of memory
			return 0, err
		}
		if done {
			return len(b), nil
		}
	}
}

package pager

import (
	"faultline/object"
	"faultline/trace"
	"faultline/vmo"
	"faultline/zx"
)

// completeState is how far the goodbye message is.
type completeState uint8

const (
	completeNone      completeState = iota
	completeWaiting                 // behind a packet in the slot
	completeSlot                    // in the slot
	completeDelivered               // or lost with its port, or withdrawn for good
)

// sendQueue is the requests that wait for the slot, oldest first, linked
// through the requests.
type sendQueue struct{ head, tail *vmo.PageRequest }

func (q *sendQueue) push(r *vmo.PageRequest) {
	r.Packet = vmo.PacketWaiting
	r.PreviousSend, r.NextSend = q.tail, nil
	if q.tail == nil {
		q.head = r
	} else {
		q.tail.NextSend = r
	}
	q.tail = r
}

func (q *sendQueue) remove(r *vmo.PageRequest) {
	if r.PreviousSend == nil {
		q.head = r.NextSend
	} else {
		r.PreviousSend.NextSend = r.NextSend
	}
	if r.NextSend == nil {
		q.tail = r.PreviousSend
	} else {
		r.NextSend.PreviousSend = r.PreviousSend
	}
	r.PreviousSend, r.NextSend = nil, nil
	r.Packet = vmo.PacketNone
}

// replace puts heir in r's place.
func (q *sendQueue) replace(r, heir *vmo.PageRequest) {
	heir.PreviousSend, heir.NextSend = r.PreviousSend, r.NextSend
	if r.PreviousSend == nil {
		q.head = heir
	} else {
		r.PreviousSend.NextSend = heir
	}
	if r.NextSend == nil {
		q.tail = heir
	} else {
		r.NextSend.PreviousSend = heir
	}
	r.PreviousSend, r.NextSend = nil, nil
}

// Send implements vmo.Provider: it puts the packet of the primary r on the port,
// or r in line for the slot. Source: docs/pager.md 5.6. Locks: the page source's
// held, as for all below.
//
//go:nosplit
func (s *Proxy) Send(r *vmo.PageRequest) {
	switch {
	case trace.On(): // one look for both records
		s.sendTraced(r)
	case s.busy:
		s.fifo.push(r)
	default:
		s.put(r)
	}
}

// sendTraced is Send that leaves records.
func (s *Proxy) sendTraced(r *vmo.PageRequest) {
	s.trace(trace.Request, r)
	if s.busy {
		s.fifo.push(r)
	} else if s.put(r) {
		s.trace(trace.Packet, r)
	}
}

// trace records that r was made, or its packet taken.
func (s *Proxy) trace(kind trace.Kind, r *vmo.PageRequest) {
	trace.Emit(kind, uint32(r.Kind.Command()), uint64(s.koid), r.Offset, r.Length)
}

// put sends r's packet by the free slot, where it stays until a pager takes it. A
// closed port keeps the slot busy for ever. It says whether one that waited has taken it.
//
//go:nosplit
func (s *Proxy) put(r *vmo.PageRequest) (taken bool) {
	// Key, type and the reserved fields are what newProxy made them.
	s.packet.Packet.SetPageRequest(zx.PageRequest{Command: r.Kind.Command(), Offset: r.Offset, Length: r.Length})
	r.Packet = vmo.PacketDelivered
	taken, st := s.port.Queue(&s.packet)
	if taken {
		return true
	}
	s.busy = true
	if st == zx.OK {
		r.Packet = vmo.PacketSlot
		s.active = r
	}
	return false
}

// sendComplete queues the goodbye message behind whatever is in the slot.
func (s *Proxy) sendComplete() {
	if s.complete != completeNone {
		return
	}
	s.complete = completeWaiting
	if !s.busy {
		s.putComplete()
	}
}

func (s *Proxy) putComplete() {
	s.packet.Packet.SetPageRequest(zx.PageRequest{Command: zx.PageComplete})
	taken, st := s.port.Queue(&s.packet)
	s.busy = !taken
	if taken || st != zx.OK {
		s.complete = completeDelivered
		s.pager.forget(s)
		return
	}
	s.complete = completeSlot
}

// withdrawComplete takes back the goodbye message if nobody has it yet, and
// makes sure that it is never sent.
func (s *Proxy) withdrawComplete() {
	if s.complete == completeSlot && s.port.Cancel(&s.packet) {
		s.busy = false
	}
	s.complete = completeDelivered
}

// Clear implements vmo.Provider: it takes back the packet of r, or its place in
// the line.
func (s *Proxy) Clear(r *vmo.PageRequest) {
	switch r.Packet {
	case vmo.PacketWaiting:
		s.fifo.remove(r)
	case vmo.PacketSlot:
		s.active = nil
		r.Packet = vmo.PacketNone
		// When it was just taken, PacketDequeued frees the slot.
		if s.port.Cancel(&s.packet) {
			s.free()
		}
	}
}

// Swap implements vmo.Provider: it gives r's packet, or its place in the line, to
// heir.
func (s *Proxy) Swap(r, heir *vmo.PageRequest) {
	heir.Packet = r.Packet
	switch r.Packet {
	case vmo.PacketWaiting:
		s.fifo.replace(r, heir)
	case vmo.PacketSlot:
		s.active = heir
	}
	r.Packet = vmo.PacketNone
}

// OnDetach implements vmo.Provider: it says goodbye, unless the pager is gone.
func (s *Proxy) OnDetach() {
	if !s.orphaned {
		s.sendComplete()
	}
}

// free opens the slot for whoever is next. While a detached source lets its
// requests go, none of them is.
func (s *Proxy) free() {
	s.busy = false
	for r := s.fifo.head; r != nil; r = s.fifo.head {
		if s.Detached() {
			return
		}
		s.fifo.remove(r)
		if !s.put(r) {
			return
		}
		if trace.On() {
			s.trace(trace.Packet, r)
		}
	}
	if s.complete == completeWaiting {
		s.putComplete()
	}
}

// PacketDequeued implements object.PacketOwner: the pager has the packet. That
// acknowledges nothing; it only opens the slot.
//
// Locks: none held; takes the page source's.
func (s *Proxy) PacketDequeued(*object.PortPacket) {
	s.Lock()
	if r := s.active; r != nil {
		if trace.On() {
			s.trace(trace.Packet, r)
		}
		r.Packet = vmo.PacketDelivered
		s.active = nil
		if s.fifo.head == nil && s.complete == completeNone {
			s.busy = false
			s.Unlock()
			return
		}
	}
	gone := s.complete == completeSlot
	if gone {
		s.complete = completeDelivered
	}
	s.free()
	s.Unlock()
	if gone {
		s.pager.forget(s)
	}
}

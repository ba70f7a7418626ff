package pager

import (
	"fmt"
	"slices"
	"strings"

	"faultline/vmo"
	"faultline/zx"
)

// What an operator is told: requests as they stand, and the warnings about
// those that stand too long.

// named notes which VMO the source is of.
func (s *Proxy) named(koid zx.Koid) {
	s.Lock()
	s.koid = koid
	s.Unlock()
}

// Proxies lists the proxies whose COMPLETE was not delivered, those of VMOs
// that are gone included, the youngest first.
func (p *Pager) Proxies() (list []*Proxy) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for s := p.proxies; s != nil; s = s.next {
		list = append(list, s)
	}
	return list
}

// Closed says whether the pager's last handle is gone.
func (p *Pager) Closed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// RequestInfo is what the console tells of one request.
type RequestInfo struct {
	Kind           vmo.RequestKind
	Offset, Length uint64          // bytes
	Pending        uint64          // bytes still missing
	Packet         vmo.PacketState // of a primary
	Overlaps       int             // how many hang on it
	Overlap        bool            // it hangs on the primary that was told before it
	Thread         zx.Koid         // who waits; KoidInvalid for a thread of the kernel
	Since          zx.Time         // when its wait was first looked at; 0 if it does not wait
}

// Name is the packet command that the request is told by.
func (r *RequestInfo) Name() string { return kindName(r.Kind) }

// End is the offset of the first byte after the range.
func (r *RequestInfo) End() uint64 { return r.Offset + r.Length }

func kindName(kind vmo.RequestKind) string {
	return [vmo.RequestKinds]string{vmo.RequestRead: "READ", vmo.RequestDirty: "DIRTY"}[kind]
}

// Sent spells where the packet of a primary is: Zircon's [sent] when it left
// the kernel's queue, and whether the pager has taken it since.
func (r *RequestInfo) Sent() string {
	switch {
	case r.Overlap:
		return "[overlap]"
	case r.Packet == vmo.PacketDelivered:
		return "[sent, taken from the port]"
	case r.Packet == vmo.PacketSlot:
		return "[sent, on the port]"
	}
	return "[waits for the packet slot]"
}

// String is the request in one line, without its age.
func (r *RequestInfo) String() string {
	return fmt.Sprintf("%-5s [%#x, %#x) pending %#x overlap %d %s", r.Name(), r.Offset, r.End(), r.Pending, r.Overlaps, r.Sent())
}

// Requests lists the outstanding requests, READ before DIRTY and by offset, each
// followed by those that hang on it.
func (s *Proxy) Requests() []RequestInfo {
	var now zx.Time
	if s.sys.cfg.Now != nil {
		now = s.sys.cfg.Now()
	}
	s.Lock()
	defer s.Unlock()
	return s.requests(now)
}

// requests is Requests. Locks: the source's held.
func (s *Proxy) requests(now zx.Time) (list []RequestInfo) {
	group := 0 // where the group being told begins: those that hang on a primary come before it
	s.Each(func(r *vmo.PageRequest) {
		if r.Hangs {
			list = append(list, infoOf(r, now))
			return
		}
		i := infoOf(r, now)
		i.Overlaps = len(list) - group
		list = slices.Insert(list, group, i)
		group = len(list)
	})
	return list
}

// infoOf tells of one request. Locks: its source's held.
func infoOf(r *vmo.PageRequest, now zx.Time) RequestInfo {
	i := RequestInfo{Kind: r.Kind, Offset: r.Offset, Length: r.Length, Packet: r.Packet,
		Overlap: r.Hangs, Thread: waiterKoid(r)}
	if r.Since.Load() != 0 {
		i.Since = since(r, now)
	}
	if !i.Overlap {
		i.Pending = r.Pending
	}
	return i
}

// waiterKoid names the thread behind r, if it has a name.
func waiterKoid(r *vmo.PageRequest) zx.Koid {
	if t, ok := r.Yielder().(interface{ Koid() zx.Koid }); ok {
		return t.Koid()
	}
	return zx.KoidInvalid
}

// overtimeRequests is how many requests a warning lists.
const overtimeRequests = 16

// overtime is the warning of waits that take long, the longest of them took, in
// Zircon's words, with what the source knows. Locks: the source's held.
func (s *Proxy) overtime(now, took zx.Time) string {
	i, list := s.info(), s.requests(now)
	no := " no"
	if i.OnPort {
		no = ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "WARNING Page source of VMO %d, pager %d, key %#x has been blocked for %d seconds with%s message waiting on port.",
		i.VMO, s.pager.Koid(), s.key, took/1e9, no)
	fmt.Fprintf(&b, "\n  closed %v, packet busy %v, complete pending %v, %d requests", i.Detached, i.PacketQueued, i.GoodbyeDue, len(list))
	for n := range list {
		if n == overtimeRequests {
			fmt.Fprintf(&b, "\n  and %d more", len(list)-n)
			break
		}
		r := &list[n]
		fmt.Fprintf(&b, "\n  VMO %d %v, thread %d, %d s", i.VMO, r, r.Thread, (now-r.Since)/1e9)
	}
	return b.String()
}

// timeout tells of a wait that is given up. Locks: the source's held.
func (s *Proxy) timeout(r *vmo.PageRequest, took zx.Time) string {
	return fmt.Sprintf("ERROR Page source of VMO %d, pager %d, key %#x has been blocked for %d seconds. Page request timed out: %s [%#x, %#x), thread %d.",
		s.koid, s.pager.Koid(), s.key, took/1e9, kindName(r.Kind), r.Offset, r.End(), waiterKoid(r))
}

package pager

import (
	"sync/atomic"

	"faultline/account"
	"faultline/object"
	"faultline/vmo"
	"faultline/zx"
)

// Proxy speaks for the page source of one VMO to its pager: it turns requests
// into packets. It implements vmo.Provider. The source is part of it, and the
// source's lock guards both.
type Proxy struct {
	vmo.PageSource
	sys   *System
	pager *Pager

	// See packet.go.
	port *object.Port
	key  uint64
	koid zx.Koid // of the VMO; 0 while that is being made. Guarded by the lock

	orphaned bool // the pager is closed: says nothing any more

	packet   object.PortPacket
	busy     bool             // the slot holds a packet, or lost one with its port
	active   *vmo.PageRequest // whose packet is in the slot
	complete completeState
	fifo     sendQueue

	next, prev *Proxy // guarded by pager.mu
	listed     bool   // guarded by pager.mu

	payer *account.Account // constant
	holds atomic.Int32     // the VMO and the pager's list: with the last one goes the charge
}

// proxyBytes is what a proxy is charged for, with the port that it may keep though
// the last handle is closed.
var proxyBytes = account.Bytes(560) + account.Bytes(280)

// newProxy makes the source of a VMO that does not exist yet, and its proxy, for
// which a pays. Errors: ErrNoMemory.
func newProxy(p *Pager, a *account.Account, port *object.Port, key uint64, traps bool) (*Proxy, zx.Status) {
	if st := a.Charge(proxyBytes); st != zx.OK {
		return nil, st
	}
	s := &Proxy{sys: p.sys, pager: p, port: port, key: key, payer: a}
	s.holds.Store(2)
	s.PageSource.Init(s, traps, &p.sys.requests)
	s.packet.Init(s)
	s.packet.Packet = zx.PageRequestPacket(key, zx.PageRequest{})
	return s, zx.OK
}

// letGo says that the VMO is gone, or that the pager's list is left.
func (s *Proxy) letGo() {
	if s.holds.Add(-1) == 0 {
		s.payer.Release(proxyBytes)
	}
}

// OnGone implements vmo.Provider.
func (s *Proxy) OnGone() { s.letGo() }

// ProxyOf gives the proxy of a VMO that a pager made, nil for any other.
func ProxyOf(v *vmo.VMO) *Proxy {
	if s := v.Source(); s != nil {
		return s.Provider().(*Proxy)
	}
	return nil
}

// Pager gives the pager the proxy belongs to.
func (s *Proxy) Pager() *Pager { return s.pager }

// Key gives the key of the proxy's packets.
func (s *Proxy) Key() uint64 { return s.key }

// Awaited implements vmo.Provider.
func (s *Proxy) Awaited() { s.sys.rouse() }

// Later implements vmo.Provider.
func (s *Proxy) Later(work func(b *zx.Budget) (more bool)) { object.Later(work) }

// orphan detaches because the pager was closed: nothing will be said any more,
// and what was not delivered is withdrawn, COMPLETE included.
func (s *Proxy) orphan() {
	s.Lock()
	s.orphaned = true
	s.DetachLocked()
	s.withdrawComplete()
	s.Unlock()
}

// ProxyInfo is what the console tells of a proxy and its source.
type ProxyInfo struct {
	Key          uint64
	VMO          zx.Koid
	TrapsDirty   bool
	Detached     bool
	PagerClosed  bool
	Reads        int  // outstanding READ primaries
	Dirties      int  // outstanding DIRTY primaries
	PacketQueued bool // the slot is taken
	OnPort       bool // by a request's packet that nobody has taken from the port
	GoodbyeDue   bool // COMPLETE is still to be taken from the port
}

// Info tells the proxy's state at this moment.
func (s *Proxy) Info() ProxyInfo {
	s.Lock()
	defer s.Unlock()
	return s.info()
}

// info is Info. Locks: the source's held.
func (s *Proxy) info() ProxyInfo {
	return ProxyInfo{
		Key: s.key, VMO: s.koid, TrapsDirty: s.TrapsDirty(), Detached: s.Detached(), PagerClosed: s.orphaned,
		Reads: s.Primaries(vmo.RequestRead), Dirties: s.Primaries(vmo.RequestDirty),
		PacketQueued: s.busy, OnPort: s.active != nil,
		GoodbyeDue: s.complete == completeWaiting || s.complete == completeSlot,
	}
}

// Package object holds what a process can name: objects with koids, signals
// and lifetimes, the handles with rights that name them, and ports with the
// packets that wait in them.
//
// It owns Base (the part every object shares), HandleTable (one per process),
// Port, PortPacket, Channel, Message, Event, EventPair, FIFO, Timer and FutexTable. A wait is begun here and answered
// here; the sleep between is the caller's, or that of the Waiter he gives. It never
// touches user memory, and knows nothing of VMOs, pagers or address spaces: those
// embed Base and come to it.
//
// # Lifetimes
//
// An object counts handles and references. Each handle holds one reference;
// a system call holds another from HandleTable.Get to Base.Unref, so an object
// in use survives the closing of its last handle by another thread.
//
//	           Add                 Close, last handle         Unref, last reference
//	(no handle) ----> (in use) ----------------------> (closed) ----------------> (gone)
//	                     ^          OnZeroHandles           |      OnLastRef
//	                     +------------- Add ----------------+
//
// Go clients that never make a handle use the object directly and need no
// references: the counts start at zero.
//
// An object, a handle, a message, a packet, a registration is paid for by the
// account of whoever made it, until it is gone (Base.Bill, package account). Handles
// in a message keep their objects, and so could channel ends that wait in each
// other's queues: Collect finds those.
//
// # What may be long
//
// How many wait for a signal, how much a queue holds, is ring 3's to choose. So a
// deed that concerns many does a little at once and leaves the rest as a chore (Do):
// the thread whose call it was finishes it, yielding in between, before it enters ring
// 3 again, so that for it the call has done everything, in order.
//
// # Locks
//
//	HandleTable.mu, transit.mu > a channel's pair > Base.mu > Port.mu
//
// Port.mu is a leaf. Callbacks of an object (OnZeroHandles, OnLastRef) and of a
// packet (PacketDequeued) run with none of these held. Waiter.Wake is called
// with any of them held; Waiter.Wait with none.
//
// Source: docs/pager.md 1.1, 1.2, 2, 3.17, 3.18, 5.6.
package object

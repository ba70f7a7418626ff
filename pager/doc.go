// Package pager owns pager objects: who is asked for pages, what was asked, and
// the packets that ask.
//
// A Pager makes VMOs; each gets a Source, which is the vmo.PageSource the VMO
// asks. A Source keeps the outstanding requests (source.go) and the one packet
// slot through which they reach the pager's port (packet.go). The pager calls
// of the spec are methods of Pager, with their argument checks in the spec's
// order; the checks of handles and rights lie between them and are the system
// calls' own.
//
// The package never changes a page's state (vmo does), never looks at what a
// page holds, and never sleeps with a lock held.
//
// # Life of a request
//
//	                    Request                       progress covers it, Detach
//	(idle) ---------------+--> primary ------------------------------+
//	   ^                  |      |  ^ first overlap waiter of a      |
//	   |                  |      |  | cancelled primary              v
//	   |                  +--> overlap waiter, same end ---------> woken
//	   |   Cancel: killed, suspended, overtime      |                |
//	   +--------------------------------------------+----------------+
//
// A primary is disjoint from the others of its kind and has a packet; an overlap
// waiter hangs on the primary that holds its first page and has none. Woken
// means look again. Source: spec sections 5.3 to 5.7.
//
// # Life of a packet
//
//	waiting (FIFO, slot busy) --> slot (on the port) --> delivered
//	     |                             |
//	     +---- resolved: withdrawn ----+--> none
//
// # Clocks
//
// A wait reads no clock and sets no timer: System.Watch looks at all waits once a
// second while there are any, warns of those that take long, and ends those that
// take too long. The clock of a wait starts when Watch first sees it.
//
// # Locks
//
//	VMO.mu > Source.mu > (Port.mu | Pager.mu)
//	System.tickMu > (System.mu > Pager.mu) | Source.mu
//
// Source.mu guards both the requests and the slot. Waiter.Wake is called under
// it; PacketDequeued takes it with no other lock held.
//
// Sources: spec/zircon-pager sections 2, 3.1 to 3.7, 5.
package pager

// Package pager owns pager objects: who is asked for pages, what was asked, and
// the packets that ask.
//
// A Pager makes VMOs; each has a vmo.PageSource, which knows what was asked and
// who waits, and a Proxy, which speaks for it through the one packet slot it has
// on the pager's port (packet.go). The pager calls of the contract are methods of
// Pager, with their argument checks in the contract's order; the checks of handles
// and rights lie between them and are the system calls' own.
//
// The package never changes a page's state or decides who waits for what (vmo
// does), never looks at what a page holds, and never sleeps with a lock held.
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
//	VMO > vmo.PageSource > (Port.mu | Pager.mu)
//	System.tickMu > (System.mu > Pager.mu) | vmo.PageSource
//
// The source's lock guards its requests and the proxy's slot. Waiter.Wake is
// called under it; PacketDequeued takes it with no other lock held.
//
// Sources: docs/pager.md 2, 3.1 to 3.7, 5.
package pager

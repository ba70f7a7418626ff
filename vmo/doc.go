// Package vmo owns virtual memory objects: which pages they have, what state
// each page is in, and every rule by which a state changes.
//
// A Store is the system-wide part: the frames, the identities of VMOs, the age
// lists and the evictor. A VMO is pages by offset: kept in a flat radix tree of
// 32-bit slots (tree), with its zero intervals in an ordered list (intervals).
// A VMO is anonymous (an absent page reads as zero) or paged: it has a
// PageSource, and an absent page must be asked for. An anonymous one may be
// discardable: then memory pressure takes all its pages while nobody has it
// locked (discard.go).
//
// The package never decides a page fault (vmar does), never names a handle, a
// port or a packet (pager does), never touches user memory except through the
// Copier it is given, and never sleeps with a lock held.
//
// # States of one page of a paged VMO
//
//	A absent   M zero marker   C clean   D dirty   W awaiting clean
//	ZD dirty zero interval   ZA the part of it being written back
//	ZU zeros past the stream size, untracked
//
//	               supply                    write (ack)
//	      +--------------------> C <-------------------------> ...
//	      |   evict, detach     | ^ \
//	      | <-------------------+ |  \ write, OP_DIRTY
//	      |                commit |   v
//	      A --supply no page--> M-+-->D <---------------+
//	      ^ ^                   |     | WRITEBACK_BEGIN | write, OP_DIRTY
//	      | +-------detach------+     v                 |
//	      |                           W ----------------+
//	      |                           | WRITEBACK_END
//	      |                           +--------> C
//	      |  WRITEBACK_END of ZA
//	      +---------------------- ZA <--WRITEBACK_BEGIN-- ZD <--- OP_ZERO of A C D W, grow
//	                              ZD ZA ZU --write, OP_DIRTY, commit--> D
//	                              any --stream size moved below it--> ZU
//
// With TRAP_DIRTY each arrow named write first sends a DIRTY request and is
// taken when the pager answers OP_DIRTY. M, C, D and W are slots of the tree;
// A and the Z states are empty slots, told apart by the interval list; an
// offset is never in both. VMO.transition is the one function that changes a
// slot, and refuses every arrow that is not drawn. Pages of anonymous VMOs have
// the state U, untracked. Source: spec sections 4.1 to 4.4.
//
// # Blocking
//
// Inner functions answer ErrShouldWait after registering a PageRequest with the
// source; only the outermost operation waits, with no lock held, and then starts
// over with all its checks. In the same way inner functions answer ErrNoMemory,
// and the outermost drops its lock, evicts (Store.Reclaim) and starts over; when
// nothing could be evicted, ErrNoMemory is the answer.
//
// # Locks
//
//	address space (vmar)
//	  VMO.mu                        one at a time, the evictor included
//	    page source (pager)
//	      port
//	    Store.mu                    identities; held for a table look-up only
//	    ageList.mu                  the age lists
//	    page-table leaf lock        under Mapping.UnmapRange, RemoveWriteRange
//	      frame allocator (mmu)
//
// No lock is held during PageRequest.Wait, Copier.Resolve or Store.Reclaim.
//
// # Memory
//
// A resident page costs 4 bytes of slot and mmu.MetaBytes of frame record; nodes
// of the tree are frames, so the collector never sees them and no operation on a
// page allocates on the Go heap. A leaf covers 4 MiB, twice what a page table
// covers, so a sparse VMO costs no more here than its mapping does.
//
// # Not here yet
//
// Children (snapshots, slices, references) and pinning. The seams: slotPinned is honoured everywhere and set nowhere; all page access goes
// through VMO.require.
//
// Sources: spec/zircon-pager sections 3, 4, 5.2, 8.
package vmo

// Package vmo owns virtual memory objects: which pages they have, what state
// each page is in, and every rule by which a state changes.
//
// A Store is the system-wide part: the frames, the identities of VMOs, the age
// lists and the evictor. A VMO is a window: what a handle and a mapping hold. The
// pages are those of a page node (cowPages): kept by offset in a flat radix tree
// of 32-bit slots (tree), with zero intervals in an ordered tree (intervals). A
// node is anonymous (an absent page reads as zero), or the root of a pager's
// family: it has a PageSource, and an absent page must be asked for. An anonymous
// one may be discardable: then memory pressure takes all its pages while nobody
// has it locked (discard.go).
//
// # Families
//
//	VMO a   VMO r, reference   VMO s, slice   VMO c      VMO e    VMO f
//	    \       |               /                |           \       |
//	    [ node A, with the PageSource ]        node C      node E  node F
//	         ^             ^                      |            \     /
//	         |             +--- one-way clone ----+        [ node H, hidden ]
//	         +--- one-way clone; then an exact snapshot of it: H ---+
//
// A slice and a reference are windows on a node that is there already. A clone is
// a window on a new node below the old one: what it does not have it shows of its
// parent, in a range that only shrinks. One-way clones hang below a node that is
// still written, and see what is written there until they write the page
// themselves. An exact snapshot freezes what is there: the node becomes hidden,
// keeping its pages, and both sides get a node below it. A write below a hidden
// node copies the page, or takes it if nobody else sees it. All nodes of a family
// share one lock. A node that lost its last window is hidden too; a hidden node
// with one child becomes one with it, one with none dies (settle), so that
// exactly what nobody sees is freed. Who made what of what is kept apart (kin.go):
// hidden nodes never show. Source: docs/pager.md 7.
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
// offset is never in both. cowPages.transition is the one function that changes a
// slot, and refuses every arrow that is not drawn. Pages of anonymous nodes have
// the state U, untracked; zeros that a clone has in the place of its parent's
// page are ZU. Source: docs/pager.md 4.1 to 4.4.
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
//	  family                        one at a time, the evictor included
//	    PageSource
//	      port
//	    object that handles name    its signals, when children come and go
//	    Store, registry             identities; held for a table look-up only
//	    ageList.mu                  the age lists
//	    page-table leaf lock        under Mapping.UnmapRange, RemoveWriteRange
//	      intervalPool, frame allocator (mmu)
//
// VMO.Lock is the family's. No lock is held during PageRequest.Wait,
// Copier.Resolve or Store.Reclaim.
//
// # Memory
//
// A resident page costs 4 bytes of slot and mmu.MetaBytes of frame record; nodes
// of the tree are frames, so the collector never sees them and no operation on a
// page allocates on the Go heap. A leaf covers 4 MiB, twice what a page table
// covers, so a sparse VMO costs no more here than its mapping does.
//
// A node costs the same whatever it shows; zero intervals lie in frames too.
//
// # Pins
//
// A pinned page (Pin) keeps its frame, its state and its translations: nothing
// frees, moves, evicts, unmaps or write-protects it; what would have to answers
// ErrBadState, and ZERO writes it in place. Its slot says that it is pinned, its
// frame's record how often. Pages of a contiguous VMO are pinned while it lives. A
// physical VMO has no pages: its node knows where the registers are.
//
// Sources: docs/pager.md 3, 4, 5, 7, 8.
package vmo

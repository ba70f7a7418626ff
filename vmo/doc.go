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
// A page that is there, or a marker that says it is zero, is a slot of the tree:
//
//	A absent  M zero marker  C clean  D dirty  W awaiting clean
//
//	       supply           write         WRITEBACK_BEGIN
//	A -----------------> C --------> D ---------------------> W
//	|                    ^ ^         ^ ^                      |
//	| supply, no page    | |         | +------- write --------+
//	|             commit | +---------|----- WRITEBACK_END ----+
//	+-------------> M ---+-- write --+
//
//	C --------- evict, detach --------> A
//	M ------------- detach -----------> A
//
// Zeros without a page are intervals:
//
//	ZD dirty zeros  ZA the part being written back  ZU past the stream's end, untracked
//
//	A, C, D, W --- OP_ZERO, grow ---> ZD --WRITEBACK_BEGIN--> ZA --WRITEBACK_END--> A
//	ZD, ZA, ZU --- write, commit ---> D
//	all --- the stream is made to end before it ---> ZU
//
// With TRAP_DIRTY each arrow named write first sends a DIRTY request and is
// taken when the pager answers OP_DIRTY. A and the Z states are empty slots, told
// apart by the intervals. cowPages.transition is the one function that changes a
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
// # Turns
//
// What ring 3 can make long goes in turns (zx.Budget): a piece under the lock, a look
// at the world without it, and on with all checks anew. What shrinks does so from its
// end on, so that size, stream and pages agree after every turn (turnBack). A node
// that dies is only laid in its grave (die): its pages are freed in turns (bury), a few
// at once by whoever ended it, the rest by what Store.SetLater names or by whoever is
// short of memory. So is what becomes of its family (settle.go). OP_DIRTY, which is all or
// nothing, looks first and holds the range then (opdirty.go). Many threads that wait for
// one page are woken a few at a time (PageSource.LetGo). Where thousands of mappings show a page, they are visited in turns,
// while faults are held (clear.go).
//
// # Ageing
//
// Clean pages that a pager supplied stand in age lists, the evictor's order (age.go).
// What it looks at it unmaps, having asked each mapping by Mapping.Accessed what was
// used since: a page used again and again grows young, one used once goes.
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

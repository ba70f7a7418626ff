// Package vmar owns address spaces: regions (VMARs), mappings of VMOs in them,
// and the page-fault decision.
//
// An AddressSpace is one page-table root and a tree of VMARs; the leaves of
// the tree are Mappings. A Mapping shows a range of one VMO with one set of
// permissions; a change to part of it splits it. The package never knows what
// state a page is in (vmo does), never names a handle (syscall does), never
// dereferences a user address (it copies through the physical window), and
// never sleeps with a lock held.
//
// # A fault, from the trap to the page (Lane.TryFault)
//
//	decode the error code ------------ unknown bits ------> NOT_SUPPORTED
//	+-> user address? ---------------- no ----------------> NOT_FOUND
//	|   lock the space, find mapping - none --------------> NOT_FOUND
//	|   permission? ------------------ missing -----------> ACCESS_DENIED
//	|   lock the VMO, RequirePage ---- past the end ------> OUT_OF_RANGE
//	|       |              |    \----- refused -----------> the pager's code, BAD_STATE, ...
//	|       | page         | SHOULD_WAIT, NO_MEMORY
//	|   enter the PTE,   unlock both, sleep on the request
//	|   unlock both: OK    or reclaim frames
//	|                      |
//	+------- OK -----------+---------- otherwise ---------> TIMED_OUT, the pager's code, ...
//
// Every turn of the loop starts from nothing: while the thread slept the
// mapping may have gone, moved or changed, the VMO may have shrunk, and the
// page may have come and gone. So unmapping cancels no request; the sleeper
// finds out when it wakes.
//
// # Where a mapping goes
//
// Without SPECIFIC a mapping or region goes to the lowest address of its
// parent where it fits: the first fit, the same in every run. Nothing is random
// and nothing around it is kept free; who wants a guard page allocates a region
// one page larger. The children of a region are ordered by address in a tree
// that knows the free space before each, so that finding what is at an address,
// and where something fits, takes O(log n).
//
// # Long operations
//
// What works on a range works in slices (zx.Budget): between two of them no lock
// is held and other threads run. Between slices an address, never a pointer, is
// remembered. Each slice checks anew, and does its part whole: translations go
// and are flushed first, then the mappings and regions that held them. A mapping
// that takes more than one slice is dying meanwhile, a region dead: for
// everybody else they are gone, but for the place they still take.
//
// # Locks
//
//	AddressSpace                one lane to look, all lanes to change
//	  VMO.Lock                  every entry of a page into the tables
//	    page source, port       inside RequirePage
//	    page table, frames      leaves
//
// A fault changes nothing here: it holds the lock of its CPU's lane, and so keeps out
// whoever maps, unmaps or protects, but not the faults of other CPUs. Two faults on
// one page meet at the lock of the VMO. No line that a fault writes is another CPU's.
//
// A Mapping's place (base, size, offset) is written with both the space
// and the VMO locked, so that either suffices to read it: UnmapRange and
// RemoveWriteRange are called with the VMO's lock alone. To take pages away a
// range operation locks the space, which keeps faults out, clears the page tables and
// flushes, and only then shrinks or forgets
// the mapping: at no time does a translation exist that the VMO cannot reach.
// The VMO itself takes pages away under its own lock, and leaves the tables linked
// (mmu.PageTable.Clear), for faults of other VMOs may be walking them.
// The reference to the VMO goes when the lock is free again: it may be the last.
//
// # Not here yet
//
// Memory priority.
//
// Sources: docs/pager.md 3.16, 4.2, 6; Zircon's reference pages
// of the vmar calls for what the contract calls usual.
package vmar

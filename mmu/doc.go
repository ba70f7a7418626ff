// Package mmu owns physical page frames and the page tables made of them.
//
// It holds the frame allocator (Memory), the flat record kept for each frame
// (Meta), page-table entries in the manual's spelling (PTE), page tables with
// their walker (PageTable), the list of what a change obliges us to invalidate
// (Gather), and the builder of the kernel's own map (NewKernelTable).
//
// It never decides a page fault, never knows what a frame holds, executes no
// privileged instruction (the consumer passes a TLB), and never turns a user
// address into a pointer. Its assembly clears and copies pages, no more.
//
// # Life of a frame
//
//	        refill            Alloc                      Free
//	block ----------> run ----------> allocated(Owner) --------> listed
//	  ^ |                                ^   ^                     | |
//	  | +--------- AllocContiguous ------+   +------- Alloc -------+ |
//	  +------- joined, when somebody needs a block (drain) ----------+
//
// Blocks are 1<<n frames in a row, of a buddy allocator (blocks.go); nearly every
// request is for one frame and passes it by.
//
// A page-table frame takes one more step, because a CPU may still walk it:
//
//	linked --Unmap--> on a Gather --Flush (invalidate first)--> free
//
// With several CPUs each has some frames at hand (cache.go):
//
//	pool --stock--> at hand --Alloc--> allocated --Free--> at hand --unstock--> pool
//
// # Locks
//
//	Lane.mu      of all lanes, in order: who takes pages away. Of one: who copies
//	PageTable.grown
//	cache.mu
//	Memory.mu
//
// They are leaves: any lock of the rooms above may be held when one is taken, and
// nothing is called out to while one is held. So nobody sleeps with one of them, and
// they need no queue of waiters (spin.Lock). Mapping a page takes none of a PageTable,
// which says why that is enough.
//
// # Sources
//
// Intel SDM volume 3A: chapter 4 (paging; 4.5 four-level paging, 4.6 access
// rights, 4.7 page-fault error code, 4.8 accessed and dirty flags, 4.10 TLBs
// and what must be invalidated); AMD APM volume 2 chapter 5.
package mmu

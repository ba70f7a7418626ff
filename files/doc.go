// Package files serves the files of a FAT32 disk as pager-backed VMOs.
//
// It owns one mounted volume: a pager object, a port, and one goroutine that
// waits on the port and answers. Each opened file is one VMO created with
// TRAP_DIRTY whose key is the file's number. The pager here is an ordinary
// user of the pager API, no more privileged than one in ring 3: it reads
// blocks and supplies them, acknowledges or refuses a write, and on sync runs
// query_dirty_ranges, WRITEBACK_BEGIN, block writes, flush, WRITEBACK_END.
//
// A read request of a file travels so:
//
//	thread touches an absent page
//	  -> READ packet on the port (key = file, offset, length)
//	  -> Volume.serve: injected failure? OP_FAIL of that part
//	  -> reader.read: the faulting pages, in as few block reads as the file's
//	     place on the disk allows; bytes past the end of the file are zero
//	  -> supply_pages: the thread runs again
//	  -> read-ahead, when the stream is sequential, is read and supplied
//	     behind it, but for one page: the fault on that is answered on the spot
//	     (File.Fill) and starts the next read-ahead (readahead.go)
//
// What a disk says is never believed. When it is mounted the whole FAT and every
// folder are looked at once (survey), which finds each cluster that two things lead
// to with a bit a cluster. A volume in which something is out of order is mounted
// read-only. When a file is opened its chain is followed to the end (chain): a
// cluster that does not exist, is free or bad, or is shared with another file, a
// folder or the chain itself refuses the file, by name. Memory does not grow with
// the length of a chain nor with the number of its pieces.
//
// An open file's identity is the place of its entry on the disk. A name opens the
// entry that is listed so, or the only one that comes near it; where two do, none.
//
// The package never writes metadata: a sync changes bytes inside files only,
// so names, sizes, dates and free space stay as they were.
//
// Locks, outer first: File.syncing > Volume.looking > Volume.mu > a VMO family's >
// File.mu, which is held for a moment; fat.mu > disk.partial > disk.mu, which are
// held over block operations; Volume.settling by itself. None is held while
// waiting on the port or in a call that can wait for the pager, except
// File.syncing and Volume.settling. The serving goroutine takes neither these nor
// Volume.looking.
//
// Source: Microsoft FAT specification 1.03 (names BPB_*), UEFI 2.10 section 5
// (GPT), docs/pager.md 2, 3.2 to 3.7, 5.
package files

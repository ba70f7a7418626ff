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
//	  -> extents.read: the faulting pages, in as few block reads as the
//	     file's extents allow; bytes past the end of the file are zero
//	  -> supply_pages: the thread runs again
//	  -> read-ahead, when the stream is sequential, is read and supplied
//	     behind it (readahead.go)
//
// A disk's directories are read by github.com/diskfs/go-diskfs. Its fat32.Read
// holds two copies of the FAT in memory, believes that the root directory is
// cluster 2 and that there are two FATs, and follows a cyclic chain until
// memory ends. So the engine under it (filesystem/fat12, which FAT16 and FAT32
// share) is given our own table of the FAT, which reads entries as they are
// asked for, bounds every chain and notes what is wrong. A file's disk ranges
// are taken once, when it is opened; contents never pass through the library.
//
// The package never writes metadata: a sync changes bytes inside files only,
// so names, sizes, dates and free space stay as they were.
//
// Locks, outer first: File.syncing > Volume.mu > File.mu > disk.mu, and
// Volume.settling by itself. None is held while waiting on the port or in a call
// that can wait for the pager, except File.syncing and Volume.settling, which the
// serving goroutine never takes.
//
// Source: Microsoft FAT specification 1.03 (names BPB_*), UEFI 2.10 section 5
// (GPT), spec/zircon-pager sections 2, 3.2 to 3.7, 5.
package files

//go:build tamago

// Command journal writes memory back so that a crash at any moment leaves all of
// a write-back or none of it: what is to be written goes to a journal first. It
// crashes after every single write and looks at what a reader finds.
package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	_ "faultline/board/qemu"
	"faultline/pager"
	"faultline/unikernel"
	"faultline/zx"
)

const pages = 4

var errCrash = errors.New("crash")

// disk is a store that forgets nothing and may stop after some writes: home
// holds the pages, journal what is being written.
type disk struct {
	home    [pages * zx.PageSize]byte
	journal []byte
	left    int // writes until it crashes
}

// write counts a write, and refuses it once the disk has crashed.
func (d *disk) write(do func()) error {
	if d.left == 0 {
		return errCrash
	}
	d.left--
	do()
	return nil
}

// record is an entry of the journal: offset, content, and a sum over both.
const record = 8 + zx.PageSize + 4

// log appends a page to the journal.
func (d *disk) log(p []byte, off uint64) error {
	return d.write(func() {
		entry := append(binary.LittleEndian.AppendUint64(nil, off), p...)
		d.journal = append(d.journal, binary.LittleEndian.AppendUint32(entry, crc32.ChecksumIEEE(entry))...)
	})
}

// seal ends the journal: from here on it counts.
func (d *disk) seal() error {
	return d.write(func() { d.journal = append(d.journal, "sealed"...) })
}

// replay brings the pages home that a sealed journal holds, and empties it. It
// may be interrupted, and repeated.
func (d *disk) replay() error {
	n := len(d.journal) / record
	if string(d.journal[n*record:]) == "sealed" {
		for i := range n {
			entry := d.journal[i*record : (i+1)*record]
			off, content, sum := binary.LittleEndian.Uint64(entry), entry[8:8+zx.PageSize], binary.LittleEndian.Uint32(entry[8+zx.PageSize:])
			if crc32.ChecksumIEEE(entry[:8+zx.PageSize]) != sum {
				return fmt.Errorf("journal entry %d is damaged", i)
			}
			if err := d.write(func() { copy(d.home[off:], content) }); err != nil {
				return err
			}
		}
	}
	return d.write(func() { d.journal = nil })
}

func main() { unikernel.Run(run) }

func run(s *unikernel.System) error {
	outcomes := map[string]int{}
	crashes := 0
	for ; ; crashes++ {
		d := &disk{left: crashes}
		err := session(s, d)
		if err != nil && !errors.Is(err, errCrash) {
			return err
		}
		// The machine starts again: whatever the journal holds is settled.
		d.left = 1000
		if err := d.replay(); err != nil {
			return err
		}
		found := fmt.Sprint(d.home[0], d.home[zx.PageSize], d.home[2*zx.PageSize])
		outcomes[found]++
		if found != "0 0 0" && found != "1 2 3" {
			return fmt.Errorf("after a crash behind write %d half is there: %s", crashes, found)
		}
		if err == nil {
			break
		}
	}
	fmt.Printf("%d crashes: %d times nothing was there, %d times everything, never a part\n", crashes, outcomes["0 0 0"], outcomes["1 2 3"])
	return nil
}

// session stores to three pages and writes them back through the journal.
func session(s *unikernel.System, d *disk) error {
	server := pager.NewServer(s.Pagers, s.Store)
	defer server.Close()
	go server.Serve(s.NewWaiter("journal pager"))
	v, err := server.CreateVMO(pages*zx.PageSize, zx.VMOTrapDirty, pager.Handler{
		Read: func(page []byte, off uint64) error { copy(page, d.home[off:]); return nil },
	})
	if err != nil {
		return err
	}
	defer v.Release()
	w := s.NewWaiter("session")
	memory := v.Bytes(w)
	for i := range int64(3) {
		if _, err := memory.WriteAt([]byte{byte(i + 1)}, i*zx.PageSize); err != nil {
			return err
		}
	}
	// The pages are clean once the journal is sealed: the rest cannot be lost.
	if _, err = server.Pager().WriteBack(w, v, make([]byte, zx.PageSize), d.log, d.seal); err != nil {
		return err
	}
	return d.replay()
}

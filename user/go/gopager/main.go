//go:build tamago

// Command gopager is a pager in Go, in ring 3.
//
//	gopager          checks itself: the basic conformance entries, in Go
//	gopager serve    serves a VMO to whoever has the other end of its start handle
//	                 0, a channel: the VMO goes there, then a message is answered
//	                 with the number of dirty pages; ends with the channel
//	gopager client   reads and changes the VMO that is its start handle 0
//
// user/programs/pairing.c is the other side.
package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"runtime/debug"

	"faultline/user/go/zx"
	abi "faultline/zx"
)

const page = 4096

// word is what the first bytes of a page hold: pairing.c knows it too.
func word(n uint64) uint64 { return n*0x9e3779b97f4a7c15 + 7 }

func main() {
	debug.SetGCPercent(400)
	mode := ""
	if len(os.Args) > 1 {
		mode = os.Args[1]
	}
	var err error
	switch mode {
	case "serve":
		err = serve(zx.Channel{Handle: zx.StartHandle(zx.PAUser0, 0)})
	case "client":
		err = client(zx.VMO{Handle: zx.StartHandle(zx.PAUser0, 0)})
	default:
		err = conform()
	}
	if err != nil {
		fmt.Println("gopager:", err)
		os.Exit(1)
	}
}

// source supplies pages of a pager's VMOs.
type source struct {
	pager zx.Pager
	port  zx.Port
	aux   zx.VMO
}

const auxPages = 256

func newSource() (s source, err error) {
	if s.pager, err = zx.NewPager(); err == nil {
		if s.port, err = zx.NewPort(); err == nil {
			s.aux, err = zx.NewVMO(auxPages*page, 0)
		}
	}
	return s, err
}

// supply fills [at, at+size) of v, at most the pages aux has, with words.
func (s source) supply(v zx.VMO, at, size uint64) error {
	var b [8]byte
	for n := uint64(0); n < size; n += page {
		binary.LittleEndian.PutUint64(b[:], word((at+n)/page))
		if _, err := s.aux.WriteAt(b[:], int64(n)); err != nil {
			return err
		}
	}
	return s.pager.Supply(v, at, size, s.aux, 0)
}

// answer does what a page request asks for.
func (s source) answer(v zx.VMO, r zx.PageRequest) error {
	switch r.Command {
	case abi.PageRead:
		return s.supply(v, r.Offset, r.Length)
	case abi.PageDirty:
		return s.pager.Dirty(v, r.Offset, r.Length)
	}
	return nil
}

// Keys of packets at the port of serve.
const (
	keyPages = iota
	keyChannel
)

const served = 64 // pages

func serve(c zx.Channel) error {
	s, err := newSource()
	if err != nil {
		return err
	}
	v, err := s.pager.CreateVMO(abi.VMOTrapDirty, s.port, keyPages, served*page)
	if err != nil {
		return err
	}
	theirs, err := v.Duplicate(abi.RightSame)
	if err == nil {
		err = c.Write([]byte("vmo"), theirs)
	}
	if err == nil {
		err = c.WaitAsync(s.port, keyChannel, abi.SignalReadable|abi.SignalPeerClosed, 0)
	}
	for err == nil {
		var p zx.Packet
		if p, err = s.port.Wait(zx.Infinite); err != nil {
			break
		}
		if p.Type == abi.PacketPageRequest {
			err = s.answer(v, p.PageRequest())
			continue
		}
		var question [16]byte
		if _, _, err := c.Read(question[:], nil); err != nil {
			return nil // the client has gone
		}
		var list [served]zx.DirtyRange
		n, _, dirtyErr := s.pager.DirtyRanges(v, 0, served*page, list[:])
		if dirtyErr != nil {
			return dirtyErr
		}
		var pages uint32
		for _, r := range list[:n] {
			pages += uint32(r.Length / page)
		}
		var answer [4]byte
		binary.LittleEndian.PutUint32(answer[:], pages)
		if err = c.Write(answer[:]); err == nil {
			err = c.WaitAsync(s.port, keyChannel, abi.SignalReadable|abi.SignalPeerClosed, 0)
		}
	}
	return err
}

// client reads every page, through calls and a mapping, and writes every second.
func client(v zx.VMO) error {
	size, err := v.Size()
	if err != nil {
		return err
	}
	at, err := zx.VMARRoot().Map(zx.PermRead|zx.PermWrite, 0, v, 0, size)
	if err != nil {
		return err
	}
	mapped := zx.Bytes(at, size)
	var b [8]byte
	for n := uint64(0); n < size/page; n++ {
		got := binary.LittleEndian.Uint64(mapped[n*page:])
		if n%3 == 0 {
			if _, err := v.ReadAt(b[:], int64(n*page)); err != nil {
				return fmt.Errorf("page %d: %w", n, err)
			}
			got = binary.LittleEndian.Uint64(b[:])
		}
		if got != word(n) {
			return fmt.Errorf("page %d holds %#x, want %#x", n, got, word(n))
		}
		if n%2 == 0 {
			mapped[n*page+8] = 1
		}
	}
	return nil
}

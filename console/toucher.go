package console

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	"faultline/files"
	"faultline/object"
	"faultline/zx"
)

// Commands of a toucher, and the keys of its answers. The protocol is described
// in user/programs/toucher.c.
const (
	touchRead  = 1
	touchWrite = 2
	touchStore = 3 // count of bytes in bits 15:8

	touchMost = 16 // bytes one command stores

	keyHello   = 0
	keyCommand = 1
	keyEnded   = ^uint64(0) // not the toucher's: its process has ended
)

// toucher is a process that keeps one file mapped and touches it.
//
//	          hello                command                answer
//	(started) -----> (ready) --------------> (touching) --------> (ready)
//	    \                \                        \
//	     +----------------+------------------------+--> (ended): a new one next time
type toucher struct {
	file     *files.File
	process  Process
	commands *object.Port
	answers  *object.Port
	handles  [2]zx.Handle // the console's own, which keep the ports open
	base     zx.VirtAddr  // where byte 0 of the file is mapped
	ended    chan Exit    // holds the end once answers got keyEnded
}

// toucher gives the file's toucher, starting one if none lives.
func (c *Console) toucher(f *files.File) (*toucher, error) {
	if t := c.touchers[f]; t != nil {
		return t, nil
	}
	t := &toucher{file: f, commands: object.NewPort(), answers: object.NewPort(), ended: make(chan Exit, 1)}
	var start [2]StartHandle
	for i, port := range []*object.Port{t.commands, t.answers} {
		h, st := c.handles.Add(port, zx.RightsPort)
		if st != zx.OK {
			c.drop(t)
			return nil, st
		}
		t.handles[i] = h
		start[i] = StartHandle{Port: port, Rights: zx.RightRead | zx.RightWrite}
	}
	var err error
	t.process, err = c.kernel.Spawn(Program{
		Name:    "toucher",
		Args:    []string{strconv.FormatInt(f.Size(), 10)},
		Handles: []StartHandle{{VMO: f.VMO(), Rights: zx.RightsVMO}, start[0], start[1]},
		Output:  c.out,
		OnExit: func(e Exit) {
			t.ended <- e
			t.answers.QueueUser(nil, &zx.Packet{Key: keyEnded})
		},
	})
	if err != nil {
		c.drop(t)
		return nil, err
	}
	c.touchers[f] = t
	hello, err := c.answer(t, keyHello)
	if err != nil {
		return nil, err
	}
	t.base = zx.VirtAddr(binary.LittleEndian.Uint64(hello[8:]))
	return t, nil
}

// drop forgets a toucher and closes its ports.
func (c *Console) drop(t *toucher) {
	for _, h := range t.handles {
		c.handles.Close(h)
	}
	delete(c.touchers, t.file)
}

// answer waits for the answer with that key. When the process ends instead, it
// is forgotten; the error is a *death if an exception killed it.
func (c *Console) answer(t *toucher, key uint64) (payload [zx.PacketPayloadBytes]byte, err error) {
	c.wait(t.process)
	defer c.wait(nil)
	for {
		var packet zx.Packet
		if st := uninterrupted(func() zx.Status { return t.answers.Wait(c.waiter, zx.TimeInfinite, &packet) }); st != zx.OK {
			t.process.Kill()
			c.drop(t)
			return payload, st
		}
		switch {
		case packet.Key == keyEnded:
			e := <-t.ended
			c.drop(t)
			if err := judge("toucher", e); err != nil {
				return payload, err
			}
			return payload, errors.New("toucher ended unasked")
		case packet.Key == key:
			if st := zx.Status(int64(binary.LittleEndian.Uint64(packet.Payload[0:]))); st != zx.OK {
				return payload, fmt.Errorf("toucher answers %w", st)
			}
			return packet.Payload, nil
		}
	}
}

// command has the file's toucher do one operation at offset and gives the bytes
// of its answer. Pre: the offset lies in the file.
func (c *Console) command(f *files.File, operation, offset uint64, bytes []byte) ([]byte, error) {
	t, err := c.toucher(f)
	if err != nil {
		return nil, err
	}
	packet := zx.Packet{Key: keyCommand, Type: zx.PacketUser}
	binary.LittleEndian.PutUint64(packet.Payload[0:], operation)
	binary.LittleEndian.PutUint64(packet.Payload[8:], offset)
	copy(packet.Payload[16:], bytes)
	if st := t.commands.QueueUser(nil, &packet); st != zx.OK {
		// Its process has ended since the last command and closed the port.
		_, err := c.answer(t, keyCommand)
		return nil, err
	}
	payload, err := c.answer(t, keyCommand)
	return payload[16:], err
}

// store has the toucher store bytes at offset, in as many commands as it takes.
func (c *Console) store(f *files.File, offset uint64, bytes []byte) error {
	for len(bytes) > 0 {
		n := min(len(bytes), touchMost)
		if _, err := c.command(f, touchStore|uint64(n)<<8, offset, bytes[:n]); err != nil {
			return err
		}
		offset += uint64(n)
		bytes = bytes[n:]
	}
	return nil
}

// faults is the page faults the file's toucher has taken so far, 0 without one.
func (c *Console) faults(f *files.File) uint64 {
	if t := c.touchers[f]; t != nil {
		return t.process.Faults()
	}
	return 0
}

package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"strings"
)

// Rounds of pokes and syncs that a power cut may come into.
const cutRounds = 40

// cutPlaces are where each round stores eight bytes of its number: in a page,
// across sectors, across pages, at the end.
var cutPlaces = map[string][]int{
	"DEMO.BIN": {100, 508, 4092, 500_000, 700_001, 999_992},
	poem:       {0, 4090, 7472},
}

// cutFiles is the order in which `sync` takes the files: that of their opening.
var cutFiles = []string{"DEMO.BIN", poem}

// logged is one entry of a log of QEMU's blklogwrites: a write, or a flush where
// data is nil.
type logged struct {
	at   int64
	data []byte
}

// powerCuts has QEMU record every write and flush of a run of pokes and syncs, and
// rebuilds the disk as it could stand when the power went at so many moments: all
// that was written before the last finished flush, and of what was written since
// any sectors. fsck.fat must find it clean, bytes whose sync had been acknowledged
// must be there, others old or new.
func powerCuts(moments int, machine, device string) (output string, err error) {
	dir, err := os.MkdirTemp(buildDir, "cut-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(dir)
	if err := makeDisk("demo"); err != nil {
		return "", err
	}
	image, disk, log := filepath.Join(buildDir, "demo.img"), filepath.Join(dir, "disk.img"), filepath.Join(dir, "log")
	if err := errors.Join(copyFile(disk, image), os.WriteFile(log, nil, 0o644)); err != nil {
		return "", err
	}
	commands := ""
	for round := 1; round <= cutRounds; round++ {
		for _, file := range cutFiles {
			for _, at := range cutPlaces[file] {
				commands += fmt.Sprintf("poke %s %d %s; ", file, at, strings.Repeat(fmt.Sprintf("%02x ", round), 8))
			}
		}
		commands += "sync; "
	}
	output, err = command{
		args: []string{runner(), kernelImage()},
		env: []string{"MACHINE=" + machine, "CPU=", "MEM=", "SMP=", "ACCEL=", "PROGRAM=", "ARGS=", "APPEND=", "DISK=", "TIMEOUT=120", "CMDS=" + commands,
			"QEMUFLAGS=-blockdev driver=file,filename=" + disk + ",node-name=file0 -blockdev driver=file,filename=" + log + ",node-name=log0 " +
				"-blockdev driver=blklogwrites,node-name=disk0,file=file0,log=log0 " + device + ",write-cache=on"},
		limit: bootLimit,
	}.run()
	if err != nil {
		return output, err
	}
	entries, err := readLog(log)
	if err != nil {
		return output, err
	}
	return output, cut(image, disk, entries, moments)
}

// readLog reads the log, which has the format of Linux's dm-log-writes: sectors of
// 512 bytes; a superblock, then each entry in a sector of its own, and its data.
func readLog(name string) ([]logged, error) {
	const magic, flush, discard = 0x6a736677736872, 1, 4
	p, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	if len(p) < 512 || binary.LittleEndian.Uint64(p) != magic || binary.LittleEndian.Uint32(p[24:]) != 512 {
		return nil, fmt.Errorf("%s is no log of writes", name)
	}
	var list []logged
	count := binary.LittleEndian.Uint64(p[16:])
	for p = p[512:]; count > 0 && len(p) >= 512; count-- {
		sector, n, flags := binary.LittleEndian.Uint64(p), int(binary.LittleEndian.Uint64(p[8:]))*512, binary.LittleEndian.Uint64(p[16:])
		p = p[512:]
		if flags&discard != 0 {
			return nil, errors.New("the kernel discarded sectors")
		}
		if n > len(p) {
			return nil, fmt.Errorf("the log ends within an entry of %d bytes", n)
		}
		if n > 0 {
			list = append(list, logged{int64(sector) * 512, p[:n]})
		}
		if flags&flush != 0 {
			list = append(list, logged{})
		}
		p = p[n:]
	}
	return list, nil
}

// cut rebuilds and judges the disk at moments, on scratch.
func cut(image, scratch string, entries []logged, moments int) error {
	flushes := 0
	for _, e := range entries {
		if e.data == nil {
			flushes++
		}
	}
	if want := cutRounds * len(cutFiles); flushes != want {
		return fmt.Errorf("%d flushes in the log, want %d: one for each file of each sync", flushes, want)
	}
	original := map[string][]byte{}
	for _, file := range cutFiles {
		content, err := extract(image, file)
		if err != nil {
			return err
		}
		original[file] = content
	}
	if err := copyFile(scratch, image); err != nil {
		return err
	}
	f, err := os.OpenFile(scratch, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	r := rand.New(rand.NewSource(1))
	kinds := map[string]int{}
	finished, at := 0, 0
	for moment := range moments {
		// Moments in order: what is durable only grows.
		target := moment * (flushes + 1) / moments
		for ; finished < target; at++ {
			if e := entries[at]; e.data == nil {
				finished++
			} else if _, err := f.WriteAt(e.data, e.at); err != nil {
				return err
			}
		}
		end := at
		for end < len(entries) && entries[end].data != nil {
			end++
		}
		undo, err := tear(f, entries[at:end], r, []float64{0, 0.1, 0.5, 0.9, 1}[r.Intn(5)])
		if err != nil {
			return err
		}
		if err := fsck(scratch); err != nil {
			return fmt.Errorf("moment %d, after %d flushes: %w", moment, finished, err)
		}
		for i, file := range cutFiles {
			kind, err := judgeCut(scratch, file, original[file], (finished+len(cutFiles)-1-i)/len(cutFiles))
			if err != nil {
				return fmt.Errorf("moment %d, after %d flushes: %w", moment, finished, err)
			}
			kinds[kind]++
		}
		for i := len(undo) - 1; i >= 0; i-- {
			if _, err := f.WriteAt(undo[i].data, undo[i].at); err != nil {
				return err
			}
		}
	}
	if kinds["old"] == 0 || kinds["new"] == 0 || kinds["torn"] == 0 {
		return fmt.Errorf("the moments show too little: %v", kinds)
	}
	return nil
}

// tear writes each sector of the writes in flight with the likelihood given, and
// gives what was there before.
func tear(f *os.File, flight []logged, r *rand.Rand, likely float64) (undo []logged, err error) {
	for _, e := range flight {
		for i := 0; i < len(e.data); i += 512 {
			if r.Float64() >= likely {
				continue
			}
			was, at := make([]byte, 512), e.at+int64(i)
			if _, err := f.ReadAt(was, at); err != nil {
				return nil, err
			}
			undo = append(undo, logged{at, was})
			if _, err := f.WriteAt(e.data[i:i+512], at); err != nil {
				return nil, err
			}
		}
	}
	return undo, nil
}

// judgeCut compares a file with what must be in it when so many of its syncs were
// acknowledged: at its places that round or the next one, elsewhere what there was.
func judgeCut(image, file string, original []byte, acknowledged int) (kind string, err error) {
	got, err := extract(image, file)
	if err != nil {
		return "", err
	}
	if len(got) != len(original) {
		return "", fmt.Errorf("%s has %d bytes", file, len(got))
	}
	rest := bytes.Clone(got)
	old, young := 0, 0
	for _, at := range cutPlaces[file] {
		for i := at; i < at+8; i++ {
			was := original[i]
			if acknowledged > 0 {
				was = byte(acknowledged)
			}
			switch got[i] {
			case was:
				old++
			case byte(acknowledged + 1):
				young++
			default:
				return "", fmt.Errorf("%s at %#x is %#x; sync %d had been acknowledged", file, i, got[i], acknowledged)
			}
			rest[i] = original[i]
		}
	}
	if !bytes.Equal(rest, original) {
		return "", fmt.Errorf("%s changed where nothing was stored", file)
	}
	switch {
	case young == 0:
		return "old", nil
	case old == 0:
		return "new", nil
	}
	return "torn", nil
}

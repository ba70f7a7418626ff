package console

import (
	"encoding/hex"
	"errors"
	"fmt"

	"faultline/files"
	"faultline/mmu"
	"faultline/zx"
)

// demoLimit is the largest file the demo chooses by itself, bytes.
const demoLimit = 16 << 20

// demo tells the story of a paged file, each line what was just seen to happen.
// It leaves the file as it was.
func (c *Console) demo(args []string) error {
	if c.volume == nil {
		return c.volumeError
	}
	name := ""
	if len(args) > 0 {
		name = args[0]
	} else {
		entries, err := c.volume.List("/")
		if err != nil {
			return err
		}
		best := int64(0)
		for _, e := range entries {
			if !e.Folder && e.Size > best && e.Size <= demoLimit {
				name, best = e.Name, e.Size
			}
		}
		if name == "" {
			return errors.New("the root folder has no file of 1 byte to 16 MiB: name one")
		}
	}
	f, err := c.open(name)
	if err != nil {
		return err
	}
	if f.Size() == 0 {
		return fmt.Errorf("%q is empty: name another file", f.Name())
	}
	return c.story(f)
}

// Demo is what a bare boot shows: the command demo without arguments.
func (c *Console) Demo() error { return c.demo(nil) }

// story is the demo on one file.
func (c *Console) story(f *files.File) error {
	pages := (f.Size() + zx.PageSize - 1) / zx.PageSize
	f.Evict()
	c.step("map", "A file becomes memory, though nothing of it has been read yet.")
	c.fact("%s, %d bytes on %s, is %d absent pages of VMO %d",
		f.Name(), f.Size(), c.volume.Describe(), pages, f.VMO().Koid())

	// Fault all of it in, and compare with the blocks on the disk.
	before := c.stats(f)
	digest, e, err := c.digest(f)
	if err != nil {
		return err
	}
	s := c.stats(f)
	c.step("fault", "A program reads it: each missing page faults, and a pager brings it.")
	c.fact("a ring-3 thread read every byte: page faults %d, requests %d, pages supplied %d, of them read ahead %d",
		e.Faults, s.Reads-before.Reads, s.PagesSupplied-before.PagesSupplied, s.PagesAhead-before.PagesAhead)
	c.step("verify", "What the program saw is what the disk holds.")
	if err := c.verify(f, digest); err != nil {
		return err
	}
	if c.volume.ReadOnly() {
		c.step("write", "Left out: the disk is read-only.")
	} else if err := c.storyWrite(f, digest); err != nil {
		return err
	}
	return c.storyFail(f, digest)
}

// verify compares a digest made in ring 3 with the disk's bytes.
func (c *Console) verify(f *files.File, digest string) error {
	want, err := f.DiskSHA256()
	if err != nil {
		return err
	}
	if digest != hex.EncodeToString(want[:]) {
		return fmt.Errorf("SHA-256 through the pager is %s, of the blocks on the disk %x", digest, want)
	}
	c.fact("%s is the SHA-256 of both", digest)
	return nil
}

// leaf is the file's entry for offset in its toucher's page table.
func (c *Console) leaf(f *files.File, offset uint64) (mmu.PTE, error) {
	t, err := c.toucher(f)
	if err != nil {
		return 0, err
	}
	chain, level := t.process.Chain(t.base + zx.VirtAddr(offset))
	return chain[mmu.LevelPML4-level].PTE, nil
}

// storyWrite changes a byte, writes it back, and puts it back as it was.
func (c *Console) storyWrite(f *files.File, digest string) (err error) {
	offset := uint64(f.Size() / 2)
	old, err := c.command(f, touchRead, offset, nil)
	if err != nil {
		return err
	}
	clean, err := c.leaf(f, offset)
	if err != nil {
		return err
	}
	before := c.stats(f)
	if err := c.store(f, offset, []byte{^old[0]}); err != nil {
		return err
	}
	dirty, err := c.leaf(f, offset)
	if err != nil {
		return err
	}
	s := c.stats(f)
	c.step("write", "It stores a byte: the pager is asked before the page may change.")
	c.fact("a store at %#x trapped: %d DIRTY request, acknowledged; the page is dirty", offset, s.Dirties-before.Dirties)
	r, err := f.Sync(c.waiter)
	if err != nil {
		return err
	}
	after, err := c.leaf(f, offset)
	if err != nil {
		return err
	}
	c.step("sync", "The pager puts the changed page on the disk; then it is clean again.")
	c.fact("%d page written: WRITEBACK_BEGIN, blocks, flush, WRITEBACK_END", r.Pages)
	c.step("PTE", "The CPU's page-table entry agrees: it allows writes (RW) only between.")
	c.fact("clean:  %v", clean)
	c.fact("stored: %v", dirty)
	c.fact("synced: %v", after)
	if clean&mmu.PTE_RW != 0 || dirty&mmu.PTE_RW == 0 || after&mmu.PTE_RW != 0 {
		return fmt.Errorf("RW must be clear, set, clear: %#x, %#x, %#x", uint64(clean), uint64(dirty), uint64(after))
	}
	changed, _, err := c.digest(f)
	if err != nil {
		return err
	}
	if changed == digest {
		return errors.New("the store changed nothing")
	}
	c.step("verify", "The program's byte is on the disk, and nothing else has changed.")
	if err := c.verify(f, changed); err != nil {
		return err
	}
	// Put it back.
	if err := c.store(f, offset, old[:1]); err != nil {
		return err
	}
	_, err = f.Sync(c.waiter)
	return err
}

// storyFail fails a page under a thread, and shows that all else goes on.
func (c *Console) storyFail(f *files.File, digest string) error {
	offset := uint64(f.Size()-1) &^ zx.PageMask
	if err := f.InjectFailure(offset, zx.PageSize, zx.ErrIODataIntegrity); err != nil {
		return err
	}
	_, err := c.command(f, touchRead, offset, nil)
	lifted := f.LiftFailures(offset, zx.PageSize)
	var killed *death
	switch {
	case err == nil:
		return fmt.Errorf("the page at %#x was read although its request was failed", offset)
	case !errors.As(err, &killed):
		return err
	}
	c.step("fail", "The pager refuses a page: the program that touches it is ended.")
	c.fact("the pager refused the page at %#x: %v at `%s`", offset, killed, killed.x.Instruction)
	if _, err := c.command(f, touchRead, offset, nil); err != nil {
		return err
	}
	again, _, err := c.digest(f)
	if err != nil {
		return err
	}
	if again != digest {
		return fmt.Errorf("SHA-256 is %s in the end, was %s", again, digest)
	}
	c.step("go on", "Nothing else came to harm: pager, file and kernel go on.")
	c.fact("%d failure lifted, the page reads, the file has its first SHA-256 again", lifted)
	c.step("next", "Type:  ls   vmo   touch %s 0 r   threads   run hello   help", quoted(f.Name()))
	return nil
}

// step begins a step of the demo: its name, and in a line what it means, for somebody
// who never heard of it. fact tells what was seen.
func (c *Console) step(name, format string, args ...any) {
	c.tell(fmt.Sprintf("%-9s", name), format, args...)
}

func (c *Console) fact(format string, args ...any) { c.tell("           ", format, args...) }

package kernel

import (
	"encoding/binary"
	"fmt"

	"faultline/dma"
	"faultline/mmu"
	"faultline/object"
	"faultline/syscall"
	"faultline/vmo"
	"faultline/zx"
)

// Where a program's parts go. A position-independent program is loaded at
// pieBias; the stack lies wherever there is room.
const (
	pieBias     = 0x80_0020_0000
	stackBytes  = 256 << 10
	startMaxArg = 64 << 10 // bytes of arguments, all told
)

// allRights is what the kernel may do with a VMO and a region of its own.
const allRights = zx.RightMap | zx.RightRead | zx.RightWrite | zx.RightExecute

// Start-block handle ids, as Zircon's processargs: PA_HND(type, arg).
const (
	paProcSelf   = 0x01
	paThreadSelf = 0x02
	paJobDefault = 0x03
	paVMARRoot   = 0x04
	paMMIO       = 0x50
	paSystem     = 0x54
	paUser0      = 0xF0
)

// Grant is a handle for a new program: PA_HND(PA_USER0, i) for the i-th, unless it
// has an ID of its own.
type Grant struct {
	Object object.Object
	Rights zx.Rights
	ID     uint32 // 0: none
}

// Privileges is what a program gets that the operator trusts with the machine: the
// root resources of system and MMIO.
func Privileges() []Grant {
	return []Grant{
		{dma.NewRoot(zx.ResourceKindSystem), dma.RightsResource, paSystem},
		{dma.NewRoot(zx.ResourceKindMMIO), dma.RightsResource, paMMIO},
	}
}

// Spawn makes a process from an ELF file, in a job of its own below the root, and
// starts it. argv[0] is the name by convention. The process gets handles to itself,
// its first thread, its job and its root VMAR, and one for each grant.
//
// Errors: the file is not a program this kernel can run | out of memory. On
// error nothing is left behind.
func (k *Kernel) Spawn(name string, file []byte, argv []string, grants []Grant, output func([]byte)) (*Process, error) {
	img, err := parseImage(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if k.heapFull() { // asked here first, it costs no call of the program the first time
		return nil, fmt.Errorf("%s: %w", name, zx.ErrNoMemory)
	}
	job, st := k.rootJob.newJob(name)
	if st != zx.OK {
		return nil, fmt.Errorf("%s: no job: %w", name, st)
	}
	p, st := k.NewProcess(job, name, output)
	if st != zx.OK {
		object.Drop(job)
		return nil, fmt.Errorf("%s: no process: %w", name, st)
	}
	if len(file) <= maxSymbolFile {
		p.file = file
	}
	if err := p.load(img, argv, grants); err != nil {
		p.Exit(zx.TaskRetcodeSyscallKill)
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return p, nil
}

// load fills the empty process p and starts its first thread.
func (p *Process) load(img *image, argv []string, grants []Grant) error {
	bias := uint64(0)
	if img.pie {
		bias = pieBias
	}
	p.bias, p.loaded = bias, true
	for _, s := range img.segments {
		if err := p.mapSegment(s, bias); err != nil {
			return err
		}
	}
	stack, top, err := p.mapStack()
	if err != nil {
		return err
	}
	defer stack.Release()

	t, st := p.createThread("initial-thread")
	if st != zx.OK {
		return fmt.Errorf("thread: %w", st)
	}
	ids, err := p.grant(t, grants)
	if err != nil {
		return err
	}
	block, err := startBlock(argv, bias, ids, uint64(top))
	if err != nil {
		return err
	}
	at := top - zx.VirtAddr(len(block))
	if st := stack.WriteBytes(block, stackBytes-uint64(len(block)), &t.request); st != zx.OK {
		return fmt.Errorf("start block: %w", st)
	}
	// As after a CALL: the stack is 16-byte aligned below a return address,
	// which is 0, for the stack is fresh.
	sp := at&^15 - 8
	if st := p.startThread(t, entryPoint{zx.VirtAddr(bias + img.entry), sp, uint64(at), 0}, true); st != zx.OK {
		return fmt.Errorf("start: %w", st)
	}
	return nil
}

// mapSegment gives a segment its own VMO, filled from the file, and maps it.
func (p *Process) mapSegment(s segment, bias uint64) error {
	size := s.end - s.start
	v, st := p.store.New(size, 0)
	if st != zx.OK {
		return fmt.Errorf("segment at %#x: %w", s.start, st)
	}
	defer v.Release() // the mapping holds its own reference
	if len(s.data) > 0 {
		var r vmo.PageRequest // an anonymous VMO never waits
		if st := v.WriteBytes(s.data, s.fileAt-s.start, &r); st != zx.OK {
			return fmt.Errorf("segment at %#x: %w", s.start, st)
		}
	}
	options := zx.VMSpecific | zx.VMPermRead
	if s.prot&mmu.Write != 0 {
		options |= zx.VMPermWrite
	}
	if s.prot&mmu.Exec != 0 {
		options |= zx.VMPermExecute
	}
	root := p.space.Root()
	if _, st := root.Map(options, bias+s.start-uint64(root.Base()), v, 0, size, allRights, allRights, nil); st != zx.OK {
		return fmt.Errorf("segment [%#x, %#x): cannot be mapped there: %w", bias+s.start, bias+s.end, st)
	}
	return nil
}

// mapStack maps a stack with an unmapped page below it and gives its VMO (one
// reference) and its end.
func (p *Process) mapStack() (v *vmo.VMO, top zx.VirtAddr, err error) {
	v, st := p.store.New(stackBytes, 0)
	if st != zx.OK {
		return nil, 0, fmt.Errorf("stack: %w", st)
	}
	const guard = zx.PageSize
	region, base, st := p.space.Root().Allocate(zx.VMCanMapRead|zx.VMCanMapWrite|zx.VMCanMapSpecific, 0, guard+stackBytes, allRights, nil)
	if st == zx.OK {
		_, st = region.Map(zx.VMSpecific|zx.VMPermRead|zx.VMPermWrite, guard, v, 0, stackBytes, allRights, allRights, nil)
	}
	if st != zx.OK {
		v.Release()
		return nil, 0, fmt.Errorf("stack: %w", st)
	}
	return v, base + guard + stackBytes, nil
}

// handleID is a handle of the start block with what it is.
type handleID struct {
	id     uint32
	handle zx.Handle
}

// grant makes the handles of the start block.
func (p *Process) grant(t *Thread, grants []Grant) ([]handleID, error) {
	list := []Grant{
		{p, zx.RightsProcess, paProcSelf},
		{t, zx.RightsThread, paThreadSelf},
		{p.job, zx.RightsJob, paJobDefault},
		{syscall.NewVMAR(p.space.Root()), zx.RightsVMAR | p.space.Root().Rights(), paVMARRoot},
	}
	for i, g := range grants {
		if g.ID == 0 {
			g.ID = paUser0 | uint32(i)<<16
		}
		list = append(list, g)
	}
	var ids []handleID
	for _, g := range list {
		h, st := p.handles.Add(g.Object, g.Rights)
		if st != zx.OK {
			return nil, fmt.Errorf("handle %#x of the start block: %w", g.ID, st)
		}
		ids = append(ids, handleID{g.ID, h})
	}
	return ids, nil
}

// startBlock lays out the start block and the argument strings so that they
// end at top. Layout: docs/abi.md.
func startBlock(argv []string, bias uint64, ids []handleID, top uint64) ([]byte, error) {
	const header, idBytes, pointerBytes = 32, 8, 8
	vectorAt := header + idBytes*len(ids)
	textAt := vectorAt + pointerBytes*(len(argv)+2) // the null pointers behind arguments and environment
	size := textAt
	for _, a := range argv {
		size += len(a) + 1
	}
	if size > startMaxArg {
		return nil, fmt.Errorf("arguments need %d bytes, more than the limit of %d", size, startMaxArg)
	}
	size = (size + 15) &^ 15
	b := make([]byte, size)
	base := top - uint64(size)
	le := binary.LittleEndian
	le.PutUint32(b[0:], 1)
	le.PutUint32(b[4:], uint32(len(argv)))
	le.PutUint64(b[8:], base+uint64(vectorAt))
	le.PutUint64(b[16:], bias)
	le.PutUint32(b[24:], uint32(len(ids)))
	for i, h := range ids {
		le.PutUint32(b[header+idBytes*i:], h.id)
		le.PutUint32(b[header+idBytes*i+4:], uint32(h.handle))
	}
	for i, a := range argv {
		le.PutUint64(b[vectorAt+pointerBytes*i:], base+uint64(textAt))
		textAt += copy(b[textAt:], a) + 1
	}
	return b, nil
}

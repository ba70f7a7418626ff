package files

import (
	"errors"
	"fmt"
	"sync"

	"faultline/object"
	"faultline/pager"
	"faultline/vmo"
	"faultline/zx"
)

// Config is what a volume is made of.
type Config struct {
	// Disk holds the FAT32 volume; nil is a machine without a disk.
	Disk BlockDevice
	// Store makes the VMOs and the pages that fill them.
	Store *vmo.Store
	// Pagers is what the volume's pager shares with all others.
	Pagers *pager.System
	// NewWaiter makes the means to sleep of the thread that serves the
	// volume; name is for listings of threads.
	NewWaiter func(name string) vmo.Waiter
}

// ErrNoDisk is the error of Mount on a machine without a disk.
var ErrNoDisk = errors.New("no disk is attached: boot with DISK=image, a FAT32 image")

// Keys of the volume's packets to its own serving goroutine: end; say that you
// came here. Files have keys from 1 on; a packet that is no request of theirs says
// that a page read ahead was taken.
const (
	keyStop   = 0
	keySettle = ^uint64(0)
)

// Volume is one mounted FAT32 volume, its pager, its port, and the goroutine
// that serves them.
type Volume struct {
	disk  *disk
	store *vmo.Store
	pager *pager.Pager
	port  *object.Port
	ro    bool

	settling sync.Mutex // one Settle at a time

	looking sync.Mutex // held while folders and chains are read, which may take long
	dir     *directory // guarded by looking

	mu    sync.Mutex
	files []*File // by key-1; nil once COMPLETE came. Guarded by mu
	views []*File // guarded by mu
	ended bool    // guarded by mu

	done    chan struct{} // closed when the serving goroutine has ended
	settled chan struct{} // one for each keySettle; room for one
	scratch scratch       // the serving goroutine's
}

// Mount finds the FAT32 volume of the disk, looks it over, and starts to serve
// it. A volume that is damaged, or was not taken out of use properly, is
// read-only; Doubts says why.
//
// Errors: ErrNoDisk | what is on the disk instead, with the value that gave it
// away | *DiskError.
func Mount(c Config) (*Volume, error) {
	if c.Disk == nil {
		return nil, ErrNoDisk
	}
	d, err := newDisk(c.Disk)
	if err != nil {
		return nil, err
	}
	g, err := probe(d)
	if err != nil {
		return nil, err
	}
	v := &Volume{
		disk:  d,
		store: c.Store,
		pager: pager.New(c.Pagers),
		port:  object.NewPort(),
		dir:   newDirectory(d, g),
		done:  make(chan struct{}),

		settled: make(chan struct{}, 1),
	}
	v.scratch.reader = newReader(d)
	if _, err := v.List("/"); err != nil {
		return nil, fmt.Errorf("cannot read the root folder: %w", err)
	}
	v.dir.survey()
	v.ro = c.Disk.ReadOnly() || len(v.dir.doubts) > 0
	w := c.NewWaiter("file pager")
	go v.run(w)
	return v, nil
}

// Shutdown ends the service: it withdraws every file from its pager, so that
// who still needs one gets ZX_ERR_BAD_STATE, and waits for the goroutine to
// end. Dirty pages are lost; Sync first.
//
// Locks: takes Volume.mu.
func (v *Volume) Shutdown() {
	v.mu.Lock()
	ended := v.ended
	v.ended = true
	open, views := without(v.files, nil), v.views
	v.mu.Unlock()
	if ended {
		<-v.done
		return
	}
	for _, f := range open {
		f.release()
	}
	stop := zx.Packet{Key: keyStop}
	if st := v.port.QueueUser(nil, &stop); st != zx.OK {
		panic(fmt.Sprintf("files.Volume.Shutdown: own port refused a packet: %v", st))
	}
	<-v.done
	for _, f := range views {
		f.vmo.Release()
	}
}

// Settle returns when every request so far has been answered, read-ahead
// included, so that counts are final.
//
// Locks: none held.
func (v *Volume) Settle() {
	v.settling.Lock()
	defer v.settling.Unlock()
	if v.port.QueueUser(nil, &zx.Packet{Key: keySettle}) != zx.OK {
		return
	}
	select {
	case <-v.settled:
	case <-v.done:
	}
}

// ReadOnly says that writes are refused, by the disk or because of Doubts.
func (v *Volume) ReadOnly() bool { return v.ro }

// Doubts are the reasons why nothing is written to the volume though the disk
// would take it.
func (v *Volume) Doubts() []string { return v.dir.doubts }

// Describe is one line on the volume: size, cluster size, read-only or not.
func (v *Volume) Describe() string {
	g := v.dir.geo // never changes
	text := fmt.Sprintf("FAT32, %d MiB, clusters of %d bytes", g.size>>20, g.clusterBytes)
	if g.start != 0 {
		text += fmt.Sprintf(", partition at sector %d", g.start/sectorBytes)
	}
	if v.ro {
		text += ", read-only"
	}
	return text
}

// DiskStats counts the volume's block operations.
func (v *Volume) DiskStats() DiskStats { return v.disk.statistics() }

// List gives the entries of a folder, or the one entry of a file.
//
// Errors: ErrNotFound, ErrNotDir, ErrAmbiguous with the path | *DiskError | a
// corrupt disk.
func (v *Volume) List(name string) ([]Entry, error) {
	v.looking.Lock()
	defer v.looking.Unlock()
	name = cleanPath(name)
	_, e, _, err := v.dir.find(name)
	if err != nil {
		return nil, err
	}
	if !e.Folder {
		return []Entry{e}, nil
	}
	entries, _, err := v.dir.list(e.first)
	return entries, err
}

// Open gives the file of that name, the same one each time while it is open:
// its VMO is made, TRAP_DIRTY, and its blocks found, on first use. Frozen views
// (Snap) have names too.
//
// Errors: ErrNotFound, ErrIsFolder, ErrNotDir, ErrAmbiguous with the path |
// *DiskError | a corrupt disk: what of the file's chain or of a folder on the way
// is wrong | zx.Status when the VMO cannot be made.
func (v *Volume) Open(name string) (*File, error) {
	v.looking.Lock()
	defer v.looking.Unlock()
	name = cleanPath(name)
	if f := v.view(name); f != nil {
		return f, nil
	}
	canonical, e, doubt, err := v.dir.find(name)
	if err != nil {
		return nil, err
	}
	if e.Folder {
		return nil, fmt.Errorf("%q %w", "/"+canonical, ErrIsFolder)
	}
	if f := v.opened(e.place); f != nil {
		return f, nil
	}
	if doubt != nil {
		return nil, fmt.Errorf("%q cannot be opened: %w", canonical, doubt)
	}
	x, err := v.dir.chain(e)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", canonical, err)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.ended {
		return nil, fmt.Errorf("%q: %w", canonical, zx.ErrBadState)
	}
	f := &File{volume: v, name: canonical, size: e.Size, place: e.place, chain: x, key: uint64(len(v.files) + 1)}
	var st zx.Status
	if f.vmo, st = v.pager.CreateVMO(v.store, zx.VMOTrapDirty, v.port, f.key, uint64(e.Size)); st != zx.OK {
		return nil, fmt.Errorf("%q: cannot make its VMO: %w", canonical, st)
	}
	v.pager.ServeDirect(f.vmo, f)
	v.files = append(v.files, f)
	return f, nil
}

// opened gives the open file whose entry lies at place, nil if there is none.
func (v *Volume) opened(place int64) *File {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, f := range v.files {
		if f != nil && !f.closing.Load() && f.place == place {
			return f
		}
	}
	return nil
}

// Files gives the opened files in the order in which they were opened.
func (v *Volume) Files() []*File {
	v.mu.Lock()
	defer v.mu.Unlock()
	return without(v.files, nil)
}

// byKey gives the file a packet is about, nil if it is gone.
func (v *Volume) byKey(key uint64) *File {
	v.mu.Lock()
	defer v.mu.Unlock()
	if key == 0 || key > uint64(len(v.files)) {
		return nil
	}
	return v.files[key-1]
}

// run takes packets from the port until it is told to stop.
func (v *Volume) run(w vmo.Waiter) {
	defer close(v.done)
	var packet zx.Packet
	for {
		switch st := v.port.Wait(w, zx.TimeInfinite, &packet); st {
		case zx.OK:
		case zx.ErrInternalIntrRetry:
			continue // suspended and resumed
		default:
			return // killed
		}
		if packet.Type != zx.PacketPageRequest {
			switch packet.Key {
			case keyStop:
				return
			case keySettle:
				v.settled <- struct{}{}
			default:
				if f := v.byKey(packet.Key); f != nil {
					f.readOn()
				}
			}
			continue
		}
		f := v.byKey(packet.Key)
		if f == nil {
			continue
		}
		switch r := packet.PageRequest(); r.Command {
		case zx.PageRead:
			f.serveRead(r.Offset, r.Length)
		case zx.PageDirty:
			f.serveDirty(r.Offset, r.Length)
		case zx.PageComplete:
			v.mu.Lock()
			v.files[f.key-1] = nil
			v.mu.Unlock()
		}
	}
}

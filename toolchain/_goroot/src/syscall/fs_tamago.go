package syscall

import (
	"sync"
	_ "unsafe" // for go:linkname
)

// The file system is a tree in memory, empty at start but for /tmp and /dev.
// It makes os.TempDir, tests and libraries that keep scratch files work; a
// kernel's real files are elsewhere.

// consoleRead is what reading descriptor 0 does. A board may set it (declare a
// variable linked to syscall.consoleRead); without it there is no input. It may
// block like any goroutine; no bytes is end of file.
//
//go:linkname consoleRead
var consoleRead func(p []byte) int

// consoleWrite is the runtime's.
func consoleWrite(p []byte)

// hostFile, if set, supplies the contents of files that the tree lacks, for
// reading: test data, where the program has a host. Set it like consoleRead.
//
//go:linkname hostFile
var hostFile func(path string) (data []byte, ok bool)

// hostNodes are the files that hostFile supplied, so that each stays itself.
var hostNodes = map[string]*inode{}

// fromHost returns the host's file of this name, or nil. Relative names mean
// the host's idea of the directory only while the program has not left it.
func fromHost(path string) *inode {
	if hostFile == nil || path == "" || path[0] != '/' && fsCwd != fsRoot {
		return nil
	}
	n := hostNodes[path]
	if n == nil {
		data, ok := hostFile(path)
		if !ok {
			return nil
		}
		n = newInode(S_IFREG | 0444)
		n.nlink = 1
		n.data = data
		hostNodes[path] = n
	}
	return n
}

type inode struct {
	mode    uint32
	ino     uint64
	nlink   uint32
	uid     int
	gid     int
	data    []byte            // of a file; a link's target
	entries map[string]*inode // of a directory
	order   []string          // its names, in order of creation
	parent  *inode            // of a directory
	mtime   Timespec
	atime   Timespec
	device  uint8
}

const (
	devNone = iota
	devConsole
	devNull
	devZero
)

type openFile struct {
	node  *inode
	flags int
	pos   int64 // in a file; in a directory, the next entry
	names []string
	pipe  *pipe
	refs  int
}

var (
	fsMu    sync.Mutex
	fsRoot  = newRoot()
	fsCwd   = fsRoot
	fsFiles = map[int]*openFile{}
	lastIno uint64
)

func newRoot() *inode {
	root := newInode(S_IFDIR | 0755)
	root.parent = root
	root.nlink = 2
	add := func(dir *inode, name string, mode uint32, device uint8) *inode {
		n := newInode(mode)
		n.device = device
		dir.link(name, n)
		return n
	}
	add(root, "tmp", S_IFDIR|S_ISVTX|0777, devNone)
	dev := add(root, "dev", S_IFDIR|0755, devNone)
	add(dev, "null", S_IFCHR|0666, devNull)
	add(dev, "zero", S_IFCHR|0666, devZero)
	console := add(dev, "console", S_IFCHR|0620, devConsole)
	for fd, flags := range []int{O_RDONLY, O_WRONLY, O_WRONLY} {
		fsFiles[fd] = &openFile{node: console, flags: flags, refs: 1}
	}
	return root
}

func newInode(mode uint32) *inode {
	lastIno++
	n := &inode{mode: mode, ino: lastIno}
	if mode&S_IFMT == S_IFDIR {
		n.entries = map[string]*inode{}
	}
	n.touch()
	n.atime = n.mtime
	return n
}

func (n *inode) touch() {
	sec, nsec := now()
	n.mtime = Timespec{sec, int64(nsec)}
}

func (n *inode) isDir() bool { return n.mode&S_IFMT == S_IFDIR }

func (n *inode) link(name string, child *inode) {
	n.entries[name] = child
	n.order = append(n.order, name)
	child.nlink++
	if child.isDir() {
		child.nlink = 2
		child.parent = n
		n.nlink++
	}
	n.touch()
}

func (n *inode) unlink(name string) {
	child := n.entries[name]
	delete(n.entries, name)
	for i, s := range n.order {
		if s == name {
			n.order = append(n.order[:i:i], n.order[i+1:]...)
			break
		}
	}
	child.nlink--
	if child.isDir() {
		child.nlink = 0
		n.nlink--
	}
	n.touch()
}

const maxLinks = 40

// lookup walks a path. It returns the directory that holds the last element,
// that element's name ("" if it is the root or ends in . or ..), and what it
// names, nil if nothing.
func lookup(path string, follow bool) (dir *inode, name string, n *inode, err error) {
	return walk(fsCwd, path, follow, 0)
}

func walk(dir *inode, path string, follow bool, depth int) (*inode, string, *inode, error) {
	if path == "" {
		return nil, "", nil, ENOENT
	}
	if depth > maxLinks {
		return nil, "", nil, ELOOP
	}
	if len(path) > PathMax {
		return nil, "", nil, ENAMETOOLONG
	}
	for i := 0; i < len(path); i++ {
		if path[i] == 0 {
			return nil, "", nil, EINVAL
		}
	}
	if path[0] == '/' {
		dir = fsRoot
	}
	n, name := dir, ""
	for {
		for path != "" && path[0] == '/' {
			path = path[1:]
		}
		if path == "" {
			return dir, name, n, nil
		}
		if n == nil {
			return nil, "", nil, ENOENT
		}
		if !n.isDir() {
			return nil, "", nil, ENOTDIR
		}
		dir = n
		end := 0
		for end < len(path) && path[end] != '/' {
			end++
		}
		name, path = path[:end], path[end:]
		if len(name) > 255 {
			return nil, "", nil, ENAMETOOLONG
		}
		switch name {
		case ".":
			n, name = dir, ""
			continue
		case "..":
			n, name = dir.parent, ""
			continue
		}
		n = dir.entries[name]
		if n == nil {
			continue
		}
		if n.mode&S_IFMT == S_IFLNK && (path != "" || follow) {
			d, nm, target, err := walk(dir, string(n.data), true, depth+1)
			if err != nil {
				return nil, "", nil, err
			}
			dir, name, n = d, nm, target
		} else if path != "" && !n.isDir() {
			return nil, "", nil, ENOTDIR
		}
	}
}

// find is lookup for what must exist.
func find(path string, follow bool) (*inode, error) {
	_, _, n, err := lookup(path, follow)
	if err == nil && n == nil {
		err = ENOENT
	}
	if err == ENOENT {
		if n := fromHost(path); n != nil {
			return n, nil
		}
	}
	return n, err
}

func newFd(f *openFile) int {
	fd := 0
	for fsFiles[fd] != nil {
		fd++
	}
	f.refs++
	fsFiles[fd] = f
	return fd
}

func getFile(fd int) (*openFile, error) {
	if f := fsFiles[fd]; f != nil {
		return f, nil
	}
	return nil, EBADF
}

func Open(path string, openmode int, perm uint32) (int, error) {
	fsMu.Lock()
	defer fsMu.Unlock()
	exclusive := openmode&(O_CREAT|O_EXCL) == O_CREAT|O_EXCL
	dir, name, n, err := lookup(path, !exclusive && openmode&O_NOFOLLOW == 0)
	if n == nil && openmode&O_CREAT == 0 && (err == nil || err == ENOENT) {
		n, err = find(path, true)
	}
	if err != nil {
		return -1, err
	}
	writes := openmode&(O_WRONLY|O_RDWR) != 0
	switch {
	case n == nil && openmode&O_CREAT == 0:
		return -1, ENOENT
	case n == nil && (path[len(path)-1] == '/' || name == ""):
		return -1, EISDIR
	case n == nil && dir.nlink == 0:
		return -1, ENOENT
	case n == nil:
		n = newInode(S_IFREG | perm&07777)
		dir.link(name, n)
	case exclusive:
		return -1, EEXIST
	case n.mode&S_IFMT == S_IFLNK:
		return -1, ELOOP
	case n.isDir() && (writes || openmode&O_CREAT != 0):
		return -1, EISDIR
	case !n.isDir() && (openmode&O_DIRECTORY != 0 || path[len(path)-1] == '/'):
		return -1, ENOTDIR
	}
	if openmode&O_TRUNC != 0 && writes && n.device == devNone {
		n.data = nil
		n.touch()
	}
	return newFd(&openFile{node: n, flags: openmode}), nil
}

func Close(fd int) error {
	fsMu.Lock()
	defer fsMu.Unlock()
	f, err := getFile(fd)
	if err != nil {
		return err
	}
	delete(fsFiles, fd)
	if f.refs--; f.refs == 0 && f.pipe != nil {
		f.pipe.closeEnd(f.flags)
	}
	return nil
}

func CloseOnExec(fd int) {}

func SetNonblock(fd int, nonblocking bool) error { return nil }

func Mkdir(path string, perm uint32) error {
	return create(path, func(dir *inode) *inode { return newInode(S_IFDIR | perm&01777) })
}

func Symlink(target, path string) error {
	if target == "" {
		return ENOENT
	}
	return create(path, func(*inode) *inode {
		n := newInode(S_IFLNK | 0777)
		n.data = []byte(target)
		return n
	})
}

func create(path string, make func(dir *inode) *inode) error {
	fsMu.Lock()
	defer fsMu.Unlock()
	dir, name, n, err := lookup(path, false)
	if err != nil {
		return err
	}
	if n != nil || name == "" {
		return EEXIST
	}
	if dir.nlink == 0 {
		return ENOENT
	}
	dir.link(name, make(dir))
	return nil
}

func Link(path, link string) error {
	fsMu.Lock()
	defer fsMu.Unlock()
	from, err := find(path, false)
	if err != nil {
		return err
	}
	if from.isDir() {
		return EPERM
	}
	dir, name, n, err := lookup(link, false)
	if err != nil {
		return err
	}
	if n != nil || name == "" {
		return EEXIST
	}
	dir.link(name, from)
	return nil
}

func ReadDirent(fd int, buf []byte) (int, error) {
	fsMu.Lock()
	defer fsMu.Unlock()
	f, err := getFile(fd)
	if err != nil {
		return 0, err
	}
	if f.node == nil || !f.node.isDir() {
		return 0, ENOTDIR
	}
	if f.names == nil || f.pos == 0 {
		// What is there when reading begins: removal as it goes on must not
		// make it skip an entry.
		f.names = append([]string{}, f.node.order...)
	}
	n := 0
	for int(f.pos) < len(f.names) {
		name := f.names[f.pos]
		l := 2 + len(name)
		if n+l > len(buf) {
			if n == 0 {
				return 0, EINVAL
			}
			break
		}
		f.pos++
		if f.node.entries[name] == nil {
			continue
		}
		buf[n], buf[n+1] = byte(l), byte(l>>8)
		copy(buf[n+2:], name)
		n += l
	}
	return n, nil
}

func (n *inode) stat(st *Stat_t) {
	*st = Stat_t{
		Dev: 1, Ino: n.ino, Mode: n.mode, Nlink: n.nlink, Uid: uint32(n.uid), Gid: uint32(n.gid),
		Size: int64(len(n.data)), Blksize: 4096, Blocks: int32((len(n.data) + 511) / 512), Rdev: int64(n.device),
		Atime: n.atime.Sec, AtimeNsec: n.atime.Nsec,
		Mtime: n.mtime.Sec, MtimeNsec: n.mtime.Nsec, Ctime: n.mtime.Sec, CtimeNsec: n.mtime.Nsec,
	}
}

func Stat(path string, st *Stat_t) error  { return statPath(path, true, st) }
func Lstat(path string, st *Stat_t) error { return statPath(path, false, st) }

func statPath(path string, follow bool, st *Stat_t) error {
	return onPath(path, follow, func(n *inode) error { n.stat(st); return nil })
}

func Fstat(fd int, st *Stat_t) error {
	return onFd(fd, func(n *inode) error { n.stat(st); return nil })
}

// onPath runs fn on an existing file.
func onPath(path string, follow bool, fn func(n *inode) error) error {
	fsMu.Lock()
	defer fsMu.Unlock()
	n, err := find(path, follow)
	if err != nil {
		return err
	}
	return fn(n)
}

func onFd(fd int, fn func(n *inode) error) error {
	fsMu.Lock()
	defer fsMu.Unlock()
	f, err := getFile(fd)
	if err != nil {
		return err
	}
	return fn(f.node)
}

func Unlink(path string) error { return remove(path, false) }
func Rmdir(path string) error  { return remove(path, true) }

func remove(path string, directory bool) error {
	fsMu.Lock()
	defer fsMu.Unlock()
	dir, name, n, err := lookup(path, false)
	switch {
	case err != nil:
		return err
	case n == nil:
		return ENOENT
	case n == fsRoot || name == "":
		return EINVAL
	case directory && !n.isDir():
		return ENOTDIR
	case !directory && n.isDir():
		return EISDIR
	case directory && len(n.entries) > 0:
		return ENOTEMPTY
	}
	dir.unlink(name)
	return nil
}

func Rename(from, to string) error {
	fsMu.Lock()
	defer fsMu.Unlock()
	fromDir, fromName, n, err := lookup(from, false)
	if err != nil {
		return err
	}
	if n == nil {
		return ENOENT
	}
	toDir, toName, old, err := lookup(to, false)
	switch {
	case err != nil:
		return err
	case fromName == "" || toName == "":
		return EINVAL
	case old == n:
		return nil
	case old != nil && old.isDir() && !n.isDir():
		return EISDIR
	case old != nil && !old.isDir() && n.isDir():
		return ENOTDIR
	case old != nil && old.isDir() && len(old.entries) > 0:
		return ENOTEMPTY
	}
	for d := toDir; n.isDir(); d = d.parent {
		if d == n {
			return EINVAL // into itself
		}
		if d == d.parent {
			break
		}
	}
	if old != nil {
		toDir.unlink(toName)
	}
	fromDir.unlink(fromName)
	toDir.link(toName, n)
	return nil
}

func setMode(mode uint32) func(*inode) error {
	return func(n *inode) error {
		n.mode = n.mode&S_IFMT | mode&07777
		return nil
	}
}

func Chmod(path string, mode uint32) error { return onPath(path, true, setMode(mode)) }
func Fchmod(fd int, mode uint32) error     { return onFd(fd, setMode(mode)) }

func setOwner(uid, gid int) func(*inode) error {
	return func(n *inode) error {
		if uid != -1 {
			n.uid = uid
		}
		if gid != -1 {
			n.gid = gid
		}
		return nil
	}
}

func Chown(path string, uid, gid int) error  { return onPath(path, true, setOwner(uid, gid)) }
func Lchown(path string, uid, gid int) error { return onPath(path, false, setOwner(uid, gid)) }
func Fchown(fd int, uid, gid int) error      { return onFd(fd, setOwner(uid, gid)) }

const _UTIME_OMIT = -0x2

func UtimesNano(path string, ts []Timespec) error {
	if len(ts) != 2 {
		return EINVAL
	}
	return onPath(path, true, func(n *inode) error {
		if ts[0].Nsec != _UTIME_OMIT {
			n.atime = ts[0]
		}
		if ts[1].Nsec != _UTIME_OMIT {
			n.mtime = ts[1]
		}
		return nil
	})
}

func resize(length int64) func(n *inode) error {
	return func(n *inode) error {
		switch {
		case n == nil || length < 0:
			return EINVAL
		case n.isDir():
			return EISDIR
		case n.device != devNone:
			return nil
		case length <= int64(len(n.data)):
			clear(n.data[length:]) // what grows again is zero
			n.data = n.data[:length]
		default:
			n.data = append(n.data, make([]byte, length-int64(len(n.data)))...)
		}
		n.touch()
		return nil
	}
}

func Truncate(path string, length int64) error { return onPath(path, true, resize(length)) }

func Ftruncate(fd int, length int64) error {
	fsMu.Lock()
	defer fsMu.Unlock()
	f, err := getFile(fd)
	if err != nil {
		return err
	}
	if f.flags&(O_WRONLY|O_RDWR) == 0 {
		return EINVAL
	}
	return resize(length)(f.node)
}

const ImplementsGetwd = true

func Getwd() (string, error) {
	fsMu.Lock()
	defer fsMu.Unlock()
	return fsCwd.path()
}

// path returns a directory's name from the root.
func (n *inode) path() (string, error) {
	path := ""
	for n != fsRoot {
		if n.nlink == 0 {
			return "", ENOENT
		}
		for name, child := range n.parent.entries {
			if child == n {
				path = "/" + name + path
				break
			}
		}
		n = n.parent
	}
	if path == "" {
		path = "/"
	}
	return path, nil
}

func Getcwd(buf []byte) (int, error) {
	wd, err := Getwd()
	if err != nil {
		return 0, err
	}
	if len(wd) > len(buf) {
		return 0, ERANGE
	}
	return copy(buf, wd), nil
}

func chdir(n *inode) error {
	if n == nil || !n.isDir() {
		return ENOTDIR
	}
	fsCwd = n
	return nil
}

func Chdir(path string) error { return onPath(path, true, chdir) }
func Fchdir(fd int) error     { return onFd(fd, chdir) }

func Readlink(path string, buf []byte) (n int, err error) {
	err = onPath(path, false, func(node *inode) error {
		if node.mode&S_IFMT != S_IFLNK {
			return EINVAL
		}
		n = copy(buf, node.data)
		return nil
	})
	return n, err
}

func Fsync(fd int) error { return onFd(fd, func(*inode) error { return nil }) }

func Read(fd int, b []byte) (int, error) { return readWrite(fd, b, -1, false) }

func Write(fd int, b []byte) (int, error) { return readWrite(fd, b, -1, true) }

func Pread(fd int, b []byte, offset int64) (int, error) {
	if offset < 0 {
		return 0, EINVAL
	}
	return readWrite(fd, b, offset, false)
}

func Pwrite(fd int, b []byte, offset int64) (int, error) {
	if offset < 0 {
		return 0, EINVAL
	}
	return readWrite(fd, b, offset, true)
}

// readWrite moves bytes at an offset, or at the file's position if that is
// negative.
func readWrite(fd int, b []byte, offset int64, write bool) (int, error) {
	fsMu.Lock()
	f, err := getFile(fd)
	if err != nil || write && f.flags&(O_WRONLY|O_RDWR) == 0 || !write && f.flags&O_WRONLY != 0 {
		fsMu.Unlock()
		return 0, EBADF
	}
	// What may block does so without the lock.
	if f.pipe != nil {
		fsMu.Unlock()
		if offset >= 0 {
			return 0, ESPIPE
		}
		if write {
			return f.pipe.write(b)
		}
		return f.pipe.read(b)
	}
	if f.node.device != devNone {
		fsMu.Unlock()
		return f.node.deviceIO(b, write)
	}
	defer fsMu.Unlock()
	if f.node.isDir() {
		return 0, EISDIR
	}
	at := offset
	if at < 0 {
		at = f.pos
		if write && f.flags&O_APPEND != 0 {
			at = int64(len(f.node.data))
		}
	}
	n := 0
	if write {
		if end := at + int64(len(b)); end > int64(len(f.node.data)) {
			if err := resize(end)(f.node); err != nil {
				return 0, err
			}
		}
		n = copy(f.node.data[at:], b)
		f.node.touch()
	} else if at < int64(len(f.node.data)) {
		n = copy(b, f.node.data[at:])
	}
	if offset < 0 {
		f.pos = at + int64(n)
	}
	return n, nil
}

func (n *inode) deviceIO(b []byte, write bool) (int, error) {
	switch {
	case n.device == devConsole && write:
		consoleWrite(b)
	case n.device == devConsole && consoleRead != nil:
		return consoleRead(b), nil
	case write:
	case n.device == devZero:
		clear(b)
	default:
		return 0, nil // end of file
	}
	return len(b), nil
}

func Seek(fd int, offset int64, whence int) (int64, error) {
	fsMu.Lock()
	defer fsMu.Unlock()
	f, err := getFile(fd)
	if err != nil {
		return 0, err
	}
	if f.pipe != nil || f.node.device == devConsole {
		return 0, ESPIPE
	}
	switch whence {
	case 0:
	case 1:
		offset += f.pos
	case 2:
		offset += int64(len(f.node.data))
	default:
		return 0, EINVAL
	}
	if offset < 0 {
		return 0, EINVAL
	}
	f.pos = offset
	return offset, nil
}

func Dup(fd int) (int, error) {
	fsMu.Lock()
	defer fsMu.Unlock()
	f, err := getFile(fd)
	if err != nil {
		return -1, err
	}
	return newFd(f), nil
}

func Dup2(fd, newfd int) error {
	fsMu.Lock()
	f, err := getFile(fd)
	if err != nil || fd == newfd {
		fsMu.Unlock()
		return err
	}
	old := fsFiles[newfd] != nil
	fsMu.Unlock()
	if old {
		Close(newfd)
	}
	fsMu.Lock()
	defer fsMu.Unlock()
	f.refs++
	fsFiles[newfd] = f
	return nil
}

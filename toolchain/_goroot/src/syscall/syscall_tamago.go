package syscall

import (
	errorspkg "errors"
	"internal/oserror"
	"internal/strconv"
	"sync"
	"unsafe"
)

// There is no operating system below: files are a tree in memory (fs_tamago.go),
// descriptors 0 to 2 are the console, processes and sockets do not exist.

const PathMax = 4096

const direntSize = 8 + 8 + 2 + 256

// A Dirent is one record of ReadDirent.
type Dirent struct {
	Reclen uint16
	Name   [256]byte
}

func direntIno(buf []byte) (uint64, bool) { return 1, true }

func direntReclen(buf []byte) (uint64, bool) {
	return readInt(buf, unsafe.Offsetof(Dirent{}.Reclen), unsafe.Sizeof(Dirent{}.Reclen))
}

func direntNamlen(buf []byte) (uint64, bool) {
	reclen, ok := direntReclen(buf)
	if !ok {
		return 0, false
	}
	return reclen - uint64(unsafe.Offsetof(Dirent{}.Name)), true
}

// An Errno is an error number; zero is by convention no error.
type Errno uintptr

func (e Errno) Error() string {
	if 0 <= int(e) && int(e) < len(errorstr) {
		if s := errorstr[e]; s != "" {
			return s
		}
	}
	return "errno " + strconv.Itoa(int(e))
}

func (e Errno) Is(target error) bool {
	switch target {
	case oserror.ErrPermission:
		return e == EACCES || e == EPERM
	case oserror.ErrExist:
		return e == EEXIST || e == ENOTEMPTY
	case oserror.ErrNotExist:
		return e == ENOENT
	case errorspkg.ErrUnsupported:
		return e == ENOSYS || e == ENOTSUP || e == EOPNOTSUPP
	}
	return false
}

func (e Errno) Temporary() bool { return e == EINTR || e == EMFILE || e.Timeout() }

func (e Errno) Timeout() bool { return e == EAGAIN || e == EWOULDBLOCK || e == ETIMEDOUT }

// A Signal is a number that an interrupt handler can relay to os/signal. The
// names and numbers are Unix's; nothing sends them but the program itself.
type Signal int

const (
	SIGHUP  Signal = 1
	SIGINT  Signal = 2
	SIGQUIT Signal = 3
	SIGILL  Signal = 4
	SIGTRAP Signal = 5
	SIGABRT Signal = 6
	SIGBUS  Signal = 7
	SIGFPE  Signal = 8
	SIGKILL Signal = 9
	SIGUSR1 Signal = 10
	SIGSEGV Signal = 11
	SIGUSR2 Signal = 12
	SIGPIPE Signal = 13
	SIGALRM Signal = 14
	SIGTERM Signal = 15
	SIGCHLD Signal = 17
	SIGCONT Signal = 18
	SIGSTOP Signal = 19
	SIGTSTP Signal = 20
	SIGTTIN Signal = 21
	SIGTTOU Signal = 22
	SIGIO   Signal = 29
)

func (s Signal) Signal() {}

func (s Signal) String() string {
	if 0 <= s && int(s) < len(signals) {
		if str := signals[s]; str != "" {
			return str
		}
	}
	return "signal " + strconv.Itoa(int(s))
}

var signals = [...]string{
	SIGHUP:  "hangup",
	SIGINT:  "interrupt",
	SIGQUIT: "quit",
	SIGILL:  "illegal instruction",
	SIGTRAP: "trace/breakpoint trap",
	SIGABRT: "aborted",
	SIGBUS:  "bus error",
	SIGFPE:  "floating point exception",
	SIGKILL: "killed",
	SIGUSR1: "user defined signal 1",
	SIGSEGV: "segmentation fault",
	SIGUSR2: "user defined signal 2",
	SIGPIPE: "broken pipe",
	SIGALRM: "alarm clock",
	SIGTERM: "terminated",
}

const (
	Stdin  = 0
	Stdout = 1
	Stderr = 2
)

const (
	O_RDONLY = 0
	O_WRONLY = 1
	O_RDWR   = 2

	O_CREAT     = 0100
	O_CREATE    = O_CREAT
	O_EXCL      = 0200
	O_TRUNC     = 01000
	O_APPEND    = 02000
	O_SYNC      = 010000
	O_DIRECTORY = 0200000
	O_NOFOLLOW  = 0400000

	O_CLOEXEC  = 0
	O_NONBLOCK = 04000
)

const (
	F_DUPFD = 0
	F_GETFD = 1
	F_SETFD = 2
	F_GETFL = 3
	F_SETFL = 4
	F_GETLK = 5
	F_SETLK = 6

	F_RDLCK = 0
	F_WRLCK = 1
	F_UNLCK = 2
)

const (
	S_IFMT   = 0170000
	S_IFSOCK = 0140000
	S_IFLNK  = 0120000
	S_IFREG  = 0100000
	S_IFBLK  = 0060000
	S_IFDIR  = 0040000
	S_IFCHR  = 0020000
	S_IFIFO  = 0010000

	S_ISUID = 04000
	S_ISGID = 02000
	S_ISVTX = 01000

	S_IRUSR = 0400
	S_IWUSR = 0200
	S_IXUSR = 0100
)

// A Stat_t describes a file.
type Stat_t struct {
	Dev       int64
	Ino       uint64
	Mode      uint32
	Nlink     uint32
	Uid       uint32
	Gid       uint32
	Rdev      int64
	Size      int64
	Blksize   int32
	Blocks    int32
	Atime     int64
	AtimeNsec int64
	Mtime     int64
	MtimeNsec int64
	Ctime     int64
	CtimeNsec int64
}

// ForkLock exists for package os; nothing forks.
var ForkLock sync.RWMutex

// A WaitStatus describes a process, of which there are none.
type WaitStatus uint32

func (w WaitStatus) Exited() bool       { return false }
func (w WaitStatus) ExitStatus() int    { return 0 }
func (w WaitStatus) Signaled() bool     { return false }
func (w WaitStatus) Signal() Signal     { return 0 }
func (w WaitStatus) CoreDump() bool     { return false }
func (w WaitStatus) Stopped() bool      { return false }
func (w WaitStatus) Continued() bool    { return false }
func (w WaitStatus) StopSignal() Signal { return 0 }
func (w WaitStatus) TrapCause() int     { return 0 }

type Rusage struct {
	Utime Timeval
	Stime Timeval
}

type ProcAttr struct {
	Dir   string
	Env   []string
	Files []uintptr
	Sys   *SysProcAttr
}

type SysProcAttr struct{}

func Syscall(trap, a1, a2, a3 uintptr) (r1, r2 uintptr, err Errno) { return 0, 0, ENOSYS }

func Syscall6(trap, a1, a2, a3, a4, a5, a6 uintptr) (r1, r2 uintptr, err Errno) {
	return 0, 0, ENOSYS
}

func RawSyscall(trap, a1, a2, a3 uintptr) (r1, r2 uintptr, err Errno) { return 0, 0, ENOSYS }

func RawSyscall6(trap, a1, a2, a3, a4, a5, a6 uintptr) (r1, r2 uintptr, err Errno) {
	return 0, 0, ENOSYS
}

// Sysctl knows the host's name.
func Sysctl(key string) (string, error) {
	if key == "kern.hostname" {
		return "tamago", nil
	}
	return "", ENOSYS
}

func Getuid() int                          { return 0 }
func Getgid() int                          { return 0 }
func Geteuid() int                         { return 0 }
func Getegid() int                         { return 0 }
func Getgroups() (groups []int, err error) { return []int{0}, nil }
func Getpid() int                          { return 1 }
func Getppid() int                         { return 0 }
func Umask(mask int) (oldmask int)         { return 0 }

func Gettimeofday(tv *Timeval) error {
	sec, nsec := now()
	*tv = Timeval{Sec: sec, Usec: int64(nsec) / 1000}
	return nil
}

// now is the runtime's wall clock.
func now() (sec int64, nsec int32)

// runtimeRelay hands a signal to os/signal as an interrupt handler would.
func runtimeRelay(sig int) bool

// Kill delivers a signal to the program itself, if os/signal listens to it.
func Kill(pid int, signum Signal) error {
	if pid != Getpid() {
		return ESRCH
	}
	if signum < 0 || signum >= 64 {
		return EINVAL
	}
	if !runtimeRelay(int(signum)) && signum != SIGCHLD && signum != SIGCONT && signum != 0 {
		Exit(128 + int(signum))
	}
	return nil
}

func Sendfile(outfd int, infd int, offset *int64, count int) (written int, err error) {
	return 0, ENOSYS
}

func StartProcess(argv0 string, argv []string, attr *ProcAttr) (pid int, handle uintptr, err error) {
	return 0, 0, ENOSYS
}

func Wait4(pid int, wstatus *WaitStatus, options int, rusage *Rusage) (wpid int, err error) {
	return 0, ENOSYS
}

// An Iovec exists for internal/poll.
type Iovec struct{}

type Timespec struct {
	Sec  int64
	Nsec int64
}

type Timeval struct {
	Sec  int64
	Usec int64
}

func setTimespec(sec, nsec int64) Timespec { return Timespec{Sec: sec, Nsec: nsec} }

func setTimeval(sec, usec int64) Timeval { return Timeval{Sec: sec, Usec: usec} }

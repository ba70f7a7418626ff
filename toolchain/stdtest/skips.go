package main

import "regexp"

// tested are the packages whose tests are run.
var tested = []string{
	"runtime",
	"sync",
	"sync/atomic",
	"time",
	"fmt",
	"strings",
	"bytes",
	"sort",
	"strconv",
	"errors",
	"bufio",
	"math",
	"math/bits",
	"math/rand",
	"math/rand/v2",
	"math/big",
	"reflect",
	"encoding/binary",
	"encoding/json",
	"encoding/hex",
	"encoding/base64",
	"encoding/gob",
	"hash/crc32",
	"hash/crc64",
	"hash/fnv",
	"hash/maphash",
	"crypto/sha256",
	"crypto/sha512",
	"crypto/rand",
	"container/heap",
	"container/list",
	"container/ring",
	"unicode",
	"unicode/utf8",
	"unicode/utf16",
	"context",
	"io",
	"io/fs",
	"os",
	"path",
	"path/filepath",
	"log",
	"log/slog",
	"maps",
	"slices",
	"cmp",
	"iter",
	"flag",
	"text/tabwriter",
	"text/template",
	"regexp",
	"debug/elf",
	"testing",
	"internal/cpu",
	"internal/runtime/atomic",
	"internal/runtime/maps",
	"internal/sync",
}

// skip names a test that cannot pass on this system, with the reason.
type skip struct {
	pkg, test string
	why       string
	board     bool // only where the tests run on a board
}

const (
	noSysmon      = "there is no monitor thread: no periodic collection, no preemption of what calls no function"
	oneThread     = "one processor unless the board has more: GOMAXPROCS stays 1"
	spins         = "spins until another processor changes a word, which only one processor never does"
	noProfiler    = "waits for a profiler's signal handler; there is no profiler"
	noLatencies   = "the scheduler samples no latencies here: /sync/mutex/wait and /sched/latencies stay empty"
	noLockProfile = "there is no profile of contention on runtime locks"
	noLock        = "LockOSThread does nothing"
	needsFiles    = "reads files of the source tree or the host, which only a Linux process can"
	needsDirs     = "lists directories of the source tree or the host; only files can be read there"
	needsExe      = "opens its own executable, which is in a scratch directory of the host"
	rootByName    = "os.Root follows path names, not open directories, as on js and Plan 9"
	errorText     = "wants Unix's text for an error; the texts are js's"
	noDeadlines   = "files and pipes have no deadlines"
	noTicks       = "spins until it is preempted; on the board nothing interrupts Go code"
	muchMemory    = "wants more memory than a kernel's heap has: 400 MB of stacks or slices"
	writable      = "expects a fault; the boot page tables let all be written, only the kernel's do not"
	noResolver    = "listens on localhost by name, and there is no resolver"
)

var skips = []skip{
	{pkg: "runtime", test: "TestPeriodicGC", why: noSysmon},
	{pkg: "runtime", test: "TestPreemptionAfterSyscall", why: noSysmon},
	{pkg: "runtime", test: "TestSchedPauseMetrics/runtime.GOMAXPROCS", why: oneThread},
	{pkg: "runtime", test: "TestLockOSThreadNesting", why: noLock},
	{pkg: "runtime", test: "TestParallelRWMutexReaders", why: spins},
	{pkg: "runtime", test: "TestProfBufWakeup", why: noProfiler},
	{pkg: "runtime", test: "TestMutexWaitTimeMetric", why: noLatencies},
	{pkg: "runtime", test: "TestRuntimeLockMetricsAndProfile", why: noLockProfile},

	{pkg: "context", test: "ExampleAfterFunc_connection", why: noResolver},
	{pkg: "debug/elf", test: "TestNoSectionOverlaps", why: needsExe},
	{pkg: "io/fs", test: "TestGlob", why: needsDirs},
	{pkg: "os", test: "TestChdirAndGetwd", why: needsDirs},
	{pkg: "os", test: "TestCopyFS", why: needsDirs},
	{pkg: "os", test: "TestDirFS", why: needsDirs},
	{pkg: "os", test: "TestDirFSRootDir", why: needsDirs},
	{pkg: "os", test: "TestDoubleCloseError", why: needsDirs},
	{pkg: "os", test: "TestFileReadDir", why: needsDirs},
	{pkg: "os", test: "TestFileReaddir", why: needsDirs},
	{pkg: "os", test: "TestFileReaddirnames", why: needsDirs},
	{pkg: "os", test: "TestNewFileNonBlock", why: noDeadlines},
	{pkg: "os", test: "TestPipeIOCloseRace", why: errorText},
	{pkg: "os", test: "TestReadDir", why: needsDirs},
	{pkg: "os", test: "TestReaddirSmallSeek", why: needsDirs},
	{pkg: "os", test: "TestReaddirnamesOneAtATime", why: needsDirs},
	{pkg: "os", test: "TestRootDirFS", why: needsDirs},
	{pkg: "os", test: "TestRootLinkFrom", why: rootByName},
	{pkg: "os", test: "TestRootMultiChtimes", why: rootByName},
	{pkg: "os", test: "TestRootMultiCreate", why: rootByName},
	{pkg: "os", test: "TestRootMultiRename", why: rootByName},
	{pkg: "os", test: "TestRootMultiStat", why: rootByName},
	{pkg: "os", test: "TestRootMultiWriteFile", why: rootByName},
	{pkg: "os", test: "TestRootRenameAfterOpen", why: rootByName},
	{pkg: "path/filepath", test: "TestBug3486", why: needsDirs},
	{pkg: "path/filepath", test: "TestGlob", why: needsDirs},
	{pkg: "path/filepath", test: "TestNonWindowsGlobEscape", why: needsDirs},
	{pkg: "text/template", test: "TestParseFS", why: needsDirs},
	{pkg: "text/template", test: "TestParseGlob", why: needsDirs},
	{pkg: "text/template", test: "TestParseGlobWithData", why: needsDirs},

	{pkg: "debug/elf", test: "TestOpen", why: needsFiles, board: true},
	{pkg: "debug/elf", test: "TestDWARFRelocations", why: needsFiles, board: true},
	{pkg: "debug/elf", test: "TestCompressedDWARF", why: needsFiles, board: true},
	{pkg: "debug/elf", test: "TestCompressedSection", why: needsFiles, board: true},
	{pkg: "debug/elf", test: "TestNobitsSection", why: needsFiles, board: true},
	{pkg: "debug/elf", test: "TestDynValue", why: needsFiles, board: true},
	{pkg: "debug/elf", test: "TestIssue59208", why: needsFiles, board: true},
	{pkg: "debug/elf", test: "TestSymbols", why: needsFiles, board: true},
	{pkg: "os", test: "ExampleReadFile", why: needsFiles, board: true},
	{pkg: "os", test: "TestClosedStat", why: needsFiles, board: true},
	{pkg: "os", test: "TestFstat", why: needsFiles, board: true},
	{pkg: "os", test: "TestLstat", why: needsFiles, board: true},
	{pkg: "os", test: "TestRead0", why: needsFiles, board: true},
	{pkg: "os", test: "TestReadClosed", why: needsFiles, board: true},
	{pkg: "os", test: "TestReadFile", why: needsFiles, board: true},
	{pkg: "os", test: "TestStat", why: needsFiles, board: true},
	{pkg: "runtime", test: "TestPreemption", why: noTicks, board: true},
	{pkg: "runtime", test: "TestPreemptionGC", why: noTicks, board: true},
	{pkg: "context", test: "TestContextErrDoneRace", why: noTicks, board: true},
	{pkg: "encoding/gob", test: "TestLargeSlice", why: muchMemory, board: true},
	{pkg: "internal/sync", test: "TestConcurrentCache", why: muchMemory, board: true},
	{pkg: "os", test: "TestRootConcurrentClose", why: noTicks, board: true},
	{pkg: "reflect", test: "TestTypeFieldReadOnly", why: writable, board: true},
	{pkg: "regexp", test: "TestRE2Search", why: needsFiles, board: true},
	{pkg: "sync", test: "ExampleOnceValues", why: needsFiles, board: true},
	{pkg: "text/template", test: "TestParseFiles", why: needsFiles, board: true},
	{pkg: "text/template", test: "TestParseFilesWithData", why: needsFiles, board: true},
	{pkg: "time", test: "TestLoadLocationFromTZData", why: needsFiles, board: true},
	{pkg: "time", test: "TestLoadLocationFromTZDataSlim", why: needsFiles, board: true},
}

// classes sort the reasons that tests themselves give for not running.
var classes = []struct{ pattern, class string }{
	{`go build|cannot run|no exec|can't exec|fork|subprocess|executable file`, "by itself: wants to run another process"},
	{`(?i)short`, "by itself: a long test (-full runs it)"},
	{`(?i)uniprocessor|processor|GOMAXPROCS|multiple (CPU|P)|NumCPU|1 CPU|thread`, "by itself: wants several processors or threads"},
	{`(?i)cgo|race|asan|msan`, "by itself: wants cgo or the race detector"},
	{`(?i)network|listen|dial`, "by itself: wants the network"},
	{`(?i)tamago|amd64|platform|windows|linux|unix|arm|32-bit|not supported|unsupported|no support|only`, "by itself: is for other systems"},
	{`stress|takes time|needs to run for`, "by itself: a long test (-full runs it)"},
	{`as root|HOME`, "by itself: wants a home directory, or not to be root"},
	{`enable|^-update|without -|non-hermetic`, "by itself: runs only if a flag asks for it"},
	{`/proc/`, "by itself: is for other systems"},
	{`(?i)flak`, "by itself: known to fail now and then"},
	{`(?i)profil|signal|debug call|preempt`, "by itself: wants signals or a profiler"},
}

// class is what a reason amounts to.
func class(why string) string {
	for _, c := range classes {
		if regexp.MustCompile(c.pattern).MatchString(why) {
			return c.class
		}
	}
	if why == "" {
		why = "gives no reason"
	}
	return "by itself: " + why
}

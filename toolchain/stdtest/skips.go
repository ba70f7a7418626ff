package main

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
	"os/signal",
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
	noSysmon   = "there is no monitor thread: no periodic collection, no preemption of what calls no function"
	oneThread  = "one processor unless the board has more: GOMAXPROCS stays 1"
	noLock     = "LockOSThread does nothing"
	needsFiles = "reads files of the source tree; the program has only its memory file system"
	needsExec  = "starts a process"
)

var skips = []skip{
	{pkg: "runtime", test: "TestPeriodicGC", why: noSysmon},
	{pkg: "runtime", test: "TestPreemptionAfterSyscall", why: noSysmon},
	{pkg: "runtime", test: "TestSchedPauseMetrics/runtime.GOMAXPROCS", why: oneThread},
	{pkg: "runtime", test: "TestLockOSThreadNesting", why: noLock},
	{pkg: "sync", test: "ExampleOnceValues", why: needsFiles},
	{pkg: "time", test: "TestLoadLocationFromTZData", why: needsFiles},
	{pkg: "time", test: "TestLoadLocationFromTZDataSlim", why: needsFiles},
}

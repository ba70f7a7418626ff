// Command soak keeps a Go runtime busy for a while: many goroutines, timers,
// channels, locks and maps, and a heap that is collected all the time. It is a
// plain Go program; -tags board links it with ours, to soak that.
//
//	go run ./toolchain/soak -for 10s          on this host
//	make soak SOAK=300s                       in QEMU
//
// The last line is "soak: ok …", or "soak: FAILED …" with exit status 1.
package main

import (
	"flag"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

var (
	duration = flag.Duration("for", 20*time.Second, "how long")
	workers  = flag.Int("workers", 200, "goroutines of each kind")
	live     = flag.Int("live", 16, "MB of heap to keep alive")

	failures atomic.Int64
	work     [5]atomic.Int64 // rounds of each kind of worker
)

var kinds = [...]string{"trees", "ring messages", "timers", "map updates", "sleeps"}

func fail(format string, args ...any) {
	if failures.Add(1) <= 20 {
		fmt.Printf("soak: "+format+"\n", args...)
	}
}

// until is closed when time is up.
var until = make(chan struct{})

func done() bool {
	select {
	case <-until:
		return true
	default:
		return false
	}
}

func main() {
	flag.Parse()
	began := time.Now()
	fmt.Printf("soak: %v on %s/%s, %d processors\n", *duration, runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0))
	time.AfterFunc(*duration, func() { close(until) })

	var wg sync.WaitGroup
	spawn := func(n int, fn func(id int)) {
		for i := range n {
			wg.Go(func() { fn(i) })
		}
	}
	spawn(max(1, *workers/20), trees)
	ring(&wg, *workers)
	spawn(*workers, timers)
	var m sharedMap
	m.init()
	spawn(*workers, m.update)
	spawn(*workers, sleeps)
	wg.Go(report)
	wg.Wait()

	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	verdict, status := "ok", 0
	for i := range work {
		if work[i].Load() == 0 {
			fail("no %s at all", kinds[i])
		}
	}
	if failures.Load() > 0 {
		verdict, status = fmt.Sprintf("FAILED (%d failures)", failures.Load()), 1
	}
	fmt.Printf("soak: %s after %v, %d collections, heap %d MB of %d MB", verdict, time.Since(began).Round(time.Millisecond), stats.NumGC, stats.HeapAlloc>>20, stats.HeapSys>>20)
	for i := range work {
		fmt.Printf(", %d %s", work[i].Load(), kinds[i])
	}
	fmt.Println()
	os.Exit(status)
}

func report() {
	ticker := time.NewTicker(10 * time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-until:
			return
		case <-ticker.C:
			var stats runtime.MemStats
			runtime.ReadMemStats(&stats)
			fmt.Printf("soak: %d goroutines, %d collections, heap %d MB, longest pause %v\n",
				runtime.NumGoroutine(), stats.NumGC, stats.HeapSys>>20, longestPause(&stats))
		}
	}
}

func longestPause(s *runtime.MemStats) time.Duration {
	var longest uint64
	for _, p := range s.PauseNs {
		longest = max(longest, p)
	}
	return time.Duration(longest)
}

// A node holds a value that its children's addresses cannot disturb, so that
// memory reused too early shows as a wrong sum.
type node struct {
	left, right *node
	value       uint32
	pad         []byte
}

func grow(depth int, seed uint32) *node {
	n := &node{value: seed, pad: make([]byte, seed%64)}
	for i := range n.pad {
		n.pad[i] = byte(seed)
	}
	if depth > 0 {
		n.left = grow(depth-1, seed*2+1)
		n.right = grow(depth-1, seed*2+2)
	}
	return n
}

func (n *node) check(seed uint32) bool {
	if n == nil {
		return true
	}
	if n.value != seed {
		return false
	}
	for _, b := range n.pad {
		if b != byte(seed) {
			return false
		}
	}
	return n.left.check(seed*2+1) && n.right.check(seed*2+2)
}

// trees makes garbage of every age, and checks it before dropping it.
func trees(id int) {
	const depth = 9
	const treeBytes = 1 << depth * 2 * 96
	keep := make([]*node, max(1, *live<<20/treeBytes/max(1, *workers/20)))
	seeds := make([]uint32, len(keep))
	for !done() {
		i := rand.IntN(len(keep))
		if keep[i] != nil && !keep[i].check(seeds[i]) {
			fail("tree of worker %d changed", id)
		}
		seeds[i] = rand.Uint32()
		keep[i] = grow(depth, seeds[i])
		work[0].Add(1)
		runtime.Gosched()
	}
}

// ring passes checksummed messages round a ring of goroutines.
func ring(wg *sync.WaitGroup, n int) {
	type message struct {
		body []byte
		sum  uint32
	}
	links := make([]chan message, n)
	for i := range links {
		links[i] = make(chan message, 1)
	}
	for i := range n {
		in, out := links[i], links[(i+1)%n]
		wg.Go(func() {
			for {
				select {
				case <-until:
					return
				case m := <-in:
					if crc32.ChecksumIEEE(m.body) != m.sum {
						fail("message changed at link %d", i)
					}
					body := append(m.body[:0:0], m.body...)
					body[rand.IntN(len(body))]++
					work[1].Add(1)
					select {
					case <-until:
						return
					case out <- message{body, crc32.ChecksumIEEE(body)}:
					}
				}
			}
		})
	}
	for i := range max(1, n/4) {
		body := make([]byte, 64+i)
		links[i*4%n] <- message{body, crc32.ChecksumIEEE(body)}
	}
}

// timers stops, resets and waits for timers, none of which may be early.
func timers(id int) {
	for !done() {
		wait := time.Duration(1+rand.IntN(20)) * time.Millisecond
		began := time.Now()
		timer := time.NewTimer(wait)
		switch rand.IntN(3) {
		case 0:
			timer.Stop()
			timer.Reset(wait)
			fallthrough
		case 1:
			select {
			case <-timer.C:
				if got := time.Since(began); got < wait {
					fail("timer of %v fired after %v", wait, got)
				}
			case <-until:
			}
		case 2:
			fired := make(chan bool)
			time.AfterFunc(wait/2, func() { close(fired) })
			<-fired
			timer.Stop()
		}
		work[2].Add(1)
	}
}

// sharedMap is a map under a lock, beside the sum that it must have.
type sharedMap struct {
	mu  sync.RWMutex
	m   map[int]*[4]int
	sum int
}

func (s *sharedMap) init() { s.m = map[int]*[4]int{} }

func (s *sharedMap) update(int) {
	for !done() {
		key, delta := rand.IntN(2000), rand.IntN(100)
		s.mu.Lock()
		v := s.m[key]
		if v == nil || rand.IntN(50) == 0 {
			old := v
			v = new([4]int)
			if old != nil {
				v[key%4] = old[key%4]
			}
			delete(s.m, key)
			s.m[key] = v
		}
		v[key%4] += delta
		s.sum += delta
		s.mu.Unlock()
		if rand.IntN(200) == 0 {
			s.mu.RLock()
			total := 0
			for k, v := range s.m {
				total += v[k%4]
			}
			if total != s.sum {
				fail("map sums to %d, want %d", total, s.sum)
			}
			s.mu.RUnlock()
		}
		work[3].Add(1)
		time.Sleep(time.Duration(rand.IntN(2000)) * time.Microsecond)
	}
}

// sleeps grows and shrinks stacks between short sleeps.
func sleeps(id int) {
	for !done() {
		if depth := 1 + rand.IntN(200); recurse(depth, id) != depth+id {
			fail("recursion of worker %d went wrong", id)
		}
		work[4].Add(1)
		time.Sleep(time.Duration(rand.IntN(10)) * time.Millisecond)
	}
}

//go:noinline
func recurse(depth, id int) int {
	var frame [128]byte
	frame[depth%128] = byte(depth)
	if depth == 0 {
		return id
	}
	n := recurse(depth-1, id) + 1
	if frame[depth%128] != byte(depth) {
		return -1
	}
	return n
}

package spin

import (
	"runtime"
	"sync"
	"testing"
)

func TestLock(t *testing.T) {
	var l Lock
	if !l.TryLock() || l.TryLock() {
		t.Fatal("TryLock of a free lock fails, or of a held one succeeds")
	}
	l.Unlock()
	n := 0 // the race detector watches it
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 500 {
				if i%3 != 0 || !l.TryLock() {
					l.Lock()
				}
				was := n
				runtime.Gosched()
				n = was + 1
				l.Unlock()
			}
		})
	}
	wg.Wait()
	if n != 2000 {
		t.Fatalf("counted %d of 2000", n)
	}
}

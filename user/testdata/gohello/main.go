//go:build tamago

// Command gohello is a Go program in ring 3, with goroutines.
package main

import (
	"fmt"
	"sync"

	"faultline/user/go/zx"
)

func main() {
	var wg sync.WaitGroup
	var mu sync.Mutex
	sum := 0
	for i := range 100 {
		wg.Go(func() {
			mu.Lock()
			sum += i
			mu.Unlock()
		})
	}
	wg.Wait()
	size, err := zx.VMO{}.Size()
	if err == nil || size != 0 {
		panic("no handle has a size")
	}
	fmt.Printf("Go in ring 3: %d, %v\n", sum, err)
}

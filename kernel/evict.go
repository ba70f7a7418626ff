package kernel

import "faultline/zx"

// evictShare is the part of all frames below which the evictor starts; it goes
// on until twice as much is free.
const evictShare = 64

// startEvictor keeps some frames free: whenever fewer than one in evictShare
// are, a goroutine takes the oldest clean pages of paged VMOs. An allocation
// that finds nothing free reclaims by itself; this makes that rare.
// Source: spec section 8.
func (k *Kernel) startEvictor() {
	low := k.Memory.Stats().Total / evictShare
	w := k.NewWaiter("evictor")
	k.Memory.SetLowWater(low, w.Wake)
	go func() {
		for {
			w.Wait(zx.ThreadBlocked, zx.TimeInfinite)
			if free := k.Memory.Stats().Free; free < 2*low {
				k.Store.Evict(2*low - free)
			}
		}
	}()
}

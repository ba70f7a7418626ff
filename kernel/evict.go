package kernel

import (
	"sync/atomic"

	"faultline/account"
	"faultline/zx"
)

// evictShare is the part of all frames below which the evictor starts; it goes
// on until twice as much is free.
const evictShare = 64

// startEvictor keeps some frames free: whenever fewer than one in evictShare
// are, a goroutine takes the oldest clean pages of paged VMOs; and so it does with
// those of a program that has spent its share but for as many. An allocation that
// finds nothing reclaims by itself; this makes that rare.
// Source: docs/pager.md 8.
func (k *Kernel) startEvictor() {
	low := k.Memory.Stats().Total / evictShare
	w := k.NewWaiter("evictor")
	var near atomic.Pointer[account.Account] // who has spent its share, if somebody has
	k.Memory.SetLowWater(low, func() { w.Wake() })
	k.account.SetNear(int64(low), func(a *account.Account) {
		if near.Swap(a) != a {
			w.Wake()
		}
	})
	go func() {
		for {
			w.Wait(zx.ThreadBlocked, zx.TimeInfinite)
			if free := k.Memory.Stats().Free; free < 2*low {
				k.Store.Evict(2*low-free, w)
			}
			if a := near.Swap(nil); a != nil {
				if left := int(a.LeftPages()); left < 2*low {
					k.Store.EvictOf(a, 2*low-left, w)
				}
			}
		}
	}()
}

//go:build tamago

package x86

import (
	"time"

	"github.com/usbarmory/tamago/soc/intel/rtc"

	"faultline/cpu"
)

// wallClock reads the real-time clock: the time since 1970; ok is false without a
// clock that makes sense. A clock that does not know its century is in this one.
func wallClock() (since time.Duration, ok bool) {
	clock := rtc.RTC{Location: time.UTC}
	var last time.Time
	for range 1000 {
		now, err := clock.Now()
		switch {
		case err != nil: // the second changes just now
			cpu.Pause()
			continue
		case !now.Equal(last): // or changed while it was read
			last = now
			continue
		}
		if now.Year() < 100 {
			now = now.AddDate(2000, 0, 0)
		}
		return time.Duration(now.UnixNano()), now.Year() >= 2000 && now.Year() < 2200
	}
	return 0, false
}

package qemu

import "time"

// rtcTime is a reading of the MC146818's time registers: seconds, minutes,
// hours, day, month, year, and status B. ok is false for impossible values.
// Source: Motorola MC146818A.
func rtcTime(sec, min, hour, day, month, year, statusB uint8) (unix int64, ok bool) {
	const hour24, binaryMode, pm = 1 << 1, 1 << 2, 1 << 7
	afternoon := statusB&hour24 == 0 && hour&pm != 0
	if statusB&hour24 == 0 {
		hour &^= pm
	}
	if statusB&binaryMode == 0 {
		for _, v := range []*uint8{&sec, &min, &hour, &day, &month, &year} {
			if *v&15 > 9 || *v>>4 > 9 {
				return 0, false
			}
			*v = *v>>4*10 + *v&15
		}
	}
	if statusB&hour24 == 0 {
		if hour < 1 || hour > 12 {
			return 0, false
		}
		hour %= 12
		if afternoon {
			hour += 12
		}
	}
	if sec > 59 || min > 59 || hour > 23 || day < 1 || day > 31 || month < 1 || month > 12 || year > 99 {
		return 0, false
	}
	t := time.Date(2000+int(year), time.Month(month), int(day), int(hour), int(min), int(sec), 0, time.UTC)
	return t.Unix(), true
}

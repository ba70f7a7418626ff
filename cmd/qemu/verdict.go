package main

import (
	"fmt"
	"time"
)

// The runner's own exit statuses. Those of the guest's programs are lower, except
// that 110 stands for itself and all above.
const (
	statusUsage   = 2
	statusReset   = 120 // QEMU ended with 0: the guest reset, by itself or by a triple fault
	statusRefused = 121 // QEMU ended with 1: it did not like its options
	statusStrange = 122 // QEMU ended in some other way
	statusSilence = 123 // the guest said nothing
	statusTimeout = 124
)

// The values that the image writes to the exit device; QEMU's status is then twice the
// value plus one. Package board/x86 has the other copy; a test compares them.
const (
	exitPass = 0x10
	exitFail = 0x11
	exitMax  = 0x7f
)

// outcome is how a QEMU ended.
type outcome struct {
	status  int           // exit status; -1 if a signal ended it
	signal  string        // which
	spoke   bool          // the guest wrote anything
	after   time.Duration // how long it ran
	limit   time.Duration // the time limit that ended it
	timeout bool          // the runner ended it: limit was over
}

// verdict is the runner's exit status for an outcome, and what to say; nothing
// if all went well.
func (o outcome) verdict() (code int, words string) {
	after := o.after.Round(time.Millisecond)
	silent := ""
	if !o.spoke {
		silent = ", having written nothing"
	}
	switch {
	case o.timeout && !o.spoke:
		return statusSilence, fmt.Sprintf("silence: the guest wrote nothing for %v and was stopped", o.limit)
	case o.timeout:
		return statusTimeout, fmt.Sprintf("timeout: the guest was stopped after %v", o.limit)
	case o.status < 0:
		return statusStrange, fmt.Sprintf("QEMU was ended by a signal (%s) after %v%s", o.signal, after, silent)
	case o.status == exitPass<<1|1:
		return 0, ""
	case o.status == 0:
		return statusReset, fmt.Sprintf("the guest reset or powered off without an exit code after %v%s: a triple fault? (QEMU status 0)", after, silent)
	case o.status == 1:
		return statusRefused, "QEMU did not start: a bad option or file? (QEMU status 1)"
	case o.status&1 == 1 && o.status>>1 >= exitFail && o.status>>1 <= exitMax:
		code := max(1, o.status>>1-exitFail)
		return code, fmt.Sprintf("the guest failed with code %d after %v%s", code, after, silent)
	}
	return statusStrange, fmt.Sprintf("QEMU ended with status %d after %v%s", o.status, after, silent)
}

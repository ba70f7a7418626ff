package account

import (
	"math/rand"
	"slices"
	"sync"
	"testing"

	"faultline/zx"
)

// fill charges a in pieces until it is refused and gives what it got.
func fill(a *Account, piece int64) (got int64) {
	for a.Charge(piece) == zx.OK {
		got += piece
	}
	return got
}

func TestShares(t *testing.T) {
	const total = 1 << 20
	top := NewRoot(total, total, nil)
	var held []int64
	var hogs []*Account
	for i := range 4 {
		hog := top.New().New() // a job, its process
		hogs = append(hogs, hog)
		held = append(held, fill(hog, 16))
		// A second process finds something too, and one in a job below.
		for _, beside := range []*Account{hog.parent.New(), hog.parent.New().New()} {
			n := fill(beside, 16)
			if n == 0 {
				t.Errorf("nothing left beside process %d, which has %d", i, held[i])
			}
			beside.Release(n)
		}
	}
	if held[0] < total/2 {
		t.Errorf("alone it gets %d of %d, want more than half", held[0], total)
	}
	if left := top.New().New().left(bytes); left < total/40 {
		t.Errorf("%d bytes of %d left for a fifth program after %v", left, total, held)
	}
	for i, hog := range hogs {
		hog.Release(held[i])
	}
	if again := fill(hogs[3], 16); again < held[0]*9/10 {
		t.Errorf("after the others let go the last gets %d, the first had %d", again, held[0])
	}
}

func TestRefusedChangesNothing(t *testing.T) {
	top := NewRoot(1000, 10, nil)
	a := top.New()
	if st := a.Charge(900); st != zx.ErrNoMemory {
		t.Errorf("more than the share: %v", st)
	}
	if top.Used() != 0 || a.Used() != 0 {
		t.Errorf("used %d and %d after a refusal", top.Used(), a.Used())
	}
	if st := a.Charge(600); st != zx.OK {
		t.Errorf("within the share: %v", st)
	}
	if i := a.Info(); i.Bytes != (Sum{Total: 1000, Used: 600, Peak: i.Bytes.Peak, Refused: 1}) {
		t.Errorf("%+v", i)
	}
	var none *Account
	if none.Charge(1<<60) != zx.OK || none.New() != nil || none.Used() != 0 {
		t.Error("the kernel's own account counts")
	}
	none.Release(1 << 60)
}

// TestPages: page frames are counted beside the bytes, and a debt is paid before
// there is more.
func TestPages(t *testing.T) {
	top := NewRoot(0, 90, nil)
	job := top.New()
	a, b, other := job.New(), job.New(), top.New().New()
	if st := a.ChargePages(40); st != zx.OK || a.Used() != 0 || top.UsedPages() != 40 {
		t.Errorf("40 of 90: %v, %d", st, top.UsedPages())
	}
	if st := b.ChargePages(40); st != zx.ErrNoMemory {
		t.Errorf("too many for the job: %v", st)
	}
	b.Overdraw(40)
	if st := b.ChargePages(1); st != zx.ErrNoMemory || b.UsedPages() != 40 {
		t.Errorf("in debt: %v, %d", st, b.UsedPages())
	}
	b.ReleasePages(40)
	if st := b.ChargePages(1); st != zx.OK {
		t.Errorf("out of debt: %v", st)
	}
	var noted []int64
	top.SetNear(20, func(who *Account) { noted = append(noted, who.LeftPages()) })
	for range 50 {
		other.ChargePages(1)
	}
	if !slices.Equal(noted, []int64{14, 7, 0}) {
		t.Errorf("near the end: %v", noted)
	}
	if !a.SameProgram(b) || a.SameProgram(other) || !a.SameProgram(job) || a.SameProgram(nil) {
		t.Error("who is of one program with whom")
	}
}

// TestFull: what the sums do not know is asked, now and then.
func TestFull(t *testing.T) {
	asked, full := 0, false
	top := NewRoot(1600, 0, func() bool { asked++; return full })
	a := top.New()
	for range 50 {
		a.Charge(10)
		a.Release(10)
	}
	if asked != 5 {
		t.Errorf("asked %d times for 500 of 1600 bytes, want each 100", asked)
	}
	full = true
	refused := 0
	for range 50 {
		if a.Charge(10) != zx.OK {
			refused++
			continue
		}
		a.Release(10)
	}
	if refused != 41 || a.Used() != 0 {
		t.Errorf("%d refused, want all from the next question on; %d used", refused, a.Used())
	}
	full = false
	if st := a.Charge(10); st != zx.OK {
		t.Errorf("room again: %v", st)
	}
}

// TestRaces: whatever happens at once, the sums are right at the end and no
// account is ever charged beyond the total.
func TestRaces(t *testing.T) {
	const total = 1 << 16
	top := NewRoot(total, total, nil)
	jobs := []*Account{top.New(), top.New()}
	var wait sync.WaitGroup
	for i := range 8 {
		a := jobs[i%2].New()
		wait.Add(1)
		go func() {
			defer wait.Done()
			r := rand.New(rand.NewSource(int64(i)))
			var held []int64
			for range 5000 {
				if n := int64(r.Intn(2000)); r.Intn(2) == 0 && a.Charge(n) == zx.OK {
					held = append(held, n)
				} else if len(held) > 0 {
					a.Release(held[0])
					held = held[1:]
				}
			}
			sum := int64(0)
			for _, n := range held {
				sum += n
			}
			if got := a.Used(); got != sum {
				t.Errorf("account %d: %d used, %d held", i, got, sum)
			}
			a.Release(sum)
		}()
	}
	wait.Wait()
	if top.Used() != 0 || jobs[0].Used() != 0 {
		t.Errorf("used %d and %d at the end", top.Used(), jobs[0].Used())
	}
}

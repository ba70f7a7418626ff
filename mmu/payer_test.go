package mmu

import (
	"testing"

	"faultline/account"
	"faultline/zx"
)

// TestPayer: what an owner has is paid for, whatever is paid ahead, and all of it
// is given back.
func TestPayer(t *testing.T) {
	mem := NewSimulated(1000)
	top := account.NewRoot(0, 1000, nil)
	a := top.New()
	own := mem.PaidBy(a)
	var frames []Frame
	for i := range 300 {
		f, st := own.Alloc()
		if st != zx.OK {
			t.Fatal(st)
		}
		frames = append(frames, f)
		if paid := a.UsedPages() - int64(i+1); paid < 0 || paid > aheadMost || paid > int64(i+1)/4 {
			t.Fatalf("%d frames paid ahead by the owner of %d", paid, i+1)
		}
	}
	for i, f := range frames[:200] {
		own.Free(f)
		have := int64(300 - i - 1)
		if paid := a.UsedPages() - have; paid < 0 || paid > 2*aheadMost+1 {
			t.Fatalf("%d frames kept by the owner of %d", paid, have)
		}
	}
	// What goes to another is paid for by that one.
	other := mem.PaidBy(top.New())
	for range 50 {
		own.Disown(1)
		if other.Adopt(1) != 1 {
			t.Fatal("cannot pay")
		}
	}
	if got := other.Payer().UsedPages(); got < 50 || got > 50+aheadMost {
		t.Errorf("%d frames paid by who got 50", got)
	}
	for _, f := range frames[200:250] {
		other.Free(f)
	}
	for _, f := range frames[250:] {
		own.Free(f)
	}
	own.Settle()
	other.Settle()
	if top.UsedPages() != 0 || len(mem.Outstanding()) != 0 {
		t.Errorf("%d frames paid at the end, %d in use", top.UsedPages(), len(mem.Outstanding()))
	}
}

// TestPayerRefuses: no money, no frame; no frame, no charge.
func TestPayerRefuses(t *testing.T) {
	mem := NewSimulated(50)
	a := account.NewRoot(0, 20, nil).New()
	own := mem.PaidBy(a)
	n := 0
	for ; ; n++ {
		if _, st := own.Alloc(); st != zx.OK {
			break
		}
	}
	if n != 13 || a.UsedPages() != 13 { // two thirds
		t.Errorf("%d frames of 20, %d paid", n, a.UsedPages())
	}
	own.Inherit(3)
	if own.Adopt(2) != 0 || a.UsedPages() != 16 {
		t.Errorf("in debt it pays for more: %d", a.UsedPages())
	}
	rich := mem.PaidBy(account.NewRoot(0, 1000, nil))
	for n = 0; ; n++ {
		if _, st := rich.Alloc(); st != zx.OK {
			break
		}
	}
	rich.Settle()
	if got := rich.Payer().UsedPages(); got != int64(n) {
		t.Errorf("%d paid for %d frames when there are no more", got, n)
	}
}

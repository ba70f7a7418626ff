package mmu

import (
	"faultline/account"
	"faultline/zx"
)

// payer is who pays for the frames of one owner: a page node, an address space.
// So that not every page costs a look at the account, an owner of many pays for
// some ahead, and keeps some of those it gave back.
type payer struct {
	account *account.Account
	paid    int64 // charged, and not in use; guarded by the owner's lock
	charged int64 // in all; as paid
	keep    int64 // the most that paid may be, by charged; as paid
}

// aheadMost is how many frames are paid for ahead at most.
const aheadMost = 16

// PaidBy gives m as seen by an owner for whose frames a pays. If a is nil nobody
// does. The owner's lock guards all calls that take and give frames.
func (m *Memory) PaidBy(a *account.Account) *Memory { return new(Owned).Init(m, a) }

// Owned is the memory of what PaidBy makes: for who has room for it. It takes two
// cache lines, so that owners that different CPUs work for share none.
type Owned struct {
	Memory
	payer
	_ [16]byte
}

// Init is PaidBy in v, which is zero.
func (v *Owned) Init(m *Memory, a *account.Account) *Memory {
	if a == nil {
		return m
	}
	v.Memory, v.account = *m, a
	v.Memory.payer = &v.payer
	return &v.Memory
}

// Payer is who pays for the frames, nil if nobody.
func (m *Memory) Payer() *account.Account {
	if m.payer == nil {
		return nil
	}
	return m.payer.account
}

// takeOne pays for one more frame, where nothing is paid ahead, and says whether it did.
func (p *payer) takeOne() bool {
	if !p.ahead(1) {
		return false
	}
	p.paid--
	return true
}

// ahead pays for n frames and some more, more for an owner of many, or for one.
func (p *payer) ahead(n int64) bool {
	n = max(n, min(aheadMost, 1+p.charged/8))
	if p.account.ChargePages(n) != zx.OK {
		if n == 1 || p.account.ChargePages(1) != zx.OK {
			return false
		}
		n = 1
	}
	p.paid += n
	p.charge(n)
	return true
}

// charge counts n frames more as charged.
func (p *payer) charge(n int64) {
	p.charged += n
	p.keep = 1 + min(2*aheadMost, p.charged/4)
}

// give is for n frames that the owner has no more.
func (p *payer) give(n int) {
	if paid := p.paid + int64(n); paid <= p.keep {
		p.paid = paid
		return
	}
	p.giveBack(int64(n))
}

// giveBack is give of more than the owner keeps.
func (p *payer) giveBack(n int64) {
	p.paid += n
	p.back(p.paid - p.keep/2)
}

// back gives n of the frames paid for ahead back.
func (p *payer) back(n int64) {
	p.account.ReleasePages(n)
	p.paid -= n
	p.charge(-n)
}

// PayAhead pays for n frames that the owner is to take or adopt, and says whether it did.
// He chooses his cache anew, as in pay.
func (m *Memory) PayAhead(n int) bool {
	p := m.payer
	if p == nil {
		return true
	}
	// A charge counts while it is refused, so one this large is looked at first:
	// others would be refused meanwhile.
	if int64(n) > p.account.LeftPages() || p.account.ChargePages(int64(n)) != zx.OK {
		return false
	}
	m.near = nil
	p.paid += int64(n)
	p.charge(int64(n))
	return true
}

// Adopt pays for n frames that the owner gets from elsewhere, and says for how many
// it did.
func (m *Memory) Adopt(n int) int {
	p := m.payer
	if p == nil {
		return n
	}
	if p.paid > int64(n) {
		p.paid -= int64(n)
		return n
	}
	for p.paid < int64(n) && p.ahead(int64(n)-p.paid) {
	}
	n = min(n, int(p.paid))
	p.paid -= int64(n)
	return n
}

// Inherit is Adopt that cannot fail, for frames that nobody got more of.
func (m *Memory) Inherit(n int) {
	if p := m.payer; p != nil {
		p.account.Overdraw(int64(n))
		p.charge(int64(n))
	}
}

// Disown is for n frames that go elsewhere and are not freed here.
func (m *Memory) Disown(n int) {
	if p := m.payer; p != nil {
		p.give(n)
	}
}

// Settle gives back what the owner has paid for ahead: it owns no frame any more.
func (m *Memory) Settle() {
	if p := m.payer; p != nil {
		p.back(p.paid)
	}
}

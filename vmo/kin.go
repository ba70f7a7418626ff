package vmo

// ChildObserver is told when a VMO has its first child and when it has none any
// more; the object that handles name implements it.
//
// Locks: called with the VMO's lock held.
type ChildObserver interface {
	ZeroChildren(none bool)
}

// kinship is the place of a VMO among those that users made of one another,
// which is not how their pages hang together. Guarded by the family's lock.
type kinship struct {
	observer       ChildObserver
	parent         *VMO
	child          *VMO // the first
	older, younger *VMO // children of the same parent
	children       int
}

// SetObserver tells the VMO who hears of its children; nil: nobody.
//
// Locks: takes the VMO's.
func (v *VMO) SetObserver(observer ChildObserver) {
	v.Lock()
	v.kin.observer = observer
	v.Unlock()
}

// Name is what the VMO is called, for people: at most 31 bytes.
func (v *VMO) Name() string {
	if p := v.name.Load(); p != nil {
		return *p
	}
	return ""
}

// SetName gives the VMO a name.
func (v *VMO) SetName(name string) { v.name.Store(&name) }

// bear makes child a child of v. Locks: the family's held, as below.
func (v *VMO) bear(child *VMO) {
	k := &child.kin
	k.parent, k.older, k.younger = v, nil, v.kin.child
	if k.younger != nil {
		k.younger.kin.older = child
	}
	v.kin.child = child
	v.kin.children++
	if v.kin.children == 1 && v.kin.observer != nil {
		v.kin.observer.ZeroChildren(false)
	}
}

// leave takes v off its parent.
func (v *VMO) leave() {
	k, p := &v.kin, v.kin.parent
	if k.older == nil {
		p.kin.child = k.younger
	} else {
		k.older.kin.younger = k.younger
	}
	if k.younger != nil {
		k.younger.kin.older = k.older
	}
	k.parent, k.older, k.younger = nil, nil, nil
	p.kin.children--
}

// pass takes v, which dies, out of its kin: its children go to its parent. It does so
// with n children, and says whether there are more.
func (v *VMO) pass(n int) (more bool) {
	p := v.kin.parent
	for ; v.kin.child != nil; n-- {
		if n == 0 {
			return true
		}
		child := v.kin.child
		child.leave()
		if p != nil {
			p.bear(child)
		}
	}
	if p == nil {
		return false
	}
	v.leave()
	if p.kin.children == 0 && p.kin.observer != nil {
		p.kin.observer.ZeroChildren(true)
	}
	return false
}

// passTurn is how many children are passed on in a turn.
const passTurn = 256

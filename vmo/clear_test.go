package vmo

import (
	"testing"

	"faultline/mmu"
	"faultline/zx"
)

// between calls its function whenever an operation looks at the world.
type between struct {
	scriptPager
	looks int
	do    func(look int)
}

func (b *between) Yield() zx.Status {
	b.looks++
	b.do(b.looks)
	return zx.OK
}

// TestManyMappings has a page taken away that thousands of mappings show, of the
// node and of clones: it takes turns, in which no fault enters a translation, mappings
// go and come, and clones too. In the end no translation of the page is left.
func TestManyMappings(t *testing.T) {
	const many = 3000
	st := NewStore(mmu.NewSimulated(64))
	v, s := st.New(2*pg, 0)
	if s != zx.OK {
		t.Fatal(s)
	}
	var req PageRequest
	b := &between{}
	req.Init(b)
	must := func(s zx.Status) {
		t.Helper()
		if s != zx.OK {
			t.Fatal(s)
		}
	}
	show := func(v *VMO) *famMapping {
		m := &famMapping{ptes: map[uint64]Page{}}
		v.AddMapping(&m.place, m, 0, 2*pg)
		return m
	}
	touch := func(v *VMO, m *famMapping, write bool) zx.Status {
		v.Lock()
		defer v.Unlock()
		p, s := v.RequirePage(&m.place, 0, write, &req)
		if s == zx.OK && v.Held() {
			s = ErrAgain
		}
		if s == zx.OK {
			m.ptes[0] = p
		}
		return s
	}
	for _, c := range []struct {
		name string
		do   func(v *VMO) zx.Status
		left int // translations that may be left
	}{
		{"DECOMMIT", func(v *VMO) zx.Status { return v.Decommit(0, pg, b) }, 0},
		{"ZERO", func(v *VMO) zx.Status { return v.Zero(0, pg, &req) }, 0},
		{"TAKE", func(v *VMO) zx.Status {
			var run PageRun
			s := v.TakePages(0, pg, &run, &req)
			st.Discard(&run)
			return s
		}, 0},
	} {
		must(v.Commit(0, 2*pg, &req))
		maps := make([]*famMapping, many)
		for i := range maps {
			maps[i] = show(v)
			must(touch(v, maps[i], false))
		}
		held, gone := 0, 0
		b.looks, b.do = 0, func(look int) {
			if touch(v, maps[0], false) == ErrAgain {
				held++
			}
			m := maps[len(maps)-1] // goes, with what it had
			maps = maps[:len(maps)-1]
			v.RemoveMapping(&m.place)
			maps = append(maps, show(v))
			// The one that the clearing stands before goes, too.
			v.Lock()
			if k := v.fam.clearing; k != nil && k.next != nil {
				at := k.next.Owner()
				v.Unlock()
				v.RemoveMapping(at)
				gone++
				for i := range maps {
					if &maps[i].place == at {
						maps = append(maps[:i], maps[i+1:]...)
						break
					}
				}
				return
			}
			v.Unlock()
		}
		must(c.do(v))
		if b.looks < many/zx.BudgetUnits || held == 0 || gone == 0 {
			t.Errorf("%s: %d looks, faults held in %d, %d mappings gone at the cursor", c.name, b.looks, held, gone)
		}
		if v.fam.clearing != nil {
			t.Errorf("%s: the family is still held", c.name)
		}
		for i, m := range maps {
			if len(m.ptes) != 0 {
				t.Fatalf("%s: mapping %d of %d has a translation left", c.name, i, len(maps))
			}
			v.RemoveMapping(&m.place)
		}
	}

	// A page of which clones show much: the first write of one is a fault in turns.
	b.do = func(int) {}
	must(v.Commit(0, pg, &req))
	clone, s := v.CreateChild(zx.VMOChildSnapshot, 0, 2*pg)
	must(s)
	maps := make([]*famMapping, many)
	for i := range maps {
		maps[i] = show(clone)
		must(touch(clone, maps[i], false))
	}
	turns := 0
	for s = touch(clone, maps[0], true); s == ErrAgain; s = touch(clone, maps[0], true) {
		must(clone.GoOn(s, nil, b))
		turns++
	}
	must(s)
	if turns < many/zx.BudgetUnits {
		t.Errorf("a write that %d mappings must hear of took %d turns", many, turns)
	}
	for i, m := range maps {
		if i > 0 && len(m.ptes) != 0 {
			t.Fatalf("mapping %d of the clone still shows the page of its parent", i)
		}
	}

	// Who began and does not come again holds nobody for ever.
	for i := range maps {
		must(touch(clone, maps[i], false))
	}
	clone.Lock()
	clone.cow.cleared(0, pg, false)
	clone.Unlock()
	for n := 0; touch(clone, maps[1], false) == ErrAgain; n++ {
		if must(clone.GoOn(ErrAgain, nil, b)); n > 2*patience {
			t.Fatal("faults wait for ever for an operation that is over")
		}
	}
	for _, m := range maps {
		clone.RemoveMapping(&m.place)
	}
	clone.Release()
	v.Release()
}

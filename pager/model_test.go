package pager

import (
	"fmt"

	"faultline/zx"
)

// The model checker: random histories of all operations on one VMO, each step
// compared with a model that is written from the tables of the contract (3.5, 3.9,
// 3.13, 3.14, 4.3, 4.4, 5.2) and shares no code with the rooms. An operation
// that must wait is killed at once; what it asked for is compared.
//
// -model.time makes it run longer.

const (
	half     = pg / 2 // the unit of contents: half pages are filled with one byte
	window   = 24     // pages the history plays on
	modelMax = window + 6
)

// State letters of the model: 'Z' dirty zeros, 'U' untracked zeros.
type modelPage struct {
	st     byte // A M C D W Z U
	data   [2]byte
	needed bool
}

// model is what the contract says of one VMO. Page numbers are relative to base.
type model struct {
	base           uint64 // pages
	trap, detached bool
	unbounded      bool
	size           int    // pages
	stream         uint64 // bytes, relative to base
	p              [modelMax]modelPage
	acl            [modelMax]int // by first page of a run of Z: pages awaiting clean
	modified       bool
}

func (m *model) zero(i int) bool { return m.p[i].st == 'Z' || m.p[i].st == 'U' }

// runStart gives the first page of the zero run that i lies in.
func (m *model) runStart(i int) int {
	for i > 0 && m.p[i-1].st == m.p[i].st {
		i--
	}
	return i
}

func (m *model) runEnd(i int) int {
	for j := i; ; j++ {
		if j == m.size || m.p[j].st != m.p[i].st {
			return j
		}
	}
}

// leave takes page i out of its interval, if it is in one (4.4, Split).
func (m *model) leave(i int) {
	if m.p[i].st != 'Z' {
		return
	}
	next := i+1 < m.size && m.p[i+1].st == 'Z'
	if m.runStart(i) == i {
		if next {
			m.acl[i+1] = max(m.acl[i]-1, 0)
		}
	} else if next {
		m.acl[i+1] = 0
	}
}

// set changes a page that is, or becomes, no dirty zero.
func (m *model) set(i int, st byte) {
	m.leave(i)
	if st != 'C' && st != 'D' && st != 'W' {
		m.p[i] = modelPage{st: st}
		return
	}
	m.p[i].st = st
}

// real makes page i a page of zeros.
func (m *model) real(i int, st byte) {
	m.set(i, st)
	m.p[i].data = [2]byte{}
	m.p[i].needed = false
}

// zeroed makes page i part of a dirty interval (4.4, Create).
func (m *model) zeroed(i int) {
	if m.p[i].st == 'Z' {
		return
	}
	left := i > 0 && m.p[i-1].st == 'Z'
	m.p[i] = modelPage{st: 'Z'}
	if !left {
		m.acl[i] = 0
	}
}

func (m *model) awaiting(i int) bool {
	s := m.runStart(i)
	return m.p[i].st == 'Z' && i-s < m.acl[s]
}

// outcome is what an operation must answer: a status, or the request it waits
// on.
type outcome struct {
	st  zx.Status
	ask string
}

var fine = outcome{}

func (o outcome) String() string { return o.st.String() + " " + o.ask }

func (m *model) ask(kind byte, i, end int) outcome {
	if m.detached {
		return outcome{st: zx.ErrBadState}
	}
	return outcome{zx.ErrInternalIntrKilled, fmt.Sprintf("%c[%d,%d)", kind, m.base+uint64(i), end-i)}
}

// askRead trims to the absent run, askDirty to the run of non-dirty content.
func (m *model) askRead(i, limit int) outcome {
	end := i
	for end < limit && m.p[end].st == 'A' {
		end++
	}
	return m.ask('R', i, end)
}

func (m *model) askDirty(i, limit int) outcome {
	end := i
	for end < limit && m.p[end].st != 'A' && m.p[end].st != 'D' {
		end++
	}
	return m.ask('D', i, end)
}

// writable makes page i dirty, or says what must be asked (4.3, Write access).
func (m *model) writable(i, limit int) outcome {
	switch st := m.p[i].st; {
	case st == 'A':
		return m.askRead(i, limit)
	case st == 'D':
	case m.trap:
		return m.askDirty(i, limit)
	case st == 'C' || st == 'W':
		m.p[i].st = 'D'
	default:
		m.real(i, 'D')
	}
	return fine
}

func (m *model) read(a, b uint64) outcome {
	if b > uint64(m.size)*pg {
		return outcome{st: zx.ErrOutOfRange}
	}
	for h := a; h < b; h += half {
		if i := int(h / pg); m.p[i].st == 'A' {
			return m.askRead(i, int((b+pg-1)/pg))
		}
	}
	return fine
}

func (m *model) write(a, b uint64, v byte) outcome {
	if b > uint64(m.size)*pg {
		return outcome{st: zx.ErrOutOfRange}
	}
	for h := a; h < b; h += half {
		i := int(h / pg)
		if o := m.writable(i, min(int((b+pg-1)/pg), i+16)); o != fine {
			return o
		}
		m.p[i].data[h/half%2] = v
		m.modified = true
	}
	return fine
}

func (m *model) commit(i, end int) outcome {
	for ; i < end; i++ {
		switch m.p[i].st {
		case 'A':
			return m.askRead(i, end)
		case 'M':
			m.real(i, 'C')
		case 'Z', 'U':
			if m.trap {
				return m.askDirty(i, end)
			}
			m.real(i, 'D')
		}
	}
	return fine
}

func (m *model) prefetch(i, end int) outcome {
	for ; i < end; i++ {
		if m.p[i].st == 'A' {
			return m.askRead(i, end)
		}
	}
	return fine
}

func (m *model) need(i, end int) outcome {
	for ; i < end; i++ {
		if m.p[i].st == 'A' && !m.detached {
			return m.askRead(i, end)
		}
		if !m.zero(i) && m.p[i].st != 'M' && m.p[i].st != 'A' {
			m.p[i].needed = true
		}
	}
	return fine
}

func (m *model) supply(i, end int, pages func(int) (byte, bool)) outcome {
	if end > m.size {
		return outcome{st: zx.ErrOutOfRange}
	}
	if i == end {
		return fine
	}
	if m.detached {
		return outcome{st: zx.ErrBadState}
	}
	for ; i < end; i++ {
		if m.p[i].st != 'A' {
			continue
		}
		if v, ok := pages(i); ok {
			m.p[i] = modelPage{st: 'C', data: [2]byte{v, v}}
		} else {
			m.p[i] = modelPage{st: 'M'}
		}
	}
	return fine
}

func (m *model) opDirty(i, end int) outcome {
	switch {
	case !m.trap:
		return outcome{st: zx.ErrNotSupported}
	case end > m.size:
		return outcome{st: zx.ErrOutOfRange}
	case m.detached:
		return outcome{st: zx.ErrBadState}
	}
	for j := i; j < end; j++ {
		if m.p[j].st == 'A' {
			return outcome{st: zx.ErrNotFound}
		}
	}
	for ; i < end; i++ {
		switch m.p[i].st {
		case 'C', 'W':
			m.p[i].st = 'D'
		case 'M', 'Z', 'U':
			m.real(i, 'D')
		}
	}
	return fine
}

func (m *model) begin(i, end int, zeroOnly bool) outcome {
	if end > m.size {
		return outcome{st: zx.ErrOutOfRange}
	}
	for j := i; j < end; j++ {
		if m.p[j].st == 'D' && !zeroOnly {
			m.p[j].st = 'W'
		}
		if m.p[j].st == 'Z' && m.runStart(j) == j {
			m.acl[j] = max(m.acl[j], min(m.runEnd(j), end)-j)
		}
	}
	return fine
}

func (m *model) end(a, b int) outcome {
	if b > m.size {
		return outcome{st: zx.ErrOutOfRange}
	}
	mark := a
	for j := a; j < b; j++ {
		if m.p[j].st == 'W' {
			m.p[j].st = 'C'
		}
		if m.p[j].st != 'Z' || m.runStart(j) != j {
			continue
		}
		mark = max(mark, j+m.acl[j])
		stop := m.runEnd(j)
		// What the mark covers of the interval, up to b, goes.
		for k := j; k < stop && k < b && k < mark; k++ {
			m.set(k, 'A')
		}
		j = stop - 1
	}
	return fine
}

// partial is a write of zeros inside page i.
func (m *model) partial(i int, h uint64) outcome {
	if m.p[i].st == 'M' || m.zero(i) {
		return fine
	}
	if o := m.writable(i, i+1); o != fine {
		return o
	}
	m.p[i].data[h/half%2] = 0
	m.modified = true
	return fine
}

func (m *model) zeroRange(a, b uint64) outcome {
	end := uint64(m.size) * pg
	if a%pg != 0 && a < b {
		if a+half > end {
			return outcome{st: zx.ErrOutOfRange}
		}
		if o := m.partial(int(a/pg), a); o != fine {
			return o
		}
		a += half
	}
	if b/pg*pg > end || a > end {
		return outcome{st: zx.ErrOutOfRange}
	}
	if a >= b {
		return fine
	}
	m.wholeZero(int(a/pg), int(b/pg))
	if b%pg == 0 {
		return fine
	}
	if b > end {
		return outcome{st: zx.ErrOutOfRange}
	}
	return m.partial(int(b/pg), b-half)
}

func (m *model) wholeZero(i, end int) {
	if i >= end {
		return
	}
	m.modified = true
	// Untracked runs strictly round the range are left alone.
	inside := m.p[i].st == 'U' && m.runEnd(i) > end && m.runStart(i) < i
	if m.p[i].st == 'U' && m.unbounded && m.runEnd(i) == m.size && m.runStart(i) < i {
		inside = true // it goes on past the window
	}
	if inside {
		return
	}
	for ; i < end; i++ {
		if m.p[i].st != 'M' {
			m.zeroed(i)
		}
	}
}

func (m *model) setSize(b uint64) outcome {
	pages := int((b + pg - 1) / pg)
	for i := m.size; i < pages; i++ {
		m.p[i] = modelPage{st: 'A'}
	}
	old := m.size
	for i := pages; i < old; i++ {
		m.p[i] = modelPage{st: 'A'}
	}
	m.size = pages
	for i := old; i < pages; i++ {
		m.zeroed(i)
	}
	m.stream, m.modified = b, true
	if b%pg != 0 {
		if o := m.partial(pages-1, b); o.ask != "" {
			return o
		}
	}
	return fine
}

func (m *model) setStream(b uint64) outcome {
	if b == m.stream {
		return fine
	}
	if !m.unbounded && b > uint64(m.size)*pg {
		return outcome{st: zx.ErrOutOfRange}
	}
	lo, up := min(b, m.stream), int((b+pg-1)/pg)
	if lo%pg != 0 {
		if o := m.partial(int(lo/pg), lo); o != fine {
			return o
		}
		lo += half
	}
	m.wholeZero(int(lo/pg), up)
	for i := up; i < m.size; i++ {
		m.modified = m.modified || m.p[i].st != 'U'
		m.set(i, 'U')
	}
	m.stream = b
	return fine
}

func (m *model) detach() {
	m.detached = true
	for i := 0; i < m.size; i++ {
		if m.p[i].st == 'C' || m.p[i].st == 'M' {
			m.p[i] = modelPage{st: 'A'}
		}
	}
}

func (m *model) evict(all bool) {
	for i := 0; i < m.size; i++ {
		if m.p[i].st == 'C' && (all || !m.p[i].needed) {
			m.p[i] = modelPage{st: 'A'}
		}
	}
}

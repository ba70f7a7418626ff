package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"

	"faultline/trace"
	"faultline/zx"
)

// fromKernel is a line of the kernel's: console.Stream has the other copy.
type fromKernel struct {
	Kind    string  `json:"k"`
	ID      uint64  `json:"id"`
	Name    string  `json:"name"`
	Pages   int     `json:"pages"`
	Paged   bool    `json:"paged"`
	Runs    string  `json:"runs"`
	Ticks   float64 `json:"ticks"`
	Lost    uint64  `json:"lost"`
	Records string  `json:"r"`
}

// live makes the page's lines of the kernel's.
type live struct {
	drawing
	anonymous map[uint64]bool
	faults    map[zx.Koid]trace.Record // that have not ended
	asked     map[ask]bool             // requests that nobody has answered
	running   map[uint8]bool           // CPUs that run a thread
	since     map[uint8]uint64         // when that began
	busy      map[uint8]uint64         // ticks since the last line
	before    uint64                   // time of the last line
	ticks     float64
}

// ask is a request.
type ask struct{ vmo, offset uint64 }

func newLive(line func(string)) *live {
	return &live{drawing: newDrawing(line), anonymous: map[uint64]bool{}, faults: map[zx.Koid]trace.Record{}, asked: map[ask]bool{},
		running: map[uint8]bool{}, since: map[uint8]uint64{}, busy: map[uint8]uint64{}}
}

// take takes a line of the kernel's.
func (l *live) take(text string) error {
	var m fromKernel
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		return err
	}
	switch m.Kind {
	case "vmo":
		name := m.Name
		if name == "" {
			name = "VMO"
		}
		l.resize(m.ID, name, m.Pages)
		l.anonymous[m.ID] = !m.Paged
	case "pages":
		if v := l.vmos[m.ID]; v != nil {
			v.set(0, m.Runs)
			l.changed[m.ID] = true
		}
	case "gone":
		delete(l.vmos, m.ID)
		delete(l.changed, m.ID)
		l.line(marshal(message{Kind: "gone", ID: m.ID}))
	case "records":
		b, err := base64.StdEncoding.DecodeString(m.Records)
		if err != nil || m.Ticks <= 0 || len(b)%trace.RecordBytes != 0 {
			return fmt.Errorf("records of %d bytes, %v", len(b), err)
		}
		l.ticks = m.Ticks
		last := l.before
		for ; len(b) > 0; b = b[trace.RecordBytes:] {
			r := trace.Decode(b)
			l.record(&r)
			last = max(last, r.Time)
		}
		l.shares(last)
		l.tick(int64(float64(last) / l.ticks * 1000))
	}
	return nil
}

// faultWrite is the bit of a page-fault error code that says that it was a store.
const faultWrite = 1 << 1

// record takes one record.
func (l *live) record(r *trace.Record) {
	switch r.Kind {
	case trace.Fault:
		l.faults[r.Thread] = *r
	case trace.FaultEnd:
		b, ok := l.faults[r.Thread]
		delete(l.faults, r.Thread)
		if !ok {
			return
		}
		l.faulted(float64(r.Time-b.Time) / l.ticks)
		if b.Arg&faultWrite != 0 && zx.Status(int32(r.Arg)) == zx.OK {
			to := byte('d')
			if l.anonymous[r.Object] {
				to = 'u'
			}
			l.change(r.Object, r.Offset, zx.PageSize, replace("acdwzu", to))
		}
	case trace.Request:
		l.asked[ask{r.Object, r.Offset}] = true
		l.requests = len(l.asked)
	case trace.Supply:
		l.answered(r)
		l.change(r.Object, r.Offset, r.Length, replace("a", 'c'))
	case trace.Operation:
		switch zx.PagerOp(r.Arg) {
		case zx.PagerOpFail:
			l.answered(r)
		case zx.PagerOpDirty:
			l.answered(r)
			l.change(r.Object, r.Offset, r.Length, replace("czw", 'd'))
		case zx.PagerOpWritebackBegin:
			l.change(r.Object, r.Offset, r.Length, replace("d", 'w'))
		case zx.PagerOpWritebackEnd:
			l.end(r.Object, r.Offset, r.Length)
		}
	case trace.Evict:
		l.evict(r.Object, r.Offset, r.Length)
	case trace.Switch:
		l.account(r.CPU, r.Time)
		l.running[r.CPU] = r.Thread != 0
	}
}

// answered forgets the requests that r has to do with.
func (l *live) answered(r *trace.Record) {
	for a := range l.asked {
		if a.vmo == r.Object && a.offset >= r.Offset && a.offset-r.Offset < r.Length {
			delete(l.asked, a)
		}
	}
	l.requests = len(l.asked)
}

// account adds what a CPU has run till now.
func (l *live) account(cpu uint8, now uint64) {
	if l.running[cpu] && now > l.since[cpu] {
		l.busy[cpu] += now - l.since[cpu]
	}
	l.since[cpu] = now
}

// shares gives the CPUs' shares since the last line.
func (l *live) shares(now uint64) {
	l.cpus = nil
	for cpu := range uint8(len(l.since)) {
		l.account(cpu, now)
		share := 0.0
		if now > l.before {
			share = min(float64(l.busy[cpu])/float64(now-l.before), 1)
		}
		l.busy[cpu] = 0
		l.cpus = append(l.cpus, share)
	}
	l.before = now
}

package console

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	"faultline/trace"
	"faultline/vmo"
	"faultline/zx"
)

// Lines of Stream, a JSON object each. cmd/watch has the other copy.
type (
	// streamVMO says that there is a VMO of that many pages, or that it is gone.
	streamVMO struct {
		Kind  string `json:"k"` // "vmo", "gone"
		ID    uint64 `json:"id"`
		Name  string `json:"name"`
		Pages uint64 `json:"pages"`
		Paged bool   `json:"paged"`
	}
	// streamPages says what state the pages of a VMO are in: runs of a letter of
	// pictures and a count, from page 0 on.
	streamPages struct {
		Kind string `json:"k"` // "pages"
		ID   uint64 `json:"id"`
		Runs string `json:"runs"`
	}
)

// A line of records has those of package trace, encoded, in each CPU's order: ticks
// of a microsecond, how many were lost, and r in base64. No JSON library is asked: there
// are many.
const streamRecords = `{"k":"records","ticks":%g,"lost":%d,"r":"`

// streamEvery is the time between two lines of records.
const streamEvery = 33 * time.Millisecond

// A round tells of the states of so many runs of one VMO, and of all, at the most.
const (
	streamRuns  = 1 << 12
	streamRound = 1 << 15
)

// Stream traces, and writes to w what is recorded and which VMOs it is about, until
// w fails. Once a second it tells in what state the pages are of those that had to do
// with it: a record does not tell all, and may be lost. It is meant for a port of its
// own and a goroutine of its own.
func (c *Console) Stream(w io.Writer) error {
	c.kernel.StartTrace(trace.Filter{Kinds: []trace.Kind{
		trace.Fault, trace.FaultEnd, trace.Request, trace.Packet, trace.Supply, trace.Operation, trace.Switch, trace.Evict,
	}})
	from, out := trace.NewReader(), bufio.NewWriterSize(w, 1<<16)
	s := stream{c, json.NewEncoder(out), map[zx.Koid]*streamed{}}
	some := make([]trace.Record, 1024)
	var b []byte
	lost, unknown := uint64(0), false
	for i := 0; ; i++ {
		time.Sleep(streamEvery)
		for n := -1; n != 0; {
			n = from.Read(some)
			b = b[:0]
			for i := range some[:n] {
				r := &some[i]
				if v := s.vmos[zx.Koid(r.Object)]; v != nil {
					v.stale = true
				} else if r.Object != 0 {
					unknown = true
				}
				b = r.Append(b)
			}
			if from.Lost != lost {
				lost = from.Lost
				for _, v := range s.vmos {
					v.stale = true
				}
			}
			fmt.Fprintf(out, streamRecords, c.kernel.TraceTicks(), from.Lost)
			r := base64.NewEncoder(base64.StdEncoding, out)
			r.Write(b)
			r.Close()
			out.WriteString("\"}\n") // Flush tells of its errors
		}
		// Once a second is soon enough for what is resized or gone. What is new is waited
		// for. It comes behind the records, which tell how the states came to be so.
		if i%32 == 0 || i%4 == 0 && unknown {
			unknown = false
			if err := s.lookRound(); err != nil {
				return err
			}
		}
		if err := out.Flush(); err != nil {
			return err
		}
	}
}

// stream is a Stream in progress.
type stream struct {
	*Console
	lines *json.Encoder
	vmos  map[zx.Koid]*streamed // that w knows
}

// streamed is what w knows of a VMO.
type streamed struct {
	pages    uint64
	nameless bool // to be looked at once more
	stale    bool // it does not know the states of all pages
}

// lookRound writes a line about each VMO that w does not know in its present size,
// or knows though it is gone, and the states of pages that w does not know.
func (s *stream) lookRound() error {
	var lines []any
	var names map[zx.Koid]string
	alive, room := make(map[zx.Koid]bool, len(s.vmos)), streamRound
	s.kernel.Store().ForEach(func(v *vmo.VMO) bool {
		koid, pages := v.Koid(), v.Size()/zx.PageSize
		alive[koid] = true
		known := s.vmos[koid]
		if known == nil || known.pages != pages || known.nameless {
			if names == nil {
				names = s.vmoNames()
			}
			// Its maker has yet to take in one without a name, perhaps.
			known = &streamed{pages, known == nil && names[koid] == "", true}
			s.vmos[koid] = known
			lines = append(lines, streamVMO{"vmo", uint64(koid), names[koid], pages, v.Info().PagerBacked})
		}
		if known.stale && room > 0 {
			known.stale = false
			_, runs, _ := pageCounts(v, streamRuns)
			text := make([]byte, 0, 4*len(runs))
			for _, r := range runs {
				text = strconv.AppendUint(append(text, pictures[r.State].letter), r.Length>>zx.PageShift, 10)
			}
			room -= len(runs)
			lines = append(lines, streamPages{"pages", uint64(koid), string(text)})
		}
		return true
	})
	for koid := range s.vmos {
		if !alive[koid] {
			delete(s.vmos, koid)
			lines = append(lines, streamVMO{Kind: "gone", ID: uint64(koid)})
		}
	}
	for _, line := range lines {
		if err := s.lines.Encode(line); err != nil {
			return err
		}
	}
	return nil
}

package console

import (
	"encoding/base64"
	"encoding/json"
	"io"
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
	// streamRecords are records of package trace, encoded, in each CPU's order.
	streamRecords struct {
		Kind    string  `json:"k"` // "records"
		Ticks   float64 `json:"ticks"`
		Lost    uint64  `json:"lost"`
		Records string  `json:"r"` // base64
	}
)

// streamEvery is the time between two lines of records.
const streamEvery = 33 * time.Millisecond

// Stream traces, and writes to w what is recorded and which VMOs it is about, until
// w fails. It is meant for a port of its own and a goroutine of its own.
func (c *Console) Stream(w io.Writer) error {
	c.kernel.StartTrace(trace.Filter{Kinds: []trace.Kind{
		trace.Fault, trace.FaultEnd, trace.Request, trace.Packet, trace.Supply, trace.Operation, trace.Switch, trace.Evict,
	}})
	from := trace.NewReader()
	s := stream{c, json.NewEncoder(w), map[zx.Koid]uint64{}, map[zx.Koid]bool{}}
	some := make([]trace.Record, 1024)
	var b []byte
	for i := 0; ; i++ {
		time.Sleep(streamEvery)
		// Once a second is soon enough for what is resized or gone.
		if i%32 == 0 {
			if err := s.lookRound(); err != nil {
				return err
			}
		}
		for n := -1; n != 0; {
			n = from.Read(some)
			unknown := false
			b = b[:0]
			for i := range some[:n] {
				r := &some[i]
				_, known := s.sizes[zx.Koid(r.Object)]
				unknown = unknown || !known && r.Object != 0
				b = r.Append(b)
			}
			if unknown {
				if err := s.lookRound(); err != nil {
					return err
				}
			}
			if err := s.lines.Encode(streamRecords{"records", c.kernel.TraceTicks(), from.Lost, base64.StdEncoding.EncodeToString(b)}); err != nil {
				return err
			}
		}
	}
}

// stream is a Stream in progress.
type stream struct {
	*Console
	lines    *json.Encoder
	sizes    map[zx.Koid]uint64 // in pages, of the VMOs that w knows
	nameless map[zx.Koid]bool   // of them, those to be looked at once more
}

// lookRound writes a line about each VMO that w does not know in its present size,
// or knows though it is gone.
func (s *stream) lookRound() error {
	var lines []streamVMO
	alive := make(map[zx.Koid]bool, len(s.sizes))
	s.kernel.Store().ForEach(func(v *vmo.VMO) bool {
		koid, pages := v.Koid(), v.Size()/zx.PageSize
		alive[koid] = true
		if known, ok := s.sizes[koid]; !ok || known != pages || s.nameless[koid] {
			lines = append(lines, streamVMO{"vmo", uint64(koid), "", pages, v.Info().PagerBacked})
			s.sizes[koid] = pages
		}
		return true
	})
	if len(lines) > 0 {
		for names, i := s.vmoNames(), 0; i < len(lines); i++ {
			koid := zx.Koid(lines[i].ID)
			if lines[i].Name = names[koid]; lines[i].Name == "" && !s.nameless[koid] {
				s.nameless[koid] = true // its maker has yet to take it in, perhaps
			} else {
				delete(s.nameless, koid)
			}
		}
	}
	for koid := range s.sizes {
		if !alive[koid] {
			delete(s.sizes, koid)
			lines = append(lines, streamVMO{Kind: "gone", ID: uint64(koid)})
		}
	}
	for i := range lines {
		if err := s.lines.Encode(&lines[i]); err != nil {
			return err
		}
	}
	return nil
}

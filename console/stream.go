package console

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"time"

	"faultline/trace"
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
		trace.Fault, trace.FaultEnd, trace.Request, trace.Supply, trace.Operation, trace.Switch, trace.Evict,
	}})
	from := trace.NewReader()
	sizes := map[uint64]uint64{} // in pages, of the VMOs that w knows
	lines := json.NewEncoder(w)
	var some [1024]trace.Record
	for i := 0; ; i++ {
		time.Sleep(streamEvery)
		for id := range sizes {
			if i%32 != 0 {
				break // once a second is soon enough for what is gone
			}
			if err := c.introduce(lines, sizes, id); err != nil {
				return err
			}
		}
		for n := -1; n != 0; {
			n = from.Read(some[:])
			var b []byte
			for i := range some[:n] {
				if err := c.introduce(lines, sizes, some[i].Object); err != nil {
					return err
				}
				b = some[i].Append(b)
			}
			if err := lines.Encode(streamRecords{"records", c.kernel.TraceTicks(), from.Lost, base64.StdEncoding.EncodeToString(b)}); err != nil {
				return err
			}
		}
	}
}

// introduce writes a line about a VMO that w does not know in its present size.
func (c *Console) introduce(lines *json.Encoder, sizes map[uint64]uint64, id uint64) error {
	v := c.kernel.Store().ByKoid(zx.Koid(id))
	if v == nil {
		if _, known := sizes[id]; !known {
			return nil
		}
		delete(sizes, id)
		return lines.Encode(streamVMO{Kind: "gone", ID: id})
	}
	defer v.Release()
	i := v.Info()
	pages := i.Size / zx.PageSize
	if known, ok := sizes[id]; ok && known == pages {
		return nil
	}
	sizes[id] = pages
	return lines.Encode(streamVMO{"vmo", id, c.vmoNames()[zx.Koid(id)], pages, i.PagerBacked})
}

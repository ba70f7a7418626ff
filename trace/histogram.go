package trace

import "math/bits"

// A histogram's buckets: each power of two is cut into 2^subBits equal parts,
// so that a value is told to an eighth of itself; values below 2^subBits have a
// bucket each.
const (
	subBits = 3
	buckets = (64 - subBits + 1) << subBits
)

// Histogram counts values by size. The zero value is empty.
type Histogram struct {
	Count, Max uint64
	bucket     *[buckets]uint32 // nil while it is empty
}

// bucketOf is the bucket that v falls into.
func bucketOf(v uint64) int {
	if v < 1<<subBits {
		return int(v)
	}
	shift := bits.Len64(v) - 1 - subBits
	return (shift+1)<<subBits + int(v>>shift&(1<<subBits-1))
}

// bucketEnd is the largest value that falls into bucket b.
func bucketEnd(b int) uint64 {
	if b < 1<<subBits {
		return uint64(b)
	}
	shift := b>>subBits - 1
	return (uint64(b&(1<<subBits-1))+1<<subBits+1)<<shift - 1
}

// Add counts v.
func (h *Histogram) Add(v uint64) {
	if h.bucket == nil {
		h.bucket = new([buckets]uint32)
	}
	h.Count++
	h.Max = max(h.Max, v)
	h.bucket[bucketOf(v)]++
}

// Quantile gives the value that q of all do not exceed, up to the width of its
// bucket; 0 of an empty histogram. Pre: 0 <= q <= 1.
func (h *Histogram) Quantile(q float64) uint64 {
	if h.Count == 0 {
		return 0
	}
	want := uint64(q*float64(h.Count) + 0.5)
	want = min(max(want, 1), h.Count)
	seen := uint64(0)
	for b, n := range h.bucket {
		if seen += uint64(n); seen >= want {
			return min(bucketEnd(b), h.Max)
		}
	}
	return h.Max
}

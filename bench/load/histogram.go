package load

import (
	"math/bits"
	"time"
)

// histogram counts durations in buckets that are 3% wide, so that it costs
// nothing to add to.
type histogram struct {
	counts [64 * 32]int64
	total  int64
}

func slot(d time.Duration) int {
	n := uint64(max(d, 1))
	top := bits.Len64(n)
	if top <= 6 {
		return int(n)
	}
	return (top-5)*32 + int(n>>(top-6))&31
}

// value is the lower end of a bucket.
func value(slot int) time.Duration {
	if slot < 64 {
		return time.Duration(slot)
	}
	return time.Duration(32+slot%32) << (slot/32 - 1)
}

func (h *histogram) add(d time.Duration) { h.counts[slot(d)]++; h.total++ }

func (h *histogram) merge(o *histogram) {
	for i, n := range o.counts {
		h.counts[i] += n
	}
	h.total += o.total
}

// quantile is the duration that a share q of all is not above, in milliseconds.
func (h *histogram) quantile(q float64) float64 {
	left := int64(q * float64(h.total))
	for i, n := range h.counts {
		if left -= n; left < 0 {
			return float64(value(i)) / 1e6
		}
	}
	return 0
}

package series

import (
	"cmp"
	"math"
	"slices"
)

// Bin is how often a value was seen.
type Bin struct{ Value, Count float64 }

// Set is the statistic set of the values seen in some time.
type Set struct {
	Count, Sum, Min, Max float64
	// Bins is the distribution, in order of value. Opaque says that there is
	// none, because a publisher sent only a summary: then there are no
	// percentiles.
	Bins   []Bin
	Opaque bool
}

// maxBins is where a distribution stops being exact: beyond it values closer
// than 1 % to each other are counted as one.
const maxBins = 256

// Of is the set of values and how often each was seen.
func Of(bins ...Bin) Set {
	s := Set{Min: math.Inf(1), Max: math.Inf(-1), Bins: slices.Clone(bins)}
	for _, b := range bins {
		s.Count += b.Count
		s.Sum += b.Value * b.Count
		s.Min, s.Max = min(s.Min, b.Value), max(s.Max, b.Value)
	}
	s.order()
	return s
}

// Summary is the set that a publisher has summed up itself. What has one value
// only has a distribution nevertheless.
func Summary(count, sum, least, most float64) Set {
	s := Set{Count: count, Sum: sum, Min: least, Max: most, Opaque: true}
	if least == most || count == 1 {
		s.Opaque, s.Bins = false, []Bin{{least, count}}
	}
	return s
}

// Add puts what o has seen to what s has seen.
func (s *Set) Add(o *Set) {
	if o.Count == 0 && o.Sum == 0 && len(o.Bins) == 0 && !o.Opaque {
		return
	}
	if s.Count == 0 && s.Sum == 0 && len(s.Bins) == 0 && !s.Opaque {
		*s = *o
		s.Bins = slices.Clone(o.Bins)
		return
	}
	s.Count += o.Count
	s.Sum += o.Sum
	s.Min, s.Max = min(s.Min, o.Min), max(s.Max, o.Max)
	if s.Opaque = s.Opaque || o.Opaque; s.Opaque {
		s.Bins = nil
		return
	}
	s.Bins = append(s.Bins, o.Bins...)
	s.order()
}

// order sorts the distribution and joins what is the same, or nearly the same
// where there is too much.
func (s *Set) order() {
	if len(s.Bins) < 2 {
		return
	}
	slices.SortFunc(s.Bins, func(a, b Bin) int { return cmp.Compare(a.Value, b.Value) })
	s.Bins = join(s.Bins, func(a, b float64) bool { return a == b })
	if len(s.Bins) > maxBins {
		s.Bins = join(s.Bins, near)
	}
}

func join(bins []Bin, same func(a, b float64) bool) []Bin {
	kept, first := bins[:1], bins[0].Value
	for _, b := range bins[1:] {
		last := &kept[len(kept)-1]
		if !same(first, b.Value) {
			kept, first = append(kept, b), b.Value
			continue
		}
		if n := last.Count + b.Count; n > 0 && last.Value != b.Value {
			last.Value = (last.Value*last.Count + b.Value*b.Count) / n
		}
		last.Count += b.Count
	}
	return kept
}

func near(a, b float64) bool { return math.Abs(b-a) <= 0.01*max(math.Abs(a), math.Abs(b)) }

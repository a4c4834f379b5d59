//go:build linux

package network

import (
	"cmp"
	"net/netip"
	"slices"
)

// The kernel's sets of ranges refuse elements that overlap, while the rules of
// a group overlap as their owner likes. Addresses come as prefixes, of which
// any two are nested or apart; so it is enough to take from each prefix's
// ports those that a wider prefix has already.

// span is a range of port keys (see portKey), both ends included.
type span struct{ from, to uint16 }

// box is a range of ports at the addresses of a prefix, for one protocol.
type box struct {
	prefix netip.Prefix
	ports  span
}

// disjoint gives boxes that cover the same as those given, and do not overlap.
func disjoint(boxes []box) []box {
	byPrefix := map[netip.Prefix][]span{}
	for _, b := range boxes {
		p := b.prefix.Masked()
		byPrefix[p] = append(byPrefix[p], b.ports)
	}
	prefixes := make([]netip.Prefix, 0, len(byPrefix))
	lengths := map[int]bool{}
	for p, spans := range byPrefix {
		byPrefix[p] = merge(spans)
		prefixes = append(prefixes, p)
		lengths[p.Bits()] = true
	}
	slices.SortFunc(prefixes, func(a, b netip.Prefix) int {
		return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
	})
	var result []box
	for _, p := range prefixes {
		left := byPrefix[p]
		for bits := range lengths {
			if bits >= p.Bits() {
				continue
			}
			if wider, ok := byPrefix[netip.PrefixFrom(p.Addr(), bits).Masked()]; ok {
				left = subtract(left, wider)
			}
		}
		for _, s := range left {
			result = append(result, box{p, s})
		}
	}
	return result
}

// merge joins spans that overlap or touch.
func merge(spans []span) []span {
	spans = slices.Clone(spans)
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	merged := spans[:0]
	for _, s := range spans {
		if n := len(merged); n > 0 && int(s.from) <= int(merged[n-1].to)+1 {
			merged[n-1].to = max(merged[n-1].to, s.to)
			continue
		}
		merged = append(merged, s)
	}
	return merged
}

// subtract takes from spans what is in others; both are merged.
func subtract(spans, others []span) []span {
	var left []span
	for _, s := range spans {
		from, done := s.from, false
		for _, o := range others {
			if o.to < from || o.from > s.to {
				continue
			}
			if o.from > from {
				left = append(left, span{from, o.from - 1})
			}
			if o.to >= s.to {
				done = true
				break
			}
			from = o.to + 1
		}
		if !done {
			left = append(left, span{from, s.to})
		}
	}
	return left
}

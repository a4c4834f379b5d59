package series

import (
	"encoding/binary"
	"errors"
	"math"
)

// Point is what a metric saw from Time on, for the resolution of its tier.
type Point struct {
	Time int64  // seconds since 1970
	Unit string // of the API's StandardUnit
	Set
}

// units in the order of their numbers in rows: new ones go to the end.
func units() []string {
	return []string{"None", "Seconds", "Microseconds", "Milliseconds", "Bytes", "Kilobytes", "Megabytes", "Gigabytes", "Terabytes",
		"Bits", "Kilobits", "Megabits", "Gigabits", "Terabits", "Percent", "Count", "Bytes/Second", "Kilobytes/Second",
		"Megabytes/Second", "Gigabytes/Second", "Terabytes/Second", "Bits/Second", "Kilobits/Second", "Megabits/Second",
		"Gigabits/Second", "Terabits/Second", "Count/Second"}
}

var unitNames = units()

var unitNumbers = func() map[string]byte {
	m := map[string]byte{}
	for i, u := range unitNames {
		m[u] = byte(i)
	}
	return m
}()

// The forms of a point in a row.
const (
	formOne    = 0 // one value, seen once
	formBins   = 1 // a distribution
	formOpaque = 2 // a summary
)

var errRow = errors.New("series: malformed row")

// appendPoints writes points, each with its distance to base in seconds.
func appendPoints(b []byte, base int64, points []Point) []byte {
	for i := range points {
		p := &points[i]
		b = binary.AppendUvarint(b, uint64(p.Time-base))
		b = append(b, unitNumbers[p.Unit])
		switch {
		case p.Opaque:
			b = append(b, formOpaque)
			b = appendFloats(b, p.Count, p.Sum, p.Min, p.Max)
		case len(p.Bins) == 1 && p.Count == 1:
			b = appendFloats(append(b, formOne), p.Sum)
		default:
			b = appendFloats(append(b, formBins), p.Count, p.Sum, p.Min, p.Max)
			b = binary.AppendUvarint(b, uint64(len(p.Bins)))
			for _, bin := range p.Bins {
				b = appendFloats(b, bin.Value, bin.Count)
			}
		}
	}
	return b
}

func appendFloats(b []byte, list ...float64) []byte {
	for _, f := range list {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(f))
	}
	return b
}

// parsePoints gives each point of a row to f. Distributions are left out where
// full is false: averages and sums need none.
func parsePoints(b []byte, base int64, full bool, f func(p *Point)) error {
	var p Point
	for len(b) > 0 {
		d, n := binary.Uvarint(b)
		if n <= 0 || len(b) < n+2 || int(b[n]) >= len(unitNames) {
			return errRow
		}
		form := b[n+1]
		p = Point{Time: base + int64(d), Unit: unitNames[b[n]]}
		var ok bool
		if b, ok = parseSet(b[n+2:], form, full, &p.Set); !ok {
			return errRow
		}
		f(&p)
	}
	return nil
}

func parseSet(b []byte, form byte, full bool, s *Set) ([]byte, bool) {
	if form == formOne {
		if len(b) < 8 {
			return nil, false
		}
		v := float(b)
		*s = Set{Count: 1, Sum: v, Min: v, Max: v, Opaque: !full}
		if full {
			s.Bins = []Bin{{v, 1}}
		}
		return b[8:], true
	}
	if len(b) < 32 || form > formOpaque {
		return nil, false
	}
	*s = Set{Count: float(b), Sum: float(b[8:]), Min: float(b[16:]), Max: float(b[24:]), Opaque: form == formOpaque || !full}
	if b = b[32:]; form == formOpaque {
		return b, true
	}
	bins, n := binary.Uvarint(b)
	if n <= 0 || bins > uint64(len(b)/16) || len(b) < n+int(bins)*16 {
		return nil, false
	}
	for i := range int(bins) {
		if full {
			at := b[n+16*i:]
			s.Bins = append(s.Bins, Bin{float(at), float(at[8:])})
		}
	}
	return b[n+int(bins)*16:], true
}

func float(b []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b)) }

package picture

import (
	"image/color"
	"slices"
)

// stack is series on top of each other: at each time at which one of them has a
// value, the tops of all. A missing value is no height.
type stack struct {
	times []int64
	tops  map[int][]float64 // by line
	under map[int][]float64
}

// pile puts the lines of one side on each other, the first one lowest.
func pile(lines []Line, right bool) *stack {
	s := &stack{tops: map[int][]float64{}, under: map[int][]float64{}}
	for i := range lines {
		if lines[i].Right == right {
			s.times = append(s.times, lines[i].Times...)
		}
	}
	slices.Sort(s.times)
	s.times = slices.Compact(s.times)
	height := make([]float64, len(s.times))
	for i := range lines {
		if lines[i].Right != right {
			continue
		}
		s.under[i] = slices.Clone(height)
		for j, t := range lines[i].Times {
			at, _ := slices.BinarySearch(s.times, t)
			height[at] += lines[i].Values[j]
		}
		s.tops[i] = slices.Clone(height)
	}
	return s
}

// layer fills a line's part of a stack.
func (d *plot) layer(s *stack, i int, y *scale, c color.NRGBA) {
	tops, under := s.tops[i], s.under[i]
	if len(tops) == 0 {
		return
	}
	if len(tops) == 1 {
		x := d.x(s.times[0])
		d.segment(x, y.y(tops[0]), x, y.y(under[0]), 3, c)
		return
	}
	for j, t := range s.times {
		d.LineTo(d.x(t), y.y(tops[j]))
	}
	for j := len(s.times) - 1; j >= 0; j-- {
		d.LineTo(d.x(s.times[j]), y.y(under[j]))
	}
	d.ClosePath()
	d.SetColor(pale(c, 0x99))
	d.Fill()
	d.SetColor(c)
	d.SetLineWidth(1.5)
	for j, t := range s.times {
		d.LineTo(d.x(t), y.y(tops[j]))
	}
	d.Stroke()
}

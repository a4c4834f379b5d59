package series

import (
	"cmp"
	"slices"
)

type slot struct {
	at   int64
	unit string
}

// merger joins points of the same time and unit.
type merger struct {
	points []Point
	where  map[slot]int
}

func (m *merger) add(at int64, unit string, s *Set) {
	if n := len(m.points); n > 0 && m.points[n-1].Time == at && m.points[n-1].Unit == unit {
		m.points[n-1].Add(s)
		return
	}
	if m.where == nil {
		m.where = map[slot]int{}
	}
	if i, ok := m.where[slot{at, unit}]; ok {
		m.points[i].Add(s)
		return
	}
	m.where[slot{at, unit}] = len(m.points)
	m.points = append(m.points, Point{Time: at, Unit: unit, Set: *s})
}

func (m *merger) sorted() []Point {
	slices.SortFunc(m.points, func(a, b Point) int {
		return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Unit, b.Unit))
	})
	return m.points
}

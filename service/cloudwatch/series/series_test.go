package series

import (
	"math"
	"testing"
)

func TestStat(t *testing.T) {
	set := Of(Bin{1, 50}, Bin{10, 40}, Bin{100, 10})
	for name, want := range map[string]float64{
		"SampleCount": 100, "Sum": 1450, "Average": 14.5, "Minimum": 1, "Maximum": 100,
		"p50": 1, "p90": 10, "p90.1": 100, "p100": 100, "tm90": 5, "tc90": 90, "ts90": 450,
		"PR(:10)": 90, "TM(10%:90%)": 5.5, "WM(0%:90%)": 5.5, "TC(1:10)": 40, "IQM": 5.5,
	} {
		f, _, ok := ParseStat(name)
		if !ok {
			t.Errorf("%s is not understood", name)
			continue
		}
		if got, ok := f(&set); !ok || math.Abs(got-want) > 1e-6 {
			t.Errorf("%s = %v, %v, want %v", name, got, ok, want)
		}
	}
	for _, bad := range []string{"", "p101", "p", "Mean", "TM(10:90%)", "TM(:)", "PR(1%:2%)"} {
		if _, _, ok := ParseStat(bad); ok {
			t.Errorf("%q is understood", bad)
		}
	}
	negative, opaque := Of(Bin{-1, 1}), Summary(2, 3, 1, 2)
	p50, _, _ := ParseStat("p50")
	for _, s := range []*Set{&negative, &opaque} {
		if v, ok := p50(s); ok {
			t.Errorf("percentile %v of %+v", v, s)
		}
	}
}

func TestRowRoundTrip(t *testing.T) {
	points := []Point{
		{Time: 60, Unit: "None", Set: Of(Bin{4, 1})},
		{Time: 120, Unit: "Percent", Set: Of(Bin{4, 2}, Bin{5, 1})},
		{Time: 180, Unit: "Count", Set: Summary(3, 6, 1, 3)},
	}
	row := appendPoints(nil, 60, points)
	var got []Point
	if err := parsePoints(row, 60, true, func(p *Point) { got = append(got, *p) }); err != nil {
		t.Fatal(err)
	}
	for i, p := range points {
		g := got[i]
		if g.Time != p.Time || g.Unit != p.Unit || g.Count != p.Count || g.Sum != p.Sum || g.Min != p.Min || g.Max != p.Max || g.Opaque != p.Opaque || len(g.Bins) != len(p.Bins) {
			t.Errorf("point %d: %+v, want %+v", i, g, p)
		}
	}
	for n := range row {
		_ = parsePoints(row[:n], 60, true, func(*Point) {})
	}
	if parsePoints(row[:len(row)-1], 60, true, func(*Point) {}) == nil {
		t.Error("a cut row parses")
	}
}

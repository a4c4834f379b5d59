package picture

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// sample is a chart with everything on it.
func sample(view View) *Chart {
	const day = 86400
	wave := func(label string, high float64, right bool) Line {
		l := Line{Label: label, Right: right, Period: 300}
		for t := int64(0); t < day; t += 300 {
			if t/3600 != 9 { // a gap
				l.Times, l.Values = append(l.Times, t), append(l.Values, high*(1.2+math.Sin(float64(t)/day*12)))
			}
		}
		return l
	}
	b := Band{Label: "expected"}
	for t := int64(0); t < day; t += 300 {
		v := 30 * (1.2 + math.Sin(float64(t)/day*12))
		b.Times, b.Upper, b.Lower = append(b.Times, t), append(b.Upper, v+15), append(b.Lower, v-15)
	}
	return &Chart{
		Width: 600, Height: 400, Title: "CPU of all machines", View: view, To: day, Zone: time.UTC,
		Lines: []Line{wave("i-1 CPUUtilization", 30, false), wave("i-2 CPUUtilization", 12, false), wave("requests", 4000, true)},
		Bands: []Band{b}, Left: Axis{Label: "Percent", Min: new(0.0)}, Right: Axis{Label: "Count"},
		Levels:  []Level{{Label: "too much", Value: 60, Fill: "above"}, {Label: "fine", Value: 10, To: new(20.0), Color: "#2ca02c"}},
		Moments: []Moment{{Label: "deployed", At: 40000, Color: "#9467bd"}, {At: 60000, To: new(int64(65000))}},
	}
}

func draw(t testing.TB, c *Chart) image.Image {
	t.Helper()
	var b bytes.Buffer
	if err := c.PNG(&b); err != nil {
		t.Fatal(err)
	}
	if dir := os.Getenv("PILEUS_PICTURES"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(t.Name())+".png"), b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	m, err := png.Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	if m.Bounds().Dx() != c.Width || m.Bounds().Dy() != c.Height {
		t.Fatalf("%v, want %d by %d", m.Bounds(), c.Width, c.Height)
	}
	return m
}

// count is how many pixels are of a colour.
func count(m image.Image, name string) (n int) {
	want, _ := hex(name)
	for y := range m.Bounds().Dy() {
		for x := range m.Bounds().Dx() {
			if color.NRGBAModel.Convert(m.At(x, y)).(color.NRGBA) == want {
				n++
			}
		}
	}
	return n
}

// TestViews draws each view and looks for the colours of its lines.
func TestViews(t *testing.T) {
	for view, least := range map[View]int{TimeSeries: 300, SingleValue: 100, Gauge: 200, Bar: 100, Pie: 200} {
		t.Run(string(view), func(t *testing.T) {
			c := sample(view)
			m := draw(t, c)
			for i := range c.Lines {
				if n := count(m, palette[i]); n < least {
					t.Errorf("%d pixels of line %d, want %d or more", n, i, least)
				}
			}
		})
	}
}

func TestStacked(t *testing.T) {
	c := sample(TimeSeries)
	c.Stacked, c.Dark, c.Legend = true, true, Beside
	m := draw(t, c)
	if n := count(m, "#161d26"); n < 30000 {
		t.Errorf("%d pixels are of dark paper", n)
	}
	s := pile(c.Lines, false)
	if got, want := s.tops[1][0], c.Lines[0].Values[0]+c.Lines[1].Values[0]; got != want {
		t.Errorf("the second top is %v, want %v", got, want)
	}
}

// TestSizes draws where little or nothing fits in.
func TestSizes(t *testing.T) {
	for _, view := range []View{TimeSeries, SingleValue, Gauge, Bar, Pie} {
		for _, size := range []int{1, 2, 17, 40, 90, 2000} {
			for _, lines := range []int{0, 1, 3} {
				c := sample(view)
				c.Width, c.Height, c.Lines = size, min(size, 500), c.Lines[:lines]
				draw(t, c)
			}
		}
	}
	if err := (&Chart{Width: 2001, Height: 1}).PNG(&bytes.Buffer{}); err == nil {
		t.Error("2001 pixels are drawn")
	}
}

// TestGap breaks a line where values are missing.
func TestGap(t *testing.T) {
	c := &Chart{Width: 300, Height: 100, View: TimeSeries, To: 1000, Legend: Hidden, Lines: []Line{{Period: 100, Times: []int64{0, 100, 900, 1000}, Values: []float64{5, 5, 5, 5}}}}
	broken := count(draw(t, c), palette[0])
	c.Lines[0].Period = 0
	if whole := count(draw(t, c), palette[0]); whole < 4*broken {
		t.Errorf("%d pixels with a gap, %d without", broken, whole)
	}
}

func TestScale(t *testing.T) {
	for _, row := range []struct {
		lo, hi     float64
		axis       Axis
		min, max   float64
		first, gap float64
	}{
		{0, 100, Axis{}, 0, 100, 0, 50},
		{3, 97, Axis{}, 0, 100, 0, 50},
		{3, 97, Axis{Min: new(1.0), Max: new(99.0)}, 1, 99, 50, 50},
		{5, 5, Axis{}, 5, 6, 5, 0.5},
		{-1, 1, Axis{}, -1, 1, -1, 1},
		{0, 50, Axis{Max: new(-10.0)}, -11, -10, -11, 0.5},
	} {
		s := newScale(area{0, 0, 100, 100}, row.axis, func(yield func(float64)) { yield(row.lo); yield(row.hi) })
		if s.min != row.min || s.max != row.max || s.ticks[0] != row.first || len(s.ticks) > 1 && math.Abs(s.ticks[1]-s.ticks[0]-row.gap) > 1e-9 {
			t.Errorf("%+v: from %v to %v, ticks %v", row, s.min, s.max, s.ticks)
		}
		if s.y(s.min) != 100 || s.y(s.max) != 0 {
			t.Errorf("%+v: ends at %v and %v", row, s.y(s.min), s.y(s.max))
		}
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 1: "1", 0.25: "0.25", 1.0 / 3: "0.3333", 12.3456: "12.35", 999: "999", 1000: "1k", 1500: "1.5k", -2e6: "-2M", 3e9: "3G", 4e12: "4T", 1e-7: "1e-07", 5e20: "5e+08T"} {
		if got := Number(v); got != want {
			t.Errorf("%v is %s, want %s", v, got, want)
		}
	}
}

func TestClockTicks(t *testing.T) {
	east := time.FixedZone("", 5400)
	for _, row := range []struct {
		from, to int64
		zone     *time.Location
		want     []string
	}{
		{0, 3600, time.UTC, []string{"01/01", "00:15", "00:30", "00:45", "01:00"}},
		{0, 6 * 3600, time.UTC, []string{"01/01", "02:00", "04:00", "06:00"}},
		{0, 3600, east, []string{"01:30", "01:45", "02:00", "02:15", "02:30"}},
		{100, 104, time.UTC, []string{"00:01:40", "00:01:41", "00:01:42", "00:01:43", "00:01:44"}},
		{0, 4 * 86400, time.UTC, []string{"01/01", "01/02", "01/03", "01/04", "01/05"}},
		{5, 5, time.UTC, nil},
	} {
		var got []string
		for _, x := range clockTicks(row.from, row.to, row.zone, 4) {
			got = append(got, x.text)
		}
		if !slices.Equal(got, row.want) {
			t.Errorf("%d to %d: %v, want %v", row.from, row.to, got, row.want)
		}
	}
}

func BenchmarkTimeSeries(b *testing.B) {
	c := sample(TimeSeries)
	for b.Loop() {
		if err := c.PNG(&bytes.Buffer{}); err != nil {
			b.Fatal(err)
		}
	}
}

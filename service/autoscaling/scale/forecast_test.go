package scale

import (
	"math"
	"testing"
	"time"
)

// days makes an hourly series of n days from what an hour of a day has.
func days(n int, f func(day, hour int) float64) (list []float64) {
	for d := range n {
		for h := range 24 {
			list = append(list, f(d, h))
		}
	}
	return list
}

func TestForesee(t *testing.T) {
	office := func(_, h int) float64 {
		if h >= 8 && h < 18 {
			return 100
		}
		return 10
	}
	for _, x := range []struct {
		name string
		past []float64
		want func(i int) float64
		slip float64 // by how much it may be off, relative
	}{
		{"the same each day", days(14, office), func(i int) float64 { return office(0, i%24) }, 1e-9},
		{"one day is known", days(1, office), func(i int) float64 { return office(0, i%24) }, 1e-9},
		{"gaps are passed over", days(14, func(d, h int) float64 {
			if d%3 == 1 {
				return math.NaN()
			}
			return office(d, h)
		}), func(i int) float64 { return office(0, i%24) }, 1e-9},
		{"it grows", days(14, func(d, h int) float64 { return office(d, h) * math.Pow(1.1, float64(d)) }), func(i int) float64 { return office(0, i%24) * math.Pow(1.1, float64(14+i/24)) }, 0.01},
		// Day 14 is a Monday like days 0 and 7, when nobody works on Sundays 6 and 13.
		{"Sundays are quiet", days(14, func(d, h int) float64 {
			if d%7 == 6 {
				return 10
			}
			return office(d, h)
		}), func(i int) float64 { return office(0, i%24) }, 0.05},
		{"Mondays are quiet", days(14, func(d, h int) float64 {
			if d%7 == 0 {
				return 10
			}
			return office(d, h)
		}), func(i int) float64 {
			if i < 24 {
				return 10
			}
			return office(0, i%24)
		}, 0.2},
	} {
		next, ok := foresee(x.past, ahead)
		if !ok || len(next) != ahead {
			t.Errorf("%s: %d hours, %t", x.name, len(next), ok)
			continue
		}
		for i, v := range next {
			if want := x.want(i); math.Abs(v-want) > x.slip*want {
				t.Errorf("%s: hour %d is %v, want %v", x.name, i, v, want)
			}
		}
	}
	if _, ok := foresee(days(1, office)[:23], ahead); ok {
		t.Error("a forecast from less than a day")
	}
}

func TestShare(t *testing.T) {
	nan := math.NaN()
	// Sixty samples an hour of each instance: the sum of 2 at 50 % is 6000.
	ratio, ok := share([]float64{6000, nan, 12000, 3000}, []float64{50, 50, 50, nan}, []float64{2, 2, 4, 1})
	if !ok || math.Abs(ratio-1.0/60) > 1e-9 {
		t.Errorf("%v, %t", ratio, ok)
	}
	if got := needed([]float64{6000, 12001, 0}, ratio, 50); got[0] != 2 || got[1] != 5 || got[2] != 0 {
		t.Errorf("capacity: %v", got)
	}
	if _, ok := share([]float64{0}, []float64{1}, []float64{1}); ok {
		t.Error("a share of nothing")
	}
}

func TestPrecede(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	old := &outlook{Start: start, Load: [][]float64{{1, 2, 3, 4}}, Capacity: []float64{1, 1, 2, 2}}
	o := &outlook{Start: start.Add(2 * hour), Load: [][]float64{{7, 8}}, Capacity: []float64{3, 4}}
	o.precede(old)
	if !o.Start.Equal(start) || len(o.Capacity) != 4 || o.Capacity[1] != 1 || o.Capacity[2] != 3 || o.Load[0][3] != 8 || old.Capacity[2] != 2 {
		t.Errorf("%+v after %+v", o, old)
	}
	if n, ok := o.at(start.Add(150 * time.Minute)); !ok || n != 3 {
		t.Errorf("at half past two: %d, %t", n, ok)
	}
	for _, at := range []time.Time{start.Add(-time.Minute), start.Add(4 * hour)} {
		if n, ok := o.at(at); ok {
			t.Errorf("at %v: %d", at, n)
		}
	}
}

func TestRecurrence(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, x := range []struct{ expression, zone, from, next string }{
		{"0 9 * * 1-5", "", "2026-01-02T09:00:00Z", "2026-01-05T09:00:00Z"},
		{"*/15 * * * *", "", "2026-01-02T09:01:00Z", "2026-01-02T09:15:00Z"},
		{"30 0 1 1,6,12 *", "", "2026-01-02T09:01:00Z", "2026-06-01T00:30:00Z"},
		{"0 9 * * *", "America/New_York", "2026-01-02T12:00:00Z", "2026-01-02T14:00:00Z"},
		{"0 9 * * *", "America/New_York", "2026-07-02T12:00:00Z", "2026-07-02T13:00:00Z"},
		{"0 0 * * MON", "Etc/UTC", "2026-01-02T12:00:00Z", "2026-01-05T00:00:00Z"},
	} {
		zone := &x.zone
		if x.zone == "" {
			zone = nil
		}
		r, err := parseRecurrence(x.expression, zone)
		if err != nil {
			t.Errorf("%s: %v", x.expression, err)
			continue
		}
		if got := r.after(at(x.from)); !got.Equal(at(x.next)) {
			t.Errorf("%s in %s after %s: %v, want %s", x.expression, x.zone, x.from, got, x.next)
		}
	}
	for _, bad := range []string{"", "* * * *", "0 0 0 * * *", "61 * * * *", "@daily", "TZ=UTC 0 0 * * *", "CRON_TZ=UTC 0 0 * *", "a b c d e"} {
		if _, err := parseRecurrence(bad, nil); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	if _, err := parseRecurrence("0 0 * * *", new("Moon/Sea")); err == nil {
		t.Error("a zone of the Moon is taken")
	}
	daily, _ := parseRecurrence("0 9 * * *", nil)
	yearly, _ := parseRecurrence("0 9 1 1 *", nil)
	for _, x := range []struct {
		r               *recurrence
		slot, now, want string
	}{
		{daily, "2026-01-02T09:00:00Z", "2026-01-02T09:00:00Z", "2026-01-02T09:00:00Z"},
		{daily, "2026-01-02T09:00:00Z", "2026-01-09T10:00:00Z", "2026-01-09T09:00:00Z"},
		{daily, "2026-01-02T09:00:00Z", "2026-01-09T08:00:00Z", "2026-01-08T09:00:00Z"},
		{yearly, "2026-01-01T09:00:00Z", "2028-06-09T08:00:00Z", "2028-01-01T09:00:00Z"},
	} {
		if got := x.r.latest(at(x.slot), at(x.now)); !got.Equal(at(x.want)) {
			t.Errorf("the last from %s up to %s: %v, want %s", x.slot, x.now, got, x.want)
		}
	}
}

package cloudwatch

import (
	"math"
	"time"

	metricmath "pileus/service/cloudwatch/math"
)

// How a model is trained and when it is taken to know enough.
const (
	trainedOn   = 14 * 24 * time.Hour
	enoughSpan  = 24 * time.Hour     // of data, to be TRAINED
	trendSpan   = 7 * 24 * time.Hour // of data, to look for a trend
	trendWeight = 0.25               // share of the variance that a trend has to explain
	outlier     = 4.0                // deviations; what is farther off is not learnt
	pooled      = 4.0                // how many observations the deviation of all weighs beside those of an hour
	hoursAWeek  = 7 * 24
)

// model is what is to be expected of a series: the mean and the deviation of
// each hour of the week, where the week has been seen twice; else of the hour of
// the day, where that has been seen on two days; else of all. A trend that goes
// on through the weeks comes on top.
type model struct {
	Week   []bucket `cbor:",omitempty"` // by hour of the week
	Day    []bucket `cbor:",omitempty"`
	All    bucket
	Slope  float64 // per second
	From   int64   // of the data, seconds since 1970
	Least  float64 // of all values
	Enough bool    // the data were enough
}

// bucket is the observations of an hour.
type bucket struct {
	Days            int // on which there were any
	Mean, Deviation float64

	n, sum, squares float64
	day             int64 // of the last observation
}

func (b *bucket) add(v float64, day int64) {
	if b.Days == 0 || day != b.day {
		b.Days, b.day = b.Days+1, day
	}
	b.n, b.sum, b.squares = b.n+1, b.sum+v, b.squares+v*v
}

// settle works out the mean and the deviation, which is drawn towards that of
// all hours the more, the fewer observations there are.
func (b *bucket) settle(of float64) {
	if b.n == 0 {
		return
	}
	b.Mean = b.sum / b.n
	variance := max(0, b.squares/b.n-b.Mean*b.Mean)
	b.Deviation = math.Sqrt((variance*b.n + of*of*pooled) / (b.n + pooled))
}

// fit trains a model on a series, in whose zone hours are told. Where spikes
// are to be expected, outliers are learnt, too: what is farther from the mean
// than so many deviations.
func fit(s *metricmath.Series, zone *time.Location, spikes bool, beyond float64) *model {
	if s.Len() == 0 {
		return &model{}
	}
	m := &model{From: s.Times[0], Least: math.Inf(1)}
	m.Enough = time.Duration(s.Times[s.Len()-1]-m.From)*time.Second >= enoughSpan
	for _, v := range s.Values {
		m.Least = min(m.Least, v)
	}
	m.Slope = trend(s)
	all := make([]bool, s.Len())
	m.learn(s, zone, all)
	if spikes {
		return m
	}
	odd := make([]bool, s.Len())
	for i, t := range s.Times {
		mean, deviation := m.at(t, zone)
		odd[i] = math.Abs(s.Values[i]-mean) > beyond*deviation && deviation > 0
	}
	m.learn(s, zone, odd)
	return m
}

// learn fills the buckets with all observations but those that are left out.
func (m *model) learn(s *metricmath.Series, zone *time.Location, leave []bool) {
	m.Week, m.Day, m.All = make([]bucket, hoursAWeek), make([]bucket, 24), bucket{}
	for i, t := range s.Times {
		if leave[i] {
			continue
		}
		v := s.Values[i] - m.Slope*float64(t-m.From)
		at := time.Unix(t, 0).In(zone)
		day := t / 86400
		m.Week[hourOfWeek(at)].add(v, day)
		m.Day[at.Hour()].add(v, day)
		m.All.add(v, day)
	}
	m.All.settle(0)
	rest := unexplained(m.Day, m.All.Deviation)
	for i := range m.Day {
		m.Day[i].settle(rest)
	}
	rest = unexplained(m.Week, rest)
	for i := range m.Week {
		m.Week[i].settle(rest)
	}
}

// unexplained is the deviation that is left when the hours' means are known;
// other where the hours were seen on one day only.
func unexplained(hours []bucket, other float64) float64 {
	var left, n float64
	for i := range hours {
		if b := &hours[i]; b.Days > 1 {
			left, n = left+max(0, b.squares-b.sum*b.sum/b.n), n+b.n-1
		}
	}
	if n == 0 {
		return other
	}
	return math.Sqrt(left / n)
}

func hourOfWeek(t time.Time) int { return int(t.Weekday())*24 + t.Hour() }

// trend is how much a series rises a second, by least squares; 0 where it is
// short or the line explains little.
func trend(s *metricmath.Series) float64 {
	n := float64(s.Len())
	if time.Duration(s.Times[s.Len()-1]-s.Times[0])*time.Second < trendSpan {
		return 0
	}
	var st, sv, stt, stv, svv float64
	for i, t := range s.Times {
		x, v := float64(t-s.Times[0]), s.Values[i]
		st, sv, stt, stv, svv = st+x, sv+v, stt+x*x, stv+x*v, svv+v*v
	}
	txx, tvv, txv := stt-st*st/n, svv-sv*sv/n, stv-st*sv/n
	if txx <= 0 || tvv <= 0 || txv*txv/(txx*tvv) < trendWeight {
		return 0
	}
	return txv / txx
}

// at is what is to be expected at a time.
func (m *model) at(t int64, zone *time.Location) (mean, deviation float64) {
	at := time.Unix(t, 0).In(zone)
	b := &m.All
	switch {
	case m.Week[hourOfWeek(at)].Days > 1:
		b = &m.Week[hourOfWeek(at)]
	case m.Day[at.Hour()].Days > 1:
		b = &m.Day[at.Hour()]
	}
	return b.Mean + m.Slope*float64(t-m.From), b.Deviation
}

// band is the upper and the lower end of what is to be expected, so many
// deviations from the mean, at each time of a grid; nothing where the model
// knows nothing. What was never negative is not expected to become so.
func (m *model) band(g metricmath.Grid, deviations float64, zone *time.Location) []metricmath.Series {
	upper, lower := metricmath.Series{Period: g.Period}, metricmath.Series{Period: g.Period}
	if m.All.Days > 0 {
		for t := g.From - ((g.From%g.Period)+g.Period)%g.Period; t < g.To; t += g.Period {
			mean, deviation := m.at(t, zone)
			low := mean - deviations*deviation
			if m.Least >= 0 {
				low = max(low, 0)
			}
			upper.Times, upper.Values = append(upper.Times, t), append(upper.Values, mean+deviations*deviation)
			lower.Times, lower.Values = append(lower.Times, t), append(lower.Values, low)
		}
	}
	return []metricmath.Series{upper, lower}
}

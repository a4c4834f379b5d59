package cloudwatch

import (
	"fmt"
	"strconv"
	"strings"

	"pileus/cloud"
	"pileus/service/cloudwatch/series"
	"pileus/store"
)

// spare is how many periods beyond the evaluation periods an alarm looks back,
// so that data that come late do not count as missing.
const spare = 2

// reading is what a period shows.
type reading struct {
	at          int64 // seconds since 1970
	value       float64
	samples     float64 // that it was made from; 0 where that is not known
	lower, over float64 // the band that it should be in, of an alarm on one
}

// window is what an alarm sees: its last periods, the newest first; nil where a
// period has no data.
type window struct {
	period     int64
	seen       []*reading
	evaluation *string // what was wrong with looking
}

// period is an alarm's period in seconds.
func (a *alarm) period() int64 {
	if a.Period != nil {
		return int64(*a.Period)
	}
	for _, q := range a.Metrics {
		if q.Period != nil {
			return int64(*q.Period)
		}
		if q.MetricStat != nil {
			return int64(q.MetricStat.Period)
		}
	}
	return 60
}

// look reads the last whole periods. They end with the last minute, not with
// multiples of the period: what an alarm looks at slides, unless it is aligned
// to the clock.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
func (a *alarm) look(c *cloud.Call, r store.Reader) (window, error) {
	if len(a.Metrics) > 0 {
		return a.lookMath(c, r)
	}
	name := a.statistic()
	f, full, ok := series.ParseStat(name)
	if !ok {
		return window{}, fmt.Errorf("alarm %s has the statistic %q", *a.AlarmName, name)
	}
	w := newWindow(a.period(), *a.EvaluationPeriods)
	end := a.end(c.Now)
	m := newMetric(c, *a.Namespace, *a.MetricName, a.Dimensions)
	unit := cloud.Or(a.Unit, "")
	points, err := series.Read(r, m.id(), series.Query{
		Now: c.Now, From: end - int64(len(w.seen))*w.period, To: end, Period: w.period, Anchor: end,
		Unit: unit, AnyUnit: unit == "", Full: full,
	})
	if err != nil {
		return w, fmt.Errorf("read %s: %w", m.Name, err)
	}
	for i := range points {
		if v, ok := f(&points[i].Set); ok {
			w.put(end, &reading{at: points[i].Time, value: v, samples: points[i].Count})
		}
	}
	return w, nil
}

func newWindow(period int64, n int32) window {
	return window{period: period, seen: make([]*reading, int(n)+spare)}
}

// put places a reading in a window that ends at a time.
func (w *window) put(end int64, x *reading) {
	if i := (end-x.at)/w.period - 1; i >= 0 && i < int64(len(w.seen)) {
		w.seen[i] = x
	}
}

// newest is the value of the latest period that has data; nil where none has.
func (w *window) newest() *float64 {
	for _, x := range w.seen {
		if x != nil {
			return &x.value
		}
	}
	return nil
}

func (a *alarm) statistic() string { return cloud.Or(a.Statistic, cloud.Or(a.ExtendedStatistic, "")) }

// few tells that a percentile was made from too few values to mean something.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/percentiles-with-low-samples.html
func (a *alarm) few(x *reading) bool {
	rank, ok := strings.CutPrefix(cloud.Or(a.ExtendedStatistic, ""), "p")
	if !ok || cloud.Or(a.EvaluateLowSampleCountPercentile, "") != treatIgnore {
		return false
	}
	p, err := strconv.ParseFloat(rank, 64)
	if err != nil || p <= 0 || p >= 100 {
		return false
	}
	if p /= 100; p >= 0.5 {
		p = 1 - p
	}
	return x.samples*p < 10-1e-6
}

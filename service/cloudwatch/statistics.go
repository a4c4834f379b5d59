package cloudwatch

import (
	"fmt"
	"time"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/service/cloudwatch/series"
	"pileus/store"
)

// maxPoints is how many data points GetMetricStatistics gives.
const maxPoints = 1440

func getMetricStatistics(c *cloud.Call, r store.Reader, in *api.GetMetricStatisticsInput) (*api.GetMetricStatisticsOutput, error) {
	if len(in.Statistics) == 0 && len(in.ExtendedStatistics) == 0 {
		return nil, missing("Statistics")
	}
	if !in.StartTime.Before(in.EndTime) {
		return nil, errReversed
	}
	if err := checkPeriod(in.Period); err != nil {
		return nil, err
	}
	if (in.EndTime.Unix()-in.StartTime.Unix())/int64(in.Period) > maxPoints {
		return nil, errTooMany
	}
	q := series.Query{Now: c.Now, From: startOf(c.Now, in.StartTime, int64(in.Period)), To: in.EndTime.Unix(), Period: int64(in.Period), Unit: cloud.Or(in.Unit, "")}
	q.Anchor = q.From
	stats := map[string]series.Stat{}
	for _, name := range in.ExtendedStatistics {
		f, full, ok := series.ParseStat(name)
		if !ok || !full {
			return nil, badValue(name, "ExtendedStatistics.member.1")
		}
		stats[name], q.Full = f, true
	}
	m := newMetric(c, in.Namespace, in.MetricName, in.Dimensions)
	points, err := series.Read(r, m.id(), q)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", in.MetricName, err)
	}
	out := &api.GetMetricStatisticsOutput{Label: &in.MetricName, Datapoints: []api.Datapoint{}}
	for i := range points {
		out.Datapoints = append(out.Datapoints, datapoint(&points[i], in.Statistics, stats))
	}
	return out, nil
}

func datapoint(p *series.Point, names []string, stats map[string]series.Stat) api.Datapoint {
	d := api.Datapoint{Timestamp: new(time.Unix(p.Time, 0).UTC()), Unit: &p.Unit}
	to := map[string]**float64{"SampleCount": &d.SampleCount, "Average": &d.Average, "Sum": &d.Sum, "Minimum": &d.Minimum, "Maximum": &d.Maximum}
	for _, name := range names {
		if f, _, ok := series.ParseStat(name); ok {
			if v, ok := f(&p.Set); ok {
				*to[name] = &v
			}
		}
	}
	for name, f := range stats {
		if v, ok := f(&p.Set); ok {
			if d.ExtendedStatistics == nil {
				d.ExtendedStatistics = map[string]float64{}
			}
			d.ExtendedStatistics[name] = v
		}
	}
	return d
}

// checkPeriod allows what the API does: 1, 5, 10, 20, 30 seconds and multiples
// of 60.
func checkPeriod(p int32) error {
	switch p {
	case 1, 5, 10, 20, 30:
		return nil
	}
	if p%60 != 0 {
		return invalid("The parameter Period must be 1, 5, 10, 20, 30 or a multiple of 60.")
	}
	return nil
}

// startOf rounds a start down by its age: to a minute for two weeks, to five
// until 63 days, to the hour before; younger than three hours and with a period
// below a minute, to the period.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricStatistics.html
func startOf(now, start time.Time, period int64) int64 {
	age, step := now.Sub(start), int64(60)
	switch day := 24 * time.Hour; {
	case age > 63*day:
		step = 3600
	case age > 15*day:
		step = 300
	case age <= 3*time.Hour && period < 60:
		step = period
	}
	at := start.Unix()
	return at - ((at%step)+step)%step
}

package cloudwatch

import (
	"maps"
	"slices"
	"strings"

	"pileus/service/cloudwatch/math"
	"pileus/service/cloudwatch/series"
)

// maxMatched is how many metrics a query of Metrics Insights looks at.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-metrics-insights-limits.html
const maxMatched = 10_000

// group is the metrics whose values are put together.
type group struct {
	names   []string
	metrics []*metric
}

// insights answers a query of Metrics Insights: one series for each group.
func (e *evaluation) insights(q *math.Insight, period int64) ([]math.Series, error) {
	if e.r == nil {
		return nil, nil
	}
	found, more := e.candidates(q.Namespace, q.Metric, q.Finds, maxMatched)
	if more {
		e.message("MaxMatchingResultsExceeded", "The query matched more than %d metrics; the first %d were used.", maxMatched, maxMatched)
	}
	groups := map[string]*group{}
	for _, m := range found {
		names := q.Group(m.forMath(""))
		key := strings.Join(names, "\x00")
		if groups[key] == nil {
			groups[key] = &group{names: names}
		}
		groups[key].metrics = append(groups[key].metrics, m)
	}
	list := []math.Series{}
	for _, g := range slices.SortedFunc(maps.Values(groups), func(a, b *group) int { return slices.Compare(a.names, b.names) }) {
		s, err := e.together(g, q, period)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	if len(list) > maxFound {
		e.message("MaxQueryResultsExceeded", "The query gives more than %d time series; the first %d are given.", maxFound, maxFound)
	}
	return q.Order(list), nil
}

// together is a function of all observations of a group's metrics.
func (e *evaluation) together(g *group, q *math.Insight, period int64) (s math.Series, err error) {
	stat, _, _ := series.ParseStat(map[string]string{"AVG": "Average", "COUNT": "SampleCount", "MAX": "Maximum", "MIN": "Minimum", "SUM": "Sum"}[q.Function])
	sets := map[int64]*series.Set{}
	at := e.grid(period)
	for _, m := range g.metrics {
		points, err := series.Read(e.r, m.id(), series.Query{Now: e.c.Now, From: at.From, To: at.To, Period: period, AnyUnit: true})
		if err != nil {
			return s, err
		}
		for i := range points {
			if sets[points[i].Time] == nil {
				sets[points[i].Time] = &series.Set{}
			}
			sets[points[i].Time].Add(&points[i].Set)
		}
	}
	s = math.Series{Label: strings.Join(g.names, " "), Period: period, Metric: &math.Metric{Account: e.c.Account, Region: e.c.Region, Namespace: q.Namespace, Name: q.Metric, Stat: q.Function}}
	for i, name := range q.GroupBy {
		s.Metric.Dimensions = append(s.Metric.Dimensions, math.Dimension{Name: name, Value: g.names[i]})
	}
	for _, t := range slices.Sorted(maps.Keys(sets)) {
		if v, ok := stat(sets[t]); ok {
			s.Times, s.Values = append(s.Times, t), append(s.Values, v)
		}
	}
	return s, nil
}

package cloudwatch

import (
	"fmt"
	"slices"
	"strings"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/service/cloudwatch/math"
	"pileus/service/cloudwatch/series"
	"pileus/store"
)

// maxFound is how many series a search can give.
const maxFound = 500

// metric reads a query's metric in a period.
func (e *evaluation) metric(q *api.MetricDataQuery, period int64) (math.Value, error) {
	c := e.c
	if region := e.regions[q.Id]; region != "" {
		c = c.In(c.Account, region)
	}
	m := newMetric(c, *q.MetricStat.Metric.Namespace, *q.MetricStat.Metric.MetricName, q.MetricStat.Metric.Dimensions)
	s, err := e.read(m, q.MetricStat.Stat, cloud.Or(q.MetricStat.Unit, ""), period)
	s.Label = math.Label(cloud.Or(q.Label, m.Name), &s, math.LabelContext{Default: m.Name, Now: e.c.Now})
	return math.One(s), err
}

// read is a metric's statistic as a series.
func (e *evaluation) read(m *metric, stat, unit string, period int64) (s math.Series, err error) {
	s = math.Series{Period: period, Metric: m.forMath(stat), Raw: true}
	if e.r == nil {
		return s, nil
	}
	f, full, ok := series.ParseStat(stat)
	if !ok {
		return s, badValue(stat, "Stat")
	}
	g := e.grid(period)
	ask := series.Query{Now: e.c.Now, From: g.From, To: g.To, Period: period, Unit: unit, AnyUnit: unit == "", Full: full}
	if e.whole > 0 {
		ask.Anchor = g.From
	}
	points, err := series.Read(e.r, m.id(), ask)
	if err != nil {
		return s, fmt.Errorf("read %s: %w", m.Name, err)
	}
	s.Times, s.Values = make([]int64, 0, len(points)), make([]float64, 0, len(points))
	for i := range points {
		if v, ok := f(&points[i].Set); ok {
			s.Times, s.Values = append(s.Times, (points[i].Time-ask.Anchor)/period*period+ask.Anchor/period*period), append(s.Values, v)
		}
	}
	return s, nil
}

// forMath is the metric as expressions see it.
func (m *metric) forMath(stat string) *math.Metric {
	out := &math.Metric{Account: m.Account, Region: m.Region, Namespace: m.Namespace, Name: m.Name, Stat: stat}
	for _, d := range m.Dimensions {
		out.Dimensions = append(out.Dimensions, math.Dimension(d))
	}
	return out
}

// candidates are the metrics of a namespace, or of all where it is "", and with
// a name, unless that is "", that were heard of in the last two weeks and that
// keep says yes to; more tells that there are more than can be given.
func (e *evaluation) candidates(namespace, name string, keep func(*math.Metric) bool, most int) (list []*metric, more bool) {
	prefix := store.K(e.c.Account, e.c.Region)
	if namespace != "" {
		if prefix = append(prefix, namespace); name != "" {
			prefix = append(prefix, name)
		}
	}
	for m := range metrics.Scan(e.r, prefix...) {
		if e.c.Now.Sub(m.Heard) > listedFor || !keep(m.forMath("")) {
			continue
		}
		if len(list) == most {
			return list, true
		}
		list = append(list, m)
	}
	return list, false
}

// message notes what the request's answer says beside its data.
func (e *evaluation) message(code, format string, a ...any) {
	if !slices.ContainsFunc(e.messages, func(m api.MessageData) bool { return *m.Code == code }) {
		e.messages = append(e.messages, api.MessageData{Code: &code, Value: new(fmt.Sprintf(format, a...))})
	}
}

// Search finds metrics and reads them. Each is labelled by what tells it from
// the others.
func (v *environment) Search(s *math.Search, stat string, period int64) ([]math.Series, error) {
	if _, _, ok := series.ParseStat(stat); !ok {
		return nil, &math.Error{Text: "Invalid statistic in SEARCH: " + stat}
	}
	if period == 0 {
		period = v.period
	}
	if checkPeriod(int32(period)) != nil {
		return nil, &math.Error{Text: fmt.Sprintf("Invalid period in SEARCH: %d", period)}
	}
	if v.r == nil {
		return nil, nil
	}
	found, more := v.candidates(s.Namespace, "", s.Finds, maxFound)
	if more {
		v.message("MaxMetricsExceeded", "The search matched more than %d metrics; the first %d are given.", maxFound, maxFound)
	}
	labels := tellApart(found)
	list := make([]math.Series, len(found))
	for i, m := range found {
		var err error
		if list[i], err = v.read(m, stat, "", period); err != nil {
			return nil, err
		}
		list[i].Label = labels[i]
	}
	return list, nil
}

// tellApart names metrics by those of their namespace, name and dimensions that
// are not the same for all.
func tellApart(list []*metric) []string {
	parts := make([][]string, len(list))
	for i, m := range list {
		parts[i] = []string{m.Namespace, m.Name}
		for _, d := range m.Dimensions {
			parts[i] = append(parts[i], d.Value)
		}
	}
	labels := make([]string, len(list))
	for i := range list {
		var words []string
		for j, word := range parts[i] {
			if slices.ContainsFunc(parts, func(p []string) bool { return j >= len(p) || p[j] != word }) {
				words = append(words, word)
			}
		}
		if labels[i] = strings.Join(words, " "); len(words) == 0 {
			labels[i] = list[i].Name
		}
	}
	return labels
}

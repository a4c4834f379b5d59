package cloudwatch

import (
	"strings"
	"time"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/service/cloudwatch/math"
	"pileus/service/cloudwatch/picture"
	"pileus/store"
)

// fill puts the data of the widget's rows into a chart.
func (w *widget) fill(c *cloud.Call, r store.Reader, chart *picture.Chart, from, to time.Time, zone *time.Location) error {
	list := make([]api.MetricDataQuery, len(w.queries))
	for i := range w.queries {
		list[i] = w.queries[i].MetricDataQuery
	}
	e := newEvaluation(c, r, list, from, to)
	e.regions, e.fallback = w.regions(c), int64(w.Period)
	if w.SetPeriodToTimeRange && chart.View != picture.TimeSeries {
		e.whole = max(60, (int64(to.Sub(from).Seconds())+59)/60*60)
	}
	for i := range w.queries {
		q := &w.queries[i]
		if !*q.ReturnData || cloud.Or(q.AccountId, c.Account) != c.Account {
			continue
		}
		v, err := e.query(&list[i])
		if err != nil {
			return err
		}
		w.draw(e, q, v, chart, zone)
	}
	return nil
}

// draw adds what a row is worth: a band, or a line for each series.
func (w *widget) draw(e *evaluation, q *widgetQuery, v math.Value, chart *picture.Chart, zone *time.Location) {
	if v.Kind == math.Array && len(v.Series) == 2 && isBand(q) {
		upper, lower := &v.Series[0], &v.Series[1]
		chart.Bands = append(chart.Bands, picture.Band{Label: e.label(&q.MetricDataQuery, v.Kind, upper, zone), Color: q.color, Right: q.right, Times: upper.Times, Upper: upper.Values, Lower: lower.Values})
		return
	}
	for i := range v.Series {
		s := &v.Series[i]
		l := picture.Line{Label: e.label(&q.MetricDataQuery, v.Kind, s, zone), Right: q.right, Period: s.Period, Times: s.Times, Values: s.Values}
		if v.Kind != math.Array {
			l.Color = q.color
		}
		chart.Lines = append(chart.Lines, l)
	}
}

func isBand(q *widgetQuery) bool {
	x, err := math.Parse(cloud.Or(q.Expression, ""))
	return err == nil && x.IsBand()
}

// watch takes what alarms watch, and their thresholds, into the widget, where
// its annotations name alarms.
func (w *widget) watch(c *cloud.Call, r store.Reader, chart *picture.Chart) error {
	for _, arn := range w.Annotations.Alarms {
		name, _ := strings.CutPrefix(arn, alarmARN(c, ""))
		a, ok := alarms.Get(r, c.Account, c.Region, name)
		if !ok {
			return invalid("The alarm %s does not exist.", arn)
		}
		if a.Threshold != nil {
			chart.Levels = append(chart.Levels, picture.Level{Label: name, Value: *a.Threshold})
		}
		if chart.Title == "" {
			chart.Title = name
		}
		if len(w.queries) > 0 {
			continue // the rows say what to draw
		}
		for _, q := range a.Metrics {
			q.ReturnData = new(cloud.Or(q.ReturnData, true))
			w.queries = append(w.queries, widgetQuery{MetricDataQuery: q})
		}
		if a.MetricName != nil {
			w.queries = append(w.queries, widgetQuery{MetricDataQuery: api.MetricDataQuery{Id: "alarm", ReturnData: new(true), MetricStat: &api.MetricStat{
				Metric: api.Metric{Namespace: a.Namespace, MetricName: a.MetricName, Dimensions: a.Dimensions}, Period: *a.Period, Stat: cloud.Or(a.Statistic, cloud.Or(a.ExtendedStatistic, ""))}}})
		}
	}
	return nil
}

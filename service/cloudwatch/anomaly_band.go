package cloudwatch

import (
	"time"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/service/cloudwatch/math"
	"pileus/store"
)

// Band is what is to be expected of a query: by its detector where that knows
// enough, else by a model that is fitted there and then, as with little data it
// is better to know the newest.
func (v *environment) Band(of *math.Expr, deviations float64) ([]math.Series, error) {
	id, ok := of.ID()
	if !ok {
		return nil, &math.Error{Text: "Function 'ANOMALY_DETECTION_BAND' needs the id of a metric or of an expression as argument 1"}
	}
	if v.r == nil {
		return make([]math.Series, 2), nil
	}
	q := v.find(id)
	d, ok := v.detectorOf(q)
	if ok && d.State == api.AnomalyDetectorStateValuePendingTraining {
		return make([]math.Series, 2), nil
	}
	g, zone, since := v.Grid(), time.UTC, trainedOn
	if ok {
		zone, since = d.zone(), d.lookback()
		if m := d.Models[v.period]; m != nil && m.Enough {
			return m.band(g, deviations, zone), nil
		}
	}
	s, err := lately(v.c, v.r, v.list, id, v.period, since)
	if err != nil {
		return nil, err
	}
	if ok {
		return fit(without(s, d.Configuration), zone, d.Spikes, d.outliers()).band(g, deviations, zone), nil
	}
	return fit(s, zone, false, outlier).band(g, deviations, zone), nil
}

// detectorOf finds the detector that watches a query.
func (e *evaluation) detectorOf(q *api.MetricDataQuery) (*detector, bool) {
	if s := q.MetricStat; s != nil {
		if d, ok := detectors.Peek(e.r, e.c.Account, e.c.Region, api.AnomalyDetectorTypeSingleMetric, watched(e.c, s.Metric.Namespace, s.Metric.MetricName, s.Metric.Dimensions, s.Stat)); ok {
			return d, true
		}
	}
	return detectors.Peek(e.r, e.c.Account, e.c.Region, api.AnomalyDetectorTypeMetricMath, reachable(e.list, q.Id))
}

// detectBands has a detector for each band in an alarm's queries, where there is
// none yet: AWS makes them with the alarm. The queries have passed checkQueries.
func detectBands(c *cloud.Call, tx store.Tx, queries []api.MetricDataQuery) error {
	e := newEvaluation(c, tx, queries, c.Now, c.Now)
	for _, q := range queries {
		if q.Expression == nil || math.IsInsight(*q.Expression) {
			continue
		}
		x, err := math.Parse(*q.Expression)
		if err != nil {
			return badExpression(q.Id, err)
		}
		for _, id := range x.Bands() {
			if err := e.detectBand(tx, e.find(id)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *evaluation) detectBand(tx store.Tx, q *api.MetricDataQuery) error {
	if _, ok := e.detectorOf(q); ok {
		return nil
	}
	t := target{}
	if s := q.MetricStat; s != nil {
		t.single = &api.SingleMetricAnomalyDetector{Namespace: s.Metric.Namespace, MetricName: s.Metric.MetricName, Dimensions: s.Metric.Dimensions, Stat: &s.Stat}
	} else {
		t.math = &api.MetricMathAnomalyDetector{MetricDataQueries: reach(e.list, q.Id)}
	}
	d, err := newDetector(e.c, t)
	if err != nil {
		return err
	}
	train(e.c, tx, d)
	return nil
}

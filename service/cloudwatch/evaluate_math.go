package cloudwatch

import (
	"errors"
	"regexp"
	"time"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/service/cloudwatch/math"
	"pileus/store"
)

var (
	searchExpression = regexp.MustCompile(`(?i)\b(SEARCH|METRICS)\s*\(`)
)

// checkWatchable refuses what cannot be watched because it is not one series.
func checkWatchable(list []api.MetricDataQuery) error {
	for _, q := range list {
		text := cloud.Or(q.Expression, "")
		switch {
		case len(groupsOf(text)) > 0 && (len(list) > 1 || !cloud.Or(q.ReturnData, true)):
			return validation("Error in expression '%s': a Metrics Insights query that returns multiple time series must be the only element of the metrics list of an alarm.", q.Id)
		case searchExpression.MatchString(text) && searchExpression.FindStringSubmatch(text)[1] == "SEARCH":
			return validation("Error in expression '%s': SEARCH is not supported on Metric Alarms.", q.Id)
		}
	}
	return nil
}

// lookMath works out the last whole periods of what an alarm watches: an
// expression, or a metric and its band.
func (a *alarm) lookMath(c *cloud.Call, r store.Reader) (window, error) {
	w := newWindow(a.period(), *a.EvaluationPeriods)
	end := c.Now.Unix() / w.period * w.period
	if a.aligned() {
		end = a.end(c.Now)
	}
	from := end - int64(len(w.seen))*w.period
	values, err := evaluateQueries(c, r, a.Metrics, time.Unix(from, 0), time.Unix(end, 0))
	if err != nil {
		var refused *cloud.Error
		if errors.As(err, &refused) {
			w.evaluation = new(api.EvaluationStateEvaluationError)
			return w, nil
		}
		return w, err
	}
	band := cloud.Or(a.ThresholdMetricId, "")
	for _, q := range a.Metrics {
		if !cloud.Or(q.ReturnData, true) || q.Id == band {
			continue
		}
		if list := values[q.Id].Series; len(list) > 0 {
			for i, at := range list[0].Times {
				w.put(end, &reading{at: at, value: list[0].Values[i]})
			}
		}
	}
	if band != "" {
		w.within(values[band].Series)
	}
	return w, nil
}

// within gives readings the band that they should be in: its upper end, then
// its lower one. What has no band is not judged.
func (w *window) within(band []math.Series) {
	edges := map[int64][2]float64{}
	if len(band) == 2 {
		for i, at := range band[0].Times {
			edges[at] = [2]float64{0, band[0].Values[i]}
		}
		for i, at := range band[1].Times {
			if e, ok := edges[at]; ok {
				edges[at] = [2]float64{band[1].Values[i], e[1]}
			}
		}
	}
	for i, x := range w.seen {
		if x == nil {
			continue
		}
		if e, ok := edges[x.at]; ok {
			x.lower, x.over = e[0], e[1]
		} else {
			w.seen[i] = nil
		}
	}
}

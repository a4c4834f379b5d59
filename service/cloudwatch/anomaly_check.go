package cloudwatch

import (
	"encoding/json"
	"slices"
	"time"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/service/cloudwatch/math"
	"pileus/service/cloudwatch/series"
)

// maxWatched is how many queries a detector of an expression can have.
const maxWatched = 10

// target is what a request says a detector watches, in the older form or in one
// of the newer two.
type target struct {
	namespace, name *string
	dimensions      []api.Dimension
	stat            *string
	single          *api.SingleMetricAnomalyDetector
	math            *api.MetricMathAnomalyDetector
}

// newDetector is the detector of a target, without its settings.
func newDetector(c *cloud.Call, t target) (*detector, error) {
	old := t.namespace != nil || t.name != nil || t.stat != nil || len(t.dimensions) > 0
	switch {
	case t.single != nil && t.math != nil:
		return nil, combination("The parameters SingleMetricAnomalyDetector and MetricMathAnomalyDetector are mutually exclusive and you have specified both.")
	case old && (t.single != nil || t.math != nil):
		return nil, combination("The parameters Namespace, MetricName, Dimensions and Stat cannot be used with SingleMetricAnomalyDetector or MetricMathAnomalyDetector.")
	case !old && t.single == nil && t.math == nil:
		return nil, missing("SingleMetricAnomalyDetector")
	}
	if t.math != nil {
		return newMathDetector(c, t.math)
	}
	path, single := "SingleMetricAnomalyDetector.", t.single
	if old {
		path, single = "", &api.SingleMetricAnomalyDetector{Namespace: t.namespace, MetricName: t.name, Dimensions: t.dimensions, Stat: t.stat}
	}
	switch {
	case single.Namespace == nil:
		return nil, missing(path + "Namespace")
	case single.MetricName == nil:
		return nil, missing(path + "MetricName")
	case single.Stat == nil:
		return nil, missing(path + "Stat")
	}
	if _, _, ok := series.ParseStat(*single.Stat); !ok {
		return nil, badValue(*single.Stat, path+"Stat")
	}
	if owner := cloud.Or(single.AccountId, c.Account); owner != c.Account {
		return nil, badValue(owner, path+"AccountId")
	}
	return &detector{Account: c.Account, Region: c.Region, Type: api.AnomalyDetectorTypeSingleMetric, ID: watched(c, single.Namespace, single.MetricName, single.Dimensions, *single.Stat),
		Single: single, State: api.AnomalyDetectorStateValuePendingTraining}, nil
}

// watched names a metric and its statistic.
func watched(c *cloud.Call, namespace, name *string, dims []api.Dimension, stat string) string {
	return string(newMetric(c, *namespace, *name, dims).key()[2:].Append(nil)) + "\x00" + stat
}

func newMathDetector(c *cloud.Call, m *api.MetricMathAnomalyDetector) (*detector, error) {
	if err := checkQueries(m.MetricDataQueries); err != nil {
		return nil, err
	}
	if len(m.MetricDataQueries) > maxWatched {
		return nil, validation("An anomaly detector cannot have more than %d metrics and expressions.", maxWatched)
	}
	root := ""
	var period int32
	for _, q := range m.MetricDataQueries {
		if cloud.Or(q.ReturnData, true) {
			if root != "" {
				return nil, validation("Exactly one element of the metrics list should return data.")
			}
			root = q.Id
		}
		if q.MetricStat != nil {
			if period != 0 && period != q.MetricStat.Period || q.MetricStat.Period < 60 {
				return nil, validation("The metrics of an anomaly detector must have the same period, of 60 seconds or more.")
			}
			period = q.MetricStat.Period
		} else if err := checkWatched(&q); err != nil {
			return nil, err
		}
	}
	if root == "" {
		return nil, validation("Exactly one element of the metrics list should return data.")
	}
	return &detector{Account: c.Account, Region: c.Region, Type: api.AnomalyDetectorTypeMetricMath, ID: reachable(m.MetricDataQueries, root), Math: m, State: api.AnomalyDetectorStateValuePendingTraining}, nil
}

// checkWatched refuses the functions that a detector cannot watch.
func checkWatched(q *api.MetricDataQuery) error {
	x, err := math.Parse(*q.Expression)
	if err != nil {
		return validation("Error in expression '%s': A Metrics Insights query cannot be used in an anomaly detector", q.Id)
	}
	for _, name := range []string{"METRICS", "SEARCH", "ANOMALY_DETECTION_BAND"} {
		if x.Calls(name) > 0 {
			return validation("Error in expression '%s': Function '%s' cannot be used in an anomaly detector", q.Id, name)
		}
	}
	return nil
}

// reach is a query, which alone gives data, and all that it uses.
func reach(list []api.MetricDataQuery, root string) (used []api.MetricDataQuery) {
	ids := []string{root}
	for i := 0; i < len(ids); i++ {
		at := slices.IndexFunc(list, func(q api.MetricDataQuery) bool { return q.Id == ids[i] })
		if at < 0 {
			continue
		}
		q := list[at]
		used = append(used, api.MetricDataQuery{Id: q.Id, Expression: q.Expression, MetricStat: q.MetricStat, ReturnData: new(i == 0)})
		if q.Expression == nil {
			continue
		}
		if x, err := math.Parse(*q.Expression); err == nil {
			for _, id := range x.IDs() {
				if !slices.Contains(ids, id) {
					ids = append(ids, id)
				}
			}
		}
	}
	return used
}

// reachable writes down what a query uses, so that the same queries in another
// request are known again.
func reachable(list []api.MetricDataQuery, root string) string {
	b, err := json.Marshal(reach(list, root))
	if err != nil {
		panic(err) // strings and numbers always encode
	}
	return string(b)
}

func checkConfiguration(s *api.AnomalyDetectorConfiguration) error {
	if s == nil {
		return nil
	}
	for _, r := range s.ExcludedTimeRanges {
		if !r.StartTime.Before(r.EndTime) {
			return invalid("The StartTime of an excluded time range must be before its EndTime.")
		}
	}
	if s.MetricTimezone != nil {
		if _, err := time.LoadLocation(*s.MetricTimezone); err != nil {
			return badValue(*s.MetricTimezone, "Configuration.MetricTimezone")
		}
	}
	return nil
}

package cloudwatch

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/service/cloudwatch/series"
	"pileus/store"
)

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
const (
	maxQueries    = 500
	maxDatapoints = 100_800
)

var queryID = regexp.MustCompile(`^[a-z][a-zA-Z0-9_]*$`)

func getMetricData(c *cloud.Call, r store.Reader, in *api.GetMetricDataInput) (*api.GetMetricDataOutput, error) {
	if err := checkQueries(in.MetricDataQueries); err != nil {
		return nil, err
	}
	if !in.StartTime.Before(in.EndTime) {
		return nil, validation("The parameter StartTime must be less than the parameter EndTime.")
	}
	limit := int(cloud.Or(in.MaxDatapoints, maxDatapoints))
	if limit < 1 || limit > maxDatapoints {
		return nil, badValue(strconv.Itoa(limit), "MaxDatapoints")
	}
	skip := 0
	if in.NextToken != nil {
		at, err := readToken(*in.NextToken)
		if err != nil || len(at) != 1 {
			return nil, errToken
		}
		if skip, err = strconv.Atoi(at[0]); err != nil || skip < 0 {
			return nil, errToken
		}
	}
	out := &api.GetMetricDataOutput{MetricDataResults: []api.MetricDataResult{}}
	seen := 0
	for i := range in.MetricDataQueries {
		q := &in.MetricDataQueries[i]
		if !cloud.Or(q.ReturnData, true) {
			continue
		}
		res, err := resultOf(c, r, q, in)
		if err != nil {
			return nil, err
		}
		all := len(res.Values)
		from, to := min(max(skip-seen, 0), all), min(max(skip+limit-seen, 0), all)
		res.Timestamps, res.Values = res.Timestamps[from:to], res.Values[from:to]
		if to < all {
			res.StatusCode = new(api.StatusCodePartialData)
			out.NextToken = new(writeToken(strconv.Itoa(skip + limit)))
		}
		if seen += all; from < to || all == 0 && in.NextToken == nil || to < all {
			out.MetricDataResults = append(out.MetricDataResults, res)
		}
	}
	return out, nil
}

// checkQueries is what queries have to keep to, in the API and in alarms.
func checkQueries(list []api.MetricDataQuery) error {
	if len(list) == 0 {
		return missing("MetricDataQueries")
	}
	if len(list) > maxQueries {
		return invalid("The collection MetricDataQueries must not have a size greater than %d.", maxQueries)
	}
	ids := map[string]bool{}
	for i, q := range list {
		path := "MetricDataQueries.member." + strconv.Itoa(i+1)
		if !queryID.MatchString(q.Id) {
			return badValue(q.Id, path+".Id")
		}
		if ids[q.Id] {
			return validation("The values for parameter id in MetricDataQueries are not unique.")
		}
		ids[q.Id] = true
		switch {
		case q.Expression != nil && q.MetricStat != nil:
			return combination("The parameters %s.Expression and %s.MetricStat are mutually exclusive and you have specified both.", path, path)
		case q.Expression != nil:
			return cloud.Errorf(501, "NotImplemented", "pileus has no metric math yet: %s needs a MetricStat.", path)
		case q.MetricStat == nil:
			return missing(path + ".MetricStat")
		case q.MetricStat.Metric.MetricName == nil:
			return missing(path + ".MetricStat.Metric.MetricName")
		case q.MetricStat.Metric.Namespace == nil:
			return missing(path + ".MetricStat.Metric.Namespace")
		}
		if err := checkPeriod(q.MetricStat.Period); err != nil {
			return err
		}
		if _, _, ok := series.ParseStat(q.MetricStat.Stat); !ok {
			return badValue(q.MetricStat.Stat, path+".MetricStat.Stat")
		}
	}
	return nil
}

// sample is the value of a statistic for a period that begins at a time.
type sample struct {
	at int64 // seconds since 1970
	v  float64
}

// samples are a statistic's values from a time on and before another.
func samples(c *cloud.Call, r store.Reader, s *api.MetricStat, from, to int64) (list []sample, err error) {
	f, full, ok := series.ParseStat(s.Stat)
	if !ok {
		return nil, badValue(s.Stat, "Stat")
	}
	m := newMetric(c, *s.Metric.Namespace, *s.Metric.MetricName, s.Metric.Dimensions)
	unit := cloud.Or(s.Unit, "")
	points, err := series.Read(r, m.id(), series.Query{Now: c.Now, From: from, To: to, Period: int64(s.Period), Unit: unit, AnyUnit: unit == "", Full: full})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", m.Name, err)
	}
	for i := range points {
		if v, ok := f(&points[i].Set); ok {
			list = append(list, sample{points[i].Time, v})
		}
	}
	return list, nil
}

func resultOf(c *cloud.Call, r store.Reader, q *api.MetricDataQuery, in *api.GetMetricDataInput) (res api.MetricDataResult, err error) {
	s := q.MetricStat
	list, err := samples(c, r, s, startOf(c.Now, in.StartTime, int64(s.Period)), in.EndTime.Unix())
	if err != nil {
		return res, err
	}
	if cloud.Or(in.ScanBy, api.ScanByTimestampDescending) == api.ScanByTimestampDescending {
		slices.Reverse(list)
	}
	res = api.MetricDataResult{Id: &q.Id, Label: new(cloud.Or(q.Label, *s.Metric.MetricName)), StatusCode: new(api.StatusCodeComplete), Timestamps: []time.Time{}, Values: []float64{}}
	for _, x := range list {
		res.Timestamps = append(res.Timestamps, time.Unix(x.at, 0).UTC())
		res.Values = append(res.Values, x.v)
	}
	return res, nil
}

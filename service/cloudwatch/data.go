package cloudwatch

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/service/cloudwatch/math"
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
	zone, err := labelZone(in.LabelOptions)
	if err != nil {
		return nil, err
	}
	limit, skip, err := dataPage(in)
	if err != nil {
		return nil, err
	}
	e := newEvaluation(c, r, in.MetricDataQueries, in.StartTime, in.EndTime)
	var all []api.MetricDataResult
	for i := range in.MetricDataQueries {
		q := &in.MetricDataQueries[i]
		if !cloud.Or(q.ReturnData, true) {
			continue
		}
		list, err := e.results(q, in, zone)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	out := &api.GetMetricDataOutput{Messages: shownList(e.messages)}
	out.MetricDataResults, out.NextToken = pageOf(all, skip, limit)
	return out, nil
}

// dataPage is how many data points to give, and how many to pass over.
func dataPage(in *api.GetMetricDataInput) (limit, skip int, err error) {
	limit = int(cloud.Or(in.MaxDatapoints, maxDatapoints))
	if limit < 1 || limit > maxDatapoints {
		return 0, 0, badValue(strconv.Itoa(limit), "MaxDatapoints")
	}
	if in.NextToken == nil {
		return limit, 0, nil
	}
	at, err := readToken(*in.NextToken)
	if err != nil || len(at) != 1 {
		return 0, 0, errToken
	}
	if skip, err = strconv.Atoi(at[0]); err != nil || skip < 0 {
		return 0, 0, errToken
	}
	return limit, skip, nil
}

// pageOf is a page of all results, counted in data points, and the token of the
// next. A result that goes on there is PartialData.
func pageOf(all []api.MetricDataResult, skip, limit int) (page []api.MetricDataResult, next *string) {
	page = []api.MetricDataResult{}
	seen := 0
	for _, res := range all {
		n := len(res.Values)
		from, to := min(max(skip-seen, 0), n), min(max(skip+limit-seen, 0), n)
		res.Timestamps, res.Values = res.Timestamps[from:to], res.Values[from:to]
		if to < n {
			res.StatusCode = new(api.StatusCodePartialData)
			next = new(writeToken(strconv.Itoa(skip + limit)))
		}
		if seen += n; from < to || n == 0 && skip == 0 || to < n {
			page = append(page, res)
		}
	}
	return page, next
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
			continue
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
			return validation("The value for parameter %s.MetricStat.Stat is not a valid statistic.", path)
		}
	}
	return checkExpressions(list)
}

// checkExpressions works expressions out on nothing: whether they can be, and
// of what kind they are, does not depend on any data.
func checkExpressions(list []api.MetricDataQuery) error {
	e := newEvaluation(&cloud.Call{}, nil, list, time.Time{}, time.Time{})
	for i := range list {
		q := &list[i]
		if q.Expression == nil {
			continue
		}
		if q.Period != nil {
			if err := checkPeriod(*q.Period); err != nil {
				return err
			}
		}
		v, err := e.query(q)
		if err != nil {
			return err
		}
		if v.Kind == math.Scalar && cloud.Or(q.ReturnData, true) {
			return validation("Error in expression '%s': The final result of an expression must be a time series or an array of time series", q.Id)
		}
	}
	return nil
}

// results are a query's series as the API gives them.
func (e *evaluation) results(q *api.MetricDataQuery, in *api.GetMetricDataInput, zone *time.Location) (list []api.MetricDataResult, err error) {
	if owner := cloud.Or(q.AccountId, e.c.Account); owner != e.c.Account {
		return []api.MetricDataResult{{Id: &q.Id, Label: new(cloud.Or(q.Label, q.Id)), StatusCode: new(api.StatusCodeForbidden), Timestamps: []time.Time{}, Values: []float64{},
			Messages: []api.MessageData{{Code: new("Forbidden"), Value: new("Account " + owner + " is not linked to account " + e.c.Account + ".")}}}}, nil
	}
	v, err := e.query(q)
	if err != nil {
		return nil, err
	}
	for i := range v.Series {
		s := &v.Series[i]
		res := api.MetricDataResult{Id: &q.Id, Label: new(e.label(q, v.Kind, s, zone)), StatusCode: new(api.StatusCodeComplete),
			Timestamps: make([]time.Time, s.Len()), Values: slices.Clone(s.Values)}
		for j, t := range s.Times {
			res.Timestamps[j] = time.Unix(t, 0).UTC()
		}
		if res.Values == nil {
			res.Values = []float64{}
		}
		if cloud.Or(in.ScanBy, api.ScanByTimestampDescending) == api.ScanByTimestampDescending {
			slices.Reverse(res.Timestamps)
			slices.Reverse(res.Values)
		}
		list = append(list, res)
	}
	return list, nil
}

// label is a series' label. Without one, a metric is called by its name and an
// expression by its id; each of several by the expression's label and its own.
func (e *evaluation) label(q *api.MetricDataQuery, k math.Kind, s *math.Series, zone *time.Location) string {
	at := math.LabelContext{Default: q.Id, Now: e.c.Now, Zone: zone}
	switch {
	case q.MetricStat != nil:
		at.Default = *q.MetricStat.Metric.MetricName
	case k == math.Array && s.Label != "":
		at.Default = s.Label
	case k == math.Array && s.Metric != nil:
		at.Default = s.Metric.Name
	}
	if q.Label == nil {
		return at.Default
	}
	label := math.Label(*q.Label, s, at)
	if k == math.Array && s.Label != "" && !strings.Contains(*q.Label, "${") {
		label = strings.TrimSpace(label + " " + s.Label)
	}
	return label
}

// labelZone is the zone in which labels tell times: +0130.
func labelZone(o *api.LabelOptions) (*time.Location, error) {
	if o == nil || o.Timezone == nil {
		return time.UTC, nil
	}
	t, err := time.Parse("-0700", *o.Timezone)
	if err != nil {
		return nil, badValue(*o.Timezone, "LabelOptions.Timezone")
	}
	return t.Location(), nil
}

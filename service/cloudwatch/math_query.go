package cloudwatch

import (
	"errors"
	"slices"
	"strings"
	"time"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/service/cloudwatch/math"
	"pileus/service/cloudwatch/series"
	"pileus/store"
)

// evaluateQueries works queries out, expressions included, and gives what each
// is worth by its id, whether its ReturnData is set or not: a TimeSeries has one
// Series, an Array any number (ANOMALY_DETECTION_BAND: the upper end, then the
// lower one). Their Times, seconds since 1970 in rising order, begin periods
// from start on (rounded down to a period) and before end. The queries have
// passed checkQueries. Alarms on metric math use it as GetMetricData does; those
// with a band have detectBands train its model when they are put.
func evaluateQueries(c *cloud.Call, r store.Reader, queries []api.MetricDataQuery, start, end time.Time) (map[string]math.Value, error) {
	e := newEvaluation(c, r, queries, start, end)
	values := make(map[string]math.Value, len(queries))
	for i := range queries {
		v, err := e.query(&queries[i])
		if err != nil {
			return nil, err
		}
		values[queries[i].Id] = v
	}
	return values, nil
}

// defaultPeriod is that of an expression that uses no metric and says none.
const defaultPeriod = 60

// maxHeld is how many data points the queries of a request can come to, those
// that it does not return included.
const maxHeld = 20_000_000

// evaluation is the queries of one request, and what is known of them already.
type evaluation struct {
	c          *cloud.Call
	r          store.Reader // nil: nothing is read, only checked
	list       []api.MetricDataQuery
	start, end time.Time
	known      map[slot]math.Value
	busy       []string // the expressions that are being worked out
	parsed     map[string]*math.Expr
	periods    map[string]int64
	points     int // that are known
	messages   []api.MessageData
	regions    map[string]string // where queries' metrics are, where that is elsewhere
	fallback   int64             // the period of expressions that use no metric and say none
	whole      int64             // seconds; where set, all is one period of so long
}

// slot is a query's value in a period.
type slot struct {
	id     string
	period int64
}

func newEvaluation(c *cloud.Call, r store.Reader, list []api.MetricDataQuery, start, end time.Time) *evaluation {
	return &evaluation{c: c, r: r, list: list, start: start, end: end, known: map[slot]math.Value{}, parsed: map[string]*math.Expr{}, periods: map[string]int64{}, fallback: defaultPeriod}
}

func (e *evaluation) find(id string) *api.MetricDataQuery {
	i := slices.IndexFunc(e.list, func(q api.MetricDataQuery) bool { return q.Id == id })
	if i < 0 {
		return nil
	}
	return &e.list[i]
}

// query works one query out in its own period.
func (e *evaluation) query(q *api.MetricDataQuery) (math.Value, error) { return e.in(q, 0) }

// in works a query out in a period, where its own is not longer: metrics that
// meet in an expression have to have the same.
func (e *evaluation) in(q *api.MetricDataQuery, period int64) (v math.Value, err error) {
	if slices.Contains(e.busy, q.Id) {
		return v, badExpression(q.Id, &math.Error{Text: "Circular reference"})
	}
	e.busy = append(e.busy, q.Id)
	defer func() { e.busy = e.busy[:len(e.busy)-1] }()
	if period = max(period, e.periodOf(q)); e.whole > 0 {
		period = e.whole
	}
	at := slot{q.Id, period}
	if v, ok := e.known[at]; ok {
		return v, nil
	}
	if q.MetricStat != nil {
		v, err = e.metric(q, period)
	} else {
		v, err = e.expression(q, period)
	}
	if err != nil {
		return v, err
	}
	for i := range v.Series {
		e.points += v.Series[i].Len()
	}
	if e.points > maxHeld {
		return v, validation("The queries use more than %d data points. Ask for fewer metrics, a shorter time or longer periods.", maxHeld)
	}
	e.known[at] = v
	return v, nil
}

// expression works out a formula or a query of Metrics Insights.
func (e *evaluation) expression(q *api.MetricDataQuery, period int64) (v math.Value, err error) {
	text := *q.Expression
	if math.IsInsight(text) {
		ask, err := math.ParseInsight(text)
		if err != nil {
			return v, badExpression(q.Id, err)
		}
		list, err := e.insights(ask, period)
		return math.Many(list), err
	}
	x, err := e.parse(q)
	if err == nil {
		v, err = x.Eval(&environment{e, q, period})
	}
	return v, badExpression(q.Id, err)
}

// badExpression words what is wrong with an expression as AWS does. Errors of
// other kinds stay what they are.
func badExpression(id string, err error) error {
	var bad *math.Error
	if errors.As(err, &bad) {
		return validation("Error in expression '%s': %s", id, bad.Text)
	}
	return err
}

// parse reads a query's formula, once.
func (e *evaluation) parse(q *api.MetricDataQuery) (*math.Expr, error) {
	if x := e.parsed[q.Id]; x != nil {
		return x, nil
	}
	x, err := math.Parse(*q.Expression)
	if err == nil {
		e.parsed[q.Id] = x
	}
	return x, err
}

// periodOf is a query's period: its metric's, or the longest of what its
// expression uses.
func (e *evaluation) periodOf(q *api.MetricDataQuery) int64 {
	if q.MetricStat != nil {
		return int64(q.MetricStat.Period)
	}
	if p, ok := e.periods[q.Id]; ok {
		return p
	}
	e.periods[q.Id] = 0 // an expression that comes back to itself adds nothing
	longest := max(int64(cloud.Or(q.Period, 0)), e.periodUsed(q))
	if longest == 0 {
		longest = e.fallback
	}
	e.periods[q.Id] = longest
	return longest
}

// periodUsed is the longest period among what an expression uses; 0 if nothing.
func (e *evaluation) periodUsed(q *api.MetricDataQuery) (longest int64) {
	if math.IsInsight(*q.Expression) {
		return 0
	}
	x, err := e.parse(q)
	if err != nil {
		return 0 // it fails where it is worked out
	}
	ids, all := x.IDs(), x.Calls("METRICS") > 0
	for i := range e.list {
		used := &e.list[i]
		if slices.Contains(ids, used.Id) || used.MetricStat != nil && all {
			longest = max(longest, e.periodOf(used))
		}
	}
	return longest
}

// grid is the times of a period that the request asks for: as far back as data
// of such a period are kept, and no more than a request can give.
func (e *evaluation) grid(period int64) math.Grid {
	if e.r == nil {
		return math.Grid{Period: period}
	}
	oldest := e.c.Now.Unix() - series.Kept(period)
	from := max(startOf(e.c.Now, e.start, period), oldest-oldest%period)
	return math.Grid{From: from, To: min(e.end.Unix(), from+maxDatapoints*period), Period: period}
}

// environment is what one expression can use; it is a math.Env.
type environment struct {
	*evaluation
	of     *api.MetricDataQuery
	period int64
}

func (v *environment) Grid() math.Grid { return v.grid(v.period) }

func (v *environment) Query(id string) (math.Value, error) {
	q := v.find(id)
	if q == nil {
		return math.Value{}, &math.Error{Text: "Undefined variable '" + id + "'"}
	}
	return v.in(q, v.period)
}

func (v *environment) Metrics(part string) (list []math.Series, err error) {
	for i := range v.list {
		q := &v.list[i]
		if q.MetricStat == nil || !strings.Contains(q.Id, part) {
			continue
		}
		m, err := v.in(q, v.period)
		if err != nil {
			return nil, err
		}
		list = append(list, m.Series...)
	}
	return list, nil
}

// Insight is a rule's metric: empty, as no rule has anything to read.
func (v *environment) Insight(name, metric string) (math.Series, error) {
	s := math.Series{Period: v.period}
	if !slices.Contains(reportMetrics(), metric) {
		return s, &math.Error{Text: "Invalid metric name in INSIGHT_RULE_METRIC: " + metric}
	}
	if v.r != nil && !insightRules.Has(v.r, v.c.Account, v.c.Region, name) {
		return s, &math.Error{Text: "Contributor Insights rule '" + name + "' not found"}
	}
	return s, nil
}

// Quota is not to be had: there is no Service Quotas to ask.
func (v *environment) Quota(*math.Series) (s math.Series, err error) {
	return s, &math.Error{Text: "Function 'SERVICE_QUOTA' needs Service Quotas, which is not offered here"}
}

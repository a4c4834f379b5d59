package cloudwatch

import (
	"fmt"
	"slices"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
)

// widgetQuery is one row of a widget's metrics.
type widgetQuery struct {
	api.MetricDataQuery
	color, region string
	right         bool
}

// rowOptions is the object at the end of a row.
type rowOptions struct {
	color, expression, id, label, region, account, stat, axis string
	period                                                    int32
	hidden                                                    bool
}

// maxRows is how many rows a widget can have.
const maxRows = 500

// readQueries makes queries of the rows, in which "." and "..." stand for what
// the row before has.
func (w *widget) readQueries() error {
	var names []string
	for i, row := range w.Metrics {
		o, words := options(row)
		if o.expression == "" {
			names = repeat(words, names)
			if len(names) < 2 || len(names)%2 != 0 {
				return invalid("The metric at /metrics/%d needs a namespace, a name, and a value for each dimension.", i)
			}
		}
		w.queries = append(w.queries, w.query(o, names))
	}
	w.nameQueries()
	list := make([]api.MetricDataQuery, len(w.queries))
	for i := range w.queries {
		list[i] = w.queries[i].MetricDataQuery
	}
	if len(list) == 0 {
		return nil
	}
	return checkQueries(list)
}

// options takes the object at the end of a row apart.
func options(row []any) (o rowOptions, words []string) {
	for _, v := range row {
		switch v := v.(type) {
		case string:
			words = append(words, v)
		case map[string]any:
			for name, to := range map[string]*string{"color": &o.color, "expression": &o.expression, "id": &o.id, "label": &o.label, "region": &o.region, "accountId": &o.account, "stat": &o.stat, "yAxis": &o.axis} {
				if s, ok := v[name].(string); ok {
					*to = s
				}
			}
			if p, ok := v["period"].(float64); ok {
				o.period = int32(p)
			}
			if visible, ok := v["visible"].(bool); ok {
				o.hidden = !visible
			}
		}
	}
	return o, words
}

// repeat fills in what a row takes from the row before.
func repeat(words, before []string) []string {
	if len(words) > 0 && words[0] == "..." {
		rest := words[1:]
		return slices.Concat(before[:max(0, len(before)-len(rest))], rest)
	}
	words = slices.Clone(words)
	for i, s := range words {
		if s == "." && i < len(before) {
			words[i] = before[i]
		}
	}
	return words
}

func (w *widget) query(o rowOptions, names []string) widgetQuery {
	q := widgetQuery{color: o.color, region: o.region, right: o.axis == "right"}
	q.Id, q.Label, q.AccountId, q.ReturnData = o.id, orNil(o.label), orNil(o.account), new(!o.hidden)
	if o.expression != "" {
		if q.Expression = &o.expression; o.period != 0 {
			q.Period = &o.period
		}
		return q
	}
	if o.period == 0 {
		o.period = w.Period
	}
	if o.stat == "" {
		o.stat = w.Stat
	}
	m := api.Metric{Namespace: &names[0], MetricName: &names[1]}
	for i := 2; i < len(names); i += 2 {
		m.Dimensions = append(m.Dimensions, api.Dimension{Name: names[i], Value: names[i+1]})
	}
	q.MetricStat = &api.MetricStat{Metric: m, Period: o.period, Stat: o.stat}
	return q
}

// nameQueries gives the rows without an id one that nothing else has.
func (w *widget) nameQueries() {
	taken := map[string]bool{}
	for _, q := range w.queries {
		taken[q.Id] = true
	}
	n := 0
	for i := range w.queries {
		for w.queries[i].Id == "" {
			if n++; !taken[fmt.Sprint("row", n)] {
				w.queries[i].Id = fmt.Sprint("row", n)
			}
		}
	}
}

// regions are where the rows' metrics are, by their ids, where that is not where
// the widget is asked for.
func (w *widget) regions(c *cloud.Call) map[string]string {
	m := map[string]string{}
	for _, q := range w.queries {
		if r := q.region; r != "" {
			m[q.Id] = r
		} else if w.Region != "" && w.Region != c.Region {
			m[q.Id] = w.Region
		}
	}
	return m
}

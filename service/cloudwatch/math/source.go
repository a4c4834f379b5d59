package math

import "math"

// source are the functions that bring series in.
func source(name string) (definition, bool) {
	switch name {
	case "METRICS":
		return definition{0, 1, metricsOf}, true
	case "SEARCH":
		return definition{2, 3, search}, true
	case "ANOMALY_DETECTION_BAND":
		return definition{1, 2, band}, true
	case "INSIGHT_RULE_METRIC":
		return definition{2, 2, insight}, true
	case "SERVICE_QUOTA":
		return definition{1, 1, quota}, true
	case "LAMBDA", "DB_PERF_INSIGHTS":
		return definition{0, math.MaxInt, func(_ *evaluator, c *callNode) (Value, error) {
			return Value{}, errorf("Function '%s' asks for data outside of CloudWatch, which is not offered here", c.name)
		}}, true
	}
	return definition{}, false
}

func metricsOf(e *evaluator, c *callNode) (Value, error) {
	part := ""
	if len(c.args) == 1 {
		var err error
		if part, err = e.text(c, 0); err != nil {
			return Value{}, err
		}
	}
	list, err := e.env.Metrics(part)
	return Many(list), err
}

func search(e *evaluator, c *callNode) (Value, error) {
	query, err := e.text(c, 0)
	if err != nil {
		return Value{}, err
	}
	stat, err := e.text(c, 1)
	if err != nil {
		return Value{}, err
	}
	var period int64
	if len(c.args) == 3 {
		v, err := e.argument(c, 2, Scalar)
		if err != nil {
			return v, err
		}
		if v.Number < 1 || v.Number > math.MaxInt32 || v.Number != math.Trunc(v.Number) {
			return v, errorf("Invalid period in SEARCH: %v", v.Number)
		}
		period = int64(v.Number)
	}
	s, err := ParseSearch(query)
	if err != nil {
		return Value{}, err
	}
	list, err := e.env.Search(s, stat, period)
	return Many(list), err
}

// defaultDeviations is how wide a band is where nobody says.
const defaultDeviations = 2

func band(e *evaluator, c *callNode) (Value, error) {
	if v, err := e.argument(c, 0, TimeSeries); err != nil {
		return v, err
	}
	deviations := scalar(defaultDeviations)
	if len(c.args) == 2 {
		var err error
		if deviations, err = e.argument(c, 1, Scalar); err != nil {
			return deviations, err
		}
		if deviations.Number <= 0 {
			return deviations, errorf("Function '%s' needs a positive number as argument 2", c.name)
		}
	}
	list, err := e.env.Band(&Expr{c.args[0]}, deviations.Number)
	return Many(list), err
}

func insight(e *evaluator, c *callNode) (Value, error) {
	rule, err := e.text(c, 0)
	if err != nil {
		return Value{}, err
	}
	metric, err := e.text(c, 1)
	if err != nil {
		return Value{}, err
	}
	s, err := e.env.Insight(rule, metric)
	return One(s), err
}

func quota(e *evaluator, c *callNode) (Value, error) {
	v, err := e.argument(c, 0, TimeSeries)
	if err != nil {
		return v, err
	}
	s, err := e.env.Quota(v.one())
	return One(s), err
}

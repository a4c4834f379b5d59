package math

import (
	"cmp"
	"math"
	"slices"
)

// ordering are the functions on arrays as such.
func ordering(name string) (definition, bool) {
	switch name {
	case "FIRST":
		return definition{1, 1, func(e *evaluator, c *callNode) (Value, error) { return pick(e, c, false) }}, true
	case "LAST":
		return definition{1, 1, func(e *evaluator, c *callNode) (Value, error) { return pick(e, c, true) }}, true
	case "SLICE":
		return definition{2, 3, slice}, true
	case "SORT":
		return definition{3, 4, sortArray}, true
	case "REMOVE_EMPTY":
		return definition{1, 1, removeEmpty}, true
	}
	return definition{}, false
}

// pick is the first or the last series; of an empty array, one without values.
func pick(e *evaluator, c *callNode, last bool) (Value, error) {
	v, err := e.argument(c, 0, Array)
	switch {
	case err != nil:
		return v, err
	case len(v.Series) == 0:
		return One(Series{Period: e.env.Grid().Period}), nil
	case last:
		return One(v.Series[len(v.Series)-1]), nil
	}
	return One(v.Series[0]), nil
}

// slice is part of an array: from the first position on and before the second.
func slice(e *evaluator, c *callNode) (Value, error) {
	v, err := e.argument(c, 0, Array)
	if err != nil {
		return v, err
	}
	from, to := 0, len(v.Series)
	for i, where := range []*int{&from, &to}[:len(c.args)-1] {
		n, err := e.argument(c, i+1, Scalar)
		if err != nil {
			return v, err
		}
		if n.Number < 0 || math.Trunc(n.Number) != n.Number && !math.IsNaN(n.Number) {
			return v, errorf("Function '%s' needs a whole number that is not negative as argument %d", c.name, i+2)
		}
		*where = count(n.Number, len(v.Series))
	}
	return Many(v.Series[min(from, to):to]), nil
}

// count is a number as one of so many at most. What is not a number, as the
// average of nothing, is none.
func count(v float64, most int) int {
	if math.IsNaN(v) || v < 0 {
		return 0
	}
	return int(min(v, float64(most)))
}

// sortArray orders series by what a function makes of each. Those without
// values come last.
func sortArray(e *evaluator, c *callNode) (Value, error) {
	v, err := e.argument(c, 0, Array)
	if err != nil {
		return v, err
	}
	name, _ := c.args[1].(wordNode)
	f, ok := aggregateOf(string(name))
	if !ok || !slices.Contains([]wordNode{"AVG", "MIN", "MAX", "SUM"}, name) {
		return v, errorf("Function 'SORT' needs one of AVG, MIN, MAX, SUM as argument 2")
	}
	order, _ := c.args[2].(wordNode)
	if order != "ASC" && order != "DESC" {
		return v, errorf("Function 'SORT' needs ASC or DESC as argument 3")
	}
	list := Sorted(v.Series, f, order == "DESC")
	if len(c.args) == 4 {
		n, err := e.argument(c, 3, Scalar)
		if err != nil {
			return v, err
		}
		list = list[:count(n.Number, len(list))]
	}
	return Many(list), nil
}

// Sorted is a list of series in the order of what f makes of them. Those
// without values come last.
func Sorted(list []Series, f Aggregate, falling bool) []Series {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b Series) int {
		if n := cmp.Compare(truth(a.Len() == 0), truth(b.Len() == 0)); n != 0 || a.Len() == 0 {
			return n
		}
		n := cmp.Compare(f(a.Values, a.Len()), f(b.Values, b.Len()))
		if falling {
			return -n
		}
		return n
	})
	return list
}

func removeEmpty(e *evaluator, c *callNode) (Value, error) {
	v, err := e.argument(c, 0, Array)
	if err != nil {
		return v, err
	}
	return Many(slices.DeleteFunc(slices.Clone(v.Series), func(s Series) bool { return s.Len() == 0 })), nil
}

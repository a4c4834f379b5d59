package math

// choose is IF. Where its condition is a series, each of the condition's times
// is decided by itself; a missing value counts as 0 where it is chosen as
// true, and is dropped where it is chosen as false.
func choose(e *evaluator, c *callNode) (Value, error) {
	cond, err := e.argument(c, 0, Scalar, TimeSeries)
	if err != nil {
		return cond, err
	}
	then, err := e.argument(c, 1, Scalar, TimeSeries)
	if err != nil {
		return then, err
	}
	other := Value{Kind: TimeSeries, Series: []Series{{}}} // nothing
	if len(c.args) == 3 {
		if other, err = e.argument(c, 2, Scalar, TimeSeries); err != nil {
			return other, err
		}
	}
	if cond.Kind == Scalar {
		return chooseAll(e, cond.Number != 0, then, other), nil
	}
	return One(chooseEach(cond.one(), then, other)), nil
}

func chooseEach(cond *Series, then, other Value) Series {
	out := Series{Period: cond.Period}
	yes, no := valueAt(then), valueAt(other)
	for i, t := range cond.Times {
		if cond.Values[i] != 0 {
			v, _ := yes(t)
			out.add(t, v)
		} else if v, ok := no(t); ok {
			out.add(t, v)
		}
	}
	return out
}

func valueAt(v Value) func(t int64) (float64, bool) {
	if v.Kind == Scalar {
		return func(int64) (float64, bool) { return v.Number, true }
	}
	return v.one().at()
}

// chooseAll is one of two values as a whole. The result is a series, unless
// both are numbers.
func chooseAll(e *evaluator, yes bool, then, other Value) Value {
	v := other
	if yes {
		v = then
	}
	if v.Kind == Scalar && (then.Kind == TimeSeries || other.Kind == TimeSeries) {
		return One(e.env.Grid().dense(0, func(int64) float64 { return v.Number }))
	}
	return v
}

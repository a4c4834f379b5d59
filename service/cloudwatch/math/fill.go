package math

// fill puts values where a series has none: a number, those of another series,
// the last one before, or a straight line between the ends of the gap.
func fill(e *evaluator, c *callNode) (Value, error) {
	v, err := e.argument(c, 0, TimeSeries, Array)
	if err != nil {
		return v, err
	}
	g := e.env.Grid()
	switch c.args[1] {
	case wordNode("REPEAT"):
		return v.each(func(s *Series) Series { return repeat(g, s) }), nil
	case wordNode("LINEAR"):
		return v.each(func(s *Series) Series { return linear(g, s) }), nil
	}
	with, err := e.argument(c, 1, Scalar, TimeSeries)
	if err != nil {
		return v, err
	}
	return v.each(func(s *Series) Series {
		if with.Kind == Scalar {
			return filled(g, s, func(int64) (float64, bool) { return with.Number, true })
		}
		return filled(g, s, with.one().at())
	}), nil
}

// filled is a series with other values where it has none.
func filled(g Grid, s *Series, other func(t int64) (float64, bool)) Series {
	out, get := s.like(), s.at()
	if out.Period <= 0 {
		out.Period = g.Period
	}
	for t := floor(g.From, out.Period); t < g.To; t += out.Period {
		v, ok := get(t)
		if !ok {
			v, ok = other(t)
		}
		if ok {
			out.add(t, v)
		}
	}
	return out
}

// repeat leaves what is before the first value empty.
func repeat(g Grid, s *Series) Series {
	i := 0
	return filled(g, s, func(t int64) (float64, bool) {
		for i < len(s.Times) && s.Times[i] < t {
			i++
		}
		if i == 0 {
			return 0, false
		}
		return s.Values[i-1], true
	})
}

// linear leaves what is before the first value and after the last one empty.
func linear(g Grid, s *Series) Series {
	i := 0
	return filled(g, s, func(t int64) (float64, bool) {
		for i < len(s.Times) && s.Times[i] < t {
			i++
		}
		if i == 0 || i == len(s.Times) {
			return 0, false
		}
		part := float64(t-s.Times[i-1]) / float64(s.Times[i]-s.Times[i-1])
		return s.Values[i-1] + part*(s.Values[i]-s.Values[i-1]), true
	})
}

package math

// pointwise is a function of each value by itself.
func pointwise(f func(float64) float64) definition {
	return definition{1, 1, func(e *evaluator, c *callNode) (Value, error) {
		v, err := e.argument(c, 0, Scalar, TimeSeries, Array)
		if err != nil {
			return v, err
		}
		return apply(v, f), nil
	}}
}

// steps is a function of how far each value and its time are from the one
// before. The first value has none before it.
func steps(f func(dv, dt float64) float64) definition {
	return definition{1, 1, func(e *evaluator, c *callNode) (Value, error) {
		v, err := e.argument(c, 0, TimeSeries, Array)
		if err != nil {
			return v, err
		}
		return v.each(func(s *Series) Series {
			out := s.like()
			for i := 1; i < len(s.Times); i++ {
				out.add(s.Times[i], f(s.Values[i]-s.Values[i-1], float64(s.Times[i]-s.Times[i-1])))
			}
			return out
		}), nil
	}}
}

func runningSum(e *evaluator, c *callNode) (Value, error) {
	v, err := e.argument(c, 0, TimeSeries, Array)
	if err != nil {
		return v, err
	}
	return v.each(func(s *Series) Series {
		out, sum := s.like(), 0.0
		for i, t := range s.Times {
			sum += s.Values[i]
			out.add(t, sum)
		}
		return out
	}), nil
}

package math

import "math"

// operators work on two numbers. Truth is 1, and what is not 0.
func operator(op string) (f func(x, y float64) float64, logical bool) {
	switch op {
	case "+":
		return func(x, y float64) float64 { return x + y }, false
	case "-":
		return func(x, y float64) float64 { return x - y }, false
	case "*":
		return func(x, y float64) float64 { return x * y }, false
	case "/":
		return func(x, y float64) float64 { return x / y }, false
	case "^":
		return math.Pow, false
	case "==":
		return func(x, y float64) float64 { return truth(x == y) }, true
	case "!=":
		return func(x, y float64) float64 { return truth(x != y) }, true
	case "<":
		return func(x, y float64) float64 { return truth(x < y) }, true
	case ">":
		return func(x, y float64) float64 { return truth(x > y) }, true
	case "<=":
		return func(x, y float64) float64 { return truth(x <= y) }, true
	case ">=":
		return func(x, y float64) float64 { return truth(x >= y) }, true
	case "AND", "&&":
		return func(x, y float64) float64 { return truth(x != 0 && y != 0) }, true
	}
	return func(x, y float64) float64 { return truth(x != 0 || y != 0) }, true // OR, ||
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// operation works an operator out. Arithmetic takes arrays on one side;
// comparison and logic take none.
func (e *evaluator) operation(n *binaryNode) (Value, error) {
	a, err := e.value(n.left)
	if err != nil {
		return a, err
	}
	b, err := e.value(n.right)
	if err != nil {
		return b, err
	}
	f, logical := operator(n.op)
	if a.Kind == Array && b.Kind == Array || logical && (a.Kind == Array || b.Kind == Array) {
		return a, errorf("Unsupported operand type(s) for %s: '[%s, %s]'", n.op, a.Kind, b.Kind)
	}
	switch {
	case a.Kind == Scalar && b.Kind == Scalar:
		return scalar(f(a.Number, b.Number)), nil
	case b.Kind == Scalar:
		return apply(a, func(x float64) float64 { return f(x, b.Number) }), nil
	case a.Kind == Scalar:
		return apply(b, func(y float64) float64 { return f(a.Number, y) }), nil
	case a.Kind == Array:
		return a.each(func(s *Series) Series { return join(s, b.one(), s, f) }), nil
	case b.Kind == Array:
		return b.each(func(s *Series) Series { return join(a.one(), s, s, f) }), nil
	}
	out := join(a.one(), b.one(), a.one(), f)
	out.Label, out.Metric = "", nil
	return One(out), nil
}

// apply puts each number of a value through f.
func apply(v Value, f func(float64) float64) Value {
	if v.Kind == Scalar {
		return scalar(f(v.Number))
	}
	return v.each(func(s *Series) Series {
		out := s.like()
		for i, t := range s.Times {
			out.add(t, f(s.Values[i]))
		}
		return out
	})
}

// join puts two series together by time. Where one of them has no value it
// counts as 0. The result is named like name.
func join(a, b, name *Series, f func(x, y float64) float64) Series {
	out := name.like()
	out.Period = max(a.Period, b.Period)
	for i, j := 0, 0; i < len(a.Times) || j < len(b.Times); {
		switch {
		case j == len(b.Times) || i < len(a.Times) && a.Times[i] < b.Times[j]:
			out.add(a.Times[i], f(a.Values[i], 0))
			i++
		case i == len(a.Times) || b.Times[j] < a.Times[i]:
			out.add(b.Times[j], f(0, b.Values[j]))
			j++
		default:
			out.add(a.Times[i], f(a.Values[i], b.Values[j]))
			i, j = i+1, j+1
		}
	}
	return out
}

package sql

// node is a piece of an expression.
type node interface {
	eval(*scope) (Value, error)
}

// scope is what an expression is evaluated in.
type scope struct {
	row  Value // the record
	now  Value
	sums []sum // of the aggregates
}

// constant is a literal.
type constant struct{ Value }

func (n constant) eval(*scope) (Value, error) { return n.Value, nil }

// path goes from the record to something in it.
type path struct {
	steps []step
	place string // in the expression, for messages
	first bool   // it is _1, which names the record, or its first column if it has columns
	fed   bool   // it stands in WHERE or in an aggregate: it is of each record
}

func (n *path) eval(s *scope) (Value, error) {
	v := s.row
	if n.first && len(n.steps) == 0 && v.Kind == Struct && v.row().Positional {
		return v.row().field(&step{column: 1})
	}
	for i := range n.steps {
		st := &n.steps[i]
		switch {
		case st.kind == byName && v.Kind == Struct:
			var err error
			if v, err = v.row().field(st); err != nil {
				return v, err
			}
		case st.kind == byIndex && v.Kind == List && st.index < len(v.items()):
			v = v.items()[st.index]
		default:
			return Value{}, nil
		}
	}
	return v, nil
}

// arithmetics is a + b and its kind.
type arithmetics struct {
	op   byte
	a, b node
}

func (n *arithmetics) eval(s *scope) (Value, error) {
	a, b, err := two(s, n.a, n.b)
	if err != nil {
		return Value{}, err
	}
	return compute(n.op, a, b)
}

// two evaluates both operands.
func two(s *scope, x, y node) (a, b Value, err error) {
	if a, err = x.eval(s); err == nil {
		b, err = y.eval(s)
	}
	return a, b, err
}

// concat is a || b.
type concat struct{ a, b node }

func (n *concat) eval(s *scope) (Value, error) {
	a, b, err := two(s, n.a, n.b)
	if err != nil {
		return Value{}, err
	}
	if a.unknown() || b.unknown() {
		return null, nil
	}
	if !a.isString() || !b.isString() {
		return Value{}, errArgumentType
	}
	if len(a.text)+len(b.text) > maxRecord {
		return Value{}, errRecordTooLong
	}
	return text(a.text + b.text), nil
}

// castTo is CAST.
type castTo struct {
	of node
	to Kind
}

func (n *castTo) eval(s *scope) (Value, error) {
	v, err := n.of.eval(s)
	if err != nil {
		return v, err
	}
	return cast(v, n.to)
}

// caseWhen is CASE; of is nil where conditions stand behind WHEN.
type caseWhen struct {
	of        node
	when      [][2]node
	otherwise node
}

func (n *caseWhen) eval(s *scope) (Value, error) {
	var of Value
	var err error
	if n.of != nil {
		if of, err = n.of.eval(s); err != nil {
			return of, err
		}
	}
	for _, w := range n.when {
		v, err := w[0].eval(s)
		if err != nil {
			return v, err
		}
		hit := v.true()
		if n.of != nil {
			if hit, err = equal(of, v); err != nil {
				return v, err
			}
			hit = hit && !of.unknown()
		}
		if hit {
			return w[1].eval(s)
		}
	}
	if n.otherwise != nil {
		return n.otherwise.eval(s)
	}
	return null, nil
}

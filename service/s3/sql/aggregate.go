package sql

// aggregate is COUNT, SUM, AVG, MIN or MAX. Where of is nil it counts records.
type aggregate struct {
	name  string
	of    node
	index int // of its sum in the scope
}

// sum is what an aggregate has come to.
type sum struct {
	n int64
	v Value
}

// feed takes one record. What is null or missing does not count.
func (a *aggregate) feed(s *scope, to *sum) error {
	if a.of == nil {
		to.n++
		return nil
	}
	v, err := a.of.eval(s)
	if err != nil || v.unknown() {
		return err
	}
	to.n++
	switch a.name {
	case "count":
		return nil
	case "sum", "avg":
		if n, ok := v.asNumber(); !ok {
			return errArgumentType
		} else if to.n == 1 {
			to.v = n
			return nil
		}
		to.v, err = compute('+', to.v, v)
		return err
	}
	if v.Kind >= List {
		return errArgumentType
	}
	if to.n == 1 {
		to.v = v
		return nil
	}
	order, ok, err := compare(v, to.v)
	if err == nil && !ok {
		err = errArgumentType
	}
	if (order < 0) == (a.name == "min") && order != 0 {
		to.v = v
	}
	return err
}

// eval is the result, after all records.
func (a *aggregate) eval(s *scope) (Value, error) {
	total := &s.sums[a.index]
	switch {
	case a.name == "count":
		return integer(total.n), nil
	case total.n == 0:
		return null, nil
	case a.name != "avg" || total.v.Kind == Float:
		if a.name == "avg" {
			return compute('/', total.v, float(float64(total.n)))
		}
		return total.v, nil
	}
	d, err := total.v.asDecimal()
	if err != nil {
		return Value{}, err
	}
	return compute('/', decimal(d), integer(total.n))
}

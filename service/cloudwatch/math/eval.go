package math

// Env is where expressions get from what they ask for.
type Env interface {
	// Query is what another query of the request is worth.
	Query(id string) (Value, error)
	// Metrics are the metrics of the request, not its expressions, whose id has
	// part in it.
	Metrics(part string) ([]Series, error)
	// Search finds metrics. A period of 0 is the query's own.
	Search(s *Search, stat string, period int64) ([]Series, error)
	// Band is the upper and the lower end of what is to be expected of a query,
	// so many deviations around its mean. of is the query's expression.
	Band(of *Expr, deviations float64) ([]Series, error)
	// Insight is a metric of a Contributor Insights rule.
	Insight(rule, metric string) (Series, error)
	// Quota is the quota that a usage metric counts against.
	Quota(of *Series) (Series, error)
	// Grid is the times that are asked for.
	Grid() Grid
}

// Eval works the expression out.
func (e *Expr) Eval(env Env) (Value, error) { return (&evaluator{env}).value(e.root) }

type evaluator struct{ env Env }

func (e *evaluator) value(n node) (Value, error) {
	switch n := n.(type) {
	case numberNode:
		return scalar(float64(n)), nil
	case idNode:
		return e.env.Query(string(n))
	case listNode:
		return e.list(n)
	case *unaryNode:
		v, err := e.value(n.of)
		if err != nil {
			return v, err
		}
		return apply(v, func(x float64) float64 { return -x }), nil
	case *binaryNode:
		return e.operation(n)
	case *callNode:
		f, ok := function(n.name)
		if !ok {
			return Value{}, errorf("Function '%s' not found", n.name)
		}
		if len(n.args) < f.least || len(n.args) > f.most {
			return Value{}, errorf("Function '%s' does not take %d argument%s", n.name, len(n.args), plural(len(n.args)))
		}
		return f.run(e, n)
	}
	return Value{}, errSyntax // a text or a word by itself
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}

// list joins series and arrays of them to one array.
func (e *evaluator) list(nodes listNode) (Value, error) {
	out := Many(nil)
	for _, n := range nodes {
		v, err := e.value(n)
		if err != nil {
			return v, err
		}
		if v.Kind == Scalar {
			return v, errorf("An array can hold time series only, and not a %s", v.Kind)
		}
		out.Series = append(out.Series, v.Series...)
	}
	return out, nil
}

// argument is what a call's argument is worth, which has to be of one of the
// kinds.
func (e *evaluator) argument(c *callNode, i int, kinds ...Kind) (Value, error) {
	v, err := e.value(c.args[i])
	if err != nil {
		return v, err
	}
	for _, k := range kinds {
		if v.Kind == k {
			return v, nil
		}
	}
	return v, wrongKind(c, i, v.Kind)
}

func wrongKind(c *callNode, i int, k Kind) error {
	return errorf("Function '%s' does not take a %s as argument %d", c.name, k, i+1)
}

// text is a call's argument that has to be a text.
func (e *evaluator) text(c *callNode, i int) (string, error) {
	if t, ok := c.args[i].(textNode); ok {
		return string(t), nil
	}
	return "", errorf("Function '%s' needs a string as argument %d", c.name, i+1)
}

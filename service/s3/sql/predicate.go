package sql

import (
	"unicode/utf8"

	"pileus/cloud"
)

// Predicates know three answers: TRUE, FALSE, and NULL for what is unknown.

type both struct{ a, b node }

func (n *both) eval(s *scope) (Value, error) {
	a, err := n.a.eval(s)
	if err != nil || a.Kind == Bool && !a.true() {
		return a, err
	}
	b, err := n.b.eval(s)
	switch {
	case err != nil || b.Kind == Bool && !b.true():
		return b, err
	case a.Kind == Bool && b.Kind == Bool:
		return boolean(true), nil
	}
	return null, nil
}

type either struct{ a, b node }

func (n *either) eval(s *scope) (Value, error) {
	a, err := n.a.eval(s)
	if err != nil || a.true() {
		return a, err
	}
	b, err := n.b.eval(s)
	switch {
	case err != nil || b.true():
		return b, err
	case a.Kind == Bool && b.Kind == Bool:
		return boolean(false), nil
	}
	return null, nil
}

type negation struct{ of node }

func (n *negation) eval(s *scope) (Value, error) {
	v, err := n.of.eval(s)
	if err != nil {
		return v, err
	}
	return opposite(v), nil
}

func opposite(v Value) Value {
	if v.Kind != Bool {
		return null
	}
	return boolean(!v.true())
}

type comparison struct {
	op   string
	a, b node
}

func (n *comparison) eval(s *scope) (Value, error) {
	a, b, err := two(s, n.a, n.b)
	if err != nil {
		return Value{}, err
	}
	return relate(n.op, a, b)
}

// relate compares two values. Values of kinds that cannot be compared are
// different, and in no order.
func relate(op string, a, b Value) (Value, error) {
	if a.unknown() || b.unknown() {
		return null, nil
	}
	switch op {
	case "=", "<>", "!=":
		same, err := equal(a, b)
		return boolean(same == (op == "=")), err
	}
	order, ok, err := compare(a, b)
	if err != nil || !ok {
		return null, err
	}
	switch op {
	case "<":
		return boolean(order < 0), nil
	case "<=":
		return boolean(order <= 0), nil
	case ">":
		return boolean(order > 0), nil
	}
	return boolean(order >= 0), nil
}

type between struct{ of, low, high node }

func (n *between) eval(s *scope) (Value, error) {
	v, err := n.of.eval(s)
	if err != nil {
		return v, err
	}
	low, high, err := two(s, n.low, n.high)
	if err != nil {
		return Value{}, err
	}
	above, err := relate(">=", v, low)
	if err != nil {
		return Value{}, err
	}
	below, err := relate("<=", v, high)
	if err != nil {
		return Value{}, err
	}
	return (&both{constant{above}, constant{below}}).eval(s)
}

type in struct {
	left node
	of   []node
}

func (n *in) eval(s *scope) (Value, error) {
	v, err := n.left.eval(s)
	if err != nil || v.unknown() {
		return null, err
	}
	found := boolean(false)
	for _, x := range n.of {
		y, err := x.eval(s)
		if err != nil {
			return y, err
		}
		same, err := relate("=", v, y)
		if err != nil || same.true() {
			return same, err
		}
		if same.Kind == Null {
			found = null
		}
	}
	return found, nil
}

// inList is v IN list, with a list of the record.
type inList struct{ left, list node }

func (n *inList) eval(s *scope) (Value, error) {
	v, of, err := two(s, n.left, n.list)
	if err != nil || v.unknown() || of.unknown() {
		return null, err
	}
	if of.Kind != List {
		return Value{}, errArgumentType
	}
	for _, y := range of.items() {
		if same, err := equal(v, y); same || err != nil {
			return boolean(same), err
		}
	}
	return boolean(false), nil
}

type like struct {
	left, pattern, escape node
	compiled              []likeRune // where the pattern is a literal
}

func (n *like) compile(pattern, escape Value) *cloud.Error {
	if !pattern.isString() || n.escape != nil && !escape.isString() {
		return errLike
	}
	c := rune(0)
	if n.escape != nil {
		if utf8.RuneCountInString(escape.text) != 1 {
			return errEscape
		}
		c, _ = utf8.DecodeRuneInString(escape.text)
	}
	compiled, err := compileLike(pattern.text, c)
	if err != nil {
		return errEscape
	}
	n.compiled = compiled
	if compiled == nil {
		n.compiled = []likeRune{}
	}
	return nil
}

func (n *like) eval(s *scope) (Value, error) {
	v, err := n.left.eval(s)
	if err != nil || v.unknown() {
		return null, err
	}
	if !v.isString() {
		return Value{}, errLike
	}
	if n.compiled != nil {
		return boolean(matchLike(n.compiled, v.text)), nil
	}
	escape := Value{}
	pattern, err := n.pattern.eval(s)
	if err == nil && n.escape != nil {
		escape, err = n.escape.eval(s)
	}
	if err != nil || pattern.unknown() || n.escape != nil && escape.unknown() {
		return null, err
	}
	once := &like{escape: n.escape}
	if err := once.compile(pattern, escape); err != nil {
		return Value{}, err
	}
	return boolean(matchLike(once.compiled, v.text)), nil
}

// kindTest is IS NULL and IS MISSING. What is missing is null too.
type kindTest struct {
	of   node
	kind Kind
}

func (n *kindTest) eval(s *scope) (Value, error) {
	v, err := n.of.eval(s)
	return boolean(v.Kind <= n.kind), err
}

// truthTest is IS TRUE and IS FALSE.
type truthTest struct {
	of   node
	want bool
}

func (n *truthTest) eval(s *scope) (Value, error) {
	v, err := n.of.eval(s)
	return boolean(v.Kind == Bool && v.true() == n.want), err
}

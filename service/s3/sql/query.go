// Package sql is the SQL of S3 Select: its language, and the records of CSV
// and JSON objects that it is asked about.
//
//	lexer.go, parse.go, expression.go, call.go   from text to a Query
//	node.go, predicate.go, function.go, aggregate.go   what expressions evaluate to
//	value.go, number.go, timestamp.go, like.go   values
//	csv.go, json.go   records in; write.go records out
//
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-select-sql-reference.html
package sql

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Query is a parsed expression. It does not change and may run many times.
type Query struct {
	from       []step // below each root value of a JSON object
	items      []item // none: SELECT *
	where      node
	limit      int64
	paths      []*path
	aggregates []*aggregate
}

// item is one member of the SELECT list.
type item struct {
	node node
	name string
	all  bool // alias.*: the members of what node evaluates to
}

// step goes from a value to one within it, or to several.
type step struct {
	kind   stepKind
	name   string
	exact  bool // the name was quoted: letters' case matters
	column int  // of _N; 0 for other names
	index  int
}

type stepKind uint8

const (
	byName     stepKind = iota
	byIndex             // [3]
	eachItem            // [*]
	eachMember          // .*
)

func nameStep(name string, exact bool) step {
	s := step{name: name, exact: exact}
	if n, err := strconv.Atoi(strings.TrimPrefix(name, "_")); err == nil && !exact && name[0] == '_' && isDigit(name[1]) {
		s.column = n
	}
	return s
}

// positional tells whether a name has the form _N.
func (s *step) positional() bool {
	return !s.exact && len(s.name) > 1 && s.name[0] == '_' && strings.Trim(s.name[1:], "0123456789") == ""
}

// CheckCSV refuses what cannot be asked of a CSV object: paths, and names of
// columns where the header is not used.
func (q *Query) CheckCSV(header bool) error {
	if err := q.CheckTable(); err != nil {
		return err
	}
	for _, p := range q.paths {
		if len(p.steps) == 0 {
			continue
		}
		s := &p.steps[0]
		switch {
		case len(p.steps) > 1 || s.kind != byName:
			return errKeyPath
		case s.positional() && s.column < 1, !header && s.column < 1:
			return invalid("InvalidColumnIndex", "The column index%s is invalid. Check the service documentation and try again.", p.place)
		}
	}
	return nil
}

// CheckTable refuses a path to the records of an object that has them in one
// place.
func (q *Query) CheckTable() error {
	if len(q.from) > 0 {
		return errKeyPath
	}
	return nil
}

// CheckHeader refuses columns that the header does not have.
func (q *Query) CheckHeader(names []string) error {
	for _, p := range q.paths {
		if len(p.steps) == 0 || p.steps[0].column > 0 {
			continue
		}
		if i, err := p.steps[0].find(names); err != nil {
			return err
		} else if i < 0 {
			return errHeaders
		}
	}
	return nil
}

// Run is one evaluation of a query over the records of an object.
type Run struct {
	q     *Query
	scope scope
	left  int64
	out   Row
}

// Start begins an evaluation; now is UTCNOW().
func (q *Query) Start(now time.Time) *Run {
	r := &Run{q: q, left: q.limit}
	r.scope.now = stamp(Timestamp{now.UTC().Truncate(time.Millisecond), toSecond + 3})
	r.scope.sums = make([]sum, len(q.aggregates))
	return r
}

// Done tells that the results are complete: no further record matters.
func (r *Run) Done() bool { return r.left <= 0 }

// Record takes one record. The result, if there is one, stands until the next
// call.
func (r *Run) Record(v Value) (*Row, error) {
	r.scope.row = v
	if r.q.where != nil {
		ok, err := r.q.where.eval(&r.scope)
		if err != nil || !ok.true() {
			return nil, err
		}
	}
	if len(r.q.aggregates) > 0 {
		for i, a := range r.q.aggregates {
			if err := a.feed(&r.scope, &r.scope.sums[i]); err != nil {
				return nil, err
			}
		}
		return nil, nil
	}
	r.left--
	return r.project()
}

// Final is the result of aggregates, once all records have been taken; nil
// where the query has none.
func (r *Run) Final() (*Row, error) {
	if len(r.q.aggregates) == 0 || r.Done() {
		return nil, nil
	}
	r.left--
	r.scope.row = Value{}
	return r.project()
}

// project evaluates the SELECT list.
func (r *Run) project() (*Row, error) {
	r.out.Names, r.out.Values = r.out.Names[:0], r.out.Values[:0]
	if len(r.q.items) == 0 {
		return r.all(r.scope.row), nil
	}
	for i := range r.q.items {
		it := &r.q.items[i]
		v, err := it.node.eval(&r.scope)
		if err != nil {
			return nil, err
		}
		if it.all && v.Kind == Struct {
			r.out.Names = append(r.out.Names, v.row().Names...)
			r.out.Values = append(r.out.Values, v.row().Values...)
			continue
		}
		r.out.Names, r.out.Values = append(r.out.Names, it.name), append(r.out.Values, v)
	}
	return &r.out, nil
}

// all is a whole record: its members, or what it is instead of a structure.
func (r *Run) all(v Value) *Row {
	switch v.Kind {
	case Struct:
		return v.row()
	case Missing:
	default:
		r.out.Names, r.out.Values = append(r.out.Names, "_1"), append(r.out.Values, v)
	}
	return &r.out
}

const noLimit = math.MaxInt64

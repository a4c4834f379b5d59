package resource

import (
	"cmp"
	"iter"
	"slices"
	"strings"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// Query is what a Describe operation asks for.
type Query struct {
	IDs     []string // those asked for by id; all where empty
	Filters []api.Filter
	Max     *int32 // MaxResults
	Token   *string
	// Set is AWS's name of the list of ids, as it tells that there are no pages
	// of them: "instancesSet".
	Set string
	// Least and Most bound Max; 5 and 1000 where zero, as for most operations.
	Least, Most int32
	// NotFound makes the error for an id that does not exist.
	NotFound func(id string) *cloud.Error
}

// List answers a Describe operation from the records of the call's account and
// region: those that Query names and that pass the filters, ordered by id, a
// page at a time. Records that were asked for by id must exist.
func List[T any](c *cloud.Call, r store.Reader, q Query, records iter.Seq[*T], id func(*T) string, fields Fields[T]) ([]*T, *string, error) {
	l, err := newListing(c, r, &q, fields.field)
	if err != nil {
		return nil, nil, err
	}
	for v := range records {
		l.see(id(v), v)
	}
	next, err := l.end()
	if err != nil {
		return nil, nil, err
	}
	var list []*T
	for _, f := range l.found {
		list = append(list, f.v.(*T))
	}
	return list, next, nil
}

// listing is an answer that is being put together, from records of any type.
type listing struct {
	*Query
	c       *cloud.Call
	r       store.Reader
	filters []filter
	limit   int
	after   string
	wanted  map[string]bool // those asked for, to whether they were seen
	found   []listed
}

type listed struct {
	id string
	v  any
}

func newListing(c *cloud.Call, r store.Reader, q *Query, field func(name string) func(v any) []string) (*listing, error) {
	filters, err := compile(q.Filters, field)
	if err != nil {
		return nil, err
	}
	limit, after, err := q.page()
	if err != nil {
		return nil, err
	}
	l := &listing{Query: q, c: c, r: r, filters: filters, limit: limit, after: after, wanted: map[string]bool{}}
	for _, n := range q.IDs {
		l.wanted[n] = false
	}
	return l, nil
}

// see takes a record that exists into account.
func (l *listing) see(id string, v any) {
	if len(l.wanted) > 0 {
		if _, ok := l.wanted[id]; !ok {
			return
		}
		l.wanted[id] = true
	}
	if id > l.after && l.passes(id, v) {
		l.found = append(l.found, listed{id, v})
	}
}

func (l *listing) passes(id string, v any) bool {
	if len(l.filters) == 0 {
		return true
	}
	var tags identity.Tags
	if e, ok := Find(l.c, l.r, id); ok {
		tags = e.Tags
	}
	for i := range l.filters {
		if !l.filters[i].passes(v, tags) {
			return false
		}
	}
	return true
}

// end orders what was found and cuts it to its page; next leads to the one
// after.
func (l *listing) end() (next *string, err error) {
	for _, n := range l.IDs {
		if !l.wanted[n] {
			return nil, l.NotFound(n)
		}
	}
	slices.SortStableFunc(l.found, func(a, b listed) int { return strings.Compare(a.id, b.id) })
	if len(l.found) <= l.limit {
		return nil, nil
	}
	next = new(store.Cursor([]byte(l.found[l.limit-1].id)))
	l.found = l.found[:l.limit]
	return next, nil
}

// page reads MaxResults and NextToken: how many, and after which id.
func (q *Query) page() (limit int, after string, err error) {
	least, most := q.Least, q.Most
	if least == 0 {
		least = 5
	}
	if most == 0 {
		most = 1000
	}
	limit = 1 << 30 // all of them: pages are for those who ask
	if q.Max != nil {
		if len(q.IDs) > 0 {
			return 0, "", Combination("The parameter " + cmp.Or(q.Set, "ids") + " cannot be used with the parameter maxResults")
		}
		if *q.Max < least {
			return 0, "", Errorf("InvalidParameterValue", "Value ( %d ) for parameter maxResults is invalid. Expecting a value greater than %d.", *q.Max, least) // in AWS's words, which allow the value itself
		}
		limit = int(min(*q.Max, most))
	}
	if t := cloud.Or(q.Token, ""); t != "" {
		b, ok := store.ReadCursor(t)
		if !ok {
			return 0, "", Errorf("InvalidParameterValue", "Value (%s) for parameter nextToken is invalid.", t)
		}
		after = string(b)
	}
	return limit, after, nil
}

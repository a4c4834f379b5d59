package resource

import (
	"encoding/base64"
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
	// Least and Most bound Max; 5 and 1000 where zero, as for most operations.
	Least, Most int32
	// NotFound makes the error for an id that does not exist.
	NotFound func(id string) *cloud.Error
}

// List answers a Describe operation from the records of the call's account and
// region: those that Query names and that pass the filters, ordered by id, a
// page at a time. Records that were asked for by id must exist.
func List[T any](c *cloud.Call, r store.Reader, q Query, records iter.Seq[*T], id func(*T) string, fields Fields[T]) ([]*T, *string, error) {
	filters, err := compile(q.Filters, fields)
	if err != nil {
		return nil, nil, err
	}
	limit, after, err := q.page()
	if err != nil {
		return nil, nil, err
	}
	wanted := map[string]bool{} // to whether it was seen
	for _, n := range q.IDs {
		wanted[n] = false
	}
	var found []*T
	for v := range records {
		n := id(v)
		if len(wanted) > 0 {
			if _, ok := wanted[n]; !ok {
				continue
			}
			wanted[n] = true
		}
		if n > after && passesAll(c, r, filters, v, n) {
			found = append(found, v)
		}
	}
	for _, n := range q.IDs {
		if !wanted[n] {
			return nil, nil, q.NotFound(n)
		}
	}
	slices.SortStableFunc(found, func(a, b *T) int { return strings.Compare(id(a), id(b)) })
	if len(found) <= limit {
		return found, nil, nil
	}
	next := base64.RawURLEncoding.EncodeToString([]byte(id(found[limit-1])))
	return found[:limit], &next, nil
}

func passesAll[T any](c *cloud.Call, r store.Reader, filters []filter[T], v *T, id string) bool {
	if len(filters) == 0 {
		return true
	}
	var tags identity.Tags
	if e, ok := Find(c, r, id); ok {
		tags = e.Tags
	}
	for i := range filters {
		if !filters[i].passes(v, tags) {
			return false
		}
	}
	return true
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
			return 0, "", Combination("The parameter maxResults cannot be used with the parameter ids in the same call")
		}
		if *q.Max < least {
			return 0, "", Errorf("InvalidParameterValue", "Value ( %d ) for parameter maxResults is invalid. Expecting a value greater than %d.", *q.Max, least-1)
		}
		limit = int(min(*q.Max, most))
	}
	if t := cloud.Or(q.Token, ""); t != "" {
		b, err := base64.RawURLEncoding.DecodeString(t)
		if err != nil {
			return 0, "", Errorf("InvalidParameterValue", "Value (%s) for parameter nextToken is invalid.", t)
		}
		after = string(b)
	}
	return limit, after, nil
}

package vpc

import (
	"iter"
	"net/netip"
	"strconv"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/service/ec2/resource"
)

// count is how many there are.
func count[T any](seq iter.Seq[T]) (n int) {
	for range seq {
		n++
	}
	return n
}

// tagsFor are the tags of a request that creates one kind of resource.
func tagsFor(specs []api.TagSpecification, kind string) (identity.Tags, error) {
	if err := resource.OnlyTags(specs, kind); err != nil {
		return nil, err
	}
	return resource.SpecifiedTags(specs, kind)
}

// text is a pointer to s, or nil for "".
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// addr is an address as text; "" for none.
func addr(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// prefix is a range as text; "" for none.
func prefix(p netip.Prefix) string {
	if !p.IsValid() {
		return ""
	}
	return p.String()
}

// optional is a filter's field that may be missing.
func optional[T any](f func(*T) string) func(*T) []string {
	return func(v *T) []string {
		if s := f(v); s != "" {
			return []string{s}
		}
		return nil
	}
}

// yes is the answer of operations that only say that they succeeded.
func yes() *bool { return new(true) }

// flag is the value of an attribute that a request may set.
func flag(v *api.AttributeBooleanValue) (set, value bool) {
	if v == nil {
		return false, false
	}
	return true, cloud.Or(v.Value, false)
}

// truth is a boolean as filters have it.
func truth(b bool) string { return strconv.FormatBool(b) }

func decimal(n int32) string { return strconv.Itoa(int(n)) }

// stamp is a time as filters have it.
func stamp(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

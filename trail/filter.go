package trail

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Filter chooses events; empty fields choose all.
type Filter struct {
	Account, Region string
	Service         string
	Operation       string
	Principal       string // a part of the ARN, or the access key id
	Resource        string // a part of a resource's ARN
	Code            string // the error code
	Errors          bool   // only calls that failed
	Writes          bool   // only calls that are not read-only
	External        bool   // leave out what services ask of each other
	Since, Until    time.Time
}

// ParseFilter reads a filter from a query string whose names are those of the
// fields in lower case.
func ParseFilter(q url.Values) (f Filter, err error) {
	f = Filter{
		Account: q.Get("account"), Region: q.Get("region"), Service: q.Get("service"), Operation: q.Get("operation"),
		Principal: q.Get("principal"), Resource: q.Get("resource"), Code: q.Get("code"),
	}
	for name, to := range map[string]*bool{"errors": &f.Errors, "writes": &f.Writes, "external": &f.External} {
		if v := q.Get(name); v != "" {
			if *to, err = strconv.ParseBool(v); err != nil {
				return f, fmt.Errorf("%s is %q, which is neither true nor false", name, v)
			}
		}
	}
	for name, to := range map[string]*time.Time{"since": &f.Since, "until": &f.Until} {
		if v := q.Get(name); v != "" {
			if *to, err = time.Parse(time.RFC3339, v); err != nil {
				return f, fmt.Errorf("%s is %q, which is no time like 2026-01-31T12:00:00Z", name, v)
			}
		}
	}
	return f, nil
}

// Match tells whether the event passes.
func (f *Filter) Match(e *Event) bool {
	switch {
	case f.Account != "" && f.Account != e.Account,
		f.Region != "" && f.Region != e.Region,
		f.Service != "" && !strings.EqualFold(f.Service, e.Service),
		f.Operation != "" && !strings.EqualFold(f.Operation, e.Operation),
		f.Code != "" && f.Code != e.Code,
		f.Principal != "" && !strings.Contains(e.Principal, f.Principal) && f.Principal != e.AccessKey,
		f.Errors && !e.Failed(),
		f.Writes && e.ReadOnly,
		f.External && e.Internal,
		!f.Since.IsZero() && e.Time.Before(f.Since),
		!f.Until.IsZero() && !e.Time.Before(f.Until):
		return false
	}
	if f.Resource == "" {
		return true
	}
	for _, r := range e.Resources {
		if strings.Contains(r, f.Resource) {
			return true
		}
	}
	return false
}

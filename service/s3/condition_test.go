package s3

import (
	"errors"
	"testing"
	"time"

	"pileus/cloud"
)

// Conditions of a read of an object with ETag "e", last modified at noon.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
func TestReadConditions(t *testing.T) {
	noon := time.Date(2026, 1, 1, 12, 0, 0, 999, time.UTC)
	before, same, after := new(noon.Add(-time.Hour)), new(noon.Truncate(time.Second)), new(noon.Add(time.Hour))
	o := &Object{ETag: "e", Modified: noon}
	for _, test := range []struct {
		name string
		q    condition
		code string
	}{
		{"none", condition{}, ""},
		{"match", condition{match: new(`"e"`)}, ""},
		{"match without quotes", condition{match: new("e")}, ""},
		{"match any", condition{match: new("*")}, ""},
		{"match one of several", condition{match: new(`"x", W/"e"`)}, ""},
		{"match fails", condition{match: new(`"x"`)}, "PreconditionFailed"},
		{"unmodified since", condition{unmodSince: same}, ""},
		{"unmodified since fails", condition{unmodSince: before}, "PreconditionFailed"},
		{"match outranks unmodified since", condition{match: new("e"), unmodSince: before}, ""},
		{"none match", condition{noneMatch: new("x")}, ""},
		{"none match fails", condition{noneMatch: new("e")}, "NotModified"},
		{"modified since", condition{modifiedSince: before}, ""},
		{"modified since fails", condition{modifiedSince: after}, "NotModified"},
		{"modified since the same second fails", condition{modifiedSince: same}, "NotModified"},
		{"none match outranks modified since", condition{noneMatch: new("x"), modifiedSince: after}, ""},
		{"none match fails though modified since", condition{noneMatch: new("e"), modifiedSince: before}, "NotModified"},
		{"precondition before not modified", condition{match: new("x"), noneMatch: new("e")}, "PreconditionFailed"},
		{"copy: none match fails", condition{noneMatch: new("e"), copying: true}, "PreconditionFailed"},
	} {
		code := ""
		var e *cloud.Error
		if errors.As(test.q.check(o), &e) {
			code = e.Code
		}
		if code != test.code {
			t.Errorf("%s: %q, want %q", test.name, code, test.code)
		}
	}
}

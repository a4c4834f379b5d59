package s3

import (
	"strings"
	"time"

	"pileus/cloud"
	"pileus/store"
)

// condition is what a read depends on. names are the headers' as errors show
// them: copies have their own.
type condition struct {
	match, noneMatch          *string
	modifiedSince, unmodSince *time.Time
	copying                   bool
}

// check decides a read of o: nil, PreconditionFailed, or NotModified. ETags
// outrank dates, and what asks for the same outranks what asks for another.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html (conditions)
func (q condition) check(o *Object) error {
	modified := o.Modified.Truncate(time.Second)
	if q.match != nil {
		if !matchesETag(*q.match, o.ETag) {
			return q.failed("If-Match")
		}
	} else if q.unmodSince != nil && modified.After(*q.unmodSince) {
		return q.failed("If-Unmodified-Since")
	}
	if q.noneMatch != nil {
		if matchesETag(*q.noneMatch, o.ETag) {
			return q.same("If-None-Match", o)
		}
	} else if q.modifiedSince != nil && !modified.After(*q.modifiedSince) {
		return q.same("If-Modified-Since", o)
	}
	return nil
}

func (q condition) failed(name string) error {
	if q.copying {
		name = "x-amz-copy-source-" + name
	}
	return errPrecondition(name)
}

// same is the answer where the client has what it asks for: for copies that is
// a failure too.
func (q condition) same(name string, o *Object) error {
	if q.copying {
		return q.failed(name)
	}
	e := errNotModified.Head("Etag", quote(o.ETag)).Head("Last-Modified", httpTime(o.Modified))
	if !o.isNull() {
		e = e.Head("X-Amz-Version-Id", o.Version)
	}
	if o.CacheControl != "" {
		e = e.Head("Cache-Control", o.CacheControl)
	}
	return e
}

// matchesETag tells whether a header's list of entity tags names etag, which
// has no quotes.
func matchesETag(list, etag string) bool {
	for tag := range strings.SplitSeq(list, ",") {
		tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
		if tag == "*" || strings.Trim(tag, `"`) == etag {
			return true
		}
	}
	return false
}

// writeCondition is what a write depends on.
type writeCondition struct{ match, noneMatch *string }

// valid refuses what S3 does not offer, before any content is read.
func (q writeCondition) valid() error {
	if q.noneMatch != nil && *q.noneMatch != "*" {
		return errHeaderUnbuilt("If-None-Match", "We don't accept the provided value of If-None-Match header for this API")
	}
	if q.match != nil && q.noneMatch != nil {
		return errHeaderUnbuilt("If-Match,If-None-Match", "Multiple conditional request headers present in the request")
	}
	return nil
}

func errHeaderUnbuilt(header, more string) error {
	return cloud.Errorf(501, "NotImplemented", "A header you provided implies functionality that is not implemented").
		With("Header", header).With("additionalMessage", more)
}

// check decides a write to a key, in the transaction that writes.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
func (q writeCondition) check(r store.Reader, b *Bucket, key string) error {
	if q.match == nil && q.noneMatch == nil {
		return nil
	}
	o, ok := latest(r, b, key)
	there := ok && !o.Marker
	if q.noneMatch != nil && there {
		return errPrecondition("If-None-Match")
	}
	if q.match != nil {
		if !there {
			return errNoSuchKey(key)
		}
		if !matchesETag(*q.match, o.ETag) {
			return errPrecondition("If-Match")
		}
	}
	return nil
}

// deleteCondition is what a delete depends on.
type deleteCondition struct {
	match    *string
	modified *time.Time
	size     *int64
}

// check decides a delete of o, which is nil where there is nothing to delete.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html
func (q deleteCondition) check(o *Object, key string) error {
	if q.match == nil && q.modified == nil && q.size == nil {
		return nil
	}
	switch {
	case o == nil || o.Marker:
		return errNoSuchKey(key)
	case q.match != nil && !matchesETag(*q.match, o.ETag):
		return errPrecondition("If-Match")
	case q.modified != nil && !o.Modified.Truncate(time.Second).Equal(q.modified.Truncate(time.Second)):
		return errPrecondition("x-amz-if-match-last-modified-time")
	case q.size != nil && *q.size != o.Size:
		return errPrecondition("x-amz-if-match-size")
	}
	return nil
}

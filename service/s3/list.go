package s3

import (
	"encoding/base64"
	"net/url"
	"strings"
	"time"

	"pileus/cloud"
	"pileus/store"

	api "pileus/api/s3"
)

// page is one page of keys in order, with those that share a prefix up to the
// delimiter rolled into one entry.
type page struct {
	prefix, delimiter string
	start             string // first key to look at
	limit             int    // entries
	count             int
	prefixes          []string
	last              string // the last entry, key or prefix
	truncated         bool
}

// newPage checks max-keys (or its like) and where to start.
func newPage(prefix, delimiter *string, limit *int32, argument string) (*page, error) {
	p := &page{prefix: cloud.Or(prefix, ""), delimiter: cloud.Or(delimiter, ""), limit: int(cloud.Or(limit, maxList))}
	if p.limit < 0 {
		return nil, errArgument(argument, itoa(*limit), "Argument %s must be an integer between 0 and 2147483647", argument)
	}
	p.limit = min(p.limit, maxList)
	return p, nil
}

// startAfter has the page begin after a key, or after everything that a common
// prefix stands for, as markers name one or the other.
func (p *page) startAfter(marker string) {
	if marker == "" {
		return
	}
	if common, ok := p.common(marker); ok && common == marker && strings.HasPrefix(marker, p.prefix) {
		p.start = following(marker)
		return
	}
	p.start = marker + "\x00"
}

// following is the smallest string after all that begin with s. Keys are valid
// UTF-8, so the last byte can grow.
func following(s string) string { return s[:len(s)-1] + string([]byte{s[len(s)-1] + 1}) }

// common is what the key is rolled into.
func (p *page) common(key string) (string, bool) {
	if p.delimiter == "" || len(key) < len(p.prefix) {
		return "", false
	}
	i := strings.Index(key[len(p.prefix):], p.delimiter)
	if i < 0 {
		return "", false
	}
	return key[:len(p.prefix)+i+len(p.delimiter)], true
}

// take counts an entry; false means that the page is full and there is more.
func (p *page) take(entry string) bool {
	if p.count == p.limit {
		p.truncated = true
		return false
	}
	p.count++
	p.last = entry
	return true
}

// walk visits the records of a bucket that are on the page. It seeks past
// common prefixes, so a page costs what it shows, not what lies behind it.
// visit takes its entries itself and returns false to end the page; it must
// not keep the record.
func walk[T any](r store.Reader, t *store.Table[T], bucket string, p *page, key func(*T) string, visit func(*T) bool) {
	if p.limit == 0 {
		return
	}
	for start, more := max(p.start, p.prefix), true; more; {
		more = false
		for v := range t.Glance(r, store.K(bucket), store.K(bucket, start)) {
			k := key(v)
			if k == "" {
				continue
			}
			if !strings.HasPrefix(k, p.prefix) {
				return
			}
			if common, ok := p.common(k); ok {
				if !p.take(common) {
					return
				}
				p.prefixes = append(p.prefixes, common)
				start, more = following(common), true
				break
			}
			if !visit(v) {
				return
			}
		}
	}
}

// currentKey is the key of an object that listings show: delete markers are
// not.
func currentKey(o *Object) string {
	if o.Marker {
		return ""
	}
	return o.Key
}

// encoder writes names as encoding-type asks for.
type encoder struct{ url bool }

func newEncoder(kind *string) (encoder, error) {
	switch cloud.Or(kind, "") {
	case "":
		return encoder{}, nil
	case "url":
		return encoder{true}, nil
	}
	return encoder{}, errArgument("encoding-type", *kind, "Invalid Encoding Method specified in Request")
}

func (e encoder) text(s string) *string {
	if e.url {
		s = strings.ReplaceAll(url.QueryEscape(s), "%2F", "/")
	}
	return &s
}

// maybe is text of what the request may not have sent.
func (e encoder) maybe(s *string) *string {
	if s == nil {
		return nil
	}
	return e.text(*s)
}

func (e encoder) prefixes(list []string) []api.CommonPrefix {
	out := make([]api.CommonPrefix, len(list))
	for i := range list {
		out[i].Prefix = e.text(list[i])
	}
	return out
}

// entryTexts is what one entry of a listing points to.
type entryTexts struct {
	key, etag, class, kind string
	sum                    [1]string
	modified               time.Time
	size                   int64
}

// listing is the keys of a page as V1 and V2 show them.
func listing(c *cloud.Call, r store.Reader, b *Bucket, p *page, e encoder, owners bool, optional []string) []api.Object {
	list := make([]api.Object, 0, min(p.limit, 64))
	restore := len(optional) > 0 && oneOf("RestoreStatus", optional...)
	var shown *api.Owner
	var account string
	var texts []entryTexts // allocated by the dozen; entries point into it
	walk(r, objects, b.Name, p, currentKey, func(o *Object) bool {
		if !p.take(o.Key) {
			return false
		}
		if len(texts) == cap(texts) {
			texts = make([]entryTexts, 0, 64)
		}
		texts = append(texts, entryTexts{etag: quote(o.ETag), class: o.StorageClass(), key: o.Key, modified: o.Modified, size: o.Size})
		own := &texts[len(texts)-1]
		x := api.Object{Key: &own.key, LastModified: &own.modified, ETag: &own.etag, Size: &own.size, StorageClass: &own.class}
		if e.url {
			x.Key = e.text(o.Key)
		}
		if o.Sum.Algorithm != "" {
			own.sum[0], own.kind = o.Sum.Algorithm, kindWhole
			if o.Sum.Composite {
				own.kind = kindParts
			}
			x.ChecksumAlgorithm, x.ChecksumType = own.sum[:], &own.kind
		}
		if owners {
			if shown == nil || account != o.Owner {
				shown, account = owner(o.Owner), o.Owner
			}
			x.Owner = shown
		}
		if restore {
			x.RestoreStatus = o.restoreStatus(c)
		}
		list = append(list, x)
		return true
	})
	return list
}

// restoreStatus is what x-amz-optional-object-attributes asks for.
func (o *Object) restoreStatus(c *cloud.Call) *api.RestoreStatus {
	switch {
	case o.Restored.After(c.Now):
		return &api.RestoreStatus{IsRestoreInProgress: new(false), RestoreExpiryDate: new(o.Restored)}
	case !o.Restoring.IsZero():
		return &api.RestoreStatus{IsRestoreInProgress: new(true)}
	}
	return nil
}

func listObjects(c *cloud.Call, r store.Reader, in *api.ListObjectsInput) (*api.ListObjectsOutput, error) {
	b, err := findBucket(r, in.Bucket)
	if err != nil {
		return nil, err
	}
	e, err := newEncoder(in.EncodingType)
	if err != nil {
		return nil, err
	}
	p, err := newPage(in.Prefix, in.Delimiter, in.MaxKeys, "max-keys")
	if err != nil {
		return nil, err
	}
	p.startAfter(cloud.Or(in.Marker, ""))
	out := &api.ListObjectsOutput{Name: &b.Name, Prefix: e.text(p.prefix), Marker: e.text(cloud.Or(in.Marker, "")), Delimiter: e.maybe(in.Delimiter),
		MaxKeys: new(int32(p.limit)), EncodingType: in.EncodingType, RequestCharged: charged(c, b)}
	out.Contents = listing(c, r, b, p, e, true, in.OptionalObjectAttributes)
	out.CommonPrefixes, out.IsTruncated = e.prefixes(p.prefixes), &p.truncated
	if p.truncated && p.delimiter != "" {
		out.NextMarker = e.text(p.last)
	}
	meter(c, b, "ListBucket", tier1)
	return out, nil
}

func listObjectsV2(c *cloud.Call, r store.Reader, in *api.ListObjectsV2Input) (*api.ListObjectsV2Output, error) {
	b, err := findBucket(r, in.Bucket)
	if err != nil {
		return nil, err
	}
	e, err := newEncoder(in.EncodingType)
	if err != nil {
		return nil, err
	}
	p, err := newPage(in.Prefix, in.Delimiter, in.MaxKeys, "max-keys")
	if err != nil {
		return nil, err
	}
	if err := checkDirectoryPage(b, p, in.StartAfter); err != nil {
		return nil, err
	}
	p.startAfter(cloud.Or(in.StartAfter, ""))
	if in.ContinuationToken != nil {
		last, err := parseToken(*in.ContinuationToken)
		if err != nil {
			return nil, err
		}
		p.startAfter(last)
	}
	out := &api.ListObjectsV2Output{Name: &b.Name, Prefix: e.text(p.prefix), Delimiter: e.maybe(in.Delimiter), MaxKeys: new(int32(p.limit)),
		EncodingType: in.EncodingType, StartAfter: e.maybe(in.StartAfter), ContinuationToken: in.ContinuationToken, RequestCharged: charged(c, b)}
	out.Contents = listing(c, r, b, p, e, cloud.Or(in.FetchOwner, false), in.OptionalObjectAttributes)
	out.CommonPrefixes, out.IsTruncated = e.prefixes(p.prefixes), &p.truncated
	out.KeyCount = new(int32(p.count))
	if p.truncated {
		out.NextContinuationToken = new(newToken(p.last))
	}
	meter(c, b, "ListBucket", tier1)
	return out, nil
}

// newToken makes an opaque continuation token of the last entry of a page.
func newToken(last string) string {
	return base64.StdEncoding.EncodeToString(append([]byte{tokenVersion}, last...))
}

const tokenVersion = 1

func parseToken(token string) (string, error) {
	b, err := base64.StdEncoding.DecodeString(token)
	if err != nil || len(b) < 2 || b[0] != tokenVersion {
		return "", errArgument("continuation-token", token, "The continuation token provided is incorrect")
	}
	return string(b[1:]), nil
}

package s3

import (
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"pileus/cloud"
)

// properties are the headers of an upload that go into the object's record.
type properties struct {
	contentType, cacheControl, disposition, encoding, language *string
	expires                                                    *time.Time
	redirect, class                                            *string
	meta                                                       map[string]string
}

// defaultType is the Content-Type of uploads without one.
const defaultType = "binary/octet-stream"

// read checks the properties and writes them to the record.
func (p *properties) read(c *cloud.Call, o *Object) error {
	var err error
	if o.Class, err = readClass(p.class); err != nil {
		return err
	}
	if o.Redirect, err = readRedirect(p.redirect); err != nil {
		return err
	}
	if o.Meta, err = readMeta(p.meta); err != nil {
		return err
	}
	o.ContentType = cloud.Or(p.contentType, "")
	if o.ContentType == "" {
		o.ContentType = defaultType
	}
	o.CacheControl = cloud.Or(p.cacheControl, "")
	o.ContentDisposition = cloud.Or(p.disposition, "")
	o.ContentEncoding = withoutChunked(cloud.Or(p.encoding, ""))
	o.ContentLanguage = cloud.Or(p.language, "")
	switch {
	case c.HTTP != nil && c.HTTP.Request != nil:
		o.Expires = c.HTTP.Request.Header.Get("Expires") // kept as it was sent
	case p.expires != nil:
		o.Expires = httpTime(*p.expires)
	}
	return nil
}

// withoutChunked is Content-Encoding without what only the transfer needed.
func withoutChunked(encoding string) string {
	if !strings.Contains(encoding, "aws-chunked") {
		return encoding
	}
	var kept []string
	for e := range strings.SplitSeq(encoding, ",") {
		if e = strings.TrimSpace(e); e != "aws-chunked" && e != "" {
			kept = append(kept, e)
		}
	}
	return strings.Join(kept, ",")
}

// readClass is a storage class as records keep it.
func readClass(class *string) (string, error) {
	if class == nil {
		return "", nil
	}
	switch *class {
	case "STANDARD":
		return "", nil
	case "REDUCED_REDUNDANCY", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER", "DEEP_ARCHIVE", "GLACIER_IR", expressClass:
		return *class, nil
	}
	return "", errStorageClass(*class)
}

func readRedirect(location *string) (string, error) {
	l := cloud.Or(location, "")
	if l != "" && !strings.HasPrefix(l, "/") && !strings.HasPrefix(l, "http://") && !strings.HasPrefix(l, "https://") {
		return "", cloud.Errorf(400, "InvalidRedirectLocation", "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.")
	}
	if len(l) > maxMetadata {
		return "", errArgument("x-amz-website-redirect-location", l, "The length of website redirect location cannot exceed 2,048 characters.")
	}
	return l, nil
}

// readMeta decodes user metadata: names in lower case, values that came in RFC
// 2047 form as text, and no more than 2 KiB together.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html#UserMetadata
func readMeta(sent map[string]string) (map[string]string, error) {
	if len(sent) == 0 {
		return nil, nil
	}
	var words mime.WordDecoder
	meta, size := make(map[string]string, len(sent)), 0
	for name, value := range sent {
		if strings.Contains(value, "=?") {
			if text, err := words.DecodeHeader(value); err == nil {
				value = text
			}
		}
		name = strings.ToLower(name)
		meta[name] = value
		size += len(name) + len(value)
	}
	if size > maxMetadata {
		return nil, errMetadataTooLarge(size)
	}
	return meta, nil
}

// metaAnswer is user metadata as headers can carry it.
func metaAnswer(meta map[string]string) map[string]string {
	for _, v := range meta {
		if !printable(v) {
			out := make(map[string]string, len(meta))
			for name, v := range meta {
				if !printable(v) {
					v = mime.BEncoding.Encode("UTF-8", v)
				}
				out[name] = v
			}
			return out
		}
	}
	return meta
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

// checkKey refuses keys that no object can have.
func checkKey(key string) error {
	switch {
	case len(key) > maxKey:
		return errKeyTooLong(key)
	case !utf8.ValidString(key):
		return cloud.Errorf(400, "InvalidURI", "Couldn't parse the specified URI.").With("URI", strings.ToValidUTF8(key, "\ufffd"))
	}
	return nil
}

func httpTime(t time.Time) string { return t.UTC().Format(http.TimeFormat) }

func quote(etag string) string { return `"` + etag + `"` }

// some is nil where s points to the empty string: a header that is not there.
func some(s *string) *string {
	if *s == "" {
		return nil
	}
	return s
}

// text is nil for the empty string: a header that is not there.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// versionAnswer is x-amz-version-id: only buckets that were ever versioned
// show one.
func versionAnswer(b *Bucket, o *Object) *string {
	if b.Versioning == "" {
		return nil
	}
	return new(o.VersionID())
}

// expiresAnswer is the Expires header where it is a date.
func expiresAnswer(s string) *time.Time {
	if t, err := http.ParseTime(s); err == nil {
		return &t
	}
	return nil
}

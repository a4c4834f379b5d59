package sigv4

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// canonical is what the canonical request of a signature is made from.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
type canonical struct {
	r       *http.Request
	path    string // as on the request line
	host    string
	signed  []string
	payload string
	once    bool // S3: the path is encoded once and kept as it is
	rawPath bool // the path is taken as it was sent
}

// requestPath is the path as the client wrote it, escapes and all. r.URL is
// the second choice, because who routes the request may have rewritten it.
func requestPath(r *http.Request) string {
	if strings.HasPrefix(r.RequestURI, "/") {
		path, _, _ := strings.Cut(r.RequestURI, "?")
		return path
	}
	if p := r.URL.EscapedPath(); p != "" {
		return p
	}
	return "/"
}

// requestHost is the Host header of a request that arrived or is to be sent.
func requestHost(r *http.Request) string {
	if r.Host != "" {
		return r.Host
	}
	return r.URL.Host
}

// append writes the canonical request to dst.
func (c *canonical) append(dst []byte) []byte {
	dst = append(dst, c.r.Method...)
	dst = append(dst, '\n')
	switch {
	case c.rawPath:
		dst = append(dst, c.path...)
	case c.once:
		dst = appendRecoded(dst, c.path, true)
	default:
		dst = appendNormal(dst, c.path)
	}
	dst = append(dst, '\n')
	dst = appendQuery(dst, c.r.URL.RawQuery)
	dst = append(dst, '\n')
	for _, name := range c.signed {
		dst = append(dst, name...)
		dst = append(dst, ':')
		dst = c.appendHeader(dst, name)
		dst = append(dst, '\n')
	}
	dst = append(dst, '\n')
	for i, name := range c.signed {
		if i > 0 {
			dst = append(dst, ';')
		}
		dst = append(dst, name...)
	}
	dst = append(dst, '\n')
	return append(dst, c.payload...)
}

// appendHeader writes a header's canonical value. net/http has moved some
// headers out of the map; they are put back.
func (c *canonical) appendHeader(dst []byte, name string) []byte {
	switch name {
	case "host":
		return append(dst, c.host...)
	case "content-length":
		if c.r.ContentLength >= 0 {
			return strconv.AppendInt(dst, c.r.ContentLength, 10)
		}
		return dst
	case "transfer-encoding":
		return append(dst, strings.Join(c.r.TransferEncoding, ",")...)
	}
	for i, v := range headerValues(c.r.Header, name) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendFolded(dst, v)
	}
	return dst
}

// headerValues looks a lower-case name up without allocating its canonical form.
func headerValues(h http.Header, name string) []string {
	var buf [64]byte
	if len(name) > len(buf) {
		return h.Values(name)
	}
	up := true
	for i := range len(name) {
		ch := name[i]
		if up && 'a' <= ch && ch <= 'z' {
			ch -= 'a' - 'A'
		}
		up = ch == '-'
		buf[i] = ch
	}
	return h[string(buf[:len(name)])]
}

// appendFolded writes a header value without outer spaces and with each run of
// spaces inside as one.
func appendFolded(dst []byte, v string) []byte {
	v = strings.Trim(v, " \t")
	if !strings.Contains(v, "  ") {
		return append(dst, v...)
	}
	for i := range len(v) {
		if v[i] == ' ' && i > 0 && v[i-1] == ' ' {
			continue
		}
		dst = append(dst, v[i])
	}
	return dst
}

// plain are the bytes that stay as they are in an encoded URI (RFC 3986's
// unreserved characters).
var plain = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", byte(c)) >= 0
	}
	return t
}()

const upperDigits = "0123456789ABCDEF"

func appendEncoded(dst []byte, c byte, slash bool) []byte {
	if plain[c] || slash && c == '/' {
		return append(dst, c)
	}
	return append(dst, '%', upperDigits[c>>4], upperDigits[c&15])
}

// appendRecoded decodes s and encodes it AWS's way; slash keeps '/' as it is,
// which is how paths and parameters differ. In parameters '+' is a space.
func appendRecoded(dst []byte, s string, slash bool) []byte {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '%' && i+2 < len(s) && unhex(s[i+1]) < 16 && unhex(s[i+2]) < 16:
			c = unhex(s[i+1])<<4 | unhex(s[i+2])
			i += 2
		case c == '+' && !slash:
			c = ' '
		}
		dst = appendEncoded(dst, c, slash)
	}
	return dst
}

func unhex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 16
}

// appendNormal writes the path of every service but S3: empty, "." and ".."
// segments removed, then encoded on top of the client's own encoding.
func appendNormal(dst []byte, path string) []byte {
	if path == "/" || path == "" {
		return append(dst, '/')
	}
	start := len(dst)
	var marks [16]int // where each kept segment begins in dst
	kept := marks[:0]
	last := ""
	for s := path; s != ""; {
		last, s, _ = strings.Cut(s, "/")
		switch last {
		case "", ".":
			continue
		case "..":
			if n := len(kept); n > 0 {
				dst, kept = dst[:kept[n-1]], kept[:n-1]
			}
			continue
		}
		kept = append(kept, len(dst))
		dst = append(dst, '/')
		for i := range len(last) {
			dst = appendEncoded(dst, last[i], false)
		}
	}
	if len(dst) == start || path[len(path)-1] == '/' {
		dst = append(dst, '/')
	}
	return dst
}

// param is one encoded parameter: where its name and value are in a buffer.
type param struct{ from, equals, to int }

// appendQuery writes the canonical query: each name and value encoded, sorted
// by name and then value, the signature itself left out.
func appendQuery(dst []byte, raw string) []byte {
	if raw == "" {
		return dst
	}
	var room [16]param
	params := room[:0]
	start := len(dst)
	for raw != "" {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		if name == "X-Amz-Signature" {
			continue
		}
		p := param{from: len(dst)}
		dst = appendRecoded(dst, name, false)
		p.equals = len(dst)
		dst = append(dst, '=')
		dst = appendRecoded(dst, value, false)
		p.to = len(dst)
		params = append(params, p)
	}
	order := func(a, b param) int {
		if c := bytes.Compare(dst[a.from:a.equals], dst[b.from:b.equals]); c != 0 {
			return c
		}
		return bytes.Compare(dst[a.equals:a.to], dst[b.equals:b.to])
	}
	if !slices.IsSortedFunc(params, order) {
		slices.SortStableFunc(params, order)
	}
	// The parameters are written again in order behind the first copy, which
	// is then dropped.
	end := len(dst)
	for i, p := range params {
		if i > 0 {
			dst = append(dst, '&')
		}
		dst = append(dst, dst[p.from:p.to]...)
	}
	n := copy(dst[start:], dst[end:])
	return dst[:start+n]
}

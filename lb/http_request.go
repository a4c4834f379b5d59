package lb

import (
	"errors"
	"strconv"
	"strings"
)

// field is a header's line. Names keep the case in which they came.
type field struct{ name, value string }

// request is the head of a request, as rules and logs look at it. Its strings
// share the memory of the head that they were cut from.
type request struct {
	method      string
	target      string // as it came: "/a?b=c", "http://host/a", "*"
	version     string // "HTTP/1.1"
	minor       int    // of HTTP/1.x
	host        string // of the Host header or an absolute target, with its port
	path, query string // of the target; query without "?"
	fields      []field

	length  int64 // of the body; -1 for chunked
	hosts   int   // how many Host headers there were
	close   bool  // the client wants the connection closed
	keep    bool  // it asks an HTTP/1.0 connection to be kept
	upgrade string
	expects bool // 100-continue
	bytes   int  // of the head

	verdict desyncVerdict
}

// Errors of requests that cannot be understood, whatever the mode.
var (
	errMalformed = errors.New("malformed request")
	errVersion   = errors.New("HTTP version is not supported")
	errEncoding  = errors.New("unsupported transfer encoding")
	errTooLarge  = errors.New("a header is too large")
	errURITooBig = errors.New("the request line is too large")
)

// Limits of requests.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html
const (
	maxLine = 16 << 10 // of the request line and of each header
	maxHead = 64 << 10
)

// parse reads a head, which ends with an empty line. Lines may end with LF
// alone, which RFC 9112 lets a recipient accept.
func (r *request) parse(head string) error {
	*r = request{fields: r.fields[:0], bytes: len(head)}
	line, rest := nextLine(head)
	if len(line) > maxLine {
		return errURITooBig
	}
	if err := r.parseLine(line); err != nil {
		return err
	}
	var framing framing
	for {
		line, rest = nextLine(rest)
		if line == "" {
			break
		}
		if len(line) > maxLine {
			return errTooLarge
		}
		colon := strings.IndexByte(line, ':')
		if colon <= 0 || line[0] == ' ' || line[0] == '\t' {
			if strings.TrimSpace(line) == "" {
				r.verdict.note(ambiguous, "EmptyHeader")
				continue
			}
			return errMalformed
		}
		f := field{line[:colon], trim(line[colon+1:])}
		r.fields = append(r.fields, f)
		if err := r.know(f, &framing); err != nil {
			return err
		}
	}
	if r.hosts > 1 || r.hosts == 0 && r.minor == 1 && !strings.Contains(r.target, "://") {
		return errMalformed
	}
	return r.frame(&framing)
}

// parseLine reads "GET /path?query HTTP/1.1".
func (r *request) parseLine(line string) error {
	first, last := strings.IndexByte(line, ' '), strings.LastIndexByte(line, ' ')
	if first <= 0 || last == first {
		return errMalformed
	}
	r.method, r.target, r.version = line[:first], line[first+1:last], line[last+1:]
	if !isToken(r.method) {
		r.verdict.note(severe, "BadMethod")
		return errMalformed
	}
	switch r.version {
	case "HTTP/1.1":
		r.minor = 1
	case "HTTP/1.0":
	default:
		if !strings.HasPrefix(r.version, "HTTP/") {
			r.verdict.note(severe, "BadVersion")
			return errMalformed
		}
		return errVersion
	}
	if r.target == "" {
		return errMalformed
	}
	r.verdict.judgeTarget(r.target)
	target := r.target
	if i := strings.Index(target, "://"); i > 0 && target[0] != '/' {
		target = target[i+3:]
		slash := strings.IndexAny(target, "/?")
		if slash < 0 {
			slash = len(target)
		}
		r.host, target = target[:slash], target[slash:]
		if target == "" || target[0] == '?' {
			target = "/" + target
		}
	}
	if i := strings.IndexByte(target, '#'); i >= 0 {
		target = target[:i]
	}
	r.path, r.query, _ = strings.Cut(target, "?")
	return nil
}

// know takes note of the headers that concern the connection itself.
func (r *request) know(f field, fr *framing) error {
	r.verdict.judgeField(f)
	switch len(f.name) {
	case 4:
		if fold(f.name, "host") {
			r.hosts++
			if r.host == "" {
				r.host = f.value
			}
		}
	case 6:
		if fold(f.name, "expect") {
			r.expects = fold(f.value, "100-continue")
		}
	case 7:
		if fold(f.name, "upgrade") {
			r.upgrade = f.value
		}
	case 10:
		if fold(f.name, "connection") {
			r.close = r.close || hasListed(f.value, "close")
			r.keep = r.keep || hasListed(f.value, "keep-alive")
			fr.upgrade = fr.upgrade || hasListed(f.value, "upgrade")
		}
	case 14:
		if fold(f.name, "content-length") {
			fr.lengths++
			return r.parseLength(f.value, fr)
		}
	case 17:
		if fold(f.name, "transfer-encoding") {
			return r.parseEncoding(f.value, fr)
		}
	}
	return nil
}

// framing is what the headers say about the body.
type framing struct {
	lengths, chunked int
	length           int64
	upgrade          bool
}

func (r *request) parseLength(s string, fr *framing) error {
	n, err := strconv.ParseUint(s, 10, 63)
	if err != nil || s[0] == '+' {
		r.verdict.note(severe, "BadContentLength")
		return errMalformed
	}
	if fr.lengths > 1 {
		if int64(n) != fr.length {
			r.verdict.note(severe, "MultipleContentLength")
			return errMalformed
		}
		r.verdict.note(ambiguous, "DuplicateContentLength")
	}
	fr.length = int64(n)
	return nil
}

func (r *request) parseEncoding(s string, fr *framing) error {
	switch {
	case fold(s, "chunked"):
		fr.chunked++
		if fr.chunked > 1 {
			r.verdict.note(severe, "MultipleTransferEncodingChunked")
			return errMalformed
		}
	case fold(s, "identity"):
	default:
		r.verdict.note(severe, "BadTransferEncoding")
		return errEncoding
	}
	return nil
}

// frame decides how long the body is.
func (r *request) frame(fr *framing) error {
	if !fr.upgrade {
		r.upgrade = ""
	}
	body := "Content-Length"
	switch {
	case fr.chunked > 0:
		if r.length = -1; fr.lengths > 0 {
			r.verdict.note(ambiguous, "BothTeClPresent")
		}
		if r.minor == 0 {
			return errMalformed
		}
		body = "TransferEncoding"
	case fr.lengths > 0:
		r.length = fr.length
	default:
		return nil
	}
	if r.method == "GET" || r.method == "HEAD" {
		if r.length == 0 {
			r.verdict.note(acceptable, "GetHeadZeroContentLength")
		} else if body == "TransferEncoding" {
			r.verdict.note(ambiguous, "UndefinedTransferEncodingSemantics")
		} else {
			r.verdict.note(ambiguous, "UndefinedContentLengthSemantics")
		}
	}
	return nil
}

// get is the first value of a header, "" for none.
func (r *request) get(name string) string {
	for i := range r.fields {
		if fold(r.fields[i].name, name) {
			return r.fields[i].value
		}
	}
	return ""
}

// hostname is the host without its port.
func (r *request) hostname() string {
	host := r.host
	if strings.HasPrefix(host, "[") {
		if i := strings.IndexByte(host, ']'); i > 0 {
			return host[:i+1]
		}
		return host
	}
	if i := strings.LastIndexByte(host, ':'); i >= 0 {
		return host[:i]
	}
	return host
}

// port is the port that the host names, "" for none.
func (r *request) port() string {
	if n := len(r.hostname()); len(r.host) > n+1 && r.host[n] == ':' {
		return r.host[n+1:]
	}
	return ""
}

// nextLine cuts off a line without its end.
func nextLine(s string) (line, rest string) {
	i := strings.IndexByte(s, '\n')
	if i < 0 {
		return s, ""
	}
	line, rest = s[:i], s[i+1:]
	if i > 0 && line[i-1] == '\r' {
		line = line[:i-1]
	}
	return line, rest
}

func trim(s string) string {
	for len(s) > 0 && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for len(s) > 0 && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

// fold tells whether s is lower, in any case of ASCII letters.
func fold(s, lower string) bool {
	if len(s) != len(lower) {
		return false
	}
	for i := range len(s) {
		if toLower(s[i]) != lower[i] {
			return false
		}
	}
	return true
}

func toLower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}

// hasListed tells whether a list with commas has an item.
func hasListed(list, item string) bool {
	for list != "" {
		var one string
		one, list, _ = strings.Cut(list, ",")
		if fold(trim(one), item) {
			return true
		}
	}
	return false
}

func isToken(s string) bool {
	for i := range len(s) {
		if !tokenByte(s[i]) {
			return false
		}
	}
	return s != ""
}

// tokenByte tells the characters of RFC 9110's tokens.
func tokenByte(b byte) bool {
	switch {
	case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9':
		return true
	}
	return strings.IndexByte("!#$%&'*+-.^_`|~", b) >= 0
}

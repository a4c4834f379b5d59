package lb

import (
	"bytes"
	"strconv"
	"strings"
)

// response is the head of a target's answer.
type response struct {
	raw     []byte // in the target connection's buffer
	status  int
	line    []byte // "200 OK"
	minor   int
	length  int64 // -1 for chunked, untilEOF
	close   bool
	upgrade bool
}

// parse reads a head, which ends with an empty line.
func (r *response) parse(head []byte, method string) error {
	*r = response{length: untilEOF}
	line, rest := cutLine(head)
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.")) || line[8] != ' ' {
		return errMalformed
	}
	r.minor = int(line[7] - '0')
	if r.minor > 1 {
		return errMalformed
	}
	n, err := strconv.Atoi(string(line[9:12]))
	if err != nil || n < 100 || len(line) > 12 && line[12] != ' ' {
		return errMalformed
	}
	r.status, r.line, r.raw = n, line[9:], rest
	keep := false
	for len(rest) > 0 {
		if line, rest = cutLine(rest); len(line) == 0 {
			break
		}
		if err := r.know(line, &keep); err != nil {
			return err
		}
	}
	r.close = r.close || r.minor == 0 && !keep
	if method == "HEAD" || n < 200 || n == 204 || n == 304 {
		r.length = 0
	}
	return nil
}

// know takes note of what concerns the connection.
func (r *response) know(line []byte, keep *bool) error {
	name, value, ok := cutField(line)
	if !ok {
		return errMalformed
	}
	switch len(name) {
	case 7:
		if foldBytes(name, "upgrade") {
			r.upgrade = true
		}
	case 10:
		if foldBytes(name, "connection") {
			list := string(value)
			r.close = r.close || hasListed(list, "close")
			*keep = *keep || hasListed(list, "keep-alive")
		}
	case 14:
		if foldBytes(name, "content-length") && r.length != -1 {
			n, err := strconv.ParseUint(string(value), 10, 63)
			if err != nil || r.length >= 0 && r.length != int64(n) {
				return errMalformed
			}
			r.length = int64(n)
		}
	case 17:
		if foldBytes(name, "transfer-encoding") {
			if !foldBytes(value, "chunked") {
				return errMalformed
			}
			r.length = -1
		}
	}
	return nil
}

// appendFields writes the headers that the client gets, without those that the
// balancer sets.
func (r *response) appendFields(to []byte, set map[string]string) []byte {
	rest := r.raw
	var line []byte
	for len(rest) > 0 {
		if line, rest = cutLine(rest); len(line) == 0 {
			break
		}
		if name, _, _ := cutField(line); !r.hop(name) && !overridden(set, name) {
			to = append(append(to, line...), '\r', '\n')
		}
	}
	return to
}

// hop tells the headers that concern the target's connection only.
func (r *response) hop(name []byte) bool {
	switch len(name) {
	case 7:
		return foldBytes(name, "upgrade") && r.status != 101
	case 10:
		return foldBytes(name, "connection") || foldBytes(name, "keep-alive")
	case 14:
		return r.length == -1 && foldBytes(name, "content-length")
	case 16:
		return foldBytes(name, "proxy-connection")
	case 17:
		return foldBytes(name, "transfer-encoding")
	}
	return false
}

func overridden(set map[string]string, name []byte) bool {
	for k := range set {
		if len(k) == len(name) && strings.EqualFold(k, string(name)) {
			return true
		}
	}
	return false
}

// sets tells whether the answer sets a cookie.
func (r *response) sets(cookie string) bool {
	rest := r.raw
	var line []byte
	for len(rest) > 0 {
		if line, rest = cutLine(rest); len(line) == 0 {
			break
		}
		if name, value, _ := cutField(line); foldBytes(name, "set-cookie") {
			if k, _, ok := bytes.Cut(value, []byte("=")); ok && string(bytes.TrimSpace(k)) == cookie {
				return true
			}
		}
	}
	return false
}

// cutLine cuts off a line without its end.
func cutLine(b []byte) (line, rest []byte) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		return b, nil
	}
	line, rest = b[:i], b[i+1:]
	if i > 0 && line[i-1] == '\r' {
		line = line[:i-1]
	}
	return line, rest
}

func cutField(line []byte) (name, value []byte, ok bool) {
	i := bytes.IndexByte(line, ':')
	if i <= 0 {
		return nil, nil, false
	}
	value = line[i+1:]
	for len(value) > 0 && (value[0] == ' ' || value[0] == '\t') {
		value = value[1:]
	}
	for n := len(value); n > 0 && (value[n-1] == ' ' || value[n-1] == '\t'); n-- {
		value = value[:n-1]
	}
	return line[:i], value, true
}

// foldBytes tells whether b is lower, in any case of ASCII letters.
func foldBytes(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i := range b {
		if toLower(b[i]) != lower[i] {
			return false
		}
	}
	return true
}

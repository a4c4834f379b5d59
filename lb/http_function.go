package lb

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
)

// maxFunctionBody is how large the bodies of requests to and answers of
// functions may be.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
const maxFunctionBody = 1 << 20

// functionError is a function target that could not answer.
type functionError struct {
	status int
	err    error
}

func (e *functionError) Error() string { return fmt.Sprintf("function: %v", e.err) }
func (e *functionError) Unwrap() error { return e.err }

// function calls a function target with the whole of a request.
func (x *exchange) function(g *Group, r *http.Request) (*http.Response, error) {
	var in []byte
	var err error
	if r.Body != nil {
		if in, err = io.ReadAll(io.LimitReader(r.Body, maxFunctionBody+1)); err != nil {
			return nil, &functionError{400, err}
		}
	}
	if len(in) > maxFunctionBody {
		return nil, &functionError{413, fmt.Errorf("the request's body is larger than %d bytes", maxFunctionBody)}
	}
	r = r.Clone(r.Context())
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(in)), int64(len(in))
	r.RemoteAddr, r.URL.Scheme, r.URL.Host = x.client.String(), "", ""
	x.sending()
	resp, err := g.Function(r)
	if err != nil {
		return nil, &functionError{502, err}
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(io.LimitReader(resp.Body, maxFunctionBody+1))
	if err == nil && (len(out) > maxFunctionBody || resp.StatusCode < 100 || resp.StatusCode > 999) {
		err = fmt.Errorf("the answer has status %d and more than %d bytes, or the status is none", resp.StatusCode, maxFunctionBody)
	}
	if err != nil {
		return nil, &functionError{502, err}
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(out)), int64(len(out))
	header := http.Header{"Content-Length": {strconv.Itoa(len(out))}}
	for name, values := range resp.Header {
		switch name = http.CanonicalHeaderKey(name); name {
		case "Content-Length", "Transfer-Encoding", "Connection":
		default:
			header[name] = append(header[name], values...)
		}
	}
	resp.Header = header
	x.waited = x.watch.Elapsed() - x.sentAt
	x.status, x.targetStatus = resp.StatusCode, resp.StatusCode
	x.group.answered(resp.StatusCode, x.waited.Seconds())
	return resp, nil
}

// call answers a request of HTTP/1 by a function.
func (c *client) call(g *Group, keep bool) bool {
	if c.req.expects && c.req.length != 0 {
		if c.write([]byte("HTTP/1.1 100 Continue\r\n\r\n")) != nil {
			return c.gone()
		}
		c.req.expects = false
	}
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(c.x.appendRequest(nil))))
	if err != nil {
		return c.refuse(400)
	}
	b := c.body()
	counted := &countingReader{from: b}
	r.Body = io.NopCloser(counted)
	resp, err := c.x.function(g, r.WithContext(c.front.site.ctx))
	c.x.received += counted.n
	keep = keep && b.ended()
	c.req.length = 0 // it was read
	if err != nil {
		return c.own(page(err.(*functionError).status), keep)
	}
	return c.writeResponse(resp, keep)
}

// writeResponse writes a function's answer.
func (c *client) writeResponse(resp *http.Response, keep bool) bool {
	out := appendStatus(c.out[:0], resp.StatusCode, http.StatusText(resp.StatusCode))
	for _, name := range slices.Sorted(maps.Keys(resp.Header)) {
		for _, v := range resp.Header[name] {
			out = appendField(out, name, v)
		}
	}
	for _, v := range c.x.fresh {
		out = appendField(out, "Set-Cookie", v)
	}
	out = append(appendConnection(out, keep), '\r', '\n')
	if c.req.method != "HEAD" {
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return false
		}
		out = append(out, body...)
	}
	c.out = out
	return c.write(out) == nil && keep
}

// countingReader counts what was read.
type countingReader struct {
	from io.Reader
	n    int64
}

// Read implements io.Reader.
func (r *countingReader) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	r.n += int64(n)
	return n, err
}

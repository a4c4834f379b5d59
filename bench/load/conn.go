// Package load drives an AWS-compatible endpoint as fast as it goes: requests
// are signed and written out before the measurement begins, and sent over
// keep-alive connections without an HTTP library, so that what is measured is
// the server.
package load

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"
)

const (
	readBuffer = 256 << 10
	maxKept    = 1 << 20 // of a chunked answer
)

// conn is one keep-alive connection. Answers are read by hand: a status, a
// length, a body.
type conn struct {
	addr string
	net  net.Conn
	buf  []byte
	r, w int    // what is buffered
	kept []byte // a chunked body
	done bool   // the server will close
}

// answer is a response. body is valid until the next request; a body larger
// than the buffer is read and dropped, and then nil.
type answer struct {
	status int
	size   int64
	body   []byte
}

func dial(addr string) (*conn, error) {
	c := &conn{addr: addr, buf: make([]byte, readBuffer)}
	return c, c.redial()
}

func (c *conn) redial() (err error) {
	c.r, c.w, c.done = 0, 0, false
	c.net, err = net.Dial("tcp", c.addr)
	return err
}

// do sends a request and reads its answer. After an error the connection is
// opened anew for the next.
func (c *conn) do(q *request) (answer, error) {
	a, err := c.exchange(q)
	if err == nil && !c.done {
		return a, nil
	}
	if err2 := c.net.Close(); err == nil {
		err = err2
	}
	if err2 := c.redial(); err == nil {
		err = err2
	}
	return a, err
}

func (c *conn) exchange(q *request) (answer, error) {
	if err := c.send(q); err != nil {
		return answer{}, err
	}
	return c.answer()
}

// send writes a request, head and body in one call where both are large.
func (c *conn) send(q *request) error {
	if len(q.body) == 0 {
		_, err := c.net.Write(q.head)
		return err
	}
	parts := net.Buffers{q.head, q.body}
	_, err := parts.WriteTo(c.net)
	return err
}

// fill reads more; it makes room first.
func (c *conn) fill() error {
	if c.r > 0 {
		c.w = copy(c.buf, c.buf[c.r:c.w])
		c.r = 0
	}
	if c.w == len(c.buf) {
		return errors.New("an answer's head is larger than the buffer")
	}
	n, err := c.net.Read(c.buf[c.w:])
	c.w += n
	if n > 0 {
		return nil
	}
	return err
}

// until reads up to and including end and answers what comes before it.
func (c *conn) until(end string) ([]byte, error) {
	for {
		if i := bytes.Index(c.buf[c.r:c.w], []byte(end)); i >= 0 {
			b := c.buf[c.r : c.r+i]
			c.r += i + len(end)
			return b, nil
		}
		if err := c.fill(); err != nil {
			return nil, err
		}
	}
}

func (c *conn) answer() (a answer, err error) {
	head, err := c.until("\r\n\r\n")
	if err != nil {
		return a, err
	}
	if len(head) < 12 || !bytes.HasPrefix(head, []byte("HTTP/1.1 ")) {
		return a, fmt.Errorf("not an HTTP/1.1 answer: %.40q", head)
	}
	if a.status, err = strconv.Atoi(string(head[9:12])); err != nil {
		return a, err
	}
	length, chunked, err := c.framing(head)
	switch {
	case err != nil || a.status == 204 || a.status == 304:
		return a, err
	case chunked:
		return c.chunked(a)
	case length < 0:
		return a, errors.New("an answer without a length")
	}
	a.size = length
	return c.sized(a)
}

// framing finds in a head how the body ends.
func (c *conn) framing(head []byte) (length int64, chunked bool, err error) {
	length = -1
	for len(head) > 0 {
		var line []byte
		line, head, _ = bytes.Cut(head, []byte("\r\n"))
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			continue
		}
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("content-length")):
			if length, err = strconv.ParseInt(string(value), 10, 64); err != nil {
				return 0, false, err
			}
		case bytes.EqualFold(name, []byte("transfer-encoding")):
			chunked = bytes.EqualFold(value, []byte("chunked"))
		case bytes.EqualFold(name, []byte("connection")):
			c.done = bytes.EqualFold(value, []byte("close"))
		}
	}
	return length, chunked, nil
}

// sized reads a body of known size: kept where it fits, dropped where not.
func (c *conn) sized(a answer) (answer, error) {
	if a.size <= int64(len(c.buf)/2) {
		for int64(c.w-c.r) < a.size {
			if err := c.fill(); err != nil {
				return a, err
			}
		}
		a.body = c.buf[c.r : c.r+int(a.size)]
		c.r += int(a.size)
		return a, nil
	}
	return a, c.drop(a.size)
}

func (c *conn) drop(n int64) error {
	n -= int64(c.w - c.r)
	c.r, c.w = 0, 0
	for n > 0 {
		m, err := c.net.Read(c.buf[:min(n, int64(len(c.buf)))])
		if n -= int64(m); err != nil && n > 0 {
			return err
		}
	}
	return nil
}

func (c *conn) chunked(a answer) (answer, error) {
	c.kept = c.kept[:0]
	for {
		line, err := c.until("\r\n")
		if err != nil {
			return a, err
		}
		n, err := strconv.ParseInt(string(line), 16, 64)
		if err != nil {
			return a, err
		}
		a.size += n
		for n > 0 {
			if c.r == c.w {
				if err := c.fill(); err != nil {
					return a, err
				}
			}
			m := min(int64(c.w-c.r), n)
			if len(c.kept) < maxKept {
				c.kept = append(c.kept, c.buf[c.r:c.r+int(m)]...)
			}
			c.r, n = c.r+int(m), n-m
		}
		if end, err := c.until("\r\n"); err != nil || len(end) > 0 {
			return a, fmt.Errorf("a chunk without an end: %v", err)
		}
		if len(line) == 1 && line[0] == '0' {
			a.body = c.kept
			return a, nil
		}
	}
}

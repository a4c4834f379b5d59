package node

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
)

// counted counts the writes to a connection.
type counted struct {
	net.Conn
	writes atomic.Int32
}

func (c *counted) Write(b []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(b)
}

// single is a listener of one connection.
type single struct {
	conn chan net.Conn
	net.Listener
}

func (s *single) Accept() (net.Conn, error) {
	if c, ok := <-s.conn; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (s *single) Close() error { return nil }

type connKey struct{}

// serveJoined serves one connection, on which /n answers n bytes.
func serveJoined(t *testing.T) (client net.Conn, c *counted) {
	client, server := net.Pipe()
	c = &counted{Conn: server}
	l := &single{conn: make(chan net.Conn, 1)}
	l.conn <- &peeked{Conn: c}
	close(l.conn)
	s := &http.Server{
		ConnContext: func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			p := r.Context().Value(connKey{}).(*peeked)
			p.Flush()
			n, _ := strconv.Atoi(r.URL.Path[1:])
			w.Header()["Date"] = nil
			w.Header().Set("Content-Length", strconv.Itoa(n))
			p.Join()
			w.Write(bytes.Repeat([]byte{'x'}, n))
		}),
	}
	go s.Serve(l)
	t.Cleanup(func() { s.Close(); client.Close() })
	return client, c
}

func request(n int) string { return fmt.Sprintf("GET /%d HTTP/1.1\r\nHost: x\r\n\r\n", n) }

func response(t *testing.T, r *bufio.Reader, want int) {
	t.Helper()
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(res.Body); err != nil || len(b) != want {
		t.Fatalf("%d bytes (%v), want %d", len(b), err, want)
	}
}

func TestAnAnswerLeavesInOneWrite(t *testing.T) {
	client, c := serveJoined(t)
	r := bufio.NewReader(client)
	for n := 3900; n < 4200; n++ { // on either side of a full buffer, and exactly that
		before := c.writes.Load()
		io.WriteString(client, request(n))
		response(t, r, n)
		if got := c.writes.Load() - before; got != 1 {
			t.Fatalf("an answer of %d bytes took %d writes", n, got)
		}
	}
	for _, n := range []int{0, 1, 8 << 10, 11 << 10, 1 << 20} {
		io.WriteString(client, request(n))
		response(t, r, n)
	}
}

// TestRequestsSentAtOnceAreAnswered sends the next request before the answer,
// so that the server does not read between the two.
func TestRequestsSentAtOnceAreAnswered(t *testing.T) {
	client, _ := serveJoined(t)
	r := bufio.NewReader(client)
	for n := 3900; n < 4200; n++ {
		go io.WriteString(client, request(n)+request(n+1))
		response(t, r, n)
		response(t, r, n+1)
	}
}

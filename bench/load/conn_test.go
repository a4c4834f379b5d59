package load

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestAnswers reads what net/http writes in all its ways, on one connection.
func TestAnswers(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var n int
		var how string
		if _, err := fmt.Sscanf(r.URL.Path, "/%d/%s", &n, &how); err != nil {
			http.Error(w, err.Error(), http.StatusTeapot)
			return
		}
		body := bytes.Repeat([]byte("x"), n)
		switch how {
		case "sized":
			w.Header().Set("Content-Length", fmt.Sprint(n))
		case "empty":
			w.WriteHeader(http.StatusNoContent)
			return
		case "close":
			w.Header().Set("Connection", "close")
		case "echo":
			b, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			body = b
		}
		for len(body) > 0 {
			m := min(len(body), 70000)
			if _, err := w.Write(body[:m]); err != nil {
				t.Error(err)
			}
			body = body[m:]
			if how == "chunked" {
				w.(http.Flusher).Flush()
			}
		}
	}))
	defer server.Close()
	c, err := dial(strings.TrimPrefix(server.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	for _, q := range []struct {
		path   string
		body   int
		status int
		size   int64
		kept   bool
	}{
		{"/5/sized", 0, 200, 5, true}, {"/0/sized", 0, 200, 0, true}, {"/5000000/sized", 0, 200, 5000000, false},
		{"/200000/sized", 0, 200, 200000, false}, {"/300000/chunked", 0, 200, 300000, true}, {"/0/chunked", 0, 200, 0, true},
		{"/0/empty", 0, 204, 0, false}, {"/3/close", 0, 200, 3, true}, {"/x", 0, 418, 15, true}, {"/0/echo", 100000, 200, 100000, true},
	} {
		body := bytes.Repeat([]byte("y"), q.body)
		a, err := c.do(&request{head: fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", q.path, q.body), body: body})
		if err != nil || a.status != q.status || a.status == 200 && (a.size != q.size || q.kept != (int64(len(a.body)) == q.size)) {
			t.Errorf("%s: status %d, size %d, kept %d, %v", q.path, a.status, a.size, len(a.body), err)
		}
	}
}

// TestHistogram: quantiles are right to within the buckets' width.
func TestHistogram(t *testing.T) {
	var a, b histogram
	for i := 1; i <= 1000; i++ {
		h := &a
		if i%2 == 0 {
			h = &b
		}
		h.add(time.Duration(i) * time.Millisecond)
	}
	a.merge(&b)
	for q, want := range map[float64]float64{0.5: 500, 0.99: 990, 0: 1} {
		if got := a.quantile(q); got > want*1.04 || got < want*0.96 {
			t.Errorf("quantile %v: %v, want about %v", q, got, want)
		}
	}
	for _, d := range []time.Duration{0, 1, 63, 64, 65, 1023, 1024, time.Second, time.Hour} {
		if v := value(slot(d)); v > max(d, 1) || float64(v) < float64(d)*0.96 {
			t.Errorf("%v falls into the bucket of %v", d, v)
		}
	}
	if (&histogram{}).quantile(0.5) != 0 {
		t.Error("nothing has a median")
	}
}

package lb

import (
	"bytes"
	"io"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"pileus/clock"
	"pileus/rng"
)

// FuzzRequest holds what is passed on to what was understood: a head that is
// written for a target says the same when it is read again.
func FuzzRequest(f *testing.F) {
	for _, head := range []string{
		"GET /a?b HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n",
		"POST http://h:1/x HTTP/1.1\nHost: h:1\nTransfer-Encoding: chunked\n\n",
		"PUT * HTTP/1.0\r\nContent-Length: 3\r\nContent-Length: 3\r\nConnection: upgrade, close\r\nUpgrade: x\r\n\r\n",
		"GET / HTTP/1.0\nH 00:\n\n",
		"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\nContent-Length\t: 5\r\nX: a\rb\r\n \r\n\r\n",
	} {
		f.Add([]byte(head))
	}
	e := New(Options{Clock: clock.Still(time.Unix(1e9, 0)), Rand: rng.Seeded(1)})
	f.Cleanup(e.Close)
	front := &httpFront{site: newSite(e, "b")}
	config := &httpConfig{balancer: &Balancer{}, listener: &Listener{Port: 80}, attrs: &HTTPAttributes{}}
	f.Fuzz(func(t *testing.T, data []byte) {
		end := headEnd(data)
		if end < 0 {
			return
		}
		var r request
		if r.parse(string(data[:end])) != nil || r.verdict.class == severe {
			return
		}
		x := exchange{front: front, config: config, node: &Node{}, req: &r, conn: &connInfo{scheme: "http"}, client: netip.MustParseAddrPort("192.0.2.1:9")}
		out := x.appendRequest(nil)
		if n := headEnd(out); n != len(out) {
			t.Fatalf("%q becomes %q, which ends after %d bytes", data, out, n)
		}
		var again request
		if err := again.parse(string(out)); err != nil {
			t.Fatalf("%q becomes %q: %v", data, out, err)
		}
		if again.method != r.method || again.length != r.length || again.host != r.host || again.query != r.query {
			t.Errorf("%q becomes %q", data, out)
		}
		for i := range again.fields {
			if strings.ContainsAny(again.fields[i].name, " \t\r\x00") {
				t.Errorf("%q becomes %q", data, out)
			}
		}
	})
}

// FuzzChunks compares content that comes in pieces with the same in one.
func FuzzChunks(f *testing.F) {
	f.Add([]byte("3\r\nabc\r\n0\r\n\r\n"), 1)
	f.Add([]byte("A;x=y\r\n0123456789\r\n0\r\nT: 1\r\n\r\nrest"), 3)
	f.Add([]byte("ffffffffffffffff\r\n"), 2)
	f.Fuzz(func(t *testing.T, data []byte, piece int) {
		whole, whereWhole, errWhole := readChunks(bytes.NewReader(data))
		parts, whereParts, errParts := readChunks(&pieces{data, max(1, piece&31)})
		if !bytes.Equal(whole, parts) || whereWhole != whereParts || (errWhole == nil) != (errParts == nil) {
			t.Errorf("%q: %q %d %v, in pieces %q %d %v", data, whole, whereWhole, errWhole, parts, whereParts, errParts)
		}
		if errWhole == nil { // and written again it is the same
			again := appendLast(appendIf(nil, whole), nil)
			if got, _, err := readChunks(bytes.NewReader(again)); err != nil || !bytes.Equal(got, whole) {
				t.Errorf("%q is read as %q, %v", again, got, err)
			}
		}
	})
}

func appendIf(to, content []byte) []byte {
	if len(content) == 0 {
		return to
	}
	return appendChunk(to, content)
}

// readChunks reads a chunked body and tells how long it was.
func readChunks(from io.Reader) (content []byte, size int, err error) {
	n := &countingReader{from: from}
	var in buffer
	b := &body{in: &in, from: n, chunks: &chunks{}}
	content, err = io.ReadAll(b)
	if err != nil {
		return content, 0, err
	}
	return content, int(n.n) - len(in.data()), nil
}

// pieces gives a few bytes at a time.
type pieces struct {
	data []byte
	n    int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.data) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.data[:min(p.n, len(p.data))])
	p.data = p.data[n:]
	return n, nil
}

func FuzzResponse(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"), "GET")
	f.Add([]byte("HTTP/1.0 101 X\nConnection: keep-alive\nTransfer-Encoding: chunked\n\n"), "HEAD")
	f.Fuzz(func(t *testing.T, data []byte, method string) {
		end := headEnd(data)
		if end < 0 {
			return
		}
		var r, again response
		if r.parse(data[:end], method) != nil {
			return
		}
		out := append(r.appendFields(append(append([]byte("HTTP/1.1 "), r.line...), '\r', '\n'), nil), '\r', '\n')
		if headEnd(out) != len(out) || again.parse(out, method) != nil || again.status != r.status {
			t.Errorf("%q becomes %q", data, out)
		}
	})
}

func TestTraceIDs(t *testing.T) {
	e := New(Options{Clock: clock.Still(time.Unix(0x67891233, 0)), Rand: rng.Seeded(1)})
	defer e.Close()
	x := exchange{front: &httpFront{site: newSite(e, "b")}}
	const id = `1-67891233-[0-9a-f]{24}`
	for had, want := range map[string]string{
		"":                                    "Root=" + id,
		"Root=1-a-b":                          "Self=" + id + ";Root=1-a-b",
		"Root=1-a-b;CalledFrom=app":           "Self=" + id + ";Root=1-a-b;CalledFrom=app",
		"Self=1-x-y;Root=1-a-b":               "Self=" + id + ";Root=1-a-b",
		"TotalTimeSoFar=112ms;CalledFrom=foo": "Root=" + id + ";TotalTimeSoFar=112ms;CalledFrom=foo",
	} {
		x.req = &request{fields: []field{{"X-Amzn-Trace-Id", had}}}
		if got := x.traceID(); !regexp.MustCompile("^" + want + "$").MatchString(got) {
			t.Errorf("%q becomes %q", had, got)
		}
	}
}

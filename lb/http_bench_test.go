package lb

import (
	"io"
	"net"
	"net/netip"
	"testing"

	"pileus/clock"
	"pileus/rng"
)

// BenchmarkRelay is a request over a kept connection, client and target
// included.
func BenchmarkRelay(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		buf := make([]byte, 4096)
		for {
			if _, err := c.Read(buf); err != nil {
				return
			}
			io.WriteString(c, fine)
		}
	}()
	w := &loopback{ports: map[netip.AddrPort]string{}}
	e := New(Options{Wire: w, Clock: clock.New(), Rand: rng.New()})
	defer e.Close()
	if err := e.Apply(b.Context(), Balancer{ID: "b", Kind: Application, Nodes: []Node{{Zone: "a", Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.4")}}},
		Listeners: []Listener{{Port: 80, Protocol: "HTTP", Default: forwardTo("g")}}, CrossZone: true,
		Groups: map[string]*Group{"g": {ID: "g", Protocol: "HTTP", Check: Check{Off: true}, Targets: []Target{targetAt("i-1", l.Addr())}}}}); err != nil {
		b.Fatal(err)
	}
	c, err := net.Dial("tcp", w.at("10.0.0.4:80"))
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	request := []byte("GET /some/path?q=1 HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: bench\r\nAccept: */*\r\n\r\n")
	buf := make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Write(request); err != nil {
			b.Fatal(err)
		}
		if _, err := c.Read(buf); err != nil {
			b.Fatal(err)
		}
	}
}

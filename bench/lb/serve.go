package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"runtime/pprof"
	"strconv"
	"syscall"

	"pileus/clock"
	"pileus/lb"
	"pileus/plane"
	"pileus/rng"
)

// serveTarget answers whatever comes with as little effort as possible: what
// is measured is the balancers.
func serveTarget(size int) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(l.Addr())
	answer := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nServer: target\r\nContent-Length: %d\r\n\r\n", size)
	answer = append(answer, bytes.Repeat([]byte("x"), size)...)
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go answerAll(c, answer)
	}
}

func answerAll(c net.Conn, answer []byte) {
	defer c.Close()
	buf := make([]byte, 256<<10)
	n := 0
	for {
		m, err := c.Read(buf[n:])
		if err != nil {
			return
		}
		n += m
		end := bytes.Index(buf[:n], []byte("\r\n\r\n"))
		if end < 0 {
			continue
		}
		want := end + 4
		if _, length, ok := bytes.Cut(buf[:end], []byte("Content-Length: ")); ok {
			length, _, _ = bytes.Cut(length, []byte("\r\n"))
			size, _ := strconv.Atoi(string(length))
			want += size
		}
		if n < want {
			continue
		}
		n = copy(buf, buf[want:n])
		if _, err := c.Write(answer); err != nil {
			return
		}
	}
}

// loopback is a wire of this machine.
type loopback struct{ listening chan net.Addr }

func (w *loopback) Listen(ctx context.Context, _ string, _ netip.AddrPort) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err == nil {
		w.listening <- l.Addr()
	}
	return l, err
}

func (w *loopback) ListenPacket(ctx context.Context, _ string, at netip.AddrPort) (net.PacketConn, error) {
	return new(net.ListenConfig).ListenPacket(ctx, "udp", at.String())
}

// DialAs cannot take the client's address on one machine.
func (*loopback) DialAs(context.Context, string, netip.Addr, netip.AddrPort, string, netip.AddrPort) (net.Conn, error) {
	return nil, plane.ErrUnsupported
}

// Delivery knows nothing.
func (*loopback) Delivery(net.Conn) plane.Delivery { return plane.Delivered }

func (w *loopback) Dial(ctx context.Context, _ string, _ netip.Addr, network string, to netip.AddrPort) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, to.String())
}

// serveBalancer runs an application load balancer with some rules that do not
// match and a default that forwards, until it is told to end.
func serveBalancer(target, profile string) error {
	at, err := netip.ParseAddrPort(target)
	if err != nil {
		return err
	}
	w := &loopback{make(chan net.Addr, 1)}
	e := lb.New(lb.Options{Wire: w, Clock: clock.New(), Rand: rng.New(), Log: slog.Default()})
	defer e.Close()
	forward := []lb.Action{{Type: "forward", Forward: []lb.Weighted{{Group: "g", Weight: 1}}}}
	err = e.Apply(context.Background(), lb.Balancer{
		ID: "b", Name: "app/b/0123456789abcdef", Kind: lb.Application, VPC: "vpc",
		Nodes: []lb.Node{{Zone: "a", Addresses: []netip.Addr{netip.MustParseAddr("127.0.0.1")}}},
		Listeners: []lb.Listener{{ID: "l", Port: 80, Protocol: "HTTP", Default: forward, Rules: []lb.Rule{
			{ID: "1", Priority: 1, Actions: forward, Conditions: []lb.Condition{{Field: "path-pattern", Values: []string{"/api/*"}}}},
			{ID: "2", Priority: 2, Actions: forward, Conditions: []lb.Condition{{Field: "host-header", Values: []string{"*.example.org"}}}},
			{ID: "3", Priority: 3, Actions: forward, Conditions: []lb.Condition{{Field: "http-header", Header: "X-Canary", Values: []string{"yes"}}}},
		}}},
		Groups: map[string]*lb.Group{"g": {ID: "g", Protocol: "HTTP", Version: "HTTP1", Check: lb.Check{Off: true},
			Targets: []lb.Target{{ID: at.Addr().String(), Port: at.Port(), Addr: at.Addr()}}}},
	})
	if err != nil {
		return err
	}
	if profile != "" {
		f, err := os.Create(profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	fmt.Println(<-w.listening)
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	<-end
	return nil
}

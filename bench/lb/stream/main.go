// Command stream measures how connections pass a TCP load balancer: that of
// this engine, or another one that listens (run.sh compares it with HAProxy).
//
//	stream serve ADDR                 a target: answers each 64 bytes with 64, or sends without end
//	stream balance LISTEN TARGET      the engine, with one TCP listener and one target
//	stream load ADDR WORK CONNS SECS  exchange: 64 bytes there and back on kept connections
//	                                  connect: a new connection for each exchange
//	                                  bulk: bytes that come as fast as they can
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"pileus/clock"
	"pileus/lb"
	"pileus/plane"
	"pileus/rng"
)

// size of a message; one that begins with bulkMark asks for a stream without end.
const (
	size     = 64
	bulkMark = 'B'
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 2 && args[0] == "serve":
		return serve(args[1])
	case len(args) == 3 && args[0] == "balance":
		return balance(args[1], args[2])
	case len(args) == 5 && args[0] == "load":
		conns, err := strconv.Atoi(args[3])
		if err != nil {
			return err
		}
		secs, err := strconv.Atoi(args[4])
		if err != nil {
			return err
		}
		return load(args[1], args[2], conns, time.Duration(secs)*time.Second)
	}
	return errors.New("usage: stream serve ADDR | balance LISTEN TARGET | load ADDR exchange|connect|bulk CONNS SECS")
}

// serve is the target.
func serve(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			message := make([]byte, size)
			for {
				if _, err := io.ReadFull(c, message); err != nil {
					return
				}
				if message[0] == bulkMark {
					for block := make([]byte, 256<<10); err == nil; {
						_, err = c.Write(block)
					}
					return
				}
				if _, err := c.Write(message); err != nil {
					return
				}
			}
		}()
	}
}

// host is the machine's own network as a wire.
type host struct{}

func (host) Listen(ctx context.Context, _ string, at netip.AddrPort) (net.Listener, error) {
	return new(net.ListenConfig).Listen(ctx, "tcp", at.String())
}

func (host) ListenPacket(ctx context.Context, _ string, at netip.AddrPort) (net.PacketConn, error) {
	return new(net.ListenConfig).ListenPacket(ctx, "udp", at.String())
}

// DialAs cannot take the client's address on one machine.
func (host) DialAs(context.Context, string, netip.Addr, netip.AddrPort, string, netip.AddrPort) (net.Conn, error) {
	return nil, plane.ErrUnsupported
}

// Delivery knows nothing.
func (host) Delivery(net.Conn) plane.Delivery { return plane.Delivered }

func (host) Dial(ctx context.Context, _ string, _ netip.Addr, network string, to netip.AddrPort) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, to.String())
}

// balance is the engine.
func balance(listen, target string) error {
	at, err := netip.ParseAddrPort(listen)
	if err != nil {
		return err
	}
	to, err := netip.ParseAddrPort(target)
	if err != nil {
		return err
	}
	e := lb.New(lb.Options{Wire: host{}, Clock: clock.New(), Rand: rng.New(), Log: slog.Default()})
	err = e.Apply(context.Background(), lb.Balancer{ID: "bench", Kind: lb.Network,
		Nodes:     []lb.Node{{Zone: "a", Addresses: []netip.Addr{at.Addr()}}},
		Listeners: []lb.Listener{{Port: at.Port(), Protocol: "TCP", Default: []lb.Action{{Type: "forward", Forward: []lb.Weighted{{Group: "g", Weight: 1}}}}}},
		Groups: map[string]*lb.Group{"g": {ID: "g", Protocol: "TCP", Check: lb.Check{Off: true},
			Targets: []lb.Target{{ID: "t", Zone: "a", Addr: to.Addr(), Port: to.Port()}}}},
	})
	if err != nil {
		return err
	}
	select {}
}

// worker is one client, and what it has measured.
type worker struct {
	addr  string
	count int64 // exchanges, or bytes
	took  []time.Duration
}

func load(addr, work string, conns int, d time.Duration) error {
	do := map[string]func(*worker, func() bool) error{"exchange": (*worker).exchange, "connect": (*worker).connect, "bulk": (*worker).bulk}[work]
	if do == nil {
		return fmt.Errorf("there is no work %q", work)
	}
	workers, errs := make([]*worker, conns), make([]error, conns)
	begun := clock.Start()
	var wg sync.WaitGroup
	for i := range workers {
		workers[i] = &worker{addr: addr}
		wg.Go(func() { errs[i] = do(workers[i], func() bool { return begun.Elapsed() < d }) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	var total int64
	var took []time.Duration
	for _, w := range workers {
		total += w.count
		took = append(took, w.took...)
	}
	rate := float64(total) / begun.Elapsed().Seconds()
	if work == "bulk" {
		fmt.Printf("%.2f Gbit/s\n", rate*8/1e9)
		return nil
	}
	slices.Sort(took)
	fmt.Printf("%.0f /s, p50 %v, p99 %v\n", rate, took[len(took)/2], took[len(took)*99/100])
	return nil
}

// once sends a message and awaits the answer.
func (w *worker) once(c net.Conn, b []byte) error {
	if _, err := c.Write(b); err != nil {
		return err
	}
	_, err := io.ReadFull(c, b)
	return err
}

func (w *worker) exchange(goesOn func() bool) error {
	c, err := net.Dial("tcp", w.addr)
	if err != nil {
		return err
	}
	defer c.Close()
	for b := make([]byte, size); goesOn(); w.count++ {
		one := clock.Start()
		if err := w.once(c, b); err != nil {
			return err
		}
		w.took = append(w.took, one.Elapsed())
	}
	return nil
}

func (w *worker) connect(goesOn func() bool) error {
	for b := make([]byte, size); goesOn(); w.count++ {
		one := clock.Start()
		c, err := net.Dial("tcp", w.addr)
		if err != nil {
			return err
		}
		err = w.once(c, b)
		c.(*net.TCPConn).SetLinger(0) // no port stays behind
		c.Close()
		if err != nil {
			return err
		}
		w.took = append(w.took, one.Elapsed())
	}
	return nil
}

func (w *worker) bulk(goesOn func() bool) error {
	c, err := net.Dial("tcp", w.addr)
	if err != nil {
		return err
	}
	defer c.Close()
	b := make([]byte, 256<<10)
	b[0] = bulkMark
	if _, err := c.Write(b[:size]); err != nil {
		return err
	}
	for goesOn() {
		n, err := c.Read(b)
		if err != nil {
			return err
		}
		w.count += int64(n)
	}
	return nil
}

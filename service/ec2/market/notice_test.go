package market_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"

	api "pileus/api/ec2"
	"pileus/node/nodetest"
	"pileus/plane"
	"pileus/plane/sim"
)

// wired is a simulated plane whose metadata service the test can reach, as if
// from an address inside of the VPC.
type wired struct {
	*sim.Plane
	mu     sync.Mutex
	addr   string // of the metadata service
	caller netip.Addr
}

func (p *wired) Listen(ctx context.Context, vpc string, addr netip.AddrPort) (net.Listener, error) {
	if addr.Addr() != plane.Metadata {
		return p.Plane.Listen(ctx, vpc, addr)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.addr = l.Addr().String()
	return &inside{l, p}, nil
}

// inside gives connections the address of an instance.
type inside struct {
	net.Listener
	p *wired
}

type insideConn struct {
	net.Conn
	from netip.Addr
}

func (c insideConn) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(c.from, 40000))
}

func (l *inside) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.p.mu.Lock()
	defer l.p.mu.Unlock()
	return insideConn{conn, l.p.caller}, nil
}

// TestNoticeInMetadata: an instance reads that it will be interrupted, and
// when.
func TestNoticeInMetadata(t *testing.T) {
	p := &wired{Plane: sim.New(t.TempDir())}
	w := newWorldOver(t, p)
	i := *w.get(w.request()).InstanceId
	shown := nodetest.Do(w.World, &api.DescribeInstances, &api.DescribeInstancesInput{InstanceIds: []string{i}}).Reservations[0].Instances[0]
	p.mu.Lock()
	p.caller = netip.MustParseAddr(*shown.PrivateIpAddress)
	p.mu.Unlock()
	call := func(method, path string, header ...string) string {
		t.Helper()
		r, err := http.NewRequest(method, "http://"+p.addr+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set(header[0], header[1])
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return res.Status
		}
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	token := call(http.MethodPut, "/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds", "600")
	read := func(path string) string {
		t.Helper()
		return call(http.MethodGet, "/latest/meta-data/"+path, "X-aws-ec2-metadata-token", token)
	}
	if got := read("instance-life-cycle"); got != "spot" {
		t.Errorf("its life cycle is %s", got)
	}
	for _, path := range []string{"spot/instance-action", "spot/termination-time", "events/recommendations/rebalance"} {
		if got := read(path); got != "404 Not Found" {
			t.Errorf("before its notice, %s is %s", path, got)
		}
	}
	w.post("rebalance=true&instance=" + i)
	if got, want := read("events/recommendations/rebalance"), `{"noticeTime":"2026-01-01T00:00:00Z"}`; got != want {
		t.Errorf("the recommendation is %s", got)
	}
	if got := read("spot/instance-action"); got != "404 Not Found" {
		t.Errorf("with a recommendation alone, the action is %s", got)
	}
	w.Advance(time.Minute)
	w.interrupt(i)
	if got, want := read("spot/instance-action"), `{"action":"terminate","time":"2026-01-01T00:03:00Z"}`; got != want {
		t.Errorf("the action is %s", got)
	}
	if got := read("spot/termination-time"); got != "2026-01-01T00:03:00Z" {
		t.Errorf("the time is %s", got)
	}
}

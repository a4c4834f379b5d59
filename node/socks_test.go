package node_test

import (
	"context"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/net/proxy"

	"pileus/node"
	"pileus/plane"
	"pileus/plane/sim"
)

// answering is the simulated plane with one address at which somebody repeats
// what he is told.
type answering struct {
	*sim.Plane
	at string // the real address of who does
}

func (p *answering) Dial(ctx context.Context, vpc string, from netip.Addr, network string, to netip.AddrPort) (net.Conn, error) {
	if vpc != "" || from.IsValid() {
		return nil, plane.ErrNotFound
	}
	at := p.at
	if to != netip.MustParseAddrPort("198.18.0.7:80") {
		at = "127.0.0.1:1" // nobody listens there
	}
	var d net.Dialer
	return d.DialContext(ctx, network, at)
}

// TestProxy reaches public addresses through the cloud's port, and nothing else.
func TestProxy(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				io.Copy(c, c)
				c.Close()
			}()
		}
	}()
	w := begin(t, node.Options{SnapshotDir: t.TempDir(), Plane: &answering{sim.New(""), l.Addr().String()}})
	through, err := proxy.SOCKS5("tcp", w.address(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for to, refusal := range map[string]string{
		"198.18.0.7:80": "",
		"ec2-198-18-0-7.compute-1.amazonaws.com:80": "",
		"198.18.0.7:81":              "connection refused",
		"127.0.0.1:80":               "not allowed",
		"169.254.169.254:80":         "not allowed",
		"nobody.elb.amazonaws.com:1": "host unreachable",
	} {
		t.Run(to, func(t *testing.T) {
			c, err := through.Dial("tcp", to)
			if refusal != "" {
				if err == nil || !strings.Contains(err.Error(), refusal) {
					t.Errorf("%v, want a refusal with %q", err, refusal)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := c.Write([]byte("hello")); err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 5)
			if _, err := io.ReadFull(c, b); err != nil || string(b) != "hello" {
				t.Errorf("%q comes back, %v", b, err)
			}
		})
	}
	t.Run("who insists on a password", func(t *testing.T) {
		c, err := net.Dial("tcp", w.address())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Write([]byte{5, 1, 2}); err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(c); err != nil || string(b) != "\x05\xff" {
			t.Errorf("it is answered %x, %v", b, err)
		}
	})
}

//go:build linux

package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"pileus/clock"
)

// realInternet is a namespace that stands for the real internet: each of two
// addresses answers on two ports, with what it is asked and who it is.
func realInternet(t *testing.T, addresses ...string) *namespace {
	t.Helper()
	path := filepath.Join(runNetNS, "pileus-test-real")
	removeNamespace(path)
	ns, _, err := makeNamespace(path, bare)
	if err != nil {
		t.Skipf("this machine makes no network namespaces: %v", err)
	}
	t.Cleanup(func() {
		ns.close()
		if err := removeNamespace(path); err != nil {
			t.Error(err)
		}
	})
	err = ns.do(func() error {
		lo, err := netlink.LinkByName("lo")
		if err == nil {
			err = netlink.LinkSetUp(lo)
		}
		for _, a := range addresses {
			at, perr := netlink.ParseAddr(a + "/32")
			if err = errors.Join(err, perr); err == nil {
				err = netlink.AddrAdd(lo, at)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		for _, port := range []string{"53", "123"} {
			at := net.JoinHostPort(a, port)
			var c net.PacketConn
			err := ns.do(func() (err error) {
				c, err = (&net.ListenConfig{}).ListenPacket(t.Context(), "udp4", at)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = c.Close() })
			go func() {
				b := make([]byte, 2048)
				for {
					n, from, err := c.ReadFrom(b)
					if err != nil {
						return
					}
					_, _ = c.WriteTo(append(b[:n:n], " "+at...), from)
				}
			}()
		}
	}
	return ns
}

// TestDatagrams sends datagrams from the cloud's internet to the real one, from
// one port to several others, as a resolver does: each answers for itself, and
// to this host's loopback none goes.
func TestDatagrams(t *testing.T) {
	outside := realInternet(t, "203.0.113.80", "203.0.113.81")
	n := openWith(t, Options{Cloud: "udp", Rootless: true, Uplink: true, Call: func(network, address string) (c net.Conn, err error) {
		err = outside.do(func() error {
			c, err = (&net.Dialer{}).DialContext(context.Background(), network, address)
			return err
		})
		return c, err
	}})
	var c net.PacketConn
	err := n.net.namespace.do(func() (err error) {
		c, err = (&net.ListenConfig{}).ListenPacket(t.Context(), "udp4", "0.0.0.0:0")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	to := []string{"203.0.113.80:53", "203.0.113.80:123", "203.0.113.81:53", "203.0.113.81:123"}
	for round := range 2 {
		for _, at := range to {
			asked := fmt.Sprint("question ", round)
			answer, from := ask(t, c, at, asked)
			if answer != asked+" "+at || from != at {
				t.Errorf("asked %s, %q from %s", at, answer, from)
			}
		}
	}
	n.outbound.datagrams.mu.Lock()
	if got := len(n.outbound.datagrams.exchanges); got != len(to) {
		t.Errorf("%d exchanges, want %d", got, len(to))
	}
	n.outbound.datagrams.mu.Unlock()
	if _, err := n.outbound.datagrams.exchange(netip.MustParseAddrPort("198.18.0.9:9"), net.IPv4zero); err == nil {
		t.Error("what the kernel knows nothing of was passed on")
	}
}

// ask sends a question until there is an answer: datagrams may be lost.
func ask(t *testing.T, c net.PacketConn, at, question string) (answer, from string) {
	t.Helper()
	addr, err := net.ResolveUDPAddr("udp4", at)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 2048)
	for range 30 {
		if _, err := c.WriteTo([]byte(question), addr); err != nil {
			t.Fatal(err)
		}
		if err := c.SetReadDeadline(clock.Machine().Add(2 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if n, from, err := c.ReadFrom(b); err == nil {
			return string(b[:n]), from.String()
		}
	}
	t.Fatalf("%s does not answer", at)
	return "", ""
}

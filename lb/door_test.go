package lb

import (
	"bytes"
	"io"
	"net"
	"net/netip"
	"testing"

	"pileus/plane"
)

// through connects by the door of a stand.
func (s *stand) through() net.Conn {
	s.t.Helper()
	c, err := net.Dial("tcp", s.wire.at("10.9.0.5:80"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	c.SetDeadline(soon())
	return c
}

func (s *stand) open(doors ...Door) {
	n := s.b.Nodes[0]
	n.Doors = doors
	s.b.Nodes = []Node{n}
	s.apply()
}

var consumer = Door{Endpoint: "vpce-0123456789abcdef0", Interface: "eni-1", VPC: "other", Addresses: []netip.Addr{netip.MustParseAddr("10.9.0.5")}}

// TestDoor carries what comes by a VPC endpoint without showing who it is, but
// for the PROXY protocol, and ends it with the endpoint.
func TestDoor(t *testing.T) {
	s := newStand(t, Network, "TCP", server(t, "one", echo("one")))
	s.b.Groups["g"].PreserveClient = true
	s.open(consumer)
	readLine(t, s.through())
	if len(s.wire.as) != 0 {
		t.Errorf("a client of another network was seen: %v", s.wire.as)
	}
	readLine(t, s.dial())
	if len(s.wire.as) != 1 {
		t.Errorf("a client of the node itself was seen %d times", len(s.wire.as))
	}
	c, direct := s.through(), s.dial()
	readLine(t, c)
	readLine(t, direct)
	s.open()
	if _, err := io.ReadAll(c); err == nil {
		t.Error("a connection outlives the endpoint that it came by")
	}
	if _, err := direct.Write([]byte("still\n")); err != nil || readLine(t, direct) != "still" {
		t.Errorf("the node's own connection ended, too: %v", err)
	}
	if late, err := net.Dial("tcp", s.wire.at("10.9.0.5:80")); err == nil {
		late.Close()
		t.Error("an endpoint that is gone is answered at")
	}
}

// TestDoorInbound lets in by an endpoint what the load balancer's rules do.
func TestDoorInbound(t *testing.T) {
	any4 := netip.MustParsePrefix("0.0.0.0/0")
	for name, test := range map[string]struct {
		rules []plane.Match
		in    bool
	}{
		"not asked":     {nil, true},
		"none":          {[]plane.Match{}, false},
		"all protocols": {[]plane.Match{{Protocol: -1, CIDR: any4}}, true},
		"another":       {[]plane.Match{{Protocol: 17, ToPort: 65535, CIDR: any4}}, false},
		"range":         {[]plane.Match{{Protocol: 6, ToPort: 65535, CIDR: netip.MustParsePrefix("127.0.0.0/8")}}, true},
		"another range": {[]plane.Match{{Protocol: 6, ToPort: 65535, CIDR: netip.MustParsePrefix("10.0.0.0/8")}}, false},
		"another port":  {[]plane.Match{{Protocol: 6, FromPort: 1, ToPort: 1, CIDR: any4}}, false},
	} {
		s := newStand(t, Network, "TCP", server(t, "one", echo("one")))
		s.b.Inbound = test.rules
		s.open(consumer)
		b := make([]byte, 4)
		c, err := net.Dial("tcp", s.wire.at("10.9.0.5:80"))
		if err == nil { // it may be refused as soon as that
			c.SetDeadline(soon())
			_, err = io.ReadFull(c, b)
			c.Close()
		}
		if (err == nil) != test.in {
			t.Errorf("%s: %q, %v", name, b, err)
		}
		readLine(t, s.dial()) // what comes to the node itself has passed them before
	}
}

// TestDoorProxy names the endpoint in the PROXY protocol's header.
func TestDoorProxy(t *testing.T) {
	heads := make(chan []byte, 2)
	s := newStand(t, Network, "TCP", server(t, "one", func(c net.Conn) {
		b := make([]byte, 100)
		io.ReadFull(c, b)
		heads <- b
	}))
	s.b.Groups["g"].ProxyProtocol = true
	s.open(consumer)
	named := append([]byte{proxyEndpoint, 0, 23, proxyEndpointID}, consumer.Endpoint...)
	c := s.through()
	h := <-heads
	if client, _, _, _ := readProxyV2(t, h); client.String() != c.LocalAddr().String() || !bytes.Contains(h, named) {
		t.Errorf("by the endpoint: %x", h)
	}
	s.dial()
	if h := <-heads; bytes.Contains(h, named[:4]) {
		t.Errorf("at the node: %x", h)
	}
}

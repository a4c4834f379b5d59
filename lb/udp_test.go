package lb

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pileus/clock"
)

// udpServer is a target that answers each datagram with its name and what came.
func udpServer(t *testing.T, name string) Target {
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { c.Close(); <-done })
	go func() {
		defer close(done)
		b := make([]byte, packetRoom)
		for {
			n, from, err := c.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			c.WriteToUDPAddrPort(fmt.Appendf(nil, "%s %s", name, b[:n]), from)
		}
	}()
	at := c.LocalAddr().(*net.UDPAddr).AddrPort()
	return Target{ID: name, Zone: "a", Addr: at.Addr(), Port: at.Port()}
}

func (s *stand) dialUDP() *net.UDPConn {
	s.t.Helper()
	c, err := net.Dial("udp", s.wire.at(nodeA))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	c.SetDeadline(soon())
	return c.(*net.UDPConn)
}

func ask(t *testing.T, c net.Conn, what string) string {
	t.Helper()
	if _, err := c.Write([]byte(what)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, packetRoom)
	n, err := c.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(b[:n])
}

func TestPackets(t *testing.T) {
	s := newStand(t, Network, "UDP", udpServer(t, "one"), udpServer(t, "two"))
	s.apply()
	seen := map[string]bool{}
	for range 40 {
		c := s.dialUDP()
		first := ask(t, c, "hello")
		for range 3 {
			if again := ask(t, c, "hello"); again != first {
				t.Errorf("one flow was answered by %q and %q", first, again)
			}
		}
		seen[first] = true
	}
	if !seen["one hello"] || !seen["two hello"] || len(seen) != 2 {
		t.Errorf("answers %v", seen)
	}
	if stats := s.engine.Statistics("b"); s.count(stats, "ActiveFlowCount_UDP") != 40 || s.count(stats, "NewFlowCount_UDP") != 40 {
		t.Errorf("counted %v", stats)
	}
	if got := s.sumOf("ActiveFlowCount"); !slices.Equal(got, []float64{0}) {
		t.Errorf("%v flows outlived the engine", got)
	}
}

func TestPacketFlowsEnd(t *testing.T) {
	s := newStand(t, Network, "UDP", udpServer(t, "one"))
	s.b.Groups["g"].EndOnDrain = true
	s.apply()
	c := s.dialUDP()
	ask(t, c, "hello")
	next := *s.b.Groups["g"]
	next.Targets = []Target{udpServer(t, "two")}
	s.b.Groups = map[string]*Group{"g": &next}
	s.apply()
	var got string
	for got != "two again" { // the old flow ends a moment after its target is gone
		c.SetReadDeadline(clock.Machine().Add(100 * time.Millisecond))
		c.Write([]byte("again"))
		b := make([]byte, 100)
		n, _ := c.Read(b)
		got = string(b[:n])
	}
}

func TestLongAnswers(t *testing.T) {
	s := newStand(t, Network, "UDP", udpServer(t, "one"))
	s.apply()
	c := s.dialUDP()
	long := bytes.Repeat([]byte("x"), 30000)
	c.Write(long) // lost, but then there is room
	if got := ask(t, c, string(long)); len(got) != len(long)+4 {
		t.Errorf("%d bytes came back", len(got))
	}
}

func TestBothProtocols(t *testing.T) {
	s := newStand(t, Network, "TCP_UDP", udpServer(t, "datagrams"))
	s.apply()
	c := s.dialUDP()
	if got := ask(t, c, "x"); got != "datagrams x" {
		t.Errorf("%q", got)
	}
}

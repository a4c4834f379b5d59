//go:build linux

package network

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"pileus/clock"
	"pileus/plane"
)

// who answers over TCP and UDP with the address that callers seem to have.
func who(t *testing.T, n *Network, at string) {
	t.Helper()
	a := netip.MustParseAddrPort(at)
	l, err := n.Listen(t.Context(), "vpc-1", a)
	if err != nil {
		t.Fatal(err)
	}
	p, err := n.ListenPacket(t.Context(), "vpc-1", a)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close(); p.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for lines := bufio.NewReader(c); ; {
					if _, err := lines.ReadString('\n'); err != nil {
						return
					}
					fmt.Fprintln(c, c.RemoteAddr())
				}
			}()
		}
	}()
	go func() {
		b := make([]byte, 100)
		for {
			_, from, err := p.ReadFrom(b)
			if err != nil {
				return
			}
			p.WriteTo([]byte(from.String()+"\n"), from)
		}
	}()
}

// behind is twoZones with a relay that has a group of its own, and targets that
// admit what rules say.
func behind(rules ...plane.Match) plane.VPC {
	v := twoZones("vpc-1")
	all := []plane.Match{{Protocol: -1, CIDR: all4}}
	v.Groups = append(v.Groups, plane.Group{ID: "sg-lb", Ingress: all, Egress: all}, plane.Group{ID: "sg-target", Ingress: rules, Egress: all})
	for i := range v.Interfaces {
		v.Interfaces[i].Groups = []string{"sg-target"}
		if v.Interfaces[i].Served {
			v.Interfaces[i].Groups = []string{"sg-lb"}
		}
	}
	return v
}

var node = netip.MustParseAddr("10.0.0.20")

func asks(c net.Conn) (string, error) {
	c.SetDeadline(clock.Machine().Add(patient))
	if _, err := fmt.Fprintln(c, "who am I?"); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	return strings.TrimSpace(line), err
}

// called is what the one at to says of a caller that says who it is.
func called(t *testing.T, n *Network, as, network, to string, limit time.Duration) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	c, err := n.DialAs(ctx, "vpc-1", node, netip.MustParseAddrPort(as), network, netip.MustParseAddrPort(to))
	if err != nil {
		return "", err
	}
	defer c.Close()
	return asks(c)
}

// TestNLBClients calls targets with clients' addresses as network load balancers
// do: in both zones, with clients in the internet and in the VPC.
func TestNLBClients(t *testing.T) {
	n := open(t, "relay")
	if err := n.ApplyVPC(t.Context(), behind(plane.Match{Protocol: -1, CIDR: all4})); err != nil {
		t.Fatal(err)
	}
	who(t, n, "10.0.0.10:80")
	who(t, n, "10.0.1.10:80")
	for _, network := range []string{"tcp", "udp"} {
		for _, x := range []struct{ as, to string }{
			{"198.18.0.77:4000", "10.0.0.10:80"}, {"198.18.0.77:4001", "10.0.1.10:80"}, // from the internet
			{"10.0.1.10:4002", "10.0.0.10:80"}, {"10.0.0.10:4003", "10.0.1.10:80"}, // from another instance
			{"198.18.0.2:4004", "10.0.1.10:80"}, // the target itself, through the internet
		} {
			if got, err := called(t, n, x.as, network, x.to, patient); err != nil || got != x.as {
				t.Errorf("%s as %s to %s: seen as %q, %v", network, x.as, x.to, got, err)
			}
		}
	}
	// An instance that is its own target: the kernel there drops what comes from
	// its own address, as on AWS.
	if got, err := called(t, n, "10.0.0.10:4005", "tcp", "10.0.0.10:80", time.Second); err == nil {
		t.Errorf("an instance reached itself with its own address, as %s", got)
	}
	// Calls in the relay's own name go on.
	if got, err := asks(dial(t, n, "vpc-1", node.String(), "10.0.1.10:80")); err != nil || !strings.HasPrefix(got, node.String()+":") {
		t.Errorf("a call of the relay itself: seen as %q, %v", got, err)
	}
	// Nobody but what this process serves may take another's name.
	if _, err := n.DialAs(t.Context(), "vpc-1", netip.MustParseAddr("10.0.0.10"), netip.MustParseAddrPort("198.18.0.77:1"), "tcp",
		netip.MustParseAddrPort("10.0.1.10:80")); !errors.Is(err, plane.ErrUnsupported) {
		t.Errorf("a machine's interface in another's name: %v", err)
	}
}

// TestNLBWhole has a client in the internet call a node, which calls a target in
// another zone with the client's address, and goes on through a change of the
// network.
func TestNLBWhole(t *testing.T) {
	n := open(t, "relay2")
	v := behind(plane.Match{Protocol: -1, CIDR: all4})
	v.Interfaces[2].Public = map[netip.Addr]netip.Addr{node: netip.MustParseAddr("198.18.0.9")}
	if err := n.ApplyVPC(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	who(t, n, "10.0.1.10:80")
	l, err := n.Listen(t.Context(), "vpc-1", netip.AddrPortFrom(node, 80))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	client := dial(t, n, "", "", "198.18.0.9:80")
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	from := accepted.RemoteAddr().(*net.TCPAddr).AddrPort()
	if from.String() != client.LocalAddr().String() {
		t.Fatalf("the node sees %v, the client is %v", from, client.LocalAddr())
	}
	c, err := n.DialAs(t.Context(), "vpc-1", node, from, "tcp", netip.MustParseAddrPort("10.0.1.10:80"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 2 {
		if got, err := asks(c); err != nil || got != from.String() {
			t.Errorf("seen as %q, %v", got, err)
		}
		v.Groups = append(v.Groups, plane.Group{ID: "sg-more"})
		if err := n.ApplyVPC(t.Context(), v); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNLBGroups looks at what a target's group lets through: rules for the
// client's range, and those that refer to the load balancer's group.
func TestNLBGroups(t *testing.T) {
	n := open(t, "relay3")
	tcp80 := func(cidr string) plane.Match {
		return plane.Match{Protocol: 6, FromPort: 80, ToPort: 80, CIDR: netip.MustParsePrefix(cidr)}
	}
	port := 5000
	for _, x := range []struct {
		what    string
		rules   []plane.Match
		arrives bool
	}{
		{"the client's range", []plane.Match{tcp80("198.18.0.0/24")}, true},
		{"another range", []plane.Match{tcp80("198.18.1.0/24")}, false},
		{"the node's own address", []plane.Match{tcp80("10.0.0.20/32")}, false},
		{"the balancer's group", []plane.Match{{Protocol: 6, FromPort: 80, ToPort: 80, Group: "sg-lb"}}, true},
		{"the balancer's group, everything", []plane.Match{{Protocol: -1, Group: "sg-lb"}, {Protocol: 6, FromPort: 1, ToPort: 79, Group: "sg-lb"}}, true},
		{"the balancer's group, another port", []plane.Match{{Protocol: 6, FromPort: 81, ToPort: 81, Group: "sg-lb"}}, false},
		{"another group", []plane.Match{{Protocol: -1, Group: "sg-target"}}, false},
	} {
		t.Run(x.what, func(t *testing.T) {
			if err := n.ApplyVPC(t.Context(), behind(x.rules...)); err != nil {
				t.Fatal(err)
			}
			for _, to := range []string{"10.0.0.10:80", "10.0.1.10:80"} {
				who(t, n, to)
				port++
				limit := patient
				if !x.arrives {
					limit = 300 * time.Millisecond
				}
				from := fmt.Sprintf("198.18.0.77:%d", port)
				switch got, err := called(t, n, from, "tcp", to, limit); {
				case x.arrives && (err != nil || got != from):
					t.Errorf("to %s: seen as %q, %v", to, got, err)
				case !x.arrives && err == nil:
					t.Errorf("to %s: arrives", to)
				case !x.arrives && !quiet(err):
					t.Errorf("to %s: %v, not silence", to, err)
				}
			}
		})
	}
}

func quiet(err error) bool {
	var ne net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &ne) && ne.Timeout()
}

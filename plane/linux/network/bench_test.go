//go:build linux

package network

import (
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"

	"pileus/clock"
	"pileus/plane"
)

// BenchmarkThroughput sends through security groups of 1 to 1,000 rules and
// through a plain veth pair in turns, and compares the medians.
func BenchmarkThroughput(b *testing.B) {
	n := open(b, "bench")
	pl, pc := plainPair(b)
	plain := newStream(b, pl, pc)
	for _, rules := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprint("rules-", rules), func(b *testing.B) {
			v := twoZones("vpc-1")
			v.Groups[0].Ingress = manyRules(rules)
			if err := n.ApplyVPC(b.Context(), v); err != nil {
				b.Fatal(err)
			}
			l, err := n.Listen(b.Context(), "vpc-1", netip.MustParseAddrPort("10.0.1.10:80"))
			if err != nil {
				b.Fatal(err)
			}
			groups := newStream(b, l, dial(b, n, "vpc-1", "10.0.0.10", "10.0.1.10:80"))
			var with, without []float64
			b.ResetTimer()
			for range b.N {
				without = append(without, plain.send(b))
				with = append(with, groups.send(b))
			}
			b.ReportMetric(median(with)*8, "Gbit/s")
			b.ReportMetric(median(with)/median(without), "of-plain-veth")
		})
	}
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}

// manyRules are rules of different addresses and ports, of which the last
// admits port 80.
func manyRules(n int) (rules []plane.Match) {
	for i := range n - 1 {
		rules = append(rules, plane.Match{Protocol: 6, FromPort: 1000 + i, ToPort: 1003 + i,
			CIDR: netip.PrefixFrom(netip.AddrFrom4([4]byte{172, byte(16 + i%16), byte(i), 0}), 24)})
	}
	return append(rules, plane.Match{Protocol: 6, FromPort: 80, ToPort: 80, CIDR: netip.MustParsePrefix("0.0.0.0/0")})
}

// stream is a connection to send through.
type stream struct {
	c        net.Conn
	received chan error
}

const burst = 32 << 20

func newStream(b *testing.B, l net.Listener, c net.Conn) *stream {
	in, err := l.Accept()
	if err != nil {
		b.Fatal(err)
	}
	l.Close()
	b.Cleanup(func() {
		c.Close()
		in.Close()
	})
	s := &stream{c, make(chan error)}
	go func() {
		buffer := make([]byte, 256<<10)
		for {
			for left := burst; left > 0; {
				n, err := in.Read(buffer)
				if err != nil {
					close(s.received)
					return
				}
				left -= n
			}
			s.received <- nil
		}
	}()
	return s
}

// send sends a burst and returns the gigabytes a second at which it went.
func (s *stream) send(b *testing.B) float64 {
	data := make([]byte, 1<<20)
	watch := clock.Start()
	for range burst / len(data) {
		if _, err := s.c.Write(data); err != nil {
			b.Fatal(err)
		}
	}
	if _, ok := <-s.received; !ok {
		b.Fatal("the connection broke")
	}
	return burst / 1e9 / watch.Elapsed().Seconds()
}

// plainPair is a connection between two namespaces with nothing but a veth
// pair between them.
func plainPair(b *testing.B) (net.Listener, net.Conn) {
	var ns [2]*namespace
	for i := range ns {
		path := filepath.Join(runNetNS, fmt.Sprint("pileus-test-plain-", i))
		removeNamespace(path)
		made, _, err := makeNamespace(path, bare)
		if err != nil {
			b.Skip(err)
		}
		b.Cleanup(func() {
			made.close()
			removeNamespace(path)
		})
		ns[i] = made
	}
	w, err := openWiring(ns[0])
	if err != nil {
		b.Fatal(err)
	}
	if _, err := w.plug(cable{name: "eth0", mtu: interfaceMTU, far: ns[1], farName: "eth0"}); err != nil {
		b.Fatal(err)
	}
	for i, at := range []string{"10.0.0.1/24", "10.0.0.2/24"} {
		link, err := ns[i].link.LinkByName("eth0")
		if err != nil {
			b.Fatal(err)
		}
		if err := ns[i].link.AddrAdd(link, &netlink.Addr{IPNet: ipNet(netip.MustParsePrefix(at))}); err != nil {
			b.Fatal(err)
		}
		if err := ns[i].link.LinkSetUp(link); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.settle(); err != nil {
		b.Fatal(err)
	}
	var l net.Listener
	var c net.Conn
	if err := ns[1].do(func() (err error) {
		l, err = net.Listen("tcp4", "10.0.0.2:80")
		return err
	}); err != nil {
		b.Fatal(err)
	}
	if err := ns[0].do(func() (err error) {
		c, err = net.Dial("tcp4", "10.0.0.2:80")
		return err
	}); err != nil {
		b.Fatal(err)
	}
	return l, c
}

// BenchmarkRuleChange allows a port among 1,000 rules, connects through it,
// and takes it away again: two changes and a connection an iteration.
func BenchmarkRuleChange(b *testing.B) {
	n := open(b, "bench")
	v := twoZones("vpc-1")
	closed, opened := manyRules(1000)[:999], manyRules(1000)
	v.Groups[0].Ingress = closed
	if err := n.ApplyVPC(b.Context(), v); err != nil {
		b.Fatal(err)
	}
	echo(b, n, "vpc-1", "10.0.1.10:80")
	b.ResetTimer()
	for range b.N {
		for _, rules := range [][]plane.Match{opened, closed} {
			v.Groups = []plane.Group{{ID: "sg-1", Ingress: rules, Egress: v.Groups[0].Egress}}
			if err := n.ApplyVPC(b.Context(), v); err != nil {
				b.Fatal(err)
			}
			if len(rules) == len(opened) {
				dial(b, n, "vpc-1", "10.0.0.10", "10.0.1.10:80").Close()
			}
		}
	}
}

// BenchmarkConnect opens and closes a connection through the groups.
func BenchmarkConnect(b *testing.B) {
	n := open(b, "bench")
	if err := n.ApplyVPC(b.Context(), twoZones("vpc-1")); err != nil {
		b.Fatal(err)
	}
	echo(b, n, "vpc-1", "10.0.1.10:80")
	b.ResetTimer()
	for range b.N {
		dial(b, n, "vpc-1", "10.0.0.10", "10.0.1.10:80").Close()
	}
}

// defaultVPC is what AWS makes in a region: a subnet in each of six zones, a
// gateway, one route table, one ACL, one group.
func defaultVPC(id string) plane.VPC {
	v := twoZones(id)
	v.CIDRs = []netip.Prefix{netip.MustParsePrefix("172.31.0.0/16")}
	v.Subnets, v.Interfaces = nil, nil
	for i := range 6 {
		v.Subnets = append(v.Subnets, plane.Subnet{ID: fmt.Sprint("subnet-", i), Zone: fmt.Sprintf("us-east-1%c", 'a'+i), RouteTable: "rtb-1", ACL: "acl-1",
			CIDRs: []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{172, 31, byte(i * 16), 0}), 20)}})
	}
	v.Groups[0].Ingress = []plane.Match{{Protocol: -1, Group: "sg-1"}}
	return v
}

func BenchmarkDefaultVPC(b *testing.B) {
	n := open(b, "bench")
	for range b.N {
		if err := n.ApplyVPC(b.Context(), defaultVPC("vpc-1")); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := n.RemoveVPC(b.Context(), "vpc-1"); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

// BenchmarkThousandInterfaces makes 1,000 instances' interfaces, all in one
// group that refers to itself, and then adds and removes one more.
func BenchmarkThousandInterfaces(b *testing.B) {
	n := open(b, "bench")
	v := defaultVPC("vpc-1")
	for i := range 1001 {
		v.Interfaces = append(v.Interfaces, plane.Interface{
			ID: fmt.Sprint("eni-", i), Machine: fmt.Sprint("i-", i), Groups: []string{"sg-1"}, Subnet: fmt.Sprint("subnet-", i%6),
			MAC: net.HardwareAddr{2, 0, 0, 0, byte(i >> 8), byte(i)}, Primary: netip.AddrFrom4([4]byte{172, 31, byte(i%6*16 + i/6>>8), byte(10 + i/6)}),
		})
	}
	watch := clock.Start()
	all := v.Interfaces
	v.Interfaces = all[:1000]
	if err := n.ApplyVPC(b.Context(), v); err != nil {
		b.Fatal(err)
	}
	made := watch.Elapsed().Seconds()
	b.Run("unchanged", func(b *testing.B) {
		apply(b, n, v)
		b.ReportMetric(made, "s-to-make-all")
	})
	b.Run("one-comes-one-goes", func(b *testing.B) {
		more := v
		more.Interfaces = all
		apply(b, n, more, v)
	})
	b.Run("rule", func(b *testing.B) {
		other := v
		other.Groups = []plane.Group{v.Groups[0], {ID: "sg-2"}}
		other.Groups[0].Ingress = append([]plane.Match{{Protocol: 6, FromPort: 22, ToPort: 22, CIDR: all4}}, v.Groups[0].Ingress...)
		apply(b, n, other, v)
	})
}

func apply(b *testing.B, n *Network, states ...plane.VPC) {
	for range b.N {
		for _, v := range states {
			if err := n.ApplyVPC(b.Context(), v); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkOpen finds a cloud that exists, as a restart does.
func BenchmarkOpen(b *testing.B) {
	n := open(b, "bench")
	for range b.N {
		again, err := Open(n.opt)
		if err != nil {
			b.Fatal(err)
		}
		if err := again.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

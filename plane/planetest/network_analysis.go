package planetest

import (
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"pileus/plane"
)

// Packet is a packet of the matrix, for those who tell its fate without
// sending it.
type Packet struct {
	VPC, Interface string // of the sender; "" for the internet
	From, To       netip.Addr
	Protocol, Port int
}

// Analysis asks reached about every packet of the matrix, in every state of the
// network, and compares with what AWS documents. Those that pass a machine on
// their way are left out, because that decides by itself.
func Analysis(t *testing.T, reached func(map[string]plane.VPC, Packet) (arrives bool, why string, machines int)) {
	w := newWorld(t, Rig{})
	for _, stages := range [][]stage{groupStages, aclStages, routeStages, natStages,
		{{name: "public addresses", change: func(w *world) { w.eni("box").Machine = "i-box"; w.public("web", "198.18.0.200") }}},
		peeringStages, ipv6Stages, endpointStages} {
		for _, s := range stages {
			t.Run(s.name, func(t *testing.T) {
				if s.change != nil {
					s.change(w)
				}
				networks := map[string]plane.VPC{}
				for _, v := range w.vpcs {
					networks[v.ID] = copyOf(v)
				}
				for _, p := range s.probes {
					arrives, why, machines := reached(networks, w.packet(p))
					if machines > 0 {
						continue
					}
					w.sent++
					if arrives != p.arrives {
						t.Errorf("%v: arrives %v (%s), want %v: %s", p, arrives, why, p.arrives, p.holds)
					}
				}
			})
		}
	}
	t.Logf("%d combinations", w.sent)
	if w.sent < 120 {
		t.Errorf("only %d combinations", w.sent)
	}
}

// packet is the first packet of a probe.
func (w *world) packet(p probe) Packet {
	k := Packet{To: w.address(p.to)}
	name, port, _ := strings.Cut(p.what, " ")
	k.Protocol = map[string]int{"tcp": tcp, "udp": udp, "icmp": icmp}[name]
	if k.Protocol == icmp && k.To.Is6() {
		k.Protocol = icmpv6
	}
	k.Port, _ = strconv.Atoi(port)
	if p.from == "internet" {
		k.From = service
		if k.To.Is6() {
			k.From = service6
		}
		return k
	}
	k.VPC, k.From = w.caller(p.from)
	of, which, _ := strings.Cut(p.from, "/")
	k.Interface = w.eni(of).ID
	if k.To.Is6() && which == "" {
		k.From = w.address(of + "/6")
	}
	return k
}

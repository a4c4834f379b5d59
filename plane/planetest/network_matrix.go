package planetest

import (
	"net/netip"
	"testing"

	"pileus/plane"
)

// PacketMatrix sends real packets through a network in many states and
// compares with what AWS documents. Each row tells the rule that it holds the
// network to.
func PacketMatrix(t *testing.T, rig Rig) {
	w := newWorld(t, rig)
	w.apply(t)
	if err := rig.Router("i-box", true); err != nil {
		t.Fatal(err)
	}
	for _, stages := range [][]stage{groupStages, aclStages, routeStages, natStages} {
		for _, s := range stages {
			w.run(t, s)
			if s.name == natGateway {
				t.Run("what it counts", w.natCounts)
			}
		}
	}
	w.eni("box").Machine = "i-box"
	w.run(t, stage{name: "public addresses", change: func(w *world) { w.public("web", "198.18.0.200") }})
	for _, stages := range [][]stage{peeringStages, ipv6Stages, endpointStages} {
		for _, s := range stages {
			w.run(t, s)
		}
	}
	t.Run("live connections", w.liveGroups)
	t.Run("live connections and acls", w.liveACLs)
	t.Run("spoofed", w.spoofed)
	t.Run("delegated prefixes", w.delegated)
	t.Run("misdelivered", w.misdelivered)
	t.Run("zones", w.zones)
	t.Logf("%d combinations", w.sent)
	if w.sent < 120 {
		t.Errorf("only %d combinations", w.sent)
	}
}

const (
	trackedGoesOn   = "a tracked connection goes on after its rule is gone"
	untrackedIsCut  = "an untracked flow ends with the rule that enables it"
	newIsRefused    = "a new connection is refused"
	aclHoldsAtOnce  = "an ACL holds for every packet, of open connections too"
	cutZoneIsDark   = "no packet enters or leaves a zone that is cut"
	litZoneGoesOn   = "after that the connection goes on"
	otherZonesCarry = "other zones carry on"
)

// liveGroups changes groups under open connections.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/security-group-connection-tracking.html
func (w *world) liveGroups(t *testing.T) {
	egress := []plane.Match{from(-1, 0, 0, "0.0.0.0/0")}
	set := func(ingress, egress []plane.Match) {
		w.group("a", plane.Group{ID: "sg-live", Ingress: ingress, Egress: egress})
		w.groups("web", "sg-live")
		w.apply(t)
	}
	set([]plane.Match{from(tcp, 80, 80, "10.0.0.0/16"), from(tcp, 443, 443, "0.0.0.0/0")}, egress)
	tracked := w.keep(t, "other", "web", "tcp 80")
	untracked := w.keep(t, "other", "web", "tcp 443")
	set([]plane.Match{from(tcp, 22, 22, "10.0.0.0/16")}, egress)
	w.goesOn(t, tracked, trackedGoesOn)
	w.ends(t, untracked, untrackedIsCut)
	w.run(t, stage{"new ones", nil, []probe{
		{"other", "web", "tcp 80", false, newIsRefused, ""},
		{"other", "web", "tcp 443", false, newIsRefused, ""},
	}})

	// Without a rule for all answers the flow is tracked, whatever its source.
	set([]plane.Match{from(tcp, 443, 443, "0.0.0.0/0")}, []plane.Match{from(tcp, 0, 1024, "0.0.0.0/0")})
	tracked = w.keep(t, "other", "web", "tcp 443")
	set(nil, nil)
	w.goesOn(t, tracked, trackedGoesOn)

	// The same for what an instance begins itself.
	set([]plane.Match{from(tcp, 0, 65535, "0.0.0.0/0")}, []plane.Match{from(tcp, 80, 80, "0.0.0.0/0"), from(tcp, 81, 81, "10.0.1.0/24")})
	untracked = w.keep(t, "web", "other", "tcp 80")
	tracked = w.keep(t, "web", "other", "tcp 81")
	set(nil, nil)
	w.ends(t, untracked, untrackedIsCut)
	w.goesOn(t, tracked, trackedGoesOn)

	// What changes elsewhere does not matter.
	set(openGroup("").Ingress, openGroup("").Egress)
	untracked = w.keep(t, "other", "web", "tcp 80")
	set(append([]plane.Match{from(udp, 9, 9, "10.0.0.0/8")}, openGroup("").Ingress...), openGroup("").Egress)
	w.goesOn(t, untracked, "a change of another rule does not touch it")
	w.groups("web", "sg-open")
	w.apply(t)
	w.goesOn(t, untracked, "another group that allows it as well")
}

func (w *world) liveACLs(t *testing.T) {
	open := openACL("")
	k := w.keep(t, "other", "web", "tcp 80")
	inside := w.keep(t, "app", "web", "tcp 80")
	w.acl("acl-public-a", number(deny(from(tcp, 80, 80, "0.0.0.0/0")), allow(anything)), open.Egress)
	w.apply(t)
	w.goesOn(t, inside, "an ACL does not see traffic inside of its subnet")
	w.ends(t, k, aclHoldsAtOnce)
	w.acl("acl-public-a", open.Ingress, open.Egress)
	w.apply(t)
	k = w.keep(t, "other", "web", "tcp 80")
	w.routes("rtb-isolated", route("10.0.9.0/24", plane.Blackhole, ""))
	w.apply(t)
	w.goesOn(t, k, "a change of another table does not touch it")
	w.goesOn(t, inside, "a change of another table does not touch it")
}

// spoofed sends packets with a source that is not the sender's.
func (w *world) spoofed(t *testing.T) {
	w.routes("rtb-public", route("0.0.0.0/0", plane.ToInternetGateway, "igw-a"), route("10.8.0.0/16", plane.ToPeering, "pcx-ab2"))
	w.apply(t)
	send := func(to string, sources ...string) {
		t.Helper()
		for _, source := range sources {
			w.sent++
			err := w.rig.Spoof("i-app", netip.AddrPortFrom(addr(source), 999), netip.AddrPortFrom(w.address(to), 6666))
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	inside, beyond := w.hear(t, "other"), w.hear(t, "bee")
	// The last one is the sender's own: packets keep their order.
	send("other", "10.0.0.77", "198.18.0.77", "10.0.0.12", "10.0.0.11")
	if got := (<-inside).Addr(); got != w.address("app") {
		t.Errorf("a packet from %v arrives: the source check drops what is not the interface's own", got)
	}
	w.eni("app").AnySource = true
	w.apply(t)
	send("other", "10.0.0.77")
	if got := (<-inside).Addr(); got != addr("10.0.0.77") {
		t.Errorf("a packet from %v arrives, where the check is off and 10.0.0.77 was sent", got)
	}
	send("bee", "172.16.5.5", "10.0.0.77")
	if got := (<-beyond).Addr(); got != addr("10.0.0.77") {
		t.Errorf("a packet from %v passes the peering: it is for the VPC's own addresses", got)
	}
	w.eni("app").AnySource = false
	w.apply(t)
}

// delegated sends from a prefix that an interface has, and to it.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-prefix-eni.html
func (w *world) delegated(t *testing.T) {
	const packets = 50 // more than neighbours have to say to each other
	inside, heard := w.hear(t, "other"), w.hear(t, "app")
	send := func(machine, from string, to netip.AddrPort) {
		t.Helper()
		w.sent++
		if err := w.rig.Spoof(machine, netip.AddrPortFrom(addr(from), 999), to); err != nil {
			t.Fatal(err)
		}
	}
	other, into := netip.AddrPortFrom(w.address("other"), 6666), netip.MustParseAddrPort("10.0.0.45:6666")
	for _, has := range []bool{false, true} {
		w.eni("app").Prefixes = nil
		first := w.address("app")
		if has {
			w.eni("app").Prefixes = []netip.Prefix{prefix("10.0.0.32/28"), prefix("2001:db8:a:0:1::/80")}
			first = addr("10.0.0.33")
		}
		w.apply(t)
		// The last one is the sender's own: packets keep their order.
		for _, from := range []string{"10.0.0.48", "10.0.0.31", "10.0.0.33", "10.0.0.11"} {
			send("i-app", from, other)
		}
		if got := (<-inside).Addr(); got != first {
			t.Errorf("prefix %v: a packet from %v arrives first, not %v", has, got, first)
		}
		if has {
			<-inside // its own
		}
		before := w.received(t, "app")
		for range packets {
			send("i-other", "10.0.1.10", into)
		}
		send("i-other", "10.0.1.10", netip.AddrPortFrom(w.address("app"), 6666))
		<-heard
		if n := w.received(t, "app") - before; has != (n > packets) {
			t.Errorf("prefix %v: %d packets arrive of %d for an address of it", has, n, packets)
		}
	}
	w.eni("app").Prefixes = nil
	w.apply(t)
}

// received is how many packets came to an interface.
func (w *world) received(t *testing.T, name string) uint64 {
	t.Helper()
	all, err := w.rig.Network.Traffic(t.Context(), w.vpcOf(name))
	if err != nil {
		t.Fatal(err)
	}
	return all[w.eni(name).ID].PacketsIn
}

// misdelivered routes packets to a machine that they are not addressed to, and
// that would pass them on.
func (w *world) misdelivered(t *testing.T) {
	w.routes("rtb-isolated", route("10.0.2.0/24", plane.ToInterface, "eni-box"))
	w.apply(t)
	if err := w.rig.Router("i-box", true); err != nil {
		t.Fatal(err)
	}
	heard := w.hear(t, "db")
	for _, port := range []uint16{7001, 7002} {
		w.eni("box").AnySource = port == 7002
		w.apply(t)
		w.sent++
		if err := w.rig.Spoof("i-iso", netip.AddrPortFrom(w.address("iso"), port), netip.AddrPortFrom(w.address("db"), 6666)); err != nil {
			t.Fatal(err)
		}
	}
	if got := <-heard; got != netip.AddrPortFrom(w.address("box"), 7002) {
		t.Errorf("a packet as from %v arrives: the destination check drops what is not for the interface", got)
	}
	w.eni("box").AnySource = false
	w.routes("rtb-isolated")
	w.apply(t)
}

// hear listens for UDP at a machine and tells who sends.
func (w *world) hear(t *testing.T, name string) <-chan netip.AddrPort {
	heard := make(chan netip.AddrPort, 8)
	c, err := w.rig.Network.ListenPacket(t.Context(), w.vpcOf(name), netip.AddrPortFrom(w.address(name), 6666))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	w.wait.Go(func() {
		defer close(heard)
		b := make([]byte, 100)
		for {
			_, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			a, _ := netip.ParseAddrPort(from.String())
			heard <- a
		}
	})
	return heard
}

// zones cuts zones and heals them.
func (w *world) zones(t *testing.T) {
	k := w.keep(t, "other", "web", "tcp 80")
	cut := func(zones ...string) {
		if err := w.rig.Network.CutZones(t.Context(), zones...); err != nil {
			t.Fatal(err)
		}
	}
	cut("us-east-1b")
	w.run(t, stage{"cut", nil, []probe{
		{"other", "web", "tcp 80", false, cutZoneIsDark, ""},
		{"web", "other", "icmp", false, cutZoneIsDark, ""},
		{"internet", "other/public", "tcp 80", false, cutZoneIsDark, ""},
		{"other", "internet", "tcp 80", false, cutZoneIsDark, ""},
		{"app", "web", "tcp 80", true, otherZonesCarry, ""},
		{"db", "iso", "tcp 80", true, otherZonesCarry, ""},
		{"app", "db", "udp 53", true, otherZonesCarry, ""},
	}})
	cut()
	w.goesOn(t, k, litZoneGoesOn)
	k2 := w.keep(t, "app", "client", "tcp 80")
	cut("us-east-1a")
	w.ends(t, k2, cutZoneIsDark)
	cut()
	w.run(t, stage{"healed", nil, []probe{
		{"other", "web", "tcp 80", true, "a zone that is healed", ""},
		{"internet", "other/public", "tcp 80", true, "a zone that is healed", ""},
		{"app", "web", "tcp 80", true, "a zone that is healed", ""},
	}})
}

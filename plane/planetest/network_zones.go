package planetest

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"pileus/clock"
	"pileus/plane"
)

// Zones cuts zones and slows them down, with what this process itself serves
// there: a load balancer's interface "node" in zone a.
func Zones(t *testing.T, rig Rig) {
	w := newWorld(t, rig)
	a := w.vpcs["a"]
	a.Interfaces = append(a.Interfaces, plane.Interface{
		ID: "eni-node", Subnet: "subnet-public-a", Primary: addr("10.0.0.40"), Groups: []string{"sg-open"}, Served: true,
		MAC: net.HardwareAddr{0x02, 0, 10, 0, 0, 40}, Public: map[netip.Addr]netip.Addr{},
	})
	w.apply(t)
	t.Run("dark", w.darkZone)
	t.Run("slow", w.slowZone)
	t.Run("latency", w.latency)
}

// darkZone looks at everybody who is in a zone that is cut.
func (w *world) darkZone(t *testing.T) {
	cut := func(zones ...string) {
		t.Helper()
		if err := w.rig.Network.CutZones(t.Context(), zones...); err != nil {
			t.Fatal(err)
		}
	}
	row := func(from, to, what string, arrives bool) probe {
		holds := cutZoneIsDark
		if arrives {
			holds = otherZonesCarry
		}
		return probe{from, to, what, arrives, holds, ""}
	}
	everyone := func(lit bool) []probe {
		return []probe{
			row("app", "web", "tcp 80", lit),           // within the zone
			row("web", "db", "icmp", lit),              // and over its subnets
			row("web", "metadata", "tcp 80", lit),      // its metadata
			row("other", "node", "tcp 443", lit),       // a load balancer's node as who is called
			row("node", "web", "tcp 80", lit),          // who calls a target in its zone
			row("node", "other", "tcp 80", lit),        // in another
			row("other", "metadata", "tcp 80", true),   // what is elsewhere
			row("other", "iso", "tcp 80", true),        //
			row("iso", "other", "icmp", true),          //
			row("other", "metadata", "tcp 8080", true), // and what begins to listen now
		}
	}
	w.run(t, stage{"before", nil, everyone(true)})
	k := w.keep(t, "node", "web", "tcp 80")
	w.comesTo(t, k, plane.Delivered)
	cut("us-east-1a")
	if _, err := io.WriteString(k.conn, "is anybody there\n"); err != nil {
		t.Fatal(err)
	}
	w.comesTo(t, k, plane.Unanswered)
	w.run(t, stage{"cut", nil, everyone(false)})
	w.vpcs["a"].FlowLogs = !w.vpcs["a"].FlowLogs
	w.run(t, stage{"applied anew", nil, everyone(false)})
	cut()
	w.goesOn(t, k, litZoneGoesOn)
	w.comesTo(t, k, plane.Delivered)
	w.run(t, stage{"healed", nil, everyone(true)})
}

// comesTo waits until what was written to a connection has come so far.
func (w *world) comesTo(t *testing.T, k *kept, want plane.Delivery) {
	t.Helper()
	machine := clock.New()
	for w.rig.Network.Delivery(k.conn) != want {
		if err := machine.Wait(t.Context(), 10*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
}

// slowZone measures what crosses the border of a slow zone, and what does not.
func (w *world) slowZone(t *testing.T) {
	// A second's worth may pass at once, so that twice as much takes a second.
	const rate, size = 16 << 20, 4 << 20 // bits per second, bytes
	slow := func(zones ...plane.SlowZone) {
		t.Helper()
		if err := w.rig.Network.SlowZones(t.Context(), zones...); err != nil {
			t.Fatal(err)
		}
	}
	slow(plane.SlowZone{Zone: "us-east-1b", Rate: rate})
	for _, test := range []struct {
		from, to string
		slow     bool
	}{{"other", "web", true}, {"web", "other", true}, {"node", "other", true}, {"app", "web", false}, {"node", "web", false}} {
		took := w.transfer(t, test.from, test.to, size)
		if quick := took < 600*time.Millisecond; quick == test.slow {
			t.Errorf("%s > %s: %d bytes took %v, slow %v", test.from, test.to, size, took, test.slow)
		}
		t.Logf("%s > %s: %.1f Mbit/s", test.from, test.to, size*8/took.Seconds()/1e6)
	}
	slow()
	if took := w.transfer(t, "other", "web", size); took > 600*time.Millisecond {
		t.Errorf("a zone that is not slow any more: %d bytes took %v", size, took)
	}
}

// latency adds latency where the machine can.
func (w *world) latency(t *testing.T) {
	err := w.rig.Network.SlowZones(t.Context(), plane.SlowZone{Zone: "us-east-1b", Latency: 50 * time.Millisecond})
	if errors.Is(err, plane.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	for from, slow := range map[string]bool{"other": true, "app": false} {
		k := w.keep(t, from, "web", "tcp 80")
		watch := clock.Start()
		w.goesOn(t, k, "latency")
		if took := watch.Elapsed(); took > 100*time.Millisecond != slow {
			t.Errorf("there and back from %s takes %v", from, took)
		}
	}
	if err := w.rig.Network.SlowZones(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// transfer tells how long bytes take from one to another over TCP.
func (w *world) transfer(t *testing.T, from, to string, size int64) time.Duration {
	t.Helper()
	at := netip.AddrPortFrom(w.address(to), 9000)
	l, err := w.rig.Network.Listen(t.Context(), w.vpcOf(to), at)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	got := make(chan int64, 1)
	w.wait.Go(func() {
		defer close(got)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		n, _ := io.Copy(io.Discard, c) // what arrived is compared
		got <- n
	})
	c, err := w.rig.Network.Dial(t.Context(), w.vpcOf(from), w.address(from), "tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	watch := clock.Start()
	if _, err := c.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if n := <-got; n != size {
		t.Fatalf("%s > %s: %d of %d bytes arrived", from, to, n, size)
	}
	return watch.Elapsed()
}

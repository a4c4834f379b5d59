package vpc

import (
	"testing"

	api "pileus/api/ec2"
	"pileus/node/nodetest"
	"pileus/plane"
	"pileus/plane/sim"
)

func TestMetricsOfNATGateways(t *testing.T) {
	p := &busy{Plane: sim.New("")}
	t.Cleanup(func() { p.Plane.Close() })
	s := New(p)
	w := &world{nodetest.New(t, module(s)), s, p.Plane}
	v := w.vpc("10.0.0.0/16")
	sub := w.subnet(v, "10.0.0.0/24", "us-east-1a")
	n := nodetest.Do(w.World, &api.CreateNatGateway, &api.CreateNatGatewayInput{SubnetId: &sub, ConnectivityType: new("private")}).NatGateway
	w.Drain()
	eni := *n.NatGatewayAddresses[0].NetworkInterfaceId
	measure := s.Metrics()
	type told struct {
		value float64
		unit  string
	}
	minute := func() map[string]told {
		all := map[string]told{}
		for m := range measure(w.Call()) {
			if m.Namespace != "AWS/NATGateway" || len(m.Dimensions) != 1 || m.Dimensions[0].Value != *n.NatGatewayId {
				t.Errorf("%s %v", m.Namespace, m.Dimensions)
			}
			all[m.Name] = told{m.Values[0], m.Unit}
		}
		return all
	}
	set := func(c plane.NATCounters) { p.set(eni, plane.Counters{NAT: &c}) }
	passed := func(packets, bytes uint64) plane.Passed { return plane.Passed{Packets: packets, Bytes: bytes} }
	first := plane.NATCounters{FromSource: passed(10, 1000), ToDestination: passed(10, 1000), FromDestination: passed(20, 9000), ToSource: passed(20, 9000), Attempts: 5, Established: 4, Active: 2, PortErrors: 1, Dropped: 1}
	set(first)
	if got := minute(); len(got) != 0 {
		t.Errorf("before a minute has passed: %v", got)
	}
	s.natMetrics.sample(w.Call())
	busiest := first
	busiest.FromSource, busiest.FromDestination = passed(110, 2000), passed(120, 28_000)
	set(busiest)
	s.natMetrics.sample(w.Call())
	last := busiest
	last.FromSource, last.ToDestination, last.ToSource = passed(111, 2100), passed(109, 2000), passed(120, 28_000)
	last.Attempts, last.Established, last.Active, last.PortErrors, last.Dropped = 15, 12, 7, 3, 6
	set(last)
	s.natMetrics.sample(w.Call())
	want := map[string]told{
		"ActiveConnectionCount": {7, "Count"}, "ConnectionAttemptCount": {10, "Count"}, "ConnectionEstablishedCount": {8, "Count"},
		"BytesInFromSource": {1100, "Bytes"}, "BytesOutToDestination": {1000, "Bytes"}, "BytesInFromDestination": {19_000, "Bytes"}, "BytesOutToSource": {19_000, "Bytes"},
		"PacketsInFromSource": {101, "Count"}, "PacketsOutToDestination": {99, "Count"}, "PacketsInFromDestination": {100, "Count"}, "PacketsOutToSource": {100, "Count"},
		"ErrorPortAllocation": {2, "Count"}, "PacketsDropCount": {5, "Count"}, "PeakBytesPerSecond": {2000, "None"}, "PeakPacketsPerSecond": {20, "Count"},
	}
	got := minute()
	for name, x := range want {
		if got[name] != x {
			t.Errorf("%s is %v, want %v", name, got[name], x)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d metrics: %v", len(got), got)
	}
	if got := minute(); got["PacketsInFromSource"].value != 0 || got["PeakBytesPerSecond"].value != 0 || got["ActiveConnectionCount"].value != 7 {
		t.Errorf("a minute without traffic: %v", got)
	}
	p.set(eni, plane.Counters{BytesIn: 1})
	if got := minute(); len(got) != 0 {
		t.Errorf("of one that does not count: %v", got)
	}
}

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
	w.gateway(v)
	e := nodetest.Do(w.World, &api.AllocateAddress, &api.AllocateAddressInput{})
	n := nodetest.Do(w.World, &api.CreateNatGateway, &api.CreateNatGatewayInput{SubnetId: sub, AllocationId: e.AllocationId}).NatGateway
	w.Drain()
	eni := *n.NatGatewayAddresses[0].NetworkInterfaceId
	measure := s.Metrics()
	minute := func() map[string]float64 {
		all := map[string]float64{}
		for m := range measure(w.Call()) {
			if m.Dimensions[0].Value != *n.NatGatewayId {
				t.Errorf("dimensions %v", m.Dimensions)
			}
			all[m.Name] = m.Values[0]
		}
		return all
	}
	p.set(eni, plane.Counters{BytesIn: 5000, BytesOut: 5000, Internet: 1000})
	if got := minute(); len(got) != 0 {
		t.Errorf("before a minute has passed: %v", got)
	}
	p.set(eni, plane.Counters{BytesIn: 15_000, BytesOut: 15_000, Internet: 2000})
	got := minute()
	for name, want := range map[string]float64{"BytesInFromSource": 1000, "BytesInFromDestination": 9000, "BytesOutToDestination": 1000, "BytesOutToSource": 9000} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s is %v, want %v", name, v, want)
		}
	}
}

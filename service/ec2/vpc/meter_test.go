package vpc

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"testing"
	"time"

	api "pileus/api/ec2"
	"pileus/meter"
	"pileus/node/nodetest"
	"pileus/plane"
	"pileus/plane/sim"
)

// busy is a data plane through which packets went.
type busy struct {
	*sim.Plane
	mu      sync.Mutex
	traffic map[string]plane.Counters
}

func (p *busy) Traffic(context.Context, string) (map[string]plane.Counters, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.traffic, nil
}

func (p *busy) set(eni string, n plane.Counters) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.traffic = map[string]plane.Counters{eni: n}
}

// TestBill lets an hour pass and looks at the bill.
func TestBill(t *testing.T) {
	const gb = 1 << 30
	p := &busy{Plane: sim.New("")}
	t.Cleanup(func() { p.Plane.Close() })
	s := New(p)
	w := &world{nodetest.New(t, module(s)), s, p.Plane}
	v := w.vpc("10.0.0.0/16")
	sub := w.subnet(v, "10.0.0.0/24", "us-east-1a")
	w.gateway(v)
	e := nodetest.Do(w.World, &api.AllocateAddress, &api.AllocateAddressInput{})
	idle := nodetest.Do(w.World, &api.AllocateAddress, &api.AllocateAddressInput{})
	n := nodetest.Do(w.World, &api.CreateNatGateway, &api.CreateNatGatewayInput{SubnetId: &sub, AllocationId: e.AllocationId}).NatGateway
	w.Drain()
	eni := *n.NatGatewayAddresses[0].NetworkInterfaceId
	p.set(eni, plane.Counters{BytesIn: 4 * gb, BytesOut: 4 * gb, InterZone: 2 * gb, Internet: gb})
	w.Advance(trafficEvery)
	p.set(eni, plane.Counters{BytesIn: 5 * gb, BytesOut: 5 * gb, InterZone: 2 * gb, Internet: gb})
	w.Advance(trafficEvery)
	// What ends between two hours is billed for its part.
	w.Advance(15 * time.Minute)
	nodetest.Do(w.World, &api.ReleaseAddress, &api.ReleaseAddressInput{AllocationId: idle.AllocationId})
	nodetest.Do(w.World, &api.DeleteNatGateway, &api.DeleteNatGatewayInput{NatGatewayId: *n.NatGatewayId})
	w.Drain()
	nodetest.Do(w.World, &api.ReleaseAddress, &api.ReleaseAddressInput{AllocationId: e.AllocationId})
	want := map[string]float64{
		natHours: 2.25, natBytes: 5, publicInUse: 2.25, publicIdle: 2.25, zoneBytes: 2, internetOut: 1,
	}
	got := map[string]float64{}
	for _, l := range bill(w).Lines {
		got[l.Type] += l.Quantity
		if l.Unpriced {
			t.Errorf("%s has no price", l.Type)
		}
	}
	for kind, q := range want {
		if diff := got[kind] - q; diff > 0.01 || diff < -0.01 {
			t.Errorf("%s: %v, want %v", kind, got[kind], q)
		}
	}
}

func bill(w *world) (b meter.Bill) {
	w.T.Helper()
	res, err := http.Get(w.Endpoint + "/_pileus/bill?from=2026-01-01&to=2026-01-02")
	if err != nil {
		w.T.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&b); err != nil {
		w.T.Fatal(err)
	}
	return b
}

package vpc

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	api "pileus/api/ec2"
	"pileus/node/nodetest"
	"pileus/plane"
	"pileus/plane/sim"
)

// slow is a data plane whose ApplyVPC waits to be let through.
type slow struct {
	*sim.Plane
	entered chan struct{} // one for each ApplyVPC that has begun
	through chan struct{} // one for each that may end
	applies atomic.Int32
	inside  atomic.Int32
	overlap atomic.Bool
}

func (p *slow) ApplyVPC(ctx context.Context, v plane.VPC) error {
	if p.inside.Add(1) > 1 {
		p.overlap.Store(true)
	}
	defer p.inside.Add(-1)
	p.applies.Add(1)
	p.entered <- struct{}{}
	<-p.through
	return p.Plane.ApplyVPC(ctx, v)
}

// TestConvergeCoalesces asks many times while one apply runs: one more follows,
// for all of them.
func TestConvergeCoalesces(t *testing.T) {
	p := &slow{Plane: sim.New(""), entered: make(chan struct{}, 100), through: make(chan struct{}, 100)}
	t.Cleanup(func() { p.Plane.Close() })
	s := New(p)
	w := &world{nodetest.New(t, module(s)), s, p.Plane}
	for range 20 {
		p.through <- struct{}{} // for what the controller does by itself
	}
	v := w.vpc("10.0.0.0/16")
	w.nic(w.subnet(v, "10.0.0.0/24", "us-east-1a"))
	w.Drain()
	for len(p.through) > 0 {
		<-p.through
	}
	for len(p.entered) > 0 {
		<-p.entered
	}
	before := p.applies.Load()
	var all sync.WaitGroup
	ask := func() {
		defer all.Done()
		if err := s.Converge(w.Call(), v); err != nil {
			t.Error(err)
		}
	}
	all.Add(1)
	go ask()
	<-p.entered // the first apply runs
	const more = 10
	all.Add(more)
	for range more {
		go ask()
	}
	for s.waiting(v) < more {
		runtime.Gosched()
	}
	p.through <- struct{}{}
	p.through <- struct{}{}
	all.Wait()
	if n := p.applies.Load() - before; n != 2 {
		t.Errorf("%d applies, want 2", n)
	}
	if p.overlap.Load() {
		t.Error("two applies of one VPC ran at once")
	}
}

// waiting is how many wait for the round that has not begun.
func (s *Room) waiting(vpc string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.lines[vpc]; l != nil && l.next != nil {
		return l.next.asked
	}
	return 0
}

// TestNetworksAreAdopted starts over a data plane that an earlier process left.
func TestNetworksAreAdopted(t *testing.T) {
	w := newWorld(t)
	v := w.vpc("10.0.0.0/16")
	s := w.subnet(v, "10.0.0.0/24", "us-east-1a")
	eni := w.nic(s)
	w.applied(v)
	if err := w.plane.ApplyVPC(t.Context(), plane.VPC{ID: "vpc-of-nobody"}); err != nil {
		t.Fatal(err)
	}
	w.room.Reset() // as a new process begins
	if err := w.room.Start(t.Context(), w.Call().Cloud); err != nil {
		t.Fatal(err)
	}
	w.Drain()
	if ids, _ := w.plane.VPCs(t.Context()); !slices.Equal(ids, []string{v}) {
		t.Errorf("the data plane has %v, want %s alone", ids, v)
	}
	nodetest.Do(w.World, &api.DeleteNetworkInterface, &api.DeleteNetworkInterfaceInput{NetworkInterfaceId: eni})
	if got := w.applied(v); len(got.Interfaces) != 0 {
		t.Errorf("the data plane still has %+v", got.Interfaces)
	}
	nodetest.Do(w.World, &api.DeleteSubnet, &api.DeleteSubnetInput{SubnetId: s})
	nodetest.Do(w.World, &api.DeleteVpc, &api.DeleteVpcInput{VpcId: v})
	w.Drain()
	if ids, _ := w.plane.VPCs(t.Context()); len(ids) != 0 {
		t.Errorf("the data plane has %v", ids)
	}
}

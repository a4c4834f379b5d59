package market_test

import (
	"testing"
	"time"

	api "pileus/api/ec2"
	"pileus/node/nodetest"
	"pileus/plane/sim"
)

// TestUnhealthyInstancesAreReplaced where the fleet is told to, and stay where
// it is not.
func TestUnhealthyInstancesAreReplaced(t *testing.T) {
	for _, replace := range []bool{true, false} {
		p := sim.New(t.TempDir())
		w := newWorldOver(t, p)
		w.launchTemplate("base")
		in := w.fleetInput("maintain", 2, 2)
		in.ReplaceUnhealthyInstances = &replace
		nodetest.Do(w.World, &api.CreateFleet, in)
		w.Drain()
		ill := *w.instances()[0].InstanceId
		if err := p.RemoveMachine(t.Context(), ill); err != nil {
			t.Fatal(err)
		}
		w.Advance(61 * time.Second)
		want := map[bool]string{true: "terminated", false: "running"}[replace]
		if got, n := w.stateOf(ill), len(w.instances()); got != want || n != 2 {
			t.Errorf("replacing is %v: it is %s, with %d instances", replace, got, n)
		}
	}
}

// TestStopAndStart: instances of persistent requests may be stopped by their
// users, who start them again.
func TestStopAndStart(t *testing.T) {
	w := newWorld(t)
	id := w.request(persistent)
	i := *w.get(id).InstanceId
	nodetest.Do(w.World, &api.StopInstances, &api.StopInstancesInput{InstanceIds: []string{i}})
	w.Advance(time.Hour)
	w.is(id, "disabled", "instance-stopped-by-user")
	nodetest.Do(w.World, &api.StartInstances, &api.StartInstancesInput{InstanceIds: []string{i}})
	w.Drain()
	if q := w.is(id, "active", "fulfilled"); *q.InstanceId != i {
		t.Errorf("it has another instance: %s", *q.InstanceId)
	}
}

package market_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	api "pileus/api/ec2"
	"pileus/node/nodetest"
	"pileus/service/ec2/market"
)

// post asks for an interruption over HTTP.
func (w *world) post(query string) (status int, out market.Interrupted) {
	w.T.Helper()
	res, err := http.Post(w.Endpoint+market.InterruptPath+"?"+query, "", nil)
	if err != nil {
		w.T.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusOK {
		if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
			w.T.Fatal(err)
		}
	}
	w.Drain()
	return res.StatusCode, out
}

func TestInterruptionByHand(t *testing.T) {
	w := newWorld(t)
	id := w.request()
	i := *w.get(id).InstanceId
	if status, out := w.post("rebalance=true&instance=" + i); status != http.StatusOK || out.Action != "" || out.Request != id {
		t.Errorf("rebalance: %d, %+v", status, out)
	}
	w.is(id, "active", "fulfilled")
	status, out := w.post("instance=" + i)
	if status != http.StatusOK || out.Action != "terminate" || !out.At.Equal(w.Now().Add(2*time.Minute)) {
		t.Errorf("interruption: %d, %+v", status, out)
	}
	w.Advance(2 * time.Minute)
	w.is(id, "closed", "instance-terminated-no-capacity")
	if status, _ := w.post("instance=" + i); status != http.StatusBadRequest {
		t.Errorf("once more: %d", status)
	}
	onDemand := *nodetest.Do(w.World, &api.RunInstances, &api.RunInstancesInput{ImageId: new(image()), InstanceType: new("t3.micro"), MinCount: 1, MaxCount: 1}).Instances[0].InstanceId
	if status, _ := w.post("instance=" + onDemand); status != http.StatusBadRequest {
		t.Errorf("an instance on demand: %d", status)
	}
}

// TestCapacityRebalance: a fleet launches a replacement as soon as an instance
// is at risk, and ends the one at risk after the delay.
func TestCapacityRebalance(t *testing.T) {
	w := newWorld(t)
	w.launchTemplate("base")
	in := w.fleetInput("maintain", 2, 0)
	in.SpotOptions = &api.SpotOptionsRequest{MaintenanceStrategies: &api.FleetSpotMaintenanceStrategiesRequest{
		CapacityRebalance: &api.FleetSpotCapacityRebalanceRequest{ReplacementStrategy: new("launch-before-terminate"), TerminationDelay: new(int32(300))},
	}}
	nodetest.Do(w.World, &api.CreateFleet, in)
	w.Drain()
	risky := *w.instances()[0].InstanceId
	w.post("rebalance=true&instance=" + risky)
	if n := len(w.instances()); n != 3 {
		t.Errorf("%d instances while one is at risk", n)
	}
	w.Advance(4 * time.Minute)
	if got := w.stateOf(risky); got != "running" {
		t.Errorf("before the delay is over it is %s", got)
	}
	w.Advance(2 * time.Minute)
	if got, n := w.stateOf(risky), len(w.instances()); got != "terminated" || n != 2 {
		t.Errorf("after the delay it is %s, with %d instances", got, n)
	}
}

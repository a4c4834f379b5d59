package market_test

import (
	"testing"
	"time"

	api "pileus/api/ec2"
	"pileus/node/nodetest"
	"pileus/service/ec2/market"
	"pileus/store"
)

// request asks for one spot instance and waits.
func (w *world) request(edits ...func(*api.RequestSpotInstancesInput)) string {
	w.T.Helper()
	in := &api.RequestSpotInstancesInput{LaunchSpecification: &api.RequestSpotLaunchSpecification{ImageId: new(image()), InstanceType: new("t3.micro")}}
	for _, edit := range edits {
		edit(in)
	}
	out := nodetest.Do(w.World, &api.RequestSpotInstances, in)
	if got := *out.SpotInstanceRequests[0].State; got != "open" {
		w.T.Errorf("a new request is %s", got)
	}
	w.Drain()
	return *out.SpotInstanceRequests[0].SpotInstanceRequestId
}

func (w *world) get(id string) api.SpotInstanceRequest {
	w.T.Helper()
	return nodetest.Do(w.World, &api.DescribeSpotInstanceRequests, &api.DescribeSpotInstanceRequestsInput{SpotInstanceRequestIds: []string{id}}).SpotInstanceRequests[0]
}

// is fails the test unless a request has a state and a status code.
func (w *world) is(id, state, status string) api.SpotInstanceRequest {
	w.T.Helper()
	q := w.get(id)
	if *q.State != state || *q.Status.Code != status {
		w.T.Errorf("the request is %s, %s (%s); want %s, %s", *q.State, *q.Status.Code, *q.Status.Message, state, status)
	}
	return q
}

func persistent(in *api.RequestSpotInstancesInput) { in.Type = new("persistent") }

func behaves(how string) func(*api.RequestSpotInstancesInput) {
	return func(in *api.RequestSpotInstancesInput) {
		in.Type, in.InstanceInterruptionBehavior = new("persistent"), &how
	}
}

func (w *world) interrupt(id string) {
	w.T.Helper()
	w.Update(func(tx store.Tx) {
		c := w.Call()
		c.Tx = tx
		if err := market.Interrupt(c, tx, id); err != nil {
			w.T.Error(err)
		}
	})
	w.Drain()
}

func TestLifeOfASpotRequest(t *testing.T) {
	w := newWorld(t)
	t.Run("one-time, terminated by its user", func(t *testing.T) {
		id := w.request()
		q := w.is(id, "active", "fulfilled")
		i := nodetest.Do(w.World, &api.DescribeInstances, &api.DescribeInstancesInput{InstanceIds: []string{*q.InstanceId}}).Reservations[0].Instances[0]
		if *i.InstanceLifecycle != "spot" || *i.SpotInstanceRequestId != id || *i.Placement.AvailabilityZone != *q.LaunchedAvailabilityZone || *i.State.Name != "running" {
			t.Errorf("the instance: %+v", i)
		}
		if _, err := nodetest.Try(w.World, &api.StopInstances, &api.StopInstancesInput{InstanceIds: []string{*i.InstanceId}}); code(err) != "UnsupportedOperation" {
			t.Errorf("stopping it: %v", err)
		}
		nodetest.Do(w.World, &api.TerminateInstances, &api.TerminateInstancesInput{InstanceIds: []string{*q.InstanceId}})
		w.Drain()
		w.is(id, "closed", "instance-terminated-by-user")
	})
	t.Run("persistent, comes back", func(t *testing.T) {
		id := w.request(persistent)
		first := *w.is(id, "active", "fulfilled").InstanceId
		nodetest.Do(w.World, &api.TerminateInstances, &api.TerminateInstancesInput{InstanceIds: []string{first}})
		w.Drain()
		if again := *w.is(id, "active", "fulfilled").InstanceId; again == first {
			t.Error("the instance is the one that was terminated")
		}
		nodetest.Do(w.World, &api.CancelSpotInstanceRequests, &api.CancelSpotInstanceRequestsInput{SpotInstanceRequestIds: []string{id}})
		q := w.is(id, "cancelled", "request-canceled-and-instance-running")
		nodetest.Do(w.World, &api.TerminateInstances, &api.TerminateInstancesInput{InstanceIds: []string{*q.InstanceId}})
		w.Drain()
		w.is(id, "cancelled", "instance-terminated-by-user")
		if n := len(w.instances()); n != 0 {
			t.Errorf("%d instances are left", n)
		}
	})
	t.Run("price too low, then cancelled", func(t *testing.T) {
		id := w.request(func(in *api.RequestSpotInstancesInput) { in.SpotPrice = new("0.0001") })
		w.is(id, "open", "price-too-low")
		nodetest.Do(w.World, &api.CancelSpotInstanceRequests, &api.CancelSpotInstanceRequestsInput{SpotInstanceRequestIds: []string{id}})
		w.is(id, "cancelled", "canceled-before-fulfillment")
	})
	t.Run("bad parameters", func(t *testing.T) {
		id := w.request(func(in *api.RequestSpotInstancesInput) { in.LaunchSpecification.KeyName = new("nobody's") })
		if q := w.is(id, "failed", "bad-parameters"); q.Fault == nil {
			t.Error("it has no fault")
		}
	})
	t.Run("from and until", func(t *testing.T) {
		from, until := w.Now().Add(time.Hour), w.Now().Add(2*time.Hour)
		id := w.request(func(in *api.RequestSpotInstancesInput) { in.ValidFrom, in.ValidUntil = &from, &until })
		w.is(id, "open", "not-scheduled-yet")
		w.Advance(61 * time.Minute)
		w.is(id, "active", "fulfilled")
		low := w.request(func(in *api.RequestSpotInstancesInput) { in.ValidUntil, in.SpotPrice = &until, new("0.0001") })
		w.Advance(time.Hour)
		w.is(low, "closed", "schedule-expired")
		w.Advance(49 * time.Hour)
		if _, err := nodetest.Try(w.World, &api.DescribeSpotInstanceRequests, &api.DescribeSpotInstanceRequestsInput{SpotInstanceRequestIds: []string{low}}); code(err) != "InvalidSpotInstanceRequestID.NotFound" {
			t.Errorf("long after: %v", err)
		}
	})
}

func TestInterruptions(t *testing.T) {
	w := newWorld(t)
	for _, test := range []struct {
		edit           func(*api.RequestSpotInstancesInput)
		marked         string
		state, status  string
		instance, then string
	}{
		{func(*api.RequestSpotInstancesInput) {}, "marked-for-termination", "closed", "instance-terminated-no-capacity", "terminated", "closed"},
		{behaves("stop"), "marked-for-stop", "disabled", "instance-stopped-no-capacity", "stopped", "active"},
	} {
		id := w.request(test.edit)
		i := *w.is(id, "active", "fulfilled").InstanceId
		w.interrupt(i)
		w.is(id, "active", test.marked)
		w.Advance(119 * time.Second)
		if got := w.stateOf(i); got != "running" {
			t.Errorf("before the two minutes are over it is %s", got)
		}
		w.Advance(time.Second)
		if q := w.get(id); *q.State != test.then && *q.State != test.state {
			t.Errorf("the request is %s, %s", *q.State, *q.Status.Code)
		}
		w.Advance(2 * time.Minute) // for what the market starts again
		if q := w.get(id); *q.State != test.then {
			t.Errorf("the request is %s, %s; want %s", *q.State, *q.Status.Code, test.then)
		}
		nodetest.Do(w.World, &api.CancelSpotInstanceRequests, &api.CancelSpotInstanceRequestsInput{SpotInstanceRequestIds: []string{id}})
	}
}

func (w *world) stateOf(id string) string {
	w.T.Helper()
	out := nodetest.Do(w.World, &api.DescribeInstances, &api.DescribeInstancesInput{InstanceIds: []string{id}})
	return *out.Reservations[0].Instances[0].State.Name
}

func TestMarketOptionsOfRunInstances(t *testing.T) {
	w := newWorld(t)
	run := func(o *api.SpotMarketOptions) (*api.Reservation, error) {
		return nodetest.Try(w.World, &api.RunInstances, &api.RunInstancesInput{
			ImageId: new(image()), InstanceType: new("m5.large"), MinCount: 1, MaxCount: 1,
			InstanceMarketOptions: &api.InstanceMarketOptionsRequest{MarketType: new("spot"), SpotOptions: o},
			TagSpecifications:     []api.TagSpecification{{ResourceType: new("spot-instances-request"), Tags: []api.Tag{{Key: new("team"), Value: new("a")}}}},
		})
	}
	out, err := run(nil)
	if err != nil {
		t.Fatal(err)
	}
	q := w.is(*out.Instances[0].SpotInstanceRequestId, "active", "fulfilled")
	if len(q.Tags) != 1 || *q.Type != "one-time" || *q.SpotPrice != "0.096000" {
		t.Errorf("the request: %+v", q)
	}
	until := w.Now().Add(time.Hour)
	for name, test := range map[string]struct {
		o    *api.SpotMarketOptions
		want string
	}{
		"too low":          {&api.SpotMarketOptions{MaxPrice: new("0.001")}, "SpotMaxPriceTooLow"},
		"no price":         {&api.SpotMarketOptions{MaxPrice: new("cheap")}, "InvalidParameterValue"},
		"stop, once":       {&api.SpotMarketOptions{InstanceInterruptionBehavior: new("stop")}, "InvalidParameterCombination"},
		"until, once":      {&api.SpotMarketOptions{ValidUntil: &until}, "InvalidParameterCombination"},
		"for three hours":  {&api.SpotMarketOptions{BlockDurationMinutes: new(int32(180))}, "UnsupportedOperation"},
		"persistent, stop": {&api.SpotMarketOptions{SpotInstanceType: new("persistent"), InstanceInterruptionBehavior: new("stop"), ValidUntil: &until}, ""},
	} {
		if _, err := run(test.o); code(err) != test.want {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
}

func TestPriceHistoryAgreesWithWhatRequestsMeet(t *testing.T) {
	w := newWorld(t)
	w.Advance(30 * time.Hour)
	start := w.Now().Add(-24 * time.Hour)
	in := &api.DescribeSpotPriceHistoryInput{InstanceTypes: []string{"t3.micro"}, AvailabilityZone: new("us-east-1a"), ProductDescriptions: []string{"Linux/UNIX"}, StartTime: &start}
	all := nodetest.Do(w.World, &api.DescribeSpotPriceHistory, in).SpotPriceHistory
	if len(all) < 6 || len(all) > 8 {
		t.Fatalf("%d prices in a day", len(all))
	}
	for n := 1; n < len(all); n++ {
		if !all[n].Timestamp.Before(*all[n-1].Timestamp) {
			t.Error("the latest is not first")
		}
	}
	if last := all[len(all)-1].Timestamp; last.After(start) {
		t.Errorf("the price in force at %s is missing: the first began %s", start, last)
	}
	in.MaxResults = new(int32(3))
	var paged []api.SpotPrice
	for {
		out := nodetest.Do(w.World, &api.DescribeSpotPriceHistory, in)
		paged = append(paged, out.SpotPriceHistory...)
		if *out.NextToken == "" {
			break
		}
		in.NextToken = out.NextToken
	}
	if len(paged) != len(all) {
		t.Errorf("%d prices in pages, %d at once", len(paged), len(all))
	}
	// A request that bids exactly the price is fulfilled, one below it is not.
	now := *all[0].SpotPrice
	zone := func(bid string) string {
		return w.request(func(r *api.RequestSpotInstancesInput) {
			r.SpotPrice, r.LaunchSpecification.Placement = &bid, &api.SpotPlacement{AvailabilityZone: new("us-east-1a")}
		})
	}
	w.is(zone(now), "active", "fulfilled")
	w.is(zone("0.0001"), "open", "price-too-low")
}

func TestPriceInterrupts(t *testing.T) {
	w := newWorld(t)
	prices := func() string {
		out := nodetest.Do(w.World, &api.DescribeSpotPriceHistory, &api.DescribeSpotPriceHistoryInput{InstanceTypes: []string{"m5.large"}, AvailabilityZone: new("us-east-1b"), ProductDescriptions: []string{"Linux/UNIX"}})
		return *out.SpotPriceHistory[0].SpotPrice
	}
	bid := prices()
	id := w.request(func(in *api.RequestSpotInstancesInput) {
		in.SpotPrice, in.LaunchSpecification.InstanceType = &bid, new("m5.large")
		in.LaunchSpecification.Placement = &api.SpotPlacement{AvailabilityZone: new("us-east-1b")}
	})
	w.is(id, "active", "fulfilled")
	for range 60 { // some day the price rises over what it was
		w.Advance(4 * time.Hour)
		if prices() > bid {
			w.Advance(2 * time.Minute)
			w.is(id, "closed", "instance-terminated-by-price")
			return
		}
		w.is(id, "active", "fulfilled")
	}
	t.Fatal("the price never rose")
}

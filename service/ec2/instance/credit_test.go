package instance_test

import (
	"context"
	"encoding/json"
	"math"
	"net/http"
	"sync"
	"testing"
	"time"

	api "pileus/api/ec2"
	"pileus/meter"
	"pileus/node/nodetest"
	"pileus/plane"
	"pileus/plane/sim"
	"pileus/service/ec2/instance"
	"pileus/store"
)

// busy is a plane whose machines use as much of the processor as the test says.
type busy struct {
	*sim.Plane
	mu     sync.Mutex
	used   time.Duration
	shares map[string]float64
}

func (p *busy) Sample(context.Context, string) (plane.Usage, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return plane.Usage{CPU: p.used}, nil
}

func (p *busy) EnsureMachine(ctx context.Context, m plane.Machine) error {
	p.mu.Lock()
	p.shares[m.ID] = m.CPUShare
	p.mu.Unlock()
	return p.Plane.EnsureMachine(ctx, m)
}

func TestCPUCredits(t *testing.T) {
	s := sim.New(t.TempDir())
	p := &busy{Plane: s, shares: map[string]float64{}}
	w := newWorldOver(t, s, p)
	i := w.run(1, func(in *api.RunInstancesInput) {
		in.CreditSpecification = &api.CreditSpecificationRequest{CpuCredits: "standard"}
	})[0]
	id := *i.InstanceId
	count := func(d, used time.Duration) (balance, surplus float64) {
		t.Helper()
		p.mu.Lock()
		p.used += used
		p.mu.Unlock()
		w.Advance(d)
		if err := w.room.CountCredits(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.Drain()
		w.View(func(r store.Reader) {
			rec, err := instance.Find(w.Call(), r, id)
			if err != nil {
				t.Fatal(err)
			}
			balance, surplus, _ = instance.Credits(r, rec)
		})
		return balance, surplus
	}
	share := func() float64 {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.shares[id]
	}
	if b, _ := count(10*time.Hour, 0); b != 120 { // 12 an hour
		t.Errorf("%v credits after ten idle hours", b)
	}
	if b, _ := count(40*time.Hour, 0); b != 288 { // no more than a day's
		t.Errorf("%v credits after fifty idle hours", b)
	}
	if b, _ := count(time.Hour, 100*time.Minute); b != 200 { // 288 + 12 - 100
		t.Errorf("%v credits after a busy hour", b)
	}
	if b, _ := count(2*time.Hour, 240*time.Minute); b != 0 || share() != 0.1 {
		t.Errorf("%v credits, share %v when they are used up", b, share())
	}
	if b, _ := count(time.Hour, 0); b != 12 || share() != 0 {
		t.Errorf("%v credits, share %v after an idle hour", b, share())
	}
	nodetest.Do(w.World, &api.ModifyInstanceCreditSpecification, &api.ModifyInstanceCreditSpecificationInput{InstanceCreditSpecifications: []api.InstanceCreditSpecificationRequest{{InstanceId: id, CpuCredits: new("unlimited")}}})
	if b, surplus := count(time.Hour, 54*time.Minute); b != 0 || surplus != 30 || share() != 0 {
		t.Errorf("%v credits, %v surplus, share %v in unlimited mode", b, surplus, share())
	}
	if b, surplus := count(3*time.Hour, 0); b != 6 || surplus != 0 {
		t.Errorf("%v credits, %v surplus when it was paid back", b, surplus)
	}
}

func TestInstanceHoursAreMetered(t *testing.T) {
	w := newWorld(t)
	hours := func() float64 {
		t.Helper()
		res, err := http.Get(w.Endpoint + "/_pileus/bill?from=2026-01&to=2026-02")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		var b meter.Bill
		if err := json.NewDecoder(res.Body).Decode(&b); err != nil {
			t.Fatal(err)
		}
		sum := 0.0
		for _, l := range b.Lines {
			if l.Type == "BoxUsage:t3.micro" {
				sum += l.Quantity
			}
		}
		return sum
	}
	near := func(what string, want float64) {
		t.Helper()
		if got := hours(); math.Abs(got-want) > 1e-6 {
			t.Errorf("%s: %v hours, want %v", what, got, want)
		}
	}
	w.Advance(20 * time.Minute)
	id := *w.run(1)[0].InstanceId
	w.Advance(90 * time.Minute) // to 1:50
	near("running since 0:20, at 1:50", 1.5)
	nodetest.Do(w.World, &api.StopInstances, &api.StopInstancesInput{InstanceIds: []string{id}})
	w.Drain()
	near("stopped at 1:50", 1.5)
	w.Advance(5 * time.Hour)
	near("five hours later", 1.5)
	nodetest.Do(w.World, &api.StartInstances, &api.StartInstancesInput{InstanceIds: []string{id}})
	w.Drain()
	w.Advance(10 * time.Second)
	nodetest.Do(w.World, &api.TerminateInstances, &api.TerminateInstancesInput{InstanceIds: []string{id}})
	w.Drain()
	near("after ten seconds more", 1.5+1.0/60)
}

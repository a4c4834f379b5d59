package group_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pileus/all"
	api "pileus/api/autoscaling"
	"pileus/api/ec2"
	"pileus/api/elbv2"
	"pileus/clock"
	"pileus/cloud"
	"pileus/node"
	"pileus/node/nodetest"
	"pileus/plane/sim"
)

// checkEvery is the interval of health checks, by which the waits between them
// are told from others.
const checkEvery = 300 * time.Second

// paced is a still clock on which the waits between health checks end when the
// test says so.
type paced struct {
	clock.Control
	mu      sync.Mutex
	changed *sync.Cond
	waiting map[chan struct{}]context.Context
}

func newPaced() *paced {
	p := &paced{Control: clock.Still(nodetest.Epoch), waiting: map[chan struct{}]context.Context{}}
	p.changed = sync.NewCond(&p.mu)
	return p
}

func (p *paced) Wait(ctx context.Context, d time.Duration) error {
	if d < checkEvery/2 {
		return p.Control.Wait(ctx, d)
	}
	turn := make(chan struct{})
	p.change(func() { p.waiting[turn] = ctx })
	defer p.change(func() { delete(p.waiting, turn) })
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-turn:
		return nil
	}
}

func (p *paced) change(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
	p.changed.Broadcast()
}

// settle returns when n series of checks have done one and wait for the next.
func (p *paced) settle(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		alive := 0
		for _, ctx := range p.waiting {
			if ctx.Err() == nil {
				alive++
			}
		}
		if alive == n {
			return
		}
		p.changed.Wait()
	}
}

// round has n series check once more.
func (p *paced) round(n int) {
	p.settle(n)
	p.change(func() {
		for turn := range p.waiting {
			close(turn)
			delete(p.waiting, turn)
		}
	})
	p.settle(n)
}

// wired is a simulated plane whose instances answer: 200, or 500 where they are
// ill.
type wired struct {
	*sim.Plane
	well, sick *httptest.Server

	mu  sync.Mutex
	ill map[netip.Addr]bool
}

func newWired(t *testing.T) *wired {
	serve := func(status int) *httptest.Server {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		t.Cleanup(s.Close)
		return s
	}
	return &wired{Plane: sim.New(t.TempDir()), well: serve(http.StatusOK), sick: serve(http.StatusInternalServerError), ill: map[netip.Addr]bool{}}
}

func (w *wired) Dial(ctx context.Context, _ string, _ netip.Addr, network string, to netip.AddrPort) (net.Conn, error) {
	s := w.well
	w.mu.Lock()
	if w.ill[to.Addr()] {
		s = w.sick
	}
	w.mu.Unlock()
	var d net.Dialer
	return d.DialContext(ctx, network, s.Listener.Addr().String())
}

func (w *wired) ail(a netip.Addr) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ill[a] = true
}

// checked is a world with a load balancer over zones a and b that checks by turns.
func checked(t *testing.T) (w *world, p *wired, turns *paced, targets string) {
	p, turns = newWired(t), newPaced()
	w = &world{plane: p.Plane}
	w.World = nodetest.Start(t, node.Options{Plane: p, Clock: turns, Rehearse: true, Seed: 1, Modules: func(parts node.Parts) []cloud.Module {
		return slices.DeleteFunc(all.Modules(parts), func(m cloud.Module) bool {
			return !slices.Contains([]string{"iam", "ec2", "autoscaling", "elb", "elbv2"}, m.API.Name)
		})
	}})
	nodetest.Do(w.World, &api.CreateLaunchConfiguration, configuration("lc"))
	var subnets []string
	for _, s := range nodetest.Do(w.World, &ec2.DescribeSubnets, &ec2.DescribeSubnetsInput{}).Subnets {
		if *s.AvailabilityZone == "us-east-1a" || *s.AvailabilityZone == "us-east-1b" {
			subnets = append(subnets, *s.SubnetId)
		}
	}
	targets = w.targets("web")
	nodetest.Do(w.World, &elbv2.ModifyTargetGroup, &elbv2.ModifyTargetGroupInput{TargetGroupArn: targets, HealthCheckIntervalSeconds: new(int32(checkEvery / time.Second)), UnhealthyThresholdCount: new(int32(2))})
	lb := *nodetest.Do(w.World, &elbv2.CreateLoadBalancer, &elbv2.CreateLoadBalancerInput{Name: "web", Subnets: subnets}).LoadBalancers[0].LoadBalancerArn
	nodetest.Do(w.World, &elbv2.CreateListener, &elbv2.CreateListenerInput{
		LoadBalancerArn: lb, Protocol: new("HTTP"), Port: new(int32(80)), DefaultActions: []elbv2.Action{{Type: "forward", TargetGroupArn: &targets}},
	})
	w.Drain()
	return w, p, turns, targets
}

// TestReplacedByTheLoadBalancersHealth: what a load balancer finds unhealthy is
// replaced once its grace period is over, where the group looks at that.
func TestReplacedByTheLoadBalancersHealth(t *testing.T) {
	const grace, series = 10 * time.Minute, 4 // two nodes check two targets
	for _, kind := range []string{"ELB", "EC2"} {
		t.Run(kind, func(t *testing.T) {
			w, p, turns, targets := checked(t)
			w.create(group("g", 1, 5, desired(2), func(in *api.CreateAutoScalingGroupInput) {
				in.TargetGroupARNs, in.HealthCheckType, in.HealthCheckGracePeriod = []string{targets}, &kind, new(int32(grace/time.Second))
			}))
			ids := w.serving("g", 2)
			turns.settle(series)
			for _, i := range w.machines() {
				if *i.InstanceId == ids[0] {
					p.ail(netip.MustParseAddr(*i.PrivateIpAddress))
				}
			}
			turns.round(series)
			turns.round(series)
			if got := w.wellness(targets); got[ids[0]] != "unhealthy Target.ResponseCodeMismatch" || got[ids[1]] != "healthy " {
				t.Fatalf("targets are %v", got)
			}
			w.Advance(grace / 2)
			if got := w.serving("g", 2); !slices.Equal(got, ids) {
				t.Fatalf("within its grace period: %s", w.tell("g"))
			}
			w.Advance(grace)
			if kind == "EC2" {
				if got := w.serving("g", 2); !slices.Equal(got, ids) {
					t.Errorf("a group that does not look at it: %s", w.tell("g"))
				}
				return
			}
			w.wantReplaced(ids[0], ids[1])
			turns.settle(series)
			if got := w.wellness(targets); len(got) != 2 || got[ids[1]] != "healthy " || got[ids[0]] != "" {
				t.Errorf("afterwards targets are %v", got)
			}
		})
	}
}

// wellness is the health of targets with its reason, by their ids.
func (w *world) wellness(targets string) map[string]string {
	w.T.Helper()
	out := map[string]string{}
	for _, d := range nodetest.Do(w.World, &elbv2.DescribeTargetHealth, &elbv2.DescribeTargetHealthInput{TargetGroupArn: targets}).TargetHealthDescriptions {
		out[d.Target.Id] = *d.TargetHealth.State + " " + cloud.Or(d.TargetHealth.Reason, "")
	}
	return out
}

// wantReplaced holds the group g to have another instance in the place of one,
// and to tell why in AWS's words.
func (w *world) wantReplaced(gone, kept string) {
	w.T.Helper()
	now := w.serving("g", 2)
	if slices.Contains(now, gone) || !slices.Contains(now, kept) || len(w.machines()) != 2 {
		w.T.Fatalf("%s was not replaced: %s", gone, w.tell("g"))
	}
	ended, begun := false, false
	for _, a := range w.activities("g") {
		ended = ended || *a.Description == "Terminating EC2 instance: "+gone && a.StatusCode == "Successful" &&
			strings.HasSuffix(a.Cause, " an instance was taken out of service in response to an ELB system health check failure.")
		begun = begun || strings.HasPrefix(*a.Description, "Launching a new EC2 instance: ") && !strings.Contains(*a.Description, gone) && a.StatusCode == "Successful" &&
			strings.HasSuffix(a.Cause, " an instance was launched in response to an unhealthy instance needing to be replaced.")
	}
	if !ended || !begun || len(w.activities("g")) != 4 {
		w.T.Errorf("the activities do not tell of it: %s", w.tell("g"))
	}
}

package elbv2

import (
	"context"
	"strconv"
	"sync"

	api "pileus/api/elbv2"
	"pileus/cloud"
	"pileus/lb"
	"pileus/store"
)

func itoa(n int32) string { return strconv.Itoa(int(n)) }

// The reasons that are this service's own to tell, with AWS's texts.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
const (
	notInUse     = "Target.NotInUse"
	notInUseText = "Target group is not configured to receive traffic from the load balancer"
	draining     = "Target.DeregistrationInProgress"
	drainingText = "Target deregistration is in progress"
)

func (s *elb) describeTargetHealth(c *cloud.Call, r store.Reader, in *api.DescribeTargetHealthInput) (*api.DescribeTargetHealthOutput, error) {
	g, err := findGroup(c, r, in.TargetGroupArn)
	if err != nil {
		return nil, err
	}
	w, err := lookFor(c, r, g)
	if err != nil {
		return nil, err
	}
	users := usersOf(r, g)
	wanted := map[lb.TargetKey]bool{}
	for _, d := range in.Targets {
		wanted[lb.TargetKey{ID: d.Id, Port: uint16(cloud.Or(d.Port, g.Port))}] = true
	}
	out := &api.DescribeTargetHealthOutput{TargetHealthDescriptions: []api.TargetHealthDescription{}}
	for t := range targetsOf(r, g) {
		key := lb.TargetKey{ID: t.ID, Port: uint16(t.Port)}
		if len(in.Targets) > 0 && !wanted[key] {
			continue
		}
		delete(wanted, key)
		out.TargetHealthDescriptions = append(out.TargetHealthDescriptions, s.describeTarget(r, w, g, t, users, in.Include))
	}
	for _, d := range in.Targets {
		if key := (lb.TargetKey{ID: d.Id, Port: uint16(cloud.Or(d.Port, g.Port))}); wanted[key] {
			out.TargetHealthDescriptions = append(out.TargetHealthDescriptions, api.TargetHealthDescription{
				Target:       &api.TargetDescription{Id: d.Id, Port: d.Port},
				TargetHealth: &api.TargetHealth{State: new("unused"), Reason: new("Target.NotRegistered"), Description: new("Target is not registered to the target group")},
			})
		}
	}
	return out, nil
}

// describeTarget is one target with its health.
func (s *elb) describeTarget(r store.Reader, w *world, g *group, t *target, users []*balancer, include []string) api.TargetHealthDescription {
	d := &api.TargetDescription{Id: t.ID, AvailabilityZone: some(t.Zone)}
	if t.Port != 0 {
		d.Port = &t.Port
	}
	h := s.health(r, w, g, t, users)
	o := api.TargetHealthDescription{
		Target: d, TargetHealth: &api.TargetHealth{State: &h.State, Reason: some(h.Reason), Description: some(h.Text)},
		AdministrativeOverride: override(r, w, g, t, users),
	}
	if g.Kind != ofLambda {
		o.HealthCheckPort = new(g.Check.Port)
		if g.Check.Port == trafficPort {
			o.HealthCheckPort = new(itoa(t.Port))
		}
	}
	for _, what := range include {
		if (what == "All" || what == "AnomalyDetection") && g.isHTTP() && g.Kind != ofLambda {
			o.AnomalyDetection = anomaly(h)
		}
	}
	return o
}

// anomaly is what the data path has found about a target's answers.
func anomaly(h lb.TargetHealth) *api.AnomalyDetection {
	d := &api.AnomalyDetection{Result: new("normal"), MitigationInEffect: new("no")}
	if h.Anomalous {
		d.Result = new("anomalous")
	}
	if h.Mitigated {
		d.MitigationInEffect = new("yes")
	}
	return d
}

// health is how a target is: what the state says where it says something, what
// the data path has seen otherwise. A target of several load balancers is as
// well as the best of them sees it.
func (s *elb) health(r store.Reader, w *world, g *group, t *target, users []*balancer) lb.TargetHealth {
	key := lb.TargetKey{ID: t.ID, Port: uint16(t.Port)}
	if len(users) == 0 {
		return lb.TargetHealth{TargetKey: key, State: "unused", Reason: notInUse, Text: notInUseText}
	}
	best := lb.TargetHealth{TargetKey: key, State: "initial", Reason: "Elb.RegistrationInProgress", Text: "Target registration is in progress"}
	if !t.Draining.IsZero() {
		return lb.TargetHealth{TargetKey: key, State: "draining", Reason: draining, Text: drainingText}
	}
	if !g.Check.Enabled || g.Kind == ofLambda && !g.Check.Enabled {
		return lb.TargetHealth{TargetKey: key, State: "unavailable", Reason: "Target.HealthCheckDisabled", Text: "Health checks are not enabled for this target"}
	}
	for _, b := range users {
		list := w.targets(r, b, g, t)
		if len(list) == 1 && list[0].Down != "" {
			best = lb.TargetHealth{TargetKey: key, State: "unused", Reason: list[0].Down, Text: list[0].DownText}
			continue
		}
		for _, h := range s.data.Health(b.ARN, g.ARN) {
			if owner(h.ID) != t.ID || h.Port != key.Port {
				continue
			}
			if h.State == "healthy" {
				return h
			}
			best = h
		}
	}
	return best
}

// news are changes of health that the data path told and nobody wrote down yet.
type news struct {
	mu    sync.Mutex
	list  []seen
	comes chan struct{}
}

func (n *news) reset() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.list = nil
	if n.comes == nil {
		n.comes = make(chan struct{}, 1)
	}
}

func (n *news) take() []seen {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := n.list
	n.list = nil
	return list
}

// heard takes a change of health from the data path.
func (s *elb) heard(balancer, group string, h lb.TargetHealth) {
	if !isOurs(balancer) {
		return
	}
	s.told.mu.Lock()
	s.told.list = append(s.told.list, seen{
		Balancer: balancer, Group: group, ID: h.ID, Port: int32(h.Port), State: h.State, Reason: h.Reason, Detail: h.Text, Since: h.Since,
	})
	s.told.mu.Unlock()
	select {
	case s.told.comes <- struct{}{}:
	default:
	}
}

// note writes down what the data path tells, so that it is known after a
// restart, and has names follow.
func (s *elb) note(ctx context.Context, c cloud.Cloud) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.told.comes:
		}
		list := s.told.take()
		// A change that cannot be written is lost; the next one is not.
		_ = c.DB().Update(ctx, func(tx store.Tx) error {
			for _, v := range list {
				account, region := place(v.Balancer)
				b, ok := balancers.Get(tx, account, region, v.Balancer)
				if !ok {
					continue
				}
				sightings.Put(tx, &v)
				tx.After(zero, nameController, balancers.Key(b))
			}
			return nil
		})
	}
}

package lb

import (
	"context"
	"fmt"
	"slices"
	"time"

	"pileus/clock"
)

// States of targets.
const (
	stateInitial     = "initial"
	stateHealthy     = "healthy"
	stateUnhealthy   = "unhealthy"
	stateUnused      = "unused"
	stateDraining    = "draining"
	stateUnavailable = "unavailable"
)

// Reasons, and AWS's texts for them.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html#target-health-reason-codes
var texts = map[string]string{
	"Elb.RegistrationInProgress":      "Target registration is in progress",
	"Elb.InitialHealthChecking":       "Initial health checks in progress",
	"Elb.InternalError":               "Health checks failed due to an internal error on the load balancer",
	"Target.Timeout":                  "Request timed out",
	"Target.FailedHealthChecks":       "Health checks failed",
	"Target.NotRegistered":            "Target is not registered to the target group",
	"Target.NotInUse":                 "Target group is not configured to receive traffic from the load balancer",
	"Target.DeregistrationInProgress": "Target deregistration is in progress",
	"Target.InvalidState":             "Target is in the stopped state",
	"Target.IpUnusable":               "Target IP address is in use by a load balancer",
	"Target.HealthCheckDisabled":      "Health checks are disabled for this target",
}

// view is how one node sees a target.
type view struct {
	state, reason, text string
	row                 int // results in a row that speak against the state
}

// verdict is the result of one check: ok, or why not.
type verdict struct {
	ok           bool
	reason, text string
}

// count takes a check's result into the view. The first success makes a new
// target healthy; apart from that it takes as many in a row as the group says.
func (v *view) count(r verdict, c *Check) {
	agrees := r.ok == (v.state == stateHealthy)
	if agrees && v.state != stateInitial {
		v.row = 0
		if !r.ok {
			v.reason, v.text = r.reason, r.text
		}
		return
	}
	v.row++
	switch {
	case r.ok && (v.state == stateInitial || v.row >= max(1, c.Healthy)):
		*v = view{state: stateHealthy}
	case !r.ok && v.row >= max(1, c.Unhealthy):
		*v = view{state: stateUnhealthy, reason: r.reason, text: r.text}
	}
}

// shortest is the least time between two checks of a target.
const shortest = 10 * time.Millisecond

// checkKey is a target as one node checks it.
type checkKey struct {
	zone string
	key  TargetKey
}

// checking is a running series of checks.
type checking struct {
	stop  context.CancelFunc
	check Check
	node  Node
	group *Group
}

// stateIn is how the node in a zone sees a target; p.mu is held.
func (p *pool) stateIn(m *member, zone string) view {
	if p.unchecked() {
		return view{state: stateUnavailable, reason: "Target.HealthCheckDisabled"}
	}
	if v := m.views[zone]; v != nil {
		return *v
	}
	return view{state: stateInitial, reason: "Elb.RegistrationInProgress"}
}

// unchecked tells that the group's targets are taken as they are.
func (p *pool) unchecked() bool {
	g := p.group.Load()
	return g.Check.Off || g.Function != nil
}

// applyChecks starts and ends checks so that each node checks the targets that
// it can send to; p.mu is held.
func (p *pool) applyChecks() {
	g := p.group.Load()
	want := map[checkKey]bool{}
	for i := range p.nodes {
		n := &p.nodes[i]
		for _, m := range p.members {
			t := m.target.Load()
			if p.closed || p.unchecked() || t.Down != "" || !t.Draining.IsZero() || !p.reaches(n.Zone, t) {
				continue
			}
			k := checkKey{n.Zone, m.key}
			want[k] = true
			p.applyCheck(k, m, n, g)
		}
	}
	for k, c := range p.checks {
		if !want[k] {
			c.stop()
			delete(p.checks, k)
		}
	}
	p.forgetViews(want)
}

// forgetViews drops what nodes that no longer check a target have seen.
func (p *pool) forgetViews(want map[checkKey]bool) {
	for _, m := range p.members {
		for zone := range m.views {
			if !want[checkKey{zone, m.key}] {
				delete(m.views, zone)
			}
		}
	}
}

// firstView is how a node sees a target that it has not checked yet: as it was
// before the process began, if that is known.
func firstView(t *Target) *view {
	switch t.Known {
	case stateHealthy:
		return &view{state: stateHealthy}
	case stateUnhealthy:
		return &view{state: stateUnhealthy, reason: "Target.FailedHealthChecks"}
	}
	return &view{state: stateInitial, reason: "Elb.InitialHealthChecking"}
}

// applyCheck starts a series of checks, or starts it anew if it has changed.
func (p *pool) applyCheck(k checkKey, m *member, n *Node, g *Group) {
	if m.views[k.zone] == nil {
		m.views[k.zone] = firstView(m.target.Load())
	}
	c := p.checks[k]
	if c != nil {
		if c.check == g.Check && c.group.Version == g.Version && sameAddresses(&c.node, n) && c.node.Off == n.Off {
			return
		}
		c.stop()
	}
	ctx, stop := context.WithCancel(p.site.ctx)
	p.checks[k] = &checking{stop: stop, check: g.Check, node: *n, group: g}
	node := *n
	p.site.start(func() { p.runChecks(ctx, m, &node, g) })
}

func sameAddresses(a, b *Node) bool {
	return fmt.Sprint(a.Addresses) == fmt.Sprint(b.Addresses)
}

// seen takes over what a check has found.
func (p *pool) seen(ctx context.Context, m *member, zone string, r verdict, g *Group) {
	p.mu.Lock()
	v := m.views[zone]
	if v == nil || ctx.Err() != nil {
		p.mu.Unlock()
		return
	}
	before := v.state
	v.count(r, &g.Check)
	after := v.state
	var told []TargetHealth
	if before != after {
		if after == stateHealthy && g.SlowStart > 0 && len(p.members) > 1 {
			m.slow.Store(new(clock.Start()))
		}
		p.rebuild()
		told = p.changes()
	}
	p.mu.Unlock()
	if before != after && after == stateUnhealthy && g.EndUnhealthy {
		m.endFlows()
	}
	if before != after && p.site.servingChanged() && len(told) == 0 {
		p.mu.Lock()
		told = append(told, p.merged(m))
		p.mu.Unlock()
	}
	p.tell(told)
}

// merged is a target's state over all nodes: healthy if one that is in service
// sees it so, else what the first one sees. p.mu is held.
func (p *pool) merged(m *member) TargetHealth {
	t := m.target.Load()
	h := TargetHealth{TargetKey: m.key, Since: m.since, Anomalous: m.results.anomalous.Load()}
	h.Mitigated = h.Anomalous && p.group.Load().mitigates()
	switch {
	case !t.Draining.IsZero():
		h.State, h.Reason = stateDraining, "Target.DeregistrationInProgress"
		if end := t.Draining.Add(p.group.Load().Drain); !p.site.opts.Clock.Now().Before(end) {
			h.State, h.Reason = stateUnused, "Target.NotRegistered"
		}
	case t.Down != "":
		h.State, h.Reason, h.Text = stateUnused, t.Down, t.DownText
	case p.unchecked():
		h.State, h.Reason = stateUnavailable, "Target.HealthCheckDisabled"
	default:
		v := p.mergedView(m)
		h.State, h.Reason, h.Text = v.state, v.reason, v.text
	}
	if h.Text == "" {
		h.Text = texts[h.Reason]
	}
	return h
}

func (p *pool) mergedView(m *member) view {
	var first *view
	for _, off := range []bool{false, true} {
		for i := range p.nodes {
			n := &p.nodes[i]
			v := m.views[n.Zone]
			if v == nil || n.Off != off {
				continue
			}
			if v.state == stateHealthy {
				return *v
			}
			if first == nil {
				first = v
			}
		}
		if first != nil {
			return *first
		}
	}
	if !p.inReach(m) {
		return view{state: stateUnused, reason: "Target.NotInUse", text: "Target is in an Availability Zone that is not enabled for the load balancer"}
	}
	return view{state: stateInitial, reason: "Elb.RegistrationInProgress"}
}

// inReach tells whether any node sends to a target.
func (p *pool) inReach(m *member) bool {
	for i := range p.nodes {
		if p.reaches(p.nodes[i].Zone, m.target.Load()) {
			return true
		}
	}
	return len(p.nodes) == 0
}

// changes are the targets whose state is another than what was told last;
// p.mu is held.
func (p *pool) changes() (told []TargetHealth) {
	for _, m := range p.members {
		h := p.merged(m)
		if h.State == m.told {
			continue
		}
		if m.told != "" {
			m.since = p.site.opts.Clock.Now()
			h.Since = m.since
		}
		m.told = h.State
		told = append(told, h)
	}
	return told
}

func (p *pool) tell(told []TargetHealth) {
	for _, h := range told {
		p.site.opts.Health(p.site.id, p.id, h)
	}
}

// health is how all targets are.
func (p *pool) health() []TargetHealth {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]TargetHealth, len(p.members))
	for i, m := range p.members {
		all[i] = p.merged(m)
	}
	return all
}

// nodeHealth tells which nodes DNS should have: those that are not off and
// have enough healthy targets of each group that has targets, unless none has.
func (s *site) nodeHealth() []NodeHealth {
	b := s.desired.Load()
	all := make([]NodeHealth, len(b.Nodes))
	serving := false
	for i := range b.Nodes {
		n := &b.Nodes[i]
		all[i] = NodeHealth{Zone: n.Zone, Serving: !n.Off && n.Zone != b.Away}
		if n.Off {
			all[i].Why = "the node is out of service"
		} else if n.Zone == b.Away {
			all[i].Why = "traffic is shifted away from the zone"
		}
		for id, p := range *s.pools.Load() {
			if why := p.lacks(n.Zone); why != "" && all[i].Serving {
				all[i].Serving, all[i].Why = false, fmt.Sprintf("%s: %s", id, why)
			}
		}
		serving = serving || all[i].Serving
	}
	if !serving { // all fail open
		for i := range all {
			if n := &b.Nodes[i]; !n.Off && n.Zone != b.Away {
				all[i].Serving, all[i].Why = true, ""
			}
		}
	}
	return all
}

// servingChanged tells whether other nodes serve than when it was asked last.
func (s *site) servingChanged() bool {
	now := s.nodeHealth()
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.served
	s.served = now
	return !slices.EqualFunc(was, now, func(a, b NodeHealth) bool { return a.Zone == b.Zone && a.Serving == b.Serving })
}

// lacks tells why the group's targets are too few for the node in a zone.
func (p *pool) lacks(zone string) string {
	t, g := p.table(zone), p.group.Load()
	p.mu.Lock()
	registered := len(p.members)
	p.mu.Unlock()
	if t == nil || registered == 0 || g.Function != nil {
		return ""
	}
	if t.healthy < max(1, g.DNSCount) || t.healthy*100 < g.DNSPercent*t.total {
		return fmt.Sprintf("%d of %d targets are healthy", t.healthy, t.total)
	}
	return ""
}

package elb

import (
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"pileus/cloud"
	"pileus/lb"
	"pileus/lb/attach"
	"pileus/lb/tlspolicy"
	"pileus/store"
)

// keepAlive is how long a client's connection may be used for requests.
const keepAlive = time.Hour

// checkOnly is the group of a load balancer without listeners: its instances
// are checked all the same.
const checkOnly = "check"

// group is the id of the group that a listener sends to.
func (l listener) group() string { return fmt.Sprintf("%s:%d", l.InstanceProtocol, l.InstancePort) }

// checkedGroup is the group whose targets' health is that of the instances.
func (b *balancer) checkedGroup() string {
	if len(b.Listeners) == 0 {
		return checkOnly
	}
	return b.Listeners[0].group()
}

// desired is the load balancer as the engine takes it. A listener that cannot
// be had (its certificate is gone) is told in the error; the rest is there.
func (b *balancer) desired(c *cloud.Call, r store.Reader, machines map[string]machine) (lb.Balancer, error) {
	d := lb.Balancer{
		ID: b.arn(), Name: b.Name, Kind: lb.Classic, VPC: b.VPC, CrossZone: b.CrossZone, Groups: map[string]*lb.Group{},
		HTTP: lb.HTTPAttributes{Desync: b.Desync, ForwardedFor: "append"}, IdleTimeout: seconds(b.IdleTimeout), KeepAlive: keepAlive, AccessLog: b.Log != nil,
	}
	for _, n := range b.Nodes {
		d.Nodes = append(d.Nodes, n.Desired(r))
	}
	check, err := b.Check.desired()
	if err != nil {
		return d, err
	}
	if len(b.Listeners) == 0 {
		d.Groups[checkOnly] = b.desiredGroup(listener{InstanceProtocol: "TCP", InstancePort: int32(check.Port)}, check, machines)
	}
	var failed []error
	for _, l := range b.Listeners {
		d.Groups[l.group()] = b.desiredGroup(l, check, machines)
		x, err := b.desiredListener(c, r, l)
		if err != nil {
			failed = append(failed, fmt.Errorf("listener on port %d: %w", l.Port, err))
			continue
		}
		d.Listeners = append(d.Listeners, x)
	}
	return d, errors.Join(failed...)
}

func (b *balancer) desiredListener(c *cloud.Call, r store.Reader, l listener) (lb.Listener, error) {
	x := lb.Listener{ID: strconv.Itoa(int(l.Port)), Port: uint16(l.Port), Protocol: l.Protocol,
		Default: []lb.Action{{Type: "forward", Forward: []lb.Weighted{{Group: l.group(), Weight: 1}}}}}
	for _, name := range l.Policies {
		p, _ := b.policy(name)
		switch p.Type {
		case appCookieType:
			x.Sticky = lb.Stickiness{Type: "app_cookie", Cookie: p.value("CookieName")}
		case lbCookieType:
			x.Sticky = lb.Stickiness{Type: "lb_cookie"}
			if n, err := strconv.ParseInt(p.value(expirationAttribute), 10, 64); err == nil && n > 0 {
				x.Sticky.Duration = time.Duration(n) * time.Second
			}
		}
	}
	if !l.secure() {
		return x, nil
	}
	cert, err := attach.Certificate(c, r, l.Certificate)
	if err != nil {
		return x, err
	}
	x.TLS = &lb.TLS{Default: cert, ARNs: map[*tls.Certificate]string{cert: l.Certificate}, Now: c.Cloud.Clock().Now}
	b.negotiation(l).Apply(x.TLS)
	return x, nil
}

// negotiation is the TLS policy of a listener: one without a policy speaks as
// those of long ago.
func (b *balancer) negotiation(l listener) tlspolicy.Policy {
	for _, name := range l.Policies {
		if p, ok := b.policy(name); ok && p.Type == negotiationType {
			var on []string
			for _, a := range p.Attributes {
				if a.Value == "true" {
					on = append(on, a.Name)
				}
			}
			return tlspolicy.FromClassic(name, on)
		}
	}
	on, _ := tlspolicy.Classic(tlspolicy.Default)
	return tlspolicy.FromClassic(tlspolicy.Default, on)
}

func (b *balancer) desiredGroup(l listener, check lb.Check, machines map[string]machine) *lb.Group {
	g := &lb.Group{ID: l.group(), Name: b.Name, Protocol: l.InstanceProtocol, Version: "HTTP1", Check: check, Algorithm: "round_robin", EndOnDrain: true}
	if (listener{Protocol: l.InstanceProtocol}).web() {
		g.Algorithm = "least_outstanding_requests"
	}
	if b.Drain {
		g.Drain = seconds(b.DrainTimeout)
	}
	for _, x := range b.Backends {
		if x.Port == l.InstancePort {
			b.applyBackend(g, x)
		}
	}
	for _, id := range b.Instances {
		g.Targets = append(g.Targets, b.desiredTarget(id, l.InstancePort, machines[id]))
	}
	for _, out := range b.Draining {
		t := b.desiredTarget(out.Instance, l.InstancePort, machines[out.Instance])
		t.Draining = out.Since
		g.Targets = append(g.Targets, t)
	}
	return g
}

func (b *balancer) desiredTarget(id string, port int32, m machine) lb.Target {
	t := lb.Target{ID: id, Port: uint16(port), Zone: m.Zone, Addr: m.Addr}
	switch {
	case m.State != "running" && m.State != "pending", !m.Addr.IsValid():
		t.Down = "Target.InvalidState"
	case !slices.Contains(b.zones(), m.Zone):
		t.Down = "Target.NotInUse"
	}
	return t
}

// applyBackend gives a group what its port's policies say.
func (b *balancer) applyBackend(g *lb.Group, x backend) {
	for _, name := range x.Policies {
		switch p, _ := b.policy(name); p.Type {
		case proxyType:
			g.ProxyV1 = p.value("ProxyProtocol") == "true" && (g.Protocol == "TCP" || g.Protocol == "SSL")
		case backendAuthType:
			for _, a := range p.Attributes {
				k, _ := b.policy(a.Value)
				if der, err := publicKey(k.value("PublicKey")); err == nil { // it was read when it was given
					g.Keys = append(g.Keys, der)
				}
			}
		}
	}
}

package elbv2

import (
	"slices"

	api "pileus/api/elbv2"
	"pileus/store"
	"pileus/zone/shift"
)

// zonalShift is the attribute with which a load balancer can have its traffic
// shifted away from a zone.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/zonal-shift.html
const zonalShift = "zonal_shift.config.enabled"

// manage has Zonal Shift know the load balancer, or forget it, as its attribute
// says.
func (b *balancer) manage(tx store.Tx) {
	if b.attribute(zonalShift) != "true" {
		shift.Unregister(tx, b.Account, b.Region, b.ARN)
		return
	}
	r := shift.Resource{Account: b.Account, Region: b.Region, ARN: b.ARN, Name: b.Name, Waker: balancerController, Key: []string{b.Account, b.Region, b.ARN}}
	for _, n := range b.Nodes {
		r.Zones = append(r.Zones, n.Zone)
	}
	shift.Register(tx, r)
}

// away is the zone that the load balancer's traffic is shifted away from.
func (b *balancer) away(r store.Reader) string { return shift.Away(r, b.Account, b.Region, b.ARN) }

// checkShift tells what keeps a network load balancer that sends across zones
// from being shifted: its groups must be of streams whose connections go on.
// https://docs.aws.amazon.com/r53recovery/latest/dg/arc-zonal-shift.resource-types.network-load-balancers.html
func (b *balancer) checkShift(r store.Reader) error {
	if b.Type != network || b.attribute(zonalShift) != "true" || b.attribute("load_balancing.cross_zone.enabled") != "true" {
		return nil
	}
	for arn := range uses(r, b) {
		g, ok := groups.Get(r, b.Account, b.Region, arn)
		if !ok {
			continue
		}
		why := ""
		switch {
		case g.Protocol != "TCP" && g.Protocol != "TLS":
			why = "its protocol is not TCP or TLS"
		case g.Kind == ofBalancers:
			why = "its target is an Application Load Balancer"
		case g.attribute("target_health_state.unhealthy.connection_termination.enabled") == "true":
			why = "connection termination for unhealthy targets is enabled"
		case g.attribute("load_balancing.cross_zone.enabled") == "false":
			why = "cross-zone load balancing is disabled"
		}
		if why != "" {
			return api.ErrInvalidConfigurationRequest.New("Zonal shift cannot be enabled with cross-zone load balancing for the load balancer '%s': target group '%s' does not support it: %s", b.ARN, g.ARN, why)
		}
	}
	return nil
}

// Why a target gets no traffic though it is well.
const (
	shiftedText   = "Zonal shift is currently active on target"
	delegatedText = "Zonal shift is currently active and traffic is shifted away by DNS"
)

// override is what administration, not health, says of a target: that one of
// the load balancers has its traffic shifted away from the target's zone.
func override(r store.Reader, w *world, g *group, t *target, users []*balancer) *api.AdministrativeOverride {
	is := func(state, reason, text string) *api.AdministrativeOverride {
		return &api.AdministrativeOverride{State: &state, Reason: new("AdministrativeOverride." + reason), Description: &text}
	}
	for _, b := range users {
		away := b.away(r)
		in := func(zone string) bool { return zone == away }
		if away == "" || !slices.ContainsFunc(w.zonesOf(r, b, g, t), in) {
			continue
		}
		if g.crosses(b) {
			return is("zonal_shift_active", "ZonalShiftActive", shiftedText)
		}
		return is("zonal_shift_delegated_to_dns", "ZonalShiftDelegatedToDns", delegatedText)
	}
	return is("no_override", "NoOverride", "No override is currently active on target")
}

// zonesOf are the zones that a target is in, as a load balancer sees it.
func (w *world) zonesOf(r store.Reader, b *balancer, g *group, t *target) (zones []string) {
	for _, x := range w.targets(r, b, g, t) {
		zones = append(zones, x.Zone)
	}
	return zones
}

// crosses tells whether a load balancer's nodes send to the group's targets in
// all zones.
func (g *group) crosses(b *balancer) bool {
	switch g.attribute("load_balancing.cross_zone.enabled") {
	case "true":
		return true
	case "false":
		return false
	}
	return b.attribute("load_balancing.cross_zone.enabled") == "true"
}

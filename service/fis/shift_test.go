package fis_test

import (
	"fmt"
	"strings"
	"testing"

	"pileus/api/arczonalshift"
	"pileus/api/ec2"
	"pileus/api/elbv2"
	api "pileus/api/fis"
	"pileus/api/iam"
	"pileus/node/nodetest"
)

// managed makes a load balancer that traffic can be shifted away from.
func (w *world) managed(name string, tags ...elbv2.Tag) string {
	w.T.Helper()
	vpc := *nodetest.Do(w.World, &ec2.CreateVpc, &ec2.CreateVpcInput{CidrBlock: new("10.0.0.0/16")}).Vpc.VpcId
	var subnets []string
	for n, zone := range []string{"us-east-1a", "us-east-1b"} {
		s := nodetest.Do(w.World, &ec2.CreateSubnet, &ec2.CreateSubnetInput{VpcId: vpc, CidrBlock: new(fmt.Sprintf("10.0.%d.0/24", n)), AvailabilityZone: &zone})
		subnets = append(subnets, *s.Subnet.SubnetId)
	}
	lb := *nodetest.Do(w.World, &elbv2.CreateLoadBalancer, &elbv2.CreateLoadBalancerInput{Name: name, Scheme: new("internal"), Subnets: subnets, Tags: tags}).LoadBalancers[0].LoadBalancerArn
	nodetest.Do(w.World, &elbv2.ModifyLoadBalancerAttributes, &elbv2.ModifyLoadBalancerAttributesInput{
		LoadBalancerArn: lb, Attributes: []elbv2.LoadBalancerAttribute{{Key: new("zonal_shift.config.enabled"), Value: new("true")}},
	})
	w.Drain()
	return lb
}

// away is the id of the zone that a resource's traffic has left.
func (w *world) away(resource string) (zone string) {
	w.T.Helper()
	for z, weight := range nodetest.Do(w.World, &arczonalshift.GetManagedResource, &arczonalshift.GetManagedResourceInput{ResourceIdentifier: resource}).AppliedWeights {
		if weight == 0 {
			zone += z
		}
	}
	return zone
}

const shiftAction = "aws:arc:start-zonal-autoshift"

// TestStartZonalAutoshift: traffic leaves the zone for as long as the action
// lasts, and a shift of the user's ends it.
func TestStartZonalAutoshift(t *testing.T) {
	w := newWorld(t)
	w.roleFor("arc-zonal-shift:*")
	lb := w.managed("web")
	shift := func(options ...string) *recipe {
		options = append([]string{"duration=PT10M", "availabilityZoneIdentifier=us-east-1b", "managedResourceTypes=ALB,NLB", "ManagedResources>lbs"}, options...)
		return w.recipe().aim("lbs", "aws:arc:zonal-shift-managed-resource", lb).action("shift", shiftAction, options...)
	}
	id := w.start(shift("zonalAutoshiftStatus=ANY"))
	w.is(id, "running shift:running")
	list := nodetest.Do(w.World, &arczonalshift.ListZonalShifts, &arczonalshift.ListZonalShiftsInput{}).Items
	if w.away(lb) != "use1-az2" || len(list) != 1 || *list[0].ShiftType != "FIS_EXPERIMENT" {
		t.Fatalf("away from %q by %+v", w.away(lb), list)
	}
	_, err := nodetest.Try(w.World, &arczonalshift.UpdateZonalShift, &arczonalshift.UpdateZonalShiftInput{ZonalShiftId: list[0].ZonalShiftId, ExpiresIn: new("1h")})
	if code(err) != "ValidationException" {
		t.Errorf("somebody else updates it: %v", err)
	}
	w.Advance(9 * minute)
	if w.is(id, "running shift:running"); w.away(lb) != "use1-az2" {
		t.Errorf("after nine minutes away from %q", w.away(lb))
	}
	w.Advance(minute)
	if w.is(id, "completed shift:completed"); w.away(lb) != "" {
		t.Errorf("afterwards away from %q", w.away(lb))
	}

	id = w.start(shift("zonalAutoshiftStatus=ANY"))
	nodetest.Do(w.World, &arczonalshift.StartZonalShift, &arczonalshift.StartZonalShiftInput{ResourceIdentifier: lb, AwayFrom: "use1-az1", ExpiresIn: "1h", Comment: "mine"})
	w.Advance(minute)
	if w.is(id, "failed shift:failed"); w.away(lb) != "use1-az1" {
		t.Errorf("the user's shift is away from %q", w.away(lb))
	}
	w.is(w.start(shift("zonalAutoshiftStatus=ANY")), "failed shift:failed") // it does not take precedence
	w.Advance(60 * minute)
	for _, option := range []string{"zonalAutoshiftStatus=ENABLED", "managedResourceTypes=ASG"} {
		id = w.start(shift(option))
		if w.is(id, "failed shift:failed"); !strings.Contains(*w.experiment(id).State.Reason, "None of the targets is of the types") || w.away(lb) != "" {
			t.Errorf("%s: %s, away from %q", option, *w.experiment(id).State.Reason, w.away(lb))
		}
	}
}

// TestManagedResourcesByTag: targets by the tags of load balancers, stopped by
// its user; and a role that may not.
func TestManagedResourcesByTag(t *testing.T) {
	w := newWorld(t)
	w.roleFor("arc-zonal-shift:ListManagedResources", "arc-zonal-shift:GetManagedResource", "elasticloadbalancing:DescribeTags")
	lb, other := w.managed("web", elbv2.Tag{Key: "fis", Value: new("yes")}), w.managed("other")
	r := w.recipe().action("shift", shiftAction, "duration=PT10M", "availabilityZoneIdentifier=use1-az1", "managedResourceTypes=ALB", "zonalAutoshiftStatus=DISABLED", "ManagedResources>lbs")
	r.aim("lbs", "aws:arc:zonal-shift-managed-resource")
	x := r.Targets["lbs"]
	x.ResourceArns, x.ResourceTags = nil, map[string]string{"fis": "yes"}
	r.Targets["lbs"] = x
	id := w.start(r)
	if w.is(id, "failed shift:failed"); !strings.Contains(*w.experiment(id).State.Reason, "arc-zonal-shift:StartZonalShift") {
		t.Errorf("without permission: %s", *w.experiment(id).State.Reason)
	}
	w.allow("arc-zonal-shift:*", "elasticloadbalancing:DescribeTags")
	id = w.start(r)
	if w.away(lb) != "use1-az1" || w.away(other) != "" {
		t.Errorf("away from %q and %q", w.away(lb), w.away(other))
	}
	nodetest.Do(w.World, &api.StopExperiment, &api.StopExperimentInput{Id: id})
	w.Drain()
	if w.is(id, "stopped shift:stopped"); w.away(lb) != "" {
		t.Errorf("stopped: away from %q", w.away(lb))
	}
}

// allow changes what the role may do.
func (w *world) allow(actions ...string) {
	w.T.Helper()
	nodetest.Do(w.World, &iam.PutRolePolicy, &iam.PutRolePolicyInput{RoleName: "chaos", PolicyName: "p", PolicyDocument: nodetest.Allow(actions...)})
}

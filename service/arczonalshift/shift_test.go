package arczonalshift_test

import (
	"testing"
	"time"

	api "pileus/api/arczonalshift"
	"pileus/api/elbv2"
	"pileus/node/nodetest"
)

// TestShift: a shift takes a zone out of a load balancer's name until it is over.
func TestShift(t *testing.T) {
	w := newWorld(t)
	w.wantAway("before", "", "0 1 2")
	s := w.start("use1-az2", "20m")
	if s.Status != "ACTIVE" || !s.ExpiryTime.Equal(s.StartTime.Add(20*time.Minute)) || s.AwayFrom != "use1-az2" || s.ResourceIdentifier != w.lb {
		t.Errorf("it is %+v", s)
	}
	w.wantAway("shifted", "use1-az2", "0 2")
	m := w.managed()
	if len(m.ZonalShifts) != 1 || m.ZonalShifts[0].AppliedStatus != "APPLIED" || *m.ZonalShifts[0].ShiftType != "ZONAL_SHIFT" || *m.Name != "web" {
		t.Errorf("the resource is %+v", m)
	}
	nodetest.Do(w.World, &api.UpdateZonalShift, &api.UpdateZonalShiftInput{ZonalShiftId: s.ZonalShiftId, ExpiresIn: new("2h"), Comment: new("longer")})
	w.Advance(119 * time.Minute)
	w.wantAway("after an update", "use1-az2", "0 2")
	w.Advance(time.Minute)
	w.wantAway("expired", "", "0 1 2")
	if got := w.summary(s.ZonalShiftId); got.Status != "EXPIRED" || got.Comment != "longer" || got.PracticeRunOutcome != nil {
		t.Errorf("it ended as %+v", got)
	}
	s = w.start("use1-az1", "72h")
	w.wantAway("again", "use1-az1", "1 2")
	if out := nodetest.Do(w.World, &api.CancelZonalShift, &api.CancelZonalShiftInput{ZonalShiftId: s.ZonalShiftId}); out.Status != "CANCELED" {
		t.Errorf("it is %s", out.Status)
	}
	w.wantAway("canceled", "", "0 1 2")
	if got := nodetest.Do(w.World, &api.ListZonalShifts, &api.ListZonalShiftsInput{Status: new("CANCELED"), ResourceIdentifier: &w.lb}).Items; len(got) != 1 || got[0].ZonalShiftId != s.ZonalShiftId {
		t.Errorf("canceled are %+v", got)
	}
}

// TestTargetsAreOverridden: what is told of the targets of a zone that traffic
// has left, across zones and without.
func TestTargetsAreOverridden(t *testing.T) {
	w := newWorld(t)
	g := w.listener("10.0.0.10", "10.0.1.10")
	override := func() (list []string) {
		t.Helper()
		for _, d := range nodetest.Do(w.World, &elbv2.DescribeTargetHealth, &elbv2.DescribeTargetHealthInput{TargetGroupArn: g}).TargetHealthDescriptions {
			o := d.AdministrativeOverride
			list = append(list, d.Target.Id+" "+*o.State+" "+*o.Reason)
			if *o.Description == "" {
				t.Errorf("%s has no description", d.Target.Id)
			}
		}
		return list
	}
	expect := func(when, first string) {
		t.Helper()
		if got := override(); got[0] != "10.0.0.10 "+first || got[1] != "10.0.1.10 no_override AdministrativeOverride.NoOverride" {
			t.Errorf("%s: %q", when, got)
		}
	}
	expect("before", "no_override AdministrativeOverride.NoOverride")
	w.start("use1-az1", "1h")
	expect("across zones", "zonal_shift_active AdministrativeOverride.ZonalShiftActive")
	nodetest.Do(w.World, &elbv2.ModifyTargetGroupAttributes, &elbv2.ModifyTargetGroupAttributesInput{
		TargetGroupArn: g, Attributes: []elbv2.TargetGroupAttribute{{Key: new("load_balancing.cross_zone.enabled"), Value: new("false")}},
	})
	expect("within zones", "zonal_shift_delegated_to_dns AdministrativeOverride.ZonalShiftDelegatedToDns")
	w.Advance(time.Hour)
	expect("after", "no_override AdministrativeOverride.NoOverride")
}

// TestRefusals: the answers to shifts that cannot be.
func TestRefusals(t *testing.T) {
	w := newWorld(t)
	start := func(arn, zone, lasts string) func() error {
		return func() error {
			_, err := nodetest.Try(w.World, &api.StartZonalShift, &api.StartZonalShiftInput{ResourceIdentifier: arn, AwayFrom: zone, ExpiresIn: lasts, Comment: "c"})
			return err
		}
	}
	plain := *nodetest.Do(w.World, &elbv2.CreateLoadBalancer, &elbv2.CreateLoadBalancerInput{Name: "plain", Scheme: new("internal"), Subnets: w.subnets}).LoadBalancers[0].LoadBalancerArn
	done := w.start("use1-az1", "1m")
	w.Advance(time.Minute)
	w.start("use1-az2", "1h")
	for name, row := range map[string]struct {
		try          func() error
		code, reason string
	}{
		"for too long":         {start(w.lb, "use1-az1", "73h"), "ValidationException", "InvalidExpiresIn"},
		"for nothing":          {start(w.lb, "use1-az1", "0m"), "ValidationException", ""},
		"a zone's name":        {start(w.lb, "us-east-1a", "1h"), "ValidationException", "InvalidAz"},
		"a zone elsewhere":     {start(w.lb, "euw1-az1", "1h"), "ValidationException", "InvalidAz"},
		"a zone it is not in":  {start(w.lb, "use1-az4", "1h"), "ValidationException", "UnsupportedAz"},
		"no ARN":               {start("my-balancer", "use1-az1", "1h"), "ValidationException", "InvalidResourceIdentifier"},
		"not enabled":          {start(plain, "use1-az1", "1h"), "ResourceNotFoundException", ""},
		"the same again":       {start(w.lb, "use1-az2", "1h"), "ConflictException", "ZonalShiftAlreadyExists"},
		"another zone as well": {start(w.lb, "use1-az1", "1h"), "ConflictException", "SimultaneousZonalShiftsConflict"},
		"update what is over": {func() error {
			_, err := nodetest.Try(w.World, &api.UpdateZonalShift, &api.UpdateZonalShiftInput{ZonalShiftId: done.ZonalShiftId, ExpiresIn: new("1h")})
			return err
		}, "ConflictException", "ZonalShiftStatusNotActive"},
		"cancel what is over": {func() error {
			_, err := nodetest.Try(w.World, &api.CancelZonalShift, &api.CancelZonalShiftInput{ZonalShiftId: done.ZonalShiftId})
			return err
		}, "ConflictException", "ZonalShiftStatusNotActive"},
		"cancel what never was": {func() error {
			_, err := nodetest.Try(w.World, &api.CancelZonalShift, &api.CancelZonalShiftInput{ZonalShiftId: "0123-4567"})
			return err
		}, "ResourceNotFoundException", ""},
	} {
		t.Run(name, func(t *testing.T) { wants(t, row.try(), row.code, row.reason) })
	}
}

// TestResourcesComeAndGo: what is managed follows the load balancer's attribute,
// subnets and end, and so do its shifts.
func TestResourcesComeAndGo(t *testing.T) {
	w := newWorld(t)
	list := func() []api.ManagedResourceSummary {
		return nodetest.Do(w.World, &api.ListManagedResources, &api.ListManagedResourcesInput{}).Items
	}
	if got := list(); len(got) != 1 || len(got[0].AvailabilityZones) != 3 || *got[0].PracticeRunStatus != "DISABLED" || *got[0].ZonalAutoshiftStatus != "DISABLED" {
		t.Fatalf("managed are %+v", got)
	}
	s := w.start("use1-az3", "1h")
	nodetest.Do(w.World, &elbv2.SetSubnets, &elbv2.SetSubnetsInput{LoadBalancerArn: w.lb, Subnets: w.subnets[:2]})
	w.wantAway("without the zone", "", "0 1")
	if got := w.summary(s.ZonalShiftId); got.Status != "CANCELED" {
		t.Errorf("the shift is %s", got.Status)
	}
	s = w.start("use1-az1", "1h")
	w.configure(nil)
	w.enable(w.lb, "false")
	if got := w.inDNS(); got != "0 1" || len(list()) != 0 || w.summary(s.ZonalShiftId).Status != "CANCELED" {
		t.Errorf("with the attribute off: %q in DNS, managed %+v", got, list())
	}
	w.enable(w.lb, "true")
	if m := w.managed(); m.PracticeRunConfiguration != nil {
		t.Errorf("it came back with %+v", m)
	}
	nodetest.Do(w.World, &elbv2.DeleteLoadBalancer, &elbv2.DeleteLoadBalancerInput{LoadBalancerArn: w.lb})
	w.Drain()
	if got := list(); len(got) != 0 {
		t.Errorf("after its end: %+v", got)
	}
}

// TestNetworkBalancersAcrossZones: what their groups must be like.
func TestNetworkBalancersAcrossZones(t *testing.T) {
	w := newWorld(t)
	net := *nodetest.Do(w.World, &elbv2.CreateLoadBalancer, &elbv2.CreateLoadBalancerInput{Name: "net", Type: new("network"), Scheme: new("internal"), Subnets: w.subnets}).LoadBalancers[0].LoadBalancerArn
	g := *nodetest.Do(w.World, &elbv2.CreateTargetGroup, &elbv2.CreateTargetGroupInput{Name: "net", Protocol: new("TCP"), Port: new(int32(80)), VpcId: &w.vpc, TargetType: new("ip")}).TargetGroups[0].TargetGroupArn
	nodetest.Do(w.World, &elbv2.CreateListener, &elbv2.CreateListenerInput{LoadBalancerArn: net, Protocol: new("TCP"), Port: new(int32(80)), DefaultActions: []elbv2.Action{{Type: "forward", TargetGroupArn: &g}}})
	set := func(values ...string) error {
		in := &elbv2.ModifyLoadBalancerAttributesInput{LoadBalancerArn: net}
		for n := 0; n < len(values); n += 2 {
			in.Attributes = append(in.Attributes, elbv2.LoadBalancerAttribute{Key: &values[n], Value: &values[n+1]})
		}
		_, err := nodetest.Try(w.World, &elbv2.ModifyLoadBalancerAttributes, in)
		return err
	}
	const enabled, cross = "zonal_shift.config.enabled", "load_balancing.cross_zone.enabled"
	wants(t, set(enabled, "true", cross, "true"), "InvalidConfigurationRequest", "")
	wants(t, set(enabled, "true"), "", "")
	wants(t, set(cross, "true"), "InvalidConfigurationRequest", "")
	nodetest.Do(w.World, &elbv2.ModifyTargetGroupAttributes, &elbv2.ModifyTargetGroupAttributesInput{
		TargetGroupArn: g, Attributes: []elbv2.TargetGroupAttribute{{Key: new("target_health_state.unhealthy.connection_termination.enabled"), Value: new("false")}},
	})
	wants(t, set(cross, "true"), "", "")
	w.Drain()
	if out := nodetest.Do(w.World, &api.ListManagedResources, &api.ListManagedResourcesInput{MaxResults: new(int32(1))}); len(out.Items) != 1 || out.NextToken == nil {
		t.Errorf("a page is %+v", out)
	}
}

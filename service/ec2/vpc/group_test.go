package vpc

import (
	"fmt"
	"testing"

	api "pileus/api/ec2"
	"pileus/node/nodetest"
	"pileus/plane"
)

// group makes a security group.
func (w *world) group(vpc, name string) string {
	w.T.Helper()
	return *nodetest.Do(w.World, &api.CreateSecurityGroup, &api.CreateSecurityGroupInput{GroupName: name, Description: "d", VpcId: &vpc}).GroupId
}

// TestPermissions authorises permissions of all forms and looks at what came
// of them, here and in the data plane.
func TestPermissions(t *testing.T) {
	w := newWorld(t)
	v := w.vpc("10.0.0.0/16")
	w.nic(w.subnet(v, "10.0.0.0/24", "us-east-1a"))
	peer := w.group(v, "peer")
	world4, world6 := []api.IpRange{{CidrIp: new("0.0.0.0/0")}}, []api.Ipv6Range{{CidrIpv6: new("::/0")}}
	for n, test := range []struct {
		in    api.IpPermission
		match plane.Match
	}{
		{api.IpPermission{IpProtocol: new("tcp"), FromPort: new(int32(80)), ToPort: new(int32(90)), IpRanges: world4}, plane.Match{Protocol: 6, FromPort: 80, ToPort: 90, CIDR: everywhere4}},
		{api.IpPermission{IpProtocol: new("6"), FromPort: new(int32(80)), ToPort: new(int32(90)), IpRanges: []api.IpRange{{CidrIp: new("192.0.2.77/24")}}}, plane.Match{Protocol: 6, FromPort: 80, ToPort: 90, CIDR: pfx("192.0.2.0/24")}},
		{api.IpPermission{IpProtocol: new("udp"), FromPort: new(int32(53)), ToPort: new(int32(53)), Ipv6Ranges: world6}, plane.Match{Protocol: 17, FromPort: 53, ToPort: 53, CIDR: everywhere6}},
		{api.IpPermission{IpProtocol: new("icmp"), FromPort: new(int32(8)), ToPort: new(int32(-1)), IpRanges: world4}, plane.Match{Protocol: 1, FromPort: 8, ToPort: -1, CIDR: everywhere4}},
		{api.IpPermission{IpProtocol: new("-1"), UserIdGroupPairs: []api.UserIdGroupPair{{GroupId: &peer}}}, plane.Match{Protocol: -1, FromPort: -1, ToPort: -1, Group: peer}},
		{api.IpPermission{IpProtocol: new("50"), IpRanges: world4}, plane.Match{Protocol: 50, FromPort: -1, ToPort: -1, CIDR: everywhere4}},
		{api.IpPermission{IpProtocol: new("tcp"), FromPort: new(int32(443)), ToPort: new(int32(443)), PrefixListIds: []api.PrefixListId{{PrefixListId: new("pl-63a5400a")}}}, plane.Match{Protocol: 6, FromPort: 443, ToPort: 443, CIDR: pfx(plane.EdgeS3.String() + "/32")}},
	} {
		g := w.group(v, fmt.Sprint("g", n))
		made := nodetest.Do(w.World, &api.AuthorizeSecurityGroupIngress, &api.AuthorizeSecurityGroupIngressInput{GroupId: &g, IpPermissions: []api.IpPermission{test.in}}).SecurityGroupRules
		if len(made) != 1 || *made[0].GroupId != g || *made[0].IsEgress {
			t.Errorf("%d: made %+v", n, made)
		}
		for _, p := range w.applied(v).Groups {
			if p.ID == g && (len(p.Ingress) != 1 || fmt.Sprint(p.Ingress[0]) != fmt.Sprint(test.match)) {
				t.Errorf("%d: the data plane has %+v, want %+v", n, p.Ingress, test.match)
			}
		}
		_, err := nodetest.Try(w.World, &api.AuthorizeSecurityGroupIngress, &api.AuthorizeSecurityGroupIngressInput{GroupId: &g, IpPermissions: []api.IpPermission{test.in}})
		wantCode(t, err, "InvalidPermission.Duplicate")
		nodetest.Do(w.World, &api.RevokeSecurityGroupIngress, &api.RevokeSecurityGroupIngressInput{GroupId: &g, IpPermissions: []api.IpPermission{test.in}})
		_, err = nodetest.Try(w.World, &api.RevokeSecurityGroupIngress, &api.RevokeSecurityGroupIngressInput{GroupId: &g, IpPermissions: []api.IpPermission{test.in}})
		wantCode(t, err, "InvalidPermission.NotFound")
	}
}

// TestWrongPermissions tries permissions that cannot be.
func TestWrongPermissions(t *testing.T) {
	w := newWorld(t)
	v, far := w.vpc("10.0.0.0/16"), w.vpc("10.1.0.0/16")
	g, stranger := w.group(v, "g"), w.group(far, "g")
	ranges := []api.IpRange{{CidrIp: new("0.0.0.0/0")}}
	port := func(n int32) *int32 { return &n }
	for n, test := range []struct {
		in   api.IpPermission
		code string
	}{
		{api.IpPermission{IpRanges: ranges}, "InvalidParameterValue"},
		{api.IpPermission{IpProtocol: new("tcp"), IpRanges: ranges}, "InvalidParameterValue"},
		{api.IpPermission{IpProtocol: new("tcp"), FromPort: port(90), ToPort: port(80), IpRanges: ranges}, "InvalidParameterValue"},
		{api.IpPermission{IpProtocol: new("tcp"), FromPort: port(0), ToPort: port(65536), IpRanges: ranges}, "InvalidParameterValue"},
		{api.IpPermission{IpProtocol: new("smtp"), FromPort: port(25), ToPort: port(25), IpRanges: ranges}, "InvalidParameterValue"},
		{api.IpPermission{IpProtocol: new("icmp"), FromPort: port(256), ToPort: port(0), IpRanges: ranges}, "InvalidParameterValue"},
		{api.IpPermission{IpProtocol: new("-1"), IpRanges: []api.IpRange{{CidrIp: new("10.0.0.0/33")}}}, "InvalidParameterValue"},
		{api.IpPermission{IpProtocol: new("-1"), IpRanges: []api.IpRange{{CidrIp: new("::/0")}}}, "InvalidParameterValue"},
		{api.IpPermission{IpProtocol: new("-1"), IpRanges: append(ranges, ranges...)}, "InvalidParameterValue"},
		{api.IpPermission{IpProtocol: new("-1")}, "MissingParameter"},
		{api.IpPermission{IpProtocol: new("-1"), UserIdGroupPairs: []api.UserIdGroupPair{{GroupId: new("sg-0123456789abcdef0")}}}, "InvalidGroup.NotFound"},
		{api.IpPermission{IpProtocol: new("-1"), UserIdGroupPairs: []api.UserIdGroupPair{{GroupId: &stranger}}}, "InvalidGroup.NotFound"},
		{api.IpPermission{IpProtocol: new("-1"), PrefixListIds: []api.PrefixListId{{PrefixListId: new("pl-0123456789abcdef0")}}}, "InvalidPrefixListID.NotFound"},
	} {
		_, err := nodetest.Try(w.World, &api.AuthorizeSecurityGroupIngress, &api.AuthorizeSecurityGroupIngressInput{GroupId: &g, IpPermissions: []api.IpPermission{test.in}})
		if wantCode(t, err, test.code); t.Failed() {
			t.Fatalf("test %d", n)
		}
	}
}

// TestLegacyParameters uses the form that came before IpPermissions, in the
// default VPC, where groups have names.
func TestLegacyParameters(t *testing.T) {
	w := newWorld(t)
	g := *nodetest.Do(w.World, &api.CreateSecurityGroup, &api.CreateSecurityGroupInput{GroupName: "old", Description: "d"}).GroupId
	nodetest.Do(w.World, &api.AuthorizeSecurityGroupIngress, &api.AuthorizeSecurityGroupIngressInput{
		GroupName: new("old"), IpProtocol: new("tcp"), FromPort: new(int32(22)), ToPort: new(int32(22)), CidrIp: new("192.0.2.1/32"),
	})
	nodetest.Do(w.World, &api.AuthorizeSecurityGroupIngress, &api.AuthorizeSecurityGroupIngressInput{GroupId: &g, SourceSecurityGroupName: new("default")})
	got := nodetest.Do(w.World, &api.DescribeSecurityGroups, &api.DescribeSecurityGroupsInput{GroupIds: []string{g}}).SecurityGroups[0]
	if len(got.IpPermissions) != 4 || len(got.IpPermissionsEgress) != 1 {
		t.Errorf("the group has %+v", got.IpPermissions)
	}
	// In a default VPC what is not there is told, not refused.
	out := nodetest.Do(w.World, &api.RevokeSecurityGroupIngress, &api.RevokeSecurityGroupIngressInput{
		GroupName: new("old"), IpProtocol: new("tcp"), FromPort: new(int32(23)), ToPort: new(int32(23)), CidrIp: new("192.0.2.1/32"),
	})
	if len(out.UnknownIpPermissions) != 1 || *out.UnknownIpPermissions[0].FromPort != 23 {
		t.Errorf("RevokeSecurityGroupIngress answers %+v", out)
	}
	for code, in := range map[string]api.CreateSecurityGroupInput{
		"InvalidGroup.Duplicate": {GroupName: "old", Description: "d"},
		"InvalidParameterValue":  {GroupName: "sg-x", Description: "d"},
		"MissingParameter":       {GroupName: "x"},
	} {
		_, err := nodetest.Try(w.World, &api.CreateSecurityGroup, &in)
		wantCode(t, err, code)
	}
}

// TestRulesByID changes rules through their ids.
func TestRulesByID(t *testing.T) {
	w := newWorld(t)
	v := w.vpc("10.0.0.0/16")
	g := w.group(v, "g")
	spec := []api.TagSpecification{{ResourceType: new("security-group-rule"), Tags: []api.Tag{{Key: new("k"), Value: new("v")}}}}
	made := nodetest.Do(w.World, &api.AuthorizeSecurityGroupIngress, &api.AuthorizeSecurityGroupIngressInput{
		GroupId: &g, TagSpecifications: spec, IpPermissions: tcp(80, "192.0.2.0/24", "198.51.100.0/24"),
	}).SecurityGroupRules
	id := *made[0].SecurityGroupRuleId
	list := nodetest.Do(w.World, &api.DescribeSecurityGroupRules, &api.DescribeSecurityGroupRulesInput{Filters: filter("tag:k", "v")}).SecurityGroupRules
	if len(list) != 2 {
		t.Fatalf("there are %+v", list)
	}
	modify := func(q api.SecurityGroupRuleRequest) error {
		_, err := nodetest.Try(w.World, &api.ModifySecurityGroupRules, &api.ModifySecurityGroupRulesInput{
			GroupId: g, SecurityGroupRules: []api.SecurityGroupRuleUpdate{{SecurityGroupRuleId: id, SecurityGroupRule: &q}},
		})
		return err
	}
	port := new(int32(81))
	if err := modify(api.SecurityGroupRuleRequest{IpProtocol: new("tcp"), FromPort: port, ToPort: port, CidrIpv4: new("0.0.0.0/0"), Description: new("all")}); err != nil {
		t.Fatal(err)
	}
	wantCode(t, modify(api.SecurityGroupRuleRequest{IpProtocol: new("tcp"), FromPort: port, ToPort: port, CidrIpv6: new("::/0")}), "InvalidParameterValue")
	wantCode(t, modify(api.SecurityGroupRuleRequest{IpProtocol: new("tcp"), FromPort: new(int32(80)), ToPort: new(int32(80)), CidrIpv4: made[1].CidrIpv4}), "InvalidPermission.Duplicate")
	got := nodetest.Do(w.World, &api.DescribeSecurityGroupRules, &api.DescribeSecurityGroupRulesInput{SecurityGroupRuleIds: []string{id}}).SecurityGroupRules[0]
	if *got.FromPort != 81 || *got.CidrIpv4 != "0.0.0.0/0" || *got.Description != "all" || len(got.Tags) != 1 {
		t.Errorf("the rule is %+v", got)
	}
	nodetest.Do(w.World, &api.UpdateSecurityGroupRuleDescriptionsIngress, &api.UpdateSecurityGroupRuleDescriptionsIngressInput{
		GroupId: &g, IpPermissions: []api.IpPermission{{IpProtocol: new("tcp"), FromPort: port, ToPort: port, IpRanges: []api.IpRange{{CidrIp: new("0.0.0.0/0"), Description: new("new")}}}},
	})
	nodetest.Do(w.World, &api.RevokeSecurityGroupIngress, &api.RevokeSecurityGroupIngressInput{GroupId: &g, SecurityGroupRuleIds: []string{id}})
	_, err := nodetest.Try(w.World, &api.DescribeSecurityGroupRules, &api.DescribeSecurityGroupRulesInput{SecurityGroupRuleIds: []string{id}})
	wantCode(t, err, "InvalidSecurityGroupRuleId.NotFound")
}

// TestGroupsInUse deletes groups that others need.
func TestGroupsInUse(t *testing.T) {
	w := newWorld(t)
	v := w.vpc("10.0.0.0/16")
	s := w.subnet(v, "10.0.0.0/24", "us-east-1a")
	var ids []string
	for n := range 7 {
		ids = append(ids, w.group(v, fmt.Sprint("g", n)))
	}
	remove := func(id string) error {
		_, err := nodetest.Try(w.World, &api.DeleteSecurityGroup, &api.DeleteSecurityGroupInput{GroupId: &id})
		return err
	}
	nodetest.Do(w.World, &api.AuthorizeSecurityGroupEgress, &api.AuthorizeSecurityGroupEgressInput{GroupId: ids[0], IpPermissions: []api.IpPermission{{IpProtocol: new("-1"), UserIdGroupPairs: []api.UserIdGroupPair{{GroupId: &ids[1]}}}}})
	wantCode(t, remove(ids[1]), "DependencyViolation")
	eni := *nodetest.Do(w.World, &api.CreateNetworkInterface, &api.CreateNetworkInterfaceInput{SubnetId: s, Groups: ids[1:6]}).NetworkInterface.NetworkInterfaceId
	wantCode(t, remove(ids[2]), "DependencyViolation")
	_, err := nodetest.Try(w.World, &api.ModifyNetworkInterfaceAttribute, &api.ModifyNetworkInterfaceAttributeInput{NetworkInterfaceId: eni, Groups: ids[:6]})
	wantCode(t, err, "SecurityGroupsPerInterfaceLimitExceeded")
	nodetest.Do(w.World, &api.ModifyNetworkInterfaceAttribute, &api.ModifyNetworkInterfaceAttributeInput{NetworkInterfaceId: eni, Groups: ids[6:]})
	for _, id := range []string{ids[0], ids[1], ids[2]} {
		if err := remove(id); err != nil {
			t.Error(err)
		}
	}
	def := nodetest.Do(w.World, &api.DescribeSecurityGroups, &api.DescribeSecurityGroupsInput{Filters: append(filter("group-name", "default"), filter("vpc-id", v)...)}).SecurityGroups[0]
	wantCode(t, remove(*def.GroupId), "CannotDelete")
	wantCode(t, remove("sg-0123456789abcdef0"), "InvalidGroup.NotFound")
	var many []string
	for n := range maxRules {
		many = append(many, fmt.Sprintf("10.0.%d.0/24", n))
	}
	nodetest.Do(w.World, &api.AuthorizeSecurityGroupIngress, &api.AuthorizeSecurityGroupIngressInput{GroupId: &ids[5], IpPermissions: tcp(80, many...)})
	_, err = nodetest.Try(w.World, &api.AuthorizeSecurityGroupIngress, &api.AuthorizeSecurityGroupIngressInput{GroupId: &ids[5], IpPermissions: tcp(81, "0.0.0.0/0")})
	wantCode(t, err, "RulesPerSecurityGroupLimitExceeded")
	got := nodetest.Do(w.World, &api.DescribeSecurityGroups, &api.DescribeSecurityGroupsInput{Filters: filter("ip-permission.cidr", "10.0.7.0/24")}).SecurityGroups
	if len(got) != 1 || len(got[0].IpPermissions) != 1 || len(got[0].IpPermissions[0].IpRanges) != maxRules {
		t.Errorf("the filter finds %+v", got)
	}
}

// TestPortlessProtocol shows a rule of a protocol that has no ports: permissions
// leave them out, rules say -1.
func TestPortlessProtocol(t *testing.T) {
	w := newWorld(t)
	g := w.group(w.vpc("10.0.0.0/16"), "esp")
	made := nodetest.Do(w.World, &api.AuthorizeSecurityGroupIngress, &api.AuthorizeSecurityGroupIngressInput{GroupId: &g, IpPermissions: []api.IpPermission{
		{IpProtocol: new("50"), FromPort: new(int32(0)), ToPort: new(int32(0)), IpRanges: []api.IpRange{{CidrIp: new("0.0.0.0/0")}}},
	}}).SecurityGroupRules
	if *made[0].FromPort != -1 || *made[0].ToPort != -1 {
		t.Errorf("the rule is of ports %d to %d", *made[0].FromPort, *made[0].ToPort)
	}
	p := nodetest.Do(w.World, &api.DescribeSecurityGroups, &api.DescribeSecurityGroupsInput{GroupIds: []string{g}}).SecurityGroups[0].IpPermissions
	if len(p) != 1 || p[0].FromPort != nil || p[0].ToPort != nil {
		t.Errorf("the permission is %+v", p)
	}
}

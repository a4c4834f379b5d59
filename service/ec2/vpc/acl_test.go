package vpc

import (
	"net/netip"
	"reflect"
	"slices"
	"testing"

	api "pileus/api/ec2"
	"pileus/node/nodetest"
	"pileus/plane"
)

func pfx(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// TestACL writes rules and puts a subnet under them.
func TestACL(t *testing.T) {
	w := newWorld(t)
	v := w.vpc("10.0.0.0/16")
	s := w.subnet(v, "10.0.0.0/24", "us-east-1a")
	w.nic(s)
	acl := *nodetest.Do(w.World, &api.CreateNetworkAcl, &api.CreateNetworkAclInput{VpcId: v}).NetworkAcl.NetworkAclId
	all := new("0.0.0.0/0")
	entry := func(in api.CreateNetworkAclEntryInput) error {
		in.NetworkAclId = acl
		_, err := nodetest.Try(w.World, &api.CreateNetworkAclEntry, &in)
		return err
	}
	for n, test := range []struct {
		in   api.CreateNetworkAclEntryInput
		code string
	}{
		{api.CreateNetworkAclEntryInput{RuleNumber: 200, Protocol: "6", RuleAction: "deny", CidrBlock: all, PortRange: &api.PortRange{From: new(int32(22)), To: new(int32(22))}}, ""},
		{api.CreateNetworkAclEntryInput{RuleNumber: 100, Protocol: "icmp", RuleAction: "allow", CidrBlock: all, IcmpTypeCode: &api.IcmpTypeCode{Type: new(int32(8)), Code: new(int32(-1))}}, ""},
		{api.CreateNetworkAclEntryInput{RuleNumber: 100, Protocol: "-1", RuleAction: "allow", CidrBlock: all}, "NetworkAclEntryAlreadyExists"},
		{api.CreateNetworkAclEntryInput{RuleNumber: 100, Protocol: "-1", RuleAction: "allow", Egress: true, CidrBlock: all}, ""},
		{api.CreateNetworkAclEntryInput{RuleNumber: 101, Protocol: "tcp", RuleAction: "allow", CidrBlock: all}, "MissingParameter"},
		{api.CreateNetworkAclEntryInput{RuleNumber: 101, Protocol: "1", RuleAction: "allow", CidrBlock: all}, "MissingParameter"},
		{api.CreateNetworkAclEntryInput{RuleNumber: 32767, Protocol: "-1", RuleAction: "allow", CidrBlock: all}, "InvalidParameterValue"},
		{api.CreateNetworkAclEntryInput{RuleNumber: 101, Protocol: "-1", RuleAction: "allow"}, "MissingParameter"},
		{api.CreateNetworkAclEntryInput{RuleNumber: 101, Protocol: "999", RuleAction: "allow", CidrBlock: all}, "InvalidParameterValue"},
	} {
		err := entry(test.in)
		if test.code != "" {
			wantCode(t, err, test.code)
		} else if err != nil {
			t.Errorf("%d: %v", n, err)
		}
	}
	def := nodetest.Do(w.World, &api.DescribeNetworkAcls, &api.DescribeNetworkAclsInput{Filters: filter("association.subnet-id", s)}).NetworkAcls[0]
	if !*def.IsDefault {
		t.Errorf("a new subnet has %+v", def)
	}
	nodetest.Do(w.World, &api.ReplaceNetworkAclAssociation, &api.ReplaceNetworkAclAssociationInput{NetworkAclId: acl, AssociationId: *def.Associations[0].NetworkAclAssociationId})
	got := w.applied(v)
	if got.Subnets[0].ACL != acl {
		t.Errorf("the subnet has %s", got.Subnets[0].ACL)
	}
	n := slices.IndexFunc(got.ACLs, func(a plane.ACL) bool { return a.ID == acl })
	if a := got.ACLs[n]; len(a.Ingress) != 2 || a.Ingress[0].Number != 100 || !reflect.DeepEqual(a.Ingress[1].Match, plane.Match{Protocol: 6, FromPort: 22, ToPort: 22, CIDR: everywhere4}) || len(a.Egress) != 1 {
		t.Errorf("the data plane has %+v", a)
	}
	_, err := nodetest.Try(w.World, &api.DeleteNetworkAcl, &api.DeleteNetworkAclInput{NetworkAclId: acl})
	wantCode(t, err, "DependencyViolation")
	_, err = nodetest.Try(w.World, &api.DeleteNetworkAcl, &api.DeleteNetworkAclInput{NetworkAclId: *def.NetworkAclId})
	wantCode(t, err, "InvalidParameterValue")
	_, err = nodetest.Try(w.World, &api.DeleteNetworkAclEntry, &api.DeleteNetworkAclEntryInput{NetworkAclId: acl, RuleNumber: 5})
	wantCode(t, err, "InvalidNetworkAclEntry.NotFound")
	for k := range maxEntries - 2 {
		if err := entry(api.CreateNetworkAclEntryInput{RuleNumber: int32(1000 + k), Protocol: "-1", RuleAction: "allow", CidrBlock: all}); err != nil {
			t.Fatal(err)
		}
	}
	wantCode(t, entry(api.CreateNetworkAclEntryInput{RuleNumber: 3, Protocol: "-1", RuleAction: "allow", CidrBlock: all}), "NetworkAclEntryLimitExceeded")
}

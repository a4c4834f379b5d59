package vpc

import (
	"slices"
	"testing"

	api "pileus/api/ec2"
	"pileus/node/nodetest"
	"pileus/plane"
)

// TestGroupInAnotherVPC gives an interface of one VPC a group of another.
func TestGroupInAnotherVPC(t *testing.T) {
	w := newWorld(t)
	own, other := w.vpc("10.0.0.0/16"), w.vpc("10.1.0.0/16")
	g := w.group(own, "shared")
	subnet := *nodetest.Do(w.World, &api.CreateSubnet, &api.CreateSubnetInput{VpcId: other, CidrBlock: new("10.1.1.0/24")}).Subnet.SubnetId
	create := func() (string, error) {
		out, err := nodetest.Try(w.World, &api.CreateNetworkInterface, &api.CreateNetworkInterfaceInput{SubnetId: subnet, Groups: []string{g}})
		if err != nil {
			return "", err
		}
		return *out.NetworkInterface.NetworkInterfaceId, nil
	}
	_, err := create()
	wantCode(t, err, "InvalidGroup.NotFound")

	pair := &api.AssociateSecurityGroupVpcInput{GroupId: g, VpcId: other}
	if out := nodetest.Do(w.World, &api.AssociateSecurityGroupVpc, pair); *out.State != "associating" {
		t.Errorf("%s", *out.State)
	}
	_, err = nodetest.Try(w.World, &api.AssociateSecurityGroupVpc, pair)
	wantCode(t, err, "InvalidParameterValue")
	_, err = nodetest.Try(w.World, &api.AssociateSecurityGroupVpc, &api.AssociateSecurityGroupVpcInput{GroupId: g, VpcId: own})
	wantCode(t, err, "InvalidParameterValue")
	list := nodetest.Do(w.World, &api.DescribeSecurityGroupVpcAssociations, &api.DescribeSecurityGroupVpcAssociationsInput{Filters: []api.Filter{{Name: new("vpc-id"), Values: []string{other}}}})
	if a := list.SecurityGroupVpcAssociations; len(a) != 1 || *a[0].GroupId != g || *a[0].State != "associated" {
		t.Errorf("%+v", a)
	}
	eni, err := create()
	if err != nil {
		t.Fatal(err)
	}
	nodetest.Do(w.World, &api.AuthorizeSecurityGroupIngress, &api.AuthorizeSecurityGroupIngressInput{GroupId: &g, IpPermissions: tcp(443, "0.0.0.0/0")})
	v := w.applied(other)
	i := slices.IndexFunc(v.Groups, func(p plane.Group) bool { return p.ID == g })
	if i < 0 || len(v.Groups[i].Ingress) != 1 || v.Groups[i].Ingress[0].FromPort != 443 {
		t.Errorf("the data plane has %+v", v.Groups)
	}
	for _, in := range nodetest.Do(w.World, &api.GetSecurityGroupsForVpc, &api.GetSecurityGroupsForVpcInput{VpcId: other}).SecurityGroupForVpcs {
		if *in.GroupId == g && *in.PrimaryVpcId != own {
			t.Errorf("%+v", in)
		}
	}
	leave := &api.DisassociateSecurityGroupVpcInput{GroupId: g, VpcId: other}
	_, err = nodetest.Try(w.World, &api.DisassociateSecurityGroupVpc, leave)
	wantCode(t, err, "DependencyViolation")
	_, err = nodetest.Try(w.World, &api.DeleteSecurityGroup, &api.DeleteSecurityGroupInput{GroupId: &g})
	wantCode(t, err, "DependencyViolation")
	nodetest.Do(w.World, &api.DeleteNetworkInterface, &api.DeleteNetworkInterfaceInput{NetworkInterfaceId: eni})
	nodetest.Do(w.World, &api.DisassociateSecurityGroupVpc, leave)
	_, err = nodetest.Try(w.World, &api.DisassociateSecurityGroupVpc, leave)
	wantCode(t, err, "InvalidParameterValue")
	nodetest.Do(w.World, &api.DeleteSecurityGroup, &api.DeleteSecurityGroupInput{GroupId: &g})
	if _, err := create(); err == nil {
		t.Error("an interface has a group that is gone")
	}
}

package vpc

import (
	"testing"

	api "pileus/api/ec2"
	"pileus/node/nodetest"
)

// TestDefaultVPC looks at a region that nobody used before.
func TestDefaultVPC(t *testing.T) {
	w := newWorld(t)
	list := nodetest.Do(w.World, &api.DescribeVpcs, &api.DescribeVpcsInput{Filters: filter("is-default", "true")}).Vpcs
	if len(list) != 1 || *list[0].CidrBlock != "172.31.0.0/16" || *list[0].State != "available" {
		t.Fatalf("the default VPC is %+v", list)
	}
	v := *list[0].VpcId
	subnets := nodetest.Do(w.World, &api.DescribeSubnets, &api.DescribeSubnetsInput{Filters: filter("default-for-az", "true")}).Subnets
	zones := map[string]bool{}
	for _, s := range subnets {
		zones[*s.AvailabilityZone] = true
		if !*s.MapPublicIpOnLaunch || *s.AvailableIpAddressCount != 4091 || *s.VpcId != v {
			t.Errorf("a default subnet is %+v", s)
		}
	}
	if len(zones) != 6 {
		t.Errorf("default subnets lie in %v", zones)
	}
	tables := nodetest.Do(w.World, &api.DescribeRouteTables, &api.DescribeRouteTablesInput{Filters: filter("association.main", "true")}).RouteTables
	if len(tables) != 1 || len(tables[0].Routes) != 2 || *tables[0].Routes[1].State != "active" {
		t.Errorf("the main route table is %+v", tables)
	}
	acls := nodetest.Do(w.World, &api.DescribeNetworkAcls, &api.DescribeNetworkAclsInput{Filters: filter("default", "true")}).NetworkAcls
	if len(acls) != 1 || len(acls[0].Associations) != 6 || len(acls[0].Entries) != 4 {
		t.Errorf("the default ACL is %+v", acls)
	}
	groups := nodetest.Do(w.World, &api.DescribeSecurityGroups, &api.DescribeSecurityGroupsInput{GroupNames: []string{"default"}}).SecurityGroups
	if len(groups) != 1 || len(groups[0].IpPermissions) != 1 || *groups[0].IpPermissions[0].UserIdGroupPairs[0].GroupId != *groups[0].GroupId {
		t.Errorf("the default group is %+v", groups)
	}
	options := nodetest.Do(w.World, &api.DescribeDhcpOptions, &api.DescribeDhcpOptionsInput{}).DhcpOptions
	if len(options) != 1 || *options[0].DhcpOptionsId != *list[0].DhcpOptionsId {
		t.Errorf("the default DHCP options are %+v", options)
	}
	other, err := api.DescribeVpcs.Call(w.Gate().NewCall(t.Context(), "", "111111111111", "eu-west-1"), &api.DescribeVpcsInput{})
	if err != nil || len(other.Vpcs) != 1 || *other.Vpcs[0].VpcId == v {
		t.Errorf("another account and region has %+v, %v", other, err)
	}
	if ids, _ := w.plane.VPCs(t.Context()); len(ids) != 0 {
		t.Errorf("the data plane has %v, and nothing is in them", ids)
	}
}

// TestDefaultVPCStaysDeleted deletes it and asks for it again.
func TestDefaultVPCStaysDeleted(t *testing.T) {
	w := newWorld(t)
	v := *nodetest.Do(w.World, &api.DescribeVpcs, &api.DescribeVpcsInput{}).Vpcs[0].VpcId
	_, err := nodetest.Try(w.World, &api.CreateDefaultVpc, &api.CreateDefaultVpcInput{})
	wantCode(t, err, "DefaultVpcAlreadyExists")
	g := *nodetest.Do(w.World, &api.DescribeInternetGateways, &api.DescribeInternetGatewaysInput{}).InternetGateways[0].InternetGatewayId
	_, err = nodetest.Try(w.World, &api.DeleteVpc, &api.DeleteVpcInput{VpcId: v})
	wantCode(t, err, "DependencyViolation")
	nodetest.Do(w.World, &api.DetachInternetGateway, &api.DetachInternetGatewayInput{InternetGatewayId: g, VpcId: v})
	for _, s := range nodetest.Do(w.World, &api.DescribeSubnets, &api.DescribeSubnetsInput{}).Subnets {
		nodetest.Do(w.World, &api.DeleteSubnet, &api.DeleteSubnetInput{SubnetId: *s.SubnetId})
	}
	nodetest.Do(w.World, &api.DeleteVpc, &api.DeleteVpcInput{VpcId: v})
	if list := nodetest.Do(w.World, &api.DescribeVpcs, &api.DescribeVpcsInput{}).Vpcs; len(list) != 0 {
		t.Fatalf("there are %+v", list)
	}
	_, err = nodetest.Try(w.World, &api.CreateSecurityGroup, &api.CreateSecurityGroupInput{GroupName: "x", Description: "x"})
	wantCode(t, err, "VPCIdNotSpecified")
	_, err = nodetest.Try(w.World, &api.CreateDefaultSubnet, &api.CreateDefaultSubnetInput{AvailabilityZone: new("us-east-1a")})
	wantCode(t, err, "DefaultVpcDoesNotExist")

	again := nodetest.Do(w.World, &api.CreateDefaultVpc, &api.CreateDefaultVpcInput{}).Vpc
	s := nodetest.Do(w.World, &api.DescribeSubnets, &api.DescribeSubnetsInput{Filters: filter("availability-zone", "us-east-1c")}).Subnets
	if len(s) != 1 || *s[0].VpcId != *again.VpcId {
		t.Fatalf("us-east-1c has %+v", s)
	}
	nodetest.Do(w.World, &api.DeleteSubnet, &api.DeleteSubnetInput{SubnetId: *s[0].SubnetId})
	for _, in := range []*api.CreateDefaultSubnetInput{{AvailabilityZone: new("us-east-1c"), AvailabilityZoneId: new("use1-az3")}, {}} {
		if _, err := nodetest.Try(w.World, &api.CreateDefaultSubnet, in); err == nil {
			t.Errorf("no zone or two are taken: %+v", in)
		}
	}
	made := nodetest.Do(w.World, &api.CreateDefaultSubnet, &api.CreateDefaultSubnetInput{AvailabilityZoneId: new("use1-az3")}).Subnet
	if *made.CidrBlock != *s[0].CidrBlock || !*made.DefaultForAz {
		t.Errorf("CreateDefaultSubnet made %+v", made)
	}
	attributes := nodetest.Do(w.World, &api.DescribeAccountAttributes, &api.DescribeAccountAttributesInput{AttributeNames: []string{"default-vpc"}}).AccountAttributes
	if *attributes[0].AttributeValues[0].AttributeValue != *again.VpcId {
		t.Errorf("the account's default VPC is %+v", attributes)
	}
}

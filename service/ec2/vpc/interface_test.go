package vpc

import (
	"net/netip"
	"testing"

	api "pileus/api/ec2"
	"pileus/node/nodetest"
)

// TestInterfaceForEFA makes an interface of another type than the usual: it is
// as free as those.
func TestInterfaceForEFA(t *testing.T) {
	w := newWorld(t)
	s := w.subnet(w.vpc("10.0.0.0/16"), "10.0.0.0/24", "us-east-1a")
	id := *nodetest.Do(w.World, &api.CreateNetworkInterface, &api.CreateNetworkInterfaceInput{SubnetId: s, InterfaceType: new("efa")}).NetworkInterface.NetworkInterfaceId
	got := nodetest.Do(w.World, &api.DescribeNetworkInterfaces, &api.DescribeNetworkInterfacesInput{NetworkInterfaceIds: []string{id}}).NetworkInterfaces[0]
	if *got.Status != "available" || got.Attachment != nil {
		t.Errorf("it is %s, attached %+v", *got.Status, got.Attachment)
	}
	p := nodetest.Do(w.World, &api.CreateNetworkInterfacePermission, &api.CreateNetworkInterfacePermissionInput{NetworkInterfaceId: id, AwsAccountId: new("111111111111"), Permission: "INSTANCE-ATTACH"}).InterfacePermission
	if *p.PermissionState.State != "GRANTED" {
		t.Errorf("the permission is %s", *p.PermissionState.State)
	}
}

// TestAddressesLeavePrefixes picks addresses beside prefixes that are asked for
// in the same breath, in a subnet where luck would not do.
func TestAddressesLeavePrefixes(t *testing.T) {
	w := newWorld(t)
	s := w.subnet(w.vpc("10.0.0.0/16"), "10.0.0.0/26", "us-east-1a")
	prefixes := []string{"10.0.0.16/28", "10.0.0.32/28"}
	in := &api.CreateNetworkInterfaceInput{SubnetId: s}
	for _, p := range prefixes {
		in.Ipv4Prefixes = append(in.Ipv4Prefixes, api.Ipv4PrefixSpecificationRequest{Ipv4Prefix: &p})
	}
	for range 8 {
		i := nodetest.Do(w.World, &api.CreateNetworkInterface, in).NetworkInterface
		for _, p := range prefixes {
			if netip.MustParsePrefix(p).Contains(netip.MustParseAddr(*i.PrivateIpAddress)) {
				t.Errorf("%s is of %s", *i.PrivateIpAddress, p)
			}
		}
		nodetest.Do(w.World, &api.DeleteNetworkInterface, &api.DeleteNetworkInterfaceInput{NetworkInterfaceId: *i.NetworkInterfaceId})
	}
}

// TestAddressWithoutName resets an address's name: nothing is listed of it.
func TestAddressWithoutName(t *testing.T) {
	w := newWorld(t)
	id := *nodetest.Do(w.World, &api.AllocateAddress, &api.AllocateAddressInput{}).AllocationId
	listed := func() int {
		return len(nodetest.Do(w.World, &api.DescribeAddressesAttribute, &api.DescribeAddressesAttributeInput{AllocationIds: []string{id}, Attribute: new("domain-name")}).Addresses)
	}
	nodetest.Do(w.World, &api.ModifyAddressAttribute, &api.ModifyAddressAttributeInput{AllocationId: id, DomainName: new("mail.example.com")})
	if n := listed(); n != 1 {
		t.Errorf("%d addresses have a name", n)
	}
	nodetest.Do(w.World, &api.ResetAddressAttribute, &api.ResetAddressAttributeInput{AllocationId: id, Attribute: "domain-name"})
	if n := listed(); n != 0 {
		t.Errorf("%d addresses have a name after it was reset", n)
	}
}

// TestWhoAskedForAnInterface shows the maker of an interface, which does not
// make it a service's.
func TestWhoAskedForAnInterface(t *testing.T) {
	w := newWorld(t)
	s := w.subnet(w.vpc("10.0.0.0/16"), "10.0.0.0/24", "us-east-1a")
	made := nodetest.Do(w.World, &api.CreateNetworkInterface, &api.CreateNetworkInterfaceInput{SubnetId: s}).NetworkInterface
	got := nodetest.Do(w.World, &api.DescribeNetworkInterfaces, &api.DescribeNetworkInterfacesInput{Filters: []api.Filter{{Name: new("requester-id"), Values: []string{nodetest.Account}}}}).NetworkInterfaces
	if made.RequesterId == nil || *made.RequesterId != nodetest.Account || len(got) != 1 || *got[0].RequesterId != nodetest.Account || *got[0].RequesterManaged {
		t.Errorf("made by root: %+v, found %+v", made, got)
	}
	nodetest.Do(w.World, &api.DeleteNetworkInterface, &api.DeleteNetworkInterfaceInput{NetworkInterfaceId: *made.NetworkInterfaceId})
}

// TestNewVPCTellsOfNoIPv6 has the call that makes a VPC list its IPv6 ranges
// even where there are none.
func TestNewVPCTellsOfNoIPv6(t *testing.T) {
	w := newWorld(t)
	v := nodetest.Do(w.World, &api.CreateVpc, &api.CreateVpcInput{CidrBlock: new("10.0.0.0/16")}).Vpc
	if v.Ipv6CidrBlockAssociationSet == nil || len(v.Ipv6CidrBlockAssociationSet) > 0 || *v.State != "pending" {
		t.Errorf("a new VPC is %+v", v)
	}
}

// TestFiltersOfLaterYears takes the filters that came with zone ids, managed
// resources and other regions' services.
func TestFiltersOfLaterYears(t *testing.T) {
	w := newWorld(t)
	s := w.subnet(w.vpc("10.0.0.0/16"), "10.0.0.0/24", "us-east-1a")
	id := *nodetest.Do(w.World, &api.CreateNetworkInterface, &api.CreateNetworkInterfaceInput{SubnetId: s}).NetworkInterface.NetworkInterfaceId
	find := func(name, value string) int {
		return len(nodetest.Do(w.World, &api.DescribeNetworkInterfaces, &api.DescribeNetworkInterfacesInput{Filters: []api.Filter{{Name: &name, Values: []string{value}}}}).NetworkInterfaces)
	}
	if find("availability-zone-id", "use1-az*") != 1 || find("availability-zone-id", "usw2-az1") != 0 || find("operator.managed", "false") != 1 || find("operator.principal", "*") != 0 {
		t.Error("the interface is not found by its zone's id, or is somebody's who manages it")
	}
	nodetest.Do(w.World, &api.DeleteNetworkInterface, &api.DeleteNetworkInterfaceInput{NetworkInterfaceId: id})
	for _, name := range []string{"customer-owned-ipv4-pool", "enable-lni-at-device-index"} {
		if out := nodetest.Do(w.World, &api.DescribeSubnets, &api.DescribeSubnetsInput{Filters: []api.Filter{{Name: &name, Values: []string{"*"}}}}); len(out.Subnets) != 0 {
			t.Errorf("%s finds %+v", name, out.Subnets)
		}
	}
	for _, name := range []string{"vpc-endpoint-id", "vpc-endpoint-region"} {
		nodetest.Do(w.World, &api.DescribeVpcEndpointConnections, &api.DescribeVpcEndpointConnectionsInput{Filters: []api.Filter{{Name: &name, Values: []string{"x"}}}})
	}
	nodetest.Do(w.World, &api.DescribeVpcEndpoints, &api.DescribeVpcEndpointsInput{Filters: []api.Filter{{Name: new("service-region"), Values: []string{"us-east-1"}}}})
}

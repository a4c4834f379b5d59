package vpc

import (
	"testing"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/node/nodetest"
	"pileus/store"
)

// TestInstanceOfTheDefaultVPC does what the room of instances does: launch,
// stop, start, terminate.
func TestInstanceOfTheDefaultVPC(t *testing.T) {
	w := newWorld(t)
	do := func(f func(c *cloud.Call, tx store.Tx) error) {
		t.Helper()
		if err := w.update(f); err != nil {
			t.Fatal(err)
		}
	}
	var first, vpc string
	do(func(c *cloud.Call, tx store.Tx) error {
		if err := EnsureDefaults(c, tx); err != nil {
			return err
		}
		s, err := DefaultSubnet(c, tx, "us-east-1b")
		if err != nil {
			return err
		}
		i, err := CreateInterface(c, tx, NewInterface{Subnet: s.ID})
		if err != nil {
			return err
		}
		first, vpc = i.ID, i.VPC
		if err := AttachInterface(c, tx, i.ID, Attachment{Instance: "i-1", DeleteOnTermination: true}); err != nil {
			return err
		}
		return AssignPublicAddress(c, tx, "i-1")
	})
	show := func() (list []api.InstanceNetworkInterface) {
		w.View(func(r store.Reader) { c := w.Call(); list = APIInterfaces(c, r, InterfacesOf(c, r, "i-1")) })
		return list
	}
	got := show()
	if len(got) != 1 || got[0].Association == nil || *got[0].Association.IpOwnerId != "amazon" || *got[0].Association.PublicDnsName == "" || *got[0].Groups[0].GroupName != "default" {
		t.Fatalf("the instance has %+v", got)
	}
	before := *got[0].Association.PublicIp
	if p := w.applied(vpc).Interfaces[0]; p.Machine != "i-1" || p.Public[p.Primary].String() != before {
		t.Errorf("the data plane has %+v", p)
	}
	do(func(c *cloud.Call, tx store.Tx) error { ReleasePublicAddress(c, tx, "i-1"); return nil })
	if got := show(); got[0].Association != nil {
		t.Errorf("stopped, it has %+v", got[0].Association)
	}
	do(func(c *cloud.Call, tx store.Tx) error { return AssignPublicAddress(c, tx, "i-1") })
	if got := show(); *got[0].Association.PublicIp == before || *got[0].PrivateIpAddress == "" {
		t.Errorf("started again, it has %+v", got[0].Association)
	}
	// An elastic address takes the place of the one that was lent, for good.
	e := nodetest.Do(w.World, &api.AllocateAddress, &api.AllocateAddressInput{})
	nodetest.Do(w.World, &api.AssociateAddress, &api.AssociateAddressInput{AllocationId: e.AllocationId, InstanceId: new("i-1")})
	do(func(c *cloud.Call, tx store.Tx) error {
		ReleasePublicAddress(c, tx, "i-1")
		return AssignPublicAddress(c, tx, "i-1")
	})
	if got := show(); *got[0].Association.PublicIp != *e.PublicIp {
		t.Errorf("with an elastic address, it has %+v", got[0].Association)
	}
	second := w.nic(*got[0].SubnetId)
	nodetest.Do(w.World, &api.AttachNetworkInterface, &api.AttachNetworkInterfaceInput{NetworkInterfaceId: second, InstanceId: "i-1", DeviceIndex: 1})
	_, err := nodetest.Try(w.World, &api.AttachNetworkInterface, &api.AttachNetworkInterfaceInput{NetworkInterfaceId: second, InstanceId: "i-1", DeviceIndex: 2})
	wantCode(t, err, "InvalidNetworkInterface.InUse")
	_, err = nodetest.Try(w.World, &api.DetachNetworkInterface, &api.DetachNetworkInterfaceInput{AttachmentId: *show()[0].Attachment.AttachmentId})
	wantCode(t, err, "OperationNotPermitted")
	do(func(c *cloud.Call, tx store.Tx) error { DetachAll(c, tx, "i-1"); return nil })
	left := nodetest.Do(w.World, &api.DescribeNetworkInterfaces, &api.DescribeNetworkInterfacesInput{}).NetworkInterfaces
	if len(left) != 1 || *left[0].NetworkInterfaceId != second || *left[0].Status != "available" {
		t.Errorf("terminated, it left %+v (the first was %s)", left, first)
	}
	if a := w.address(*e.AllocationId); a.AssociationId != nil {
		t.Errorf("the elastic address is %+v", a)
	}
}

// TestResolve finds groups and subnets as requests name them.
func TestResolve(t *testing.T) {
	w := newWorld(t)
	v := w.vpc("10.0.0.0/16")
	g := w.group(v, "web")
	nodetest.Do(w.World, &api.DescribeVpcs, &api.DescribeVpcsInput{})
	w.View(func(r store.Reader) {
		c := w.Call()
		for _, names := range [][]string{{"web"}, nil} {
			if ids, err := ResolveGroups(c, r, v, nil, names); err != nil || len(ids) != 1 || (ids[0] == g) != (names != nil) {
				t.Errorf("ResolveGroups(%v): %v, %v", names, ids, err)
			}
		}
		_, err := ResolveGroups(c, r, v, nil, []string{"nothing"})
		wantCode(t, err, "InvalidGroup.NotFound")
		_, err = DefaultSubnet(c, r, "us-east-1z")
		wantCode(t, err, "InvalidParameterValue")
		_, err = DefaultSubnet(c.In("111111111111", "us-east-1"), r, "")
		wantCode(t, err, "VPCIdNotSpecified")
		_, err = FindInterface(c, r, "eni-x")
		wantCode(t, err, "InvalidNetworkInterfaceId.Malformed")
		_, err = FindVPC(c, r, "vpc-0123456789abcdef0")
		wantCode(t, err, "InvalidVpcID.NotFound")
	})
}

// TestMoreAddresses gives an interface addresses, prefixes and IPv6.
func TestMoreAddresses(t *testing.T) {
	w := newWorld(t)
	v := w.vpc("10.0.0.0/16")
	nodetest.Do(w.World, &api.AssociateVpcCidrBlock, &api.AssociateVpcCidrBlockInput{VpcId: v, AmazonProvidedIpv6CidrBlock: new(true)})
	block := *nodetest.Do(w.World, &api.DescribeVpcs, &api.DescribeVpcsInput{VpcIds: []string{v}}).Vpcs[0].Ipv6CidrBlockAssociationSet[0].Ipv6CidrBlock
	six := pfx(block).Addr().String() + "/64"
	s := w.subnet(v, "10.0.0.0/24", "us-east-1a")
	nodetest.Do(w.World, &api.AssociateSubnetCidrBlock, &api.AssociateSubnetCidrBlockInput{SubnetId: s, Ipv6CidrBlock: &six})
	at := func(address string) string {
		return *nodetest.Do(w.World, &api.CreateNetworkInterface, &api.CreateNetworkInterfaceInput{SubnetId: s, PrivateIpAddress: &address}).NetworkInterface.NetworkInterfaceId
	}
	a, b := at("10.0.0.10"), at("10.0.0.11")
	got := nodetest.Do(w.World, &api.AssignPrivateIpAddresses, &api.AssignPrivateIpAddressesInput{NetworkInterfaceId: a, PrivateIpAddresses: []string{"10.0.0.77"}})
	if len(got.AssignedPrivateIpAddresses) != 1 {
		t.Errorf("assigned %+v", got)
	}
	_, err := nodetest.Try(w.World, &api.AssignPrivateIpAddresses, &api.AssignPrivateIpAddressesInput{NetworkInterfaceId: b, PrivateIpAddresses: []string{"10.0.0.77"}})
	wantCode(t, err, "InvalidIPAddress.InUse")
	nodetest.Do(w.World, &api.AssignPrivateIpAddresses, &api.AssignPrivateIpAddressesInput{NetworkInterfaceId: b, PrivateIpAddresses: []string{"10.0.0.77"}, AllowReassignment: new(true)})
	list := nodetest.Do(w.World, &api.DescribeNetworkInterfaces, &api.DescribeNetworkInterfacesInput{Filters: filter("addresses.private-ip-address", "10.0.0.77")}).NetworkInterfaces
	if len(list) != 1 || *list[0].NetworkInterfaceId != b || len(list[0].PrivateIpAddresses) != 2 {
		t.Errorf("10.0.0.77 is at %+v", list)
	}
	p := nodetest.Do(w.World, &api.AssignPrivateIpAddresses, &api.AssignPrivateIpAddressesInput{NetworkInterfaceId: a, Ipv4PrefixCount: new(int32(1))}).AssignedIpv4Prefixes
	if len(p) != 1 || pfx(*p[0].Ipv4Prefix).Bits() != 28 {
		t.Errorf("assigned %+v", p)
	}
	nodetest.Do(w.World, &api.UnassignPrivateIpAddresses, &api.UnassignPrivateIpAddressesInput{NetworkInterfaceId: a, Ipv4Prefixes: []string{*p[0].Ipv4Prefix}})
	v6 := nodetest.Do(w.World, &api.AssignIpv6Addresses, &api.AssignIpv6AddressesInput{NetworkInterfaceId: a, Ipv6AddressCount: new(int32(2))}).AssignedIpv6Addresses
	if len(v6) != 2 {
		t.Errorf("assigned %v", v6)
	}
	nodetest.Do(w.World, &api.UnassignIpv6Addresses, &api.UnassignIpv6AddressesInput{NetworkInterfaceId: a, Ipv6Addresses: v6[:1]})
	for _, i := range w.applied(v).Interfaces {
		if i.ID == a && (len(i.Others) != 1 || i.Others[0].String() != v6[1]) {
			t.Errorf("the data plane has %+v", i)
		}
	}
	for _, id := range []string{a, b} {
		nodetest.Do(w.World, &api.DeleteNetworkInterface, &api.DeleteNetworkInterfaceInput{NetworkInterfaceId: id})
	}
	if n := *nodetest.Do(w.World, &api.DescribeSubnets, &api.DescribeSubnetsInput{SubnetIds: []string{s}}).Subnets[0].AvailableIpAddressCount; n != 251 {
		t.Errorf("%d addresses are free after all are gone", n)
	}
}

package vpc

import (
	"testing"

	api "pileus/api/ec2"
	"pileus/node/nodetest"
)

// natState is a NAT gateway as DescribeNatGateways has it.
func (w *world) nat(id string) *api.NatGateway {
	w.T.Helper()
	list := nodetest.Do(w.World, &api.DescribeNatGateways, &api.DescribeNatGatewaysInput{Filter: filter("nat-gateway-id", id)}).NatGateways
	if len(list) == 0 {
		return nil
	}
	return &list[0]
}

// TestNATLives follows a NAT gateway from its beginning to its end.
func TestNATLives(t *testing.T) {
	w := newWorld(t)
	v := w.vpc("10.0.0.0/16")
	s := w.subnet(v, "10.0.0.0/24", "us-east-1a")
	w.gateway(v)
	e := nodetest.Do(w.World, &api.AllocateAddress, &api.AllocateAddressInput{})
	made := nodetest.Do(w.World, &api.CreateNatGateway, &api.CreateNatGatewayInput{SubnetId: &s, AllocationId: e.AllocationId, ClientToken: new("t")}).NatGateway
	if *made.State != "pending" || *made.NatGatewayAddresses[0].PublicIp != *e.PublicIp {
		t.Errorf("CreateNatGateway answers %+v", made)
	}
	again := nodetest.Do(w.World, &api.CreateNatGateway, &api.CreateNatGatewayInput{SubnetId: &s, AllocationId: e.AllocationId, ClientToken: new("t")}).NatGateway
	if *again.NatGatewayId != *made.NatGatewayId {
		t.Error("a repetition made another NAT gateway")
	}
	id := *made.NatGatewayId
	got := w.applied(v)
	if len(got.NATGateways) != 1 || !got.NATGateways[0].Public || !got.Interfaces[0].AnySource || len(got.Interfaces[0].Public) != 1 {
		t.Errorf("the data plane has %+v", got)
	}
	if n := w.nat(id); *n.State != "available" {
		t.Errorf("it is %s", *n.State)
	}
	eni := *made.NatGatewayAddresses[0].NetworkInterfaceId
	_, err := nodetest.Try(w.World, &api.DeleteNetworkInterface, &api.DeleteNetworkInterfaceInput{NetworkInterfaceId: eni})
	wantCode(t, err, "AuthFailure")
	_, err = nodetest.Try(w.World, &api.ReleaseAddress, &api.ReleaseAddressInput{AllocationId: e.AllocationId})
	wantCode(t, err, "InvalidIPAddress.InUse")
	_, err = nodetest.Try(w.World, &api.DeleteSubnet, &api.DeleteSubnetInput{SubnetId: s})
	wantCode(t, err, "DependencyViolation")

	nodetest.Do(w.World, &api.DeleteNatGateway, &api.DeleteNatGatewayInput{NatGatewayId: id})
	w.Drain()
	if n := w.nat(id); *n.State != "deleted" || n.DeleteTime == nil {
		t.Errorf("it is %+v", n)
	}
	nodetest.Do(w.World, &api.ReleaseAddress, &api.ReleaseAddressInput{AllocationId: e.AllocationId})
	nodetest.Do(w.World, &api.DeleteSubnet, &api.DeleteSubnetInput{SubnetId: s})
	w.Advance(natVisible)
	if n := w.nat(id); n != nil {
		t.Errorf("it is still listed: %+v", n)
	}
}

// TestNATFails makes them where they cannot be.
func TestNATFails(t *testing.T) {
	w := newWorld(t)
	v := w.vpc("10.0.0.0/16")
	s := w.subnet(v, "10.0.0.0/24", "us-east-1a")
	e := nodetest.Do(w.World, &api.AllocateAddress, &api.AllocateAddressInput{})
	n := nodetest.Do(w.World, &api.CreateNatGateway, &api.CreateNatGatewayInput{SubnetId: &s, AllocationId: e.AllocationId}).NatGateway
	if got := w.nat(*n.NatGatewayId); *got.State != "failed" || *got.FailureCode != "Gateway.NotAttached" {
		t.Errorf("without an internet gateway it is %+v", got)
	}
	for code, in := range map[string]api.CreateNatGatewayInput{
		"MissingParameter":             {SubnetId: &s, AvailabilityMode: new("zonal")},
		"InvalidParameterCombination":  {SubnetId: &s, ConnectivityType: new("private"), AllocationId: e.AllocationId},
		"InvalidAllocationID.NotFound": {SubnetId: &s, AllocationId: new("eipalloc-0123456789abcdef0")},
		"InvalidSubnetID.NotFound":     {SubnetId: new("subnet-0123456789abcdef0"), AllocationId: e.AllocationId},
		"UnsupportedOperation":         {AvailabilityMode: new("regional"), VpcId: &v},
	} {
		_, err := nodetest.Try(w.World, &api.CreateNatGateway, &in)
		wantCode(t, err, code)
	}
	_, err := nodetest.Try(w.World, &api.DeleteNatGateway, &api.DeleteNatGatewayInput{NatGatewayId: "nat-0123456789abcdef0"})
	wantCode(t, err, "NatGatewayNotFound")
}

// TestNATAddresses gives NAT gateways more addresses, and takes them back.
func TestNATAddresses(t *testing.T) {
	w := newWorld(t)
	v := w.vpc("10.0.0.0/16")
	s := w.subnet(v, "10.0.0.0/24", "us-east-1a")
	w.gateway(v)
	var e [2]*api.AllocateAddressOutput
	for n := range e {
		e[n] = nodetest.Do(w.World, &api.AllocateAddress, &api.AllocateAddressInput{})
	}
	public := *nodetest.Do(w.World, &api.CreateNatGateway, &api.CreateNatGatewayInput{SubnetId: &s, AllocationId: e[0].AllocationId}).NatGateway.NatGatewayId
	has := func(id string) []api.NatGatewayAddress {
		return nodetest.Do(w.World, &api.DescribeNatGateways, &api.DescribeNatGatewaysInput{NatGatewayIds: []string{id}}).NatGateways[0].NatGatewayAddresses
	}
	// changes are the secondary addresses that a call adds or removes.
	changes := func(list []api.NatGatewayAddress, n int, status string) {
		t.Helper()
		if len(list) != n {
			t.Fatalf("%s: %+v, want %d", status, list, n)
		}
		for _, a := range list {
			if *a.Status != status || *a.IsPrimary {
				t.Errorf("%s: %+v", status, a)
			}
		}
	}
	changes(nodetest.Do(w.World, &api.AssociateNatGatewayAddress, &api.AssociateNatGatewayAddressInput{NatGatewayId: public, AllocationIds: []string{*e[1].AllocationId}}).NatGatewayAddresses, 1, "associating")
	more := has(public)
	if len(more) != 2 || *more[1].PublicIp != *e[1].PublicIp || *more[1].IsPrimary || *more[1].Status != "succeeded" {
		t.Fatalf("it has %+v", more)
	}
	if got := w.applied(v).Interfaces[0]; len(got.Public) != 2 || len(got.Others) != 1 {
		t.Errorf("the data plane has %+v", got)
	}
	_, err := nodetest.Try(w.World, &api.DisassociateNatGatewayAddress, &api.DisassociateNatGatewayAddressInput{NatGatewayId: public, AssociationIds: []string{*more[0].AssociationId}})
	wantCode(t, err, "InvalidParameterValue")
	changes(nodetest.Do(w.World, &api.DisassociateNatGatewayAddress, &api.DisassociateNatGatewayAddressInput{NatGatewayId: public, AssociationIds: []string{*more[1].AssociationId}}).NatGatewayAddresses, 1, "disassociating")
	if left := has(public); len(left) != 1 {
		t.Errorf("it has %+v", left)
	}
	nodetest.Do(w.World, &api.ReleaseAddress, &api.ReleaseAddressInput{AllocationId: e[1].AllocationId})

	private := *nodetest.Do(w.World, &api.CreateNatGateway, &api.CreateNatGatewayInput{SubnetId: &s, ConnectivityType: new("private"), PrivateIpAddress: new("10.0.0.9")}).NatGateway.NatGatewayId
	added := nodetest.Do(w.World, &api.AssignPrivateNatGatewayAddress, &api.AssignPrivateNatGatewayAddressInput{NatGatewayId: private, PrivateIpAddressCount: new(int32(2))}).NatGatewayAddresses
	changes(added, 2, "assigning")
	if list := has(private); len(list) != 3 || *list[0].PrivateIp != "10.0.0.9" {
		t.Errorf("it has %+v", list)
	}
	changes(nodetest.Do(w.World, &api.UnassignPrivateNatGatewayAddress, &api.UnassignPrivateNatGatewayAddressInput{NatGatewayId: private, PrivateIpAddresses: []string{*added[0].PrivateIp}}).NatGatewayAddresses, 1, "unassigning")
	if list := has(private); len(list) != 2 {
		t.Errorf("it has %+v", list)
	}
}

package vpc

import (
	"net/netip"
	"testing"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/node/nodetest"
	"pileus/store"
)

// address is an elastic address as DescribeAddresses has it.
func (w *world) address(id string) api.Address {
	w.T.Helper()
	return nodetest.Do(w.World, &api.DescribeAddresses, &api.DescribeAddressesInput{AllocationIds: []string{id}}).Addresses[0]
}

// TestElasticAddress points an address here and there.
func TestElasticAddress(t *testing.T) {
	w := newWorld(t)
	v := w.vpc("10.0.0.0/16")
	s := w.subnet(v, "10.0.0.0/24", "us-east-1a")
	e := nodetest.Do(w.World, &api.AllocateAddress, &api.AllocateAddressInput{Domain: new("vpc")})
	a := *e.AllocationId
	instance, eni := w.instance(s)
	second := w.nic(s)
	_, err := nodetest.Try(w.World, &api.AssociateAddress, &api.AssociateAddressInput{AllocationId: &a, InstanceId: &instance})
	wantCode(t, err, "Gateway.NotAttached")
	g := w.gateway(v)
	one := nodetest.Do(w.World, &api.AssociateAddress, &api.AssociateAddressInput{AllocationId: &a, InstanceId: &instance})
	if got := w.address(a); *got.InstanceId != instance || *got.NetworkInterfaceId != eni || *got.AssociationId != *one.AssociationId {
		t.Errorf("the address is %+v", got)
	}
	same := nodetest.Do(w.World, &api.AssociateAddress, &api.AssociateAddressInput{PublicIp: e.PublicIp, NetworkInterfaceId: &eni})
	if *same.AssociationId != *one.AssociationId {
		t.Error("the same association has another id")
	}
	for _, i := range w.applied(v).Interfaces {
		if want := i.ID == eni; (len(i.Public) == 1) != want || want && i.Public[i.Primary] != netip.MustParseAddr(*e.PublicIp) {
			t.Errorf("the data plane has %+v", i)
		}
	}
	_, err = nodetest.Try(w.World, &api.DetachInternetGateway, &api.DetachInternetGatewayInput{InternetGatewayId: g, VpcId: v})
	wantCode(t, err, "DependencyViolation")
	_, err = nodetest.Try(w.World, &api.AssociateAddress, &api.AssociateAddressInput{AllocationId: &a, NetworkInterfaceId: &second, AllowReassociation: new(false)})
	wantCode(t, err, "Resource.AlreadyAssociated")
	two := nodetest.Do(w.World, &api.AssociateAddress, &api.AssociateAddressInput{AllocationId: &a, NetworkInterfaceId: &second})
	nics := nodetest.Do(w.World, &api.DescribeNetworkInterfaces, &api.DescribeNetworkInterfacesInput{Filters: filter("association.public-ip", *e.PublicIp)}).NetworkInterfaces
	if len(nics) != 1 || *nics[0].NetworkInterfaceId != second || *nics[0].Association.AssociationId != *two.AssociationId {
		t.Errorf("the address is at %+v", nics)
	}
	_, err = nodetest.Try(w.World, &api.ReleaseAddress, &api.ReleaseAddressInput{AllocationId: &a})
	wantCode(t, err, "InvalidIPAddress.InUse")
	_, err = nodetest.Try(w.World, &api.DisassociateAddress, &api.DisassociateAddressInput{AssociationId: one.AssociationId})
	wantCode(t, err, "InvalidAssociationID.NotFound")
	nodetest.Do(w.World, &api.DeleteNetworkInterface, &api.DeleteNetworkInterfaceInput{NetworkInterfaceId: second})
	if got := w.address(a); got.AssociationId != nil {
		t.Errorf("its interface is gone, and the address is %+v", got)
	}
	nodetest.Do(w.World, &api.ReleaseAddress, &api.ReleaseAddressInput{AllocationId: &a})
	_, err = nodetest.Try(w.World, &api.DescribeAddresses, &api.DescribeAddressesInput{AllocationIds: []string{a}})
	wantCode(t, err, "InvalidAllocationID.NotFound")
	back := nodetest.Do(w.World, &api.AllocateAddress, &api.AllocateAddressInput{Address: e.PublicIp})
	if *back.PublicIp != *e.PublicIp || *back.AllocationId == a {
		t.Errorf("recovered %+v", back)
	}
}

// TestTransfer gives an address to another account.
func TestTransfer(t *testing.T) {
	const other = "111111111111"
	w := newWorld(t)
	e := nodetest.Do(w.World, &api.AllocateAddress, &api.AllocateAddressInput{})
	nodetest.Do(w.World, &api.EnableAddressTransfer, &api.EnableAddressTransferInput{AllocationId: *e.AllocationId, TransferAccountId: other})
	if list := nodetest.Do(w.World, &api.DescribeAddressTransfers, &api.DescribeAddressTransfersInput{}).AddressTransfers; len(list) != 1 || *list[0].AddressTransferStatus != "pending" {
		t.Errorf("transfers are %+v", list)
	}
	_, err := nodetest.Try(w.World, &api.AcceptAddressTransfer, &api.AcceptAddressTransferInput{Address: *e.PublicIp})
	wantCode(t, err, "InvalidAddress.NotFound")
	c := w.Gate().NewCall(t.Context(), "", other, nodetest.Region)
	got, err := api.AcceptAddressTransfer.Call(c, &api.AcceptAddressTransferInput{Address: *e.PublicIp})
	if err != nil || *got.AddressTransfer.AddressTransferStatus != "accepted" {
		t.Fatalf("accepted %+v, %v", got, err)
	}
	_, err = nodetest.Try(w.World, &api.DescribeAddresses, &api.DescribeAddressesInput{PublicIps: []string{*e.PublicIp}})
	wantCode(t, err, "InvalidAddress.NotFound")
	mine, err := api.DescribeAddresses.Call(c, &api.DescribeAddressesInput{PublicIps: []string{*e.PublicIp}})
	if err != nil || len(mine.Addresses) != 1 {
		t.Errorf("the new owner has %+v, %v", mine, err)
	}

	late := nodetest.Do(w.World, &api.AllocateAddress, &api.AllocateAddressInput{})
	nodetest.Do(w.World, &api.EnableAddressTransfer, &api.EnableAddressTransferInput{AllocationId: *late.AllocationId, TransferAccountId: other})
	w.Advance(transferHours + time.Second)
	_, err = api.AcceptAddressTransfer.Call(w.Gate().NewCall(t.Context(), "", other, nodetest.Region), &api.AcceptAddressTransferInput{Address: *late.PublicIp})
	wantCode(t, err, "InvalidAddress.NotFound")
}

// TestLentAgain takes an elastic address from an instance of a public subnet.
func TestLentAgain(t *testing.T) {
	w := newWorld(t)
	state := "running"
	w.room.Instances = func(*cloud.Call, store.Reader, string) (Instance, error) { return Instance{State: state}, nil }
	v := w.vpc("10.0.0.0/16")
	s := w.subnet(v, "10.0.0.0/24", "us-east-1a")
	w.gateway(v)
	nodetest.Do(w.World, &api.ModifySubnetAttribute, &api.ModifySubnetAttributeInput{SubnetId: s, MapPublicIpOnLaunch: &api.AttributeBooleanValue{Value: new(true)}})
	_, eni := w.instance(s)
	public := func() string {
		i := nodetest.Do(w.World, &api.DescribeNetworkInterfaces, &api.DescribeNetworkInterfacesInput{NetworkInterfaceIds: []string{eni}}).NetworkInterfaces[0]
		if i.Association == nil {
			return ""
		}
		return *i.Association.PublicIp
	}
	for _, test := range []struct {
		state string
		lent  bool
	}{{"running", true}, {"stopped", false}} {
		state = test.state
		e := nodetest.Do(w.World, &api.AllocateAddress, &api.AllocateAddressInput{})
		a := nodetest.Do(w.World, &api.AssociateAddress, &api.AssociateAddressInput{AllocationId: e.AllocationId, NetworkInterfaceId: &eni})
		if got := public(); got != *e.PublicIp {
			t.Errorf("%s: it has %q, want %s", state, got, *e.PublicIp)
		}
		nodetest.Do(w.World, &api.DisassociateAddress, &api.DisassociateAddressInput{AssociationId: a.AssociationId})
		if got := public(); (got != "") != test.lent || got == *e.PublicIp {
			t.Errorf("%s: without it, it has %q", state, got)
		}
	}
}

package vpc

import (
	"testing"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/node/nodetest"
)

// TestInterfacesOfLoadBalancers: what a load balancer's interface is, and that
// only its service takes it away.
func TestInterfacesOfLoadBalancers(t *testing.T) {
	w := newWorld(t)
	id := w.vpc("10.0.0.0/16")
	w.gateway(id)
	subnet := w.subnet(id, "10.0.1.0/24", "us-east-1a")
	as := func() *cloud.Call { return identity.AsLinked(w.Call(), "elasticloadbalancing.amazonaws.com") }
	made, err := api.CreateNetworkInterface.Call(as(), &api.CreateNetworkInterfaceInput{SubnetId: subnet, Description: new("ELB app/web/50dc6c495c0c9188")})
	if err != nil {
		t.Fatal(err)
	}
	eni := *made.NetworkInterface.NetworkInterfaceId
	if _, err := api.ModifyNetworkInterfaceAttribute.Call(as(), &api.ModifyNetworkInterfaceAttributeInput{NetworkInterfaceId: eni, AssociatePublicIpAddress: new(true)}); err != nil {
		t.Fatal(err)
	}
	n := nodetest.Do(w.World, &api.DescribeNetworkInterfaces, &api.DescribeNetworkInterfacesInput{NetworkInterfaceIds: []string{eni}}).NetworkInterfaces[0]
	switch {
	case *n.RequesterId != "amazon-elb", !*n.RequesterManaged, *n.InterfaceType != "interface", *n.Status != "in-use":
		t.Errorf("the interface is %s %t %s %s", *n.RequesterId, *n.RequesterManaged, *n.InterfaceType, *n.Status)
	case n.Association == nil || *n.Association.IpOwnerId != "amazon":
		t.Errorf("the interface has the public address %+v", n.Association)
	case *n.Attachment.InstanceOwnerId != "amazon-elb":
		t.Errorf("the interface is attached to something of %s", *n.Attachment.InstanceOwnerId)
	}
	if i := w.applied(id).Interfaces[0]; !i.Served || len(i.Public) != 1 {
		t.Errorf("the data plane has %+v", i)
	}
	for name, row := range map[string]struct {
		try  func() error
		code string
	}{
		"delete": {func() error {
			_, err := nodetest.Try(w.World, &api.DeleteNetworkInterface, &api.DeleteNetworkInterfaceInput{NetworkInterfaceId: eni})
			return err
		}, "InvalidParameterValue"},
		"detach": {func() error {
			_, err := nodetest.Try(w.World, &api.DetachNetworkInterface, &api.DetachNetworkInterfaceInput{AttachmentId: *n.Attachment.AttachmentId})
			return err
		}, "OperationNotPermitted"},
		"its groups": {func() error {
			_, err := nodetest.Try(w.World, &api.ModifyNetworkInterfaceAttribute, &api.ModifyNetworkInterfaceAttributeInput{NetworkInterfaceId: eni, Groups: []string{*n.Groups[0].GroupId}})
			return err
		}, "AuthFailure"},
		"more addresses": {func() error {
			_, err := nodetest.Try(w.World, &api.AssignPrivateIpAddresses, &api.AssignPrivateIpAddressesInput{NetworkInterfaceId: eni, SecondaryPrivateIpAddressCount: new(int32(1))})
			return err
		}, "AuthFailure"},
		"its subnet": {func() error {
			_, err := nodetest.Try(w.World, &api.DeleteSubnet, &api.DeleteSubnetInput{SubnetId: subnet})
			return err
		}, "DependencyViolation"},
	} {
		t.Run(name, func(t *testing.T) { wantCode(t, row.try(), row.code) })
	}
	if _, err := api.DeleteNetworkInterface.Call(as(), &api.DeleteNetworkInterfaceInput{NetworkInterfaceId: eni}); err != nil {
		t.Fatal(err)
	}
	nodetest.Do(w.World, &api.DeleteSubnet, &api.DeleteSubnetInput{SubnetId: subnet})
}

package vpc

import (
	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// api is a NAT gateway as answers have it.
func (n *NAT) api(c *cloud.Call, r store.Reader) *api.NatGateway {
	kind := "public"
	if n.Private {
		kind = "private"
	}
	o := &api.NatGateway{
		CreateTime: &n.Made, NatGatewayId: &n.ID, State: &n.State, SubnetId: &n.Subnet, VpcId: &n.VPC, ConnectivityType: &kind,
		FailureCode: text(n.FailureCode), FailureMessage: text(n.FailureMessage), Tags: resource.APITags(resource.Tags(c, r, n.ID)),
		NatGatewayAddresses: n.apiAddresses(),
	}
	if !n.Gone.IsZero() {
		o.DeleteTime = &n.Gone
	}
	return o
}

func (n *NAT) apiAddresses() []api.NatGatewayAddress {
	out := []api.NatGatewayAddress{}
	for k, a := range n.Addresses {
		out = append(out, api.NatGatewayAddress{
			AllocationId: text(a.Allocation), AssociationId: text(a.Association), NetworkInterfaceId: &a.Interface, PrivateIp: new(a.Private.String()),
			PublicIp: text(addr(a.Public)), IsPrimary: new(k == 0), Status: &a.Status,
		})
	}
	return out
}

package vpc

import (
	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

func peeringAccess() []cloud.Access {
	return []cloud.Access{
		api.CreateVpcPeeringConnection.Decides([]string{"ec2:CreateVpcPeeringConnection"}, func(c *cloud.Call, r store.Reader, in *api.CreateVpcPeeringConnectionInput) ([]cloud.Check, error) {
			checks := resource.CreateChecks(c, "CreateVpcPeeringConnection", "vpc-peering-connection", in.TagSpecifications)
			checks = append(checks, checksOn(c, r, "CreateVpcPeeringConnection", []named{{"vpc", in.VpcId}})...)
			ends := cloud.Keys{
				"ec2:requestervpc": {c.ARN("ec2", "vpc/"+in.VpcId)},
				"ec2:acceptervpc":  {c.In(cloud.Or(in.PeerOwnerId, c.Account), cloud.Or(in.PeerRegion, c.Region)).ARN("ec2", "vpc/"+val(in.PeerVpcId))},
			}
			return withKeys(checks, ends), nil
		}),
		onPeering(&api.AcceptVpcPeeringConnection, true, func(in *api.AcceptVpcPeeringConnectionInput) string { return in.VpcPeeringConnectionId }),
		onPeering(&api.RejectVpcPeeringConnection, false, func(in *api.RejectVpcPeeringConnectionInput) string { return in.VpcPeeringConnectionId }),
		onPeering(&api.DeleteVpcPeeringConnection, false, func(in *api.DeleteVpcPeeringConnectionInput) string { return in.VpcPeeringConnectionId }),
		onPeering(&api.ModifyVpcPeeringConnectionOptions, false, func(in *api.ModifyVpcPeeringConnectionOptionsInput) string { return in.VpcPeeringConnectionId }),
		resource.Looks(&api.DescribeVpcPeeringConnections),
	}
}

// onPeering declares an operation on a peering connection and, to accept it,
// on the VPC that it would join.
func onPeering[In, Out any](op *cloud.Op[In, Out], vpc bool, id func(In) string) cloud.Access {
	return op.Decides([]string{"ec2:" + op.Name}, func(c *cloud.Call, r store.Reader, in In) ([]cloud.Check, error) {
		on := []named{{"vpc-peering-connection", id(in)}}
		p, ok := peerings.Get(r, id(in))
		if ok && vpc {
			on = append(on, named{"vpc", p.Accepter.VPC})
		}
		checks := checksOn(c, r, op.Name, on)
		if !ok {
			return checks, nil
		}
		arn := func(s PeeringSide) string { return c.In(s.Account, s.Region).ARN("ec2", "vpc/"+s.VPC) }
		return withKeys(checks, cloud.Keys{
			"ec2:requestervpc": {arn(p.Requester)}, "ec2:acceptervpc": {arn(p.Accepter)}, "ec2:vpcpeeringconnectionid": {p.ID},
		}), nil
	})
}

// withKeys adds condition keys to checks.
func withKeys(checks []cloud.Check, keys cloud.Keys) []cloud.Check {
	for n := range checks {
		all := cloud.Keys{}
		for k, v := range checks[n].Keys {
			all[k] = v
		}
		for k, v := range keys {
			all[k] = v
		}
		checks[n].Keys = all
	}
	return checks
}

package elbv2

import (
	"net/netip"

	apiec2 "pileus/api/ec2"
	"pileus/cloud"
	"pileus/lb/attach"
)

// instance is what a load balancer knows of an instance that is a target.
type instance struct {
	state, vpc, zone string
	v4, v6           netip.Addr // of its primary interface; invalid for none
}

// asked at once: EC2 takes this many values of a filter.
const asked = 200

// instancesOf are the instances that exist among ids.
func instancesOf(c *cloud.Call, ids []string) (map[string]instance, error) {
	found := map[string]instance{}
	for len(ids) > 0 {
		n := min(len(ids), asked)
		out, err := apiec2.DescribeInstances.Call(attach.As(c), &apiec2.DescribeInstancesInput{Filters: []apiec2.Filter{{Name: new("instance-id"), Values: ids[:n]}}})
		if err != nil {
			return nil, err
		}
		for _, v := range out.Reservations {
			for _, i := range v.Instances {
				found[*i.InstanceId] = seenInstance(i)
			}
		}
		ids = ids[n:]
	}
	return found, nil
}

func seenInstance(i apiec2.Instance) instance {
	x := instance{vpc: cloud.Or(i.VpcId, "")}
	if i.State != nil {
		x.state = cloud.Or(i.State.Name, "")
	}
	if i.Placement != nil {
		x.zone = cloud.Or(i.Placement.AvailabilityZone, "")
	}
	// Instances that are gone have no addresses; what is left is not valid.
	x.v4, _ = netip.ParseAddr(cloud.Or(i.PrivateIpAddress, ""))
	for _, n := range i.NetworkInterfaces {
		if n.Attachment == nil || cloud.Or(n.Attachment.DeviceIndex, 0) != 0 {
			continue
		}
		for _, six := range n.Ipv6Addresses {
			x.v6, _ = netip.ParseAddr(cloud.Or(six.Ipv6Address, ""))
			break
		}
	}
	return x
}

package elbv2

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	apiec2 "pileus/api/ec2"
	api "pileus/api/elbv2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/lb"
	"pileus/lb/attach"
	"pileus/plane"
	"pileus/privatelink"
	"pileus/store"
)

// doors are the interfaces of VPC endpoints behind which a load balancer is.
func doors(r store.Reader, b *balancer) (list []privatelink.Link) {
	if b.Type != network {
		return nil
	}
	for l := range privatelink.Links.Scan(r, b.ARN) {
		list = append(list, *l)
	}
	return list
}

// addDoors gives the nodes of a load balancer the doors of their zones, and the
// rules for what comes by them.
func addDoors(c *cloud.Call, b *balancer, list []privatelink.Link, d *lb.Balancer) (err error) {
	for n := range d.Nodes {
		for _, l := range list {
			if l.Zone == d.Nodes[n].Zone {
				d.Nodes[n].Doors = append(d.Nodes[n].Doors, lb.Door{Endpoint: l.Endpoint, Interface: l.Interface, VPC: l.VPC, Addresses: l.Addresses})
			}
		}
	}
	if len(list) > 0 && b.Enforce == "on" {
		d.Inbound, err = inbound(c, b.Groups)
	}
	return err
}

// inbound are the rules of security groups for what comes in; never nil. Those
// that refer to groups or prefix lists say nothing of clients in other networks.
func inbound(c *cloud.Call, groups []string) ([]plane.Match, error) {
	out, err := apiec2.DescribeSecurityGroupRules.Call(attach.As(c), &apiec2.DescribeSecurityGroupRulesInput{
		Filters: []apiec2.Filter{{Name: new("group-id"), Values: groups}},
	})
	if err != nil {
		return nil, err
	}
	list := []plane.Match{}
	for _, rule := range out.SecurityGroupRules {
		from := cloud.Or(rule.CidrIpv4, cloud.Or(rule.CidrIpv6, ""))
		if cloud.Or(rule.IsEgress, false) || from == "" {
			continue
		}
		m := plane.Match{FromPort: int(cloud.Or(rule.FromPort, 0)), ToPort: int(cloud.Or(rule.ToPort, 0))}
		if m.CIDR, err = netip.ParsePrefix(from); err != nil {
			return nil, err
		}
		switch p := cloud.Or(rule.IpProtocol, "-1"); p {
		case "tcp":
			m.Protocol = 6
		case "udp":
			m.Protocol = 17
		default:
			if m.Protocol, err = strconv.Atoi(p); err != nil {
				continue // icmp, which no listener speaks
			}
		}
		list = append(list, m)
	}
	return list, nil
}

// inboundNow tells the rules of those load balancers that VPC endpoints lead
// to, to find out when they change.
func inboundNow(c *cloud.Call, b *balancer) (string, error) {
	if b.Enforce != "on" || len(doors(c.Snapshot, b)) == 0 {
		return "", nil
	}
	list, err := inbound(c, b.Groups)
	return fmt.Sprint(list), err
}

// checkServed refuses to take away a load balancer that is the way to an
// endpoint service.
func checkServed(c *cloud.Call, b *balancer) error {
	if b.Type != network || !c.Cloud.Implements("ec2", "DescribeVpcEndpointServiceConfigurations") {
		return nil
	}
	out, err := apiec2.DescribeVpcEndpointServiceConfigurations.Call(identity.AsAccount(c), &apiec2.DescribeVpcEndpointServiceConfigurationsInput{})
	if err != nil {
		return err
	}
	for _, s := range out.ServiceConfigurations {
		if slices.ContainsFunc(s.NetworkLoadBalancerArns, func(arn string) bool { return strings.EqualFold(arn, b.ARN) }) {
			return api.ErrResourceInUse.New("Load balancer '%s' cannot be deleted because it is currently associated with another service", b.ARN)
		}
	}
	return nil
}

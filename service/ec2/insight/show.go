package insight

import (
	"net/netip"
	"strconv"
	"strings"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/plane"
	"pileus/plane/reach"
	"pileus/service/ec2/resource"
	"pileus/store"
)

func (a *Analysis) api(c *cloud.Call, r store.Reader) *api.NetworkInsightsAnalysis {
	o := &api.NetworkInsightsAnalysis{
		NetworkInsightsAnalysisId: &a.ID, NetworkInsightsAnalysisArn: new(c.ARN("ec2", analysisKind+"/"+a.ID)), NetworkInsightsPathId: &a.Path,
		StartDate: &a.Started, Status: &a.Status, Tags: resource.APITags(resource.Tags(c, r, a.ID)),
	}
	if a.Message != "" {
		o.StatusMessage = &a.Message
	}
	if a.Status != "succeeded" {
		return o
	}
	o.NetworkPathFound = &a.Answer.Reached
	if len(a.Answer.Through) > 0 {
		o.WarningMessage = new("The path leads through " + strings.Join(a.Answer.Through, ", ") + ", which must pass packets on.")
	}
	if a.Answer.Reached {
		o.ForwardPathComponents, o.ReturnPathComponents = components(c, a.Answer.Forward), components(c, a.Answer.Return)
	}
	if s := a.Answer.Stop; s != nil {
		o.Explanations = []api.Explanation{explanation(c, s)}
	}
	return o
}

// kinds are the types of resources by the prefix of their ids.
var kinds = map[string]string{
	"i": "instance", "eni": "network-interface", "sg": "security-group", "acl": "network-acl", "rtb": "route-table", "igw": "internet-gateway",
	"eigw": "egress-only-internet-gateway", "nat": "natgateway", "pcx": "vpc-peering-connection", "vgw": "vpn-gateway", "vpce": "vpc-endpoint",
	"vpc": "vpc", "subnet": "subnet",
}

// component names a resource.
func component(c *cloud.Call, id string) *api.AnalysisComponent {
	prefix, _, _ := strings.Cut(id, "-")
	kind, ok := kinds[prefix]
	if !ok {
		return &api.AnalysisComponent{}
	}
	return &api.AnalysisComponent{Id: &id, Arn: new(c.ARN("ec2", kind+"/"+id))}
}

// maybe is a component that may be missing.
func maybe(c *cloud.Call, id string) *api.AnalysisComponent {
	if id == "" {
		return nil
	}
	return component(c, id)
}

func components(c *cloud.Call, steps []reach.Step) (out []api.PathComponent) {
	for n, s := range steps {
		o := api.PathComponent{SequenceNumber: new(int32(n + 1)), Component: component(c, s.ID), Vpc: maybe(c, s.VPC), Subnet: maybe(c, s.Subnet)}
		if s.ACLRule != nil {
			o.AclRule = aclRule(s)
		}
		if s.Rule != nil {
			o.SecurityGroupRule = groupRule(s)
		}
		if s.Route != nil {
			o.RouteTableRoute = routeOf(s.Route)
		}
		o.OutboundHeader = header(s.Packet)
		out = append(out, o)
	}
	return out
}

func explanation(c *cloud.Call, s *reach.Stop) api.Explanation {
	o := api.Explanation{ExplanationCode: &s.Code, Component: component(c, s.ID), Vpc: maybe(c, s.VPC), Subnet: maybe(c, s.Subnet), Direction: new("ingress")}
	if s.Egress {
		o.Direction = new("egress")
	}
	switch s.Kind {
	case "network-acl":
		o.Acl = o.Component
		if s.ACLRule != nil {
			o.AclRule = aclRule(s.Step)
		}
	case "network-interface":
		o.NetworkInterface = o.Component
	case "route-table":
		o.RouteTable = o.Component
	case "internet-gateway":
		o.InternetGateway = o.Component
	case "natgateway":
		o.NatGateway = o.Component
	case "vpc-peering-connection":
		o.VpcPeeringConnection = o.Component
	case "vpn-gateway":
		o.VpnGateway = o.Component
	}
	if s.Route != nil {
		o.RouteTableRoute = routeOf(s.Route)
	}
	for _, g := range s.Groups {
		o.SecurityGroups = append(o.SecurityGroups, *component(c, g))
	}
	if s.Expected == "internet-gateway" {
		o.MissingComponent = &s.Expected
	} else if a, err := netip.ParseAddr(s.Expected); err == nil {
		o.Address = new(a.String())
	}
	if s.Answers {
		o.PacketField = new("destination-port")
	}
	return o
}

func protocol(n int) *string {
	switch n {
	case -1:
		return new("all")
	case 6:
		return new("tcp")
	case 17:
		return new("udp")
	case 1:
		return new("icmp")
	}
	return new(strconv.Itoa(n))
}

func ports(from, to int) *api.PortRange {
	if from < 0 {
		return nil
	}
	return &api.PortRange{From: new(int32(from)), To: new(int32(to))}
}

func aclRule(s reach.Step) *api.AnalysisAclRule {
	r := s.ACLRule
	action := "deny"
	if r.Allow {
		action = "allow"
	}
	return &api.AnalysisAclRule{
		Cidr: new(r.Match.CIDR.String()), Egress: &s.Egress, PortRange: ports(r.Match.FromPort, r.Match.ToPort), Protocol: protocol(r.Match.Protocol),
		RuleAction: &action, RuleNumber: new(int32(r.Number)),
	}
}

func groupRule(s reach.Step) *api.AnalysisSecurityGroupRule {
	o := &api.AnalysisSecurityGroupRule{Direction: new("ingress"), PortRange: ports(s.Rule.FromPort, s.Rule.ToPort), Protocol: protocol(s.Rule.Protocol)}
	if s.Egress {
		o.Direction = new("egress")
	}
	if s.Rule.Group != "" {
		o.SecurityGroupId = new(s.Rule.Group)
	} else {
		o.Cidr = new(s.Rule.CIDR.String())
	}
	return o
}

func routeOf(r *plane.Route) *api.AnalysisRouteTableRoute {
	o := &api.AnalysisRouteTableRoute{DestinationCidr: new(r.Destination.String()), State: new("active"), Origin: new("createroute")}
	switch r.Kind {
	case "":
		o.GatewayId, o.Origin = new("local"), new("createroutetable")
	case plane.ToInternetGateway, plane.ToVPN, plane.ToGatewayEndpoint:
		o.GatewayId = &r.Target
	case plane.ToEgressOnlyGateway:
		o.EgressOnlyInternetGatewayId = &r.Target
	case plane.ToNATGateway:
		o.NatGatewayId = &r.Target
	case plane.ToInterface:
		o.NetworkInterfaceId = &r.Target
	case plane.ToPeering:
		o.VpcPeeringConnectionId = &r.Target
	default:
		o.State = new("blackhole")
	}
	return o
}

func header(p reach.Packet) *api.AnalysisPacketHeader {
	if !p.From.IsValid() {
		return nil
	}
	o := &api.AnalysisPacketHeader{
		SourceAddresses: []string{netip.PrefixFrom(p.From, p.From.BitLen()).String()}, DestinationAddresses: []string{netip.PrefixFrom(p.To, p.To.BitLen()).String()},
		Protocol: new(strconv.Itoa(p.Protocol)),
	}
	if p.ToPort > 0 {
		o.DestinationPortRanges = []api.PortRange{*ports(p.ToPort, p.ToPort)}
	}
	return o
}

// Package reach tells from the state of networks whether a packet finds its
// way, and what stops it if not: the same routes, ACLs and groups that
// the data plane obeys, walked on paper.
//
//	reach.go   the question and its answer
//	walk.go    from interface to interface
//	match.go   rules
//	explain.go the answer in words
package reach

import (
	"net/netip"

	"pileus/plane"
)

// Networks are the VPCs that packets may pass, by id.
type Networks map[string]plane.VPC

// Packet is a packet's header.
type Packet struct {
	From, To         netip.Addr
	Protocol         int // IANA number
	FromPort, ToPort int // of TCP and UDP
	Type, Code       int // of ICMP
}

// Question asks whether somebody can open a connection. Source is an interface
// of a VPC; with no VPC, the internet.
type Question struct {
	VPC, Interface string
	Packet         Packet
}

// Answer is the way that packets take. Where they do not arrive, Stop tells
// why, and the last step how far they came.
type Answer struct {
	Reached         bool
	Forward, Return []Step
	Stop            *Stop
	// Through are machines on the way that have to pass packets on, which the
	// networks' state does not tell.
	Through []string
}

// Step is one component that a packet passes.
type Step struct {
	Kind, ID string // "network-interface", "route-table"; ids as the cloud has them
	VPC      string
	Subnet   string
	Route    *plane.Route
	ACLRule  *plane.ACLRule
	Rule     *plane.Match // of a security group
	Egress   bool
	Packet   Packet // as it leaves the component
}

// Stop is why a packet goes no further. Codes are those of AWS's analyzer.
// https://docs.aws.amazon.com/vpc/latest/reachability/explanation-codes.html
type Stop struct {
	Code     string
	Step              // the component that stops it
	Groups   []string // of ENI_SG_RULES_MISMATCH
	Answers  bool     // it is the answer that does not come back
	Expected string   // what was missing: an address, a gateway
}

// Codes of stops.
const (
	GroupMismatch   = "ENI_SG_RULES_MISMATCH"
	ACLRestriction  = "SUBNET_ACL_RESTRICTION"
	NoRoute         = "NO_ROUTE_TO_DESTINATION"
	BadRoute        = "BAD_STATE_ROUTE"
	SourceCheck     = "ENI_SOURCE_DEST_CHECK_RESTRICTION"
	AddressMismatch = "ENI_ADDRESS_MISMATCH"
	NoPublicEgress  = "IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS"
	NoPublicIngress = "IGW_PUBLIC_IP_ASSOCIATION_FOR_INGRESS"
	PrivateOutside  = "IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS"
	PeeringRange    = "PCX_REQUIRES_ADDRESS_IN_VPC_CIDR"
	Unassociated    = "UNASSOCIATED_COMPONENT"
	NoDestination   = "NO_POSSIBLE_DESTINATION"
	OnlyAnswers     = "EIGW_REJECTS_SPOOFED_TRAFFIC"
	VPNDown         = "BAD_STATE_VPN"
	NoPath          = "NO_PATH"
	maxSteps        = 64
	firstEphemeral  = 49152
	icmpEcho        = 8
	icmpEchoReply   = 0
	icmp6Echo       = 128
	icmp6EchoReply  = 129
	protocolICMP    = 1
	protocolTCP     = 6
	protocolUDP     = 17
	protocolICMPv6  = 58
	protocolSCTP    = 132
)

// Reach answers a question: there and, because ACLs and routes look at each
// packet by itself, back again.
func (n Networks) Reach(q Question) Answer {
	p := q.Packet
	switch {
	case p.Protocol == protocolICMP && p.Type == 0:
		p.Type = icmpEcho
	case p.Protocol == protocolICMPv6 && p.Type == 0:
		p.Type = icmp6Echo
	case p.FromPort == 0 && hasPorts(p.Protocol):
		p.FromPort = firstEphemeral
	}
	there := &walk{networks: n, sources: map[string]Packet{}}
	if q.VPC == "" {
		there.internet(p)
	} else {
		there.start(q.VPC, q.Interface, p)
	}
	a := Answer{Forward: there.steps, Stop: there.stop, Through: there.through}
	if there.stop != nil || there.final {
		a.Reached = there.stop == nil
		return a
	}
	back := &walk{networks: n, sources: there.sources, reply: true}
	r := answerTo(there.at)
	if there.vpc == "" {
		back.internet(r)
	} else {
		back.start(there.vpc, there.nic, r)
	}
	a.Return, a.Through = back.steps, append(a.Through, back.through...)
	if back.stop == nil && (back.vpc != q.VPC || back.nic != q.Interface || back.at.From != p.To) {
		back.stop = &Stop{Code: NoPath, Step: back.last()}
	}
	if a.Stop = back.stop; a.Stop != nil {
		a.Stop.Answers = true
	}
	a.Reached = a.Stop == nil
	return a
}

// answerTo is the packet that answers.
func answerTo(p Packet) Packet {
	r := Packet{From: p.To, To: p.From, Protocol: p.Protocol, FromPort: p.ToPort, ToPort: p.FromPort, Type: p.Type, Code: p.Code}
	switch {
	case p.Protocol == protocolICMP && p.Type == icmpEcho:
		r.Type = icmpEchoReply
	case p.Protocol == protocolICMPv6 && p.Type == icmp6Echo:
		r.Type = icmp6EchoReply
	}
	return r
}

func hasPorts(protocol int) bool {
	return protocol == protocolTCP || protocol == protocolUDP || protocol == protocolSCTP
}

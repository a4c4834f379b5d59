//go:build linux

package network

import (
	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// A NAT gateway is a namespace like a machine's with nothing in it but the
// kernel: what comes in by its interface leaves by it again, with its address.

// translateAll makes a NAT gateway of a namespace. Nothing but answers gets
// in, and idle connections end as they do on AWS.
// https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-basics.html
func (ns *namespace) translateAll() error {
	err := ns.set(append(routerSettings,
		setting{"netfilter.nf_conntrack_tcp_timeout_established", "350"},
		setting{"netfilter.nf_conntrack_tcp_be_liberal", "1"})...)
	if err != nil {
		return err
	}
	r := newRuleset()
	r.hooked("translate", hook{nftables.ChainTypeNAT, *nftables.ChainHookPostrouting, *nftables.ChainPriorityNATSource, nftables.ChainPolicyAccept},
		masquerade())
	r.hooked("own", hook{nftables.ChainTypeFilter, *nftables.ChainHookInput, *nftables.ChainPriorityFilter, nftables.ChainPolicyDrop},
		rule(ipv6(), isProtocol(unix.IPPROTO_ICMPV6), accept()),
		rule(state(ctGoes), accept()))
	r.counting()
	return commit(ns, newRuleset(), r)
}

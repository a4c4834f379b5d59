//go:build linux

package network

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/vishvananda/netlink"

	"pileus/plane"
)

// probe makes a small network, to find out what the kernel and our rights
// allow. It fails where VPCs cannot be had at all, and says what is missing.
func (n *Network) probe() error {
	missing := func(what, how string, err error) error {
		return fmt.Errorf("%w: %s (%w); %s", plane.ErrUnsupported, what, err, how)
	}
	if _, err := os.Stat("/proc/sys/net/ipv6"); err == nil {
		n.ipv6 = true
	}
	path := filepath.Join(runNetNS, n.prefix()+"probe")
	removeNamespace(path)
	ns, _, err := makeNamespace(path, bare)
	if err != nil {
		return missing("no network namespaces", "run as root, or within `unshare --user --map-root-user --net --mount` with a writable "+runNetNS, err)
	}
	defer removeNamespace(path)
	defer ns.close()
	w, err := openWiring(ns)
	if err != nil {
		return err
	}
	veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "probe", Group: 7}, PeerName: "eborp"}
	if err := w.link.LinkAdd(veth); err != nil {
		return missing("no veth pairs", "load the module veth", err)
	}
	if err := ns.set(append(routerSettings, vpcSettings...)...); err != nil {
		return missing("no routing", "the namespace's parameters must be writable", err)
	}
	if err := w.direct(map[policy]bool{{familyOf(netip.IPv4Unspecified()), firstSubnet}: true}); err != nil {
		return missing("no policy routing", "the kernel needs CONFIG_IP_MULTIPLE_TABLES", err)
	}
	c := &compiler{numbers: &numbering{}, dark: map[string]bool{}, vpc: plane.VPC{
		CIDRs: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")}, FlowLogs: true,
		GatewayEndpoints: []plane.GatewayEndpoint{{ID: "vpce-probe"}}}}
	n.netem = w.canDelay("probe") == nil
	if err := commit(ns, newRuleset(), c.compile()); err != nil {
		n.log.Debug("the whole ruleset fails, trying parts", "error", err)
		c.vpc.FlowLogs, c.vpc.GatewayEndpoints = false, nil
		if err := replace(ns, c.compile()); err != nil {
			return missing("no nftables with connection tracking", "the kernel needs nf_tables, nft_ct and sets of concatenated ranges (5.6 or newer)", err)
		}
		n.describe(ns, c)
		return nil
	}
	n.describe(nil, nil)
	return nil
}

// describe tells of what a cloud can do without, and tries it in the namespace
// where one is given.
func (n *Network) describe(ns *namespace, c *compiler) {
	tell := func(name, how string, err error) {
		p := plane.Capability{Name: name, Works: err == nil}
		if err != nil {
			p.Reason = fmt.Sprintf("%v; %s", err, how)
		}
		n.caps = append(n.caps, p)
	}
	tell("VPC routing", "", nil)
	tell("security groups and network ACLs", "", nil)
	var nat, flows error
	if ns != nil {
		c.vpc.GatewayEndpoints = []plane.GatewayEndpoint{{ID: "vpce-probe"}}
		nat = replace(ns, c.compile())
		c.vpc.GatewayEndpoints, c.vpc.FlowLogs = nil, true
		flows = replace(ns, c.compile())
	}
	tell("NAT gateways and gateway endpoints", "the kernel needs nft_masq", nat)
	n.flows = flows == nil
	tell("flow logs", "the kernel needs nft_dynset and counters in sets", flows)
	var err error
	if !n.ipv6 {
		err = errors.New("the kernel has no IPv6")
	}
	tell("IPv6", "boot without ipv6.disable", err)
	err = nil
	if !n.netem {
		err = errNoDelay
	}
	tell("latency of slow zones", "load the modules sch_netem and sch_prio; the rate of slow zones is bound without them", err)
	err = nil
	if !n.opt.Uplink {
		err = errors.New("it is turned off")
	}
	tell("instances reach the real internet", "turn the uplink on", err)
	if n.opt.Uplink && n.opt.Rootless {
		n.caps = append(n.caps, plane.Capability{Name: outboundLimits, Reason: carried})
	}
}

const (
	outboundLimits = "the internet beyond TCP and UDP over IPv4"
	carried        = "without root this process carries instances' connections, while it runs: start pileus with sudo"
)

// Describe tells what the network can do here.
func (n *Network) Describe() []plane.Capability { return n.caps }

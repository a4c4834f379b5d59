//go:build linux

package network

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/google/nftables"

	"pileus/clock"
	"pileus/plane"
)

// router is the namespace of one VPC. Links in it are named by a letter for
// what they lead to and a hash of its id.
type router struct {
	*wiring
	n        *Network
	id       string
	numbers  numbering
	vpc      plane.VPC           // what was asked for last
	applied  bool                // vpc is known: ApplyVPC was called in this process
	gateways []netip.Addr        // addresses of the router, one for each subnet
	served   map[netip.Addr]bool // addresses that this process serves here
	have     *ruleset
	wires    map[string]*tunnel // of the VPN gateway, by id
	delayed  map[string]string  // links with a delay, and which; nil is not known
}

// Kinds of links, in their names.
const (
	linkInterface  = "e"
	linkPeering    = "p"
	linkInternet   = "i"
	linkEgressOnly = "x"
	linkEndpoint   = "s"
	linkTunnel     = "t"
)

const (
	interfaceMTU = 9001 // as AWS's jumbo frames
	internetMTU  = 1500 // as of AWS's internet gateway
)

// routerSettings make a namespace route for others, silently.
var routerSettings = []setting{
	{"ipv4.ip_forward", "1"},
	{"ipv4.conf.all.rp_filter", "0"}, {"ipv4.conf.default.rp_filter", "0"},
	{"ipv4.conf.all.send_redirects", "0"}, {"ipv4.conf.default.send_redirects", "0"},
	{"ipv4.conf.all.accept_redirects", "0"}, {"ipv4.conf.default.accept_redirects", "0"},
	{"ipv6.conf.all.forwarding", "1"},
	{"ipv6.conf.all.accept_redirects", "0"}, {"ipv6.conf.default.accept_redirects", "0"},
	{"ipv6.conf.default.accept_ra", "0"}, {"ipv6.conf.default.accept_dad", "0"},
	{"ipv6.conf.default.addr_gen_mode", "1"}, // no link-local addresses: neighbours are told
}

// vpcSettings are those of a VPC's router besides.
var vpcSettings = []setting{
	{"ipv4.conf.default.proxy_arp", "1"}, // the router answers for every interface of a subnet
	// What is out of a TCP window is no business of the network.
	{"netfilter.nf_conntrack_tcp_be_liberal", "1"},
}

func (n *Network) openRouter(id, path string) (*router, error) {
	ns, made, err := makeNamespace(path, func(ns *namespace) error {
		return ns.set(append(routerSettings, vpcSettings...)...)
	})
	if err != nil {
		return nil, err
	}
	w, err := openWiring(ns)
	if err != nil {
		ns.close()
		return nil, err
	}
	r := &router{wiring: w, n: n, id: id, served: map[netip.Addr]bool{}, wires: map[string]*tunnel{}}
	if made {
		r.have = newRuleset()
		return r, nil
	}
	return r, r.adopt()
}

// adopt reads what wiring did not: addresses and rulesets that an earlier
// process left.
func (r *router) adopt() error {
	local, err := r.addresses()
	if err != nil {
		return err
	}
	for _, a := range local {
		r.served[a] = true // until ApplyVPC tells which are the router's own
	}
	r.numbers.recover(r.links)
	r.have, err = readRuleset(r.namespace)
	return err
}

// apply makes the router what v says.
func (r *router) apply(v plane.VPC) error {
	watch := clock.Start()
	r.vpc = v
	r.numbers.learn(v)
	if err := r.plugAll(); err != nil {
		return err
	}
	if err := r.own(); err != nil {
		return err
	}
	if err := r.tunnels(); err != nil {
		return err
	}
	if err := r.routeAll(); err != nil {
		return err
	}
	r.applied = true
	if err := r.filter(); err != nil {
		return err
	}
	if err := r.delay(); err != nil {
		return err
	}
	if err := r.n.net.reach(r); err != nil {
		return err
	}
	if err := r.settle(); err != nil {
		return err
	}
	r.publish()
	r.n.log.Debug("applied", "vpc", v.ID, "interfaces", len(v.Interfaces), since(watch))
	return nil
}

// own makes the routers' addresses in its subnets local: each one's first.
func (r *router) own() error {
	var want []netip.Addr
	for _, s := range r.vpc.Subnets {
		for _, p := range s.CIDRs {
			if p.Addr().Is4() {
				want = append(want, nthAddress(p, 1))
			}
		}
	}
	for _, a := range want {
		if slices.Contains(r.gateways, a) {
			continue
		}
		if err := r.address(a); err != nil {
			return fmt.Errorf("address %v: %w", a, err)
		}
		delete(r.served, a)
	}
	for _, a := range r.gateways {
		if !slices.Contains(want, a) {
			if err := r.noAddress(a); err != nil {
				return err
			}
		}
	}
	r.gateways = want
	return nil
}

// filter brings nftables up to date, in one transaction.
func (r *router) filter() error {
	c := &compiler{vpc: r.vpc, numbers: &r.numbers, links: r.plugged(), dark: r.n.dark, slow: r.n.slow, served: r.served, relays: r.relays()}
	c.vpc.FlowLogs = c.vpc.FlowLogs && r.n.flows
	want := c.compile()
	err := commit(r.namespace, r.have, want)
	if err != nil {
		// What the kernel has is not what we thought: begin anew, still in one
		// transaction.
		r.n.log.Warn("replacing the whole ruleset", "vpc", r.id, "error", err)
		if err = replace(r.namespace, want); err != nil {
			r.have = &ruleset{}
			return fmt.Errorf("nftables: %w", err)
		}
	}
	r.have = want
	return nil
}

// plugged maps interfaces to their links.
func (r *router) plugged() map[string]string {
	links := map[string]string{}
	for _, e := range r.vpc.Interfaces {
		if name := linkName(linkInterface, e.ID); r.links[name] != nil {
			links[e.ID] = name
		}
	}
	return links
}

// commit leads the namespace's table from one ruleset to another.
func commit(ns *namespace, have, want *ruleset) error {
	return ns.transact(func(conn *nftables.Conn, t *nftables.Table) error { return difference(conn, t, have, want) })
}

// replace puts a ruleset in place of whatever the table holds.
func replace(ns *namespace, want *ruleset) error {
	return ns.transact(func(conn *nftables.Conn, t *nftables.Table) error {
		conn.AddTable(t)
		conn.DelTable(t)
		return difference(conn, t, newRuleset(), want)
	})
}

// readRuleset reads the names of what a table has; the content counts as
// unknown, but for counters, which go on.
func readRuleset(ns *namespace) (r *ruleset, err error) {
	conn, err := ns.nft()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			ns.closeNFT()
		}
	}()
	r = newRuleset()
	chains, err := conn.ListChainsOfTableFamily(nftables.TableFamilyINet)
	if err != nil {
		return nil, err
	}
	for _, c := range chains {
		if c.Table.Name == tableName {
			r.chains[c.Name] = &chain{print: "unknown"}
		}
	}
	if len(chains) == 0 {
		return r, nil
	}
	sets, err := conn.GetSets(&nftables.Table{Family: nftables.TableFamilyINet, Name: tableName})
	if err != nil {
		return nil, err
	}
	for _, s := range sets {
		found := &set{elements: map[string]string{}, unknown: true}
		if s.Name == setInterZone || s.Name == setInternet {
			elements, err := ns.elements(s.Name, kindBill)
			if err != nil {
				return nil, err
			}
			found.kind, found.unknown = kindBill, false
			for _, e := range elements {
				found.elements[string(e.Key)] = ""
			}
		}
		r.sets[s.Name] = found
	}
	return r, nil
}

// recover finds the numbers of subnets and zones in the groups of links.
func (n *numbering) recover(links map[string]*wire) {
	n.subnets, n.zones = map[string]uint32{}, map[string]uint32{}
	for _, l := range links {
		if l.group&interfaceBit != 0 {
			n.subnets[aliasWord(l.alias, aliasSubnet)] = l.group & subnetMask
			n.zones[aliasWord(l.alias, aliasZone)] = l.group & zoneMask >> zoneShift
		}
	}
}

// remove takes everything of the VPC away.
func (r *router) remove() error {
	for _, w := range r.wires {
		w.close()
		r.forget(w.name)
	}
	for name, l := range r.links {
		if other := r.n.routers[aliasWord(l.alias, 1)]; other != nil && strings.HasPrefix(name, linkPeering) {
			other.forget(name)
		}
	}
	if err := r.unplugInterfaces(slices.Collect(maps.Keys(r.links)), nil); err != nil {
		return err
	}
	r.n.net.forgetVPC(r.id)
	path := r.path
	r.close()
	return removeNamespace(path)
}

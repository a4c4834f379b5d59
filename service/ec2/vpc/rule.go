package vpc

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/service/ec2/resource"
	"pileus/store"
)

const maxRules = 60 // of one direction of a group

// letOut lets a group send everything to a range, unless it may already.
func letOut(c *cloud.Call, tx store.Tx, g *Group, to netip.Prefix) {
	v := Rule{Group: g.ID, Egress: true, Protocol: "-1", From: -1, To: -1, CIDR: to}
	if _, ok := sameRule(c, tx, v); !ok {
		addRule(c, tx, v, nil)
	}
}

// letsAllOut tells whether a group's egress is what Amazon made it with: one
// rule, to everywhere.
func letsAllOut(c *cloud.Call, r store.Reader, g *Group) bool {
	all := false
	for o := range rules.Index(r, "group", c.Account, c.Region, g.ID) {
		if !o.Egress {
			continue
		}
		if o.Protocol != "-1" || o.CIDR != everywhere4 {
			return false
		}
		all = true
	}
	return all
}

// addRule writes a new rule.
func addRule(c *cloud.Call, tx store.Tx, v Rule, tags identity.Tags) *Rule {
	v.Account, v.Region, v.ID = c.Account, c.Region, resource.NewID(c, "sgr")
	rules.Put(tx, &v)
	resource.Register(c, tx, "security-group-rule", v.ID, tags)
	return &v
}

func removeRule(c *cloud.Call, tx store.Tx, v *Rule) {
	rules.Delete(tx, c.Account, c.Region, v.ID)
	resource.Unregister(c, tx, v.ID)
}

// sameRule is the rule of v's group that allows just what v does.
func sameRule(c *cloud.Call, r store.Reader, v Rule) (*Rule, bool) {
	for o := range rules.Index(r, "group", c.Account, c.Region, v.Group) {
		if o.same(v) {
			return o, true
		}
	}
	return nil, false
}

// same tells whether two rules of a group allow the same.
func (v *Rule) same(o Rule) bool {
	return v.Egress == o.Egress && v.Protocol == o.Protocol && v.From == o.From && v.To == o.To &&
		v.CIDR == o.CIDR && v.PrefixList == o.PrefixList && v.Peer.Group == o.Peer.Group
}

// String is a rule as AWS's messages have it.
func (v *Rule) String() string {
	peer := cmp.Or(v.Peer.Group, v.PrefixList, prefix(v.CIDR))
	name := strings.ToUpper(v.Protocol)
	number := func(n int32) string {
		if n < 0 {
			return "ALL"
		}
		return strconv.Itoa(int(n))
	}
	switch v.Protocol {
	case "-1":
		return fmt.Sprintf("peer: %s, ALL, ALLOW", peer)
	case "icmp", "icmpv6":
		return fmt.Sprintf("peer: %s, %s, type: %s, code: %s, ALLOW", peer, name, number(v.From), number(v.To))
	case "tcp", "udp":
		return fmt.Sprintf("peer: %s, %s, from port: %d, to port: %d, ALLOW", peer, name, v.From, v.To)
	}
	return fmt.Sprintf("peer: %s, protocol: %s, ALLOW", peer, name)
}

// protocolName is a protocol as rules keep it.
func protocolName(s string) (string, error) {
	s = strings.ToLower(s)
	switch s {
	case "-1", "all":
		return "-1", nil
	case "tcp", "udp", "icmp", "icmpv6":
		return s, nil
	case "":
		return "", resource.Errorf("InvalidParameterValue", "Invalid value 'null' for protocol. VPC security group rules must specify protocols explicitly.")
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > 255 {
		return "", resource.Errorf("InvalidParameterValue", "Invalid value '%s' for IP protocol. Unknown protocol.", s)
	}
	for name, number := range protocols {
		if number == n {
			return name, nil
		}
	}
	return strconv.Itoa(n), nil
}

// setPorts checks ports, or type and code, and sets them as the protocol has
// them.
func (v *Rule) setPorts(from, to *int32) error {
	switch v.Protocol {
	case "tcp", "udp":
		if from == nil || to == nil {
			return resource.Errorf("InvalidParameterValue", "Invalid value for portRange. Must specify both from and to ports with TCP/UDP.")
		}
		for _, p := range []int32{*from, *to} {
			if p < 0 || p > 65535 {
				return resource.Errorf("InvalidParameterValue", "TCP/UDP port (%d) out of range", p)
			}
		}
		if *from > *to {
			return resource.Errorf("InvalidParameterValue", "Invalid TCP/UDP port range (%d:%d)", *from, *to)
		}
		v.From, v.To = *from, *to
	case "icmp", "icmpv6":
		v.From, v.To = cloud.Or(from, -1), cloud.Or(to, -1)
		if v.From < -1 || v.From > 255 {
			return resource.Errorf("InvalidParameterValue", "ICMP type (%d) out of range", v.From)
		}
		if v.To < -1 || v.To > 255 {
			return resource.Errorf("InvalidParameterValue", "ICMP code (%d) out of range", v.To)
		}
	default:
		v.From, v.To = -1, -1
	}
	return nil
}

// expand makes rules of permissions: one for each other side.
func expand(c *cloud.Call, r store.Reader, g *Group, egress bool, list []api.IpPermission) (out []Rule, err error) {
	for _, p := range list {
		base := Rule{Group: g.ID, Egress: egress}
		if base.Protocol, err = protocolName(cloud.Or(p.IpProtocol, "")); err != nil {
			return nil, err
		}
		if err := base.setPorts(p.FromPort, p.ToPort); err != nil {
			return nil, err
		}
		n := len(out)
		if out, err = appendSides(c, r, g, base, p, out); err != nil {
			return nil, err
		}
		if len(out) == n {
			return nil, resource.Errorf("MissingParameter", "The request must contain at least one of the parameters ipRanges, ipv6Ranges, prefixListIds or groups")
		}
	}
	for n, v := range out {
		if slices.ContainsFunc(out[:n], v.same) {
			return nil, resource.Errorf("InvalidParameterValue", "The same permission must not appear multiple times")
		}
	}
	return out, nil
}

// appendSides appends a rule for each other side of a permission.
func appendSides(c *cloud.Call, r store.Reader, g *Group, base Rule, p api.IpPermission, out []Rule) ([]Rule, error) {
	add := func(description *string, set func(v *Rule) error) error {
		v := base
		v.Description = cloud.Or(description, "")
		if len(v.Description) > 255 || strings.Trim(v.Description, groupCharacters) != "" {
			return resource.Errorf("InvalidParameterValue", "Invalid rule description. Valid descriptions are strings less than 256 characters from the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*")
		}
		if err := set(&v); err != nil {
			return err
		}
		out = append(out, v)
		return nil
	}
	for _, x := range p.IpRanges {
		if err := add(x.Description, func(v *Rule) error { return v.setCIDR(cloud.Or(x.CidrIp, ""), true) }); err != nil {
			return nil, err
		}
	}
	for _, x := range p.Ipv6Ranges {
		if err := add(x.Description, func(v *Rule) error { return v.setCIDR(cloud.Or(x.CidrIpv6, ""), false) }); err != nil {
			return nil, err
		}
	}
	for _, x := range p.PrefixListIds {
		if err := add(x.Description, func(v *Rule) error { return v.setList(c, r, cloud.Or(x.PrefixListId, "")) }); err != nil {
			return nil, err
		}
	}
	for _, x := range p.UserIdGroupPairs {
		if err := add(x.Description, func(v *Rule) error { return v.setPeer(c, r, g, x) }); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (v *Rule) setCIDR(s string, four bool) error {
	p, err := netip.ParsePrefix(s)
	if err != nil || p.Addr().Is4() != four {
		return resource.Errorf("InvalidParameterValue", "CIDR block %s is malformed", s)
	}
	v.CIDR = p.Masked()
	return nil
}

func (v *Rule) setList(c *cloud.Call, r store.Reader, id string) error {
	p, err := findPrefixList(c, r, id)
	if err == nil {
		v.PrefixList = p.ID
	}
	return err
}

// setPeer sets the group on the other side: of the same VPC, or of one that is
// joined to it.
func (v *Rule) setPeer(c *cloud.Call, r store.Reader, g *Group, x api.UserIdGroupPair) error {
	account := cmp.Or(cloud.Or(x.UserId, ""), c.Account)
	id := cloud.Or(x.GroupId, "")
	if id == "" {
		o, ok := groupNamed(c, r, g.VPC, cloud.Or(x.GroupName, ""))
		if !ok {
			return resource.Errorf("InvalidGroup.NotFound", "The security group '%s' does not exist in VPC '%s'", cloud.Or(x.GroupName, ""), g.VPC)
		}
		id = o.ID
	}
	o, ok := groups.Get(r, account, c.Region, id)
	if !ok {
		return noGroup(id)
	}
	v.Peer = Peer{Group: id, Account: account}
	if o.VPC == g.VPC {
		return nil
	}
	peering, ok := joined(c, r, g.VPC, o.VPC)
	if !ok {
		return resource.Errorf("InvalidGroup.NotFound", "You have specified two resources that belong to different networks.")
	}
	v.Peer.VPC, v.Peer.Peering = o.VPC, peering
	return nil
}

// weight is how many rules it counts for: as many as a prefix list may have.
func (v *Rule) weight(c *cloud.Call, r store.Reader) int {
	if p, err := findPrefixList(c, r, v.PrefixList); v.PrefixList != "" && err == nil {
		return int(p.Max)
	}
	return 1
}

// ruleFields are the filters of DescribeSecurityGroups on rules.
func ruleFields(c *cloud.Call, r store.Reader) map[string]func(*Rule) string {
	port := func(n int32, v *Rule) string {
		if v.Protocol == "-1" {
			return ""
		}
		return strconv.Itoa(int(n))
	}
	cidr := func(v *Rule, four bool) string {
		if !v.CIDR.IsValid() || v.CIDR.Addr().Is4() != four {
			return ""
		}
		return v.CIDR.String()
	}
	return map[string]func(*Rule) string{
		"cidr":      func(v *Rule) string { return cidr(v, true) },
		"ipv6-cidr": func(v *Rule) string { return cidr(v, false) },
		"from-port": func(v *Rule) string { return port(v.From, v) },
		"to-port":   func(v *Rule) string { return port(v.To, v) },
		"group-id":  func(v *Rule) string { return v.Peer.Group },
		"group-name": func(v *Rule) string {
			if g, ok := groups.Get(r, v.Peer.Account, c.Region, v.Peer.Group); ok && v.Peer.Group != "" {
				return g.Name
			}
			return ""
		},
		"prefix-list-id": func(v *Rule) string { return v.PrefixList },
		"protocol":       func(v *Rule) string { return v.Protocol },
		"user-id":        func(v *Rule) string { return v.Peer.Account },
	}
}

package vpc

import (
	"slices"
	"strconv"
	"strings"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

const (
	maxEntries    = 20 // of one direction of an ACL
	maxRuleNumber = 32766
)

// newEntry checks a rule of a request, of either of two operations.
func newEntry(in *api.CreateNetworkAclEntryInput) (e Entry, err error) {
	e = Entry{Number: in.RuleNumber, Allow: in.RuleAction == "allow"}
	switch {
	case in.RuleNumber < 1 || in.RuleNumber > maxRuleNumber:
		return e, resource.Errorf("InvalidParameterValue", "Value (%d) for parameter ruleNumber is invalid. Must be between 1 and %d", in.RuleNumber, maxRuleNumber)
	case in.RuleAction != "allow" && in.RuleAction != "deny":
		return e, resource.Invalid(in.RuleAction, "ruleAction")
	case in.CidrBlock != nil && in.Ipv6CidrBlock != nil:
		return e, resource.Combination("Only one of cidrBlock and ipv6CidrBlock may be specified.")
	case in.CidrBlock != nil:
		e.CIDR, err = parseIPv4(*in.CidrBlock, "cidrBlock")
	case in.Ipv6CidrBlock != nil:
		e.CIDR, err = parseIPv6(*in.Ipv6CidrBlock, "ipv6CidrBlock")
	default:
		err = resource.Errorf("MissingParameter", "The request must contain exactly one of the parameters cidrBlock or ipv6CidrBlock")
	}
	if err != nil {
		return e, err
	}
	number, ok := protocols[strings.ToLower(in.Protocol)]
	if !ok {
		if number, err = strconv.Atoi(in.Protocol); err != nil || number < -1 || number > 255 {
			return e, resource.Errorf("InvalidParameterValue", "Invalid value '%s' for IP protocol. Unknown protocol.", in.Protocol)
		}
	}
	e.Protocol = number
	return e, e.setDetails(in)
}

// setDetails sets ports, or ICMP type and code, as the protocol has them.
func (e *Entry) setDetails(in *api.CreateNetworkAclEntryInput) error {
	switch {
	case hasPorts(e.Protocol):
		if in.PortRange == nil || in.PortRange.From == nil || in.PortRange.To == nil {
			return resource.Errorf("MissingParameter", "The request must contain the parameter PortRange")
		}
		p := Ports{*in.PortRange.From, *in.PortRange.To}
		if p.From < 0 || p.To > 65535 || p.From > p.To {
			return resource.Errorf("InvalidParameterValue", "Invalid TCP/UDP port range (%d:%d)", p.From, p.To)
		}
		e.Ports = &p
	case e.Protocol == protocols["icmp"] || e.Protocol == protocols["icmpv6"]:
		if in.IcmpTypeCode == nil || in.IcmpTypeCode.Type == nil || in.IcmpTypeCode.Code == nil {
			return resource.Errorf("MissingParameter", "The request must contain the parameter icmpTypeCode")
		}
		t := ICMP{*in.IcmpTypeCode.Type, *in.IcmpTypeCode.Code}
		if t.Type < -1 || t.Type > 255 || t.Code < -1 || t.Code > 255 {
			return resource.Errorf("InvalidParameterValue", "Invalid ICMP type or code (%d:%d)", t.Type, t.Code)
		}
		e.ICMP = &t
	}
	return nil
}

// side is a direction's entries of an ACL that may be changed.
func (a *ACL) side(egress bool) *[]Entry {
	if egress {
		return &a.Egress
	}
	return &a.Ingress
}

// edit changes one direction of an ACL.
func edit(c *cloud.Call, tx store.Tx, id string, egress bool, f func([]Entry) ([]Entry, error)) error {
	old, err := find(c, tx, acls, id, noACL)
	if err != nil {
		return err
	}
	a := *old
	list := a.side(egress)
	if *list, err = f(slices.Clone(*list)); err != nil {
		return err
	}
	slices.SortFunc(*list, func(x, y Entry) int { return int(x.Number - y.Number) })
	acls.Put(tx, &a)
	touch(c, tx, a.VPC)
	return nil
}

// numbered is the place of a rule; -1 for none.
func numbered(list []Entry, n int32) int {
	return slices.IndexFunc(list, func(e Entry) bool { return e.Number == n })
}

func createNetworkAclEntry(c *cloud.Call, tx store.Tx, in *api.CreateNetworkAclEntryInput) (*cloud.Empty, error) {
	e, err := newEntry(in)
	if err != nil {
		return nil, err
	}
	return &cloud.Empty{}, edit(c, tx, in.NetworkAclId, in.Egress, func(list []Entry) ([]Entry, error) {
		if numbered(list, e.Number) >= 0 {
			return nil, resource.Errorf("NetworkAclEntryAlreadyExists", "The network acl entry identified by %d already exists.", e.Number)
		}
		if len(list) >= maxEntries {
			return nil, limit("NetworkAclEntryLimitExceeded", "network ACL entries")
		}
		return append(list, e), nil
	})
}

func noEntry(n int32) *cloud.Error {
	return resource.Errorf("InvalidNetworkAclEntry.NotFound", "The network acl entry identified by %d does not exist", n)
}

func replaceNetworkAclEntry(c *cloud.Call, tx store.Tx, in *api.ReplaceNetworkAclEntryInput) (*cloud.Empty, error) {
	e, err := newEntry(&api.CreateNetworkAclEntryInput{
		CidrBlock: in.CidrBlock, Ipv6CidrBlock: in.Ipv6CidrBlock, IcmpTypeCode: in.IcmpTypeCode, PortRange: in.PortRange,
		Protocol: in.Protocol, RuleAction: in.RuleAction, RuleNumber: in.RuleNumber,
	})
	if err != nil {
		return nil, err
	}
	return &cloud.Empty{}, edit(c, tx, in.NetworkAclId, in.Egress, func(list []Entry) ([]Entry, error) {
		n := numbered(list, e.Number)
		if n < 0 {
			return nil, noEntry(e.Number)
		}
		list[n] = e
		return list, nil
	})
}

func deleteNetworkAclEntry(c *cloud.Call, tx store.Tx, in *api.DeleteNetworkAclEntryInput) (*cloud.Empty, error) {
	return &cloud.Empty{}, edit(c, tx, in.NetworkAclId, in.Egress, func(list []Entry) ([]Entry, error) {
		n := numbered(list, in.RuleNumber)
		if n < 0 {
			return nil, noEntry(in.RuleNumber)
		}
		return slices.Delete(list, n, n+1), nil
	})
}

package fis

import (
	"net/netip"
	"slices"
	"strings"

	"pileus/api/ec2"
	"pileus/cloud"
)

// networkActions disrupt the connectivity of subnets. As on AWS, a subnet gets
// a network ACL that is a copy of its own with the disruption in it, and its
// own again at the end.
// https://docs.aws.amazon.com/fis/latest/userguide/fis-actions-reference.html#network-actions-reference
func networkActions() []*kind {
	return []*kind{{
		id: "aws:network:disrupt-connectivity", about: "Deny the specified traffic of the target subnets.",
		targets: map[string]string{"Subnets": ofSubnet}, lasts: "duration",
		params: []param{
			duration(true),
			{name: "scope", about: "What is denied: all, availability-zone, dynamodb, prefix-list, s3 or vpc.", required: true, check: checkScope},
			{name: "prefixListIdentifier", about: "With the scope prefix-list, the id or ARN of a managed prefix list."},
		},
		begin: disrupt, end: reconnect,
	}}
}

func checkScope(v string) error {
	if !slices.Contains([]string{"all", "availability-zone", "dynamodb", "prefix-list", "s3", "vpc"}, v) {
		return errInvalid("Invalid scope: %s", v)
	}
	return nil
}

// Tags of the network ACLs that experiments make.
const (
	managedTag = "managedByFIS"
	causeTag   = "fisExperiment"
)

// disrupt gives each subnet its copy.
func disrupt(k *task) error {
	return k.each("Subnets", func(c *cloud.Call, ids []string) error {
		for _, id := range ids {
			if err := k.cut(c, id); err != nil {
				return err
			}
		}
		return nil
	})
}

func (k *task) cut(c *cloud.Call, subnet string) error {
	a, own, err := association(c, subnet)
	if err != nil {
		return err
	}
	ours, err := k.ours(c, subnet)
	if err != nil {
		return err
	}
	if ours == *a.NetworkAclId {
		return nil // before a crash
	}
	if ours != "" { // made before a crash, in whatever state
		if _, err := ec2.DeleteNetworkAcl.Call(c, &ec2.DeleteNetworkAclInput{NetworkAclId: ours}); err != nil {
			return err
		}
	}
	if err := k.note("acl "+subnet, *own.NetworkAclId); err != nil {
		return err
	}
	entries, err := k.disrupted(c, subnet, own)
	if err != nil {
		return err
	}
	made, err := ec2.CreateNetworkAcl.Call(c, &ec2.CreateNetworkAclInput{VpcId: *own.VpcId, TagSpecifications: []ec2.TagSpecification{{
		ResourceType: new("network-acl"), Tags: []ec2.Tag{
			{Key: new("Name"), Value: new("FIS-" + k.ID + "-" + subnet)}, {Key: new(managedTag), Value: new("true")}, {Key: new(causeTag), Value: new(k.causeOf(subnet))},
		},
	}}})
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := putEntry(c, *made.NetworkAcl.NetworkAclId, e); err != nil {
			return err
		}
	}
	_, err = ec2.ReplaceNetworkAclAssociation.Call(c, &ec2.ReplaceNetworkAclAssociationInput{AssociationId: *a.NetworkAclAssociationId, NetworkAclId: *made.NetworkAcl.NetworkAclId})
	return err
}

func (k *task) causeOf(subnet string) string { return k.ID + "/" + k.name + "/" + subnet }

func putEntry(c *cloud.Call, acl string, e ec2.NetworkAclEntry) error {
	_, err := ec2.CreateNetworkAclEntry.Call(c, &ec2.CreateNetworkAclEntryInput{
		NetworkAclId: acl, RuleNumber: *e.RuleNumber, Protocol: *e.Protocol, RuleAction: *e.RuleAction, Egress: *e.Egress,
		CidrBlock: e.CidrBlock, Ipv6CidrBlock: e.Ipv6CidrBlock, IcmpTypeCode: e.IcmpTypeCode, PortRange: e.PortRange,
	})
	return err
}

// association is a subnet's association with its network ACL, and that.
func association(c *cloud.Call, subnet string) (a ec2.NetworkAclAssociation, acl ec2.NetworkAcl, err error) {
	out, err := ec2.DescribeNetworkAcls.Call(c, &ec2.DescribeNetworkAclsInput{Filters: []ec2.Filter{{Name: new("association.subnet-id"), Values: []string{subnet}}}})
	if err != nil {
		return a, acl, err
	}
	for _, acl := range out.NetworkAcls {
		for _, a := range acl.Associations {
			if *a.SubnetId == subnet {
				return a, acl, nil
			}
		}
	}
	return a, acl, errInvalid("The subnet %s does not exist.", subnet)
}

// ours is the network ACL that the action made for a subnet; "" for none.
func (k *task) ours(c *cloud.Call, subnet string) (string, error) {
	out, err := ec2.DescribeNetworkAcls.Call(c, &ec2.DescribeNetworkAclsInput{Filters: []ec2.Filter{{Name: new("tag:" + causeTag), Values: []string{k.causeOf(subnet)}}}})
	if err != nil || len(out.NetworkAcls) == 0 {
		return "", err
	}
	return *out.NetworkAcls[0].NetworkAclId, nil
}

// reconnect gives the subnets their own network ACLs back. One that has another
// by now, of somebody else's, keeps that.
func reconnect(k *task) error {
	return k.each("Subnets", func(c *cloud.Call, ids []string) error {
		for _, id := range ids {
			ours, err := k.ours(c, id)
			if err != nil {
				return err
			}
			if ours == "" {
				continue
			}
			a, _, err := association(c, id)
			if err != nil {
				return err
			}
			if *a.NetworkAclId == ours {
				_, err := ec2.ReplaceNetworkAclAssociation.Call(c, &ec2.ReplaceNetworkAclAssociationInput{AssociationId: *a.NetworkAclAssociationId, NetworkAclId: k.step.Notes["acl "+id]})
				if err != nil {
					return err
				}
			}
			if _, err := ec2.DeleteNetworkAcl.Call(c, &ec2.DeleteNetworkAclInput{NetworkAclId: ours}); err != nil {
				return err
			}
		}
		return nil
	})
}

// disrupted are the entries of the copy: those of the subnet's own ACL, with
// what the scope denies. What no entry allows is denied.
func (k *task) disrupted(c *cloud.Call, subnet string, own ec2.NetworkAcl) ([]ec2.NetworkAclEntry, error) {
	var entries []ec2.NetworkAclEntry
	for _, e := range own.Entries {
		if *e.RuleNumber < lastRule {
			entries = append(entries, e)
		}
	}
	switch scope := k.action.Parameters["scope"]; scope {
	case "all": // traffic within the subnet passes no ACL
		return nil, nil
	case "vpc":
		ranges, err := rangesOf(c, *own.VpcId)
		return renumbered(within(entries, ranges)), err
	case "availability-zone":
		denied, err := otherZones(c, subnet, *own.VpcId)
		return renumbered(append(denials(denied), entries...)), err
	default:
		denied, err := k.prefixes(c, scope)
		return renumbered(append(denials(denied), entries...)), err
	}
}

// lastRule is the number of the entry that every ACL ends with.
const lastRule = 32767

// denials deny ranges both ways.
func denials(ranges []netip.Prefix) (list []ec2.NetworkAclEntry) {
	for _, p := range ranges {
		for _, egress := range []bool{false, true} {
			list = append(list, ranged(ec2.NetworkAclEntry{Egress: new(egress), Protocol: new("-1"), RuleAction: new("deny")}, p))
		}
	}
	return list
}

// ranged is an entry for another range.
func ranged(e ec2.NetworkAclEntry, p netip.Prefix) ec2.NetworkAclEntry {
	e.CidrBlock, e.Ipv6CidrBlock = nil, nil
	if p.Addr().Is4() {
		e.CidrBlock = new(p.String())
	} else {
		e.Ipv6CidrBlock = new(p.String())
	}
	return e
}

// within keeps of entries what concerns the ranges.
func within(entries []ec2.NetworkAclEntry, ranges []netip.Prefix) (list []ec2.NetworkAclEntry) {
	for _, e := range entries {
		p, err := netip.ParsePrefix(cloud.Or(e.CidrBlock, cloud.Or(e.Ipv6CidrBlock, "")))
		if err != nil {
			continue
		}
		for _, r := range ranges {
			switch {
			case !p.Overlaps(r):
			case p.Bits() > r.Bits():
				list = append(list, e)
			default:
				list = append(list, ranged(e, r))
			}
		}
	}
	return list
}

// renumbered gives entries numbers in their order, for each direction.
func renumbered(entries []ec2.NetworkAclEntry) []ec2.NetworkAclEntry {
	next := map[bool]int32{}
	out := slices.Clone(entries)
	for i := range out {
		next[*out[i].Egress]++
		out[i].RuleNumber = new(next[*out[i].Egress])
	}
	return out
}

// rangesOf are the ranges of a VPC.
func rangesOf(c *cloud.Call, vpc string) (list []netip.Prefix, err error) {
	out, err := ec2.DescribeVpcs.Call(c, &ec2.DescribeVpcsInput{VpcIds: []string{vpc}})
	if err != nil {
		return nil, err
	}
	var texts []string
	for _, v := range out.Vpcs {
		for _, a := range v.CidrBlockAssociationSet {
			texts = append(texts, cloud.Or(a.CidrBlock, ""))
		}
		for _, a := range v.Ipv6CidrBlockAssociationSet {
			texts = append(texts, cloud.Or(a.Ipv6CidrBlock, ""))
		}
	}
	return parsePrefixes(texts), nil
}

// otherZones are the ranges of the VPC's subnets that are in other zones.
func otherZones(c *cloud.Call, subnet, vpc string) ([]netip.Prefix, error) {
	out, err := ec2.DescribeSubnets.Call(c, &ec2.DescribeSubnetsInput{Filters: []ec2.Filter{{Name: new("vpc-id"), Values: []string{vpc}}}})
	if err != nil {
		return nil, err
	}
	zone := ""
	for _, s := range out.Subnets {
		if *s.SubnetId == subnet {
			zone = *s.AvailabilityZone
		}
	}
	var texts []string
	for _, s := range out.Subnets {
		if *s.AvailabilityZone == zone {
			continue
		}
		texts = append(texts, cloud.Or(s.CidrBlock, ""))
		for _, a := range s.Ipv6CidrBlockAssociationSet {
			texts = append(texts, cloud.Or(a.Ipv6CidrBlock, ""))
		}
	}
	return parsePrefixes(texts), nil
}

// prefixes are those of the prefix list that the scope means.
func (k *task) prefixes(c *cloud.Call, scope string) ([]netip.Prefix, error) {
	id := k.parameter("prefixListIdentifier", "")
	id = id[strings.LastIndex(id, "/")+1:]
	if scope != "prefix-list" {
		out, err := ec2.DescribeManagedPrefixLists.Call(c, &ec2.DescribeManagedPrefixListsInput{
			Filters: []ec2.Filter{{Name: new("prefix-list-name"), Values: []string{"com.amazonaws." + c.Region + "." + scope}}},
		})
		if err != nil {
			return nil, err
		}
		for _, l := range out.PrefixLists {
			id = *l.PrefixListId
		}
	}
	if id == "" {
		return nil, errInvalid("The scope %s needs a prefix list.", scope)
	}
	out, err := ec2.GetManagedPrefixListEntries.Call(c, &ec2.GetManagedPrefixListEntriesInput{PrefixListId: id})
	if err != nil {
		return nil, err
	}
	var texts []string
	for _, e := range out.Entries {
		texts = append(texts, cloud.Or(e.Cidr, ""))
	}
	return parsePrefixes(texts), nil
}

func parsePrefixes(texts []string) (list []netip.Prefix) {
	for _, t := range texts {
		if p, err := netip.ParsePrefix(t); err == nil {
			list = append(list, p.Masked())
		}
	}
	return list
}

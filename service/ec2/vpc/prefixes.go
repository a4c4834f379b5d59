package vpc

import (
	"net/netip"
	"slices"

	"pileus/cloud"
	"pileus/plane"
	"pileus/store"
)

// amazonLists are the prefix lists of Amazon's services in a region: the
// addresses that gateway endpoints lead to.
func amazonLists(region string) []*PrefixList {
	list := func(service, id string, addresses ...netip.Addr) *PrefixList {
		p := &PrefixList{Account: "AWS", Region: region, ID: id, Name: "com.amazonaws." + region + "." + service, Family: "IPv4", Version: 1, State: "create-complete", Entries: map[int64][]ListEntry{}}
		for _, a := range addresses {
			p.Entries[1] = append(p.Entries[1], ListEntry{CIDR: netip.PrefixFrom(a, 32)})
		}
		p.Max = int32(len(addresses))
		return p
	}
	return []*PrefixList{
		list("dynamodb", "pl-02cd2c6b", plane.EdgeDynamoDB),
		list("s3", "pl-63a5400a", plane.EdgeS3),
	}
}

// findPrefixList is a list of the account, or one of Amazon's.
func findPrefixList(c *cloud.Call, r store.Reader, id string) (*PrefixList, error) {
	for _, p := range amazonLists(c.Region) {
		if p.ID == id {
			return p, nil
		}
	}
	return find(c, r, prefixLists, id, noPrefixList)
}

var noPrefixList = notFound("PrefixListID", "prefix list", "pl")

// prefixesOf are the ranges of a prefix list in its newest version; none where
// it does not exist.
func prefixesOf(c *cloud.Call, r store.Reader, id string) (out []netip.Prefix) {
	p, err := findPrefixList(c, r, id)
	if err != nil {
		return nil
	}
	for _, e := range p.Entries[p.Version] {
		out = append(out, e.CIDR)
	}
	slices.SortFunc(out, netip.Prefix.Compare)
	return out
}

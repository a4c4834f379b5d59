package vpc

import (
	"net/netip"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// byoip is a range of addresses of one's own that is to be brought to AWS. AWS
// looks in the registry of the range for the certificate that the
// authorization was signed with. No registry is asked here, so that no range
// is ever found to be the account's: provisioning fails, as it does on AWS for
// a range without a certificate.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/byoip-onboard.html
type byoip struct {
	Account, Region string
	CIDR            netip.Prefix
	Description     string
	Asked, Gone     time.Time // Gone: when it was asked to be deprovisioned
}

var byoips = &store.Table[byoip]{
	Name: "ec2.byoip",
	Key:  func(b *byoip) store.Key { return store.K(b.Account, b.Region, b.CIDR.String()) },
}

const (
	byoipCheck   = 10 * time.Minute // until a range is found not to be the account's
	byoipFailure = "No certificate was found in the RDAP record of the address range"
	byoipLeast4  = 24 // the longest prefixes that can be brought
	byoipLeast6  = 56
)

// state is what the range is at; "" once it is gone.
func (b *byoip) state(now time.Time) string {
	switch {
	case !b.Gone.IsZero() && now.Before(b.Gone.Add(byoipCheck)):
		return api.ByoipCidrStatePendingDeprovision
	case !b.Gone.IsZero():
		return ""
	case now.Before(b.Asked.Add(byoipCheck)):
		return api.ByoipCidrStatePendingProvision
	}
	return api.ByoipCidrStateFailedProvision
}

func (b *byoip) api(c *cloud.Call) *api.ByoipCidr {
	out := &api.ByoipCidr{Cidr: new(b.CIDR.String()), Description: text(b.Description), State: new(b.state(c.Now)), NetworkBorderGroup: &b.Region}
	if *out.State == api.ByoipCidrStateFailedProvision {
		out.StatusMessage = new(byoipFailure)
	}
	return out
}

func parseByoip(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil || p != p.Masked() {
		return p, resource.Errorf("InvalidParameterValue", "Value (%s) for parameter cidr is invalid. This is not a valid CIDR block.", s)
	}
	if p.Addr().Is4() && p.Bits() > byoipLeast4 || p.Addr().Is6() && p.Bits() > byoipLeast6 {
		return p, resource.Errorf("InvalidParameterValue", "The address range %s is too small: the most specific ranges are /%d for IPv4 and /%d for IPv6.", s, byoipLeast4, byoipLeast6)
	}
	return p, nil
}

func findByoip(c *cloud.Call, r store.Reader, cidr string) (*byoip, error) {
	p, err := parseByoip(cidr)
	if err != nil {
		return nil, err
	}
	if b, ok := byoips.Get(r, c.Account, c.Region, p.String()); ok && b.state(c.Now) != "" {
		return b, nil
	}
	return nil, resource.Errorf("InvalidParameterValue", "The address range %s is not provisioned in this account.", cidr)
}

func provisionByoipCidr(c *cloud.Call, tx store.Tx, in *api.ProvisionByoipCidrInput) (*api.ProvisionByoipCidrOutput, error) {
	p, err := parseByoip(in.Cidr)
	if err != nil {
		return nil, err
	}
	if g := cloud.Or(in.NetworkBorderGroup, c.Region); g != c.Region {
		return nil, resource.Errorf("InvalidNetworkBorderGroup.NotFound", "Invalid network border group %s", g)
	}
	if a := in.CidrAuthorizationContext; a == nil || a.Message == "" || a.Signature == "" {
		return nil, resource.Missing("CidrAuthorizationContext")
	}
	for b := range byoips.Scan(tx, c.Account, c.Region) {
		if b.state(c.Now) != "" && b.CIDR.Overlaps(p) {
			return nil, resource.Errorf("InvalidParameterValue", "The address range %s overlaps with %s, which is %s.", p, b.CIDR, b.state(c.Now))
		}
	}
	b := &byoip{Account: c.Account, Region: c.Region, CIDR: p, Description: cloud.Or(in.Description, ""), Asked: c.Now}
	byoips.Put(tx, b)
	return &api.ProvisionByoipCidrOutput{ByoipCidr: b.api(c)}, nil
}

func deprovisionByoipCidr(c *cloud.Call, tx store.Tx, in *api.DeprovisionByoipCidrInput) (*api.DeprovisionByoipCidrOutput, error) {
	b, err := findByoip(c, tx, in.Cidr)
	if err != nil {
		return nil, err
	}
	if b.state(c.Now) != api.ByoipCidrStateFailedProvision {
		return nil, errByoip(c, b)
	}
	d := *b
	d.Gone = c.Now
	byoips.Put(tx, &d)
	return &api.DeprovisionByoipCidrOutput{ByoipCidr: d.api(c)}, nil
}

func errByoip(c *cloud.Call, b *byoip) *cloud.Error {
	return resource.Errorf("IncorrectState", "The address range %s is in the state '%s'.", b.CIDR, b.state(c.Now))
}

// advertiseByoipCidr refuses: only provisioned ranges can be advertised.
func advertiseByoipCidr(c *cloud.Call, r store.Reader, in *api.AdvertiseByoipCidrInput) (*api.AdvertiseByoipCidrOutput, error) {
	b, err := findByoip(c, r, in.Cidr)
	if err != nil {
		return nil, err
	}
	return nil, errByoip(c, b)
}

// withdrawByoipCidr refuses: no range is advertised.
func withdrawByoipCidr(c *cloud.Call, r store.Reader, in *api.WithdrawByoipCidrInput) (*api.WithdrawByoipCidrOutput, error) {
	b, err := findByoip(c, r, in.Cidr)
	if err != nil {
		return nil, err
	}
	return nil, errByoip(c, b)
}

func describeByoipCidrs(c *cloud.Call, r store.Reader, in *api.DescribeByoipCidrsInput) (*api.DescribeByoipCidrsOutput, error) {
	present := func(yield func(*byoip) bool) {
		for b := range byoips.Scan(r, c.Account, c.Region) {
			if b.state(c.Now) != "" && !yield(b) {
				return
			}
		}
	}
	page, next, err := resource.List(c, r, resource.Query{Max: &in.MaxResults, Token: in.NextToken, Least: 1, Most: 100}, present, func(b *byoip) string { return b.CIDR.String() }, nil)
	if err != nil {
		return nil, err
	}
	out := &api.DescribeByoipCidrsOutput{ByoipCidrs: []api.ByoipCidr{}, NextToken: next}
	for _, b := range page {
		out.ByoipCidrs = append(out.ByoipCidrs, *b.api(c))
	}
	return out, nil
}

package vpc

import (
	"context"
	"slices"
	"strings"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	published "pileus/names"
	"pileus/rng"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// OwnName is the name under which a service is known inside of the VPCs that
// have an endpoint to it, once its owner has proved that the domain is his: by
// a TXT record, Record before the domain, with Value.
// https://docs.aws.amazon.com/vpc/latest/privatelink/manage-dns-names.html
type OwnName struct {
	Domain, Record, Value string
	State                 string // of DnsNameState
	Asked                 time.Time
}

const (
	// nameController looks for the record.
	nameController = "ec2.endpoint.name"
	// askAgain is how long after a look without success the next one comes, and
	// askUntil when the name is given up.
	askAgain = time.Minute
	askUntil = 10 * time.Minute
	// askLimit bounds one look, in the machine's time.
	askLimit = 3 * time.Second
)

// rename gives the service a private name, or takes it away; it has to be
// verified anew.
func (o *Offer) rename(c *cloud.Call, domain string) error {
	domain = published.Normal(domain)
	if domain == "" {
		o.Name = OwnName{}
		return nil
	}
	if o.Name.Domain == domain {
		return nil
	}
	labels := strings.Split(strings.TrimPrefix(domain, "*."), ".")
	if len(domain) > 253 || len(labels) < 2 || slices.ContainsFunc(labels, func(l string) bool {
		return l == "" || len(l) > 63 || strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-") != ""
	}) {
		return resource.Errorf("InvalidParameter", "The private DNS name '%s' is not valid", domain)
	}
	o.Name = OwnName{
		Domain: domain, State: api.DnsNameStatePendingVerification,
		Record: "_" + c.Rand().String(20, "abcdefghijklmnopqrstuvwxyz0123456789"), Value: "vpce:" + c.Rand().String(20, rng.Base62),
	}
	return nil
}

func startVpcEndpointServicePrivateDnsVerification(c *cloud.Call, tx store.Tx, in *api.StartVpcEndpointServicePrivateDnsVerificationInput) (*api.StartVpcEndpointServicePrivateDnsVerificationOutput, error) {
	old, err := find(c, tx, offers, in.ServiceId, noOffer)
	switch {
	case err != nil:
		return nil, err
	case old.Name.Domain == "":
		return nil, resource.Errorf("InvalidParameter", "The VPC endpoint service %s has no private DNS name", old.ID)
	}
	o := *old
	if o.Name.State != api.DnsNameStateVerified {
		o.Name.State, o.Name.Asked = api.DnsNameStatePendingVerification, c.Now
		offers.Put(tx, &o)
		tx.After(time.Time{}, nameController, keyOf(o.Account, o.Region, o.ID))
	}
	return &api.StartVpcEndpointServicePrivateDnsVerificationOutput{ReturnValue: yes()}, nil
}

// verifyName looks whether the owner has proved that a private name is his.
func (s *Room) verifyName(c *cloud.Call, key store.Key) error {
	var name OwnName
	var told []string
	err := c.View(func(r store.Reader) error {
		o, ok := offers.Get(r, key...)
		if !ok || o.Name.State != api.DnsNameStatePendingVerification {
			return nil
		}
		name = o.Name
		for _, n := range name.records() {
			if found, ok := published.Find(r, n); ok {
				told = append(told, found.Text...)
			}
		}
		return nil
	})
	if err != nil || name.Domain == "" {
		return err
	}
	if len(told) == 0 && s.LookupText != nil {
		ctx, stop := context.WithTimeout(c, askLimit)
		defer stop()
		for _, n := range name.records() {
			found, _ := s.LookupText(ctx, n) // one that does not answer has not said it yet
			told = append(told, found...)
		}
	}
	return c.Update(func(tx store.Tx) error {
		old, ok := offers.Get(tx, key...)
		if !ok || old.Name != name {
			return nil
		}
		o := *old
		switch {
		case slices.Contains(told, name.Value):
			o.Name.State = api.DnsNameStateVerified
		case c.Now.Sub(name.Asked) >= askUntil:
			o.Name.State = api.DnsNameStateFailed
		default:
			tx.After(c.Now.Add(askAgain), nameController, key)
			return nil
		}
		offers.Put(tx, &o)
		return nil
	})
}

// records are the names at which the proof may be: below the domain, and below
// those that it belongs to.
func (n OwnName) records() (list []string) {
	for d := strings.TrimPrefix(n.Domain, "*."); strings.Contains(d, "."); _, d, _ = strings.Cut(d, ".") {
		list = append(list, n.Record+"."+d)
	}
	return list
}

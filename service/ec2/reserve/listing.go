package reserve

import (
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// listing offers reserved instances to others in the marketplace.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ri-market-general.html
type listing struct {
	Account, Region, ID string
	Reserved            string
	Token               string
	Count               int32
	Prices              []listPrice
	Cancelled           bool
	Created, Updated    time.Time
}

// listPrice is what is asked while so many months of the term are left.
type listPrice struct {
	Term int64
	USD  float64
}

var listings = &store.Table[listing]{
	Name: "ec2.reserved.listing",
	Key:  func(l *listing) store.Key { return store.K(l.Account, l.Region, l.ID) },
}

// sellableAfter is how long a reservation must have been owned before it can
// be listed.
const sellableAfter = 30 * 24 * time.Hour

func createReservedInstancesListing(c *cloud.Call, tx store.Tx, in *api.CreateReservedInstancesListingInput) (*api.CreateReservedInstancesListingOutput, error) {
	return resource.Once(c, tx, "CreateReservedInstancesListing", &in.ClientToken, in, func() (*api.CreateReservedInstancesListingOutput, error) {
		x, err := findReserved(c, tx, in.ReservedInstancesId)
		if err != nil {
			return nil, err
		}
		switch {
		case x.State != "active":
			return nil, resource.Errorf("InvalidState", "The Reserved Instances '%s' are not active: they are %s.", x.ID, x.State)
		case x.Term.Class != "standard":
			return nil, resource.Unsupported("Only Standard Reserved Instances can be sold in the Reserved Instance Marketplace.")
		case c.Now.Before(x.Start.Add(sellableAfter)):
			return nil, resource.Unsupported("The Reserved Instances '%s' must be active for 30 days before they can be listed.", x.ID)
		case in.InstanceCount < 1 || in.InstanceCount > x.Count:
			return nil, resource.Errorf("InvalidParameterValue", "Value (%d) for parameter instanceCount is invalid.", in.InstanceCount)
		case len(in.PriceSchedules) == 0:
			return nil, resource.Missing("PriceSchedules")
		}
		for l := range listings.Scan(tx, c.Account, c.Region) {
			if l.Reserved == x.ID && !l.Cancelled {
				return nil, resource.Errorf("InvalidParameterValue", "The Reserved Instances '%s' are already listed: %s.", x.ID, l.ID)
			}
		}
		l := &listing{Account: c.Account, Region: c.Region, ID: newUUID(c), Reserved: x.ID, Token: in.ClientToken, Count: in.InstanceCount, Created: c.Now, Updated: c.Now}
		for _, p := range in.PriceSchedules {
			l.Prices = append(l.Prices, listPrice{cloud.Or(p.Term, 0), cloud.Or(p.Price, 0)})
		}
		listings.Put(tx, l)
		return &api.CreateReservedInstancesListingOutput{ReservedInstancesListings: []api.ReservedInstancesListing{l.api(c, tx)}}, nil
	})
}

func errNoListing(id string) *cloud.Error {
	return resource.Errorf("InvalidReservedInstancesListingId", "The Reserved Instances listing ID '%s' does not exist", id)
}

func cancelReservedInstancesListing(c *cloud.Call, tx store.Tx, in *api.CancelReservedInstancesListingInput) (*api.CancelReservedInstancesListingOutput, error) {
	found, ok := listings.Get(tx, c.Account, c.Region, in.ReservedInstancesListingId)
	if !ok {
		return nil, errNoListing(in.ReservedInstancesListingId)
	}
	l := new(*found)
	l.Cancelled, l.Updated = true, c.Now
	listings.Put(tx, l)
	return &api.CancelReservedInstancesListingOutput{ReservedInstancesListings: []api.ReservedInstancesListing{l.api(c, tx)}}, nil
}

func describeReservedInstancesListings(c *cloud.Call, r store.Reader, in *api.DescribeReservedInstancesListingsInput) (*api.DescribeReservedInstancesListingsOutput, error) {
	q := resource.Query{Filters: in.Filters, NotFound: errNoListing}
	if in.ReservedInstancesListingId != nil {
		q.IDs = []string{*in.ReservedInstancesListingId}
	}
	all := func(yield func(*listing) bool) {
		for l := range listings.Scan(r, c.Account, c.Region) {
			if (in.ReservedInstancesId == nil || *in.ReservedInstancesId == l.Reserved) && !yield(l) {
				return
			}
		}
	}
	page, _, err := resource.List(c, r, q, all, func(l *listing) string { return l.ID }, resource.Fields[listing]{
		"reserved-instances-id":         resource.One(func(l *listing) string { return l.Reserved }),
		"reserved-instances-listing-id": resource.One(func(l *listing) string { return l.ID }),
		"status":                        resource.One((*listing).status),
		"status-message":                resource.One(func(l *listing) string { return "" }),
	})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeReservedInstancesListingsOutput{ReservedInstancesListings: []api.ReservedInstancesListing{}}
	for _, l := range page {
		out.ReservedInstancesListings = append(out.ReservedInstancesListings, l.api(c, r))
	}
	return out, nil
}

func (l *listing) status() string {
	if l.Cancelled {
		return "cancelled"
	}
	return "active"
}

// months is how much is left of a reservation.
func months(left time.Duration) int64 { return int64(left / (365 * 24 * time.Hour / 12)) }

func (l *listing) api(c *cloud.Call, r store.Reader) api.ReservedInstancesListing {
	out := api.ReservedInstancesListing{
		ReservedInstancesListingId: &l.ID, ReservedInstancesId: &l.Reserved, ClientToken: &l.Token, CreateDate: &l.Created, UpdateDate: &l.Updated,
		Status: new(l.status()), StatusMessage: new(""), Tags: []api.Tag{},
	}
	for _, state := range []string{"available", "sold", "cancelled", "pending"} {
		n := int32(0)
		if state == "available" && !l.Cancelled || state == "cancelled" && l.Cancelled {
			n = l.Count
		}
		out.InstanceCounts = append(out.InstanceCounts, api.InstanceCount{State: &state, InstanceCount: &n})
	}
	left := int64(0)
	if x, err := findReserved(c, r, l.Reserved); err == nil {
		left = months(x.End.Sub(c.Now))
	}
	current := int64(-1)
	for _, p := range l.Prices {
		if p.Term <= left+1 && p.Term > current {
			current = p.Term
		}
	}
	for n := range l.Prices {
		p := &l.Prices[n]
		out.PriceSchedules = append(out.PriceSchedules, api.PriceSchedule{Term: &p.Term, Price: &p.USD, CurrencyCode: new("USD"), Active: new(p.Term == current)})
	}
	return out
}

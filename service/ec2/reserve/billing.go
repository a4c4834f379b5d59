package reserve

import (
	"cmp"
	"iter"
	"slices"
	"strings"
	"time"

	"pileus/cloud"
	"pileus/price"
	"pileus/service/ec2/instance"
	"pileus/store"
)

// upfront meters a payment in advance.
func upfront(c *cloud.Call, tx store.Tx, account, region, id string, usd float64) {
	if usd <= 0 {
		return
	}
	meter(c, tx, cloud.Usage{Account: account, Region: region, Service: "AmazonEC2", Type: "UpfrontFee", Operation: "RunInstances", Resource: id, Quantity: usd})
}

func meter(c *cloud.Call, tx store.Tx, u cloud.Usage) { tx.OnCommit(func() { c.Cloud.Meter(u) }) }

// rest meters what a level has come to since it was sampled last, when it ends.
func rest(c *cloud.Call, tx store.Tx, u cloud.Usage) {
	if u.Quantity > 0 {
		meter(c, tx, u)
	}
}

// usage is an hour of reserved instances: they cost it whether they are used
// or not.
func (x *reserved) usage() cloud.Usage {
	return cloud.Usage{
		Account: x.Account, Region: x.Region, Service: "AmazonEC2", Type: "HeavyUsage:" + x.Type, Operation: x.Platform + ", " + x.Term.String(),
		Resource: "arn:aws:ec2:" + x.Region + ":" + x.Account + ":" + reservedKind + "/" + x.ID, Quantity: float64(x.Count), Since: x.Start,
	}
}

func (x *reserved) meterRest(c *cloud.Call, tx store.Tx) { rest(c, tx, x.usage()) }

// usage is an hour of a host: reserved ones cost what their reservation says.
func (h *host) usage(r store.Reader) cloud.Usage {
	u := cloud.Usage{
		Account: h.Account, Region: h.Region, Service: "AmazonEC2", Type: "HostUsage:" + largest(h.family()), Operation: "RunInstances",
		Resource: "arn:aws:ec2:" + h.Region + ":" + h.Account + ":" + hostKind + "/" + h.ID, Quantity: 1, Since: h.Allocated,
	}
	if x, ok := hostReservations.Get(r, h.Account, h.Region, h.Reservation); ok {
		u.Type, u.Operation = "HostReservation:"+largest(h.family()), x.Term.String()
		u.Since = latest(u.Since, x.Start)
	}
	return u
}

func (h *host) meterRest(c *cloud.Call, tx store.Tx) { rest(c, tx, h.usage(tx)) }

// usage is an hour of the capacity that is reserved and not used.
func (x *capacity) usage(r store.Reader) cloud.Usage {
	operation := "RunInstances"
	if x.Platform == price.Windows {
		operation = "RunInstances:0002"
	}
	return cloud.Usage{
		Account: x.Account, Region: x.Region, Service: "AmazonEC2", Type: "UnusedBox:" + x.Type, Operation: operation,
		Resource: "arn:aws:ec2:" + x.Region + ":" + x.Account + ":" + capacityKind + "/" + x.ID, Quantity: float64(max(0, x.Total-x.used(r))), Since: x.start(),
	}
}

func (x *capacity) meterRest(c *cloud.Call, tx store.Tx) { rest(c, tx, x.usage(tx)) }

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// stored yields what is billed by the hour: reservations, hosts, and capacity
// that is kept free.
func stored(r store.Reader) iter.Seq[cloud.Usage] {
	return func(yield func(cloud.Usage) bool) {
		for x := range reserveds.Scan(r) {
			if x.State == "active" && !yield(x.usage()) {
				return
			}
		}
		for h := range hosts.Scan(r) {
			if h.State == "available" && !yield(h.usage(r)) {
				return
			}
		}
		for x := range capacities.Scan(r) {
			if u := x.usage(r); x.State == "active" && u.Quantity > 0 && !yield(u) {
				return
			}
		}
	}
}

// billing says how the hours of instances are billed: those that a reservation
// covers cost nothing beside it, and spot instances what their zone asks.
func billing(r store.Reader) func(*instance.Instance, cloud.Usage) []cloud.Usage {
	known := map[string]map[string]float64{} // the covered shares, by account and region
	return func(i *instance.Instance, u cloud.Usage) []cloud.Usage {
		if i.LifeCycle == "spot" {
			u.Operation = price.SpotOperation(u.Operation, i.Zone)
			return []cloud.Usage{u}
		}
		shares, ok := known[i.Account+i.Region]
		if !ok {
			shares = covered(r, i.Account, i.Region)
			known[i.Account+i.Region] = shares
		}
		share := shares[i.ID]
		if share == 0 {
			return []cloud.Usage{u}
		}
		free := u
		free.Quantity *= share
		free.Operation += price.Discounted
		if u.Quantity -= free.Quantity; u.Quantity < 1e-9 {
			return []cloud.Usage{free}
		}
		return []cloud.Usage{free, u}
	}
}

// covered are the shares of instances' hours that reservations cover, by id.
// Reservations of a zone cover instances of their type in it; those of a
// region cover any size of their family, the smallest first, as far as their
// normalised units go, where that is Linux.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/apply_ri.html
func covered(r store.Reader, account, region string) map[string]float64 {
	var zonal, regional []*reserved
	for x := range reserveds.Scan(r, account, region) {
		switch {
		case x.State != "active":
		case x.Zone != "":
			zonal = append(zonal, x)
		default:
			regional = append(regional, x)
		}
	}
	shares := map[string]float64{}
	if len(zonal)+len(regional) == 0 {
		return shares
	}
	list := billable(r, account, region)
	for _, x := range zonal {
		left := x.Count
		for _, i := range list {
			if left > 0 && shares[i.ID] == 0 && i.Type == x.Type && i.Zone == x.Zone && i.PlatformDetails() == x.Platform {
				shares[i.ID], left = 1, left-1
			}
		}
	}
	for _, x := range regional {
		units := float64(x.Count) * price.Units(x.Type)
		for _, i := range list {
			if !x.applies(i) || units <= 0 {
				continue
			}
			size := price.Units(i.Type)
			take := min(units, size*(1-shares[i.ID]))
			units -= take
			shares[i.ID] += take / size
		}
	}
	return shares
}

// billable are the instances that reservations can cover, the smallest first.
func billable(r store.Reader, account, region string) (list []*instance.Instance) {
	for i := range instance.All(r, account, region) {
		if i.LifeCycle == "" && i.Placement.Tenancy == "default" && !i.Since.IsZero() && uses(i) && price.Units(i.Type) > 0 {
			list = append(list, i)
		}
	}
	slices.SortStableFunc(list, func(a, b *instance.Instance) int {
		return cmp.Or(cmp.Compare(price.Units(a.Type), price.Units(b.Type)), cmp.Compare(a.ID, b.ID))
	})
	return list
}

// applies tells whether a regional reservation can cover an instance: sizes
// are flexible for Linux, but not those of bare metal or accelerated families.
func (x *reserved) applies(i *instance.Instance) bool {
	if i.PlatformDetails() != x.Platform {
		return false
	}
	if i.Type == x.Type {
		return true
	}
	family := familyOf(x.Type)
	rigid := slices.ContainsFunc([]string{"g4ad", "g4dn", "g5", "g5g", "g6", "g6e", "inf1", "inf2", "hpc", "p5"}, func(s string) bool { return strings.HasPrefix(family, s) })
	return x.Platform == "Linux/UNIX" && !rigid && familyOf(i.Type) == family
}

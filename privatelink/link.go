// Package privatelink holds which interfaces of VPC endpoints lead to which
// network load balancers. EC2, which has the endpoints and the services that
// they lead to, writes it; load balancing, which has the traffic, reads it and
// says where it carries some.
package privatelink

import (
	"net/netip"
	"slices"
	"time"

	"pileus/store"
)

// Link is an interface of an endpoint, and the load balancer behind it. An
// endpoint that was not accepted has none.
type Link struct {
	// Balancer is the ARN of a load balancer of Account and Region.
	Balancer, Account, Region string
	Interface                 string // "eni-...", in VPC and Zone
	VPC, Zone                 string
	Addresses                 []netip.Addr
	// Endpoint is the id of the endpoint, Owner its account and Home its region.
	Endpoint, Owner, Home string
	// Up tells that the load balancer answers there.
	Up bool
}

// Links by load balancer and interface.
var Links = &store.Table[Link]{
	Name: "privatelink.link",
	Key:  func(l *Link) store.Key { return store.K(l.Balancer, l.Interface) },
	Indexes: map[string]func(*Link) store.Key{
		"endpoint": func(l *Link) store.Key { return store.K(l.Endpoint, l.Interface) },
	},
	Memo: 1000,
}

const (
	// BalancerController brings a load balancer up to date; its key is account,
	// region and ARN.
	BalancerController = "elbv2.balancer"
	// EndpointController does so with an endpoint; its key is account, region and
	// id.
	EndpointController = "ec2.endpoint"
)

// Of is the links of an endpoint.
func Of(r store.Reader, endpoint string) []*Link {
	return slices.Collect(Links.Index(r, "endpoint", endpoint))
}

// Set makes the links of an endpoint what they shall be, and has the load
// balancers told that some of this concerns. It tells whether all of them carry
// traffic.
func Set(tx store.Tx, endpoint string, wanted []Link) (up bool) {
	old := map[[2]string]*Link{}
	for _, l := range Of(tx, endpoint) {
		old[[2]string{l.Balancer, l.Interface}] = l
	}
	up = true
	for _, l := range wanted {
		k := [2]string{l.Balancer, l.Interface}
		if o := old[k]; o != nil && slices.Equal(o.Addresses, l.Addresses) {
			up = up && o.Up
			delete(old, k)
			continue
		}
		delete(old, k)
		l.Endpoint, l.Up, up = endpoint, false, false
		Links.Put(tx, &l)
		l.tell(tx)
	}
	for _, l := range old {
		Links.Delete(tx, l.Balancer, l.Interface)
		l.tell(tx)
	}
	return up
}

// tell has the load balancer brought up to date.
func (l *Link) tell(tx store.Tx) {
	tx.After(time.Time{}, BalancerController, store.K(l.Account, l.Region, l.Balancer))
}

// Answered notes that a load balancer answers at links, which are as it has
// them, and has their endpoints told.
func Answered(tx store.Tx, links []Link) {
	for _, had := range links {
		l, ok := Links.Get(tx, had.Balancer, had.Interface)
		if !ok || l.Up || !slices.Equal(l.Addresses, had.Addresses) {
			continue
		}
		up := *l
		up.Up = true
		Links.Put(tx, &up)
		tx.After(time.Time{}, EndpointController, store.K(l.Owner, l.Home, l.Endpoint))
	}
}

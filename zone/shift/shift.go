// Package shift holds the resources whose traffic can be shifted away from an
// availability zone, and the zone that each is shifted away from now. The
// services that own them (load balancers, Auto Scaling groups) register them and
// make shifts real; Zonal Shift of the Application Recovery Controller decides
// where traffic goes.
// https://docs.aws.amazon.com/r53recovery/latest/dg/arc-zonal-shift.resource-types.html
package shift

import (
	"slices"
	"time"

	"pileus/store"
)

// Resource is something that traffic can be shifted away from a zone of.
type Resource struct {
	Account, Region, ARN string
	Name                 string
	Zones                []string // names of those that it is in
	// Waker is the controller of its service that follows a change of Away, and
	// Key what it is woken with.
	Waker string
	Key   []string
	// Away is the zone whose traffic goes elsewhere; "" for none. Only Move
	// changes it.
	Away string
}

// Resources that are registered, by account, region and ARN.
var Resources = &store.Table[Resource]{
	Name: "zone.shift",
	Key:  func(r *Resource) store.Key { return store.K(r.Account, r.Region, r.ARN) },
	Memo: 1024,
}

// Controller is the name of the controller that looks at a resource's shifts; it
// is woken, with the resource's key, when one is registered, changed or gone.
const Controller = "arczonalshift.resource"

// Register has a resource known, or changes what is known of it.
func Register(tx store.Tx, r Resource) {
	if old, ok := Resources.Get(tx, r.Account, r.Region, r.ARN); ok {
		r.Away = old.Away
		if r.Name == old.Name && r.Waker == old.Waker && slices.Equal(r.Zones, old.Zones) && slices.Equal(r.Key, old.Key) {
			return
		}
	}
	Resources.Put(tx, &r)
	tx.After(time.Time{}, Controller, Resources.Key(&r))
}

// Unregister forgets a resource: its shifts end.
func Unregister(tx store.Tx, account, region, arn string) {
	if !Resources.Has(tx, account, region, arn) {
		return
	}
	Resources.Delete(tx, account, region, arn)
	tx.After(time.Time{}, Controller, store.K(account, region, arn))
}

// Move shifts a resource's traffic away from a zone, "" for none, and has its
// service follow.
func Move(tx store.Tx, r *Resource, zone string) {
	if r.Away == zone {
		return
	}
	d := *r
	d.Away = zone
	Resources.Put(tx, &d)
	key := store.Key{}
	for _, part := range r.Key {
		key = append(key, part)
	}
	tx.After(time.Time{}, r.Waker, key)
}

// Away is the zone that a resource's traffic is shifted away from; "" for none.
func Away(r store.Reader, account, region, arn string) string {
	if x, ok := Resources.Get(r, account, region, arn); ok {
		return x.Away
	}
	return ""
}

package vpc

import (
	"net/netip"

	"pileus/cloud"
	"pileus/store"
)

// Reservation is a part of a subnet that is not given out by itself.
type Reservation struct {
	Account, Region, ID string
	Subnet              string
	CIDR                netip.Prefix
	Kind, Description   string // Kind is "prefix" or "explicit"
}

var reserved = &store.Table[Reservation]{
	Name:    "ec2.reservation",
	Key:     func(v *Reservation) store.Key { return keyOf(v.Account, v.Region, v.ID) },
	Indexes: map[string]func(*Reservation) store.Key{"subnet": func(v *Reservation) store.Key { return keyOf(v.Account, v.Region, v.Subnet) }},
}

// reservations are the ranges of a subnet from which no address is picked.
func reservations(c *cloud.Call, r store.Reader, subnet string) (list []netip.Prefix) {
	for v := range reserved.Index(r, "subnet", c.Account, c.Region, subnet) {
		list = append(list, v.CIDR)
	}
	return list
}

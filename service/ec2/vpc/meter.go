package vpc

import (
	"time"

	"pileus/cloud"
	"pileus/plane"
	"pileus/store"
)

// Usage types of the price list.
// https://aws.amazon.com/vpc/pricing/ https://aws.amazon.com/ec2/pricing/on-demand/
const (
	natHours     = "NatGateway-Hours"
	natBytes     = "NatGateway-Bytes"
	publicInUse  = "PublicIPv4:InUseAddress"
	publicIdle   = "PublicIPv4:IdleAddress"
	zoneBytes    = "DataTransfer-Regional-Bytes"
	internetOut  = "DataTransfer-Out-Bytes"
	serviceEC2   = "AmazonEC2"
	serviceVPC   = "AmazonVPC"
	trafficEvery = time.Hour
)

// stored yields what is billed by the hour: NAT gateways and public addresses.
func stored(r store.Reader, yield func(cloud.Usage) bool) {
	for n := range nats.Scan(r) {
		if (n.State == natPending || n.State == natAvailable) && !yield(n.level()) {
			return
		}
	}
	for a := range addresses.Scan(r) {
		if !yield(a.level()) {
			return
		}
	}
	for e := range endpoints.Scan(r) {
		if u := e.level(r); u.Quantity > 0 && !yield(u) {
			return
		}
	}
	for i := range interfaces.Scan(r) {
		for _, a := range i.Addresses {
			if a.Public.IsValid() && a.Allocation == "" && !yield(i.lentLevel(a)) {
				return
			}
		}
	}
}

// level is a NAT gateway as it is billed: one, since it was made.
func (n *NAT) level() cloud.Usage {
	u := usage(n.Account, n.Region, "natgateway/"+n.ID, serviceEC2, natHours, "NatGateway", 1)
	u.Since = n.Made
	return u
}

// level is an elastic address as it is billed: in use or idle.
func (a *Address) level() cloud.Usage {
	kind := publicInUse
	if a.Association == "" {
		kind = publicIdle
	}
	u := usage(a.Account, a.Region, "elastic-ip/"+a.ID, serviceVPC, kind, "AllocateAddressVPC", 1)
	u.Since = a.Since
	return u
}

// lentLevel is a public address that Amazon lent as it is billed.
func (i *Interface) lentLevel(a PrivateAddress) cloud.Usage {
	u := usage(i.Account, i.Region, "network-interface/"+i.ID, serviceVPC, publicInUse, "RunInstances", 1)
	u.Since = a.Lent
	return u
}

// bills counts a level that ends now.
func bills(c *cloud.Call, tx store.Tx, u cloud.Usage) {
	tx.OnCommit(func() { c.Cloud.Meter(u) })
}

func usage(account, region, resource, service, kind, operation string, quantity float64) cloud.Usage {
	arn := cloud.ARN{Partition: "aws", Service: "ec2", Region: region, Account: account, Resource: resource}
	return cloud.Usage{Account: account, Region: region, Service: service, Type: kind, Operation: operation, Resource: arn.String(), Quantity: quantity}
}

// counted are the counters of an interface when they were billed last.
type counted struct {
	Account, Region, Interface string
	plane.Counters
}

var counts = &store.Table[counted]{
	Name: "ec2.counted",
	Key:  func(v *counted) store.Key { return keyOf(v.Account, v.Region, v.Interface) },
}

// trafficController bills what passed the interfaces of a VPC.
const trafficController = "ec2.traffic"

// countTraffic bills bytes between zones, to the internet and through NAT
// gateways since the last time, and comes again while the VPC is there.
func (s *Room) countTraffic(c *cloud.Call, key store.Key) error {
	c = c.In(key[0].(string), key[1].(string))
	id := key[2].(string)
	now, err := s.plane.Traffic(c, id)
	if err != nil {
		return err
	}
	return c.Update(func(tx store.Tx) error {
		if !vpcs.Has(tx, c.Account, c.Region, id) {
			return nil
		}
		some := false
		for i := range interfaces.Index(tx, "vpc", c.Account, c.Region, id) {
			some = true
			if n, ok := now[i.ID]; ok {
				countInterface(c, tx, i, n)
			}
		}
		if some { // the first interface asks again
			tx.After(c.Now.Add(trafficEvery), trafficController, key)
		}
		return nil
	})
}

// countInterface bills what passed one interface.
func countInterface(c *cloud.Call, tx store.Tx, i *Interface, now plane.Counters) {
	last, ok := counts.Get(tx, c.Account, c.Region, i.ID)
	if !ok || last.BytesIn > now.BytesIn || last.BytesOut > now.BytesOut { // made anew: it counts from zero
		last = &counted{}
	}
	counts.Put(tx, &counted{c.Account, c.Region, i.ID, now})
	const gb = 1 << 30 // what all of them are billed in
	bill := func(kind, operation string, bytes uint64) {
		if bytes == 0 {
			return
		}
		u := usage(c.Account, c.Region, "network-interface/"+i.ID, serviceEC2, kind, operation, float64(bytes)/gb)
		tx.OnCommit(func() { c.Cloud.Meter(u) })
	}
	bill(zoneBytes, "InterZone-Out", minus(now.InterZone, last.InterZone))
	bill(internetOut, "RunInstances", minus(now.Internet, last.Internet))
	if i.Type == natInterface {
		// What comes from one side leaves by the other: half of what passed.
		bill(natBytes, "NatGateway", (minus(now.BytesIn, last.BytesIn)+minus(now.BytesOut, last.BytesOut))/2)
	}
	if i.Type == endpointInterface {
		billEndpoint(c, tx, i, minus(now.BytesIn, last.BytesIn)+minus(now.BytesOut, last.BytesOut))
	}
}

func minus(a, b uint64) uint64 {
	if a < b {
		return 0
	}
	return a - b
}

// watchTraffic has the traffic of a VPC counted, from its first interface on.
func watchTraffic(c *cloud.Call, tx store.Tx, vpc string) {
	key := store.K(c.Account, c.Region, vpc)
	if _, ok := store.Appointment(tx, trafficController, key); !ok {
		tx.After(c.Now.Add(trafficEvery), trafficController, key)
	}
}

package vpc

import (
	"pileus/cloud"
	"pileus/store"
)

// Usage types of endpoints; those of gateway endpoints are free.
// https://aws.amazon.com/privatelink/pricing/
const (
	endpointHours = "VpcEndpoint-Hours"
	endpointBytes = "VpcEndpoint-Bytes"
)

// level is an interface endpoint as it is billed: one for each of its zones.
// Some endpoint services pay for those that lead to them.
func (e *Endpoint) level(r store.Reader) cloud.Usage {
	u := usage(e.Account, e.Region, "vpc-endpoint/"+e.ID, serviceVPC, endpointHours, "VpcEndpoint", float64(len(e.Doors)))
	if o, ok := offered(r, e.Service); ok && o.Payer != "" {
		u.Account = o.Account
	}
	u.Since = e.Made
	return u
}

// billEndpoint bills what passed an interface of an endpoint, in GB.
func billEndpoint(c *cloud.Call, tx store.Tx, i *Interface, bytes uint64) {
	if bytes == 0 {
		return
	}
	u := usage(c.Account, c.Region, "network-interface/"+i.ID, serviceVPC, endpointBytes, "VpcEndpoint", float64(bytes)/(1<<30))
	tx.OnCommit(func() { c.Cloud.Meter(u) })
}

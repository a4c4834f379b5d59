package meter

import (
	"time"

	"pileus/store"
)

// Usage is what was used of one type in one hour, or of storage in one day.
type Usage struct {
	Hour      time.Time         `cbor:"1,keyasint"` // when it began
	Account   string            `cbor:"2,keyasint"`
	Region    string            `cbor:"3,keyasint"`
	Service   string            `cbor:"4,keyasint"`
	Type      string            `cbor:"5,keyasint"`
	Operation string            `cbor:"6,keyasint,omitempty"`
	Resource  string            `cbor:"7,keyasint,omitempty"`
	Quantity  float64           `cbor:"8,keyasint"` // byte-hours of storage, GB of data, requests
	Tags      map[string]string `cbor:"9,keyasint,omitempty"`
}

// usages are ordered by time, so that a bill reads its span and no more.
var usages = store.Table[Usage]{Name: "meter.usage", Key: func(u *Usage) store.Key {
	return store.K(u.Hour, u.Account, u.Region, u.Service, u.Type, u.Operation, u.Resource)
}}

// addUsage adds a count to what is stored.
func addUsage(tx store.Tx, k slot, c *count) {
	u := Usage{
		Hour: time.Unix(k.hour*3600, 0).UTC(), Account: k.account, Region: k.region, Service: k.service,
		Type: k.kind, Operation: k.operation, Resource: k.resource, Quantity: c.quantity, Tags: c.tags,
	}
	if old, ok := usages.Get(tx, usages.Key(&u)...); ok {
		u.Quantity += old.Quantity
		if u.Tags == nil {
			u.Tags = old.Tags
		}
	}
	usages.Put(tx, &u)
}

// mark is a time that outlives the process.
type mark struct {
	Name string    `cbor:"1,keyasint"`
	At   time.Time `cbor:"2,keyasint"`
}

// sampledMark is up to when samples have been counted.
const sampledMark = "sampled"

var marks = store.Table[mark]{Name: "meter.mark", Key: func(m *mark) store.Key { return store.K(m.Name) }}

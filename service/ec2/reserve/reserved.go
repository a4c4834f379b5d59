package reserve

import (
	"strconv"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/price"
	"pileus/service/ec2/resource"
	"pileus/store"
)

const (
	reservedKind       = "reserved-instances"
	reservedController = "ec2.reserved"
)

// reserved is reserved instances: so many of a type, for a term.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-reserved-instances.html
type reserved struct {
	Account, Region, ID string
	Offering            string
	Type, Platform      string
	Zone                string // "": anywhere in the region
	Term                price.Term
	Count               int32
	State               string // "queued", "active", "retired", "queued-deleted"
	Start, End          time.Time
	Upfront             float64 // paid for each
}

var reserveds = &store.Table[reserved]{
	Name: "ec2.reserved",
	Key:  func(x *reserved) store.Key { return store.K(x.Account, x.Region, x.ID) },
}

func (x *reserved) key() store.Key { return store.K(x.Account, x.Region, x.ID) }

// hourly is what each costs an hour.
func (x *reserved) hourly() float64 {
	known := ""
	if x.Platform == price.Windows {
		known = price.Windows
	}
	_, usd, _ := price.Reserved(x.Type, known, x.Term)
	return usd
}

func (x *reserved) scope() string {
	if x.Zone != "" {
		return "Availability Zone"
	}
	return "Region"
}

func newUUID(c *cloud.Call) string {
	r := func(n int) string { return c.Rand().String(n, "0123456789abcdef") }
	return r(8) + "-" + r(4) + "-" + r(4) + "-" + r(4) + "-" + r(12)
}

func errNoReserved(id string) *cloud.Error {
	return resource.Errorf("InvalidReservedInstancesId", "The Reserved Instances ID '%s' does not exist", id)
}

func findReserved(c *cloud.Call, r store.Reader, id string) (*reserved, error) {
	if x, ok := reserveds.Get(r, c.Account, c.Region, id); ok {
		return x, nil
	}
	return nil, errNoReserved(id)
}

// latestQueue is how far ahead a purchase may be queued.
const latestQueue = 3 * price.Year

func purchaseReservedInstancesOffering(c *cloud.Call, tx store.Tx, in *api.PurchaseReservedInstancesOfferingInput) (*api.PurchaseReservedInstancesOfferingOutput, error) {
	o, err := findOffering(c, in.ReservedInstancesOfferingId)
	if err != nil {
		return nil, err
	}
	if in.InstanceCount < 1 || in.InstanceCount > 300 {
		return nil, resource.Errorf("InvalidParameterValue", "Value (%d) for parameter instanceCount is invalid.", in.InstanceCount)
	}
	cost := o.Upfront * float64(in.InstanceCount)
	if l := in.LimitPrice; l != nil && cost > cloud.Or(l.Amount, 0) {
		return nil, resource.Errorf("InvalidLimitPrice", "The total price of the purchase is higher than the specified limit price.")
	}
	x := &reserved{
		Account: c.Account, Region: c.Region, ID: newUUID(c), Offering: o.ID, Type: o.Type, Platform: o.Platform, Zone: o.Zone, Term: o.Term, Count: in.InstanceCount,
		State: "active", Start: c.Now, Upfront: o.Upfront,
	}
	if at := in.PurchaseTime; at != nil {
		if !at.After(c.Now) || at.After(c.Now.Add(latestQueue)) {
			return nil, resource.Errorf("InvalidParameterValue", "The purchase time must be in the future, and within three years.")
		}
		if o.Zone != "" {
			return nil, resource.Unsupported("Only Reserved Instances with regional scope can be queued.")
		}
		x.State, x.Start = "queued", *at
	}
	x.End = x.Start.Add(time.Duration(o.Term.Years) * price.Year)
	reserveds.Put(tx, x)
	resource.Register(c, tx, reservedKind, x.ID, nil)
	if x.State == "queued" {
		tx.After(x.Start, reservedController, x.key())
	} else {
		upfront(c, tx, x.Account, x.Region, x.ID, cost)
		tx.After(x.End, reservedController, x.key())
	}
	return &api.PurchaseReservedInstancesOfferingOutput{ReservedInstancesId: &x.ID}, nil
}

// followReserved makes queued purchases when their time comes, and retires
// what is over.
func followReserved(c *cloud.Call, key store.Key) error {
	return c.Update(func(tx store.Tx) error {
		found, ok := reserveds.Get(tx, key...)
		if !ok {
			return nil
		}
		x := new(*found)
		switch {
		case x.State == "queued" && c.Now.Before(x.Start):
			tx.After(x.Start, reservedController, key)
			return nil
		case x.State == "queued":
			x.State = "active"
			upfront(c, tx, x.Account, x.Region, x.ID, x.Upfront*float64(x.Count))
			tx.After(x.End, reservedController, key)
		case x.State == "active" && c.Now.Before(x.End):
			tx.After(x.End, reservedController, key)
			return nil
		case x.State == "active":
			x.retire(c, tx, x.End)
			return nil
		}
		reserveds.Put(tx, x)
		return nil
	})
}

// retire ends a reservation, at its end or because others took its place.
func (x *reserved) retire(c *cloud.Call, tx store.Tx, at time.Time) {
	x.meterRest(c, tx)
	d := new(*x)
	d.State, d.End = "retired", at
	reserveds.Put(tx, d)
}

func deleteQueuedReservedInstances(c *cloud.Call, tx store.Tx, in *api.DeleteQueuedReservedInstancesInput) (*api.DeleteQueuedReservedInstancesOutput, error) {
	out := &api.DeleteQueuedReservedInstancesOutput{}
	for _, id := range in.ReservedInstancesIds {
		x, err := findReserved(c, tx, id)
		code := ""
		switch {
		case err != nil:
			code = "reserved-instances-id-invalid"
		case x.State != "queued":
			code = "reserved-instances-not-in-queued-state"
		}
		if code != "" {
			out.FailedQueuedPurchaseDeletions = append(out.FailedQueuedPurchaseDeletions, api.FailedQueuedPurchaseDeletion{
				ReservedInstancesId: &id, Error: &api.DeleteQueuedReservedInstancesError{Code: &code, Message: new("The Reserved Instances '" + id + "' are not queued.")},
			})
			continue
		}
		d := new(*x)
		d.State = "queued-deleted"
		reserveds.Put(tx, d)
		out.SuccessfulQueuedPurchaseDeletions = append(out.SuccessfulQueuedPurchaseDeletions, api.SuccessfulQueuedPurchaseDeletion{ReservedInstancesId: &id})
	}
	return out, nil
}

func describeReservedInstances(c *cloud.Call, r store.Reader, in *api.DescribeReservedInstancesInput) (*api.DescribeReservedInstancesOutput, error) {
	all := func(yield func(*reserved) bool) {
		for x := range reserveds.Scan(r, c.Account, c.Region) {
			if (in.OfferingClass == nil || *in.OfferingClass == x.Term.Class) && (in.OfferingType == nil || *in.OfferingType == x.Term.Payment) && !yield(x) {
				return
			}
		}
	}
	q := resource.Query{IDs: in.ReservedInstancesIds, Filters: in.Filters, NotFound: errNoReserved}
	page, _, err := resource.List(c, r, q, all, func(x *reserved) string { return x.ID }, resource.Fields[reserved]{
		"availability-zone":     resource.One(func(x *reserved) string { return x.Zone }),
		"availability-zone-id":  resource.One(func(x *reserved) string { return cloud.Or(resource.ZoneID(x.Zone), "") }),
		"duration":              number(func(x *reserved) int { return int(x.seconds()) }),
		"end":                   resource.One(func(x *reserved) string { return stamp(x.End) }),
		"fixed-price":           resource.One(func(x *reserved) string { return dollars(x.Upfront) }),
		"instance-type":         resource.One(func(x *reserved) string { return x.Type }),
		"product-description":   resource.One(func(x *reserved) string { return x.Platform }),
		"reserved-instances-id": resource.One(func(x *reserved) string { return x.ID }),
		"scope":                 resource.One((*reserved).scope),
		"start":                 resource.One(func(x *reserved) string { return stamp(x.Start) }),
		"state":                 resource.One(func(x *reserved) string { return x.State }),
		"usage-price":           resource.One(func(*reserved) string { return "0.0" }),
	})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeReservedInstancesOutput{ReservedInstances: []api.ReservedInstances{}}
	for _, x := range page {
		out.ReservedInstances = append(out.ReservedInstances, api.ReservedInstances{
			ReservedInstancesId: &x.ID, InstanceType: &x.Type, ProductDescription: &x.Platform, AvailabilityZone: optional(x.Zone), AvailabilityZoneId: resource.ZoneID(x.Zone), Scope: new(x.scope()),
			InstanceCount: &x.Count, Start: &x.Start, End: &x.End, Duration: new(x.seconds()), State: &x.State, FixedPrice: &x.Upfront, UsagePrice: new(0.0),
			CurrencyCode: new("USD"), InstanceTenancy: new("default"), OfferingClass: &x.Term.Class, OfferingType: &x.Term.Payment,
			RecurringCharges: recurring(x.hourly()), Tags: resource.APITags(resource.Tags(c, r, x.ID)),
		})
	}
	return out, nil
}

func (x *reserved) seconds() int64 {
	return int64(time.Duration(x.Term.Years) * price.Year / time.Second)
}

func parsePrice(s string) (float64, error) { return strconv.ParseFloat(s, 64) }

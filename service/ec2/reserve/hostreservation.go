package reserve

import (
	"iter"
	"slices"
	"strconv"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/price"
	"pileus/service/ec2/instance"
	"pileus/service/ec2/resource"
	"pileus/store"
)

const (
	hostReservationKind       = "host-reservation"
	hostReservationController = "ec2.hostreservation"
)

// hostReservation lowers the price of one's dedicated hosts.
type hostReservation struct {
	Account, Region, ID string
	Offering, Family    string
	Term                price.Term
	Hosts               []string
	Start, End          time.Time
	Retired             bool
}

var hostReservations = &store.Table[hostReservation]{
	Name: "ec2.hostreservation",
	Key:  func(h *hostReservation) store.Key { return store.K(h.Account, h.Region, h.ID) },
}

// hostOffering is a reservation of hosts of a family that can be bought.
type hostOffering struct {
	id, family, largest string
	term                price.Term
	upfront, hourly     float64
}

// hostOfferings yields what can be bought, by family.
func hostOfferings() iter.Seq[*hostOffering] {
	return func(yield func(*hostOffering) bool) {
		last := ""
		for name := range instance.Types() {
			family := familyOf(name)
			if family == last {
				continue
			}
			last = family
			top := largest(family)
			for n, t := range price.Terms() {
				upfront, hourly, ok := price.ReservedHost(top, t)
				if !ok || t.Class != "standard" {
					continue
				}
				id := "hro-0" + fingerprint(16, "host", family, t.String(), string(rune('a'+n)))
				if !yield(&hostOffering{id, family, top, t, upfront, hourly}) {
					return
				}
			}
		}
	}
}

// paymentOptions are terms' payments as host reservations write them.
var paymentOptions = map[string]string{"No Upfront": "NoUpfront", "Partial Upfront": "PartialUpfront", "All Upfront": "AllUpfront"}

func (o *hostOffering) seconds() int32 {
	return int32(time.Duration(o.term.Years) * price.Year / time.Second)
}

func errNoHostOffering(id string) *cloud.Error {
	return resource.Errorf("InvalidOfferingId.NotFound", "The offering ID '%s' does not exist", id)
}

func describeHostReservationOfferings(c *cloud.Call, r store.Reader, in *api.DescribeHostReservationOfferingsInput) (*api.DescribeHostReservationOfferingsOutput, error) {
	all := func(yield func(*hostOffering) bool) {
		for o := range hostOfferings() {
			if (in.MinDuration == nil || o.seconds() >= *in.MinDuration) && (in.MaxDuration == nil || o.seconds() <= *in.MaxDuration) && !yield(o) {
				return
			}
		}
	}
	q := resource.Query{Filters: in.Filter, Max: in.MaxResults, Token: in.NextToken, NotFound: errNoHostOffering}
	if in.OfferingId != nil {
		q.IDs = []string{*in.OfferingId}
	}
	page, next, err := resource.List(c, r, q, all, func(o *hostOffering) string { return o.id }, resource.Fields[hostOffering]{
		"instance-family": resource.One(func(o *hostOffering) string { return o.family }),
		"payment-option":  resource.One(func(o *hostOffering) string { return paymentOptions[o.term.Payment] }),
	})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeHostReservationOfferingsOutput{NextToken: next, OfferingSet: []api.HostOffering{}}
	for _, o := range page {
		out.OfferingSet = append(out.OfferingSet, api.HostOffering{
			OfferingId: &o.id, InstanceFamily: &o.family, Duration: new(o.seconds()), PaymentOption: new(paymentOptions[o.term.Payment]),
			UpfrontPrice: new(hostPrice(o.upfront)), HourlyPrice: new(hostPrice(o.hourly)), CurrencyCode: new("USD"),
		})
	}
	return out, nil
}

// hostPrice is a price as host reservations write it: "1.499".
func hostPrice(usd float64) string { return strconv.FormatFloat(usd, 'f', 3, 64) }

// hostPurchase is an offering for some hosts, checked.
func hostPurchase(c *cloud.Call, r store.Reader, offering string, ids []string) (*hostOffering, error) {
	var found *hostOffering
	for o := range hostOfferings() {
		if o.id == offering {
			found = o
			break
		}
	}
	if found == nil {
		return nil, errNoHostOffering(offering)
	}
	if len(ids) == 0 {
		return nil, resource.Missing("HostIdSet")
	}
	for _, id := range ids {
		h, err := findHost(c, r, id)
		if err != nil {
			return nil, err
		}
		if h.family() != found.family {
			return nil, resource.Errorf("InvalidParameterValue", "The Dedicated Host '%s' is not of the instance family '%s'.", id, found.family)
		}
		if h.Reservation != "" {
			return nil, resource.Errorf("InvalidParameterValue", "The Dedicated Host '%s' already has the reservation '%s'.", id, h.Reservation)
		}
	}
	return found, nil
}

func (o *hostOffering) purchase(ids []string) api.Purchase {
	n := float64(len(ids))
	return api.Purchase{
		CurrencyCode: new("USD"), Duration: new(o.seconds()), HostIdSet: ids, InstanceFamily: &o.family, PaymentOption: new(paymentOptions[o.term.Payment]),
		HourlyPrice: new(hostPrice(o.hourly * n)), UpfrontPrice: new(hostPrice(o.upfront * n)),
	}
}

func getHostReservationPurchasePreview(c *cloud.Call, r store.Reader, in *api.GetHostReservationPurchasePreviewInput) (*api.GetHostReservationPurchasePreviewOutput, error) {
	o, err := hostPurchase(c, r, in.OfferingId, in.HostIdSet)
	if err != nil {
		return nil, err
	}
	p := o.purchase(in.HostIdSet)
	return &api.GetHostReservationPurchasePreviewOutput{CurrencyCode: new("USD"), Purchase: []api.Purchase{p}, TotalHourlyPrice: p.HourlyPrice, TotalUpfrontPrice: p.UpfrontPrice}, nil
}

func purchaseHostReservation(c *cloud.Call, tx store.Tx, in *api.PurchaseHostReservationInput) (*api.PurchaseHostReservationOutput, error) {
	return resource.Once(c, tx, "PurchaseHostReservation", in.ClientToken, in, func() (*api.PurchaseHostReservationOutput, error) {
		o, err := hostPurchase(c, tx, in.OfferingId, in.HostIdSet)
		if err != nil {
			return nil, err
		}
		tags, err := resource.SpecifiedTags(in.TagSpecifications, hostReservationKind)
		if err != nil {
			return nil, err
		}
		cost := o.upfront * float64(len(in.HostIdSet))
		if err := within(in.LimitPrice, cost); err != nil {
			return nil, err
		}
		x := &hostReservation{
			Account: c.Account, Region: c.Region, ID: resource.NewID(c, "hr"), Offering: o.id, Family: o.family, Term: o.term, Hosts: slices.Clone(in.HostIdSet),
			Start: c.Now, End: c.Now.Add(time.Duration(o.term.Years) * price.Year),
		}
		hostReservations.Put(tx, x)
		resource.Register(c, tx, hostReservationKind, x.ID, tags)
		tx.After(x.End, hostReservationController, store.K(x.Account, x.Region, x.ID))
		for _, id := range x.Hosts {
			found, err := findHost(c, tx, id)
			if err != nil {
				return nil, err
			}
			found.meterRest(c, tx)
			h := new(*found)
			h.Reservation = x.ID
			hosts.Put(tx, h)
		}
		upfront(c, tx, x.Account, x.Region, x.ID, cost)
		p := o.purchase(x.Hosts)
		p.HostReservationId = &x.ID
		return &api.PurchaseHostReservationOutput{ClientToken: in.ClientToken, CurrencyCode: new("USD"), Purchase: []api.Purchase{p}, TotalHourlyPrice: p.HourlyPrice, TotalUpfrontPrice: p.UpfrontPrice}, nil
	})
}

// within refuses what costs more than a limit.
func within(limit *string, cost float64) error {
	if limit == nil {
		return nil
	}
	most, err := parsePrice(*limit)
	if err != nil {
		return resource.Invalid(*limit, "LimitPrice")
	}
	if cost > most {
		return resource.Errorf("InvalidLimitPrice", "The total price %s is higher than the specified limit price %s.", hostPrice(cost), *limit)
	}
	return nil
}

func describeHostReservations(c *cloud.Call, r store.Reader, in *api.DescribeHostReservationsInput) (*api.DescribeHostReservationsOutput, error) {
	q := resource.Query{IDs: in.HostReservationIdSet, Filters: in.Filter, Max: in.MaxResults, Token: in.NextToken, NotFound: func(id string) *cloud.Error {
		return resource.Errorf("InvalidHostReservationId.NotFound", "The host reservation ID '%s' does not exist", id)
	}}
	page, next, err := resource.List(c, r, q, hostReservations.Scan(r, c.Account, c.Region), func(x *hostReservation) string { return x.ID }, resource.Fields[hostReservation]{
		"instance-family": resource.One(func(x *hostReservation) string { return x.Family }),
		"payment-option":  resource.One(func(x *hostReservation) string { return paymentOptions[x.Term.Payment] }),
		"state":           resource.One((*hostReservation).state),
	})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeHostReservationsOutput{NextToken: next, HostReservationSet: []api.HostReservation{}}
	for _, x := range page {
		first, hourly, _ := price.ReservedHost(largest(x.Family), x.Term)
		n := float64(len(x.Hosts))
		out.HostReservationSet = append(out.HostReservationSet, api.HostReservation{
			HostReservationId: &x.ID, OfferingId: &x.Offering, InstanceFamily: &x.Family, Count: new(int32(len(x.Hosts))), HostIdSet: x.Hosts,
			Duration: new(int32(x.End.Sub(x.Start) / time.Second)), Start: &x.Start, End: &x.End, State: new(x.state()), PaymentOption: new(paymentOptions[x.Term.Payment]),
			HourlyPrice: new(hostPrice(hourly * n)), UpfrontPrice: new(hostPrice(first * n)), CurrencyCode: new("USD"), Tags: resource.APITags(resource.Tags(c, r, x.ID)),
		})
	}
	return out, nil
}

func (x *hostReservation) state() string {
	if x.Retired {
		return "retired"
	}
	return "active"
}

// retireHostReservation ends a reservation of hosts, which go on on demand.
func retireHostReservation(c *cloud.Call, key store.Key) error {
	return c.Update(func(tx store.Tx) error {
		found, ok := hostReservations.Get(tx, key...)
		if !ok || found.Retired {
			return nil
		}
		if c.Now.Before(found.End) {
			tx.After(found.End, hostReservationController, key)
			return nil
		}
		x := new(*found)
		x.Retired = true
		hostReservations.Put(tx, x)
		for _, id := range x.Hosts {
			if old, err := findHost(c, tx, id); err == nil {
				old.meterRest(c, tx)
				h := new(*old)
				h.Reservation = ""
				hosts.Put(tx, h)
			}
		}
		return nil
	})
}

package reserve

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"iter"
	"strconv"
	"strings"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/price"
	"pileus/region"
	"pileus/service/ec2/instance"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// offering is a reservation of instances that can be bought.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ri-market-concepts-buying.html
type offering struct {
	ID              string
	Type, Platform  string
	Zone            string // "": for the region
	Term            price.Term
	Upfront, Hourly float64
}

// reservable are the platforms that reservations are sold for here.
var reservable = []string{"Linux/UNIX", "Windows"}

// fingerprint is n hexadecimal digits that belong to some words.
func fingerprint(n int, words ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(words, "\x00")))
	return hex.EncodeToString(sum[:])[:n]
}

// offeringID is a UUID that begins with its type's fingerprint, so that an
// offering is found by its id without a look at all of them.
func offeringID(region string, o *offering) string {
	d := fingerprint(8, "type", o.Type) + fingerprint(24, region, o.Type, o.Platform, o.Zone, o.Term.String())
	return d[:8] + "-" + d[8:12] + "-" + d[12:16] + "-" + d[16:20] + "-" + d[20:]
}

// offeringsOf yields what is offered of one type in a region.
func offeringsOf(where region.Region, kind string) iter.Seq[*offering] {
	return func(yield func(*offering) bool) {
		zones := []string{""}
		for _, z := range where.Zones() {
			zones = append(zones, z.Name)
		}
		for _, platform := range reservable {
			for _, zone := range zones {
				for _, t := range price.Terms() {
					o := &offering{Type: kind, Platform: platform, Zone: zone, Term: t}
					known := ""
					if platform == price.Windows {
						known = platform
					}
					var ok bool
					if o.Upfront, o.Hourly, ok = price.Reserved(kind, known, t); !ok {
						return
					}
					o.ID = offeringID(where.Name, o)
					if !yield(o) {
						return
					}
				}
			}
		}
	}
}

func errNoOffering(id string) *cloud.Error {
	return resource.Errorf("InvalidReservedInstancesOfferingId", "The Reserved Instances offering ID '%s' does not exist", id)
}

// findOffering is the offering of an id.
func findOffering(c *cloud.Call, id string) (*offering, error) {
	where, _ := region.Find(c.Region)
	for name := range instance.Types() {
		if !strings.HasPrefix(id, fingerprint(8, "type", name)) {
			continue
		}
		for o := range offeringsOf(where, name) {
			if o.ID == id {
				return o, nil
			}
		}
	}
	return nil, errNoOffering(id)
}

func (o *offering) seconds() int64 {
	return int64(time.Duration(o.Term.Years) * price.Year / time.Second)
}

func (o *offering) scope() string {
	if o.Zone != "" {
		return "Availability Zone"
	}
	return "Region"
}

func (o *offering) api() api.ReservedInstancesOffering {
	return api.ReservedInstancesOffering{
		ReservedInstancesOfferingId: &o.ID, InstanceType: &o.Type, ProductDescription: &o.Platform, AvailabilityZone: optional(o.Zone), AvailabilityZoneId: resource.ZoneID(o.Zone), Scope: new(o.scope()),
		Duration: new(o.seconds()), FixedPrice: &o.Upfront, UsagePrice: new(0.0), CurrencyCode: new("USD"), InstanceTenancy: new("default"), Marketplace: new(false),
		OfferingClass: &o.Term.Class, OfferingType: &o.Term.Payment, PricingDetails: []api.PricingDetail{}, RecurringCharges: recurring(o.Hourly),
	}
}

func recurring(hourly float64) []api.RecurringCharge {
	if hourly == 0 {
		return []api.RecurringCharge{}
	}
	return []api.RecurringCharge{{Amount: &hourly, Frequency: new("Hourly")}}
}

// offeringsPage is how many offerings a page has at most.
const offeringsPage = 100

// describeReservedInstancesOfferings lists what is offered, by type. It looks
// at one type after the other and stops when a page is full: there are
// hundreds of thousands.
func describeReservedInstancesOfferings(c *cloud.Call, r store.Reader, in *api.DescribeReservedInstancesOfferingsInput) (*api.DescribeReservedInstancesOfferingsOutput, error) {
	skip, limit, err := offeringsPlace(in)
	if err != nil {
		return nil, err
	}
	zone, err := resource.ZoneName(c, in.AvailabilityZone, in.AvailabilityZoneId)
	if err != nil {
		return nil, err
	}
	out := &api.DescribeReservedInstancesOfferingsOutput{NextToken: new(""), ReservedInstancesOfferings: []api.ReservedInstancesOffering{}}
	if len(in.ReservedInstancesOfferingIds) > 0 {
		for _, id := range in.ReservedInstancesOfferingIds {
			o, err := findOffering(c, id)
			if err != nil {
				return nil, err
			}
			out.ReservedInstancesOfferings = append(out.ReservedInstancesOfferings, o.api())
		}
		return out, nil
	}
	where, _ := region.Find(c.Region)
	from := skip
	for name := range instance.Types() {
		if in.InstanceType != nil && *in.InstanceType != name || cloud.Or(in.InstanceTenancy, "default") != "default" {
			continue
		}
		all := func(yield func(*offering) bool) {
			for o := range offeringsOf(where, name) {
				if o.wanted(in, zone) && !yield(o) {
					return
				}
			}
		}
		list, _, err := resource.List(c, r, resource.Query{Filters: in.Filters}, all, func(o *offering) string { return o.ID }, offeringFields)
		if err != nil {
			return nil, err
		}
		for _, o := range list {
			if skip--; skip >= 0 {
				continue
			}
			if len(out.ReservedInstancesOfferings) == limit {
				out.NextToken = new(base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(from + limit))))
				return out, nil
			}
			out.ReservedInstancesOfferings = append(out.ReservedInstancesOfferings, o.api())
		}
	}
	return out, nil
}

// dollars is a price as the filters of Reserved Instances have it: "9800.0".
func dollars(usd float64) string {
	s := strings.TrimRight(price.Text(usd), "0")
	if strings.HasSuffix(s, ".") {
		s += "0"
	}
	return s
}

// wanted tells whether a request asks for an offering, its filters aside.
func (o *offering) wanted(in *api.DescribeReservedInstancesOfferingsInput, zone *string) bool {
	is := func(p *string, v string) bool { return p == nil || *p == v }
	product := in.ProductDescription
	if product != nil {
		product = new(strings.TrimSuffix(*product, " (Amazon VPC)"))
	}
	return is(product, o.Platform) && is(in.OfferingType, o.Term.Payment) && is(in.OfferingClass, o.Term.Class) &&
		(zone == nil || o.Zone == *zone) &&
		(in.MinDuration == nil || o.seconds() >= *in.MinDuration) && (in.MaxDuration == nil || o.seconds() <= *in.MaxDuration)
}

func offeringsPlace(in *api.DescribeReservedInstancesOfferingsInput) (skip, limit int, err error) {
	limit = offeringsPage
	if n := int(cloud.Or(in.MaxResults, 0)); n > 0 {
		limit = min(n, offeringsPage)
	}
	if t := cloud.Or(in.NextToken, ""); t != "" {
		b, err := base64.RawURLEncoding.DecodeString(t)
		if err == nil {
			skip, err = strconv.Atoi(string(b))
		}
		if err != nil || skip < 0 {
			return 0, 0, resource.Errorf("InvalidParameterValue", "Value (%s) for parameter nextToken is invalid.", t)
		}
	}
	return skip, limit, nil
}

// offeringFields are the filters of DescribeReservedInstancesOfferings.
var offeringFields = resource.Fields[offering]{
	"availability-zone":              resource.One(func(o *offering) string { return o.Zone }),
	"availability-zone-id":           resource.One(func(o *offering) string { return cloud.Or(resource.ZoneID(o.Zone), "") }),
	"duration":                       number(func(o *offering) int { return int(o.seconds()) }),
	"fixed-price":                    resource.One(func(o *offering) string { return dollars(o.Upfront) }),
	"instance-type":                  resource.One(func(o *offering) string { return o.Type }),
	"marketplace":                    resource.Flag(func(*offering) bool { return false }),
	"product-description":            resource.One(func(o *offering) string { return o.Platform }),
	"reserved-instances-offering-id": resource.One(func(o *offering) string { return o.ID }),
	"scope":                          resource.One((*offering).scope),
	"usage-price":                    resource.One(func(*offering) string { return "0.0" }),
}

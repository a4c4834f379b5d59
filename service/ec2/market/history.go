package market

import (
	"encoding/base64"
	"slices"
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

const (
	historyDays = 90 // that prices are told of
	historyPage = 1000
)

// products are the product descriptions that prices are told for.
var products = []string{"Linux/UNIX", "Windows"}

// series is the prices of one type in one zone.
type series struct{ kind, product, zone string }

// describeSpotPriceHistory lists prices, the latest first: those that began in
// the span that is asked for and, of each, the one in force when it began.
func describeSpotPriceHistory(c *cloud.Call, r store.Reader, in *api.DescribeSpotPriceHistoryInput) (*api.DescribeSpotPriceHistoryOutput, error) {
	from, to := cloud.Or(in.StartTime, c.Now), cloud.Or(in.EndTime, c.Now)
	if to.Before(from) {
		return nil, resource.Errorf("InvalidParameterValue", "The start time must be before the end time.")
	}
	if oldest := c.Now.AddDate(0, 0, -historyDays); from.Before(oldest) {
		from = oldest
	}
	if to.After(c.Now) {
		to = c.Now
	}
	wanted, err := wantedSeries(c, r, in)
	if err != nil {
		return nil, err
	}
	skip, limit, err := historyPlace(in)
	if err != nil {
		return nil, err
	}
	out := &api.DescribeSpotPriceHistoryOutput{NextToken: new(""), SpotPriceHistory: []api.SpotPrice{}}
	for _, s := range wanted {
		for at := to; ; {
			p, ok := price.Spot(s.kind, platformOf(s.product), s.zone, at)
			if !ok {
				break
			}
			if skip--; skip < 0 {
				if len(out.SpotPriceHistory) == limit {
					out.NextToken = new(encodePlace(in, limit))
					return out, nil
				}
				out.SpotPriceHistory = append(out.SpotPriceHistory, s.api(p))
			}
			if !p.Since.After(from) {
				break
			}
			at = p.Since.Add(-time.Second)
		}
	}
	return out, nil
}

func (s series) api(p price.SpotPrice) api.SpotPrice {
	product := s.product
	return api.SpotPrice{AvailabilityZone: &s.zone, AvailabilityZoneId: resource.ZoneID(s.zone), InstanceType: &s.kind, ProductDescription: &product, SpotPrice: new(price.Text(p.USD)), Timestamp: &p.Since}
}

// historyPlace is where a page begins and how long it is.
func historyPlace(in *api.DescribeSpotPriceHistoryInput) (skip, limit int, err error) {
	limit = historyPage
	if n := int(cloud.Or(in.MaxResults, 0)); n > 0 {
		limit = min(n, historyPage)
	}
	token := cloud.Or(in.NextToken, "")
	if token == "" {
		return 0, limit, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil {
		skip, err = strconv.Atoi(string(b))
	}
	if err != nil || skip < 0 {
		return 0, 0, resource.Errorf("InvalidParameterValue", "Value (%s) for parameter nextToken is invalid.", token)
	}
	return skip, limit, nil
}

func encodePlace(in *api.DescribeSpotPriceHistoryInput, shown int) string {
	skip, _, _ := historyPlace(in) // it was read before
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(skip + shown)))
}

// wantedSeries are the prices that a request asks for.
func wantedSeries(c *cloud.Call, r store.Reader, in *api.DescribeSpotPriceHistoryInput) ([]series, error) {
	where, _ := region.Find(c.Region)
	named, err := resource.ZoneName(c, in.AvailabilityZone, in.AvailabilityZoneId)
	if err != nil {
		return nil, err
	}
	zone := cloud.Or(named, "")
	if _, ok := where.FindZone(zone); zone != "" && !ok {
		return nil, resource.Errorf("InvalidParameterValue", "Invalid availability zone: [%s]", zone)
	}
	for _, t := range in.InstanceTypes {
		if _, ok := instance.FindType(t); !ok {
			return nil, resource.Errorf("InvalidParameterValue", "Invalid instance type: %s", t)
		}
	}
	all := func(yield func(*series) bool) {
		for name := range instance.Types() {
			if len(in.InstanceTypes) > 0 && !slices.Contains(in.InstanceTypes, name) || sellable(name) != nil {
				continue
			}
			for _, product := range products {
				if len(in.ProductDescriptions) > 0 && !slices.ContainsFunc(in.ProductDescriptions, func(p string) bool { return strings.TrimSuffix(p, " (Amazon VPC)") == product }) {
					continue
				}
				for _, z := range where.Zones() {
					if (zone == "" || z.Name == zone || z.ID == zone) && !yield(&series{name, product, z.Name}) {
						return
					}
				}
			}
		}
	}
	list, _, err := resource.List(c, r, resource.Query{Filters: in.Filters}, all, func(s *series) string { return s.kind + " " + s.product + " " + s.zone }, resource.Fields[series]{
		"availability-zone":    resource.One(func(s *series) string { return s.zone }),
		"availability-zone-id": resource.One(func(s *series) string { return *resource.ZoneID(s.zone) }),
		"instance-type":        resource.One(func(s *series) string { return s.kind }),
		"product-description":  resource.One(func(s *series) string { return s.product }),
		"spot-price": func(s *series) []string {
			p, _ := price.Spot(s.kind, platformOf(s.product), s.zone, c.Now)
			return []string{price.Text(p.USD)}
		},
		"timestamp": func(s *series) []string {
			p, _ := price.Spot(s.kind, platformOf(s.product), s.zone, c.Now)
			return []string{stamp(p.Since)}
		},
	})
	var out []series
	for _, s := range list {
		out = append(out, *s)
	}
	return out, err
}

// getSpotPlacementScores tells how likely spot capacity is in regions or zones:
// the best of the types that were named.
func getSpotPlacementScores(c *cloud.Call, r store.Reader, in *api.GetSpotPlacementScoresInput) (*api.GetSpotPlacementScoresOutput, error) {
	kinds := in.InstanceTypes
	switch m := in.InstanceRequirementsWithMetadata; {
	case len(kinds) > 0 && m != nil:
		return nil, resource.Combination("The parameters InstanceTypes and InstanceRequirementsWithMetadata cannot be specified together.")
	case m != nil && m.InstanceRequirements != nil:
		a, err := attributesOf(m.InstanceRequirements)
		if err != nil {
			return nil, err
		}
		a.architectures, a.virtualization = m.ArchitectureTypes, m.VirtualizationTypes
		kinds = a.types()
	case len(kinds) == 0:
		return nil, resource.Missing("InstanceTypes")
	}
	for _, k := range kinds {
		if _, ok := instance.FindType(k); !ok {
			return nil, resource.Errorf("InvalidParameterValue", "Invalid instance type: %s", k)
		}
	}
	if in.TargetCapacity < 1 {
		return nil, resource.Errorf("InvalidParameterValue", "Value (%d) for parameter TargetCapacity is invalid.", in.TargetCapacity)
	}
	var list []api.SpotPlacementScore
	for _, where := range region.All() {
		if len(in.RegionNames) > 0 && !slices.Contains(in.RegionNames, where.Name) {
			continue
		}
		best := 0
		for _, z := range where.Zones() {
			score := bestScore(kinds, z.Name, c.Now)
			best = max(best, score)
			if cloud.Or(in.SingleAvailabilityZone, false) {
				list = append(list, api.SpotPlacementScore{Region: new(where.Name), AvailabilityZoneId: new(z.ID), Score: new(int32(score))})
			}
		}
		if !cloud.Or(in.SingleAvailabilityZone, false) {
			list = append(list, api.SpotPlacementScore{Region: new(where.Name), Score: new(int32(best))})
		}
	}
	slices.SortStableFunc(list, func(a, b api.SpotPlacementScore) int { return int(*b.Score - *a.Score) })
	return &api.GetSpotPlacementScoresOutput{SpotPlacementScores: list[:min(len(list), 10)]}, nil
}

func bestScore(kinds []string, zone string, at time.Time) (best int) {
	for _, k := range kinds {
		best = max(best, price.SpotScore(k, zone, at))
	}
	return best
}

package group

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	api "pileus/api/autoscaling"
	"pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/price"
)

// Allocation strategies.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/allocation-strategies.html
const (
	lowestPrice                  = "lowest-price"
	prioritized                  = "prioritized"
	capacityOptimized            = "capacity-optimized"
	capacityOptimizedPrioritized = "capacity-optimized-prioritized"
	priceCapacityOptimized       = "price-capacity-optimized"
)

// defaultPools is SpotInstancePools where it is not given.
const defaultPools = 2

// mixedMenu is what a mixed instances policy offers: its overrides, where there
// are any, or what its launch template says.
func (g *Group) mixedMenu(c *cloud.Call) (*menu, error) {
	base, data, err := resolve(c, g.Mixed.LaunchTemplate.LaunchTemplateSpecification)
	if err != nil {
		return nil, err
	}
	m := &menu{}
	for n, o := range g.Mixed.LaunchTemplate.Overrides {
		d := dish{kind: cloud.Or(o.InstanceType, cloud.Or(data.InstanceType, "")), weight: 1, template: base, image: cloud.Or(o.ImageId, ""), rank: n}
		if o.WeightedCapacity != nil {
			m.weighted = true
			w, _ := strconv.ParseInt(*o.WeightedCapacity, 10, 32) // checked when the policy was set
			d.weight = int32(w)
		}
		if o.LaunchTemplateSpecification != nil {
			if d.template, _, err = resolve(c, o.LaunchTemplateSpecification); err != nil {
				return nil, err
			}
		}
		if o.InstanceRequirements == nil {
			m.dishes = append(m.dishes, d)
			continue
		}
		list, err := g.matching(c, o.InstanceRequirements, d)
		if err != nil {
			return nil, err
		}
		m.dishes = append(m.dishes, list...)
		m.weighted = m.weighted || g.measured()
	}
	if len(m.dishes) == 0 {
		m.dishes = []dish{{kind: cloud.Or(data.InstanceType, ""), weight: 1, template: base}}
	}
	return m, nil
}

// matching are the types that have the attributes which an override asks for.
// They weigh what the group's unit of capacity says.
func (g *Group) matching(c *cloud.Call, q *api.InstanceRequirements, like dish) ([]dish, error) {
	in := &ec2.GetInstanceTypesFromInstanceRequirementsInput{ArchitectureTypes: []string{"x86_64"}, VirtualizationTypes: []string{"hvm"}}
	body, err := json.Marshal(q) // both APIs describe requirements alike
	if err == nil {
		err = json.Unmarshal(body, &in.InstanceRequirements)
	}
	if err != nil {
		return nil, err
	}
	out, err := ec2.GetInstanceTypesFromInstanceRequirements.Call(identity.AsAccount(c), in)
	if err != nil {
		return nil, err
	}
	var list []dish
	for _, t := range out.InstanceTypes {
		d := like
		d.kind = cloud.Or(t.InstanceType, "")
		list = append(list, d)
	}
	if g.measured() {
		return list, g.measure(c, list)
	}
	return list, nil
}

// measured says whether types weigh what they have of vCPUs or memory.
func (g *Group) measured() bool { return g.Units == "vcpu" || g.Units == "memory-mib" }

// measure sets the weights of types to their vCPUs or memory.
func (g *Group) measure(c *cloud.Call, list []dish) error {
	for part := range slices.Chunk(list, asked) {
		in := &ec2.DescribeInstanceTypesInput{}
		for _, d := range part {
			in.InstanceTypes = append(in.InstanceTypes, d.kind)
		}
		out, err := ec2.DescribeInstanceTypes.Call(identity.AsAccount(c), in)
		if err != nil {
			return err
		}
		for _, t := range out.InstanceTypes {
			n := slices.IndexFunc(part, func(d dish) bool { return d.kind == *t.InstanceType })
			if part[n].weight = *t.VCpuInfo.DefaultVCpus; g.Units == "memory-mib" {
				part[n].weight = int32(*t.MemoryInfo.SizeInMiB)
			}
		}
	}
	return nil
}

// distribution is the policy's, with its defaults.
type distribution struct {
	base, percent    int32 // of on-demand capacity
	onDemand, market string
	pools            int
	maxPrice         string
}

func (g *Group) distribution() distribution {
	d := distribution{percent: 100, onDemand: prioritized, market: lowestPrice, pools: defaultPools}
	if g.Mixed == nil || g.Mixed.InstancesDistribution == nil {
		return d
	}
	p := g.Mixed.InstancesDistribution
	d.base, d.percent = cloud.Or(p.OnDemandBaseCapacity, 0), cloud.Or(p.OnDemandPercentageAboveBaseCapacity, 100)
	d.onDemand, d.market = cloud.Or(p.OnDemandAllocationStrategy, prioritized), cloud.Or(p.SpotAllocationStrategy, lowestPrice)
	d.pools, d.maxPrice = int(cloud.Or(p.SpotInstancePools, defaultPools)), cloud.Or(p.SpotMaxPrice, "")
	return d
}

// onDemandOf is how much of a capacity is bought on demand: the percentage is
// rounded up.
func (d distribution) onDemandOf(total int32) int32 {
	above := max(total-d.base, 0)
	return min(total, d.base) + (above*d.percent+99)/100
}

// buysSpot tells on which market the next unit of a group's capacity is bought.
func (s *scene) buysSpot(goal int32) bool {
	if s.Mixed == nil {
		return false
	}
	onDemand := s.weigh(func(i *Instance) bool { return i.Active() && !i.Spot && i.Replacing == nil })
	replaced := s.weigh(func(i *Instance) bool { return i.Active() && i.Replacing != nil })
	return onDemand >= s.distribution().onDemandOf(goal-replaced)
}

// overspent are those of the instances that are on the market which the group
// has too much of; all where it has not.
func (s *scene) overspent(list []*Instance) []*Instance {
	if s.Mixed == nil {
		return list
	}
	d := s.distribution()
	onDemand := s.weigh(func(i *Instance) bool { return i.Active() && !i.Spot })
	target := d.onDemandOf(s.Desired)
	some := slices.DeleteFunc(slices.Clone(list), func(i *Instance) bool { return i.Spot != (onDemand <= target) })
	if len(some) == 0 {
		return list
	}
	return some
}

// rated is a dish with what the strategies look at.
type rated struct {
	dish
	each  float64 // price of a unit of capacity
	score int
	have  int // instances of it in the zone
}

// offers are the dishes in the order in which a group buys them in a zone.
func (s *scene) offers(m *menu, zone string, spot bool, now time.Time) []dish {
	d := s.distribution()
	var list []rated
	for _, x := range m.dishes {
		o := rated{dish: x, score: price.SpotScore(x.kind, zone, now)}
		if spot {
			p, ok := price.Spot(x.kind, "", zone, now)
			if !ok {
				continue
			}
			o.each = p.USD / float64(x.weight)
		} else if usd, ok := price.OnDemand(x.kind, ""); ok {
			o.each = usd / float64(x.weight)
		}
		for _, i := range s.members {
			if i.Active() && i.Zone == zone && i.Type == x.kind && i.Spot == spot {
				o.have++
			}
		}
		list = append(list, o)
	}
	strategy := d.onDemand
	if spot {
		strategy = d.market
	}
	slices.SortStableFunc(list, func(a, b rated) int { return a.compare(b, strategy) })
	if spot && strategy == lowestPrice {
		n := min(max(d.pools, 1), len(list))
		slices.SortStableFunc(list[:n], func(a, b rated) int { return cmp.Compare(a.have, b.have) })
	}
	var out []dish
	for _, o := range list {
		out = append(out, o.dish)
	}
	return out
}

// compare orders offers by a strategy, the best first.
func (o rated) compare(p rated, strategy string) int {
	cheap, rank, score := cmp.Compare(o.each, p.each), cmp.Compare(o.rank, p.rank), cmp.Compare(p.score, o.score)
	switch strategy {
	case lowestPrice:
		return cmp.Or(cheap, rank)
	case capacityOptimized:
		return cmp.Or(score, cheap, rank)
	case capacityOptimizedPrioritized:
		return cmp.Or(score, rank, cheap)
	case priceCapacityOptimized:
		return cmp.Or(cmp.Compare(p.score/goodScore, o.score/goodScore), cheap, rank)
	}
	return rank
}

// goodScore is from where on pools count as equally well supplied when the
// price decides.
const goodScore = 6

package market

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"pileus/price"
)

// The allocation strategies, under the names that EC2 fleets have for them.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-fleet-allocation-strategy.html
const (
	lowestPrice                  = "lowest-price"
	diversified                  = "diversified"
	capacityOptimized            = "capacity-optimized"
	capacityOptimizedPrioritized = "capacity-optimized-prioritized"
	priceCapacityOptimized       = "price-capacity-optimized"
	prioritized                  = "prioritized"
)

// order is one launch that a fleet plans: so many instances of a pool.
type order struct {
	pool  int
	spot  bool
	count int
}

// offer is a pool as it stands now.
type offer struct {
	pool     int
	each     float64 // price of a unit of capacity
	score    int
	weight   float64
	priority float64
	zone     string
	kind     string
	have     float64 // capacity that the fleet has of it
}

// offers are the pools that can be bought from: those with a price that is not
// over the limit, without those that just failed.
func (f *fleet) offers(w *crew, spot bool, now time.Time, failed map[int]bool) (list []offer) {
	have := map[int]float64{}
	for _, m := range w.list {
		if m.Spot == spot {
			have[m.Pool] += m.Weight
		}
	}
	for n := range f.Pools {
		p := &f.Pools[n]
		usd, ok := p.price(spot, now)
		if !ok || failed[n] {
			continue
		}
		list = append(list, offer{
			pool: n, each: usd / p.Weight, score: price.SpotScore(p.Type, p.Zone, now), weight: p.Weight, priority: p.Priority,
			zone: p.Zone, kind: p.Type, have: have[n],
		})
	}
	return list
}

// price is what an hour of the pool costs; ok is false where that is more than
// the fleet pays.
func (p *pool) price(spot bool, now time.Time) (usd float64, ok bool) {
	if !spot {
		return price.OnDemand(p.Type, "")
	}
	at, ok := price.Spot(p.Type, "", p.Zone, now)
	q := &request{Type: p.Type, MaxPrice: p.MaxPrice}
	limit, known := q.limit()
	return at.USD, ok && known && at.USD <= limit
}

// plan is what a fleet launches to have a missing capacity, by a strategy. The
// last instance may bring more than is missing: weights need not divide it.
func plan(missing float64, spot bool, s strategy, offers []offer) []order {
	offers = s.choice(offers)
	if len(offers) == 0 {
		return nil
	}
	counts := map[int]int{}
	for missing > slack {
		o := &offers[0]
		for n := range offers {
			if s.before(&offers[n], o) {
				o = &offers[n]
			}
		}
		counts[o.pool]++
		o.have += o.weight
		missing -= o.weight
	}
	var list []order
	for _, o := range offers {
		if n := counts[o.pool]; n > 0 {
			list = append(list, order{o.pool, spot, n})
		}
	}
	return list
}

// slack is what rounding leaves.
const slack = 1e-9

// choice are the offers that a strategy considers, the best first.
func (s strategy) choice(offers []offer) []offer {
	list := slices.Clone(offers)
	slices.SortStableFunc(list, s.compare)
	if len(list) == 0 {
		return nil
	}
	switch s.Name {
	case lowestPrice:
		list = list[:min(len(list), max(s.Pools, 1))]
	case priceCapacityOptimized:
		// Of the pools with the best capacity, the cheapest.
		best := slices.MaxFunc(list, func(a, b offer) int { return cmp.Compare(a.score, b.score) }).score
		list = slices.DeleteFunc(list, func(o offer) bool { return o.score < best-2 })[:1]
	case diversified:
	default:
		list = list[:1]
	}
	if s.OneType {
		list = slices.DeleteFunc(list, func(o offer) bool { return o.kind != list[0].kind })
	}
	if s.OneZone {
		list = slices.DeleteFunc(list, func(o offer) bool { return o.zone != list[0].zone })
	}
	return list
}

// compare puts offers in a strategy's order.
func (s strategy) compare(a, b offer) int {
	byPrice := cmp.Or(cmp.Compare(a.each, b.each), cmp.Compare(a.pool, b.pool))
	switch s.Name {
	case capacityOptimized:
		return cmp.Or(cmp.Compare(b.score, a.score), byPrice)
	case capacityOptimizedPrioritized:
		return cmp.Or(cmp.Compare(b.score/4, a.score/4), cmp.Compare(a.priority, b.priority), byPrice)
	case prioritized:
		return cmp.Or(cmp.Compare(a.priority, b.priority), byPrice)
	}
	return byPrice
}

// before tells whether the next instance comes rather of a than of b: those
// strategies that spread take the pool of which there is least.
func (s strategy) before(a, b *offer) bool {
	return (s.Name == diversified || s.Name == lowestPrice) && a.have < b.have-slack
}

// affordable cuts orders down to what the fleet may spend in an hour.
func (f *fleet) affordable(orders []order, s strategy, spent float64, now time.Time) []order {
	if s.MostPrice == "" {
		return orders
	}
	most := 0.0
	if _, err := fmt.Sscan(s.MostPrice, &most); err != nil {
		return orders // it was checked when it came
	}
	var list []order
	for _, o := range orders {
		usd, _ := f.Pools[o.pool].price(o.spot, now)
		if usd > 0 {
			o.count = min(o.count, int(math.Floor((most-spent)/usd+slack)))
		}
		if o.count > 0 {
			spent += usd * float64(o.count)
			list = append(list, o)
		}
	}
	return list
}

// spending is what the members of one market cost in an hour.
func (f *fleet) spending(w *crew, spot bool, now time.Time) (usd float64) {
	for _, m := range w.list {
		if m.Spot == spot && m.Pool < len(f.Pools) {
			each, _ := f.Pools[m.Pool].price(spot, now)
			usd += each
		}
	}
	return usd
}

// surplus are the members that can go without the capacity falling below what
// is wanted: the most expensive first, or of a spread fleet those of which there
// are most.
func (f *fleet) surplus(w *crew, spot bool, wanted float64, now time.Time) (list []*member) {
	have, s := w.onDemand, f.OnDemand
	if spot {
		have, s = w.spot, f.Spot
	}
	candidates := slices.DeleteFunc(slices.Clone(w.list), func(m *member) bool { return m.Spot != spot || !m.Replaced.IsZero() })
	for {
		at := -1
		for n, m := range candidates {
			if have-m.Weight >= wanted-slack && (at < 0 || f.rather(s, candidates, m, candidates[at], spot, now)) {
				at = n
			}
		}
		if at < 0 {
			return list
		}
		have -= candidates[at].Weight
		list = append(list, candidates[at])
		candidates = slices.Delete(candidates, at, at+1)
	}
}

// rather tells whether a is ended rather than b.
func (f *fleet) rather(s strategy, all []*member, a, b *member, spot bool, now time.Time) bool {
	if s.Name == diversified {
		if x, y := f.share(all, a), f.share(all, b); x != y {
			return x > y
		}
	}
	return f.each(a, spot, now) > f.each(b, spot, now)
}

// share is how much capacity of a member's pool there is.
func (f *fleet) share(all []*member, m *member) (units float64) {
	for _, o := range all {
		if o.Pool == m.Pool {
			units += o.Weight
		}
	}
	return units
}

// each is what a unit of a member's capacity costs.
func (f *fleet) each(m *member, spot bool, now time.Time) float64 {
	if m.Pool >= len(f.Pools) {
		return math.Inf(1) // its configuration was taken away
	}
	usd, _ := f.Pools[m.Pool].price(spot, now)
	return usd / m.Weight
}

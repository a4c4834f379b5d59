package lb

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"
)

// stats count what happens to one load balancer.
type stats struct {
	counters sync.Map // statKey: *counter
	values   sync.Map // statKey: *values
	gauges   sync.Map // statKey: *gauge
	surges   sync.Map // zone: *surge
}

// statKey is a metric of a node and group.
type statKey struct{ name, unit, zone, group string }

func newStats() *stats { return &stats{} }

// counter is a sum; it is kept by who counts often.
type counter struct{ n atomic.Int64 }

func (c *counter) add(n int64) { c.n.Add(n) }

// counter is the sum of a metric in a zone, of a group or, where that is "",
// of the balancer. Sums over zones and groups are made when they are given
// out; see statistics.
func (s *stats) counter(name, unit, zone, group string) *counter {
	k := statKey{name, unit, zone, group}
	if c, ok := s.counters.Load(k); ok {
		return c.(*counter)
	}
	c, _ := s.counters.LoadOrStore(k, &counter{})
	return c.(*counter)
}

// value is the distribution of a metric that is more than a sum.
func (s *stats) value(name, unit, zone, group string) *values {
	k := statKey{name, unit, zone, group}
	if v, ok := s.values.Load(k); ok {
		return v.(*values)
	}
	v, _ := s.values.LoadOrStore(k, &values{})
	return v.(*values)
}

// values are a distribution: how often a value fell into each of the buckets,
// whose bounds are 2 % apart. That is as exact as percentiles of latencies
// need to be, and its size does not grow with the number of requests.
type values struct{ buckets [buckets]atomic.Uint32 }

const (
	buckets  = 1536
	smallest = 1e-6 // seconds, milliseconds, or bytes
	step     = 1.02
)

var logStep = math.Log(step)

func (v *values) add(x float64) {
	i := 0
	if x > smallest {
		i = min(buckets-1, 1+int(math.Log(x/smallest)/logStep))
	}
	v.buckets[i].Add(1)
}

// middle is the value that stands for a bucket.
func middle(i int) float64 {
	if i == 0 {
		return 0
	}
	return smallest * math.Pow(step, float64(i)-0.5)
}

// take gives out and resets.
func (v *values) take() (xs, counts []float64) {
	for i := range v.buckets {
		if v.buckets[i].Load() == 0 {
			continue
		}
		if n := v.buckets[i].Swap(0); n > 0 {
			xs, counts = append(xs, middle(i)), append(counts, float64(n))
		}
	}
	return xs, counts
}

// statistics gives out the metrics since the last time: for each zone and
// group as they were counted, and summed over zones and over groups, as AWS
// has them under its dimensions.
func (s *site) statistics() []Statistic {
	sums := map[statKey]float64{}
	s.stats.counters.Range(func(k, c any) bool {
		if n := c.(*counter).n.Swap(0); n != 0 {
			for _, to := range rollup(k.(statKey)) {
				sums[to] += float64(n)
			}
		}
		return true
	})
	levels := append(append(s.stats.levels(), s.hosts()...), s.stats.surgeLengths()...)
	switch s.desired.Load().Kind {
	case Application:
		s.perTarget(sums)
		s.capacity(sums, levels)
	case Network:
		s.networkCapacity(sums, levels)
	}
	var all []Statistic
	for k, sum := range sums {
		all = append(all, single(k, sum))
	}
	return append(append(all, s.stats.distributions()...), levels...)
}

func single(k statKey, x float64) Statistic {
	return Statistic{Name: k.name, Unit: k.unit, Zone: k.zone, Group: k.group, Values: []float64{x}, Counts: []float64{1}}
}

func (s *stats) distributions() (all []Statistic) {
	sums := map[statKey]map[float64]float64{}
	s.values.Range(func(k, v any) bool {
		xs, counts := v.(*values).take()
		for _, to := range rollup(k.(statKey)) {
			for i, x := range xs {
				if sums[to] == nil {
					sums[to] = map[float64]float64{}
				}
				sums[to][x] += counts[i]
			}
		}
		return true
	})
	for k, xs := range sums {
		st := Statistic{Name: k.name, Unit: k.unit, Zone: k.zone, Group: k.group}
		for x, n := range xs {
			st.Values, st.Counts = append(st.Values, x), append(st.Counts, n)
		}
		all = append(all, st)
	}
	return all
}

// rollup are the dimensions under which a metric appears.
func rollup(k statKey) []statKey {
	all := []statKey{k}
	for _, n := range []statKey{{k.name, k.unit, "", k.group}, {k.name, k.unit, k.zone, ""}, {k.name, k.unit, "", ""}} {
		if !slices.Contains(all, n) {
			all = append(all, n)
		}
	}
	return all
}

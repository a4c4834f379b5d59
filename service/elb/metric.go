package elb

import (
	"iter"
	"slices"

	"pileus/cloud"
	"pileus/lb"
	"pileus/store"
)

const namespace = "AWS/ELB"

// metrics yields what was counted since the last time.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/elb-cloudwatch-metrics.html
func (s *service) metrics(c *cloud.Call) iter.Seq[cloud.Metric] {
	var list []*balancer
	err := c.View(func(r store.Reader) error {
		for b := range balancers.Scan(r) {
			list = append(list, b)
		}
		return nil
	})
	if err != nil {
		s.log.Error("metrics of classic load balancers cannot be told", "err", err)
	}
	return func(yield func(cloud.Metric) bool) {
		for _, b := range list {
			counted := slices.DeleteFunc(s.data.Statistics(b.arn()), ofHosts)
			for _, st := range append(counted, s.hosts(b)...) {
				if st.Group == "" && !b.tell(st, yield) {
					return
				}
			}
		}
	}
}

// ofHosts tells of what the engine counts for each group: an instance may be in
// several, and is one host.
func ofHosts(st lb.Statistic) bool {
	return st.Name == "HealthyHostCount" || st.Name == "UnHealthyHostCount"
}

// tell yields a statistic under the dimensions that AWS has it.
func (b *balancer) tell(st lb.Statistic, yield func(cloud.Metric) bool) bool {
	m := cloud.Metric{Account: b.Account, Region: b.Region, Namespace: namespace, Name: st.Name, Unit: st.Unit, Values: st.Values, Counts: st.Counts}
	name, zone := cloud.Dimension{Name: "LoadBalancerName", Value: b.Name}, cloud.Dimension{Name: "AvailabilityZone", Value: st.Zone}
	if m.Dimensions = []cloud.Dimension{name}; st.Zone != "" {
		m.Dimensions = append(m.Dimensions, zone)
		if !yield(m) {
			return false
		}
		m.Dimensions = []cloud.Dimension{zone}
	}
	return yield(m)
}

// hosts counts instances by their health, in each zone and in all.
func (s *service) hosts(b *balancer) (list []lb.Statistic) {
	s.mu.Lock()
	seen, ok := s.seen[b.arn()]
	s.mu.Unlock()
	if !ok {
		return nil
	}
	healthy, unhealthy := map[string]float64{}, map[string]float64{}
	for _, n := range b.Nodes {
		healthy[n.Zone], unhealthy[n.Zone] = 0, 0
	}
	for _, h := range s.data.Health(b.arn(), seen.group) {
		of := unhealthy
		switch h.State {
		case "healthy":
			of = healthy
		case "draining":
			continue
		}
		of[""]++
		if zone := seen.zones[h.ID]; zone != "" {
			of[zone]++
		}
	}
	for name, by := range map[string]map[string]float64{"HealthyHostCount": healthy, "UnHealthyHostCount": unhealthy} {
		by[""] += 0
		for zone, n := range by {
			list = append(list, lb.Statistic{Name: name, Unit: "Count", Zone: zone, Values: []float64{n}, Counts: []float64{1}})
		}
	}
	return list
}

package lb

// hosts are how many targets are healthy, for each group and zone.
func (s *site) hosts() (all []Statistic) {
	classic := s.desired.Load().Kind == Classic
	for id, p := range *s.pools.Load() {
		healthy, unhealthy := p.countHosts()
		for _, of := range []struct {
			name  string
			zones map[string]int
		}{{"HealthyHostCount", healthy}, {"UnHealthyHostCount", unhealthy}} {
			for zone, n := range of.zones {
				k := statKey{of.name, "Count", zone, id}
				if classic {
					k.group = ""
				}
				all = append(all, single(k, float64(n)))
			}
		}
		if n := p.anomalous(); p.group.Load().Algorithm == "weighted_random" {
			all = append(all, single(statKey{"AnomalousHostCount", "Count", "", id}, float64(n)))
			if !p.group.Load().Anomaly {
				n = 0
			}
			all = append(all, single(statKey{"MitigatedHostCount", "Count", "", id}, float64(n)))
		}
	}
	return all
}

// countHosts counts targets by zone; all together under "". A group without
// targets has a count of none.
func (p *pool) countHosts() (healthy, unhealthy map[string]int) {
	healthy, unhealthy = map[string]int{"": 0}, map[string]int{"": 0}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.nodes {
		healthy[p.nodes[i].Zone], unhealthy[p.nodes[i].Zone] = 0, 0
	}
	for _, m := range p.members {
		n := unhealthy
		switch p.merged(m).State {
		case stateHealthy, stateUnavailable:
			n = healthy
		case stateDraining, stateUnused:
			continue
		}
		n[""]++
		if zone := m.target.Load().Zone; zone != "" && zone != "all" {
			n[zone]++
		}
	}
	return healthy, unhealthy
}

// anomalous counts targets that fail more than the others.
func (p *pool) anomalous() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.members {
		if m.results.anomalous.Load() {
			n++
		}
	}
	return n
}

// perTarget adds RequestCountPerTarget: the requests of each group by its
// healthy targets.
func (s *site) perTarget(sums map[statKey]float64) {
	for id, p := range *s.pools.Load() {
		healthy, unhealthy := p.countHosts()
		n := healthy[""]
		if n == 0 {
			n = max(1, unhealthy[""])
		}
		if requests := sums[statKey{"RequestCount", "Count", "", id}]; requests > 0 {
			sums[statKey{"RequestCountPerTarget", "Count", "", id}] = requests / float64(n)
		}
	}
}

// What a load balancer capacity unit is of.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
const (
	unitConnections = 25.0 * 60 // new ones in a minute
	unitActive      = 3000.0
	unitBytes       = 1e9 / 60 // in a minute: a gigabyte in an hour
	unitRules       = 1000.0 * 60
)

// capacity adds ConsumedLCUs: the dimension that is used most.
func (s *site) capacity(sums map[statKey]float64, levels []Statistic) {
	active := 0.0
	for _, l := range levels {
		if l.Name == "ActiveConnectionCount" && l.Zone == "" && l.Group == "" {
			active = l.Values[0]
		}
	}
	sums[statKey{"ConsumedLCUs", "Count", "", ""}] = max(
		sums[statKey{"NewConnectionCount", "Count", "", ""}]/unitConnections, active/unitActive,
		sums[statKey{"ProcessedBytes", "Bytes", "", ""}]/unitBytes, sums[statKey{"RuleEvaluations", "Count", "", ""}]/unitRules)
}

package lb

import "sync/atomic"

// results are the latest results of a target: how many of its requests failed,
// with a 5xx or because it could not be reached. Old ones fade: the counts are
// halved whenever there are many.
type results struct {
	ok, failed atomic.Int64
	anomalous  atomic.Bool
}

// How a target is told to be anomalous: it has had enough requests, and fails
// more than anomalous times as often as the others of its group together, and
// more than one request in twenty.
const (
	resultsToTell  = 32
	resultsToFade  = 512
	anomalousTimes = 3
	mitigatedShare = 0.1
	groupToTell    = 3 // targets; AWS detects nothing in smaller groups
)

// weight is the share of a target with anomaly mitigation.
func (r *results) weight() float64 {
	if r.anomalous.Load() {
		return mitigatedShare
	}
	return 1
}

// done counts a result of the member, and looks every so often whether the
// group has anomalous targets: with any algorithm, though only weighted random
// can do something about them.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/automatic-target-weights.html
func (m *member) done(ok bool) {
	n := &m.results.ok
	if !ok {
		n = &m.results.failed
	}
	n.Add(1)
	if total := m.results.ok.Load() + m.results.failed.Load(); total%resultsToTell == 0 {
		m.pool.findAnomalies()
		if total >= resultsToFade {
			m.results.ok.Store(m.results.ok.Load() / 2)
			m.results.failed.Store(m.results.failed.Load() / 2)
		}
	}
}

// findAnomalies compares each target with the rest of its group.
func (p *pool) findAnomalies() {
	p.mu.Lock()
	members := p.members
	p.mu.Unlock()
	var ok, failed int64
	for _, m := range members {
		ok += m.results.ok.Load()
		failed += m.results.failed.Load()
	}
	for _, m := range members {
		o, f := m.results.ok.Load(), m.results.failed.Load()
		m.results.anomalous.Store(len(members) >= groupToTell && o+f >= resultsToTell &&
			rate(f, o+f) > 0.05 && rate(f, o+f) > anomalousTimes*rate(failed-f, ok+failed-o-f))
	}
}

// mitigates tells whether targets that are anomalous get less.
func (g *Group) mitigates() bool { return g.Anomaly && g.Algorithm == "weighted_random" }

func rate(n, of int64) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}

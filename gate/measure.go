package gate

import (
	"iter"

	"pileus/cloud"
)

// Measure yields what all services publish of the minute that has ended.
func (g *Gate) Measure(c *cloud.Call) iter.Seq[cloud.Metric] {
	return func(yield func(cloud.Metric) bool) {
		for _, s := range g.services.all {
			if s.Metrics == nil {
				continue
			}
			for m := range s.Metrics(c) {
				if !yield(m) {
					return
				}
			}
		}
	}
}

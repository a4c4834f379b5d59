package elbv2

import (
	"iter"

	"pileus/cloud"
	"pileus/lb"
	"pileus/store"
)

// namespaces of a load balancer's metrics by its type.
var namespaces = map[string]string{application: "AWS/ApplicationELB", network: "AWS/NetworkELB"}

// metrics publishes the minute past of every load balancer.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
func (s *elb) metrics(c *cloud.Call) iter.Seq[cloud.Metric] {
	return func(yield func(cloud.Metric) bool) {
		var list []*balancer
		err := c.View(func(r store.Reader) error {
			list = nil
			for b := range balancers.Scan(r) {
				list = append(list, b)
			}
			return nil
		})
		if err != nil {
			return // the state is closing
		}
		for _, b := range list {
			statistics := s.data.Statistics(b.ARN)
			units := unitsOf(b, statistics)
			s.rest.bill(c, b, units.total())
			for _, v := range append(statistics, units.statistics(b)...) {
				if !yield(b.metric(v)) {
					return
				}
			}
		}
	}
}

// metric is a statistic as CloudWatch has it.
func (b *balancer) metric(v lb.Statistic) cloud.Metric {
	m := cloud.Metric{Account: b.Account, Region: b.Region, Namespace: namespaces[b.Type], Name: v.Name, Unit: v.Unit, Values: v.Values, Counts: v.Counts}
	if v.Group != "" {
		m.Dimensions = append(m.Dimensions, cloud.Dimension{Name: "TargetGroup", Value: resourceOf(v.Group)})
	}
	if v.Zone != "" {
		m.Dimensions = append(m.Dimensions, cloud.Dimension{Name: "AvailabilityZone", Value: v.Zone})
	}
	m.Dimensions = append(m.Dimensions, cloud.Dimension{Name: "LoadBalancer", Value: b.short()})
	return m
}

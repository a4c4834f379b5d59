package cloudwatch

import (
	"iter"
	"strings"
	"time"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/store"
)

// Usage types of the price list.
// https://aws.amazon.com/cloudwatch/pricing/
const (
	billedAs = "AmazonCloudWatch"

	usageMetrics    = "CW:MetricMonitorUsage"
	usageAlarms     = "CW:AlarmMonitorUsage"
	usageFineAlarms = "CW:HighResAlarmMonitorUsage"
	usageComposites = "CW:CompositeAlarmMonitorUsage"
	usageDashboards = "DashboardsUsageHour"
	usageRequests   = "CW:Requests"
	usageGets       = "CW:GMD-Metrics"
	usageImages     = "CW:GMWI-Metrics"
)

// metered has requests that come over the network counted: those that ask for
// metrics by their number.
func metered(list []cloud.Binding) []cloud.Binding {
	for i, b := range list {
		name := b.Op.Name
		list[i] = b.Then(func(c *cloud.Call, _ store.Reader, in any) func() {
			if c.HTTP == nil {
				return func() {}
			}
			kind, n := usageRequests, 1.0
			switch in := in.(type) {
			case *api.GetMetricDataInput:
				kind, n = usageGets, asked(in.MetricDataQueries)
			case *api.GetMetricWidgetImageInput:
				kind = usageImages
			}
			return func() {
				c.Cloud.Meter(cloud.Usage{Account: c.Account, Region: c.Region, Service: billedAs, Type: kind, Operation: name, Quantity: n})
			}
		})
	}
	return list
}

// asked is how many metrics queries ask for; an expression is none.
func asked(list []api.MetricDataQuery) (n float64) {
	for _, q := range list {
		if q.MetricStat != nil {
			n++
		}
	}
	return n
}

// place is where usage is billed.
type place struct{ account, region string }

// stored yields what is billed by the hour: metrics that accounts publish
// themselves, in the hours in which they do, alarms by what they watch, and
// dashboards.
func stored(r store.Reader) iter.Seq[cloud.Usage] {
	return func(yield func(cloud.Usage) bool) {
		custom := map[place]float64{}
		if t, ok := ticks.Get(r, tickKey()...); ok {
			heard := t.Evaluated.Add(-time.Hour - heardStep)
			for m := range metrics.Scan(r) {
				if !strings.HasPrefix(m.Namespace, "AWS/") && m.Heard.After(heard) {
					custom[place{m.Account, m.Region}]++
				}
			}
		}
		for at, n := range custom {
			if !yield(cloud.Usage{Account: at.account, Region: at.region, Service: billedAs, Type: usageMetrics, Quantity: n}) {
				return
			}
		}
		for a := range alarms.Scan(r) {
			u := cloud.Usage{Account: a.Account, Region: a.Region, Service: billedAs, Resource: *a.AlarmArn, Tags: a.Tags}
			if u.Type, u.Quantity = a.billed(); !yield(u) {
				return
			}
		}
		for d := range dashboards.Scan(r) {
			u := cloud.Usage{Account: d.Account, Region: "us-east-1", Service: billedAs, Type: usageDashboards, Resource: "arn:aws:cloudwatch::" + d.Account + ":dashboard/" + d.Name, Quantity: 1, Tags: d.Tags}
			if !yield(u) {
				return
			}
		}
	}
}

// billed is how an alarm is billed: by the metrics that it watches. A band is
// three, with its ends.
func (a *alarm) billed() (kind string, quantity float64) {
	switch {
	case a.Composite != nil:
		return usageComposites, 1
	case len(a.Metrics) > 0:
		quantity = max(asked(a.Metrics), 1)
		if a.ThresholdMetricId != nil {
			quantity *= 3
		}
	default:
		quantity = 1
	}
	if a.every() < tickEach {
		return usageFineAlarms, quantity
	}
	return usageAlarms, quantity
}

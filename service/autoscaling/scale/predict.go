package scale

import (
	"math"
	"time"

	api "pileus/api/autoscaling"
	"pileus/cloud"
	"pileus/service/autoscaling/group"
	"pileus/store"
)

// predictController makes forecasts, and has groups follow them.
const predictController = "autoscaling.predict"

// forecastEvery is how often a forecast is made anew, and forecastsKept how
// long what was forecast can be asked for.
const (
	forecastEvery = 6 * time.Hour
	forecastsKept = 56 * 24 * time.Hour
)

// outlook is what a predictive policy forecasts, hour by hour from Start on:
// for each of its metrics the load, and the capacity that serves all of them.
type outlook struct {
	Account, Region, Group, Policy string
	Start, Updated                 time.Time
	Load                           [][]float64
	Capacity                       []float64
}

var forecasts = &store.Table[outlook]{
	Name: "autoscaling.forecast",
	Key:  func(o *outlook) store.Key { return store.K(o.Account, o.Region, o.Group, o.Policy) },
}

func checkPredictive(g *group.Group, t *api.PredictiveScalingConfiguration) error {
	switch {
	case t == nil:
		return group.Invalid("PredictiveScalingConfiguration must be specified for a PredictiveScaling policy")
	case len(t.MetricSpecifications) != 1:
		return group.Invalid("Exactly one metric specification must be specified in MetricSpecifications")
	case cloud.Or(t.SchedulingBufferTime, 0) > 3600:
		return group.Invalid("SchedulingBufferTime must be between 0 and 3600")
	case cloud.Or(t.MaxCapacityBreachBehavior, "") == api.PredictiveScalingMaxCapacityBreachBehaviorIncreaseMaxCapacity && t.MaxCapacityBuffer == nil:
		return group.Invalid("MaxCapacityBuffer must be specified when MaxCapacityBreachBehavior is IncreaseMaxCapacity")
	case t.MaxCapacityBuffer != nil && cloud.Or(t.MaxCapacityBreachBehavior, "") != api.PredictiveScalingMaxCapacityBreachBehaviorIncreaseMaxCapacity:
		return group.Invalid("MaxCapacityBuffer can only be specified when MaxCapacityBreachBehavior is IncreaseMaxCapacity")
	}
	m := &t.MetricSpecifications[0]
	load := m.PredefinedLoadMetricSpecification != nil || m.CustomizedLoadMetricSpecification != nil
	scaling := m.PredefinedScalingMetricSpecification != nil || m.CustomizedScalingMetricSpecification != nil
	switch pair := m.PredefinedMetricPairSpecification; {
	case !(m.TargetValue > 0):
		return group.Invalid("TargetValue must be greater than 0")
	case pair != nil && (load || scaling):
		return group.Invalid("PredefinedMetricPairSpecification cannot be specified together with load or scaling metrics")
	case pair != nil:
		return checkLabel(g, pair.PredefinedMetricType == api.PredefinedMetricPairTypeALBRequestCount, pair.PredefinedMetricType, pair.ResourceLabel)
	case !load || !scaling:
		return group.Invalid("A metric pair, or a load metric and a scaling metric must be specified")
	}
	if p := m.PredefinedLoadMetricSpecification; p != nil {
		if err := checkLabel(g, p.PredefinedMetricType == api.PredefinedLoadMetricTypeALBTargetGroupRequestCount, p.PredefinedMetricType, p.ResourceLabel); err != nil {
			return err
		}
	}
	if p := m.PredefinedScalingMetricSpecification; p != nil {
		return checkLabel(g, p.PredefinedMetricType == api.PredefinedScalingMetricTypeALBRequestCountPerTarget, p.PredefinedMetricType, p.ResourceLabel)
	}
	return nil
}

// predict runs at the beginning of each hour, and before it where capacity is
// to be there earlier.
func predict(c *cloud.Call, key store.Key) error {
	var p *Policy
	var g *group.Group
	var old *outlook
	err := c.View(func(r store.Reader) error {
		p, g, old = nil, nil, nil
		if q, ok := policies.Get(r, key...); ok && q.kind() == predictiveScaling {
			p = q
			g, _ = group.Groups.Get(r, p.Account, p.Region, p.Group)
			old, _ = forecasts.Get(r, key...)
		}
		return nil
	})
	if err != nil || p == nil || g == nil {
		return err
	}
	c = c.In(p.Account, p.Region)
	fresh := old
	if old == nil || c.Now.Sub(old.Updated) >= forecastEvery {
		if fresh, err = p.forecast(c, g, old); err != nil {
			return err
		}
	}
	return c.Update(func(tx store.Tx) error {
		now, ok := policies.Get(tx, key...)
		if !ok || *now.PolicyARN != *p.PolicyARN {
			return nil
		}
		if fresh != nil && fresh != old {
			forecasts.Put(tx, fresh)
		}
		next := c.Now.Truncate(hour).Add(hour)
		if early := next.Add(-now.buffer()); early.After(c.Now) {
			next = early
		}
		tx.After(next, predictController, key)
		return announce(c, tx, p.Account, p.Region, p.Group)
	})
}

// buffer is how long before its hour capacity is launched.
func (p *Policy) buffer() time.Duration {
	return time.Duration(cloud.Or(p.PredictiveScalingConfiguration.SchedulingBufferTime, 0)) * time.Second
}

// forecast makes a forecast that continues what old forecast for the past; nil
// where too little is known.
func (p *Policy) forecast(c *cloud.Call, g *group.Group, old *outlook) (*outlook, error) {
	m := &p.PredictiveScalingConfiguration.MetricSpecifications[0]
	end := c.Now.Truncate(hour)
	loads, scalings, capacities := sources(m, g.Name)
	load, err := loads.past(c, end)
	if err != nil {
		return nil, err
	}
	next, ok := foresee(load, ahead)
	if !ok {
		return nil, nil
	}
	scaling, err := scalings.past(c, end)
	if err != nil {
		return nil, err
	}
	capacity, err := capacities.capacityPast(c, g, end)
	if err != nil {
		return nil, err
	}
	ratio, ok := share(load, scaling, capacity)
	if !ok {
		return nil, nil
	}
	o := &outlook{Account: p.Account, Region: p.Region, Group: p.Group, Policy: p.Name, Start: end, Updated: c.Now, Load: [][]float64{next}, Capacity: needed(next, ratio, m.TargetValue)}
	if old != nil {
		o.precede(old)
	}
	return o, nil
}

// precede puts what was forecast for the past before a forecast.
func (o *outlook) precede(old *outlook) {
	n := int(o.Start.Sub(old.Start) / hour)
	if n <= 0 || n > len(old.Capacity) || len(old.Load) != len(o.Load) {
		return
	}
	from := max(0, n-int(forecastsKept/hour))
	for i := range o.Load {
		o.Load[i] = append(old.Load[i][from:n:n], o.Load[i]...)
	}
	o.Capacity = append(old.Capacity[from:n:n], o.Capacity...)
	o.Start = old.Start.Add(time.Duration(from) * hour)
}

// at is the capacity that is forecast for a time; ok is false where none is.
func (o *outlook) at(t time.Time) (n int32, ok bool) {
	if i := int(math.Floor(float64(t.Sub(o.Start)) / float64(hour))); i >= 0 && i < len(o.Capacity) {
		return int32(min(o.Capacity[i], math.MaxInt32)), true
	}
	return 0, false
}

// foreseen is what a group's predictive policies forecast for now, and how much
// of it those ask for that scale. most is the size up to which they may grow the
// group.
func foreseen(r store.Reader, g *group.Group, now time.Time) (shown *int32, wanted, most int32) {
	most = g.Max
	for p := range policies.Scan(r, g.Account, g.Region, g.Name) {
		o, ok := forecasts.Get(r, p.key()...)
		if p.kind() != predictiveScaling || !ok {
			continue
		}
		n, known := o.at(now)
		if early, ok := o.at(now.Add(p.buffer())); ok && early > n {
			n, known = early, true
		}
		if !known {
			continue
		}
		shown = new(max(n, cloud.Or(shown, 0)))
		t := p.PredictiveScalingConfiguration
		if *t.Mode != api.PredictiveScalingModeForecastAndScale || !p.enabled() || g.Suspended("PredictiveScaling") {
			continue
		}
		wanted = max(wanted, n)
		if *t.MaxCapacityBreachBehavior == api.PredictiveScalingMaxCapacityBreachBehaviorIncreaseMaxCapacity {
			most = max(most, int32(math.Ceil(float64(n)*(1+float64(*t.MaxCapacityBuffer)/100))))
		}
	}
	return shown, min(wanted, most), most
}

// announce writes what is predicted for a group, and grows it to that where a
// policy is to scale. Predictive scaling takes nothing away.
func announce(c *cloud.Call, tx store.Tx, account, region, name string) error {
	g, ok := group.Groups.Get(tx, account, region, name)
	if !ok || g.Deleting {
		return nil
	}
	shown, wanted, most := foreseen(tx, g, c.Now)
	if !same(shown, g.Predicted) {
		d := g.Clone()
		d.Predicted = shown
		group.Groups.Put(tx, d)
		g = d
	}
	if wanted > g.Desired {
		roomy := g.Clone()
		roomy.Max = most
		group.SetDesired(tx, roomy, wanted, group.Cause{At: c.Now, Text: "predictive scaling set the capacity to its forecast"})
	}
	return nil
}

// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_GetPredictiveScalingForecast.html
func getPredictiveScalingForecast(c *cloud.Call, r store.Reader, in *api.GetPredictiveScalingForecastInput) (*api.GetPredictiveScalingForecastOutput, error) {
	g, err := group.Find(c, r, in.AutoScalingGroupName)
	if err != nil {
		return nil, err
	}
	p, err := find(c, r, in.PolicyName, &g.Name)
	switch {
	case err != nil:
		return nil, err
	case p.kind() != predictiveScaling:
		return nil, group.Invalid("The policy %s is not of type PredictiveScaling", p.Name)
	case !in.StartTime.Before(in.EndTime):
		return nil, group.Invalid("StartTime must be before EndTime")
	case in.EndTime.Sub(in.StartTime) > 30*24*hour:
		return nil, group.Invalid("The time range between StartTime and EndTime must not exceed 30 days")
	}
	o, ok := forecasts.Get(r, p.key()...)
	if !ok {
		return nil, group.Invalid("There is no forecast for the policy %s yet: it needs at least 24 hours of historical data", p.Name)
	}
	out := &api.GetPredictiveScalingForecastOutput{UpdateTime: o.Updated, LoadForecast: []api.LoadForecast{}}
	out.CapacityForecast.Timestamps, out.CapacityForecast.Values = o.between(o.Capacity, in.StartTime, in.EndTime)
	for i, m := range p.PredictiveScalingConfiguration.MetricSpecifications {
		if i >= len(o.Load) {
			break
		}
		l := api.LoadForecast{MetricSpecification: m}
		l.Timestamps, l.Values = o.between(o.Load[i], in.StartTime, in.EndTime)
		out.LoadForecast = append(out.LoadForecast, l)
	}
	return out, nil
}

// between is the part of a series that begins within a span of time.
func (o *outlook) between(series []float64, from, to time.Time) (times []time.Time, values []float64) {
	times, values = []time.Time{}, []float64{}
	for i, v := range series {
		if at := o.Start.Add(time.Duration(i) * hour); !at.Before(from) && !at.After(to) {
			times, values = append(times, at), append(values, v)
		}
	}
	return times, values
}

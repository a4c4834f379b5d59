package scale

import (
	"time"

	api "pileus/api/autoscaling"
	"pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// track moves a group towards the target of a policy. A policy takes capacity
// away only when all that track targets of the group, and may, want that, and
// then as little as any of them.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-target-tracking.html
func (o *order) track(c *cloud.Call, tx store.Tx) error {
	t := o.TargetTrackingConfiguration
	k := capacityOf(tx, o.group, o.warmup(o.group), c.Now)
	switch v := *o.value; {
	case v > t.TargetValue:
		o.set(c, tx, k, k.tracked(v, t.TargetValue))
		return nil
	case v >= lowThreshold(t.TargetValue) || *t.DisableScaleIn:
		return nil
	}
	o.Cold, o.ColdAt = *o.value, c.Now
	wish, agreed := o.consent(c, tx)
	if agreed && wish < k.desired {
		o.Shrunk = c.Now
		o.set(c, tx, k, wish)
	}
	policies.Put(tx, o.Policy)
	return nil
}

// fresh is for how long a policy's wish for less capacity counts: alarms repeat
// it each minute.
const fresh = 2 * time.Minute

// consent is the capacity that all target tracking policies of the group are
// content with, if all wish for less now. They take capacity away once in a
// minute together.
func (o *order) consent(c *cloud.Call, tx store.Tx) (wish int, agreed bool) {
	for p := range policies.Scan(tx, o.Account, o.Region, o.Group) {
		if p.kind() != targetTracking || !p.enabled() || *p.TargetTrackingConfiguration.DisableScaleIn {
			continue
		}
		if p.Name == o.Name {
			p = o.Policy
		}
		if c.Now.Sub(p.Shrunk) < time.Minute || p.ColdAt.IsZero() || c.Now.Sub(p.ColdAt) > fresh {
			return 0, false
		}
		k := capacityOf(tx, o.group, p.warmup(o.group), c.Now)
		wish = max(wish, k.tracked(p.Cold, p.TargetTrackingConfiguration.TargetValue))
	}
	return wish, true
}

// lowThreshold is below what capacity is taken away.
func lowThreshold(target float64) float64 { return target * 0.9 }

// How long the metric must be above or below.
const (
	highPeriods = 3
	lowPeriods  = 15
	period      = 60 // seconds
)

// guard puts the alarms of a target tracking policy in place, and removes those
// that it needs no more.
func (p *Policy) guard(c *cloud.Call, tx store.Tx) error {
	high, low := false, false
	if p.kind() == targetTracking && p.enabled() {
		high, low = true, !*p.TargetTrackingConfiguration.DisableScaleIn
	}
	if !high && !low {
		return p.unguard(c, tx)
	}
	if !low && p.Low != "" {
		if err := p.deleteAlarms(c, tx, p.Low); err != nil {
			return err
		}
		p.Low = ""
	}
	prefix := "TargetTracking-" + p.Group + "-Alarm"
	if p.High == "" {
		p.High = prefix + "High-" + c.Rand().UUID()
	}
	if low && p.Low == "" {
		p.Low = prefix + "Low-" + c.Rand().UUID()
	}
	for _, in := range p.guards() {
		if _, err := cloudwatch.PutMetricAlarm.Call(p.linked(c, tx), in); err != nil {
			return err
		}
	}
	tx.After(c.Now.Add(watchEvery), watchController, p.key())
	return nil
}

// linked is the call in a transaction, through the role that AWS uses.
func (p *Policy) linked(c *cloud.Call, tx store.Tx) *cloud.Call {
	d := identity.AsLinked(c.In(p.Account, p.Region), "autoscaling.amazonaws.com")
	d.Tx = tx
	return d
}

// unguard removes the alarms of a policy.
func (p *Policy) unguard(c *cloud.Call, tx store.Tx) error {
	var names []string
	for _, name := range []string{p.High, p.Low} {
		if name != "" {
			names = append(names, name)
		}
	}
	p.High, p.Low = "", ""
	if len(names) == 0 {
		return nil
	}
	return p.deleteAlarms(c, tx, names...)
}

func (p *Policy) deleteAlarms(c *cloud.Call, tx store.Tx, names ...string) error {
	_, err := cloudwatch.DeleteAlarms.Call(p.linked(c, tx), &cloudwatch.DeleteAlarmsInput{AlarmNames: names})
	return err
}

// guards are the alarms of a policy as they are put.
func (p *Policy) guards() []*cloudwatch.PutMetricAlarmInput {
	target := p.TargetTrackingConfiguration.TargetValue
	var list []*cloudwatch.PutMetricAlarmInput
	for _, x := range []struct {
		name, comparison string
		threshold        float64
		periods          int32
	}{
		{p.High, cloudwatch.ComparisonOperatorGreaterThanThreshold, target, highPeriods},
		{p.Low, cloudwatch.ComparisonOperatorLessThanThreshold, lowThreshold(target), lowPeriods},
	} {
		if x.name == "" {
			continue
		}
		in := &cloudwatch.PutMetricAlarmInput{
			AlarmName: x.name, AlarmDescription: new("DO NOT EDIT OR DELETE. For TargetTrackingScaling policy " + *p.PolicyARN + "."),
			ActionsEnabled: new(true), AlarmActions: []string{*p.PolicyARN}, ComparisonOperator: &x.comparison,
			Threshold: &x.threshold, EvaluationPeriods: &x.periods,
		}
		p.measure(in)
		list = append(list, in)
	}
	return list
}

// measure says what an alarm looks at.
func (p *Policy) measure(in *cloudwatch.PutMetricAlarmInput) {
	t := p.TargetTrackingConfiguration
	if t.PredefinedMetricSpecification != nil {
		m := predefined(t.PredefinedMetricSpecification, p.Group)
		in.Namespace, in.MetricName, in.Statistic, in.Dimensions, in.Period = &m.Namespace, &m.MetricName, &m.Stat, m.Dimensions, new(int32(period))
		return
	}
	m := t.CustomizedMetricSpecification
	if len(m.Metrics) == 0 {
		in.Namespace, in.MetricName, in.Statistic, in.Unit = m.Namespace, m.MetricName, m.Statistic, m.Unit
		in.Dimensions, in.Period = dimensions(m.Dimensions), new(p.period())
		return
	}
	for _, q := range m.Metrics {
		d := cloudwatch.MetricDataQuery{Id: q.Id, Expression: q.Expression, Label: q.Label, ReturnData: new(cloud.Or(q.ReturnData, true))}
		if s := q.MetricStat; s != nil {
			d.MetricStat = &cloudwatch.MetricStat{Stat: s.Stat, Unit: s.Unit, Period: cloud.Or(s.Period, period), Metric: metricOf(s.Metric)}
		} else {
			d.Period = q.Period
		}
		in.Metrics = append(in.Metrics, d)
	}
}

// period is the least period of a policy's metrics, in seconds: less than a
// minute where they are of high resolution.
func (p *Policy) period() int32 {
	m := p.TargetTrackingConfiguration.CustomizedMetricSpecification
	if m == nil {
		return period
	}
	least := cloud.Or(m.Period, period)
	for _, q := range m.Metrics {
		if q.MetricStat != nil {
			least = min(least, cloud.Or(q.MetricStat.Period, period))
		}
	}
	return least
}

func metricOf(m api.Metric) cloudwatch.Metric {
	return cloudwatch.Metric{Namespace: &m.Namespace, MetricName: &m.MetricName, Dimensions: dimensions(m.Dimensions)}
}

func dimensions(list []api.MetricDimension) []cloudwatch.Dimension {
	var out []cloudwatch.Dimension
	for _, d := range list {
		out = append(out, cloudwatch.Dimension{Name: d.Name, Value: d.Value})
	}
	return out
}

// measured is a statistic of a metric.
type measured struct {
	Namespace, MetricName, Stat string
	Dimensions                  []cloudwatch.Dimension
}

// ofGroup is a statistic of what EC2 measures of a group's instances.
func ofGroup(metric, stat, name string) measured {
	return measured{"AWS/EC2", metric, stat, []cloudwatch.Dimension{{Name: "AutoScalingGroupName", Value: name}}}
}

// predefined is the metric that a target tracking policy names by its type.
// https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_PredefinedMetricSpecification.html
func predefined(m *api.PredefinedMetricSpecification, name string) measured {
	switch m.PredefinedMetricType {
	case api.MetricTypeASGAverageNetworkIn:
		return ofGroup("NetworkIn", "Average", name)
	case api.MetricTypeASGAverageNetworkOut:
		return ofGroup("NetworkOut", "Average", name)
	case api.MetricTypeALBRequestCountPerTarget:
		return ofBalancer("RequestCountPerTarget", *m.ResourceLabel)
	}
	return ofGroup("CPUUtilization", "Average", name)
}

// ofBalancer is a sum that a load balancer counts for one target group.
func ofBalancer(metric, label string) measured {
	balancer, target, _ := splitLabel(label)
	return measured{"AWS/ApplicationELB", metric, "Sum", []cloudwatch.Dimension{{Name: "TargetGroup", Value: target}, {Name: "LoadBalancer", Value: balancer}}}
}

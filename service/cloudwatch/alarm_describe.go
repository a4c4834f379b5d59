package cloudwatch

import (
	"slices"
	"strings"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/store"
)

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html
func describeAlarms(c *cloud.Call, r store.Reader, in *api.DescribeAlarmsInput) (*api.DescribeAlarmsOutput, error) {
	if len(in.AlarmNames) > 0 && in.AlarmNamePrefix != nil {
		return nil, combination("The parameters AlarmNames and AlarmNamePrefix are mutually exclusive and you have specified both.")
	}
	after := ""
	if in.NextToken != nil {
		at, err := readToken(*in.NextToken)
		if err != nil || len(at) != 1 {
			return nil, errToken
		}
		after = at[0]
	}
	wanted, err := wantedAlarms(c, r, in)
	if err != nil {
		return nil, err
	}
	out := &api.DescribeAlarmsOutput{MetricAlarms: []api.MetricAlarm{}, CompositeAlarms: []api.CompositeAlarm{}}
	limit, last := int(cloud.Or(in.MaxRecords, 50)), ""
	for a := range alarms.ScanFrom(r, store.K(c.Account, c.Region), store.K(c.Account, c.Region, after)) {
		if *a.AlarmName <= after || !wanted(a) {
			continue
		}
		if len(out.MetricAlarms)+len(out.CompositeAlarms) == limit {
			out.NextToken = new(writeToken(last))
			break
		}
		last = *a.AlarmName
		switch {
		case in.ParentsOfAlarmName != nil: // of parents only their names are told
			out.CompositeAlarms = append(out.CompositeAlarms, api.CompositeAlarm{AlarmName: a.AlarmName, AlarmArn: a.AlarmArn})
		case a.Composite != nil:
			out.CompositeAlarms = append(out.CompositeAlarms, a.describeComposite())
		default:
			out.MetricAlarms = append(out.MetricAlarms, a.describeMetric())
		}
	}
	return out, nil
}

// describeMetric is an alarm on metrics as the API shows it.
func (a *alarm) describeMetric() api.MetricAlarm {
	m := a.MetricAlarm
	m.OKActions, m.AlarmActions, m.InsufficientDataActions = shownList(m.OKActions), shownList(m.AlarmActions), shownList(m.InsufficientDataActions)
	m.Dimensions = shownList(m.Dimensions)
	return m
}

// wantedAlarms tells which alarms were asked for.
func wantedAlarms(c *cloud.Call, r store.Reader, in *api.DescribeAlarmsInput) (func(*alarm) bool, error) {
	family := in.ChildrenOfAlarmName
	if family == nil {
		family = in.ParentsOfAlarmName
	}
	if family == nil {
		return func(a *alarm) bool { return a.matches(in) }, nil
	}
	if in.ChildrenOfAlarmName != nil && in.ParentsOfAlarmName != nil || len(in.AlarmNames) > 0 || in.AlarmNamePrefix != nil ||
		in.AlarmTypes != nil || in.StateValue != nil || in.ActionPrefix != nil {
		return nil, validation("ChildrenOfAlarmName and ParentsOfAlarmName cannot be used with other parameters than MaxRecords and NextToken.")
	}
	of, ok := alarms.Get(r, c.Account, c.Region, alarmName(c, *family))
	if !ok {
		return func(*alarm) bool { return false }, nil
	}
	if in.ParentsOfAlarmName != nil {
		return func(a *alarm) bool {
			return a.Composite != nil && slices.Contains(a.Composite.Children, *of.AlarmName)
		}, nil
	}
	if of.Composite == nil {
		return nil, validation("ChildrenOfAlarmName must be the name of a composite alarm.")
	}
	return func(a *alarm) bool { return slices.Contains(of.Composite.Children, *a.AlarmName) }, nil
}

// matches tells whether an alarm was asked for. Who asks for no type means
// metric alarms.
func (a *alarm) matches(in *api.DescribeAlarmsInput) bool {
	if types := in.AlarmTypes; len(types) == 0 && a.Composite != nil || len(types) > 0 && !slices.Contains(types, a.kind()) {
		return false
	}
	if len(in.AlarmNames) > 0 && !slices.Contains(in.AlarmNames, *a.AlarmName) || !strings.HasPrefix(*a.AlarmName, cloud.Or(in.AlarmNamePrefix, "")) {
		return false
	}
	if in.StateValue != nil && *a.StateValue != *in.StateValue {
		return false
	}
	return in.ActionPrefix == nil || slices.ContainsFunc(slices.Concat(a.OKActions, a.AlarmActions, a.InsufficientDataActions), func(s string) bool {
		return strings.HasPrefix(s, *in.ActionPrefix)
	})
}

func describeAlarmsForMetric(c *cloud.Call, r store.Reader, in *api.DescribeAlarmsForMetricInput) (*api.DescribeAlarmsForMetricOutput, error) {
	out := &api.DescribeAlarmsForMetricOutput{MetricAlarms: []api.MetricAlarm{}}
	want := newMetric(c, in.Namespace, in.MetricName, in.Dimensions).id()
	for a := range alarms.Scan(r, c.Account, c.Region) {
		if a.MetricName != nil && newMetric(c, *a.Namespace, *a.MetricName, a.Dimensions).id() == want && same(in.Statistic, a.Statistic) &&
			same(in.ExtendedStatistic, a.ExtendedStatistic) && same(in.Period, a.Period) && same(in.Unit, a.Unit) {
			out.MetricAlarms = append(out.MetricAlarms, a.describeMetric())
		}
	}
	return out, nil
}

// same tells whether v is what was asked for, if anything was.
func same[T comparable](asked, v *T) bool { return asked == nil || v != nil && *asked == *v }

// describeAlarmContributors lists what has brought a multi-dimensional alarm
// into the state ALARM. Alarms on one expression or metric have no contributors.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarmContributors.html
func describeAlarmContributors(c *cloud.Call, r store.Reader, in *api.DescribeAlarmContributorsInput) (*api.DescribeAlarmContributorsOutput, error) {
	if in.NextToken != nil {
		return nil, errToken
	}
	a, ok := alarms.Get(r, c.Account, c.Region, in.AlarmName)
	if !ok {
		return nil, api.ErrResourceNotFoundException.New("Alarm %s does not exist.", in.AlarmName)
	}
	out := &api.DescribeAlarmContributorsOutput{AlarmContributors: []api.AlarmContributor{}}
	for _, k := range a.Contributors {
		if k.State == api.StateValueAlarm && len(out.AlarmContributors) < mostAlarming {
			out.AlarmContributors = append(out.AlarmContributors, api.AlarmContributor{ContributorId: k.ID, ContributorAttributes: k.Attributes, StateReason: k.Reason, StateTransitionedTimestamp: &k.Since})
		}
	}
	return out, nil
}

package cloudwatch

import (
	"slices"
	"strconv"
	"strings"
	"time"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/service/cloudwatch/series"
	"pileus/store"
)

// alarm watches one statistic of one metric.
type alarm struct {
	Account, Region string
	api.MetricAlarm
	Tags map[string]string
}

var alarms = &store.Table[alarm]{Name: "cloudwatch.alarm", Key: func(a *alarm) store.Key { return store.K(a.Account, a.Region, *a.AlarmName) }}

func alarmARN(c *cloud.Call, name string) string { return c.ARN("cloudwatch", "alarm:"+name) }

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
func putMetricAlarm(c *cloud.Call, tx store.Tx, in *api.PutMetricAlarmInput) (*cloud.Empty, error) {
	if err := checkAlarm(in); err != nil {
		return nil, err
	}
	a := &alarm{Account: c.Account, Region: c.Region, Tags: map[string]string{}}
	for _, t := range in.Tags {
		a.Tags[t.Key] = t.Value
	}
	a.MetricAlarm = api.MetricAlarm{
		AlarmName: &in.AlarmName, AlarmArn: new(alarmARN(c, in.AlarmName)), AlarmDescription: in.AlarmDescription,
		AlarmConfigurationUpdatedTimestamp: &c.Now, ActionsEnabled: new(cloud.Or(in.ActionsEnabled, true)),
		OKActions: in.OKActions, AlarmActions: in.AlarmActions, InsufficientDataActions: in.InsufficientDataActions,
		StateValue: new(api.StateValueInsufficientData), StateReason: new("Unchecked: Initial alarm creation"),
		StateUpdatedTimestamp: &c.Now, StateTransitionedTimestamp: &c.Now,
		MetricName: in.MetricName, Namespace: in.Namespace, Statistic: in.Statistic, ExtendedStatistic: in.ExtendedStatistic,
		Dimensions: in.Dimensions, Period: in.Period, Unit: in.Unit, EvaluationPeriods: in.EvaluationPeriods,
		DatapointsToAlarm: in.DatapointsToAlarm, Threshold: in.Threshold, ComparisonOperator: in.ComparisonOperator,
		TreatMissingData: in.TreatMissingData, EvaluateLowSampleCountPercentile: in.EvaluateLowSampleCountPercentile,
	}
	summary := "Alarm \"" + in.AlarmName + "\" created"
	if old, ok := alarms.Get(tx, c.Account, c.Region, in.AlarmName); ok {
		summary = "Alarm \"" + in.AlarmName + "\" updated"
		a.Tags, a.StateValue, a.StateReason, a.StateReasonData = old.Tags, old.StateValue, old.StateReason, old.StateReasonData
		a.StateUpdatedTimestamp, a.StateTransitionedTimestamp = old.StateUpdatedTimestamp, old.StateTransitionedTimestamp
	}
	alarms.Put(tx, a)
	record(c, tx, a, api.HistoryItemTypeConfigurationUpdate, summary, "")
	tx.After(c.Now, evaluateController, store.K(c.Account, c.Region, in.AlarmName))
	return &cloud.Empty{}, nil
}

func checkAlarm(in *api.PutMetricAlarmInput) error {
	switch {
	case len(in.Metrics) > 0 || in.ThresholdMetricId != nil || in.EvaluationCriteria != nil || in.EvaluationInterval != nil:
		return cloud.Errorf(501, "NotImplemented", "pileus has no alarms on Metrics, ThresholdMetricId or EvaluationCriteria yet; give MetricName and Statistic.")
	case in.MetricName == nil:
		return missing("MetricName")
	case in.Namespace == nil:
		return missing("Namespace")
	case in.Period == nil:
		return missing("Period")
	case in.EvaluationPeriods == nil:
		return missing("EvaluationPeriods")
	case in.ComparisonOperator == nil:
		return missing("ComparisonOperator")
	case in.Threshold == nil:
		return missing("Threshold")
	case in.Statistic == nil && in.ExtendedStatistic == nil:
		return validation("Exactly one of Statistic and ExtendedStatistic must be set.")
	case in.Statistic != nil && in.ExtendedStatistic != nil:
		return combination("The parameters Statistic and ExtendedStatistic are mutually exclusive and you have specified both.")
	}
	if in.ExtendedStatistic != nil {
		if _, full, ok := series.ParseStat(*in.ExtendedStatistic); !ok || !full {
			return badValue(*in.ExtendedStatistic, "ExtendedStatistic")
		}
	}
	if _, ok := comparisons[*in.ComparisonOperator]; !ok {
		return validation("Comparison operator %s needs an anomaly detection band.", *in.ComparisonOperator)
	}
	if p := *in.Period; p != 10 && p != 20 && p != 30 && p%60 != 0 {
		return validation("Metrics Period must be 10, 20, 30 or a multiple of 60")
	}
	if int64(*in.Period)*int64(*in.EvaluationPeriods) > longest(*in.Period) {
		return validation("Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400).")
	}
	if m := cloud.Or(in.DatapointsToAlarm, 1); m > *in.EvaluationPeriods {
		return validation("DatapointsToAlarm (%d) cannot be greater than EvaluationPeriods (%d)", m, *in.EvaluationPeriods)
	}
	if v := cloud.Or(in.TreatMissingData, treatMissing); !slices.Contains([]string{treatMissing, treatIgnore, treatBreaching, treatNotBreaching}, v) {
		return validation("Invalid option for TreatMissingData: %s", v)
	}
	if v := cloud.Or(in.EvaluateLowSampleCountPercentile, "evaluate"); v != "evaluate" && v != treatIgnore {
		return validation("Option %s is not supported for parameter EvaluateLowSampleCountPercentile", v)
	}
	return nil
}

// longest is how many seconds an alarm can look back: a day, or a week where
// its period is an hour or more.
func longest(period int32) int64 {
	if period >= 3600 {
		return 7 * 24 * 3600
	}
	return 24 * 3600
}

func deleteAlarms(c *cloud.Call, tx store.Tx, in *api.DeleteAlarmsInput) (*cloud.Empty, error) {
	for _, name := range in.AlarmNames {
		if a, ok := alarms.Get(tx, c.Account, c.Region, name); ok {
			record(c, tx, a, api.HistoryItemTypeConfigurationUpdate, "Alarm \""+name+"\" deleted", "")
			alarms.Delete(tx, c.Account, c.Region, name)
		}
	}
	return &cloud.Empty{}, nil
}

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
	out := &api.DescribeAlarmsOutput{MetricAlarms: []api.MetricAlarm{}, CompositeAlarms: []api.CompositeAlarm{}}
	if in.ChildrenOfAlarmName != nil || in.ParentsOfAlarmName != nil || len(in.AlarmTypes) > 0 && !slices.Contains(in.AlarmTypes, api.AlarmTypeMetricAlarm) {
		return out, nil
	}
	limit := int(cloud.Or(in.MaxRecords, 50))
	for a := range alarms.ScanFrom(r, store.K(c.Account, c.Region), store.K(c.Account, c.Region, after)) {
		if *a.AlarmName <= after || !a.matches(in) {
			continue
		}
		if len(out.MetricAlarms) == limit {
			out.NextToken = new(writeToken(*out.MetricAlarms[limit-1].AlarmName))
			break
		}
		out.MetricAlarms = append(out.MetricAlarms, a.MetricAlarm)
	}
	return out, nil
}

func (a *alarm) matches(in *api.DescribeAlarmsInput) bool {
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
		if newMetric(c, *a.Namespace, *a.MetricName, a.Dimensions).id() == want && same(in.Statistic, a.Statistic) &&
			same(in.ExtendedStatistic, a.ExtendedStatistic) && same(in.Period, a.Period) && same(in.Unit, a.Unit) {
			out.MetricAlarms = append(out.MetricAlarms, a.MetricAlarm)
		}
	}
	return out, nil
}

// same tells whether v is what was asked for, if anything was.
func same[T comparable](asked, v *T) bool { return asked == nil || v != nil && *asked == *v }

// record adds to an alarm's history.
func record(c *cloud.Call, tx store.Tx, a *alarm, kind, summary, data string) {
	h := &history{Account: a.Account, Region: a.Region, Alarm: *a.AlarmName, At: c.Now, Seq: strconv.FormatUint(c.Rand().Uint64(), 36), Kind: kind, Summary: summary, Data: data}
	histories.Put(tx, h)
	tx.After(c.Now.Add(historyKept+time.Second), forgetController, h.key())
}

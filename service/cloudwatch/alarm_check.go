package cloudwatch

import (
	"regexp"
	"slices"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/service/cloudwatch/series"
)

func checkAlarm(in *api.PutMetricAlarmInput) error {
	if in.EvaluationCriteria != nil || in.EvaluationInterval != nil {
		return cloud.Errorf(501, "NotImplemented", "pileus has no alarms on PromQL queries: give MetricName or Metrics instead of EvaluationCriteria.")
	}
	check := checkOneMetric
	if len(in.Metrics) > 0 {
		check = checkMath
	}
	if err := check(in); err != nil {
		return err
	}
	switch {
	case in.EvaluationPeriods == nil:
		return missing("EvaluationPeriods")
	case in.ComparisonOperator == nil:
		return missing("ComparisonOperator")
	}
	if err := checkThreshold(in); err != nil {
		return err
	}
	a := &alarm{MetricAlarm: api.MetricAlarm{Period: in.Period, Metrics: in.Metrics}}
	p := a.period()
	if p != 10 && p != 20 && p != 30 && p%60 != 0 {
		return validation("Metrics Period must be 10, 20, 30 or a multiple of 60")
	}
	if err := checkWindow(in.EvaluationWindow, p); err != nil {
		return err
	}
	if err := checkPropagation(in.ActionConfiguration); err != nil {
		return err
	}
	if p*int64(*in.EvaluationPeriods) > longest(p) {
		if longest(p) > 24*3600 {
			return validation("Metrics cannot be checked across more than seven days (EvaluationPeriods * Period must be <= 604800).")
		}
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

// checkPropagation refuses tags that are both in and out. Nobody here is told of
// alarms who would be told of their tags: topics, functions and events are not
// there yet, so there is nothing more to do.
func checkPropagation(s *api.ActionConfiguration) error {
	if s != nil && s.AlarmTagsPropagation != nil && len(s.AlarmTagsPropagation.IncludedTagKeys) > 0 && len(s.AlarmTagsPropagation.ExcludedTagKeys) > 0 {
		return combination("The parameters IncludedTagKeys and ExcludedTagKeys are mutually exclusive and you have specified both.")
	}
	return nil
}

// longest is how many seconds an alarm can look back: a day, or a week where
// its period is an hour or more.
func longest(period int64) int64 {
	if period >= 3600 {
		return 7 * 24 * 3600
	}
	return 24 * 3600
}

// checkOneMetric checks an alarm on one metric.
func checkOneMetric(in *api.PutMetricAlarmInput) error {
	switch {
	case in.MetricName == nil:
		return missing("MetricName")
	case in.Namespace == nil:
		return missing("Namespace")
	case in.Period == nil:
		return missing("Period")
	case in.Statistic == nil && in.ExtendedStatistic == nil:
		return validation("Exactly one of Statistic and ExtendedStatistic must be set.")
	case in.Statistic != nil && in.ExtendedStatistic != nil:
		return combination("The parameters Statistic and ExtendedStatistic are mutually exclusive and you have specified both.")
	case in.ThresholdMetricId != nil:
		return validation("ThresholdMetricId needs an anomaly detection band in Metrics.")
	}
	if in.ExtendedStatistic != nil {
		if _, full, ok := series.ParseStat(*in.ExtendedStatistic); !ok || !full {
			return badValue(*in.ExtendedStatistic, "ExtendedStatistic")
		}
	}
	return nil
}

// checkMath checks an alarm on an expression or a band.
func checkMath(in *api.PutMetricAlarmInput) error {
	for name, there := range map[string]bool{
		"MetricName": in.MetricName != nil, "Namespace": in.Namespace != nil, "Dimensions": len(in.Dimensions) > 0, "Period": in.Period != nil,
		"Unit": in.Unit != nil, "Statistic": in.Statistic != nil, "ExtendedStatistic": in.ExtendedStatistic != nil,
	} {
		if there {
			return combination("The parameters MetricName/Namespace/Dimensions/Period/Unit/Statistic/ExtendedStatistic and Metrics are mutually exclusive and you have specified %s with Metrics.", name)
		}
	}
	if err := checkQueries(in.Metrics); err != nil {
		return err
	}
	if err := checkWatchable(in.Metrics); err != nil {
		return err
	}
	returned := 0
	for _, q := range in.Metrics {
		if cloud.Or(q.ReturnData, true) {
			returned++
		}
	}
	switch {
	case in.ThresholdMetricId == nil && returned != 1:
		return validation("Exactly one element of the metrics list should return data.")
	case in.ThresholdMetricId != nil && returned != 2:
		return validation("Exactly two elements of the metrics list should return data.")
	}
	return nil
}

var bandExpression = regexp.MustCompile(`^\s*ANOMALY_DETECTION_BAND\s*\(`)

// checkThreshold checks that what an alarm compares with fits how it compares.
func checkThreshold(in *api.PutMetricAlarmInput) error {
	band := comparisons[*in.ComparisonOperator].band
	switch {
	case band && in.ThresholdMetricId == nil:
		return validation("Comparison operator %s needs an anomaly detection band.", *in.ComparisonOperator)
	case !band && in.ThresholdMetricId != nil:
		return validation("Comparison operator %s cannot be used with ThresholdMetricId.", *in.ComparisonOperator)
	case band && in.Threshold != nil:
		return combination("The parameters Threshold and ThresholdMetricId are mutually exclusive and you have specified both.")
	case !band && in.Threshold == nil:
		return missing("Threshold")
	case !band:
		return nil
	}
	for _, q := range in.Metrics {
		if q.Id == *in.ThresholdMetricId {
			if bandExpression.MatchString(cloud.Or(q.Expression, "")) && cloud.Or(q.ReturnData, true) {
				return nil
			}
			return validation("ThresholdMetricId %s must refer to an ANOMALY_DETECTION_BAND expression that returns data.", q.Id)
		}
	}
	return validation("ThresholdMetricId %s does not match any Id in Metrics.", *in.ThresholdMetricId)
}

var actionForm = regexp.MustCompile(`^arn:[a-z0-9-]+:[a-z0-9-]+:[a-z0-9-]*:[^:]*:.+$`)

// checkActions checks what an alarm is to do.
func checkActions(c *cloud.Call, a *alarm) error {
	for _, list := range [][]string{a.OKActions, a.AlarmActions, a.InsufficientDataActions} {
		for i, action := range list {
			kind := actionKind(action)
			switch {
			case !actionForm.MatchString(action) || kind == "":
				return validation("Invalid arn syntax: %s", action)
			case slices.Contains(list[:i], action):
				return validation("Duplicate alarm actions are not allowed: %s", action)
			case a.Composite != nil && (kind == ofInstance || kind == ofScaling):
				return validation("Composite alarms do not support the action %s", action)
			case kind == ofInstance && a.instance() == "" && !slices.Contains(a.groups(), "InstanceId"):
				return validation("The action %s needs an alarm on a metric with the dimension InstanceId.", action)
			}
		}
	}
	return nil
}

// instance is the id of the instance whose metric an alarm watches.
func (a *alarm) instance() string {
	dims := slices.Clone(a.Dimensions)
	for _, q := range a.Metrics {
		if q.MetricStat != nil {
			dims = append(dims, q.MetricStat.Metric.Dimensions...)
		}
	}
	for _, d := range dims {
		if d.Name == "InstanceId" {
			return d.Value
		}
	}
	return ""
}

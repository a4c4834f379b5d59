package scale

import (
	"time"

	"pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/store"
)

// watchController puts alarms of target tracking policies back as they were:
// they belong to their policy, whoever edits or deletes them.
const watchController = "autoscaling.alarms"

// watchEvery is how often it looks.
const watchEvery = 5 * time.Minute

func watch(c *cloud.Call, key store.Key) error {
	return c.Update(func(tx store.Tx) error {
		p, ok := policies.Get(tx, key...)
		if !ok || p.High == "" {
			return nil
		}
		tx.After(c.Now.Add(watchEvery), watchController, key)
		for _, want := range p.guards() {
			as := p.linked(c, tx)
			out, err := cloudwatch.DescribeAlarms.Call(as, &cloudwatch.DescribeAlarmsInput{AlarmNames: []string{want.AlarmName}})
			if err != nil {
				return err
			}
			if len(out.MetricAlarms) == 1 && intact(&out.MetricAlarms[0], want) {
				continue
			}
			if _, err := cloudwatch.PutMetricAlarm.Call(as, want); err != nil {
				return err
			}
		}
		return nil
	})
}

// intact tells whether an alarm still is what a policy needs. Its actions may
// be switched off and others added.
func intact(is *cloudwatch.MetricAlarm, want *cloudwatch.PutMetricAlarmInput) bool {
	for _, action := range is.AlarmActions {
		if action == want.AlarmActions[0] {
			return same(is.Threshold, want.Threshold) && same(is.EvaluationPeriods, want.EvaluationPeriods) && same(is.Period, want.Period) &&
				same(is.ComparisonOperator, want.ComparisonOperator) && same(is.MetricName, want.MetricName) && same(is.Statistic, want.Statistic) &&
				len(is.Dimensions) == len(want.Dimensions) && len(is.Metrics) == len(want.Metrics)
		}
	}
	return false
}

func same[T comparable](a, b *T) bool { return a == b || a != nil && b != nil && *a == *b }

package cloudwatch

import (
	"strings"
	"time"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/store"
)

// alarm watches a metric, a band of one or an expression over some, or, where
// it is composite, other alarms. What all alarms have lies in MetricAlarm.
type alarm struct {
	Account, Region string
	api.MetricAlarm
	Tags      map[string]string
	Composite *composite
	// Muted is the mute rule that has held back the actions of the alarm's
	// state.
	Muted string
	// Warming is since when the alarm warms up; zero where it does not, or is
	// done with it.
	Warming time.Time
	// Contributors are the series of an alarm on a query with GROUP BY, by their
	// ids, in the states that they have of their own.
	Contributors []contributor
}

var alarms = &store.Table[alarm]{Name: "cloudwatch.alarm", Key: (*alarm).key}

// maxAlarms is how many alarms an account can have in a region.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html
const maxAlarms = 5000

func (a *alarm) key() store.Key { return store.K(a.Account, a.Region, *a.AlarmName) }

func alarmARN(c *cloud.Call, name string) string { return c.ARN("cloudwatch", "alarm:"+name) }

// alarmName is the name of an alarm of the account and region, given as a name
// or an ARN.
func alarmName(c *cloud.Call, ref string) string { return strings.TrimPrefix(ref, alarmARN(c, "")) }

// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
func putMetricAlarm(c *cloud.Call, tx store.Tx, in *api.PutMetricAlarmInput) (*cloud.Empty, error) {
	if err := checkAlarm(in); err != nil {
		return nil, err
	}
	a := &alarm{Account: c.Account, Region: c.Region}
	a.MetricAlarm = api.MetricAlarm{
		AlarmName: &in.AlarmName, AlarmDescription: in.AlarmDescription, ActionsEnabled: new(cloud.Or(in.ActionsEnabled, true)),
		OKActions: in.OKActions, AlarmActions: in.AlarmActions, InsufficientDataActions: in.InsufficientDataActions,
		MetricName: in.MetricName, Namespace: in.Namespace, Statistic: in.Statistic, ExtendedStatistic: in.ExtendedStatistic,
		Dimensions: in.Dimensions, Period: in.Period, Unit: in.Unit, EvaluationPeriods: in.EvaluationPeriods,
		DatapointsToAlarm: in.DatapointsToAlarm, Threshold: in.Threshold, ComparisonOperator: in.ComparisonOperator,
		TreatMissingData: in.TreatMissingData, EvaluateLowSampleCountPercentile: in.EvaluateLowSampleCountPercentile,
		Metrics: in.Metrics, ThresholdMetricId: in.ThresholdMetricId,
		EvaluationWindow: in.EvaluationWindow, WarmUpConfiguration: in.WarmUpConfiguration, ActionConfiguration: in.ActionConfiguration,
	}
	if in.ThresholdMetricId != nil {
		if err := detectBands(c, tx, in.Metrics); err != nil {
			return nil, err
		}
	}
	if err := putAlarm(c, tx, a, in.Tags); err != nil {
		return nil, err
	}
	tx.After(c.Now, evaluateController, a.key())
	tx.After(nextTick(c.Now, c.Now, a.every() < tickEach), tickController, tickKey())
	return &cloud.Empty{}, nil
}

// putAlarm makes an alarm, or changes one, which keeps its state and tags.
func putAlarm(c *cloud.Call, tx store.Tx, a *alarm, tags []api.Tag) error {
	name := *a.AlarmName
	if err := checkActions(c, a); err != nil {
		return err
	}
	a.AlarmArn, a.Tags = new(alarmARN(c, name)), tagMap(tags)
	a.AlarmConfigurationUpdatedTimestamp = &c.Now
	a.StateValue, a.StateReason = new(api.StateValueInsufficientData), new("Unchecked: Initial alarm creation")
	a.StateUpdatedTimestamp, a.StateTransitionedTimestamp = &c.Now, &c.Now
	old, ok := alarms.Get(tx, a.key()...)
	kind := "Create"
	a.warmUp(c, old)
	if ok {
		if (old.Composite == nil) != (a.Composite == nil) {
			return validation("Alarm %s already exists with a different alarm type.", name)
		}
		a.Tags, a.StateValue, a.StateReason, a.StateReasonData = old.Tags, old.StateValue, old.StateReason, old.StateReasonData
		a.Contributors = old.Contributors
		a.StateUpdatedTimestamp, a.StateTransitionedTimestamp, a.Muted = old.StateUpdatedTimestamp, old.StateTransitionedTimestamp, old.Muted
		if k := a.Composite; k != nil && k.Suppressor == old.Composite.Suppressor {
			k.By, k.Until, k.Held = old.Composite.By, old.Composite.Until, old.Composite.Held
		}
		kind = "Update"
	} else if alarms.Count(tx, c.Account, c.Region) >= maxAlarms {
		return api.ErrLimitExceededFault.New("The maximum limit of %d alarms is exceeded.", maxAlarms)
	}
	alarms.Put(tx, a)
	recordConfiguration(c, tx, a, kind)
	return nil
}

// deleteAlarms removes alarms. A composite alarm keeps what it watches from
// being removed.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DeleteAlarms.html
func deleteAlarms(c *cloud.Call, tx store.Tx, in *api.DeleteAlarmsInput) (*cloud.Empty, error) {
	doomed, composites := map[string]*alarm{}, 0
	for _, name := range in.AlarmNames {
		if a, ok := alarms.Get(tx, c.Account, c.Region, name); ok && doomed[name] == nil {
			doomed[name] = a
			if a.Composite != nil {
				composites++
			}
		}
	}
	if composites > 1 {
		return nil, validation("Only one composite alarm can be deleted in one operation.")
	}
	for name := range doomed {
		for p := range dependents(c, tx, name) {
			if doomed[*p.AlarmName] == nil || *p.AlarmName == name { // one that names itself, too
				return nil, validation("Cannot delete %s as there are composite alarm(s) depending on it.", name)
			}
		}
	}
	for name, a := range doomed {
		recordConfiguration(c, tx, a, "Delete")
		alarms.Delete(tx, c.Account, c.Region, name)
	}
	return &cloud.Empty{}, nil
}

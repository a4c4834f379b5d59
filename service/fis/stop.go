package fis

import (
	"pileus/api/cloudwatch"
	api "pileus/api/fis"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// Where a stop condition looks.
const (
	sourceNone  = "none"
	sourceAlarm = "aws:cloudwatch:alarm"
)

// watch ends the experiment where the safety lever is engaged or an alarm of a
// stop condition is in alarm.
func (t *turn) watch() error {
	engaged := false
	err := t.c.View(func(r store.Reader) error {
		engaged = leverOf(t.c, r).engaged()
		return nil
	})
	if err != nil {
		return err
	}
	if engaged {
		t.end(api.ExperimentStatusStopped, "Experiment stopped: the safety lever is engaged.")
		return nil
	}
	watched := false
	for _, stop := range t.StopConditions {
		if *stop.Source != sourceAlarm {
			continue
		}
		watched = true
		state, err := alarmState(identity.AsAccount(t.c), *stop.Value)
		if refused, why := refusal(err); refused {
			t.fail(err, "", "Unable to read the stop condition: "+why)
			return nil
		}
		if err != nil {
			return err
		}
		if state == cloudwatch.StateValueAlarm {
			t.end(api.ExperimentStatusStopped, "Experiment halted by stop condition.")
			return nil
		}
	}
	if watched {
		t.lookAt(t.c.Now.Add(looks))
	}
	return nil
}

// alarmState is the state of an alarm by its ARN.
func alarmState(c *cloud.Call, arn string) (string, error) {
	a, _ := cloud.ParseARN(arn)
	name := alarmName(arn)
	if a.Region != "" {
		c = c.In(c.Account, a.Region)
	}
	out, err := cloudwatch.DescribeAlarms.Call(c, &cloudwatch.DescribeAlarmsInput{
		AlarmNames: []string{name}, AlarmTypes: []string{cloudwatch.AlarmTypeMetricAlarm, cloudwatch.AlarmTypeCompositeAlarm},
	})
	if err != nil {
		return "", err
	}
	for _, x := range out.MetricAlarms {
		return cloud.Or(x.StateValue, ""), nil
	}
	for _, x := range out.CompositeAlarms {
		return cloud.Or(x.StateValue, ""), nil
	}
	return "", errInvalid("The alarm %s does not exist.", arn)
}

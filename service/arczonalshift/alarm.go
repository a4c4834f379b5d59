package arczonalshift

import (
	"strings"

	api "pileus/api/arczonalshift"
	"pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/identity"
)

// practiceService is what watches alarms during practice runs, through a
// service-linked role.
// https://docs.aws.amazon.com/r53recovery/latest/dg/using-service-linked-roles-zonal-autoshift.html
const practiceService = "practice-run.arc-zonal-shift.amazonaws.com"

// states are the states of alarms by their ARNs; one that does not exist is not
// among them.
func states(c *cloud.Call, conditions []api.ControlCondition) (map[string]string, error) {
	found := map[string]string{}
	for _, x := range conditions {
		a, _ := cloud.ParseARN(x.AlarmIdentifier)
		at := identity.AsLinked(c.In(c.Account, a.Region), practiceService)
		out, err := cloudwatch.DescribeAlarms.Call(at, &cloudwatch.DescribeAlarmsInput{
			AlarmNames: []string{strings.TrimPrefix(a.Resource, "alarm:")},
			AlarmTypes: []string{cloudwatch.AlarmTypeMetricAlarm, cloudwatch.AlarmTypeCompositeAlarm},
		})
		if err != nil {
			return nil, err
		}
		for _, m := range out.MetricAlarms {
			found[x.AlarmIdentifier] = cloud.Or(m.StateValue, "")
		}
		for _, m := range out.CompositeAlarms {
			found[x.AlarmIdentifier] = cloud.Or(m.StateValue, "")
		}
	}
	return found, nil
}

// red tells whether one of the alarms is in alarm.
func red(c *cloud.Call, conditions []api.ControlCondition) (bool, error) {
	found, err := states(c, conditions)
	for _, state := range found {
		if state == cloudwatch.StateValueAlarm {
			return true, err
		}
	}
	return false, err
}

// checkAlarms refuses alarms that there are not.
func checkAlarms(c *cloud.Call, p *api.PracticeRunConfiguration) error {
	for _, list := range [][]api.ControlCondition{p.OutcomeAlarms, p.BlockingAlarms} {
		for _, x := range list {
			a, ok := cloud.ParseARN(x.AlarmIdentifier)
			if !ok || a.Service != "cloudwatch" || a.Account != c.Account || !strings.HasPrefix(a.Resource, "alarm:") {
				return errInvalid(api.ValidationExceptionReasonInvalidAlarmCondition, "The alarm identifier %s is not the ARN of a CloudWatch alarm of this account.", x.AlarmIdentifier)
			}
		}
		found, err := states(c, list)
		if err != nil {
			return err
		}
		for _, x := range list {
			if found[x.AlarmIdentifier] == "" {
				return errInvalid(api.ValidationExceptionReasonInvalidAlarmCondition, "The CloudWatch alarm %s does not exist.", x.AlarmIdentifier)
			}
		}
	}
	return nil
}

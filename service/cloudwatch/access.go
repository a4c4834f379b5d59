package cloudwatch

import (
	"slices"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/store"
)

// access declares what each operation needs.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html
func access() []cloud.Access {
	return []cloud.Access{
		onAlarms(&api.DeleteAlarms, func(in *api.DeleteAlarmsInput) []string { return in.AlarmNames }),
		onAlarms(&api.DisableAlarmActions, func(in *api.DisableAlarmActionsInput) []string { return in.AlarmNames }),
		onAlarms(&api.EnableAlarmActions, func(in *api.EnableAlarmActionsInput) []string { return in.AlarmNames }),
		onAlarms(&api.SetAlarmState, func(in *api.SetAlarmStateInput) []string { return []string{in.AlarmName} }),
		onStreams(&api.DeleteMetricStream, func(in *api.DeleteMetricStreamInput) []string { return []string{in.Name} }),
		onStreams(&api.GetMetricStream, func(in *api.GetMetricStreamInput) []string { return []string{in.Name} }),
		onStreams(&api.StartMetricStreams, func(in *api.StartMetricStreamsInput) []string { return in.Names }),
		onStreams(&api.StopMetricStreams, func(in *api.StopMetricStreamsInput) []string { return in.Names }),
		api.ListMetricStreams.Needs("cloudwatch:ListMetricStreams", nil),
		api.PutMetricStream.Decides([]string{"cloudwatch:PutMetricStream", "cloudwatch:TagResource", "iam:PassRole"}, checkPutStream),
		api.GetOTelEnrichment.Needs("cloudwatch:GetOTelEnrichment", nil),
		api.StartOTelEnrichment.Needs("cloudwatch:StartOTelEnrichment", nil),
		api.StopOTelEnrichment.Needs("cloudwatch:StopOTelEnrichment", nil),
		api.UpdateOTelEnrichment.Needs("cloudwatch:UpdateOTelEnrichment", nil),
		onMuteRule(&api.DeleteAlarmMuteRule, func(in *api.DeleteAlarmMuteRuleInput) string { return in.AlarmMuteRuleName }),
		onMuteRule(&api.GetAlarmMuteRule, func(in *api.GetAlarmMuteRuleInput) string { return in.AlarmMuteRuleName }),
		api.ListAlarmMuteRules.Needs("cloudwatch:ListAlarmMuteRules", nil),
		api.PutAlarmMuteRule.Decides([]string{"cloudwatch:PutAlarmMuteRule", "cloudwatch:TagResource"}, checkPutMuteRule),
		onAlarms(&api.DescribeAlarmContributors, func(in *api.DescribeAlarmContributorsInput) []string { return []string{in.AlarmName} }),
		onAlarms(&api.DescribeAlarmHistory, func(in *api.DescribeAlarmHistoryInput) []string { return []string{cloud.Or(in.AlarmName, "*")} }),
		api.DescribeAlarms.Needs("cloudwatch:DescribeAlarms", func(c *cloud.Call, _ store.Reader, _ *api.DescribeAlarmsInput) (cloud.Resource, error) {
			return cloud.Resource{ARN: alarmARN(c, "*")}, nil
		}),
		api.DescribeAlarmsForMetric.Needs("cloudwatch:DescribeAlarmsForMetric", nil),
		api.PutMetricAlarm.Decides([]string{"cloudwatch:PutMetricAlarm", "cloudwatch:TagResource"}, func(c *cloud.Call, r store.Reader, in *api.PutMetricAlarmInput) ([]cloud.Check, error) {
			return checkPutAlarm(c, r, "cloudwatch:PutMetricAlarm", in.AlarmName, in.Tags, in.AlarmActions, in.OKActions, in.InsufficientDataActions), nil
		}),
		api.PutCompositeAlarm.Decides([]string{"cloudwatch:PutCompositeAlarm", "cloudwatch:TagResource"}, func(c *cloud.Call, r store.Reader, in *api.PutCompositeAlarmInput) ([]cloud.Check, error) {
			return checkPutAlarm(c, r, "cloudwatch:PutCompositeAlarm", in.AlarmName, in.Tags, in.AlarmActions, in.OKActions, in.InsufficientDataActions), nil
		}),
		onTagged(&api.ListTagsForResource, func(in *api.ListTagsForResourceInput) (string, cloud.Keys) { return in.ResourceARN, nil }),
		onTagged(&api.TagResource, func(in *api.TagResourceInput) (string, cloud.Keys) {
			return in.ResourceARN, cloud.TagKeys(tagMap(in.Tags))
		}),
		onTagged(&api.UntagResource, func(in *api.UntagResourceInput) (string, cloud.Keys) {
			return in.ResourceARN, cloud.Keys{"aws:tagkeys": in.TagKeys}
		}),
		onDashboards(&api.DeleteDashboards, func(in *api.DeleteDashboardsInput) []string { return in.DashboardNames }),
		onDashboards(&api.GetDashboard, func(in *api.GetDashboardInput) []string { return []string{in.DashboardName} }),
		api.PutDashboard.Decides([]string{"cloudwatch:PutDashboard", "cloudwatch:TagResource"}, checkPutDashboard),
		api.ListDashboards.Needs("cloudwatch:ListDashboards", nil),
		onRules(&api.DeleteInsightRules, func(in *api.DeleteInsightRulesInput) []string { return in.RuleNames }),
		onRules(&api.DisableInsightRules, func(in *api.DisableInsightRulesInput) []string { return in.RuleNames }),
		onRules(&api.EnableInsightRules, func(in *api.EnableInsightRulesInput) []string { return in.RuleNames }),
		onRules(&api.GetInsightRuleReport, func(in *api.GetInsightRuleReportInput) []string { return []string{in.RuleName} }),
		api.DescribeInsightRules.Needs("cloudwatch:DescribeInsightRules", nil),
		api.ListManagedInsightRules.Needs("cloudwatch:ListManagedInsightRules", nil),
		api.PutInsightRule.Decides([]string{"cloudwatch:PutInsightRule", "cloudwatch:TagResource"}, checkPutRule),
		api.PutManagedInsightRules.Decides([]string{"cloudwatch:PutManagedInsightRules"}, checkManagedRules),
		api.PutAnomalyDetector.Needs("cloudwatch:PutAnomalyDetector", nil),
		api.DeleteAnomalyDetector.Needs("cloudwatch:DeleteAnomalyDetector", nil),
		api.DescribeAnomalyDetectors.Needs("cloudwatch:DescribeAnomalyDetectors", nil),
		api.GetMetricData.Needs("cloudwatch:GetMetricData", nil),
		api.GetMetricWidgetImage.Needs("cloudwatch:GetMetricWidgetImage", nil),
		api.GetMetricStatistics.Needs("cloudwatch:GetMetricStatistics", nil),
		api.ListMetrics.Needs("cloudwatch:ListMetrics", nil),
		api.PutMetricData.Decides([]string{"cloudwatch:PutMetricData"}, func(_ *cloud.Call, _ store.Reader, in *api.PutMetricDataInput) ([]cloud.Check, error) {
			return []cloud.Check{{Action: "cloudwatch:PutMetricData", Resource: cloud.Resource{ARN: "*"}, Keys: cloud.Keys{"cloudwatch:namespace": {in.Namespace}}}}, nil
		}),
	}
}

// onAlarms declares an operation on alarms by name.
func onAlarms[In, Out any](o *cloud.Op[In, Out], names func(In) []string) cloud.Access {
	action := "cloudwatch:" + o.Name
	return o.Decides([]string{action}, func(c *cloud.Call, r store.Reader, in In) (checks []cloud.Check, err error) {
		for _, name := range names(in) {
			checks = append(checks, cloud.Check{Action: action, Resource: alarmResource(c, r, name)})
		}
		if len(checks) == 0 {
			checks = []cloud.Check{{Action: action, Resource: cloud.Resource{ARN: alarmARN(c, "*")}}}
		}
		return checks, nil
	})
}

func alarmResource(c *cloud.Call, r store.Reader, name string) cloud.Resource {
	res := cloud.Resource{ARN: alarmARN(c, name)}
	if a, ok := alarms.Get(r, c.Account, c.Region, name); ok {
		res.Tags = a.Tags
	}
	return res
}

// checkPutAlarm also needs to tag, where an alarm begins with tags.
func checkPutAlarm(c *cloud.Call, r store.Reader, action, name string, tags []api.Tag, actions ...[]string) []cloud.Check {
	keys := cloud.TagKeys(tagMap(tags))
	if all := slices.Concat(actions...); len(all) > 0 {
		keys["cloudwatch:alarmactions"] = all
	}
	res := alarmResource(c, r, name)
	checks := []cloud.Check{{Action: action, Resource: res, Keys: keys}}
	if len(tags) > 0 {
		checks = append(checks, cloud.Check{Action: "cloudwatch:TagResource", Resource: res, Keys: keys})
	}
	return checks
}

// onTagged declares an operation on the tags of what has an ARN.
func onTagged[In, Out any](o *cloud.Op[In, Out], of func(In) (arn string, keys cloud.Keys)) cloud.Access {
	action := "cloudwatch:" + o.Name
	return o.Decides([]string{action}, func(c *cloud.Call, r store.Reader, in In) ([]cloud.Check, error) {
		arn, keys := of(in)
		a, err := tagged(c, r, arn)
		if err != nil {
			return nil, err
		}
		return []cloud.Check{{Action: action, Resource: cloud.Resource{ARN: arn, Tags: a.Tags}, Keys: keys}}, nil
	})
}

// onDashboards declares an operation on dashboards by name.
func onDashboards[In, Out any](o *cloud.Op[In, Out], names func(In) []string) cloud.Access {
	action := "cloudwatch:" + o.Name
	return o.Decides([]string{action}, func(c *cloud.Call, _ store.Reader, in In) (checks []cloud.Check, err error) {
		for _, name := range names(in) {
			checks = append(checks, cloud.Check{Action: action, Resource: cloud.Resource{ARN: dashboardARN(c, name)}})
		}
		if len(checks) == 0 {
			checks = []cloud.Check{{Action: action, Resource: cloud.Resource{ARN: dashboardARN(c, "*")}}}
		}
		return checks, nil
	})
}

// tagMap is a request's tags by key.
func tagMap(tags []api.Tag) map[string]string {
	m := make(map[string]string, len(tags))
	for _, t := range tags {
		m[t.Key] = t.Value
	}
	return m
}

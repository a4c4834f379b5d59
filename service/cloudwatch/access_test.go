package cloudwatch

import (
	"testing"
	"time"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/node/nodetest"
)

// trial runs one operation as somebody.
type trial func(c *cloud.Call) error

func of[In, Out any](op *cloud.Op[In, Out], in In) trial {
	return func(c *cloud.Call) error {
		_, err := op.Call(c, in)
		return err
	}
}

// unless takes a refusal of a kind for a success: it comes after authorisation.
func unless(kind *cloud.ErrorKind, err error) error {
	if kind.Is(err) {
		return nil
	}
	return err
}

// trials are all operations that there are.
func trials(now time.Time) map[string]trial {
	const arn = "arn:aws:cloudwatch:" + nodetest.Region + ":" + nodetest.Account + ":alarm:a"
	return map[string]trial{
		"DeleteDashboards":          of(&api.DeleteDashboards, &api.DeleteDashboardsInput{DashboardNames: []string{"doomed"}}),
		"GetDashboard":              of(&api.GetDashboard, &api.GetDashboardInput{DashboardName: "d"}),
		"ListDashboards":            of(&api.ListDashboards, &api.ListDashboardsInput{}),
		"PutDashboard":              of(&api.PutDashboard, &api.PutDashboardInput{DashboardName: "d", DashboardBody: "{}"}),
		"ListTagsForResource":       of(&api.ListTagsForResource, &api.ListTagsForResourceInput{ResourceARN: arn}),
		"TagResource":               of(&api.TagResource, &api.TagResourceInput{ResourceARN: arn, Tags: []api.Tag{{Key: "k", Value: "v"}}}),
		"UntagResource":             of(&api.UntagResource, &api.UntagResourceInput{ResourceARN: arn, TagKeys: []string{"k"}}),
		"DeleteAlarms":              of(&api.DeleteAlarms, &api.DeleteAlarmsInput{AlarmNames: []string{"doomed"}}),
		"DescribeAlarmContributors": of(&api.DescribeAlarmContributors, &api.DescribeAlarmContributorsInput{AlarmName: "a"}),
		"DeleteAlarmMuteRule":       of(&api.DeleteAlarmMuteRule, &api.DeleteAlarmMuteRuleInput{AlarmMuteRuleName: "doomed"}),
		"GetAlarmMuteRule":          of(&api.GetAlarmMuteRule, &api.GetAlarmMuteRuleInput{AlarmMuteRuleName: "quiet"}),
		"ListAlarmMuteRules":        of(&api.ListAlarmMuteRules, &api.ListAlarmMuteRulesInput{}),
		"PutAlarmMuteRule":          of(&api.PutAlarmMuteRule, quiet("new")),
		"DeleteMetricStream":        of(&api.DeleteMetricStream, &api.DeleteMetricStreamInput{Name: "doomed"}),
		"GetMetricStream":           of(&api.GetMetricStream, &api.GetMetricStreamInput{Name: "s"}),
		"ListMetricStreams":         of(&api.ListMetricStreams, &api.ListMetricStreamsInput{}),
		"PutMetricStream":           of(&api.PutMetricStream, stream("new")),
		"StartMetricStreams":        of(&api.StartMetricStreams, &api.StartMetricStreamsInput{Names: []string{"s"}}),
		"StopMetricStreams":         of(&api.StopMetricStreams, &api.StopMetricStreamsInput{Names: []string{"s"}}),
		"GetOTelEnrichment":         of(&api.GetOTelEnrichment, &api.GetOTelEnrichmentInput{}),
		"StartOTelEnrichment":       of(&api.StartOTelEnrichment, &api.StartOTelEnrichmentInput{}),
		"UpdateOTelEnrichment": func(c *cloud.Call) error {
			return unless(api.ErrResourceNotFoundException, of(&api.UpdateOTelEnrichment, &api.UpdateOTelEnrichmentInput{})(c))
		},
		"StopOTelEnrichment":      of(&api.StopOTelEnrichment, &api.StopOTelEnrichmentInput{}),
		"PutCompositeAlarm":       of(&api.PutCompositeAlarm, &api.PutCompositeAlarmInput{AlarmName: "both", AlarmRule: "ALARM(a)"}),
		"DescribeAlarmHistory":    of(&api.DescribeAlarmHistory, &api.DescribeAlarmHistoryInput{}),
		"DescribeAlarms":          of(&api.DescribeAlarms, &api.DescribeAlarmsInput{}),
		"DescribeAlarmsForMetric": of(&api.DescribeAlarmsForMetric, &api.DescribeAlarmsForMetricInput{Namespace: ns, MetricName: "load"}),
		"DisableAlarmActions":     of(&api.DisableAlarmActions, &api.DisableAlarmActionsInput{AlarmNames: []string{"a"}}),
		"EnableAlarmActions":      of(&api.EnableAlarmActions, &api.EnableAlarmActionsInput{AlarmNames: []string{"a"}}),
		"PutMetricAlarm":          of(&api.PutMetricAlarm, watch("new", 1, 1, "")),
		"SetAlarmState":           of(&api.SetAlarmState, &api.SetAlarmStateInput{AlarmName: "a", StateValue: "OK", StateReason: "by hand"}),
		"GetMetricData": of(&api.GetMetricData, &api.GetMetricDataInput{StartTime: now, EndTime: now.Add(time.Hour), MetricDataQueries: []api.MetricDataQuery{
			{Id: "m", MetricStat: &api.MetricStat{Metric: api.Metric{Namespace: new(ns), MetricName: new("m")}, Period: 60, Stat: "Sum"}}}}),
		"GetMetricWidgetImage":     of(&api.GetMetricWidgetImage, &api.GetMetricWidgetImageInput{MetricWidget: `{"metrics":[["Shop","m"]]}`}),
		"DeleteInsightRules":       of(&api.DeleteInsightRules, &api.DeleteInsightRulesInput{RuleNames: []string{"doomed"}}),
		"DescribeInsightRules":     of(&api.DescribeInsightRules, &api.DescribeInsightRulesInput{}),
		"DisableInsightRules":      of(&api.DisableInsightRules, &api.DisableInsightRulesInput{RuleNames: []string{"r"}}),
		"EnableInsightRules":       of(&api.EnableInsightRules, &api.EnableInsightRulesInput{RuleNames: []string{"r"}}),
		"GetInsightRuleReport":     of(&api.GetInsightRuleReport, &api.GetInsightRuleReportInput{RuleName: "r", StartTime: now, EndTime: now.Add(time.Hour), Period: 60}),
		"ListManagedInsightRules":  of(&api.ListManagedInsightRules, &api.ListManagedInsightRulesInput{ResourceARN: endpointService}),
		"PutInsightRule":           of(&api.PutInsightRule, &api.PutInsightRuleInput{RuleName: "s", RuleDefinition: ruleText}),
		"PutManagedInsightRules":   of(&api.PutManagedInsightRules, &api.PutManagedInsightRulesInput{ManagedRules: []api.ManagedRule{{TemplateName: "VpcEndpointService-BytesByEndpointId-v1", ResourceARN: endpointService}}}),
		"PutAnomalyDetector":       of(&api.PutAnomalyDetector, &api.PutAnomalyDetectorInput{SingleMetricAnomalyDetector: watching("m")}),
		"DeleteAnomalyDetector":    of(&api.DeleteAnomalyDetector, &api.DeleteAnomalyDetectorInput{SingleMetricAnomalyDetector: watching("doomed")}),
		"DescribeAnomalyDetectors": of(&api.DescribeAnomalyDetectors, &api.DescribeAnomalyDetectorsInput{}),
		"GetMetricStatistics":      of(&api.GetMetricStatistics, &api.GetMetricStatisticsInput{Namespace: ns, MetricName: "m", StartTime: now, EndTime: now.Add(time.Hour), Period: 60, Statistics: []string{"Sum"}}),
		"ListMetrics":              of(&api.ListMetrics, &api.ListMetricsInput{}),
		"PutMetricData":            of(&api.PutMetricData, &api.PutMetricDataInput{Namespace: ns, MetricData: []api.MetricDatum{{MetricName: "m", Value: new(1.0)}}}),
	}
}

func TestAccess(t *testing.T) {
	w := nodetest.New(t, Module())
	prepare(w)
	table := trials(w.Now())
	for _, b := range Module().Operations {
		name := b.Op.Name
		try, ok := table[name]
		if !ok {
			t.Errorf("%s has no trial", name)
			continue
		}
		err := try(w.As(w.User("no-"+name, nodetest.Allow("cloudwatch:Nothing"))))
		if e, ok := err.(*cloud.Error); !ok || e.Code != "AccessDenied" && e.Code != "AccessDeniedException" {
			t.Errorf("%s without leave: %v", name, err)
		}
		if err := try(w.As(w.User("yes-"+name, nodetest.Allow("cloudwatch:"+name, "cloudwatch:TagResource", "iam:PassRole")))); err != nil {
			t.Errorf("%s with leave: %v", name, err)
		}
	}
}

func prepare(w *nodetest.World) {
	for _, name := range []string{"r", "doomed"} {
		nodetest.Do(w, &api.PutInsightRule, &api.PutInsightRuleInput{RuleName: name, RuleDefinition: ruleText})
	}
	nodetest.Do(w, &api.PutAnomalyDetector, &api.PutAnomalyDetectorInput{SingleMetricAnomalyDetector: watching("doomed")})
	for _, name := range []string{"d", "doomed"} {
		nodetest.Do(w, &api.PutDashboard, &api.PutDashboardInput{DashboardName: name, DashboardBody: `{"widgets":[]}`})
	}
	nodetest.Do(w, &api.PutMetricAlarm, watch("a", 1, 1, ""))
	nodetest.Do(w, &api.PutMetricAlarm, watch("doomed", 1, 1, ""))
	nodetest.Do(w, &api.PutAlarmMuteRule, quiet("quiet"))
	nodetest.Do(w, &api.PutMetricStream, stream("s"))
}

func quiet(name string) *api.PutAlarmMuteRuleInput {
	return &api.PutAlarmMuteRuleInput{Name: name, Rule: api.Rule{Schedule: api.Schedule{Expression: "cron(0 2 * * *)", Duration: "PT1H"}}, MuteTargets: &api.MuteTargets{AlarmNames: []string{"a"}}}
}

func TestNamespaceCondition(t *testing.T) {
	w := nodetest.New(t, Module())
	u := w.As(w.User("shop", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"cloudwatch:PutMetricData","Resource":"*","Condition":{"StringEquals":{"cloudwatch:namespace":"Shop"}}}]}`))
	in := &api.PutMetricDataInput{Namespace: ns, MetricData: []api.MetricDatum{{MetricName: "m", Value: new(1.0)}}}
	if err := of(&api.PutMetricData, in)(u); err != nil {
		t.Error(err)
	}
	in.Namespace = "Other"
	if err := of(&api.PutMetricData, in)(u); err == nil {
		t.Error("another namespace is allowed")
	}
}

func stream(name string) *api.PutMetricStreamInput {
	return &api.PutMetricStreamInput{Name: name, OutputFormat: "json", FirehoseArn: "arn:aws:firehose:us-east-1:000000000000:deliverystream/d", RoleArn: "arn:aws:iam::000000000000:role/r"}
}

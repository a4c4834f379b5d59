// Package cloudwatch is CloudWatch: metrics, what can be asked of them, and
// alarms that watch them.
//
//	metric.go, put.go, list.go   metrics and their publication
//	statistics.go, data.go       what can be asked of them
//	sample.go                    what services publish, and the tick of all alarms
//	fold.go                      retention
//	alarm.go, evaluate.go        alarms and how they are evaluated
//	composite.go                 alarms on alarms
//	change.go, action.go         changes of state, and what is done on them
//	mute.go                      times in which nothing is done
//	stream.go                    metric streams
//	history.go                   what happened to alarms
//	tag.go, usage.go             tags, and what is billed
//	dashboard.go                 dashboards
//	math_*.go                    metric math in queries
//	anomaly*.go                  what is to be expected of a metric
//	insight*.go                  Contributor Insights
//	widget*.go                   graphs, as images and in dashboards
//	series                       how points are kept
//	math                         the language of metric math
//	picture                      charts
package cloudwatch

import (
	"context"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/store"
)

// Module lists what the service offers; see cloud.Module.
func Module() cloud.Module {
	reset := func() {}
	return cloud.Module{
		API: &api.Service,
		Operations: metered([]cloud.Binding{
			api.DeleteAlarmMuteRule.Update(deleteAlarmMuteRule),
			api.DeleteAlarms.Update(deleteAlarms),
			api.DeleteDashboards.Update(deleteDashboards),
			api.DeleteMetricStream.Update(deleteMetricStream),
			api.DescribeAlarmContributors.View(describeAlarmContributors),
			api.DeleteInsightRules.Update(deleteInsightRules),
			api.DescribeInsightRules.View(describeInsightRules),
			api.DisableInsightRules.Update(disableInsightRules),
			api.EnableInsightRules.Update(enableInsightRules),
			api.GetInsightRuleReport.View(getInsightRuleReport).Partial("reports are empty: there is no CloudWatch Logs whose events rules could read"),
			api.ListManagedInsightRules.View(listManagedInsightRules),
			api.PutInsightRule.Update(putInsightRule).Partial("rules are checked and kept, but there is no CloudWatch Logs whose events they could read"),
			api.PutManagedInsightRules.Update(putManagedInsightRules).Partial("rules are kept, but no service publishes events for them"),
			api.DeleteAnomalyDetector.Update(deleteAnomalyDetector),
			api.DescribeAnomalyDetectors.View(describeAnomalyDetectors),
			api.PutAnomalyDetector.Update(putAnomalyDetector),
			api.DescribeAlarmHistory.View(describeAlarmHistory),
			api.DescribeAlarms.View(describeAlarms),
			api.DescribeAlarmsForMetric.View(describeAlarmsForMetric),
			api.DisableAlarmActions.Update(disableAlarmActions),
			api.EnableAlarmActions.Update(enableAlarmActions),
			api.GetAlarmMuteRule.View(getAlarmMuteRule),
			api.GetDashboard.View(getDashboard),
			api.GetMetricData.View(getMetricData).Partial("linked accounts; SERVICE_QUOTA, LAMBDA and DB_PERF_INSIGHTS are refused"),
			api.GetMetricStream.View(getMetricStream),
			api.GetMetricWidgetImage.View(getMetricWidgetImage),
			api.GetMetricStatistics.View(getMetricStatistics),
			api.GetOTelEnrichment.View(getOTelEnrichment),
			api.ListAlarmMuteRules.View(listAlarmMuteRules),
			api.ListDashboards.View(listDashboards),
			api.ListMetricStreams.View(listMetricStreams),
			api.ListMetrics.View(listMetrics).Partial("accounts cannot be linked, so there are only the caller's own"),
			api.ListTagsForResource.View(listTagsForResource),
			api.PutAlarmMuteRule.Update(putAlarmMuteRule),
			api.PutCompositeAlarm.Update(putCompositeAlarm),
			api.PutDashboard.Update(putDashboard),
			api.PutMetricAlarm.Update(putMetricAlarm).Partial("alarms on PromQL queries"),
			api.PutMetricData.Update(putMetricData).Partial("entities are checked, and not related to their metrics"),
			api.PutMetricStream.Update(putMetricStream).Partial("nothing is delivered: there is no Firehose"),
			api.SetAlarmState.Update(setAlarmState),
			api.StartMetricStreams.Update(startMetricStreams).Partial("nothing is delivered: there is no Firehose"),
			api.StartOTelEnrichment.Update(startOTelEnrichment).Partial("the state is kept: there are no PromQL queries that it would make a difference to"),
			api.StopMetricStreams.Update(stopMetricStreams),
			api.StopOTelEnrichment.Update(stopOTelEnrichment),
			api.TagResource.Update(tagResource),
			api.UntagResource.Update(untagResource),
			api.UpdateOTelEnrichment.Update(updateOTelEnrichment).Partial("the state is kept: there are no PromQL queries that it would make a difference to"),
		}),
		Access: access(),
		Controllers: []cloud.Controller{
			{Name: foldController, Reconcile: fold},
			{Name: trainController, Reconcile: retrain},
			{Name: tickController, Reconcile: tick},
			{Name: evaluateController, Reconcile: evaluate},
			{Name: compositeController, Reconcile: evaluateComposite},
			{Name: muteController, Reconcile: unmuted},
			{Name: forgetController, Reconcile: forgetHistory},
		},
		Deliveries: []cloud.Delivery{{Topic: actionTopic, Deliver: carryOut, Attempts: 5}},
		Count:      census,
		Stored:     stored,
		Start: func(ctx context.Context, c cloud.Cloud) error {
			ctx = context.WithoutCancel(ctx)
			reset = func() { _ = beginTicking(ctx, c) } // should it fail, the first alarm begins it
			return beginTicking(ctx, c)
		},
		Reset: func() { reset() },
	}
}

func census(r store.Reader) map[string]int {
	m := map[string]int{"metrics": 0, "alarms": 0}
	for range metrics.Scan(r) {
		m["metrics"]++
	}
	for range alarms.Scan(r) {
		m["alarms"]++
	}
	return m
}

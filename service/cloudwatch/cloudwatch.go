// Package cloudwatch is CloudWatch: metrics, what can be asked of them, and
// alarms that watch them.
//
//	metric.go, put.go, list.go   metrics and their publication
//	statistics.go, data.go       what can be asked of them
//	fold.go                      retention
//	alarm.go, evaluate.go        alarms and their state
//	history.go, change.go        what happened to them, and changes by hand
//	tag.go                       tags of alarms
//	dashboard.go                 dashboards
//	series                       how points are kept
package cloudwatch

import (
	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/store"
)

// Module lists what the service offers; see cloud.Module.
func Module() cloud.Module {
	return cloud.Module{
		API: &api.Service,
		Operations: []cloud.Binding{
			api.DeleteAlarms.Update(deleteAlarms),
			api.DeleteDashboards.Update(deleteDashboards),
			api.DescribeAlarmHistory.View(describeAlarmHistory),
			api.DescribeAlarms.View(describeAlarms),
			api.DescribeAlarmsForMetric.View(describeAlarmsForMetric),
			api.DisableAlarmActions.Update(disableAlarmActions),
			api.EnableAlarmActions.Update(enableAlarmActions),
			api.GetDashboard.View(getDashboard),
			api.GetMetricData.View(getMetricData).Partial("metric math: queries with an Expression are refused"),
			api.GetMetricStatistics.View(getMetricStatistics),
			api.ListDashboards.View(listDashboards),
			api.ListMetrics.View(listMetrics).Partial("linked accounts"),
			api.ListTagsForResource.View(listTagsForResource),
			api.PutDashboard.Update(putDashboard).Partial("tags; warnings about the properties of widgets"),
			api.PutMetricAlarm.Update(putMetricAlarm).Partial("alarms on metric math, anomaly bands and PromQL; actions are kept but not run"),
			api.PutMetricData.Update(putMetricData).Partial("EntityMetricData"),
			api.SetAlarmState.Update(setAlarmState).Partial("actions are not run"),
			api.TagResource.Update(tagResource),
			api.UntagResource.Update(untagResource),
		},
		Access: access(),
		Controllers: []cloud.Controller{
			{Name: foldController, Reconcile: fold},
			{Name: evaluateController, Reconcile: evaluate},
			{Name: forgetController, Reconcile: forgetHistory},
		},
		Count: census,
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

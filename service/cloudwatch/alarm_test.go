package cloudwatch

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	api "pileus/api/cloudwatch"
	"pileus/cloud"
	"pileus/node/nodetest"
	"pileus/store"
)

// watch is an alarm on the metric "load" over 10: m of n minutes.
func watch(name string, m, n int32, missing string) *api.PutMetricAlarmInput {
	in := &api.PutMetricAlarmInput{AlarmName: name, Namespace: new(ns), MetricName: new("load"), Statistic: new("Average"), Period: new(int32(60)),
		EvaluationPeriods: &n, DatapointsToAlarm: &m, Threshold: new(10.0), ComparisonOperator: new("GreaterThanThreshold")}
	if missing != "" {
		in.TreatMissingData = &missing
	}
	return in
}

func stateOf(w *nodetest.World, name string) string {
	list := nodetest.Do(w, &api.DescribeAlarms, &api.DescribeAlarmsInput{AlarmNames: []string{name}}).MetricAlarms
	if len(list) != 1 {
		return "none"
	}
	return *list[0].StateValue
}

// Each letter is a minute: x breaches, o does not, - has no data.
func TestAlarmEvaluation(t *testing.T) {
	for _, row := range []struct {
		m, n    int32
		missing string
		minutes string
		want    string
	}{
		{1, 1, "", "x", "ALARM"},
		{1, 1, "", "o", "OK"},
		{1, 1, "", "---", "INSUFFICIENT_DATA"},
		{1, 1, "", "xo", "OK"},
		{3, 3, "", "oxx", "OK"},
		{3, 3, "", "oxxx", "ALARM"},
		{2, 3, "", "xox", "ALARM"},
		{2, 3, "", "xoo", "OK"},
		{2, 3, "breaching", "x-", "ALARM"},
		{2, 2, "breaching", "o------", "ALARM"},
		{2, 2, "notBreaching", "xx------", "OK"},
		{2, 2, "ignore", "xx------", "ALARM"},
		{2, 2, "missing", "xx------", "INSUFFICIENT_DATA"},
		{3, 3, "missing", "--x--", "ALARM"},
		{3, 3, "missing", "-----x", "INSUFFICIENT_DATA"},
	} {
		t.Run(row.missing+" "+row.minutes, func(t *testing.T) {
			w := nodetest.New(t, Module())
			nodetest.Do(w, &api.PutMetricAlarm, watch("a", row.m, row.n, row.missing))
			w.Drain()
			for _, minute := range row.minutes {
				if minute != '-' {
					put(w, "load", map[rune]float64{'x': 11, 'o': 9}[minute])
				}
				w.Advance(time.Minute)
			}
			if got := stateOf(w, "a"); got != row.want {
				t.Errorf("state %s, want %s", got, row.want)
			}
		})
	}
}

func TestAlarmThroughSDK(t *testing.T) {
	w := nodetest.New(t, Module())
	client, ctx := sdk.NewFromConfig(w.Config()), t.Context()
	const action = "arn:aws:sns:us-east-1:000000000000:pager"
	_, err := client.PutMetricAlarm(ctx, &sdk.PutMetricAlarmInput{
		AlarmName: aws.String("slow"), Namespace: aws.String(ns), MetricName: aws.String("load"), ExtendedStatistic: aws.String("p90"), Period: aws.Int32(60),
		EvaluationPeriods: aws.Int32(1), Threshold: aws.Float64(10), ComparisonOperator: types.ComparisonOperatorGreaterThanThreshold, AlarmActions: []string{action},
	})
	if err != nil {
		t.Fatal(err)
	}
	put(w, "load", 20)
	w.Advance(time.Minute)
	list, err := client.DescribeAlarmsForMetric(ctx, &sdk.DescribeAlarmsForMetricInput{Namespace: aws.String(ns), MetricName: aws.String("load")})
	if err != nil || len(list.MetricAlarms) != 1 {
		t.Fatalf("alarms %+v, %v", list, err)
	}
	a := list.MetricAlarms[0]
	if a.StateValue != types.StateValueAlarm || !strings.Contains(*a.StateReason, "1 out of the last 1 datapoints [20.0 (01/01/26 00:00:00)] was greater than the threshold (10.0) (minimum 1 datapoint for OK -> ALARM transition)") || *a.AlarmArn != "arn:aws:cloudwatch:us-east-1:000000000000:alarm:slow" {
		t.Errorf("alarm %s, %s, %s", a.StateValue, *a.StateReason, *a.AlarmArn)
	}
	h, err := client.DescribeAlarmHistory(ctx, &sdk.DescribeAlarmHistoryInput{AlarmName: aws.String("slow")})
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[types.HistoryItemType]int{}
	for _, item := range h.AlarmHistoryItems {
		kinds[item.HistoryItemType]++
		if item.HistoryItemType == types.HistoryItemTypeAction && !strings.Contains(*item.HistorySummary, "Failed to execute action "+action) {
			t.Errorf("action: %s", *item.HistorySummary)
		}
	}
	if kinds[types.HistoryItemTypeConfigurationUpdate] != 1 || kinds[types.HistoryItemTypeStateUpdate] != 1 || kinds[types.HistoryItemTypeAction] != 1 {
		t.Errorf("history %v", kinds)
	}
	if _, err := client.SetAlarmState(ctx, &sdk.SetAlarmStateInput{AlarmName: aws.String("slow"), StateValue: types.StateValueOk, StateReason: aws.String("drill")}); err != nil {
		t.Fatal(err)
	}
	if got := stateOf(w, "slow"); got != "OK" {
		t.Errorf("state %s after it was set", got)
	}
	if _, err := client.DeleteAlarms(ctx, &sdk.DeleteAlarmsInput{AlarmNames: []string{"slow"}}); err != nil || stateOf(w, "slow") != "none" {
		t.Errorf("delete: %v, %s", err, stateOf(w, "slow"))
	}
	w.Advance(31 * 24 * time.Hour)
	if h, err = client.DescribeAlarmHistory(ctx, &sdk.DescribeAlarmHistoryInput{}); err != nil || len(h.AlarmHistoryItems) != 0 {
		t.Errorf("history after a month: %+v, %v", h, err)
	}
}

func TestPutMetricAlarmRefuses(t *testing.T) {
	w := nodetest.New(t, Module())
	for name, change := range map[string]func(*api.PutMetricAlarmInput){
		"no metric":      func(in *api.PutMetricAlarmInput) { in.MetricName = nil },
		"two statistics": func(in *api.PutMetricAlarmInput) { in.ExtendedStatistic = new("p90") },
		"more than n":    func(in *api.PutMetricAlarmInput) { in.DatapointsToAlarm = new(int32(3)) },
		"period":         func(in *api.PutMetricAlarmInput) { in.Period = new(int32(45)) },
		"too long":       func(in *api.PutMetricAlarmInput) { in.EvaluationPeriods = new(int32(1441)) },
		"treatment":      func(in *api.PutMetricAlarmInput) { in.TreatMissingData = new("maybe") },
	} {
		in := watch("a", 1, 2, "")
		change(in)
		if _, err := nodetest.Try(w, &api.PutMetricAlarm, in); err == nil {
			t.Errorf("%s: is accepted", name)
		}
	}
	_, err := nodetest.Try(w, &api.SetAlarmState, &api.SetAlarmStateInput{AlarmName: "none", StateValue: "OK", StateReason: "x"})
	if e, ok := err.(*cloud.Error); !ok || e.Code != "ResourceNotFound" {
		t.Errorf("SetAlarmState of no alarm: %v", err)
	}
}

func TestLimitOfAlarms(t *testing.T) {
	w := nodetest.New(t, Module())
	w.Update(func(tx store.Tx) {
		for i := range maxAlarms {
			alarms.Insert(tx, &alarm{Account: nodetest.Account, Region: nodetest.Region, MetricAlarm: api.MetricAlarm{AlarmName: new(fmt.Sprint("a", i)), StateValue: new("OK"), ActionsEnabled: new(true)}})
		}
	})
	_, err := nodetest.Try(w, &api.PutMetricAlarm, watch("one more", 1, 1, ""))
	if e, ok := err.(*cloud.Error); !ok || e.Code != "LimitExceeded" {
		t.Errorf("one more than the limit: %v", err)
	}
}

func TestActionsSwitch(t *testing.T) {
	w := nodetest.New(t, Module())
	in := watch("a", 1, 1, "")
	in.AlarmActions = []string{"arn:aws:sns:us-east-1:000000000000:pager"}
	nodetest.Do(w, &api.PutMetricAlarm, in)
	failed := func() int {
		return len(nodetest.Do(w, &api.DescribeAlarmHistory, &api.DescribeAlarmHistoryInput{HistoryItemType: new("Action")}).AlarmHistoryItems)
	}
	set := func(state string) {
		nodetest.Do(w, &api.SetAlarmState, &api.SetAlarmStateInput{AlarmName: "a", StateValue: state, StateReason: "drill"})
		w.Drain()
	}
	nodetest.Do(w, &api.DisableAlarmActions, &api.DisableAlarmActionsInput{AlarmNames: []string{"a"}})
	if set("ALARM"); failed() != 0 {
		t.Error("a disabled action was tried")
	}
	nodetest.Do(w, &api.EnableAlarmActions, &api.EnableAlarmActionsInput{AlarmNames: []string{"a"}})
	set("OK")
	if set("ALARM"); failed() != 1 {
		t.Error("an enabled action was not tried")
	}
}

package cloudwatch

import (
	"slices"
	"strings"
	"testing"
	"time"

	api "pileus/api/cloudwatch"
	"pileus/node/nodetest"
)

// fleet is an alarm on each page's errors.
func fleet() *api.PutMetricAlarmInput {
	return &api.PutMetricAlarmInput{AlarmName: "fleet", EvaluationPeriods: new(int32(1)), Threshold: new(10.0), ComparisonOperator: new("GreaterThanThreshold"),
		Metrics: []api.MetricDataQuery{{Id: "q", Expression: new("SELECT MAX(Errors) FROM " + ns + " GROUP BY Page"), Period: new(int32(60))}}}
}

func putPage(w *nodetest.World, page string, v float64) {
	nodetest.Do(w, &api.PutMetricData, &api.PutMetricDataInput{Namespace: ns, MetricData: []api.MetricDatum{{MetricName: "Errors", Dimensions: []api.Dimension{{Name: "Page", Value: page}}, Value: &v}}})
}

func contributorsOf(w *nodetest.World) (pages []string) {
	for _, k := range nodetest.Do(w, &api.DescribeAlarmContributors, &api.DescribeAlarmContributorsInput{AlarmName: "fleet"}).AlarmContributors {
		pages = append(pages, k.ContributorAttributes["Page"])
	}
	return pages
}

// TestContributors follows the series of a query with GROUP BY, each in a state
// of its own.
func TestContributors(t *testing.T) {
	w := nodetest.New(t, Module())
	nodetest.Do(w, &api.PutMetricAlarm, fleet())
	w.Advance(time.Minute)
	if a := alarmOf(w, "fleet"); *a.StateValue != "INSUFFICIENT_DATA" {
		t.Errorf("without series: %s", *a.StateValue)
	}
	for minute, x := range []struct {
		cart, home float64
		state      string
		reason     string
		alarming   []string
	}{
		{1, 2, "OK", "0 out of 2 time series evaluated to ALARM", nil},
		{20, 2, "ALARM", "1 out of 2 time series evaluated to ALARM", []string{"cart"}},
		{20, 30, "ALARM", "", []string{"cart", "home"}},
		{1, 30, "ALARM", "", []string{"home"}},
		{1, 2, "OK", "0 out of 2", nil},
	} {
		putPage(w, "cart", x.cart)
		putPage(w, "home", x.home)
		w.Advance(time.Minute)
		a := alarmOf(w, "fleet")
		if got := contributorsOf(w); *a.StateValue != x.state || !strings.Contains(*a.StateReason, x.reason) || !slices.Equal(got, x.alarming) {
			t.Errorf("minute %d: %s because %s: %v", minute, *a.StateValue, *a.StateReason, got)
		}
	}
	list := nodetest.Do(w, &api.DescribeAlarmHistory, &api.DescribeAlarmHistoryInput{AlarmName: new("fleet"), HistoryItemType: new("AlarmContributorStateUpdate")}).AlarmHistoryItems
	if len(list) != 4 || list[3].AlarmContributorAttributes["Page"] != "cart" || *list[3].HistorySummary != "Alarm contributor [Page=cart] updated from OK to ALARM" {
		t.Fatalf("%d items: %+v", len(list), list)
	}
	own := nodetest.Do(w, &api.DescribeAlarmHistory, &api.DescribeAlarmHistoryInput{AlarmName: new("fleet"), AlarmContributorId: list[3].AlarmContributorId}).AlarmHistoryItems
	if len(own) != 2 {
		t.Errorf("%d items are of one contributor", len(own))
	}
}

func TestContributorsAreAlone(t *testing.T) {
	w := nodetest.New(t, Module())
	in := fleet()
	in.Metrics = append(in.Metrics, api.MetricDataQuery{Id: "x", Expression: new("q*2"), ReturnData: new(false)})
	if _, err := nodetest.Try(w, &api.PutMetricAlarm, in); err == nil || !strings.Contains(err.Error(), "only element") {
		t.Errorf("with another expression: %v", err)
	}
	in = fleet()
	in.AlarmActions = []string{"arn:aws:automate:us-east-1:ec2:stop"}
	if _, err := nodetest.Try(w, &api.PutMetricAlarm, in); err == nil {
		t.Error("pages can be stopped")
	}
	in.Metrics[0].Expression = new("SELECT MAX(Errors) FROM " + ns + " GROUP BY InstanceId")
	nodetest.Do(w, &api.PutMetricAlarm, in)
	nodetest.Do(w, &api.PutMetricData, &api.PutMetricDataInput{Namespace: ns, MetricData: []api.MetricDatum{{MetricName: "Errors", Dimensions: []api.Dimension{{Name: "InstanceId", Value: "i-0123456789abcdef0"}}, Value: new(20.0)}}})
	w.Advance(time.Minute)
	w.Drain()
	// There is no EC2 in this world: that the action failed for one contributor,
	// and not for the alarm, tells who it was for.
	list := nodetest.Do(w, &api.DescribeAlarmHistory, &api.DescribeAlarmHistoryInput{AlarmName: new("fleet"), HistoryItemType: new("AlarmContributorAction")}).AlarmHistoryItems
	if len(list) != 1 || list[0].AlarmContributorAttributes["InstanceId"] != "i-0123456789abcdef0" {
		t.Errorf("actions: %+v", list)
	}
}

// An alarm that warms up waits: for its time, or until it sees enough.
func TestWarmUp(t *testing.T) {
	for _, only := range []bool{false, true} {
		w := nodetest.New(t, Module())
		in := watch("a", 2, 2, "breaching")
		in.WarmUpConfiguration = &api.WarmUpConfiguration{WarmUpPeriodDurationInMinutes: 10, OnlyStartEvaluatingAfterWarmUpPeriodEnds: &only}
		nodetest.Do(w, &api.PutMetricAlarm, in)
		w.Advance(3 * time.Minute)
		if got := stateOf(w, "a"); got != "INSUFFICIENT_DATA" {
			t.Errorf("without data: %s", got)
		}
		for range 2 {
			put(w, "load", 1)
			w.Advance(time.Minute)
		}
		if got := stateOf(w, "a"); got != map[bool]string{false: "OK", true: "INSUFFICIENT_DATA"}[only] {
			t.Errorf("with data: %s", got)
		}
		w.Advance(4 * time.Minute)
		if got := stateOf(w, "a"); got != map[bool]string{false: "ALARM", true: "INSUFFICIENT_DATA"}[only] {
			t.Errorf("without data again: %s", got)
		}
		w.Advance(3 * time.Minute)
		nodetest.Do(w, &api.PutMetricAlarm, in) // it does not begin again
		w.Advance(time.Minute)
		if got := stateOf(w, "a"); got != "ALARM" {
			t.Errorf("after its time: %s", got)
		}
	}
}

// What an alarm looks at is aligned to the clock of a zone.
func TestWindowOnTheWallClock(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, x := range []struct {
		zone   string
		period int32
		now    string
		want   string
	}{
		{"", 3600, "2026-03-04T10:59:00Z", "2026-03-04T10:00:00Z"},
		{"+05:30", 3600, "2026-03-04T10:59:00Z", "2026-03-04T10:30:00Z"},
		{"UTC-03:00", 86400, "2026-03-04T10:59:00Z", "2026-03-04T03:00:00Z"},
		{"America/New_York", 86400, "2026-03-04T04:59:00Z", "2026-03-03T05:00:00Z"},
		{"UTC", 604800, "2026-03-04T10:59:00Z", "2026-03-02T00:00:00Z"}, // a Monday
		{"UTC", 300, "2026-03-04T10:59:00Z", "2026-03-04T10:55:00Z"},
	} {
		a := &alarm{MetricAlarm: api.MetricAlarm{Period: &x.period, EvaluationWindow: &api.EvaluationWindow{WallClockWindow: &api.WallClockWindow{Timezone: orNil(x.zone)}}}}
		if got := a.end(at(x.now)); got != at(x.want).Unix() {
			t.Errorf("%+v: %s", x, time.Unix(got, 0).UTC())
		}
	}

	w := nodetest.New(t, Module())
	w.Advance(w.Now().Truncate(time.Hour).Add(time.Hour + 58*time.Minute).Sub(w.Now()))
	in := watch("a", 1, 1, "")
	in.Period, in.Statistic = new(int32(3600)), new("Sum")
	in.EvaluationWindow = &api.EvaluationWindow{WallClockWindow: &api.WallClockWindow{}}
	nodetest.Do(w, &api.PutMetricAlarm, in)
	put(w, "load", 20)
	w.Advance(time.Minute)
	if got := stateOf(w, "a"); got != "INSUFFICIENT_DATA" {
		t.Errorf("within the hour: %s", got)
	}
	w.Advance(2 * time.Minute)
	if got := stateOf(w, "a"); got != "ALARM" {
		t.Errorf("after the hour: %s", got)
	}
	in.Period = new(int32(120))
	if _, err := nodetest.Try(w, &api.PutMetricAlarm, in); err == nil || !strings.Contains(err.Error(), "WallClockWindow") {
		t.Errorf("a period of two minutes: %v", err)
	}
	in.Period, in.EvaluationWindow.WallClockWindow.Timezone = new(int32(60)), new("+05:31")
	if _, err := nodetest.Try(w, &api.PutMetricAlarm, in); err == nil {
		t.Error("an offset of 331 minutes was taken")
	}
	in.EvaluationWindow = nil
	in.ActionConfiguration = &api.ActionConfiguration{AlarmTagsPropagation: &api.AlarmTagsPropagation{Enabled: true, IncludedTagKeys: []string{"a"}, ExcludedTagKeys: []string{"b"}}}
	if _, err := nodetest.Try(w, &api.PutMetricAlarm, in); err == nil {
		t.Error("tags are both in and out")
	}
}

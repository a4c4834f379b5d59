package cloudwatch

import (
	"testing"
	"time"

	api "pileus/api/cloudwatch"
	"pileus/node/nodetest"
)

func TestMuteSchedules(t *testing.T) {
	at := func(s string) time.Time {
		x, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	for _, row := range []struct {
		expression, duration, zone string
		now                        string
		until                      string // "" is not muted
	}{
		{"cron(0 2 * * *)", "PT4H", "", "2026-01-05T02:00:00Z", "2026-01-05T06:00:00Z"},
		{"cron(0 2 * * *)", "PT4H", "", "2026-01-05T05:59:59Z", "2026-01-05T06:00:00Z"},
		{"cron(0 2 * * *)", "PT4H", "", "2026-01-05T06:00:00Z", ""},
		{"cron(0 18 * * FRI)", "P2DT12H", "", "2026-01-04T12:00:00Z", "2026-01-05T06:00:00Z"}, // a Sunday
		{"cron(0 * * * *)", "PT90M", "", "2026-01-05T03:20:00Z", "2026-01-05T04:30:00Z"},
		{"at(2026-01-05T10:00)", "PT1H", "America/New_York", "2026-01-05T15:30:00Z", "2026-01-05T16:00:00Z"},
		{"at(2026-01-05T10:00)", "PT1H", "America/New_York", "2026-01-05T10:30:00Z", ""},
	} {
		k, err := parseMuting(&api.Schedule{Expression: row.expression, Duration: row.duration, Timezone: nonEmpty(row.zone)})
		if err != nil {
			t.Errorf("%s: %v", row.expression, err)
			continue
		}
		until, ok := k.window(at(row.now))
		if ok != (row.until != "") || ok && !until.Equal(at(row.until)) {
			t.Errorf("%s for %s at %s: %v until %v, want %q", row.expression, row.duration, row.now, ok, until, row.until)
		}
	}
	for _, bad := range []api.Schedule{
		{Expression: "cron(0 2 * *)", Duration: "PT1H"}, {Expression: "rate(1 day)", Duration: "PT1H"}, {Expression: "at(tomorrow)", Duration: "PT1H"},
		{Expression: "cron(0 2 * * *)", Duration: "PT30S"}, {Expression: "cron(0 2 * * *)", Duration: "P16D"}, {Expression: "cron(0 2 * * *)", Duration: "P"},
		{Expression: "cron(0 2 * * *)", Duration: "PT1H", Timezone: new("Mars/Olympus")},
	} {
		if _, err := parseMuting(&bad); err == nil {
			t.Errorf("%+v is accepted", bad)
		}
	}
}

func nonEmpty(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// What is held back while a rule mutes is done at its end, if the state lasts.
func TestMuteRules(t *testing.T) {
	w := nodetest.New(t, Module())
	for _, name := range []string{"lasting", "passing", "other"} {
		in := watch(name, 1, 1, "ignore")
		in.AlarmActions = []string{"arn:aws:sns:us-east-1:000000000000:pager"}
		nodetest.Do(w, &api.PutMetricAlarm, in)
	}
	nodetest.Do(w, &api.PutAlarmMuteRule, &api.PutAlarmMuteRuleInput{
		Name: "night", Rule: api.Rule{Schedule: api.Schedule{Expression: "cron(0 2 * * *)", Duration: "PT1H"}}, MuteTargets: &api.MuteTargets{AlarmNames: []string{"lasting", "passing"}},
	})
	status := func() string {
		return *nodetest.Do(w, &api.GetAlarmMuteRule, &api.GetAlarmMuteRuleInput{AlarmMuteRuleName: "night"}).Status
	}
	if got := status(); got != "SCHEDULED" {
		t.Errorf("status %s before", got)
	}
	w.Advance(2*time.Hour + 10*time.Minute)
	if got := status(); got != "ACTIVE" {
		t.Errorf("status %s within", got)
	}
	for _, name := range []string{"lasting", "passing", "other"} {
		setState(w, name, "ALARM")
	}
	setState(w, "passing", "OK")
	ran := func(want map[string]int) {
		t.Helper()
		for name, n := range want {
			if got := len(executed(w, name)); got != n {
				t.Errorf("%s ran %d actions, want %d", name, got, n)
			}
		}
	}
	ran(map[string]int{"lasting": 0, "passing": 0, "other": 1})
	w.Advance(time.Hour)
	ran(map[string]int{"lasting": 1, "passing": 0, "other": 1})
	list := nodetest.Do(w, &api.ListAlarmMuteRules, &api.ListAlarmMuteRulesInput{AlarmName: new("lasting"), Statuses: []string{"SCHEDULED"}}).AlarmMuteRuleSummaries
	if len(list) != 1 || *list[0].MuteType != "RECURRING" || *list[0].AlarmMuteRuleArn != "arn:aws:cloudwatch:us-east-1:000000000000:alarm-mute-rule:night" {
		t.Errorf("list %+v", list)
	}
	if list := nodetest.Do(w, &api.ListAlarmMuteRules, &api.ListAlarmMuteRulesInput{AlarmName: new("other")}).AlarmMuteRuleSummaries; len(list) != 0 {
		t.Errorf("rules of another alarm: %+v", list)
	}
	w.Advance(23 * time.Hour)
	setState(w, "lasting", "OK")
	setState(w, "lasting", "ALARM")
	ran(map[string]int{"lasting": 1})
	nodetest.Do(w, &api.DeleteAlarmMuteRule, &api.DeleteAlarmMuteRuleInput{AlarmMuteRuleName: "night"})
	w.Drain()
	ran(map[string]int{"lasting": 2})
	if _, err := nodetest.Try(w, &api.GetAlarmMuteRule, &api.GetAlarmMuteRuleInput{AlarmMuteRuleName: "night"}); err == nil {
		t.Error("a rule that was deleted is there")
	}
}

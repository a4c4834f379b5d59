package cloudwatch

import (
	"fmt"
	"strings"
	"testing"
	"time"

	api "pileus/api/cloudwatch"
	"pileus/node/nodetest"
)

func TestRules(t *testing.T) {
	states := map[string]string{"a": "ALARM", "b": "OK", "c": "INSUFFICIENT_DATA", "with space": "ALARM", `q"x`: "OK"}
	for text, want := range map[string]bool{
		"ALARM(a)": true, "ALARM(b)": false, "OK(b)": true, "INSUFFICIENT_DATA(c)": true,
		"TRUE": true, "FALSE": false, "NOT FALSE": true, "NOT NOT TRUE": true,
		"ALARM(a) AND OK(b)": true, "ALARM(b) OR OK(c)": false, "ALARM(b) OR ALARM(a) AND OK(b)": true,
		"(ALARM(a) OR TRUE) AND NOT OK(b)": false, "ALARM(a) AND (FALSE OR FALSE)": false,
		`ALARM("with space")`: true, `OK( "q\"x" )`: true, "not alarm(b)\n\tand true": true,
		`AT_LEAST(2, ALARM, (a, b, "with space"))`: true, "AT_LEAST(2, ALARM, (a, b))": false,
		"AT_LEAST(60%, NOT OK, (a, b, c))": true, "AT_LEAST(67%, NOT OK, (a, b, c))": false, "AT_LEAST(1, NOT ALARM, (a))": false,
	} {
		r, err := parseRule(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := r.holds(func(ref string) string { return states[ref] }); got != want {
			t.Errorf("%s is %v", text, got)
		}
	}
	for _, text := range []string{"", "ALARM", "ALARM()", "ALARM(a", "ALARM(a) ALARM(b)", "AND", "a", "NOT", "(TRUE", `ALARM("a)`, "TRUEish", "AT_LEAST(3, ALARM, (a, b))", "AT_LEAST(0, ALARM, (a))", "AT_LEAST(1, ALARM, ())", strings.Repeat("NOT ", 600) + "TRUE"} {
		if _, err := parseRule(text); err == nil {
			t.Errorf("%q is a rule", text)
		}
	}
}

func FuzzRule(f *testing.F) {
	f.Add(`(ALARM("a b") OR NOT OK(c)) AND AT_LEAST(50%, NOT OK, (a, b))`)
	f.Fuzz(func(t *testing.T, text string) {
		if r, err := parseRule(text); err == nil {
			r.holds(func(string) string { return "OK" })
			r.refs(func(string) {})
		}
	})
}

// setState brings an alarm into a state by hand.
func setState(w *nodetest.World, name, state string) {
	nodetest.Do(w, &api.SetAlarmState, &api.SetAlarmStateInput{AlarmName: name, StateValue: state, StateReason: "drill"})
	w.Drain()
}

func compositeOf(w *nodetest.World, name string) api.CompositeAlarm {
	w.T.Helper()
	list := nodetest.Do(w, &api.DescribeAlarms, &api.DescribeAlarmsInput{AlarmNames: []string{name}, AlarmTypes: []string{"CompositeAlarm"}}).CompositeAlarms
	if len(list) != 1 {
		w.T.Fatalf("%d composite alarms %s", len(list), name)
	}
	return list[0]
}

func TestCompositeAlarm(t *testing.T) {
	w := nodetest.New(t, Module())
	for _, name := range []string{"a", "b"} {
		nodetest.Do(w, &api.PutMetricAlarm, watch(name, 1, 1, "ignore"))
	}
	nodetest.Do(w, &api.PutCompositeAlarm, &api.PutCompositeAlarmInput{AlarmName: "both", AlarmRule: "ALARM(a) AND ALARM(b)", Tags: []api.Tag{{Key: "k", Value: "v"}}})
	nodetest.Do(w, &api.PutCompositeAlarm, &api.PutCompositeAlarmInput{AlarmName: "top", AlarmRule: `ALARM("` + alarmARN(w.Call(), "both") + `")`})
	w.Drain()
	if c := compositeOf(w, "both"); *c.StateValue != "OK" || !strings.HasSuffix(*c.StateReason, ":alarm:both was created and its alarm rule evaluates to OK") {
		t.Errorf("new: %s, %s", *c.StateValue, *c.StateReason)
	}
	w.Advance(time.Minute)
	setState(w, "a", "ALARM")
	if got := *compositeOf(w, "both").StateValue; got != "OK" {
		t.Errorf("one of two: %s", got)
	}
	setState(w, "b", "ALARM")
	c := compositeOf(w, "top")
	if *c.StateValue != "ALARM" || !strings.Contains(*c.StateReason, ":alarm:both transitioned to ALARM at Thursday 01 January, 2026 00:01:00 UTC") || !strings.Contains(*c.StateReasonData, `"triggeringAlarms"`) {
		t.Errorf("both: %s, %s, %s", *c.StateValue, *c.StateReason, *c.StateReasonData)
	}
	names := func(in *api.DescribeAlarmsInput) (list []string) {
		out := nodetest.Do(w, &api.DescribeAlarms, in)
		for _, a := range out.MetricAlarms {
			list = append(list, *a.AlarmName)
		}
		for _, a := range out.CompositeAlarms {
			list = append(list, *a.AlarmName)
		}
		return list
	}
	for want, in := range map[string]*api.DescribeAlarmsInput{
		"[a b]":          {},
		"[both top]":     {AlarmTypes: []string{"CompositeAlarm"}},
		"[a b both top]": {AlarmTypes: []string{"CompositeAlarm", "MetricAlarm"}},
		"[a b] ":         {ChildrenOfAlarmName: new("both")},
		"[both]":         {ParentsOfAlarmName: new("a")},
		"[]":             {ParentsOfAlarmName: new("top")},
	} {
		if got := fmt.Sprint(names(in)); got != strings.TrimSpace(want) {
			t.Errorf("%+v: %s, want %s", in, got, want)
		}
	}
	for _, bad := range [][]string{{"a"}, {"both"}, {"both", "top"}} {
		if _, err := nodetest.Try(w, &api.DeleteAlarms, &api.DeleteAlarmsInput{AlarmNames: bad}); err == nil {
			t.Errorf("%v could be deleted", bad)
		}
	}
	for _, good := range [][]string{{"top"}, {"both", "a", "b"}} {
		nodetest.Do(w, &api.DeleteAlarms, &api.DeleteAlarmsInput{AlarmNames: good})
	}
}

func TestPutCompositeAlarmRefuses(t *testing.T) {
	w := nodetest.New(t, Module())
	nodetest.Do(w, &api.PutMetricAlarm, watch("a", 1, 1, ""))
	for name, in := range map[string]*api.PutCompositeAlarmInput{
		"no rule":        {AlarmName: "x", AlarmRule: "ALARM("},
		"unknown alarm":  {AlarmName: "x", AlarmRule: "ALARM(z)"},
		"of itself":      {AlarmName: "x", AlarmRule: "ALARM(x)"},
		"other type":     {AlarmName: "a", AlarmRule: "TRUE"},
		"EC2 action":     {AlarmName: "x", AlarmRule: "TRUE", AlarmActions: []string{"arn:aws:automate:us-east-1:ec2:stop"}},
		"no periods":     {AlarmName: "x", AlarmRule: "TRUE", ActionsSuppressor: new("a")},
		"no suppressor":  {AlarmName: "x", AlarmRule: "TRUE", ActionsSuppressorWaitPeriod: new(int32(1))},
		"unknown":        {AlarmName: "x", AlarmRule: "TRUE", ActionsSuppressor: new("z"), ActionsSuppressorWaitPeriod: new(int32(1)), ActionsSuppressorExtensionPeriod: new(int32(1))},
		"no such action": {AlarmName: "x", AlarmRule: "TRUE", AlarmActions: []string{"arn:aws:s3:::bucket"}},
	} {
		if _, err := nodetest.Try(w, &api.PutCompositeAlarm, in); err == nil {
			t.Errorf("%s: is accepted", name)
		}
	}
}

// A cycle can be made, is not evaluated and is broken by changing a rule.
func TestCycleOfAlarms(t *testing.T) {
	w := nodetest.New(t, Module())
	nodetest.Do(w, &api.PutCompositeAlarm, &api.PutCompositeAlarmInput{AlarmName: "x", AlarmRule: "FALSE"})
	nodetest.Do(w, &api.PutCompositeAlarm, &api.PutCompositeAlarmInput{AlarmName: "y", AlarmRule: "ALARM(x)"})
	w.Drain()
	nodetest.Do(w, &api.PutCompositeAlarm, &api.PutCompositeAlarmInput{AlarmName: "x", AlarmRule: "NOT ALARM(y)"})
	w.Drain()
	if a, b := *compositeOf(w, "x").StateValue, *compositeOf(w, "y").StateValue; a != "OK" || b != "OK" {
		t.Errorf("a cycle was evaluated: %s, %s", a, b)
	}
	for _, rule := range []string{"FALSE", "ALARM(self)"} {
		nodetest.Do(w, &api.PutCompositeAlarm, &api.PutCompositeAlarmInput{AlarmName: "self", AlarmRule: rule})
	}
	for _, name := range []string{"x", "y", "self"} { // none of a cycle can be deleted until it is broken
		if _, err := nodetest.Try(w, &api.DeleteAlarms, &api.DeleteAlarmsInput{AlarmNames: []string{name}}); err == nil || !strings.Contains(err.Error(), "depending on it") {
			t.Errorf("deleting %s of a cycle: %v", name, err)
		}
	}
	nodetest.Do(w, &api.PutCompositeAlarm, &api.PutCompositeAlarmInput{AlarmName: "self", AlarmRule: "FALSE"})
	nodetest.Do(w, &api.DeleteAlarms, &api.DeleteAlarmsInput{AlarmNames: []string{"self"}})
	nodetest.Do(w, &api.PutCompositeAlarm, &api.PutCompositeAlarmInput{AlarmName: "x", AlarmRule: "TRUE"})
	w.Drain()
	if got := *compositeOf(w, "y").StateValue; got != "ALARM" {
		t.Errorf("after the cycle was broken: %s", got)
	}
}

// Each step is a time in seconds, an alarm that changes its state, and what is
// expected then: who suppresses, and how many actions were run.
func TestSuppression(t *testing.T) {
	type step struct {
		at      int
		set     string // "main=ALARM"
		by      string
		actions int
	}
	for name, steps := range map[string][]step{
		"suppressor comes within the wait": {{0, "main=ALARM", "WaitPeriod", 0}, {30, "quiet=ALARM", "WaitPeriod", 0}, {60, "", "Alarm", 0}, {600, "", "Alarm", 0},
			{700, "quiet=OK", "ExtensionPeriod", 0}, {790, "", "", 1}},
		"suppressor does not come":             {{0, "main=ALARM", "WaitPeriod", 0}, {59, "", "WaitPeriod", 0}, {60, "", "", 1}},
		"suppressor was there":                 {{0, "quiet=ALARM", "Alarm", 0}, {10, "main=ALARM", "Alarm", 0}, {20, "main=OK", "Alarm", 0}, {30, "quiet=OK", "ExtensionPeriod", 0}, {120, "", "", 1}},
		"change within the extension":          {{0, "quiet=ALARM", "Alarm", 0}, {10, "quiet=OK", "ExtensionPeriod", 0}, {50, "main=ALARM", "ExtensionPeriod", 0}, {99, "", "ExtensionPeriod", 0}, {100, "", "", 1}},
		"back within the wait":                 {{0, "main=ALARM", "WaitPeriod", 0}, {30, "main=OK", "WaitPeriod", 0}, {60, "", "WaitPeriod", 0}, {90, "", "", 1}},
		"nothing was held back":                {{0, "quiet=ALARM", "Alarm", 0}, {10, "quiet=OK", "ExtensionPeriod", 0}, {100, "", "", 0}},
		"suppressor again during extension":    {{0, "quiet=ALARM", "Alarm", 0}, {5, "main=ALARM", "Alarm", 0}, {10, "quiet=OK", "ExtensionPeriod", 0}, {50, "quiet=ALARM", "Alarm", 0}, {200, "quiet=OK", "ExtensionPeriod", 0}, {290, "", "", 1}},
		"suppressor comes and goes in waiting": {{0, "main=ALARM", "WaitPeriod", 0}, {20, "quiet=ALARM", "WaitPeriod", 0}, {40, "quiet=OK", "WaitPeriod", 0}, {60, "", "", 1}},
	} {
		t.Run(name, func(t *testing.T) {
			w := nodetest.New(t, Module())
			for _, n := range []string{"main", "quiet"} {
				nodetest.Do(w, &api.PutMetricAlarm, watch(n, 1, 1, "ignore"))
				setState(w, n, "OK")
			}
			const topic = "arn:aws:sns:us-east-1:000000000000:pager"
			nodetest.Do(w, &api.PutCompositeAlarm, &api.PutCompositeAlarmInput{AlarmName: "c", AlarmRule: "ALARM(main)"})
			w.Drain()
			nodetest.Do(w, &api.PutCompositeAlarm, &api.PutCompositeAlarmInput{AlarmName: "c", AlarmRule: "ALARM(main)", AlarmActions: []string{topic}, OKActions: []string{topic},
				ActionsSuppressor: new("quiet"), ActionsSuppressorWaitPeriod: new(int32(60)), ActionsSuppressorExtensionPeriod: new(int32(90))})
			w.Drain()
			begin := w.Now()
			for _, s := range steps {
				w.Advance(begin.Add(time.Duration(s.at) * time.Second).Sub(w.Now()))
				if name, state, ok := strings.Cut(s.set, "="); ok {
					setState(w, name, state)
				}
				c := compositeOf(w, "c")
				by := ""
				if c.ActionsSuppressedBy != nil {
					by = *c.ActionsSuppressedBy
				}
				if n := len(executed(w, "c")); by != s.by || n != s.actions {
					t.Errorf("at %d s, %s: suppressed by %q, %d actions; want %q, %d", s.at, s.set, by, n, s.by, s.actions)
				}
			}
		})
	}
}

// executed are the actions that an alarm has run, with success or without.
func executed(w *nodetest.World, name string) (list []string) {
	for _, h := range nodetest.Do(w, &api.DescribeAlarmHistory, &api.DescribeAlarmHistoryInput{AlarmName: &name, HistoryItemType: new("Action")}).AlarmHistoryItems {
		if strings.Contains(*h.HistorySummary, "execute") {
			list = append(list, *h.HistorySummary)
		}
	}
	return list
}

package arczonalshift_test

import (
	"testing"
	"time"

	api "pileus/api/arczonalshift"
	"pileus/node/nodetest"
)

// TestPracticeRuns: they come weekly, each away from the next zone, last half an
// hour, and end by their alarms.
func TestPracticeRuns(t *testing.T) {
	w := newWorld(t)
	w.configure(nil)
	w.Advance(week - time.Minute)
	if got := w.practices(); len(got) != 0 {
		t.Fatalf("before the week is over: %+v", got)
	}
	w.Advance(time.Minute)
	w.wantAway("in the first run", "use1-az1", "1 2")
	if got := w.practices()[0]; got.Status != "ACTIVE" || *got.PracticeRunOutcome != "PENDING" || !got.ExpiryTime.Equal(got.StartTime.Add(30*time.Minute)) {
		t.Errorf("it is %+v", got)
	}
	w.Advance(30 * time.Minute)
	w.wantAway("after it", "", "0 1 2")
	ended := func(n int, status, outcome string) {
		t.Helper()
		all := w.practices()
		if len(all) != n || all[n-1].Status != status || *all[n-1].PracticeRunOutcome != outcome {
			t.Errorf("run %d: %+v", n, all)
		}
	}
	ended(1, "EXPIRED", "SUCCEEDED")

	w.Advance(week - 30*time.Minute)
	w.wantAway("in the second run", "use1-az2", "0 2")
	w.set("outcome", "ALARM")
	w.Advance(time.Minute)
	ended(2, "CANCELED", "FAILED")
	w.wantAway("after an alarm", "", "0 1 2")

	w.Advance(week)
	ended(2, "CANCELED", "FAILED") // red alarms keep it from beginning
	w.set("outcome", "OK")
	w.Advance(10 * time.Minute)
	w.wantAway("as soon as they are green", "use1-az3", "0 1")
	w.set("blocking", "ALARM")
	w.Advance(time.Minute)
	ended(3, "CANCELED", "INTERRUPTED")
	w.set("blocking", "OK")

	w.Advance(week)
	ended(4, "ACTIVE", "PENDING")
	w.start("use1-az2", "1h")
	ended(4, "CANCELED", "INTERRUPTED")
	w.wantAway("with a shift of the user's", "use1-az2", "0 2")
}

// TestWhenPracticeRunsMayBegin: blocked dates, blocked and allowed windows.
func TestWhenPracticeRunsMayBegin(t *testing.T) {
	for name, row := range map[string]struct {
		change func(w *world, in *api.CreatePracticeRunConfigurationInput)
		reason string
		after  func(due time.Time) time.Time // when it begins
	}{
		"a blocked date": {func(w *world, in *api.CreatePracticeRunConfigurationInput) {
			in.BlockedDates = []string{w.Now().Add(week).Format(time.DateOnly)}
		}, "PracticeInBlockedDates", func(due time.Time) time.Time { return due.Truncate(24 * time.Hour).Add(24 * time.Hour) }},
		"a blocked window": {func(w *world, in *api.CreatePracticeRunConfigurationInput) {
			day := w.Now().Format("Mon")
			in.BlockedWindows = []string{day + ":00:00-" + day + ":23:59"}
		}, "PracticeInBlockedWindows", func(due time.Time) time.Time { return due.Truncate(24 * time.Hour).Add(24*time.Hour - time.Minute) }},
		"an allowed window": {func(w *world, in *api.CreatePracticeRunConfigurationInput) {
			day := w.Now().Add(48 * time.Hour).Format("Mon")
			in.AllowedWindows = []string{day + ":12:00-" + day + ":17:00"}
		}, "PracticeOutsideAllowedWindows", func(due time.Time) time.Time { return due.Truncate(24 * time.Hour).Add(60 * time.Hour) }},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.configure(func(in *api.CreatePracticeRunConfigurationInput) { row.change(w, in) })
			due := w.Now().Add(week)
			w.Advance(week)
			if got := w.practices(); len(got) != 0 {
				t.Fatalf("it began: %+v", got)
			}
			_, err := nodetest.Try(w.World, &api.StartPracticeRun, &api.StartPracticeRunInput{ResourceIdentifier: w.lb, AwayFrom: "use1-az2", Comment: "c"})
			wants(t, err, "ConflictException", row.reason)
			w.Advance(row.after(due).Sub(w.Now()) + 10*time.Minute)
			got := w.practices()
			if len(got) != 1 || got[0].StartTime.Before(row.after(due)) {
				t.Fatalf("by %v: %+v", w.Now(), got)
			}
		})
	}
}

// TestPracticeOnDemand: begun, canceled, refused.
func TestPracticeOnDemand(t *testing.T) {
	w := newWorld(t)
	start := func() (*api.StartPracticeRunOutput, error) {
		out, err := nodetest.Try(w.World, &api.StartPracticeRun, &api.StartPracticeRunInput{ResourceIdentifier: w.lb, AwayFrom: "use1-az2", Comment: "mine"})
		w.Drain()
		return out, err
	}
	_, err := start()
	wants(t, err, "ConflictException", "PracticeConfigurationDoesNotExist")
	w.configure(nil)
	for _, name := range []string{"outcome", "blocking"} {
		w.set(name, "ALARM")
		_, err := start()
		wants(t, err, "ConflictException", map[string]string{"outcome": "PracticeOutcomeAlarmsRed", "blocking": "PracticeBlockingAlarmsRed"}[name])
		w.set(name, "OK")
	}
	run, err := start()
	if err != nil {
		t.Fatal(err)
	}
	w.wantAway("in the run", "use1-az2", "0 2")
	_, err = start()
	wants(t, err, "ConflictException", "ZonalShiftAlreadyExists")
	if out := nodetest.Do(w.World, &api.CancelPracticeRun, &api.CancelPracticeRunInput{ZonalShiftId: run.ZonalShiftId}); out.Status != "CANCELED" || out.Comment != "mine" {
		t.Errorf("it is %+v", out)
	}
	w.wantAway("canceled", "", "0 1 2")
	if got := w.summary(run.ZonalShiftId); *got.PracticeRunOutcome != "INTERRUPTED" {
		t.Errorf("its outcome is %s", *got.PracticeRunOutcome)
	}
	mine := w.start("use1-az1", "1h")
	_, err = nodetest.Try(w.World, &api.CancelPracticeRun, &api.CancelPracticeRunInput{ZonalShiftId: mine.ZonalShiftId})
	wants(t, err, "ValidationException", "UnsupportedPracticeCancelShiftType")
	_, err = start()
	wants(t, err, "ConflictException", "SimultaneousZonalShiftsConflict")
}

// TestCapacityCheck: a group that lacks instances gets no practice run.
func TestCapacityCheck(t *testing.T) {
	w := newWorld(t)
	w.lb = w.group("lame")
	w.configure(nil)
	start := func() api.ZonalShiftSummary {
		t.Helper()
		out := nodetest.Do(w.World, &api.StartPracticeRun, &api.StartPracticeRunInput{ResourceIdentifier: w.lb, AwayFrom: "use1-az2", Comment: "mine"})
		w.Drain()
		return w.summary(out.ZonalShiftId)
	}
	if got := start(); got.Status != "ACTIVE" || w.gone() != "use1-az2" {
		t.Errorf("with all that it wants: %+v, away from %s", got, w.gone())
	}
	w.Advance(30 * time.Minute)
	w.suspend("lame", 3)
	if got := start(); got.Status != "CANCELED" || *got.PracticeRunOutcome != "CAPACITY_CHECK_FAILED" || got.Comment != "The capacity check failed: 0 of 3 instances are healthy" || w.gone() != "" {
		t.Errorf("without: %+v, away from %s", got, w.gone())
	}
}

// TestConfigurations: made, changed, refused, deleted.
func TestConfigurations(t *testing.T) {
	w := newWorld(t)
	alarm := w.alarm("a")
	create := func(change func(*api.CreatePracticeRunConfigurationInput)) error {
		in := &api.CreatePracticeRunConfigurationInput{ResourceIdentifier: w.lb, OutcomeAlarms: conditions(alarm)}
		change(in)
		_, err := nodetest.Try(w.World, &api.CreatePracticeRunConfiguration, in)
		return err
	}
	for name, row := range map[string]struct {
		change       func(*api.CreatePracticeRunConfigurationInput)
		code, reason string
	}{
		"no alarm":             {func(in *api.CreatePracticeRunConfigurationInput) { in.OutcomeAlarms = nil }, "ValidationException", ""},
		"an alarm that is not": {func(in *api.CreatePracticeRunConfigurationInput) { in.OutcomeAlarms = conditions(alarm + "b") }, "ValidationException", "InvalidAlarmCondition"},
		"no alarm's ARN":       {func(in *api.CreatePracticeRunConfigurationInput) { in.BlockingAlarms = conditions(w.lb) }, "ValidationException", "InvalidAlarmCondition"},
		"no date":              {func(in *api.CreatePracticeRunConfigurationInput) { in.BlockedDates = []string{"2026-02-30"} }, "ValidationException", "InvalidPracticeBlocker"},
		"over midnight":        {func(in *api.CreatePracticeRunConfigurationInput) { in.BlockedWindows = []string{"Mon:23:00-Tue:01:00"} }, "ValidationException", "InvalidPracticeBlocker"},
		"backwards":            {func(in *api.CreatePracticeRunConfigurationInput) { in.AllowedWindows = []string{"Mon:23:00-Mon:01:00"} }, "ValidationException", "InvalidPracticeAllowedWindow"},
		"both windows": {func(in *api.CreatePracticeRunConfigurationInput) {
			in.AllowedWindows, in.BlockedWindows = []string{"Mon:01:00-Mon:02:00"}, []string{"Tue:01:00-Tue:02:00"}
		}, "ValidationException", "InvalidPracticeWindows"},
		"another resource": {func(in *api.CreatePracticeRunConfigurationInput) { in.ResourceIdentifier = w.lb + "0" }, "ResourceNotFoundException", ""},
	} {
		t.Run(name, func(t *testing.T) { wants(t, create(row.change), row.code, row.reason) })
	}
	wants(t, create(func(in *api.CreatePracticeRunConfigurationInput) { in.BlockedDates = []string{"2030-01-01"} }), "", "")
	wants(t, create(func(*api.CreatePracticeRunConfigurationInput) {}), "ConflictException", "PracticeConfigurationAlreadyExists")
	out := nodetest.Do(w.World, &api.UpdatePracticeRunConfiguration, &api.UpdatePracticeRunConfigurationInput{ResourceIdentifier: w.lb, BlockedDates: []string{}, BlockingAlarms: conditions(alarm)})
	if p := out.PracticeRunConfiguration; len(p.BlockedDates) != 0 || len(p.BlockingAlarms) != 1 || len(p.OutcomeAlarms) != 1 {
		t.Errorf("it is %+v", p)
	}
	w.autoshift("ENABLED")
	_, err := nodetest.Try(w.World, &api.DeletePracticeRunConfiguration, &api.DeletePracticeRunConfigurationInput{ResourceIdentifier: w.lb})
	wants(t, err, "ConflictException", "AutoShiftEnabled")
	w.autoshift("DISABLED")
	if gone := nodetest.Do(w.World, &api.DeletePracticeRunConfiguration, &api.DeletePracticeRunConfigurationInput{ResourceIdentifier: w.lb}); gone.Name != "web" || gone.ZonalAutoshiftStatus != "DISABLED" {
		t.Errorf("it answered %+v", gone)
	}
	_, err = nodetest.Try(w.World, &api.UpdateZonalAutoshiftConfiguration, &api.UpdateZonalAutoshiftConfigurationInput{ResourceIdentifier: w.lb, ZonalAutoshiftStatus: "ENABLED"})
	wants(t, err, "ConflictException", "PracticeConfigurationDoesNotExist")
	w.Advance(2 * week)
	if got := w.practices(); len(got) != 0 {
		t.Errorf("without a configuration: %+v", got)
	}
}

package arczonalshift_test

import (
	"testing"
	"time"

	api "pileus/api/arczonalshift"
	"pileus/node/nodetest"
)

// TestAutoshift: traffic leaves a zone that is dark, where that is enabled, and
// returns with the zone. What the user says comes first.
func TestAutoshift(t *testing.T) {
	w := newWorld(t)
	w.configure(nil)
	autoshifts := func(status string) []api.AutoshiftSummary {
		return nodetest.Do(w.World, &api.ListAutoshifts, &api.ListAutoshiftsInput{Status: &status}).Items
	}
	w.dark("us-east-1b", true)
	if got := w.gone(); got != "" {
		t.Errorf("not enabled: away from %s", got)
	}
	if got := autoshifts("ACTIVE"); len(got) != 1 || got[0].AwayFrom != "use1-az2" || got[0].EndTime != nil {
		t.Errorf("autoshifts: %+v", got)
	}
	w.autoshift("ENABLED")
	w.wantAway("enabled", "use1-az2", "0 2")
	if m := w.managed(); len(m.Autoshifts) != 1 || m.Autoshifts[0].AppliedStatus != "APPLIED" || *m.ZonalAutoshiftStatus != "ENABLED" {
		t.Errorf("the resource is %+v", m)
	}
	_, err := nodetest.Try(w.World, &api.StartPracticeRun, &api.StartPracticeRunInput{ResourceIdentifier: w.lb, AwayFrom: "use1-az2", Comment: "c"})
	wants(t, err, "ConflictException", "ZonalAutoshiftActive")

	mine := w.start("use1-az1", "1h")
	w.wantAway("with a shift of the user's", "use1-az1", "2") // load balancers have no dark zone in DNS anyway
	if m := w.managed(); m.Autoshifts[0].AppliedStatus != "NOT_APPLIED" || m.ZonalShifts[0].AppliedStatus != "APPLIED" {
		t.Errorf("the resource is %+v", m)
	}
	nodetest.Do(w.World, &api.CancelZonalShift, &api.CancelZonalShiftInput{ZonalShiftId: mine.ZonalShiftId})
	w.wantAway("without it", "use1-az2", "0 2")
	w.Advance(time.Hour)
	w.dark("us-east-1b", false)
	w.wantAway("with the zone back", "", "0 1 2")
	if got := autoshifts("COMPLETED"); len(got) != 1 || !got[0].EndTime.Equal(got[0].StartTime.Add(time.Hour)) || len(autoshifts("ACTIVE")) != 0 {
		t.Errorf("autoshifts: %+v", got)
	}

	nodetest.Do(w.World, &api.StartPracticeRun, &api.StartPracticeRunInput{ResourceIdentifier: w.lb, AwayFrom: "use1-az1", Comment: "c"})
	w.dark("us-east-1c", true)
	w.wantAway("an autoshift ends a practice run", "use1-az3", "0 1")
	if got := w.practices(); *got[0].PracticeRunOutcome != "INTERRUPTED" {
		t.Errorf("the practice run is %+v", got[0])
	}
	w.autoshift("DISABLED")
	w.wantAway("disabled again", "", "0 1")
}

// TestObserver: a status that is kept by account and region.
func TestObserver(t *testing.T) {
	w := newWorld(t)
	status := func(region string) string {
		out, err := api.GetAutoshiftObserverNotificationStatus.Call(w.Call().In(nodetest.Account, region), &api.GetAutoshiftObserverNotificationStatusInput{})
		if err != nil {
			t.Fatal(err)
		}
		return out.Status
	}
	nodetest.Do(w.World, &api.UpdateAutoshiftObserverNotificationStatus, &api.UpdateAutoshiftObserverNotificationStatusInput{Status: "ENABLED"})
	if here, there := status(nodetest.Region), status("eu-west-1"); here != "ENABLED" || there != "DISABLED" {
		t.Errorf("here %s, there %s", here, there)
	}
}

package arczonalshift_test

import (
	"strings"
	"testing"

	api "pileus/api/arczonalshift"
	"pileus/cloud"
	"pileus/node/nodetest"
)

func of[In, Out any](op *cloud.Op[In, Out], in In) func(*cloud.Call) error {
	return func(c *cloud.Call) error {
		_, err := op.Call(c, in)
		return err
	}
}

// operations are all that there are, in a world with a practice run under way,
// or a shift of the user's.
func (w *world) operations(shift, practice string) map[string]func(*cloud.Call) error {
	return map[string]func(*cloud.Call) error{
		"StartZonalShift":                           of(&api.StartZonalShift, &api.StartZonalShiftInput{ResourceIdentifier: w.lb, AwayFrom: "use1-az1", ExpiresIn: "1h", Comment: "c"}),
		"UpdateZonalShift":                          of(&api.UpdateZonalShift, &api.UpdateZonalShiftInput{ZonalShiftId: shift, Comment: new("d")}),
		"CancelZonalShift":                          of(&api.CancelZonalShift, &api.CancelZonalShiftInput{ZonalShiftId: shift}),
		"ListZonalShifts":                           of(&api.ListZonalShifts, &api.ListZonalShiftsInput{}),
		"GetManagedResource":                        of(&api.GetManagedResource, &api.GetManagedResourceInput{ResourceIdentifier: w.lb}),
		"ListManagedResources":                      of(&api.ListManagedResources, &api.ListManagedResourcesInput{}),
		"CreatePracticeRunConfiguration":            of(&api.CreatePracticeRunConfiguration, &api.CreatePracticeRunConfigurationInput{ResourceIdentifier: w.balancer("other"), OutcomeAlarms: conditions(w.alarm("other"))}),
		"UpdatePracticeRunConfiguration":            of(&api.UpdatePracticeRunConfiguration, &api.UpdatePracticeRunConfigurationInput{ResourceIdentifier: w.lb}),
		"DeletePracticeRunConfiguration":            of(&api.DeletePracticeRunConfiguration, &api.DeletePracticeRunConfigurationInput{ResourceIdentifier: w.lb}),
		"StartPracticeRun":                          of(&api.StartPracticeRun, &api.StartPracticeRunInput{ResourceIdentifier: w.lb, AwayFrom: "use1-az1", Comment: "c"}),
		"CancelPracticeRun":                         of(&api.CancelPracticeRun, &api.CancelPracticeRunInput{ZonalShiftId: practice}),
		"UpdateZonalAutoshiftConfiguration":         of(&api.UpdateZonalAutoshiftConfiguration, &api.UpdateZonalAutoshiftConfigurationInput{ResourceIdentifier: w.lb, ZonalAutoshiftStatus: "ENABLED"}),
		"ListAutoshifts":                            of(&api.ListAutoshifts, &api.ListAutoshiftsInput{}),
		"GetAutoshiftObserverNotificationStatus":    of(&api.GetAutoshiftObserverNotificationStatus, &api.GetAutoshiftObserverNotificationStatusInput{}),
		"UpdateAutoshiftObserverNotificationStatus": of(&api.UpdateAutoshiftObserverNotificationStatus, &api.UpdateAutoshiftObserverNotificationStatusInput{Status: "ENABLED"}),
	}
}

// TestWhoMay runs each operation without and with its permission, and where it
// is about a resource with one for another resource.
func TestWhoMay(t *testing.T) {
	everywhere := map[string]bool{
		"ListZonalShifts": true, "ListManagedResources": true, "ListAutoshifts": true, "GetAutoshiftObserverNotificationStatus": true,
		"UpdateAutoshiftObserverNotificationStatus": true,
	}
	for _, op := range api.Service.Ops {
		t.Run(op.Name, func(t *testing.T) {
			w := newWorld(t)
			w.configure(nil)
			shift, practice := "", ""
			switch op.Name {
			case "UpdateZonalShift", "CancelZonalShift":
				shift = w.start("use1-az1", "1h").ZonalShiftId
			case "CancelPracticeRun":
				practice = nodetest.Do(w.World, &api.StartPracticeRun, &api.StartPracticeRunInput{ResourceIdentifier: w.lb, AwayFrom: "use1-az1", Comment: "c"}).ZonalShiftId
			}
			try, ok := w.operations(shift, practice)[op.Name]
			if !ok {
				t.Fatalf("%s has no case", op.Name)
			}
			action := "arc-zonal-shift:" + op.Name
			err := try(w.As(w.User("none", "")))
			if wants(t, err, "AccessDeniedException", ""); err == nil || !strings.Contains(err.Error(), action) {
				t.Errorf("without permission: %v", err)
			}
			if !everywhere[op.Name] {
				policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"` + action + `","Resource":"arn:aws:elasticloadbalancing:*:*:loadbalancer/net/*"}]}`
				wants(t, try(w.As(w.User("elsewhere", policy))), "AccessDeniedException", "")
				policy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"` + action + `","Resource":"arn:aws:elasticloadbalancing:*:*:loadbalancer/app/*"}]}`
				wants(t, try(w.As(w.User("here", policy))), "", "")
				return
			}
			wants(t, try(w.As(w.User("allowed", nodetest.Allow(action)))), "", "")
		})
	}
}

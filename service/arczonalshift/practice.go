package arczonalshift

import (
	"time"

	api "pileus/api/arczonalshift"
	"pileus/cloud"
	"pileus/store"
	"pileus/zone/shift"
)

const (
	// practiceLasts and practiceEvery are how long practice runs last, and how
	// often they are run.
	// https://docs.aws.amazon.com/r53recovery/latest/dg/arc-zonal-autoshift.how-it-works.html
	practiceLasts = 30 * time.Minute
	practiceEvery = 7 * 24 * time.Hour
)

func findConfiguration(c *cloud.Call, r store.Reader, x *shift.Resource) (*configuration, error) {
	if f, ok := configurations.Get(r, x.Account, x.Region, x.ARN); ok {
		return f, nil
	}
	return nil, errConflict(api.ConflictExceptionReasonPracticeConfigurationDoesNotExist, "", "The resource %s has no practice run configuration.", x.ARN)
}

// findConfigured finds a resource that has a configuration, and that.
func findConfigured(c *cloud.Call, r store.Reader, arn string) (*shift.Resource, *configuration, error) {
	x, err := findResource(c, r, arn)
	if err != nil {
		return nil, nil, err
	}
	f, err := findConfiguration(c, r, x)
	return x, f, err
}

// keep checks and writes the configuration of x.
func (f *configuration) keep(c *cloud.Call, tx store.Tx, x *shift.Resource) error {
	if err := checkTimes(&f.Practice); err != nil {
		return err
	}
	if err := checkAlarms(c, &f.Practice); err != nil {
		return err
	}
	configurations.Put(tx, f)
	look(tx, x)
	return nil
}

func createPracticeRunConfiguration(c *cloud.Call, tx store.Tx, in *api.CreatePracticeRunConfigurationInput) (*api.CreatePracticeRunConfigurationOutput, error) {
	x, err := findResource(c, tx, in.ResourceIdentifier)
	if err != nil {
		return nil, err
	}
	if configurations.Has(tx, x.Account, x.Region, x.ARN) {
		return nil, errConflict(api.ConflictExceptionReasonPracticeConfigurationAlreadyExists, "", "The resource %s has a practice run configuration already.", x.ARN)
	}
	f := &configuration{
		Account: x.Account, Region: x.Region, Resource: x.ARN, Autoshift: api.ZonalAutoshiftStatusDisabled, Next: c.Now.Add(practiceEvery),
		Practice: api.PracticeRunConfiguration{
			OutcomeAlarms: in.OutcomeAlarms, BlockingAlarms: in.BlockingAlarms, BlockedDates: in.BlockedDates, BlockedWindows: in.BlockedWindows,
			AllowedWindows: in.AllowedWindows,
		},
	}
	if err := f.keep(c, tx, x); err != nil {
		return nil, err
	}
	return &api.CreatePracticeRunConfigurationOutput{Arn: x.ARN, Name: x.Name, PracticeRunConfiguration: f.Practice, ZonalAutoshiftStatus: f.Autoshift}, nil
}

// updatePracticeRunConfiguration changes what is given; an empty list takes
// alarms, dates and windows away.
func updatePracticeRunConfiguration(c *cloud.Call, tx store.Tx, in *api.UpdatePracticeRunConfigurationInput) (*api.UpdatePracticeRunConfigurationOutput, error) {
	x, f, err := findConfigured(c, tx, in.ResourceIdentifier)
	if err != nil {
		return nil, err
	}
	p := &f.Practice
	if in.OutcomeAlarms != nil {
		p.OutcomeAlarms = in.OutcomeAlarms
	}
	if in.BlockingAlarms != nil {
		p.BlockingAlarms = in.BlockingAlarms
	}
	if in.BlockedDates != nil {
		p.BlockedDates = in.BlockedDates
	}
	if in.BlockedWindows != nil {
		p.BlockedWindows = in.BlockedWindows
	}
	if in.AllowedWindows != nil {
		p.AllowedWindows = in.AllowedWindows
	}
	if err := f.keep(c, tx, x); err != nil {
		return nil, err
	}
	return &api.UpdatePracticeRunConfigurationOutput{Arn: x.ARN, Name: x.Name, PracticeRunConfiguration: f.Practice, ZonalAutoshiftStatus: f.Autoshift}, nil
}

func deletePracticeRunConfiguration(c *cloud.Call, tx store.Tx, in *api.DeletePracticeRunConfigurationInput) (*api.DeletePracticeRunConfigurationOutput, error) {
	x, f, err := findConfigured(c, tx, in.ResourceIdentifier)
	if err != nil {
		return nil, err
	}
	if f.Autoshift == api.ZonalAutoshiftStatusEnabled {
		return nil, errConflict(api.ConflictExceptionReasonAutoShiftEnabled, "", "Zonal autoshift is enabled for the resource %s. Disable it before you delete the practice run configuration.", x.ARN)
	}
	configurations.Delete(tx, f.Account, f.Region, f.Resource)
	look(tx, x)
	return &api.DeletePracticeRunConfigurationOutput{Arn: x.ARN, Name: x.Name, ZonalAutoshiftStatus: f.Autoshift}, nil
}

// startPracticeRun begins a practice run out of turn. Whether there is capacity
// for it is found out afterwards.
func startPracticeRun(c *cloud.Call, tx store.Tx, in *api.StartPracticeRunInput) (*api.StartPracticeRunOutput, error) {
	x, err := findResource(c, tx, in.ResourceIdentifier)
	if err != nil {
		return nil, err
	}
	zone, err := zoneIn(x, in.AwayFrom)
	if err != nil {
		return nil, err
	}
	f, err := findConfiguration(c, tx, x)
	if err != nil {
		return nil, err
	}
	if reason, err := f.hinders(c); err != nil {
		return nil, err
	} else if reason != "" {
		return nil, errConflict(reason, "", "A practice run cannot be started for the resource %s now: %s.", x.ARN, hindrances[reason])
	}
	s := f.run(c, zone, in.Comment)
	if err := s.supersede(tx, x); err != nil {
		return nil, err
	}
	shifts.Put(tx, s)
	look(tx, x)
	return &api.StartPracticeRunOutput{
		ZonalShiftId: s.ID, ResourceIdentifier: s.Resource, AwayFrom: in.AwayFrom, Comment: s.Comment, Status: s.Status, StartTime: s.Start, ExpiryTime: s.Expiry,
	}, nil
}

// hindrances say in words why no practice run can begin.
var hindrances = map[string]string{
	api.ConflictExceptionReasonPracticeInBlockedDates:        "today is a blocked date",
	api.ConflictExceptionReasonPracticeInBlockedWindows:      "it is within a blocked window",
	api.ConflictExceptionReasonPracticeOutsideAllowedWindows: "it is outside of the allowed windows",
	api.ConflictExceptionReasonPracticeOutcomeAlarmsRed:      "an outcome alarm is in the ALARM state",
	api.ConflictExceptionReasonPracticeBlockingAlarmsRed:     "a blocking alarm is in the ALARM state",
}

func cancelPracticeRun(c *cloud.Call, tx store.Tx, in *api.CancelPracticeRunInput) (*api.CancelPracticeRunOutput, error) {
	s, err := going(c, tx, in.ZonalShiftId)
	if err != nil {
		return nil, err
	}
	if !s.practice() {
		return nil, errInvalid(api.ValidationExceptionReasonUnsupportedPracticeCancelShiftType, "The zonal shift %s is not a practice run.", s.ID)
	}
	s.end(tx, api.ZonalShiftStatusCanceled, api.PracticeRunOutcomeInterrupted)
	s.look(tx)
	return &api.CancelPracticeRunOutput{
		ZonalShiftId: s.ID, ResourceIdentifier: s.Resource, AwayFrom: zoneID(s.Zone), Comment: s.Comment, Status: s.Status, StartTime: s.Start, ExpiryTime: s.Expiry,
	}, nil
}

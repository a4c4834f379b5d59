package arczonalshift

import (
	"strconv"
	"time"

	api "pileus/api/arczonalshift"
	"pileus/cloud"
	"pileus/region"
	"pileus/store"
	"pileus/zone/shift"
)

const (
	// longest is how long a shift may last at first, and by each update.
	longest = 72 * time.Hour
	// fis is the service whose shifts are experiments.
	fis = "fis.amazonaws.com"
)

func startZonalShift(c *cloud.Call, tx store.Tx, in *api.StartZonalShiftInput) (*api.ZonalShift, error) {
	x, err := findResource(c, tx, in.ResourceIdentifier)
	if err != nil {
		return nil, err
	}
	zone, err := zoneIn(x, in.AwayFrom)
	if err != nil {
		return nil, err
	}
	lasts, err := parseExpiry(in.ExpiresIn)
	if err != nil {
		return nil, err
	}
	s := &zonalShift{
		Account: c.Account, Region: c.Region, ID: c.Rand().UUID(), Resource: x.ARN, Zone: zone, Comment: in.Comment,
		Status: api.ZonalShiftStatusActive, Kind: kindFor(c), Start: c.Now, Expiry: c.Now.Add(lasts),
	}
	if err := s.supersede(tx, x); err != nil {
		return nil, err
	}
	shifts.Put(tx, s)
	look(tx, x)
	return s.show(), nil
}

// kindFor is the kind of shift that the caller starts.
func kindFor(c *cloud.Call) string {
	if c.Principal.LinkedService == fis {
		return api.ShiftTypeFisExperiment
	}
	return api.ShiftTypeZonalShift
}

// supersede ends the shift that goes on where the new one takes precedence, or
// refuses the new one.
// https://docs.aws.amazon.com/r53recovery/latest/dg/arc-zonal-autoshift.how-it-works.precedence.html
func (s *zonalShift) supersede(tx store.Tx, x *shift.Resource) error {
	manual := s.Kind == api.ShiftTypeZonalShift
	if auto, ok := autoshiftOf(tx, x); ok && !manual {
		return errConflict(api.ConflictExceptionReasonZonalAutoshiftActive, "", "An autoshift away from %s is active for the resource %s.", zoneID(auto.Zone), x.ARN)
	}
	old, ok := activeOf(tx, x.Account, x.Region, x.ARN)
	switch {
	case !ok:
		return nil
	case old.practice() && !s.practice(), manual && old.Kind == api.ShiftTypeFisExperiment:
		old.end(tx, api.ZonalShiftStatusCanceled, api.PracticeRunOutcomeInterrupted)
		return nil
	case old.Zone != s.Zone:
		return errConflict(api.ConflictExceptionReasonSimultaneousZonalShiftsConflict, old.ID, "A zonal shift away from another Availability Zone, %s, is active for the resource %s.", zoneID(old.Zone), x.ARN)
	}
	return errConflict(api.ConflictExceptionReasonZonalShiftAlreadyExists, old.ID, "A zonal shift away from %s is already active for the resource %s.", zoneID(old.Zone), x.ARN)
}

// parseExpiry reads "20h" and "120m".
func parseExpiry(text string) (time.Duration, error) {
	n, err := strconv.Atoi(text[:len(text)-1])
	d := time.Duration(n) * time.Minute
	if text[len(text)-1] == 'h' {
		d = time.Duration(n) * time.Hour
	}
	if err != nil || d < time.Minute || d > longest {
		return 0, errInvalid(api.ValidationExceptionReasonInvalidExpiresIn, "The expiration %s is not between one minute and three days (72 hours).", text)
	}
	return d, nil
}

// zoneIn is the name of a resource's zone by its id, which is how it must be
// given: names mean other zones in other accounts.
func zoneIn(x *shift.Resource, id string) (name string, err error) {
	where, _ := region.Find(x.Region)
	z, ok := where.FindZone(id)
	if !ok || z.ID != id {
		return "", errInvalid(api.ValidationExceptionReasonInvalidAz, "The Availability Zone ID %s is not valid in %s.", id, x.Region)
	}
	for _, have := range x.Zones {
		if have == z.Name {
			return z.Name, nil
		}
	}
	return "", errInvalid(api.ValidationExceptionReasonUnsupportedAz, "The resource %s is not in the Availability Zone %s.", x.ARN, id)
}

// look has the controller look at a resource.
func look(tx store.Tx, x *shift.Resource) {
	tx.After(time.Time{}, shift.Controller, shift.Resources.Key(x))
}

func findShift(c *cloud.Call, r store.Reader, id string) (*zonalShift, error) {
	if s, ok := shifts.Get(r, c.Account, c.Region, id); ok {
		return s, nil
	}
	return nil, errNoShift(id)
}

// going is a shift that goes on, or the answer for one that does not.
func going(c *cloud.Call, r store.Reader, id string) (*zonalShift, error) {
	s, err := findShift(c, r, id)
	if err == nil && !s.active() {
		err = errConflict(api.ConflictExceptionReasonZonalShiftStatusNotActive, s.ID, "The zonal shift %s is not active.", s.ID)
	}
	return s, err
}

func updateZonalShift(c *cloud.Call, tx store.Tx, in *api.UpdateZonalShiftInput) (*api.ZonalShift, error) {
	s, err := going(c, tx, in.ZonalShiftId)
	if err != nil {
		return nil, err
	}
	if s.Kind == api.ShiftTypeFisExperiment && kindFor(c) != s.Kind {
		return nil, errInvalid(api.ValidationExceptionReasonFISExperimentUpdateNotAllowed, "The zonal shift %s is managed by AWS FIS.", s.ID)
	}
	if in.ExpiresIn != nil {
		lasts, err := parseExpiry(*in.ExpiresIn)
		if err != nil {
			return nil, err
		}
		s.Expiry = c.Now.Add(lasts)
	}
	s.Comment = cloud.Or(in.Comment, s.Comment)
	shifts.Put(tx, s)
	s.look(tx)
	return s.show(), nil
}

func (s *zonalShift) look(tx store.Tx) {
	tx.After(time.Time{}, shift.Controller, store.K(s.Account, s.Region, s.Resource))
}

func cancelZonalShift(c *cloud.Call, tx store.Tx, in *api.CancelZonalShiftInput) (*api.ZonalShift, error) {
	s, err := going(c, tx, in.ZonalShiftId)
	if err != nil {
		return nil, err
	}
	s.end(tx, api.ZonalShiftStatusCanceled, api.PracticeRunOutcomeInterrupted)
	s.look(tx)
	return s.show(), nil
}

// show is a shift as the operations on one answer it.
func (s *zonalShift) show() *api.ZonalShift {
	return &api.ZonalShift{
		ZonalShiftId: s.ID, ResourceIdentifier: s.Resource, AwayFrom: zoneID(s.Zone), Comment: s.Comment, Status: s.Status,
		StartTime: s.Start, ExpiryTime: s.Expiry,
	}
}

const defaultPage = 100

func listZonalShifts(c *cloud.Call, r store.Reader, in *api.ListZonalShiftsInput) (*api.ListZonalShiftsOutput, error) {
	keep := func(s *zonalShift) bool {
		return (in.Status == nil || *in.Status == s.Status) && (in.ResourceIdentifier == nil || *in.ResourceIdentifier == s.Resource)
	}
	list, next, ok := shifts.PageIndex(r, "start", store.K(c.Account, c.Region), cloud.Or(in.NextToken, ""), int(cloud.Or(in.MaxResults, defaultPage)), keep)
	if !ok {
		return nil, errToken()
	}
	out := &api.ListZonalShiftsOutput{Items: []api.ZonalShiftSummary{}, NextToken: some(next)}
	for _, s := range list {
		out.Items = append(out.Items, api.ZonalShiftSummary{
			ZonalShiftId: s.ID, ResourceIdentifier: s.Resource, AwayFrom: zoneID(s.Zone), Comment: s.Comment, Status: s.Status,
			StartTime: s.Start, ExpiryTime: s.Expiry, ShiftType: &s.Kind, PracticeRunOutcome: some(s.Outcome),
		})
	}
	return out, nil
}

// some is a pointer to s, or nil for "".
func some(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

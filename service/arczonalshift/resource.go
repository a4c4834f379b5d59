package arczonalshift

import (
	"slices"

	api "pileus/api/arczonalshift"
	"pileus/cloud"
	"pileus/store"
	"pileus/zone/shift"
)

func findResource(c *cloud.Call, r store.Reader, arn string) (*shift.Resource, error) {
	if _, ok := cloud.ParseARN(arn); !ok {
		return nil, errInvalid(api.ValidationExceptionReasonInvalidResourceIdentifier, "The resource identifier %s is not a valid ARN.", arn)
	}
	if x, ok := shift.Resources.Get(r, c.Account, c.Region, arn); ok {
		return x, nil
	}
	return nil, errNoResource(arn)
}

// standing is what is set and what goes on for a resource.
type standing struct {
	*shift.Resource
	set   *configuration // nil: nothing is
	going *zonalShift    // nil: none
	auto  *autoshift     // nil: none
}

func standingOf(r store.Reader, x *shift.Resource) standing {
	st := standing{Resource: x}
	if f, ok := configurations.Get(r, x.Account, x.Region, x.ARN); ok {
		st.set = f
	}
	if s, ok := activeOf(r, x.Account, x.Region, x.ARN); ok {
		st.going = s
	}
	if a, ok := autoshiftOf(r, x); ok {
		st.auto = a
	}
	return st
}

// autoshiftOf is the autoshift that a resource takes part in: of several, the
// one that began first.
func autoshiftOf(r store.Reader, x *shift.Resource) (*autoshift, bool) {
	f, ok := configurations.Get(r, x.Account, x.Region, x.ARN)
	if !ok || f.Autoshift != api.ZonalAutoshiftStatusEnabled {
		return nil, false
	}
	for a := range autoshifts.Index(r, "active", x.Region) {
		if slices.Contains(x.Zones, a.Zone) {
			return a, true
		}
	}
	return nil, false
}

// away is the zone that the resource's traffic has to leave: by what its user
// has started, by an autoshift, or by a practice run for which there is capacity.
func (st standing) away() string {
	switch s := st.going; {
	case s != nil && s.Kind == api.ShiftTypeZonalShift:
		return s.Zone
	case st.auto != nil:
		return st.auto.Zone
	case s != nil && (s.Checked || !s.practice()):
		return s.Zone
	}
	return ""
}

// weights are 0 for the zone that the traffic has left and 1 for the others.
func (st standing) weights() map[string]float64 {
	away, out := st.away(), map[string]float64{}
	for _, z := range st.Zones {
		out[zoneID(z)] = 1
		if z == away {
			out[zoneID(z)] = 0
		}
	}
	return out
}

// manual tells whether the shift in effect is the user's own.
func (st standing) manual() bool {
	return st.going != nil && st.going.Kind == api.ShiftTypeZonalShift
}

func (st standing) shifts() []api.ZonalShiftInResource {
	list := []api.ZonalShiftInResource{}
	if s := st.going; s != nil {
		applied := api.AppliedStatusApplied
		if st.auto != nil && !st.manual() {
			applied = api.AppliedStatusNotApplied
		}
		list = append(list, api.ZonalShiftInResource{
			AppliedStatus: applied, ZonalShiftId: s.ID, ResourceIdentifier: s.Resource, AwayFrom: zoneID(s.Zone), Comment: s.Comment,
			StartTime: s.Start, ExpiryTime: s.Expiry, ShiftType: &s.Kind, PracticeRunOutcome: some(s.Outcome),
		})
	}
	return list
}

func (st standing) autoshifts() []api.AutoshiftInResource {
	list := []api.AutoshiftInResource{}
	if a := st.auto; a != nil {
		applied := api.AutoshiftAppliedStatusApplied
		if st.manual() {
			applied = api.AutoshiftAppliedStatusNotApplied
		}
		list = append(list, api.AutoshiftInResource{AppliedStatus: applied, AwayFrom: zoneID(a.Zone), StartTime: a.Start})
	}
	return list
}

// status is whether the resource leaves dark zones by itself.
func (st standing) status() string {
	if st.set == nil {
		return api.ZonalAutoshiftStatusDisabled
	}
	return st.set.Autoshift
}

func getManagedResource(c *cloud.Call, r store.Reader, in *api.GetManagedResourceInput) (*api.GetManagedResourceOutput, error) {
	x, err := findResource(c, r, in.ResourceIdentifier)
	if err != nil {
		return nil, err
	}
	st := standingOf(r, x)
	out := &api.GetManagedResourceOutput{
		Arn: &x.ARN, Name: &x.Name, AppliedWeights: st.weights(), ZonalShifts: st.shifts(), Autoshifts: st.autoshifts(), ZonalAutoshiftStatus: new(st.status()),
	}
	if st.set != nil {
		out.PracticeRunConfiguration = &st.set.Practice
	}
	return out, nil
}

func listManagedResources(c *cloud.Call, r store.Reader, in *api.ListManagedResourcesInput) (*api.ListManagedResourcesOutput, error) {
	list, next, ok := shift.Resources.Page(r, store.K(c.Account, c.Region), cloud.Or(in.NextToken, ""), int(cloud.Or(in.MaxResults, defaultPage)), nil)
	if !ok {
		return nil, errToken()
	}
	out := &api.ListManagedResourcesOutput{Items: []api.ManagedResourceSummary{}, NextToken: some(next)}
	for _, x := range list {
		st := standingOf(r, x)
		item := api.ManagedResourceSummary{
			Arn: &x.ARN, Name: &x.Name, AvailabilityZones: []string{}, AppliedWeights: st.weights(), ZonalShifts: st.shifts(), Autoshifts: st.autoshifts(),
			ZonalAutoshiftStatus: new(st.status()), PracticeRunStatus: new(api.ZonalAutoshiftStatusDisabled),
		}
		if st.set != nil {
			item.PracticeRunStatus = new(api.ZonalAutoshiftStatusEnabled)
		}
		for _, z := range x.Zones {
			item.AvailabilityZones = append(item.AvailabilityZones, zoneID(z))
		}
		out.Items = append(out.Items, item)
	}
	return out, nil
}

package arczonalshift

import (
	"time"

	api "pileus/api/arczonalshift"
	"pileus/region"
	"pileus/store"
)

// zonalShift moves a resource's traffic away from a zone for a while.
type zonalShift struct {
	Account, Region, ID string
	Resource            string // ARN
	Zone                string // name
	Comment             string
	Status              string // ACTIVE, EXPIRED, CANCELED
	Kind                string // ShiftType: ZONAL_SHIFT, PRACTICE_RUN, FIS_EXPERIMENT
	Start, Expiry       time.Time
	Outcome             string // of a practice run
	Checked             bool   // a practice run's: there was capacity to begin it
}

var shifts = &store.Table[zonalShift]{
	Name: "arczonalshift.shift",
	Key:  func(s *zonalShift) store.Key { return store.K(s.Account, s.Region, s.ID) },
	Indexes: map[string]func(*zonalShift) store.Key{
		"start": func(s *zonalShift) store.Key { return store.K(s.Account, s.Region, s.Start, s.ID) },
		"active": func(s *zonalShift) store.Key {
			if !s.active() {
				return nil
			}
			return store.K(s.Account, s.Region, s.Resource, s.Start, s.ID)
		},
	},
}

func (s *zonalShift) active() bool { return s.Status == api.ZonalShiftStatusActive }

func (s *zonalShift) practice() bool { return s.Kind == api.ShiftTypePracticeRun }

// activeOf is the shift of a resource that goes on, if one does: there is never
// more than one.
func activeOf(r store.Reader, account, region, arn string) (*zonalShift, bool) {
	for s := range shifts.Index(r, "active", account, region, arn) {
		return s, true
	}
	return nil, false
}

// end ends a shift that goes on; a practice run has the outcome.
func (s *zonalShift) end(tx store.Tx, status, outcome string) {
	s.Status = status
	if s.practice() {
		s.Outcome = outcome
	}
	shifts.Put(tx, s)
}

// configuration is what is set for a resource: its practice runs, and whether
// its traffic leaves dark zones by itself.
type configuration struct {
	Account, Region, Resource string
	Practice                  api.PracticeRunConfiguration
	Autoshift                 string    // ENABLED, DISABLED
	Next                      time.Time // when a practice run is due
	Last                      string    // the zone of the last one
}

var configurations = &store.Table[configuration]{
	Name: "arczonalshift.configuration",
	Key:  func(f *configuration) store.Key { return store.K(f.Account, f.Region, f.Resource) },
}

// autoshift is a zone's time in the dark.
type autoshift struct {
	Region, Zone string    // name
	Start, End   time.Time // End is zero while it goes on
}

var autoshifts = &store.Table[autoshift]{
	Name: "arczonalshift.autoshift",
	Key:  func(a *autoshift) store.Key { return store.K(a.Region, a.Start, a.Zone) },
	Indexes: map[string]func(*autoshift) store.Key{
		"active": func(a *autoshift) store.Key {
			if !a.End.IsZero() {
				return nil
			}
			return store.K(a.Region, a.Start, a.Zone)
		},
	},
}

// observer is whether an account is told of every autoshift of a region.
type observer struct{ Account, Region, Status string }

var observers = &store.Table[observer]{
	Name: "arczonalshift.observer",
	Key:  func(o *observer) store.Key { return store.K(o.Account, o.Region) },
}

// zoneID is the id of a zone by its name: "use1-az1".
func zoneID(name string) string {
	z, _ := region.ZoneNamed(name)
	return z.ID
}

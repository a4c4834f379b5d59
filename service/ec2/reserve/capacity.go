package reserve

import (
	"slices"
	"strconv"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/region"
	"pileus/service/ec2/instance"
	"pileus/service/ec2/resource"
	"pileus/store"
)

const (
	capacityKind       = "capacity-reservation"
	capacityController = "ec2.capacity"
	// capacityKept is how long one that has ended can still be described.
	capacityKept = time.Hour
)

// capacity is a capacity reservation.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-capacity-reservations.html
type capacity struct {
	Account, Region, ID     string
	Type, Platform, Zone    string
	Tenancy, PlacementGroup string
	Total                   int32
	EBSOptimized, Ephemeral bool
	State                   string // "assessing", "scheduled", "active", "expired", "cancelled"
	Targeted                bool   // InstanceMatchCriteria
	Created                 time.Time
	Start                   time.Time     // of one for a later date; zero: when it was made
	Commitment              time.Duration // from Start on
	Committed               int32         // instances
	End                     time.Time     // zero: unlimited
	Over                    time.Time     // when it ended
	Fleet                   string
	Weight                  float64
	Priority                int32
}

var capacities = &store.Table[capacity]{
	Name: "ec2.capacity",
	Key:  func(x *capacity) store.Key { return store.K(x.Account, x.Region, x.ID) },
}

func (x *capacity) key() store.Key { return store.K(x.Account, x.Region, x.ID) }

func errNoCapacity(id string) *cloud.Error {
	if !resource.WellFormed("cr", id) {
		return resource.Errorf("InvalidCapacityReservationId.Malformed", "The ID '%s' is malformed", id)
	}
	return resource.Errorf("InvalidCapacityReservationId.NotFound", "The Capacity Reservation '%s' does not exist", id)
}

func findCapacity(c *cloud.Call, r store.Reader, id string) (*capacity, error) {
	if x, ok := capacities.Get(r, c.Account, c.Region, id); ok {
		return x, nil
	}
	return nil, errNoCapacity(id)
}

// uses tells whether an instance takes up the capacity that it is in: stopped
// ones do not.
func uses(i *instance.Instance) bool {
	return i.State == instance.Pending || i.State == instance.Running || i.State == instance.Stopping || i.State == instance.ShuttingDown
}

// used is how many instances are in the reservation.
func (x *capacity) used(r store.Reader) (n int32) {
	for i := range instance.All(r, x.Account, x.Region) {
		if i.CapacityReservation == x.ID && uses(i) {
			n++
		}
	}
	return n
}

// platforms are what reservations can be made for.
var platforms = []string{
	"Linux/UNIX", "Red Hat Enterprise Linux", "SUSE Linux", "Windows", "Windows with SQL Server", "Windows with SQL Server Enterprise", "Windows with SQL Server Standard",
	"Windows with SQL Server Web", "Linux with SQL Server Standard", "Linux with SQL Server Web", "Linux with SQL Server Enterprise", "RHEL with SQL Server Standard",
	"RHEL with SQL Server Enterprise", "RHEL with SQL Server Web", "RHEL with HA", "RHEL with HA and SQL Server Standard", "RHEL with HA and SQL Server Enterprise", "Ubuntu Pro",
}

func createCapacityReservation(c *cloud.Call, tx store.Tx, in *api.CreateCapacityReservationInput) (*api.CreateCapacityReservationOutput, error) {
	return resource.Once(c, tx, "CreateCapacityReservation", in.ClientToken, in, func() (*api.CreateCapacityReservationOutput, error) {
		if err := resource.OnlyTags(in.TagSpecifications, capacityKind); err != nil {
			return nil, err
		}
		tags, err := resource.SpecifiedTags(in.TagSpecifications, capacityKind)
		if err != nil {
			return nil, err
		}
		x := &capacity{
			Account: c.Account, Region: c.Region, ID: resource.NewID(c, "cr"), Type: in.InstanceType, Platform: in.InstancePlatform, Tenancy: cloud.Or(in.Tenancy, "default"),
			PlacementGroup: cloud.Or(in.PlacementGroupArn, ""), Total: in.InstanceCount, EBSOptimized: cloud.Or(in.EbsOptimized, false), Ephemeral: cloud.Or(in.EphemeralStorage, false),
			State: "active", Targeted: cloud.Or(in.InstanceMatchCriteria, "open") == "targeted", Created: c.Now,
		}
		if x.Zone, err = zoneOf(c, in.AvailabilityZone, in.AvailabilityZoneId); err != nil {
			return nil, err
		}
		if x.End, err = endOf(c, in.EndDateType, in.EndDate, time.Time{}); err != nil {
			return nil, err
		}
		if err := x.check(in); err != nil {
			return nil, err
		}
		if err := x.later(c, in); err != nil {
			return nil, err
		}
		resource.Register(c, tx, capacityKind, x.ID, tags)
		if err := x.open(c, tx); err != nil {
			return nil, err
		}
		return &api.CreateCapacityReservationOutput{CapacityReservation: x.api(c, tx)}, nil
	})
}

// mostCapacity is how many instances one reservation may hold.
const mostCapacity = 1000

func (x *capacity) check(in *api.CreateCapacityReservationInput) error {
	_, ok := instance.FindType(x.Type)
	switch {
	case !ok:
		return resource.Errorf("InvalidParameterValue", "Invalid value '%s' for InstanceType.", x.Type)
	case !slices.Contains(platforms, x.Platform):
		return resource.Errorf("InvalidParameterValue", "Invalid value '%s' for InstancePlatform.", x.Platform)
	case x.Total < 1 || x.Total > mostCapacity:
		return resource.Errorf("InvalidParameterValue", "Invalid value '%d' for InstanceCount. It must be between 1 and %d.", x.Total, mostCapacity)
	case x.Tenancy != "default" && x.Tenancy != "dedicated":
		return resource.Invalid(x.Tenancy, "Tenancy")
	case in.OutpostArn != nil:
		return resource.Unsupported("There are no Outposts here.")
	}
	return nil
}

// zoneOf is the zone that a request names in one of two ways.
func zoneOf(c *cloud.Call, name, id *string) (string, error) {
	named, err := resource.ZoneName(c, name, id)
	if err != nil {
		return "", err
	}
	if cloud.Or(named, "") == "" {
		return "", resource.Missing("AvailabilityZone")
	}
	where, _ := region.Find(c.Region)
	z, ok := where.FindZone(*named)
	if !ok {
		return "", resource.Errorf("InvalidParameterValue", "Invalid availability zone: [%s]", *named)
	}
	return z.Name, nil
}

// endOf is when a reservation ends: a date goes with the type "limited" alone.
func endOf(c *cloud.Call, kind *string, end *time.Time, now time.Time) (time.Time, error) {
	usual := "unlimited"
	if end != nil || !now.IsZero() && kind == nil {
		usual = "limited"
	}
	switch k := cloud.Or(kind, usual); {
	case k == "unlimited" && end != nil:
		return now, resource.Combination("The end date must not be specified when the end date type is 'unlimited'.")
	case k == "unlimited":
		return time.Time{}, nil
	case k != "limited":
		return now, resource.Invalid(k, "EndDateType")
	case end == nil && now.IsZero():
		return now, resource.Errorf("MissingParameter", "The end date must be specified when the end date type is 'limited'.")
	case end == nil:
		return now, nil
	case !end.After(c.Now):
		return now, resource.Errorf("InvalidParameterValue", "The end date must be in the future.")
	}
	return *end, nil
}

// open begins a reservation: instances that run already and match it run in it
// from now on.
func (x *capacity) open(c *cloud.Call, tx store.Tx) error {
	capacities.Put(tx, x)
	if x.State != "active" {
		tx.After(x.next(), capacityController, x.key())
		return nil
	}
	if !x.End.IsZero() {
		tx.After(x.End, capacityController, x.key())
	}
	free := x.Total - x.used(tx)
	for i := range instance.All(tx, c.Account, c.Region) {
		if free <= 0 || x.Targeted {
			return nil
		}
		if i.CapacityReservation == "" && i.CapacityTarget == "" && i.CapacityPreference != "none" && i.LifeCycle == "" && uses(i) && x.matches(i) {
			if err := instance.Amend(c, tx, i.ID, func(i *instance.Instance) { i.CapacityReservation = x.ID }); err != nil {
				return err
			}
			free--
		}
	}
	return nil
}

// matches tells whether an instance is of the kind that is reserved.
func (x *capacity) matches(i *instance.Instance) bool {
	return x.State == "active" && i.Type == x.Type && i.Zone == x.Zone && i.PlatformDetails() == x.Platform && i.Placement.Tenancy == x.Tenancy
}

func (x *capacity) api(c *cloud.Call, r store.Reader) *api.CapacityReservation {
	kind, criteria := "unlimited", "open"
	if !x.End.IsZero() {
		kind = "limited"
	}
	if x.Targeted {
		criteria = "targeted"
	}
	free := x.Total - x.used(r)
	if x.State != "active" {
		free = 0
	}
	z, _ := region.ZoneNamed(x.Zone)
	out := &api.CapacityReservation{
		CapacityReservationId: &x.ID, OwnerId: &x.Account, CapacityReservationArn: new(c.In(x.Account, x.Region).ARN("ec2", capacityKind+"/"+x.ID)),
		AvailabilityZone: &x.Zone, AvailabilityZoneId: &z.ID, InstanceType: &x.Type, InstancePlatform: &x.Platform, Tenancy: &x.Tenancy,
		TotalInstanceCount: &x.Total, AvailableInstanceCount: &free, EbsOptimized: &x.EBSOptimized, EphemeralStorage: &x.Ephemeral, State: &x.State,
		StartDate: new(x.start()), CreateDate: &x.Created, EndDate: moment(x.End), EndDateType: &kind, InstanceMatchCriteria: &criteria,
		Tags: resource.APITags(resource.Tags(c, r, x.ID)), CapacityReservationFleetId: optional(x.Fleet), PlacementGroupArn: optional(x.PlacementGroup),
		CapacityAllocations: []api.CapacityAllocation{}, ReservationType: new("default"),
	}
	x.showLater(out)
	return out
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

func modifyCapacityReservation(c *cloud.Call, tx store.Tx, in *api.ModifyCapacityReservationInput) (*api.ModifyCapacityReservationOutput, error) {
	found, err := findCapacity(c, tx, in.CapacityReservationId)
	if err != nil {
		return nil, err
	}
	if found.State != "active" {
		return nil, errNotActive(found)
	}
	x := new(*found)
	if n := in.InstanceCount; n != nil {
		if x.committed(c.Now) && *n < x.Committed {
			return nil, errCommitted(x)
		}
		if used := x.used(tx); *n < max(1, used) || *n > mostCapacity {
			return nil, resource.Errorf("InvalidParameterValue", "The requested instance count %d is not between the %d instances in use and %d.", *n, max(1, used), mostCapacity)
		}
		x.Total = *n
	}
	if x.End, err = endOf(c, in.EndDateType, in.EndDate, x.End); err != nil {
		return nil, err
	}
	if x.committed(c.Now) && !x.End.IsZero() && x.End.Before(x.Start.Add(x.Commitment)) {
		return nil, errCommitted(x)
	}
	if m := in.InstanceMatchCriteria; m != nil {
		if x.used(tx) > 0 {
			return nil, resource.Errorf("InvalidState", "The instance eligibility of the Capacity Reservation '%s' can be modified only while it is idle.", x.ID)
		}
		x.Targeted = *m == api.InstanceMatchCriteriaTargeted
		return &api.ModifyCapacityReservationOutput{Return: new(true)}, x.open(c, tx)
	}
	capacities.Put(tx, x)
	if !x.End.IsZero() {
		tx.After(x.End, capacityController, x.key())
	}
	return &api.ModifyCapacityReservationOutput{Return: new(true)}, nil
}

func errNotActive(x *capacity) *cloud.Error {
	return resource.Errorf("InvalidState", "The Capacity Reservation '%s' is not active: it is %s.", x.ID, x.State)
}

func cancelCapacityReservation(c *cloud.Call, tx store.Tx, in *api.CancelCapacityReservationInput) (*api.CancelCapacityReservationOutput, error) {
	x, err := findCapacity(c, tx, in.CapacityReservationId)
	if err != nil {
		return nil, err
	}
	switch {
	case x.State != "active" && x.State != "assessing" && x.State != "scheduled":
		return nil, errNotActive(x)
	case x.State == "scheduled" || x.committed(c.Now):
		return nil, errCommitted(x)
	}
	return &api.CancelCapacityReservationOutput{Return: new(true)}, x.close(c, tx, "cancelled")
}

// close ends a reservation. Its instances go on, outside of it.
func (x *capacity) close(c *cloud.Call, tx store.Tx, state string) error {
	if x.State == "active" {
		x.meterRest(c, tx)
	}
	d := new(*x)
	d.State, d.Over = state, c.Now
	capacities.Put(tx, d)
	tx.After(c.Now.Add(capacityKept), capacityController, d.key())
	for i := range instance.All(tx, c.Account, c.Region) {
		if i.CapacityReservation == x.ID {
			if err := instance.Amend(c, tx, i.ID, func(i *instance.Instance) { i.CapacityReservation = "" }); err != nil {
				return err
			}
		}
	}
	return nil
}

// expireCapacity ends a reservation when its time has come, and forgets it
// later.
func expireCapacity(c *cloud.Call, key store.Key) error {
	return c.Update(func(tx store.Tx) error {
		x, ok := capacities.Get(tx, key...)
		switch {
		case !ok, x.State == "active" && x.End.IsZero():
			return nil
		case x.State == "assessing" || x.State == "scheduled":
			return x.proceed(c, tx)
		case x.State == "active" && c.Now.Before(x.End):
			tx.After(x.End, capacityController, key)
			return nil
		case x.State == "active":
			return x.close(c, tx, "expired")
		case c.Now.Before(x.Over.Add(capacityKept)):
			tx.After(x.Over.Add(capacityKept), capacityController, key)
			return nil
		}
		capacities.Delete(tx, key...)
		resource.Unregister(c, tx, x.ID)
		return nil
	})
}

func describeCapacityReservations(c *cloud.Call, r store.Reader, in *api.DescribeCapacityReservationsInput) (*api.DescribeCapacityReservationsOutput, error) {
	q := resource.Query{IDs: in.CapacityReservationIds, Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, Least: 1, NotFound: errNoCapacity}
	page, next, err := resource.List(c, r, q, capacities.Scan(r, c.Account, c.Region), func(x *capacity) string { return x.ID }, resource.Fields[capacity]{
		"instance-type":           resource.One(func(x *capacity) string { return x.Type }),
		"owner-id":                resource.One(func(x *capacity) string { return x.Account }),
		"instance-platform":       resource.One(func(x *capacity) string { return x.Platform }),
		"availability-zone":       resource.One(func(x *capacity) string { return x.Zone }),
		"tenancy":                 resource.One(func(x *capacity) string { return x.Tenancy }),
		"outpost-arn":             resource.One(func(x *capacity) string { return "" }),
		"state":                   resource.One(func(x *capacity) string { return x.State }),
		"start-date":              resource.One(func(x *capacity) string { return stamp(x.start()) }),
		"end-date":                resource.One(func(x *capacity) string { return stamp(x.End) }),
		"end-date-type":           resource.One(func(x *capacity) string { return *x.api(c, r).EndDateType }),
		"instance-match-criteria": resource.One(func(x *capacity) string { return *x.api(c, r).InstanceMatchCriteria }),
		"placement-group-arn":     resource.One(func(x *capacity) string { return x.PlacementGroup }),
	})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeCapacityReservationsOutput{NextToken: next, CapacityReservations: []api.CapacityReservation{}}
	for _, x := range page {
		out.CapacityReservations = append(out.CapacityReservations, *x.api(c, r))
	}
	return out, nil
}

func getCapacityReservationUsage(c *cloud.Call, r store.Reader, in *api.GetCapacityReservationUsageInput) (*api.GetCapacityReservationUsageOutput, error) {
	x, err := findCapacity(c, r, in.CapacityReservationId)
	if err != nil {
		return nil, err
	}
	shown, used := x.api(c, r), x.used(r)
	out := &api.GetCapacityReservationUsageOutput{
		CapacityReservationId: &x.ID, InstanceType: &x.Type, TotalInstanceCount: &x.Total, AvailableInstanceCount: shown.AvailableInstanceCount, State: &x.State,
		InstanceUsages: []api.InstanceUsage{},
	}
	if used > 0 {
		out.InstanceUsages = append(out.InstanceUsages, api.InstanceUsage{AccountId: &x.Account, UsedInstanceCount: &used})
	}
	return out, nil
}

// getGroupsForCapacityReservation answers that there are none: groups are
// another service's, which does not hold reservations here.
func getGroupsForCapacityReservation(c *cloud.Call, r store.Reader, in *api.GetGroupsForCapacityReservationInput) (*api.GetGroupsForCapacityReservationOutput, error) {
	_, err := findCapacity(c, r, in.CapacityReservationId)
	return &api.GetGroupsForCapacityReservationOutput{CapacityReservationGroups: []api.CapacityReservationGroup{}}, err
}

func modifyInstanceCapacityReservationAttributes(c *cloud.Call, tx store.Tx, in *api.ModifyInstanceCapacityReservationAttributesInput) (*api.ModifyInstanceCapacityReservationAttributesOutput, error) {
	i, err := instance.Find(c, tx, in.InstanceId)
	if err != nil {
		return nil, err
	}
	if i.State != instance.Stopped {
		return nil, resource.Errorf("IncorrectInstanceState", "The instance '%s' is not in the 'stopped' state.", i.ID)
	}
	s := &in.CapacityReservationSpecification
	preference, target := cloud.Or(s.CapacityReservationPreference, ""), ""
	if t := s.CapacityReservationTarget; t != nil {
		target = cloud.Or(t.CapacityReservationId, cloud.Or(t.CapacityReservationResourceGroupArn, ""))
	}
	switch {
	case preference != "" && target != "":
		return nil, resource.Combination("The request can contain either a preference or a target, not both.")
	case preference != "" && preference != "open" && preference != "none":
		return nil, resource.Invalid(preference, "CapacityReservationPreference")
	case len(target) > 3 && target[:3] == "cr-":
		if _, err := findCapacity(c, tx, target); err != nil {
			return nil, err
		}
	}
	err = instance.Amend(c, tx, i.ID, func(i *instance.Instance) { i.CapacityPreference, i.CapacityTarget = preference, target })
	return &api.ModifyInstanceCapacityReservationAttributesOutput{Return: new(err == nil)}, err
}

// number is a filter on a count.
func number[T any](f func(*T) int) func(*T) []string {
	return func(v *T) []string { return []string{strconv.Itoa(f(v))} }
}

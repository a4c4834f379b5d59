package reserve

import (
	"math"
	"strconv"
	"strings"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/price"
	"pileus/service/ec2/instance"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// modificationController carries out modifications that were accepted.
const modificationController = "ec2.reserved.modification"

// modification turns reserved instances into others of the same value.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ri-modifying.html
type modification struct {
	Account, Region, ID string
	Token               string
	Sources             []string
	Targets             []configuration
	Status              string // "processing", "fulfilled", "failed"
	Message             string
	Created, Updated    time.Time
}

// configuration is what a modification makes.
type configuration struct {
	Type, Zone string
	Count      int32
	Result     string // id
}

var modifications = &store.Table[modification]{
	Name: "ec2.reserved.modification",
	Key:  func(m *modification) store.Key { return store.K(m.Account, m.Region, m.ID) },
}

func modifyReservedInstances(c *cloud.Call, tx store.Tx, in *api.ModifyReservedInstancesInput) (*api.ModifyReservedInstancesOutput, error) {
	return resource.Once(c, tx, "ModifyReservedInstances", in.ClientToken, in, func() (*api.ModifyReservedInstancesOutput, error) {
		m := &modification{
			Account: c.Account, Region: c.Region, ID: "rimod-" + newUUID(c), Token: cloud.Or(in.ClientToken, ""), Sources: in.ReservedInstancesIds,
			Status: "processing", Created: c.Now, Updated: c.Now,
		}
		sources, err := m.sources(c, tx)
		if err != nil {
			return nil, err
		}
		if err := m.readTargets(c, sources[0], in.TargetConfigurations); err != nil {
			return nil, err
		}
		if err := m.balance(sources); err != nil {
			return nil, err
		}
		modifications.Put(tx, m)
		tx.After(time.Time{}, modificationController, store.K(m.Account, m.Region, m.ID))
		return &api.ModifyReservedInstancesOutput{ReservedInstancesModificationId: &m.ID}, nil
	})
}

// sources are the reservations that are modified: they must be active and
// alike.
func (m *modification) sources(c *cloud.Call, r store.Reader) (list []*reserved, err error) {
	if len(m.Sources) == 0 {
		return nil, resource.Missing("ReservedInstancesId")
	}
	for _, id := range m.Sources {
		x, err := findReserved(c, r, id)
		if err != nil {
			return nil, err
		}
		if x.State != "active" {
			return nil, resource.Errorf("InvalidState", "The Reserved Instances '%s' are not active: they are %s.", id, x.State)
		}
		list = append(list, x)
		first := list[0]
		if x.Platform != first.Platform || x.Term != first.Term || !x.End.Truncate(time.Hour).Equal(first.End.Truncate(time.Hour)) {
			return nil, resource.Errorf("InvalidParameterCombination", "Reserved Instances that are merged must be of the same platform and offering, and end in the same hour.")
		}
	}
	return list, nil
}

func (m *modification) readTargets(c *cloud.Call, first *reserved, list []api.ReservedInstancesConfiguration) error {
	if len(list) == 0 {
		return resource.Missing("ReservedInstancesConfigurationSetItemType")
	}
	for _, t := range list {
		f := configuration{Type: cloud.Or(t.InstanceType, first.Type), Count: cloud.Or(t.InstanceCount, 0)}
		switch scope := cloud.Or(t.Scope, ""); {
		case (t.AvailabilityZone != nil || t.AvailabilityZoneId != nil) && scope == "Region":
			return resource.Combination("The Availability Zone cannot be specified together with the scope 'Region'.")
		case t.AvailabilityZone != nil || t.AvailabilityZoneId != nil:
			zone, err := zoneOf(c, t.AvailabilityZone, t.AvailabilityZoneId)
			if err != nil {
				return err
			}
			f.Zone = zone
		case scope == "Availability Zone":
			return resource.Missing("AvailabilityZone")
		case scope == "" && first.Zone != "":
			f.Zone = first.Zone
		}
		if _, ok := instance.FindType(f.Type); !ok || f.Count < 1 {
			return resource.Errorf("InvalidParameterValue", "The target configuration is invalid: %d of '%s'.", f.Count, f.Type)
		}
		m.Targets = append(m.Targets, f)
	}
	return nil
}

// balance tells whether the targets are worth what the sources are: as many
// normalised units of the family, or where sizes cannot change as many
// instances.
func (m *modification) balance(sources []*reserved) error {
	first := sources[0]
	have, want := 0.0, 0.0
	resized := false
	for _, x := range sources {
		have += float64(x.Count) * price.Units(x.Type)
		resized = resized || x.Type != first.Type
	}
	for _, t := range m.Targets {
		want += float64(t.Count) * price.Units(t.Type)
		resized = resized || t.Type != first.Type
		if familyOf(t.Type) != familyOf(first.Type) {
			return resource.Errorf("InvalidParameterValue", "Reserved Instances of '%s' cannot be modified to '%s': the instance family differs.", first.Type, t.Type)
		}
	}
	if resized && (first.Platform != "Linux/UNIX" || strings.Contains(first.Type, ".metal")) {
		return resource.Unsupported("The instance size of Reserved Instances can only be modified for Linux/UNIX.")
	}
	if math.Abs(have-want) > 1e-9 {
		return resource.Errorf("InvalidParameterValue", "The instance size footprint of the target configurations, %g, does not match that of the Reserved Instances, %g.", want, have)
	}
	return nil
}

// fulfilModification retires the sources and makes the targets.
func fulfilModification(c *cloud.Call, key store.Key) error {
	return c.Update(func(tx store.Tx) error {
		found, ok := modifications.Get(tx, key...)
		if !ok || found.Status != "processing" {
			return nil
		}
		m := new(*found)
		m.Updated = c.Now
		sources, err := m.sources(c, tx)
		if err != nil { // modified otherwise meanwhile
			m.Status, m.Message = "failed", err.Error()
			modifications.Put(tx, m)
			return nil
		}
		m.Targets = append([]configuration(nil), m.Targets...)
		for n := range m.Targets {
			t := &m.Targets[n]
			x := new(*sources[0])
			x.ID, x.Type, x.Zone, x.Count, x.Start = newUUID(c), t.Type, t.Zone, t.Count, c.Now
			x.Upfront = sources[0].Upfront * price.Units(t.Type) / price.Units(sources[0].Type)
			reserveds.Put(tx, x)
			resource.Register(c, tx, reservedKind, x.ID, resource.Tags(c, tx, sources[0].ID))
			tx.After(x.End, reservedController, x.key())
			t.Result = x.ID
		}
		for _, x := range sources {
			x.retire(c, tx, c.Now)
		}
		m.Status = "fulfilled"
		modifications.Put(tx, m)
		return nil
	})
}

func describeReservedInstancesModifications(c *cloud.Call, r store.Reader, in *api.DescribeReservedInstancesModificationsInput) (*api.DescribeReservedInstancesModificationsOutput, error) {
	q := resource.Query{IDs: in.ReservedInstancesModificationIds, Filters: in.Filters, Token: in.NextToken, NotFound: func(id string) *cloud.Error {
		return resource.Errorf("InvalidReservedInstancesModificationId", "The Reserved Instances modification ID '%s' does not exist", id)
	}}
	page, next, err := resource.List(c, r, q, modifications.Scan(r, c.Account, c.Region), func(m *modification) string { return m.ID }, resource.Fields[modification]{
		"client-token":                       resource.One(func(m *modification) string { return m.Token }),
		"create-date":                        resource.One(func(m *modification) string { return stamp(m.Created) }),
		"effective-date":                     resource.One(func(m *modification) string { return stamp(m.Created) }),
		"reserved-instances-id":              func(m *modification) []string { return m.Sources },
		"reserved-instances-modification-id": resource.One(func(m *modification) string { return m.ID }),
		"status":                             resource.One(func(m *modification) string { return m.Status }),
		"status-message":                     resource.One(func(m *modification) string { return m.Message }),
		"update-date":                        resource.One(func(m *modification) string { return stamp(m.Updated) }),
		"modification-result.target-configuration.availability-zone":    results(func(t *configuration) string { return t.Zone }),
		"modification-result.target-configuration.availability-zone-id": results(func(t *configuration) string { return cloud.Or(resource.ZoneID(t.Zone), "") }),
		"modification-result.target-configuration.instance-count":       results(func(t *configuration) string { return strconv.Itoa(int(t.Count)) }),
		"modification-result.target-configuration.instance-type":        results(func(t *configuration) string { return t.Type }),
		"modification-result.reserved-instances-id": func(m *modification) (ids []string) {
			for _, t := range m.Targets {
				ids = append(ids, t.Result)
			}
			return ids
		},
	})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeReservedInstancesModificationsOutput{NextToken: next, ReservedInstancesModifications: []api.ReservedInstancesModification{}}
	for _, m := range page {
		out.ReservedInstancesModifications = append(out.ReservedInstancesModifications, m.api())
	}
	return out, nil
}

func (m *modification) api() api.ReservedInstancesModification {
	out := api.ReservedInstancesModification{
		ReservedInstancesModificationId: &m.ID, ClientToken: optional(m.Token), CreateDate: &m.Created, UpdateDate: &m.Updated, EffectiveDate: &m.Created,
		Status: &m.Status, StatusMessage: optional(m.Message),
	}
	for _, id := range m.Sources {
		out.ReservedInstancesIds = append(out.ReservedInstancesIds, api.ReservedInstancesId{ReservedInstancesId: &id})
	}
	for n := range m.Targets {
		t := &m.Targets[n]
		scope := "Region"
		if t.Zone != "" {
			scope = "Availability Zone"
		}
		out.ModificationResults = append(out.ModificationResults, api.ReservedInstancesModificationResult{
			ReservedInstancesId: optional(t.Result),
			TargetConfiguration: &api.ReservedInstancesConfiguration{InstanceType: &t.Type, InstanceCount: &t.Count, AvailabilityZone: optional(t.Zone), AvailabilityZoneId: resource.ZoneID(t.Zone), Scope: &scope},
		})
	}
	return out
}

// results is a field of all configurations that a modification leads to.
func results(f func(*configuration) string) func(*modification) []string {
	return func(m *modification) (out []string) {
		for n := range m.Targets {
			out = append(out, f(&m.Targets[n]))
		}
		return out
	}
}

package resource

import (
	"pileus/cloud"
	"pileus/region"
)

// ZoneName is the name of the zone that a request gives by its name or by its
// id; nil where it gives none. Not both may be given, and an id must be that of
// a zone of the call's region. Whether a name is one's, the operation says in
// its own words.
func ZoneName(c *cloud.Call, name, id *string) (*string, error) {
	switch {
	case cloud.Or(id, "") == "":
		return name, nil
	case cloud.Or(name, "") != "":
		return nil, Combination("Only one of availabilityZone and availabilityZoneId may be specified.")
	}
	if where, ok := region.Find(c.Region); ok {
		for _, z := range where.Zones() {
			if z.ID == *id {
				return &z.Name, nil
			}
		}
	}
	return nil, Errorf("InvalidParameterValue", "Value (%s) for parameter availabilityZoneId is invalid.", *id)
}

// ZoneID is the id of the zone of a name, as answers have it; nil for none.
func ZoneID(name string) *string {
	z, ok := region.ZoneNamed(name)
	if !ok {
		return nil
	}
	return &z.ID
}

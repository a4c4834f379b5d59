// Package region knows AWS's commercial regions and their availability zones.
// A zone is a failure domain: what is in one can be cut off from the others.
//
// https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html
package region

import "slices"

// Region is one region.
type Region struct {
	Name     string // "us-east-1"
	Location string // "US East (N. Virginia)", as prices name it
	OptIn    bool   // not enabled for accounts that do not ask; launched after March 2019
	zoneCode string // the beginning of its zones' ids
	letters  string // of its zones, in the order of their ids
}

// Zone is an availability zone. Letters are the same in every account here,
// where AWS shuffles those of its older regions.
type Zone struct {
	Name   string // "us-east-1a"
	ID     string // "use1-az1"
	Region string
}

var regions = []Region{
	{"af-south-1", "Africa (Cape Town)", true, "afs1", "abc"},
	{"ap-east-1", "Asia Pacific (Hong Kong)", true, "ape1", "abc"},
	{"ap-east-2", "Asia Pacific (Taipei)", true, "ape2", "abc"},
	{"ap-northeast-1", "Asia Pacific (Tokyo)", false, "apne1", "acd"},
	{"ap-northeast-2", "Asia Pacific (Seoul)", false, "apne2", "abcd"},
	{"ap-northeast-3", "Asia Pacific (Osaka)", false, "apne3", "abc"},
	{"ap-south-1", "Asia Pacific (Mumbai)", false, "aps1", "abc"},
	{"ap-south-2", "Asia Pacific (Hyderabad)", true, "aps2", "abc"},
	{"ap-southeast-1", "Asia Pacific (Singapore)", false, "apse1", "abc"},
	{"ap-southeast-2", "Asia Pacific (Sydney)", false, "apse2", "abc"},
	{"ap-southeast-3", "Asia Pacific (Jakarta)", true, "apse3", "abc"},
	{"ap-southeast-4", "Asia Pacific (Melbourne)", true, "apse4", "abc"},
	{"ap-southeast-5", "Asia Pacific (Malaysia)", true, "apse5", "abc"},
	{"ap-southeast-6", "Asia Pacific (New Zealand)", true, "apse6", "abc"},
	{"ap-southeast-7", "Asia Pacific (Thailand)", true, "apse7", "abc"},
	{"ca-central-1", "Canada (Central)", false, "cac1", "abd"},
	{"ca-west-1", "Canada West (Calgary)", true, "caw1", "abc"},
	{"eu-central-1", "Europe (Frankfurt)", false, "euc1", "abc"},
	{"eu-central-2", "Europe (Zurich)", true, "euc2", "abc"},
	{"eu-north-1", "Europe (Stockholm)", false, "eun1", "abc"},
	{"eu-south-1", "Europe (Milan)", true, "eus1", "abc"},
	{"eu-south-2", "Europe (Spain)", true, "eus2", "abc"},
	{"eu-west-1", "Europe (Ireland)", false, "euw1", "abc"},
	{"eu-west-2", "Europe (London)", false, "euw2", "abc"},
	{"eu-west-3", "Europe (Paris)", false, "euw3", "abc"},
	{"il-central-1", "Israel (Tel Aviv)", true, "ilc1", "abc"},
	{"me-central-1", "Middle East (UAE)", true, "mec1", "abc"},
	{"me-south-1", "Middle East (Bahrain)", true, "mes1", "abc"},
	{"mx-central-1", "Mexico (Central)", true, "mxc1", "abc"},
	{"sa-east-1", "South America (Sao Paulo)", false, "sae1", "abc"},
	{"us-east-1", "US East (N. Virginia)", false, "use1", "abcdef"},
	{"us-east-2", "US East (Ohio)", false, "use2", "abc"},
	{"us-west-1", "US West (N. California)", false, "usw1", "ac"},
	{"us-west-2", "US West (Oregon)", false, "usw2", "abcd"},
}

// All lists the regions by name.
func All() []Region { return slices.Clone(regions) }

// Find is the region of a name.
func Find(name string) (Region, bool) {
	i := slices.IndexFunc(regions, func(r Region) bool { return r.Name == name })
	if i < 0 {
		return Region{}, false
	}
	return regions[i], true
}

// Zones lists a region's availability zones by name.
func (r Region) Zones() []Zone {
	zones := make([]Zone, 0, len(r.letters))
	for i, letter := range r.letters {
		zones = append(zones, Zone{Name: r.Name + string(letter), ID: r.zoneCode + "-az" + string(rune('1'+i)), Region: r.Name})
	}
	return zones
}

// FindZone is a zone of the region by its name or id.
func (r Region) FindZone(nameOrID string) (Zone, bool) {
	for _, z := range r.Zones() {
		if z.Name == nameOrID || z.ID == nameOrID {
			return z, true
		}
	}
	return Zone{}, false
}

// ZoneNamed is the zone of a name, of any region.
func ZoneNamed(name string) (Zone, bool) {
	if len(name) < 2 {
		return Zone{}, false
	}
	r, ok := Find(name[:len(name)-1])
	if !ok {
		return Zone{}, false
	}
	return r.FindZone(name)
}

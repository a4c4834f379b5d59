package zone

import (
	"slices"
	"strings"

	"pileus/cloud"
	"pileus/store"
)

// Shortage is a zone that has no capacity for the requests of some: what an
// experiment that injects InsufficientInstanceCapacity makes.
type Shortage struct {
	Cause   string // the experiment's action, which removes it
	Account string
	Region  string
	// Zones by name; requests for others go through.
	Zones []string
	// Roles are the ARNs of those whose requests are refused, and Groups the
	// names of Auto Scaling groups.
	Roles, Groups []string
	Percent       int // of requests
}

// Shortages by account, region and cause.
var Shortages = &store.Table[Shortage]{
	Name: "zone.shortage",
	Key:  func(s *Shortage) store.Key { return store.K(s.Account, s.Region, s.Cause) },
	Memo: 256,
}

// groupTag is the tag that Auto Scaling gives to what it has launched; while it
// launches, the group is what it calls on behalf of.
const groupTag = "aws:autoscaling:groupName"

// Short tells whether there is no capacity in a zone for who asks: because the
// zone is dark, or short for the caller's role or the Auto Scaling group that
// the tags name.
func Short(c *cloud.Call, r store.Reader, zone string, tags map[string]string) bool {
	if Down(r, zone) {
		return true
	}
	for s := range Shortages.Scan(r, c.Account, c.Region) {
		if !slices.Contains(s.Zones, zone) || !s.means(c, tags) {
			continue
		}
		if s.Percent >= 100 || c.Rand().Float()*100 < float64(s.Percent) {
			return true
		}
	}
	return false
}

func (s *Shortage) means(c *cloud.Call, tags map[string]string) bool {
	if g := tags[groupTag]; g != "" && slices.Contains(s.Groups, g) {
		return true
	}
	for _, p := range []*cloud.Principal{c.Principal, c.Caller} {
		if p == nil {
			continue
		}
		if _, name, ok := strings.Cut(p.SourceARN, ":autoScalingGroupName/"); ok && slices.Contains(s.Groups, name) {
			return true
		}
		if p.RoleARN != "" && slices.ContainsFunc(s.Roles, func(arn string) bool { return strings.EqualFold(arn, p.RoleARN) }) {
			return true
		}
	}
	return false
}

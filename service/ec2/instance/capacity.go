package instance

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"pileus/cloud"
	"pileus/identity"
	"pileus/region"
	"pileus/store"
	"pileus/zone"
)

// dark tells whether a zone is cut off.
func (s *Room) dark(ctx context.Context, name string) (is bool) {
	s.mu.Lock()
	c := s.cloud
	s.mu.Unlock()
	if c == nil {
		return false
	}
	err := c.DB().View(ctx, func(r store.Reader) error {
		is = zone.Down(r, name)
		return nil
	})
	return is && err == nil
}

// capacity refuses to launch or start an instance in a zone that has no room
// for it. Tags are those that it has or will have.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/troubleshooting-launch.html
func capacity(c *cloud.Call, r store.Reader, i *Instance, tags identity.Tags) error {
	if !zone.Short(c, r, i.Zone, tags.Map()) {
		return nil
	}
	const lacks = "We currently do not have sufficient %s capacity in the Availability Zone you requested (%s). Our system will be working on provisioning additional capacity."
	var others []string
	if g, ok := region.Find(i.Region); ok {
		for _, z := range g.Zones() {
			if z.Name != i.Zone && !zone.Down(r, z.Name) {
				others = append(others, z.Name)
			}
		}
	}
	if len(others) == 0 {
		return cloud.Errorf(http.StatusInternalServerError, "InsufficientInstanceCapacity", lacks, i.Type, i.Zone)
	}
	slices.Sort(others)
	return cloud.Errorf(http.StatusInternalServerError, "InsufficientInstanceCapacity",
		lacks+" You can currently get %[1]s capacity by not specifying an Availability Zone in your request or choosing %[3]s.", i.Type, i.Zone, strings.Join(others, ", "))
}

package instance

import (
	"crypto/sha256"
	"encoding/hex"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/region"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// describeInstanceTopology tells how near to each other instances are: three
// layers of network nodes. Here a zone is one node at the top, and a placement
// group (or, without one, the instance's type) decides the layers below.
func (s *Room) describeInstanceTopology(c *cloud.Call, r store.Reader, in *api.DescribeInstanceTopologyInput) (*api.DescribeInstanceTopologyOutput, error) {
	if len(in.InstanceIds) > 0 {
		if _, err := findAll(c, r, in.InstanceIds); err != nil {
			return nil, err
		}
	}
	groups := map[string]bool{}
	for _, name := range in.GroupNames {
		g, err := findPlacementGroup(c, r, "", name)
		if err != nil {
			return nil, err
		}
		groups[g.ID] = true
	}
	all := func(yield func(*view) bool) {
		for v := range s.views(c, r, in.InstanceIds) {
			if v.State == Running && (len(groups) == 0 || groups[v.Placement.Group]) && !yield(v) {
				return
			}
		}
	}
	q := resource.Query{Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, Least: 1, Most: 100}
	page, next, err := resource.List(c, r, q, all, func(v *view) string { return v.ID }, resource.Fields[view]{
		"availability-zone": one(func(v *view) string { return v.Zone }),
		"instance-type":     one(func(v *view) string { return v.Type }),
		"zone-id":           one(func(v *view) string { return zoneID(v.Zone) }),
	})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeInstanceTopologyOutput{NextToken: next, Instances: []api.InstanceTopology{}}
	for _, v := range page {
		out.Instances = append(out.Instances, api.InstanceTopology{
			InstanceId: &v.ID, InstanceType: &v.Type, GroupName: optional(v.groupOf().name()), AvailabilityZone: &v.Zone, ZoneId: new(zoneID(v.Zone)), NetworkNodes: v.nodes(),
		})
	}
	return out, nil
}

func zoneID(name string) string {
	z, _ := region.ZoneNamed(name)
	return z.ID
}

// nodes are the network nodes above the instance, the top one first.
func (v *view) nodes() []string {
	near := v.Type
	if v.Placement.Group != "" {
		near = v.Placement.Group
	}
	return []string{node(v.Zone), node(v.Zone, near), node(v.Zone, near, v.Type, string(rune('0'+v.Placement.Partition)))}
}

// NetworkNodes are the network nodes above capacity that is reserved for a type
// in a zone, the top one first: those that its instances will have.
func NetworkNodes(zone, kind string) []string { return []string{node(zone), node(zone, kind)} }

// node is an id that stands for a place.
func node(place ...string) string {
	h := sha256.New()
	for _, p := range place {
		h.Write([]byte(p + "\n"))
	}
	return "nn-" + hex.EncodeToString(h.Sum(nil))[:17]
}

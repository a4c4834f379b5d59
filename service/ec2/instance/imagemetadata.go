package instance

import (
	"strconv"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// imaged is an instance with what is known of its image.
type imaged struct {
	*view
	image *api.ImageMetadata
}

func imagedField(f func(v *imaged) string) func(*imaged) []string { return resource.One(f) }

// describeInstanceImageMetadata tells which images instances were launched from.
func (s *Room) describeInstanceImageMetadata(c *cloud.Call, r store.Reader, in *api.DescribeInstanceImageMetadataInput) (*api.DescribeInstanceImageMetadataOutput, error) {
	for _, id := range in.InstanceIds {
		if err := checkID(id); err != nil {
			return nil, err
		}
	}
	all := func(yield func(*imaged) bool) {
		for v := range s.views(c, r, in.InstanceIds) {
			image := &api.ImageMetadata{ImageId: &v.Image}
			if s.Hooks.ImageMetadata != nil {
				image = s.Hooks.ImageMetadata(c, r, v.Image)
			}
			if !yield(&imaged{v, image}) {
				return
			}
		}
	}
	q := resource.Query{IDs: in.InstanceIds, Set: "instancesSet", Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, NotFound: errNoInstance}
	page, next, err := resource.List(c, r, q, all, func(v *imaged) string { return v.ID }, resource.Fields[imaged]{
		"availability-zone":   imagedField(func(v *imaged) string { return v.Zone }),
		"image-allowed":       imagedField(func(v *imaged) string { return strconv.FormatBool(cloud.Or(v.image.ImageAllowed, false)) }),
		"instance-id":         imagedField(func(v *imaged) string { return v.ID }),
		"instance-state-name": imagedField(func(v *imaged) string { return *v.State.api().Name }),
		"instance-type":       imagedField(func(v *imaged) string { return v.Type }),
		"launch-time":         imagedField(func(v *imaged) string { return v.Launched.UTC().Format("2006-01-02T15:04:05.000Z") }),
		"owner-alias":         imagedField(func(v *imaged) string { return cloud.Or(v.image.ImageOwnerAlias, "") }),
		"owner-id":            imagedField(func(v *imaged) string { return cloud.Or(v.image.OwnerId, "") }),
		"zone-id":             imagedField(func(v *imaged) string { return zoneID(v.Zone) }),
	})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeInstanceImageMetadataOutput{NextToken: next, InstanceImageMetadata: []api.InstanceImageMetadata{}}
	for _, v := range page {
		out.InstanceImageMetadata = append(out.InstanceImageMetadata, api.InstanceImageMetadata{
			InstanceId: &v.ID, InstanceType: &v.Type, LaunchTime: &v.Launched, AvailabilityZone: &v.Zone, ZoneId: resource.ZoneID(v.Zone),
			State: v.State.api(), OwnerId: &v.Account, Tags: resource.ShownTags(resource.Tags(c, r, v.ID)), ImageMetadata: v.image, Operator: resource.Unmanaged(),
		})
	}
	return out, nil
}

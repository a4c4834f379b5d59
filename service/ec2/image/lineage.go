package image

import (
	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/store"
)

// getImageAncestry follows an image to the one at its root, as far as each is
// there and the account may see it.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ami-ancestry.html
func getImageAncestry(c *cloud.Call, r store.Reader, in *api.GetImageAncestryInput) (*api.GetImageAncestryOutput, error) {
	i, err := visible(c, r, in.ImageId)
	if err != nil {
		return nil, err
	}
	out := &api.GetImageAncestryOutput{}
	for {
		out.ImageAncestryEntries = append(out.ImageAncestryEntries, api.ImageAncestryEntry{
			CreationDate: &i.Created, ImageId: &i.ID, ImageOwnerAlias: optional(i.Alias), SourceImageId: optional(i.From), SourceImageRegion: optional(i.FromRegion),
		})
		if i.From == "" {
			return out, nil
		}
		if i, err = visible(c.In(c.Account, i.FromRegion), r, i.From); err != nil {
			return out, nil //nolint:nilerr // what is gone has no entry
		}
	}
}

// Metadata is what the account of an instance may know of its image, even of
// one that is deregistered or that it cannot see any more.
func Metadata(c *cloud.Call, r store.Reader, id string) *api.ImageMetadata {
	i, ok := catalogued(c.Region, id)
	if !ok {
		if i, ok = images.Get(r, c.Region, id); !ok {
			return &api.ImageMetadata{ImageId: &id, State: new(api.ImageStateDeregistered)}
		}
	}
	state, _ := i.state(c, r)
	if i.Bin != nil {
		state = api.ImageStateDeregistered
	}
	out := &api.ImageMetadata{
		ImageId: &i.ID, Name: &i.Name, OwnerId: &i.Account, State: &state, ImageOwnerAlias: optional(i.Alias),
		CreationDate: new(i.Created.UTC().Format(timeForm)), IsPublic: new(i.Public), ImageAllowed: new(allowanceOf(c, r).allows(i, c.Now)),
	}
	if !i.Ended.IsZero() {
		out.DeprecationTime = new(i.Ended.UTC().Format(timeForm))
	}
	return out
}

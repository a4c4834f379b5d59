package image

import (
	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/store"
)

// unblocked is an account and region in which images may be made public. AWS
// blocks that for accounts that have never done it, so a row stands for the
// exception.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/block-public-access-to-amis.html
type unblocked struct{ Account, Region string }

var unblockeds = &store.Table[unblocked]{
	Name: "ec2.image.public",
	Key:  func(u *unblocked) store.Key { return store.K(u.Account, u.Region) },
}

const (
	blockNewSharing = "block-new-sharing"
	notBlocked      = "unblocked"
)

func blocked(c *cloud.Call, r store.Reader) bool { return !unblockeds.Has(r, c.Account, c.Region) }

func enableImageBlockPublicAccess(c *cloud.Call, tx store.Tx, _ *api.EnableImageBlockPublicAccessInput) (*api.EnableImageBlockPublicAccessOutput, error) {
	unblockeds.Delete(tx, c.Account, c.Region)
	return &api.EnableImageBlockPublicAccessOutput{ImageBlockPublicAccessState: new(blockNewSharing)}, nil
}

func disableImageBlockPublicAccess(c *cloud.Call, tx store.Tx, _ *api.DisableImageBlockPublicAccessInput) (*api.DisableImageBlockPublicAccessOutput, error) {
	unblockeds.Put(tx, &unblocked{c.Account, c.Region})
	return &api.DisableImageBlockPublicAccessOutput{ImageBlockPublicAccessState: new(notBlocked)}, nil
}

func getImageBlockPublicAccessState(c *cloud.Call, r store.Reader, _ *api.GetImageBlockPublicAccessStateInput) (*api.GetImageBlockPublicAccessStateOutput, error) {
	state := notBlocked
	if blocked(c, r) {
		state = blockNewSharing
	}
	return &api.GetImageBlockPublicAccessStateOutput{ImageBlockPublicAccessState: &state, ManagedBy: new(api.ManagedByAccount)}, nil
}

package image

import (
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// fastLaunch is a Windows image that is to be launched faster. AWS prepares
// snapshots of instances that have been through their first start.
// https://docs.aws.amazon.com/AWSEC2/latest/WindowsGuide/win-ami-config-fast-launch.html
type fastLaunch struct {
	Account, Region, Image    string
	Enabled, Disabled         time.Time // when that was asked for
	Count, Parallel           int32
	Template, Named, Numbered string // launch template: id, name, version
}

var fastLaunches = &store.Table[fastLaunch]{
	Name: "ec2.image.fastlaunch",
	Key:  func(f *fastLaunch) store.Key { return store.K(f.Account, f.Region, f.Image) },
}

const (
	fastLaunchChange  = 10 * time.Second
	fastLaunchType    = "snapshot"
	defaultParallel   = 6
	defaultFastLaunch = 5
)

// state is what the image is at; "" once it is at nothing any more.
func (f *fastLaunch) state(now time.Time) (state string, since time.Time) {
	switch {
	case !f.Disabled.IsZero() && now.Before(f.Disabled.Add(fastLaunchChange)):
		return api.FastLaunchStateCodeDisabling, f.Disabled
	case !f.Disabled.IsZero():
		return "", f.Disabled.Add(fastLaunchChange)
	case now.Before(f.Enabled.Add(fastLaunchChange)):
		return api.FastLaunchStateCodeEnabling, f.Enabled
	}
	return api.FastLaunchStateCodeEnabled, f.Enabled.Add(fastLaunchChange)
}

func enableFastLaunch(c *cloud.Call, tx store.Tx, in *api.EnableFastLaunchInput) (*api.EnableFastLaunchOutput, error) {
	i, err := visible(c, tx, in.ImageId)
	if err != nil {
		return nil, err
	}
	f := &fastLaunch{Account: c.Account, Region: c.Region, Image: i.ID, Enabled: c.Now, Count: defaultFastLaunch, Parallel: cloud.Or(in.MaxParallelLaunches, defaultParallel)}
	if s := in.SnapshotConfiguration; s != nil {
		f.Count = cloud.Or(s.TargetResourceCount, f.Count)
	}
	if l := in.LaunchTemplate; l != nil {
		f.Template, f.Named, f.Numbered = cloud.Or(l.LaunchTemplateId, ""), cloud.Or(l.LaunchTemplateName, ""), l.Version
	}
	switch {
	case i.Boots.Platform != windows:
		return nil, resource.Unsupported("Fast launch is supported for Windows AMIs only: '%s' is none.", i.ID)
	case cloud.Or(in.ResourceType, fastLaunchType) != fastLaunchType:
		return nil, resource.Invalid(*in.ResourceType, "ResourceType")
	case f.Parallel < defaultParallel:
		return nil, resource.Errorf("InvalidParameterValue", "MaxParallelLaunches must be at least %d", defaultParallel)
	case f.Count < 1:
		return nil, resource.Errorf("InvalidParameterValue", "TargetResourceCount must be at least 1")
	}
	if old, ok := fastLaunches.Get(tx, f.Account, f.Region, f.Image); ok && old.Disabled.IsZero() {
		f.Enabled = old.Enabled // only the settings change
	}
	fastLaunches.Put(tx, f)
	return new(api.EnableFastLaunchOutput(f.api(c))), nil
}

func disableFastLaunch(c *cloud.Call, tx store.Tx, in *api.DisableFastLaunchInput) (*api.DisableFastLaunchOutput, error) {
	if _, err := visible(c, tx, in.ImageId); err != nil {
		return nil, err
	}
	f, ok := fastLaunches.Get(tx, c.Account, c.Region, in.ImageId)
	if !ok || !f.Disabled.IsZero() {
		return nil, resource.Errorf("InvalidParameterValue", "Fast launch is not enabled for the image '%s'", in.ImageId)
	}
	d := *f
	d.Disabled = c.Now
	fastLaunches.Put(tx, &d)
	return new(api.DisableFastLaunchOutput(d.api(c))), nil
}

func (f *fastLaunch) api(c *cloud.Call) api.DescribeFastLaunchImagesSuccessItem {
	state, since := f.state(c.Now)
	out := api.DescribeFastLaunchImagesSuccessItem{
		ImageId: &f.Image, OwnerId: &f.Account, ResourceType: new(fastLaunchType), MaxParallelLaunches: &f.Parallel,
		SnapshotConfiguration: &api.FastLaunchSnapshotConfigurationResponse{TargetResourceCount: &f.Count},
		State:                 &state, StateTransitionReason: new("Client.UserInitiated"), StateTransitionTime: &since,
	}
	if f.Template != "" || f.Named != "" {
		out.LaunchTemplate = &api.FastLaunchLaunchTemplateSpecificationResponse{LaunchTemplateId: optional(f.Template), LaunchTemplateName: optional(f.Named), Version: &f.Numbered}
	}
	return out
}

func describeFastLaunchImages(c *cloud.Call, r store.Reader, in *api.DescribeFastLaunchImagesInput) (*api.DescribeFastLaunchImagesOutput, error) {
	current := func(yield func(*fastLaunch) bool) {
		for f := range fastLaunches.Scan(r, c.Account, c.Region) {
			if state, _ := f.state(c.Now); state != "" && !yield(f) {
				return
			}
		}
	}
	page, next, err := resource.List(c, r, resource.Query{
		IDs: in.ImageIds, Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, Least: 1, Most: 200, NotFound: errNotFound,
	}, current, func(f *fastLaunch) string { return f.Image }, resource.Fields[fastLaunch]{
		"resource-type": resource.One(func(*fastLaunch) string { return fastLaunchType }),
		"owner-id":      resource.One(func(f *fastLaunch) string { return f.Account }),
		"state": resource.One(func(f *fastLaunch) string {
			state, _ := f.state(c.Now)
			return state
		}),
	})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeFastLaunchImagesOutput{FastLaunchImages: []api.DescribeFastLaunchImagesSuccessItem{}, NextToken: next}
	for _, f := range page {
		out.FastLaunchImages = append(out.FastLaunchImages, f.api(c))
	}
	return out, nil
}

package image

import (
	"slices"
	"strconv"
	"time"

	"pileus/ami"
	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// describeImages lists images that the account may see. Those that were
// deprecated are shown to others only if they ask for them, by id or so.
func describeImages(c *cloud.Call, r store.Reader, in *api.DescribeImagesInput) (*api.DescribeImagesOutput, error) {
	found := func(yield func(*Image) bool) {
		for i := range all(c, r) {
			if wants(c, in, i) && !yield(i) {
				return
			}
		}
	}
	q := resource.Query{IDs: in.ImageIds, Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, Least: 1, NotFound: errNotFound}
	page, next, err := resource.List(c, r, q, found, func(i *Image) string { return i.ID }, fields(c, r))
	if err != nil {
		return nil, err
	}
	out := &api.DescribeImagesOutput{Images: []api.Image{}, NextToken: next}
	for _, i := range page {
		out.Images = append(out.Images, i.api(c, r))
	}
	return out, nil
}

// wants tells whether a request is about an image, by its owner, by who may
// launch it, and by whether it is still recommended.
func wants(c *cloud.Call, in *api.DescribeImagesInput, i *Image) bool {
	byID := slices.Contains(in.ImageIds, i.ID)
	if !byID && i.deprecated(c.Now) && i.Account != c.Account && !cloud.Or(in.IncludeDeprecated, false) {
		return false
	}
	if !byID && i.Disabled && !cloud.Or(in.IncludeDisabled, false) {
		return false
	}
	if len(in.Owners) > 0 && !slices.ContainsFunc(in.Owners, func(o string) bool {
		return o == i.Account || o == i.Alias && o != "" || o == "self" && i.Account == c.Account
	}) {
		return false
	}
	return len(in.ExecutableUsers) == 0 || slices.ContainsFunc(in.ExecutableUsers, func(u string) bool {
		return u == "all" && i.Public || u == "self" && slices.Contains(i.Shared, c.Account) || slices.Contains(i.Shared, u) && i.Account == c.Account
	})
}

func (i *Image) deprecated(now time.Time) bool { return !i.Ended.IsZero() && !now.Before(i.Ended) }

const timeForm = "2006-01-02T15:04:05.000Z"

func (i *Image) api(c *cloud.Call, r store.Reader) api.Image {
	state, why := i.state(c, r)
	out := api.Image{
		Architecture: &i.Architecture, CreationDate: new(i.Created.UTC().Format(timeForm)), ImageId: &i.ID,
		ImageLocation: new(i.location()), ImageType: new(api.ImageTypeValuesMachine), Public: &i.Public, OwnerId: &i.Account,
		PlatformDetails: new("Linux/UNIX"), UsageOperation: new("RunInstances"), State: &state,
		Hypervisor: new(api.HypervisorTypeXen), Name: &i.Name, RootDeviceName: &i.RootDevice, RootDeviceType: new(api.DeviceTypeEbs),
		VirtualizationType: new(api.VirtualizationTypeHvm), BlockDeviceMappings: []api.BlockDeviceMapping{},
		Description: optional(i.Description), ImageOwnerAlias: optional(i.Alias), BootMode: optional(i.BootMode), TpmSupport: optional(i.TPM),
		ImdsSupport: optional(i.IMDS), SourceInstanceId: optional(i.Source), SourceImageId: optional(i.From), SourceImageRegion: optional(i.FromRegion),
		FreeTierEligible: new(true), DeregistrationProtection: new(i.protection()),
	}
	if i.Boots.Platform == windows {
		out.Platform, out.PlatformDetails, out.UsageOperation = new(api.PlatformValuesWindows), new("Windows"), new("RunInstances:0002")
	}
	if !i.NoENA {
		out.EnaSupport = new(true)
	}
	if !i.NoSRIOV {
		out.SriovNetSupport = new(sriov)
	}
	if a := allowanceOf(c, r); a.State != "" {
		out.ImageAllowed = new(a.allows(i, c.Now))
	}
	if !i.Ended.IsZero() {
		out.DeprecationTime = new(i.Ended.UTC().Format(timeForm))
	}
	if !i.Launched.IsZero() && i.Account == c.Account {
		out.LastLaunchedTime = new(i.Launched.UTC().Format(timeForm))
	}
	if why != "" {
		out.StateReason = &api.StateReason{Code: new(imageFailed), Message: &why}
	}
	if i.Account == c.Account || i.Public {
		out.Tags = resource.ShownTags(resource.Tags(c.In(i.Account, i.Region), r, i.ID))
	}
	for _, d := range i.Devices {
		out.BlockDeviceMappings = append(out.BlockDeviceMappings, d.api())
	}
	return out
}

const (
	windows = "windows"
	sriov   = "simple" // the one kind of single root I/O virtualization that there is
)

func (i *Image) location() string {
	owner := i.Account
	if i.Account == ami.Amazon {
		owner = "amazon"
	}
	return owner + "/" + i.Name
}

func (i *Image) protection() string {
	switch {
	case i.Protection == "":
		return "disabled"
	case !i.Until.IsZero():
		return "disabled-after-cooldown"
	}
	return i.Protection
}

func (d Device) api() api.BlockDeviceMapping {
	m := api.BlockDeviceMapping{DeviceName: new(d.Name)}
	if d.Virtual != "" {
		m.VirtualName = new(d.Virtual)
		return m
	}
	m.Ebs = &api.EbsBlockDevice{
		DeleteOnTermination: new(d.Delete), SnapshotId: optional(d.Snapshot), VolumeSize: new(d.GiB), VolumeType: optional(d.Type),
		Encrypted: new(d.Encrypted), KmsKeyId: optional(d.KMSKey),
	}
	if d.IOPS > 0 {
		m.Ebs.Iops = new(d.IOPS)
	}
	if d.Through > 0 {
		m.Ebs.Throughput = new(d.Through)
	}
	return m
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// fields are the filters of DescribeImages.
// imageFailed is the code of why an image could not be made.
const imageFailed = "Client.InternalError"

// none is what no image has here.
func none(*Image) []string { return nil }

func fields(c *cloud.Call, r store.Reader) resource.Fields[Image] {
	device := func(f func(Device) string) func(*Image) []string {
		return func(i *Image) (list []string) {
			for _, d := range i.Devices {
				list = append(list, f(d))
			}
			return list
		}
	}
	failed := func(f func(why string) string) func(*Image) []string {
		return func(i *Image) []string {
			if _, why := i.state(c, r); why != "" {
				return []string{f(why)}
			}
			return nil
		}
	}
	return resource.Fields[Image]{
		"architecture":        resource.One(func(i *Image) string { return i.Architecture }),
		"creation-date":       resource.One(func(i *Image) string { return i.Created.UTC().Format(timeForm) }),
		"description":         resource.One(func(i *Image) string { return i.Description }),
		"ena-support":         resource.One(func(*Image) string { return "true" }),
		"free-tier-eligible":  resource.Flag(func(*Image) bool { return true }), // no image here is sold
		"hypervisor":          resource.One(func(*Image) string { return api.HypervisorTypeXen }),
		"image-allowed":       resource.Flag(func(i *Image) bool { return allowanceOf(c, r).allows(i, c.Now) }),
		"image-id":            resource.One(func(i *Image) string { return i.ID }),
		"image-type":          resource.One(func(*Image) string { return api.ImageTypeValuesMachine }),
		"is-public":           resource.Flag(func(i *Image) bool { return i.Public }),
		"manifest-location":   resource.One(func(i *Image) string { return i.location() }),
		"name":                resource.One(func(i *Image) string { return i.Name }),
		"owner-alias":         resource.One(func(i *Image) string { return i.Alias }),
		"owner-id":            resource.One(func(i *Image) string { return i.Account }),
		"platform":            resource.One(func(i *Image) string { return i.Boots.Platform }),
		"root-device-name":    resource.One(func(i *Image) string { return i.RootDevice }),
		"root-device-type":    resource.One(func(*Image) string { return api.DeviceTypeEbs }),
		"source-image-id":     resource.One(func(i *Image) string { return i.From }),
		"source-image-region": resource.One(func(i *Image) string { return i.FromRegion }),
		"source-instance-id":  resource.One(func(i *Image) string { return i.Source }),
		"imds-support":        resource.One(func(i *Image) string { return i.IMDS }),
		"boot-mode":           resource.One(func(i *Image) string { return i.BootMode }),
		"virtualization-type": resource.One(func(*Image) string { return api.VirtualizationTypeHvm }),
		"kernel-id":           none, "ramdisk-id": none, "product-code": none, "product-code.type": none,
		"state-reason-code":    failed(func(string) string { return imageFailed }),
		"state-reason-message": failed(func(why string) string { return why }),
		"sriov-net-support":    resource.One(func(*Image) string { return "simple" }),
		"state": resource.One(func(i *Image) string {
			state, _ := i.state(c, r)
			return state
		}),
		"block-device-mapping.device-name":           device(func(d Device) string { return d.Name }),
		"block-device-mapping.snapshot-id":           device(func(d Device) string { return d.Snapshot }),
		"block-device-mapping.volume-type":           device(func(d Device) string { return d.Type }),
		"block-device-mapping.volume-size":           device(func(d Device) string { return strconv.Itoa(int(d.GiB)) }),
		"block-device-mapping.encrypted":             device(func(d Device) string { return strconv.FormatBool(d.Encrypted) }),
		"block-device-mapping.delete-on-termination": device(func(d Device) string { return strconv.FormatBool(d.Delete) }),
	}
}

package ebs

import (
	"strconv"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/region"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// filterTime is how filters write times.
func filterTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// number is a field with a number; 0 stands for none.
func number[T any](f func(*T) int32) func(*T) []string {
	return func(v *T) []string {
		if n := f(v); n != 0 {
			return []string{strconv.Itoa(int(n))}
		}
		return nil
	}
}

// each is a field with a value for each attachment.
func each(f func(*Attachment) string) func(*Volume) []string {
	return func(v *Volume) (list []string) {
		for i := range v.Attachments {
			list = append(list, f(&v.Attachments[i]))
		}
		return list
	}
}

func zoneID(name string) string {
	z, _ := region.ZoneNamed(name)
	return z.ID
}

// volumeFields are the filters of DescribeVolumes.
func volumeFields() resource.Fields[Volume] {
	one := resource.One[Volume]
	return resource.Fields[Volume]{
		"attachment.attach-time":           each(func(a *Attachment) string { return filterTime(a.At) }),
		"attachment.delete-on-termination": each(func(a *Attachment) string { return strconv.FormatBool(a.DeleteOnTermination) }),
		"attachment.device":                each(func(a *Attachment) string { return a.Device }),
		"attachment.instance-id":           each(func(a *Attachment) string { return a.Instance }),
		"attachment.status":                each(func(a *Attachment) string { return a.State }),
		"availability-zone":                one(func(v *Volume) string { return v.Zone }),
		"availability-zone-id":             one(func(v *Volume) string { return zoneID(v.Zone) }),
		"create-time":                      one(func(v *Volume) string { return filterTime(v.Created) }),
		"encrypted":                        resource.Flag(func(v *Volume) bool { return v.Encrypted }),
		"fast-restored":                    resource.Flag(func(v *Volume) bool { return v.FastRestored }),
		"multi-attach-enabled":             resource.Flag(func(v *Volume) bool { return v.MultiAttach }),
		"operator.managed":                 resource.Flag(func(*Volume) bool { return false }),
		"operator.principal":               func(*Volume) []string { return nil },
		"size":                             number(func(v *Volume) int32 { return v.Size }),
		"snapshot-id":                      one(func(v *Volume) string { return v.Snapshot }),
		"status":                           one(func(v *Volume) string { return v.State }),
		"volume-id":                        one(func(v *Volume) string { return v.ID }),
		"volume-type":                      one(func(v *Volume) string { return v.Type }),
	}
}

func describeVolumes(c *cloud.Call, r store.Reader, in *api.DescribeVolumesInput) (*api.DescribeVolumesOutput, error) {
	page, next, err := resource.List(c, r, resource.Query{
		IDs: in.VolumeIds, Set: "volumeSet", Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, NotFound: errNoVolume,
	}, present(c, r), func(v *Volume) string { return v.ID }, volumeFields())
	if err != nil {
		return nil, err
	}
	out := &api.DescribeVolumesOutput{NextToken: next, Volumes: []api.Volume{}}
	for _, v := range page {
		out.Volumes = append(out.Volumes, *v.api(c, r))
	}
	return out, nil
}

// api is the volume as answers carry it.
func (v *Volume) api(c *cloud.Call, r store.Reader) *api.Volume {
	zone, _ := region.ZoneNamed(v.Zone)
	out := &api.Volume{
		VolumeId: &v.ID, VolumeType: &v.Type, AvailabilityZone: &v.Zone, AvailabilityZoneId: &zone.ID, Operator: resource.Unmanaged(), OwnerId: &v.Account,
		VolumeArn: new(arn(v.Account, v.Region, "volume/"+v.ID)), SourceVolumeId: optional(v.Source), VolumeInitializationRate: shown(v.Rate), CreateTime: &v.Created, State: &v.State,
		Size: &v.Size, SnapshotId: &v.Snapshot, Encrypted: &v.Encrypted, MultiAttachEnabled: &v.MultiAttach,
		Tags: resource.ShownTags(resource.Tags(c, r, v.ID)), Attachments: []api.VolumeAttachment{},
		Iops: shown(v.IOPS), Throughput: shown(v.Throughput),
	}
	if v.KMSKey != "" {
		out.KmsKeyId = &v.KMSKey
	}
	if v.FastRestored {
		out.FastRestored = &v.FastRestored
	}
	for i := range v.Attachments {
		out.Attachments = append(out.Attachments, *v.Attachments[i].api(v.ID))
	}
	return out
}

// optional is a text that is left out where there is none.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// shown is a number that is left out where there is none.
func shown(n int32) *int32 {
	if n == 0 {
		return nil
	}
	return &n
}

func (a *Attachment) api(volume string) *api.VolumeAttachment {
	return &api.VolumeAttachment{
		AttachTime: &a.At, Device: &a.Device, InstanceId: &a.Instance, VolumeId: &volume,
		State: &a.State, DeleteOnTermination: &a.DeleteOnTermination,
	}
}

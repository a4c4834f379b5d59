package ebs

import (
	"strconv"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// Access declares what each operation needs.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
func (s *Room) Access() []cloud.Access {
	return append([]cloud.Access{
		resource.Looks(&api.DescribeVolumes),
		resource.Looks(&api.ListVolumesInRecycleBin),
		resource.Looks(&api.DescribeVolumesModifications),
		resource.Looks(&api.DescribeVolumeStatus),
		resource.Looks(&api.DescribeSnapshots),
		resource.Looks(&api.DescribeSnapshotTierStatus),
		resource.Looks(&api.DescribeFastSnapshotRestores),
		resource.Looks(&api.DescribeLockedSnapshots),
		resource.Looks(&api.ListSnapshotsInRecycleBin),
		resource.Looks(&api.DescribeImportSnapshotTasks),
		resource.Creates(&api.ImportSnapshot, importKind, func(in *api.ImportSnapshotInput) []api.TagSpecification { return in.TagSpecifications }),
		resource.Looks(&api.EnableEbsEncryptionByDefault),
		resource.Looks(&api.DisableEbsEncryptionByDefault),
		resource.Looks(&api.GetEbsEncryptionByDefault),
		resource.Looks(&api.GetEbsDefaultKmsKeyId),
		resource.Looks(&api.ModifyEbsDefaultKmsKeyId),
		resource.Looks(&api.ResetEbsDefaultKmsKeyId),
		resource.Looks(&api.EnableSnapshotBlockPublicAccess),
		resource.Looks(&api.DisableSnapshotBlockPublicAccess),
		resource.Looks(&api.GetSnapshotBlockPublicAccessState),

		onVolume(&api.DeleteVolume, func(in *api.DeleteVolumeInput) string { return in.VolumeId }),
		onVolume(&api.RestoreVolumeFromRecycleBin, func(in *api.RestoreVolumeFromRecycleBinInput) string { return in.VolumeId }),
		api.CopyVolumes.Decides([]string{"ec2:CopyVolumes"}, func(c *cloud.Call, r store.Reader, in *api.CopyVolumesInput) ([]cloud.Check, error) {
			source := cloud.Check{Action: "ec2:CopyVolumes", Resource: resource.On(c, r, volumeKind, in.SourceVolumeId)}
			return append(resource.CreateChecks(c, "CopyVolumes", volumeKind, in.TagSpecifications), source), nil
		}),
		onVolume(&api.ModifyVolume, func(in *api.ModifyVolumeInput) string { return in.VolumeId }),
		onVolume(&api.DescribeVolumeAttribute, func(in *api.DescribeVolumeAttributeInput) string { return in.VolumeId }),
		onVolume(&api.ModifyVolumeAttribute, func(in *api.ModifyVolumeAttributeInput) string { return in.VolumeId }),
		onVolume(&api.EnableVolumeIO, func(in *api.EnableVolumeIOInput) string { return in.VolumeId }),
		api.CreateVolume.Decides([]string{"ec2:CreateVolume"}, checkCreateVolume),
		api.AttachVolume.Decides([]string{"ec2:AttachVolume"}, func(c *cloud.Call, r store.Reader, in *api.AttachVolumeInput) ([]cloud.Check, error) {
			return attaching(c, r, "ec2:AttachVolume", in.VolumeId, in.InstanceId), nil
		}),
		api.DetachVolume.Decides([]string{"ec2:DetachVolume"}, func(c *cloud.Call, r store.Reader, in *api.DetachVolumeInput) ([]cloud.Check, error) {
			return attaching(c, r, "ec2:DetachVolume", in.VolumeId, cloud.Or(in.InstanceId, "")), nil
		}),
	}, s.snapshotAccess()...)
}

func (s *Room) snapshotAccess() []cloud.Access {
	return []cloud.Access{
		api.CreateSnapshot.Decides([]string{"ec2:CreateSnapshot"}, func(c *cloud.Call, r store.Reader, in *api.CreateSnapshotInput) ([]cloud.Check, error) {
			source := cloud.Check{Action: "ec2:CreateSnapshot", Resource: resource.On(c, r, volumeKind, in.VolumeId)}
			return append(resource.CreateChecks(c, "CreateSnapshot", snapshotKind, in.TagSpecifications), source), nil
		}),
		api.CreateSnapshots.Decides([]string{"ec2:CreateSnapshots"}, s.checkCreateSnapshots),
		api.CopySnapshot.Decides([]string{"ec2:CopySnapshot"}, func(c *cloud.Call, _ store.Reader, in *api.CopySnapshotInput) ([]cloud.Check, error) {
			return resource.CreateChecks(c, "CopySnapshot", snapshotKind, in.TagSpecifications), nil
		}),
		onSnapshot(&api.DeleteSnapshot, func(in *api.DeleteSnapshotInput) string { return in.SnapshotId }),
		onSnapshot(&api.ModifySnapshotAttribute, func(in *api.ModifySnapshotAttributeInput) string { return in.SnapshotId }),
		onSnapshot(&api.ResetSnapshotAttribute, func(in *api.ResetSnapshotAttributeInput) string { return in.SnapshotId }),
		onSnapshot(&api.DescribeSnapshotAttribute, func(in *api.DescribeSnapshotAttributeInput) string { return in.SnapshotId }),
		onSnapshot(&api.ModifySnapshotTier, func(in *api.ModifySnapshotTierInput) string { return in.SnapshotId }),
		onSnapshot(&api.RestoreSnapshotTier, func(in *api.RestoreSnapshotTierInput) string { return in.SnapshotId }),
		onSnapshot(&api.LockSnapshot, func(in *api.LockSnapshotInput) string { return in.SnapshotId }),
		onSnapshot(&api.UnlockSnapshot, func(in *api.UnlockSnapshotInput) string { return in.SnapshotId }),
		onSnapshot(&api.RestoreSnapshotFromRecycleBin, func(in *api.RestoreSnapshotFromRecycleBinInput) string { return in.SnapshotId }),
		resource.ActsOnAll(&api.EnableFastSnapshotRestores, snapshotKind, func(in *api.EnableFastSnapshotRestoresInput) []string { return in.SourceSnapshotIds }),
		resource.ActsOnAll(&api.DisableFastSnapshotRestores, snapshotKind, func(in *api.DisableFastSnapshotRestoresInput) []string { return in.SourceSnapshotIds }),
	}
}

func onVolume[In, Out any](o *cloud.Op[In, Out], id func(In) string) cloud.Access {
	return resource.Acts(o, volumeKind, id)
}

func onSnapshot[In, Out any](o *cloud.Op[In, Out], id func(In) string) cloud.Access {
	return resource.Acts(o, snapshotKind, id)
}

// checkCreateVolume adds what policies ask of new volumes.
func checkCreateVolume(c *cloud.Call, r store.Reader, in *api.CreateVolumeInput) ([]cloud.Check, error) {
	checks := resource.CreateChecks(c, "CreateVolume", volumeKind, in.TagSpecifications)
	zone, err := resource.ZoneName(c, in.AvailabilityZone, in.AvailabilityZoneId)
	if err != nil {
		return nil, err
	}
	keys := cloud.Keys{
		"ec2:availabilityzone": {cloud.Or(zone, "")},
		"ec2:encrypted":        {strconv.FormatBool(cloud.Or(in.Encrypted, settingOf(c, r).Encrypt))},
		"ec2:volumetype":       {cloud.Or(in.VolumeType, api.VolumeTypeGp2)},
	}
	if in.Size != nil {
		keys["ec2:volumesize"] = []string{strconv.Itoa(int(*in.Size))}
	}
	if in.Iops != nil {
		keys["ec2:volumeiops"] = []string{strconv.Itoa(int(*in.Iops))}
	}
	if in.Throughput != nil {
		keys["ec2:volumethroughput"] = []string{strconv.Itoa(int(*in.Throughput))}
	}
	if in.SnapshotId != nil {
		keys["ec2:parentsnapshot"] = []string{c.ARN("ec2", snapshotKind+"/"+*in.SnapshotId)}
	}
	for i := range checks {
		all := cloud.Keys{}
		for k, v := range checks[i].Keys {
			all[k] = v
		}
		for k, v := range keys {
			all[k] = v
		}
		checks[i].Keys = all
	}
	return checks, nil
}

// attaching are the checks of an operation on a volume and an instance.
func attaching(c *cloud.Call, r store.Reader, action, volume, instance string) []cloud.Check {
	if instance == "" {
		if v, err := FindVolume(c, r, volume); err == nil && len(v.Attachments) > 0 {
			instance = v.Attachments[0].Instance
		}
	}
	checks := []cloud.Check{{Action: action, Resource: resource.On(c, r, volumeKind, volume)}}
	if instance != "" {
		checks = append(checks, cloud.Check{Action: action, Resource: resource.On(c, r, "instance", instance)})
	}
	return checks
}

func (s *Room) checkCreateSnapshots(c *cloud.Call, r store.Reader, in *api.CreateSnapshotsInput) ([]cloud.Check, error) {
	const action = "ec2:CreateSnapshots"
	checks := resource.CreateChecks(c, "CreateSnapshots", snapshotKind, in.TagSpecifications)
	checks = append(checks, cloud.Check{Action: action, Resource: resource.On(c, r, "instance", in.InstanceSpecification.InstanceId)})
	list, err := s.volumesOf(c, r, &in.InstanceSpecification)
	if err != nil {
		return checks, nil //nolint:nilerr // the handler says what is wrong
	}
	for _, v := range list {
		checks = append(checks, cloud.Check{Action: action, Resource: resource.On(c, r, volumeKind, v.ID)})
	}
	return checks, nil
}

package ebs

import (
	"testing"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/node/nodetest"
	"pileus/service/ec2/bucket"
	"pileus/store"
)

// trial runs one operation as somebody.
type trial func(c *cloud.Call) error

func of[In, Out any](op *cloud.Op[In, Out], in In) trial {
	return func(c *cloud.Call) error {
		_, err := op.Call(c, in)
		return err
	}
}

// operations are all that there are, ready to succeed once.
func (x *stage) operations() map[string]trial {
	i := x.instance(1, "stopped")
	free, used := x.volume(1), x.volume(1)
	do(x, &api.AttachVolume, &api.AttachVolumeInput{VolumeId: used, InstanceId: i, Device: "/dev/sdf"})
	s, archived, locked := x.snapshot(free), x.snapshot(free), x.snapshot(free)
	do(x, &api.ModifySnapshotTier, &api.ModifySnapshotTierInput{SnapshotId: archived})
	x.Advance(archiving)
	do(x, &api.LockSnapshot, &api.LockSnapshotInput{SnapshotId: locked, LockMode: "governance", LockDuration: new(int32(1))})
	binned := x.snapshot(free)
	x.toBin(binned)
	x.Update(func(tx store.Tx) {
		identity.Roles.Put(tx, &identity.Role{Account: nodetest.Account, Name: bucket.RoleName, Path: "/", ARN: "arn:aws:iam::" + nodetest.Account + ":role/" + bucket.RoleName})
	})
	return map[string]trial{
		"CreateVolume":                      of(&api.CreateVolume, &api.CreateVolumeInput{AvailabilityZone: new(zone), Size: new(int32(1))}),
		"DeleteVolume":                      of(&api.DeleteVolume, &api.DeleteVolumeInput{VolumeId: free}),
		"DescribeVolumes":                   of(&api.DescribeVolumes, &api.DescribeVolumesInput{}),
		"CopyVolumes":                       of(&api.CopyVolumes, &api.CopyVolumesInput{SourceVolumeId: free}),
		"ListVolumesInRecycleBin":           of(&api.ListVolumesInRecycleBin, &api.ListVolumesInRecycleBinInput{}),
		"RestoreVolumeFromRecycleBin":       of(&api.RestoreVolumeFromRecycleBin, &api.RestoreVolumeFromRecycleBinInput{VolumeId: x.binnedVolume()}),
		"AttachVolume":                      of(&api.AttachVolume, &api.AttachVolumeInput{VolumeId: free, InstanceId: i, Device: "/dev/sdg"}),
		"DetachVolume":                      of(&api.DetachVolume, &api.DetachVolumeInput{VolumeId: used}),
		"ModifyVolume":                      of(&api.ModifyVolume, &api.ModifyVolumeInput{VolumeId: free, Size: new(int32(2))}),
		"DescribeVolumesModifications":      of(&api.DescribeVolumesModifications, &api.DescribeVolumesModificationsInput{}),
		"DescribeVolumeAttribute":           of(&api.DescribeVolumeAttribute, &api.DescribeVolumeAttributeInput{VolumeId: free, Attribute: "autoEnableIO"}),
		"ModifyVolumeAttribute":             of(&api.ModifyVolumeAttribute, &api.ModifyVolumeAttributeInput{VolumeId: free, AutoEnableIO: &api.AttributeBooleanValue{Value: new(true)}}),
		"DescribeVolumeStatus":              of(&api.DescribeVolumeStatus, &api.DescribeVolumeStatusInput{}),
		"EnableVolumeIO":                    of(&api.EnableVolumeIO, &api.EnableVolumeIOInput{VolumeId: free}),
		"CreateSnapshot":                    of(&api.CreateSnapshot, &api.CreateSnapshotInput{VolumeId: free}),
		"CreateSnapshots":                   of(&api.CreateSnapshots, &api.CreateSnapshotsInput{InstanceSpecification: api.InstanceSpecification{InstanceId: i}}),
		"DescribeSnapshots":                 of(&api.DescribeSnapshots, &api.DescribeSnapshotsInput{}),
		"DeleteSnapshot":                    of(&api.DeleteSnapshot, &api.DeleteSnapshotInput{SnapshotId: s}),
		"CopySnapshot":                      of(&api.CopySnapshot, &api.CopySnapshotInput{SourceRegion: nodetest.Region, SourceSnapshotId: s}),
		"ModifySnapshotAttribute":           of(&api.ModifySnapshotAttribute, &api.ModifySnapshotAttributeInput{SnapshotId: s, OperationType: new("add"), UserIds: []string{other}}),
		"ResetSnapshotAttribute":            of(&api.ResetSnapshotAttribute, &api.ResetSnapshotAttributeInput{SnapshotId: s, Attribute: "createVolumePermission"}),
		"DescribeSnapshotAttribute":         of(&api.DescribeSnapshotAttribute, &api.DescribeSnapshotAttributeInput{SnapshotId: s, Attribute: "createVolumePermission"}),
		"ModifySnapshotTier":                of(&api.ModifySnapshotTier, &api.ModifySnapshotTierInput{SnapshotId: s}),
		"RestoreSnapshotTier":               of(&api.RestoreSnapshotTier, &api.RestoreSnapshotTierInput{SnapshotId: archived, PermanentRestore: new(true)}),
		"DescribeSnapshotTierStatus":        of(&api.DescribeSnapshotTierStatus, &api.DescribeSnapshotTierStatusInput{}),
		"EnableFastSnapshotRestores":        of(&api.EnableFastSnapshotRestores, &api.EnableFastSnapshotRestoresInput{SourceSnapshotIds: []string{s}, AvailabilityZones: []string{zone}}),
		"DisableFastSnapshotRestores":       of(&api.DisableFastSnapshotRestores, &api.DisableFastSnapshotRestoresInput{SourceSnapshotIds: []string{s}, AvailabilityZones: []string{zone}}),
		"DescribeFastSnapshotRestores":      of(&api.DescribeFastSnapshotRestores, &api.DescribeFastSnapshotRestoresInput{}),
		"LockSnapshot":                      of(&api.LockSnapshot, &api.LockSnapshotInput{SnapshotId: s, LockMode: "governance", LockDuration: new(int32(1))}),
		"UnlockSnapshot":                    of(&api.UnlockSnapshot, &api.UnlockSnapshotInput{SnapshotId: locked}),
		"DescribeLockedSnapshots":           of(&api.DescribeLockedSnapshots, &api.DescribeLockedSnapshotsInput{}),
		"ListSnapshotsInRecycleBin":         of(&api.ListSnapshotsInRecycleBin, &api.ListSnapshotsInRecycleBinInput{}),
		"RestoreSnapshotFromRecycleBin":     of(&api.RestoreSnapshotFromRecycleBin, &api.RestoreSnapshotFromRecycleBinInput{SnapshotId: binned}),
		"EnableEbsEncryptionByDefault":      of(&api.EnableEbsEncryptionByDefault, &api.EnableEbsEncryptionByDefaultInput{}),
		"DisableEbsEncryptionByDefault":     of(&api.DisableEbsEncryptionByDefault, &api.DisableEbsEncryptionByDefaultInput{}),
		"GetEbsEncryptionByDefault":         of(&api.GetEbsEncryptionByDefault, &api.GetEbsEncryptionByDefaultInput{}),
		"GetEbsDefaultKmsKeyId":             of(&api.GetEbsDefaultKmsKeyId, &api.GetEbsDefaultKmsKeyIdInput{}),
		"ModifyEbsDefaultKmsKeyId":          of(&api.ModifyEbsDefaultKmsKeyId, &api.ModifyEbsDefaultKmsKeyIdInput{KmsKeyId: "alias/aws/ebs"}),
		"ResetEbsDefaultKmsKeyId":           of(&api.ResetEbsDefaultKmsKeyId, &api.ResetEbsDefaultKmsKeyIdInput{}),
		"EnableSnapshotBlockPublicAccess":   of(&api.EnableSnapshotBlockPublicAccess, &api.EnableSnapshotBlockPublicAccessInput{State: "block-all-sharing"}),
		"DisableSnapshotBlockPublicAccess":  of(&api.DisableSnapshotBlockPublicAccess, &api.DisableSnapshotBlockPublicAccessInput{}),
		"DescribeImportSnapshotTasks":       of(&api.DescribeImportSnapshotTasks, &api.DescribeImportSnapshotTasksInput{}),
		"ImportSnapshot":                    of(&api.ImportSnapshot, &api.ImportSnapshotInput{DiskContainer: &api.SnapshotDiskContainer{Url: new("s3://bucket/disk.raw")}}),
		"GetSnapshotBlockPublicAccessState": of(&api.GetSnapshotBlockPublicAccessState, &api.GetSnapshotBlockPublicAccessStateInput{}),
	}
}

// TestWhoMay runs each operation with no permission, with another one, and
// with the one that it needs.
func TestWhoMay(t *testing.T) {
	names := map[string]bool{}
	for name := range newStage(t).operations() {
		names[name] = true
		t.Run(name, func(t *testing.T) {
			x := newStage(t)
			op := x.operations()[name]
			fails(t, op(x.As(x.User("none", ""))), "UnauthorizedOperation", "ec2:"+name)
			fails(t, op(x.As(x.User("nearly", nodetest.Allow("ec2:RunInstances")))), "UnauthorizedOperation", "ec2:"+name)
			fails(t, op(x.As(x.User("allowed", nodetest.Allow("ec2:"+name)))), "", "")
		})
	}
	declared := map[string]bool{}
	for _, a := range New(nil).Access() {
		declared[a.Op.Name] = true
	}
	for _, b := range New(nil).Bindings() {
		if !names[b.Op.Name] {
			t.Errorf("%s has no case", b.Op.Name)
		}
		if !declared[b.Op.Name] {
			t.Errorf("%s does not declare its access", b.Op.Name)
		}
	}
}

// TestConditions restricts what may be made and touched.
func TestConditions(t *testing.T) {
	x := newStage(t)
	policy := `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":"ec2:CreateVolume","Resource":"*","Condition":{"StringEquals":{"ec2:VolumeType":"gp3"},"NumericLessThan":{"ec2:VolumeSize":"11"}}},
		{"Effect":"Allow","Action":"ec2:DeleteVolume","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/owner":"me"}}}]}`
	c := x.As(x.User("limited", policy))
	_, err := api.CreateVolume.Call(c, &api.CreateVolumeInput{AvailabilityZone: new(zone), Size: new(int32(10)), VolumeType: new("gp3")})
	fails(t, err, "", "")
	_, err = api.CreateVolume.Call(c, &api.CreateVolumeInput{AvailabilityZone: new(zone), Size: new(int32(11)), VolumeType: new("gp3")})
	fails(t, err, "UnauthorizedOperation", "")
	_, err = api.CreateVolume.Call(c, &api.CreateVolumeInput{AvailabilityZone: new(zone), Size: new(int32(1))})
	fails(t, err, "UnauthorizedOperation", "")
	_, err = api.CreateVolume.Call(c, &api.CreateVolumeInput{AvailabilityZone: new(zone), Size: new(int32(1)), VolumeType: new("gp3"), TagSpecifications: []api.TagSpecification{
		{ResourceType: new("volume"), Tags: []api.Tag{{Key: new("owner"), Value: new("me")}}},
	}})
	fails(t, err, "UnauthorizedOperation", "ec2:CreateTags")
	v := x.volume(1)
	_, err = api.DeleteVolume.Call(c, &api.DeleteVolumeInput{VolumeId: v})
	fails(t, err, "UnauthorizedOperation", "")
	do(x, &api.CreateTags, &api.CreateTagsInput{Resources: []string{v}, Tags: []api.Tag{{Key: new("owner"), Value: new("me")}}})
	_, err = api.DeleteVolume.Call(c, &api.DeleteVolumeInput{VolumeId: v})
	fails(t, err, "", "")
}

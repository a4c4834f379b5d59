package ebs

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// TestSDK goes through volumes and snapshots with AWS's own client.
func TestSDK(t *testing.T) {
	x := newStage(t)
	ctx := t.Context()
	client := ec2.NewFromConfig(x.Config())
	i := x.instance(1, "running")
	v, err := client.CreateVolume(ctx, &ec2.CreateVolumeInput{
		AvailabilityZone: new(zone), Size: new(int32(3)), VolumeType: types.VolumeTypeGp3,
		TagSpecifications: []types.TagSpecification{{ResourceType: types.ResourceTypeVolume, Tags: []types.Tag{{Key: new("Name"), Value: new("sdk")}}}},
	})
	must(t, err)
	if v.State != types.VolumeStateCreating || *v.Iops != 3000 || *v.Throughput != 125 {
		t.Errorf("created: %s, %d IOPS", v.State, *v.Iops)
	}
	x.Drain()
	_, err = client.AttachVolume(ctx, &ec2.AttachVolumeInput{VolumeId: v.VolumeId, InstanceId: &i, Device: new("/dev/sdf")})
	must(t, err)
	x.Drain()
	list, err := client.DescribeVolumes(ctx, &ec2.DescribeVolumesInput{Filters: []types.Filter{{Name: new("tag:Name"), Values: []string{"sdk"}}}})
	must(t, err)
	if len(list.Volumes) != 1 || list.Volumes[0].State != types.VolumeStateInUse || list.Volumes[0].Attachments[0].State != types.VolumeAttachmentStateAttached {
		t.Fatalf("volumes: %+v", list.Volumes)
	}
	s, err := client.CreateSnapshot(ctx, &ec2.CreateSnapshotInput{VolumeId: v.VolumeId, Description: new("by the SDK")})
	must(t, err)
	x.Drain()
	seen, err := client.DescribeSnapshots(ctx, &ec2.DescribeSnapshotsInput{OwnerIds: []string{"self"}})
	must(t, err)
	if len(seen.Snapshots) != 1 || seen.Snapshots[0].State != types.SnapshotStateCompleted || *seen.Snapshots[0].SnapshotId != *s.SnapshotId {
		t.Errorf("snapshots: %+v", seen.Snapshots)
	}
	pages := ec2.NewDescribeSnapshotsPaginator(client, &ec2.DescribeSnapshotsInput{MaxResults: new(int32(5))})
	n := 0
	for pages.HasMorePages() {
		p, err := pages.NextPage(ctx)
		must(t, err)
		n += len(p.Snapshots)
	}
	if n < 2 { // the catalogue's are seen by all
		t.Errorf("%d snapshots in pages", n)
	}
	_, err = client.ModifySnapshotAttribute(ctx, &ec2.ModifySnapshotAttributeInput{SnapshotId: s.SnapshotId, Attribute: types.SnapshotAttributeNameCreateVolumePermission, OperationType: types.OperationTypeAdd, UserIds: []string{other}})
	must(t, err)
	at, err := client.DescribeSnapshotAttribute(ctx, &ec2.DescribeSnapshotAttributeInput{SnapshotId: s.SnapshotId, Attribute: types.SnapshotAttributeNameCreateVolumePermission})
	must(t, err)
	if len(at.CreateVolumePermissions) != 1 || *at.CreateVolumePermissions[0].UserId != other {
		t.Errorf("permissions: %+v", at.CreateVolumePermissions)
	}
	_, err = client.DetachVolume(ctx, &ec2.DetachVolumeInput{VolumeId: v.VolumeId})
	must(t, err)
	x.Drain()
	_, err = client.DeleteVolume(ctx, &ec2.DeleteVolumeInput{VolumeId: v.VolumeId})
	must(t, err)
	_, err = client.DeleteSnapshot(ctx, &ec2.DeleteSnapshotInput{SnapshotId: s.SnapshotId})
	must(t, err)
}

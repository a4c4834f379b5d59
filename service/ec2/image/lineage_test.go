package image_test

import (
	"slices"
	"testing"

	"pileus/ami"
	api "pileus/api/ec2"
	"pileus/node/nodetest"
)

func TestAncestry(t *testing.T) {
	w := world(t)
	id, instance := made(w, "golden")
	copied := *nodetest.Do(w, &api.CopyImage, &api.CopyImageInput{Name: "copy", SourceImageId: id, SourceRegion: nodetest.Region, SnapshotCopyCompletionDurationMinutes: new(int64(30))}).ImageId
	w.Drain()
	root := ami.All()[0].ID(nodetest.Region)
	i := nodetest.Do(w, &api.DescribeImages, &api.DescribeImagesInput{Filters: []api.Filter{{Name: new("source-image-id"), Values: []string{id}}}}).Images[0]
	if *i.ImageId != copied || *i.SourceImageRegion != nodetest.Region || !*i.FreeTierEligible {
		t.Errorf("the copy: %+v", i)
	}
	s := nodetest.Do(w, &api.DescribeSnapshots, &api.DescribeSnapshotsInput{SnapshotIds: []string{*i.BlockDeviceMappings[0].Ebs.SnapshotId}}).Snapshots[0]
	if *s.TransferType != "time-based" || *s.CompletionDurationMinutes != 30 {
		t.Errorf("its snapshot: %+v", s)
	}
	var chain []string
	for _, e := range nodetest.Do(w, &api.GetImageAncestry, &api.GetImageAncestryInput{ImageId: copied}).ImageAncestryEntries {
		chain = append(chain, *e.ImageId)
	}
	if !slices.Equal(chain, []string{copied, id, root}) {
		t.Errorf("ancestry %v, not %v", chain, []string{copied, id, root})
	}
	if _, err := nodetest.Try(w, &api.CopyImage, &api.CopyImageInput{Name: "odd", SourceImageId: id, SourceRegion: nodetest.Region, SnapshotCopyCompletionDurationMinutes: new(int64(31))}); code(err) != "InvalidParameterValue" {
		t.Errorf("31 minutes: %v", err)
	}
	m := nodetest.Do(w, &api.DescribeInstanceImageMetadata, &api.DescribeInstanceImageMetadataInput{InstanceIds: []string{instance}}).InstanceImageMetadata
	if len(m) != 1 || *m[0].ImageMetadata.ImageId != root || *m[0].ImageMetadata.Name != ami.All()[0].Name || !*m[0].ImageMetadata.IsPublic || *m[0].State.Name != "running" {
		t.Errorf("the instance's image: %+v", m)
	}
}

func TestDeregisteredWithSnapshots(t *testing.T) {
	w := world(t)
	id, instance := made(w, "first")
	snapshot := *nodetest.Do(w, &api.DescribeImages, &api.DescribeImagesInput{ImageIds: []string{id}}).Images[0].BlockDeviceMappings[0].Ebs.SnapshotId
	second := *nodetest.Do(w, &api.RegisterImage, &api.RegisterImageInput{Name: "second", Architecture: new("x86_64"), RootDeviceName: new("/dev/xvda"), BlockDeviceMappings: []api.BlockDeviceMapping{
		{DeviceName: new("/dev/xvda"), Ebs: &api.EbsBlockDevice{SnapshotId: &snapshot}},
	}}).ImageId
	deregister := func(id string) string {
		t.Helper()
		out := nodetest.Do(w, &api.DeregisterImage, &api.DeregisterImageInput{ImageId: id, DeleteAssociatedSnapshots: new(true)})
		if len(out.DeleteSnapshotResults) != 1 || *out.DeleteSnapshotResults[0].SnapshotId != snapshot {
			t.Fatalf("%+v", out)
		}
		return *out.DeleteSnapshotResults[0].ReturnCode
	}
	if got := deregister(id); got != "skipped" {
		t.Errorf("a snapshot of two images: %s", got)
	}
	may := w.As(w.User("deregisters", nodetest.Allow("ec2:DeregisterImage")))
	third := *nodetest.Do(w, &api.CreateImage, &api.CreateImageInput{InstanceId: instance, Name: "third", NoReboot: new(true)}).ImageId
	w.Drain()
	out, err := api.DeregisterImage.Call(may, &api.DeregisterImageInput{ImageId: third, DeleteAssociatedSnapshots: new(true)})
	if err != nil || len(out.DeleteSnapshotResults) != 1 || *out.DeleteSnapshotResults[0].ReturnCode != "missing-permissions" {
		t.Errorf("without ec2:DeleteSnapshot: %+v, %v", out, err)
	}
	if got := deregister(second); got != "success" {
		t.Errorf("a snapshot of one image: %s", got)
	}
	if _, err := nodetest.Try(w, &api.DescribeSnapshots, &api.DescribeSnapshotsInput{SnapshotIds: []string{snapshot}}); code(err) != "InvalidSnapshot.NotFound" {
		t.Errorf("the snapshot: %v", err)
	}
	if _, err := nodetest.Try(w, &api.RegisterImage, &api.RegisterImageInput{Name: "rated", BlockDeviceMappings: []api.BlockDeviceMapping{
		{DeviceName: new("/dev/sda1"), Ebs: &api.EbsBlockDevice{SnapshotId: &snapshot, VolumeInitializationRate: new(int32(100))}},
	}}); code(err) != "InvalidParameterCombination" {
		t.Errorf("an image's rate: %v", err)
	}
}

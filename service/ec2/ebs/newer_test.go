package ebs

import (
	"testing"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/ebs/blocks"
	"pileus/store"
)

func TestZonesByID(t *testing.T) {
	x := newStage(t)
	v := do(x, &api.CreateVolume, &api.CreateVolumeInput{AvailabilityZoneId: new(zoneID(zone)), Size: new(int32(1))})
	if *v.AvailabilityZone != zone || *v.AvailabilityZoneId != zoneID(zone) || *v.OwnerId != x.Call().Account || *v.VolumeArn != x.Call().ARN("ec2", "volume/"+*v.VolumeId) {
		t.Errorf("made: %+v", v)
	}
	for _, test := range []struct {
		in   api.CreateVolumeInput
		code string
	}{
		{api.CreateVolumeInput{AvailabilityZone: new(zone), AvailabilityZoneId: new(zoneID(zone))}, "InvalidParameterCombination"},
		{api.CreateVolumeInput{AvailabilityZoneId: new("euw1-az1")}, "InvalidParameterValue"},
		{api.CreateVolumeInput{}, "MissingParameter"},
	} {
		test.in.Size = new(int32(1))
		_, err := try(x, &api.CreateVolume, &test.in)
		fails(t, err, test.code, "vailabilityZone")
	}
	s := x.snapshot(*v.VolumeId)
	fast := do(x, &api.EnableFastSnapshotRestores, &api.EnableFastSnapshotRestoresInput{SourceSnapshotIds: []string{s}, AvailabilityZoneIds: []string{zoneID(zone)}})
	if len(fast.Successful) != 1 || *fast.Successful[0].AvailabilityZone != zone || *fast.Successful[0].AvailabilityZoneId != zoneID(zone) {
		t.Errorf("fast restores: %+v", fast)
	}
	_, err := try(x, &api.DisableFastSnapshotRestores, &api.DisableFastSnapshotRestoresInput{SourceSnapshotIds: []string{s}, AvailabilityZoneIds: []string{zoneID(zone)}, AvailabilityZones: []string{zone}})
	fails(t, err, "InvalidParameterCombination", "Only one")
}

func TestInitializationRate(t *testing.T) {
	x := newStage(t)
	s := x.snapshot(x.volume(1))
	for rate, code := range map[int32]string{99: "InvalidParameterValue", 100: "", 300: "", 301: "InvalidParameterValue"} {
		v, err := try(x, &api.CreateVolume, &api.CreateVolumeInput{AvailabilityZone: new(zone), SnapshotId: &s, VolumeInitializationRate: &rate})
		fails(t, err, code, "")
		if err != nil {
			continue
		}
		status := func() *api.InitializationStatusDetails {
			return statusOf(x, *v.VolumeId).InitializationStatusDetails
		}
		if d := status(); *d.InitializationType != "provisioned-rate" || *d.Progress != 0 || *d.EstimatedTimeToCompleteInSeconds != int64(1024/rate) {
			t.Errorf("%d: at first %+v", rate, d)
		}
		x.Drain()
		if d := status(); *d.Progress != 100 || *d.EstimatedTimeToCompleteInSeconds != 0 {
			t.Errorf("%d: then %+v", rate, d)
		}
		if *x.show(*v.VolumeId).VolumeInitializationRate != rate {
			t.Errorf("shown: %+v", x.show(*v.VolumeId))
		}
	}
	_, err := try(x, &api.CreateVolume, &api.CreateVolumeInput{AvailabilityZone: new(zone), Size: new(int32(1)), VolumeInitializationRate: new(int32(200))})
	fails(t, err, "InvalidParameterCombination", "VolumeInitializationRate")
}

func statusOf(x *stage, id string) api.VolumeStatusItem {
	x.T.Helper()
	return doNow(x, &api.DescribeVolumeStatus, &api.DescribeVolumeStatusInput{VolumeIds: []string{id}}).VolumeStatuses[0]
}

func TestCopyOfAVolume(t *testing.T) {
	x := newStage(t)
	source := x.volume(2)
	x.write(source, 1<<20, "as it is")
	out := doNow(x, &api.CopyVolumes, &api.CopyVolumesInput{SourceVolumeId: source, VolumeType: new("gp3"), Size: new(int32(3))})
	v := out.Volumes[0]
	if *v.State != "creating" || *v.SourceVolumeId != source || *v.Size != 3 || *v.AvailabilityZone != zone {
		t.Errorf("at first: %+v", v)
	}
	do(x, &api.DeleteVolume, &api.DeleteVolumeInput{VolumeId: source}) // it waits for the copy
	if v := x.show(*v.VolumeId); *v.State != "available" {
		t.Fatalf("then %s", *v.State)
	}
	x.holds(*v.VolumeId, 1<<20, "as it is")
	if d := statusOf(x, *v.VolumeId).InitializationStatusDetails; *d.InitializationType != "volume-copy" || *d.Progress != 100 {
		t.Errorf("initialization: %+v", d)
	}
	_, err := try(x, &api.DescribeVolumes, &api.DescribeVolumesInput{VolumeIds: []string{source}})
	fails(t, err, "InvalidVolume.NotFound", source)
	x.View(func(r store.Reader) {
		if blocks.Exists(r, *v.VolumeId) {
			t.Error("the moment that the copy was made of is still kept")
		}
	})
	_, err = try(x, &api.CopyVolumes, &api.CopyVolumesInput{SourceVolumeId: *v.VolumeId, Size: new(int32(2))})
	fails(t, err, "InvalidParameterValue", "smaller than the source volume")
	_, err = try(x, &api.CopyVolumes, &api.CopyVolumesInput{SourceVolumeId: source})
	fails(t, err, "InvalidVolume.NotFound", source)
	do(x, &api.DeleteVolume, &api.DeleteVolumeInput{VolumeId: *v.VolumeId})
	if list, err := x.plane.Volumes(t.Context()); err != nil || len(list) > 0 {
		t.Errorf("the data plane still has %v, %v", list, err)
	}
}

func TestCompletionOfSnapshots(t *testing.T) {
	x := newStage(t)
	v := x.volume(1)
	x.write(v, 0, "one block")
	s := x.seen(x.snapshot(v))
	if !s.CompletionTime.Equal(x.Now()) || *s.FullSnapshotSizeInBytes != 512<<10 || s.TransferType != nil {
		t.Errorf("a snapshot: %v, %d bytes", s.CompletionTime, *s.FullSnapshotSizeInBytes)
	}
	for minutes, code := range map[int32]string{0: "", 15: "", 2880: "", 20: "InvalidParameterValue"} {
		in := &api.CopySnapshotInput{SourceRegion: x.Call().Region, SourceSnapshotId: *s.SnapshotId}
		want := "standard"
		if minutes != 0 {
			in.CompletionDurationMinutes, want = &minutes, "time-based"
		}
		out, err := try(x, &api.CopySnapshot, in)
		fails(t, err, code, "")
		if err != nil {
			continue
		}
		x.Drain()
		if d := x.seen(*out.SnapshotId); *d.TransferType != want || cloud.Or(d.CompletionDurationMinutes, 0) != minutes || *d.FullSnapshotSizeInBytes != 512<<10 {
			t.Errorf("a copy within %d minutes: %s", minutes, *d.TransferType)
		}
	}
}

// TestNewVolumeTellsOfNoTags has the call that makes a volume list its tags even
// where there are none; descriptions leave them out.
func TestNewVolumeTellsOfNoTags(t *testing.T) {
	x := newStage(t)
	v := do(x, &api.CreateVolume, &api.CreateVolumeInput{AvailabilityZone: new(zone), Size: new(int32(1))})
	if v.Tags == nil || len(v.Tags) > 0 || x.show(*v.VolumeId).Tags != nil {
		t.Errorf("a new volume has the tags %v, then %v", v.Tags, x.show(*v.VolumeId).Tags)
	}
}

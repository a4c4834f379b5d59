package ec2_test

import (
	"slices"
	"testing"
	"time"

	"pileus/all"
	"pileus/ami"
	api "pileus/api/ec2"
	"pileus/api/rbin"
	"pileus/cloud"
	"pileus/node"
	"pileus/node/nodetest"
	"pileus/plane/sim"
)

// keeping is EC2 with a Recycle Bin that keeps volumes for two days, but those
// tagged scratch.
func keeping(t *testing.T) *world {
	p := sim.New(t.TempDir())
	w := &world{nodetest.Start(t, node.Options{Plane: p, Rehearse: true, Seed: 1, Modules: func(parts node.Parts) []cloud.Module {
		return slices.DeleteFunc(all.Modules(parts), func(m cloud.Module) bool { return !slices.Contains([]string{"ec2", "rbin"}, m.API.Name) })
	}}), p}
	nodetest.Do(w.World, &rbin.CreateRule, &rbin.CreateRuleInput{
		ResourceType: "EBS_VOLUME", RetentionPeriod: rbin.RetentionPeriod{RetentionPeriodUnit: "DAYS", RetentionPeriodValue: 2},
		ExcludeResourceTags: []rbin.ResourceTag{{ResourceTagKey: "scratch"}},
	})
	return w
}

func (w *world) binned() []api.VolumeRecycleBinInfo {
	w.T.Helper()
	w.Drain()
	return nodetest.Do(w.World, &api.ListVolumesInRecycleBin, &api.ListVolumesInRecycleBinInput{}).Volumes
}

// volumesOfPlane is how many volumes the data plane has.
func (w *world) volumesOfPlane() int {
	w.T.Helper()
	list, err := w.plane.Volumes(w.T.Context())
	if err != nil {
		w.T.Fatal(err)
	}
	return len(list)
}

func TestVolumesInTheBin(t *testing.T) {
	w := keeping(t)
	volume := func(tags ...api.Tag) string {
		in := &api.CreateVolumeInput{AvailabilityZone: new("us-east-1a"), Size: new(int32(1))}
		if len(tags) > 0 {
			in.TagSpecifications = []api.TagSpecification{{ResourceType: new("volume"), Tags: tags}}
		}
		id := *nodetest.Do(w.World, &api.CreateVolume, in).VolumeId
		w.Drain()
		return id
	}
	kept, scratch := volume(), volume(api.Tag{Key: new("scratch"), Value: new("yes")})
	for _, id := range []string{kept, scratch} {
		nodetest.Do(w.World, &api.DeleteVolume, &api.DeleteVolumeInput{VolumeId: id})
		w.Drain()
		if _, err := nodetest.Try(w.World, &api.DescribeVolumes, &api.DescribeVolumesInput{VolumeIds: []string{id}}); code(err) != "InvalidVolume.NotFound" {
			t.Errorf("described: %v", err)
		}
		if _, err := nodetest.Try(w.World, &api.ModifyVolume, &api.ModifyVolumeInput{VolumeId: id, Size: new(int32(2))}); code(err) != "InvalidVolume.NotFound" {
			t.Errorf("modified: %v", err)
		}
	}
	list := w.binned()
	if len(list) != 1 || *list[0].VolumeId != kept || !list[0].RecycleBinExitTime.Equal(w.Now().Add(48*time.Hour)) || w.volumesOfPlane() != 1 {
		t.Fatalf("in the bin: %+v", list)
	}
	nodetest.Do(w.World, &api.RestoreVolumeFromRecycleBin, &api.RestoreVolumeFromRecycleBinInput{VolumeId: kept})
	if v := nodetest.Do(w.World, &api.DescribeVolumes, &api.DescribeVolumesInput{}).Volumes; len(v) != 1 || *v[0].State != "available" {
		t.Errorf("restored: %+v", v)
	}
	if _, err := nodetest.Try(w.World, &api.RestoreVolumeFromRecycleBin, &api.RestoreVolumeFromRecycleBinInput{VolumeId: kept}); code(err) != "InvalidVolume.NotFound" {
		t.Errorf("restored twice: %v", err)
	}
	nodetest.Do(w.World, &api.DeleteVolume, &api.DeleteVolumeInput{VolumeId: kept})
	w.Advance(48 * time.Hour)
	if list := w.binned(); len(list) > 0 || w.volumesOfPlane() > 0 {
		t.Errorf("after its time: %+v, and %d on the data plane", list, w.volumesOfPlane())
	}
}

// TestRootInTheBin covers volumes that go with their instance.
func TestRootInTheBin(t *testing.T) {
	w := keeping(t)
	i := *nodetest.Do(w.World, &api.RunInstances, &api.RunInstancesInput{ImageId: new(ami.All()[0].ID(nodetest.Region)), InstanceType: new("t3.micro"), MinCount: 1, MaxCount: 1}).Instances[0].InstanceId
	w.Drain()
	nodetest.Do(w.World, &api.TerminateInstances, &api.TerminateInstancesInput{InstanceIds: []string{i}, Force: new(true)})
	if list := w.binned(); len(list) != 1 || *list[0].State != "available" || w.volumesOfPlane() != 1 {
		t.Errorf("in the bin: %+v", list)
	}
}

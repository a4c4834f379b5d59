package instance_test

import (
	"encoding/base64"
	"io"
	"testing"
	"time"

	api "pileus/api/ec2"
	"pileus/node/nodetest"
	"pileus/plane"
)

// root is the volume that an instance has for its root.
func (w *world) root(id string) string {
	w.T.Helper()
	list := w.get(id).BlockDeviceMappings
	if len(list) != 1 || *list[0].DeviceName != "/dev/xvda" || *list[0].Ebs.Status != "attached" {
		w.T.Fatalf("block devices %+v", list)
	}
	return *list[0].Ebs.VolumeId
}

// task is the one task of a root volume.
func (w *world) task(id string) api.ReplaceRootVolumeTask {
	w.T.Helper()
	return nodetest.Do(w.World, &api.DescribeReplaceRootVolumeTasks, &api.DescribeReplaceRootVolumeTasksInput{ReplaceRootVolumeTaskIds: []string{id}}).ReplaceRootVolumeTasks[0]
}

func (w *world) volumeState(id string) string {
	w.T.Helper()
	out, err := nodetest.Try(w.World, &api.DescribeVolumes, &api.DescribeVolumesInput{VolumeIds: []string{id}})
	if err != nil {
		return "none"
	}
	return *out.Volumes[0].State
}

// replaced replaces a root volume and returns the task and the new volume.
func (w *world) replaced(in *api.CreateReplaceRootVolumeTaskInput) (task, root string) {
	w.T.Helper()
	out := nodetest.Do(w.World, &api.CreateReplaceRootVolumeTask, in)
	if *out.ReplaceRootVolumeTask.TaskState != "pending" {
		w.T.Errorf("the task begins %s", *out.ReplaceRootVolumeTask.TaskState)
	}
	w.Drain()
	task = *out.ReplaceRootVolumeTask.ReplaceRootVolumeTaskId
	if got := w.task(task); *got.TaskState != "succeeded" || got.CompleteTime == nil {
		w.T.Fatalf("task %+v", got)
	}
	if i := w.get(in.InstanceId); *i.State.Name != "running" {
		w.T.Errorf("the instance is %s", *i.State.Name)
	}
	st, err := w.plane.MachineStatus(w.T.Context(), in.InstanceId)
	if err != nil || st.State != plane.Running {
		w.T.Errorf("the machine: %+v, %v", st, err)
	}
	return task, w.root(in.InstanceId)
}

const (
	mark   = "written by the owner"
	markAt = 5 << 20
)

func (w *world) write(volume string) {
	w.T.Helper()
	err := w.plane.WriteVolume(w.T.Context(), volume, func(f io.WriterAt) error {
		_, err := f.WriteAt([]byte(mark), markAt)
		return err
	})
	if err != nil {
		w.T.Fatal(err)
	}
}

func (w *world) marked(volume string) bool {
	w.T.Helper()
	b := make([]byte, len(mark))
	err := w.plane.FreezeVolume(w.T.Context(), volume, func(v plane.VolumeContent) error {
		_, err := v.ReadAt(b, markAt)
		return err
	})
	if err != nil {
		w.T.Fatal(err)
	}
	return string(b) == mark
}

func TestReplaceRootVolume(t *testing.T) {
	w := newWorld(t)
	id := *w.run(1)[0].InstanceId
	first := w.root(id)
	w.write(first)
	snap := nodetest.Do(w.World, &api.CreateSnapshot, &api.CreateSnapshotInput{VolumeId: first})
	w.Drain()

	task, second := w.replaced(&api.CreateReplaceRootVolumeTaskInput{InstanceId: id})
	if second == first || w.marked(second) || w.volumeState(first) != "available" {
		t.Errorf("back to the launch state: %s, %s is %s", second, first, w.volumeState(first))
	}
	_, third := w.replaced(&api.CreateReplaceRootVolumeTaskInput{InstanceId: id, SnapshotId: snap.SnapshotId, DeleteReplacedRootVolume: new(true)})
	if !w.marked(third) || w.volumeState(second) != "none" {
		t.Errorf("to a snapshot of an earlier root: marked %v, %s is %s", w.marked(third), second, w.volumeState(second))
	}
	_, fourth := w.replaced(&api.CreateReplaceRootVolumeTaskInput{InstanceId: id, ImageId: new(image())})
	if w.marked(fourth) || *w.get(id).ImageId != image() {
		t.Error("to an image: still marked")
	}
	nodetest.Do(w.World, &api.TerminateInstances, &api.TerminateInstancesInput{InstanceIds: []string{id}})
	w.Drain()
	if w.volumeState(fourth) != "none" || w.volumeState(third) != "available" {
		t.Errorf("after the end: %s, %s", w.volumeState(fourth), w.volumeState(third))
	}

	filtered := nodetest.Do(w.World, &api.DescribeReplaceRootVolumeTasks, &api.DescribeReplaceRootVolumeTasksInput{
		Filters: []api.Filter{{Name: new("instance-id"), Values: []string{id}}}, MaxResults: new(int32(2)),
	})
	if len(filtered.ReplaceRootVolumeTasks) != 2 || filtered.NextToken == nil {
		t.Errorf("%d tasks on the first page", len(filtered.ReplaceRootVolumeTasks))
	}
	if got := w.task(task); *got.InstanceId != id || got.SnapshotId != nil {
		t.Errorf("%+v", got)
	}
}

func TestReplaceRootVolumeRefused(t *testing.T) {
	w := newWorld(t)
	list := w.run(2)
	id, other := *list[0].InstanceId, *list[1].InstanceId
	strange := nodetest.Do(w.World, &api.CreateSnapshot, &api.CreateSnapshotInput{VolumeId: w.root(other)})
	w.Drain()
	op := &api.CreateReplaceRootVolumeTask
	want(w, "InvalidInstanceID.NotFound", op, &api.CreateReplaceRootVolumeTaskInput{InstanceId: "i-0123456789abcdef0"})
	want(w, "InvalidParameterValue", op, &api.CreateReplaceRootVolumeTaskInput{InstanceId: id, SnapshotId: strange.SnapshotId})
	want(w, "InvalidSnapshot.NotFound", op, &api.CreateReplaceRootVolumeTaskInput{InstanceId: id, SnapshotId: new("snap-0123456789abcdef0")})
	want(w, "InvalidAMIID.NotFound", op, &api.CreateReplaceRootVolumeTaskInput{InstanceId: id, ImageId: new("ami-0123456789abcdef0")})
	want(w, "InvalidParameterCombination", op, &api.CreateReplaceRootVolumeTaskInput{InstanceId: id, ImageId: new(image()), SnapshotId: strange.SnapshotId})

	first := nodetest.Do(w.World, op, &api.CreateReplaceRootVolumeTaskInput{InstanceId: id, ClientToken: new("t")})
	again := nodetest.Do(w.World, op, &api.CreateReplaceRootVolumeTaskInput{InstanceId: id, ClientToken: new("t")})
	if *first.ReplaceRootVolumeTask.ReplaceRootVolumeTaskId != *again.ReplaceRootVolumeTask.ReplaceRootVolumeTaskId {
		t.Error("a repetition made another task")
	}
	w.Drain()
	nodetest.Do(w.World, &api.StopInstances, &api.StopInstancesInput{InstanceIds: []string{id}})
	w.Drain()
	want(w, "IncorrectInstanceState", op, &api.CreateReplaceRootVolumeTaskInput{InstanceId: id})
	want(w, "InvalidReplaceRootVolumeTaskId.NotFound", &api.DescribeReplaceRootVolumeTasks, &api.DescribeReplaceRootVolumeTasksInput{ReplaceRootVolumeTaskIds: []string{"replacevol-0"}})
}

// TestStopBeforeReplacement has the instance stopped before its task was
// performed: the task fails and leaves nothing.
func TestStopBeforeReplacement(t *testing.T) {
	w := newWorld(t)
	id := *w.run(1)[0].InstanceId
	root := w.root(id)
	out := nodetest.Do(w.World, &api.CreateReplaceRootVolumeTask, &api.CreateReplaceRootVolumeTaskInput{InstanceId: id})
	nodetest.Do(w.World, &api.StopInstances, &api.StopInstancesInput{InstanceIds: []string{id}})
	w.Drain()
	// The controller may have been faster than the request to stop.
	now, state := w.root(id), *w.task(*out.ReplaceRootVolumeTask.ReplaceRootVolumeTaskId).TaskState
	if w.state(id) != "stopped" || (state == "failed") != (now == root) || state != "failed" && state != "succeeded" {
		t.Errorf("%s, task %s, root %s was %s", w.state(id), state, now, root)
	}
	want(w, "", &api.StartInstances, &api.StartInstancesInput{InstanceIds: []string{id}})
	w.Drain()
	vols := nodetest.Do(w.World, &api.DescribeVolumes, &api.DescribeVolumesInput{})
	if n := len(vols.Volumes); state == "failed" && n != 1 {
		t.Errorf("%d volumes", n)
	}
}

func TestDefaultCredits(t *testing.T) {
	w := newWorld(t)
	get := func() string {
		t.Helper()
		return *nodetest.Do(w.World, &api.GetDefaultCreditSpecification, &api.GetDefaultCreditSpecificationInput{InstanceFamily: "t3"}).InstanceFamilyCreditSpecification.CpuCredits
	}
	if got := get(); got != "unlimited" {
		t.Errorf("t3 is %s by default", got)
	}
	nodetest.Do(w.World, &api.ModifyDefaultCreditSpecification, &api.ModifyDefaultCreditSpecificationInput{InstanceFamily: "t3", CpuCredits: "standard"})
	id := *w.run(1)[0].InstanceId
	spec := nodetest.Do(w.World, &api.DescribeInstanceCreditSpecifications, &api.DescribeInstanceCreditSpecificationsInput{InstanceIds: []string{id}})
	if got := *spec.InstanceCreditSpecifications[0].CpuCredits; get() != "standard" || got != "standard" {
		t.Errorf("%s, of a new instance %s", get(), got)
	}
	want(w, "InvalidParameterValue", &api.ModifyDefaultCreditSpecification, &api.ModifyDefaultCreditSpecificationInput{InstanceFamily: "t3", CpuCredits: "much"})
	want(w, "InvalidParameterValue", &api.GetDefaultCreditSpecification, &api.GetDefaultCreditSpecificationInput{InstanceFamily: "m5"})
}

func TestLaunchTemplateData(t *testing.T) {
	w := newWorld(t)
	data := base64.StdEncoding.EncodeToString([]byte("#!/bin/sh"))
	id := *w.run(1, func(in *api.RunInstancesInput) {
		in.UserData, in.DisableApiTermination, in.Monitoring = &data, new(true), &api.RunInstancesMonitoringEnabled{Enabled: true}
		in.TagSpecifications = []api.TagSpecification{{ResourceType: new("instance"), Tags: []api.Tag{{Key: new("team"), Value: new("blue")}}}}
	})[0].InstanceId
	d := nodetest.Do(w.World, &api.GetLaunchTemplateData, &api.GetLaunchTemplateDataInput{InstanceId: id}).LaunchTemplateData
	if *d.ImageId != image() || *d.InstanceType != "t3.micro" || *d.UserData != data || !*d.DisableApiTermination || !*d.Monitoring.Enabled || *d.CreditSpecification.CpuCredits != "unlimited" {
		t.Errorf("%+v", d)
	}
	if len(d.BlockDeviceMappings) != 1 || *d.BlockDeviceMappings[0].Ebs.VolumeType != "gp3" || len(d.TagSpecifications) != 1 || *d.TagSpecifications[0].Tags[0].Value != "blue" {
		t.Errorf("%+v, %+v", d.BlockDeviceMappings, d.TagSpecifications)
	}
	if p := d.Placement; p == nil || *p.AvailabilityZone != *w.get(id).Placement.AvailabilityZone || p.AvailabilityZoneId != nil {
		t.Errorf("a launch takes the zone by its name or by its id: %+v", p)
	}
	n := d.NetworkInterfaces
	if len(n) != 1 || *n[0].SubnetId != *w.get(id).SubnetId || *n[0].DeviceIndex != 0 || len(n[0].Groups) != 1 || *n[0].PrivateIpAddress != *w.get(id).PrivateIpAddress || n[0].Ipv6Addresses == nil {
		t.Errorf("interfaces %+v", n)
	}
	nodetest.Do(w.World, &api.ModifyInstanceAttribute, &api.ModifyInstanceAttributeInput{InstanceId: id, DisableApiTermination: &api.AttributeBooleanValue{Value: new(false)}})
	nodetest.Do(w.World, &api.TerminateInstances, &api.TerminateInstancesInput{InstanceIds: []string{id}})
	w.Advance(time.Minute)
	want(w, "IncorrectInstanceState", &api.GetLaunchTemplateData, &api.GetLaunchTemplateDataInput{InstanceId: id})
}

// TestOtherKindsOfInstances asks for what only others have.
func TestOtherKindsOfInstances(t *testing.T) {
	w := newWorld(t)
	id := *w.run(1)[0].InstanceId
	want(w, "UnsupportedOperation", &api.BundleInstance, &api.BundleInstanceInput{InstanceId: id, Storage: api.Storage{S3: &api.S3Storage{Bucket: new("b")}}})
	want(w, "MissingParameter", &api.BundleInstance, &api.BundleInstanceInput{InstanceId: id})
	want(w, "InvalidBundleID.NotFound", &api.DescribeBundleTasks, &api.DescribeBundleTasksInput{BundleIds: []string{"bun-1"}})
	want(w, "InvalidBundleID.NotFound", &api.CancelBundleTask, &api.CancelBundleTaskInput{BundleId: "bun-1"})
	want(w, "NotExportable", &api.CreateInstanceExportTask, &api.CreateInstanceExportTaskInput{InstanceId: id, TargetEnvironment: "vmware"})
	want(w, "InvalidConversionTaskId", &api.CancelConversionTask, &api.CancelConversionTaskInput{ConversionTaskId: "import-i-1"})
	want(w, "UnsupportedOperation", &api.GetInstanceUefiData, &api.GetInstanceUefiDataInput{InstanceId: id})
	want(w, "UnsupportedOperation", &api.GetInstanceTpmEkPub, &api.GetInstanceTpmEkPubInput{InstanceId: id, KeyType: "rsa-2048", KeyFormat: "der"})
	if out := nodetest.Do(w.World, &api.ConfirmProductInstance, &api.ConfirmProductInstanceInput{InstanceId: id, ProductCode: "p"}); *out.Return {
		t.Error("the instance has a product code")
	}
}

func TestModifyCPUOptions(t *testing.T) {
	w := newWorld(t)
	id := *w.run(1, func(in *api.RunInstancesInput) { in.InstanceType = new("m5.xlarge") })[0].InstanceId
	op, in := &api.ModifyInstanceCpuOptions, &api.ModifyInstanceCpuOptionsInput{InstanceId: id, CoreCount: new(int32(2)), ThreadsPerCore: new(int32(1))}
	want(w, "IncorrectInstanceState", op, in)
	nodetest.Do(w.World, &api.StopInstances, &api.StopInstancesInput{InstanceIds: []string{id}})
	w.Drain()
	want(w, "", op, in)
	if o := w.get(id).CpuOptions; *o.CoreCount != 2 || *o.ThreadsPerCore != 1 {
		t.Errorf("%d, %d", *o.CoreCount, *o.ThreadsPerCore)
	}
	want(w, "InvalidParameterCombination", op, &api.ModifyInstanceCpuOptionsInput{InstanceId: id, CoreCount: new(int32(9))})
	want(w, "UnsupportedOperation", op, &api.ModifyInstanceCpuOptionsInput{InstanceId: id, NestedVirtualization: new("enabled")})
	want(w, "MissingParameter", op, &api.ModifyInstanceCpuOptionsInput{InstanceId: id})
}

func TestReplaceRootByAVolume(t *testing.T) {
	w := newWorld(t)
	i := w.run(1)[0]
	id := *i.InstanceId
	first := w.root(id)
	w.write(first)
	_, second := w.replaced(&api.CreateReplaceRootVolumeTaskInput{InstanceId: id, VolumeInitializationRate: new(int64(150))})
	if rate := nodetest.Do(w.World, &api.DescribeVolumes, &api.DescribeVolumesInput{VolumeIds: []string{second}}).Volumes[0].VolumeInitializationRate; rate == nil || *rate != 150 {
		t.Errorf("its rate: %v", rate)
	}
	for name, in := range map[string]*api.CreateReplaceRootVolumeTaskInput{
		"InvalidParameterCombination": {VolumeId: &first, ImageId: new(image())},
		"IncorrectState":              {VolumeId: &second},
		"InvalidParameterValue":       {VolumeInitializationRate: new(int64(99))},
	} {
		in.InstanceId = id
		want(w, name, &api.CreateReplaceRootVolumeTask, in)
	}
	if _, third := w.replaced(&api.CreateReplaceRootVolumeTaskInput{InstanceId: id, VolumeId: &first}); third != first || !w.marked(first) || w.volumeState(second) != "available" {
		t.Errorf("the root is %s, not %s", third, first)
	}
}

// TestRateOfLaunchedVolumes gives the volumes of an instance rates.
func TestRateOfLaunchedVolumes(t *testing.T) {
	w := newWorld(t)
	device := func(rate int32) func(in *api.RunInstancesInput) {
		return func(in *api.RunInstancesInput) {
			in.BlockDeviceMappings = []api.BlockDeviceMapping{{DeviceName: new("/dev/xvda"), Ebs: &api.EbsBlockDevice{VolumeInitializationRate: &rate}}}
		}
	}
	id := w.root(*w.run(1, device(300))[0].InstanceId)
	if v := nodetest.Do(w.World, &api.DescribeVolumes, &api.DescribeVolumesInput{VolumeIds: []string{id}}).Volumes[0]; *v.VolumeInitializationRate != 300 {
		t.Errorf("the root's rate: %+v", v)
	}
	in := &api.RunInstancesInput{ImageId: new(image()), InstanceType: new("t3.micro"), MinCount: 1, MaxCount: 1}
	device(301)(in)
	want(w, "InvalidBlockDeviceMapping", &api.RunInstances, in)
}

func TestPlacedByZoneID(t *testing.T) {
	w := newWorld(t)
	for zone, id := range map[string]string{"us-east-1a": "use1-az1", "us-east-1b": "use1-az2"} {
		i := w.run(1, func(in *api.RunInstancesInput) { in.Placement = &api.Placement{AvailabilityZoneId: &id} })[0]
		if *i.Placement.AvailabilityZone != zone || *i.Placement.AvailabilityZoneId != id {
			t.Errorf("placed in %+v, not in %s", i.Placement, zone)
		}
	}
	for name, p := range map[string]*api.Placement{
		"InvalidParameterCombination": {AvailabilityZone: new("us-east-1a"), AvailabilityZoneId: new("use1-az1")},
		"InvalidParameterValue":       {AvailabilityZoneId: new("euw1-az1")},
	} {
		want(w, name, &api.RunInstances, &api.RunInstancesInput{ImageId: new(image()), MinCount: 1, MaxCount: 1, InstanceType: new("t3.micro"), Placement: p})
	}
}

package ebs

import (
	"testing"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/store"
)

func TestVolumeLife(t *testing.T) {
	x := newStage(t)
	i := x.instance(1, "running")
	v := *doNow(x, &api.CreateVolume, &api.CreateVolumeInput{AvailabilityZone: new(zone), Size: new(int32(10)), TagSpecifications: []api.TagSpecification{
		{ResourceType: new("volume"), Tags: []api.Tag{{Key: new("Name"), Value: new("data")}}},
	}})
	if *v.State != "creating" || *v.VolumeType != "gp2" || *v.Iops != 100 || *v.Encrypted {
		t.Errorf("created as %s %s %d", *v.State, *v.VolumeType, *v.Iops)
	}
	id := *v.VolumeId
	x.Drain()
	if s := x.show(id); *s.State != "available" || *s.Tags[0].Value != "data" {
		t.Errorf("then %s", *s.State)
	}
	a := doNow(x, &api.AttachVolume, &api.AttachVolumeInput{VolumeId: id, InstanceId: i, Device: "/dev/sdf"})
	if *a.State != "attaching" {
		t.Errorf("attach: %s", *a.State)
	}
	x.Drain()
	if s := x.show(id); *s.State != "in-use" || *s.Attachments[0].State != "attached" || *s.Attachments[0].DeleteOnTermination {
		t.Errorf("attached: %s, %s", *s.State, *s.Attachments[0].State)
	}
	_, err := try(x, &api.DeleteVolume, &api.DeleteVolumeInput{VolumeId: id})
	fails(t, err, "VolumeInUse", "is currently attached to "+i)
	d := doNow(x, &api.DetachVolume, &api.DetachVolumeInput{VolumeId: id})
	if *d.State != "detaching" {
		t.Errorf("detach: %s", *d.State)
	}
	x.Drain()
	if s := x.show(id); *s.State != "available" || len(s.Attachments) > 0 {
		t.Errorf("detached: %s", *s.State)
	}
	do(x, &api.DeleteVolume, &api.DeleteVolumeInput{VolumeId: id})
	_, err = try(x, &api.DescribeVolumes, &api.DescribeVolumesInput{VolumeIds: []string{id}})
	fails(t, err, "InvalidVolume.NotFound", "The volume '"+id+"' does not exist.")
	if list, err := x.plane.Volumes(t.Context()); err != nil || len(list) > 0 {
		t.Errorf("the data plane still has %v, %v", list, err)
	}
}

// doNow is do without what follows.
func doNow[In, Out any](x *stage, op *cloud.Op[In, Out], in In) Out {
	x.T.Helper()
	out, err := try(x, op, in)
	must(x.T, err)
	return out
}

func TestVolumeTypes(t *testing.T) {
	x := newStage(t)
	for _, test := range []struct {
		name          string
		in            api.CreateVolumeInput
		code, message string
		iops, mib     int32 // of what comes of it
	}{
		{name: "gp2 small", in: api.CreateVolumeInput{VolumeType: new("gp2"), Size: new(int32(1))}, iops: 100},
		{name: "gp2 middle", in: api.CreateVolumeInput{VolumeType: new("gp2"), Size: new(int32(100))}, iops: 300},
		{name: "gp2 large", in: api.CreateVolumeInput{VolumeType: new("gp2"), Size: new(int32(16384))}, iops: 16000},
		{name: "gp2 too large", in: api.CreateVolumeInput{VolumeType: new("gp2"), Size: new(int32(16385))}, code: "InvalidParameterValue", message: "Volume of 16385GiB is too large"},
		{name: "gp2 with iops", in: api.CreateVolumeInput{VolumeType: new("gp2"), Size: new(int32(10)), Iops: new(int32(100))}, code: "InvalidParameterCombination", message: "The parameter iops is not supported for gp2 volumes."},
		{name: "gp3", in: api.CreateVolumeInput{VolumeType: new("gp3"), Size: new(int32(1))}, iops: 3000, mib: 125},
		{name: "gp3 faster", in: api.CreateVolumeInput{VolumeType: new("gp3"), Size: new(int32(100)), Iops: new(int32(4000)), Throughput: new(int32(1000))}, iops: 4000, mib: 1000},
		{name: "gp3 ratio", in: api.CreateVolumeInput{VolumeType: new("gp3"), Size: new(int32(20)), Iops: new(int32(15000))}, code: "InvalidParameterValue", message: "Iops to volume size ratio of 750.000000 is too high; maximum is 500"},
		{name: "gp3 slow", in: api.CreateVolumeInput{VolumeType: new("gp3"), Size: new(int32(20)), Iops: new(int32(100))}, code: "InvalidParameterValue", message: "Volume iops of 100 is too low; minimum is 3000."},
		{name: "gp3 throughput", in: api.CreateVolumeInput{VolumeType: new("gp3"), Size: new(int32(20)), Throughput: new(int32(1000))}, code: "InvalidParameterValue", message: "Throughput (MiBps) to iops ratio of 0.333333 is too high"},
		{name: "io1 without iops", in: api.CreateVolumeInput{VolumeType: new("io1"), Size: new(int32(10))}, code: "MissingParameter", message: "iops"},
		{name: "io1 low", in: api.CreateVolumeInput{VolumeType: new("io1"), Size: new(int32(10)), Iops: new(int32(50))}, code: "InvalidParameterValue", message: "Volume iops of 50 is too low; minimum is 100."},
		{name: "io1 ratio", in: api.CreateVolumeInput{VolumeType: new("io1"), Size: new(int32(10)), Iops: new(int32(600))}, code: "InvalidParameterValue", message: "Iops to volume size ratio of 60.000000 is too high; maximum is 50"},
		{name: "io2", in: api.CreateVolumeInput{VolumeType: new("io2"), Size: new(int32(6)), Iops: new(int32(6000))}, iops: 6000},
		{name: "io2 ratio", in: api.CreateVolumeInput{VolumeType: new("io2"), Size: new(int32(6)), Iops: new(int32(10000))}, code: "InvalidParameterCombination", message: "1000:1 IOPS:GB ratio are not supported."},
		{name: "st1 small", in: api.CreateVolumeInput{VolumeType: new("st1"), Size: new(int32(4))}, code: "InvalidParameterValue", message: "Volume of 4GiB is too small; minimum is 125GiB."},
		{name: "sc1", in: api.CreateVolumeInput{VolumeType: new("sc1"), Size: new(int32(125))}},
		{name: "standard", in: api.CreateVolumeInput{VolumeType: new("standard"), Size: new(int32(1))}},
		{name: "no size", in: api.CreateVolumeInput{}, code: "MissingParameter", message: "size"},
		{name: "gp3 shared", in: api.CreateVolumeInput{VolumeType: new("gp3"), Size: new(int32(10)), MultiAttachEnabled: new(true)}, code: "InvalidParameterCombination", message: "Multi-Attach"},
		{name: "other zone", in: api.CreateVolumeInput{AvailabilityZone: new("eu-west-1a"), Size: new(int32(10))}, code: "InvalidZone.NotFound", message: "The zone 'eu-west-1a' does not exist."},
		{name: "key", in: api.CreateVolumeInput{Size: new(int32(10)), KmsKeyId: new("alias/aws/ebs")}, code: "InvalidParameterDependency", message: "The parameter KmsKeyId requires the parameter Encrypted to be set."},
		{name: "no snapshot", in: api.CreateVolumeInput{SnapshotId: new("snap-0123456789abcdef0")}, code: "InvalidSnapshot.NotFound", message: "The snapshot 'snap-0123456789abcdef0' does not exist."},
		{name: "dry run", in: api.CreateVolumeInput{Size: new(int32(10)), DryRun: new(true)}, code: "DryRunOperation", message: "would have succeeded"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.in.AvailabilityZone == nil {
				test.in.AvailabilityZone = new(zone)
			}
			v, err := try(x, &api.CreateVolume, &test.in)
			fails(t, err, test.code, test.message)
			if err == nil && (cloud.Or(v.Iops, 0) != test.iops || cloud.Or(v.Throughput, 0) != test.mib) {
				t.Errorf("%d IOPS, %d MiB/s", cloud.Or(v.Iops, 0), cloud.Or(v.Throughput, 0))
			}
		})
	}
}

func TestClientToken(t *testing.T) {
	x := newStage(t)
	in := &api.CreateVolumeInput{AvailabilityZone: new(zone), Size: new(int32(1)), ClientToken: new("once")}
	first, again := *do(x, &api.CreateVolume, in).VolumeId, *do(x, &api.CreateVolume, in).VolumeId
	if first != again {
		t.Errorf("two volumes: %s and %s", first, again)
	}
	in.Size = new(int32(2))
	_, err := try(x, &api.CreateVolume, in)
	fails(t, err, "IdempotentParameterMismatch", "")
}

func TestAttachErrors(t *testing.T) {
	x := newStage(t)
	i, other := x.instance(1, "running"), x.instance(2, "running")
	far := x.instances[other]
	far.Zone = zone[:len(zone)-1] + "b"
	x.instances[other] = far
	v, free := x.volume(1), x.volume(1)
	do(x, &api.AttachVolume, &api.AttachVolumeInput{VolumeId: v, InstanceId: i, Device: "/dev/sdf"})
	for _, test := range []struct {
		name, volume, instance, device string
		code, message                  string
	}{
		{"twice", v, i, "/dev/sdg", "VolumeInUse", v + " is already attached to an instance"},
		{"device in use", free, i, "/dev/sdf", "InvalidParameterValue", "Attachment point /dev/sdf is already in use"},
		{"device name", free, i, "/dev/nonsense", "InvalidParameterValue", "/dev/nonsense is not a valid EBS device name."},
		{"zone", free, other, "/dev/sdf", "InvalidVolume.ZoneMismatch", "is not in the same availability zone"},
		{"pending", free, x.instance(3, "pending"), "/dev/sdf", "IncorrectState", "is not 'running'."},
		{"terminated", free, x.instance(4, "terminated"), "/dev/sdf", "IncorrectState", "is not 'running'."},
		{"no instance", free, "i-0123456789abcdef0", "/dev/sdf", "InvalidInstanceID.NotFound", "does not exist"},
		{"no volume", "vol-0123456789abcdef0", i, "/dev/sdf", "InvalidVolume.NotFound", "does not exist"},
		{"malformed", "volume", i, "/dev/sdf", "InvalidParameterValue", "Expected: 'vol-...'."},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := try(x, &api.AttachVolume, &api.AttachVolumeInput{VolumeId: test.volume, InstanceId: test.instance, Device: test.device})
			fails(t, err, test.code, test.message)
		})
	}
	_, err := try(x, &api.DetachVolume, &api.DetachVolumeInput{VolumeId: free})
	fails(t, err, "IncorrectState", "Volume '"+free+"' is in the 'available' state.")
	_, err = try(x, &api.DetachVolume, &api.DetachVolumeInput{VolumeId: v, InstanceId: &other})
	fails(t, err, "InvalidAttachment.NotFound", "")
}

func TestMultiAttach(t *testing.T) {
	x := newStage(t)
	one, two := x.instance(1, "running"), x.instance(2, "stopped")
	v := *do(x, &api.CreateVolume, &api.CreateVolumeInput{AvailabilityZone: new(zone), Size: new(int32(4)), VolumeType: new("io2"), Iops: new(int32(100)), MultiAttachEnabled: new(true)}).VolumeId
	for _, i := range []string{one, two} {
		do(x, &api.AttachVolume, &api.AttachVolumeInput{VolumeId: v, InstanceId: i, Device: "/dev/sdf"})
	}
	if s := x.show(v); len(s.Attachments) != 2 || *s.Attachments[1].State != "attached" {
		t.Errorf("attachments: %d", len(s.Attachments))
	}
	do(x, &api.DetachVolume, &api.DetachVolumeInput{VolumeId: v, InstanceId: &one})
	if s := x.show(v); *s.State != "in-use" || len(s.Attachments) != 1 {
		t.Errorf("then %s with %d", *s.State, len(s.Attachments))
	}
}

func TestModifyVolume(t *testing.T) {
	x := newStage(t)
	v := x.volume(10)
	m := do(x, &api.ModifyVolume, &api.ModifyVolumeInput{VolumeId: v, Size: new(int32(20)), VolumeType: new("io1"), Iops: new(int32(500))}).VolumeModification
	if *m.ModificationState != "modifying" || *m.OriginalSize != 10 || *m.TargetSize != 20 || *m.OriginalVolumeType != "gp3" {
		t.Errorf("modification: %s, %d to %d", *m.ModificationState, *m.OriginalSize, *m.TargetSize)
	}
	if s := x.show(v); *s.Size != 20 || *s.VolumeType != "io1" || *s.Iops != 500 {
		t.Errorf("volume: %d %s %d", *s.Size, *s.VolumeType, *s.Iops)
	}
	if list, _ := x.plane.Volumes(t.Context()); list[0].Size != 20<<30 {
		t.Errorf("the data plane has %d bytes", list[0].Size)
	}
	state := func() string {
		return *do(x, &api.DescribeVolumesModifications, &api.DescribeVolumesModificationsInput{VolumeIds: []string{v}}).VolumesModifications[0].ModificationState
	}
	if s := state(); s != "optimizing" {
		t.Errorf("state: %s", s)
	}
	_, err := try(x, &api.ModifyVolume, &api.ModifyVolumeInput{VolumeId: v, Size: new(int32(30))})
	fails(t, err, "IncorrectModificationState", "in modification state OPTIMIZING")
	x.Advance(time.Hour)
	if s := state(); s != "completed" {
		t.Errorf("state: %s", s)
	}
	_, err = try(x, &api.ModifyVolume, &api.ModifyVolumeInput{VolumeId: v, Size: new(int32(30))})
	fails(t, err, "VolumeModificationRateExceeded", "Wait at least 6 hours")
	x.Advance(5 * time.Hour)
	_, err = try(x, &api.ModifyVolume, &api.ModifyVolumeInput{VolumeId: v, Size: new(int32(5))})
	fails(t, err, "InvalidParameterValue", "New size cannot be smaller than existing size.")
	do(x, &api.ModifyVolume, &api.ModifyVolumeInput{VolumeId: v, VolumeType: new("gp3")})
	if s := x.show(v); *s.Iops != 3000 || *s.Throughput != 125 {
		t.Errorf("as gp3: %d IOPS, %d MiB/s", *s.Iops, *s.Throughput)
	}
}

func TestDescribeVolumesFilters(t *testing.T) {
	x := newStage(t)
	i := x.instance(1, "stopped")
	a, b := x.volume(1), x.volume(7)
	do(x, &api.AttachVolume, &api.AttachVolumeInput{VolumeId: b, InstanceId: i, Device: "/dev/sdf"})
	for name, want := range map[[2]string][]string{
		{"size", "7"}:                     {b},
		{"status", "available"}:           {a},
		{"attachment.instance-id", i}:     {b},
		{"attachment.device", "/dev/sd*"}: {b},
		{"availability-zone", zone}:       {a, b},
		{"volume-type", "gp2"}:            {},
		{"encrypted", "false"}:            {a, b},
	} {
		out := do(x, &api.DescribeVolumes, &api.DescribeVolumesInput{Filters: []api.Filter{{Name: &name[0], Values: []string{name[1]}}}})
		if len(out.Volumes) != len(want) {
			t.Errorf("%v: %d volumes", name, len(out.Volumes))
		}
	}
	_, err := try(x, &api.DescribeVolumes, &api.DescribeVolumesInput{Filters: []api.Filter{{Name: new("nonsense"), Values: []string{"x"}}}})
	fails(t, err, "InvalidParameterValue", "The filter 'nonsense' is invalid")
}

func TestStatusAndAttributes(t *testing.T) {
	x := newStage(t)
	v := x.volume(1)
	st := do(x, &api.DescribeVolumeStatus, &api.DescribeVolumeStatusInput{VolumeIds: []string{v}}).VolumeStatuses[0]
	if *st.VolumeStatus.Status != "ok" || *st.VolumeStatus.Details[0].Status != "passed" {
		t.Errorf("status: %s", *st.VolumeStatus.Status)
	}
	do(x, &api.ModifyVolumeAttribute, &api.ModifyVolumeAttributeInput{VolumeId: v, AutoEnableIO: &api.AttributeBooleanValue{Value: new(true)}})
	if out := do(x, &api.DescribeVolumeAttribute, &api.DescribeVolumeAttributeInput{VolumeId: v, Attribute: "autoEnableIO"}); !*out.AutoEnableIO.Value {
		t.Error("autoEnableIO is off")
	}
	do(x, &api.EnableVolumeIO, &api.EnableVolumeIOInput{VolumeId: v})
}

// TestLaunchAndTerminate is what the room of instances does.
func TestLaunchAndTerminate(t *testing.T) {
	x := newStage(t)
	i := x.instance(1, "pending")
	list := []Mapping{
		{Device: "/dev/xvda", EBS: &api.EbsBlockDevice{VolumeSize: new(int32(8)), VolumeType: new("gp3")}},
		{Device: "/dev/sdb", EBS: &api.EbsBlockDevice{VolumeSize: new(int32(1)), DeleteOnTermination: new(false)}},
	}
	var placed []Placed
	x.Update(func(tx store.Tx) {
		c := *x.Call()
		c.Tx = tx
		must(t, x.room.CheckMappings(&c, tx, zone, list))
		var err error
		placed, err = x.room.Launch(&c, tx, i, zone, list)
		must(t, err)
	})
	machine, err := x.room.Boot(x.Call(), i)
	must(t, err)
	if len(machine) != 2 {
		t.Fatalf("the machine gets %v", machine)
	}
	x.instance(1, "running")
	x.Drain()
	for _, p := range placed {
		if s := x.show(p.Volume); *s.State != "in-use" || *s.Attachments[0].State != "attached" {
			t.Errorf("%s: %s, %s", p.Device, *s.State, *s.Attachments[0].State)
		}
	}
	_, err = try(x, &api.DetachVolume, &api.DetachVolumeInput{VolumeId: placed[0].Volume})
	fails(t, err, "OperationNotPermitted", "Unable to detach root volume")
	x.instance(1, "stopped")
	must(t, x.room.Halt(x.Call(), i))
	again, err := x.room.Boot(x.Call(), i)
	if err != nil || len(again) != 2 {
		t.Errorf("booted again with %v, %v", again, err)
	}
	must(t, x.room.Halt(x.Call(), i))
	x.instance(1, "terminated")
	x.Update(func(tx store.Tx) { Terminate(x.Call(), tx, i) })
	x.Drain()
	_, err = try(x, &api.DescribeVolumes, &api.DescribeVolumesInput{VolumeIds: []string{placed[0].Volume}})
	fails(t, err, "InvalidVolume.NotFound", "")
	if s := x.show(placed[1].Volume); *s.State != "available" {
		t.Errorf("the kept volume is %s", *s.State)
	}
}

func TestMappingErrors(t *testing.T) {
	x := newStage(t)
	size := func(n int32) *api.EbsBlockDevice { return &api.EbsBlockDevice{VolumeSize: &n} }
	for name, list := range map[string][]Mapping{
		"device":    {{Device: "x", EBS: size(1)}},
		"twice":     {{Device: "/dev/sdb", EBS: size(1)}, {Device: "/dev/sdb", EBS: size(1)}},
		"too large": {{Device: "/dev/sdb", EBS: size(99999)}},
	} {
		x.View(func(r store.Reader) {
			fails(t, x.room.CheckMappings(x.Call(), r, zone, list), "InvalidBlockDeviceMapping", "")
			_ = name
		})
	}
}

func TestEncryptionByDefault(t *testing.T) {
	x := newStage(t)
	if *do(x, &api.GetEbsEncryptionByDefault, &api.GetEbsEncryptionByDefaultInput{}).EbsEncryptionByDefault {
		t.Error("on from the start")
	}
	do(x, &api.EnableEbsEncryptionByDefault, &api.EnableEbsEncryptionByDefaultInput{})
	v := x.show(x.volume(1))
	if !*v.Encrypted || v.KmsKeyId == nil {
		t.Errorf("a volume is encrypted: %v", *v.Encrypted)
	}
	if k := *do(x, &api.GetEbsDefaultKmsKeyId, &api.GetEbsDefaultKmsKeyIdInput{}).KmsKeyId; k != "alias/aws/ebs" {
		t.Errorf("default key: %s", k)
	}
	if k := *do(x, &api.ModifyEbsDefaultKmsKeyId, &api.ModifyEbsDefaultKmsKeyIdInput{KmsKeyId: *v.KmsKeyId}).KmsKeyId; k != *v.KmsKeyId {
		t.Errorf("modified: %s", k)
	}
	_, err := try(x, &api.ModifyEbsDefaultKmsKeyId, &api.ModifyEbsDefaultKmsKeyIdInput{KmsKeyId: "alias/mine"})
	fails(t, err, "InvalidParameterValue", "Key Management Service")
	do(x, &api.ResetEbsDefaultKmsKeyId, &api.ResetEbsDefaultKmsKeyIdInput{})
	do(x, &api.DisableEbsEncryptionByDefault, &api.DisableEbsEncryptionByDefaultInput{})
	if v := x.show(x.volume(1)); *v.Encrypted {
		t.Error("still encrypted")
	}
}

package ebs

import (
	"strings"
	"testing"
	"time"

	"pileus/ami"
	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/node/nodetest"
	"pileus/plane"
	"pileus/service/ec2/ebs/blocks"
	"pileus/store"
)

const (
	mib   = 1 << 20
	other = "111111111111"
)

// from makes a volume of a snapshot.
func (x *stage) from(snapshot string) string {
	x.T.Helper()
	return *do(x, &api.CreateVolume, &api.CreateVolumeInput{AvailabilityZone: new(zone), SnapshotId: &snapshot}).VolumeId
}

// storedBlocks are the blocks that the account is billed for.
func (x *stage) storedBlocks() (n int64) {
	x.View(func(r store.Reader) {
		n = blocks.Stored(r, domainOf(nodetest.Account, nodetest.Region, "")) / blocks.Size
	})
	return n
}

func TestSnapshotAndRestore(t *testing.T) {
	x := newStage(t)
	v := x.volume(2)
	x.write(v, 0, "beginning")
	x.write(v, 100*mib, "middle")
	s := doNow(x, &api.CreateSnapshot, &api.CreateSnapshotInput{VolumeId: v, Description: new("first")})
	if *s.State != "pending" || *s.VolumeSize != 2 || *s.Progress != "" || s.Tags == nil {
		t.Errorf("snapshot begins %s, %q, tags %v", *s.State, *s.Progress, s.Tags)
	}
	_, err := try(x, &api.CreateVolume, &api.CreateVolumeInput{AvailabilityZone: new(zone), SnapshotId: s.SnapshotId})
	if err != nil { // unless the controller was faster
		fails(t, err, "IncorrectState", "It must be 'completed'.")
	}
	x.Drain()
	x.write(v, 0, "BEGINNING")
	second := x.snapshot(v)
	if n := x.storedBlocks(); n != 3 {
		t.Errorf("%d blocks are stored for two snapshots", n)
	}
	old, now := x.from(*s.SnapshotId), x.from(second)
	x.holds(old, 0, "beginning")
	x.holds(now, 0, "BEGINNING")
	x.holds(now, 100*mib, "middle")
	if d := x.show(old); *d.Size != 2 || *d.SnapshotId != *s.SnapshotId {
		t.Errorf("restored: %d GiB of %s", *d.Size, *d.SnapshotId)
	}
	_, err = try(x, &api.CreateVolume, &api.CreateVolumeInput{AvailabilityZone: new(zone), SnapshotId: &second, Size: new(int32(1))})
	fails(t, err, "InvalidParameterValue", "is smaller than snapshot '"+second+"', expect size >= 2GB")

	do(x, &api.DeleteSnapshot, &api.DeleteSnapshotInput{SnapshotId: *s.SnapshotId})
	if n := x.storedBlocks(); n != 2 {
		t.Errorf("%d blocks are stored after the first was deleted", n)
	}
	x.holds(x.from(second), 100*mib, "middle")
	if n := x.storedBlocks(); n != 2 {
		t.Errorf("%d blocks", n)
	}
	x.snapshot(old) // of a volume of a deleted snapshot
	_, err = try(x, &api.DeleteSnapshot, &api.DeleteSnapshotInput{SnapshotId: *s.SnapshotId})
	fails(t, err, "InvalidSnapshot.NotFound", "The snapshot '"+*s.SnapshotId+"' does not exist.")
}

// TestDeleteVolumeAtOnce deletes a volume right after its snapshot was asked
// for, and the snapshot of another before it was taken.
func TestDeleteVolumeAtOnce(t *testing.T) {
	x := newStage(t)
	v, w := x.volume(1), x.volume(1)
	x.write(v, 0, "kept")
	s := doNow(x, &api.CreateSnapshot, &api.CreateSnapshotInput{VolumeId: v})
	doNow(x, &api.DeleteVolume, &api.DeleteVolumeInput{VolumeId: v})
	dead := doNow(x, &api.CreateSnapshot, &api.CreateSnapshotInput{VolumeId: w})
	doNow(x, &api.DeleteSnapshot, &api.DeleteSnapshotInput{SnapshotId: *dead.SnapshotId})
	doNow(x, &api.DeleteVolume, &api.DeleteVolumeInput{VolumeId: w})
	x.Drain()
	x.holds(x.from(*s.SnapshotId), 0, "kept")
	for _, id := range []string{v, w} {
		_, err := try(x, &api.DescribeVolumes, &api.DescribeVolumesInput{VolumeIds: []string{id}})
		fails(t, err, "InvalidVolume.NotFound", "")
	}
	x.View(func(r store.Reader) {
		if blocks.Exists(r, *dead.SnapshotId) {
			t.Error("the deleted snapshot has content")
		}
	})
}

func TestSnapshotsOfAnInstance(t *testing.T) {
	x := newStage(t)
	i := x.instance(1, "running")
	root, data, skip := x.volume(1), x.volume(1), x.volume(1)
	for device, v := range map[string]string{"/dev/xvda": root, "/dev/sdf": data, "/dev/sdg": skip} {
		do(x, &api.AttachVolume, &api.AttachVolumeInput{VolumeId: v, InstanceId: i, Device: device})
	}
	do(x, &api.CreateTags, &api.CreateTagsInput{Resources: []string{data}, Tags: []api.Tag{{Key: new("of"), Value: new("volume")}}})
	out := do(x, &api.CreateSnapshots, &api.CreateSnapshotsInput{
		InstanceSpecification: api.InstanceSpecification{InstanceId: i, ExcludeBootVolume: new(true), ExcludeDataVolumeIds: []string{skip}},
		CopyTagsFromSource:    new("volume"),
	})
	if len(out.Snapshots) != 1 || *out.Snapshots[0].VolumeId != data || *out.Snapshots[0].Tags[0].Value != "volume" {
		t.Errorf("snapshots: %d", len(out.Snapshots))
	}
	out = do(x, &api.CreateSnapshots, &api.CreateSnapshotsInput{InstanceSpecification: api.InstanceSpecification{InstanceId: i}})
	if len(out.Snapshots) != 3 {
		t.Fatalf("snapshots of all: %d", len(out.Snapshots))
	}
	for _, s := range out.Snapshots {
		if n := x.seen(*s.SnapshotId); *n.State != "completed" {
			t.Errorf("%s is %s", *s.VolumeId, *n.State)
		}
	}
	_, err := try(x, &api.CreateSnapshots, &api.CreateSnapshotsInput{InstanceSpecification: api.InstanceSpecification{InstanceId: i, ExcludeDataVolumeIds: []string{root}}})
	fails(t, err, "InvalidParameterValue", "boot volume")
}

func TestSharing(t *testing.T) {
	x := newStage(t)
	v := x.volume(1)
	x.write(v, 0, "shared")
	s := x.snapshot(v)
	theirs := x.Call().As(x.UserIn(other, "they", nodetest.Allow("ec2:*")).Principal)
	theirs.Account = other
	sees := func() bool {
		_, err := api.DescribeSnapshots.Call(theirs, &api.DescribeSnapshotsInput{SnapshotIds: []string{s}})
		return err == nil
	}
	if sees() {
		t.Fatal("others see it from the start")
	}
	do(x, &api.ModifySnapshotAttribute, &api.ModifySnapshotAttributeInput{SnapshotId: s, Attribute: new("createVolumePermission"), OperationType: new("add"), UserIds: []string{other}})
	if !sees() {
		t.Fatal("they do not see what is shared with them")
	}
	copied, err := api.CopySnapshot.Call(theirs, &api.CopySnapshotInput{SourceRegion: nodetest.Region, SourceSnapshotId: s})
	must(t, err)
	made, err := api.CreateVolume.Call(theirs, &api.CreateVolumeInput{AvailabilityZone: new(zone), SnapshotId: &s})
	must(t, err)
	x.Drain()
	x.holds(*made.VolumeId, 0, "shared")
	_, err = api.DeleteSnapshot.Call(theirs, &api.DeleteSnapshotInput{SnapshotId: s})
	fails(t, err, "InvalidSnapshot.NotFound", "")
	if out := do(x, &api.DescribeSnapshotAttribute, &api.DescribeSnapshotAttributeInput{SnapshotId: s, Attribute: "createVolumePermission"}); *out.CreateVolumePermissions[0].UserId != other {
		t.Error("the permission is not shown")
	}
	do(x, &api.ResetSnapshotAttribute, &api.ResetSnapshotAttributeInput{SnapshotId: s, Attribute: "createVolumePermission"})
	if sees() {
		t.Error("they still see it")
	}
	all := &api.ModifySnapshotAttributeInput{SnapshotId: s, CreateVolumePermission: &api.CreateVolumePermissionModifications{Add: []api.CreateVolumePermission{{Group: new("all")}}}}
	do(x, &api.ModifySnapshotAttribute, all)
	if !sees() {
		t.Error("they do not see what is public")
	}
	do(x, &api.EnableSnapshotBlockPublicAccess, &api.EnableSnapshotBlockPublicAccessInput{State: "block-all-sharing"})
	if sees() {
		t.Error("they see what is public and blocked")
	}
	_, err = try(x, &api.ModifySnapshotAttribute, all)
	fails(t, err, "OperationNotPermitted", "block public access")
	if st := *do(x, &api.GetSnapshotBlockPublicAccessState, &api.GetSnapshotBlockPublicAccessStateInput{}).State; st != "block-all-sharing" {
		t.Errorf("state: %s", st)
	}
	do(x, &api.DisableSnapshotBlockPublicAccess, &api.DisableSnapshotBlockPublicAccessInput{})
	do(x, &api.DeleteSnapshot, &api.DeleteSnapshotInput{SnapshotId: s})
	made, err = api.CreateVolume.Call(theirs, &api.CreateVolumeInput{AvailabilityZone: new(zone), SnapshotId: copied.SnapshotId})
	must(t, err)
	x.Drain()
	x.holds(*made.VolumeId, 0, "shared") // their copy is theirs
}

func TestCopyToAnotherRegion(t *testing.T) {
	x := newStage(t)
	v := x.volume(1)
	x.write(v, 0, "far away")
	s := x.snapshot(v)
	west := x.Call().In(nodetest.Account, "eu-west-1")
	out, err := api.CopySnapshot.Call(west, &api.CopySnapshotInput{SourceRegion: nodetest.Region, SourceSnapshotId: s, Description: new("copy"), Encrypted: new(true)})
	must(t, err)
	x.Drain()
	list, err := api.DescribeSnapshots.Call(west, &api.DescribeSnapshotsInput{OwnerIds: []string{"self"}})
	must(t, err)
	if n := list.Snapshots; len(n) != 1 || *n[0].State != "completed" || !*n[0].Encrypted || *n[0].VolumeId != "vol-ffffffff" {
		t.Errorf("%d copies", len(n))
	}
	do(x, &api.DeleteSnapshot, &api.DeleteSnapshotInput{SnapshotId: s})
	made, err := api.CreateVolume.Call(west, &api.CreateVolumeInput{AvailabilityZone: new("eu-west-1a"), SnapshotId: out.SnapshotId})
	must(t, err)
	x.Drain()
	x.holds(*made.VolumeId, 0, "far away")
	if !*made.Encrypted {
		t.Error("made of what is encrypted, and not encrypted")
	}
	_, err = api.CopySnapshot.Call(west, &api.CopySnapshotInput{SourceRegion: "eu-west-1", SourceSnapshotId: *out.SnapshotId, Encrypted: new(false)})
	fails(t, err, "InvalidParameterCombination", "unencrypted copy")
	_, err = api.ModifySnapshotAttribute.Call(west, &api.ModifySnapshotAttributeInput{SnapshotId: *out.SnapshotId, OperationType: new("add"), UserIds: []string{other}})
	fails(t, err, "OperationNotPermitted", "Encrypted snapshots with EBS default key cannot be shared")
}

func TestCatalogueSnapshots(t *testing.T) {
	x := newStage(t)
	image := ami.All()[0]
	id := image.SnapshotID(nodetest.Region)
	if s := x.seen(id); *s.OwnerAlias != "amazon" || *s.VolumeSize != image.RootGiB {
		t.Errorf("%s of %d GiB", *s.OwnerId, *s.VolumeSize)
	}
	if v := x.show(x.from(id)); *v.State != "available" || *v.Size != image.RootGiB {
		t.Errorf("a volume of it is %s", *v.State)
	}
}

func TestInUseByImage(t *testing.T) {
	x := newStage(t)
	s := x.snapshot(x.volume(1))
	x.room.ImageOf = func(_ *cloud.Call, _ store.Reader, id string) (string, bool) { return "ami-1", id == s }
	_, err := try(x, &api.DeleteSnapshot, &api.DeleteSnapshotInput{SnapshotId: s})
	fails(t, err, "InvalidSnapshot.InUse", "The snapshot "+s+" is currently in use by ami-1")
}

func TestArchive(t *testing.T) {
	x := newStage(t)
	s := x.snapshot(x.volume(1))
	tier := func() string { return *x.seen(s).StorageTier }
	status := func() string {
		return *do(x, &api.DescribeSnapshotTierStatus, &api.DescribeSnapshotTierStatusInput{}).SnapshotTierStatuses[0].LastTieringOperationStatus
	}
	_, err := try(x, &api.RestoreSnapshotTier, &api.RestoreSnapshotTierInput{SnapshotId: s, PermanentRestore: new(true)})
	fails(t, err, "IncorrectState", "is not in the archive tier")
	do(x, &api.ModifySnapshotTier, &api.ModifySnapshotTierInput{SnapshotId: s, StorageTier: new("archive")})
	if tier() != "standard" || status() != "archival-in-progress" {
		t.Errorf("at first: %s, %s", tier(), status())
	}
	x.Advance(archiving)
	if tier() != "archive" || status() != "archival-completed" {
		t.Errorf("then: %s, %s", tier(), status())
	}
	_, err = try(x, &api.CreateVolume, &api.CreateVolumeInput{AvailabilityZone: new(zone), SnapshotId: &s})
	fails(t, err, "IncorrectState", "archive tier")
	do(x, &api.RestoreSnapshotTier, &api.RestoreSnapshotTierInput{SnapshotId: s, TemporaryRestoreDays: new(int32(2))})
	if tier() != "archive" || status() != "temporary-restore-in-progress" {
		t.Errorf("being restored: %s, %s", tier(), status())
	}
	x.Advance(restoring)
	if tier() != "standard" || x.seen(s).RestoreExpiryTime == nil {
		t.Errorf("restored: %s", tier())
	}
	x.from(s)
	x.Advance(2 * day)
	if tier() != "archive" {
		t.Errorf("after two days: %s", tier())
	}
	do(x, &api.RestoreSnapshotTier, &api.RestoreSnapshotTierInput{SnapshotId: s, PermanentRestore: new(true)})
	x.Advance(restoring)
	if tier() != "standard" || status() != "permanent-restore-completed" {
		t.Errorf("for good: %s, %s", tier(), status())
	}
}

func TestLocks(t *testing.T) {
	x := newStage(t)
	s := x.snapshot(x.volume(1))
	state := func() string {
		return *do(x, &api.DescribeLockedSnapshots, &api.DescribeLockedSnapshotsInput{}).Snapshots[0].LockState
	}
	do(x, &api.LockSnapshot, &api.LockSnapshotInput{SnapshotId: s, LockMode: "governance", LockDuration: new(int32(1))})
	_, err := try(x, &api.DeleteSnapshot, &api.DeleteSnapshotInput{SnapshotId: s})
	fails(t, err, "OperationNotPermitted", "is locked")
	do(x, &api.UnlockSnapshot, &api.UnlockSnapshotInput{SnapshotId: s})
	do(x, &api.LockSnapshot, &api.LockSnapshotInput{SnapshotId: s, LockMode: "compliance", CoolOffPeriod: new(int32(1)), LockDuration: new(int32(3))})
	if st := state(); st != "compliance-cooloff" {
		t.Errorf("state: %s", st)
	}
	x.Advance(time.Hour)
	if st := state(); st != "compliance" {
		t.Errorf("state: %s", st)
	}
	_, err = try(x, &api.UnlockSnapshot, &api.UnlockSnapshotInput{SnapshotId: s})
	fails(t, err, "OperationNotPermitted", "compliance")
	_, err = try(x, &api.LockSnapshot, &api.LockSnapshotInput{SnapshotId: s, LockMode: "compliance", LockDuration: new(int32(1))})
	fails(t, err, "OperationNotPermitted", "can only be extended")
	do(x, &api.LockSnapshot, &api.LockSnapshotInput{SnapshotId: s, LockMode: "compliance", LockDuration: new(int32(5))})
	x.Advance(5 * day)
	if st := state(); st != "expired" {
		t.Errorf("state: %s", st)
	}
	do(x, &api.DeleteSnapshot, &api.DeleteSnapshotInput{SnapshotId: s})
	for name, in := range map[string]api.LockSnapshotInput{
		"both":     {LockMode: "governance", LockDuration: new(int32(1)), ExpirationDate: new(x.Now().Add(day))},
		"neither":  {LockMode: "governance"},
		"cool-off": {LockMode: "governance", LockDuration: new(int32(1)), CoolOffPeriod: new(int32(1))},
		"mode":     {LockMode: "none", LockDuration: new(int32(1))},
		"for ever": {LockMode: "governance", LockDuration: new(int32(36501))},
	} {
		in.SnapshotId = s
		if _, err := try(x, &api.LockSnapshot, &in); err == nil || strings.Contains(err.Error(), "NotFound") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFastRestores(t *testing.T) {
	x := newStage(t)
	s := x.snapshot(x.volume(1))
	out := do(x, &api.EnableFastSnapshotRestores, &api.EnableFastSnapshotRestoresInput{SourceSnapshotIds: []string{s}, AvailabilityZones: []string{zone, "mars-1a"}})
	if len(out.Successful) != 1 || *out.Successful[0].State != "enabling" || *out.Unsuccessful[0].FastSnapshotRestoreStateErrors[0].Error.Code != "InvalidZone.NotFound" {
		t.Errorf("enable: %d, %d", len(out.Successful), len(out.Unsuccessful))
	}
	state := func() string {
		return *do(x, &api.DescribeFastSnapshotRestores, &api.DescribeFastSnapshotRestoresInput{}).FastSnapshotRestores[0].State
	}
	x.Advance(enabling)
	if st := state(); st != "optimizing" {
		t.Errorf("state: %s", st)
	}
	x.Advance(time.Hour)
	if st := state(); st != "enabled" {
		t.Errorf("state: %s", st)
	}
	if v := x.show(x.from(s)); v.FastRestored == nil || !*v.FastRestored {
		t.Error("the volume is not fast restored")
	}
	do(x, &api.DisableFastSnapshotRestores, &api.DisableFastSnapshotRestoresInput{SourceSnapshotIds: []string{s}, AvailabilityZones: []string{zone}})
	if st := state(); st != "disabling" {
		t.Errorf("state: %s", st)
	}
	x.Advance(disabling)
	if st := state(); st != "disabled" {
		t.Errorf("state: %s", st)
	}
}

func TestMeter(t *testing.T) {
	x := newStage(t)
	v := x.volume(10)
	x.write(v, 0, "one block")
	s := x.snapshot(v)
	_, err := api.CopySnapshot.Call(x.Call().In(nodetest.Account, "eu-west-1"), &api.CopySnapshotInput{SourceRegion: nodetest.Region, SourceSnapshotId: s})
	must(t, err)
	x.Drain()
	do(x, &api.CreateVolume, &api.CreateVolumeInput{AvailabilityZone: new(zone), VolumeType: new("io1"), Size: new(int32(10)), Iops: new(int32(200))})
	got := map[string]float64{}
	x.View(func(r store.Reader) {
		for u := range x.room.Stored(r) {
			got[u.Region+" "+u.Type] += u.Quantity
		}
	})
	block := float64(blocks.Size)
	for name, want := range map[string]float64{
		"us-east-1 EBS:VolumeUsage.gp3": 10 * gib, "us-east-1 EBS:VolumeUsage.piops": 10 * gib, "us-east-1 EBS:VolumeP-IOPS.piops": 200,
		"us-east-1 EBS:SnapshotUsage": block, "eu-west-1 EBS:SnapshotUsage": block,
	} {
		if got[name] != want {
			t.Errorf("%s: %v, not %v (of %v)", name, got[name], want, got)
		}
	}
}

// TestLostVolume takes a snapshot of what the data plane has lost.
func TestLostVolume(t *testing.T) {
	x := newStage(t)
	v := x.volume(1)
	must(t, x.plane.RemoveVolume(t.Context(), v))
	id := *do(x, &api.CreateSnapshot, &api.CreateSnapshotInput{VolumeId: v}).SnapshotId
	if s := x.seen(id); *s.State != "error" || s.StateMessage == nil {
		t.Errorf("the snapshot is %s", *s.State)
	}
}

// TestAdoption removes volumes that nobody knows, and only those.
func TestAdoption(t *testing.T) {
	x := newStage(t)
	v := x.volume(1)
	for _, id := range []string{"vol-0123456789abcdef0", "i-1-ephemeral0"} {
		must(t, x.plane.CreateVolume(t.Context(), id, mib))
	}
	must(t, x.room.adopt(x.Call(), nil))
	list, err := x.plane.Volumes(t.Context())
	must(t, err)
	left := map[string]plane.VolumeStatus{}
	for _, s := range list {
		left[s.ID] = s
	}
	if _, ok := left[v]; !ok || len(left) != 2 {
		t.Errorf("left: %v", left)
	}
}

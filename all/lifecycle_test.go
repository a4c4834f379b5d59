package all_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pileus/api/dlm"
	"pileus/api/ec2"
	"pileus/api/iam"
	"pileus/api/rbin"
	"pileus/cloud"
	"pileus/node"
	"pileus/node/nodetest"
	dlmservice "pileus/service/dlm"
	"pileus/service/ec2/ebs"
	"pileus/service/ec2/resource"
	iamservice "pileus/service/iam"
	rbinservice "pileus/service/rbin"
	stsservice "pileus/service/sts"
)

// storage is a cloud with block storage and what looks after it.
type storage struct {
	*nodetest.World
	role string
}

const day = 24 * time.Hour

func newStorage(t *testing.T) *storage {
	x := &storage{World: nodetest.With(t, func(p node.Parts) []cloud.Module {
		return []cloud.Module{resource.Module(ebs.New(p.Plane).Room()), iamservice.Module(), stsservice.Module(), dlmservice.Module(), rbinservice.Module()}
	})}
	x.role = nodetest.Do(x.World, &iam.CreateRole, &iam.CreateRoleInput{RoleName: "AWSDataLifecycleManagerDefaultRole", AssumeRolePolicyDocument: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"dlm.amazonaws.com"},"Action":"sts:AssumeRole"}]}`}).Role.Arn
	x.allow("ec2:CreateSnapshot", "ec2:CreateTags", "ec2:DeleteSnapshot", "ec2:DescribeVolumes", "ec2:DescribeSnapshots", "ec2:CopySnapshot", "ec2:ModifySnapshotAttribute", "ec2:ModifySnapshotTier", "ec2:EnableFastSnapshotRestores", "ec2:DisableFastSnapshotRestores")
	return x
}

func (x *storage) allow(actions ...string) {
	x.T.Helper()
	nodetest.Do(x.World, &iam.PutRolePolicy, &iam.PutRolePolicyInput{RoleName: "AWSDataLifecycleManagerDefaultRole", PolicyName: "p", PolicyDocument: nodetest.Allow(actions...)})
}

// volume makes a volume with tags "k=v".
func (x *storage) volume(tags ...string) string {
	x.T.Helper()
	in := &ec2.CreateVolumeInput{AvailabilityZone: new("us-east-1a"), Size: new(int32(1))}
	for _, t := range tags {
		k, v, _ := strings.Cut(t, "=")
		if in.TagSpecifications == nil {
			in.TagSpecifications = []ec2.TagSpecification{{ResourceType: new("volume")}}
		}
		in.TagSpecifications[0].Tags = append(in.TagSpecifications[0].Tags, ec2.Tag{Key: &k, Value: &v})
	}
	id := *nodetest.Do(x.World, &ec2.CreateVolume, in).VolumeId
	x.Drain()
	return id
}

func (x *storage) snapshots(region string) []ec2.Snapshot {
	x.T.Helper()
	out, err := ec2.DescribeSnapshots.Call(x.Call().In(nodetest.Account, region), &ec2.DescribeSnapshotsInput{OwnerIds: []string{"self"}})
	if err != nil {
		x.T.Fatal(err)
	}
	slices.SortFunc(out.Snapshots, func(a, b ec2.Snapshot) int { return a.StartTime.Compare(*b.StartTime) })
	return out.Snapshots
}

func (x *storage) policy(s dlm.Schedule) string {
	x.T.Helper()
	s.Name = new("daily")
	if s.CreateRule == nil {
		s.CreateRule = &dlm.CreateRule{Interval: new(int32(24)), Times: []string{"03:00"}}
	}
	id := *nodetest.Do(x.World, &dlm.CreateLifecyclePolicy, &dlm.CreateLifecyclePolicyInput{
		ExecutionRoleArn: x.role, Description: "backups", State: "ENABLED",
		PolicyDetails: &dlm.PolicyDetails{ResourceTypes: []string{"VOLUME"}, TargetTags: []dlm.Tag{{Key: "backup", Value: "yes"}}, Schedules: []dlm.Schedule{s}},
	}).PolicyId
	x.Drain()
	return id
}

func (x *storage) state(policy string) (state, message string) {
	p := nodetest.Do(x.World, &dlm.GetLifecyclePolicy, &dlm.GetLifecyclePolicyInput{PolicyId: policy}).Policy
	return *p.State, *p.StatusMessage
}

func tag(s ec2.Snapshot, key string) string {
	for _, t := range s.Tags {
		if *t.Key == key {
			return *t.Value
		}
	}
	return ""
}

func TestLifecycleKeepsTheLatest(t *testing.T) {
	x := newStorage(t)
	v := x.volume("backup=yes", "owner=me")
	x.volume("backup=no")
	id := x.policy(dlm.Schedule{CopyTags: new(true), TagsToAdd: []dlm.Tag{{Key: "by", Value: "policy"}}, RetainRule: &dlm.RetainRule{Count: new(int32(3))}})
	x.Advance(2 * time.Hour)
	if n := len(x.snapshots(nodetest.Region)); n != 0 {
		t.Fatalf("%d snapshots before it is time", n)
	}
	for d := range 6 {
		x.Advance(day)
		if n, want := len(x.snapshots(nodetest.Region)), min(d+1, 3); n != want {
			t.Fatalf("after %d days: %d snapshots, not %d", d+1, n, want)
		}
	}
	list := x.snapshots(nodetest.Region)
	if first := nodetest.Epoch.Add(3*day + 3*time.Hour); !list[0].StartTime.Equal(first) {
		t.Errorf("the oldest is of %v, not %v", list[0].StartTime, first)
	}
	for _, s := range list {
		if *s.VolumeId != v || *s.State != "completed" || tag(s, "owner") != "me" || tag(s, "by") != "policy" || tag(s, "aws:dlm:lifecycle-policy-id") != id || tag(s, "aws:dlm:lifecycle-schedule-name") != "daily" {
			t.Errorf("snapshot %s of %s: %d tags", *s.SnapshotId, *s.VolumeId, len(s.Tags))
		}
	}
	if state, message := x.state(id); state != "ENABLED" {
		t.Errorf("the policy is %s: %s", state, message)
	}
	nodetest.Do(x.World, &dlm.UpdateLifecyclePolicy, &dlm.UpdateLifecyclePolicyInput{PolicyId: id, State: new("DISABLED")})
	x.Advance(3 * day)
	if now := x.snapshots(nodetest.Region); len(now) != 3 || *now[0].SnapshotId != *list[0].SnapshotId {
		t.Error("a disabled policy went on")
	}
}

func TestLifecycleByAgeAndCron(t *testing.T) {
	x := newStorage(t)
	x.volume("backup=yes")
	x.policy(dlm.Schedule{
		CreateRule: &dlm.CreateRule{CronExpression: new("cron(30 18 ? * FRI *)")},
		RetainRule: &dlm.RetainRule{Interval: new(int32(2)), IntervalUnit: new("WEEKS")},
	})
	x.Advance(36 * day) // from Thursday, 1 January, to Friday, 6 February
	list := x.snapshots(nodetest.Region)
	if len(list) != 2 || list[0].StartTime.Format("2006-01-02 15:04") != "2026-01-23 18:30" {
		t.Errorf("%d snapshots, the first of %v", len(list), list[0].StartTime)
	}
}

func TestLifecycleCopiesAndShares(t *testing.T) {
	x := newStorage(t)
	x.volume("backup=yes")
	x.policy(dlm.Schedule{
		RetainRule:           &dlm.RetainRule{Count: new(int32(1))},
		CrossRegionCopyRules: []dlm.CrossRegionCopyRule{{TargetRegion: new("eu-west-1"), CopyTags: new(true), RetainRule: &dlm.CrossRegionCopyRetainRule{Interval: new(int32(3)), IntervalUnit: new("DAYS")}}},
		ShareRules:           []dlm.ShareRule{{TargetAccounts: []string{"111111111111"}, UnshareInterval: new(int32(2)), UnshareIntervalUnit: new("DAYS")}},
		FastRestoreRule:      &dlm.FastRestoreRule{Count: new(int32(1)), AvailabilityZoneIds: []string{"use1-az1"}},
	})
	x.Advance(4 * time.Hour)
	s := *x.snapshots(nodetest.Region)[0].SnapshotId
	shared := func(id string) int {
		return len(nodetest.Do(x.World, &ec2.DescribeSnapshotAttribute, &ec2.DescribeSnapshotAttributeInput{SnapshotId: id, Attribute: "createVolumePermission"}).CreateVolumePermissions)
	}
	if n := shared(s); n != 1 {
		t.Errorf("shared with %d accounts", n)
	}
	if n := len(nodetest.Do(x.World, &ec2.DescribeFastSnapshotRestores, &ec2.DescribeFastSnapshotRestoresInput{}).FastSnapshotRestores); n != 1 {
		t.Errorf("%d fast restores", n)
	}
	if list := x.snapshots("eu-west-1"); len(list) != 1 || *list[0].State != "completed" || tag(list[0], "dlm:managed") != "true" {
		t.Errorf("%d copies", len(list))
	}
	x.Advance(6 * day)
	if n, far := len(x.snapshots(nodetest.Region)), len(x.snapshots("eu-west-1")); n != 1 || far != 3 {
		t.Errorf("after a week: %d here, %d there", n, far)
	}
}

func TestLifecycleWithoutPermission(t *testing.T) {
	x := newStorage(t)
	x.volume("backup=yes")
	id := x.policy(dlm.Schedule{RetainRule: &dlm.RetainRule{Count: new(int32(1))}})
	x.allow("ec2:DescribeVolumes")
	x.Advance(day)
	if state, message := x.state(id); state != "ERROR" || !strings.Contains(message, "ec2:CreateSnapshot") {
		t.Errorf("the policy is %s: %s", state, message)
	}
	x.allow("ec2:*")
	x.Advance(day)
	if state, message := x.state(id); state != "ENABLED" || len(x.snapshots(nodetest.Region)) != 1 {
		t.Errorf("the policy is %s: %s", state, message)
	}
}

func TestDefaultLifecyclePolicy(t *testing.T) {
	x := newStorage(t)
	x.volume()
	x.volume("skip=yes")
	nodetest.Do(x.World, &dlm.CreateLifecyclePolicy, &dlm.CreateLifecyclePolicyInput{
		ExecutionRoleArn: x.role, Description: "default", State: "ENABLED", DefaultPolicy: new("VOLUME"), CreateInterval: new(int32(2)), RetainInterval: new(int32(5)),
		Exclusions: &dlm.Exclusions{ExcludeTags: []dlm.Tag{{Key: "skip", Value: "yes"}}},
	})
	x.Advance(5 * day)
	if n := len(x.snapshots(nodetest.Region)); n != 3 { // of day 0, 2 and 4
		t.Errorf("%d snapshots", n)
	}
	x.Advance(10 * day)
	if n := len(x.snapshots(nodetest.Region)); n > 3 {
		t.Errorf("%d snapshots are kept", n)
	}
}

func TestRecycleBin(t *testing.T) {
	x := newStorage(t)
	nodetest.Do(x.World, &rbin.CreateRule, &rbin.CreateRuleInput{
		ResourceType: "EBS_SNAPSHOT", RetentionPeriod: rbin.RetentionPeriod{RetentionPeriodUnit: "DAYS", RetentionPeriodValue: 7},
		ResourceTags: []rbin.ResourceTag{{ResourceTagKey: "keep", ResourceTagValue: new("yes")}},
	})
	v := x.volume()
	take := func(tags ...ec2.Tag) string {
		in := &ec2.CreateSnapshotInput{VolumeId: v}
		if tags != nil {
			in.TagSpecifications = []ec2.TagSpecification{{ResourceType: new("snapshot"), Tags: tags}}
		}
		id := *nodetest.Do(x.World, &ec2.CreateSnapshot, in).SnapshotId
		x.Drain()
		return id
	}
	keep := ec2.Tag{Key: new("keep"), Value: new("yes")}
	kept, back, gone := take(keep), take(keep), take()
	for _, id := range []string{kept, back, gone} {
		nodetest.Do(x.World, &ec2.DeleteSnapshot, &ec2.DeleteSnapshotInput{SnapshotId: id})
	}
	x.Drain()
	if n := len(x.snapshots(nodetest.Region)); n != 0 {
		t.Errorf("%d snapshots are still listed", n)
	}
	bin := func() []ec2.SnapshotRecycleBinInfo {
		return nodetest.Do(x.World, &ec2.ListSnapshotsInRecycleBin, &ec2.ListSnapshotsInRecycleBinInput{}).Snapshots
	}
	if list := bin(); len(list) != 2 || !list[0].RecycleBinExitTime.Equal(x.Now().Add(7*day)) {
		t.Fatalf("%d in the bin", len(list))
	}
	nodetest.Do(x.World, &ec2.RestoreSnapshotFromRecycleBin, &ec2.RestoreSnapshotFromRecycleBinInput{SnapshotId: back})
	x.Advance(7 * day)
	if list := bin(); len(list) != 0 {
		t.Errorf("%d in the bin after a week", len(list))
	}
	if list := x.snapshots(nodetest.Region); len(list) != 1 || *list[0].SnapshotId != back {
		t.Errorf("%d snapshots after a week", len(list))
	}
	if _, err := nodetest.Try(x.World, &ec2.RestoreSnapshotFromRecycleBin, &ec2.RestoreSnapshotFromRecycleBinInput{SnapshotId: kept}); err == nil {
		t.Error("restored what is gone")
	}
}

package instance

import (
	"math"
	"slices"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/plane"
	"pileus/service/ec2/ebs"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// rootTask replaces the root volume of a running instance.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/replace-root.html
type rootTask struct {
	Account, Region, ID string
	Instance            string
	Snapshot, Image     string // as the request names them; "" for the launch state
	Delete              bool   // the old volume
	State               string // "pending", "in-progress", "succeeded", "failed"
	Started, Completed  time.Time

	Old, New string // volumes; New is "" until it is made
	Given    bool   // New is a volume that the request names
	Swapped  bool
	Origin   ebs.Origin
	Boots    *plane.Image // how the image boots, where one was named
	User     string       // whom the key pair logs in there
}

var rootTasks = &store.Table[rootTask]{
	Name: "ec2.rootvolumetask",
	Key:  func(t *rootTask) store.Key { return keyOf(t.Account, t.Region, t.ID) },
	Indexes: map[string]func(*rootTask) store.Key{
		"instance": func(t *rootTask) store.Key { return keyOf(t.Account, t.Region, t.Instance) },
	},
}

const rootTaskKind = "replace-root-volume-task"

func (s *Room) createReplaceRootVolumeTask(c *cloud.Call, tx store.Tx, in *api.CreateReplaceRootVolumeTaskInput) (*api.CreateReplaceRootVolumeTaskOutput, error) {
	if err := resource.OnlyTags(in.TagSpecifications, rootTaskKind); err != nil {
		return nil, err
	}
	tags, err := resource.SpecifiedTags(in.TagSpecifications, rootTaskKind)
	if err != nil {
		return nil, err
	}
	return resource.Once(c, tx, "CreateReplaceRootVolumeTask", in.ClientToken, in, func() (*api.CreateReplaceRootVolumeTaskOutput, error) {
		i, err := Find(c, tx, in.InstanceId)
		switch {
		case err != nil:
			return nil, err
		case i.State != Running:
			return nil, errNotRunning(i.ID)
		case i.Replacing != "":
			return nil, resource.Errorf("IncorrectInstanceState", "The root volume of instance '%s' is being replaced already by %s.", i.ID, i.Replacing)
		}
		t := &rootTask{
			Account: c.Account, Region: c.Region, ID: resource.NewID(c, "replacevol"), Instance: i.ID, Snapshot: cloud.Or(in.SnapshotId, ""), Image: cloud.Or(in.ImageId, ""),
			Delete: cloud.Or(in.DeleteReplacedRootVolume, false), New: cloud.Or(in.VolumeId, ""), Given: in.VolumeId != nil, State: api.ReplaceRootVolumeTaskStatePending, Started: c.Now,
		}
		if err := s.planReplacement(c, tx, i, t, in.VolumeInitializationRate); err != nil {
			return nil, err
		}
		resource.Register(c, tx, rootTaskKind, t.ID, tags)
		rootTasks.Put(tx, t)
		d := i.clone()
		d.Replacing = t.ID
		instances.Put(tx, d)
		tx.After(time.Time{}, instanceController, d.key())
		return &api.CreateReplaceRootVolumeTaskOutput{ReplaceRootVolumeTask: new(t.api(c, tx))}, nil
	})
}

// planReplacement finds what the new root volume is made of.
func (s *Room) planReplacement(c *cloud.Call, r store.Reader, i *Instance, t *rootTask, rate *int64) error {
	root := i.rootVolume(c, r)
	if root == nil {
		return resource.Unsupported("The instance '%s' has no EBS root volume.", i.ID)
	}
	t.Old = root.ID
	switch {
	case t.Given && (t.Snapshot != "" || t.Image != "" || rate != nil):
		return resource.Combination("VolumeId can't be specified together with SnapshotId, ImageId or VolumeInitializationRate.")
	case t.Given:
		return ebs.CanReplace(c, r, root, t.New)
	case t.Snapshot != "" && t.Image != "":
		return resource.Combination("SnapshotId and ImageId can't be specified together.")
	case t.Snapshot != "":
		if err := lineage(c, r, i, root, t.Snapshot); err != nil {
			return err
		}
		t.Origin = ebs.Origin{Snapshot: t.Snapshot}
	case t.Image != "":
		if err := s.fromImage(c, r, i, t); err != nil {
			return err
		}
	default:
		ok := false
		if t.Origin, ok = root.Beginning(); !ok {
			return resource.Unsupported("The root volume '%s' was not made of a snapshot: it has no launch state.", root.ID)
		}
	}
	if rate != nil {
		t.Origin.Rate = new(int32(min(*rate, math.MaxInt32))) // too much is refused
	}
	return s.volumes.CheckReplacement(c, r, root, t.Origin)
}

// rootVolume is the volume at the instance's root device, if there is one.
func (i *Instance) rootVolume(c *cloud.Call, r store.Reader) *ebs.Volume {
	for v := range ebs.On(c, r, i.ID) {
		if slices.ContainsFunc(v.Attachments, func(a ebs.Attachment) bool { return a.Instance == i.ID && a.Device == i.RootDevice }) {
			return v
		}
	}
	return nil
}

// lineage refuses snapshots that are not of the instance's root: of the volume
// that it has, of those that it had, or what they were made of.
func lineage(c *cloud.Call, r store.Reader, i *Instance, root *ebs.Volume, id string) error {
	n, err := ebs.FindSnapshot(c, r, id)
	if err != nil {
		return err
	}
	if n.Volume == root.ID || n.ID == root.Snapshot {
		return nil
	}
	for t := range rootTasks.Index(r, "instance", i.Account, i.Region, i.ID) {
		if n.Volume == t.Old || n.ID == t.Origin.Snapshot {
			return nil
		}
	}
	return resource.Errorf("InvalidParameterValue", "The snapshot '%s' does not belong to the same lineage as the root volume of instance '%s'.", id, i.ID)
}

// fromImage has the task take the root of an image, which must be like that
// which the instance was launched from.
func (s *Room) fromImage(c *cloud.Call, r store.Reader, i *Instance, t *rootTask) error {
	m, err := s.images.Find(c, r, t.Image)
	if err != nil {
		return err
	}
	if m.Architecture != i.Architecture || m.Boots.Platform != i.Boots.Platform {
		return resource.Errorf("InvalidParameterValue", "The AMI '%s' must have the same product code, billing information, architecture type and virtualization type as the instance '%s'.", t.Image, i.ID)
	}
	for _, d := range m.Devices {
		if cloud.Or(d.DeviceName, "") != m.RootDevice || d.Ebs == nil {
			continue
		}
		t.Image, t.Boots, t.User = m.ID, &m.Boots, m.User
		t.Origin = ebs.Origin{Snapshot: cloud.Or(d.Ebs.SnapshotId, ""), Size: cloud.Or(d.Ebs.VolumeSize, 0)}
		if t.Origin.Snapshot == "" {
			t.Origin.Image = &m.Boots
		}
		return nil
	}
	return resource.Unsupported("The AMI '%s' has no EBS root volume.", t.Image)
}

func (t *rootTask) api(c *cloud.Call, r store.Reader) api.ReplaceRootVolumeTask {
	out := api.ReplaceRootVolumeTask{
		ReplaceRootVolumeTaskId: &t.ID, InstanceId: &t.Instance, TaskState: &t.State, StartTime: new(t.Started.UTC().Format(time.RFC3339)),
		ImageId: optional(t.Image), SnapshotId: optional(t.Snapshot), DeleteReplacedRootVolume: &t.Delete, Tags: resource.APITags(resource.Tags(c, r, t.ID)),
	}
	if !t.Completed.IsZero() {
		out.CompleteTime = new(t.Completed.UTC().Format(time.RFC3339))
	}
	return out
}

func describeReplaceRootVolumeTasks(c *cloud.Call, r store.Reader, in *api.DescribeReplaceRootVolumeTasksInput) (*api.DescribeReplaceRootVolumeTasksOutput, error) {
	q := resource.Query{IDs: in.ReplaceRootVolumeTaskIds, Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, Least: 1, Most: 50, NotFound: func(id string) *cloud.Error {
		return resource.Errorf("InvalidReplaceRootVolumeTaskId.NotFound", "The replace root volume task ID '%s' does not exist", id)
	}}
	page, next, err := resource.List(c, r, q, rootTasks.Scan(r, c.Account, c.Region), func(t *rootTask) string { return t.ID }, resource.Fields[rootTask]{
		"instance-id": resource.One(func(t *rootTask) string { return t.Instance }),
	})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeReplaceRootVolumeTasksOutput{ReplaceRootVolumeTasks: []api.ReplaceRootVolumeTask{}, NextToken: next}
	for _, t := range page {
		out.ReplaceRootVolumeTasks = append(out.ReplaceRootVolumeTasks, t.api(c, r))
	}
	return out, nil
}

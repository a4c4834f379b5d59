package ebs

import (
	"cmp"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/service/ec2/bucket"
	"pileus/service/ec2/ebs/diskimage"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// importTask makes a snapshot of a disk image in a bucket.
// https://docs.aws.amazon.com/vm-import/latest/userguide/vmimport-import-snapshot.html
type importTask struct {
	Account, Region, ID string
	Description         string
	Bucket, Key         string
	Role                string // its name
	Format              string // "" for RAW
	Status              string // "active", "completed", "deleted"
	Message             string
	Snapshot            string
	Size                int64 // bytes of the image
	Encrypted           bool
	KMSKey              string
	Tags                identity.Tags // of the snapshot
}

var importTasks = &store.Table[importTask]{
	Name: "ebs.import",
	Key:  func(t *importTask) store.Key { return t.key() },
}

func (t *importTask) key() store.Key { return store.K(t.Account, t.Region, t.ID) }

const (
	importController = "ebs.import"
	importKind       = "import-snapshot-task"

	importActive    = "active"
	importCompleted = "completed"
	importDeleted   = "deleted"
)

func importSnapshot(c *cloud.Call, tx store.Tx, in *api.ImportSnapshotInput) (*api.ImportSnapshotOutput, error) {
	d := in.DiskContainer
	if d == nil {
		return nil, resource.Missing("DiskContainer")
	}
	tags, err := resource.SpecifiedTags(in.TagSpecifications, importKind)
	if err != nil {
		return nil, err
	}
	onSnapshot, err := resource.SpecifiedTags(in.TagSpecifications, snapshotKind)
	if err != nil {
		return nil, err
	}
	t := &importTask{
		Account: c.Account, Region: c.Region, ID: resource.NewID(c, "import-snap"), Description: cloud.Or(in.Description, cloud.Or(d.Description, "")),
		Role: cloud.Or(in.RoleName, bucket.RoleName), Status: importActive, Message: "pending", Tags: onSnapshot,
	}
	if t.Bucket, t.Key, err = DiskAt(d.UserBucket, d.Url); err != nil {
		return nil, err
	}
	if t.Format, err = CheckFormat(d.Format); err != nil {
		return nil, err
	}
	if err := CheckRole(c, tx, t.Role); err != nil {
		return nil, err
	}
	if t.Encrypted, t.KMSKey, err = encryption(c, tx, in.Encrypted, in.KmsKeyId, ""); err != nil {
		return nil, err
	}
	return resource.Once(c, tx, "ImportSnapshot", in.ClientToken, in, func() (*api.ImportSnapshotOutput, error) {
		resource.Register(c, tx, importKind, t.ID, tags)
		importTasks.Put(tx, t)
		tx.After(time.Time{}, importController, t.key())
		return &api.ImportSnapshotOutput{ImportTaskId: &t.ID, Description: &t.Description, SnapshotTaskDetail: t.detail(), Tags: resource.APITags(tags)}, nil
	})
}

func (t *importTask) detail() *api.SnapshotTaskDetail {
	d := &api.SnapshotTaskDetail{
		Description: &t.Description, Format: new(cmp.Or(t.Format, diskimage.RAW)), Status: &t.Status, Encrypted: &t.Encrypted,
		UserBucket: &api.UserBucketDetails{S3Bucket: &t.Bucket, S3Key: &t.Key}, DiskImageSize: new(float64(t.Size)), // 0 until it is read
	}
	if t.Status == importCompleted {
		d.SnapshotId = &t.Snapshot
	} else {
		d.StatusMessage = &t.Message
	}
	if t.Status == importActive {
		d.Progress = new("0")
	}
	if t.KMSKey != "" {
		d.KmsKeyId = &t.KMSKey
	}
	return d
}

func describeImports(c *cloud.Call, r store.Reader, in *api.DescribeImportSnapshotTasksInput) (*api.DescribeImportSnapshotTasksOutput, error) {
	page, next, err := resource.List(c, r, resource.Query{
		IDs: in.ImportTaskIds, Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, Least: 1,
		NotFound: func(id string) *cloud.Error {
			return resource.Errorf("InvalidConversionTaskId", "Invalid import task ID '%s'", id)
		},
	}, importTasks.Scan(r, c.Account, c.Region), func(t *importTask) string { return t.ID }, resource.Fields[importTask]{
		"task-state": resource.One(func(t *importTask) string { return t.Status }),
	})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeImportSnapshotTasksOutput{NextToken: next, ImportSnapshotTasks: []api.ImportSnapshotTask{}}
	for _, t := range page {
		out.ImportSnapshotTasks = append(out.ImportSnapshotTasks, api.ImportSnapshotTask{
			ImportTaskId: &t.ID, Description: &t.Description, SnapshotTaskDetail: t.detail(), Tags: resource.APITags(resource.Tags(c, r, t.ID)),
		})
	}
	return out, nil
}

// importImage does what a task is about.
func (s *Room) importImage(c *cloud.Call, key store.Key) error {
	c, id := at(c, key)
	var t *importTask
	err := c.View(func(r store.Reader) error {
		t, _ = importTasks.Get(r, c.Account, c.Region, id)
		return nil
	})
	if err != nil || t == nil || t.Status != importActive {
		return err
	}
	disk, size, err := OpenDisk(c, t.Role, t.Bucket, t.Key, t.Format)
	if err == nil {
		n := &Snapshot{
			Account: t.Account, Region: t.Region, ID: resource.NewID(c, "snap"), Volume: noVolume,
			Description: "Created by AWS-VMImport service for " + t.ID, Encrypted: t.Encrypted, KMSKey: t.KMSKey,
		}
		err = s.Import(c, n, disk, t.Tags, func(tx store.Tx, n *Snapshot) error {
			now, ok := importTasks.Get(tx, t.Account, t.Region, t.ID)
			if !ok || now.Status != importActive {
				return errGone // it was cancelled
			}
			done := *now
			done.Status, done.Message, done.Snapshot, done.Size = importCompleted, "", n.ID, size
			importTasks.Put(tx, &done)
			return nil
		})
	}
	if !Hopeless(err) {
		return err
	}
	return c.Cloud.DB().Update(c, func(tx store.Tx) error {
		if now, ok := importTasks.Get(tx, t.Account, t.Region, t.ID); ok && now.Status == importActive {
			failed := *now
			failed.Status, failed.Message = importDeleted, "ClientError: "+err.Error()
			importTasks.Put(tx, &failed)
		}
		return nil
	})
}

// CancelImport ends a task that imports a snapshot, for CancelImportTask. ok is
// false where there is none with the id.
func CancelImport(c *cloud.Call, tx store.Tx, id, reason string) (previous string, ok bool) {
	t, ok := importTasks.Get(tx, c.Account, c.Region, id)
	if !ok {
		return "", false
	}
	if t.Status == importActive {
		ended := *t
		ended.Status, ended.Message = importDeleted, reason
		importTasks.Put(tx, &ended)
	}
	return t.Status, true
}

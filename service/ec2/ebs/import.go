package ebs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	api "pileus/api/ec2"
	"pileus/api/s3"
	"pileus/api/sts"
	"pileus/cloud"
	"pileus/identity"
	"pileus/plane"
	"pileus/service/ec2/ebs/blocks"
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
	importRole       = "vmimport"
	importService    = "vmie.amazonaws.com"
	formatRaw        = "RAW"

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
		Role: cloud.Or(in.RoleName, importRole), Status: importActive, Message: "pending", Tags: onSnapshot,
	}
	if t.Bucket, t.Key, err = imageAt(d); err != nil {
		return nil, err
	}
	if f := strings.ToUpper(cloud.Or(d.Format, formatRaw)); f != formatRaw {
		return nil, resource.Errorf("InvalidParameter", "This cloud imports disk images of the format RAW only. Convert the image first: qemu-img convert -O raw.")
	}
	if _, ok := identity.FindRole(tx, c.Account, t.Role); !ok {
		return nil, resource.Errorf("InvalidParameter", "The service role %s provided does not exist or does not have sufficient permissions", t.Role)
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

// imageAt is where the disk image lies.
func imageAt(d *api.SnapshotDiskContainer) (bucket, key string, err error) {
	if b := d.UserBucket; b != nil {
		return cloud.Or(b.S3Bucket, ""), cloud.Or(b.S3Key, ""), nil
	}
	rest, ok := strings.CutPrefix(cloud.Or(d.Url, ""), "s3://")
	if bucket, key, ok2 := strings.Cut(rest, "/"); ok && ok2 {
		return bucket, key, nil
	}
	return "", "", resource.Errorf("InvalidParameter", "Specify the disk image by UserBucket, or by a URL of the form s3://bucket/key.")
}

func (t *importTask) detail() *api.SnapshotTaskDetail {
	d := &api.SnapshotTaskDetail{
		Description: &t.Description, Format: new(formatRaw), Status: &t.Status, Encrypted: &t.Encrypted,
		UserBucket: &api.UserBucketDetails{S3Bucket: &t.Bucket, S3Key: &t.Key},
	}
	if t.Status == importCompleted {
		d.SnapshotId, d.DiskImageSize = &t.Snapshot, new(float64(t.Size))
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

// importImage does what a task is about: the image becomes a volume for a
// moment, of which a snapshot is taken.
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
	volume := "vol-" + t.ID // what a crash leaves of it is removed at start
	defer func() {
		if rerr := s.plane.RemoveVolume(c, volume); rerr != nil && err == nil {
			err = rerr
		}
	}()
	err = s.download(c, t, volume)
	if err == nil {
		err = s.takeImport(c, t, volume)
	}
	var refused *cloud.Error
	if errors.As(err, &refused) || errors.Is(err, store.ErrFull) || errors.Is(err, plane.ErrFull) {
		return c.Cloud.DB().Update(c, func(tx store.Tx) error {
			t.Status, t.Message = importDeleted, "ClientError: "+err.Error()
			importTasks.Put(tx, t)
			return nil
		})
	}
	return err
}

// download reads the image, as the role, into a volume.
func (s *Room) download(c *cloud.Call, t *importTask, volume string) error {
	role := cloud.ARN{Partition: c.Partition, Service: "iam", Account: t.Account, Resource: "role/" + t.Role}.String()
	out, err := sts.AssumeRole.Call(c.AsService(importService, ""), &sts.AssumeRoleInput{RoleArn: role, RoleSessionName: importRole, ExternalId: new(importRole)})
	if err != nil {
		return err
	}
	_, who, err := c.Cloud.Credential(c, out.Credentials.AccessKeyId, out.Credentials.SessionToken)
	if err != nil {
		return err
	}
	object, err := s3.GetObject.Call(c.As(who), &s3.GetObjectInput{Bucket: t.Bucket, Key: t.Key})
	if err != nil {
		return err
	}
	defer object.Body.Close()
	t.Size = cloud.Or(object.ContentLength, 0)
	if err := s.plane.RemoveVolume(c, volume); err != nil { // of an attempt that was interrupted
		return err
	}
	if err := s.plane.CreateVolume(c, volume, int64(t.gib())<<30); err != nil {
		return err
	}
	return s.plane.WriteVolume(c, volume, func(w io.WriterAt) error { return copySparse(w, object.Body) })
}

func (t *importTask) gib() int32 { return max(1, int32(math.Ceil(float64(t.Size)/gib))) }

// copySparse writes what is not zero.
func copySparse(w io.WriterAt, r io.Reader) error {
	buf, zeros := make([]byte, 1<<20), make([]byte, 1<<20)
	for at := int64(0); ; {
		n, err := io.ReadFull(r, buf)
		if n > 0 && !bytes.Equal(buf[:n], zeros[:n]) {
			if _, werr := w.WriteAt(buf[:n], at); werr != nil {
				return werr
			}
		}
		at += int64(n)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the disk image: %w", err)
		}
	}
}

// takeImport takes the snapshot that the task is about.
func (s *Room) takeImport(c *cloud.Call, t *importTask, volume string) error {
	n := &Snapshot{
		Account: t.Account, Region: t.Region, ID: resource.NewID(c, "snap"), Volume: noVolume, Size: t.gib(), Started: c.Now, Completed: c.Now,
		Description: "Created by AWS-VMImport service for " + t.ID, State: api.SnapshotStateCompleted, Progress: 100, Encrypted: t.Encrypted, KMSKey: t.KMSKey,
	}
	n.Content = t.ID
	taking, err := blocks.Begin(c, n.Content, n.domain(), "")
	if err != nil {
		return err
	}
	defer taking.Close()
	if err := s.plane.FreezeVolume(c, volume, func(v plane.VolumeContent) error { return taking.Read(v, nil) }); err != nil {
		return err
	}
	return taking.Commit(func(tx store.Tx, changed int64) error {
		n.Changed = changed
		resource.Register(c, tx, snapshotKind, n.ID, t.Tags)
		snapshots.Put(tx, n)
		done := *t
		done.Status, done.Message, done.Snapshot = importCompleted, "", n.ID
		importTasks.Put(tx, &done)
		return nil
	})
}

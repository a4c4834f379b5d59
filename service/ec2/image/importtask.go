package image

import (
	"cmp"
	"io"
	"strconv"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/plane"
	"pileus/service/ec2/bucket"
	"pileus/service/ec2/ebs"
	"pileus/service/ec2/ebs/diskimage"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// importRequest is what an import of an image was asked to be.
type importRequest struct {
	Architecture, Platform, License, Usage, BootMode string
	Encrypted                                        *bool
	KMSKey                                           string // as the API takes it
	Licenses                                         []string
}

// importImage makes an image of disk images in buckets.
// https://docs.aws.amazon.com/vm-import/latest/userguide/vmimport-image-import.html
func importImage(c *cloud.Call, tx store.Tx, in *api.ImportImageInput) (*api.ImportImageOutput, error) {
	if err := resource.OnlyTags(in.TagSpecifications, importImageTag); err != nil {
		return nil, err
	}
	tags, err := resource.SpecifiedTags(in.TagSpecifications, importImageTag)
	if err != nil {
		return nil, err
	}
	t := &task{
		Account: c.Account, Region: c.Region, ID: resource.NewID(c, "import-ami"), Kind: importing, Description: cloud.Or(in.Description, ""),
		Role: cloud.Or(in.RoleName, bucket.RoleName), Status: taskActive, Message: "pending", Started: c.Now,
		Import: &importRequest{
			Architecture: cloud.Or(in.Architecture, "x86_64"), Platform: cloud.Or(in.Platform, "Linux"), License: cloud.Or(in.LicenseType, ""),
			Usage: cloud.Or(in.UsageOperation, ""), BootMode: cloud.Or(in.BootMode, ""), Encrypted: in.Encrypted, KMSKey: cloud.Or(in.KmsKeyId, ""),
		},
	}
	for _, l := range in.LicenseSpecifications {
		t.Import.Licenses = append(t.Import.Licenses, cloud.Or(l.LicenseConfigurationArn, ""))
	}
	if err := t.Import.check(); err != nil {
		return nil, err
	}
	if err := t.takeDisks(c, tx, in.DiskContainers); err != nil {
		return nil, err
	}
	return resource.Once(c, tx, "ImportImage", in.ClientToken, in, func() (*api.ImportImageOutput, error) {
		resource.Register(c, tx, importImageTag, t.ID, tags)
		t.begin(tx)
		o := t.imported(c, tx)
		return &api.ImportImageOutput{
			Architecture: o.Architecture, Description: o.Description, Encrypted: o.Encrypted, Hypervisor: o.Hypervisor, ImportTaskId: o.ImportTaskId, KmsKeyId: o.KmsKeyId,
			LicenseType: o.LicenseType, Platform: o.Platform, Progress: o.Progress, SnapshotDetails: o.SnapshotDetails, Status: o.Status, StatusMessage: o.StatusMessage,
			LicenseSpecifications: o.LicenseSpecifications, Tags: o.Tags, UsageOperation: o.UsageOperation,
		}, nil
	})
}

func (q *importRequest) check() error {
	switch {
	case q.Architecture != "i386" && q.Architecture != "x86_64" && q.Architecture != "arm64":
		return resource.Errorf("InvalidParameter", "Invalid value '%s' for Architecture", q.Architecture)
	case q.Platform != "Linux" && q.Platform != "Windows":
		return resource.Errorf("InvalidParameter", "Invalid value '%s' for Platform", q.Platform)
	case q.BootMode == api.BootModeValuesUefiPreferred:
		return resource.Errorf("InvalidParameter", "The boot mode '%s' is not supported for imported images", q.BootMode)
	case q.License != "" && q.License != "AWS" && q.License != "BYOL":
		return resource.Errorf("InvalidParameter", "Invalid value '%s' for LicenseType", q.License)
	}
	return nil
}

// takeDisks reads the containers of a request: snapshots, and disk images for
// which the role must exist.
func (t *task) takeDisks(c *cloud.Call, r store.Reader, list []api.ImageDiskContainer) error {
	if len(list) == 0 {
		return resource.Missing("DiskContainers")
	}
	for n, d := range list {
		disk := taskDisk{Device: cloud.Or(d.DeviceName, defaultDevice(n)), Description: cloud.Or(d.Description, ""), Snapshot: cloud.Or(d.SnapshotId, "")}
		if disk.Snapshot != "" {
			if _, err := ebs.Restorable(c, r, disk.Snapshot); err != nil {
				return err
			}
			t.Disks = append(t.Disks, disk)
			continue
		}
		var err error
		if disk.Bucket, disk.Key, err = ebs.DiskAt(d.UserBucket, d.Url); err != nil {
			return err
		}
		if disk.Format, err = ebs.CheckFormat(d.Format); err != nil {
			return err
		}
		if err := ebs.CheckRole(c, r, t.Role); err != nil {
			return err
		}
		t.Disks = append(t.Disks, disk)
	}
	return nil
}

// defaultDevice is the name of the n-th disk.
func defaultDevice(n int) string {
	if n == 0 {
		return "/dev/sda1"
	}
	return "/dev/sd" + string(rune('e'+n)) // sdf, sdg, ...
}

// performImport makes a snapshot of each disk image, and then the image.
func (s *Room) performImport(c *cloud.Call, t *task) error {
	for n := range t.Disks {
		if t.Disks[n].Snapshot == "" {
			if err := s.importDisk(c, t, n); err != nil {
				return err
			}
		}
	}
	return t.settle(c, func(tx store.Tx, now *task) error {
		i := &Image{
			Name: now.ID, Description: cmp.Or(now.Description, "AWS-VMImport service: "+now.Import.Platform), Architecture: now.Import.Architecture, User: "ec2-user",
			RootDevice: now.Disks[0].Device, BootMode: now.Import.BootMode, Boots: plane.Image{Kind: plane.Whole},
		}
		if now.Import.Platform == "Windows" {
			i.Boots.Platform, i.User = windows, "Administrator"
		}
		i.startsBy(now.Disks[0].Start)
		for _, d := range now.Disks {
			n, err := ebs.Restorable(c, tx, d.Snapshot)
			if err != nil {
				return err
			}
			i.Devices = append(i.Devices, Device{Name: d.Device, Snapshot: n.ID, GiB: n.Size, Type: api.VolumeTypeGp2, Encrypted: n.Encrypted, KMSKey: n.KMSKey, Delete: true})
		}
		if err := i.create(c, tx, nil); err != nil {
			return err
		}
		now.Image, now.Status, now.Message, now.Progress = i.ID, taskCompleted, "", 100
		return nil
	})
}

// importDisk makes a snapshot of a task's n-th disk image.
func (s *Room) importDisk(c *cloud.Call, t *task, n int) error {
	d := &t.Disks[n]
	disk, size, err := ebs.OpenDisk(c, t.Role, d.Bucket, d.Key, d.Format)
	if err != nil {
		return err
	}
	seen := &beginning{Disk: disk}
	var blank *ebs.Snapshot
	err = c.View(func(r store.Reader) (err error) {
		blank, err = ebs.Blank(c, r, "Created by AWS-VMImport service for "+t.ID, t.Import.Encrypted, optional(t.Import.KMSKey))
		return err
	})
	if err != nil {
		return err
	}
	return s.Disks.Import(c, blank, seen, nil, func(tx store.Tx, made *ebs.Snapshot) error {
		known, ok := tasks.Get(tx, t.key()...)
		if !ok || known.Status != taskActive {
			return ebs.ErrGone
		}
		now := *known
		now.Disks = append([]taskDisk(nil), known.Disks...)
		now.Disks[n].Snapshot, now.Disks[n].Size, now.Disks[n].Start = made.ID, size, plane.StartOf(seen.head[:])
		now.Message, now.Progress = "converting", int32(99*(n+1)/len(now.Disks))
		tasks.Put(tx, &now)
		d.Snapshot = made.ID
		return nil
	})
}

// beginning is a disk of which the beginning is kept when it is copied.
type beginning struct {
	diskimage.Disk
	head [plane.StartSize]byte
}

// CopyTo implements diskimage.Disk.
func (b *beginning) CopyTo(w io.WriterAt) error { return b.Disk.CopyTo(headed{w, b}) }

type headed struct {
	io.WriterAt
	of *beginning
}

// WriteAt implements io.WriterAt.
func (h headed) WriteAt(p []byte, at int64) (int, error) {
	if at < int64(len(h.of.head)) {
		copy(h.of.head[at:], p)
	}
	return h.WriterAt.WriteAt(p, at)
}

func (t *task) imported(c *cloud.Call, r store.Reader) api.ImportImageTask {
	q := t.Import
	out := api.ImportImageTask{
		ImportTaskId: &t.ID, Architecture: &q.Architecture, Description: &t.Description, Encrypted: new(cloud.Or(q.Encrypted, false)), Hypervisor: new("xen"),
		KmsKeyId: optional(q.KMSKey), LicenseType: optional(q.License), Platform: &q.Platform, Status: &t.Status, UsageOperation: optional(q.Usage),
		BootMode: optional(q.BootMode), ImageId: optional(t.Image), StatusMessage: optional(t.Message), Tags: resource.APITags(resource.Tags(c, r, t.ID)),
	}
	if t.Status == taskActive {
		out.Progress = new(strconv.Itoa(int(t.Progress)))
	}
	for _, l := range q.Licenses {
		out.LicenseSpecifications = append(out.LicenseSpecifications, api.ImportImageLicenseConfigurationResponse{LicenseConfigurationArn: new(l)})
	}
	for _, d := range t.Disks {
		o := api.SnapshotDetail{DeviceName: new(d.Device), Description: optional(d.Description), SnapshotId: optional(d.Snapshot), Format: optional(d.Format), Status: new(taskActive), DiskImageSize: new(float64(d.Size))}
		if d.Bucket != "" {
			o.UserBucket = &api.UserBucketDetails{S3Bucket: new(d.Bucket), S3Key: new(d.Key)}
		}
		if d.Snapshot != "" {
			o.Status = new(taskCompleted)
		}
		out.SnapshotDetails = append(out.SnapshotDetails, o)
	}
	return out
}

func describeImportImageTasks(c *cloud.Call, r store.Reader, in *api.DescribeImportImageTasksInput) (*api.DescribeImportImageTasksOutput, error) {
	page, next, err := resource.List(c, r, resource.Query{
		IDs: in.ImportTaskIds, Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, Least: 1, NotFound: errNoTask("InvalidConversionTaskId", "import"),
	}, ofKind(c, r, importing), func(t *task) string { return t.ID }, resource.Fields[task]{
		"task-state": resource.One(func(t *task) string { return t.Status }),
	})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeImportImageTasksOutput{ImportImageTasks: []api.ImportImageTask{}, NextToken: next}
	for _, t := range page {
		out.ImportImageTasks = append(out.ImportImageTasks, t.imported(c, r))
	}
	return out, nil
}

// cancelImportTask ends the import of an image or a snapshot. One that is over
// cannot be ended.
func cancelImportTask(c *cloud.Call, tx store.Tx, in *api.CancelImportTaskInput) (*api.CancelImportTaskOutput, error) {
	id := cloud.Or(in.ImportTaskId, "")
	reason := "User initiated task cancellation"
	if r := cloud.Or(in.CancelReason, ""); r != "" {
		reason += ": " + r
	}
	previous, ok := ebs.CancelImport(c, tx, id, reason)
	if t, found := tasks.Get(tx, c.Account, c.Region, id); found && t.Kind == importing {
		previous, ok = t.Status, true
		if t.Status == taskActive {
			ended := *t
			ended.Status, ended.Message = taskDeleted, reason
			tasks.Put(tx, &ended)
		}
	}
	switch {
	case !ok:
		return nil, errNoTask("InvalidConversionTaskId", "import")(id)
	case previous != taskActive:
		return nil, resource.Errorf("InvalidConversionTaskId", "The import task '%s' is %s already", id, previous)
	}
	return &api.CancelImportTaskOutput{ImportTaskId: &id, PreviousState: &previous, State: new("deleting")}, nil
}

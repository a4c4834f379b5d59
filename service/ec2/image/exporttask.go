package image

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/plane"
	"pileus/service/ec2/bucket"
	"pileus/service/ec2/ebs"
	"pileus/service/ec2/ebs/diskimage"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// exportImage writes the disks of an image to a bucket, as disk images.
// https://docs.aws.amazon.com/vm-import/latest/userguide/vmexport_image.html
func exportImage(c *cloud.Call, tx store.Tx, in *api.ExportImageInput) (*api.ExportImageOutput, error) {
	if err := resource.OnlyTags(in.TagSpecifications, exportImageTag); err != nil {
		return nil, err
	}
	tags, err := resource.SpecifiedTags(in.TagSpecifications, exportImageTag)
	if err != nil {
		return nil, err
	}
	return resource.Once(c, tx, "ExportImage", in.ClientToken, in, func() (*api.ExportImageOutput, error) {
		i, err := own(c, tx, in.ImageId)
		if err != nil {
			return nil, err
		}
		t := &task{
			Account: c.Account, Region: c.Region, ID: resource.NewID(c, "export-ami"), Kind: exporting, Image: i.ID, Description: cloud.Or(in.Description, ""),
			Bucket: in.S3ExportLocation.S3Bucket, Key: cloud.Or(in.S3ExportLocation.S3Prefix, ""), Role: cloud.Or(in.RoleName, bucket.RoleName),
			Status: taskActive, Message: "validating", Started: c.Now,
		}
		if err := i.exportable(c, tx); err != nil {
			return nil, err
		}
		if t.Format, err = ebs.CheckFormat(&in.DiskImageFormat); err != nil {
			return nil, err
		}
		if err := ebs.CheckRole(c, tx, t.Role); err != nil {
			return nil, err
		}
		resource.Register(c, tx, exportImageTag, t.ID, tags)
		t.begin(tx)
		o := t.exported(c, tx)
		return &api.ExportImageOutput{
			Description: o.Description, DiskImageFormat: &in.DiskImageFormat, ExportImageTaskId: o.ExportImageTaskId, ImageId: o.ImageId, RoleName: &t.Role,
			Progress: o.Progress, S3ExportLocation: o.S3ExportLocation, Status: o.Status, StatusMessage: o.StatusMessage, Tags: o.Tags,
		}, nil
	})
}

// exportable refuses images that are not whole, that are encrypted, or that are
// being exported already.
func (i *Image) exportable(c *cloud.Call, r store.Reader) error {
	if state, _ := i.state(c, r); state != api.ImageStateAvailable {
		return resource.Errorf("InvalidAMIID.Unavailable", "The image ID '%s' is not available: it is %s", i.ID, state)
	}
	for _, d := range i.Devices {
		if d.Encrypted {
			return resource.Errorf("NotExportable", "The image '%s' can't be exported: its snapshot '%s' is encrypted.", i.ID, d.Snapshot)
		}
	}
	for t := range ofKind(c, r, exporting) {
		if t.Image == i.ID && t.Status == taskActive {
			return resource.Errorf("ConcurrentExportTasksLimitExceeded", "The image '%s' is being exported already by %s.", i.ID, t.ID)
		}
	}
	return nil
}

// performExport writes one object for each disk of the image.
func (s *Room) performExport(c *cloud.Call, t *task) error {
	i, err := s.whole(c, t.Image)
	if err != nil {
		return err
	}
	as, err := bucket.AsRole(c, t.Role)
	if err != nil {
		return err
	}
	disks := i.disks()
	for n, d := range disks {
		if t.Progress >= int32(100*(n+1)/(len(disks)+1)) {
			continue // by an attempt that was interrupted later
		}
		name := t.Key + t.ID
		if n > 0 {
			name += "-disk" + strconv.Itoa(n+1)
		}
		err := s.read(c, i, d, t.ID, func(v plane.VolumeContent) error {
			return bucket.Upload(as, t.Bucket, name+"."+strings.ToLower(t.Format), nil, func(w io.Writer) error { return diskimage.Write(w, t.Format, v) })
		})
		if err != nil {
			return err
		}
		err = t.settle(c, func(_ store.Tx, now *task) error {
			now.Progress, now.Message = int32(100*(n+1)/(len(disks)+1)), "converting"
			return nil
		})
		if err != nil {
			return err
		}
	}
	return t.settle(c, func(_ store.Tx, now *task) error {
		now.Status, now.Message, now.Progress = taskCompleted, "", 100
		return nil
	})
}

// whole is an image of the call's account as it is now.
func (s *Room) whole(c *cloud.Call, id string) (i *Image, err error) {
	err = c.View(func(r store.Reader) error {
		i, err = own(c, r, id)
		return err
	})
	return i, err
}

// disks are the devices of the image that have content.
func (i *Image) disks() (list []Device) {
	for _, d := range i.Devices {
		if d.Snapshot != "" || d.Name == i.RootDevice && i.imported() {
			list = append(list, d)
		}
	}
	return list
}

// read shows the content of one of the image's disks; id tells it from others
// that are shown.
func (s *Room) read(c *cloud.Call, i *Image, d Device, id string, f func(plane.VolumeContent) error) error {
	if d.Snapshot == "" {
		return s.Disks.ReadImage(c, id, i.Boots, int64(d.GiB)<<30, f)
	}
	var n *ebs.Snapshot
	err := c.View(func(r store.Reader) (err error) {
		n, err = ebs.Restorable(c, r, d.Snapshot)
		return err
	})
	if err != nil {
		return fmt.Errorf("disk %s: %w", d.Name, err)
	}
	return s.Disks.ReadSnapshot(c, n, f)
}

func (t *task) exported(c *cloud.Call, r store.Reader) api.ExportImageTask {
	out := api.ExportImageTask{
		Description: &t.Description, ExportImageTaskId: &t.ID, ImageId: &t.Image, S3ExportLocation: &api.ExportTaskS3Location{S3Bucket: &t.Bucket, S3Prefix: &t.Key},
		Status: &t.Status, StatusMessage: optional(t.Message), Tags: resource.APITags(resource.Tags(c, r, t.ID)),
	}
	if t.Status == taskActive {
		out.Progress = new(strconv.Itoa(int(t.Progress)))
	}
	return out
}

func describeExportImageTasks(c *cloud.Call, r store.Reader, in *api.DescribeExportImageTasksInput) (*api.DescribeExportImageTasksOutput, error) {
	page, next, err := resource.List(c, r, resource.Query{
		IDs: in.ExportImageTaskIds, Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, Least: 1, Most: 500, NotFound: errNoTask("InvalidExportTaskID.NotFound", "export"),
	}, ofKind(c, r, exporting), func(t *task) string { return t.ID }, resource.Fields[task]{
		"task-state": resource.One(func(t *task) string { return t.Status }),
	})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeExportImageTasksOutput{ExportImageTasks: []api.ExportImageTask{}, NextToken: next}
	for _, t := range page {
		out.ExportImageTasks = append(out.ExportImageTasks, t.exported(c, r))
	}
	return out, nil
}

// describeExportTasks tells of exports of instances; there are none.
func describeExportTasks(_ *cloud.Call, _ store.Reader, in *api.DescribeExportTasksInput) (*api.DescribeExportTasksOutput, error) {
	if len(in.ExportTaskIds) > 0 {
		return nil, errNoTask("InvalidExportTaskID.NotFound", "export")(in.ExportTaskIds[0])
	}
	return &api.DescribeExportTasksOutput{ExportTasks: []api.ExportTask{}}, nil
}

func cancelExportTask(c *cloud.Call, tx store.Tx, in *api.CancelExportTaskInput) (*cloud.Empty, error) {
	t, ok := tasks.Get(tx, c.Account, c.Region, in.ExportTaskId)
	switch {
	case !ok || t.Kind != exporting:
		return nil, errNoTask("InvalidExportTaskID.NotFound", "export")(in.ExportTaskId)
	case t.Status != taskActive:
		return nil, resource.Errorf("IncorrectState", "The export task '%s' is %s already", t.ID, t.Status)
	}
	ended := *t
	ended.Status, ended.Message = taskDeleted, "User initiated task cancellation"
	tasks.Put(tx, &ended)
	return &cloud.Empty{}, nil
}

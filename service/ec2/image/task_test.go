package image_test

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	api "pileus/api/ec2"
	"pileus/api/iam"
	"pileus/api/s3"
	"pileus/node/nodetest"
	"pileus/plane"
	"pileus/service/ec2/ebs/diskimage"
)

// disk is a disk in memory.
type disk []byte

func (d disk) Size() int64 { return int64(len(d)) }

func (d disk) ReadAt(b []byte, at int64) (int, error) { return bytes.NewReader(d).ReadAt(b, at) }

func (d disk) Data() ([]plane.Extent, error) { return []plane.Extent{{Length: d.Size()}}, nil }

// marks are what is written to a disk, by offset.
type marks map[int64]string

func (m marks) disk() disk {
	d := make(disk, 6<<20)
	for at, s := range m {
		copy(d[at:], s)
	}
	return d
}

// WriteAt takes note of what a disk image holds.
func (m marks) WriteAt(b []byte, at int64) (int, error) {
	for i := 0; i < len(b); {
		if b[i] == 0 {
			i++
			continue
		}
		end := bytes.IndexByte(b[i:], 0)
		if end < 0 {
			end = len(b) - i
		}
		m[at+int64(i)] = string(b[i : i+end])
		i += end
	}
	return len(b), nil
}

const vmRole = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"vmie.amazonaws.com"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"vmimport"}}}]}`

// studio is a cloud with a bucket and the role of VM Import/Export.
func studio(t *testing.T) *nodetest.World {
	w := world(t)
	nodetest.Do(w, &s3.CreateBucket, &s3.CreateBucketInput{Bucket: "disks"})
	nodetest.Do(w, &iam.CreateRole, &iam.CreateRoleInput{RoleName: "vmimport", AssumeRolePolicyDocument: vmRole})
	nodetest.Do(w, &iam.PutRolePolicy, &iam.PutRolePolicyInput{RoleName: "vmimport", PolicyName: "disks", PolicyDocument: nodetest.Allow("s3:*")})
	return w
}

func put(w *nodetest.World, key, format string, m marks) {
	w.T.Helper()
	var b bytes.Buffer
	if err := diskimage.Write(&b, format, m.disk()); err != nil {
		w.T.Fatal(err)
	}
	nodetest.Do(w, &s3.PutObject, &s3.PutObjectInput{Bucket: "disks", Key: key, Body: io.NopCloser(&b)})
}

// holds compares what an object in the bucket holds.
func holds(w *nodetest.World, key, format string, want marks) {
	w.T.Helper()
	out := nodetest.Do(w, &s3.GetObject, &s3.GetObjectInput{Bucket: "disks", Key: key})
	b, err := io.ReadAll(out.Body)
	if err != nil {
		w.T.Fatal(err)
	}
	d, err := diskimage.Open(bytes.NewReader(b), int64(len(b)), format)
	if err != nil {
		w.T.Fatal(err)
	}
	got := marks{}
	if err := d.CopyTo(got); err != nil {
		w.T.Fatal(err)
	}
	if d.Size() != 1<<30 || len(got) != len(want) {
		w.T.Errorf("%s: %d bytes, %v", key, d.Size(), got)
	}
	for at, s := range want {
		if got[at] != s {
			w.T.Errorf("%s: %q at %d, want %q", key, got[at], at, s)
		}
	}
}

func at(key, format string) api.ImageDiskContainer {
	return api.ImageDiskContainer{Format: &format, UserBucket: &api.UserBucket{S3Bucket: new("disks"), S3Key: &key}}
}

// imported imports disk images and returns the task.
func imported(w *nodetest.World, in *api.ImportImageInput) api.ImportImageTask {
	w.T.Helper()
	id := nodetest.Do(w, &api.ImportImage, in).ImportTaskId
	w.Drain()
	return nodetest.Do(w, &api.DescribeImportImageTasks, &api.DescribeImportImageTasksInput{ImportTaskIds: []string{*id}}).ImportImageTasks[0]
}

var (
	rootMarks = marks{0: "boot sector", 3 << 20: "files"}
	dataMarks = marks{512: "data"}
)

// importedImage is an image of two disks that was imported.
func importedImage(w *nodetest.World) string {
	w.T.Helper()
	put(w, "root.vhd", diskimage.VHD, rootMarks)
	put(w, "data.vmdk", diskimage.VMDK, dataMarks)
	t := imported(w, &api.ImportImageInput{Description: new("from elsewhere"), DiskContainers: []api.ImageDiskContainer{at("root.vhd", "VHD"), at("data.vmdk", "vmdk")}})
	if *t.Status != "completed" || t.ImageId == nil {
		w.T.Fatalf("the import is %s: %v", *t.Status, t.StatusMessage)
	}
	return *t.ImageId
}

func TestImportAndExport(t *testing.T) {
	w := studio(t)
	id := importedImage(w)
	c := ec2.NewFromConfig(w.Config())
	found, err := c.DescribeImages(t.Context(), &ec2.DescribeImagesInput{ImageIds: []string{id}})
	if err != nil {
		t.Fatal(err)
	}
	i := found.Images[0]
	if i.State != types.ImageStateAvailable || !strings.HasPrefix(*i.Name, "import-ami-") || len(i.BlockDeviceMappings) != 2 || *i.BlockDeviceMappings[1].DeviceName != "/dev/sdf" {
		t.Errorf("image %+v", i)
	}
	run := nodetest.Do(w, &api.RunInstances, &api.RunInstancesInput{ImageId: &id, InstanceType: new("t3.micro"), MinCount: 1, MaxCount: 1})
	w.Drain()
	list := nodetest.Do(w, &api.DescribeInstances, &api.DescribeInstancesInput{InstanceIds: []string{*run.Instances[0].InstanceId}})
	if got := list.Reservations[0].Instances[0]; *got.State.Name != "running" || len(got.BlockDeviceMappings) != 2 {
		t.Errorf("an instance of it is %s with %d volumes", *got.State.Name, len(got.BlockDeviceMappings))
	}

	for _, format := range []string{diskimage.VHD, diskimage.VMDK} {
		out, err := c.ExportImage(t.Context(), &ec2.ExportImageInput{
			ImageId: &id, DiskImageFormat: types.DiskImageFormat(format), S3ExportLocation: &types.ExportTaskS3LocationRequest{S3Bucket: new("disks"), S3Prefix: new("out/")},
		})
		if err != nil {
			t.Fatal(err)
		}
		w.Drain()
		task := nodetest.Do(w, &api.DescribeExportImageTasks, &api.DescribeExportImageTasksInput{ExportImageTaskIds: []string{*out.ExportImageTaskId}}).ExportImageTasks[0]
		if *task.Status != "completed" {
			t.Fatalf("%s: %s, %v", format, *task.Status, task.StatusMessage)
		}
		holds(w, "out/"+*out.ExportImageTaskId+"."+strings.ToLower(format), format, rootMarks)
		holds(w, "out/"+*out.ExportImageTaskId+"-disk2."+strings.ToLower(format), format, dataMarks)
	}
}

func TestImportsThatFail(t *testing.T) {
	w := studio(t)
	put(w, "raw", diskimage.RAW, rootMarks)
	for name, test := range map[string]struct {
		in   api.ImportImageInput
		code string // "" where the task fails later
	}{
		"no disks":          {api.ImportImageInput{}, "MissingParameter"},
		"unknown format":    {api.ImportImageInput{DiskContainers: []api.ImageDiskContainer{at("raw", "OVA")}}, "InvalidParameter"},
		"no place":          {api.ImportImageInput{DiskContainers: []api.ImageDiskContainer{{Format: new("RAW")}}}, "InvalidParameter"},
		"no role":           {api.ImportImageInput{RoleName: new("nobody"), DiskContainers: []api.ImageDiskContainer{at("raw", "RAW")}}, "InvalidParameter"},
		"no snapshot":       {api.ImportImageInput{DiskContainers: []api.ImageDiskContainer{{SnapshotId: new("snap-0123456789abcdef0")}}}, "InvalidSnapshot.NotFound"},
		"another processor": {api.ImportImageInput{Architecture: new("sparc"), DiskContainers: []api.ImageDiskContainer{at("raw", "RAW")}}, "InvalidParameter"},
		"no object":         {api.ImportImageInput{DiskContainers: []api.ImageDiskContainer{at("none", "RAW")}}, ""},
		"another format":    {api.ImportImageInput{DiskContainers: []api.ImageDiskContainer{at("raw", "VHD")}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if test.code != "" {
				if _, err := nodetest.Try(w, &api.ImportImage, &test.in); code(err) != test.code {
					t.Errorf("%v, want %s", err, test.code)
				}
				return
			}
			if task := imported(w, &test.in); *task.Status != "deleted" || !strings.HasPrefix(*task.StatusMessage, "ClientError") || task.ImageId != nil {
				t.Errorf("%s: %v", *task.Status, task.StatusMessage)
			}
		})
	}
	if _, err := nodetest.Try(w, &api.DescribeImportImageTasks, &api.DescribeImportImageTasksInput{ImportTaskIds: []string{"import-ami-0"}}); code(err) != "InvalidConversionTaskId" {
		t.Errorf("a task that is none: %v", err)
	}
}

// TestCancel ends tasks right after they began; one that was faster cannot be
// ended any more.
func TestCancel(t *testing.T) {
	w := studio(t)
	put(w, "raw", diskimage.RAW, rootMarks)
	began := nodetest.Do(w, &api.ImportImage, &api.ImportImageInput{DiskContainers: []api.ImageDiskContainer{at("raw", "RAW")}})
	if size := began.SnapshotDetails[0].DiskImageSize; size == nil || *size != 0 {
		t.Errorf("nothing was read of the disk, and its size is %v", size)
	}
	task := *began.ImportTaskId
	_, err := nodetest.Try(w, &api.CancelImportTask, &api.CancelImportTaskInput{ImportTaskId: &task, CancelReason: new("a mistake")})
	w.Drain()
	got := nodetest.Do(w, &api.DescribeImportImageTasks, &api.DescribeImportImageTasksInput{ImportTaskIds: []string{task}}).ImportImageTasks[0]
	if (err == nil) != (*got.Status == "deleted") || (err == nil) != (got.ImageId == nil) {
		t.Errorf("cancelled: %v; the task is %s, image %v", err, *got.Status, got.ImageId)
	}
	if _, err := nodetest.Try(w, &api.CancelImportTask, &api.CancelImportTaskInput{ImportTaskId: &task}); code(err) != "InvalidConversionTaskId" {
		t.Errorf("again: %v", err)
	}
	d := &api.SnapshotDiskContainer{UserBucket: &api.UserBucket{S3Bucket: new("disks"), S3Key: new("raw")}}
	snap := *nodetest.Do(w, &api.ImportSnapshot, &api.ImportSnapshotInput{DiskContainer: d}).ImportTaskId
	_, err = nodetest.Try(w, &api.CancelImportTask, &api.CancelImportTaskInput{ImportTaskId: &snap})
	w.Drain()
	status := *nodetest.Do(w, &api.DescribeImportSnapshotTasks, &api.DescribeImportSnapshotTasksInput{ImportTaskIds: []string{snap}}).ImportSnapshotTasks[0].SnapshotTaskDetail.Status
	if (err == nil) != (status == "deleted") {
		t.Errorf("import of a snapshot: %v, then %s", err, status)
	}
	if _, err := nodetest.Try(w, &api.CancelExportTask, &api.CancelExportTaskInput{ExportTaskId: "export-ami-0"}); code(err) != "InvalidExportTaskID.NotFound" {
		t.Errorf("an export that is none: %v", err)
	}
}

func TestStoreAndRestore(t *testing.T) {
	w := studio(t)
	id := importedImage(w)
	nodetest.Do(w, &api.CreateTags, &api.CreateTagsInput{Resources: []string{id}, Tags: []api.Tag{{Key: new("team"), Value: new("blue")}}})
	stored := nodetest.Do(w, &api.CreateStoreImageTask, &api.CreateStoreImageTaskInput{ImageId: id, Bucket: "disks", S3ObjectTags: []api.S3ObjectTag{{Key: new("a"), Value: new("b")}}})
	w.Drain()
	task := nodetest.Do(w, &api.DescribeStoreImageTasks, &api.DescribeStoreImageTasksInput{Filters: []api.Filter{{Name: new("bucket"), Values: []string{"disks"}}}}).StoreImageTaskResults
	if len(task) != 1 || *task[0].StoreTaskState != "Completed" || *task[0].AmiId != id || *task[0].S3objectKey != id+".bin" || *task[0].ProgressPercentage != 100 {
		t.Fatalf("%+v", task)
	}
	if tags := nodetest.Do(w, &s3.GetObjectTagging, &s3.GetObjectTaggingInput{Bucket: "disks", Key: *stored.ObjectKey}).TagSet; len(tags) != 1 || tags[0].Key != "a" {
		t.Errorf("tags of the object: %v", tags)
	}
	nodetest.Do(w, &api.DeregisterImage, &api.DeregisterImageInput{ImageId: id})
	restore := &api.CreateRestoreImageTaskInput{Bucket: "disks", ObjectKey: *stored.ObjectKey, Name: new("again")}
	again := *nodetest.Do(w, &api.CreateRestoreImageTask, restore).ImageId
	w.Drain()
	i := nodetest.Do(w, &api.DescribeImages, &api.DescribeImagesInput{ImageIds: []string{again}}).Images[0]
	if again == id || *i.State != "available" || *i.Name != "again" || len(i.Tags) != 1 || *i.Tags[0].Value != "blue" || len(i.BlockDeviceMappings) != 2 {
		t.Fatalf("%+v", i)
	}
	if _, err := nodetest.Try(w, &api.CreateRestoreImageTask, restore); code(err) != "InvalidAMIName.Duplicate" {
		t.Errorf("the same name again: %v", err)
	}
	out := nodetest.Do(w, &api.ExportImage, &api.ExportImageInput{ImageId: again, DiskImageFormat: "VHD", S3ExportLocation: api.ExportTaskS3LocationRequest{S3Bucket: "disks"}})
	w.Drain()
	holds(w, *out.ExportImageTaskId+".vhd", diskimage.VHD, rootMarks)
	holds(w, *out.ExportImageTaskId+"-disk2.vhd", diskimage.VHD, dataMarks)
	run := nodetest.Do(w, &api.RunInstances, &api.RunInstancesInput{ImageId: &again, InstanceType: new("t3.micro"), MinCount: 1, MaxCount: 1})
	w.Drain()
	if got := nodetest.Do(w, &api.DescribeInstances, &api.DescribeInstancesInput{InstanceIds: []string{*run.Instances[0].InstanceId}}).Reservations[0].Instances[0]; *got.State.Name != "running" {
		t.Errorf("an instance of it is %s", *got.State.Name)
	}
}

// TestStoreAsSomebody stores with the permissions of who asks.
func TestStoreAsSomebody(t *testing.T) {
	w := studio(t)
	id, _ := made(w, "mine")
	state := func() api.StoreImageTaskResult {
		w.Drain()
		return nodetest.Do(w, &api.DescribeStoreImageTasks, &api.DescribeStoreImageTasksInput{ImageIds: []string{id}}).StoreImageTaskResults[0]
	}
	store := &api.CreateStoreImageTaskInput{ImageId: id, Bucket: "disks"}
	if _, err := api.CreateStoreImageTask.Call(w.As(w.User("poor", nodetest.Allow("ec2:CreateStoreImageTask"))), store); err != nil {
		t.Fatal(err)
	}
	if s := state(); *s.StoreTaskState != "Failed" || s.StoreTaskFailureReason == nil {
		t.Errorf("without permission to write: %+v", s)
	}
	if _, err := api.CreateStoreImageTask.Call(w.As(w.User("rich", nodetest.Allow("ec2:CreateStoreImageTask", "s3:PutObject"))), store); err != nil {
		t.Fatal(err)
	}
	if s := state(); *s.StoreTaskState != "Completed" {
		t.Errorf("with permission to write: %+v", s)
	}
	if _, err := nodetest.Try(w, &api.CreateRestoreImageTask, &api.CreateRestoreImageTaskInput{Bucket: "disks", ObjectKey: "none"}); code(err) != "NoSuchKey" {
		t.Errorf("no object: %v", err)
	}
	put(w, "raw", diskimage.RAW, rootMarks)
	if _, err := nodetest.Try(w, &api.CreateRestoreImageTask, &api.CreateRestoreImageTaskInput{Bucket: "disks", ObjectKey: "raw"}); code(err) != "InvalidParameterValue" {
		t.Errorf("another object: %v", err)
	}
	restored := *nodetest.Do(w, &api.CreateRestoreImageTask, &api.CreateRestoreImageTaskInput{Bucket: "disks", ObjectKey: id + ".bin", Name: new("second")}).ImageId
	w.Drain()
	if i := nodetest.Do(w, &api.DescribeImages, &api.DescribeImagesInput{ImageIds: []string{restored}}).Images[0]; *i.State != "available" {
		t.Errorf("restored: %s", *i.State)
	}
}

func TestFastLaunch(t *testing.T) {
	w := studio(t)
	put(w, "raw", diskimage.RAW, rootMarks)
	id := *imported(w, &api.ImportImageInput{Platform: new("Windows"), DiskContainers: []api.ImageDiskContainer{at("raw", "RAW")}}).ImageId
	linux, _ := made(w, "linux")
	enable := func(id string, parallel int32) error {
		_, err := nodetest.Try(w, &api.EnableFastLaunch, &api.EnableFastLaunchInput{ImageId: id, MaxParallelLaunches: &parallel})
		return err
	}
	for want, err := range map[string]error{"UnsupportedOperation": enable(linux, 6), "InvalidParameterValue": enable(id, 5), "none": enable(id, 7)} {
		if code(err) != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	states := func() (list []string) {
		for _, f := range nodetest.Do(w, &api.DescribeFastLaunchImages, &api.DescribeFastLaunchImagesInput{}).FastLaunchImages {
			list = append(list, *f.ImageId+" "+*f.State)
		}
		return list
	}
	if s := states(); len(s) != 1 || s[0] != id+" enabling" {
		t.Errorf("%v", s)
	}
	w.Advance(time.Minute)
	if s := states(); len(s) != 1 || s[0] != id+" enabled" {
		t.Errorf("%v", s)
	}
	nodetest.Do(w, &api.DisableFastLaunch, &api.DisableFastLaunchInput{ImageId: id})
	w.Advance(time.Minute)
	if s := states(); len(s) != 0 {
		t.Errorf("%v", s)
	}
	if _, err := nodetest.Try(w, &api.DisableFastLaunch, &api.DisableFastLaunchInput{ImageId: id}); code(err) != "InvalidParameterValue" {
		t.Errorf("again: %v", err)
	}
}

package image

import (
	"io"
	"net/url"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/bucket"
	"pileus/service/ec2/resource"
	"pileus/store"
)

const (
	storeActive    = "InProgress"
	storeCompleted = "Completed"
	storeFailed    = "Failed"

	storePrefix = "store-" // of the id of a task, before that of its image
	storeKept   = 31 * 24 * time.Hour
)

// createStoreImageTask writes an image to a bucket, as one object from which
// it can be made again. It is written with the permissions of who asked.
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ami-store-restore.html
func createStoreImageTask(c *cloud.Call, tx store.Tx, in *api.CreateStoreImageTaskInput) (*api.CreateStoreImageTaskOutput, error) {
	i, err := own(c, tx, in.ImageId)
	if err != nil {
		return nil, err
	}
	if state, _ := i.state(c, tx); state != api.ImageStateAvailable {
		return nil, resource.Errorf("InvalidAMIID.Unavailable", "The image ID '%s' is not available: it is %s", i.ID, state)
	}
	t := &task{
		Account: c.Account, Region: c.Region, ID: storePrefix + i.ID, Kind: storing, Image: i.ID, Bucket: in.Bucket, Key: i.ID + ".bin",
		Who: c.Principal, Status: storeActive, Started: c.Now, ObjectTags: map[string]string{},
	}
	for _, tag := range in.S3ObjectTags {
		t.ObjectTags[cloud.Or(tag.Key, "")] = cloud.Or(tag.Value, "")
	}
	if old, ok := tasks.Get(tx, t.key()...); ok && old.Status == storeActive {
		return nil, resource.Errorf("IncorrectState", "The image '%s' is being stored already", i.ID)
	}
	t.begin(tx)
	return &api.CreateStoreImageTaskOutput{ObjectKey: &t.Key}, nil
}

// performStore writes the object.
func (s *Room) performStore(c *cloud.Call, t *task) error {
	i, err := s.whole(c, t.Image)
	if err != nil {
		return err
	}
	tags := url.Values{}
	for k, v := range t.ObjectTags {
		tags.Set(k, v)
	}
	err = bucket.Upload(c.As(t.Who), t.Bucket, t.Key, tags, func(w io.Writer) error { return s.pack(c, i, w) })
	if err != nil {
		return err
	}
	return t.settle(c, func(_ store.Tx, now *task) error {
		now.Status, now.Message, now.Progress = storeCompleted, "", 100
		return nil
	})
}

func describeStoreImageTasks(c *cloud.Call, r store.Reader, in *api.DescribeStoreImageTasksInput) (*api.DescribeStoreImageTasksOutput, error) {
	recent := func(yield func(*task) bool) {
		for t := range ofKind(c, r, storing) {
			if c.Now.Sub(t.Started) < storeKept && !yield(t) {
				return
			}
		}
	}
	page, next, err := resource.List(c, r, resource.Query{
		IDs: in.ImageIds, Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, Least: 1, Most: 200, NotFound: errNotFound,
	}, recent, func(t *task) string { return t.Image }, resource.Fields[task]{
		"task-state": resource.One(func(t *task) string { return t.Status }),
		"bucket":     resource.One(func(t *task) string { return t.Bucket }),
	})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeStoreImageTasksOutput{StoreImageTaskResults: []api.StoreImageTaskResult{}, NextToken: next}
	for _, t := range page {
		out.StoreImageTaskResults = append(out.StoreImageTaskResults, api.StoreImageTaskResult{
			AmiId: &t.Image, TaskStartTime: &t.Started, Bucket: &t.Bucket, S3objectKey: &t.Key, ProgressPercentage: &t.Progress,
			StoreTaskState: &t.Status, StoreTaskFailureReason: optional(t.Message),
		})
	}
	return out, nil
}

package s3

import (
	"strings"
	"unicode/utf8"

	"pileus/cloud"
	"pileus/store"

	api "pileus/api/s3"
)

// maxBucketTags is the limit of a bucket's tags.
const maxBucketTags = 50

func getBucketTagging(c *cloud.Call, r store.Reader, in *api.GetBucketTaggingInput) (*api.GetBucketTaggingOutput, error) {
	b, err := findBucket(r, in.Bucket)
	if err != nil {
		return nil, err
	}
	if len(b.Tags) == 0 {
		return nil, missing(api.ErrNoSuchTagSet, b, "The TagSet does not exist")
	}
	return &api.GetBucketTaggingOutput{TagSet: b.Tags}, nil
}

func putBucketTagging(c *cloud.Call, tx store.Tx, in *api.PutBucketTaggingInput) (*cloud.Empty, error) {
	return configure(tx, in.Bucket, func(b *Bucket) error {
		if err := checkBucketTags(in.Tagging.TagSet); err != nil {
			return err
		}
		b.Tags = in.Tagging.TagSet
		return nil
	})
}

func deleteBucketTagging(c *cloud.Call, tx store.Tx, in *api.DeleteBucketTaggingInput) (*cloud.Empty, error) {
	return configure(tx, in.Bucket, func(b *Bucket) error {
		b.Tags = nil
		return nil
	})
}

// checkBucketTags holds a bucket's tags to AWS's rules.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/CostAllocTagging.html
func checkBucketTags(tags []api.Tag) error {
	if len(tags) > maxBucketTags {
		return cloud.Errorf(400, "BadRequest", "Bucket tag count cannot be greater than %d", maxBucketTags)
	}
	seen := make(map[string]bool, len(tags))
	for _, t := range tags {
		switch {
		case t.Key == "" || utf8.RuneCountInString(t.Key) > 128:
			return errTagKey.With("TagKey", t.Key)
		case utf8.RuneCountInString(t.Value) > 256:
			return errTagValue.With("TagKey", t.Key).With("TagValue", t.Value)
		case strings.HasPrefix(strings.ToLower(t.Key), "aws:"):
			return api.ErrInvalidTag.New("System tags cannot be added/updated by requester").With("TagKey", t.Key)
		case seen[t.Key]:
			return errTagTwice.With("TagKey", t.Key)
		}
		seen[t.Key] = true
	}
	return nil
}

func getBucketAbac(c *cloud.Call, r store.Reader, in *api.GetBucketAbacInput) (*api.GetBucketAbacOutput, error) {
	b, err := findBucket(r, in.Bucket)
	if err != nil {
		return nil, err
	}
	status := "Disabled"
	if b.Abac != "" {
		status = b.Abac
	}
	return &api.GetBucketAbacOutput{AbacStatus: &api.AbacStatus{Status: &status}}, nil
}

func putBucketAbac(c *cloud.Call, tx store.Tx, in *api.PutBucketAbacInput) (*cloud.Empty, error) {
	return configure(tx, in.Bucket, func(b *Bucket) error {
		status := cloud.Or(in.AbacStatus.Status, "")
		if !oneOf(status, "Enabled", "Disabled") {
			return errMalformedXML
		}
		b.Abac = status
		return nil
	})
}

func apiTag(key, value string) api.Tag { return api.Tag{Key: key, Value: value} }

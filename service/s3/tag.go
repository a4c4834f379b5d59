package s3

import (
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"pileus/cloud"
	"pileus/store"

	api "pileus/api/s3"
)

// readTagHeader reads x-amz-tagging: tags as a query string.
func readTagHeader(header *string) (map[string]string, error) {
	if header == nil || *header == "" {
		return nil, nil
	}
	malformed := errArgument("x-amz-tagging", *header, "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.")
	q, err := url.ParseQuery(*header)
	if err != nil {
		return nil, malformed
	}
	tags := make([]api.Tag, 0, len(q))
	for key, values := range q {
		if len(values) > 1 {
			return nil, malformed
		}
		tags = append(tags, api.Tag{Key: key, Value: values[0]})
	}
	return readTags(tags)
}

// readTags checks an object's tag set.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html
func readTags(tags []api.Tag) (map[string]string, error) {
	if len(tags) > maxTags {
		return nil, errTooManyTags
	}
	m := make(map[string]string, len(tags))
	for _, t := range tags {
		if _, twice := m[t.Key]; twice {
			return nil, errTagTwice.With("TagKey", t.Key)
		}
		if n := utf8.RuneCountInString(t.Key); n == 0 || n > 128 || !tagText(t.Key) || strings.HasPrefix(strings.ToLower(t.Key), "aws:") {
			return nil, errTagKey.With("TagKey", t.Key)
		}
		if utf8.RuneCountInString(t.Value) > 256 || !tagText(t.Value) {
			return nil, errTagValue.With("TagKey", t.Key).With("TagValue", t.Value)
		}
		m[t.Key] = t.Value
	}
	return m, nil
}

// tagText tells whether s has only what tags may have.
func tagText(s string) bool {
	for _, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsSpace(r) && !strings.ContainsRune("+-=._:/@", r) {
			return false
		}
	}
	return true
}

// tagSet is tags as answers show them, in order of their keys.
func tagSet(m map[string]string) []api.Tag {
	set := make([]api.Tag, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		set = append(set, api.Tag{Key: k, Value: m[k]})
	}
	return set
}

func getObjectTagging(c *cloud.Call, r store.Reader, in *api.GetObjectTaggingInput) (*api.GetObjectTaggingOutput, error) {
	b, o, err := findIn(c, r, in.Bucket, in.Key, in.VersionId, "GET")
	if err != nil {
		return nil, err
	}
	return &api.GetObjectTaggingOutput{TagSet: tagSet(o.Tags), VersionId: versionAnswer(b, o)}, nil
}

func putObjectTagging(c *cloud.Call, tx store.Tx, in *api.PutObjectTaggingInput) (*api.PutObjectTaggingOutput, error) {
	b, o, err := findIn(c, tx, in.Bucket, in.Key, in.VersionId, "PUT")
	if err != nil {
		return nil, err
	}
	changed := *o
	if changed.Tags, err = readTags(in.Tagging.TagSet); err != nil {
		return nil, err
	}
	updateVersion(tx, &changed)
	emitEvent(c, tx, b, &changed, eventTaggingPut)
	return &api.PutObjectTaggingOutput{VersionId: versionAnswer(b, o)}, nil
}

func deleteObjectTagging(c *cloud.Call, tx store.Tx, in *api.DeleteObjectTaggingInput) (*api.DeleteObjectTaggingOutput, error) {
	b, o, err := findIn(c, tx, in.Bucket, in.Key, in.VersionId, "DELETE")
	if err != nil {
		return nil, err
	}
	changed := *o
	changed.Tags = nil
	updateVersion(tx, &changed)
	emitEvent(c, tx, b, &changed, eventTaggingDelete)
	return &api.DeleteObjectTaggingOutput{VersionId: versionAnswer(b, o)}, nil
}

package s3

import (
	"regexp"
	"strings"

	"pileus/cloud"
	"pileus/store"

	api "pileus/api/s3"
)

// maxConfigs is how many configurations of one kind a bucket can have; a page
// of a list holds a hundred.
const (
	maxConfigs = 1000
	configPage = 100
)

var configID = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,64}$`)

func errNoConfig(b *Bucket) *cloud.Error {
	return missing(api.ErrNoSuchConfiguration, b, "The specified configuration does not exist.")
}

// checkConfigID holds an id to its form and to the one in the query.
func checkConfigID(id, query string, list int, exists bool) error {
	if !configID.MatchString(id) {
		return api.ErrInvalidArgument.New("Invalid configuration id: ids have 1 to 64 letters, digits, dots, hyphens and underscores.").With("ArgumentName", "Id").With("ArgumentValue", id)
	}
	if id != query {
		return errMalformedXML
	}
	if list >= maxConfigs && !exists {
		return cloud.Errorf(400, "TooManyConfigurations", "You are attempting to create a new configuration but have already reached the %d-configuration limit.", maxConfigs)
	}
	return nil
}

// putConfig adds or replaces a configuration that has an id.
func putConfig[T any](list []T, v T, query string, id func(T) string) ([]T, error) {
	_, exists := findID(list, id(v), id)
	if err := checkConfigID(id(v), query, len(list), exists); err != nil {
		return nil, err
	}
	return withID(list, v, id), nil
}

// pageOf is the part of the list after token, and the token of the next one.
func pageOf[T any](list []T, token *string, id func(T) string) (page []T, next *string) {
	from := 0
	for token != nil && from < len(list) && id(list[from]) <= *token {
		from++
	}
	page = list[from:]
	if len(page) > configPage {
		page = page[:configPage]
		next = new(id(page[configPage-1]))
	}
	return page, next
}

// checkConfigFilter holds the filter of analytics, metrics and tiering
// configurations to its form: one condition, or several under And.
func checkConfigFilter(conditions int, and bool, andConditions int, tags []api.Tag) error {
	if conditions != 1 || and && andConditions < 2 {
		return errMalformedXML
	}
	for _, t := range tags {
		if t.Key == "" || strings.HasPrefix(strings.ToLower(t.Key), "aws:") {
			return errTagKey
		}
	}
	return nil
}

// findReportBucket is the bucket that a report's destination names by ARN.
func findReportBucket(r store.Reader, arn string) (*Bucket, error) {
	a, ok := cloud.ParseARN(arn)
	if !ok || a.Service != "s3" || strings.Contains(a.Resource, "/") {
		return nil, errArgument("Bucket", arn, "Invalid bucket ARN.")
	}
	b, ok := buckets.Get(r, a.Resource)
	if !ok {
		return nil, errNoSuchBucket(a.Resource)
	}
	return b, nil
}

package resource_test

import (
	"errors"
	"testing"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/node/nodetest"
	"pileus/service/ec2/resource"
)

// TestPagesAreRefused in AWS's words, which are those of a minimum though it is
// allowed itself.
func TestPagesAreRefused(t *testing.T) {
	w := nodetest.New(t, resource.Module())
	for want, in := range map[string]*api.DescribeTagsInput{
		"Value ( 1 ) for parameter maxResults is invalid. Expecting a value greater than 5.": {MaxResults: new(int32(1))},
		"Value (abc) for parameter nextToken is invalid.":                                    {NextToken: new("abc")},
	} {
		_, err := nodetest.Try(w, &api.DescribeTags, in)
		var e *cloud.Error
		if !errors.As(err, &e) || e.Code != "InvalidParameterValue" || e.Message != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	nodetest.Do(w, &api.DescribeTags, &api.DescribeTagsInput{MaxResults: new(int32(5))})
}

package s3_test

import (
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// The accelerate endpoint serves the buckets that have it enabled.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/transfer-acceleration-getting-started.html
func TestAccelerateEndpoint(t *testing.T) {
	s := newStage(t)
	b := s.open("fast")
	s.publish(b)
	s.put(b, "key", "content")
	for _, step := range []struct {
		status types.BucketAccelerateStatus
		code   int
		says   string
	}{
		{"", 400, "S3 Transfer Acceleration is not configured on this bucket"},
		{types.BucketAccelerateStatusEnabled, 200, "content"},
		{types.BucketAccelerateStatusSuspended, 400, "S3 Transfer Acceleration is disabled on this bucket"},
	} {
		if step.status != "" {
			must(t)(s.PutBucketAccelerateConfiguration(t.Context(), &sdk.PutBucketAccelerateConfigurationInput{Bucket: &b,
				AccelerateConfiguration: &types.AccelerateConfiguration{Status: step.status}}))
		}
		for _, host := range []string{"fast.s3-accelerate.amazonaws.com", "fast.s3-accelerate.dualstack.amazonaws.com"} {
			if res, body := s.fetch("GET", host, "/key"); res.StatusCode != step.code || !strings.Contains(body, step.says) {
				t.Errorf("%s, acceleration %q: %d %s", host, step.status, res.StatusCode, body)
			}
		}
	}
}

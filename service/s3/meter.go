package s3

import "pileus/cloud"

// The request classes of S3's price list.
// https://aws.amazon.com/s3/pricing/ (requests and data retrievals)
const (
	tier1 = "Requests-Tier1" // PUT, COPY, POST, LIST
	tier2 = "Requests-Tier2" // GET and all others
)

// meter counts one request to a bucket. Who pays is the bucket's account,
// unless requesters do. DELETE and CANCEL are free and not counted.
func meter(c *cloud.Call, b *Bucket, operation, class string) {
	meterUsage(c, b, operation, class, 1)
}

// meterOut counts the bytes that leave the cloud with an answer.
func meterOut(c *cloud.Call, b *Bucket, operation string, bytes int64) {
	if c.HTTP != nil && bytes > 0 {
		meterUsage(c, b, operation, "DataTransfer-Out-Bytes", float64(bytes)/(1<<30))
	}
}

func meterUsage(c *cloud.Call, b *Bucket, operation, kind string, quantity float64) {
	account := b.Account
	if b.RequestPayer == "Requester" && c.Principal.Account != "" {
		account = c.Principal.Account
	}
	c.Cloud.Meter(cloud.Usage{Account: account, Region: b.Region, Service: "AmazonS3", Type: kind,
		Operation: operation, Resource: b.Name, Quantity: quantity, Tags: tagMapOf(b)})
}

// tagMapOf is the bucket's tags for cost allocation; nil for most.
func tagMapOf(b *Bucket) map[string]string {
	if len(b.Tags) == 0 {
		return nil
	}
	return tagMap(b.Tags)
}

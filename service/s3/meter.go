package s3

import (
	"strings"

	"pileus/cloud"
	"pileus/store"
)

// The request classes of S3's price list.
// https://aws.amazon.com/s3/pricing/ (requests and data retrievals)
const (
	tier1 = "Tier1" // PUT, COPY, POST, LIST
	tier2 = "Tier2" // GET and all others
)

// meter counts one request to a bucket. Who pays is the bucket's account,
// unless requesters do. DELETE and CANCEL are free and not counted.
func meter(c *cloud.Call, b *Bucket, operation, tier string) {
	meterUsage(c, b, operation, "Requests-"+tier, 1)
}

// billed has the requests of operations counted that do not count themselves:
// PUT and LIST in the first tier, GET in the second, DELETE in none.
func billed(list []cloud.Binding) []cloud.Binding {
	for i, b := range list {
		name, tier := b.Op.Name, ""
		switch {
		case strings.HasPrefix(name, "Put"), strings.HasPrefix(name, "List"):
			tier = tier1
		case strings.HasPrefix(name, "Get"):
			tier = tier2
		default:
			continue
		}
		list[i] = b.Then(func(c *cloud.Call, r store.Reader, in any) func() {
			bucket, _ := named(in)
			b, err := findBucket(r, bucket)
			if err != nil {
				return func() {} // it went meanwhile
			}
			return func() { meter(c, b, name, tier) }
		})
	}
	return list
}

// transitions are how lifecycle's moves into a storage class are called in
// bills, by tier of requests.
var transitions = map[string]struct{ operation, tier string }{
	"GLACIER":             {"S3-GlacierTransition", "Tier3"},
	"DEEP_ARCHIVE":        {"S3-GDATransition", "Tier3"},
	"GLACIER_IR":          {"S3-GIRTransition", "Tier4"},
	"INTELLIGENT_TIERING": {"S3-INTTransition", "Tier4"},
	"STANDARD_IA":         {"S3-SIATransition", "Tier4"},
	"ONEZONE_IA":          {"S3-ZIATransition", "Tier4"},
}

// restoreTiers are the tiers of requests that ask for an archived object.
var restoreTiers = map[string]string{"Standard": "Tier3", "Bulk": "Tier5", "Expedited": "Tier6"}

// meterRestore counts a request for a retrieval, and what it retrieves.
func meterRestore(c *cloud.Call, b *Bucket, o *Object, tier string) {
	operation, kind := "RestoreObject", "Requests-"
	if o.Class == "DEEP_ARCHIVE" {
		operation, kind = "DeepArchiveRestoreObject", "Requests-GDA-"
	}
	meterUsage(c, b, operation, kind+restoreTiers[tier], 1)
	meterUsage(c, b, operation, tier+"-Retrieval-Bytes", float64(o.Size)/gib)
}

// meterObject counts a request that writes or reads an object of a storage
// class, which have prices of their own.
func meterObject(c *cloud.Call, b *Bucket, o *Object, operation, tier string) {
	kind := "Requests-" + tier
	if p, ok := classes[o.Class]; ok && p.requests != "" {
		kind = p.requests + tier
	}
	meterUsage(c, b, operation, kind, 1)
}

// meterOut counts the bytes of an object that leave the cloud with an answer,
// and what it costs to retrieve them.
func meterOut(c *cloud.Call, b *Bucket, o *Object, operation string, bytes int64) {
	if bytes == 0 {
		return
	}
	if p, ok := classes[o.Class]; ok && p.retrieval != "" {
		meterUsage(c, b, operation, p.retrieval, float64(bytes)/gib)
	}
	if c.HTTP != nil {
		meterUsage(c, b, operation, "DataTransfer-Out-Bytes", float64(bytes)/gib)
	}
}

func meterUsage(c *cloud.Call, b *Bucket, operation, kind string, quantity float64) {
	account := b.Account
	if b.RequestPayer == "Requester" && c.Principal.Account != "" {
		account = c.Principal.Account
	}
	c.Cloud.Meter(b.usage(account, operation, kind, quantity))
}

func (b *Bucket) usage(account, operation, kind string, quantity float64) cloud.Usage {
	return cloud.Usage{Account: account, Region: b.Region, Service: "AmazonS3", Type: kind,
		Operation: operation, Resource: b.ARN(), Quantity: quantity, Tags: b.costTags()}
}

// costTags are the bucket's tags for cost allocation; nil for most.
func (b *Bucket) costTags() map[string]string {
	if len(b.Tags) == 0 {
		return nil
	}
	return tagMap(b.Tags)
}

// meterDropped counts what remains of a storage class's minimum duration when
// a version goes before its time.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-class-intro.html#sc-compare
func meterDropped(c *cloud.Call, tx store.Tx, o *Object) {
	p, ok := classes[o.Class]
	if !ok || p.minimumDays == 0 || o.Marker {
		return
	}
	left := o.Modified.AddDate(0, 0, p.minimumDays).Sub(c.Now).Hours()
	b, found := buckets.Get(tx, o.Bucket)
	if left <= 0 || !found {
		return
	}
	size, small := p.billed(o.Size)
	tx.OnCommit(func() {
		c.Cloud.Meter(b.usage(b.Account, "DeleteObject", p.earlyDelete, float64(size)*left))
		if small > 0 {
			c.Cloud.Meter(b.usage(b.Account, "DeleteObject", p.earlyDelete+"-SmObjects", float64(small)*left))
		}
	})
}

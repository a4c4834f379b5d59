package s3

import (
	"iter"

	"pileus/cloud"
	"pileus/store"
)

const (
	gib         = 1 << 30
	smallObject = 128 << 10 // bytes that the infrequent classes bill at least
)

// classPrice is how usage of a storage class is called in bills.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/aws-usage-report-understand.html
type classPrice struct {
	storage, small string // types of storage; small is what is missing to 128 KiB
	requests       string // type of requests up to the tier; "" as for STANDARD
	retrieval      string // type of bytes read; "" is free
	earlyDelete    string
	minimumDays    int
}

var classes = map[string]classPrice{
	"":                    {storage: "TimedStorage-ByteHrs"},
	"REDUCED_REDUNDANCY":  {storage: "TimedStorage-RRS-ByteHrs"},
	"STANDARD_IA":         {"TimedStorage-SIA-ByteHrs", "TimedStorage-SIA-SmObjects", "Requests-SIA-", "Retrieval-SIA", "EarlyDelete-SIA", 30},
	"ONEZONE_IA":          {"TimedStorage-ZIA-ByteHrs", "TimedStorage-ZIA-SmObjects", "Requests-ZIA-", "Retrieval-ZIA", "EarlyDelete-ZIA", 30},
	"INTELLIGENT_TIERING": {storage: "TimedStorage-INT-FA-ByteHrs", requests: "Requests-INT-"},
	"GLACIER_IR":          {"TimedStorage-GIR-ByteHrs", "TimedStorage-GIR-SmObjects", "Requests-GIR-", "Retrieval-GIR", "EarlyDelete-GIR", 90},
	"GLACIER":             {storage: "TimedStorage-GlacierByteHrs", requests: "Requests-GLACIER-", earlyDelete: "EarlyDelete-ByteHrs", minimumDays: 90},
	"DEEP_ARCHIVE":        {storage: "TimedStorage-GDA-ByteHrs", requests: "Requests-GDA-", earlyDelete: "EarlyDelete-GDA", minimumDays: 180},
}

// billed is the size in bytes, and what a class that bills 128 KiB at least
// adds to it.
func (p classPrice) billed(size int64) (bytes, small int64) {
	if p.small != "" && size < smallObject {
		small = smallObject - size
	}
	return size, small
}

// stored yields the bytes that each bucket holds in each storage class: of all
// versions, and of the parts of uploads under way.
func stored(r store.Reader) iter.Seq[cloud.Usage] {
	return func(yield func(cloud.Usage) bool) {
		for b := range buckets.Scan(r) {
			for kind, bytes := range b.stored(r) {
				if bytes > 0 && !yield(b.usage(b.Account, "StandardStorage", kind, float64(bytes))) {
					return
				}
			}
		}
	}
}

// stored is the bucket's bytes by type of storage.
func (b *Bucket) stored(r store.Reader) map[string]int64 {
	levels := map[string]int64{}
	add := func(o *Object) {
		p, ok := classes[o.Class]
		if !ok || o.Marker {
			return
		}
		size, small := p.billed(o.Size)
		levels[p.storage] += size
		levels[p.small] += small
	}
	for o := range objects.Scan(r, b.Name) {
		add(o)
	}
	for o := range versions.Scan(r, b.Name) {
		add(o)
	}
	for p := range uploadParts.Scan(r, b.Name) {
		levels[classes[""].storage] += p.Size
	}
	delete(levels, "")
	return levels
}

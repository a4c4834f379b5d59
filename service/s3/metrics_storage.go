package s3

import (
	"iter"
	"sync"
	"time"

	"pileus/cloud"
	"pileus/store"
)

// storageTypes are how metrics call what bills call types of storage.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-dimensions.html
var storageTypes = map[string]string{
	"TimedStorage-ByteHrs": "StandardStorage", "TimedStorage-RRS-ByteHrs": "ReducedRedundancyStorage",
	"TimedStorage-SIA-ByteHrs": "StandardIAStorage", "TimedStorage-SIA-SmObjects": "StandardIASizeOverhead",
	"TimedStorage-ZIA-ByteHrs": "OneZoneIAStorage", "TimedStorage-ZIA-SmObjects": "OneZoneIASizeOverhead",
	"TimedStorage-INT-FA-ByteHrs": "IntelligentTieringFAStorage",
	"TimedStorage-GIR-ByteHrs":    "GlacierIRStorage", "TimedStorage-GIR-SmObjects": "GlacierIRSizeOverhead",
	"TimedStorage-GlacierByteHrs": "GlacierStorage", "TimedStorage-GDA-ByteHrs": "DeepArchiveStorage",
	"TimedStorage-XZ-ByteHrs": "ExpressOneZoneStorage",
}

// publisher publishes the metrics of buckets: of storage once a day, of
// requests each minute. It remembers of which day it has published.
type publisher struct {
	mu  sync.Mutex
	day time.Time
}

func (p *publisher) metrics(c *cloud.Call) iter.Seq[cloud.Metric] {
	return func(yield func(cloud.Metric) bool) {
		for m := range requestMetrics(c) {
			if !yield(m) {
				return
			}
		}
		if day, ok := p.next(c.Now); ok {
			storageMetrics(c, day, yield)
		}
	}
}

// next is the day to publish storage of, if one has ended: the first minute of
// a day tells of the one before.
func (p *publisher) next(now time.Time) (day time.Time, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	today := now.UTC().Truncate(24 * time.Hour)
	ok = today.After(p.day) && (!p.day.IsZero() || now.Sub(today) < time.Minute)
	p.day = today
	return today.Add(-24 * time.Hour), ok
}

// storageMetrics yields what buckets hold.
func storageMetrics(c *cloud.Call, day time.Time, yield func(cloud.Metric) bool) {
	// An error leaves the day out, as AWS does where it cannot tell.
	_ = c.View(func(r store.Reader) error {
		for b := range buckets.Scan(r) {
			if !b.storageMetrics(r, day, yield) {
				return nil
			}
		}
		return nil
	})
}

func (b *Bucket) storageMetrics(r store.Reader, day time.Time, yield func(cloud.Metric) bool) bool {
	sum := Level{Bytes: map[string]int64{}}
	for l := range levels.Scan(r, b.Name) {
		for kind, n := range l.Bytes {
			sum.add(kind, n)
		}
	}
	put := func(name, unit, kind string, v float64) bool {
		return yield(cloud.Metric{
			Account: b.Account, Region: b.Region, Namespace: "AWS/S3", Name: name, Unit: unit, At: day, Values: []float64{v},
			Dimensions: []cloud.Dimension{{Name: "BucketName", Value: b.Name}, {Name: "StorageType", Value: kind}},
		})
	}
	for kind, bytes := range sum.Bytes {
		if bytes > 0 && !put("BucketSizeBytes", "Bytes", storageTypes[kind], float64(bytes)) {
			return false
		}
	}
	// Versions, delete markers and parts of uploads under way count as well.
	n := objects.Count(r, b.Name) + versions.Count(r, b.Name) + uploadParts.Count(r, b.Name)
	return put("NumberOfObjects", "Count", "AllStorageTypes", float64(n))
}

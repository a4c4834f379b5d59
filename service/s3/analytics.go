package s3

import (
	"time"

	"pileus/cloud"
	"pileus/store"

	api "pileus/api/s3"
)

func analyticsID(a api.AnalyticsConfiguration) string { return a.Id }

func getBucketAnalyticsConfiguration(c *cloud.Call, r store.Reader, in *api.GetBucketAnalyticsConfigurationInput) (*api.GetBucketAnalyticsConfigurationOutput, error) {
	b, err := findBucket(r, in.Bucket)
	if err != nil {
		return nil, err
	}
	a, ok := findID(b.Analytics, in.Id, analyticsID)
	if !ok {
		return nil, errNoConfig(b)
	}
	return &api.GetBucketAnalyticsConfigurationOutput{AnalyticsConfiguration: a}, nil
}

func putBucketAnalyticsConfiguration(c *cloud.Call, tx store.Tx, in *api.PutBucketAnalyticsConfigurationInput) (*cloud.Empty, error) {
	return configure(tx, in.Bucket, func(b *Bucket) (err error) {
		a := in.AnalyticsConfiguration
		if f := a.Filter; f != nil {
			and := f.And != nil
			n, tags := 0, []api.Tag(nil)
			if and {
				n, tags = trues(f.And.Prefix != nil)+len(f.And.Tags), f.And.Tags
			}
			if err := checkConfigFilter(trues(f.Prefix != nil, f.Tag != nil, and), and, n, tags); err != nil {
				return err
			}
		}
		if export := a.StorageClassAnalysis.DataExport; export != nil {
			to := export.Destination.S3BucketDestination
			if export.OutputSchemaVersion != "V_1" || to.Format != "CSV" {
				return errMalformedXML
			}
			if _, err := findReportBucket(tx, to.Bucket); err != nil {
				return err
			}
			tx.After(nextMidnight(c.Now.Add(time.Nanosecond)), analyticsController, store.K(b.Name, a.Id))
		}
		b.Analytics, err = putConfig(b.Analytics, a, in.Id, analyticsID)
		return err
	})
}

func deleteBucketAnalyticsConfiguration(c *cloud.Call, tx store.Tx, in *api.DeleteBucketAnalyticsConfigurationInput) (*cloud.Empty, error) {
	return configure(tx, in.Bucket, func(b *Bucket) error {
		list, ok := withoutID(b.Analytics, in.Id, analyticsID)
		if !ok {
			return errNoConfig(b)
		}
		b.Analytics = list
		readCounts.DeleteAll(tx, b.Name, in.Id)
		return nil
	})
}

func listBucketAnalyticsConfigurations(c *cloud.Call, r store.Reader, in *api.ListBucketAnalyticsConfigurationsInput) (*api.ListBucketAnalyticsConfigurationsOutput, error) {
	b, err := findBucket(r, in.Bucket)
	if err != nil {
		return nil, err
	}
	page, next := pageOf(b.Analytics, in.ContinuationToken, analyticsID)
	return &api.ListBucketAnalyticsConfigurationsOutput{
		AnalyticsConfigurationList: page, ContinuationToken: in.ContinuationToken, NextContinuationToken: next, IsTruncated: new(next != nil),
	}, nil
}

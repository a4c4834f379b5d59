package s3

import (
	"pileus/cloud"
	"pileus/store"

	api "pileus/api/s3"
)

func metricsID(m api.MetricsConfiguration) string { return m.Id }

func getBucketMetricsConfiguration(c *cloud.Call, r store.Reader, in *api.GetBucketMetricsConfigurationInput) (*api.GetBucketMetricsConfigurationOutput, error) {
	b, err := findBucket(r, in.Bucket)
	if err != nil {
		return nil, err
	}
	m, ok := findID(b.Metrics, in.Id, metricsID)
	if !ok {
		return nil, errNoConfig(b)
	}
	return &api.GetBucketMetricsConfigurationOutput{MetricsConfiguration: m}, nil
}

func putBucketMetricsConfiguration(c *cloud.Call, tx store.Tx, in *api.PutBucketMetricsConfigurationInput) (*cloud.Empty, error) {
	return configure(tx, in.Bucket, func(b *Bucket) (err error) {
		m := in.MetricsConfiguration
		if f := m.Filter; f != nil {
			and := f.And != nil
			n, tags := 0, []api.Tag(nil)
			if and {
				n, tags = trues(f.And.Prefix != nil, f.And.AccessPointArn != nil)+len(f.And.Tags), f.And.Tags
			}
			if err := checkConfigFilter(trues(f.Prefix != nil, f.Tag != nil, f.AccessPointArn != nil, and), and, n, tags); err != nil {
				return err
			}
		}
		b.Metrics, err = putConfig(b.Metrics, m, in.Id, metricsID)
		return err
	})
}

func deleteBucketMetricsConfiguration(c *cloud.Call, tx store.Tx, in *api.DeleteBucketMetricsConfigurationInput) (*cloud.Empty, error) {
	return configure(tx, in.Bucket, func(b *Bucket) error {
		list, ok := withoutID(b.Metrics, in.Id, metricsID)
		if !ok {
			return errNoConfig(b)
		}
		b.Metrics = list
		return nil
	})
}

func listBucketMetricsConfigurations(c *cloud.Call, r store.Reader, in *api.ListBucketMetricsConfigurationsInput) (*api.ListBucketMetricsConfigurationsOutput, error) {
	b, err := findBucket(r, in.Bucket)
	if err != nil {
		return nil, err
	}
	page, next := pageOf(b.Metrics, in.ContinuationToken, metricsID)
	return &api.ListBucketMetricsConfigurationsOutput{
		MetricsConfigurationList: page, ContinuationToken: in.ContinuationToken, NextContinuationToken: next, IsTruncated: new(next != nil),
	}, nil
}

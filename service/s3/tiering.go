package s3

import (
	"fmt"

	"pileus/cloud"
	"pileus/store"

	api "pileus/api/s3"
)

func tieringID(t api.IntelligentTieringConfiguration) string { return t.Id }

func getBucketIntelligentTieringConfiguration(c *cloud.Call, r store.Reader, in *api.GetBucketIntelligentTieringConfigurationInput) (*api.GetBucketIntelligentTieringConfigurationOutput, error) {
	b, err := findBucket(r, in.Bucket)
	if err != nil {
		return nil, err
	}
	t, ok := findID(b.Tiering, in.Id, tieringID)
	if !ok {
		return nil, errNoConfig(b)
	}
	return &api.GetBucketIntelligentTieringConfigurationOutput{IntelligentTieringConfiguration: t}, nil
}

func putBucketIntelligentTieringConfiguration(c *cloud.Call, tx store.Tx, in *api.PutBucketIntelligentTieringConfigurationInput) (*cloud.Empty, error) {
	return configure(tx, in.Bucket, func(b *Bucket) (err error) {
		t := in.IntelligentTieringConfiguration
		if err := checkTiering(&t); err != nil {
			return err
		}
		b.Tiering, err = putConfig(b.Tiering, t, in.Id, tieringID)
		return err
	})
}

// checkTiering holds the archive tiers to their ages.
// https://docs.aws.amazon.com/AmazonS3/latest/API/API_Tiering.html
func checkTiering(t *api.IntelligentTieringConfiguration) error {
	if !oneOf(t.Status, "Enabled", "Disabled") || len(t.Tierings) == 0 {
		return errMalformedXML
	}
	if f := t.Filter; f != nil {
		and := f.And != nil
		n, tags := 0, []api.Tag(nil)
		if and {
			n, tags = trues(f.And.Prefix != nil)+len(f.And.Tags), f.And.Tags
		}
		if err := checkConfigFilter(trues(f.Prefix != nil, f.Tag != nil, and), and, n, tags); err != nil {
			return err
		}
	}
	seen := map[string]int32{}
	for _, x := range t.Tierings {
		least := map[string]int32{"ARCHIVE_ACCESS": 90, "DEEP_ARCHIVE_ACCESS": 180}[x.AccessTier]
		if least == 0 {
			return errMalformedXML
		}
		if _, twice := seen[x.AccessTier]; twice {
			return errInvalidRequest("'AccessTier' must be different for 'Tiering' actions in the same configuration")
		}
		if x.Days < least || x.Days > 730 {
			return errArgument("Days", fmt.Sprint(x.Days), "'Days' for access tier %s must be between %d and 730", x.AccessTier, least)
		}
		seen[x.AccessTier] = x.Days
	}
	if archive, deep := seen["ARCHIVE_ACCESS"], seen["DEEP_ARCHIVE_ACCESS"]; deep != 0 && archive >= deep {
		return errInvalidRequest("'Days' for DEEP_ARCHIVE_ACCESS must be greater than 'Days' for ARCHIVE_ACCESS")
	}
	return nil
}

func deleteBucketIntelligentTieringConfiguration(c *cloud.Call, tx store.Tx, in *api.DeleteBucketIntelligentTieringConfigurationInput) (*cloud.Empty, error) {
	return configure(tx, in.Bucket, func(b *Bucket) error {
		list, ok := withoutID(b.Tiering, in.Id, tieringID)
		if !ok {
			return errNoConfig(b)
		}
		b.Tiering = list
		return nil
	})
}

func listBucketIntelligentTieringConfigurations(c *cloud.Call, r store.Reader, in *api.ListBucketIntelligentTieringConfigurationsInput) (*api.ListBucketIntelligentTieringConfigurationsOutput, error) {
	b, err := findBucket(r, in.Bucket)
	if err != nil {
		return nil, err
	}
	page, next := pageOf(b.Tiering, in.ContinuationToken, tieringID)
	return &api.ListBucketIntelligentTieringConfigurationsOutput{
		IntelligentTieringConfigurationList: page, ContinuationToken: in.ContinuationToken, NextContinuationToken: next, IsTruncated: new(next != nil),
	}, nil
}

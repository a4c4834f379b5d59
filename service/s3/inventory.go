package s3

import (
	"time"

	"pileus/cloud"
	"pileus/store"

	api "pileus/api/s3"
)

func inventoryID(x api.InventoryConfiguration) string { return x.Id }

func getBucketInventoryConfiguration(c *cloud.Call, r store.Reader, in *api.GetBucketInventoryConfigurationInput) (*api.GetBucketInventoryConfigurationOutput, error) {
	b, err := findBucket(r, in.Bucket)
	if err != nil {
		return nil, err
	}
	x, ok := findID(b.Inventory, in.Id, inventoryID)
	if !ok {
		return nil, errNoConfig(b)
	}
	return &api.GetBucketInventoryConfigurationOutput{InventoryConfiguration: x}, nil
}

func putBucketInventoryConfiguration(c *cloud.Call, tx store.Tx, in *api.PutBucketInventoryConfigurationInput) (*cloud.Empty, error) {
	return configure(tx, in.Bucket, func(b *Bucket) (err error) {
		x := in.InventoryConfiguration
		if err := checkInventory(tx, &x); err != nil {
			return err
		}
		if b.Inventory, err = putConfig(b.Inventory, x, in.Id, inventoryID); err != nil {
			return err
		}
		if x.IsEnabled {
			tx.After(nextReport(c.Now, x.Schedule.Frequency), inventoryController, store.K(b.Name, x.Id))
		}
		return nil
	})
}

func checkInventory(r store.Reader, x *api.InventoryConfiguration) error {
	if !oneOf(x.IncludedObjectVersions, "All", "Current") || !oneOf(x.Schedule.Frequency, "Daily", "Weekly") {
		return errMalformedXML
	}
	to := &x.Destination.S3BucketDestination
	switch to.Format {
	case "CSV", "Parquet":
	case "ORC":
		return errNotBuilt("pileus writes inventory reports as CSV and Parquet, not as ORC.")
	default:
		return errMalformedXML
	}
	if to.Encryption != nil && to.Encryption.SSEKMS != nil {
		return errNoKMS
	}
	target, err := findReportBucket(r, to.Bucket)
	if err != nil {
		return err
	}
	if to.AccountId != nil && *to.AccountId != target.Account {
		return errAccessDenied
	}
	seen := map[string]bool{}
	for _, f := range x.OptionalFields {
		if _, ok := inventoryFields[f]; !ok || seen[f] {
			return errMalformedXML
		}
		seen[f] = true
	}
	return nil
}

// nextReport is when the report after a time is written: at midnight UTC,
// weekly ones on Sundays.
func nextReport(now time.Time, frequency string) time.Time {
	at := nextMidnight(now.Add(time.Nanosecond))
	for frequency == "Weekly" && at.Weekday() != time.Sunday {
		at = at.AddDate(0, 0, 1)
	}
	return at
}

func deleteBucketInventoryConfiguration(c *cloud.Call, tx store.Tx, in *api.DeleteBucketInventoryConfigurationInput) (*cloud.Empty, error) {
	return configure(tx, in.Bucket, func(b *Bucket) error {
		list, ok := withoutID(b.Inventory, in.Id, inventoryID)
		if !ok {
			return errNoConfig(b)
		}
		b.Inventory = list
		return nil
	})
}

func listBucketInventoryConfigurations(c *cloud.Call, r store.Reader, in *api.ListBucketInventoryConfigurationsInput) (*api.ListBucketInventoryConfigurationsOutput, error) {
	b, err := findBucket(r, in.Bucket)
	if err != nil {
		return nil, err
	}
	page, next := pageOf(b.Inventory, in.ContinuationToken, inventoryID)
	return &api.ListBucketInventoryConfigurationsOutput{
		InventoryConfigurationList: page, ContinuationToken: in.ContinuationToken, NextContinuationToken: next, IsTruncated: new(next != nil),
	}, nil
}

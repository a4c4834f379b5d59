package s3

import (
	"pileus/cloud"
	"pileus/store"

	api "pileus/api/s3"
)

// configOperations are the operations on the sub-resources of a bucket, on
// ACLs and on archived objects.
func configOperations() []cloud.Binding {
	return []cloud.Binding{
		api.GetBucketPolicy.View(getBucketPolicy),
		api.PutBucketPolicy.Update(putBucketPolicy),
		api.DeleteBucketPolicy.Update(deleteBucketPolicy),
		api.GetBucketPolicyStatus.View(getBucketPolicyStatus),

		api.GetPublicAccessBlock.View(getPublicAccessBlock),
		api.PutPublicAccessBlock.Update(putPublicAccessBlock),
		api.DeletePublicAccessBlock.Update(deletePublicAccessBlock),
		api.GetBucketOwnershipControls.View(getBucketOwnershipControls),
		api.PutBucketOwnershipControls.Update(putBucketOwnershipControls),
		api.DeleteBucketOwnershipControls.Update(deleteBucketOwnershipControls),

		api.GetBucketAcl.View(getBucketAcl),
		api.PutBucketAcl.Update(putBucketAcl),
		api.GetObjectAcl.View(getObjectAcl),
		api.PutObjectAcl.Update(putObjectAcl),

		api.GetBucketVersioning.View(getBucketVersioning),
		api.PutBucketVersioning.Update(putBucketVersioning),
		api.GetObjectLockConfiguration.View(getObjectLockConfiguration),
		api.PutObjectLockConfiguration.Update(putObjectLockConfiguration),
		api.GetBucketEncryption.View(getBucketEncryption),
		api.PutBucketEncryption.Update(putBucketEncryption).Partial("SSE-KMS: there is no KMS yet"),
		api.DeleteBucketEncryption.Update(deleteBucketEncryption),

		api.GetBucketTagging.View(getBucketTagging),
		api.PutBucketTagging.Update(putBucketTagging),
		api.DeleteBucketTagging.Update(deleteBucketTagging),
		api.GetBucketAbac.View(getBucketAbac),
		api.PutBucketAbac.Update(putBucketAbac),
		api.GetBucketRequestPayment.View(getBucketRequestPayment),
		api.PutBucketRequestPayment.Update(putBucketRequestPayment),
		api.GetBucketAccelerateConfiguration.View(getBucketAccelerateConfiguration),
		api.PutBucketAccelerateConfiguration.Update(putBucketAccelerateConfiguration),

		api.GetBucketCors.View(getBucketCors),
		api.PutBucketCors.Update(putBucketCors),
		api.DeleteBucketCors.Update(deleteBucketCors),
		api.GetBucketWebsite.View(getBucketWebsite),
		api.PutBucketWebsite.Update(putBucketWebsite),
		api.DeleteBucketWebsite.Update(deleteBucketWebsite),

		api.GetBucketLifecycleConfiguration.View(getBucketLifecycleConfiguration),
		api.PutBucketLifecycleConfiguration.Update(putBucketLifecycleConfiguration),
		api.DeleteBucketLifecycle.Update(deleteBucketLifecycle),
		api.RestoreObject.Update(restoreObject).Partial("restore as a SELECT query"),

		api.GetBucketReplication.View(getBucketReplication),
		api.PutBucketReplication.Update(putBucketReplication).Partial("the metrics of replication time control"),
		api.DeleteBucketReplication.Update(deleteBucketReplication),
		api.GetBucketNotificationConfiguration.View(getBucketNotificationConfiguration),
		api.PutBucketNotificationConfiguration.Serve(putBucketNotificationConfiguration).Partial("targets other than SQS and EventBridge"),
		api.GetBucketLogging.View(getBucketLogging),
		api.PutBucketLogging.Update(putBucketLogging),

		api.GetBucketInventoryConfiguration.View(getBucketInventoryConfiguration),
		api.PutBucketInventoryConfiguration.Update(putBucketInventoryConfiguration).Partial("reports in ORC"),
		api.DeleteBucketInventoryConfiguration.Update(deleteBucketInventoryConfiguration),
		api.ListBucketInventoryConfigurations.View(listBucketInventoryConfigurations),
		api.GetBucketAnalyticsConfiguration.View(getBucketAnalyticsConfiguration),
		api.PutBucketAnalyticsConfiguration.Update(putBucketAnalyticsConfiguration).Partial("the recommended age in the export"),
		api.DeleteBucketAnalyticsConfiguration.Update(deleteBucketAnalyticsConfiguration),
		api.ListBucketAnalyticsConfigurations.View(listBucketAnalyticsConfigurations),
		api.GetBucketMetricsConfiguration.View(getBucketMetricsConfiguration),
		api.PutBucketMetricsConfiguration.Update(putBucketMetricsConfiguration).Partial("metrics need CloudWatch"),
		api.DeleteBucketMetricsConfiguration.Update(deleteBucketMetricsConfiguration),
		api.ListBucketMetricsConfigurations.View(listBucketMetricsConfigurations),
		api.GetBucketIntelligentTieringConfiguration.View(getBucketIntelligentTieringConfiguration),
		api.PutBucketIntelligentTieringConfiguration.Update(putBucketIntelligentTieringConfiguration).Partial("the event of a move to an archive tier; bills have all tiers as the frequent one"),
		api.DeleteBucketIntelligentTieringConfiguration.Update(deleteBucketIntelligentTieringConfiguration),
		api.ListBucketIntelligentTieringConfigurations.View(listBucketIntelligentTieringConfigurations),
	}
}

// configControllers do over time what buckets are configured to do.
func configControllers() []cloud.Controller {
	return []cloud.Controller{
		{Name: lifecycleController, Reconcile: runLifecycle},
		{Name: restoreController, Reconcile: runRestore},
		{Name: logController, Reconcile: deliverLogs},
		{Name: inventoryController, Reconcile: writeInventory},
		{Name: analyticsController, Reconcile: exportAnalytics},
		{Name: replicationTimeController, Reconcile: missReplication},
	}
}

// configDeliveries carry out what a committed write has led to.
func configDeliveries() []cloud.Delivery {
	return []cloud.Delivery{
		{Topic: notifyTopic, Deliver: deliverNotification, Attempts: 10},
		{Topic: replicateTopic, Deliver: deliverReplica, Attempts: 50},
	}
}

// configure replaces a part of a bucket's configuration. Records are shared,
// so change is given a copy.
func configure(tx store.Tx, name string, change func(*Bucket) error) (*cloud.Empty, error) {
	old, err := findBucket(tx, name)
	if err != nil {
		return nil, err
	}
	b := *old
	if err := change(&b); err != nil {
		return nil, err
	}
	buckets.Put(tx, &b)
	return &cloud.Empty{}, nil
}

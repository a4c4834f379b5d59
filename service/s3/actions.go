package s3

import "strings"

// The actions that a bucket policy can name, by what they act on.
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
const (
	bucketActions = `
		CreateBucket CreateBucketMetadataTableConfiguration DeleteBucket DeleteBucketMetadataTableConfiguration
		DeleteBucketPolicy DeleteBucketWebsite GetAccelerateConfiguration GetAnalyticsConfiguration GetBucketAbac
		GetBucketAcl GetBucketCORS GetBucketLocation GetBucketLogging GetBucketMetadataTableConfiguration
		GetBucketNotification GetBucketObjectLockConfiguration GetBucketOwnershipControls GetBucketPolicy
		GetBucketPolicyStatus GetBucketPublicAccessBlock GetBucketRequestPayment GetBucketTagging
		GetBucketVersioning GetBucketWebsite GetEncryptionConfiguration GetIntelligentTieringConfiguration
		GetInventoryConfiguration GetLifecycleConfiguration GetMetricsConfiguration GetReplicationConfiguration
		ListBucket ListBucketMultipartUploads ListBucketVersions ListTagsForResource PutAccelerateConfiguration
		PutAnalyticsConfiguration PutBucketAbac PutBucketAcl PutBucketCORS PutBucketLogging PutBucketNotification
		PutBucketObjectLockConfiguration PutBucketOwnershipControls PutBucketPolicy PutBucketPublicAccessBlock
		PutBucketRequestPayment PutBucketTagging PutBucketVersioning PutBucketWebsite PutEncryptionConfiguration
		PutIntelligentTieringConfiguration PutInventoryConfiguration PutLifecycleConfiguration
		PutMetricsConfiguration PutReplicationConfiguration TagResource UntagResource
		UpdateBucketMetadataInventoryTableConfiguration UpdateBucketMetadataJournalTableConfiguration`

	objectActions = `
		AbortMultipartUpload BypassGovernanceRetention DeleteObject DeleteObjectTagging DeleteObjectVersion
		DeleteObjectVersionTagging GetObject GetObjectAcl GetObjectAttributes GetObjectLegalHold
		GetObjectRetention GetObjectTagging GetObjectTorrent GetObjectVersion GetObjectVersionAcl
		GetObjectVersionAttributes GetObjectVersionForReplication GetObjectVersionTagging
		GetObjectVersionTorrent InitiateReplication ListMultipartUploadParts ObjectOwnerOverrideToBucketOwner
		PutObject PutObjectAcl PutObjectLegalHold PutObjectRetention PutObjectTagging PutObjectVersionAcl
		PutObjectVersionTagging ReplicateDelete ReplicateObject ReplicateTags RestoreObject
		UpdateObjectEncryption`
)

// covers tells which kinds of action a policy's pattern ("s3:Get*") can mean.
func covers(pattern string) (bucket, object bool) {
	if pattern == "*" {
		return true, true
	}
	vendor, name, _ := strings.Cut(pattern, ":")
	name = strings.ToLower(name)
	if strings.EqualFold(vendor, "s3express") {
		for _, a := range directoryActions {
			bucket = bucket || glob(name, strings.ToLower(a))
		}
		return bucket, false
	}
	if !strings.EqualFold(vendor, "s3") {
		return false, false
	}
	any := func(actions string) bool {
		for a := range strings.FieldsSeq(actions) {
			if glob(name, strings.ToLower(a)) {
				return true
			}
		}
		return false
	}
	return any(bucketActions), any(objectActions)
}

// glob matches s with a pattern of * and ?.
func glob(pattern, s string) bool {
	star, mark := -1, 0 // the last * and what it stands for so far
	p, i := 0, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// Package s3 is Amazon S3: buckets, objects and their versions, multipart
// uploads, and everything that is configured of a bucket.
//
// Where to look:
//
//	bucket.go, object.go   the records, and how they are keyed
//	version.go             what versioning makes of a write or a delete
//	put.go, copy.go, part.go, complete.go, post.go   the ways to make an object
//	intake.go              content on its way in: digests, limits
//	get.go, range.go, condition.go   reading
//	list*.go               pages of keys, versions, uploads, parts
//	access.go, grant.go    who may do what
//	directory.go, session.go, rename.go   directory buckets
//	config.go and config_ops.go      the configuration of buckets
package s3

import (
	"net/http"
	"slices"

	"pileus/cloud"
	"pileus/policy"
	"pileus/store"

	api "pileus/api/s3"
)

// Module is S3.
func Module() cloud.Module {
	return cloud.Module{
		API:         &api.Service,
		Operations:  slices.Concat(objectOperations(), billed(propertyOperations()), billed(configOperations())),
		Access:      withDirectories(slices.Concat(throughPoints(slices.Concat(objectAccess(), configAccess())), directoryAccess())),
		Controllers: configControllers(),
		Deliveries:  configDeliveries(),
		Web:         web,
		Host:        isBucket,
		Body:        checkBody,
		Denied:      denied,
		Stored:      stored,
		Count:       holdings,
		Metrics:     new(publisher).metrics,
	}
}

// objectOperations are the operations on buckets as such, objects, versions
// and multipart uploads.
func objectOperations() []cloud.Binding {
	return []cloud.Binding{
		api.CreateBucket.Update(createBucket),
		api.DeleteBucket.Update(deleteBucket),
		api.HeadBucket.View(headBucket),
		api.GetBucketLocation.View(getBucketLocation),
		api.ListBuckets.View(listBuckets),

		api.PutObject.Serve(putObject).Partial("SSE-KMS: there is no KMS yet"),
		api.GetObject.View(getObject),
		api.HeadObject.View(headObject),
		api.GetObjectAttributes.View(getObjectAttributes),
		api.DeleteObject.Update(deleteObject),
		api.DeleteObjects.Serve(deleteObjects),
		api.SelectObjectContent.Serve(selectObjectContent),
		api.CopyObject.Serve(copyObject).Partial("SSE-KMS: there is no KMS yet"),

		api.ListObjects.View(listObjects),
		api.ListObjectsV2.View(listObjectsV2),
		api.ListObjectVersions.View(listObjectVersions),

		api.CreateMultipartUpload.Update(createMultipartUpload).Partial("SSE-KMS: there is no KMS yet"),
		api.UploadPart.Serve(uploadPart),
		api.UploadPartCopy.Serve(uploadPartCopy),
		api.CompleteMultipartUpload.Update(completeMultipartUpload),
		api.AbortMultipartUpload.Update(abortMultipartUpload),
		api.ListMultipartUploads.View(listMultipartUploads),
		api.ListParts.View(listParts),

		api.ListDirectoryBuckets.View(listDirectoryBuckets),
		api.CreateSession.Update(createSession),
		api.RenameObject.Update(renameObject),
		api.GetObjectTorrent.View(getObjectTorrent),
	}
}

// propertyOperations are those on what is kept of one version beside its
// content and metadata.
func propertyOperations() []cloud.Binding {
	return []cloud.Binding{
		api.GetObjectTagging.View(getObjectTagging),
		api.PutObjectTagging.Update(putObjectTagging),
		api.DeleteObjectTagging.Update(deleteObjectTagging),
		api.GetObjectRetention.View(getObjectRetention),
		api.PutObjectRetention.Update(putObjectRetention),
		api.GetObjectLegalHold.View(getObjectLegalHold),
		api.PutObjectLegalHold.Update(putObjectLegalHold),
	}
}

// web answers what is no operation of the API: website endpoints, CORS
// preflights, browser uploads.
func web(c *cloud.Call, w http.ResponseWriter, r *http.Request) bool {
	return configWeb(c, w, r) || postUpload(c, w, r)
}

// isBucket tells whether a bucket has the name.
func isBucket(r store.Reader, name string) bool { return buckets.Has(r, name) }

// denied words a refusal: those who are not of the resource's account are told
// nothing of it.
func denied(c *cloud.Call, _ *cloud.OpInfo, e *cloud.Error) *cloud.Error {
	trace, ok := e.Trace.(*policy.Trace)
	if c.Principal.Kind == cloud.Anonymous || ok && trace.CrossAccount {
		d := *errAccessDenied // the gate adds to it
		return &d
	}
	return e
}

// holdings is what S3 holds, for status.
func holdings(r store.Reader) map[string]int {
	n := 0
	for range buckets.Scan(r) {
		n++
	}
	return map[string]int{"buckets": n}
}

package s3

// Limits of the service, in bytes where not said otherwise.
// https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html
const (
	maxKey      = 1024
	maxMetadata = 2048
	maxPut      = 5 << 30 // in one PutObject or UploadPart
	maxCopy     = 5 << 30 // in one CopyObject or UploadPartCopy
	maxObject   = 5 << 40 // of a multipart object
	minPart     = 5 << 20 // of every part but the last
	maxParts    = 10_000  // parts
	maxTags     = 10      // tags of an object
	maxList     = 1000    // keys, versions, uploads or parts of a page
	maxDelete   = 1000    // keys of one DeleteObjects
)

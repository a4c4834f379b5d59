package s3

import (
	"crypto/md5"
	"encoding/base64"
	"net/http"

	"pileus/cloud"
)

// needsDigest are the operations whose body must come with a digest: what they
// do could not be undone if it were not what was meant.
var needsDigest = map[string]bool{
	"DeleteObjects": true, "PutBucketLifecycle": true, "PutBucketLifecycleConfiguration": true, "PutBucketCors": true,
	"PutBucketReplication": true, "PutBucketTagging": true, "PutObjectLockConfiguration": true, "PutObjectRetention": true, "PutObjectLegalHold": true,
}

// checkBody compares the body of an operation that takes XML with the digests
// that came along. Content of objects is checked by intake.
func checkBody(c *cloud.Call, op *cloud.OpInfo, body []byte) error {
	if op.Checksum == nil || c.HTTP == nil {
		return nil
	}
	h := c.HTTP.Request.Header
	given := false
	if want := h.Get("Content-Md5"); want != "" {
		given = true
		if raw, err := base64.StdEncoding.DecodeString(want); err != nil || len(raw) != md5.Size {
			return errInvalidDigest
		}
		sum := md5.Sum(body)
		if got := base64.StdEncoding.EncodeToString(sum[:]); got != want {
			return errBadMD5(want, got)
		}
	}
	for i := range algorithms {
		a := &algorithms[i]
		want := h.Get(a.headerName())
		if want == "" && trailerSum(c) == a.name {
			want = trailer(c.HTTP).Get(a.headerName())
		}
		if want == "" {
			continue
		}
		given = true
		if !a.valid(want) {
			return errInvalidRequest("Value for %s header is invalid.", a.headerName())
		}
		sum := a.make()
		sum.Write(body)
		if base64.StdEncoding.EncodeToString(sum.Sum(nil)) != want {
			return errBadChecksum(a.name)
		}
	}
	if !given && needsDigest[op.Name] {
		return errInvalidRequest("Missing required header for this request: Content-MD5 OR x-amz-checksum-*")
	}
	return nil
}

func trailer(h *cloud.HTTP) http.Header {
	if h.Trailer == nil {
		return http.Header{}
	}
	return h.Trailer
}

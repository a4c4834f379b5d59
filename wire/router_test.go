package wire

import (
	"net/http/httptest"
	"strings"
	"testing"

	"pileus/api/s3"
	"pileus/api/s3control"
)

func TestRouterS3(t *testing.T) {
	rt := NewRouter(&s3.Service)
	for _, c := range []struct {
		request string // "METHOD URI [header]"
		bucket  string // of a virtual host
		op      string
		labels  string
	}{
		{"GET /", "", "ListBuckets", ""},
		{"GET /?x-id=ListBuckets", "", "ListBuckets", ""},
		{"GET /?x-id=ListDirectoryBuckets", "", "ListDirectoryBuckets", ""},
		{"GET /b", "", "ListObjects", "b"},
		{"GET /b/", "", "ListObjects", "b"},
		{"GET /", "b", "ListObjects", "b"},
		{"GET /b?list-type=2&prefix=a", "", "ListObjectsV2", "b"},
		{"GET /b?list-type=1", "", "ListObjects", "b"},
		{"GET /?list-type=2", "b", "ListObjectsV2", "b"},
		{"GET /b?versions", "", "ListObjectVersions", "b"},
		{"GET /b?acl", "", "GetBucketAcl", "b"},
		{"GET /b?acl=", "", "GetBucketAcl", "b"},
		{"GET /b/k?acl", "", "GetObjectAcl", "b k"},
		{"GET /b?lifecycle", "", "GetBucketLifecycleConfiguration", "b"},
		{"GET /b?notification", "", "GetBucketNotificationConfiguration", "b"},
		{"GET /b?analytics", "", "ListBucketAnalyticsConfigurations", "b"},
		{"GET /b?analytics&id=1", "", "GetBucketAnalyticsConfiguration", "b"},
		{"GET /b?location", "", "GetBucketLocation", "b"},
		{"GET /b/k", "", "GetObject", "b k"},
		{"GET /b/k?x-id=GetObject", "", "GetObject", "b k"},
		{"GET /b/k?uploadId=1&max-parts=3", "", "ListParts", "b k"},
		{"GET /b/k?attributes", "", "GetObjectAttributes", "b k"},
		{"HEAD /b", "", "HeadBucket", "b"},
		{"HEAD /b/k", "", "HeadObject", "b k"},
		{"PUT /b", "", "CreateBucket", "b"},
		{"PUT /b/k", "", "PutObject", "b k"},
		{"PUT /b/k x-amz-copy-source", "", "CopyObject", "b k"},
		{"PUT /b/k?partNumber=1&uploadId=u", "", "UploadPart", "b k"},
		{"PUT /b/k?partNumber=1&uploadId=u x-amz-copy-source", "", "UploadPartCopy", "b k"},
		{"PUT /b/k?tagging", "", "PutObjectTagging", "b k"},
		{"POST /b/k?uploads", "", "CreateMultipartUpload", "b k"},
		{"POST /b/k?uploadId=u", "", "CompleteMultipartUpload", "b k"},
		{"POST /b/k?restore", "", "RestoreObject", "b k"},
		{"POST /b/k?select&select-type=2", "", "SelectObjectContent", "b k"},
		{"POST /b?delete", "", "DeleteObjects", "b"},
		{"DELETE /b", "", "DeleteBucket", "b"},
		{"DELETE /b?policy", "", "DeleteBucketPolicy", "b"},
		{"DELETE /b/k?versionId=1", "", "DeleteObject", "b k"},
		{"DELETE /b/k?uploadId=1", "", "AbortMultipartUpload", "b k"},
		// Keys are what stands between the slash and the query, unescaped once.
		{"GET /b//a", "", "GetObject", "b /a"},
		{"GET /b/a//b/", "", "GetObject", "b a//b/"},
		{"GET /b/../etc/passwd", "", "GetObject", "b ../etc/passwd"},
		{"GET /b/a%2Fb%252F+c", "", "GetObject", "b a/b%2F+c"},
		{"GET /b/%00", "", "GetObject", "b \x00"},
		{"GET //a", "b", "GetObject", "b /a"},
		{"GET /%E2%82%AC", "b", "GetObject", "b €"},
		{"POST /b", "", "", ""}, // a browser's upload is no operation
		{"PATCH /b/k", "", "", ""},
	} {
		uri, header, _ := strings.Cut(c.request, " ")
		method := uri
		uri, header, _ = strings.Cut(header, " ")
		r := httptest.NewRequest(method, "/", nil)
		r.URL.RawPath, r.URL.RawQuery, _ = strings.Cut(uri, "?")
		r.URL.Path, _ = unescapePath(r.URL.RawPath)
		if header != "" {
			r.Header.Set(header, "x")
		}
		op, labels, ok := rt.Match(r, c.bucket)
		var values []string
		for _, l := range labels {
			values = append(values, l.Value)
		}
		if op != c.op || strings.Join(values, " ") != c.labels || ok != (c.op != "") {
			t.Errorf("%s (bucket %q): %s %q, want %s %q", c.request, c.bucket, op, values, c.op, c.labels)
		}
	}
}

func TestRouterS3Control(t *testing.T) {
	rt := NewRouter(&s3control.Service)
	for _, c := range []struct{ method, uri, op, label string }{
		{"GET", "/v20180820/accesspoint", "ListAccessPoints", ""},
		{"PUT", "/v20180820/accesspoint/ap1", "CreateAccessPoint", "ap1"},
		{"GET", "/v20180820/accesspoint/ap1/policy", "GetAccessPointPolicy", "ap1"},
		{"GET", "/v20180820/configuration/publicAccessBlock", "GetPublicAccessBlock", ""},
		{"POST", "/v20180820/tags/arn%3Aaws%3As3%3A%3A%3Ab", "TagResource", "arn:aws:s3:::b"},
	} {
		op, labels, _ := rt.Match(httptest.NewRequest(c.method, c.uri, nil), "")
		label := ""
		if len(labels) > 0 {
			label = labels[0].Value
		}
		if op != c.op || label != c.label {
			t.Errorf("%s %s: %s %q, want %s %q", c.method, c.uri, op, label, c.op, c.label)
		}
	}
}

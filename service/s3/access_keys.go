package s3

import (
	"crypto/tls"
	"strconv"
	"strings"
	"time"

	"pileus/cloud"
)

// requestKeys are the condition keys that every request to S3 has, added to
// what the operation brings. Names are in lower case, as policies see them.
func requestKeys(c *cloud.Call, b *Bucket, keys cloud.Keys) cloud.Keys {
	if keys == nil {
		keys = make(cloud.Keys, 8)
	}
	if b != nil {
		keys["s3:resourceaccount"] = []string{b.Account}
		for k, v := range b.TagMap() {
			keys["s3:buckettag/"+lower(k)] = []string{v}
		}
	}
	h := c.HTTP
	if h == nil {
		return keys
	}
	if h.AuthType != "" {
		keys["s3:authtype"] = []string{h.AuthType}
	}
	if h.SigV != "" {
		keys["s3:signatureversion"] = []string{h.SigV}
		keys["s3:signatureage"] = []string{strconv.FormatInt(h.SignAge.Milliseconds(), 10)}
	}
	if h.ContentSHA256 != "" {
		keys["s3:x-amz-content-sha256"] = []string{h.ContentSHA256}
	}
	if h.Request != nil && h.Request.TLS != nil {
		keys["s3:tlsversion"] = []string{tlsVersion(h.Request.TLS.Version)}
	}
	return keys
}

func tlsVersion(v uint16) string {
	switch v {
	case tls.VersionTLS13:
		return "1.3"
	case tls.VersionTLS12:
		return "1.2"
	case tls.VersionTLS11:
		return "1.1"
	}
	return "1.0"
}

// listKeys are the condition keys of listings.
func listKeys(prefix, delimiter *string, limit *int32) cloud.Keys {
	keys := make(cloud.Keys, 8)
	addKey(keys, "s3:prefix", prefix)
	addKey(keys, "s3:delimiter", delimiter)
	if limit != nil {
		keys["s3:max-keys"] = []string{itoa(*limit)}
	}
	return keys
}

func addKey(keys cloud.Keys, name string, value *string) {
	if value != nil {
		keys[name] = []string{*value}
	}
}

// writing is what the requests that make objects have in common.
type writing struct {
	acl                            aclRequest
	sse, kmsKey, customerAlgorithm *string
	class, redirect                *string
	lock                           lockProperties
	copySource, metadataDirective  *string
	ifMatch, ifNoneMatch           *string
	tags                           map[string]string // where they are known otherwise
}

// keys adds the condition keys of the request's headers.
func (w *writing) keys(c *cloud.Call, keys cloud.Keys) {
	for _, k := range [...]struct {
		name  string
		value *string
	}{
		{"s3:x-amz-acl", w.acl.canned}, {"s3:x-amz-grant-full-control", w.acl.fullControl}, {"s3:x-amz-grant-read", w.acl.read},
		{"s3:x-amz-grant-write", w.acl.write}, {"s3:x-amz-grant-read-acp", w.acl.readACP}, {"s3:x-amz-grant-write-acp", w.acl.writeACP},
		{"s3:x-amz-server-side-encryption", w.sse}, {"s3:x-amz-server-side-encryption-aws-kms-key-id", w.kmsKey},
		{"s3:x-amz-server-side-encryption-customer-algorithm", w.customerAlgorithm},
		{"s3:x-amz-storage-class", w.class}, {"s3:x-amz-website-redirect-location", w.redirect},
		{"s3:x-amz-metadata-directive", w.metadataDirective}, {"s3:object-lock-mode", w.lock.mode}, {"s3:object-lock-legal-hold", w.lock.hold},
		{"s3:if-match", w.ifMatch}, {"s3:if-none-match", w.ifNoneMatch},
	} {
		addKey(keys, k.name, k.value)
	}
	if w.copySource != nil {
		keys["s3:x-amz-copy-source"] = []string{strings.TrimPrefix(*w.copySource, "/")}
	}
	if w.lock.until != nil {
		retentionKeys(c, keys, *w.lock.until)
	}
	tagKeys(keys, w.tags)
}

// retentionKeys are the keys of a retention date.
func retentionKeys(c *cloud.Call, keys cloud.Keys, until time.Time) {
	keys["s3:object-lock-retain-until-date"] = []string{until.UTC().Format(time.RFC3339)}
	days := int(until.Sub(c.Now).Hours() / 24)
	keys["s3:object-lock-remaining-retention-days"] = []string{strconv.Itoa(days)}
}

// tagKeys are the keys of tags that a request sets.
func tagKeys(keys cloud.Keys, tags map[string]string) {
	if len(tags) == 0 {
		return
	}
	names := make([]string, 0, len(tags))
	for k, v := range tags {
		keys["s3:requestobjecttag/"+lower(k)] = []string{v}
		names = append(names, k)
	}
	keys["s3:requestobjecttagkeys"] = names
}

// actions are those that the headers need beside s3:PutObject. A service that
// delivers logs gives the bucket's owner full control of them, which AWS asks no
// permission for: the bucket policies that it documents have none.
// https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-s3-permissions.html
func (w *writing) actions(c *cloud.Call) []string {
	list := []string{"s3:PutObject"}
	delivers := c.Principal.Kind == cloud.ServicePrincipal && cloud.Or(w.acl.canned, "") == "bucket-owner-full-control"
	if w.acl.given() && !delivers {
		list = append(list, "s3:PutObjectAcl")
	}
	if len(w.tags) > 0 {
		list = append(list, "s3:PutObjectTagging")
	}
	if w.lock.mode != nil || w.lock.until != nil {
		list = append(list, "s3:PutObjectRetention")
	}
	if w.lock.hold != nil {
		list = append(list, "s3:PutObjectLegalHold")
	}
	return list
}

// acts lists actions of S3 for the table of access.
func acts(names string) []string {
	list := strings.Fields(names)
	for i := range list {
		list[i] = "s3:" + list[i]
	}
	return list
}

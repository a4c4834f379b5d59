package elbv2

import (
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	api "pileus/api/elbv2"
	"pileus/cloud"
	"pileus/lb"
	"pileus/store"
)

// maxRevoked is how many certificates the lists of a trust store may revoke.
const maxRevoked = 500_000

// serials are the certificates that a list revokes, PEM or DER.
func serials(content []byte) ([]string, error) {
	if b, _ := pem.Decode(content); b != nil {
		content = b.Bytes
	}
	list, err := x509.ParseRevocationList(content)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range list.RevokedCertificateEntries {
		out = append(out, lb.SerialNumber(e.SerialNumber))
	}
	return out, nil
}

func (s *elb) addTrustStoreRevocations(c *cloud.Call, in *api.AddTrustStoreRevocationsInput) (*api.AddTrustStoreRevocationsOutput, error) {
	var list []revocation
	for _, k := range in.RevocationContents {
		bucket, key := cloud.Or(k.S3Bucket, ""), cloud.Or(k.S3Key, "")
		content, err := object(c, bucket, key, k.S3ObjectVersion)
		if err != nil {
			return nil, api.ErrRevocationContentNotFound.New("The revocation content '%s' in the bucket '%s' could not be read: %v", key, bucket, err)
		}
		revoked, err := serials(content)
		if err != nil {
			return nil, api.ErrInvalidRevocationContent.New("The revocation content '%s' is not a valid certificate revocation list", key)
		}
		list = append(list, revocation{Content: content, Serials: revoked})
	}
	out := &api.AddTrustStoreRevocationsOutput{}
	err := c.Update(func(tx store.Tx) error {
		out.TrustStoreRevocations = []api.TrustStoreRevocation{}
		old, err := findStore(c, tx, in.TrustStoreArn)
		if err != nil {
			return err
		}
		t, total := *old, 0
		for v := range revocations.Scan(tx, t.ARN) {
			total += len(v.Serials)
		}
		for _, v := range list {
			v.Store, v.ID = t.ARN, t.Next
			t.Next++
			total += len(v.Serials)
			revocations.Put(tx, &v)
			out.TrustStoreRevocations = append(out.TrustStoreRevocations, api.TrustStoreRevocation{
				TrustStoreArn: &t.ARN, RevocationId: &v.ID, RevocationType: new("CRL"), NumberOfRevokedEntries: new(int64(len(v.Serials))),
			})
		}
		if total > maxRevoked {
			return api.ErrTooManyTrustStoreRevocationEntries.New("The maximum number of revocation entries has been reached on trust store '%s'", t.ARN)
		}
		trustStores.Put(tx, &t)
		t.touch(tx)
		return nil
	})
	return out, err
}

func (s *elb) removeTrustStoreRevocations(c *cloud.Call, tx store.Tx, in *api.RemoveTrustStoreRevocationsInput) (*api.RemoveTrustStoreRevocationsOutput, error) {
	t, err := findStore(c, tx, in.TrustStoreArn)
	if err != nil {
		return nil, err
	}
	for _, id := range in.RevocationIds {
		if !revocations.Has(tx, t.ARN, id) {
			return nil, api.ErrRevocationIdNotFound.New("The revocation ID '%d' was not found in trust store '%s'", id, t.ARN)
		}
		revocations.Delete(tx, t.ARN, id)
	}
	t.touch(tx)
	return &api.RemoveTrustStoreRevocationsOutput{}, nil
}

func (s *elb) describeTrustStoreRevocations(c *cloud.Call, r store.Reader, in *api.DescribeTrustStoreRevocationsInput) (*api.DescribeTrustStoreRevocationsOutput, error) {
	t, err := findStore(c, r, in.TrustStoreArn)
	if err != nil {
		return nil, err
	}
	var list []*revocation
	for _, id := range in.RevocationIds {
		v, ok := revocations.Get(r, t.ARN, id)
		if !ok {
			return nil, api.ErrRevocationIdNotFound.New("The revocation ID '%d' was not found in trust store '%s'", id, t.ARN)
		}
		list = append(list, v)
	}
	if len(in.RevocationIds) == 0 {
		list = slices.Collect(revocations.Scan(r, t.ARN))
	}
	list, next, err := page(list, in.Marker, in.PageSize, func(v *revocation) string { return strconv.FormatInt(v.ID, 10) })
	if err != nil {
		return nil, err
	}
	out := &api.DescribeTrustStoreRevocationsOutput{TrustStoreRevocations: []api.DescribeTrustStoreRevocation{}, NextMarker: next}
	for _, v := range list {
		out.TrustStoreRevocations = append(out.TrustStoreRevocations, api.DescribeTrustStoreRevocation{
			TrustStoreArn: &t.ARN, RevocationId: &v.ID, RevocationType: new("CRL"), NumberOfRevokedEntries: new(int64(len(v.Serials))),
		})
	}
	return out, nil
}

// contentPath begins the addresses at which what a trust store holds can be
// fetched; a secret in them stands for a signature.
const contentPath = "/_pileus/elb/truststore"

func (t *trustStore) location(c *cloud.Call, revocation int64) *string {
	base := c.Cloud.Endpoint()
	if c.HTTP != nil {
		base = c.HTTP.BaseURL
	}
	q := url.Values{"arn": {t.ARN}, "signature": {t.Secret}}
	if revocation > 0 {
		q.Set("revocation", strconv.FormatInt(revocation, 10))
	}
	return new(base + contentPath + "?" + q.Encode())
}

func (s *elb) getTrustStoreCaCertificatesBundle(c *cloud.Call, r store.Reader, in *api.GetTrustStoreCaCertificatesBundleInput) (*api.GetTrustStoreCaCertificatesBundleOutput, error) {
	t, err := findStore(c, r, in.TrustStoreArn)
	if err != nil {
		return nil, err
	}
	return &api.GetTrustStoreCaCertificatesBundleOutput{Location: t.location(c, 0)}, nil
}

func (s *elb) getTrustStoreRevocationContent(c *cloud.Call, r store.Reader, in *api.GetTrustStoreRevocationContentInput) (*api.GetTrustStoreRevocationContentOutput, error) {
	t, err := findStore(c, r, in.TrustStoreArn)
	if err != nil {
		return nil, err
	}
	if !revocations.Has(r, t.ARN, in.RevocationId) {
		return nil, api.ErrRevocationIdNotFound.New("The revocation ID '%d' was not found in trust store '%s'", in.RevocationId, t.ARN)
	}
	return &api.GetTrustStoreRevocationContentOutput{Location: t.location(c, in.RevocationId)}, nil
}

// serveContent answers at the addresses that location gives out.
func serveContent(c *cloud.Call, w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	var content []byte
	err := c.View(func(rd store.Reader) error {
		account, region := place(q.Get("arn"))
		t, ok := trustStores.Get(rd, account, region, q.Get("arn"))
		if !ok || q.Get("signature") != t.Secret {
			return nil
		}
		content = t.Bundle
		if id := q.Get("revocation"); id != "" {
			content = nil
			if n, err := strconv.ParseInt(id, 10, 64); err == nil {
				if v, ok := revocations.Get(rd, t.ARN, n); ok {
					content = v.Content
				}
			}
		}
		return nil
	})
	if err != nil || content == nil || strings.ToUpper(r.Method) != http.MethodGet {
		http.Error(w, "Access Denied", http.StatusForbidden)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	// A client that has gone away needs no answer.
	_, _ = w.Write(content)
}

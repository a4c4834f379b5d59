package elbv2_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"testing"

	apis3 "pileus/api/s3"
	"pileus/node/nodetest"
)

// get asks the cloud's edge for a path of a host.
func (w *world) get(host, path string) (status int, body string) {
	w.T.Helper()
	r, err := http.NewRequestWithContext(w.T.Context(), http.MethodGet, w.Endpoint+path, nil)
	if err != nil {
		w.T.Fatal(err)
	}
	r.Host = host
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		w.T.Fatal(err)
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		w.T.Fatal(err)
	}
	return a.StatusCode, string(b)
}

// bucket makes a bucket, where it has a name, or gives the bucket "logs" a policy.
func (w *world) bucket(name, policy string) {
	w.T.Helper()
	if name != "" {
		nodetest.Do(w.World, &apis3.CreateBucket, &apis3.CreateBucketInput{Bucket: name})
		return
	}
	nodetest.Do(w.World, &apis3.PutBucketPolicy, &apis3.PutBucketPolicyInput{Bucket: "logs", Policy: policy})
}

// keys are the objects of a bucket.
func (w *world) keys(bucket string) (list []string) {
	w.T.Helper()
	for _, o := range nodetest.Do(w.World, &apis3.ListObjectsV2, &apis3.ListObjectsV2Input{Bucket: bucket}).Contents {
		list = append(list, *o.Key)
	}
	return list
}

// put writes an object.
func (w *world) put(bucket, key string, content []byte) {
	w.T.Helper()
	nodetest.Do(w.World, &apis3.PutObject, &apis3.PutObjectInput{Bucket: bucket, Key: key, Body: io.NopCloser(bytes.NewReader(content))})
}

// authority is a certificate authority in PEM.
func authority(t *testing.T) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, NotAfter: nodetest.Epoch.AddDate(10, 0, 0), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

package elbv2

import (
	"crypto/x509"
	"encoding/pem"
	"io"
	"slices"
	"time"

	api "pileus/api/elbv2"
	apis3 "pileus/api/s3"
	"pileus/cloud"
	"pileus/identity"
	"pileus/rng"
	"pileus/store"
)

// trustStore is a set of certificate authorities whose clients are let in.
type trustStore struct {
	Account, Region, ARN string
	Name, ID             string
	Bundle               []byte // PEM
	Authorities          int32
	Secret               string // in the address at which the bundle can be fetched
	Next                 int64  // id of the next revocation
	Tags                 identity.Tags
	Made                 time.Time
}

// revocation is a certificate revocation list of a trust store.
type revocation struct {
	Store   string // ARN
	ID      int64
	Content []byte
	Serials []string // as lb.SerialNumber writes them
}

var trustStores = &store.Table[trustStore]{
	Name: "elbv2.truststore",
	Key:  func(t *trustStore) store.Key { return keyOf(t.Account, t.Region, t.ARN) },
	Indexes: map[string]func(*trustStore) store.Key{
		"name": func(t *trustStore) store.Key { return store.K(t.Account, t.Region, t.Name) },
	},
	Memo: 100,
}

var revocations = &store.Table[revocation]{
	Name: "elbv2.revocation",
	Key:  func(v *revocation) store.Key { return store.K(v.Store, v.ID) },
	Memo: 100,
}

func findStore(c *cloud.Call, r store.Reader, arn string) (*trustStore, error) {
	if kindOf(arn) != "truststore" {
		return nil, invalid("'%s' is not a valid trust store ARN", arn)
	}
	if t, ok := trustStores.Get(r, c.Account, c.Region, arn); ok {
		return t, nil
	}
	return nil, api.ErrTrustStoreNotFound.New("One or more trust stores not found")
}

// mostBundle bounds a bundle or a revocation list, in bytes.
const mostBundle = 8 << 20

// object reads content from a bucket as who asks.
func object(c *cloud.Call, bucket, key string, version *string) ([]byte, error) {
	out, err := apis3.GetObject.Call(c, &apis3.GetObjectInput{Bucket: bucket, Key: key, VersionId: version})
	if err != nil {
		return nil, err
	}
	defer out.Body.Close()
	return io.ReadAll(io.LimitReader(out.Body, mostBundle+1))
}

// bundle reads a bundle of certificate authorities.
func bundle(c *cloud.Call, bucket, key string, version *string) (content []byte, authorities int32, err error) {
	content, err = object(c, bucket, key, version)
	if err != nil {
		return nil, 0, api.ErrCaCertificatesBundleNotFound.New("The CA certificates bundle '%s' in the bucket '%s' could not be read: %v", key, bucket, err)
	}
	if len(content) > mostBundle {
		return nil, 0, api.ErrInvalidCaCertificatesBundle.New("The CA certificates bundle is too large")
	}
	for rest := content; ; {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			break
		}
		if b.Type != "CERTIFICATE" {
			return nil, 0, api.ErrInvalidCaCertificatesBundle.New("The CA certificates bundle contains a block of type '%s'", b.Type)
		}
		if _, err := x509.ParseCertificate(b.Bytes); err != nil {
			return nil, 0, api.ErrInvalidCaCertificatesBundle.New("The CA certificates bundle contains a certificate that is not valid: %v", err)
		}
		authorities++
	}
	if authorities == 0 {
		return nil, 0, api.ErrInvalidCaCertificatesBundle.New("The CA certificates bundle contains no certificates")
	}
	return content, authorities, nil
}

func (s *elb) createTrustStore(c *cloud.Call, in *api.CreateTrustStoreInput) (out *api.CreateTrustStoreOutput, err error) {
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	content, n, err := bundle(c, in.CaCertificatesBundleS3Bucket, in.CaCertificatesBundleS3Key, in.CaCertificatesBundleS3ObjectVersion)
	if err != nil {
		return nil, err
	}
	err = c.Update(func(tx store.Tx) error {
		for range trustStores.Index(tx, "name", c.Account, c.Region, in.Name) {
			return api.ErrDuplicateTrustStoreName.New("A trust store with the same name '%s' exists", in.Name)
		}
		if count(trustStores.Scan(tx, c.Account, c.Region)) >= maxTrustStores {
			return api.ErrTooManyTrustStores.New("The maximum number of trust stores has been reached")
		}
		t := &trustStore{
			Account: c.Account, Region: c.Region, Name: in.Name, ID: c.Rand().String(16, hex), Bundle: content, Authorities: n,
			Secret: rng.Secret(32, rng.Base62), Next: 1, Tags: tags, Made: c.Now,
		}
		t.ARN = c.ARN(service, "truststore/"+t.Name+"/"+t.ID)
		trustStores.Insert(tx, t)
		out = &api.CreateTrustStoreOutput{TrustStores: []api.TrustStore{t.show(tx)}}
		return nil
	})
	return out, err
}

func (s *elb) modifyTrustStore(c *cloud.Call, in *api.ModifyTrustStoreInput) (out *api.ModifyTrustStoreOutput, err error) {
	content, n, err := bundle(c, in.CaCertificatesBundleS3Bucket, in.CaCertificatesBundleS3Key, in.CaCertificatesBundleS3ObjectVersion)
	if err != nil {
		return nil, err
	}
	err = c.Update(func(tx store.Tx) error {
		old, err := findStore(c, tx, in.TrustStoreArn)
		if err != nil {
			return err
		}
		t := *old
		t.Bundle, t.Authorities = content, n
		trustStores.Put(tx, &t)
		t.touch(tx)
		out = &api.ModifyTrustStoreOutput{TrustStores: []api.TrustStore{t.show(tx)}}
		return nil
	})
	return out, err
}

// touch has the load balancers looked at that use the store.
func (t *trustStore) touch(tx store.Tx) {
	for _, arn := range t.users(tx) {
		if b, ok := balancers.Get(tx, t.Account, t.Region, arn); ok {
			touch(tx, b)
		}
	}
}

// users are the load balancers whose listeners use the store.
func (t *trustStore) users(r store.Reader) (list []string) {
	for l := range listeners.Scan(r, t.Account, t.Region) {
		if l.Mutual != nil && cloud.Or(l.Mutual.TrustStoreArn, "") == t.ARN && !slices.Contains(list, l.Balancer) {
			list = append(list, l.Balancer)
		}
	}
	return list
}

func (s *elb) deleteTrustStore(c *cloud.Call, tx store.Tx, in *api.DeleteTrustStoreInput) (*api.DeleteTrustStoreOutput, error) {
	t, err := findStore(c, tx, in.TrustStoreArn)
	if err != nil {
		return nil, err
	}
	if len(t.users(tx)) > 0 {
		return nil, api.ErrTrustStoreInUse.New("Trust store '%s' is currently in use by a listener", t.ARN)
	}
	for _, v := range slices.Collect(revocations.Scan(tx, t.ARN)) {
		revocations.Delete(tx, v.Store, v.ID)
	}
	trustStores.Delete(tx, t.Account, t.Region, t.ARN)
	return &api.DeleteTrustStoreOutput{}, nil
}

func (s *elb) describeTrustStores(c *cloud.Call, r store.Reader, in *api.DescribeTrustStoresInput) (*api.DescribeTrustStoresOutput, error) {
	if len(in.TrustStoreArns) > 0 && len(in.Names) > 0 {
		return nil, invalid("Trust store names and trust store ARNs cannot be specified at the same time")
	}
	var list []*trustStore
	for _, arn := range in.TrustStoreArns {
		t, err := findStore(c, r, arn)
		if err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	for _, name := range in.Names {
		found := slices.Collect(trustStores.Index(r, "name", c.Account, c.Region, name))
		if len(found) == 0 {
			return nil, api.ErrTrustStoreNotFound.New("One or more trust stores not found")
		}
		list = append(list, found...)
	}
	if len(in.TrustStoreArns)+len(in.Names) == 0 {
		list = slices.Collect(trustStores.Scan(r, c.Account, c.Region))
	}
	list, next, err := page(list, in.Marker, in.PageSize, func(t *trustStore) string { return t.ARN })
	if err != nil {
		return nil, err
	}
	out := &api.DescribeTrustStoresOutput{TrustStores: []api.TrustStore{}, NextMarker: next}
	for _, t := range list {
		out.TrustStores = append(out.TrustStores, t.show(r))
	}
	return out, nil
}

func (s *elb) describeTrustStoreAssociations(c *cloud.Call, r store.Reader, in *api.DescribeTrustStoreAssociationsInput) (*api.DescribeTrustStoreAssociationsOutput, error) {
	t, err := findStore(c, r, in.TrustStoreArn)
	if err != nil {
		return nil, err
	}
	list, next, err := page(t.users(r), in.Marker, in.PageSize, func(arn string) string { return arn })
	if err != nil {
		return nil, err
	}
	out := &api.DescribeTrustStoreAssociationsOutput{TrustStoreAssociations: []api.TrustStoreAssociation{}, NextMarker: next}
	for _, arn := range list {
		out.TrustStoreAssociations = append(out.TrustStoreAssociations, api.TrustStoreAssociation{ResourceArn: &arn})
	}
	return out, nil
}

// show is a trust store as the API has it.
func (t *trustStore) show(r store.Reader) api.TrustStore {
	revoked := int64(0)
	for v := range revocations.Scan(r, t.ARN) {
		revoked += int64(len(v.Serials))
	}
	return api.TrustStore{Name: &t.Name, TrustStoreArn: &t.ARN, Status: new("ACTIVE"), NumberOfCaCertificates: &t.Authorities, TotalRevokedEntries: &revoked}
}

// getResourcePolicy is the policy by which a trust store is shared with other
// accounts. Resource Access Manager makes such policies; without it there are
// none.
func (s *elb) getResourcePolicy(c *cloud.Call, r store.Reader, in *api.GetResourcePolicyInput) (*api.GetResourcePolicyOutput, error) {
	if _, err := findStore(c, r, in.ResourceArn); err != nil {
		return nil, err
	}
	return nil, api.ErrResourceNotFound.New("The resource '%s' has no resource policy", in.ResourceArn)
}

// deleteSharedTrustStoreAssociation ends what another account does with a
// shared trust store.
func (s *elb) deleteSharedTrustStoreAssociation(c *cloud.Call, tx store.Tx, in *api.DeleteSharedTrustStoreAssociationInput) (*api.DeleteSharedTrustStoreAssociationOutput, error) {
	t, err := findStore(c, tx, in.TrustStoreArn)
	if err != nil {
		return nil, err
	}
	if account, _ := place(in.ResourceArn); account == t.Account {
		return nil, api.ErrDeleteAssociationSameAccount.New("You cannot delete an association of a trust store with a resource in the same account")
	}
	return nil, api.ErrTrustStoreAssociationNotFound.New("The association of trust store '%s' with '%s' was not found", t.ARN, in.ResourceArn)
}

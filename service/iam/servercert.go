package iam

import (
	"crypto/tls"
	"crypto/x509"
	"strings"

	api "pileus/api/iam"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

func findServerCert(c *cloud.Call, r store.Reader, name string) (*identity.ServerCertificate, error) {
	x, ok := identity.ServerCertificates.Get(r, c.Account, identity.Fold(name))
	if !ok {
		return nil, errNoServerCert(name)
	}
	return x, nil
}

func serverCertEntry(x *identity.ServerCertificate) api.ServerCertificateMetadata {
	return api.ServerCertificateMetadata{Path: x.Path, ServerCertificateName: x.Name, ServerCertificateId: x.ID,
		Arn: x.ARN, UploadDate: &x.Uploaded, Expiration: &x.Expires}
}

// checkServerCert reads a certificate that belongs to its key and whose chain,
// where there is one, leads from it issuer by issuer.
func checkServerCert(body, key, chain string) (*x509.Certificate, error) {
	certs, ok := parsePEM(body)
	if !ok || len(certs) != 1 {
		return nil, api.ErrMalformedCertificate.New("Unable to parse certificate. Please ensure the certificate is in PEM format.")
	}
	if _, err := tls.X509KeyPair([]byte(body), []byte(key)); err != nil {
		return nil, api.ErrKeyPairMismatch.New("Unable to match the certificate with the private key. Please ensure that the private key is in PEM format, is not encrypted and belongs to the certificate.")
	}
	if chain == "" {
		return certs[0], nil
	}
	issuers, ok := parsePEM(chain)
	if !ok {
		return nil, api.ErrMalformedCertificate.New("Unable to parse certificate chain. Please ensure the certificates are in PEM format.")
	}
	at := certs[0]
	for i, issuer := range issuers {
		if at.CheckSignatureFrom(issuer) != nil {
			return nil, api.ErrMalformedCertificate.New("Unable to validate certificate chain. The certificate chain must start with the immediate signing certificate, followed by any intermediaries in order. The index within the chain of the invalid certificate is: %d", i)
		}
		at = issuer
	}
	return certs[0], nil
}

func uploadServerCertificate(c *cloud.Call, tx store.Tx, in *api.UploadServerCertificateInput) (*api.UploadServerCertificateOutput, error) {
	if _, err := findServerCert(c, tx, in.ServerCertificateName); err == nil {
		return nil, api.ErrEntityAlreadyExists.New("The Server Certificate with name %s already exists.", in.ServerCertificateName)
	}
	if identity.ServerCertificates.Count(tx, c.Account) >= serverCertsQuota {
		return nil, errQuota("ServerCertificatesPerAccount", serverCertsQuota)
	}
	cert, err := checkServerCert(in.CertificateBody, in.PrivateKey, cloud.Or(in.CertificateChain, ""))
	if err != nil {
		return nil, err
	}
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	x := &identity.ServerCertificate{
		Account: c.Account, Name: in.ServerCertificateName, Path: cloud.Or(in.Path, "/"),
		ID:   identity.NewID(identity.ServerCertID, c.Account, c.Rand()),
		Body: strings.TrimSpace(in.CertificateBody), PrivateKey: in.PrivateKey, Chain: strings.TrimSpace(cloud.Or(in.CertificateChain, "")),
		Uploaded: c.Now, Expires: cert.NotAfter, Tags: tags,
	}
	x.ARN = arnOf(c, "server-certificate", x.Path, x.Name)
	identity.ServerCertificates.Insert(tx, x)
	return &api.UploadServerCertificateOutput{ServerCertificateMetadata: new(serverCertEntry(x)), Tags: optionalTags(x.Tags)}, nil
}

func getServerCertificate(c *cloud.Call, r store.Reader, in *api.GetServerCertificateInput) (*api.GetServerCertificateOutput, error) {
	x, err := findServerCert(c, r, in.ServerCertificateName)
	if err != nil {
		return nil, err
	}
	v := api.ServerCertificate{ServerCertificateMetadata: serverCertEntry(x), CertificateBody: x.Body, Tags: tagViews(x.Tags)}
	if x.Chain != "" {
		v.CertificateChain = &x.Chain
	}
	return &api.GetServerCertificateOutput{ServerCertificate: v}, nil
}

func listServerCertificates(c *cloud.Call, r store.Reader, in *api.ListServerCertificatesInput) (*api.ListServerCertificatesOutput, error) {
	list, p, err := pageTable(&identity.ServerCertificates.Table, r, c.Account, in.Marker, in.MaxItems,
		under(in.PathPrefix, func(x *identity.ServerCertificate) string { return x.Path }))
	if err != nil {
		return nil, err
	}
	return &api.ListServerCertificatesOutput{ServerCertificateMetadataList: views(list, serverCertEntry), IsTruncated: p.IsTruncated, Marker: p.Marker}, nil
}

func updateServerCertificate(c *cloud.Call, tx store.Tx, in *api.UpdateServerCertificateInput) (*cloud.Empty, error) {
	x, err := findServerCert(c, tx, in.ServerCertificateName)
	if err != nil {
		return nil, err
	}
	name := cloud.Or(in.NewServerCertificateName, x.Name)
	if identity.Fold(name) != identity.Fold(x.Name) {
		if _, err := findServerCert(c, tx, name); err == nil {
			return nil, api.ErrEntityAlreadyExists.New("The Server Certificate with name %s already exists.", name)
		}
	}
	identity.ServerCertificates.Delete(tx, c.Account, identity.Fold(x.Name))
	x.Name, x.Path = name, cloud.Or(in.NewPath, x.Path)
	x.ARN = arnOf(c, "server-certificate", x.Path, x.Name)
	identity.ServerCertificates.Put(tx, x)
	return new(cloud.Empty), nil
}

func deleteServerCertificate(c *cloud.Call, tx store.Tx, in *api.DeleteServerCertificateInput) (*cloud.Empty, error) {
	x, err := findServerCert(c, tx, in.ServerCertificateName)
	if err != nil {
		return nil, err
	}
	identity.ServerCertificates.Delete(tx, c.Account, identity.Fold(x.Name))
	return new(cloud.Empty), nil
}

func taggedServerCert(c *cloud.Call, r store.Reader, name string) (tagged, error) {
	x, err := findServerCert(c, r, name)
	if err != nil {
		return tagged{}, err
	}
	return tagged{&x.Tags, func(tx store.Tx) { identity.ServerCertificates.Put(tx, x) }}, nil
}

func tagServerCertificate(c *cloud.Call, tx store.Tx, in *api.TagServerCertificateInput) (*cloud.Empty, error) {
	x, err := taggedServerCert(c, tx, in.ServerCertificateName)
	return tag(tx, x, err, in.Tags)
}

func untagServerCertificate(c *cloud.Call, tx store.Tx, in *api.UntagServerCertificateInput) (*cloud.Empty, error) {
	x, err := taggedServerCert(c, tx, in.ServerCertificateName)
	return untag(tx, x, err, in.TagKeys)
}

func listServerCertificateTags(c *cloud.Call, r store.Reader, in *api.ListServerCertificateTagsInput) (*api.ListServerCertificateTagsOutput, error) {
	x, err := taggedServerCert(c, r, in.ServerCertificateName)
	tags, p, err := listTags(x, err, in.Marker, in.MaxItems)
	return &api.ListServerCertificateTagsOutput{Tags: tags, IsTruncated: p.IsTruncated, Marker: p.Marker}, err
}

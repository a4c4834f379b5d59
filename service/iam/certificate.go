package iam

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"slices"

	api "pileus/api/iam"
	"pileus/cloud"
	"pileus/identity"
	"pileus/rng"
	"pileus/store"
)

// parsePEM reads certificates in PEM form, and nothing else.
func parsePEM(text string) (list []*x509.Certificate, ok bool) {
	rest := []byte(text)
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return list, len(list) > 0
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if block.Type != "CERTIFICATE" || err != nil {
			return nil, false
		}
		list = append(list, cert)
	}
}

func signingView(x *identity.SigningCertificate) api.SigningCertificate {
	return api.SigningCertificate{UserName: x.User, CertificateId: x.ID, CertificateBody: x.Body,
		Status: status(x.Inactive), UploadDate: &x.Uploaded}
}

func signingOf(r store.Reader, account, user string) []*identity.SigningCertificate {
	return slices.Collect(identity.SigningCertificates.Scan(r, account, identity.Fold(user)))
}

func uploadSigningCertificate(c *cloud.Call, tx store.Tx, in *api.UploadSigningCertificateInput) (*api.UploadSigningCertificateOutput, error) {
	user, err := ownUser(c, tx, in.UserName)
	if err != nil {
		return nil, err
	}
	certs, ok := parsePEM(in.CertificateBody)
	if !ok || len(certs) != 1 {
		return nil, api.ErrMalformedCertificate.New("Certificate is malformed. It must be one X.509 certificate in PEM format.")
	}
	if c.Now.After(certs[0].NotAfter) {
		return nil, api.ErrInvalidCertificate.New("Certificate has expired.")
	}
	sum := sha256.Sum256(certs[0].Raw)
	x := &identity.SigningCertificate{Account: c.Account, User: user, ID: c.Rand().String(32, rng.Base32),
		Body: in.CertificateBody, Fingerprint: hex.EncodeToString(sum[:]), Uploaded: c.Now}
	if some(identity.SigningCertificates.Index(tx, "fingerprint", x.Fingerprint)) {
		return nil, api.ErrDuplicateCertificate.New("This certificate is already associated with a user.")
	}
	if len(signingOf(tx, c.Account, user)) >= signingCertsQuota {
		return nil, errQuota("CertificatesPerUser", signingCertsQuota)
	}
	identity.SigningCertificates.Insert(tx, x)
	return &api.UploadSigningCertificateOutput{Certificate: signingView(x)}, nil
}

func listSigningCertificates(c *cloud.Call, r store.Reader, in *api.ListSigningCertificatesInput) (*api.ListSigningCertificatesOutput, error) {
	user, err := ownUser(c, r, in.UserName)
	if err != nil {
		return nil, err
	}
	page, p, err := pageSlice(signingOf(r, c.Account, user), in.Marker, in.MaxItems)
	return &api.ListSigningCertificatesOutput{Certificates: views(page, signingView), IsTruncated: p.IsTruncated, Marker: p.Marker}, err
}

func findSigning(c *cloud.Call, r store.Reader, name *string, id string) (*identity.SigningCertificate, error) {
	user, err := ownUser(c, r, name)
	if err != nil {
		return nil, err
	}
	x, ok := identity.SigningCertificates.Get(r, c.Account, identity.Fold(user), id)
	if !ok {
		return nil, api.ErrNoSuchEntity.New("The Certificate with id %s cannot be found.", id)
	}
	return x, nil
}

func updateSigningCertificate(c *cloud.Call, tx store.Tx, in *api.UpdateSigningCertificateInput) (*cloud.Empty, error) {
	x, err := findSigning(c, tx, in.UserName, in.CertificateId)
	if err != nil {
		return nil, err
	}
	if err := setStatus(&x.Inactive, in.Status); err != nil {
		return nil, err
	}
	identity.SigningCertificates.Put(tx, x)
	return new(cloud.Empty), nil
}

func deleteSigningCertificate(c *cloud.Call, tx store.Tx, in *api.DeleteSigningCertificateInput) (*cloud.Empty, error) {
	x, err := findSigning(c, tx, in.UserName, in.CertificateId)
	if err != nil {
		return nil, err
	}
	identity.SigningCertificates.Delete(tx, c.Account, identity.Fold(x.User), x.ID)
	return new(cloud.Empty), nil
}

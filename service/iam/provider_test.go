package iam_test

import (
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"pileus/node/nodetest"
)

func TestOpenIDConnectProvider(t *testing.T) {
	_, c := world(t)
	ctx := t.Context()
	create := func(url string) error {
		_, err := c.CreateOpenIDConnectProvider(ctx, &sdk.CreateOpenIDConnectProviderInput{Url: &url, ClientIDList: []string{"app", "app"}, ThumbprintList: []string{strings.Repeat("AB", 20)}})
		return err
	}
	for _, bad := range []string{"http://idp.example.com", "idp.example.com", "https://idp.example.com/?x=1", "https://"} {
		refused(t, create(bad), "ValidationError", "Invalid Open ID Connect Provider URL")
	}
	if err := create(issuer); err != nil {
		t.Fatal(err)
	}
	refused(t, create(issuer+"/"), "EntityAlreadyExists", "Provider with url "+issuer+"/ already exists.")
	arn := new(arnHead + "oidc-provider/idp.example.com/realm")
	must(c.AddClientIDToOpenIDConnectProvider(ctx, &sdk.AddClientIDToOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn, ClientID: new("web")}))(t)
	must(c.RemoveClientIDFromOpenIDConnectProvider(ctx, &sdk.RemoveClientIDFromOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn, ClientID: new("app")}))(t)
	got := must(c.GetOpenIDConnectProvider(ctx, &sdk.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn}))(t)
	equal(t, "URL without scheme", *got.Url, "idp.example.com/realm")
	equal(t, "clients", strings.Join(got.ClientIDList, " "), "web")
	equal(t, "thumbprints", strings.Join(got.ThumbprintList, " "), strings.Repeat("ab", 20))
	list := must(c.ListOpenIDConnectProviders(ctx, nil))(t).OpenIDConnectProviderList
	equal(t, "listed", *list[0].Arn, *arn)
	must(c.DeleteOpenIDConnectProvider(ctx, &sdk.DeleteOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn}))(t)
	_, err := c.GetOpenIDConnectProvider(ctx, &sdk.GetOpenIDConnectProviderInput{OpenIDConnectProviderArn: arn})
	refused(t, err, "NoSuchEntity", "OpenIDConnect Provider not found for arn "+*arn)
}

func TestSAMLProvider(t *testing.T) {
	_, c := world(t)
	ctx, m := t.Context(), made()
	create := func(metadata string, more ...func(*sdk.CreateSAMLProviderInput)) error {
		in := &sdk.CreateSAMLProviderInput{Name: new("idp"), SAMLMetadataDocument: &metadata}
		for _, f := range more {
			f(in)
		}
		_, err := c.CreateSAMLProvider(ctx, in)
		return err
	}
	for _, bad := range []string{
		strings.Repeat("x", 1000),
		strings.Replace(m.metadata, "IDPSSODescriptor", "SPSSODescriptor", 2),
		strings.Replace(m.metadata, "SingleSignOnService", "SingleLogoutService", 2),
		strings.Replace(m.metadata, "<X509Certificate>", "<X509Certificate>AAAA", 1),
		strings.Replace(m.metadata, `use="signing"`, `use="encryption"`, 1),
		strings.Replace(m.metadata, `entityID=`, `validUntil="2020-01-01T00:00:00Z" entityID=`, 1),
	} {
		refused(t, create(bad), "InvalidInput", "Could not parse metadata")
	}
	refused(t, create(m.metadata, func(in *sdk.CreateSAMLProviderInput) {
		in.AssertionEncryptionMode = types.AssertionEncryptionModeTypeRequired
	}), "InvalidInput", "private key")
	if err := create(m.metadata, func(in *sdk.CreateSAMLProviderInput) { in.AddPrivateKey = &m.privateKeyPEM }); err != nil {
		t.Fatal(err)
	}
	refused(t, create(m.metadata), "EntityAlreadyExists", "idp already exists.")
	arn := new(arnHead + "saml-provider/idp")
	until := strings.Replace(m.metadata, `entityID=`, `validUntil="2027-01-01T00:00:00Z" entityID=`, 1)
	must(c.UpdateSAMLProvider(ctx, &sdk.UpdateSAMLProviderInput{SAMLProviderArn: arn, SAMLMetadataDocument: &until, AssertionEncryptionMode: types.AssertionEncryptionModeTypeRequired}))(t)
	got := must(c.GetSAMLProvider(ctx, &sdk.GetSAMLProviderInput{SAMLProviderArn: arn}))(t)
	equal(t, "metadata", *got.SAMLMetadataDocument, until)
	equal(t, "valid until", got.ValidUntil.Equal(nodetest.Epoch.AddDate(1, 0, 0)), true)
	equal(t, "keys", len(got.PrivateKeyList), 1)
	_, err := c.UpdateSAMLProvider(ctx, &sdk.UpdateSAMLProviderInput{SAMLProviderArn: arn, RemovePrivateKey: got.PrivateKeyList[0].KeyId})
	refused(t, err, "InvalidInput", "private key")
	must(c.DeleteSAMLProvider(ctx, &sdk.DeleteSAMLProviderInput{SAMLProviderArn: arn}))(t)
	_, err = c.GetSAMLProvider(ctx, &sdk.GetSAMLProviderInput{SAMLProviderArn: arn})
	refused(t, err, "NoSuchEntity", "Manifest not found for arn "+*arn)
}

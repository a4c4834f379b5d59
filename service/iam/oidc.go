package iam

import (
	"encoding/hex"
	"net/url"
	"slices"
	"strings"

	api "pileus/api/iam"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// findOIDC is the account's OpenID Connect provider with the ARN.
func findOIDC(c *cloud.Call, r store.Reader, arn string) (*identity.OIDCProvider, error) {
	a, ok := cloud.ParseARN(arn)
	at, isOIDC := strings.CutPrefix(a.Resource, "oidc-provider/")
	if !ok || !isOIDC || a.Service != "iam" {
		return nil, api.ErrInvalidInput.New("Invalid ARN: %s", arn)
	}
	p, ok := identity.OIDCProviders.Get(r, c.Account, at)
	if !ok || a.Account != c.Account {
		return nil, api.ErrNoSuchEntity.New("OpenIDConnect Provider not found for arn %s", arn)
	}
	return p, nil
}

// issuer is the provider's URL without its scheme, which has to be https.
// Unlike AWS it may name a port, so that an issuer on this machine can be used.
func issuer(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return "", errValidation("Invalid Open ID Connect Provider URL")
	}
	return strings.TrimSuffix(u.Host+u.Path, "/"), nil
}

func checkThumbprints(list []string) ([]string, error) {
	if len(list) > thumbprintsQuota {
		return nil, api.ErrInvalidInput.New("Thumbprint list must contain fewer than %d entries.", thumbprintsQuota)
	}
	var out []string
	for _, t := range list {
		if _, err := hex.DecodeString(t); err != nil {
			return nil, errValidation("Invalid thumbprint: %s must be a hexadecimal SHA-1 digest", t)
		}
		out = append(out, strings.ToLower(t))
	}
	return out, nil
}

func createOpenIDConnectProvider(c *cloud.Call, tx store.Tx, in *api.CreateOpenIDConnectProviderInput) (*api.CreateOpenIDConnectProviderOutput, error) {
	at, err := issuer(in.Url)
	if err != nil {
		return nil, err
	}
	if identity.OIDCProviders.Has(tx, c.Account, at) {
		return nil, api.ErrEntityAlreadyExists.New("Provider with url %s already exists.", in.Url)
	}
	if identity.OIDCProviders.Count(tx, c.Account) >= oidcProvidersQuota {
		return nil, errQuota("OpenIdConnectProvidersPerAccount", oidcProvidersQuota)
	}
	if len(in.ClientIDList) > clientIDsQuota {
		return nil, errQuota("ClientIdsPerOpenIdConnectProvider", clientIDsQuota)
	}
	thumbprints, err := checkThumbprints(in.ThumbprintList)
	if err != nil {
		return nil, err
	}
	tags, err := newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	p := &identity.OIDCProvider{Account: c.Account, URL: at, ARN: arnOf(c, "oidc-provider", "/", at),
		ClientIDs: unique(in.ClientIDList), Thumbprints: unique(thumbprints), Created: c.Now, Tags: tags}
	identity.OIDCProviders.Insert(tx, p)
	return &api.CreateOpenIDConnectProviderOutput{OpenIDConnectProviderArn: &p.ARN, Tags: optionalTags(p.Tags)}, nil
}

func unique(list []string) []string {
	out := []string{}
	for _, s := range list {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

func getOpenIDConnectProvider(c *cloud.Call, r store.Reader, in *api.GetOpenIDConnectProviderInput) (*api.GetOpenIDConnectProviderOutput, error) {
	p, err := findOIDC(c, r, in.OpenIDConnectProviderArn)
	if err != nil {
		return nil, err
	}
	return &api.GetOpenIDConnectProviderOutput{Url: &p.URL, ClientIDList: p.ClientIDs, ThumbprintList: p.Thumbprints,
		CreateDate: &p.Created, Tags: tagViews(p.Tags)}, nil
}

func listOpenIDConnectProviders(c *cloud.Call, r store.Reader, _ *api.ListOpenIDConnectProvidersInput) (*api.ListOpenIDConnectProvidersOutput, error) {
	list := slices.Collect(identity.OIDCProviders.Scan(r, c.Account))
	return &api.ListOpenIDConnectProvidersOutput{OpenIDConnectProviderList: views(list, func(p *identity.OIDCProvider) api.OpenIDConnectProviderListEntry {
		return api.OpenIDConnectProviderListEntry{Arn: &p.ARN}
	})}, nil
}

func addClientIDToOpenIDConnectProvider(c *cloud.Call, tx store.Tx, in *api.AddClientIDToOpenIDConnectProviderInput) (*cloud.Empty, error) {
	p, err := findOIDC(c, tx, in.OpenIDConnectProviderArn)
	if err != nil {
		return nil, err
	}
	if slices.Contains(p.ClientIDs, in.ClientID) {
		return new(cloud.Empty), nil
	}
	if len(p.ClientIDs) >= clientIDsQuota {
		return nil, errQuota("ClientIdsPerOpenIdConnectProvider", clientIDsQuota)
	}
	p.ClientIDs = append(p.ClientIDs, in.ClientID)
	identity.OIDCProviders.Put(tx, p)
	return new(cloud.Empty), nil
}

func removeClientIDFromOpenIDConnectProvider(c *cloud.Call, tx store.Tx, in *api.RemoveClientIDFromOpenIDConnectProviderInput) (*cloud.Empty, error) {
	p, err := findOIDC(c, tx, in.OpenIDConnectProviderArn)
	if err != nil {
		return nil, err
	}
	p.ClientIDs = slices.DeleteFunc(p.ClientIDs, func(id string) bool { return id == in.ClientID })
	identity.OIDCProviders.Put(tx, p)
	return new(cloud.Empty), nil
}

func updateOpenIDConnectProviderThumbprint(c *cloud.Call, tx store.Tx, in *api.UpdateOpenIDConnectProviderThumbprintInput) (*cloud.Empty, error) {
	p, err := findOIDC(c, tx, in.OpenIDConnectProviderArn)
	if err != nil {
		return nil, err
	}
	thumbprints, err := checkThumbprints(in.ThumbprintList)
	if err != nil {
		return nil, err
	}
	p.Thumbprints = unique(thumbprints)
	identity.OIDCProviders.Put(tx, p)
	return new(cloud.Empty), nil
}

func deleteOpenIDConnectProvider(c *cloud.Call, tx store.Tx, in *api.DeleteOpenIDConnectProviderInput) (*cloud.Empty, error) {
	p, err := findOIDC(c, tx, in.OpenIDConnectProviderArn)
	if err != nil {
		return nil, err
	}
	identity.OIDCProviders.Delete(tx, c.Account, p.URL)
	return new(cloud.Empty), nil
}

func taggedOIDC(c *cloud.Call, r store.Reader, arn string) (tagged, error) {
	p, err := findOIDC(c, r, arn)
	if err != nil {
		return tagged{}, err
	}
	return tagged{&p.Tags, func(tx store.Tx) { identity.OIDCProviders.Put(tx, p) }}, nil
}

func tagOpenIDConnectProvider(c *cloud.Call, tx store.Tx, in *api.TagOpenIDConnectProviderInput) (*cloud.Empty, error) {
	x, err := taggedOIDC(c, tx, in.OpenIDConnectProviderArn)
	return tag(tx, x, err, in.Tags)
}

func untagOpenIDConnectProvider(c *cloud.Call, tx store.Tx, in *api.UntagOpenIDConnectProviderInput) (*cloud.Empty, error) {
	x, err := taggedOIDC(c, tx, in.OpenIDConnectProviderArn)
	return untag(tx, x, err, in.TagKeys)
}

func listOpenIDConnectProviderTags(c *cloud.Call, r store.Reader, in *api.ListOpenIDConnectProviderTagsInput) (*api.ListOpenIDConnectProviderTagsOutput, error) {
	x, err := taggedOIDC(c, r, in.OpenIDConnectProviderArn)
	tags, p, err := listTags(x, err, in.Marker, in.MaxItems)
	return &api.ListOpenIDConnectProviderTagsOutput{Tags: tags, IsTruncated: p.IsTruncated, Marker: p.Marker}, err
}

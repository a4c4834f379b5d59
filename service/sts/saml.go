package sts

import (
	"crypto/sha1"
	"encoding/base64"
	"regexp"
	"slices"
	"strings"
	"time"

	api "pileus/api/sts"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

const (
	samlAttributes = "https://aws.amazon.com/SAML/Attributes/"
	principalTag   = samlAttributes + "PrincipalTag:"
	// redeemWithin is how long after it was issued an assertion is taken
	// (troubleshoot_saml).
	redeemWithin = 5 * time.Minute
	formats      = "urn:oasis:names:tc:SAML:2.0:nameid-format:"
)

var (
	// signinEndpoint is where assertions for AWS are sent: globally or in a
	// region.
	signinEndpoint = regexp.MustCompile(`^https://([a-z0-9-]+\.)?signin\.aws\.amazon\.com/saml(/acs/[A-Za-z0-9]+)?$`)
	sessionName    = regexp.MustCompile(`^[a-zA-Z_0-9+=,.@-]{2,64}$`)
)

// personKeys are the attributes of persons that become condition keys
// (reference_policies_iam-condition-keys, SAML).
var personKeys = map[string]string{
	"urn:oid:1.3.6.1.4.1.5923.1.1.1.1":  "saml:edupersonaffiliation",
	"urn:oid:1.3.6.1.4.1.5923.1.1.1.5":  "saml:edupersonprimaryaffiliation",
	"urn:oid:1.3.6.1.4.1.5923.1.1.1.6":  "saml:edupersonprincipalname",
	"urn:oid:1.3.6.1.4.1.5923.1.1.1.7":  "saml:edupersonentitlement",
	"urn:oid:1.3.6.1.4.1.5923.1.1.1.9":  "saml:edupersonscopedaffiliation",
	"urn:oid:0.9.2342.19200300.100.1.1": "saml:uid",
	"urn:oid:0.9.2342.19200300.100.1.3": "saml:mail",
	"urn:oid:2.5.4.3":                   "saml:cn",
	"urn:oid:2.5.4.4":                   "saml:surname",
	"urn:oid:2.5.4.42":                  "saml:givenname",
}

func assumeRoleWithSAML(c *cloud.Call, in *api.AssumeRoleWithSAMLInput) (*api.AssumeRoleWithSAMLOutput, error) {
	p, err := samlProvider(c, in.PrincipalArn)
	if err != nil {
		return nil, err
	}
	entity, certs, err := parseMetadata(p.Metadata)
	if err != nil {
		return nil, err
	}
	now := c.Cloud.Clock().Machine()
	a, err := openResponse(in.SAMLAssertion, certs, p, now)
	if err != nil {
		return nil, err
	}
	if a.Issuer = strings.TrimSpace(a.Issuer); a.Issuer != entity {
		return nil, errIdentityToken("Issuer not present in specified provider")
	}
	recipient, err := a.check(now)
	if err != nil {
		return nil, err
	}
	if !a.grants(in.RoleArn, in.PrincipalArn) {
		return nil, errNotAuthorized("AssumeRoleWithSAML")
	}
	o, err := a.outsider(p, in)
	if err != nil {
		return nil, err
	}
	o.keys, o.lasting = a.keys(p, recipient)
	g, err := o.assume(c)
	if err != nil {
		return nil, err
	}
	return &api.AssumeRoleWithSAMLOutput{Credentials: g.credentials, AssumedRoleUser: g.user, PackedPolicySize: g.percent,
		Subject: new(a.subject()), SubjectType: new(a.subjectType()), Issuer: &a.Issuer, Audience: &recipient,
		NameQualifier: new(a.qualifier(p)), SourceIdentity: optional(o.sourceIdentity)}, nil
}

// samlProvider is the provider with the ARN, in whichever account it is.
func samlProvider(c *cloud.Call, arn string) (p *identity.SAMLProvider, err error) {
	a, ok := cloud.ParseARN(arn)
	name, isSAML := strings.CutPrefix(a.Resource, "saml-provider/")
	if !ok || !isSAML || a.Service != "iam" {
		return nil, errARN()
	}
	err = c.View(func(r store.Reader) error {
		if p, ok = identity.SAMLProviders.Get(r, a.Account, name); !ok {
			return errIdentityToken("Specified provider doesn't exist")
		}
		return nil
	})
	return p, err
}

// check looks at the assertion's times, audience and recipient, which it
// returns.
func (a *assertion) check(now time.Time) (recipient string, err error) {
	tooLate := api.ErrExpiredToken.New("Token must be redeemed within 5 minutes of issuance")
	switch {
	case a.IssueInstant.After(now.Add(clockLeeway)), a.Conditions.NotBefore.After(now.Add(clockLeeway)):
		return "", errIdentityToken("The assertion is not valid yet")
	case now.Sub(a.IssueInstant) > redeemWithin, past(a.Conditions.NotOnOrAfter, now):
		return "", tooLate
	}
	for _, r := range a.Conditions.Restrictions {
		if !slices.ContainsFunc(r.Audience, forAWS) {
			return "", errIdentityToken("Audience of the assertion is not valid")
		}
	}
	if len(a.Conditions.Restrictions) == 0 {
		return "", errIdentityToken("Audience of the assertion is not valid")
	}
	for _, s := range a.Subject.Confirmations {
		switch {
		case s.Method != bearer || !signinEndpoint.MatchString(s.Data.Recipient):
		case past(s.Data.NotOnOrAfter, now):
			return "", tooLate
		default:
			return s.Data.Recipient, nil
		}
	}
	return "", errIdentityToken("Recipient of the assertion is not valid")
}

func past(t, now time.Time) bool { return !t.IsZero() && !now.Before(t) }

func forAWS(audience string) bool {
	audience = strings.TrimSpace(audience)
	return audience == "urn:amazon:webservices" || signinEndpoint.MatchString(audience)
}

// grants tells whether the Role attribute pairs role and provider, in either
// order.
func (a *assertion) grants(role, provider string) bool {
	for _, pair := range a.attribute(samlAttributes + "Role") {
		x, y, _ := strings.Cut(pair, ",")
		x, y = strings.TrimSpace(x), strings.TrimSpace(y)
		if x == role && y == provider || x == provider && y == role {
			return true
		}
	}
	return false
}

// outsider is who asks, as the assertion describes it.
func (a *assertion) outsider(p *identity.SAMLProvider, in *api.AssumeRoleWithSAMLInput) (*outsider, error) {
	o := &outsider{op: &api.AssumeRoleWithSAML.OpInfo, provider: p.ARN, roleARN: in.RoleArn, policy: in.Policy,
		arns: in.PolicyArns, life: in.DurationSeconds, transitive: a.attribute(samlAttributes + "TransitiveTagKeys")}
	names := a.attribute(samlAttributes + "RoleSessionName")
	if len(names) != 1 {
		return nil, errIdentityToken("RoleSessionName is required in AuthnResponse")
	}
	if !sessionName.MatchString(names[0]) {
		return nil, errIdentityToken("RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}")
	}
	o.session = names[0]
	for _, s := range a.Statements {
		if !s.SessionNotOnOrAfter.IsZero() && (o.until.IsZero() || s.SessionNotOnOrAfter.Before(o.until)) {
			o.until = s.SessionNotOnOrAfter
		}
	}
	if s := a.attribute(samlAttributes + "SourceIdentity"); len(s) > 0 {
		o.sourceIdentity = s[0]
	}
	for _, x := range a.Attributes {
		if key, ok := strings.CutPrefix(x.Name, principalTag); ok {
			if len(x.Values) != 1 {
				return nil, errIdentityToken("Session tag %s must have exactly one value", key)
			}
			o.tags = append(o.tags, api.Tag{Key: key, Value: strings.TrimSpace(x.Values[0])})
		}
	}
	return o, nil
}

func (a *assertion) subject() string { return strings.TrimSpace(a.Subject.NameID.Value) }

// subjectType is the format of the subject's name: "persistent", "transient",
// or another format's full name.
func (a *assertion) subjectType() string {
	return strings.TrimPrefix(a.Subject.NameID.Format, formats)
}

// qualifier tells apart subjects of different issuers, accounts and providers.
func (a *assertion) qualifier(p *identity.SAMLProvider) string {
	sum := sha1.Sum([]byte(a.Issuer + p.Account + "/" + p.Name))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// keys are the condition keys while the role is assumed, and those of them
// that the session's later requests carry too.
func (a *assertion) keys(p *identity.SAMLProvider, recipient string) (all, lasting map[string][]string) {
	lasting = map[string][]string{
		"saml:namequalifier": {a.qualifier(p)}, "saml:sub": {a.subject()}, "saml:sub_type": {a.subjectType()},
	}
	all = map[string][]string{"saml:iss": {a.Issuer}, "saml:aud": {recipient}, "saml:doc": {p.Account + "/" + p.Name}}
	for k, v := range lasting {
		all[k] = v
	}
	for name, key := range personKeys {
		if v := a.attribute(name); len(v) > 0 {
			all[key] = v
		}
	}
	return all, lasting
}

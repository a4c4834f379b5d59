package elbv2

import (
	"crypto/x509"
	"maps"
	"net/netip"
	"strconv"
	"strings"

	api "pileus/api/elbv2"
	"pileus/cloud"
	"pileus/lb"
	"pileus/lb/attach"
	"pileus/lb/oidc"
	"pileus/lb/tlspolicy"
	"pileus/store"
)

// desiredListener is a listener with its rules as the data path takes it.
func (s *elb) desiredListener(c *cloud.Call, r store.Reader, b *balancer, l *listener, common lb.HTTPAttributes) (lb.Listener, error) {
	d := lb.Listener{ID: l.ARN, Port: uint16(l.Port), Protocol: l.Protocol, Default: desiredActions(l.Actions)}
	if b.Type == network {
		d.IdleTimeout = seconds(l.attribute("tcp.idle_timeout.seconds"))
	} else {
		d.HTTP = l.http(common)
	}
	if l.secure() {
		t, err := l.tls(c, r)
		if err != nil {
			return d, err
		}
		d.TLS = t
	}
	for v := range rulesOf(r, l) {
		if !v.isDefault() {
			d.Rules = append(d.Rules, lb.Rule{ID: v.ARN, Priority: int(v.Priority), Conditions: desiredConditions(v.Conditions), Actions: desiredActions(v.Actions), Transforms: desiredTransforms(v.Transforms)})
		}
	}
	return d, nil
}

// http is how the listener treats requests: as the balancer does, with its own
// settings.
func (l *listener) http(common lb.HTTPAttributes) *lb.HTTPAttributes {
	own := common
	own.Add, own.Rename = maps.Clone(common.Add), maps.Clone(common.Rename)
	own.ServerHeaderOff = l.attribute("routing.http.response.server.enabled") == "false"
	for key, value := range l.Attributes {
		switch {
		case value == "":
		case strings.HasPrefix(key, answerHeader) && strings.HasSuffix(key, ".header_value"):
			if own.Add == nil {
				own.Add = map[string]string{}
			}
			own.Add[headerOf(key)] = value
		case strings.HasPrefix(key, requestHeader):
			if own.Rename == nil {
				own.Rename = map[string]string{}
			}
			own.Rename[headerOf(key)] = value
		}
	}
	return &own
}

// tls is how the listener ends TLS. Certificates that are gone are left out;
// the listener goes on with what is there.
func (l *listener) tls(c *cloud.Call, r store.Reader) (*lb.TLS, error) {
	t := &lb.TLS{ClientAuth: "off", Now: c.Cloud.Clock().Now}
	if p, ok := tlspolicy.Find(l.Policy); ok {
		p.Apply(t)
	}
	for n, arn := range l.Certificates {
		cert, err := attach.Certificate(c, r, arn)
		switch {
		case err != nil:
		case n == 0:
			t.Default = cert
		default:
			t.Certificates = append(t.Certificates, cert)
		}
	}
	if l.Protocol == "TLS" && len(l.ALPN) == 1 {
		t.ALPN = alpnPolicies[l.ALPN[0]]
	}
	m := l.Mutual
	if m == nil {
		return t, nil
	}
	t.ClientAuth = cloud.Or(m.Mode, "off")
	if m.TrustStoreArn == nil {
		return t, nil
	}
	trust, err := findStore(c, r, *m.TrustStoreArn)
	if err != nil {
		return nil, err
	}
	t.ClientCAs, t.TrustStoreARN = x509.NewCertPool(), trust.ARN
	t.ClientCAs.AppendCertsFromPEM(trust.Bundle)
	t.IgnoreExpiry = cloud.Or(m.IgnoreClientCertificateExpiry, false)
	t.AdvertiseCAs = cloud.Or(m.AdvertiseTrustStoreCaNames, "off") == "on"
	revoked := map[string]bool{}
	for v := range revocations.Scan(r, trust.ARN) {
		for _, serial := range v.Serials {
			revoked[serial] = true
		}
	}
	if len(revoked) > 0 {
		t.Revoked = func(serial string) bool { return revoked[serial] }
	}
	return t, nil
}

func desiredActions(list []api.Action) (out []lb.Action) {
	for _, a := range list {
		d := lb.Action{Type: a.Type}
		for _, w := range weights(a) {
			d.Forward = append(d.Forward, lb.Weighted{Group: w.arn, Weight: w.weight})
		}
		if f := a.ForwardConfig; f != nil && f.TargetGroupStickinessConfig != nil && cloud.Or(f.TargetGroupStickinessConfig.Enabled, false) {
			d.Sticky = seconds(strconv.Itoa(int(cloud.Or(f.TargetGroupStickinessConfig.DurationSeconds, 0))))
		}
		if k := a.RedirectConfig; k != nil {
			d.Redirect = &lb.Redirect{
				Protocol: cloud.Or(k.Protocol, ""), Host: cloud.Or(k.Host, ""), Port: cloud.Or(k.Port, ""), Path: cloud.Or(k.Path, ""), Query: cloud.Or(k.Query, ""),
				Status: amount(strings.TrimPrefix(k.StatusCode, "HTTP_")),
			}
		}
		if k := a.AuthenticateOidcConfig; k != nil {
			d.OIDC = desiredLogin(k)
		}
		if k := a.JwtValidationConfig; k != nil {
			d.JWT = &lb.JWT{Issuer: k.Issuer, Keys: k.JwksEndpoint}
			for _, claim := range k.AdditionalClaims {
				d.JWT.Claims = append(d.JWT.Claims, oidc.Claim{Name: claim.Name, Format: claim.Format, Values: claim.Values})
			}
		}
		if k := a.FixedResponseConfig; k != nil {
			d.Fixed = &lb.Fixed{Status: amount(k.StatusCode), ContentType: cloud.Or(k.ContentType, ""), Body: cloud.Or(k.MessageBody, "")}
		}
		out = append(out, d)
	}
	return out
}

// desiredLogin is how users are authenticated; the service has completed it.
func desiredLogin(k *api.AuthenticateOidcActionConfig) *lb.OIDC {
	return &lb.OIDC{
		Config: oidc.Config{
			Issuer: k.Issuer, Authorization: k.AuthorizationEndpoint, Token: k.TokenEndpoint, UserInfo: k.UserInfoEndpoint,
			Client: k.ClientId, Secret: cloud.Or(k.ClientSecret, ""), Scope: cloud.Or(k.Scope, ""), Extra: k.AuthenticationRequestExtraParams,
		},
		Cookie: cloud.Or(k.SessionCookieName, ""), Session: seconds(strconv.FormatInt(cloud.Or(k.SessionTimeout, 0), 10)),
		Otherwise: cloud.Or(k.OnUnauthenticatedRequest, ""),
	}
}

func desiredConditions(list []api.RuleCondition) (out []lb.Condition) {
	for _, k := range list {
		d := lb.Condition{Field: cloud.Or(k.Field, "")}
		switch {
		case k.QueryStringConfig != nil:
			for _, q := range k.QueryStringConfig.Values {
				d.Queries = append(d.Queries, lb.Query{Key: cloud.Or(q.Key, ""), Value: cloud.Or(q.Value, "")})
			}
		case k.SourceIpConfig != nil:
			for _, v := range k.SourceIpConfig.Values {
				if p, err := netip.ParsePrefix(v); err == nil { // it was checked
					d.Sources = append(d.Sources, p)
				}
			}
		default:
			d.Values, d.Regex = valuesOf(k), regexesOf(k)
		}
		if k.HttpHeaderConfig != nil {
			d.Header = cloud.Or(k.HttpHeaderConfig.HttpHeaderName, "")
		}
		out = append(out, d)
	}
	return out
}

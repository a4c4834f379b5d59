package tlspolicy

import (
	"slices"
	"strings"
)

// ServerOrder is the attribute of a classic policy that has the balancer's
// order of ciphers decide, not the client's.
const ServerOrder = "Server-Defined-Cipher-Order"

// protocolPrefix begins the attributes that stand for versions.
const protocolPrefix = "Protocol-"

// ClassicNames are the predefined policies of classic load balancers, the
// newest first.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/elb-security-policy-table.html
func ClassicNames() []string {
	names := make([]string, len(classic))
	for i, p := range classic {
		names[i] = p.name
	}
	return names
}

// ClassicAttributes are the names of a negotiation policy's attributes, in the
// order in which AWS describes them.
func ClassicAttributes() []string { return slices.Clone(attributes) }

// Classic tells which attributes a predefined policy of classic load balancers
// has turned on.
func Classic(name string) (on []string, ok bool) {
	i := slices.IndexFunc(classic, func(p predefined) bool { return p.name == name })
	if i < 0 {
		return nil, false
	}
	return classic[i].attributes(), true
}

// FromClassic is the policy that attributes of a classic negotiation policy
// make, given those that are on.
func FromClassic(name string, on []string) Policy {
	p := Policy{Name: name}
	for _, a := range attributes {
		if !slices.Contains(on, a) || a == ServerOrder {
			continue
		}
		if v, ok := strings.CutPrefix(a, protocolPrefix); ok {
			p.Protocols = append(p.Protocols, v)
		} else {
			p.Ciphers = append(p.Ciphers, a)
		}
	}
	slices.Reverse(p.Protocols)
	return p
}

// predefined is a policy: what it adds to the eighteen ciphers of 2016-08, or
// all that it has.
type predefined struct {
	name      string
	protocols []string
	ciphers   func() []string
	unordered bool
}

func (p predefined) attributes() []string {
	var on []string
	for _, v := range p.protocols {
		on = append(on, protocolPrefix+v)
	}
	if !p.unordered {
		on = append(on, ServerOrder)
	}
	return append(on, p.ciphers()...)
}

// of are the ciphers of sets, and some more.
func of(in set, more ...string) func() []string {
	return func() []string { return append(in.ciphers(), more...) }
}

var classic = []predefined{
	{name: "ELBSecurityPolicy-2016-08", protocols: protocols[:3], ciphers: of(wide)},
	{name: "ELBSecurityPolicy-TLS-1-2-2017-01", protocols: protocols[2:3], ciphers: of(strict)},
	{name: "ELBSecurityPolicy-TLS-1-1-2017-01", protocols: protocols[1:3], ciphers: of(wide)},
	{name: "ELBSecurityPolicy-2015-05", protocols: protocols[:3], ciphers: of(wide, "DES-CBC3-SHA")},
	{name: "ELBSecurityPolicy-2015-03", protocols: protocols[:3], ciphers: of(wide, "DHE-RSA-AES128-SHA", "DES-CBC3-SHA")},
	{name: "ELBSecurityPolicy-2015-02", protocols: protocols[:3], ciphers: of(wide, "DHE-RSA-AES128-SHA")},
	{name: "ELBSecurityPolicy-2014-10", protocols: protocols[:3], ciphers: of(wide, "DHE-RSA-AES128-SHA", "DES-CBC3-SHA", "ECDHE-RSA-RC4-SHA", "RC4-SHA")},
	{name: "ELBSecurityPolicy-2014-01", protocols: []string{"SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2"}, ciphers: of(wide, "DHE-RSA-AES128-SHA", "DES-CBC3-SHA", "ECDHE-RSA-RC4-SHA", "RC4-SHA")},
	{name: "ELBSecurityPolicy-2011-08", protocols: []string{"SSLv3", "TLSv1"}, unordered: true, ciphers: of(rsaSHA1, "DHE-RSA-AES128-SHA", "DHE-DSS-AES128-SHA", "CAMELLIA128-SHA", "EDH-RSA-DES-CBC3-SHA", "DES-CBC3-SHA", "RC4-SHA")},
}

// attributes are those of policies of the type SSLNegotiationPolicyType.
var attributes = []string{
	"Protocol-SSLv2", "Protocol-SSLv3", "Protocol-TLSv1", "Protocol-TLSv1.1", "Protocol-TLSv1.2", ServerOrder,
	"ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256", "ECDHE-RSA-AES128-SHA256",
	"ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES128-SHA", "DHE-RSA-AES128-SHA",
	"ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES256-SHA384", "ECDHE-RSA-AES256-SHA384",
	"ECDHE-RSA-AES256-SHA", "ECDHE-ECDSA-AES256-SHA",
	"AES128-GCM-SHA256", "AES128-SHA256", "AES128-SHA", "AES256-GCM-SHA384", "AES256-SHA256", "AES256-SHA",
	"DHE-DSS-AES128-SHA", "CAMELLIA128-SHA", "EDH-RSA-DES-CBC3-SHA", "DES-CBC3-SHA", "ECDHE-RSA-RC4-SHA", "RC4-SHA",
	"ECDHE-ECDSA-RC4-SHA", "DHE-DSS-AES256-GCM-SHA384", "DHE-RSA-AES256-GCM-SHA384", "DHE-RSA-AES256-SHA256", "DHE-DSS-AES256-SHA256",
	"DHE-RSA-AES256-SHA", "DHE-DSS-AES256-SHA", "DHE-RSA-CAMELLIA256-SHA", "DHE-DSS-CAMELLIA256-SHA", "CAMELLIA256-SHA",
	"EDH-DSS-DES-CBC3-SHA", "DHE-DSS-AES128-GCM-SHA256", "DHE-RSA-AES128-GCM-SHA256", "DHE-RSA-AES128-SHA256", "DHE-DSS-AES128-SHA256",
	"DHE-RSA-CAMELLIA128-SHA", "DHE-DSS-CAMELLIA128-SHA", "ADH-AES128-GCM-SHA256", "ADH-AES128-SHA", "ADH-AES128-SHA256",
	"ADH-AES256-GCM-SHA384", "ADH-AES256-SHA", "ADH-AES256-SHA256", "ADH-CAMELLIA128-SHA", "ADH-CAMELLIA256-SHA", "ADH-DES-CBC3-SHA",
	"ADH-DES-CBC-SHA", "ADH-RC4-MD5", "ADH-SEED-SHA", "DES-CBC-SHA", "DHE-DSS-SEED-SHA", "DHE-RSA-SEED-SHA", "EDH-DSS-DES-CBC-SHA",
	"EDH-RSA-DES-CBC-SHA", "IDEA-CBC-SHA", "RC4-MD5", "SEED-SHA", "DES-CBC3-MD5", "DES-CBC-MD5", "RC2-CBC-MD5", "PSK-AES256-CBC-SHA",
	"PSK-3DES-EDE-CBC-SHA", "KRB5-DES-CBC3-SHA", "KRB5-DES-CBC3-MD5", "PSK-AES128-CBC-SHA", "PSK-RC4-SHA", "KRB5-RC4-SHA", "KRB5-RC4-MD5",
	"KRB5-DES-CBC-SHA", "KRB5-DES-CBC-MD5", "EXP-EDH-RSA-DES-CBC-SHA", "EXP-EDH-DSS-DES-CBC-SHA", "EXP-ADH-DES-CBC-SHA", "EXP-DES-CBC-SHA",
	"EXP-RC2-CBC-MD5", "EXP-KRB5-RC2-CBC-SHA", "EXP-KRB5-DES-CBC-SHA", "EXP-KRB5-RC2-CBC-MD5", "EXP-KRB5-DES-CBC-MD5", "EXP-ADH-RC4-MD5",
	"EXP-RC4-MD5", "EXP-KRB5-RC4-SHA", "EXP-KRB5-RC4-MD5",
}

// Package tlspolicy holds the TLS security policies of Elastic Load Balancing:
// which versions and ciphers a name stands for.
//
//	policy.go   policies, and how a listener is given one
//	table.go    the policies of application and network load balancers
//	classic.go  those of classic ones, and their attributes
//	cipher.go   ciphers by OpenSSL's names
//
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html
package tlspolicy

import (
	"crypto/tls"
	"slices"
	"strings"

	"pileus/lb"
)

// Default is the policy of listeners that are made without one.
const Default = "ELBSecurityPolicy-2016-08"

// Policy is a set of versions and ciphers.
type Policy struct {
	Name string
	// Protocols are the versions, newest first: "TLSv1.3".
	Protocols []string
	// Ciphers by OpenSSL's names, the one that is liked best first.
	Ciphers []string
}

// Find is the policy of that name of application and network load balancers.
func Find(name string) (Policy, bool) {
	i := slices.IndexFunc(table, func(r row) bool { return r.name == name })
	if i < 0 {
		return Policy{}, false
	}
	return table[i].policy(), true
}

// All are the policies in the order in which AWS lists them.
func All() []Policy {
	list := make([]Policy, len(table))
	for i, r := range table {
		list[i] = r.policy()
	}
	return list
}

// Apply has a listener speak what the policy allows. Ciphers that Go does not
// know (those of CBC with SHA-384, finite-field Diffie-Hellman) are left out,
// and among the rest Go takes the strongest: the order is not kept.
func (p Policy) Apply(t *lb.TLS) {
	t.PolicyName = p.Name
	t.MinVersion, t.MaxVersion, t.Ciphers = 0, 0, []uint16{}
	for _, name := range p.Protocols {
		v, ok := versions[name]
		if !ok {
			continue
		}
		t.MaxVersion = max(t.MaxVersion, v)
		if t.MinVersion == 0 || v < t.MinVersion {
			t.MinVersion = v
		}
	}
	for _, name := range p.Ciphers {
		if id, ok := ciphers[name]; ok {
			t.Ciphers = append(t.Ciphers, id)
		}
	}
}

// PostQuantum tells whether the policy offers hybrid key exchange with ML-KEM.
func (p Policy) PostQuantum() bool { return strings.Contains(p.Name, "-PQ-") }

// versions by AWS's names, in classic policies ("Protocol-TLSv1.2" without its
// prefix) and others. SSL 3 is gone from Go.
var versions = map[string]uint16{
	"TLSv1": tls.VersionTLS10, "TLSv1.1": tls.VersionTLS11, "TLSv1.2": tls.VersionTLS12, "TLSv1.3": tls.VersionTLS13,
}

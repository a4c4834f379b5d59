package tlspolicy

import (
	"crypto/tls"
	"slices"
	"testing"

	"pileus/lb"
)

func TestPolicies(t *testing.T) {
	for _, test := range []struct {
		name     string
		versions []string
		ciphers  int
		first    string
	}{
		{"ELBSecurityPolicy-2016-08", []string{"TLSv1.2", "TLSv1.1", "TLSv1"}, 18, "ECDHE-ECDSA-AES128-GCM-SHA256"},
		{"ELBSecurityPolicy-TLS-1-2-2017-01", []string{"TLSv1.2"}, 12, "ECDHE-ECDSA-AES128-GCM-SHA256"},
		{"ELBSecurityPolicy-TLS-1-0-2015-04", []string{"TLSv1.2", "TLSv1.1", "TLSv1"}, 19, "ECDHE-ECDSA-AES128-GCM-SHA256"},
		{"ELBSecurityPolicy-FS-1-2-Res-2020-10", []string{"TLSv1.2"}, 4, "ECDHE-ECDSA-AES128-GCM-SHA256"},
		{"ELBSecurityPolicy-TLS13-1-2-2021-06", []string{"TLSv1.3", "TLSv1.2"}, 11, "TLS_AES_128_GCM_SHA256"},
		{"ELBSecurityPolicy-TLS13-1-2-Res-2021-06", []string{"TLSv1.3", "TLSv1.2"}, 7, "TLS_AES_128_GCM_SHA256"},
		{"ELBSecurityPolicy-TLS13-1-2-Ext0-FIPS-2023-04", []string{"TLSv1.3", "TLSv1.2"}, 14, "TLS_AES_128_GCM_SHA256"},
		{"ELBSecurityPolicy-TLS13-1-3-2021-06", []string{"TLSv1.3"}, 3, "TLS_AES_128_GCM_SHA256"},
	} {
		p, ok := Find(test.name)
		if !ok || !slices.Equal(p.Protocols, test.versions) || len(p.Ciphers) != test.ciphers || p.Ciphers[0] != test.first {
			t.Errorf("%s: %v with %d ciphers from %v", test.name, p.Protocols, len(p.Ciphers), p.Ciphers)
		}
	}
	if _, ok := Find("ELBSecurityPolicy-2011-08"); ok {
		t.Error("application load balancers have a policy of classic ones")
	}
}

func TestApply(t *testing.T) {
	p, _ := Find("ELBSecurityPolicy-TLS-1-1-2017-01")
	var l lb.TLS
	p.Apply(&l)
	if l.MinVersion != tls.VersionTLS11 || l.MaxVersion != tls.VersionTLS12 || l.PolicyName != p.Name {
		t.Errorf("%+v", l)
	}
	if !slices.Contains(l.Ciphers, tls.TLS_RSA_WITH_AES_256_CBC_SHA) || slices.Contains(l.Ciphers, tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA) {
		t.Errorf("ciphers %x", l.Ciphers)
	}
}

// TestEveryAttributeIsKnown holds the predefined classic policies to the list
// of attributes, and all ciphers of Go's to their names.
func TestEveryAttributeIsKnown(t *testing.T) {
	for _, name := range ClassicNames() {
		on, _ := Classic(name)
		for _, a := range on {
			if !slices.Contains(attributes, a) {
				t.Errorf("%s has %s, which is no attribute", name, a)
			}
		}
	}
	for name, id := range ciphers {
		if !slices.Contains(attributes, name) {
			t.Errorf("%s is no attribute of classic policies", name)
		}
		if lb.CipherName(id) != name {
			t.Errorf("%s is called %s", name, lb.CipherName(id))
		}
	}
	for i, a := range attributes {
		if slices.Contains(attributes[i+1:], a) {
			t.Errorf("%s is listed twice", a)
		}
	}
	on, _ := Classic(Default)
	p, _ := Find(Default)
	if c := FromClassic(Default, on); !slices.Equal(c.Protocols, p.Protocols) || len(c.Ciphers) != len(p.Ciphers) {
		t.Errorf("the default policy is another one to classic load balancers: %v", c)
	}
}

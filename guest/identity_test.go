//go:build linux

package guest

import (
	"testing"

	"pileus/guest/handoff"
)

func TestResolverIsThatOfTheDHCPOptions(t *testing.T) {
	for _, c := range []struct {
		servers, search []string
		domain, want    string
	}{
		{nil, nil, "ec2.internal", "search ec2.internal\nnameserver 169.254.169.253\noptions timeout:2 attempts:2\n"},
		{nil, nil, "", "nameserver 169.254.169.253\noptions timeout:2 attempts:2\n"},
		{[]string{"10.0.0.5", "10.0.0.6"}, []string{"a.example", "example"}, "ec2.internal", "search a.example example\nnameserver 10.0.0.5\nnameserver 10.0.0.6\noptions timeout:2 attempts:2\n"},
	} {
		m := &machine{spec: handoff.Spec{Nameservers: c.servers, Search: c.search}}
		if got := m.resolv(c.domain); got != c.want {
			t.Errorf("%v %v: %q, want %q", c.servers, c.search, got, c.want)
		}
	}
}

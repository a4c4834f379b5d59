package node_test

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/miekg/dns"

	"pileus/cloud"
	"pileus/names"
	"pileus/node"
	"pileus/node/nodetest"
	"pileus/store"
)

// TestNameServer: the host's questions are answered from what services have
// named, over UDP and TCP.
func TestNameServer(t *testing.T) {
	w := nodetest.Start(t, node.Options{DNS: "127.0.0.1:0", Modules: func(node.Parts) []cloud.Module { return nil }})
	w.Update(func(tx store.Tx) {
		names.Put(tx, names.Record{Name: "web-1.us-east-1.elb.amazonaws.com", Owner: "web", TTL: 60, Addresses: []netip.Addr{netip.MustParseAddr("198.18.0.7"), netip.MustParseAddr("2001:db8::7")}})
	})
	for _, row := range []struct {
		name string
		kind uint16
		code int
		want []string
	}{
		{"Web-1.us-east-1.elb.amazonaws.com.", dns.TypeA, dns.RcodeSuccess, []string{"198.18.0.7"}},
		{"web-1.us-east-1.elb.amazonaws.com.", dns.TypeAAAA, dns.RcodeSuccess, []string{"2001:db8::7"}},
		{"web-1.us-east-1.elb.amazonaws.com.", dns.TypeMX, dns.RcodeSuccess, nil},
		{"ec2-198-18-0-9.compute-1.amazonaws.com.", dns.TypeA, dns.RcodeSuccess, []string{"198.18.0.9"}},
		{"nobody.us-east-1.elb.amazonaws.com.", dns.TypeA, dns.RcodeNameError, nil},
		{"example.com.", dns.TypeA, dns.RcodeRefused, nil},
	} {
		for _, network := range []string{"udp", "tcp"} {
			q := (&dns.Msg{}).SetQuestion(row.name, row.kind)
			a, _, err := (&dns.Client{Net: network}).ExchangeContext(t.Context(), q, w.NameServer())
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, rr := range a.Answer {
				switch x := rr.(type) {
				case *dns.A:
					got = append(got, x.A.String())
				case *dns.AAAA:
					got = append(got, x.AAAA.String())
				}
			}
			if a.Rcode != row.code || !slices.Equal(got, row.want) {
				t.Errorf("%s over %s: %s %v, want %s %v", row.name, network, dns.RcodeToString[a.Rcode], got, dns.RcodeToString[row.code], row.want)
			}
		}
	}
}

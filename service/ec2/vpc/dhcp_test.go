package vpc

import (
	"slices"
	"testing"

	api "pileus/api/ec2"
	"pileus/node/nodetest"
	"pileus/store"
)

// TestLeaseIsWhatTheOptionsSay associates options with a VPC and looks what its
// instances are told.
// https://docs.aws.amazon.com/vpc/latest/userguide/DHCPOptionSetConcepts.html
func TestLeaseIsWhatTheOptionsSay(t *testing.T) {
	w := newWorld(t)
	id := *nodetest.Do(w.World, &api.DescribeVpcs, &api.DescribeVpcsInput{}).Vpcs[0].VpcId
	lease := func() (servers, search []string) {
		t.Helper()
		c := w.Call()
		if err := c.View(func(r store.Reader) error { servers, search = Lease(c, r, id); return nil }); err != nil {
			t.Fatal(err)
		}
		return servers, search
	}
	want := func(servers, search []string) {
		t.Helper()
		if s, d := lease(); !slices.Equal(s, servers) || !slices.Equal(d, search) {
			t.Errorf("instances are told to ask %v and to complete with %v, want %v and %v", s, d, servers, search)
		}
	}
	want([]string{"169.254.169.253"}, []string{"ec2.internal"})
	o := nodetest.Do(w.World, &api.CreateDhcpOptions, &api.CreateDhcpOptionsInput{DhcpConfigurations: []api.NewDhcpConfiguration{
		{Key: new("domain-name-servers"), Values: []string{"10.2.5.1", "AmazonProvidedDNS"}},
		{Key: new("domain-name"), Values: []string{"corp.example.com example.com"}},
	}})
	nodetest.Do(w.World, &api.AssociateDhcpOptions, &api.AssociateDhcpOptionsInput{DhcpOptionsId: *o.DhcpOptions.DhcpOptionsId, VpcId: id})
	want([]string{"10.2.5.1", "169.254.169.253"}, []string{"corp.example.com", "example.com"})
	nodetest.Do(w.World, &api.AssociateDhcpOptions, &api.AssociateDhcpOptionsInput{DhcpOptionsId: "default", VpcId: id})
	want(nil, nil)
}

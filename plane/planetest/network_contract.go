package planetest

import (
	"errors"
	"net/netip"
	"slices"
	"testing"

	"pileus/plane"
)

// Network is what every plane.Network does, with packets or without.
func Network(t *testing.T, n plane.Network) {
	ctx := t.Context()
	w := newWorld(t, Rig{Network: n})
	ids := func() []string {
		t.Helper()
		ids, err := n.VPCs(ctx)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(ids)
		return ids
	}
	if got := ids(); len(got) != 0 {
		t.Fatalf("a new network has %v", got)
	}
	unknown := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, plane.ErrNotFound) {
			t.Errorf("%s of a VPC that is not there: %v, want ErrNotFound", what, err)
		}
	}
	_, err := n.Traffic(ctx, "vpc-a")
	unknown("traffic", err)
	_, err = n.Flows(ctx, "vpc-a")
	unknown("flows", err)
	_, err = n.Listen(ctx, "vpc-a", netip.AddrPortFrom(metadata, 80))
	unknown("listening in", err)
	_, err = n.Dial(ctx, "vpc-a", addr("10.0.0.10"), "tcp", netip.AddrPortFrom(metadata, 80))
	unknown("dialing from", err)
	if err := n.RemoveVPC(ctx, "vpc-a"); err != nil {
		t.Errorf("removing a VPC that is not there: %v", err)
	}

	for range 2 { // twice is once
		for _, v := range w.vpcs {
			if err := n.ApplyVPC(ctx, *v); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := ids(); !slices.Equal(got, []string{"vpc-a", "vpc-b", "vpc-c"}) {
		t.Errorf("VPCs: %v", got)
	}
	traffic, err := n.Traffic(ctx, "vpc-b")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := traffic["eni-bee"]; !ok || len(traffic) != 1 {
		t.Errorf("traffic of vpc-b: %v, want eni-bee's alone", traffic)
	}
	w.eni("bee").Machine = ""
	w.apply(t)
	if traffic, err := n.Traffic(ctx, "vpc-b"); err != nil || len(traffic) != 0 {
		t.Errorf("traffic of an interface that is detached: %v, %v", traffic, err)
	}
	if err := n.RemoveVPC(ctx, "vpc-b"); err != nil {
		t.Fatal(err)
	}
	if got := ids(); !slices.Equal(got, []string{"vpc-a", "vpc-c"}) {
		t.Errorf("VPCs after one was removed: %v", got)
	}
	bad := small("bad", "10.9.0.0/16", "10.9.0.0/24")
	bad.Interfaces = []plane.Interface{{ID: "eni-bad", Subnet: "subnet-elsewhere", Primary: addr("10.9.0.9")}}
	if err := n.ApplyVPC(ctx, *bad); err == nil {
		t.Error("an interface in a subnet that is not there is accepted")
	}
	for _, id := range []string{"vpc-a", "vpc-bad", "vpc-c"} {
		if err := n.RemoveVPC(ctx, id); err != nil {
			t.Error(err)
		}
	}
	if got := ids(); len(got) != 0 {
		t.Errorf("after all were removed: %v", got)
	}
}

package planetest

import (
	"testing"

	"pileus/plane"
)

// natGateway is the stage that has a NAT gateway.
const natGateway = "nat gateway"

// natCounts opens a connection through the NAT gateway, and looks at what it
// has counted of it.
// https://docs.aws.amazon.com/vpc/latest/userguide/metrics-dimensions-nat-gateway.html
func (w *world) natCounts(t *testing.T) {
	read := func() plane.NATCounters {
		t.Helper()
		all, err := w.rig.Network.Traffic(t.Context(), "vpc-a")
		if err != nil {
			t.Fatal(err)
		}
		if all["eni-nat"].NAT == nil {
			t.Fatal("the NAT gateway counts nothing")
		}
		if all[w.eni("db").ID].NAT != nil {
			t.Error("an instance counts as a NAT gateway")
		}
		return *all["eni-nat"].NAT
	}
	before := read()
	k := w.keep(t, "db", "internet", "tcp 80")
	w.goesOn(t, k, "a connection through the NAT gateway")
	now := read()
	if now.Attempts != before.Attempts+1 || now.Established != before.Established+1 || now.Active == 0 {
		t.Errorf("one connection more counts as %+v after %+v", now, before)
	}
	there, back := now.FromSource.Packets-before.FromSource.Packets, now.FromDestination.Packets-before.FromDestination.Packets
	if there < 4 || back < 3 || now.ToDestination.Packets-before.ToDestination.Packets != there || now.ToSource.Packets-before.ToSource.Packets != back {
		t.Errorf("its packets count as %+v after %+v", now, before)
	}
	if now.FromSource.Bytes-before.FromSource.Bytes < 40*there || now.ToSource.Bytes-before.ToSource.Bytes < 40*back {
		t.Errorf("its bytes count as %+v after %+v", now, before)
	}
	if now.PortErrors != 0 || now.Dropped != 0 {
		t.Errorf("errors where there are none: %+v", now)
	}
}

package vpc

import (
	"net/netip"
	"testing"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/node/nodetest"
	"pileus/plane"
)

const otherAccount = "111122223333"

// peering asks for a peering connection.
func (w *world) peering(in *api.CreateVpcPeeringConnectionInput) string {
	w.T.Helper()
	out := nodetest.Do(w.World, &api.CreateVpcPeeringConnection, in)
	if s := *out.VpcPeeringConnection.Status.Code; s != peeringInitiating {
		w.T.Errorf("a new peering connection is %s", s)
	}
	w.Drain()
	return *out.VpcPeeringConnection.VpcPeeringConnectionId
}

// peeringState is the state as a caller sees it; "" where it sees none.
func peeringState(t testing.TB, c *cloud.Call, id string) string {
	t.Helper()
	out, err := api.DescribeVpcPeeringConnections.Call(c, &api.DescribeVpcPeeringConnectionsInput{Filters: filter("vpc-peering-connection-id", id)})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.VpcPeeringConnections) == 0 {
		return ""
	}
	return *out.VpcPeeringConnections[0].Status.Code
}

func TestPeeringLife(t *testing.T) {
	w := newWorld(t)
	us := w.Call()
	other := w.Call().In(otherAccount, "eu-west-1").As(w.UserIn(otherAccount, "peer", nodetest.Allow("ec2:*")).Principal)
	other.Region = "eu-west-1"
	a := w.vpc("10.1.0.0/16")
	made, err := api.CreateVpc.Call(other, &api.CreateVpcInput{CidrBlock: new("10.2.0.0/16")})
	if err != nil {
		t.Fatal(err)
	}
	b := *made.Vpc.VpcId
	ask := &api.CreateVpcPeeringConnectionInput{VpcId: a, PeerVpcId: &b, PeerOwnerId: new(otherAccount), PeerRegion: new("eu-west-1")}
	id := w.peering(ask)
	for _, c := range []*cloud.Call{us, other} {
		if s := peeringState(t, c, id); s != peeringPending {
			t.Errorf("%s sees %q", c.Account, s)
		}
	}
	_, err = nodetest.Try(w.World, &api.CreateVpcPeeringConnection, ask)
	wantCode(t, err, "VpcPeeringConnectionAlreadyExists")
	_, err = nodetest.Try(w.World, &api.AcceptVpcPeeringConnection, &api.AcceptVpcPeeringConnectionInput{VpcPeeringConnectionId: id})
	wantCode(t, err, "OperationNotPermitted")
	_, err = nodetest.Try(w.World, &api.ModifyVpcPeeringConnectionOptions, &api.ModifyVpcPeeringConnectionOptionsInput{
		VpcPeeringConnectionId: id, RequesterPeeringConnectionOptions: &api.PeeringConnectionOptionsRequest{AllowDnsResolutionFromRemoteVpc: new(true)}})
	wantCode(t, err, "OperationNotPermitted")

	accepted, err := api.AcceptVpcPeeringConnection.Call(other, &api.AcceptVpcPeeringConnectionInput{VpcPeeringConnectionId: id})
	if err != nil || *accepted.VpcPeeringConnection.Status.Code != peeringProvisioning {
		t.Fatalf("accepted: %+v, %v", accepted, err)
	}
	w.Drain()
	if s := peeringState(t, us, id); s != peeringActive {
		t.Errorf("accepted and drained: %s", s)
	}
	for vpc, peer := range map[string]string{a: b, b: a} {
		if got := w.applied(vpc).Peerings; len(got) != 1 || got[0] != (plane.Peering{ID: id, Peer: peer}) {
			t.Errorf("%s: the data plane has %+v", vpc, got)
		}
	}
	modified := nodetest.Do(w.World, &api.ModifyVpcPeeringConnectionOptions, &api.ModifyVpcPeeringConnectionOptionsInput{
		VpcPeeringConnectionId: id, RequesterPeeringConnectionOptions: &api.PeeringConnectionOptionsRequest{AllowDnsResolutionFromRemoteVpc: new(true)}})
	if !*modified.RequesterPeeringConnectionOptions.AllowDnsResolutionFromRemoteVpc {
		t.Error("the option was not set")
	}
	_, err = nodetest.Try(w.World, &api.ModifyVpcPeeringConnectionOptions, &api.ModifyVpcPeeringConnectionOptionsInput{
		VpcPeeringConnectionId: id, AccepterPeeringConnectionOptions: &api.PeeringConnectionOptionsRequest{AllowDnsResolutionFromRemoteVpc: new(true)}})
	wantCode(t, err, "OperationNotPermitted")

	table := *nodetest.Do(w.World, &api.CreateRouteTable, &api.CreateRouteTableInput{VpcId: a}).RouteTable.RouteTableId
	nodetest.Do(w.World, &api.CreateRoute, &api.CreateRouteInput{RouteTableId: table, DestinationCidrBlock: new("10.2.0.0/16"), VpcPeeringConnectionId: &id})
	nodetest.Do(w.World, &api.DeleteVpcPeeringConnection, &api.DeleteVpcPeeringConnectionInput{VpcPeeringConnectionId: id})
	if len(w.applied(a).Peerings)+len(w.applied(b).Peerings) != 0 {
		t.Error("the data plane keeps a peering that was deleted")
	}
	routes := nodetest.Do(w.World, &api.DescribeRouteTables, &api.DescribeRouteTablesInput{RouteTableIds: []string{table}}).RouteTables[0].Routes
	if last := routes[len(routes)-1]; *last.State != "blackhole" || *last.VpcPeeringConnectionId != id {
		t.Errorf("the route of a deleted peering is %+v", last)
	}
	for _, step := range []struct {
		after       time.Duration
		near, there string
	}{{0, peeringDeleted, peeringDeleted}, {2 * time.Hour, "", peeringDeleted}, {46 * time.Hour, "", ""}} {
		w.Advance(step.after)
		now := *other
		now.Now = w.Now()
		if n, f := peeringState(t, w.Call(), id), peeringState(t, &now, id); n != step.near || f != step.there {
			t.Errorf("after %v: %q and %q, want %q and %q", step.after, n, f, step.near, step.there)
		}
	}
}

func TestPeeringEnds(t *testing.T) {
	for name, tt := range map[string]struct {
		peer string
		do   func(w *world, id string)
		want string
	}{
		"overlapping ranges": {"10.1.128.0/17", func(*world, string) {}, peeringFailed},
		"rejected": {"10.2.0.0/16", func(w *world, id string) {
			nodetest.Do(w.World, &api.RejectVpcPeeringConnection, &api.RejectVpcPeeringConnectionInput{VpcPeeringConnectionId: id})
		}, peeringRejected},
		"taken back": {"10.2.0.0/16", func(w *world, id string) {
			nodetest.Do(w.World, &api.DeleteVpcPeeringConnection, &api.DeleteVpcPeeringConnectionInput{VpcPeeringConnectionId: id})
		}, peeringDeleted},
		"not answered": {"10.2.0.0/16", func(w *world, _ string) { w.Advance(7 * 24 * time.Hour) }, peeringExpired},
		"almost":       {"10.2.0.0/16", func(w *world, _ string) { w.Advance(7*24*time.Hour - time.Second) }, peeringPending},
		"a VPC is deleted": {"10.2.0.0/16", func(w *world, id string) {
			nodetest.Do(w.World, &api.AcceptVpcPeeringConnection, &api.AcceptVpcPeeringConnectionInput{VpcPeeringConnectionId: id})
			w.Drain()
			p := nodetest.Do(w.World, &api.DescribeVpcPeeringConnections, &api.DescribeVpcPeeringConnectionsInput{VpcPeeringConnectionIds: []string{id}})
			nodetest.Do(w.World, &api.DeleteVpc, &api.DeleteVpcInput{VpcId: *p.VpcPeeringConnections[0].AccepterVpcInfo.VpcId})
		}, peeringDeleted},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			id := w.peering(&api.CreateVpcPeeringConnectionInput{VpcId: w.vpc("10.1.0.0/16"), PeerVpcId: new(w.vpc(tt.peer))})
			tt.do(w, id)
			if s := peeringState(t, w.Call(), id); s != tt.want {
				t.Errorf("%s, want %s", s, tt.want)
			}
			if tt.want == peeringPending {
				return
			}
			_, err := nodetest.Try(w.World, &api.AcceptVpcPeeringConnection, &api.AcceptVpcPeeringConnectionInput{VpcPeeringConnectionId: id})
			wantCode(t, err, "InvalidStateTransition")
		})
	}
}

// TestPeeredGroups refers to a group of the other VPC: its members are let in
// for as long as the connection is active, and the rule is stale afterwards.
func TestPeeredGroups(t *testing.T) {
	w := newWorld(t)
	a, b := w.vpc("10.1.0.0/16"), w.vpc("10.2.0.0/16")
	group := func(vpc string) string {
		return *nodetest.Do(w.World, &api.CreateSecurityGroup, &api.CreateSecurityGroupInput{GroupName: "g", Description: "g", VpcId: &vpc}).GroupId
	}
	ga, gb := group(a), group(b)
	allow := &api.AuthorizeSecurityGroupIngressInput{GroupId: &ga, IpPermissions: []api.IpPermission{{
		IpProtocol: new("tcp"), FromPort: new(int32(80)), ToPort: new(int32(80)), UserIdGroupPairs: []api.UserIdGroupPair{{GroupId: &gb}}}}}
	_, err := nodetest.Try(w.World, &api.AuthorizeSecurityGroupIngress, allow)
	wantCode(t, err, "InvalidGroup.NotFound")
	id := w.peering(&api.CreateVpcPeeringConnectionInput{VpcId: a, PeerVpcId: &b})
	nodetest.Do(w.World, &api.AcceptVpcPeeringConnection, &api.AcceptVpcPeeringConnectionInput{VpcPeeringConnectionId: id})
	w.Drain()
	nodetest.Do(w.World, &api.AuthorizeSecurityGroupIngress, allow)

	subnet := w.subnet(b, "10.2.1.0/24", "us-east-1a")
	nodetest.Do(w.World, &api.CreateNetworkInterface, &api.CreateNetworkInterfaceInput{SubnetId: subnet, PrivateIpAddress: new("10.2.1.7"), Groups: []string{gb}})
	members := func() (list []netip.Addr) {
		for _, g := range w.applied(a).Groups {
			for _, m := range g.Ingress {
				list = append(list, m.Peers...)
			}
		}
		return list
	}
	if got := members(); len(got) != 1 || got[0] != netip.MustParseAddr("10.2.1.7") {
		t.Errorf("members of the other side: %v", got)
	}
	stale := func() int {
		return len(nodetest.Do(w.World, &api.DescribeStaleSecurityGroups, &api.DescribeStaleSecurityGroupsInput{VpcId: a}).StaleSecurityGroupSet)
	}
	refs := nodetest.Do(w.World, &api.DescribeSecurityGroupReferences, &api.DescribeSecurityGroupReferencesInput{GroupId: []string{gb}}).SecurityGroupReferenceSet
	if len(refs) != 1 || *refs[0].ReferencingVpcId != a || *refs[0].VpcPeeringConnectionId != id {
		t.Errorf("references: %+v", refs)
	}
	if n := stale(); n != 0 {
		t.Errorf("%d stale groups while the connection is active", n)
	}
	nodetest.Do(w.World, &api.DeleteVpcPeeringConnection, &api.DeleteVpcPeeringConnectionInput{VpcPeeringConnectionId: id})
	if got := members(); len(got) != 0 || stale() != 1 {
		t.Errorf("after the connection: members %v, %d stale", got, stale())
	}
}

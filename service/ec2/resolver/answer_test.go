package resolver

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	api "pileus/api/ec2"
	"pileus/node/nodetest"
	"pileus/plane/sim"
	"pileus/service/ec2/resource"
	"pileus/service/ec2/vpc"
	"pileus/store"
)

// world is a cloud with networks and a resolver over them.
type world struct {
	*nodetest.World
	resolver *Resolver
}

func newWorld(t testing.TB) *world {
	t.Helper()
	room := vpc.New(sim.New(""))
	w := &world{World: nodetest.New(t, resource.Module(resource.Room{
		Operations: room.Bindings(), Access: room.Access(), Controllers: room.Controllers(), Start: room.Start, Reset: room.Reset,
	}))}
	w.resolver = New(slog.New(slog.DiscardHandler))
	if err := w.resolver.Start(t.Context(), w.Gate()); err != nil {
		t.Fatal(err)
	}
	return w
}

// network makes a VPC with host names, a gateway and a subnet.
func (w *world) network(cidr string) (id, subnet string) {
	id = *nodetest.Do(w.World, &api.CreateVpc, &api.CreateVpcInput{CidrBlock: &cidr}).Vpc.VpcId
	nodetest.Do(w.World, &api.ModifyVpcAttribute, &api.ModifyVpcAttributeInput{VpcId: id, EnableDnsHostnames: &api.AttributeBooleanValue{Value: new(true)}})
	gateway := *nodetest.Do(w.World, &api.CreateInternetGateway, &api.CreateInternetGatewayInput{}).InternetGateway.InternetGatewayId
	nodetest.Do(w.World, &api.AttachInternetGateway, &api.AttachInternetGatewayInput{InternetGatewayId: gateway, VpcId: id})
	first := netip.MustParsePrefix(cidr).Addr()
	subnet = *nodetest.Do(w.World, &api.CreateSubnet, &api.CreateSubnetInput{VpcId: id, CidrBlock: new(netip.PrefixFrom(first, 24).String())}).Subnet.SubnetId
	return id, subnet
}

// ask sends a question over the network, as an instance does.
func (w *world) ask(vpc, name string, kind uint16) *dns.Msg {
	w.T.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		w.T.Fatal(err)
	}
	server := &dns.Server{PacketConn: conn, Handler: w.resolver.handler(vpc, false)}
	done := make(chan error, 1)
	ready := make(chan struct{})
	server.NotifyStartedFunc = func() { close(ready) }
	go func() { done <- server.ActivateAndServe() }()
	<-ready
	defer func() {
		if err := server.Shutdown(); err != nil {
			w.T.Error(err)
		}
		<-done
	}()
	q := new(dns.Msg).SetQuestion(dns.Fqdn(name), kind)
	a, _, err := new(dns.Client).Exchange(q, conn.LocalAddr().String())
	if err != nil {
		w.T.Fatalf("%s: %v", name, err)
	}
	return a
}

// answers are what an answer says, in short; the name of the code if it is not
// success.
func answers(a *dns.Msg) string {
	if a.Rcode != dns.RcodeSuccess {
		return dns.RcodeToString[a.Rcode]
	}
	var out []string
	for _, rr := range a.Answer {
		switch v := rr.(type) {
		case *dns.A:
			out = append(out, v.A.String())
		case *dns.PTR:
			out = append(out, v.Ptr)
		default:
			out = append(out, rr.String())
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func TestAnswers(t *testing.T) {
	w := newWorld(t)
	a, subnetA := w.network("10.1.0.0/16")
	b, subnetB := w.network("10.2.0.0/16")
	public := func(subnet, private string) string {
		eni := *nodetest.Do(w.World, &api.CreateNetworkInterface, &api.CreateNetworkInterfaceInput{SubnetId: subnet, PrivateIpAddress: &private}).NetworkInterface.NetworkInterfaceId
		e := nodetest.Do(w.World, &api.AllocateAddress, &api.AllocateAddressInput{})
		nodetest.Do(w.World, &api.AssociateAddress, &api.AssociateAddressInput{AllocationId: e.AllocationId, NetworkInterfaceId: &eni})
		return *e.PublicIp
	}
	pa, pb := public(subnetA, "10.1.0.10"), public(subnetB, "10.2.0.10")
	nameOf := func(a string) string { return "ec2-" + strings.ReplaceAll(a, ".", "-") + ".compute-1.amazonaws.com" }
	peer := *nodetest.Do(w.World, &api.CreateVpcPeeringConnection, &api.CreateVpcPeeringConnectionInput{VpcId: a, PeerVpcId: &b}).VpcPeeringConnection.VpcPeeringConnectionId
	w.Drain()
	nodetest.Do(w.World, &api.AcceptVpcPeeringConnection, &api.AcceptVpcPeeringConnectionInput{VpcPeeringConnectionId: peer})
	w.Drain()

	type question struct {
		name string
		kind uint16
		want string
	}
	check := func(when string, list ...question) {
		t.Helper()
		for _, q := range list {
			if got := answers(w.ask(a, q.name, q.kind)); got != q.want {
				t.Errorf("%s: %s %s: %q, want %q", when, dns.TypeToString[q.kind], q.name, got, q.want)
			}
		}
	}
	check("at first",
		question{"ip-10-1-0-10.ec2.internal", dns.TypeA, "10.1.0.10"},
		question{"IP-10-1-0-10.EC2.Internal", dns.TypeA, "10.1.0.10"},
		question{"ip-10-1-0-10.ec2.internal", dns.TypeAAAA, ""},
		question{"ip-10-9-0-10.ec2.internal", dns.TypeA, "NXDOMAIN"},
		question{"10.0.1.10.in-addr.arpa", dns.TypePTR, "ip-10-1-0-10.ec2.internal."},
		question{"10.0.1.10.in-addr.arpa", dns.TypeA, ""},
		question{"11.0.9.10.in-addr.arpa", dns.TypePTR, "NXDOMAIN"},
		question{nameOf(pa), dns.TypeA, "10.1.0.10"},
		question{nameOf(pb), dns.TypeA, pb},
		question{"sqs.us-east-1.amazonaws.com", dns.TypeA, "198.19.255.1"},
		question{"bucket.s3.us-east-1.amazonaws.com", dns.TypeA, "198.19.255.2"},
		question{"vpce-0123456789abcdef0-abcdefgh.sqs.us-east-1.vpce.amazonaws.com", dns.TypeA, "NXDOMAIN"},
		question{"example.com", dns.TypeA, "NXDOMAIN"},
	)
	nodetest.Do(w.World, &api.ModifyVpcPeeringConnectionOptions, &api.ModifyVpcPeeringConnectionOptionsInput{
		VpcPeeringConnectionId: peer, AccepterPeeringConnectionOptions: &api.PeeringConnectionOptionsRequest{AllowDnsResolutionFromRemoteVpc: new(true)}})
	e := nodetest.Do(w.World, &api.CreateVpcEndpoint, &api.CreateVpcEndpointInput{VpcId: a, ServiceName: "com.amazonaws.us-east-1.ec2", VpcEndpointType: new("Interface"),
		SubnetIds: []string{subnetA}, SubnetConfigurations: []api.SubnetConfiguration{{SubnetId: &subnetA, Ipv4: new("10.1.0.99")}}}).VpcEndpoint
	w.Drain()
	check("peering resolves, and an endpoint",
		question{nameOf(pb), dns.TypeA, "10.2.0.10"},
		question{"ec2.us-east-1.amazonaws.com", dns.TypeA, "10.1.0.99"},
		question{"sts.us-east-1.amazonaws.com", dns.TypeA, "198.19.255.1"},
		question{*e.DnsEntries[0].DnsName, dns.TypeA, "10.1.0.99"},
	)
	nodetest.Do(w.World, &api.ModifyVpcAttribute, &api.ModifyVpcAttributeInput{VpcId: a, EnableDnsSupport: &api.AttributeBooleanValue{Value: new(false)}})
	check("without DNS support", question{nameOf(pa), dns.TypeA, "REFUSED"})
	if got := answers(w.ask("vpc-00000000000000000", nameOf(pa), dns.TypeA)); got != "REFUSED" {
		t.Errorf("from a VPC that is not there: %q", got)
	}
}

// FuzzAnswer sends whatever is a DNS message: each gets an answer that can be
// sent and that is one to it.
func FuzzAnswer(f *testing.F) {
	for _, name := range []string{"ip-10-1-0-10.ec2.internal.", "10.0.1.10.in-addr.arpa.", "bucket.s3.amazonaws.com.", ".", "vpce-1.vpce.amazonaws.com."} {
		b, err := new(dns.Msg).SetQuestion(name, dns.TypeA).Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	w := newWorld(f)
	id, _ := w.network("10.1.0.0/16")
	w.View(func(r store.Reader) {
		if _, ok := vpc.Locate(r, id); !ok {
			f.Fatal("the VPC is not there")
		}
	})
	f.Fuzz(func(t *testing.T, b []byte) {
		q := new(dns.Msg)
		if q.Unpack(b) != nil {
			return
		}
		a := w.resolver.Answer(context.Background(), id, q)
		if a.Id != q.Id || !a.Response {
			t.Fatalf("no answer to %v: %v", q, a)
		}
		if _, err := a.Pack(); err != nil {
			t.Fatalf("%v cannot be sent: %v", a, err)
		}
	})
}

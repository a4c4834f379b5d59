package vpc

import (
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/node/nodetest"
	"pileus/plane"
	"pileus/plane/sim"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// world is a cloud with this room alone, over a simulated data plane.
type world struct {
	*nodetest.World
	room  *Room
	plane *sim.Plane
}

func newWorld(t testing.TB) *world {
	t.Helper()
	p := sim.New("")
	t.Cleanup(func() { p.Close() })
	s := New(p)
	return &world{nodetest.New(t, module(s)), s, p}
}

func module(s *Room) cloud.Module {
	return resource.Module(resource.Room{
		Operations: s.Bindings(), Access: s.Access(), Controllers: s.Controllers(), Start: s.Start, Stored: s.Stored, Reset: s.Reset,
	})
}

func (w *world) client() *ec2.Client { return ec2.NewFromConfig(w.Config()) }

// update changes the state as the rooms that build on this one do.
func (w *world) update(f func(c *cloud.Call, tx store.Tx) error) error {
	c := w.Call()
	return w.DB().Update(c, func(tx store.Tx) error {
		d := *c
		d.Tx = tx
		return f(&d, tx)
	})
}

// applied is the network as the data plane has it.
func (w *world) applied(id string) plane.VPC {
	w.T.Helper()
	w.Drain()
	v, ok := w.plane.Applied(id)
	if !ok {
		w.T.Fatalf("the data plane does not have %s", id)
	}
	return v
}

// wantCode fails the test unless err has the code.
func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	var e *cloud.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

// vpc makes a VPC.
func (w *world) vpc(cidr string) string {
	w.T.Helper()
	return *nodetest.Do(w.World, &api.CreateVpc, &api.CreateVpcInput{CidrBlock: &cidr}).Vpc.VpcId
}

// subnet makes a subnet.
func (w *world) subnet(vpc, cidr, zone string) string {
	w.T.Helper()
	return *nodetest.Do(w.World, &api.CreateSubnet, &api.CreateSubnetInput{VpcId: vpc, CidrBlock: &cidr, AvailabilityZone: &zone}).Subnet.SubnetId
}

// gateway makes an internet gateway and attaches it.
func (w *world) gateway(vpc string) string {
	w.T.Helper()
	id := *nodetest.Do(w.World, &api.CreateInternetGateway, &api.CreateInternetGatewayInput{}).InternetGateway.InternetGatewayId
	nodetest.Do(w.World, &api.AttachInternetGateway, &api.AttachInternetGatewayInput{InternetGatewayId: id, VpcId: vpc})
	return id
}

// nic makes an interface.
func (w *world) nic(subnet string) string {
	w.T.Helper()
	return *nodetest.Do(w.World, &api.CreateNetworkInterface, &api.CreateNetworkInterfaceInput{SubnetId: subnet}).NetworkInterface.NetworkInterfaceId
}

// instance makes what looks to this room like an instance: an interface that is
// attached to it.
func (w *world) instance(subnet string) (id, eni string) {
	w.T.Helper()
	err := w.update(func(c *cloud.Call, tx store.Tx) error {
		i, err := CreateInterface(c, tx, NewInterface{Subnet: subnet})
		if err != nil {
			return err
		}
		id, eni = resource.NewID(c, "i"), i.ID
		resource.Register(c, tx, "instance", id, nil)
		return AttachInterface(c, tx, i.ID, Attachment{Instance: id, DeleteOnTermination: true})
	})
	if err != nil {
		w.T.Fatalf("make an instance: %v", err)
	}
	return id, eni
}

// filter makes a filter.
func filter(name string, values ...string) []api.Filter {
	return []api.Filter{{Name: &name, Values: values}}
}

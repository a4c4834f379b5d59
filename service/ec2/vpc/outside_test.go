package vpc_test

import (
	"errors"
	"slices"
	"testing"

	"pileus/all"
	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/node"
	"pileus/node/nodetest"
	"pileus/plane"
	"pileus/plane/sim"
)

// world is a cloud with the services that networks work with: the whole of EC2,
// S3 and SQS.
type world struct {
	*nodetest.World
	plane *sim.Plane
}

func servedWorld(t testing.TB) *world {
	t.Helper()
	p := sim.New("")
	return newWorldOver(t, p, p)
}

// newWorldOver is servedWorld over a plane of the test's own, which wraps p.
func newWorldOver(t testing.TB, p *sim.Plane, over plane.Plane) *world {
	t.Helper()
	return &world{nodetest.Start(t, node.Options{Plane: over, Rehearse: true, Seed: 1, Modules: func(parts node.Parts) []cloud.Module {
		return slices.DeleteFunc(all.Modules(parts), func(m cloud.Module) bool {
			return !slices.Contains([]string{"ec2", "s3", "sqs"}, m.API.Name)
		})
	}}), p}
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

func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	var e *cloud.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Errorf("got %v, want %s", err, code)
	}
}

func (w *world) vpc(cidr string) string {
	w.T.Helper()
	return *nodetest.Do(w.World, &api.CreateVpc, &api.CreateVpcInput{CidrBlock: &cidr}).Vpc.VpcId
}

func (w *world) subnet(vpc, cidr, zone string) string {
	w.T.Helper()
	return *nodetest.Do(w.World, &api.CreateSubnet, &api.CreateSubnetInput{VpcId: vpc, CidrBlock: &cidr, AvailabilityZone: &zone}).Subnet.SubnetId
}

func (w *world) nic(subnet string) string {
	w.T.Helper()
	return *nodetest.Do(w.World, &api.CreateNetworkInterface, &api.CreateNetworkInterfaceInput{SubnetId: subnet}).NetworkInterface.NetworkInterfaceId
}

// trial runs one operation as somebody.
type trial func(c *cloud.Call) error

func of[In, Out any](op *cloud.Op[In, Out], in In) trial {
	return func(c *cloud.Call) error {
		_, err := op.Call(c, in)
		return err
	}
}

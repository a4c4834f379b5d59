package connect_test

import (
	"errors"
	"slices"
	"testing"

	"pileus/all"
	"pileus/api/ec2"
	"pileus/cloud"
	"pileus/names"
	"pileus/node"
	"pileus/node/nodetest"
	"pileus/plane"
	"pileus/store"
)

func newWorld(t testing.TB) *nodetest.World {
	t.Helper()
	return nodetest.With(t, func(p node.Parts) []cloud.Module {
		return slices.DeleteFunc(all.Modules(p), func(m cloud.Module) bool { return !slices.Contains([]string{"ec2", "iam"}, m.API.Name) })
	})
}

// network makes a VPC with a subnet and another security group.
func network(w *nodetest.World) (vpc, subnet, group string) {
	w.T.Helper()
	vpc = *nodetest.Do(w, &ec2.CreateVpc, &ec2.CreateVpcInput{CidrBlock: new("10.0.0.0/16")}).Vpc.VpcId
	subnet = *nodetest.Do(w, &ec2.CreateSubnet, &ec2.CreateSubnetInput{VpcId: vpc, CidrBlock: new("10.0.1.0/24"), AvailabilityZone: new("us-east-1a")}).Subnet.SubnetId
	group = *nodetest.Do(w, &ec2.CreateSecurityGroup, &ec2.CreateSecurityGroupInput{GroupName: "people", Description: "people", VpcId: &vpc}).GroupId
	return vpc, subnet, group
}

func describe(w *nodetest.World, id string) ec2.Ec2InstanceConnectEndpoint {
	w.T.Helper()
	return nodetest.Do(w, &ec2.DescribeInstanceConnectEndpoints, &ec2.DescribeInstanceConnectEndpointsInput{InstanceConnectEndpointIds: []string{id}}).InstanceConnectEndpoints[0]
}

func wantCode(t testing.TB, err error, code string) {
	t.Helper()
	var e *cloud.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Errorf("answered %v, want %s", err, code)
	}
}

// TestEndpoint is made, has a name and an interface, changes, and is gone.
func TestEndpoint(t *testing.T) {
	w := newWorld(t)
	vpc, subnet, group := network(w)
	in := &ec2.CreateInstanceConnectEndpointInput{SubnetId: subnet, ClientToken: new("once"), TagSpecifications: []ec2.TagSpecification{{ResourceType: new("instance-connect-endpoint"), Tags: []ec2.Tag{{Key: new("a"), Value: new("b")}}}}}
	made := nodetest.Do(w, &ec2.CreateInstanceConnectEndpoint, in).InstanceConnectEndpoint
	if *made.State != "create-in-progress" || len(made.Tags) != 1 {
		t.Errorf("made: %+v", made)
	}
	if again := nodetest.Do(w, &ec2.CreateInstanceConnectEndpoint, in).InstanceConnectEndpoint; *again.InstanceConnectEndpointId != *made.InstanceConnectEndpointId {
		t.Error("a repetition makes another one")
	}
	_, err := nodetest.Try(w, &ec2.CreateInstanceConnectEndpoint, &ec2.CreateInstanceConnectEndpointInput{SubnetId: subnet})
	wantCode(t, err, "ResourceLimitExceeded") // one for each VPC
	w.Drain()
	id := *made.InstanceConnectEndpointId
	e := describe(w, id)
	if *e.State != "create-complete" || *e.VpcId != vpc || len(e.NetworkInterfaceIds) != 1 || *e.PreserveClientIp {
		t.Errorf("there is: %+v", e)
	}
	lead := func() (list []string) {
		w.View(func(r store.Reader) {
			if n, ok := names.Find(r, *e.DnsName); ok {
				for _, a := range n.Addresses {
					list = append(list, a.String())
				}
			}
		})
		return list
	}
	if got := lead(); !slices.Equal(got, []string{plane.EdgeAPI.String()}) {
		t.Errorf("%s leads to %v", *e.DnsName, got)
	}
	_, err = nodetest.Try(w, &ec2.DeleteNetworkInterface, &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: e.NetworkInterfaceIds[0]})
	if err == nil {
		t.Error("its owner can take its interface away")
	}
	nodetest.Do(w, &ec2.ModifyInstanceConnectEndpoint, &ec2.ModifyInstanceConnectEndpointInput{InstanceConnectEndpointId: id, PreserveClientIp: new(true), SecurityGroupIds: []string{group}})
	e = describe(w, id)
	nic := nodetest.Do(w, &ec2.DescribeNetworkInterfaces, &ec2.DescribeNetworkInterfacesInput{NetworkInterfaceIds: e.NetworkInterfaceIds}).NetworkInterfaces[0]
	if !*e.PreserveClientIp || !slices.Equal(e.SecurityGroupIds, []string{group}) || *nic.Groups[0].GroupId != group {
		t.Errorf("changed: %+v, %+v", e, nic.Groups)
	}
	if gone := nodetest.Do(w, &ec2.DeleteInstanceConnectEndpoint, &ec2.DeleteInstanceConnectEndpointInput{InstanceConnectEndpointId: id}).InstanceConnectEndpoint; *gone.State != "delete-in-progress" {
		t.Errorf("deleted: %+v", gone)
	}
	w.Drain()
	_, err = nodetest.Try(w, &ec2.DescribeInstanceConnectEndpoints, &ec2.DescribeInstanceConnectEndpointsInput{InstanceConnectEndpointIds: []string{id}})
	wantCode(t, err, "InvalidInstanceConnectEndpointId.NotFound")
	if got := lead(); len(got) != 0 {
		t.Errorf("its name still leads to %v", got)
	}
	nodetest.Do(w, &ec2.DeleteSubnet, &ec2.DeleteSubnetInput{SubnetId: subnet})
}

// TestAccess lets a user who may do one thing alone do it, and refuses the same
// to one who may do nothing.
func TestAccess(t *testing.T) {
	w := newWorld(t)
	_, subnet, _ := network(w)
	_, other, _ := network(w)
	id := *nodetest.Do(w, &ec2.CreateInstanceConnectEndpoint, &ec2.CreateInstanceConnectEndpointInput{SubnetId: subnet}).InstanceConnectEndpoint.InstanceConnectEndpointId
	w.Drain()
	for _, test := range []struct {
		op  string
		run func(c *cloud.Call) error
	}{
		{"CreateInstanceConnectEndpoint", func(c *cloud.Call) error {
			_, err := ec2.CreateInstanceConnectEndpoint.Call(c, &ec2.CreateInstanceConnectEndpointInput{SubnetId: other})
			return err
		}},
		{"ModifyInstanceConnectEndpoint", func(c *cloud.Call) error {
			_, err := ec2.ModifyInstanceConnectEndpoint.Call(c, &ec2.ModifyInstanceConnectEndpointInput{InstanceConnectEndpointId: id, PreserveClientIp: new(true)})
			return err
		}},
		{"DescribeInstanceConnectEndpoints", func(c *cloud.Call) error {
			_, err := ec2.DescribeInstanceConnectEndpoints.Call(c, &ec2.DescribeInstanceConnectEndpointsInput{})
			return err
		}},
		{"DeleteInstanceConnectEndpoint", func(c *cloud.Call) error {
			_, err := ec2.DeleteInstanceConnectEndpoint.Call(c, &ec2.DeleteInstanceConnectEndpointInput{InstanceConnectEndpointId: id})
			return err
		}},
	} {
		nobody, somebody := w.User("no-"+test.op, nodetest.Allow("s3:*")), w.User("may-"+test.op, nodetest.Allow("ec2:"+test.op))
		wantCode(t, test.run(w.As(nobody)), "UnauthorizedOperation")
		if err := test.run(w.As(somebody)); err != nil {
			t.Errorf("%s: %v", test.op, err)
		}
	}
}

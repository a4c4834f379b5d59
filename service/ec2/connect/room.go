// Package connect is the part of EC2 that has Instance Connect Endpoints: ways
// for people into a VPC, to instances without a public address. The tunnels
// through them are the business of the service EC2 Instance Connect.
//
//	room.go       the operations, and who may
//	endpoint.go   what an endpoint is
//	api.go        endpoints made, changed, told and deleted
package connect

import (
	"pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/service/ec2/vpc"
	"pileus/store"
)

type room struct{ networks *vpc.Room }

// Room is the part of EC2.
func Room(networks *vpc.Room) resource.Room {
	s := &room{networks}
	return resource.Room{
		Operations: []cloud.Binding{
			ec2.CreateInstanceConnectEndpoint.Update(createInstanceConnectEndpoint).Partial("IPv4 alone"),
			ec2.ModifyInstanceConnectEndpoint.Update(modifyInstanceConnectEndpoint).Partial("IPv4 alone"),
			ec2.DeleteInstanceConnectEndpoint.Update(deleteInstanceConnectEndpoint),
			ec2.DescribeInstanceConnectEndpoints.View(describeInstanceConnectEndpoints),
		},
		Access:      access(),
		Controllers: []cloud.Controller{{Name: controller, Reconcile: s.settle}},
		Count: func(r store.Reader) map[string]int {
			if n := endpoints.Count(r); n > 0 {
				return map[string]int{"instance connect endpoints": n}
			}
			return nil
		},
	}
}

func access() []cloud.Access {
	return []cloud.Access{
		ec2.CreateInstanceConnectEndpoint.Decides([]string{"ec2:CreateInstanceConnectEndpoint"}, func(c *cloud.Call, r store.Reader, in *ec2.CreateInstanceConnectEndpointInput) ([]cloud.Check, error) {
			checks := resource.CreateChecks(c, "CreateInstanceConnectEndpoint", kind, in.TagSpecifications)
			checks = append(checks, cloud.Check{Action: "ec2:CreateInstanceConnectEndpoint", Resource: resource.On(c, r, "subnet", in.SubnetId)})
			return append(checks, onGroups(c, r, "ec2:CreateInstanceConnectEndpoint", in.SecurityGroupIds)...), nil
		}),
		ec2.ModifyInstanceConnectEndpoint.Decides([]string{"ec2:ModifyInstanceConnectEndpoint"}, func(c *cloud.Call, r store.Reader, in *ec2.ModifyInstanceConnectEndpointInput) ([]cloud.Check, error) {
			checks := []cloud.Check{{Action: "ec2:ModifyInstanceConnectEndpoint", Resource: resource.On(c, r, kind, in.InstanceConnectEndpointId)}}
			return append(checks, onGroups(c, r, "ec2:ModifyInstanceConnectEndpoint", in.SecurityGroupIds)...), nil
		}),
		resource.Acts(&ec2.DeleteInstanceConnectEndpoint, kind, func(in *ec2.DeleteInstanceConnectEndpointInput) string { return in.InstanceConnectEndpointId }),
		resource.Looks(&ec2.DescribeInstanceConnectEndpoints),
	}
}

func onGroups(c *cloud.Call, r store.Reader, action string, ids []string) (checks []cloud.Check) {
	for _, id := range ids {
		checks = append(checks, cloud.Check{Action: action, Resource: resource.On(c, r, "security-group", id)})
	}
	return checks
}

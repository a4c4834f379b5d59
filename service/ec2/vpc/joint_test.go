package vpc_test

import (
	"errors"
	"testing"

	api "pileus/api/ec2"
	apis3 "pileus/api/s3"
	"pileus/cloud"
	"pileus/node/nodetest"
	"pileus/store"
)

// TestJointAccess lets a user who may do one thing alone do it, and refuses the
// same to one who may do nothing.
func TestJointAccess(t *testing.T) {
	w := servedWorld(t)
	a, b := w.vpc("10.1.0.0/16"), w.vpc("10.2.0.0/16")
	nodetest.Do(w.World, &apis3.CreateBucket, &apis3.CreateBucketInput{Bucket: "flows"})
	ask := func() *string {
		v := w.vpc("10.9.0.0/16")
		return nodetest.Do(w.World, &api.CreateVpcPeeringConnection, &api.CreateVpcPeeringConnectionInput{VpcId: a, PeerVpcId: &v}).VpcPeeringConnection.VpcPeeringConnectionId
	}
	accept, reject := ask(), ask()
	w.Drain()
	e := nodetest.Do(w.World, &api.CreateVpcEndpoint, &api.CreateVpcEndpointInput{VpcId: a, ServiceName: "com.amazonaws.us-east-1.s3"}).VpcEndpoint.VpcEndpointId
	gateway := nodetest.Do(w.World, &api.CreateVpnGateway, &api.CreateVpnGatewayInput{Type: "ipsec.1"}).VpnGateway.VpnGatewayId
	excluded := *nodetest.Do(w.World, &api.CreateVpcBlockPublicAccessExclusion, &api.CreateVpcBlockPublicAccessExclusionInput{VpcId: &a, InternetGatewayExclusionMode: "allow-bidirectional"}).VpcBlockPublicAccessExclusion.ExclusionId
	for _, tt := range []struct {
		op  string
		run trial
	}{
		{"CreateVpcPeeringConnection", of(&api.CreateVpcPeeringConnection, &api.CreateVpcPeeringConnectionInput{VpcId: a, PeerVpcId: &b})},
		{"AcceptVpcPeeringConnection", of(&api.AcceptVpcPeeringConnection, &api.AcceptVpcPeeringConnectionInput{VpcPeeringConnectionId: *accept})},
		{"RejectVpcPeeringConnection", of(&api.RejectVpcPeeringConnection, &api.RejectVpcPeeringConnectionInput{VpcPeeringConnectionId: *reject})},
		{"ModifyVpcPeeringConnectionOptions", func(c *cloud.Call) error {
			w.Drain()
			_, err := api.ModifyVpcPeeringConnectionOptions.Call(c, &api.ModifyVpcPeeringConnectionOptionsInput{VpcPeeringConnectionId: *accept, AccepterPeeringConnectionOptions: &api.PeeringConnectionOptionsRequest{}})
			return err
		}},
		{"DeleteVpcPeeringConnection", of(&api.DeleteVpcPeeringConnection, &api.DeleteVpcPeeringConnectionInput{VpcPeeringConnectionId: *accept})},
		{"DescribeVpcPeeringConnections", of(&api.DescribeVpcPeeringConnections, &api.DescribeVpcPeeringConnectionsInput{})},
		{"CreateVpcEndpoint", of(&api.CreateVpcEndpoint, &api.CreateVpcEndpointInput{VpcId: b, ServiceName: "com.amazonaws.us-east-1.s3"})},
		{"ModifyVpcEndpoint", of(&api.ModifyVpcEndpoint, &api.ModifyVpcEndpointInput{VpcEndpointId: *e, ResetPolicy: new(true)})},
		{"DeleteVpcEndpoints", of(&api.DeleteVpcEndpoints, &api.DeleteVpcEndpointsInput{VpcEndpointIds: []string{*e}})},
		{"DescribeVpcEndpoints", of(&api.DescribeVpcEndpoints, &api.DescribeVpcEndpointsInput{})},
		{"DescribeVpcEndpointAssociations", of(&api.DescribeVpcEndpointAssociations, &api.DescribeVpcEndpointAssociationsInput{VpcEndpointIds: []string{}})},
		{"ModifyVpcBlockPublicAccessOptions", of(&api.ModifyVpcBlockPublicAccessOptions, &api.ModifyVpcBlockPublicAccessOptionsInput{InternetGatewayBlockMode: "off"})},
		{"DescribeVpcBlockPublicAccessOptions", of(&api.DescribeVpcBlockPublicAccessOptions, &api.DescribeVpcBlockPublicAccessOptionsInput{})},
		{"DescribeVpcBlockPublicAccessExclusions", of(&api.DescribeVpcBlockPublicAccessExclusions, &api.DescribeVpcBlockPublicAccessExclusionsInput{})},
		{"CreateVpcBlockPublicAccessExclusion", of(&api.CreateVpcBlockPublicAccessExclusion, &api.CreateVpcBlockPublicAccessExclusionInput{VpcId: &b, InternetGatewayExclusionMode: "allow-egress"})},
		{"ModifyVpcBlockPublicAccessExclusion", of(&api.ModifyVpcBlockPublicAccessExclusion, &api.ModifyVpcBlockPublicAccessExclusionInput{ExclusionId: excluded, InternetGatewayExclusionMode: "allow-egress"})},
		{"DeleteVpcBlockPublicAccessExclusion", of(&api.DeleteVpcBlockPublicAccessExclusion, &api.DeleteVpcBlockPublicAccessExclusionInput{ExclusionId: excluded})},
		{"DescribeVpcEndpointServices", of(&api.DescribeVpcEndpointServices, &api.DescribeVpcEndpointServicesInput{})},
		{"DescribeVpcEndpointServiceConfigurations", of(&api.DescribeVpcEndpointServiceConfigurations, &api.DescribeVpcEndpointServiceConfigurationsInput{})},
		{"DescribeVpcEndpointConnections", of(&api.DescribeVpcEndpointConnections, &api.DescribeVpcEndpointConnectionsInput{})},
		{"CreateFlowLogs", of(&api.CreateFlowLogs, &api.CreateFlowLogsInput{ResourceIds: []string{a}, ResourceType: "VPC", TrafficType: new("ALL"), LogDestinationType: new("s3"), LogDestination: new("arn:aws:s3:::flows")})},
		{"DeleteFlowLogs", of(&api.DeleteFlowLogs, &api.DeleteFlowLogsInput{FlowLogIds: []string{"fl-00000000000000000"}})},
		{"DescribeFlowLogs", of(&api.DescribeFlowLogs, &api.DescribeFlowLogsInput{})},
		{"CreateVpnGateway", of(&api.CreateVpnGateway, &api.CreateVpnGatewayInput{Type: "ipsec.1"})},
		{"AttachVpnGateway", of(&api.AttachVpnGateway, &api.AttachVpnGatewayInput{VpcId: b, VpnGatewayId: *gateway})},
		{"DetachVpnGateway", of(&api.DetachVpnGateway, &api.DetachVpnGatewayInput{VpcId: b, VpnGatewayId: *gateway})},
		{"DeleteVpnGateway", of(&api.DeleteVpnGateway, &api.DeleteVpnGatewayInput{VpnGatewayId: *gateway})},
		{"DescribeVpnGateways", of(&api.DescribeVpnGateways, &api.DescribeVpnGatewaysInput{})},
	} {
		nobody, somebody := w.User("no-"+tt.op, nodetest.Allow("s3:*")), w.User("may-"+tt.op, nodetest.Allow("ec2:"+tt.op))
		var e *cloud.Error
		if err := tt.run(w.As(nobody)); !errors.As(err, &e) || e.Code != "UnauthorizedOperation" {
			t.Errorf("%s: not refused: %v", tt.op, err)
		}
		if err := tt.run(w.As(somebody)); err != nil {
			t.Errorf("%s: %v", tt.op, err)
		}
	}
}

// TestEndpointBill bills an interface endpoint by the hour, one for each of its
// zones; gateway endpoints cost nothing.
func TestEndpointBill(t *testing.T) {
	w := servedWorld(t)
	v := w.vpc("10.0.0.0/16")
	subnets := []string{w.subnet(v, "10.0.1.0/24", "us-east-1a"), w.subnet(v, "10.0.2.0/24", "us-east-1b")}
	w.endpoint(&api.CreateVpcEndpointInput{VpcId: v, ServiceName: "com.amazonaws.us-east-1.s3"})
	w.endpoint(&api.CreateVpcEndpointInput{VpcId: v, ServiceName: "com.amazonaws.us-east-1.sqs", VpcEndpointType: new("Interface"), SubnetIds: subnets, PrivateDnsEnabled: new(false)})
	var hours float64
	w.View(func(r store.Reader) {
		for _, m := range w.Modules() {
			if m.API.Name != "ec2" {
				continue
			}
			for u := range m.Stored(r) {
				if u.Type == "VpcEndpoint-Hours" {
					hours += u.Quantity
				}
			}
		}
	})
	if hours != 2 {
		t.Errorf("%v endpoint hours each hour, want 2", hours)
	}
}

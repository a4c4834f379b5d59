package vpc

import (
	"slices"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/plane"
	"pileus/store"
)

// This file lists what joins VPCs to other networks and to services: peering
// connections, endpoints, VPN gateways, and who listens. The rest of the room asks here.

// joints are their operations.
func (s *Room) joints() []cloud.Binding {
	return append(append(offerOperations(), blockOperations()...), []cloud.Binding{
		writes(&api.CreateVpcPeeringConnection, createVpcPeeringConnection),
		writes(&api.AcceptVpcPeeringConnection, acceptVpcPeeringConnection),
		writes(&api.RejectVpcPeeringConnection, rejectVpcPeeringConnection),
		writes(&api.DeleteVpcPeeringConnection, deleteVpcPeeringConnection),
		reads(&api.DescribeVpcPeeringConnections, describeVpcPeeringConnections),
		writes(&api.ModifyVpcPeeringConnectionOptions, modifyVpcPeeringConnectionOptions),

		writes(&api.CreateVpcEndpoint, createVpcEndpoint).Partial("Gateway and Interface endpoints; no IPv6-only ones, none in other regions than their service"),
		writes(&api.ModifyVpcEndpoint, modifyVpcEndpoint),
		writes(&api.DeleteVpcEndpoints, deleteVpcEndpoints),
		reads(&api.DescribeVpcEndpoints, describeVpcEndpoints),
		reads(&api.DescribeVpcEndpointAssociations, describeVpcEndpointAssociations),
		reads(&api.DescribeVpcEndpointServices, describeVpcEndpointServices),

		writes(&api.CreateFlowLogs, createFlowLogs).Partial("to S3 as plain text alone"),
		writes(&api.DeleteFlowLogs, deleteFlowLogs),
		reads(&api.DescribeFlowLogs, describeFlowLogs),
		api.GetFlowLogsIntegrationTemplate.Serve(getFlowLogsIntegrationTemplate).Partial("a table, a work group and one query; for files without Hive's folders or those of hours"),

		writes(&api.CreateVpnGateway, createVpnGateway),
		writes(&api.AttachVpnGateway, attachVpnGateway),
		writes(&api.DetachVpnGateway, detachVpnGateway),
		writes(&api.DeleteVpnGateway, deleteVpnGateway),
		reads(&api.DescribeVpnGateways, describeVpnGateways),
	}...)
}

// jointAccess declares what they need.
func jointAccess() []cloud.Access {
	return slices.Concat(peeringAccess(), endpointAccess(), offerAccess(), flowLogAccess(), vpnGatewayAccess(), blockAccess())
}

// jointControllers are what runs for them.
func (s *Room) jointControllers() []cloud.Controller {
	return []cloud.Controller{
		{Name: peeringController, Reconcile: s.settlePeering},
		{Name: blockController, Reconcile: finishBlocking},
		{Name: endpointController, Reconcile: s.settleEndpoint},
		{Name: nameController, Reconcile: s.verifyName},
		{Name: flowLogController, Reconcile: s.deliverFlows},
	}
}

// join completes the desired state of a VPC.
func join(c *cloud.Call, r store.Reader, v *plane.VPC) {
	desiredEndpoints(c, r, v)
	desiredFlowLogs(c, r, v)
	desiredVPN(c, r, v)
	for p := range peeringsOf(r, c.Account, c.Region, v.ID) {
		if p.joins() {
			v.Peerings = append(v.Peerings, plane.Peering{ID: p.ID, Peer: p.other(v.ID).VPC})
		}
	}
}

// touchJoined asks for the networks that have to know what changes in a VPC:
// those that are peered with it may refer to members of its groups.
func touchJoined(c *cloud.Call, tx store.Tx, vpc string) {
	for p := range peeringsOf(tx, c.Account, c.Region, vpc) {
		if p.joins() {
			o := p.other(vpc)
			tx.After(time.Time{}, networkController, store.K(o.Account, o.Region, o.VPC))
		}
	}
}

// unjoin ends what joins a VPC that is deleted.
func unjoin(c *cloud.Call, tx store.Tx, v *VPC) {
	dropFlowLogs(c, tx, v.ID, func(*FlowLog) bool { return true })
	for p := range peeringsOf(tx, c.Account, c.Region, v.ID) {
		if p.open() {
			p.end(c, tx, peeringDeleted)
		}
	}
}

// holds tells whether something joins the VPC that keeps it from being deleted.
func holds(c *cloud.Call, r store.Reader, vpc string) bool {
	return count(endpoints.Index(r, "vpc", c.Account, c.Region, vpc))+count(vpnGateways.Index(r, "vpc", c.Account, c.Region, vpc)) > 0
}

// Package vpn is the part of EC2 that joins networks on premises to VPCs:
// customer gateways and VPN connections. Virtual private gateways belong to
// their VPCs, in the room of networks.
//
//	customer.go    customer gateways
//	connection.go  VPN connections: what they are, made and deleted
//	tunnel.go      their tunnels
//	dynamic.go     routes that BGP tells
//	modify.go      changes
//	replace.go     tunnels whose endpoint is replaced
//	device.go      what a customer's device has to know
//	describe.go    answers
//	onprem.go      the other end, for trying it out
package vpn

import (
	"iter"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/plane"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// Rooms keep no state in memory; the plane tells how tunnels are.
type room struct{ plane plane.Plane }

// Room is the part of EC2.
func Room(p plane.Plane) resource.Room {
	s := &room{p}
	return resource.Room{
		Operations: []cloud.Binding{
			api.CreateCustomerGateway.Update(createCustomerGateway),
			api.DeleteCustomerGateway.Update(deleteCustomerGateway),
			api.DescribeCustomerGateways.View(describeCustomerGateways),
			api.CreateVpnConnection.Update(createVpnConnection).Partial("tunnels are WireGuard's: no IPsec, no transit gateways"),
			api.DeleteVpnConnection.Update(deleteVpnConnection),
			api.DescribeVpnConnections.Serve(s.describeVpnConnections),
			api.CreateVpnConnectionRoute.Update(createVpnConnectionRoute),
			api.DeleteVpnConnectionRoute.Update(deleteVpnConnectionRoute),
			api.ModifyVpnConnection.Update(modifyVpnConnection).Partial("to another gateway of either side, not to a transit gateway"),
			api.ModifyVpnConnectionOptions.Update(modifyVpnConnectionOptions),
			api.ModifyVpnTunnelOptions.Update(modifyVpnTunnelOptions).Partial("inside range and pre-shared key; IKE's parameters are kept nowhere"),
			api.ModifyVpnTunnelCertificate.View(modifyVpnTunnelCertificate).Partial("no tunnel has a certificate"),
			api.ReplaceVpnTunnel.Update(replaceVpnTunnel),
			api.GetVpnTunnelReplacementStatus.View(getVpnTunnelReplacementStatus),
			api.GetVpnConnectionDeviceTypes.View(getVpnConnectionDeviceTypes),
			api.GetVpnConnectionDeviceSampleConfiguration.View(getVpnConnectionDeviceSampleConfiguration).Partial("for WireGuard"),
		},
		Access:      access(),
		Controllers: []cloud.Controller{{Name: replaceController, Reconcile: replaced}},
		Start:       s.start,
		Stored:      stored,
		Web:         s.web,
	}
}

// stored is what is billed by the hour.
func stored(r store.Reader) iter.Seq[cloud.Usage] {
	return func(yield func(cloud.Usage) bool) {
		for v := range connections.Scan(r) {
			arn := cloud.ARN{Partition: "aws", Service: "ec2", Region: v.Region, Account: v.Account, Resource: connectionKind + "/" + v.ID}
			u := cloud.Usage{Account: v.Account, Region: v.Region, Service: "AmazonVPC", Type: "VPN-Usage-Hours:ipsec.1", Operation: "CreateVpnConnection", Resource: arn.String(), Quantity: 1, Since: v.Made}
			if !yield(u) {
				return
			}
		}
	}
}

const (
	customerKind   = "customer-gateway"
	connectionKind = "vpn-connection"
)

func access() []cloud.Access {
	return []cloud.Access{
		resource.Creates(&api.CreateCustomerGateway, customerKind, func(in *api.CreateCustomerGatewayInput) []api.TagSpecification { return in.TagSpecifications }),
		resource.Acts(&api.DeleteCustomerGateway, customerKind, func(in *api.DeleteCustomerGatewayInput) string { return in.CustomerGatewayId }),
		resource.Looks(&api.DescribeCustomerGateways),
		api.CreateVpnConnection.Decides([]string{"ec2:CreateVpnConnection"}, func(c *cloud.Call, r store.Reader, in *api.CreateVpnConnectionInput) ([]cloud.Check, error) {
			checks := resource.CreateChecks(c, "CreateVpnConnection", connectionKind, in.TagSpecifications)
			on := func(kind, id string) {
				if id != "" {
					checks = append(checks, cloud.Check{Action: "ec2:CreateVpnConnection", Resource: resource.On(c, r, kind, id)})
				}
			}
			on(customerKind, in.CustomerGatewayId)
			on("vpn-gateway", cloud.Or(in.VpnGatewayId, ""))
			return checks, nil
		}),
		resource.Acts(&api.DeleteVpnConnection, connectionKind, func(in *api.DeleteVpnConnectionInput) string { return in.VpnConnectionId }),
		resource.Looks(&api.DescribeVpnConnections),
		resource.Acts(&api.CreateVpnConnectionRoute, connectionKind, func(in *api.CreateVpnConnectionRouteInput) string { return in.VpnConnectionId }),
		resource.Acts(&api.DeleteVpnConnectionRoute, connectionKind, func(in *api.DeleteVpnConnectionRouteInput) string { return in.VpnConnectionId }),
		resource.Acts(&api.ModifyVpnConnection, connectionKind, func(in *api.ModifyVpnConnectionInput) string { return in.VpnConnectionId }),
		resource.Acts(&api.ModifyVpnConnectionOptions, connectionKind, func(in *api.ModifyVpnConnectionOptionsInput) string { return in.VpnConnectionId }),
		resource.Acts(&api.ModifyVpnTunnelOptions, connectionKind, func(in *api.ModifyVpnTunnelOptionsInput) string { return in.VpnConnectionId }),
		resource.Acts(&api.ModifyVpnTunnelCertificate, connectionKind, func(in *api.ModifyVpnTunnelCertificateInput) string { return in.VpnConnectionId }),
		resource.Acts(&api.ReplaceVpnTunnel, connectionKind, func(in *api.ReplaceVpnTunnelInput) string { return in.VpnConnectionId }),
		resource.Acts(&api.GetVpnTunnelReplacementStatus, connectionKind, func(in *api.GetVpnTunnelReplacementStatusInput) string { return in.VpnConnectionId }),
		resource.Looks(&api.GetVpnConnectionDeviceTypes),
		resource.Acts(&api.GetVpnConnectionDeviceSampleConfiguration, connectionKind, func(in *api.GetVpnConnectionDeviceSampleConfigurationInput) string { return in.VpnConnectionId }),
	}
}

// notFound makes the error for ids of a kind that do not exist.
func notFound(code, what, prefix string) func(id string) *cloud.Error {
	return func(id string) *cloud.Error {
		if !resource.WellFormed(prefix, id) {
			return resource.Errorf("Invalid"+code+".Malformed", "Invalid id: \"%s\" (expecting \"%s-...\")", id, prefix)
		}
		return resource.Errorf("Invalid"+code+".NotFound", "The %s ID '%s' does not exist", what, id)
	}
}

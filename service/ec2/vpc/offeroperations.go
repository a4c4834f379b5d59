package vpc

import (
	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// offerOperations are those on endpoint services of one's own.
func offerOperations() []cloud.Binding {
	const kept = "notifications are kept; none is sent while there is no SNS"
	return []cloud.Binding{
		writes(&api.CreateVpcEndpointServiceConfiguration, createVpcEndpointServiceConfiguration).Partial("no Gateway Load Balancers"),
		writes(&api.ModifyVpcEndpointServiceConfiguration, modifyVpcEndpointServiceConfiguration).Partial("no Gateway Load Balancers"),
		writes(&api.DeleteVpcEndpointServiceConfigurations, deleteVpcEndpointServiceConfigurations),
		reads(&api.DescribeVpcEndpointServiceConfigurations, describeVpcEndpointServiceConfigurations),
		writes(&api.ModifyVpcEndpointServicePermissions, modifyVpcEndpointServicePermissions),
		reads(&api.DescribeVpcEndpointServicePermissions, describeVpcEndpointServicePermissions),
		writes(&api.ModifyVpcEndpointServicePayerResponsibility, modifyVpcEndpointServicePayerResponsibility),
		writes(&api.StartVpcEndpointServicePrivateDnsVerification, startVpcEndpointServicePrivateDnsVerification),
		writes(&api.AcceptVpcEndpointConnections, acceptVpcEndpointConnections),
		writes(&api.RejectVpcEndpointConnections, rejectVpcEndpointConnections),
		reads(&api.DescribeVpcEndpointConnections, describeVpcEndpointConnections),
		writes(&api.CreateVpcEndpointConnectionNotification, createVpcEndpointConnectionNotification).Partial(kept),
		writes(&api.ModifyVpcEndpointConnectionNotification, modifyVpcEndpointConnectionNotification).Partial(kept),
		writes(&api.DeleteVpcEndpointConnectionNotifications, deleteVpcEndpointConnectionNotifications),
		reads(&api.DescribeVpcEndpointConnectionNotifications, describeVpcEndpointConnectionNotifications),
	}
}

func offerAccess() []cloud.Access {
	return append([]cloud.Access{
		creates(&api.CreateVpcEndpointServiceConfiguration, offerKind,
			func(in *api.CreateVpcEndpointServiceConfigurationInput) specs { return in.TagSpecifications }, nil),
		acts(&api.ModifyVpcEndpointServiceConfiguration, one(offerKind, func(in *api.ModifyVpcEndpointServiceConfigurationInput) string { return in.ServiceId })),
		acts(&api.DeleteVpcEndpointServiceConfigurations, func(in *api.DeleteVpcEndpointServiceConfigurationsInput) []named {
			return several(offerKind, in.ServiceIds)
		}),
		acts(&api.ModifyVpcEndpointServicePermissions, one(offerKind, func(in *api.ModifyVpcEndpointServicePermissionsInput) string { return in.ServiceId })),
		acts(&api.DescribeVpcEndpointServicePermissions, one(offerKind, func(in *api.DescribeVpcEndpointServicePermissionsInput) string { return in.ServiceId })),
		acts(&api.ModifyVpcEndpointServicePayerResponsibility, one(offerKind, func(in *api.ModifyVpcEndpointServicePayerResponsibilityInput) string { return in.ServiceId })),
		acts(&api.StartVpcEndpointServicePrivateDnsVerification, one(offerKind, func(in *api.StartVpcEndpointServicePrivateDnsVerificationInput) string { return in.ServiceId })),
		acts(&api.AcceptVpcEndpointConnections, one(offerKind, func(in *api.AcceptVpcEndpointConnectionsInput) string { return in.ServiceId })),
		acts(&api.RejectVpcEndpointConnections, one(offerKind, func(in *api.RejectVpcEndpointConnectionsInput) string { return in.ServiceId })),
	}, noticeAccess()...)
}

func noticeAccess() []cloud.Access {
	subject := func(service, endpoint string) []named {
		return []named{{offerKind, service}, {"vpc-endpoint", endpoint}}
	}
	return []cloud.Access{
		acts(&api.CreateVpcEndpointConnectionNotification, func(in *api.CreateVpcEndpointConnectionNotificationInput) []named {
			return subject(val(in.ServiceId), val(in.VpcEndpointId))
		}),
		actsOn(&api.ModifyVpcEndpointConnectionNotification, func(c *cloud.Call, r store.Reader, in *api.ModifyVpcEndpointConnectionNotificationInput) []named {
			if n, ok := notices.Get(r, c.Account, c.Region, in.ConnectionNotificationId); ok {
				return subject(n.Service, n.Endpoint)
			}
			return nil
		}),
		actsOn(&api.DeleteVpcEndpointConnectionNotifications, func(c *cloud.Call, r store.Reader, in *api.DeleteVpcEndpointConnectionNotificationsInput) (on []named) {
			for _, id := range in.ConnectionNotificationIds {
				if n, ok := notices.Get(r, c.Account, c.Region, id); ok {
					on = append(on, subject(n.Service, n.Endpoint)...)
				}
			}
			return on
		}),
		resource.Looks(&api.DescribeVpcEndpointConnectionNotifications),
	}
}

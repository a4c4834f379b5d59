package vpn

import (
	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/service/ec2/vpc"
	"pileus/store"
)

func modifyVpnConnection(c *cloud.Call, tx store.Tx, in *api.ModifyVpnConnectionInput) (*api.ModifyVpnConnectionOutput, error) {
	v, err := find(c, tx, in.VpnConnectionId)
	if err != nil {
		return nil, err
	}
	changed := *v
	switch {
	case in.TransitGatewayId != nil:
		return nil, resource.Errorf("InvalidTransitGatewayID.NotFound", "Transit Gateway %s was deleted or does not exist.", *in.TransitGatewayId)
	case in.VpnGatewayId == nil && in.CustomerGatewayId == nil:
		return nil, resource.Errorf("MissingParameter", "The request must contain a gateway to change to.")
	case in.CustomerGatewayId != nil:
		if !customers.Has(tx, c.Account, c.Region, *in.CustomerGatewayId) {
			return nil, noCustomer(*in.CustomerGatewayId)
		}
		changed.Customer = *in.CustomerGatewayId
	}
	if in.VpnGatewayId != nil {
		if _, err := vpc.FindVPNGateway(c, tx, *in.VpnGatewayId); err != nil {
			return nil, err
		}
		vpc.DropVPNLine(c, tx, v.Gateway, v.ID)
		changed.Gateway = *in.VpnGatewayId
	}
	if err := changed.put(c, tx); err != nil {
		return nil, err
	}
	return &api.ModifyVpnConnectionOutput{VpnConnection: changed.modifying(c, tx)}, nil
}

// modifying is a connection as the calls show it that have just changed it.
func (v *Connection) modifying(c *cloud.Call, r store.Reader) *api.VpnConnection {
	out := v.api(c, r, nil)
	out.State = new("modifying")
	return out
}

func modifyVpnConnectionOptions(c *cloud.Call, tx store.Tx, in *api.ModifyVpnConnectionOptionsInput) (*api.ModifyVpnConnectionOptionsOutput, error) {
	v, err := find(c, tx, in.VpnConnectionId)
	if err != nil {
		return nil, err
	}
	if in.LocalIpv6NetworkCidr != nil || in.RemoteIpv6NetworkCidr != nil {
		return nil, resource.Errorf("InvalidParameterCombination", "IPv6 inside of tunnels needs a transit gateway.")
	}
	changed := *v
	changed.Local, changed.Remote = cloud.Or(in.LocalIpv4NetworkCidr, v.Local), cloud.Or(in.RemoteIpv4NetworkCidr, v.Remote)
	if err := changed.put(c, tx); err != nil {
		return nil, err
	}
	return &api.ModifyVpnConnectionOptionsOutput{VpnConnection: changed.modifying(c, tx)}, nil
}

func modifyVpnTunnelOptions(c *cloud.Call, tx store.Tx, in *api.ModifyVpnTunnelOptionsInput) (*api.ModifyVpnTunnelOptionsOutput, error) {
	changed, t, err := tunnel(c, tx, in.VpnConnectionId, in.VpnTunnelOutsideIpAddress)
	if err != nil {
		return nil, err
	}
	if s := in.TunnelOptions.TunnelInsideCidr; s != nil {
		if t.Inside, err = checkInside(*s); err != nil {
			return nil, err
		}
	}
	if s := in.TunnelOptions.PreSharedKey; s != nil {
		if err := checkShared(*s); err != nil {
			return nil, err
		}
		t.Shared = *s
	}
	if err := changed.put(c, tx); err != nil {
		return nil, err
	}
	return &api.ModifyVpnTunnelOptionsOutput{VpnConnection: changed.modifying(c, tx)}, nil
}

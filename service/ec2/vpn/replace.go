package vpn

import (
	"slices"
	"time"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

const (
	replaceController = "ec2.vpn.replace"
	// replacement is how long a tunnel is down while its endpoint is replaced.
	replacement = 30 * time.Second
)

// tunnel finds a connection's tunnel by its address, in a copy of the
// connection that may be changed.
func tunnel(c *cloud.Call, r store.Reader, id, outside string) (*Connection, *Tunnel, error) {
	v, err := find(c, r, id)
	if err != nil {
		return nil, nil, err
	}
	changed := *v
	changed.Tunnels = slices.Clone(v.Tunnels)
	for n := range changed.Tunnels {
		if changed.Tunnels[n].Outside.String() == outside {
			return &changed, &changed.Tunnels[n], nil
		}
	}
	return nil, nil, resource.Errorf("InvalidParameterValue", "The VPN connection %s has no tunnel with the outside address %s.", v.ID, outside)
}

// modifyVpnTunnelCertificate refuses: tunnels here have keys, not certificates.
func modifyVpnTunnelCertificate(c *cloud.Call, r store.Reader, in *api.ModifyVpnTunnelCertificateInput) (*api.ModifyVpnTunnelCertificateOutput, error) {
	v, _, err := tunnel(c, r, in.VpnConnectionId, in.VpnTunnelOutsideIpAddress)
	if err != nil {
		return nil, err
	}
	return nil, resource.Unsupported("The VPN connection '%s' does not use certificate-based authentication.", v.ID)
}

// replaceVpnTunnel gives a tunnel another endpoint at the same address: it is
// down for a moment, and what it carried goes through the other tunnel.
// https://docs.aws.amazon.com/vpn/latest/s2svpn/endpoint-replacements.html
func replaceVpnTunnel(c *cloud.Call, tx store.Tx, in *api.ReplaceVpnTunnelInput) (*api.ReplaceVpnTunnelOutput, error) {
	v, t, err := tunnel(c, tx, in.VpnConnectionId, in.VpnTunnelOutsideIpAddress)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(v.Tunnels, func(t Tunnel) bool { return t.Away }) {
		return nil, resource.Errorf("IncorrectState", "A tunnel of the VPN connection '%s' is being replaced already.", v.ID)
	}
	t.Away, t.Replaced = true, c.Now
	tx.After(c.Now.Add(replacement), replaceController, store.K(v.Account, v.Region, v.ID))
	return &api.ReplaceVpnTunnelOutput{Return: new(true)}, v.put(c, tx)
}

// replaced brings a connection's tunnels back whose time has come.
func replaced(c *cloud.Call, key store.Key) error {
	return c.Update(func(tx store.Tx) error {
		v, ok := connections.Get(tx, key...)
		if !ok {
			return nil
		}
		changed := *v
		changed.Tunnels = slices.Clone(v.Tunnels)
		for n := range changed.Tunnels {
			t := &changed.Tunnels[n]
			if end := t.Replaced.Add(replacement); t.Away && c.Now.Before(end) {
				tx.After(end, replaceController, key)
			} else {
				t.Away = false
			}
		}
		return changed.put(c.In(v.Account, v.Region), tx)
	})
}

func getVpnTunnelReplacementStatus(c *cloud.Call, r store.Reader, in *api.GetVpnTunnelReplacementStatusInput) (*api.GetVpnTunnelReplacementStatusOutput, error) {
	v, t, err := tunnel(c, r, in.VpnConnectionId, in.VpnTunnelOutsideIpAddress)
	if err != nil {
		return nil, err
	}
	out := &api.GetVpnTunnelReplacementStatusOutput{
		VpnConnectionId: &v.ID, CustomerGatewayId: &v.Customer, VpnGatewayId: &v.Gateway, VpnTunnelOutsideIpAddress: new(t.Outside.String()),
		MaintenanceDetails: &api.MaintenanceDetails{PendingMaintenance: new("FALSE")}, // nothing here is replaced unasked
	}
	if !t.Replaced.IsZero() && !t.Away {
		out.MaintenanceDetails.LastMaintenanceApplied = &t.Replaced
	}
	return out, nil
}

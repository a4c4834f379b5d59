package vpn_test

import (
	"testing"
	"time"

	api "pileus/api/ec2"
	"pileus/node/nodetest"
)

func TestReplaceTunnel(t *testing.T) {
	w := newWorld(t)
	vpc, _, _, made := w.connect()
	id, outside := made.VpnConnectionId, *made.Options.TunnelOptions[0].OutsideIpAddress
	w.Drain()
	up := func() (list []bool) {
		v, _ := w.plane.Applied(vpc)
		for _, t := range v.VPN.Tunnels {
			list = append(list, t.Up)
		}
		return list
	}
	status := func() *api.MaintenanceDetails {
		return nodetest.Do(w.World, &api.GetVpnTunnelReplacementStatus, &api.GetVpnTunnelReplacementStatusInput{VpnConnectionId: *id, VpnTunnelOutsideIpAddress: outside}).MaintenanceDetails
	}
	if got := up(); !got[0] || !got[1] || status().LastMaintenanceApplied != nil {
		t.Fatalf("at first: %v", got)
	}
	replace := &api.ReplaceVpnTunnelInput{VpnConnectionId: *id, VpnTunnelOutsideIpAddress: outside, ApplyPendingMaintenance: new(true)}
	asked := w.Now()
	nodetest.Do(w.World, &api.ReplaceVpnTunnel, replace)
	w.Drain()
	if got := up(); got[0] || !got[1] {
		t.Errorf("while it is replaced: %v", got)
	}
	_, err := nodetest.Try(w.World, &api.ReplaceVpnTunnel, replace)
	wantCode(t, err, "IncorrectState")
	w.Advance(time.Minute)
	if got := up(); !got[0] || !got[1] {
		t.Errorf("afterwards: %v", got)
	}
	if at := status().LastMaintenanceApplied; at == nil || !at.Equal(asked) {
		t.Errorf("replaced at %v, asked at %v", at, asked)
	}
	replace.VpnTunnelOutsideIpAddress = "198.18.0.99"
	_, err = nodetest.Try(w.World, &api.ReplaceVpnTunnel, replace)
	wantCode(t, err, "InvalidParameterValue")
	_, err = nodetest.Try(w.World, &api.ModifyVpnTunnelCertificate, &api.ModifyVpnTunnelCertificateInput{VpnConnectionId: *id, VpnTunnelOutsideIpAddress: outside})
	wantCode(t, err, "UnsupportedOperation")
	_, err = nodetest.Try(w.World, &api.ModifyVpnTunnelCertificate, &api.ModifyVpnTunnelCertificateInput{VpnConnectionId: "vpn-0123456789abcdef0", VpnTunnelOutsideIpAddress: outside})
	wantCode(t, err, "InvalidVpnConnectionID.NotFound")
}

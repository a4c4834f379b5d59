package vpn

import (
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"net/netip"
	"strings"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/plane"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// wireGuard is the one kind of device that can be configured.
const wireGuard = "f0c3d1a2"

func getVpnConnectionDeviceTypes(*cloud.Call, store.Reader, *api.GetVpnConnectionDeviceTypesInput) (*api.GetVpnConnectionDeviceTypesOutput, error) {
	return &api.GetVpnConnectionDeviceTypesOutput{VpnConnectionDeviceTypes: []api.VpnConnectionDeviceType{
		{VpnConnectionDeviceTypeId: new(wireGuard), Vendor: new("WireGuard"), Platform: new("Linux"), Software: new("wg-quick")},
	}}, nil
}

func getVpnConnectionDeviceSampleConfiguration(c *cloud.Call, r store.Reader, in *api.GetVpnConnectionDeviceSampleConfigurationInput) (*api.GetVpnConnectionDeviceSampleConfigurationOutput, error) {
	v, err := find(c, r, in.VpnConnectionId)
	if err != nil {
		return nil, err
	}
	if in.VpnConnectionDeviceTypeId != wireGuard {
		return nil, resource.Invalid(in.VpnConnectionDeviceTypeId, "vpnConnectionDeviceTypeId")
	}
	var b strings.Builder
	text := base64.StdEncoding.EncodeToString
	for n, t := range v.tunnels(r, (*Tunnel).mirrored) {
		shared := plane.SharedKey(t.Shared)
		fmt.Fprintf(&b, "# Tunnel %d of %s: wg%d.conf\n[Interface]\nPrivateKey = %s\nAddress = %s\nListenPort = %d\nTable = off\n\n", n+1, v.ID, n, text(t.PrivateKey), t.Inside, plane.TunnelPort+n)
		fmt.Fprintf(&b, "[Peer]\nPublicKey = %s\nPresharedKey = %s\nEndpoint = %s\nAllowedIPs = 0.0.0.0/0\nPersistentKeepalive = 1\n\n", text(t.PeerKey), text(shared[:]), netip.AddrPortFrom(t.Customer, plane.TunnelPort))
	}
	return &api.GetVpnConnectionDeviceSampleConfigurationOutput{VpnConnectionDeviceSampleConfiguration: new(b.String())}, nil
}

// The customer gateway's configuration, as AWS's form has it.
type configuration struct {
	XMLName  xml.Name        `xml:"vpn_connection"`
	ID       string          `xml:"id,attr"`
	Customer string          `xml:"customer_gateway_id"`
	Gateway  string          `xml:"vpn_gateway_id"`
	Type     string          `xml:"vpn_connection_type"`
	Attrs    string          `xml:"vpn_connection_attributes"`
	Tunnels  []configuredEnd `xml:"ipsec_tunnel"`
}

type configuredEnd struct {
	Customer end `xml:"customer_gateway"`
	Gateway  end `xml:"vpn_gateway"`
	IKE      ike `xml:"ike"`
}

type end struct {
	Outside string `xml:"tunnel_outside_address>ip_address"`
	Inside  string `xml:"tunnel_inside_address>ip_address"`
	Mask    string `xml:"tunnel_inside_address>network_mask"`
	CIDR    int    `xml:"tunnel_inside_address>network_cidr"`
	BGP     *bgp   `xml:"bgp"`
}

type bgp struct {
	ASN  uint32 `xml:"asn"`
	Hold int    `xml:"hold_time"`
}

type ike struct {
	Protocol string `xml:"authentication_protocol"`
	Cipher   string `xml:"encryption_protocol"`
	Lifetime int    `xml:"lifetime"`
	PFS      string `xml:"perfect_forward_secrecy"`
	Mode     string `xml:"mode"`
	Shared   string `xml:"pre_shared_key"`
}

// configuration is what DescribeVpnConnections tells the customer.
func (v *Connection) configuration(r store.Reader) string {
	out := configuration{ID: v.ID, Customer: v.Customer, Gateway: v.Gateway, Type: "ipsec.1", Attrs: "NoBGPVPNConnection"}
	if v.Dynamic {
		out.Attrs = ""
	}
	side := func(outside netip.Addr, inside netip.Prefix) end {
		return end{Outside: outside.String(), Inside: inside.Addr().String(), Mask: "255.255.255.252", CIDR: 30}
	}
	for _, t := range v.tunnels(r, (*Tunnel).plane) {
		customer, gateway := side(t.Customer, t.Peer), side(t.Outside, t.Inside)
		if t.BGP != nil {
			customer.BGP, gateway.BGP = &bgp{t.BGP.Peer, holdTime}, &bgp{t.BGP.Local, holdTime}
		}
		out.Tunnels = append(out.Tunnels, configuredEnd{
			Customer: customer, Gateway: gateway,
			// What WireGuard does, in the words of the form.
			IKE: ike{Protocol: "blake2s", Cipher: "chacha20-poly1305", Lifetime: 120, PFS: "curve25519", Mode: "wireguard", Shared: t.Shared},
		})
	}
	text, err := xml.MarshalIndent(out, "", "  ")
	if err != nil {
		panic(err) // it is all strings
	}
	return xml.Header + string(text)
}

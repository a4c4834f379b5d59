package vpn

import (
	"crypto/ecdh"
	"net/netip"
	"slices"
	"strings"
	"time"

	"pileus/cloud"
	"pileus/plane"
	"pileus/rng"
	"pileus/service/ec2/resource"
	"pileus/service/ec2/vpc"
	"pileus/store"
)

// Tunnel is one of the two tunnels of a connection.
type Tunnel struct {
	Outside netip.Addr   // our end, in the internet
	Inside  netip.Prefix // a /30 of link-local addresses: ours is the first, theirs the second
	Shared  string       // the pre-shared key
	// Keys of both ends, as X25519 has them.
	OurKey, TheirKey []byte
	// Away says that our end is being replaced, and Replaced when that began
	// the last time.
	Away     bool
	Replaced time.Time
}

// reserved are inside ranges that AWS does not allow.
// https://docs.aws.amazon.com/vpn/latest/s2svpn/VPNTunnels.html
var reserved = []string{"169.254.0.0/30", "169.254.1.0/30", "169.254.2.0/30", "169.254.3.0/30", "169.254.4.0/30", "169.254.5.0/30", "169.254.169.252/30"}

var linkLocal = netip.MustParsePrefix("169.254.0.0/16")

// makeTunnel makes a tunnel with the range and key that were asked for, or
// others.
func makeTunnel(c *cloud.Call, tx store.Tx, owner string, inside, shared *string, taken []netip.Prefix) (t Tunnel, err error) {
	if t.Outside, err = vpc.TakePublic(c, tx, owner); err != nil {
		return t, err
	}
	if inside != nil {
		if t.Inside, err = checkInside(*inside); err != nil {
			return t, err
		}
	}
	for !t.Inside.IsValid() || inside == nil && (slices.Contains(taken, t.Inside) || slices.Contains(reserved, t.Inside.String())) {
		n := c.Rand().Uint64()
		t.Inside = netip.PrefixFrom(netip.AddrFrom4([4]byte{169, 254, byte(6 + n%150), byte(n >> 8)}), 30).Masked()
	}
	if slices.Contains(taken, t.Inside) {
		return t, resource.Errorf("InvalidParameterValue", "The tunnel inside CIDR %s is used by another tunnel of the gateway.", t.Inside)
	}
	t.Shared = cloud.Or(shared, "")
	for shared == nil && strings.HasPrefix(t.Shared+"0", "0") { // none yet, or one that must not be
		t.Shared = rng.Secret(32, rng.Base62)
	}
	if err := checkShared(t.Shared); err != nil {
		return t, err
	}
	t.OurKey, t.TheirKey = rng.Bytes(32), rng.Bytes(32)
	return t, nil
}

func checkInside(s string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(s)
	if err != nil || p.Bits() != 30 || !linkLocal.Contains(p.Addr()) || p.Masked() != p || slices.Contains(reserved, p.String()) {
		return p, resource.Errorf("InvalidParameterValue", "The tunnel inside CIDR %s is invalid. It must be a /30 of 169.254.0.0/16 that is not reserved.", s)
	}
	return p, nil
}

func checkShared(s string) error {
	if len(s) < 8 || len(s) > 64 || s[0] == '0' || strings.Trim(s, rng.Base62+"._") != "" {
		return resource.Errorf("InvalidParameterValue", "Invalid pre-shared key. It must be 8 to 64 letters, digits, periods and underscores, and not begin with zero.")
	}
	return nil
}

// ours and theirs are the addresses inside of the tunnel.
func (t *Tunnel) ours() netip.Prefix   { return netip.PrefixFrom(t.Inside.Addr().Next(), 30) }
func (t *Tunnel) theirs() netip.Prefix { return netip.PrefixFrom(t.Inside.Addr().Next().Next(), 30) }

// public is the public half of a key.
func public(key []byte) []byte {
	k, err := ecdh.X25519().NewPrivateKey(key)
	if err != nil {
		panic("vpn: a key that is not 32 bytes: " + err.Error()) // makeTunnel made it
	}
	return k.PublicKey().Bytes()
}

// plane is the tunnel from the cloud's end.
func (t *Tunnel) plane(id string, customer netip.Addr) plane.Tunnel {
	return plane.Tunnel{
		ID: id, Outside: t.Outside, Customer: customer, Inside: t.ours(), Peer: t.theirs(),
		PrivateKey: t.OurKey, PeerKey: public(t.TheirKey), Shared: t.Shared, Up: !t.Away,
	}
}

// mirrored is the tunnel from the customer's end.
func (t *Tunnel) mirrored(id string, customer netip.Addr) plane.Tunnel {
	return plane.Tunnel{
		ID: id, Outside: customer, Customer: t.Outside, Inside: t.theirs(), Peer: t.ours(),
		PrivateKey: t.TheirKey, PeerKey: public(t.OurKey), Shared: t.Shared, Up: true,
	}
}

package plane

import (
	"crypto/sha256"
	"net/netip"
	"time"
)

// TunnelPort is the UDP port at which the cloud's ends of tunnels listen.
const TunnelPort = 51820

// SharedKey is the key that both ends of a tunnel make of a text.
func SharedKey(text string) [32]byte { return sha256.Sum256([]byte(text)) }

// TunnelStatus is how a tunnel is.
type TunnelStatus struct {
	Up      bool
	Changed time.Time // when it came up or went down; zero: never
	In, Out uint64    // bytes
	// Established tells that the ends speak BGP with each other, and Learned what
	// the other one announces.
	Established bool
	Learned     []netip.Prefix
}

// Site is a network on premises, which stands for a customer's own: a
// namespace behind the customer gateway's address.
type Site struct {
	ID      string     // "vpn-..."
	Address netip.Addr // of the customer gateway, in the internet
	// Networks are on premises; the first address of each is local there.
	Networks []netip.Prefix
	// Tunnels are seen from there: Outside is the customer's address, and
	// Destinations are the ranges of the VPC.
	Tunnels []Tunnel
}

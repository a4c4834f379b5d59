package plane

import "net/netip"

// The internet of a cloud is a network namespace of its own; its addresses are
// those that RFC 2544 sets aside for testing, so that none is anybody's.
var (
	// Internet is the range of public addresses.
	Internet = netip.MustParsePrefix("198.18.0.0/15")
	// Internet6 holds the IPv6 ranges of VPCs; RFC 3849 sets it aside.
	Internet6 = netip.MustParsePrefix("2001:db8::/32")
	// Elastic is where public addresses of the customers are taken from.
	Elastic = netip.MustParsePrefix("198.18.0.0/16")
	// Edge is where the cloud's own services answer.
	Edge = netip.MustParsePrefix("198.19.255.0/24")
	// EdgeAPI, EdgeS3 and EdgeDynamoDB are their addresses: gateway endpoints
	// lead to one of the last two.
	EdgeAPI      = netip.MustParseAddr("198.19.255.1")
	EdgeS3       = netip.MustParseAddr("198.19.255.2")
	EdgeDynamoDB = netip.MustParseAddr("198.19.255.3")
)

// Addresses that are local in every VPC.
// https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html
var (
	Metadata  = netip.MustParseAddr("169.254.169.254")
	Metadata6 = netip.MustParseAddr("fd00:ec2::254")
	Resolver  = netip.MustParseAddr("169.254.169.253") // the DNS server, also at the VPC's base address plus two
)

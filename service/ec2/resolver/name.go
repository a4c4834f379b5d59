package resolver

import (
	"net/netip"
	"regexp"
	"strings"

	"pileus/region"
)

// The region whose names are the oldest, and have no region in them.
const firstRegion = "us-east-1"

// internalDomain is the domain of a region's private names.
// https://docs.aws.amazon.com/vpc/latest/userguide/vpc-dns.html
func internalDomain(region string) string {
	if region == firstRegion {
		return "ec2.internal"
	}
	return region + ".compute.internal"
}

// publicDomain is the domain of a region's public names.
func publicDomain(region string) string {
	if region == firstRegion {
		return "compute-1.amazonaws.com"
	}
	return region + ".compute.amazonaws.com"
}

// isPublicDomain tells whether a domain is that of some region's public names.
func isPublicDomain(domain string) bool {
	name, ok := strings.CutSuffix(domain, ".compute.amazonaws.com")
	_, known := region.Find(name)
	return domain == publicDomain(firstRegion) || ok && known
}

// PrivateName is the name of a private address: "ip-10-0-0-5.ec2.internal".
func PrivateName(region string, a netip.Addr) string {
	return "ip-" + dashed(a) + "." + internalDomain(region)
}

// PublicName is the name of a public address:
// "ec2-198-18-0-7.compute-1.amazonaws.com".
func PublicName(region string, a netip.Addr) string {
	return "ec2-" + dashed(a) + "." + publicDomain(region)
}

func dashed(a netip.Addr) string { return strings.ReplaceAll(a.String(), ".", "-") }

// fromDashed is the address in the first label of a name that begins with
// prefix: "ip-10-0-0-5" or "ec2-198-18-0-7".
func fromDashed(label, prefix string) (netip.Addr, bool) {
	rest, ok := strings.CutPrefix(label, prefix)
	if !ok {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(strings.ReplaceAll(rest, "-", "."))
	return a, err == nil && a.Is4()
}

// reversed is the address that a name under in-addr.arpa asks for.
func reversed(name string) (netip.Addr, bool) {
	rest, ok := strings.CutSuffix(name, ".in-addr.arpa")
	if !ok {
		return netip.Addr{}, false
	}
	p := strings.Split(rest, ".")
	if len(p) != 4 {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(p[3] + "." + p[2] + "." + p[1] + "." + p[0])
	return a, err == nil
}

// Service names, by the address at which they answer.
var (
	s3Name       = regexp.MustCompile(`(^|\.)s3(-[a-z0-9-]+|express-[a-z0-9-]+)?(\.dualstack)?(\.[a-z]{2}(-[a-z]+)+-\d)?\.amazonaws\.com$`)
	dynamoDBName = regexp.MustCompile(`(^|\.)dynamodb(-fips)?(\.[a-z]{2}(-[a-z]+)+-\d)?\.amazonaws\.com$`)
)

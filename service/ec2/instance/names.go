package instance

import (
	"net/netip"
	"strings"
)

// Names of instances.
// https://docs.aws.amazon.com/vpc/latest/userguide/vpc-dns.html#vpc-dns-hostnames

// internalDomain is the end of private names in a region.
func internalDomain(region string) string {
	if region == "us-east-1" {
		return "ec2.internal"
	}
	return region + ".compute.internal"
}

// addressName is the private name after an address: "ip-10-0-0-5.ec2.internal".
func addressName(region string, a netip.Addr) string {
	return "ip-" + strings.ReplaceAll(a.String(), ".", "-") + "." + internalDomain(region)
}

// privateName is the name of an instance, after its address or after its id.
func (i *Instance) privateName(primary netip.Addr) string {
	if i.NameType == "resource-name" || !primary.Is4() {
		return i.ID + "." + internalDomain(i.Region)
	}
	return addressName(i.Region, primary)
}

// publicName is the public name after an address:
// "ec2-198-18-0-7.compute-1.amazonaws.com".
func publicName(region string, a netip.Addr) string {
	name := "ec2-" + strings.ReplaceAll(a.String(), ".", "-") + "."
	if region == "us-east-1" {
		return name + "compute-1.amazonaws.com"
	}
	return name + region + ".compute.amazonaws.com"
}

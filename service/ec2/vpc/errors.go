package vpc

import (
	"strings"

	"pileus/cloud"
	"pileus/service/ec2/resource"
)

// Errors that AWS lists for networks.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html

var (
	errNoDefaultVPC  = resource.Errorf("VPCIdNotSpecified", "No default VPC for this user")
	errNoDefaultZone = func(zone string) *cloud.Error {
		return resource.Errorf("MissingInput", "No default subnet for availability zone: '%s'.", zone)
	}
	errZone = func(zone string) *cloud.Error {
		return resource.Errorf("InvalidParameterValue", "Invalid availability zone: [%s]", zone)
	}
	errNoAddresses = func(subnet string) *cloud.Error {
		return resource.Errorf("InsufficientFreeAddressesInSubnet", "There are not enough free addresses in subnet '%s' to satisfy the requested number of instances.", subnet)
	}
	errAddressInUse   = resource.Errorf("InvalidIPAddress.InUse", "Address is in use.")
	errPublicFull     = resource.Errorf("InsufficientAddressCapacity", "Not enough available addresses to satisfy your request.")
	errTooManyGroups  = resource.Errorf("SecurityGroupsPerInterfaceLimitExceeded", "The maximum number of security groups per interface has been reached.")
	errInterfaceInUse = func(id string) *cloud.Error {
		return resource.Errorf("InvalidNetworkInterface.InUse", "Interface: %s in use.", id)
	}
)

// notFound makes the errors for ids of a kind that do not exist, and for those
// that could not be ids of the kind at all. code is the middle of AWS's code:
// "VpcID" makes InvalidVpcID.NotFound, and InvalidVpcId.Malformed: AWS writes
// them differently.
func notFound(code, what, prefix string) func(id string) *cloud.Error {
	return func(id string) *cloud.Error {
		if !resource.WellFormed(prefix, id) {
			return resource.Errorf("Invalid"+strings.TrimSuffix(code, "ID")+"Id.Malformed", "Invalid id: \"%s\" (expecting \"%s-...\")", id, prefix)
		}
		return resource.Errorf("Invalid"+code+".NotFound", "The %s ID '%s' does not exist", what, id)
	}
}

var (
	noVPC       = notFound("VpcID", "vpc", "vpc")
	noSubnet    = notFound("SubnetID", "subnet", "subnet")
	noInterface = notFound("NetworkInterfaceID", "networkInterface", "eni")
)

// limit is the error of a quota that is used up.
func limit(code, what string) *cloud.Error {
	return resource.Errorf(code, "The maximum number of %s has been reached.", what)
}

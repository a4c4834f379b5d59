package elb

import (
	"errors"
	"net/http"

	api "pileus/api/elb"
	"pileus/cloud"
)

// invalid is the answer to input that is wrong in itself.
func invalid(format string, a ...any) *cloud.Error {
	return cloud.Errorf(http.StatusBadRequest, "ValidationError", format, a...)
}

// unfit is the answer to what cannot be done with a load balancer as it is.
func unfit(format string, a ...any) *cloud.Error {
	return api.ErrInvalidConfigurationRequest.New(format, a...)
}

func errNoBalancer(name string) *cloud.Error {
	return api.ErrAccessPointNotFound.New("There is no ACTIVE Load Balancer named '%s'", name)
}

func errNoInstance(id string) *cloud.Error {
	return api.ErrInvalidEndPoint.New("Could not find EC2 instance %s.", id)
}

func errNoPolicy(name, balancer string) *cloud.Error {
	return api.ErrPolicyNotFound.New("There is no policy with name %s for load balancer %s", name, balancer)
}

func errNoListener(name string, port int32) *cloud.Error {
	return api.ErrListenerNotFound.New("LoadBalancer %s does not have a listnener on port %d!", name, port)
}

// worded puts EC2's answer into the words of this API.
func worded(err error) error {
	var e *cloud.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code {
	case "InvalidSubnetID.NotFound", "InvalidSubnetID.Malformed", "InvalidSubnetId.Malformed":
		return api.ErrSubnetNotFound.New("%s", e.Message)
	case "InsufficientFreeAddressesInSubnet":
		return api.ErrInvalidSubnet.New("%s", e.Message)
	case "InvalidGroup.NotFound", "InvalidGroupId.Malformed", "InvalidGroupId.NotFound":
		return api.ErrInvalidSecurityGroup.New("One or more security groups are invalid")
	case "SecurityGroupsPerInterfaceLimitExceeded", "InvalidParameterValue":
		return unfit("%s", e.Message)
	}
	return err
}

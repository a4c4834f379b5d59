package elbv2

import (
	"errors"
	"net/http"

	api "pileus/api/elbv2"
	"pileus/cloud"
)

// invalid is the answer to input that is wrong in itself.
func invalid(format string, a ...any) *cloud.Error {
	return cloud.Errorf(http.StatusBadRequest, "ValidationError", format, a...)
}

// unbuilt is the answer to what the API has and this cloud does not.
func unbuilt(what string) *cloud.Error {
	return cloud.Errorf(http.StatusNotImplemented, "NotImplemented", "pileus does not have %s yet.", what)
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
		return api.ErrInvalidSecurityGroup.New("%s", e.Message)
	case "SecurityGroupsPerInterfaceLimitExceeded":
		return api.ErrInvalidConfigurationRequest.New("%s", e.Message)
	case "InvalidAllocationID.NotFound", "InvalidAddress.NotFound":
		return api.ErrAllocationIdNotFound.New("%s", e.Message)
	case "Resource.AlreadyAssociated", "InvalidIPAddress.InUse", "InvalidIPAddress.InSubnetUse":
		return api.ErrResourceInUse.New("%s", e.Message)
	case "Gateway.NotAttached":
		return api.ErrInvalidSubnet.New("%s", e.Message)
	case "InvalidParameterValue", "InvalidAddress.OutOfRange":
		return api.ErrInvalidConfigurationRequest.New("%s", e.Message)
	}
	return err
}

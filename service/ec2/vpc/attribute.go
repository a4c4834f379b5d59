package vpc

import (
	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

func modifyVpcAttribute(c *cloud.Call, tx store.Tx, in *api.ModifyVpcAttributeInput) (*cloud.Empty, error) {
	v, err := FindVPC(c, tx, in.VpcId)
	if err != nil {
		return nil, err
	}
	changed, sets := *v, 0
	for _, a := range []struct {
		in *api.AttributeBooleanValue
		to *bool
	}{
		{in.EnableDnsSupport, &changed.DNSSupport},
		{in.EnableDnsHostnames, &changed.DNSHostnames},
		{in.EnableNetworkAddressUsageMetrics, &changed.UsageMetrics},
	} {
		if set, value := flag(a.in); set {
			*a.to = value
			sets++
		}
	}
	switch sets {
	case 0:
		return nil, resource.Missing("EnableDnsSupport or EnableDnsHostnames or EnableNetworkAddressUsageMetrics")
	case 1:
	default:
		return nil, resource.Combination("Fields for multiple attribute types specified")
	}
	vpcs.Put(tx, &changed)
	touch(c, tx, v.ID)
	return &cloud.Empty{}, nil
}

func describeVpcAttribute(c *cloud.Call, r store.Reader, in *api.DescribeVpcAttributeInput) (*api.DescribeVpcAttributeOutput, error) {
	v, err := FindVPC(c, r, in.VpcId)
	if err != nil {
		return nil, err
	}
	out := &api.DescribeVpcAttributeOutput{VpcId: &v.ID}
	switch in.Attribute {
	case "enableDnsSupport":
		out.EnableDnsSupport = &api.AttributeBooleanValue{Value: &v.DNSSupport}
	case "enableDnsHostnames":
		out.EnableDnsHostnames = &api.AttributeBooleanValue{Value: &v.DNSHostnames}
	case "enableNetworkAddressUsageMetrics":
		out.EnableNetworkAddressUsageMetrics = &api.AttributeBooleanValue{Value: &v.UsageMetrics}
	default:
		return nil, resource.Invalid(in.Attribute, "attribute")
	}
	return out, nil
}

// modifyVpcTenancy knows one way: back to shared hardware.
func modifyVpcTenancy(c *cloud.Call, tx store.Tx, in *api.ModifyVpcTenancyInput) (*api.ModifyVpcTenancyOutput, error) {
	v, err := FindVPC(c, tx, in.VpcId)
	if err != nil {
		return nil, err
	}
	if in.InstanceTenancy != "default" {
		return nil, resource.Invalid(in.InstanceTenancy, "instanceTenancy")
	}
	changed := *v
	changed.Tenancy = in.InstanceTenancy
	vpcs.Put(tx, &changed)
	return &api.ModifyVpcTenancyOutput{ReturnValue: yes()}, nil
}

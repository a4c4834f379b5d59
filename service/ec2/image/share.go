package image

import (
	"slices"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

const everybody = "all"

func change(c *cloud.Call, tx store.Tx, id string, f func(*Image) error) error {
	i, err := own(c, tx, id)
	if err != nil {
		return err
	}
	if err := f(i); err != nil {
		return err
	}
	images.Put(tx, i)
	return nil
}

func modifyImageAttribute(c *cloud.Call, tx store.Tx, in *api.ModifyImageAttributeInput) (*cloud.Empty, error) {
	return &cloud.Empty{}, change(c, tx, in.ImageId, func(i *Image) error {
		switch {
		case in.Description != nil:
			i.Description = cloud.Or(in.Description.Value, "")
		case in.ImdsSupport != nil:
			if cloud.Or(in.ImdsSupport.Value, "") != "v2.0" {
				return resource.Errorf("InvalidParameterValue", "Invalid value for imdsSupport: it can only be set to v2.0")
			}
			i.IMDS = "v2.0"
		case cloud.Or(in.Attribute, "") == "description":
			i.Description = cloud.Or(in.Value, "")
		default:
			return i.permit(c, tx, in)
		}
		return nil
	})
}

// permit changes who may launch the image, in either form of the request.
func (i *Image) permit(c *cloud.Call, tx store.Tx, in *api.ModifyImageAttributeInput) error {
	var add, remove []api.LaunchPermission
	if p := in.LaunchPermission; p != nil {
		add, remove = p.Add, p.Remove
	} else {
		var list []api.LaunchPermission
		for _, u := range in.UserIds {
			list = append(list, api.LaunchPermission{UserId: &u})
		}
		for _, g := range in.UserGroups {
			list = append(list, api.LaunchPermission{Group: &g})
		}
		for _, o := range append(slices.Clone(in.OrganizationArns), in.OrganizationalUnitArns...) {
			list = append(list, api.LaunchPermission{OrganizationArn: &o})
		}
		switch cloud.Or(in.OperationType, "") {
		case api.OperationTypeAdd:
			add = list
		case api.OperationTypeRemove:
			remove = list
		}
	}
	if len(add)+len(remove) == 0 {
		return resource.Errorf("InvalidParameterCombination", "No attributes specified.")
	}
	if slices.ContainsFunc(i.Devices, func(d Device) bool { return d.Encrypted && d.KMSKey == "" }) && slices.ContainsFunc(add, func(p api.LaunchPermission) bool { return p.Group != nil }) {
		return resource.Errorf("InvalidParameter", "Snapshots encrypted with the AWS Managed CMK can't be shared")
	}
	for _, p := range add {
		if err := i.grant(c, tx, p); err != nil {
			return err
		}
	}
	for _, p := range remove {
		i.revoke(p)
	}
	return nil
}

func (i *Image) grant(c *cloud.Call, r store.Reader, p api.LaunchPermission) error {
	switch {
	case p.Group != nil:
		if *p.Group != everybody {
			return resource.Errorf("InvalidAMIAttributeItemValue", "Invalid attribute item value \"%s\" for userGroup item type.", *p.Group)
		}
		if blocked(c, r) {
			return resource.Errorf("OperationNotPermitted", "You can't publicly share this AMI because block public access for AMIs is enabled for this account in this Region")
		}
		i.Public = true
	case p.UserId != nil:
		if len(*p.UserId) != 12 {
			return resource.Errorf("InvalidAMIAttributeItemValue", "Invalid attribute item value \"%s\" for userId item type.", *p.UserId)
		}
		i.Shared = with(i.Shared, *p.UserId)
	case p.OrganizationArn != nil:
		i.Orgs = with(i.Orgs, *p.OrganizationArn)
	case p.OrganizationalUnitArn != nil:
		i.Orgs = with(i.Orgs, *p.OrganizationalUnitArn)
	}
	return nil
}

func with(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

func without(list []string, s string) []string {
	return slices.DeleteFunc(list, func(o string) bool { return o == s })
}

func (i *Image) revoke(p api.LaunchPermission) {
	switch {
	case p.Group != nil:
		i.Public = false
	case p.UserId != nil:
		i.Shared = without(i.Shared, *p.UserId)
	case p.OrganizationArn != nil:
		i.Orgs = without(i.Orgs, *p.OrganizationArn)
	case p.OrganizationalUnitArn != nil:
		i.Orgs = without(i.Orgs, *p.OrganizationalUnitArn)
	}
}

func resetImageAttribute(c *cloud.Call, tx store.Tx, in *api.ResetImageAttributeInput) (*cloud.Empty, error) {
	return &cloud.Empty{}, change(c, tx, in.ImageId, func(i *Image) error {
		if in.Attribute != "launchPermission" {
			return resource.Errorf("InvalidParameterValue", "Invalid value '%s' for attribute: only launchPermission can be reset", in.Attribute)
		}
		i.Public, i.Shared, i.Orgs = false, nil, nil
		return nil
	})
}

// cancelImageLaunchPermission gives up the account's own permission to launch
// somebody else's image.
func cancelImageLaunchPermission(c *cloud.Call, tx store.Tx, in *api.CancelImageLaunchPermissionInput) (*api.CancelImageLaunchPermissionOutput, error) {
	i, err := find(c, tx, in.ImageId)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(i.Shared, c.Account) {
		return nil, resource.Errorf("InvalidRequest", "The image %s is not explicitly shared with the account %s", i.ID, c.Account)
	}
	i.Shared = without(i.Shared, c.Account)
	images.Put(tx, i)
	return &api.CancelImageLaunchPermissionOutput{Return: new(true)}, nil
}

func describeImageAttribute(c *cloud.Call, r store.Reader, in *api.DescribeImageAttributeInput) (*api.DescribeImageAttributeOutput, error) {
	i, err := visible(c, r, in.ImageId)
	if err != nil {
		return nil, err
	}
	out := &api.DescribeImageAttributeOutput{ImageId: &i.ID}
	value := func(s string) *api.AttributeValue { return &api.AttributeValue{Value: optional(s)} }
	switch in.Attribute {
	case "description":
		out.Description = value(i.Description)
	case "blockDeviceMapping":
		out.BlockDeviceMappings = []api.BlockDeviceMapping{}
		for _, d := range i.Devices {
			out.BlockDeviceMappings = append(out.BlockDeviceMappings, d.api())
		}
	case "kernel": // images that boot by themselves have none of the three
		out.KernelId = value("")
	case "ramdisk":
		out.RamdiskId = value("")
	case "uefiData":
		out.UefiData = value("")
	case "sriovNetSupport":
		out.SriovNetSupport = value("simple")
	case "bootMode":
		out.BootMode = value(i.BootMode)
	case "tpmSupport":
		out.TpmSupport = value(i.TPM)
	case "imdsSupport":
		out.ImdsSupport = value(i.IMDS)
	case "deregistrationProtection":
		out.DeregistrationProtection = value(i.protection())
	case "lastLaunchedTime":
		if !i.Launched.IsZero() {
			out.LastLaunchedTime = value(i.Launched.UTC().Format(timeForm))
		}
	case "productCodes":
		out.ProductCodes = []api.ProductCode{}
	case "launchPermission":
		if i.Account != c.Account {
			return nil, errNotOwner(i.ID)
		}
		out.LaunchPermissions = i.permissions()
	default:
		return nil, resource.Errorf("InvalidParameterValue", "Value (%s) for parameter attribute is invalid. Unknown attribute.", in.Attribute)
	}
	return out, nil
}

func (i *Image) permissions() []api.LaunchPermission {
	list := []api.LaunchPermission{}
	if i.Public {
		list = append(list, api.LaunchPermission{Group: new(everybody)})
	}
	for _, u := range i.Shared {
		list = append(list, api.LaunchPermission{UserId: &u})
	}
	for _, o := range i.Orgs {
		if a, _ := cloud.ParseARN(o); len(a.Resource) > 3 && a.Resource[:3] == "ou/" {
			list = append(list, api.LaunchPermission{OrganizationalUnitArn: &o})
		} else {
			list = append(list, api.LaunchPermission{OrganizationArn: &o})
		}
	}
	return list
}

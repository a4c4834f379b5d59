package vpc

import (
	"slices"
	"strings"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

func (s *Room) attachNetworkInterface(c *cloud.Call, tx store.Tx, in *api.AttachNetworkInterfaceInput) (*api.AttachNetworkInterfaceOutput, error) {
	i, err := FindInterface(c, tx, in.NetworkInterfaceId)
	if err != nil {
		return nil, err
	}
	x, err := s.instance(c, tx, in.InstanceId)
	if err != nil {
		return nil, err
	}
	switch {
	case i.Attachment != nil:
		return nil, errInterfaceInUse(i.ID)
	case i.Requester == balancerRequester:
		return nil, errInterfaceInUse(i.ID)
	case i.Requester != "":
		return nil, errNotYours
	case i.Zone != x.Zone:
		return nil, resource.Errorf("InvalidParameterCombination", "You may not attach a network interface to an instance if they are not in the same availability zone")
	case in.DeviceIndex < 1:
		return nil, resource.Errorf("InvalidParameterValue", "Invalid value '%d' for deviceIndex. The primary network interface cannot be attached.", in.DeviceIndex)
	case x.MaxInterfaces > 0 && len(InterfacesOf(c, tx, x.ID)) >= x.MaxInterfaces:
		return nil, resource.Errorf("AttachmentLimitExceeded", "Interface count %d exceeds the limit for this instance type", len(InterfacesOf(c, tx, x.ID))+1)
	}
	a := Attachment{ID: resource.NewID(c, "eni-attach"), Instance: x.ID, Index: int(in.DeviceIndex), Card: int(cloud.Or(in.NetworkCardIndex, 0))}
	if err := AttachInterface(c, tx, i.ID, a); err != nil {
		return nil, err
	}
	touchRoutesTo(c, tx, i.ID)
	return &api.AttachNetworkInterfaceOutput{AttachmentId: &a.ID, NetworkCardIndex: in.NetworkCardIndex}, nil
}

// attachment finds an interface by the id of its attachment.
func attachment(c *cloud.Call, r store.Reader, id string) (*Interface, error) {
	if strings.HasPrefix(id, managedAttachment) {
		return nil, resource.Errorf("OperationNotPermitted", "You are not allowed to manage '%s' attachments.", strings.TrimSuffix(managedAttachment, "-"))
	}
	for i := range interfaces.Scan(r, c.Account, c.Region) {
		if i.Attachment != nil && i.Attachment.ID == id {
			return i, nil
		}
	}
	return nil, resource.Errorf("InvalidAttachmentID.NotFound", "The networkInterface attachment ID '%s' does not exist", id)
}

func detachNetworkInterface(c *cloud.Call, tx store.Tx, in *api.DetachNetworkInterfaceInput) (*cloud.Empty, error) {
	i, err := attachment(c, tx, in.AttachmentId)
	if err != nil {
		return nil, err
	}
	if i.Attachment.Index == 0 {
		return nil, resource.Errorf("OperationNotPermitted", "The network interface at device index 0 cannot be detached.")
	}
	changed := i.clone()
	changed.Attachment = nil
	changed.returnLent(c, tx)
	interfaces.Put(tx, changed)
	touch(c, tx, i.VPC)
	return &cloud.Empty{}, nil
}

func modifyNetworkInterfaceAttribute(c *cloud.Call, tx store.Tx, in *api.ModifyNetworkInterfaceAttributeInput) (*cloud.Empty, error) {
	old, err := FindInterface(c, tx, in.NetworkInterfaceId)
	if err != nil {
		return nil, err
	}
	if !old.managedBy(c) && (len(in.Groups) > 0 && (old.Type == natInterface || old.Requester == balancerRequester) || in.SourceDestCheck != nil || in.AssociatePublicIpAddress != nil) {
		return nil, errNotYours
	}
	i, sets := old.clone(), 0
	if in.Description != nil {
		i.Description, sets = cloud.Or(in.Description.Value, ""), sets+1
	}
	if set, on := flag(in.SourceDestCheck); set {
		i.SourceCheck, sets = on, sets+1
	}
	if len(in.Groups) > 0 {
		if i.Groups, err = ResolveGroups(c, tx, i.VPC, in.Groups, nil); err != nil {
			return nil, err
		}
		sets++
	}
	if a := in.Attachment; a != nil {
		if i.Attachment == nil || i.Attachment.ID != cloud.Or(a.AttachmentId, "") {
			return nil, resource.Errorf("InvalidAttachmentID.NotFound", "The networkInterface attachment ID '%s' does not exist", cloud.Or(a.AttachmentId, ""))
		}
		changed := *i.Attachment
		changed.DeleteOnTermination = cloud.Or(a.DeleteOnTermination, changed.DeleteOnTermination)
		i.Attachment, sets = &changed, sets+1
	}
	if in.EnablePrimaryIpv6 != nil {
		i.PrimaryIPv6, sets = *in.EnablePrimaryIpv6 && len(i.IPv6) > 0, sets+1
	}
	if in.ConnectionTrackingSpecification != nil {
		i.Tracking, sets = TrackingBy(in.ConnectionTrackingSpecification), sets+1
	}
	if in.AssociatePublicIpAddress != nil {
		i.PublicIP, sets = *in.AssociatePublicIpAddress, sets+1
		if err := i.lendManaged(c, tx); err != nil {
			return nil, err
		}
	}
	if in.EnaSrdSpecification != nil {
		return nil, resource.Unsupported("ENA Express is not supported by the instance type.")
	}
	switch sets {
	case 0:
		return nil, resource.Missing("an attribute to modify")
	case 1:
	default:
		return nil, resource.Combination("Fields for multiple attribute types specified")
	}
	interfaces.Put(tx, i)
	touch(c, tx, i.VPC)
	return &cloud.Empty{}, nil
}

func resetNetworkInterfaceAttribute(c *cloud.Call, tx store.Tx, in *api.ResetNetworkInterfaceAttributeInput) (*cloud.Empty, error) {
	old, err := FindInterface(c, tx, in.NetworkInterfaceId)
	if err != nil {
		return nil, err
	}
	if !old.managedBy(c) {
		return nil, errNotYours
	}
	i := old.clone()
	i.SourceCheck = true
	interfaces.Put(tx, i)
	touch(c, tx, i.VPC)
	return &cloud.Empty{}, nil
}

func describeNetworkInterfaceAttribute(c *cloud.Call, r store.Reader, in *api.DescribeNetworkInterfaceAttributeInput) (*api.DescribeNetworkInterfaceAttributeOutput, error) {
	i, err := FindInterface(c, r, in.NetworkInterfaceId)
	if err != nil {
		return nil, err
	}
	out := &api.DescribeNetworkInterfaceAttributeOutput{NetworkInterfaceId: &i.ID}
	switch a := cloud.Or(in.Attribute, ""); a {
	case "description":
		out.Description = &api.AttributeValue{Value: &i.Description}
	case "groupSet":
		out.Groups = GroupIdentifiers(c, r, i.Groups)
	case "sourceDestCheck":
		out.SourceDestCheck = &api.AttributeBooleanValue{Value: &i.SourceCheck}
	case "attachment":
		out.Attachment = i.apiAttachment()
	case "associatePublicIpAddress":
		out.AssociatePublicIpAddress = &i.PublicIP
	default:
		return nil, resource.Invalid(a, "attribute")
	}
	return out, nil
}

// Permit lets another account attach an interface to an instance of its own.
type Permit struct {
	Account, Region, ID string
	Interface           string
	To, Service         string
	Permission          string
}

var permits = &store.Table[Permit]{
	Name:    "ec2.permit",
	Key:     func(p *Permit) store.Key { return keyOf(p.Account, p.Region, p.ID) },
	Indexes: map[string]func(*Permit) store.Key{"interface": func(p *Permit) store.Key { return keyOf(p.Account, p.Region, p.Interface) }},
}

func noPermit(id string) *cloud.Error {
	return resource.Errorf("InvalidPermissionID.NotFound", "The network interface permission ID '%s' does not exist", id)
}

func createNetworkInterfacePermission(c *cloud.Call, tx store.Tx, in *api.CreateNetworkInterfacePermissionInput) (*api.CreateNetworkInterfacePermissionOutput, error) {
	i, err := FindInterface(c, tx, in.NetworkInterfaceId)
	if err != nil {
		return nil, err
	}
	if in.Permission != "INSTANCE-ATTACH" && in.Permission != "EIP-ASSOCIATE" {
		return nil, resource.Invalid(in.Permission, "permission")
	}
	if (in.AwsAccountId == nil) == (in.AwsService == nil) {
		return nil, resource.Combination("Exactly one of awsAccountId and awsService must be specified.")
	}
	p := &Permit{
		Account: c.Account, Region: c.Region, ID: resource.NewID(c, "eni-perm"), Interface: i.ID,
		To: cloud.Or(in.AwsAccountId, ""), Service: cloud.Or(in.AwsService, ""), Permission: in.Permission,
	}
	for o := range permits.Index(tx, "interface", c.Account, c.Region, i.ID) {
		if o.To == p.To && o.Service == p.Service && o.Permission == p.Permission {
			return nil, resource.Errorf("InvalidPermission.Duplicate", "The specified permission already exists for network interface '%s'.", i.ID)
		}
	}
	permits.Put(tx, p)
	return &api.CreateNetworkInterfacePermissionOutput{InterfacePermission: p.api()}, nil
}

func (p *Permit) api() *api.NetworkInterfacePermission {
	return &api.NetworkInterfacePermission{
		NetworkInterfacePermissionId: &p.ID, NetworkInterfaceId: &p.Interface, AwsAccountId: text(p.To), AwsService: text(p.Service),
		Permission: &p.Permission, PermissionState: &api.NetworkInterfacePermissionState{State: new("GRANTED")},
	}
}

func deleteNetworkInterfacePermission(c *cloud.Call, tx store.Tx, in *api.DeleteNetworkInterfacePermissionInput) (*api.DeleteNetworkInterfacePermissionOutput, error) {
	p, err := find(c, tx, permits, in.NetworkInterfacePermissionId, noPermit)
	if err != nil {
		return nil, err
	}
	permits.Delete(tx, c.Account, c.Region, p.ID)
	return &api.DeleteNetworkInterfacePermissionOutput{Return: yes()}, nil
}

func describeNetworkInterfacePermissions(c *cloud.Call, r store.Reader, in *api.DescribeNetworkInterfacePermissionsInput) (*api.DescribeNetworkInterfacePermissionsOutput, error) {
	list, next, err := resource.List(c, r, resource.Query{IDs: in.NetworkInterfacePermissionIds, Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, Most: 255, NotFound: noPermit},
		permits.Scan(r, c.Account, c.Region), func(p *Permit) string { return p.ID },
		resource.Fields[Permit]{
			"network-interface-permission.network-interface-permission-id": resource.One(func(p *Permit) string { return p.ID }),
			"network-interface-permission.network-interface-id":            resource.One(func(p *Permit) string { return p.Interface }),
			"network-interface-permission.aws-account-id":                  optional(func(p *Permit) string { return p.To }),
			"network-interface-permission.aws-service":                     optional(func(p *Permit) string { return p.Service }),
			"network-interface-permission.permission":                      resource.One(func(p *Permit) string { return p.Permission }),
		})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeNetworkInterfacePermissionsOutput{NextToken: next, NetworkInterfacePermissions: []api.NetworkInterfacePermission{}}
	for _, p := range list {
		out.NetworkInterfacePermissions = append(out.NetworkInterfacePermissions, *p.api())
	}
	return out, nil
}

// contains tells whether list has v as text.
func contains[T interface{ String() string }](list []T, v string) bool {
	return slices.Contains(strs(list), v)
}

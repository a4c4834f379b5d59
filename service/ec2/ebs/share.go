package ebs

import (
	"regexp"
	"slices"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/service/ec2/resource"
	"pileus/store"
)

var accountID = regexp.MustCompile(`^[0-9]{12}$`)

// modifySnapshotAttribute shares a snapshot, or no longer.
func modifySnapshotAttribute(c *cloud.Call, tx store.Tx, in *api.ModifySnapshotAttributeInput) (*cloud.Empty, error) {
	if a := cloud.Or(in.Attribute, api.SnapshotAttributeNameCreateVolumePermission); a != api.SnapshotAttributeNameCreateVolumePermission {
		return nil, resource.Invalid(a, "attribute")
	}
	add, remove, err := permissions(in)
	if err != nil {
		return nil, err
	}
	return &cloud.Empty{}, changeSnapshot(c, tx, in.SnapshotId, func(s *Snapshot) error {
		for _, p := range add {
			if err := s.grant(c, tx, p); err != nil {
				return err
			}
		}
		for _, p := range remove {
			if p.Group != nil {
				s.Public = false
			} else {
				s.Shared = slices.DeleteFunc(s.Shared, func(u string) bool { return u == *p.UserId })
			}
		}
		return nil
	})
}

// permissions are what a request adds and removes, in either of its two forms.
func permissions(in *api.ModifySnapshotAttributeInput) (add, remove []api.CreateVolumePermission, err error) {
	if m := in.CreateVolumePermission; m != nil {
		add, remove = m.Add, m.Remove
	}
	var flat []api.CreateVolumePermission
	for _, g := range in.GroupNames {
		flat = append(flat, api.CreateVolumePermission{Group: &g})
	}
	for _, u := range in.UserIds {
		flat = append(flat, api.CreateVolumePermission{UserId: &u})
	}
	switch op := cloud.Or(in.OperationType, ""); {
	case op == api.OperationTypeAdd:
		add = append(add, flat...)
	case op == api.OperationTypeRemove:
		remove = append(remove, flat...)
	case op != "" || len(flat) > 0:
		return nil, nil, resource.Invalid(op, "operationType")
	}
	if len(add)+len(remove) == 0 {
		return nil, nil, resource.Errorf("InvalidParameterCombination", "No attributes specified.")
	}
	for _, p := range slices.Concat(add, remove) {
		switch {
		case p.Group != nil && *p.Group != api.PermissionGroupAll:
			return nil, nil, resource.Errorf("InvalidAttributeValue", "Invalid attribute item value \"%s\" for group item type.", *p.Group)
		case p.UserId != nil && !accountID.MatchString(*p.UserId):
			return nil, nil, resource.Errorf("InvalidAttributeValue", "Invalid attribute item value \"%s\" for userId item type.", *p.UserId)
		case p.Group == nil && p.UserId == nil:
			return nil, nil, resource.Missing("UserId")
		}
	}
	return add, remove, nil
}

// grant lets an account, or all, restore the snapshot.
func (s *Snapshot) grant(c *cloud.Call, r store.Reader, p api.CreateVolumePermission) error {
	switch {
	case p.Group != nil && s.Encrypted:
		return resource.Errorf("OperationNotPermitted", "Encrypted snapshots cannot be shared publicly.")
	case p.Group != nil && settingOf(c, r).publicAccess() != unblocked:
		return resource.Errorf("OperationNotPermitted", "You can't publicly share snapshots because block public access for snapshots is enabled in this Region.")
	case p.Group != nil:
		s.Public = true
	case s.Encrypted && s.KMSKey == ownKey(c):
		return resource.Errorf("OperationNotPermitted", "Encrypted snapshots with EBS default key cannot be shared")
	case !slices.Contains(s.Shared, *p.UserId):
		s.Shared = append(s.Shared, *p.UserId)
	}
	return nil
}

func resetSnapshotAttribute(c *cloud.Call, tx store.Tx, in *api.ResetSnapshotAttributeInput) (*cloud.Empty, error) {
	if in.Attribute != api.SnapshotAttributeNameCreateVolumePermission {
		return nil, resource.Invalid(in.Attribute, "attribute")
	}
	return &cloud.Empty{}, changeSnapshot(c, tx, in.SnapshotId, func(s *Snapshot) error {
		s.Public, s.Shared = false, nil
		return nil
	})
}

func describeSnapshotAttribute(c *cloud.Call, r store.Reader, in *api.DescribeSnapshotAttributeInput) (*api.DescribeSnapshotAttributeOutput, error) {
	s, err := ownSnapshot(c, r, in.SnapshotId)
	if err != nil {
		return nil, err
	}
	out := &api.DescribeSnapshotAttributeOutput{SnapshotId: &s.ID}
	switch in.Attribute {
	case api.SnapshotAttributeNameCreateVolumePermission:
		out.CreateVolumePermissions = []api.CreateVolumePermission{}
		if s.public(r) {
			out.CreateVolumePermissions = append(out.CreateVolumePermissions, api.CreateVolumePermission{Group: new(api.PermissionGroupAll)})
		}
		for _, u := range s.Shared {
			out.CreateVolumePermissions = append(out.CreateVolumePermissions, api.CreateVolumePermission{UserId: &u})
		}
	case api.SnapshotAttributeNameProductCodes:
		out.ProductCodes = []api.ProductCode{}
	default:
		return nil, resource.Invalid(in.Attribute, "attribute")
	}
	return out, nil
}

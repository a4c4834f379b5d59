package organizations

import (
	"strings"

	api "pileus/api/organizations"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

const (
	unitDepth = 5
	unitQuota = 2000
)

func unitView(r store.Reader, org *identity.Organization, u *identity.Unit) *api.OrganizationalUnit {
	return &api.OrganizationalUnit{Id: &u.ID, Arn: &u.ARN, Name: &u.Name, Path: new(pathOf(r, org, u.ID))}
}

func findUnit(c *cloud.Call, r store.Reader, id string) (*identity.Organization, *identity.Unit, error) {
	org, err := own(c, r)
	if err != nil {
		return nil, nil, err
	}
	u, ok := identity.Units.Get(r, org.ID, id)
	if !ok {
		return nil, nil, errNoUnit()
	}
	return org, u, nil
}

// checkUnitName sees that no other unit under the parent has the name.
func checkUnitName(r store.Reader, org, parent, id, name string) error {
	for u := range identity.Units.Index(r, "parent", org, parent) {
		if u.ID != id && u.Name == name {
			return api.ErrDuplicateOrganizationalUnit.New("An OU with the same name already exists.")
		}
	}
	return nil
}

func createOrganizationalUnit(c *cloud.Call, tx store.Tx, in *api.CreateOrganizationalUnitInput) (*api.CreateOrganizationalUnitOutput, error) {
	org, err := own(c, tx)
	if err != nil {
		return nil, err
	}
	parent, err := findParent(c, tx, org, in.ParentId)
	if err != nil {
		return nil, err
	}
	if parent.depth >= unitDepth {
		return nil, errConstraint(api.ConstraintViolationExceptionReasonOuDepthLimitExceeded, "You have exceeded the maximum depth of the organizational unit tree: %d levels.", unitDepth)
	}
	if err := checkUnitName(tx, org.ID, parent.id, "", in.Name); err != nil {
		return nil, err
	}
	n := 0
	for range identity.Units.Scan(tx, org.ID) {
		n++
	}
	if n >= unitQuota {
		return nil, errConstraint(api.ConstraintViolationExceptionReasonOuNumberLimitExceeded, "You have exceeded the number of organizational units that you can have in an organization.")
	}
	tags, err := addTags(nil, in.Tags)
	if err != nil {
		return nil, err
	}
	id := newID(c.Rand(), "ou-"+strings.TrimPrefix(org.RootID, "r-")+"-", 8)
	u := &identity.Unit{Organization: org.ID, ID: id, Parent: parent.id, Name: in.Name, ARN: arnIn(c, org.Management, "ou/"+org.ID+"/"+id), Tags: tags}
	identity.Units.Put(tx, u)
	attachDefaults(tx, org, id)
	identity.Touch(tx, identity.OrganizationScope)
	return &api.CreateOrganizationalUnitOutput{OrganizationalUnit: unitView(tx, org, u)}, nil
}

func describeOrganizationalUnit(c *cloud.Call, r store.Reader, in *api.DescribeOrganizationalUnitInput) (*api.DescribeOrganizationalUnitOutput, error) {
	org, u, err := findUnit(c, r, in.OrganizationalUnitId)
	if err != nil {
		return nil, err
	}
	return &api.DescribeOrganizationalUnitOutput{OrganizationalUnit: unitView(r, org, u)}, nil
}

func updateOrganizationalUnit(c *cloud.Call, tx store.Tx, in *api.UpdateOrganizationalUnitInput) (*api.UpdateOrganizationalUnitOutput, error) {
	org, u, err := findUnit(c, tx, in.OrganizationalUnitId)
	if err != nil {
		return nil, err
	}
	if in.Name != nil {
		if err := checkUnitName(tx, org.ID, u.Parent, u.ID, *in.Name); err != nil {
			return nil, err
		}
		u.Name = *in.Name
		identity.Units.Put(tx, u)
	}
	return &api.UpdateOrganizationalUnitOutput{OrganizationalUnit: unitView(tx, org, u)}, nil
}

func deleteOrganizationalUnit(c *cloud.Call, tx store.Tx, in *api.DeleteOrganizationalUnitInput) (*cloud.Empty, error) {
	org, u, err := findUnit(c, tx, in.OrganizationalUnitId)
	if err != nil {
		return nil, err
	}
	notEmpty := api.ErrOrganizationalUnitNotEmpty.New("The specified OU is not empty. Move all accounts to another root or to other OUs, remove all child OUs, and try the operation again.")
	for range identity.Members.Index(tx, "parent", org.ID, u.ID) {
		return nil, notEmpty
	}
	for range identity.Units.Index(tx, "parent", org.ID, u.ID) {
		return nil, notEmpty
	}
	identity.OrgAttachments.DeleteAll(tx, org.ID, u.ID)
	identity.Units.Delete(tx, org.ID, u.ID)
	identity.Touch(tx, identity.OrganizationScope)
	return new(cloud.Empty), nil
}

func listOrganizationalUnitsForParent(c *cloud.Call, r store.Reader, in *api.ListOrganizationalUnitsForParentInput) (*api.ListOrganizationalUnitsForParentOutput, error) {
	org, err := own(c, r)
	if err != nil {
		return nil, err
	}
	if _, err := findParent(c, r, org, in.ParentId); err != nil {
		return nil, err
	}
	list, next, err := pageIndex(identity.Units, r, "parent", store.K(org.ID, in.ParentId), in.NextToken, in.MaxResults, nil)
	return &api.ListOrganizationalUnitsForParentOutput{
		OrganizationalUnits: views(list, func(u *identity.Unit) api.OrganizationalUnit { return *unitView(r, org, u) }), NextToken: next,
	}, err
}

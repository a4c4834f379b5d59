package instance

import (
	"strings"

	api "pileus/api/ec2"
	"pileus/cloud"
	"pileus/identity"
	"pileus/service/ec2/resource"
	"pileus/store"
)

// findProfile is the instance profile that a request names.
func findProfile(c *cloud.Call, r store.Reader, spec api.IamInstanceProfileSpecification) (*identity.InstanceProfile, error) {
	name, arn := cloud.Or(spec.Name, ""), cloud.Or(spec.Arn, "")
	switch {
	case name != "" && arn != "":
		return nil, resource.Combination("The parameter 'iamInstanceProfile.name' may not be used in combination with 'iamInstanceProfile.arn'")
	case name == "" && arn == "":
		return nil, resource.Missing("IamInstanceProfile")
	case arn != "":
		a, ok := cloud.ParseARN(arn)
		name = a.Resource[strings.LastIndexByte(a.Resource, '/')+1:]
		p, found := identity.FindInstanceProfile(r, c.Account, name)
		if !ok || !found || p.ARN != arn {
			return nil, errProfile("arn", arn)
		}
		return p, nil
	}
	p, ok := identity.FindInstanceProfile(r, c.Account, name)
	if !ok {
		return nil, errProfile("name", name)
	}
	return p, nil
}

func newProfile(c *cloud.Call, p *identity.InstanceProfile) *Profile {
	return &Profile{ARN: p.ARN, ID: p.ID, Name: p.Name, At: c.Now}
}

// passes is the check that whoever gives an instance a profile may pass its
// role to EC2.
func passes(c *cloud.Call, r store.Reader, spec *api.IamInstanceProfileSpecification) []cloud.Check {
	if spec == nil {
		return nil
	}
	p, err := findProfile(c, r, *spec)
	if err != nil || p.Role == "" {
		return nil // the handler answers, or there is nothing to pass
	}
	role, ok := identity.FindRole(r, p.Account, p.Role)
	if !ok {
		return nil
	}
	return []cloud.Check{identity.PassRole(r, role.ARN, "ec2.amazonaws.com")}
}

// association is an instance's profile as the API shows it.
func association(i *Instance, p *Profile, state string) *api.IamInstanceProfileAssociation {
	return &api.IamInstanceProfileAssociation{
		AssociationId: &p.Association, InstanceId: new(i.ID), State: &state, IamInstanceProfile: &api.IamInstanceProfile{Arn: &p.ARN, Id: &p.ID},
	}
}

func associateIamInstanceProfile(c *cloud.Call, tx store.Tx, in *api.AssociateIamInstanceProfileInput) (*api.AssociateIamInstanceProfileOutput, error) {
	out := &api.AssociateIamInstanceProfileOutput{}
	err := change(c, tx, in.InstanceId, func(i *Instance) error {
		if i.State.gone() {
			return errState(i.ID, "associated with an instance profile")
		}
		if i.Profile != nil {
			return resource.Errorf("IncorrectState", "There is an existing association for instance %s", i.ID)
		}
		p, err := findProfile(c, tx, in.IamInstanceProfile)
		if err != nil {
			return err
		}
		i.Profile = newProfile(c, p)
		i.Profile.Association = resource.NewID(c, "iip-assoc")
		out.IamInstanceProfileAssociation = association(i, i.Profile, "associating")
		return nil
	})
	return out, err
}

// associated is the instance of an association.
func associated(c *cloud.Call, r store.Reader, id string) (*Instance, error) {
	for i := range instances.Scan(r, c.Account, c.Region) {
		if i.Profile != nil && i.Profile.Association == id {
			return i, nil
		}
	}
	return nil, resource.Errorf("NoSuchAssociation", "The association ID '%s' does not exist", id)
}

func disassociateIamInstanceProfile(c *cloud.Call, tx store.Tx, in *api.DisassociateIamInstanceProfileInput) (*api.DisassociateIamInstanceProfileOutput, error) {
	i, err := associated(c, tx, in.AssociationId)
	if err != nil {
		return nil, err
	}
	d := i.clone()
	d.Profile = nil
	instances.Put(tx, d)
	return &api.DisassociateIamInstanceProfileOutput{IamInstanceProfileAssociation: association(i, i.Profile, "disassociating")}, nil
}

func replaceIamInstanceProfileAssociation(c *cloud.Call, tx store.Tx, in *api.ReplaceIamInstanceProfileAssociationInput) (*api.ReplaceIamInstanceProfileAssociationOutput, error) {
	i, err := associated(c, tx, in.AssociationId)
	if err != nil {
		return nil, err
	}
	p, err := findProfile(c, tx, in.IamInstanceProfile)
	if err != nil {
		return nil, err
	}
	d := i.clone()
	d.Profile = newProfile(c, p)
	d.Profile.Association = resource.NewID(c, "iip-assoc")
	instances.Put(tx, d)
	return &api.ReplaceIamInstanceProfileAssociationOutput{IamInstanceProfileAssociation: association(d, d.Profile, "associating")}, nil
}

func describeIamInstanceProfileAssociations(c *cloud.Call, r store.Reader, in *api.DescribeIamInstanceProfileAssociationsInput) (*api.DescribeIamInstanceProfileAssociationsOutput, error) {
	all := func(yield func(*Instance) bool) {
		for i := range instances.Scan(r, c.Account, c.Region) {
			if i.Profile != nil && !yield(i) {
				return
			}
		}
	}
	q := resource.Query{IDs: in.AssociationIds, Filters: in.Filters, Max: in.MaxResults, Token: in.NextToken, NotFound: func(id string) *cloud.Error {
		return resource.Errorf("NoSuchAssociation", "The association ID '%s' does not exist", id)
	}}
	page, next, err := resource.List(c, r, q, all, func(i *Instance) string { return i.Profile.Association }, resource.Fields[Instance]{
		"instance-id": resource.One(func(i *Instance) string { return i.ID }),
		"state":       resource.One(func(*Instance) string { return "associated" }),
	})
	if err != nil {
		return nil, err
	}
	out := &api.DescribeIamInstanceProfileAssociationsOutput{NextToken: next, IamInstanceProfileAssociations: []api.IamInstanceProfileAssociation{}}
	for _, i := range page {
		out.IamInstanceProfileAssociations = append(out.IamInstanceProfileAssociations, *association(i, i.Profile, "associated"))
	}
	return out, nil
}

package organizations

import (
	"strings"

	api "pileus/api/organizations"
	"pileus/cloud"
	"pileus/identity"
	"pileus/store"
)

// node is a place in the organization's tree: its root, a unit, an account.
type node struct {
	id, kind, arn, name string
	parent              string // "" above the root
	depth               int    // units above it; 0 for the root
}

// find is the node with the id.
func find(c *cloud.Call, r store.Reader, org *identity.Organization, id string) (*node, bool) {
	switch {
	case id == org.RootID:
		return &node{id: id, kind: api.TargetTypeRoot, arn: rootARN(c, org), name: "Root"}, true
	case identity.IsAccountID(id):
		m, ok := identity.Members.Get(r, id)
		if !ok || m.Organization != org.ID {
			return nil, false
		}
		return &node{id: id, kind: api.TargetTypeAccount, arn: accountARN(c, org, id), name: m.Name, parent: m.Parent}, true
	}
	u, ok := identity.Units.Get(r, org.ID, id)
	if !ok {
		return nil, false
	}
	n := &node{id: id, kind: api.TargetTypeOrganizationalUnit, arn: u.ARN, name: u.Name, parent: u.Parent, depth: 1}
	for at := u.Parent; at != org.RootID; n.depth++ {
		above, ok := identity.Units.Get(r, org.ID, at)
		if !ok {
			break
		}
		at = above.Parent
	}
	return n, true
}

// findParent is a root or unit.
func findParent(c *cloud.Call, r store.Reader, org *identity.Organization, id string) (*node, error) {
	n, ok := find(c, r, org, id)
	if !ok || n.kind == api.TargetTypeAccount {
		return nil, errNoParent()
	}
	return n, nil
}

// pathOf is the way from the organization down to a node, ids separated and
// ended by slashes.
func pathOf(r store.Reader, org *identity.Organization, id string) string {
	path := id + "/"
	at := ""
	if m, ok := identity.Members.Get(r, id); ok {
		at = m.Parent
	} else if u, ok := identity.Units.Get(r, org.ID, id); ok {
		at = u.Parent
	}
	for at != "" {
		path = at + "/" + path
		u, ok := identity.Units.Get(r, org.ID, at)
		if !ok {
			break
		}
		at = u.Parent
	}
	return org.ID + "/" + path
}

// targets are the ids of all nodes, the root first.
func targets(r store.Reader, org *identity.Organization) []string {
	ids := []string{org.RootID}
	for u := range identity.Units.Scan(r, org.ID) {
		ids = append(ids, u.ID)
	}
	for m := range identity.Members.Index(r, "parent", org.ID) {
		ids = append(ids, m.Account)
	}
	return ids
}

func rootView(c *cloud.Call, org *identity.Organization) *api.Root {
	v := &api.Root{Id: &org.RootID, Arn: new(rootARN(c, org)), Name: new("Root"), PolicyTypes: []api.PolicyTypeSummary{}}
	for _, t := range org.Enabled {
		v.PolicyTypes = append(v.PolicyTypes, api.PolicyTypeSummary{Type: &t, Status: new(api.PolicyTypeStatusEnabled)})
	}
	return v
}

func listRoots(c *cloud.Call, r store.Reader, in *api.ListRootsInput) (*api.ListRootsOutput, error) {
	org, err := own(c, r)
	if err != nil {
		return nil, err
	}
	roots, next, err := cut([]api.Root{*rootView(c, org)}, in.NextToken, in.MaxResults)
	return &api.ListRootsOutput{Roots: roots, NextToken: next}, err
}

func listParents(c *cloud.Call, r store.Reader, in *api.ListParentsInput) (*api.ListParentsOutput, error) {
	org, err := own(c, r)
	if err != nil {
		return nil, err
	}
	n, ok := find(c, r, org, in.ChildId)
	if !ok || n.kind == api.TargetTypeRoot {
		return nil, api.ErrChildNotFound.New("You specified a child that doesn't exist.")
	}
	kind := api.ParentTypeOrganizationalUnit
	if strings.HasPrefix(n.parent, "r-") {
		kind = api.ParentTypeRoot
	}
	return &api.ListParentsOutput{Parents: []api.Parent{{Id: &n.parent, Type: &kind}}}, nil
}

func listChildren(c *cloud.Call, r store.Reader, in *api.ListChildrenInput) (*api.ListChildrenOutput, error) {
	org, err := own(c, r)
	if err != nil {
		return nil, err
	}
	if _, err := findParent(c, r, org, in.ParentId); err != nil {
		return nil, err
	}
	out := new(api.ListChildrenOutput)
	under := store.K(org.ID, in.ParentId)
	if in.ChildType == api.ChildTypeAccount {
		var list []*identity.Member
		list, out.NextToken, err = pageIndex(identity.Members, r, "parent", under, in.NextToken, in.MaxResults, nil)
		out.Children = views(list, func(m *identity.Member) api.Child { return api.Child{Id: &m.Account, Type: &in.ChildType} })
		return out, err
	}
	var list []*identity.Unit
	list, out.NextToken, err = pageIndex(identity.Units, r, "parent", under, in.NextToken, in.MaxResults, nil)
	out.Children = views(list, func(u *identity.Unit) api.Child { return api.Child{Id: &u.ID, Type: &in.ChildType} })
	return out, err
}

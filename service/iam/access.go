package iam

import (
	"reflect"
	"strings"

	api "pileus/api/iam"
	"pileus/cloud"
	"pileus/identity"
	"pileus/policy"
	"pileus/store"
)

// target names what an operation acts on, from the value of one member of its
// input. Things that do not exist still have a name: AWS refuses before it
// says that something is not there.
type target struct {
	member string
	find   func(c *cloud.Call, r store.Reader, value string) cloud.Resource
}

// on declares an operation that needs the action of its own name on a target.
// The condition keys follow from the members that its input has.
func on[In, Out any](o *cloud.Op[In, Out], t target) cloud.Access {
	action := "iam:" + o.Name
	read := reader(reflect.TypeFor[In](), t.member)
	keys := keyReaders(o.Name, reflect.TypeFor[In]())
	bounded := changesGrants(o.Name)
	return o.Decides([]string{action}, func(c *cloud.Call, r store.Reader, in In) ([]cloud.Check, error) {
		v := reflect.ValueOf(in)
		k := cloud.Keys{}
		res := cloud.Resource{ARN: "*"}
		if t.find != nil {
			res = t.find(c, r, read(v))
		}
		for tag, value := range res.Tags {
			k["iam:resourcetag/"+strings.ToLower(tag)] = []string{value}
		}
		if bounded {
			boundaryKey(r, c.Account, res.ARN, k)
		}
		for _, f := range keys {
			f(v, k)
		}
		return []cloud.Check{{Action: action, Resource: res, Keys: k}}, nil
	})
}

// changesGrants tells of the actions that carry iam:PermissionsBoundary: the
// boundary of the user or role whose policies they change.
func changesGrants(action string) bool {
	for _, verb := range []string{"Attach", "Detach", "Put", "Delete"} {
		for _, kind := range []string{"User", "Role"} {
			if strings.HasPrefix(action, verb+kind+"P") {
				return true
			}
		}
	}
	return false
}

// reader reads a member of the input, a string or a pointer to one; absent
// members and those that the caller left out are empty.
func reader(in reflect.Type, member string) func(reflect.Value) string {
	if member == "" {
		return func(reflect.Value) string { return "" }
	}
	f, ok := in.Elem().FieldByName(member)
	if !ok {
		panic("iam: " + in.String() + " has no member " + member)
	}
	if f.Type.Kind() == reflect.Pointer {
		return func(v reflect.Value) string {
			if p := v.Elem().FieldByIndex(f.Index); !p.IsNil() {
				return p.Elem().String()
			}
			return ""
		}
	}
	return func(v reflect.Value) string { return v.Elem().FieldByIndex(f.Index).String() }
}

// keyMembers are the members whose value is a condition key of IAM.
var keyMembers = map[string]string{
	"PolicyArn":             "iam:policyarn",
	"PermissionsBoundary":   "iam:permissionsboundary",
	"AWSServiceName":        "iam:awsservicename",
	"OrganizationsPolicyId": "iam:organizationspolicyid",
}

// keyReaders are the functions that read the condition keys of an operation's
// input. iam:PolicyARN belongs to attaching and detaching alone.
func keyReaders(op string, in reflect.Type) []func(reflect.Value, cloud.Keys) {
	var list []func(reflect.Value, cloud.Keys)
	for i := range in.Elem().NumField() {
		f := in.Elem().Field(i)
		switch key := keyMembers[f.Name]; {
		case f.Name == "PolicyArn" && !strings.Contains(op, "tach"):
		case key != "":
			read := reader(in, f.Name)
			list = append(list, func(v reflect.Value, k cloud.Keys) {
				if s := read(v); s != "" {
					k[key] = []string{s}
				}
			})
		case f.Type == reflect.TypeFor[[]api.Tag]():
			list = append(list, func(v reflect.Value, k cloud.Keys) {
				requestTags(v.Elem().FieldByIndex(f.Index).Interface().([]api.Tag), k)
			})
		case f.Name == "TagKeys":
			list = append(list, func(v reflect.Value, k cloud.Keys) {
				if names := v.Elem().FieldByIndex(f.Index).Interface().([]string); len(names) > 0 {
					k["aws:tagkeys"] = names
				}
			})
		}
	}
	return list
}

func requestTags(tags []api.Tag, k cloud.Keys) {
	for _, t := range tags {
		k["aws:requesttag/"+strings.ToLower(t.Key)] = []string{t.Value}
		k["aws:tagkeys"] = append(k["aws:tagkeys"], t.Key)
	}
}

// boundaryKey is the boundary that the user or role has, unless the request
// brings one.
func boundaryKey(r store.Reader, account, arn string, k cloud.Keys) {
	name := arn[strings.LastIndexByte(arn, '/')+1:]
	var g *identity.Grants
	if u, ok := identity.PeekUser(r, account, name); ok && u.ARN == arn {
		g = &u.Grants
	} else if role, ok := identity.PeekRole(r, account, name); ok && role.ARN == arn {
		g = &role.Grants
	}
	if g != nil && g.Boundary != "" {
		k["iam:permissionsboundary"] = []string{g.Boundary}
	}
}

// everything is the target of actions without resource-level permissions.
var everything = target{}

// listOf is the target of listing a kind of thing: everything under the path
// that the request asks for.
func listOf(kind string) target {
	return target{"PathPrefix", func(c *cloud.Call, _ store.Reader, prefix string) cloud.Resource {
		if prefix == "" {
			prefix = "/"
		}
		return cloud.Resource{ARN: arnOf(c, kind, prefix, "")}
	}}
}

func userNamed(member string) target {
	return target{member, func(c *cloud.Call, r store.Reader, name string) cloud.Resource {
		if name == "" {
			switch c.Principal.Kind {
			case cloud.User:
				name = c.Principal.Name
			case cloud.Root:
				return cloud.Resource{ARN: c.Principal.ARN}
			default:
				return cloud.Resource{ARN: "*"}
			}
		}
		if u, ok := identity.PeekUser(r, c.Account, name); ok {
			return cloud.Resource{ARN: u.ARN, Tags: u.Tags.Map()}
		}
		return cloud.Resource{ARN: arnOf(c, "user", "/", name)}
	}}
}

func groupNamed(member string) target {
	return target{member, func(c *cloud.Call, r store.Reader, name string) cloud.Resource {
		if g, ok := identity.PeekGroup(r, c.Account, name); ok {
			return cloud.Resource{ARN: g.ARN}
		}
		return cloud.Resource{ARN: arnOf(c, "group", "/", name)}
	}}
}

func roleNamed(member string) target {
	return target{member, func(c *cloud.Call, r store.Reader, name string) cloud.Resource {
		if role, ok := identity.PeekRole(r, c.Account, name); ok {
			return cloud.Resource{ARN: role.ARN, Tags: role.Tags.Map()}
		}
		return cloud.Resource{ARN: arnOf(c, "role", "/", name)}
	}}
}

func profileNamed(member string) target {
	return target{member, func(c *cloud.Call, r store.Reader, name string) cloud.Resource {
		if p, ok := identity.InstanceProfiles.Peek(r, c.Account, identity.Fold(name)); ok {
			return cloud.Resource{ARN: p.ARN, Tags: p.Tags.Map()}
		}
		return cloud.Resource{ARN: arnOf(c, "instance-profile", "/", name)}
	}}
}

func certificateNamed(member string) target {
	return target{member, func(c *cloud.Call, r store.Reader, name string) cloud.Resource {
		if x, ok := identity.ServerCertificates.Peek(r, c.Account, identity.Fold(name)); ok {
			return cloud.Resource{ARN: x.ARN, Tags: x.Tags.Map()}
		}
		return cloud.Resource{ARN: arnOf(c, "server-certificate", "/", name)}
	}}
}

// created is a new thing of a kind, at the path that the input gives.
func created[In, Out any](o *cloud.Op[In, Out], kind, member string) cloud.Access {
	in := reflect.TypeFor[In]()
	name := reader(in, member)
	path := func(reflect.Value) string { return "" }
	if _, ok := in.Elem().FieldByName("Path"); ok {
		path = reader(in, "Path")
	}
	keys := keyReaders(o.Name, in)
	action := "iam:" + o.Name
	return o.Decides([]string{action}, func(c *cloud.Call, r store.Reader, in In) ([]cloud.Check, error) {
		v := reflect.ValueOf(in)
		at := path(v)
		if at == "" {
			at = "/"
		}
		k := cloud.Keys{}
		for _, f := range keys {
			f(v, k)
		}
		return []cloud.Check{{Action: action, Resource: cloud.Resource{ARN: arnOf(c, kind, at, name(v))}, Keys: k}}, nil
	})
}

func policyWith(member string) target {
	return target{member, func(c *cloud.Call, r store.Reader, arn string) cloud.Resource {
		res := cloud.Resource{ARN: arn, Account: c.Account}
		if m, ok := identity.Policies.Peek(r, c.Account, arn); ok {
			res.Tags = m.Tags.Map()
		}
		return res
	}}
}

// ownersMay is what the owner of a delegation request may do by default.
const ownersMay = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"OWNER"},"Action":["iam:GetDelegationRequest","iam:UpdateDelegationRequest","iam:GetHumanReadableSummary"],"Resource":"*"}]}`

// delegationWith is a delegation request by its id or ARN.
func delegationWith(member string) target {
	return target{member, func(c *cloud.Call, r store.Reader, id string) cloud.Resource {
		if a, ok := cloud.ParseARN(id); ok {
			id = strings.TrimPrefix(a.Resource, delegationOf+"/")
		}
		res := cloud.Resource{ARN: arnOf(c, delegationOf, "/", id)}
		d, ok := identity.Delegations.Peek(r, id)
		if !ok || d.OwnerARN == "" || d.OwnerARN != c.Principal.ARN {
			return res
		}
		if doc, err := policy.Cached(strings.Replace(ownersMay, "OWNER", d.OwnerARN, 1), policy.ResourceBased); err == nil {
			res.Policies = []policy.Attached{{ID: "ownership of the delegation request", Doc: doc}}
		}
		return res
	}}
}

func deviceWith(member string) target {
	return target{member, func(c *cloud.Call, r store.Reader, serial string) cloud.Resource {
		if d, ok := identity.MFADevices.Peek(r, c.Account, serial); ok {
			return cloud.Resource{ARN: d.Serial, Tags: d.Tags.Map()}
		}
		return cloud.Resource{ARN: serial}
	}}
}

func providerWith(member string) target {
	return target{member, func(c *cloud.Call, r store.Reader, arn string) cloud.Resource {
		res := cloud.Resource{ARN: arn}
		if p, err := findOIDC(c, r, arn); err == nil {
			res.Tags = p.Tags.Map()
		} else if p, err := findSAML(c, r, arn); err == nil {
			res.Tags = p.Tags.Map()
		}
		return res
	}}
}
